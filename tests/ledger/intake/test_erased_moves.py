"""Moves whose key was destroyed, and a state that goes on sending them: nothing comes back, nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import Erased, Event
from ledger.events.base import KeyClass
from ledger.events.record import FactCorrected, FactRetracted, FactStated, MoveQualified
from ledger.facts import RecordState, StudentRows
from ledger.intake.erased_moves import decide_others, says_nothing_new
from ledger.intake.student import Decision
from ledger.jurisdiction import DEFAULT
from ledger.record import PlaceStudent, decide, fold
from ledger.row_hash import all_unchanged, pack, pack_after, packed_rows, with_erased
from support.rows import MINTED, STATE, STUDENT, course, demographics, move, student, students

KEY = b"k" * 32
OWN = b"o" * 32
"""The record's."""


def sent(rows: StudentRows, state: RecordState | None) -> Decision:
    """What a night's rows bring, as file and request have it."""

    def placed(left: StudentRows) -> Decision:
        command = PlaceStudent(state=STATE, state_student_id=STUDENT, student=left, new_student_id=MINTED)
        return decide(command, state, DEFAULT)

    return decide_others(rows, state, KEY, lambda: OWN, placed)


def erased(events: Sequence[Event]) -> list[Event]:
    """The events once eligibility is gone."""
    return [Erased(was=e.topic) if e.key_class() is KeyClass.ELIGIBILITY else e for e in events]


def loaded(events: Sequence[Event], packed: bytes) -> RecordState:
    state = fold(events)
    assert state is not None
    return with_erased(state, packed) if any(isinstance(event, Erased) for event in events) else state


def told(decision: Decision) -> list[tuple[str, str]]:
    return [(outcome.letter, outcome.outcome) for outcome in decision.outcomes]


def opened(*rows: StudentRows) -> tuple[list[Event], bytes]:
    events: list[Event] = []
    for one in rows:
        events += sent(one, fold(events)).events
    state = fold(events)
    assert state is not None
    return events, packed_rows(state, KEY)


CHILD = student(demographics(), move(), move("002", qualifying_arrival_date="2025-07-01"))


def test_the_same_rows_again_are_unchanged_and_bring_nothing() -> None:
    events, packed = opened(CHILD)
    state = loaded(erased(events), packed)
    assert all_unchanged(packed, CHILD, KEY), "also without opening the record"
    again = sent(CHILD, state)
    assert again.events == []
    assert told(again) == [("S", "unchanged"), ("D", "unchanged"), ("Q", "unchanged"), ("Q", "unchanged")]
    assert says_nothing_new(move(), state, KEY, lambda: OWN) is not None
    assert says_nothing_new(move(qualifying_move_to_city="Madera"), state, KEY, lambda: OWN) is None


def test_another_row_changes_and_the_moves_stay_away() -> None:
    events, packed = opened(CHILD)
    with_course = student(*CHILD.rows, course())
    decision = sent(with_course, loaded(erased(events), packed))
    assert [type(event).topic for event in decision.events] == ["course-reported.v1"]
    assert told(decision)[-3:] == [("Q", "unchanged"), ("Q", "unchanged"), ("C", "accepted")]
    (event,) = decision.events
    assert isinstance(event, FactStated)
    assert event.fact == 4, "an erased fact's id is never given again"


def test_a_move_that_changes_is_a_new_fact_and_the_old_row_is_no_longer_known() -> None:
    events, packed = opened(CHILD)
    before = loaded(erased(events), packed)
    changed = student(demographics(), move(qualifying_move_to_city="Madera"), CHILD.rows[2])
    (event,) = sent(changed, before).events
    assert isinstance(event, MoveQualified)
    assert event.fact == 4
    after = loaded([*erased(events), event], packed_rows(loaded([*erased(events), event], packed), KEY))
    packed = packed_rows(after, KEY)
    assert all_unchanged(packed, changed, KEY)
    assert not all_unchanged(packed, CHILD, KEY)
    back = sent(CHILD, after).events
    assert [type(one) for one in back] == [FactCorrected], "what opens is corrected as ever"


def test_a_record_that_is_taken_back_takes_its_erased_moves_with_it() -> None:
    events, packed = opened(CHILD)
    said = erased(events)
    said += sent(student(action="D"), loaded(said, packed)).events
    state = loaded(said, b"")
    assert packed_rows(state, KEY) == b""
    kinds = [type(event).topic for event in sent(CHILD, state).events]
    assert kinds.count("move-qualified.v1") == 2


@settings(deadline=None)
@given(st.data())
def test_whatever_is_sent_nothing_erased_is_named_and_memory_guard_and_stream_agree(data: st.DataObject) -> None:
    nights = data.draw(st.lists(students(), min_size=1, max_size=4))
    goes_after = data.draw(st.integers(min_value=1, max_value=len(nights)))
    events, packed = opened(*nights[:goes_after])
    said = erased(events)
    gone = {e.fact for e in events if isinstance(e, FactStated) and e.letter == "Q"}
    state = loaded(said, packed)
    assert packed_rows(state, KEY) == packed, "what the guard said it says still"
    held = pack(state, KEY)
    # The last night comes again and again: a move that takes another's place by its number settles with the next one.
    for night in [nights[goes_after - 1], *nights[goes_after:], *[nights[-1]] * 3]:
        decision = sent(night, state)
        new = decision.events
        assert len(decision.outcomes) == 1 + len(night.rows)
        for event in new:
            if isinstance(event, FactCorrected | FactRetracted | FactStated):
                assert event.fact not in gone
        said = [*said, *new]
        after = fold(new, state)
        assert after is not None
        held = pack_after(held, new, after, KEY)
        assert held.joined() == packed_rows(after, KEY)
        again = loaded(said, held.joined())
        assert packed_rows(again, KEY) == held.joined()
        assert again.facts == after.facts
        assert again.next_fact >= after.next_fact > max(after.facts, default=0)
        state = again
    assert sent(nights[-1], state).events == [], "the same again is nothing"
