"""One S row with its child rows, decided: the events of a record, and an outcome per row.

The invariant: a row that is refused leaves nothing behind, and an S row that is refused leaves nothing of the student.
Knows which rules look beyond one row (V9, actions, Record IDs); what a row may hold by itself is ``intake.rules``.
Pure: times and ids are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from ledger.events.base import Event
from ledger.events.record import (
    Elements,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
)
from ledger.facts import MSIX_NUMBER, WITHDRAWAL_DATE, RecordState, Row, StudentRows, held_rows
from ledger.intake.placement import NATURAL_KEYS, Entry, Place, Step, place_table
from ledger.intake.rows_to_events import RowEvents, changes_between
from ledger.intake.rules import Finding, finding
from ledger.jurisdiction import STABLE, Profile

RENUMBERED_FROM = 5
"""From so many rows of one record told apart by Record ID alone, the state is warned that it may number afresh."""


class Outcome(msgspec.Struct, kw_only=True, gc=False):
    """What became of one row. row: its line in the file. fact: that the row speaks of, an enrollment's for all of its
    row; 0 for an S row; None where none was reached."""

    letter: str
    outcome: Literal["accepted", "unchanged", "refused"]
    row: int | None = None
    fact: int | None = None
    findings: list[Finding] = []


class Decision(msgspec.Struct, kw_only=True, gc=False):
    """What is appended, and what is answered. outcomes: of a student, first the S row's, then one per row in order."""

    events: list[Event]
    outcomes: list[Outcome]


class PlacedRows(msgspec.Struct, gc=False):
    """What child rows come to. by_record_id: how many of them were told apart by Record ID alone."""

    events: list[Event]
    outcomes: list[Outcome]
    by_record_id: int = 0


def place_student(
    student: StudentRows, state: RecordState | None, new_student_id: str, profile: Profile, *, late: bool = False
) -> Decision:
    """The events and outcomes of one S row with its child rows.

    new_student_id is used where the record is opened. late: the rows are older than what the record holds, so they add
    facts that are not there and never correct, retract or reinstate one. Raises nothing for bad rows: each is refused
    in its outcome. A record that would hold no qualifying move refuses the S row and with it every row (V9).
    """
    if late and state is not None and (student.action == "D" or state.status == "retracted"):
        return _superseded(student)
    if student.action == "D":
        return _retract(student, state)
    opening = _open(student, state, new_student_id)
    placed = place_rows(student.rows, state, profile, late=late)
    findings: list[Finding] = []
    if late and state is not None and opening:
        opening = []
        findings.append(finding("superseded", "S", level="warned"))
    without_move = profile.rule_levels.get("V9", "refuse")
    if without_move != "off" and not _holds_move(state, placed.events):
        if without_move == "refuse":
            return _refuse(student, placed.outcomes)
        findings.append(finding("V9", "S", level="warned"))
    if warning := action_finding(student.action, known=state is not None):
        findings.append(warning)
    if placed.by_record_id >= RENUMBERED_FROM:
        findings.append(finding("renumbered", "S", level="warned"))
    outcome = "accepted" if opening else "unchanged"
    first = Outcome(letter="S", outcome=outcome, row=student.number, fact=0, findings=findings)
    return Decision(events=opening + placed.events, outcomes=[first, *placed.outcomes])


def place_rows(rows: Sequence[Row], state: RecordState | None, profile: Profile, *, late: bool = False) -> PlacedRows:
    """The events of child rows against a record, and one outcome per row, both in the order of the rows.

    state: None for a record about to be opened. rows: checked by ``rules.check_row`` already. A row that cannot be
    believed all the same is refused in its outcome. late: as for ``place_student``.
    """
    stable = profile.record_ids == STABLE
    refusals: dict[int, Finding] = {}
    tables: dict[str, list[Entry]] = {}
    for index, row in enumerate(rows):
        if refusal := _refusal(row, profile, stable):
            refusals[index] = refusal
            continue
        entry = (index, row, NATURAL_KEYS[row.letter](row.elements))
        if row.letter in tables:
            tables[row.letter].append(entry)
        else:
            tables[row.letter] = [entry]
    places = _place(tables, state, stable)
    superseded = _behind(rows, places, state) if late and state is not None else frozenset()
    said = RowEvents(state)
    outcomes: list[Outcome] = []
    for index, row in enumerate(rows):
        place = places.get(index)
        if place is None:
            findings = [refusals[index]]
            outcomes.append(Outcome(letter=row.letter, outcome="refused", row=row.number, findings=findings))
            continue
        if index in superseded:
            findings = [finding("superseded", row.letter, level="warned")]
            outcomes.append(Outcome(letter=row.letter, outcome="unchanged", row=row.number, findings=findings))
            continue
        before = len(said.events)
        fact = said.say(index, row, place)
        outcome = "accepted" if len(said.events) > before else "unchanged"
        outcomes.append(Outcome(letter=row.letter, outcome=outcome, row=row.number, fact=fact))
    by_record_id = sum(place.step is Step.RECORD_ID for place in places.values())
    return PlacedRows(said.events, outcomes, by_record_id)


