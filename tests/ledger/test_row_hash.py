"""What the guard remembers of a record's rows."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from ledger.events import Event
from ledger.events.record import FactRetracted, RecordRetracted
from ledger.facts import RecordState, Row, StudentRows
from ledger.intake.student import place_student
from ledger.jurisdiction import DEFAULT
from ledger.record import fold
from ledger.row_hash import ENTRY, all_unchanged, pack, pack_after, packed_rows, row_hash
from support.commands import histories, place
from support.given import given
from support.rows import MINTED, child_rows, course, enrollment, move, student, students

KEY = bytes(range(32))
SENT = student(move("001"), enrollment("004", withdrawal_date="2025-08-01", residency_date="2025-06-01"), course("007"))
EVENTS = given().when(place(SENT)).decision.events


def state_of(events: list[Event]) -> RecordState:
    state = fold(events)
    assert state is not None
    return state


def test_equal_rows_share_a_hash_in_whatever_order_their_elements_come() -> None:
    backwards = dict(reversed(course().elements.items()))
    assert row_hash(KEY, "C", course().elements) == row_hash(KEY, "C", backwards)
    assert len(row_hash(KEY, "C", backwards)) == 16


@each(child_rows(), child_rows())
def test_different_rows_have_different_hashes(one: Row, other: Row) -> None:
    same = (one.letter, one.elements) == (other.letter, other.elements)
    hashes = row_hash(KEY, one.letter, one.elements), row_hash(KEY, other.letter, other.elements)
    assert (hashes[0] == hashes[1]) == same


_TEXTS = st.dictionaries(st.sampled_from("ab"), st.text(alphabet='a":,{}\\\x1f|', min_size=1), max_size=2)


@each(_TEXTS, _TEXTS)
def test_no_value_can_pass_for_the_end_of_another(one: dict[str, str], other: dict[str, str]) -> None:
    assert (row_hash(KEY, "C", one) == row_hash(KEY, "C", other)) == (one == other)


def test_without_the_key_nobody_can_test_for_a_row() -> None:
    assert row_hash(KEY, "C", course().elements) != row_hash(b"another key", "C", course().elements)


def test_each_live_row_is_one_entry_and_an_enrollment_is_hashed_whole() -> None:
    entries = list(ENTRY.iter_unpack(packed_rows(state_of(EVENTS), KEY)))
    assert [(fact, number) for fact, number, _ in entries] == [(0, 0), (0, 0), (1, 1), (2, 4), (5, 7)]
    assert [row for _, _, row in entries[2:]] == [row_hash(KEY, row.letter, row.elements) for row in SENT.rows]


def test_a_row_without_a_record_id_is_numbered_zero() -> None:
    events = given().when(place(student(move(None)))).decision.events
    assert list(ENTRY.iter_unpack(packed_rows(state_of(events), KEY)))[-1][:2] == (1, 0)


@each(histories(), st.data())
def test_what_is_packed_after_events_is_what_is_packed_anew(events: list[Event], data: st.DataObject) -> None:
    if not events:
        return
    told = data.draw(st.integers(min_value=1, max_value=len(events)))
    before, after = state_of(events[:told]), state_of(events)
    packed = pack_after(pack(before, KEY), events[told:], after, KEY)
    assert packed == pack(after, KEY)
    assert packed.joined() == packed_rows(after, KEY)


def test_the_same_rows_are_unchanged_whatever_their_order_and_numbers() -> None:
    packed = packed_rows(state_of(EVENTS), KEY)
    assert all_unchanged(packed, SENT, KEY)
    assert all_unchanged(packed, student(course(None), move("009")), KEY)
    assert all_unchanged(packed, student(), KEY)


def test_the_records_own_student_id_is_no_change() -> None:
    packed = packed_rows(state_of(EVENTS), KEY)
    assert all_unchanged(packed, student(move(), msix_identification_number=MINTED), KEY)
    assert not all_unchanged(packed, student(move(), msix_identification_number="200000000003"), KEY)


@pytest.mark.parametrize(
    "sent",
    [
        student(move("001"), course("007", final_grade="A")),
        student(move("001"), Row("C", {}, "007")),
        student(move("001"), enrollment("004", withdrawal_date="2025-08-01")),
        student(move("001"), state_student_identifier_type="01"),
        student(action="D"),
    ],
)
def test_anything_else_must_be_decided(sent: StudentRows) -> None:
    assert not all_unchanged(packed_rows(state_of(EVENTS), KEY), sent, KEY)


def test_a_record_that_is_retracted_or_without_a_move_is_never_unchanged() -> None:
    for last in (RecordRetracted(), FactRetracted(fact=1, letter="Q")):
        packed = packed_rows(state_of([*EVENTS, last]), KEY)
        assert not all_unchanged(packed, student(), KEY)
        assert not all_unchanged(packed, student(course()), KEY)


def test_a_record_that_is_not_there_is_not_unchanged() -> None:
    assert not all_unchanged(b"", student(), KEY)


@each(histories(), students(actions=st.sampled_from("IUD")), st.booleans())
def test_all_is_unchanged_just_where_placing_would_find_it_so(
    events: list[Event], sent: StudentRows, twice: bool
) -> None:
    if twice:  # or else hardly any example is unchanged
        first = place_student(msgspec.structs.replace(sent, action="U"), fold(events), MINTED, DEFAULT)
        events = [*events, *first.events]
    state = fold(events)
    packed = b"" if state is None else packed_rows(state, KEY)
    decision = place_student(sent, state, MINTED, DEFAULT)
    found = state is not None and state.status == "open" and {o.outcome for o in decision.outcomes} == {"unchanged"}
    assert all_unchanged(packed, sent, KEY) == found
    assert found <= (decision.events == [])
