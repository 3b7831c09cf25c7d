"""Scrubbing, on a server of its own: marked bytes are searched for in every file of its data folder."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ledger.errors import Conflict
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.scrubbing import Scrubbed, last_disposal, scrub
from projections import PROJECTIONS
from support.databases import copied, with_read_models
from support.servers import FAST, running_server

FOLLOWERS = {p.name: p.log for p in PROJECTIONS}


@dataclass
class Marks:
    """Values that stand nowhere else: in the vault, in papers, in a read model; and one that is kept."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(40))
    paper: bytes = field(default_factory=lambda: secrets.token_bytes(5_000))
    name: bytes = field(default_factory=lambda: secrets.token_hex(20).encode())
    kept: bytes = field(default_factory=lambda: secrets.token_bytes(40))

    @property
    def gone(self) -> dict[str, bytes]:
        return {"key": self.key, "paper": self.paper[:64], "name": self.name}


@contextlib.contextmanager
def own_server(settings: Mapping[str, str] = FAST) -> Iterator[tuple[EmbeddedServer, Database]]:
    with running_server(settings) as server, copied(server, with_read_models) as name:
        yield server, Database(server.conninfo(name), log_in=True)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[EmbeddedServer, Database]]:
    with own_server() as made:
        yield made


@pytest.fixture
def pgdata(shared: tuple[EmbeddedServer, Database]) -> Path:
    return shared[0].pgdata


@pytest.fixture
def database(shared: tuple[EmbeddedServer, Database]) -> Database:
    return shared[1]


def written(database: Database) -> Marks:
    """Rows with the marks are committed and on disk."""
    marks = Marks()
    with database.connect(Role.WRITER) as conn:
        for wrapped, about in ((marks.key, "record/gone"), (marks.kept, "record/kept")):
            conn.execute(
                "insert into vault.keys values (%s, %s, 'education', %s, '', now())",
                (uuid.uuid4(), f"{about}/{uuid.uuid4()}", wrapped),
            )
        conn.execute("insert into ledger.attachment_parts values (%s, 0, %s)", (uuid.uuid4(), marks.paper))
    with database.connect(Role.PROJECTOR) as conn:
        conn.execute("insert into worklist.records values (%s, %s, '')", (str(uuid.uuid4()), marks.name.decode()))
    with database.connect() as conn:
        conn.execute("checkpoint")
    return marks


def destroyed(database: Database, marks: Marks) -> None:
    """What is marked is deleted, as a disposal does it; what is to be kept stays."""
    with database.connect(Role.DISPOSER) as conn:
        conn.execute("delete from vault.keys where wrapped = %s", (marks.key,))
        conn.execute("delete from ledger.attachment_parts where sealed = %s", (marks.paper,))
    with database.connect(Role.PROJECTOR) as conn:
        conn.execute("delete from worklist.records where state_student_id = %s", (marks.name.decode(),))


