"""What events make of a record: evolve and fold, the half of ``ledger.record`` that decides nothing.

The invariant: a state that was given is left as it was. A withdrawal, a residency and what a decision replaced of them
are kept under their enrollment, since one row says them all. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ledger.errors import LogBroken
from ledger.events.base import Erased, Event
from ledger.events.record import (
    AlternateIdStated,
    AssessmentReported,
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    FactStated,
    ImmunizationReported,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import KINDS, Fact, RecordState
from ledger.intake.decided import forget, remember, remember_whole
from ledger.intake.rows_to_events import changes_between, with_changes


def evolve(state: RecordState | None, event: Event) -> RecordState:
    """The record after one event; the state given is left as it was.

    Raises LogBroken for an event that cannot follow: of another kind of stream, before the record was opened, or of a
    fact that was never stated.
    """
    return _advanced(None if state is None else _copied(state), event)


def fold(events: Iterable[Event], state: RecordState | None = None) -> RecordState | None:
    """The record after events; None where there are none. As ``evolve``, event by event, but copies once.

    A move whose key was destroyed is passed over, and its id is not given again."""
    state = None if state is None else _copied(state)
    for event in events:
        state = _advanced(state, event)
    return state


def _copied(state: RecordState) -> RecordState:
    return msgspec.structs.replace(state, facts=dict(state.facts))


def _advanced(state: RecordState | None, event: Event) -> RecordState:
    """Changes the state in place; facts and elements are replaced, never changed."""
    if state is None:
        if type(event) is RecordOpened:
            return RecordState(event.state, event.state_student_id, event.student_id, identity=event.elements)
        raise LogBroken(f"A record's stream begins with {event.topic}.")
    fold_one = _FOLDS.get(type(event))
    if fold_one is None:
        raise LogBroken(f"A record's stream goes on with {event.topic}.")
    try:
        fold_one(state, event)
    except KeyError as error:
        raise LogBroken(f"{event.topic} names a fact that was never stated.") from error
    return state


def _fold_stated(state: RecordState, event: FactStated) -> None:
    if event.letter == "D":
        _spoken_of(state, event.fact)
    if state.decided:
        remember_whole(state, event.fact, event.elements)
    _hold(state, Fact(event.fact, event.letter, KINDS[event.letter], event.elements, event.record_id))


def _fold_withdrawn(state: RecordState, event: Withdrawn) -> None:
    if state.decided or event.decision is not None:
        _remember_part(state, event, "withdrawal")
    _hold(state, Fact(event.fact, "E", "withdrawal", event.elements, event.record_id, event.enrollment))


def _fold_residency_changed(state: RecordState, event: ResidencyChanged) -> None:
    if state.decided or event.decision is not None:
        _remember_part(state, event, "residency")
    _hold(state, Fact(event.fact, "E", "residency", event.elements, event.record_id, event.enrollment))


def _remember_part(state: RecordState, event: Withdrawn | ResidencyChanged, kind: str) -> None:
    """Against the part that comes back with the event, else against the one that held until now."""
    before = state.facts.get(event.fact)
    if before is None:
        live = [f for f in state.facts.values() if (f.enrollment, f.kind, f.status) == (event.enrollment, kind, "live")]
        before = max(live, key=lambda fact: fact.id, default=None)
    changes = changes_between(before.elements if before is not None else {}, event.elements)
    remember(state, event.enrollment, changes, event.decision)


def _spoken_of(state: RecordState, fact: int) -> None:
    state.demographics = (*(other for other in state.demographics if other != fact), fact)


def _hold(state: RecordState, fact: Fact) -> None:
    state.facts[fact.id] = fact
    if fact.id >= state.next_fact:
        state.next_fact = fact.id + 1


def _fold_corrected(state: RecordState, event: FactCorrected) -> None:
    after = {name: change[1] for name, change in event.elements.items()}
    row: int | None = 0
    if event.fact == 0:
        state.identity = with_changes(state.identity, after)
    else:
        fact = state.facts[event.fact]
        if event.letter == "D":
            _spoken_of(state, event.fact)
        # The row of an enrollment shows its current residency alone: what was corrected of an older one is not in it.
        row = None if fact.kind == "residency" and _is_older(state, fact) else fact.enrollment or fact.id
        state.facts[event.fact] = msgspec.structs.replace(
            fact, elements=with_changes(fact.elements, after), record_id=event.record_id or fact.record_id
        )
    if row is not None and (state.decided or event.decision is not None):
        remember(state, row, event.elements, event.decision)


def _is_older(state: RecordState, residency: Fact) -> bool:
    return any(
        (fact.enrollment, fact.kind, fact.status) == (residency.enrollment, "residency", "live")
        and fact.id > residency.id
        for fact in state.facts.values()
    )


def _fold_fact_retracted(state: RecordState, event: FactRetracted) -> None:
    gone = state.facts[event.fact]
    state.facts[gone.id] = msgspec.structs.replace(gone, status="retracted")
    if gone.enrollment is not None:
        remember(state, gone.enrollment, changes_between(gone.elements, {}), event.decision)
    else:
        forget(state, gone.id)
    if gone.kind == "enrollment":
        for fact in state.facts.values():
            if fact.enrollment == gone.id:
                state.facts[fact.id] = msgspec.structs.replace(fact, status="retracted")


def _fold_erased(state: RecordState, event: Erased) -> None:
    # Perhaps it was stated before, and used up no id now: then there is a gap, which means nothing.
    state.next_fact += event.was == MoveQualified.topic


def _fold_record_retracted(state: RecordState, _event: RecordRetracted) -> None:
    state.status = "retracted"
    state.erased = {}
    for fact in state.facts.values():
        if fact.status == "live":
            state.facts[fact.id] = msgspec.structs.replace(fact, status="dormant")


def _fold_record_reinstated(state: RecordState, _event: RecordReinstated) -> None:
    state.status = "open"


_FOLDS: dict[type[Event], Callable[[RecordState, Any], None]] = {
    AlternateIdStated: _fold_stated,
    DemographicsStated: _fold_stated,
    MoveQualified: _fold_stated,
    Enrolled: _fold_stated,
    Withdrawn: _fold_withdrawn,
    ResidencyChanged: _fold_residency_changed,
    CourseReported: _fold_stated,
    AssessmentReported: _fold_stated,
    ImmunizationReported: _fold_stated,
    FactCorrected: _fold_corrected,
    FactRetracted: _fold_fact_retracted,
    RecordRetracted: _fold_record_retracted,
    RecordReinstated: _fold_record_reinstated,
    Erased: _fold_erased,
}
