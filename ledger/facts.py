"""What a record holds, and what is sent to it: facts, rows, and the row that a fact would be sent as.

Keeps one invariant: a value here is never changed in place once it is shared; who wants another makes another. Knows
nothing of files, of events or of the ledger.

A row of the file is one fact, save an enrollment's: its withdrawal and its residencies are facts of their own, since
each came true, and was learned, on a day of its own. ``HeldRow`` puts them together again, so that "has this row
changed?" is asked of one thing for every table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from ledger.events.record import Elements

Status = Literal["live", "retracted", "dormant"]
"""live: the state says so. retracted: the state took it back, for good. dormant: its record was retracted, and the
fact waits to be sent again."""

WITHDRAWAL_DATE = "withdrawal_date"
RESIDENCY = ("district_of_residence", "residency_date", "residency_verification_date")
MSIX_NUMBER = "msix_identification_number"
IDENTITY = (MSIX_NUMBER, "state_student_identifier_type")
"""Elements of the S row that are kept as fact 0."""

APART = frozenset({WITHDRAWAL_DATE, *RESIDENCY})
"""Elements of an enrollment row that are facts of their own."""

KINDS = {
    "D": "demographics",
    "K": "alternate_id",
    "Q": "move",
    "E": "enrollment",
    "C": "course",
    "A": "assessment",
    "I": "immunization",
}
"""Kind of the fact that a row of each table states; an enrollment row may state a ``withdrawal`` and a ``residency``
beside it."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One thing that a state says of one child.

    id: counted within the record from 1, never changed. kind: a value of ``KINDS``, ``withdrawal`` or ``residency``.
    record_id: the state's own number for the row, as it was when the fact was last stated or corrected. enrollment:
    the fact that a withdrawal or a residency belongs to.
    """

    id: int
    letter: str
    kind: str
    elements: Elements
    record_id: str | None = None
    enrollment: int | None = None
    status: Status = "live"


class Replaced(msgspec.Struct, frozen=True, gc=False):
    """A value that a decided correction replaced (None: it had none), and the id of the decision."""

    value: str | None
    decision: str


Decided = dict[int, dict[str, tuple[Replaced, ...]]]
"""Fact to element to what decided corrections replaced of it. A withdrawal and a residency stand under their
enrollment, since their row is one; the S row under 0."""


class RecordState(msgspec.Struct, gc=False):
    """A record as its events leave it. identity: the elements of its S row (fact 0), never the record's own student
    id. facts: by id, in the order in which they were first stated. next_fact: the id that the next new fact gets.
    decided: what must not be taken back from a file (C1); replaced whole, never changed in place. demographics: facts
    in the order in which the state last spoke of them: the last live one is what it says of the child now. erased: of
    moves whose key was destroyed, what the guard keeps of each, by fact (``ledger.row_hash``); replaced whole too."""

    state: str
    state_student_id: str
    student_id: str
    status: Literal["open", "retracted"] = "open"
    identity: Elements = {}
    facts: dict[int, Fact] = {}
    next_fact: int = 1
    decided: Decided = {}
    demographics: tuple[int, ...] = ()
    erased: dict[int, bytes] = {}


class Row(msgspec.Struct, frozen=True, gc=False):
    """One child row as sent: the whole fact, where an element that is absent has no value.

    elements: canonical, without the Record ID. number: its line in the file, from 1 with the header. raw: values as
    received, of those elements where a repair changed letters. No elements at all: the row asks for a retraction.
    """

    letter: str
    elements: Elements
    record_id: str | None = None
    number: int | None = None
    raw: Elements | None = None


class StudentRows(msgspec.Struct, frozen=True):
    """One S row with its child rows. elements: those of the S row beside the ids and the action."""

    state: str
    state_student_id: str
    action: str = "U"
    elements: Elements = {}
    rows: list[Row] = []
    number: int | None = None


class HeldRow(msgspec.Struct, gc=False):
    """A fact as the row that would state it whole. elements: of the fact, and of an enrollment's withdrawal and
    current residency. The current residency is the one with the highest fact id."""

    fact: Fact
    elements: Elements
    withdrawal: Fact | None = None
    residency: Fact | None = None


def held_rows(state: RecordState, status: Status = "live", *, letter: str | None = None) -> dict[str, list[HeldRow]]:
    """The rows that a record holds in one status, by letter, each list in order of fact id. letter: of it alone."""
    held: dict[str, list[HeldRow]] = {}
    parts: list[Fact] = []
    for fact in state.facts.values():
        if fact.status != status or (letter is not None and fact.letter != letter):
            continue
        if fact.enrollment is None:
            row = HeldRow(fact, fact.elements)
            if fact.letter in held:
                held[fact.letter].append(row)
            else:
                held[fact.letter] = [row]
        else:
            parts.append(fact)
    if parts:
        _join_parts(held.get("E", ()), parts)
    return held


def held_row(state: RecordState, fact: Fact) -> HeldRow:
    """The row of one fact, or of the enrollment that the fact belongs to, with what of it has the fact's status."""
    if fact.letter != "E":
        return HeldRow(fact, fact.elements)
    own = fact if fact.enrollment is None else state.facts[fact.enrollment]
    row = HeldRow(own, own.elements)
    _join_parts([row], [f for f in state.facts.values() if f.enrollment == own.id and f.status == fact.status])
    return row


def _join_parts(enrollments: Iterable[HeldRow], parts: list[Fact]) -> None:
    by_id = {row.fact.id: row for row in enrollments}
    for part in sorted(parts, key=lambda fact: fact.id):
        row = by_id.get(part.enrollment or 0)
        if row is None:
            continue  # dormant part of an enrollment that is live again
        if part.kind == "withdrawal":
            row.withdrawal = part
        else:
            row.residency = part
    for row in by_id.values():
        if row.withdrawal is not None or row.residency is not None:
            row.elements = {
                **row.fact.elements,
                **(row.withdrawal.elements if row.withdrawal else {}),
                **(row.residency.elements if row.residency else {}),
            }
