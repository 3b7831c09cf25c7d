"""The command line over a fresh, migrated database of the session's server, named by URL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from support.command_line import CommandLine

MASTER_KEY = bytes(range(32)).hex()


_numbers = itertools.count(1)


@pytest.fixture
def new_empty_database(server: EmbeddedServer) -> Iterator[Callable[[], Database]]:
    """Makes databases without a schema on the session's server; drops them."""
    made: list[str] = []

    def make() -> Database:
        made.append(f"sojourn_cli_{next(_numbers)}")
        server.ensure_database(made[-1])
        return Database(server.conninfo(made[-1]))

    yield make
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        for name in made:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def sojourn(database: Database, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, database_url=database.admin, master_key=MASTER_KEY, actor="operator anna")
