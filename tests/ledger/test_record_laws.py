"""What holds of a record whatever is asked of it."""

from __future__ import annotations

import msgspec
from hypothesis import given as each
from hypothesis import strategies as st

from ledger.events import Event
from ledger.events.record import (
    DemographicsStated,
    Enrolled,
    MoveQualified,
    RecordReinstated,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import held_rows
from ledger.intake.placement import NATURAL_KEYS
from ledger.jurisdiction import DEFAULT
from ledger.record import (
    Command,
    RecordState,
    RetractRecord,
    Row,
    StudentRows,
    evolve,
    fold,
)
from support.commands import (
    commands,
    histories,
    place,
    place_fact,
    reside,
    withdraw,
)
from support.given import Given, given
from support.rows import (
    students,
)


@each(histories())
def test_folding_at_once_equals_folding_one_by_one(events: list[Event]) -> None:
    state: RecordState | None = None
    for event in events:
        state = evolve(state, event)
    assert state == fold(events)


@each(histories(), st.integers(min_value=0, max_value=60))
def test_folding_on_from_any_state_equals_folding_from_the_start(events: list[Event], at: int) -> None:
    assert fold(events[at:], fold(events[:at])) == fold(events)


@each(histories())
def test_evolving_and_folding_leave_what_they_are_given_as_it_was(events: list[Event]) -> None:
    written = [msgspec.json.encode(event) for event in events]
    state: RecordState | None = None
    for at, event in enumerate(events):
        before = msgspec.json.encode(state)
        after = evolve(state, event)
        fold(events[at:], state)
        assert msgspec.json.encode(state) == before
        state = after
    assert [msgspec.json.encode(event) for event in events] == written


@each(histories(), commands())
def test_deciding_leaves_the_state_as_it_was_and_again_is_nothing(events: list[Event], command: Command) -> None:
    state = fold(events)
    before = msgspec.json.encode(state)
    asked = given(*events).when(command)
    assert msgspec.json.encode(state) == before
    if asked.error is None:
        again = asked.and_when(command)
        if type(command) is RetractRecord or again.error is None:
            again.then()


@each(histories())
def test_fact_ids_are_counted_from_one_and_stated_anew_only_after_a_reinstatement(events: list[Event]) -> None:
    seen = 0
    reinstated = False
    for event in events:
        reinstated = reinstated or isinstance(event, RecordReinstated)
        if isinstance(event, MoveQualified | Enrolled | Withdrawn | ResidencyChanged | DemographicsStated):
            assert event.fact > 0
            assert event.fact > seen or reinstated
        seen = max(seen, getattr(event, "fact", 0))
    state = fold(events)
    if state is not None:
        assert list(state.facts) == list(range(1, state.next_fact))


def live_rows(events: list[Event]) -> list[tuple[str, list[tuple[str, str]]]]:
    state = fold(events)
    assert state is not None
    return sorted((letter, sorted(row.elements.items())) for letter, rows in held_rows(state).items() for row in rows)


def words_of(events: list[Event]) -> list[tuple[str, str]]:
    """The events, provenance and order apart."""
    return sorted((event.topic, str(sorted(getattr(event, "elements", {}).items()))) for event in events)


@each(students(actions=st.just("U")))
def test_law_7_facts_one_by_one_say_what_a_file_says(sent: StudentRows) -> None:
    """Each row has a key and a Record ID of its own, as in any file that tells its rows apart."""
    by_key = {(row.letter, NATURAL_KEYS[row.letter](row.elements)): row for row in sent.rows}
    numbered = [
        msgspec.structs.replace(row, record_id=f"{number:03d}") for number, row in enumerate(by_key.values(), start=1)
    ]
    first = next(row for row in numbered if row.letter == "Q")
    whole = given().when(place(msgspec.structs.replace(sent, rows=numbered)))

    piecemeal = Given(given().when(place(msgspec.structs.replace(sent, rows=[first]))).decision.events, DEFAULT)

    def take(command: Command) -> int | None:
        nonlocal piecemeal
        asked = piecemeal.when(command)
        assert asked.error is None, asked.error
        piecemeal = Given([*piecemeal.history, *asked.decision.events], DEFAULT)
        return asked.decision.outcomes[0].fact

    for row in numbered:
        elements = dict(row.elements)
        withdrawal = elements.pop("withdrawal_date", None) if row.letter == "E" else None
        names = ("district_of_residence", "residency_date", "residency_verification_date")
        residency = {name: elements.pop(name) for name in names if name in elements}
        fact = take(place_fact(Row(row.letter, elements, row.record_id)))
        assert fact is not None
        if withdrawal is not None:
            take(withdraw(withdrawal, enrollment=fact))
        if residency:
            take(reside(fact, residency))
    assert live_rows(piecemeal.history) == live_rows(whole.decision.events)
    assert words_of(piecemeal.history) == words_of(whole.decision.events)
