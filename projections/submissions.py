"""Read model ``submissions``: every file that a state sent, how far it has been applied, and what was found in it.

The one invariant: one row for each submission, a file of one state for one date. Codes and counts only: what was sent
stands in no column, also where it was refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from ledger.events import Recorded
from ledger.events.retention import KeyDestroyed
from ledger.events.submission import (
    EVENTS,
    ChunkApplied,
    FindingsRecorded,
    SubmissionCompleted,
    SubmissionReceived,
    SubmissionRefused,
)
from projections import as_of
from projections.as_of import AsOf
from projections.projection import Projection, statement

# -- table

TABLES = """
create table {schema}.submissions (
    submission       text collate "C" primary key,
    state            text collate "C" not null,
    submission_date  text collate "C" not null,
    status           text collate "C" not null,
    rule             text collate "C",
    actor            text collate "C" not null,
    content_hash     text collate "C" not null,
    begun            bigint not null,
    begun_at         timestamptz not null,
    received_at      timestamptz,
    completed_at     timestamptz,
    refused_at       timestamptz,
    answers_gone_at  timestamptz,
    chunks           integer not null,
    students         integer not null,
    students_done    integer not null,
    rows             integer not null,
    rows_done        integer not null,
    accepted         integer not null,
    unchanged        integer not null,
    refused          integer not null,
    warned           integer not null,
    events           integer not null,
    students_new     integer not null,
    findings         jsonb not null,
    position         bigint not null
);
comment on table {schema}.submissions is 'Every file for one night of one state.';
comment on column {schema}.submissions.begun is 'Position of its first event, at begun_at.';
comment on column {schema}.submissions.answers_gone_at is 'When what was kept of its rows was destroyed.';
comment on column {schema}.submissions.findings is 'Rule to level to how many.';
comment on column {schema}.submissions.position is 'Of its last event.';
create unique index submissions_by_time on {schema}.submissions (begun);
create unique index submissions_of_state on {schema}.submissions (state, begun);
"""

Findings = dict[str, dict[str, int]]
"""Rule to level (``refused``, ``warned``) to how many."""


class Submission(msgspec.Struct, kw_only=True):
    """One submission. submission: its id, ``STATE-SUBMISSION DATE``. submission_date: of the header, ISO 8601 without
    zone. status: ``applying`` from when it was received, ``completed``, or ``refused`` whole by ``rule``, before
    anything of it was applied. actor: who sent what is told here. content_hash: SHA-256 of the file, hexadecimal.

    begun: position of its first event. students, rows: of the whole file, 0 where it was refused; rows_done is
    accepted + unchanged + refused. position: of its last event.
    """

    submission: str
    state: str
    submission_date: str
    status: str
    rule: str | None = None
    actor: str
    content_hash: str
    begun: int
    begun_at: datetime
    received_at: datetime | None = None
    completed_at: datetime | None = None
    refused_at: datetime | None = None
    answers_gone_at: datetime | None = None
    chunks: int = 0
    students: int = 0
    students_done: int = 0
    rows: int = 0
    rows_done: int = 0
    accepted: int = 0
    unchanged: int = 0
    refused: int = 0
    warned: int = 0
    events: int = 0
    students_new: int = 0
    findings: Findings = {}
    position: int


_COUNTS: Final = ("accepted", "unchanged", "refused", "warned", "events", "students_new")

# -- fold


def tell(row: Submission | None, recorded: Recorded) -> Submission | None:
    """The row of a submission after one event of it; changes the row given. None while nothing of it was received or
    refused: of a stream whose first events cannot be opened."""
    event = recorded.event
    if isinstance(event, SubmissionReceived | SubmissionRefused):
        row = _begun(row, recorded, event)
    elif row is None:
        return None
    elif isinstance(event, ChunkApplied):
        row.chunks += 1
        row.students_done = event.students
        for name in _COUNTS:
            setattr(row, name, getattr(row, name) + getattr(event, name))
        row.rows_done = row.accepted + row.unchanged + row.refused
    elif isinstance(event, FindingsRecorded):
        _count(row, ((finding.rule, finding.level) for finding in event.findings))
    elif isinstance(event, SubmissionCompleted):
        row.status, row.completed_at = "completed", recorded.recorded_at
        row.rows = row.rows_done = event.rows
        for name in _COUNTS:
            setattr(row, name, getattr(event, name))
    else:
        assert isinstance(event, KeyDestroyed)
        row.answers_gone_at = recorded.recorded_at
    row.position = recorded.position
    return row


def _begun(row: Submission | None, recorded: Recorded, event: SubmissionReceived | SubmissionRefused) -> Submission:
    """A file came: the first of its date, or after others that were refused. Once one was received, the date is its."""
    at = recorded.recorded_at
    if row is None:
        row = Submission(
            submission=submission_of(recorded),
            state=event.state,
            submission_date=event.submission_date,
            status="",
            actor="",
            content_hash="",
            begun=recorded.position,
            begun_at=at,
            position=recorded.position,
        )
    if row.received_at is not None:
        return row
    row.content_hash, row.actor = event.content_hash, recorded.meta.actor
    if isinstance(event, SubmissionRefused):
        row.status, row.rule, row.refused_at = "refused", event.rule, at
    else:
        row.status, row.rule, row.received_at = "applying", None, at
        row.students, row.rows = event.students, event.rows
        _count(row, ((warned.rule, "warned") for warned in event.warnings))
    return row


def _count(row: Submission, findings: Iterable[tuple[str, str]]) -> None:
    for rule, level in findings:
        levels = row.findings.setdefault(rule, {})
        levels[level] = levels.get(level, 0) + 1


def submission_of(recorded: Recorded) -> str:
    """The id of the submission that an event speaks of, empty where it speaks of none."""
    if isinstance(recorded.event, KeyDestroyed):
        return recorded.event.submission or ""
    _, state, instant = recorded.stream.split("/")
    return f"{state}-{instant}"


_REMEMBERED_MAX = 500


class SubmissionsFold:
    """Folds a batch: each submission that it touches is written once."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, Submission] = OrderedDict()

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        self._load(cursor, schema, batch)
        touched = self.hear(batch)
        cursor.executemany(statement(_WRITE, schema), [_values(row) for row in touched])
        for row in touched:
            self._rows.move_to_end(row.submission)
        while len(self._rows) > _REMEMBERED_MAX:
            self._rows.popitem(last=False)

    def hear(self, batch: Iterable[Recorded]) -> list[Submission]:
        """The submissions that a batch touches, as they are after it. All that were there before are loaded."""
        touched: dict[str, Submission] = {}
        for recorded in batch:
            name = submission_of(recorded)
            row = tell(self._rows.get(name), recorded)
            if row is not None:
                self._rows[name] = touched[name] = row
        return list(touched.values())

    def _load(self, cursor: psycopg.Cursor[Any], schema: str, batch: Iterable[Recorded]) -> None:
        wanted = {name for recorded in batch if (name := submission_of(recorded)) not in self._rows}
        for row in cursor.execute(statement(_LOAD, schema), (sorted(wanted),), binary=True):
            self._rows[row[0]] = _row(row)


