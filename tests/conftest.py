"""Fixtures that many tests share: a real server for the session, a fresh migrated database for each test."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import structlog

from ledger import telemetry
from ledger.application import Ledger
from ledger.ids import Uuid7Source
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from ledger.store.vault import MasterKey, Vault
from projections.retained import ReadLists
from support.databases import Template, bare, copied
from support.parts import need
from support.servers import FAST, running_server

MASTER_KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sets up logs for itself; the next test has them as they were."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


@pytest.fixture
def lines() -> io.StringIO:
    """What is logged from here on, as the service writes it."""
    stream = io.StringIO()
    telemetry.configure_logs(to=stream)
    return stream


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """PostgreSQL as the product ships it, for the whole session."""
    with running_server({**FAST, "max_connections": "300"}) as running:
        yield running


@pytest.fixture(scope="session")
def server15() -> Iterator[EmbeddedServer]:
    """The oldest PostgreSQL that we take, from Debian."""
    binaries = need("pg15")
    with running_server(FAST, binaries=binaries) as running:
        yield running


@pytest.fixture(scope="session")
def template() -> Template:
    """What a fresh database is a copy of: a folder of tests that needs the read models' tables says so."""
    return bare


@pytest.fixture
def new_database(server: EmbeddedServer, template: Template) -> Iterator[Callable[[], Database]]:
    """Makes fresh, migrated databases on the session's server; drops them."""
    with contextlib.ExitStack() as stack:
        yield lambda: _database(stack, server, template)


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """A fresh, migrated database of the embedded server."""
    return new_database()


@pytest.fixture(params=["embedded", "debian-15"])
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh, migrated database: once on the embedded server, once on PostgreSQL 15."""
    name = "server" if request.param == "embedded" else "server15"
    with contextlib.ExitStack() as stack:
        yield _database(stack, request.getfixturevalue(name), bare)


@pytest.fixture
def vault() -> Vault:
    """An empty vault under a fixed master key."""
    return Vault([MasterKey.of(MASTER_KEY)])


@pytest.fixture
def new_ledger() -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers on databases; closes them."""
    opened: list[Ledger] = []

    def make(database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Ledger:
        made = Ledger(database, Vault([MasterKey.of(MASTER_KEY)]), Uuid7Source(time.time_ns, os.urandom), clock=clock)
        made.disposals.look_in(ReadLists(database, made.logs))
        opened.append(made)
        return made

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger]) -> Ledger:
    """A ledger on a fresh database."""
    return new_ledger(database)


def _database(stack: contextlib.ExitStack, server: EmbeddedServer, template: Template) -> Database:
    return Database(server.conninfo(stack.enter_context(copied(server, template))), log_in=True)
