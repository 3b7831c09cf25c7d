"""A server whose commits reach the disk, and the table of what was killed where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from ledger.store import faults
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.servers import running_server
from support.tampering import Signed, copy_of, signed_store

Hits = Counter[tuple[str, str]]
"""(point, what was killed) to how often."""

_HITS = pytest.StashKey[Hits]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_HITS] = Counter()


@pytest.fixture(scope="session")
def hits(pytestconfig: pytest.Config) -> Hits:
    """What was killed at which point, printed when all is done."""
    return pytestconfig.stash[_HITS]


@pytest.fixture(scope="session")
def durable_server() -> Iterator[EmbeddedServer]:
    """PostgreSQL with the product's own settings: what it has acknowledged outlives it."""
    with running_server({}) as running:
        yield running


@pytest.fixture
def durable(durable_server: EmbeddedServer) -> Iterator[dict[str, str]]:
    """Settings that name a fresh database on the durable server."""
    with migrated_database(durable_server) as settings:
        yield settings


@pytest.fixture(scope="module")
def signed(server: EmbeddedServer) -> Iterator[Signed]:
    """A store that was signed, and what was handed out of it."""
    with signed_store(server) as there:
        yield there


@pytest.fixture
def store(server: EmbeddedServer, signed: Signed) -> Iterator[Database]:
    """It, once more, for one forger."""
    with copy_of(server, signed) as database:
        yield database


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counted = config.stash[_HITS]
    if not counted:
        return
    victims = sorted({victim for _, victim in counted})
    terminalreporter.section("crash points: what was killed, and how often")
    terminalreporter.write_line(f"{'point':28}" + "".join(f"{victim:>22}" for victim in victims))
    for point in faults.POINTS:
        terminalreporter.write_line(f"{point:28}" + "".join(f"{counted[point, victim]:>22}" for victim in victims))