def _values(row: Submission) -> list[Any]:
    *values, findings, position = msgspec.structs.astuple(row)
    return [*values, Jsonb(findings), position]


def _row(row: Sequence[Any]) -> Submission:
    return Submission(**dict(zip(Submission.__struct_fields__, row, strict=True)))


_COLUMNS: LiteralString = (
    "submission, state, submission_date, status, rule, actor, content_hash, begun, begun_at, received_at,"
    " completed_at, refused_at, answers_gone_at, chunks, students, students_done, rows, rows_done, accepted, unchanged,"
    " refused, warned, events, students_new, findings, position"
)
_LOAD: LiteralString = f"select {_COLUMNS} from {{schema}}.submissions where submission = any(%s)"
_WRITE: LiteralString = (
    f"insert into {{schema}}.submissions ({_COLUMNS})"
    " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " on conflict (submission) do update set (status, rule, actor, content_hash, received_at, completed_at, refused_at,"
    " answers_gone_at, chunks, students, students_done, rows, rows_done, accepted, unchanged, refused, warned, events,"
    " students_new, findings, position) = (excluded.status, excluded.rule, excluded.actor, excluded.content_hash,"
    " excluded.received_at, excluded.completed_at, excluded.refused_at, excluded.answers_gone_at, excluded.chunks,"
    " excluded.students, excluded.students_done, excluded.rows, excluded.rows_done, excluded.accepted,"
    " excluded.unchanged, excluded.refused, excluded.warned, excluded.events, excluded.students_new,"
    " excluded.findings, excluded.position)"
)


# -- queries


class Cursor(NamedTuple):
    """Place in a list, newest first: what began before the position."""

    begun: int


ONE = as_of.query("submissions", "submissions", f"select {_COLUMNS} from submissions.submissions where submission = %s")
_NEWEST_FIRST: LiteralString = " order by found.begun desc"
PAGE = as_of.query(
    "submissions",
    "submissions",
    f"select {_COLUMNS} from submissions.submissions where begun < %s order by begun desc limit %s",
    _NEWEST_FIRST,
)
PAGE_OF_STATE = as_of.query(
    "submissions",
    "submissions",
    f"select {_COLUMNS} from submissions.submissions where state = %s and begun < %s order by begun desc limit %s",
    _NEWEST_FIRST,
)
_FIRST_PAGE = Cursor(2**62)


async def one(conn: psycopg.AsyncConnection[Any], submission: str) -> tuple[AsOf, Submission | None]:
    """What is reflected, and a submission by its id; None where nothing is known of it.

    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, ONE, (submission,))
    return reflected, _row(rows[0]) if rows else None


async def page(
    conn: psycopg.AsyncConnection[Any], state: str | None = None, after: Cursor | None = None, limit: int = 100
) -> tuple[AsOf, list[Submission]]:
    """What is reflected, and the submissions of a state, or of all, newest first.

    after: ``Cursor(begun)`` of the last row of the page before. conn: in autocommit. Raises StoreUnavailable.
    """
    parameters = (*(after or _FIRST_PAGE), limit)
    if state is None:
        reflected, rows = await as_of.ask(conn, PAGE, parameters)
    else:
        reflected, rows = await as_of.ask(conn, PAGE_OF_STATE, (state, *parameters))
    return reflected, [_row(row) for row in rows]


PROJECTION = Projection(
    name="submissions",
    version=1,
    log="ledger",
    events=frozenset([*EVENTS, KeyDestroyed]),
    tables=TABLES,
    keys={"submissions": "submission"},
    fold=SubmissionsFold,
)
