"""The decider of a record: what may be said of it, and what comes of it."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from ledger.errors import BadValue, LogBroken, NotEnrolled, NotFound, NotOpen, RecordIsRetracted, Refused
from ledger.events import Event
from ledger.events.jurisdiction import ProfileSet
from ledger.events.record import (
    Changes,
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
from ledger.facts import held_rows
from ledger.jurisdiction import Profile
from ledger.record import (
    Command,
    EnrollmentKey,
    Row,
    decide,
    evolve,
    fold,
)
from support.commands import (
    RETRACT_RECORD,
    change_residency,
    correct,
    place,
    place_fact,
    reside,
    retract,
    withdraw,
)
from support.given import given
from support.rows import (
    MINTED,
    STATE,
    STUDENT,
    alternate_id,
    assessment,
    course,
    demographics,
    enrollment,
    immunization,
    move,
    student,
)

OPENED = RecordOpened(state=STATE, state_student_id=STUDENT, student_id=MINTED, elements={})
MOVED = MoveQualified(fact=1, elements=move().elements, record_id="001")
ENROLLED = Enrolled(fact=2, elements=enrollment().elements, record_id="001")
WITHDRAWN = Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-01"})
HOUSED = ResidencyChanged(
    fact=4, enrollment=2, elements={"district_of_residence": "4110001", "residency_date": "2025-06-01"}
)
OPEN = (OPENED, MOVED, ENROLLED)


# -- a record that is not open


SINGLE: list[Command] = [
    place_fact(course()),
    withdraw("2025-08-01"),
    change_residency(district_of_residence="4110001"),
    correct(1, qualifying_move_to_city="Woodburn"),
    retract(1),
]


@pytest.mark.parametrize("command", [*SINGLE, RETRACT_RECORD])
def test_a_record_that_was_never_opened_takes_no_single_fact(command: Command) -> None:
    given().when(command).refused(NotOpen)


@pytest.mark.parametrize("command", SINGLE)
def test_a_retracted_record_takes_no_single_fact(command: Command) -> None:
    given(*OPEN, RecordRetracted()).when(command).refused(RecordIsRetracted)


def test_retracting_a_record_twice_appends_once() -> None:
    given(*OPEN).when(RETRACT_RECORD).then(RecordRetracted()).answered("accepted").and_when(
        RETRACT_RECORD
    ).then().answered("unchanged")


# -- one fact


def test_an_enrollment_by_itself_is_placed_like_a_row_of_a_file() -> None:
    given(OPENED, MOVED).when(place_fact(enrollment())).then(ENROLLED).answered("accepted").about(2)


def test_the_same_enrollment_again_is_nothing() -> None:
    given(*OPEN).when(place_fact(enrollment(record_id=None))).then().answered("unchanged").about(2)


def test_another_enrollment_in_the_same_school_is_a_fact_of_its_own() -> None:
    again = enrollment(enrollment_date="2025-07-07")
    given(*OPEN).when(place_fact(msgspec.structs.replace(again, record_id="002"))).then(
        Enrolled(fact=3, elements=again.elements, record_id="002")
    )


def test_an_enrollment_with_an_equal_key_corrects() -> None:
    given(*OPEN).when(place_fact(enrollment(grade_level="10"))).then(
        FactCorrected(fact=2, letter="E", elements={"grade_level": (None, "10")})
    )


def test_a_single_row_against_a_rule_is_refused_with_its_rule() -> None:
    given(*OPEN).when(place_fact(enrollment(withdrawal_date="2025-06-22"))).refused(BadValue, rule="V10")


def test_a_row_with_nothing_but_its_record_id_is_refused_where_states_renumber() -> None:
    given(*OPEN).when(place_fact(Row("E", {}, "001"))).refused(BadValue, rule="retract-by-record-id")


# -- withdrawal


def test_a_withdrawal_is_a_fact_of_its_own_that_names_its_enrollment() -> None:
    given(*OPEN).when(withdraw("2025-08-01")).then(WITHDRAWN).answered("accepted").about(3)


def test_the_same_withdrawal_again_is_nothing() -> None:
    given(*OPEN, WITHDRAWN).when(withdraw("2025-08-01")).then().answered("unchanged").about(3)


def test_another_day_corrects_the_withdrawal() -> None:
    given(*OPEN, WITHDRAWN).when(withdraw("2025-08-02")).then(
        FactCorrected(fact=3, letter="E", elements={"withdrawal_date": ("2025-08-01", "2025-08-02")})
    ).about(3)


def test_a_withdrawal_before_there_is_an_enrollment_is_refused() -> None:
    given(OPENED, MOVED).when(withdraw("2025-08-01")).refused(NotEnrolled)


def test_a_withdrawal_from_a_retracted_enrollment_is_refused() -> None:
    given(*OPEN, FactRetracted(fact=2, letter="E")).when(withdraw("2025-08-01")).refused(NotEnrolled)


def test_a_withdrawal_from_a_fact_that_is_no_enrollment_is_refused() -> None:
    given(*OPEN).when(withdraw("2025-08-01", enrollment=1)).refused(NotEnrolled)


def test_a_withdrawal_before_the_enrollment_date_is_refused() -> None:
    given(*OPEN).when(withdraw("2025-06-22")).refused(BadValue, rule="V10")


def test_a_withdrawal_on_the_enrollment_date_stands() -> None:
    given(*OPEN).when(withdraw("2025-06-23")).answered("accepted")


def test_a_withdrawal_after_today_is_refused() -> None:
    given(*OPEN).when(withdraw("2025-08-01", today=date(2025, 7, 31))).refused(BadValue, rule="future")
    given(*OPEN).when(withdraw("2025-08-01", today=date(2025, 8, 1))).then(WITHDRAWN)


def test_a_withdrawal_that_is_no_date_is_refused() -> None:
    given(*OPEN).when(withdraw("soon")).refused(BadValue, rule="malformed")


@pytest.mark.parametrize(
    "key",
    [
        EnrollmentKey(enrollment_date="2025-06-23"),
        EnrollmentKey(enrollment_date="2025-06-23", enrollment_type="03"),
        EnrollmentKey(enrollment_date="2025-06-23", school="Columbia Gorge Summer Program"),
    ],
)
def test_an_enrollment_may_be_named_by_its_key(key: EnrollmentKey) -> None:
    given(*OPEN).when(withdraw("2025-08-01", enrollment=key)).then(WITHDRAWN)


@pytest.mark.parametrize(
    "key",
    [
        EnrollmentKey(enrollment_date="2025-06-24"),
        EnrollmentKey(enrollment_date="2025-06-23", enrollment_type="01"),
        EnrollmentKey(enrollment_date="2025-06-23", school="Valor Middle School"),
    ],
)
def test_a_key_that_fits_no_enrollment_is_refused(key: EnrollmentKey) -> None:
    given(*OPEN).when(withdraw("2025-08-01", enrollment=key)).refused(NotEnrolled)


def test_a_key_that_fits_two_enrollments_is_refused_rather_than_guessed() -> None:
    other = Enrolled(fact=3, elements=enrollment(enrollment_type="01").elements)
    key = EnrollmentKey(enrollment_date="2025-06-23")
    given(*OPEN, other).when(withdraw("2025-08-01", enrollment=key)).refused(Refused)


# -- residency


def test_a_residency_is_a_fact_of_its_own() -> None:
    given(*OPEN, WITHDRAWN).when(change_residency(district_of_residence="4110001", residency_date="2025-06-01")).then(
        HOUSED
    ).about(4)


def test_the_same_residency_again_is_nothing() -> None:
    given(*OPEN, WITHDRAWN, HOUSED).when(
        change_residency(district_of_residence="4110001", residency_date="2025-06-01")
    ).then().about(4)


def test_a_later_residency_in_another_district_is_a_new_fact() -> None:
    moved = {"district_of_residence": "4110002", "residency_date": "2025-06-20"}
    given(*OPEN, WITHDRAWN, HOUSED).when(reside(2, moved)).then(
        ResidencyChanged(fact=5, enrollment=2, elements=moved)
    ).about(5)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (
            {"district_of_residence": "4110001", "residency_date": "2025-06-20"},
            {"residency_date": ("2025-06-01", "2025-06-20")},
        ),
        (
            {"district_of_residence": "4110002", "residency_date": "2025-06-01"},
            {"district_of_residence": ("4110001", "4110002")},
        ),
        ({"residency_date": "2025-06-01"}, {"district_of_residence": ("4110001", None)}),
    ],
)
def test_any_other_change_of_residency_corrects(said: dict[str, str], changes: Changes) -> None:
    given(*OPEN, WITHDRAWN, HOUSED).when(reside(2, said)).then(FactCorrected(fact=4, letter="E", elements=changes))


def test_a_residency_with_dates_out_of_order_stands_with_a_warning() -> None:
    given(*OPEN).when(change_residency(residency_date="2025-06-24")).answered("accepted").found("V10")


def test_a_residency_without_an_enrollment_is_refused() -> None:
    given(OPENED, MOVED).when(change_residency(residency_date="2025-06-24")).refused(NotEnrolled)


def test_a_residency_that_says_nothing_or_something_else_is_refused() -> None:
    given(*OPEN).when(change_residency()).refused(BadValue, rule="missing")
    given(*OPEN).when(change_residency(grade_level="07")).refused(BadValue, rule="unknown-element")


def test_a_residency_of_a_wrong_form_is_refused_and_not_left_out() -> None:
    given(*OPEN).when(change_residency(district_of_residence="Woodburn")).refused(BadValue, rule="malformed")


# -- correction


def test_a_correction_lists_only_what_changed() -> None:
    given(*OPEN).when(correct(1, qualifying_move_from_country="GTM", qualifying_move_to_city="Woodburn")).then(
        FactCorrected(fact=1, letter="Q", elements={"qualifying_move_to_city": (None, "Woodburn")})
    ).about(1)


def test_a_correction_that_says_what_holds_is_nothing() -> None:
    given(*OPEN).when(correct(1, qualifying_move_from_country="GTM", qualifying_move_to_city=None)).then().answered(
        "unchanged"
    )


def test_a_correction_may_take_a_value_away() -> None:
    given(*OPEN).when(correct(2, school_or_project_name=None)).then(
        FactCorrected(fact=2, letter="E", elements={"school_or_project_name": ("Columbia Gorge Summer Program", None)})
    )


def test_a_required_value_cannot_be_taken_away() -> None:
    given(*OPEN).when(correct(1, qualifying_arrival_date=None)).refused(BadValue, rule="missing")


def test_a_correction_is_checked_with_the_rest_of_the_fact() -> None:
    given(*OPEN).when(correct(1, qualifying_move_from_country=None)).refused(BadValue, rule="V8")
    given(*OPEN, WITHDRAWN).when(correct(2, enrollment_date="2025-08-02")).refused(BadValue, rule="V10")
    given(*OPEN, WITHDRAWN).when(correct(3, withdrawal_date="2025-06-22")).refused(BadValue, rule="V10")


def test_a_corrected_value_of_a_wrong_form_is_refused_and_not_left_out() -> None:
    given(*OPEN).when(correct(2, grade_level="7th")).refused(BadValue, rule="code")


def test_a_corrected_value_is_kept_in_canonical_form() -> None:
    given(*OPEN).when(correct(1, qualifying_arrival_date="20250603")).then(
        FactCorrected(fact=1, letter="Q", elements={"qualifying_arrival_date": ("2025-06-02", "2025-06-03")})
    )


def test_an_element_of_another_table_is_refused() -> None:
    given(*OPEN).when(correct(1, grade_level="07")).refused(BadValue, rule="unknown-element")
    given(*OPEN).when(correct(1, qualifying_moves_record_id="002")).refused(BadValue, rule="unknown-element")
    given(*OPEN, WITHDRAWN).when(correct(3, residency_date="2025-06-01")).refused(BadValue, rule="unknown-element")


def test_the_withdrawal_date_of_an_enrollment_is_corrected_where_it_stands() -> None:
    given(*OPEN).when(correct(2, withdrawal_date="2025-08-01")).then(WITHDRAWN).about(2)
    given(*OPEN, WITHDRAWN).when(correct(2, withdrawal_date="2025-08-02")).then(
        FactCorrected(fact=3, letter="E", elements={"withdrawal_date": ("2025-08-01", "2025-08-02")})
    )
    given(*OPEN, WITHDRAWN).when(correct(2, withdrawal_date=None)).then(FactRetracted(fact=3, letter="E"))


def test_a_withdrawal_without_its_date_is_retracted() -> None:
    given(*OPEN, WITHDRAWN).when(correct(3, withdrawal_date=None)).then(FactRetracted(fact=3, letter="E"))


def test_an_earlier_residency_can_be_corrected_by_its_id_and_stays_earlier() -> None:
    moved = {"district_of_residence": "4110002", "residency_date": "2025-06-20"}
    later = ResidencyChanged(fact=5, enrollment=2, elements={**moved, "residency_verification_date": "2025-06-21"})
    history = given(*OPEN, WITHDRAWN, HOUSED, later)
    asked = history.when(correct(4, residency_date="2025-06-02"))
    asked.then(FactCorrected(fact=4, letter="E", elements={"residency_date": ("2025-06-01", "2025-06-02")}))
    state = fold([*history.history, *asked.decision.events])
    assert state is not None
    assert held_rows(state)["E"][0].elements["residency_date"] == "2025-06-20"


def test_correcting_a_residency_by_its_id_is_a_correction_even_where_a_row_would_state_a_new_one() -> None:
    given(*OPEN, WITHDRAWN, HOUSED).when(correct(4, district_of_residence="4110002", residency_date="2025-06-20")).then(
        FactCorrected(
            fact=4,
            letter="E",
            elements={
                "district_of_residence": ("4110001", "4110002"),
                "residency_date": ("2025-06-01", "2025-06-20"),
            },
        )
    )


def test_the_s_row_is_corrected_as_fact_zero() -> None:
    given(*OPEN).when(correct(0, state_student_identifier_type="01")).then(
        FactCorrected(fact=0, letter="S", elements={"state_student_identifier_type": (None, "01")})
    ).about(0)
    given(*OPEN).when(correct(0, state_student_identifier_type="09")).refused(BadValue, rule="code")
    given(*OPEN).when(correct(0, action_code="D")).refused(BadValue, rule="unknown-element")


def test_the_records_own_student_id_as_msix_number_says_nothing() -> None:
    given(*OPEN).when(correct(0, msix_identification_number=MINTED)).then()


@pytest.mark.parametrize("command", [correct(9, grade_level="07"), retract(9)])
def test_a_fact_that_is_not_there_is_not_found(command: Command) -> None:
    given(*OPEN).when(command).refused(NotFound)


def test_a_retracted_fact_takes_no_correction() -> None:
    given(*OPEN, FactRetracted(fact=2, letter="E")).when(correct(2, grade_level="07")).refused(NotFound)


# -- retraction


def test_a_fact_retracted_twice_is_retracted_once() -> None:
    given(*OPEN).when(retract(1)).then(FactRetracted(fact=1, letter="Q")).and_when(retract(1)).then().answered(
        "unchanged"
    ).about(1)


def test_retracting_an_enrollment_takes_its_withdrawal_and_residency_along() -> None:
    asked = given(*OPEN, WITHDRAWN, HOUSED).when(retract(2)).then(FactRetracted(fact=2, letter="E"))
    state = fold([*OPEN, WITHDRAWN, HOUSED, *asked.decision.events])
    assert state is not None
    assert [fact.status for fact in state.facts.values()] == ["live", "retracted", "retracted", "retracted"]
    asked.and_when(correct(3, withdrawal_date="2025-08-02")).refused(NotFound)


def test_a_retracted_fact_that_is_sent_again_is_a_new_fact() -> None:
    given(*OPEN, FactRetracted(fact=2, letter="E")).when(place_fact(enrollment())).then(
        Enrolled(fact=3, elements=enrollment().elements, record_id="001")
    )


# -- evolve and fold


def test_nothing_has_happened_to_a_record_that_is_not_there() -> None:
    assert fold([]) is None


def test_a_record_holds_what_was_said_of_it() -> None:
    state = fold([*OPEN, WITHDRAWN, HOUSED])
    assert state is not None
    assert (state.state, state.state_student_id, state.student_id) == (STATE, STUDENT, MINTED)
    assert (state.status, state.next_fact) == ("open", 5)
    assert [fact.kind for fact in state.facts.values()] == ["move", "enrollment", "withdrawal", "residency"]
    assert held_rows(state)["E"][0].elements == {
        **ENROLLED.elements,
        "withdrawal_date": "2025-08-01",
        "district_of_residence": "4110001",
        "residency_date": "2025-06-01",
    }


def test_a_correction_changes_the_record_id_only_where_it_names_one() -> None:
    named = FactCorrected(fact=2, letter="E", elements={"grade_level": (None, "10")}, record_id="007")
    unnamed = FactCorrected(fact=2, letter="E", elements={"grade_level": ("10", "11")})
    state = fold([*OPEN, named, unnamed])
    assert state is not None
    assert state.facts[2].record_id == "007"
    assert state.facts[2].elements["grade_level"] == "11"


def test_facts_of_a_retracted_record_wait_until_they_are_sent_again() -> None:
    state = fold([*OPEN, FactRetracted(fact=2, letter="E"), RecordRetracted()])
    assert state is not None
    assert state.status == "retracted"
    assert [fact.status for fact in state.facts.values()] == ["dormant", "retracted"]
    state = evolve(state, RecordReinstated())
    assert state.status == "open"
    assert [fact.status for fact in state.facts.values()] == ["dormant", "retracted"]
    state = evolve(state, MOVED)
    assert state.facts[1].status == "live"
    assert state.next_fact == 3


@pytest.mark.parametrize(
    "events",
    [
        [MOVED],
        [OPENED, OPENED],
        [OPENED, ProfileSet(time_zone="UTC")],
        [OPENED, FactRetracted(fact=1, letter="Q")],
        [OPENED, FactCorrected(fact=1, letter="Q", elements={})],
    ],
)
def test_an_event_that_cannot_follow_breaks_the_log(events: list[Event]) -> None:
    with pytest.raises(LogBroken):
        fold(events)


def test_every_table_can_be_stated_by_a_single_fact() -> None:
    for row in (demographics(), alternate_id(), move(), enrollment(), course(), assessment(), immunization()):
        given(OPENED).when(place_fact(row)).answered("accepted").about(1)


def test_a_profile_that_lets_a_rule_rest_is_followed() -> None:
    lenient = Profile(rule_levels={"V10": "warn"})
    given(*OPEN, profile=lenient).when(withdraw("2025-06-22")).answered("accepted").found("V10")
    assert decide(place(student(enrollment())), None, Profile(rule_levels={"V9": "off"})).events
