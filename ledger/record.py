"""A record: what one state knows about one child. Commands and decide; state is ``facts``, fold ``record_fold``.

The invariant: facts are only ever added to; a correction, a retraction, a retracted record are further events, and what
was said stays said. A fact that comes alone over HTTP goes through the same placement and the same events as a row of
the nightly file. Knows no clock, no store and no student: who else the child may be is linkage's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from typing import Any

import msgspec

from ledger.errors import BadValue, NotEnrolled, NotFound, NotOpen, RecordIsRetracted, Refused
from ledger.events.base import Event
from ledger.events.record import (
    Elements,
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordRetracted,
)
from ledger.facts import (
    IDENTITY,
    KINDS,
    MSIX_NUMBER,
    RESIDENCY,
    WITHDRAWAL_DATE,
    Fact,
    HeldRow,
    RecordState,
    Row,
    StudentRows,
    held_row,
    held_rows,
)
from ledger.intake.decided import left_as_decided
from ledger.intake.rows_to_events import RowEvents, changes_between, with_changes
from ledger.intake.rules import Finding, check_row, finding
from ledger.intake.student import Decision, Outcome, place_rows, place_student
from ledger.intake.whole_record import judge, record_after
from ledger.jurisdiction import Profile
from ledger.mde import TABLES, canonical
from ledger.record_fold import evolve, fold
from ledger.row_hash import all_unchanged, packed_rows, row_hash

__all__ = [
    "ChangeResidency",
    "Command",
    "CorrectFact",
    "Decision",
    "EnrollmentKey",
    "Fact",
    "Outcome",
    "PlaceFact",
    "PlaceStudent",
    "RecordState",
    "RetractFact",
    "RetractRecord",
    "Row",
    "StudentRows",
    "Withdraw",
    "all_unchanged",
    "decide",
    "evolve",
    "fold",
    "packed_rows",
    "row_hash",
]

NO_LAST_DAY = date.max
"""For a command that does not say what day it is: no date is then too late."""


class RecordCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all that is asked of a record. state, state_student_id: which record."""

    state: str
    state_student_id: str


class PlaceStudent(RecordCommand, frozen=True, kw_only=True):
    """Take one S row with its child rows as the state's word.

    new_student_id: used where the record is opened. today: the state's own.
    """

    student: StudentRows
    new_student_id: str
    today: date = NO_LAST_DAY


class PlaceFact(RecordCommand, frozen=True, kw_only=True):
    """Take one row, checked by ``rules.check_row``, as the state's word on an open record. today: the state's own."""

    row: Row
    today: date = NO_LAST_DAY


class EnrollmentKey(msgspec.Struct, frozen=True, kw_only=True):
    """An enrollment by what the state calls it. school: the id, or the name; what is None is not asked for."""

    enrollment_date: str
    enrollment_type: str | None = None
    school: str | None = None


class Withdraw(RecordCommand, frozen=True, kw_only=True):
    """State the last verified day of an enrollment. today: the state's own day, after which no date may lie."""

    enrollment: int | EnrollmentKey
    withdrawal_date: str
    today: date = NO_LAST_DAY


class ChangeResidency(RecordCommand, frozen=True, kw_only=True):
    """State the residency of an enrollment, whole: an element that is absent has no value. today: as in Withdraw."""

    enrollment: int | EnrollmentKey
    elements: Elements
    today: date = NO_LAST_DAY


class CorrectFact(RecordCommand, frozen=True, kw_only=True):
    """Say otherwise of one fact. elements: only those that change; None is "no value". today: as in Withdraw.

    Fact 0 is the S row. An enrollment takes any element of its row: its withdrawal and residency change with it.
    decision: id of the decision on a correction request that this carries out. The value that it replaces is then not
    taken back (C1), until it comes again under the same decision or another value has come.
    """

    fact: int
    elements: dict[str, str | None]
    today: date = NO_LAST_DAY
    decision: str | None = None


