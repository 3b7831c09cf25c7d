"""Fixtures that many tests share: a real server for the session, a fresh migrated database for each test."""

from __future__ import annotations

import io
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
import structlog
from psycopg import sql

import migrations
from ledger import telemetry
from ledger.application import Ledger
from ledger.ids import Uuid7Source
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from ledger.store.vault import MasterKey, Vault
from support.parts import need
from support.servers import FAST, running_server

MASTER_KEY = bytes(range(32))
_TEMPLATE = "sojourn_template"
_numbers = itertools.count(1)


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


@pytest.fixture
def new_database(server: EmbeddedServer) -> Iterator[Callable[[], Database]]:
    """Makes fresh, migrated databases on the session's server; drops them."""
    yield from _databases(server)


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """A fresh, migrated database of the embedded server."""
    return new_database()


@pytest.fixture(params=["embedded", "debian-15"])
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh, migrated database: once on the embedded server, once on PostgreSQL 15."""
    name = "server" if request.param == "embedded" else "server15"
    for make in _databases(request.getfixturevalue(name)):
        yield make()


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
        opened.append(made)
        return made

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger]) -> Ledger:
    """A ledger on a fresh database."""
    return new_ledger(database)


def _databases(server: EmbeddedServer) -> Iterator[Callable[[], Database]]:
    made: list[str] = []

    def make() -> Database:
        _ensure_template(server)
        name = f"sojourn_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(sql.Identifier(name), sql.Identifier(_TEMPLATE))
            )
        made.append(name)
        with psycopg.connect(server.conninfo(name), autocommit=True) as admin:
            # A copy of a database has its tables and their grants, and not the grants on the database itself.
            admin.execute(migrations.sql("roles"))
        return Database(server.conninfo(name), log_in=True)

    yield make
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        for name in made:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _ensure_template(server: EmbeddedServer) -> None:
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        if admin.execute("select 1 from pg_database where datname = %s", (_TEMPLATE,)).fetchone():
            return
    server.ensure_database(_TEMPLATE)
    migrations.upgrade(Database(server.conninfo(_TEMPLATE), log_in=True))
