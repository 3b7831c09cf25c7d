"""Rows to events: what one row brings, once it is known which fact it speaks of.

An enrollment's row comes apart here. Its withdrawal and its residencies are facts of their own: stated when they
appear, corrected when they change; a withdrawal that goes is retracted, a later residency in another district is a new
one. The invariant: after the events of a row, the row that the record holds for its fact is equal to it. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from itertools import count

from ledger.events.base import Event
from ledger.events.record import (
    AlternateIdStated,
    AssessmentReported,
    Changes,
    CourseReported,
    DemographicsStated,
    Elements,
    Enrolled,
    FactCorrected,
    FactRetracted,
    FactStated,
    ImmunizationReported,
    MoveQualified,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import APART, RESIDENCY, WITHDRAWAL_DATE, Fact, HeldRow, RecordState, Row
from ledger.intake.placement import Place, Step


class RowEvents:
    """The events of a student's rows as they are said one after another, and the ids that they use up.

    decision: id of the decision that a correction carries out; what it changes bears it.
    """

    def __init__(self, state: RecordState | None, decision: str | None = None) -> None:
        self.events: list[Event] = []
        self._state = state
        self._decision = decision
        self._ids = count(1 if state is None else state.next_fact)
        self._facts: dict[int, int] = {}

    def say(self, index: int, row: Row, place: Place) -> int | None:
        """Adds what the row at ``index`` brings; answers the fact that it speaks of."""
        step = place.step
        if step is Step.NEW:
            fact = self._state_new(row)
        elif step is Step.TWIN:
            fact = self._facts[place.twin]
        elif step is Step.RETRACTION:
            for held in place.held:
                self.events.append(FactRetracted(fact=held.fact.id, letter=row.letter, source_row=row.number))
            return place.held[0].fact.id if place.held else None
        else:
            held = place.held[0]
            fact = held.fact.id
            if step is Step.RESTATED:
                self._restate(row, held)
            elif step is not Step.EQUAL:
                self.correct(row, held)
        self._facts[index] = fact
        return fact

    def correct(self, row: Row, held: HeldRow) -> None:
        """Adds what changes a held row into the row given, each event against the fact that it concerns."""
        own, withdrawal, residency = _apart(row.letter, row.elements)
        if changes := changes_between(held.fact.elements, own):
            moved = row.record_id if row.record_id != held.fact.record_id else None
            self._correct(row, held.fact, changes, moved)
        if row.letter != "E":
            return
        if held.withdrawal is None:
            if withdrawal:
                self._withdraw(row, held.fact.id, withdrawal, self._dormant_withdrawal(held.fact.id))
        elif not withdrawal:
            self.events.append(
                FactRetracted(fact=held.withdrawal.id, letter="E", source_row=row.number, decision=self._decision)
            )
        elif changes := changes_between(held.withdrawal.elements, withdrawal):
            self._correct(row, held.withdrawal, changes)
        self._correct_residency(row, held, residency)

    def _correct_residency(self, row: Row, held: HeldRow, residency: Elements) -> None:
        if held.residency is None or is_later_residency(held.residency.elements, residency):
            if residency:
                self._reside(row, held.fact.id, residency, self._dormant_residency(held, residency))
        elif changes := changes_between(held.residency.elements, residency):
            self._correct(row, held.residency, changes)

    def _state_new(self, row: Row) -> int:
        own, withdrawal, residency = _apart(row.letter, row.elements)
        fact = next(self._ids)
        self._state_fact(row, fact, own)
        if withdrawal:
            self._withdraw(row, fact, withdrawal, None)
        if residency:
            self._reside(row, fact, residency, None)
        return fact

    def _restate(self, row: Row, held: HeldRow) -> None:
        own, withdrawal, residency = _apart(row.letter, row.elements)
        fact = held.fact.id
        self._state_fact(row, fact, own)
        if withdrawal:
            self._withdraw(row, fact, withdrawal, self._dormant_withdrawal(fact))
        if residency:
            self._reside(row, fact, residency, self._dormant_residency(HeldRow(held.fact, own), residency))

    def _state_fact(self, row: Row, fact: int, own: Elements) -> None:
        self.events.append(
            STATED[row.letter](
                fact=fact,
                elements=own,
                record_id=row.record_id,
                raw=_raw(row, own) if row.raw else None,
                source_row=row.number,
            )
        )

    def _withdraw(self, row: Row, enrollment: int, elements: Elements, before: Fact | None) -> None:
        self.events.append(
            Withdrawn(
                fact=before.id if before else next(self._ids),
                enrollment=enrollment,
                elements=elements,
                raw=_raw(row, elements) if row.raw else None,
                source_row=row.number,
                decision=self._decision,
            )
        )

    def _reside(self, row: Row, enrollment: int, elements: Elements, before: Fact | None) -> None:
        self.events.append(
            ResidencyChanged(
                fact=before.id if before else next(self._ids),
                enrollment=enrollment,
                elements=elements,
                raw=_raw(row, elements) if row.raw else None,
                source_row=row.number,
                decision=self._decision,
            )
        )

    def _correct(self, row: Row, fact: Fact, changes: Changes, record_id: str | None = None) -> None:
        self.events.append(
            FactCorrected(
                fact=fact.id,
                letter=fact.letter,
                elements=changes,
                record_id=record_id,
                raw=_raw(row, changes) if row.raw else None,
                source_row=row.number,
                decision=self._decision,
            )
        )

    def _dormant_withdrawal(self, enrollment: int) -> Fact | None:
        return next(iter(self._dormant(enrollment, "withdrawal")), None)

    def _dormant_residency(self, held: HeldRow, residency: Elements) -> Fact | None:
        """The dormant residency that comes back with these elements, if one does.

        One below the current residency stays dormant: restated, it would not be the current one, which is the one with
        the highest id, and the row would never be found unchanged.
        """
        current = held.residency.id if held.residency else 0
        waiting = [fact for fact in self._dormant(held.fact.id, "residency") if fact.id > current]
        for fact in waiting:
            if fact.elements == residency:
                return fact
        if waiting and not is_later_residency(waiting[-1].elements, residency):
            return waiting[-1]
        return None

    def _dormant(self, enrollment: int, kind: str) -> list[Fact]:
        if self._state is None:
            return []
        return [
            fact
            for fact in self._state.facts.values()
            if fact.enrollment == enrollment and fact.kind == kind and fact.status == "dormant"
        ]


def changes_between(before: Elements, after: Elements) -> Changes:
    """Every element that differs, with its value before and after."""
    changes: Changes = {}
    for name, value in before.items():
        now = after.get(name)
        if now != value:
            changes[name] = (value, now)
    for name, value in after.items():
        if name not in before:
            changes[name] = (None, value)
    return changes


def with_changes(before: Elements, changes: Mapping[str, str | None]) -> Elements:
    """The elements with these values instead; None takes one away."""
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


def is_later_residency(before: Elements, after: Elements) -> bool:
    """Whether the child moved on to another district, rather than that its residency was told wrong."""
    was, now = before.get("residency_date"), after.get("residency_date")
    district = after.get("district_of_residence")
    if was is None or now is None or district is None:
        return False
    return now > was and district != before.get("district_of_residence")


def _apart(letter: str, elements: Elements) -> tuple[Elements, Elements, Elements]:
    """A row's own elements, its withdrawal's and its residency's."""
    if letter != "E" or APART.isdisjoint(elements):
        return elements, _NOTHING, _NOTHING
    own = {name: value for name, value in elements.items() if name not in APART}
    withdrawal = {WITHDRAWAL_DATE: elements[WITHDRAWAL_DATE]} if WITHDRAWAL_DATE in elements else _NOTHING
    return own, withdrawal, {name: elements[name] for name in RESIDENCY if name in elements}


def _raw(row: Row, elements: Container[str]) -> Elements | None:
    return {name: value for name, value in (row.raw or {}).items() if name in elements} or None


_NOTHING: Elements = {}

STATED: dict[str, type[FactStated]] = {
    event.letter: event
    for event in (
        AlternateIdStated,
        DemographicsStated,
        MoveQualified,
        Enrolled,
        CourseReported,
        AssessmentReported,
        ImmunizationReported,
    )
}
"""The event that states a new fact of each table."""
