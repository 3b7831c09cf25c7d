"""The services of an app over a real ledger, with a clock that a test sets and read models that follow: fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg_pool import AsyncConnectionPool

from api.announcements import Announcements
from api.services import Services
from api.standings import Standings
from ledger.application import Ledger
from ledger.intake.uploads import Spools
from ledger.store.credentials import Credentials
from ledger.store.database import Database, Role
from ledger.store.sessions import Sessions
from ledger.store.tokens import Tokens
from projections import PROJECTIONS
from projections.projectors import Projectors
from support.databases import Template, with_read_models

NOW = datetime(2025, 9, 2, 18, 0, tzinfo=UTC)
"""Noon in Oregon: late enough for every date of the examples."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="session")
def template() -> Template:
    """Databases have the tables of the read models from the first."""
    return with_read_models


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _pool(database: Database, role: Role) -> AsyncConnectionPool:
    return AsyncConnectionPool(
        database.conninfo(role), min_size=1, max_size=4, open=False, timeout=5, kwargs={"autocommit": True}
    )


def services_over(database: Database, ledger: Ledger, clock: Clock, folder: Path) -> Services:
    """folder: for what is uploaded."""
    reads, feed, writer = (_pool(database, role) for role in (Role.READER, Role.PROJECTOR, Role.WRITER))
    return Services(
        ledger=ledger,
        reads=reads,
        feed=feed,
        tokens=Tokens(writer, ttl_s=0),
        pools=[reads, feed, writer],
        announcements=Announcements(database.conninfo(Role.PROJECTOR)),
        body_key=b"k" * 32,
        organisation="Sojourn",
        sessions=Sessions(writer, clock=clock, ttl_s=0),
        standings=Standings(writer, ttl_s=0),
        credentials=Credentials(ledger.log.connection, ledger.vault, clock=clock, memory_kib=64, iterations=1),
        csrf_key=b"c" * 32,
        spools=Spools(folder / "uploads"),
        clock=clock,
    )


@contextmanager
def following(database: Database, ledger: Ledger) -> Iterator[Projectors]:
    """The read models follow their logs while the block runs."""
    running = Projectors(PROJECTIONS, database, {"ledger": ledger.log, "access": ledger.access})
    running.start()
    yield running
    running.stop()
    assert not running.failures()


@pytest.fixture
def services(database: Database, ledger: Ledger, clock: Clock, tmp_path: Path) -> Services:
    return services_over(database, ledger, clock, tmp_path)


@pytest.fixture
def projectors(database: Database, ledger: Ledger) -> Iterator[Projectors]:
    """The read models follow their logs while the test runs."""
    with following(database, ledger) as running:
        yield running