def action_finding(action: str, *, known: bool) -> Finding | None:
    """The warning that an action code deserves: I on a record that is known, U on one that is not."""
    if known:
        return finding("known-record", "S", level="warned") if action == "I" else None
    return finding("unknown-record", "S", level="warned") if action == "U" else None


def _refusal(row: Row, profile: Profile, stable: bool) -> Finding | None:
    if not row.elements:
        return None if stable and row.record_id is not None else finding("retract-by-record-id", row.letter)
    if row.letter == "E" and profile.rule_levels.get("V10", "refuse") == "refuse":
        withdrawn = row.elements.get(WITHDRAWAL_DATE)
        if withdrawn is not None and withdrawn < row.elements.get("enrollment_date", ""):
            return finding("V10", "E", WITHDRAWAL_DATE)
    return None


def _place(tables: dict[str, list[Entry]], state: RecordState | None, stable: bool) -> dict[int, Place]:
    places: dict[int, Place] = {}
    only = next(iter(tables)) if len(tables) == 1 else None
    live = held_rows(state, letter=only) if state is not None else {}
    sleeps = state is not None and any(fact.status == "dormant" for fact in state.facts.values())
    dormant = held_rows(state, "dormant", letter=only) if state is not None and sleeps else {}
    for letter, table in tables.items():
        places.update(place_table(letter, table, live.get(letter, []), dormant.get(letter, []), stable))
    return places


def _behind(rows: Sequence[Row], places: dict[int, Place], state: RecordState) -> frozenset[int]:
    """Rows of a late file that would touch what the record holds, or bring back what was taken back since."""
    retracted = {
        (letter, NATURAL_KEYS[letter](row.elements) or tuple(sorted(row.elements.items())))
        for letter, held in held_rows(state, "retracted").items()
        for row in held
    }
    behind: set[int] = set()
    for index, row in enumerate(rows):
        place = places.get(index)
        if place is None or place.step is Step.EQUAL:
            continue
        if place.step is Step.NEW:
            key = NATURAL_KEYS[row.letter](row.elements) or tuple(sorted(row.elements.items()))
            if (row.letter, key) in retracted:
                behind.add(index)
        elif place.step is Step.TWIN:
            if place.twin in behind:
                behind.add(index)
        elif place.step is not Step.RETRACTION or place.held:
            behind.add(index)
    return frozenset(behind)


def _superseded(student: StudentRows) -> Decision:
    """A late file speaks of a record that was taken back since, or would take one back."""
    rows = [("S", student.number), *((row.letter, row.number) for row in student.rows)]
    outcomes = [
        Outcome(letter=letter, outcome="unchanged", row=row, findings=[finding("superseded", letter, level="warned")])
        for letter, row in rows
    ]
    return Decision(events=[], outcomes=outcomes)


def _open(student: StudentRows, state: RecordState | None, new_student_id: str) -> list[Event]:
    """What the S row itself brings."""
    if state is None:
        opened = RecordOpened(
            state=student.state,
            state_student_id=student.state_student_id,
            student_id=new_student_id,
            elements=_identity(student.elements, new_student_id),
            source_row=student.number,
        )
        return [opened]
    events: list[Event] = []
    if state.status == "retracted":
        events.append(RecordReinstated(source_row=student.number))
    if changes := changes_between(state.identity, _identity(student.elements, state.student_id)):
        events.append(FactCorrected(fact=0, letter="S", elements=changes, source_row=student.number))
    return events


def _identity(elements: Elements, own_student_id: str) -> Elements:
    """The S row's elements. The record's own student id, sent back as MSIX number, says nothing."""
    if elements.get(MSIX_NUMBER) == own_student_id:
        return {name: value for name, value in elements.items() if name != MSIX_NUMBER}
    return elements


def _retract(student: StudentRows, state: RecordState | None) -> Decision:
    """Action D. Its child rows say nothing more; a record that is not there, or retracted already, stays as it is."""
    events: list[Event] = []
    if state is not None and state.status == "open":
        events.append(RecordRetracted(source_row=student.number))
    outcome = "accepted" if events else "unchanged"
    outcomes = [Outcome(letter="S", outcome=outcome, row=student.number, fact=None if state is None else 0)]
    outcomes += [Outcome(letter=row.letter, outcome="unchanged", row=row.number) for row in student.rows]
    return Decision(events=events, outcomes=outcomes)


def _holds_move(state: RecordState | None, events: list[Event]) -> bool:
    if any(type(event) is MoveQualified for event in events):
        return True
    if state is None:
        return False
    gone = {event.fact for event in events if type(event) is FactRetracted}
    return any(fact.letter == "Q" and fact.status == "live" and fact.id not in gone for fact in state.facts.values())


def _refuse(student: StudentRows, outcomes: list[Outcome]) -> Decision:
    """V9: nothing of the student is applied. A row that was refused by itself keeps its own reason."""
    refused = [Outcome(letter="S", outcome="refused", row=student.number, findings=[finding("V9", "S")])]
    for outcome in outcomes:
        own = outcome.findings if outcome.outcome == "refused" else [finding("student-refused", outcome.letter)]
        refused.append(Outcome(letter=outcome.letter, outcome="refused", row=outcome.row, findings=own))
    return Decision(events=[], outcomes=refused)
