"""What is asked of the read model ``submissions`` about many files: how each state's stand, in counts, codes and times.

Invariant: one row for each state, or for each state and rule, whatever its files were; no id of a file, and nothing of
a child.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg.rows import tuple_row


class LastFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a state that was completed last. findings: rule to level to how many."""

    received_at: datetime
    completed_at: datetime
    accepted: int
    unchanged: int
    refused: int
    findings: dict[str, dict[str, int]]


class RefusedWhole(NamedTuple):
    """Files that were refused whole by one rule. dates: that have no other file yet. last_at: when the latest was."""

    dates: int
    last_at: datetime


class Files(msgspec.Struct, kw_only=True):
    """The files of one state. received, completed: how many. accepted, unchanged, refused: rows of all of them.

    latest_date: greatest Submission Date among the received, ISO 8601 without zone, None where none was received.
    running: (rows done, rows in all) of the newest one while it is applied; one that a newer overtook is none.
    refused_whole: by rule.
    """

    received: int
    completed: int
    accepted: int
    unchanged: int
    refused: int
    latest_date: str | None
    last: LastFile | None = None
    running: tuple[int, int] | None = None
    refused_whole: dict[str, RefusedWhole] = {}


_TOTALS: Final[LiteralString] = (
    "select state, count(received_at), count(completed_at), sum(accepted), sum(unchanged), sum(refused),"
    " max(submission_date) filter (where received_at is not null) from submissions.submissions group by state"
)
_LAST: Final[LiteralString] = (
    "select distinct on (state) state, received_at, completed_at, accepted, unchanged, refused, findings"
    " from submissions.submissions where completed_at is not null order by state, completed_at desc"
)
_NEWEST: Final[LiteralString] = (
    "select distinct on (state) state, status, rows_done, rows"
    " from submissions.submissions where received_at is not null order by state, received_at desc"
)
_REFUSED: Final[LiteralString] = (
    "select state, rule, count(*), max(refused_at) from submissions.submissions where status = 'refused'"
    " group by state, rule"
)


class Night(NamedTuple):
    """One file that was received. submission_date: of its header, ISO 8601 without zone. The rest: its rows."""

    state: str
    submission: str
    submission_date: str
    accepted: int
    unchanged: int
    refused: int


_NIGHTS: Final[LiteralString] = (
    "select state, submission, submission_date, accepted, unchanged, refused from (select *, row_number()"
    " over (partition by state order by begun desc) as newest from submissions.submissions"
    " where received_at is not null and (%(state)s::text is null or state = %(state)s)) as found"
    " where newest <= %(most)s order by state, begun"
)
_WITH_REFUSALS: Final[LiteralString] = (
    "select count(*) from submissions.submissions where begun_at > %(since)s and (refused > 0 or status = 'refused')"
    " and (%(state)s::text is null or state = %(state)s)"
)


async def nights(conn: psycopg.AsyncConnection[Any], state: str | None, most: int) -> list[Night]:
    """The newest files of a state, or of each, so many at most, the oldest first. conn: in autocommit. Raises
    psycopg.Error."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_NIGHTS, {"state": state, "most": most})
        return [Night(*row) for row in await cursor.fetchall()]


async def with_refusals(conn: psycopg.AsyncConnection[Any], state: str | None, since: datetime) -> int:
    """How many files of a state, or of all, that came since then had rows refused, or were refused whole. conn: in
    autocommit. Raises psycopg.Error."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_WITH_REFUSALS, {"state": state, "since": since})
        row = await cursor.fetchone()
    return row[0] if row else 0


_WANTED: Final[LiteralString] = (
    "select n.submission from unnest(%s::text[], %s::boolean[]) as n(submission, late)"
    " where not exists (select from submissions.submissions s"
    " where s.submission = n.submission and s.completed_at is not null)"
    " and (n.late or not exists (select from submissions.submissions s"
    ' where s.state = left(n.submission, 2) and s.submission > n.submission collate "C" and s.received_at is not null))'
)


async def wanted(conn: psycopg.AsyncConnection[Any], waiting: Sequence[tuple[str, bool]]) -> set[str]:
    """Of files that wait (submission, and whether it may be late), those that are neither completed by another way nor
    overtaken by a later one. conn: in autocommit. Raises psycopg.Error."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_WANTED, ([name for name, _ in waiting], [late for _, late in waiting]))
        return {name for (name,) in await cursor.fetchall()}


async def files(conn: psycopg.AsyncConnection[Any]) -> dict[str, Files]:
    """State to how its files stand, for every state that ever sent one. conn: in autocommit. Raises psycopg.Error."""
    found: dict[str, Files] = {}
    # Each on its own: one that fits no longer with the one before it is right at the next look.
    async with conn.cursor(row_factory=tuple_row) as cursor:
        for state, *totals, latest in await (await cursor.execute(_TOTALS)).fetchall():
            received, completed, accepted, unchanged, refused = map(int, totals)
            found[state] = Files(
                received=received,
                completed=completed,
                accepted=accepted,
                unchanged=unchanged,
                refused=refused,
                latest_date=latest,
            )
        for state, *last in await (await cursor.execute(_LAST)).fetchall():
            if state in found:
                found[state].last = LastFile(**dict(zip(LastFile.__struct_fields__, last, strict=True)))
        for state, status, done, rows in await (await cursor.execute(_NEWEST)).fetchall():
            if state in found and status == "applying":
                found[state].running = (done, rows)
        for state, rule, *refused in await (await cursor.execute(_REFUSED)).fetchall():
            if state in found:
                found[state].refused_whole[rule] = RefusedWhole(*refused)
    return found