class RetractFact(RecordCommand, frozen=True, kw_only=True):
    """Take one fact back; of an enrollment, its withdrawal and residencies too."""

    fact: int


class RetractRecord(RecordCommand, frozen=True, kw_only=True):
    """Take the whole record back (action D)."""


Command = PlaceStudent | PlaceFact | Withdraw | ChangeResidency | CorrectFact | RetractFact | RetractRecord


def decide(command: Command, state: RecordState | None, profile: Profile) -> Decision:
    """What a command brings, which is nothing where it says what already holds.

    A student's rows are refused one by one in their outcomes, and nothing is raised. Any other command raises: NotOpen
    for a record that was never opened, RecordIsRetracted, NotFound for a fact that is not there or no longer live,
    NotEnrolled for a withdrawal or residency without its enrollment, BadValue (with rule and element) for what a rule
    forbids.
    """
    if isinstance(command, PlaceStudent):
        return place_student(command.student, state, command.new_student_id, profile, today=command.today)
    if state is None:
        raise NotOpen(
            "No record has this state student id.", remedy="Open it first: send the student whole (PUT), or its file."
        )
    if isinstance(command, RetractRecord):
        return _retract_record(state)
    if state.status == "retracted":
        raise RecordIsRetracted(
            "The record was retracted.", remedy="Send the student whole (PUT), or in a file, to reinstate it."
        )
    decision = _DECIDERS[type(command)](command, state, profile)
    if isinstance(command, Withdraw | ChangeResidency | CorrectFact) and decision.events:
        _judge(command, decision, state, profile)
    return decision


def _place_fact(command: PlaceFact, state: RecordState, profile: Profile) -> Decision:
    placed = place_rows([command.row], state, profile, today=command.today)
    outcome = placed.outcomes[0]
    if outcome.outcome == "refused":
        raise _bad_value(outcome.findings[0])
    return Decision(events=placed.events, outcomes=placed.outcomes)


def _judge(
    command: Withdraw | ChangeResidency | CorrectFact, decision: Decision, state: RecordState, profile: Profile
) -> None:
    """The rules about the whole record, asked as of a row that would say the same. Raises BadValue; adds warnings."""
    after = fold(decision.events, state)
    outcome = decision.outcomes[0]
    assert after is not None
    assert outcome.fact is not None
    for one in judge(record_after(after, outcome.fact), profile, command.today.isoformat()):
        found = finding(one.rule, one.letter, one.element, "warned" if one.effect == "stands" else "refused")
        if found.level == "refused":
            raise _bad_value(found)
        outcome.findings = [*outcome.findings, found]


def _withdraw(command: Withdraw, state: RecordState, profile: Profile) -> Decision:
    held = _enrollment(command.enrollment, state)
    said = {WITHDRAWAL_DATE: command.withdrawal_date}
    whole, findings = _checked("E", {**held.elements, **said}, said, command.today, profile)
    whole = _as_decided(whole, held, state, findings)
    return _decided("E", _corrected(held, whole, state), held.withdrawal, findings)


def _change_residency(command: ChangeResidency, state: RecordState, profile: Profile) -> Decision:
    held = _enrollment(command.enrollment, state)
    _only(command.elements, RESIDENCY)
    if not command.elements:
        raise BadValue(
            "The residency is empty.",
            rule="missing",
            element=RESIDENCY[0],
            remedy="Send a district or a date; to take a residency back, retract it by its fact id.",
        )
    whole = {**_without(held.elements, RESIDENCY), **command.elements}
    whole, findings = _checked("E", whole, command.elements, command.today, profile)
    whole = _as_decided(whole, held, state, findings)
    return _decided("E", _corrected(held, whole, state), held.residency, findings)


