"""Guards of cases: which are open, which records one holds, when it is due, and who is at it now.

Invariant: a case has a row from the append that opens it to the append that closes it, written in the same transaction
as the events. A lease is no guard: it keeps two people from the same work, and it is the case's version that keeps two
answers apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.store.append import CaseStanding


class Lease(NamedTuple):
    """Who is at a case, and until when."""

    holder: str
    until: datetime


def write(conn: psycopg.Connection[Any], standings: Iterable[CaseStanding]) -> None:
    """Bring the guards to what the appends of one transaction say, in their order."""
    cursor = conn.cursor(binary=True)
    for standing in standings:
        case = uuid.UUID(standing.case)
        if standing.answered or standing.closed:
            cursor.execute("delete from ledger.case_leases where case_id = %s", (case,), prepare=True)
        if standing.closed:
            cursor.execute("delete from ledger.open_cases where case_id = %s", (case,), prepare=True)
        else:
            cursor.execute(_STAND, (case, standing.kind, standing.due), prepare=True)


def due(conn: psycopg.Connection[Any], now: datetime) -> list[str]:
    """Open cases that time moves now, the longest due first."""
    query = "select case_id from ledger.open_cases where due <= %s order by due, case_id"
    return [str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute(query, (now,)).fetchall()]


def states_of(conn: psycopg.Connection[Any], records: Sequence[str]) -> dict[str, str]:
    """Record to the state whose it is; one that was destroyed is left out."""
    query = "select record_id, state from ledger.records where record_id = any(%s::uuid[])"
    rows = conn.cursor(row_factory=tuple_row).execute(query, (list(records),)).fetchall()
    return {str(record): state for record, state in rows}


def held(conn: psycopg.Connection[Any], case: str, records: Sequence[str]) -> list[str]:
    """Which of these records a case holds."""
    query = "select record_id from ledger.records where record_id = any(%s::uuid[]) and case_id = %s"
    rows = conn.cursor(row_factory=tuple_row).execute(query, (list(records), uuid.UUID(case))).fetchall()
    return [str(row[0]) for row in rows]


# -- leases


def take(conn: psycopg.Connection[Any], case: str, lease: Lease, now: datetime) -> Lease:
    """Take or prolong a lease; the one that holds afterwards, which may be another's."""
    with conn.transaction():
        # Leases that ran out, or whose case was closed while they were taken, are nobody's.
        conn.execute("delete from ledger.case_leases where until <= %s", (now,))
        conn.execute(_TAKE, (uuid.UUID(case), lease.holder, lease.until))
    # None where the other one let go meanwhile: then nobody is at it, and whoever asks again gets it.
    return lease_of(conn, case, now) or lease


def let_go(conn: psycopg.Connection[Any], case: str, holder: str) -> None:
    """End one's own lease."""
    conn.execute("delete from ledger.case_leases where case_id = %s and holder = %s", (uuid.UUID(case), holder))


def lease_of(conn: psycopg.Connection[Any], case: str, now: datetime) -> Lease | None:
    """The lease that holds."""
    query = "select holder, until from ledger.case_leases where case_id = %s and until > %s"
    row = conn.cursor(row_factory=tuple_row).execute(query, (uuid.UUID(case), now)).fetchone()
    return None if row is None else Lease(*row)


_STAND = (
    "insert into ledger.open_cases (case_id, kind, due) values (%s, %s, %s)"
    " on conflict (case_id) do update set due = excluded.due"
)
_TAKE = (
    "insert into ledger.case_leases (case_id, holder, until) values (%s, %s, %s)"
    " on conflict (case_id) do update set until = excluded.until where case_leases.holder = excluded.holder"
)
