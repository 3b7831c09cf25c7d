"""Rows of a read model and the position that they reflect are of one snapshot, and of the same tables."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
import pytest

from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events.record import CourseReported
from ledger.store.database import Database, Role
from projections import as_of, students
from projections.as_of import AsOf
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.logs import append, reading
from support.telling import opened, record_uuid

STUDENT = opened(1).student_id
STREAM = f"record/{record_uuid(1)}"

T = TypeVar("T")


def asked(database: Database, story: Callable[[psycopg.AsyncConnection[Any]], Awaitable[T]]) -> T:
    """Run a story on a reader's connection."""

    async def run() -> T:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return await story(conn)

    return asyncio.run(run())


def told(database: Database, ledger: Ledger) -> int:
    """One record with one course, folded; the position."""
    append(ledger.log, STREAM, opened(1), CourseReported(fact=1, elements={"course_title": "Art"}))
    return BatchRunner(students.PROJECTION, database, ledger.log).catch_up()


def test_rows_come_with_the_position_and_the_version_that_they_reflect(database: Database, ledger: Ledger) -> None:
    position = told(database, ledger)
    reflected, found = asked(database, lambda conn: students.students(conn, [STUDENT]))
    assert reflected == found[STUDENT].as_of == AsOf(position, students.PROJECTION.version)


def test_where_there_is_no_row_the_position_is_told_all_the_same(database: Database, ledger: Ledger) -> None:
    position = told(database, ledger)
    reflected = AsOf(position, students.PROJECTION.version)
    assert asked(database, lambda conn: students.students(conn, [opened(2).student_id])) == (reflected, {})
    assert asked(database, lambda conn: students.students(conn, [])) == (reflected, {})


def test_while_events_are_folded_no_row_is_older_than_its_position(database: Database, ledger: Ledger) -> None:
    """Every event is of the one student, so that her row must always be of the very position that is told."""
    told(database, ledger)
    head = append(
        ledger.log, STREAM, *(CourseReported(fact=n, elements={"course_title": f"Art {n}"}) for n in range(2, 120))
    )
    folding = threading.Thread(
        target=BatchRunner(students.PROJECTION, database, ledger.log, batch_events_max=1).run_to, args=(head,)
    )

    async def story(conn: psycopg.AsyncConnection[Any]) -> set[int]:
        seen: set[int] = set()
        while head not in seen:
            reflected, found = await students.students(conn, [STUDENT])
            assert found[STUDENT].position == reflected.position
            seen.add(reflected.position)
        return seen

    folding.start()
    try:
        assert len(asked(database, story)) > 3
    finally:
        folding.join()


def test_after_a_rebuild_its_version_is_told(database: Database, ledger: Ledger) -> None:
    position = told(database, ledger)
    newer = replace(students.PROJECTION, version=students.PROJECTION.version + 1)

    async def story(conn: psycopg.AsyncConnection[Any]) -> list[AsOf]:
        seen = [(await students.students(conn, [STUDENT]))[0] for _ in range(10)]  # by now it is a prepared statement
        await asyncio.to_thread(Rebuild(newer, database, ledger.log).run)
        return [*seen, (await students.students(conn, [STUDENT]))[0]]

    assert asked(database, story) == [AsOf(position, newer.version - 1)] * 10 + [AsOf(position, newer.version)]


def test_tables_that_a_swap_put_there_after_the_snapshot_are_not_read(database: Database, ledger: Ledger) -> None:
    """The other way round than it comes by itself, where it cannot be timed: names are newer than the snapshot."""
    told(database, ledger)
    stopped = threading.Event()
    stopped.set()
    Rebuild(students.PROJECTION, database, ledger.log, stop=stopped).run()  # leaves a shadow to go on with
    with reading(database) as conn, conn.transaction():
        conn.execute("set transaction isolation level repeatable read")
        conn.execute("select from tracking.positions")
        assert Rebuild(students.PROJECTION, database, ledger.log).run().swapped
        with pytest.raises(StoreUnavailable, match="replaced"):
            as_of.ask_now(conn, students.STUDENTS, ([STUDENT],))
    with reading(database) as conn:
        assert students.find(conn, STUDENT) is not None
