"""Guards of linkage within one transaction of the sequencer: looked at under the lock, written before the commit.

Invariant: the append that would join what was declared not to be the same, or that was decided before a case took a
record, is left out alone. What this overlooks, a deferred constraint refuses at commit, and with it the whole group.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.errors import BoundByNotSame, LedgerError, StaleDecision
from ledger.events.linkage import ActReversed, DeclarationWithdrawn, DeclaredNotSame
from ledger.store.append import Relinked, SealedAppend
from ledger.store.arrays import int8s, texts, uuids

_WITHDRAWING = frozenset((ActReversed.topic, DeclarationWithdrawn.topic))


class Relinking(NamedTuple):
    """What an append writes. declared, withdrawn: positions of the first event that says so, 0 where none does."""

    relinked: Relinked
    declared: int
    withdrawn: int


def records_of(conn: psycopg.Connection[Any], student_id: str) -> list[str]:
    """The records of a student now, by uuid; none where there is none. student_id: any id that he was ever shown by, of
    those whose own record was destroyed the one that he shows."""
    rows = conn.cursor(row_factory=tuple_row).execute(_RECORDS, (student_id, student_id)).fetchall()
    return [str(row[0]) for row in rows]


class LinkageGuards:
    """As they stand while the log's lock is held, for the appends of one group."""

    def __init__(self, conn: psycopg.Connection[Any], asked: Sequence[Relinked]) -> None:
        joined = {record for relinked in asked for record in chain.from_iterable(relinked.together)}
        held = {record for relinked in asked for record in relinked.cases}
        with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
            cursor.execute(_PAIRS, (uuids(list(joined)), uuids(list(joined))))
            self._pairs = [(left.bytes, right.bytes, declaration) for left, right, declaration in cursor.fetchall()]
            cursor.execute(_CASES, (uuids(list(held)),))
            self._cases = {record.bytes: None if case is None else str(case) for record, case in cursor.fetchall()}

    def refusal(self, relinked: Relinked) -> LedgerError | None:
        """Why an append cannot be written: StaleDecision, BoundByNotSame; None where it can."""
        for record, (expected, _) in relinked.cases.items():
            if self._cases.get(record) != expected:
                return StaleDecision("A case took the record, or let it go, meanwhile.", remedy="Decide anew.")
        for members in relinked.together:
            there = set(members)
            for left, right, declaration in self._pairs:
                if left in there and right in there and declaration not in relinked.withdrawn:
                    return BoundByNotSame(
                        f"Records of the two were declared not to be the same child ({declaration}).",
                        remedy=f"If that was wrong, withdraw declaration {declaration} first.",
                    )
        self._cases.update((record, after) for record, (_, after) in relinked.cases.items())
        return None


def relinking(append: SealedAppend, relinked: Relinked, first: int) -> Relinking:
    """What an append writes whose events begin at a position."""
    declared = withdrawn = 0
    events = (event for part in append.parts for event in part.events)
    for position, event in enumerate(events, start=first):
        if event.topic in _WITHDRAWING:
            withdrawn = withdrawn or position
        elif event.topic == DeclaredNotSame.topic:
            declared = declared or position
    return Relinking(relinked, declared, withdrawn)


def write(conn: psycopg.Connection[Any], written: Iterable[Relinking]) -> None:
    """Bring the guards to what the appends say, in their order. The events are with the server."""
    cursor = conn.cursor(binary=True)
    for relinked, declared, withdrawn in written:
        if relinked.students:
            students = relinked.students
            cursor.execute(_STUDENTS, (uuids(list(students)), texts(list(students.values()))), prepare=True)
        pairs = [
            (min(pair), max(pair), declaration)
            for declaration, left, right in relinked.declared
            for pair in product(left, right)
        ]
        if pairs:
            columns = (uuids([p[0] for p in pairs]), uuids([p[1] for p in pairs]), texts([p[2] for p in pairs]))
            cursor.execute(_DECLARE, (*columns, int8s([declared] * len(pairs))), prepare=True)
        if relinked.withdrawn:
            cursor.execute(_WITHDRAW, (withdrawn, texts(list(relinked.withdrawn))), prepare=True)
        if relinked.revived:
            cursor.execute(_REVIVE, (texts(list(relinked.revived)),), prepare=True)
        moved = {record: after for record, (before, after) in relinked.cases.items() if before != after}
        if moved:
            cases = [uuid.UUID(after).bytes if after is not None else bytes(16) for after in moved.values()]
            cursor.execute(_HOLD, (uuids(list(moved)), uuids(cases)), prepare=True)


# An id whose own record was destroyed may still be the one that is shown.
_RECORDS = (
    "select record_id from ledger.records where student_id ="
    " coalesce((select student_id from ledger.records where minted = %s), %s) order by record_id"
)
_PAIRS = (
    "select left_record, right_record, declaration from ledger.not_same"
    " where withdrawn is null and left_record = any(%s::uuid[]) and right_record = any(%s::uuid[])"
)
_CASES = "select record_id, case_id from ledger.records where record_id = any(%s::uuid[])"
_STUDENTS = (
    "update ledger.records r set student_id = n.student_id"
    " from unnest(%s::uuid[], %s::text[]) as n(record_id, student_id)"
    " where r.record_id = n.record_id and r.student_id <> n.student_id"
)
_DECLARE = (
    "insert into ledger.not_same (left_record, right_record, declaration, declared)"
    " select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::bigint[])"
)
_WITHDRAW = "update ledger.not_same set withdrawn = %s where declaration = any(%s::text[]) and withdrawn is null"
_REVIVE = "update ledger.not_same set withdrawn = null where declaration = any(%s::text[]) and withdrawn is not null"
_NOBODY = "'00000000-0000-0000-0000-000000000000'"
_HOLD = (
    f"update ledger.records r set case_id = nullif(n.case_id, {_NOBODY})"
    " from unnest(%s::uuid[], %s::uuid[]) as n(record_id, case_id) where r.record_id = n.record_id"
)
