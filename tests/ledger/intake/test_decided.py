"""C1: a row that brings back a value which a decision replaced."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from ledger.events import Event
from ledger.events.record import (
    CourseReported,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import Decided, Replaced, Row, held_rows
from ledger.intake.student import place_student
from ledger.jurisdiction import DEFAULT, Profile
from ledger.record import CorrectFact, fold
from support.commands import change_residency, commands, correct, histories, place, place_fact, retract, withdraw
from support.given import When, given
from support.rows import MINTED, STATE, STUDENT, course, demographics, enrollment, move, student, students

OPENED = RecordOpened(
    state=STATE, state_student_id=STUDENT, student_id=MINTED, elements={"state_student_identifier_type": "01"}
)
SENT = student(move(), enrollment(grade_level="09"), demographics(), state_student_identifier_type="01")
HISTORY: list[Event] = [
    OPENED,
    MoveQualified(fact=1, elements=move().elements, record_id="001"),
    Enrolled(fact=2, elements=enrollment(grade_level="09").elements, record_id="001"),
]


def decided(fact: int, decision: str = "d1", **elements: str | None) -> CorrectFact:
    return msgspec.structs.replace(correct(fact, **elements), decision=decision)


def after(*commands: CorrectFact, history: list[Event] = HISTORY) -> list[Event]:
    events = list(history)
    for command in commands:
        asked = given(*events).when(command)
        assert asked.error is None, asked.error
        assert asked.decision.events
        events += asked.decision.events
    return events


def remembered(events: list[Event]) -> Decided:
    state = fold(events)
    assert state is not None
    return state.decided


def told(when: When) -> list[tuple[str, str, str | None]]:
    return [(o.letter, f.rule, f.element) for o in when.decision.outcomes for f in o.findings]


# -- a decided correction is an event that names its decision


def test_a_decided_correction_bears_its_decision() -> None:
    given(*HISTORY).when(decided(2, grade_level="10")).then(
        FactCorrected(fact=2, letter="E", elements={"grade_level": ("09", "10")}, decision="d1")
    )
    given(*HISTORY).when(decided(2, withdrawal_date="2025-08-01")).then(
        Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-01"}, decision="d1")
    )
    given(*HISTORY).when(decided(2, residency_date="2025-06-01")).then(
        ResidencyChanged(fact=3, enrollment=2, elements={"residency_date": "2025-06-01"}, decision="d1")
    )
    left = [*HISTORY, Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-01"})]
    given(*left).when(decided(3, withdrawal_date=None)).then(FactRetracted(fact=3, letter="E", decision="d1"))
    given(*left).when(decided(2, withdrawal_date=None)).then(FactRetracted(fact=3, letter="E", decision="d1"))
    given(*HISTORY).when(decided(0, state_student_identifier_type="02")).then(
        FactCorrected(fact=0, letter="S", elements={"state_student_identifier_type": ("01", "02")}, decision="d1")
    )


def test_a_correction_without_a_decision_is_corrected_back_by_the_next_row() -> None:
    events = after(correct(2, grade_level="10"))
    given(*events).when(place(SENT)).answered("unchanged", "unchanged", "accepted", "accepted")
    assert remembered(events) == {}


# -- a row that brings the value back


def test_the_replaced_value_is_not_applied_and_the_row_is_unchanged() -> None:
    events = after(decided(2, grade_level="10"))
    asked = given(*events).when(place_fact(enrollment(grade_level="09")))
    asked.then().answered("unchanged").about(2)
    assert told(asked) == [("E", "C1", "grade_level")]
    assert asked.decision.outcomes[0].findings[0].level == "warned"
    asked.and_when(place_fact(enrollment(grade_level="09"))).then().found("C1")


def test_what_else_the_row_changes_is_applied() -> None:
    events = after(decided(2, grade_level="10"))
    asked = given(*events).when(place_fact(enrollment(grade_level="09", withdrawal_date="2025-08-01")))
    asked.then(Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-01"})).answered("accepted")
    assert told(asked) == [("E", "C1", "grade_level")]


def test_a_row_that_says_what_was_decided_is_simply_unchanged() -> None:
    events = after(decided(2, grade_level="10"))
    given(*events).when(place_fact(enrollment(grade_level="10"))).then().answered("unchanged").found()


def test_no_value_is_a_value_too() -> None:
    events = after(decided(2, pfs_flag="Yes"))
    asked = given(*events).when(place_fact(enrollment(grade_level="09"))).then().answered("unchanged")
    assert told(asked) == [("E", "C1", "pfs_flag")]
    taken = after(decided(2, grade_level=None))
    asked = given(*taken).when(place_fact(enrollment(grade_level="09"))).then().answered("unchanged")
    assert told(asked) == [("E", "C1", "grade_level")]


def test_a_replaced_key_does_not_make_a_second_fact() -> None:
    events = after(decided(1, qualifying_arrival_date="2025-06-05"))
    for sent in (move(), move("007"), move(None)):
        asked = given(*events).when(place_fact(sent)).then().answered("unchanged").about(1)
        assert told(asked) == [("Q", "C1", "qualifying_arrival_date")]
    given(*events).when(place_fact(move(qualifying_arrival_date="2025-06-05"))).then().found()


def test_a_replaced_key_that_another_fact_has_belongs_to_that_fact() -> None:
    events = after(decided(1, qualifying_arrival_date="2025-06-05"))
    events.append(MoveQualified(fact=3, elements=move(qualifying_move_to_city="Madera").elements, record_id="002"))
    asked = given(*events).when(place_fact(move("002", qualifying_move_to_city="Woodburn")))
    asked.then(FactCorrected(fact=3, letter="Q", elements={"qualifying_move_to_city": ("Madera", "Woodburn")})).found()


def test_other_facts_of_the_table_are_placed_as_ever() -> None:
    events = after(decided(1, qualifying_arrival_date="2025-06-05"))
    other = move("002", qualifying_arrival_date="2024-01-01")
    given(*events).when(place(student(move(), other, state_student_identifier_type="01"))).then(
        MoveQualified(fact=3, elements=other.elements, record_id="002")
    ).answered("unchanged", "unchanged", "accepted").found("C1")


@pytest.mark.parametrize("number", ["001", "009", None])
def test_demographics_that_come_back_under_another_number_are_left_as_decided(number: str | None) -> None:
    history = given().when(place(student(move(), demographics(), action="I"))).decision.events
    events = after(decided(2, birth_date="2009-11-02"), history=history)
    asked = given(*events).when(place(student(move(), demographics(number)))).then()
    assert told(asked) == [("D", "C1", "birth_date")]


def test_the_withdrawal_that_was_decided_stays() -> None:
    events = after(decided(2, withdrawal_date="2025-08-01"))
    asked = given(*events).when(place_fact(enrollment(grade_level="09"))).then().answered("unchanged")
    assert told(asked) == [("E", "C1", "withdrawal_date")]
    gone = after(decided(3, "d2", withdrawal_date=None), history=events)
    asked = given(*gone).when(place_fact(enrollment(grade_level="09", withdrawal_date="2025-08-01"))).then()
    assert told(asked) == [("E", "C1", "withdrawal_date")]
    given(*gone).when(place_fact(enrollment(grade_level="09", withdrawal_date="2025-08-02"))).answered("accepted")


def test_the_residency_that_was_decided_stays() -> None:
    home = {"district_of_residence": "4110001", "residency_date": "2025-06-01"}
    history = [*HISTORY, ResidencyChanged(fact=3, enrollment=2, elements=home)]
    corrected = after(decided(3, district_of_residence="4110002"), history=history)
    asked = given(*corrected).when(place_fact(enrollment(grade_level="09", **home))).then()
    assert told(asked) == [("E", "C1", "district_of_residence")]
    moved = after(
        decided(2, district_of_residence="4110002", residency_date="2025-07-01"),
        history=history,
    )
    asked = given(*moved).when(place_fact(enrollment(grade_level="09", **home))).then()
    assert sorted(told(asked)) == [("E", "C1", "district_of_residence"), ("E", "C1", "residency_date")]


def test_what_was_corrected_of_an_older_residency_is_not_asked_of_the_row() -> None:
    first = {"district_of_residence": "4110001", "residency_date": "2025-06-01"}
    second = {"district_of_residence": "4110002", "residency_date": "2025-07-01"}
    history = [
        *HISTORY,
        ResidencyChanged(fact=3, enrollment=2, elements=first),
        ResidencyChanged(fact=4, enrollment=2, elements=second),
    ]
    events = after(decided(3, residency_date="2025-06-02"), history=history)
    assert remembered(events) == {}


def test_the_s_row_is_left_as_decided_too() -> None:
    events = after(decided(0, state_student_identifier_type="02"))
    asked = given(*events).when(place(student(move(), state_student_identifier_type="01"))).then()
    assert told(asked) == [("S", "C1", "state_student_identifier_type")]
    given(*events).when(correct(0, state_student_identifier_type="01")).then().answered("unchanged").found("C1")


def test_a_fact_that_waits_to_come_back_comes_back_as_decided() -> None:
    events = [
        *after(decided(2, grade_level="10"), decided(1, qualifying_arrival_date="2025-06-05")),
        RecordRetracted(),
    ]
    sent = student(move("004"), enrollment("004", grade_level="09"), state_student_identifier_type="01")
    asked = given(*events).when(place(sent))
    asked.then(
        RecordReinstated(),
        MoveQualified(fact=1, elements=move(qualifying_arrival_date="2025-06-05").elements, record_id="004"),
        Enrolled(fact=2, elements=enrollment(grade_level="10").elements, record_id="004"),
    )
    assert told(asked) == [("Q", "C1", "qualifying_arrival_date"), ("E", "C1", "grade_level")]
    asked.and_when(place(sent)).then().found("C1", "C1")


# -- when it applies again


def test_the_state_confirms_the_value_under_the_same_decision() -> None:
    events = after(decided(2, grade_level="10"), decided(2, grade_level="09"))
    assert remembered(events) == {}
    given(*events).when(place_fact(enrollment(grade_level="09"))).then().answered("unchanged").found()
    later = after(correct(2, grade_level="10"), history=events)
    given(*later).when(place_fact(enrollment(grade_level="09"))).answered("accepted").found()


def test_another_value_is_taken_and_ends_it() -> None:
    events = after(decided(2, grade_level="10"))
    asked = given(*events).when(place_fact(enrollment(grade_level="11"))).answered("accepted").found()
    back = asked.and_when(place_fact(enrollment(grade_level="09"))).answered("accepted").found()
    assert [event.elements for event in back.decision.events if isinstance(event, FactCorrected)] == [
        {"grade_level": ("11", "09")}
    ]


def test_a_later_decision_goes_before_an_earlier_one_and_both_values_are_held_back() -> None:
    events = after(decided(2, grade_level="10"), decided(2, "d2", grade_level="11"))
    for sent in ("09", "10"):
        given(*events).when(place_fact(enrollment(grade_level=sent))).then().found("C1")
    back = after(decided(2, "d2", grade_level="09"), history=after(decided(2, grade_level="10")))
    given(*back).when(place_fact(enrollment(grade_level="09"))).then().found()
    given(*back).when(place_fact(enrollment(grade_level="10"))).then().found("C1")


def test_one_decision_that_is_carried_out_in_two_steps_remembers_what_it_began_with() -> None:
    events = after(decided(2, grade_level="10"), decided(2, grade_level="11"))
    assert remembered(events) == {2: {"grade_level": (Replaced("09", "d1"),)}}


def test_a_fact_that_comes_back_with_another_value_ends_it() -> None:
    events = [*after(decided(2, grade_level="10")), RecordRetracted()]
    sent = (move(), enrollment(grade_level="11"))
    asked = given(*events).when(place(student(*sent, state_student_identifier_type="01")))
    back = [*events, *asked.decision.events]
    assert remembered(back) == {}
    given(*back).when(place_fact(enrollment(grade_level="09"))).answered("accepted").found()


def test_a_fact_that_was_taken_back_and_comes_again_is_another_one() -> None:
    events = after(decided(2, grade_level="10"))
    events += given(*events).when(retract(2)).decision.events
    assert remembered(events) == {}
    given(*events).when(place_fact(enrollment(grade_level="09"))).answered("accepted").about(3).found()


def test_other_elements_of_the_fact_stay_free() -> None:
    events = after(decided(2, grade_level="10"))
    asked = given(*events).when(place_fact(enrollment(grade_level="10", pfs_flag="Yes"))).answered("accepted")
    given(*events, *asked.decision.events).when(place_fact(enrollment(grade_level="09", pfs_flag="Yes"))).found("C1")


def test_a_decision_about_a_course_holds_like_one_about_an_enrollment() -> None:
    taken = course(final_grade="B", clock_hours=None)
    events = after(
        decided(3, course_title="Algebra 1", final_grade="A"),
        history=[*HISTORY, CourseReported(fact=3, elements=taken.elements, record_id="001")],
    )
    asked = given(*events).when(place_fact(taken)).then().answered("unchanged").about(3)
    assert sorted(told(asked)) == [("C", "C1", "course_title"), ("C", "C1", "final_grade")]


# -- over HTTP


def test_a_correction_over_http_without_the_decision_is_held_back_like_a_row() -> None:
    events = after(decided(2, grade_level="10"))
    asked = given(*events).when(correct(2, grade_level="09")).then().answered("unchanged").about(2)
    assert told(asked) == [("E", "C1", "grade_level")]
    given(*events).when(correct(2, grade_level="11")).answered("accepted").found()


def test_a_withdrawal_and_a_residency_over_http_are_held_back_like_a_row() -> None:
    left = [*HISTORY, Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-01"})]
    events = after(decided(3, withdrawal_date="2025-08-05"), history=left)
    given(*events).when(withdraw("2025-08-01")).then().answered("unchanged").found("C1")
    given(*events).when(correct(3, withdrawal_date="2025-08-01")).then().answered("unchanged").found("C1")
    given(*events).when(withdraw("2025-08-06")).answered("accepted").found()
    home = ResidencyChanged(fact=3, enrollment=2, elements={"district_of_residence": "4110001"})
    events = after(decided(3, district_of_residence="4110002"), history=[*HISTORY, home])
    given(*events).when(change_residency(district_of_residence="4110001")).then().found("C1")


def test_a_late_file_leaves_what_was_decided() -> None:
    events = after(decided(2, grade_level="10"))
    state = fold(events)
    decision = place_student(student(enrollment(grade_level="09"), move()), state, MINTED, DEFAULT, late=True)
    assert decision.events == []
    assert {outcome.outcome for outcome in decision.outcomes} == {"unchanged"}


# -- whatever a record holds


CHANGED = {
    "grade_level": [None, "05", "07"],
    "withdrawal_date": [None, "2025-03-03", "2025-05-05"],
    "residency_date": [None, "2025-01-02", "2025-01-03"],
    "qualifying_arrival_date": ["2025-03-01", "2025-03-09"],
    "qualifying_move_to_city": [None, "Hood River"],
    "final_grade": [None, "C"],
    "score_results": [None, "9"],
    "information_source": [None, "05"],
    "first_name": ["Ana", "Iris"],
}
decisions = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=9),
        st.sampled_from(sorted(CHANGED)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(CHANGED[name]))),
        st.sampled_from(["d1", "d2"]),
    ),
    min_size=1,
    max_size=4,
)


@each(histories(), decisions, students(actions=st.just("U")), st.sampled_from([DEFAULT, Profile(record_ids="stable")]))
def test_the_same_student_again_is_nothing_with_whatever_was_decided(
    events: list[Event], asked: list[tuple[int, tuple[str, str | None], str]], sent: object, profile: Profile
) -> None:
    for fact, (name, value), decision in asked:
        events = [*events, *given(*events).when(decided(fact, decision, **{name: value})).decision.events]
    first = given(*events, profile=profile).when(place(sent))  # pyright: ignore[reportArgumentType]
    again = first.and_when(place(sent)).then()  # pyright: ignore[reportArgumentType]
    assert {outcome.outcome for outcome in again.decision.outcomes} == {"unchanged"}


@each(histories(), decisions, st.data())
def test_a_row_that_says_what_was_there_before_the_decision_changes_nothing(
    events: list[Event], asked: list[tuple[int, tuple[str, str | None], str]], data: st.DataObject
) -> None:
    """The state sends what it sent the night before."""
    before = fold(events)
    if before is None or before.status == "retracted":
        return
    rows = [
        Row(letter, held.elements, held.fact.record_id) for letter, table in held_rows(before).items() for held in table
    ]
    fact, (name, value), decision = asked[0]
    corrected = given(*events).when(decided(fact, decision, **{name: value}))
    if corrected.error is not None or not rows:
        return
    sent = [data.draw(st.sampled_from(rows))]
    answered = corrected.and_when(place(student(*sent)))
    if answered.decision.outcomes[0].outcome == "refused":
        return  # V9
    for event in answered.decision.events:
        assert isinstance(event, FactCorrected)
        assert event.fact == 0, "the S row says no type"


@each(commands(), histories())
def test_without_a_decision_nothing_is_remembered(command: object, events: list[Event]) -> None:
    asked = given(*events).when(command)  # pyright: ignore[reportArgumentType]
    state = fold([*events, *asked.decision.events])
    assert state is None or state.decided == {}
