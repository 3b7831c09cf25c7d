"""Guards of cases: which are open, which records one holds, when it is due, and who is at it now.

Invariant: a case has a row from the append that opens it to the append that closes it, written in the same transaction
as the events; and no two open cases of a kind are about the same act or record, where they say which. A lease is no
guard: it keeps two people from the same work, and it is the case's version that keeps two answers apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.errors import LedgerError, StaleDecision
from ledger.store import arrays
from ledger.store.append import CaseStanding


class Lease(NamedTuple):
    """Who is at a case, and until when."""

    holder: str
    until: datetime


class Asked:
    """What open cases are about while the log's lock is held, for the appends of one group."""

    def __init__(self, conn: psycopg.Connection[Any], standings: Iterable[CaseStanding]) -> None:
        abouts = {standing.about for standing in standings if standing.about is not None}
        self._cases: dict[tuple[str, str], str] = {}
        if abouts:
            rows = conn.cursor(row_factory=tuple_row).execute(_ABOUT, (list(abouts),), prepare=True).fetchall()
            self._cases = {(kind, about): str(case) for kind, about, case in rows}

    def refusal(self, standings: Iterable[CaseStanding]) -> LedgerError | None:
        """Why an append cannot be written: StaleDecision; None where it can."""
        for standing in standings:
            if standing.about is None:
                continue
            if self._cases.get((standing.kind, standing.about), standing.case) != standing.case:
                return StaleDecision("Another case was opened about the same meanwhile.", remedy="Decide anew.")
        return None

    def note(self, standings: Iterable[CaseStanding]) -> None:
        """An append is written, and those behind it in the group are looked at with it."""
        for standing in standings:
            if standing.about is None:
                continue
            if standing.closed:
                self._cases.pop((standing.kind, standing.about), None)
            else:
                self._cases[standing.kind, standing.about] = standing.case


def write(conn: psycopg.Connection[Any], standings: Iterable[CaseStanding]) -> None:
    """Bring the guards to what the appends of one transaction say, in their order."""
    cursor = conn.cursor(binary=True)
    for standing in standings:
        case = uuid.UUID(standing.case)
        if standing.answered or standing.closed:
            cursor.execute("delete from ledger.case_leases where case_id = %s", (case,), prepare=True)
        if standing.closed:
            cursor.execute("delete from ledger.open_cases where case_id = %s", (case,), prepare=True)
            cursor.execute("delete from ledger.case_records where case_id = %s", (case,), prepare=True)
        else:
            cursor.execute(_STAND, (case, standing.kind, standing.due, standing.about), prepare=True)
            cursor.execute(_NAME, (case, [uuid.UUID(record) for record in standing.records]), prepare=True)


def due(conn: psycopg.Connection[Any], now: datetime) -> list[str]:
    """Open cases that time moves now, the longest due first."""
    query = "select case_id from ledger.open_cases where due <= %s order by due, case_id"
    return [str(row[0]) for row in conn.cursor(row_factory=tuple_row).execute(query, (now,)).fetchall()]


def asking(conn: psycopg.Connection[Any], kind: str, abouts: Collection[str]) -> dict[str, str]:
    """Of these acts or records those about which an open case of a kind asks, to the case. For the kinds that ask about
    the same once at a time (``ledger.cases.about_of``)."""
    return ask_asking(conn, kind, abouts)()


def ask_asking(conn: psycopg.Connection[Any], kind: str, abouts: Collection[str]) -> Callable[[], dict[str, str]]:
    """Asks; answers with what takes the answer, which is as of ``asking``."""
    query = "select about, case_id from ledger.open_cases where kind = %s and about = any(%s)"
    arrays.register(conn)
    cursor = conn.cursor(row_factory=tuple_row).execute(query, (kind, arrays.texts(list(abouts))))
    return lambda: {about: str(case) for about, case in cursor}


def cases_of(conn: psycopg.Connection[Any], records: Collection[str]) -> dict[str, frozenset[str]]:
    """Open cases that name one of these records, to the records that each names."""
    rows = conn.cursor(row_factory=tuple_row).execute(_NAMING, (list(records),)).fetchall()
    return {str(case): frozenset(map(str, named)) for case, named in rows}


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


def leases_of(conn: psycopg.Connection[Any], cases: Sequence[str], now: datetime) -> dict[str, Lease]:
    """The leases that hold of these cases; a case at which nobody is is left out."""
    query = "select case_id, holder, until from ledger.case_leases where case_id = any(%s::uuid[]) and until > %s"
    rows = conn.cursor(row_factory=tuple_row).execute(query, (list(cases), now)).fetchall()
    return {str(case): Lease(holder, until) for case, holder, until in rows}


_ABOUT = "select kind, about, case_id from ledger.open_cases where about = any(%s::text[])"
_STAND = (
    "insert into ledger.open_cases (case_id, kind, due, about) values (%s, %s, %s, %s)"
    " on conflict (case_id) do update set due = excluded.due"
)
_NAME = "insert into ledger.case_records (case_id, record_id) select %s, unnest(%s::uuid[]) on conflict do nothing"
_NAMING = (
    "select case_id, array_agg(record_id) from ledger.case_records where case_id in"
    " (select case_id from ledger.case_records where record_id = any(%s::uuid[])) group by case_id"
)
_TAKE = (
    "insert into ledger.case_leases (case_id, holder, until) values (%s, %s, %s)"
    " on conflict (case_id) do update set until = excluded.until where case_leases.holder = excluded.holder"
)
