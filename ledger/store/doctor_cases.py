"""Whether the guards of cases follow from their events: which are open and when due, what they ask, whom they hold.

Reads only. Of a case whose key was destroyed is known that it was, and whether it was closed; that is all that is
compared then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ledger.cases import APPROVED_BY_TIME, HOLDS, Case, about_of, fold, next_due
from ledger.events import Erased, Recorded
from ledger.events.case import CaseClosed
from ledger.store import retention_guards
from ledger.store.log import Log

PAGE_CASES = 200


def faults(conn: psycopg.Connection[Any], log: Log) -> Iterator[str]:
    """What is wrong, a sentence each, by no more than a case's or record's id. Raises LogBroken, UnknownEvent."""
    cursor = conn.cursor(row_factory=tuple_row)
    guards = {str(case): guard for case, *guard in cursor.execute(_OPEN).fetchall()}
    named = {str(case): set(map(str, records)) for case, records in cursor.execute(_NAMED).fetchall()}
    filled = retention_guards.are_filled(conn)
    holding = set()
    streams = [row[0] for row in cursor.execute(_STREAMS).fetchall()]
    for start in range(0, len(streams), PAGE_CASES):
        page = streams[start : start + PAGE_CASES]
        said: dict[str, list[Recorded]] = {}
        for recorded in log.open(conn, log.reader.events_of(conn, page)):
            said.setdefault(recorded.stream.partition("/")[2], []).append(recorded)
        for case, events in said.items():
            guard = guards.pop(case, None)
            if _is_closed(events):
                if guard is not None:
                    yield f"Case {case} is closed and has a guard row."
                continue
            if guard is None:
                yield f"Case {case} is open and has no guard row."
                continue
            known = None if any(isinstance(one.event, Erased) for one in events) else fold(one.event for one in events)
            if known is None or known.kind in HOLDS:
                holding.add(case)
            if known is not None and not _stands(known, *guard):
                yield f"The guard row of case {case} does not follow from its events."
            there = named.pop(case, set())
            if not there and not filled:
                continue
            if known is not None and there != {concerned.anchor.record for concerned in known.opened.records}:
                yield f"The records that case {case} keeps from going are not those that it names."
    yield from (f"Case {case} has a guard row and no events." for case in guards)
    yield from (f"Case {case} is not open, and keeps records from going." for case in sorted(named))
    for record, case in cursor.execute(_HELD).fetchall():
        if str(case) not in holding:
            yield f"Record {record} is held by case {case}, which holds nothing."


def _is_closed(events: list[Recorded]) -> bool:
    last = events[-1].event
    return last.was == CaseClosed.topic if isinstance(last, Erased) else isinstance(last, CaseClosed)


def _stands(known: Case, kind: str, due: object, about: str | None) -> bool:
    wanted = next_due(known)
    # One that is to be approved, and waits for another case, is looked at again although time alone moves it no more.
    waits = wanted is None and known.kind in APPROVED_BY_TIME
    return (kind, about) == (known.kind, about_of(known.opened)) and (due == wanted or waits)


_OPEN = "select case_id, kind, due, about from ledger.open_cases"
_NAMED = "select case_id, array_agg(record_id) from ledger.case_records group by case_id"
_STREAMS = "select stream from ledger.heads where stream like 'case/%' order by position"
_HELD = "select record_id, case_id from ledger.records where case_id is not null order by record_id"