def _correct_fact(command: CorrectFact, state: RecordState, profile: Profile) -> Decision:
    if command.fact == 0:
        return _correct_identity(command, state)
    if gone := _withdrawal_gone(command, state):
        return _named(gone, [], [])
    fact = _live_fact(command.fact, state)
    held = held_row(state, fact)
    decision = command.decision
    if fact.enrollment is None:
        _only(command.elements, _COLUMNS[fact.letter])
        whole = with_changes(held.elements, command.elements)
    else:
        # A part of an enrollment is checked as part of the row that would say so.
        _only(command.elements, _PARTS[fact.kind])
        whole = with_changes({**_without(held.elements, _PARTS[fact.kind]), **fact.elements}, command.elements)
    whole, findings = _checked(fact.letter, whole, command.elements, command.today, profile)
    if decision is None:
        whole = _as_decided(whole, held, state, findings)
    if fact.enrollment is None:
        return _named(fact, _corrected(held, whole, state, decision), findings)
    after = {name: value for name, value in whole.items() if name in _PARTS[fact.kind]}
    if fact.kind == "withdrawal" and not after:
        return _named(fact, [FactRetracted(fact=fact.id, letter=fact.letter, decision=decision)], findings)
    return _named(fact, _correction(fact.id, fact.letter, fact.elements, after, decision), findings)


def _correct_identity(command: CorrectFact, state: RecordState) -> Decision:
    _only(command.elements, IDENTITY)
    columns = TABLES["S"].by_key
    said = {
        name: None if value is None else canonical(columns[name], value) for name, value in command.elements.items()
    }
    if said.get(MSIX_NUMBER) == state.student_id:
        said[MSIX_NUMBER] = None  # the record's own student id says nothing
    findings: list[Finding] = []
    whole = with_changes(state.identity, said)
    if command.decision is None and 0 in state.decided:
        whole, kept = left_as_decided(whole, state.identity, state.decided[0])
        findings += [finding("C1", "S", name, "warned") for name in kept]
    events = _correction(0, "S", state.identity, whole, command.decision)
    outcome = Outcome(letter="S", outcome="accepted" if events else "unchanged", fact=0, findings=findings)
    return Decision(events=events, outcomes=[outcome])


def _as_decided(whole: Elements, held: HeldRow, state: RecordState, findings: list[Finding]) -> Elements:
    """The row without what a decision replaced of it, which is warned of (C1)."""
    memory = state.decided.get(held.fact.id)
    if memory is None:
        return whole
    whole, kept = left_as_decided(whole, held.elements, memory)
    findings += [finding("C1", held.fact.letter, name, "warned") for name in kept]
    return whole


def _retract_fact(command: RetractFact, state: RecordState, _profile: Profile) -> Decision:
    fact = state.facts.get(command.fact)
    if fact is None:
        raise _no_fact()
    events: list[Event] = [] if fact.status == "retracted" else [FactRetracted(fact=fact.id, letter=fact.letter)]
    return _named(fact, events, [])


def _retract_record(state: RecordState) -> Decision:
    events: list[Event] = [RecordRetracted()] if state.status == "open" else []
    outcome = Outcome(letter="S", outcome="accepted" if events else "unchanged", fact=0)
    return Decision(events=events, outcomes=[outcome])


def _enrollment(wanted: int | EnrollmentKey, state: RecordState) -> HeldRow:
    held = held_rows(state, letter="E").get("E", [])
    if isinstance(wanted, int):
        found = [row for row in held if row.fact.id == wanted]
    else:
        found = [row for row in held if _is_called(wanted, row.elements)]
    if not found:
        raise NotEnrolled("The record holds no such enrollment.", remedy="Send the enrollment first.")
    if len(found) > 1:
        raise Refused("Several enrollments answer to this.", remedy="Name the enrollment by its fact id.")
    return found[0]


def _is_called(wanted: EnrollmentKey, row: Elements) -> bool:
    if row.get("enrollment_date") != wanted.enrollment_date:
        return False
    if wanted.enrollment_type is not None and row.get("enrollment_type") != wanted.enrollment_type:
        return False
    names = (row.get("school_identification_code"), row.get("school_or_project_name"))
    return wanted.school is None or wanted.school in names


