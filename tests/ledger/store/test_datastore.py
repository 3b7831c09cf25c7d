"""A pooled connection is looked at before it is handed out."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ledger.store.database import Database, Role
from ledger.store.datastore import look_at


@pytest.fixture
def pooled(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect(Role.WRITER) as conn:
        yield conn


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as conn:
        yield conn


def test_a_connection_that_lives_is_handed_out_without_asking_postgresql(
    pooled: psycopg.Connection, conn: psycopg.Connection
) -> None:
    pooled.execute("select 1")
    asked = "select query_start from pg_stat_activity where pid = %s"
    before = conn.execute(asked, (pooled.info.backend_pid,)).fetchone()
    look_at(pooled)
    assert conn.execute(asked, (pooled.info.backend_pid,)).fetchone() == before


def test_a_connection_whose_other_end_was_ended_is_not_handed_out(
    pooled: psycopg.Connection, conn: psycopg.Connection
) -> None:
    assert conn.execute("select pg_terminate_backend(%s, 5000)", (pooled.info.backend_pid,)).fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError):
        look_at(pooled)


def test_a_connection_that_was_told_something_unasked_is_handed_out(
    pooled: psycopg.Connection, conn: psycopg.Connection
) -> None:
    pooled.execute("listen something")
    conn.execute("notify something")
    look_at(pooled)
    assert pooled.execute("select 1").fetchone() == (1,)
