"""Rows of the log up to a position: which position an instant comes to, and what a student's streams held by then.

Invariant: nothing here reads more of the log than the streams that are named. An instant is found by halves, since
positions are given in order and no instant goes back; so a log of any length takes some thirty looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.store.mapper import SealedNotification
from ledger.store.recorder import COLUMNS, Read, at_once

POSITION_MAX: Final = 2**63 - 1


class Place(NamedTuple):
    """A position with its instant. head: the last position that there is. disposals: position of the last disposal,
    for whoever opens what was found beside it."""

    position: int
    recorded_at: datetime | None
    head: int
    disposals: int


class Looked(NamedTuple):
    """One look at a student. rows: of the record that minted the id, up to the point, and all that was ever said of its
    linkage; by stream and version. kept: of who holds that record now, as ``kept_now``."""

    place: Place
    rows: list[SealedNotification]
    kept: list[list[str]]


class Minted(NamedTuple):
    """The record that minted a student id. record: uuid. state: that keeps it. None of both: it was destroyed."""

    record: str | None
    state: str | None


def place_at(conn: psycopg.Connection[Any], asked: int | datetime | None) -> Place:
    """The last position that is not after what is asked for; the head where nothing is. Position 0, without an instant:
    nothing had been recorded."""
    return _placed(_asked(conn, asked))


def look(conn: psycopg.Connection[Any], student_id: str, asked: int | datetime | None) -> Looked:
    """The place of what is asked for, and of the student that an id showed there. The three questions are asked in one
    go, since waiting for an answer takes longer than finding it; what was written between two of them is left out."""
    stream = f"linkage/{student_id}"
    until, upto = _UNTIL_POSITION, POSITION_MAX if asked is None else asked
    if isinstance(asked, datetime):
        until = _UNTIL_INSTANT
    # Without an end of a transaction: none is open, and PostgreSQL would be waited for once more.
    with conn.pipeline():
        placed = _asked(conn, asked)
        found = _cursor(conn).execute(until, (stream, student_id, student_id, upto, stream), prepare=True)
        kept = _cursor(conn).execute(_KEPT_BY_MINTED, (student_id,), prepare=True)
    place = _placed(placed)
    sealed = map(SealedNotification._make, found.fetchall())
    rows = [row for row in sealed if row.id <= place.position or row.originator_id == stream]
    return Looked(place, rows, [states for (states,) in kept])


def first_instant(conn: psycopg.Connection[Any]) -> datetime | None:
    """When the first event was recorded."""
    row = _cursor(conn).execute(_FIRST).fetchone()
    return row[0] if row else None


def minted_by(conn: psycopg.Connection[Any], student_id: str) -> Minted | None:
    """The record that minted an id; None where none has."""
    row = _cursor(conn).execute(_MINTED, (student_id, student_id), prepare=True).fetchone()
    return None if row is None else Minted(*row)


def kept_now(conn: psycopg.Connection[Any], records: Sequence[str]) -> list[list[str]]:
    """Of each student who holds one of these records now, the states that keep a record of her. records: uuids."""
    rows = _cursor(conn).execute(_KEPT_NOW, (list(records),), prepare=True).fetchall()
    return [states for (states,) in rows]


def rows_of(conn: psycopg.Connection[Any], streams: Sequence[str], until: int) -> Read:
    """Of several streams, up to a position, in order."""
    return at_once(conn, _OF_STREAMS, (list(streams), until))


def _asked(conn: psycopg.Connection[Any], asked: int | datetime | None) -> psycopg.Cursor[tuple[Any, ...]]:
    query = _AT_HEAD if asked is None else _AT_POSITION if isinstance(asked, int) else _AT
    return _cursor(conn).execute(query, {"at": asked}, prepare=True)


def _placed(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Place:
    row = cursor.fetchone()
    assert row is not None, "a log has one head"
    return Place(*row)


def _cursor(conn: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    return conn.cursor(binary=True, row_factory=tuple_row)


_AT_HEAD: Final = (
    "select h.position, e.recorded_at, h.position, h.disposals from ledger.head h"
    " left join ledger.events e on e.position = h.position"
)
_AT_POSITION: Final = (
    "select coalesce(e.position, 0), e.recorded_at, h.position, h.disposals from ledger.head h"
    " left join ledger.events e on e.position = %(at)s"
)
_AT: Final = (
    "with recursive halves (low, high, head) as ("
    "select 0::bigint, position, position from ledger.head"
    " union all"
    # A lookup within the select, so that each half is one look by the primary key, whatever the planner reckons.
    " select case when before then middle else low end, case when before then high else middle - 1 end, head from ("
    "select low, high, head, middle,"
    " (select e.recorded_at <= %(at)s from ledger.events e where e.position = middle) as before"
    " from (select *, (low + high + 1) / 2 as middle from halves where low < high) looked offset 0) found"
    ") select low, (select e.recorded_at from ledger.events e where e.position = low), head,"
    " (select disposals from ledger.head) from halves where low = high"
)
_FIRST: Final = "select recorded_at from ledger.events where position = 1"
_MINTED: Final = (
    "select record_id::text, state from ledger.records where minted = %s"
    " union all select null, null from ledger.tombstones where minted = %s"
)
# A student shows the id that one of her own records minted.
_KEPT: Final = (
    " its as (select a.student_id, r.state from asked a join ledger.records r on r.minted = a.student_id"
    " union all select a.student_id, r.state from asked a"
    " join ledger.records r on r.student_id = a.student_id and r.student_id <> r.minted)"
    " select array_agg(distinct state order by state) from its group by student_id order by student_id"
)
_KEPT_NOW: Final = (
    "with asked as materialized (select distinct student_id from ledger.records where record_id = any(%s::uuid[])),"
    f"{_KEPT}"
)
_KEPT_BY_MINTED: Final = f"with asked as materialized (select student_id from ledger.records where minted = %s),{_KEPT}"
_OF_STUDENT: Final = (
    f"select {COLUMNS} from ledger.events where stream = any(array[%s,"
    # An id of whose own record nothing is left leads to what that was one student with.
    " coalesce((select 'record/' || record_id from ledger.records where minted = %s),"
    " (select 'record/' || subject from ledger.tombstones where minted = %s))]::text[])"
)
_UNTIL_POSITION: Final = f"{_OF_STUDENT} and (position <= %s or stream = %s) order by stream, version"
# No instant goes back, so what was recorded by then is what stands before its position.
_UNTIL_INSTANT: Final = f"{_OF_STUDENT} and (recorded_at <= %s or stream = %s) order by stream, version"
_OF_STREAMS: Final = f"select {COLUMNS} from ledger.events where stream = any(%s) and position <= %s order by position"