def _live_fact(number: int, state: RecordState) -> Fact:
    fact = state.facts.get(number)
    if fact is None or fact.status != "live":
        raise _no_fact()
    return fact


def _withdrawal_gone(command: CorrectFact, state: RecordState) -> Fact | None:
    """The withdrawal that a correction to "no value" took back already: asked again, it finds nothing to do."""
    fact = state.facts.get(command.fact)
    asked = command.elements == {WITHDRAWAL_DATE: None}
    return fact if asked and fact and fact.kind == "withdrawal" and fact.status == "retracted" else None


def _corrected(held: HeldRow, whole: Elements, state: RecordState, decision: str | None = None) -> list[Event]:
    said = RowEvents(state, decision)
    said.correct(Row(held.fact.letter, whole, held.fact.record_id), held)
    return said.events


def _correction(fact: int, letter: str, before: Elements, after: Elements, decision: str | None) -> list[Event]:
    changes = changes_between(before, after)
    return [FactCorrected(fact=fact, letter=letter, elements=changes, decision=decision)] if changes else []


def _checked(
    letter: str, whole: Elements, said: Collection[str], today: date, profile: Profile
) -> tuple[Elements, list[Finding]]:
    """The whole row, with what was said in canonical form, and the warnings that it deserves.

    Raises BadValue where the row would be refused, or where a value that was said would be left out of a file's row: a
    person who sends one value must learn that it was not taken.
    """
    checked = check_row(letter, whole, today, record_id_required=False, levels=profile.rule_levels)
    for found in checked.findings:
        dropped = found.element in said and found.element in whole and found.element not in checked.elements
        if found.level == "refused" or dropped:
            raise _bad_value(found)
    taken = {name: checked.elements[name] for name in said if name in checked.elements}
    return {**whole, **taken}, checked.findings


def _decided(letter: str, events: list[Event], before: Fact | None, findings: list[Finding]) -> Decision:
    """The answer names the part that was stated, else the one that was there before."""
    stated = next((event.fact for event in events if isinstance(event, FactStated)), None)
    number = before.id if stated is None and before is not None else stated
    outcome = Outcome(
        letter=letter, outcome="accepted" if events else "unchanged", fact=number, findings=list(findings)
    )
    return Decision(events=events, outcomes=[outcome])


def _named(fact: Fact, events: list[Event], findings: list[Finding]) -> Decision:
    outcome = Outcome(
        letter=fact.letter, outcome="accepted" if events else "unchanged", fact=fact.id, findings=list(findings)
    )
    return Decision(events=events, outcomes=[outcome])


def _only(said: Collection[str], allowed: Collection[str]) -> None:
    for name in said:
        if name not in allowed:
            raise BadValue(
                "The fact has no such element.",
                rule="unknown-element",
                element=name,
                remedy="Compare its name with the layout; a withdrawal and a residency are facts of their own.",
            )


def _without(elements: Elements, names: Collection[str]) -> Elements:
    return {name: value for name, value in elements.items() if name not in names}


def _bad_value(found: Finding) -> BadValue:
    return BadValue(found.message, rule=found.rule, element=found.element, remedy=found.remedy)


def _no_fact() -> NotFound:
    return NotFound(
        "The record holds no live fact with this id.", remedy="Fact ids stand in the student's provenance section."
    )


_DECIDERS: dict[type, Callable[[Any, RecordState, Profile], Decision]] = {
    PlaceFact: _place_fact,
    Withdraw: _withdraw,
    ChangeResidency: _change_residency,
    CorrectFact: _correct_fact,
    RetractFact: _retract_fact,
}

_COLUMNS = {letter: frozenset(table.by_key) - {table.record_id} for letter, table in TABLES.items() if letter in KINDS}
"""Elements that a fact of each table may have."""

_PARTS: dict[str, tuple[str, ...]] = {"withdrawal": (WITHDRAWAL_DATE,), "residency": RESIDENCY}
