"""Events lie in partitions by position: made in time, each with its guards, and nobody waits for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors as pg

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.store.append import Append, Part, Receipt
from ledger.store.commit import COPY_FROM_EVENTS
from ledger.store.database import Database, Role
from ledger.store.log import LOGS, Log
from ledger.store.partitions import partition_ahead

RECORD = "0190c5d2-7b1a-7c3e-8000-000000000001"


def with_partitions_of(database: Database, rows: int) -> Database:
    """Both logs, still empty, begun anew with small partitions."""
    with database.connect() as conn:
        for log in LOGS:
            conn.execute("set session_replication_role = replica")  # what a superuser says who means it
            conn.execute(f"drop table {log}.events_from_1")
            conn.execute("reset session_replication_role")
            conn.execute(f"update {log}.head set partitions_end = 1, partition_rows = {rows}")  # type: ignore[arg-type]
            conn.execute(f"select {log}.add_partition()")
    return database


def append(log: Log, count: int) -> Receipt:
    events = [CourseReported(fact=n, elements={"course_title": "Algebra"}) for n in range(count)]
    part = Part(stream=f"record/{RECORD}", subject=RECORD, expected=None, events=events)
    return log.append(Append(parts=[part], meta=Meta(actor="tester")))


def bounds(database: Database, log: str = "ledger") -> list[int]:
    """First positions of the partitions, and the first position that none takes."""
    with database.connect() as conn:
        ours = conn.execute(
            "select substring(inhrelid::regclass::text from '\\d+$')::bigint from pg_inherits"
            f" where inhparent = '{log}.events'::regclass order by 1"  # type: ignore[arg-type]
        ).fetchall()
        end = conn.execute(f"select partitions_end from {log}.head").fetchone()  # type: ignore[arg-type]
    assert end is not None
    return [*(row[0] for row in ours), end[0]]


def settled(ledger: Ledger) -> None:
    """Wait until the writer has looked at its partitions: it does so after it has answered."""
    ledger.log.sequencer.close()


@contextmanager
def long_reader(database: Database, log: str = "ledger") -> Iterator[psycopg.Connection]:
    """Somebody who reads the events for as long as the block runs, such as a backup."""
    with database.connect(Role.PROJECTOR, autocommit=False) as reader:
        reader.execute(f"select count(*) from {log}.events")  # type: ignore[arg-type]
        yield reader
        reader.rollback()


def test_appends_go_on_across_partitions(any_database: Database, new_ledger: Callable[..., Ledger]) -> None:
    ledger = new_ledger(with_partitions_of(any_database, 10))
    sizes = [1, 3, 5, 1, 9, 10, 11, 25, 1]
    for size in sizes:
        append(ledger.log, size)
    read = ledger.log.read(0, 1_000)
    assert [r.position for r in read] == list(range(1, sum(sizes) + 1))
    assert [r.version for r in read] == list(range(1, sum(sizes) + 1))
    settled(ledger)
    assert bounds(any_database) == list(range(1, 82, 10))


def test_one_copy_may_fill_several_partitions(any_database: Database, new_ledger: Callable[..., Ledger]) -> None:
    ledger = new_ledger(with_partitions_of(any_database, 300))
    count = 3 * COPY_FROM_EVENTS
    append(ledger.log, 299)
    append(ledger.log, count)
    assert [r.position for r in ledger.log.read(0, 10_000)] == list(range(1, count + 300))
    settled(ledger)
    assert bounds(any_database)[:5] == [1, 301, 601, 901, 1201]


@pytest.mark.parametrize("log", LOGS)
def test_every_new_partition_has_its_guards(any_database: Database, log: str) -> None:
    with_partitions_of(any_database, 10)
    with any_database.connect(Role.WRITER) as conn:
        conn.execute(f"select {log}.add_partition()")  # type: ignore[arg-type]
        conn.execute(
            f"insert into {log}.events"  # type: ignore[arg-type]
            " select 15, 's', 1, 't', gen_random_uuid(), now(), gen_random_uuid(), '', '', ''"
        )
    with any_database.connect() as superuser:
        for attempt in ("truncate {p}", "delete from {p}", "update {p} set leaf = ''", "truncate {log}.events"):
            with pytest.raises(pg.InsufficientPrivilege, match="append-only"):
                superuser.execute(attempt.format(p=f"{log}.events_from_11", log=log))  # type: ignore[arg-type]


def test_the_next_partition_is_made_once_the_head_has_passed_the_middle(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledger = new_ledger(with_partitions_of(database, 10))
    append(ledger.log, 5)
    settled(ledger)
    assert bounds(database) == [1, 11]
    ledger = new_ledger(database)
    append(ledger.log, 1)
    settled(ledger)
    assert bounds(database) == [1, 11, 21]
    ledger = new_ledger(database)
    append(ledger.log, 9)
    settled(ledger)
    assert bounds(database) == [1, 11, 21], "the last partition begins at 11: its middle is not passed at 15"


def test_several_who_pass_the_middle_at_once_make_one_partition(database: Database) -> None:
    with with_partitions_of(database, 100).connect(Role.OWNER) as conn:
        conn.execute("update ledger.head set position = 60")
    ready = threading.Barrier(4)

    def look() -> None:
        with database.connect(Role.WRITER) as conn:
            ready.wait()
            partition_ahead(conn, "ledger")

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert bounds(database) == [1, 101, 201]


def test_a_long_reader_holds_up_the_partition_and_not_the_writers(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledger = new_ledger(with_partitions_of(database, 1_000))
    append(ledger.log, 400)
    with long_reader(database):
        for _ in range(5):
            append(ledger.log, 50)  # passes the middle; a writer that waited for the reader would never return
        assert bounds(database) == [1, 1001]
    append(ledger.log, 50)
    settled(ledger)
    assert bounds(database) == [1, 1001, 2001]


def test_after_a_vain_attempt_it_is_tried_again_a_little_further_on(database: Database) -> None:
    with with_partitions_of(database, 640).connect(Role.WRITER) as conn:
        conn.execute("update ledger.head set position = 330")
        with long_reader(database):
            assert partition_ahead(conn, "ledger") == 340
        assert partition_ahead(conn, "ledger") == 1281 - 320
        assert conn.execute("show lock_timeout").fetchone() == ("0",), "set for that one transaction"
    assert bounds(database) == [1, 641, 1281]


def test_a_partition_that_cannot_be_made_ahead_is_made_by_the_commit_that_needs_it(
    database: Database, new_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise pg.InsufficientPrivilege

    monkeypatch.setattr("ledger.store.sequencer.partition_ahead", refuse)
    ledger = new_ledger(with_partitions_of(database, 10))
    for _ in range(5):
        append(ledger.log, 7)
    assert [r.position for r in ledger.log.read(0, 100)] == list(range(1, 36))
