"""One S row with its child rows, decided: the events of a record, and an outcome per row.

The invariant: a row that is refused leaves nothing behind, and an S row that is refused leaves nothing of the student.
Asks ``intake.whole_record`` what the record would break with these rows, and places them again without what must go.
What a row may hold by itself is ``intake.rules``. Pure: days and ids are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
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
from ledger.intake.decided import Kept, left_as_decided, under_their_keys, with_values_kept
from ledger.intake.placement import NATURAL_KEYS, Entry, Place, Step, place_table
from ledger.intake.rows_to_events import RowEvents, changes_between
from ledger.intake.rules import Finding, finding
from ledger.intake.whole_record import Record, Standing, judge
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
    student: StudentRows,
    state: RecordState | None,
    new_student_id: str,
    profile: Profile,
    *,
    late: bool = False,
    today: date = date.max,
) -> Decision:
    """The events and outcomes of one S row with its child rows.

    new_student_id is used where the record is opened. late: the rows are older than what the record holds, so they add
    facts that are not there and never correct, retract or reinstate one. today: the Submission Date's of a file, the
    state's own day of a request. Raises nothing for bad rows: each is refused in its outcome. A record that would hold
    no qualifying move refuses the S row and with it every row (V9).
    """
    if late and state is not None and (student.action == "D" or state.status == "retracted"):
        return _superseded(student)
    if student.action == "D":
        return _retract(student, state, profile.rule_levels)
    levels = profile.rule_levels
    opening, findings = _open(student, state, new_student_id)
    placed = place_rows(student.rows, state, profile, late=late, today=today)
    if late and state is not None and opening:
        opening = []
        findings.append(finding("superseded", "S", level="warned"))
    without_move = levels.get("V9", "refuse")
    if without_move != "off" and not _holds_move(state, placed.events):
        if without_move == "refuse":
            return _refuse(student, placed.outcomes)
        findings.append(finding("V9", "S", level="warned"))
    if warning := action_finding(student.action, known=state is not None, levels=levels):
        findings.append(warning)
    if placed.by_record_id >= RENUMBERED_FROM and levels.get("renumbered") != "off":
        findings.append(finding("renumbered", "S", level="warned"))
    outcome = "accepted" if opening else "unchanged"
    first = Outcome(letter="S", outcome=outcome, row=student.number, fact=0, findings=findings)
    return Decision(events=opening + placed.events, outcomes=[first, *placed.outcomes])


def place_rows(
    rows: Sequence[Row],
    state: RecordState | None,
    profile: Profile,
    *,
    late: bool = False,
    today: date = date.max,
) -> PlacedRows:
    """The events of child rows against a record, and one outcome per row, both in the order of the rows.

    state: None for a record about to be opened. rows: checked by ``rules.check_row`` already. A row that cannot be
    believed all the same, by itself or beside what the record will hold, is refused in its outcome, or loses the
    element that cannot be. late, today: as for ``place_student``.
    """
    stable = profile.record_ids == STABLE
    refused = {index: [found] for index, row in enumerate(rows) if (found := _refusal(row, profile, stable))}
    left_out: dict[int, list[Finding]] = {}
    day = today.isoformat()
    while True:
        placing = _Placing(rows, refused, state, profile, late=late)
        # Nothing new is said, or nothing that any rule about the whole record minds, nearly always.
        broken = judge(placing.record(), profile, day) if placing.events else ()
        if not broken or broken[0].effect == "stands":
            break
        # What goes makes the record another one: placed and asked again, without it.
        rows = list(rows)
        for one in broken:
            for index in placing.alike(one.said):
                if one.effect == "row":
                    refused.setdefault(index, []).append(finding(one.rule, one.letter, one.element))
                else:
                    found = finding(one.rule, one.letter, one.element, "warned")
                    left_out.setdefault(index, []).append(found)
                    elements = {name: value for name, value in rows[index].elements.items() if name != one.element}
                    rows[index] = msgspec.structs.replace(rows[index], elements=elements)
    for one in broken:
        left_out.setdefault(one.said, []).append(finding(one.rule, one.letter, one.element, "warned"))
    for index, findings in left_out.items():
        if index not in refused:
            placing.outcomes[index].findings = [*placing.outcomes[index].findings, *findings]
    return PlacedRows(placing.events, placing.outcomes, placing.by_record_id)


class _Placing:
    """The rows placed once, without those refused: events, one outcome per row, and what the record will hold."""

    def __init__(
        self,
        rows: Sequence[Row],
        refused: Mapping[int, list[Finding]],
        state: RecordState | None,
        profile: Profile,
        *,
        late: bool,
    ) -> None:
        stable = profile.record_ids == STABLE
        tables: dict[str, list[Entry]] = {}
        for index, row in enumerate(rows):
            if index in refused:
                continue
            entry = (index, row, NATURAL_KEYS[row.letter](row.elements))
            if row.letter in tables:
                tables[row.letter].append(entry)
            else:
                tables[row.letter] = [entry]
        only = next(iter(tables)) if len(tables) == 1 else None
        self._live = held_rows(state, letter=only) if state is not None else {}
        self._live_letter = only
        self._state = state
        self._levels = profile.rule_levels
        sleeps = state is not None and any(fact.status == "dormant" for fact in state.facts.values())
        dormant = held_rows(state, "dormant", letter=only) if state is not None and sleeps else {}
        kept: Kept = {}
        if state is not None and state.decided:
            rows, tables, kept = under_their_keys(rows, tables, (self._live, dormant), state.decided)
        self._places: dict[int, Place] = {}
        for letter, table in tables.items():
            live = self._live.get(letter, [])
            self._places.update(place_table(letter, table, live, dormant.get(letter, []), stable))
        if state is not None and state.decided:
            rows = with_values_kept(rows, self._places, state.decided, kept)
        self._rows = rows
        self._tables = tables
        self._superseded = _behind(rows, self._places, state) if late and state is not None else frozenset()
        self.outcomes: list[Outcome] = []
        self._changed: set[str] = set()
        self.events = self._say(refused, kept)
        self.by_record_id = sum(place.step is Step.RECORD_ID for place in self._places.values())

    def _say(self, refused: Mapping[int, list[Finding]], kept: Kept) -> list[Event]:
        said = RowEvents(self._state)
        for index, row in enumerate(self._rows):
            place = self._places.get(index)
            if place is None:
                outcome = Outcome(letter=row.letter, outcome="refused", row=row.number, findings=refused[index])
            elif index in self._superseded:
                findings = [finding("superseded", row.letter, level="warned")]
                outcome = Outcome(letter=row.letter, outcome="unchanged", row=row.number, findings=findings)
            else:
                before = len(said.events)
                fact = said.say(index, row, place)
                if len(said.events) > before:
                    self._changed.add(row.letter)
                    outcome = Outcome(letter=row.letter, outcome="accepted", row=row.number, fact=fact)
                else:
                    outcome = Outcome(letter=row.letter, outcome="unchanged", row=row.number, fact=fact)
                if index in kept:
                    outcome.findings = [finding("C1", row.letter, name, "warned") for name in kept[index]]
                elif place.step is Step.RETRACTION and not place.held and self._is_of_no_fact(row):
                    outcome.findings = [finding("retract-unknown-fact", row.letter, level="warned")]
            self.outcomes.append(outcome)
        return said.events

    def _is_of_no_fact(self, row: Row) -> bool:
        """Whether a bare row has a Record ID that no fact ever had, by which it could have been taken back before."""
        if self._levels.get("retract-unknown-fact") == "off":
            return False
        facts = () if self._state is None else self._state.facts.values()
        gone = (fact for fact in facts if fact.status != "live" and fact.letter == row.letter)
        return all(fact.record_id != row.record_id for fact in gone)

    def alike(self, index: int) -> list[int]:
        """The row, and those that say the same: what one of them may not say the next may not say in its place."""
        return [index, *(other for other, place in self._places.items() if place.twin == index)]

    def record(self) -> Record:
        """What the record will hold."""
        return Record(self._changed, self._standing)

    def _standing(self, letter: str) -> list[Standing]:
        """Of one table: what stays as it is, then what these rows say; of demographics, in the order spoken."""
        standing: list[Standing] = []
        facts: list[int] = []
        if self._state is not None:
            live = self._live if self._live_letter in (None, letter) else held_rows(self._state, letter=letter)
            claimed = self._claimed()
            for held in live.get(letter, ()):
                if held.fact.id not in claimed:
                    standing.append(Standing(held.elements))
                    facts.append(held.fact.id)
        for index, _, _ in self._tables.get(letter, ()):
            place, row, outcome = self._places[index], self._rows[index], self.outcomes[index]
            if place.step is Step.TWIN or not row.elements or index in self._superseded:
                continue
            if outcome.outcome == "accepted":
                standing.append(Standing(row.elements, index, place.held[0].elements if place.held else None))
            else:
                standing.append(Standing(row.elements))
            facts.append(outcome.fact or 0)
        return standing if letter != "D" or len(standing) < 2 else self._in_the_order_spoken(standing, facts)

    def _claimed(self) -> set[int]:
        """Facts that these rows speak of."""
        places = self._places.items()
        return {held.fact.id for index, place in places if index not in self._superseded for held in place.held}

    def _in_the_order_spoken(self, demographics: list[Standing], facts: list[int]) -> list[Standing]:
        """What stays as it is in the order of the record, then what these rows say."""
        before = self._state.demographics if self._state is not None else ()
        ranks = {fact: rank for rank, fact in enumerate(before)}

        def place_of(at: int) -> tuple[int, int]:
            said = demographics[at].said
            return (0, ranks.get(facts[at], 0)) if said is None else (1, said)

        return [demographics[at] for at in sorted(range(len(facts)), key=place_of)]


def action_finding(action: str, *, known: bool, levels: Mapping[str, str] | None = None) -> Finding | None:
    """The warning that an action code deserves: I on a record that is known, U on one that is not.

    levels: the state's own, by rule.
    """
    if action != ("I" if known else "U"):
        return None
    rule = "known-record" if known else "unknown-record"
    return None if levels and levels.get(rule) == "off" else finding(rule, "S", level="warned")


def _refusal(row: Row, profile: Profile, stable: bool) -> Finding | None:
    if not row.elements:
        return None if stable and row.record_id is not None else finding("retract-by-record-id", row.letter)
    if row.letter == "E" and profile.rule_levels.get("V10", "refuse") == "refuse":
        withdrawn = row.elements.get(WITHDRAWAL_DATE)
        if withdrawn is not None and withdrawn < row.elements.get("enrollment_date", ""):
            return finding("V10", "E", WITHDRAWAL_DATE)
    return None


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


def _open(student: StudentRows, state: RecordState | None, new_student_id: str) -> tuple[list[Event], list[Finding]]:
    """What the S row itself brings, and what is found of it."""
    if state is None:
        opened = RecordOpened(
            state=student.state,
            state_student_id=student.state_student_id,
            student_id=new_student_id,
            elements=_identity(student.elements, new_student_id),
            source_row=student.number,
        )
        return [opened], []
    events: list[Event] = []
    if state.status == "retracted":
        events.append(RecordReinstated(source_row=student.number))
    sent, kept = _identity(student.elements, state.student_id), ()
    if 0 in state.decided:
        sent, kept = left_as_decided(sent, state.identity, state.decided[0])
    if changes := changes_between(state.identity, sent):
        events.append(FactCorrected(fact=0, letter="S", elements=changes, source_row=student.number))
    return events, [finding("C1", "S", name, "warned") for name in kept]


def _identity(elements: Elements, own_student_id: str) -> Elements:
    """The S row's elements. The record's own student id, sent back as MSIX number, says nothing."""
    if elements.get(MSIX_NUMBER) == own_student_id:
        return {name: value for name, value in elements.items() if name != MSIX_NUMBER}
    return elements


def _retract(student: StudentRows, state: RecordState | None, levels: Mapping[str, str]) -> Decision:
    """Action D. Its child rows say nothing more; a record that is not there, or retracted already, stays as it is.

    Of one that never was there a warning: a typing error in the student's id would go unseen.
    """
    events: list[Event] = []
    if state is not None and state.status == "open":
        events.append(RecordRetracted(source_row=student.number))
    outcome = "accepted" if events else "unchanged"
    outcomes = [Outcome(letter="S", outcome=outcome, row=student.number, fact=None if state is None else 0)]
    if state is None and levels.get("retract-unknown-record") != "off":
        outcomes[0].findings = [finding("retract-unknown-record", "S", level="warned")]
    outcomes += [Outcome(letter=row.letter, outcome="unchanged", row=row.number) for row in student.rows]
    return Decision(events=events, outcomes=outcomes)


def _holds_move(state: RecordState | None, events: list[Event]) -> bool:
    if any(type(event) is MoveQualified for event in events):
        return True
    if state is None:
        return False
    if state.erased:
        return True
    gone = {event.fact for event in events if type(event) is FactRetracted}
    return any(fact.letter == "Q" and fact.status == "live" and fact.id not in gone for fact in state.facts.values())


def _refuse(student: StudentRows, outcomes: list[Outcome]) -> Decision:
    """V9: nothing of the student is applied. A row that was refused by itself keeps its own reason."""
    refused = [Outcome(letter="S", outcome="refused", row=student.number, findings=[finding("V9", "S")])]
    for outcome in outcomes:
        own = outcome.findings if outcome.outcome == "refused" else [finding("student-refused", outcome.letter)]
        refused.append(Outcome(letter=outcome.letter, outcome="refused", row=outcome.row, findings=own))
    return Decision(events=[], outcomes=refused)