def found(pgdata: Path, value: bytes) -> list[str]:
    """Files of the data folder that hold the bytes."""
    holding: list[str] = []
    for path in sorted(pgdata.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and value in path.read_bytes():
                holding.append(str(path.relative_to(pgdata)))
    return holding


def still_there(pgdata: Path, marks: Marks) -> dict[str, list[str]]:
    return {what: files for what, value in marks.gone.items() if (files := found(pgdata, value))}


def scrubbed(database: Database, wait_s: float = 20) -> Scrubbed:
    return scrub(database, FOLLOWERS, wait_s=wait_s)


def test_what_was_deleted_is_in_no_file_of_the_data_folder_and_what_was_kept_is(
    pgdata: Path, database: Database
) -> None:
    marks = written(database)
    destroyed(database, marks)
    assert still_there(pgdata, marks).keys() == marks.gone.keys(), "before, all of it can be read in the files"

    done = scrubbed(database)

    assert done.left == []
    assert still_there(pgdata, marks) == {}
    assert found(pgdata, marks.kept), "what was not destroyed is looked for in the same way, and found"
    assert done.tables > 20
    assert done.wal_segments >= 1


def test_tables_that_were_made_anew_are_passed_over_only_where_nothing_was_destroyed_since(
    pgdata: Path, database: Database
) -> None:
    marks = written(database)
    fresh = {"worklist": last_disposal(database)}
    destroyed(database, marks)
    assert scrub(database, FOLLOWERS, fresh=fresh, wait_s=20).left == []
    assert still_there(pgdata, marks).keys() == {"name"}, "what is said to hold nothing old is passed over"
    with database.connect() as conn:
        conn.execute("update ledger.head set disposals = disposals + 1")
    assert scrub(database, FOLLOWERS, fresh=fresh, wait_s=20).left == []
    assert still_there(pgdata, marks) == {}


def test_what_statistics_might_have_copied_is_gone_too(pgdata: Path, database: Database) -> None:
    marks = written(database)
    with database.connect() as conn:
        conn.execute("analyze")
    destroyed(database, marks)
    assert scrubbed(database).left == []
    assert still_there(pgdata, marks) == {}


def test_segments_that_are_put_by_to_be_used_again_are_written_over() -> None:
    with own_server({**FAST, "wal_recycle": "on", "min_wal_size": "160MB"}) as (server, database):
        marks = written(database)
        with database.connect() as conn:
            for _ in range(4):
                conn.execute("select pg_logical_emit_message(false, 'test', 'more')")
                conn.execute("select pg_switch_wal()")
            conn.execute("checkpoint")
        destroyed(database, marks)
        assert scrubbed(database).left == []
        assert still_there(server.pgdata, marks) == {}


def test_who_still_sees_what_was_deleted_is_named(pgdata: Path, database: Database) -> None:
    marks = written(database)
    with database.connect(autocommit=False, name="a long report") as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        destroyed(database, marks)
        done = scrubbed(database, wait_s=0.2)
        assert any("a long report" in left.why for left in done.left)
        assert still_there(pgdata, marks), "so it is not all gone, and nobody says that it is"
    assert scrubbed(database).left == []
    assert still_there(pgdata, marks) == {}


def test_who_sees_it_for_a_moment_is_waited_for(pgdata: Path, database: Database) -> None:
    marks = written(database)
    with database.connect(autocommit=False) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        destroyed(database, marks)
        threading.Timer(0.5, reader.rollback).start()
        assert scrubbed(database).left == []
    assert still_there(pgdata, marks) == {}


def test_a_prepared_transaction_is_named() -> None:
    with own_server({**FAST, "max_prepared_transactions": "2"}) as (_, database):
        with database.connect(autocommit=False) as conn:
            conn.execute("create table public.begun (n int)")
            conn.execute("prepare transaction 'half done'")
        destroyed(database, written(database))
        assert any("half done" in left.why for left in scrubbed(database, wait_s=0.2).left)
        with database.connect() as conn:
            conn.execute("rollback prepared 'half done'")


def test_a_table_that_somebody_holds_is_named_and_the_others_are_done(pgdata: Path, database: Database) -> None:
    marks = written(database)
    destroyed(database, marks)
    with database.connect(Role.PROJECTOR, autocommit=False) as holder:
        holder.execute("lock table worklist.records in access share mode")
        done = scrubbed(database, wait_s=3)  # PostgreSQL's own housekeeping may hold another for a moment
        assert "worklist.records" in [left.what for left in done.left]
        assert still_there(pgdata, marks).keys() <= {"name"}
    assert scrubbed(database).left == []
    assert still_there(pgdata, marks) == {}


def test_a_slot_that_nobody_reads_is_named_as_what_keeps_the_write_ahead_log(pgdata: Path, database: Database) -> None:
    marks = written(database)
    with database.connect() as conn:
        conn.execute("select pg_create_physical_replication_slot('forgotten', true)")
    try:
        destroyed(database, marks)
        done = scrubbed(database, wait_s=0)
        assert any("slot forgotten" in left.why for left in done.left)
    finally:
        with database.connect() as conn:
            conn.execute("select pg_drop_replication_slot('forgotten')")
    assert scrubbed(database).left == []
    assert still_there(pgdata, marks) == {}


def test_what_a_crash_left_behind_is_named(shared: tuple[EmbeddedServer, Database]) -> None:
    server, database = shared
    with database.connect(autocommit=False) as conn:
        # As a rewriting does: a new file is filled, and the process that fills it is killed.
        conn.execute("create table public.half as select repeat('x', 900) from generate_series(1, 40)")
        conn.execute("select pg_switch_wal()")
        path = one(conn, "select pg_relation_filepath('public.half')")
        with database.connect() as other:
            other.execute("checkpoint")
        os.kill(conn.info.backend_pid, signal.SIGKILL)
        with contextlib.suppress(psycopg.OperationalError):
            conn.execute("select 1")
    until_up(database)
    assert (server.pgdata / path).stat().st_size > 0, "PostgreSQL has left it where it was"
    named = [left.what for left in scrubbed(database).left]
    assert path in named
    for stray in named:
        (server.pgdata / stray).unlink()
    assert scrubbed(database).left == []


def test_a_read_model_that_has_yet_to_hear_of_it_is_named(database: Database) -> None:
    behind(database, +5)
    try:
        assert {left.what for left in scrubbed(database, wait_s=0).left} >= {"worklist", "students"}
    finally:
        behind(database, -5)


def test_a_rebuild_that_was_broken_off_is_named(database: Database) -> None:
    with database.connect(Role.PROJECTOR) as conn:
        conn.execute("create schema students__next")
    behind(database, +5)
    try:
        left = {one.what: one.remedy for one in scrubbed(database, wait_s=0).left}
        assert "rebuild students" in left["students__next"]
    finally:
        behind(database, -5)
        with database.connect(Role.PROJECTOR) as conn:
            conn.execute("drop schema students__next")


def test_one_scrub_runs_at_a_time(database: Database) -> None:
    with database.connect() as conn:
        conn.execute("select pg_advisory_lock(hashtextextended('retention scrub', 0))")
        with pytest.raises(Conflict):
            scrubbed(database)


def test_a_user_who_may_not_is_told_what_is_missing(shared: tuple[EmbeddedServer, Database]) -> None:
    _, database = shared
    with database.connect() as conn:
        conn.execute("create role clerk login in role sojourn_owner, sojourn_projector")
        name = one(conn, "select current_database()")
    try:
        by_clerk = Database(make_conninfo(database.admin, user="clerk", dbname=name))
        left = {one.what for one in scrub(by_clerk, FOLLOWERS, wait_s=0).left}
        assert {"write-ahead log", "stray files"} <= left
    finally:
        with database.connect() as conn:
            conn.execute("drop role clerk")


# -- inside


def one(conn: psycopg.Connection[Any], query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def behind(database: Database, by: int) -> None:
    """The head of the ledger is so much further on than whoever follows it."""
    with database.connect() as conn:
        conn.execute("update ledger.head set position = position + %s", (by,))


def until_up(database: Database) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception), database.connect():
            return
        time.sleep(0.1)
    pytest.fail("PostgreSQL did not come back")
