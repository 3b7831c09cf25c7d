"""The read model ``submissions``: given what became of a file, then this is its row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
import pytest
from msgspec.structs import replace

from ledger.application import Ledger
from ledger.events import Event
from ledger.events.base import Sealed
from ledger.events.retention import KeyDestroyed
from ledger.events.submission import (
    ChunkApplied,
    Finding,
    FindingsRecorded,
    SubmissionCompleted,
    SubmissionReceived,
    SubmissionRefused,
)
from ledger.store.database import Database, Role
from projections import submissions
from projections.as_of import AsOf
from projections.runner import BatchRunner
from projections.submissions import Cursor, Submission, SubmissionsFold
from support.logs import append, reading
from support.telling import START, Teller

STREAM = "submission/OR/20250902020000000"
ID = "OR-20250902020000000"
COUNTS = {"accepted": 5, "unchanged": 2, "refused": 1, "warned": 1, "events": 9, "students_new": 3}
RECEIVED = SubmissionReceived(
    state="OR",
    submission_date="2025-09-02T02:00:00.000",
    content_hash="ab" * 32,
    students=6,
    rows=16,
    beginning="2025-08-01T00:00:00.000",
    ending="2025-09-01T00:00:00.000",
)
REFUSED = SubmissionRefused(
    state="OR", submission_date="2025-09-02T02:00:00.000", content_hash="cd" * 32, rule="totals"
)
FINDINGS = FindingsRecorded(
    chunk=1,
    findings=[
        Finding(row=3, letter="D", rule="code", element="sex", value=Sealed(key="00" * 16, text=b"sealed")),
        Finding(row=4, letter="E", rule="V10", element="withdrawal_date", level="warned"),
        Finding(row=9, letter="E", rule="V10", element="withdrawal_date", level="warned"),
    ],
)
COMPLETED = SubmissionCompleted(rows=16, **{name: 2 * count for name, count in COUNTS.items()})

T = TypeVar("T")


def chunk(number: int) -> ChunkApplied:
    return ChunkApplied(chunk=number, students=3 * number, **COUNTS)


def row(*events: Event) -> Submission:
    teller = Teller()
    teller.tell(STREAM, *events, actor="OR batch")
    [found] = SubmissionsFold().hear(teller.log)
    return found


def test_a_file_that_was_received_is_being_applied() -> None:
    found = row(RECEIVED)
    assert (found.submission, found.state, found.status, found.actor) == (ID, "OR", "applying", "OR batch")
    assert (found.students, found.students_done, found.rows, found.rows_done) == (6, 0, 16, 0)
    assert found.begun_at == found.received_at
    assert found.completed_at is None


def test_chunks_add_up() -> None:
    found = row(RECEIVED, chunk(1), chunk(2))
    assert (found.chunks, found.students_done, found.rows_done) == (2, 6, 16)
    assert (found.accepted, found.unchanged, found.refused, found.events) == (10, 4, 2, 18)
    assert found.status == "applying"


def test_findings_are_counted_by_rule_and_level_and_nothing_else_of_them_is_kept() -> None:
    assert row(RECEIVED, FINDINGS, FINDINGS).findings == {"code": {"refused": 2}, "V10": {"warned": 4}}


def test_when_all_is_applied_the_counts_are_those_of_the_whole_file() -> None:
    found = row(RECEIVED, chunk(1), chunk(2), COMPLETED)
    assert (found.status, found.rows_done, found.accepted, found.students_new) == ("completed", 16, 10, 6)
    assert found.completed_at is not None
    assert found.position == 4


def test_a_file_that_was_refused_whole_says_by_which_rule() -> None:
    found = row(REFUSED)
    assert (found.status, found.rule, found.content_hash) == ("refused", "totals", "cd" * 32)
    assert found.refused_at == found.begun_at
    assert found.received_at is None


def test_another_file_of_the_same_date_takes_the_place_of_one_that_was_refused() -> None:
    found = row(REFUSED, RECEIVED)
    assert (found.status, found.rule, found.content_hash, found.begun) == ("applying", None, "ab" * 32, 1)
    assert found.refused_at == found.begun_at
    assert found.received_at is not None


def test_a_refusal_changes_nothing_of_a_file_that_was_received() -> None:
    assert row(RECEIVED, REFUSED).status == "applying"


def test_that_its_answers_were_destroyed_is_told() -> None:
    teller = Teller()
    teller.tell(STREAM, RECEIVED, COMPLETED)
    teller.tell("retention/1", KeyDestroyed(key_ids=["00" * 16], schedule="response_days", submission=ID))
    [found] = SubmissionsFold().hear(teller.log)
    assert (found.status, found.position) == ("completed", 3)
    assert found.answers_gone_at is not None


def test_what_is_said_of_no_submission_or_of_an_unknown_one_makes_no_row() -> None:
    teller = Teller()
    teller.tell("retention/1", KeyDestroyed(key_ids=["00" * 16], schedule="record"))
    teller.tell("retention/2", KeyDestroyed(key_ids=["00" * 16], schedule="response_days", submission="TX-1"))
    assert SubmissionsFold().hear(teller.log) == []


# -- with a database


def told(database: Database, ledger: Ledger, batch_events_max: int = 100) -> None:
    """A file of Oregon completed, one of Texas under way, a second of Oregon refused; folded."""
    append(ledger.log, STREAM, RECEIVED, chunk(1), FINDINGS, actor="amy")
    append(ledger.log, "submission/TX/20250903010000000", replace(RECEIVED, state="TX"), chunk(1))
    append(ledger.log, STREAM, chunk(2), COMPLETED)
    append(ledger.log, "submission/OR/20250904020000000", REFUSED, actor="bea")
    BatchRunner(submissions.PROJECTION, database, ledger.log, batch_events_max=batch_events_max).catch_up()


def asked(database: Database, story: Callable[[psycopg.AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return await story(conn)

    return asyncio.run(run())


@pytest.mark.parametrize("batch_events_max", [1, 100])
def test_one_is_found_by_its_id_with_all_that_was_folded(
    database: Database, ledger: Ledger, batch_events_max: int
) -> None:
    told(database, ledger, batch_events_max)
    reflected, found = asked(database, lambda conn: submissions.one(conn, ID))
    assert reflected == AsOf(8, submissions.PROJECTION.version)
    assert found is not None
    assert (found.status, found.chunks, found.rows_done, found.actor) == ("completed", 2, 16, "amy")
    assert found.findings == {"code": {"refused": 1}, "V10": {"warned": 2}}
    assert found.completed_at is not None
    assert found.completed_at > START


def test_an_unknown_one_is_not_found_and_the_position_is_told(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    assert asked(database, lambda conn: submissions.one(conn, "OR-1")) == (
        AsOf(8, submissions.PROJECTION.version),
        None,
    )


def test_a_state_s_submissions_come_newest_first_in_pages_that_join(database: Database, ledger: Ledger) -> None:
    told(database, ledger)

    async def story(conn: psycopg.AsyncConnection[Any]) -> list[list[str]]:
        _, first = await submissions.page(conn, "OR", limit=1)
        _, second = await submissions.page(conn, "OR", after=Cursor(first[-1].begun), limit=1)
        _, third = await submissions.page(conn, "OR", after=Cursor(second[-1].begun), limit=1)
        return [[row.submission for row in page] for page in (first, second, third)]

    assert asked(database, story) == [["OR-20250904020000000"], [ID], []]


def test_without_a_state_all_are_told(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    _, found = asked(database, submissions.page)
    assert [(row.submission[:2], row.status) for row in found] == [
        ("OR", "refused"),
        ("TX", "applying"),
        ("OR", "completed"),
    ]


def test_a_refused_value_stands_in_no_row(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    with reading(database) as conn:
        rows = conn.execute("select s::text from submissions.submissions s").fetchall()
    assert len(rows) == 3
    assert not any("sealed" in row[0] or "sex" in row[0] for row in rows)
