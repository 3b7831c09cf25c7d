"""One S row with its child rows: what a file, or a PUT, makes of a record."""

from __future__ import annotations

import msgspec
import pytest

from ledger.events.record import (
    AlternateIdStated,
    AssessmentReported,
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    ImmunizationReported,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import Row
from ledger.intake.student import RENUMBERED_FROM
from ledger.jurisdiction import Profile
from support.commands import RETRACT_RECORD, correct, place, place_fact
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

STABLE = Profile(record_ids="stable")
OPENED = RecordOpened(state=STATE, state_student_id=STUDENT, student_id=MINTED, elements={})
MOVED = MoveQualified(fact=1, elements=move().elements, record_id="001")
ENROLLED = Enrolled(fact=2, elements=enrollment().elements, record_id="001")
WITHDRAWN = Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-01"})
HOUSED = ResidencyChanged(
    fact=4, enrollment=2, elements={"district_of_residence": "4110001", "residency_date": "2025-06-01"}
)
OPEN = (OPENED, MOVED, ENROLLED)
WHOLE = enrollment(withdrawal_date="2025-08-01", district_of_residence="4110001", residency_date="2025-06-01")
OTHER_ID = "200000000003"


# -- opening


def test_a_new_student_opens_a_record_and_states_each_row_in_file_order() -> None:
    rows = [immunization(), demographics(), move(), alternate_id(), enrollment(), course(), assessment()]
    given().when(place(student(*rows, action="I", state_student_identifier_type="02"))).then(
        RecordOpened(
            state=STATE,
            state_student_id=STUDENT,
            student_id=MINTED,
            elements={"state_student_identifier_type": "02"},
        ),
        ImmunizationReported(fact=1, elements=rows[0].elements, record_id="001"),
        DemographicsStated(fact=2, elements=rows[1].elements, record_id="001"),
        MoveQualified(fact=3, elements=rows[2].elements, record_id="001"),
        AlternateIdStated(fact=4, elements=rows[3].elements, record_id="001"),
        Enrolled(fact=5, elements=rows[4].elements, record_id="001"),
        CourseReported(fact=6, elements=rows[5].elements, record_id="001"),
        AssessmentReported(fact=7, elements=rows[6].elements, record_id="001"),
    ).answered(*["accepted"] * 8).about(0, 1, 2, 3, 4, 5, 6, 7).found()


def test_each_event_and_outcome_names_the_line_of_the_file() -> None:
    rows = [msgspec.structs.replace(move(), number=7), msgspec.structs.replace(WHOLE, number=9)]
    asked = given().when(place(student(*rows, number=5)))
    assert [getattr(event, "source_row", None) for event in asked.decision.events] == [5, 7, 9, 9, 9]
    assert [outcome.row for outcome in asked.decision.outcomes] == [5, 7, 9]


def test_action_u_of_an_unknown_record_opens_it_with_a_warning() -> None:
    given().when(place(student(move(), action="U"))).then(OPENED, MOVED).found("unknown-record")


def test_action_i_of_a_known_record_updates_it_with_a_warning() -> None:
    given(OPENED, MOVED).when(place(student(enrollment(), action="I"))).then(ENROLLED).found("known-record")


def test_rows_that_a_file_does_not_mention_are_left_as_they_are() -> None:
    given(*OPEN).when(place(student(course(), action="U"))).then(
        CourseReported(fact=3, elements=course().elements, record_id="001")
    ).answered("unchanged", "accepted")


def test_the_same_student_again_is_nothing() -> None:
    again = student(move("005"), enrollment("006"), action="U")
    given(*OPEN).when(place(again)).then().answered("unchanged", "unchanged", "unchanged").about(0, 1, 2).found()


def test_a_repeated_row_is_stated_once() -> None:
    given().when(place(student(move("001"), move("002"), action="I"))).then(OPENED, MOVED).answered(
        "accepted", "accepted", "unchanged"
    ).about(0, 1, 1)


# -- the S row itself


def test_an_s_row_that_says_otherwise_corrects_fact_zero() -> None:
    given(*OPEN).when(place(student(state_student_identifier_type="01"))).then(
        FactCorrected(fact=0, letter="S", elements={"state_student_identifier_type": (None, "01")})
    ).answered("accepted")


def test_the_records_own_student_id_sent_back_is_nothing() -> None:
    given(*OPEN).when(place(student(msix_identification_number=MINTED))).then().answered("unchanged")


def test_another_students_id_is_kept_as_what_the_state_says() -> None:
    asked = given(*OPEN).when(place(student(msix_identification_number=OTHER_ID)))
    asked.then(FactCorrected(fact=0, letter="S", elements={"msix_identification_number": (None, OTHER_ID)}))
    asked.and_when(place(student(msix_identification_number=MINTED))).then(
        FactCorrected(fact=0, letter="S", elements={"msix_identification_number": (OTHER_ID, None)})
    )


# -- an enrollment comes apart


def test_an_enrollment_with_its_withdrawal_and_residency_is_three_facts() -> None:
    given(OPENED, MOVED).when(place(student(WHOLE))).then(ENROLLED, WITHDRAWN, HOUSED).about(0, 2)


def test_the_whole_enrollment_again_is_nothing() -> None:
    given(*OPEN, WITHDRAWN, HOUSED).when(place(student(WHOLE))).then()


def test_a_withdrawal_date_that_appears_changes_or_goes() -> None:
    given(*OPEN).when(place(student(enrollment(withdrawal_date="2025-08-01")))).then(WITHDRAWN)
    given(*OPEN, WITHDRAWN).when(place(student(enrollment(withdrawal_date="2025-08-02")))).then(
        FactCorrected(fact=3, letter="E", elements={"withdrawal_date": ("2025-08-01", "2025-08-02")})
    )
    given(*OPEN, WITHDRAWN).when(place(student(enrollment()))).then(FactRetracted(fact=3, letter="E"))


def test_a_withdrawal_that_came_back_is_a_new_fact() -> None:
    given(*OPEN, WITHDRAWN, FactRetracted(fact=3, letter="E")).when(
        place(student(enrollment(withdrawal_date="2025-08-01")))
    ).then(msgspec.structs.replace(WITHDRAWN, fact=4))


def test_a_later_residency_in_another_district_is_stated_and_any_other_change_corrects() -> None:
    history = given(*OPEN, WITHDRAWN, HOUSED)
    moved = {"district_of_residence": "4110002", "residency_date": "2025-06-20"}
    later = msgspec.structs.replace(WHOLE, elements={**WHOLE.elements, **moved})
    history.when(place(student(later))).then(ResidencyChanged(fact=5, enrollment=2, elements=moved)).and_when(
        place(student(later))
    ).then()
    sooner = msgspec.structs.replace(WHOLE, elements={**WHOLE.elements, "residency_date": "2025-05-31"})
    history.when(place(student(sooner))).then(
        FactCorrected(fact=4, letter="E", elements={"residency_date": ("2025-06-01", "2025-05-31")})
    )


def test_a_residency_that_goes_is_corrected_to_no_value_and_may_come_back() -> None:
    unhoused = enrollment(withdrawal_date="2025-08-01")
    asked = given(*OPEN, WITHDRAWN, HOUSED).when(place(student(unhoused)))
    asked.then(
        FactCorrected(
            fact=4,
            letter="E",
            elements={"district_of_residence": ("4110001", None), "residency_date": ("2025-06-01", None)},
        )
    )
    asked.and_when(place(student(unhoused))).then()
    asked.and_when(place(student(WHOLE))).then(
        FactCorrected(
            fact=4,
            letter="E",
            elements={"district_of_residence": (None, "4110001"), "residency_date": (None, "2025-06-01")},
        )
    )


def test_one_row_may_change_all_three_facts() -> None:
    changed = enrollment("007", grade_level="10", withdrawal_date="2025-08-02", district_of_residence="4110001")
    given(*OPEN, WITHDRAWN, HOUSED).when(place(student(changed))).then(
        FactCorrected(fact=2, letter="E", elements={"grade_level": (None, "10")}, record_id="007"),
        FactCorrected(fact=3, letter="E", elements={"withdrawal_date": ("2025-08-01", "2025-08-02")}),
        FactCorrected(fact=4, letter="E", elements={"residency_date": ("2025-06-01", None)}),
    ).about(0, 2)


def test_a_raw_value_goes_with_the_fact_that_it_belongs_to() -> None:
    raw = {"school_or_project_name": "COLUMBIA  GORGE", "withdrawal_date": "n/a"}
    sent = msgspec.structs.replace(WHOLE, raw=raw)
    stated = given(OPENED, MOVED).when(place(student(sent))).decision.events
    assert [getattr(event, "raw", None) for event in stated] == [
        {"school_or_project_name": "COLUMBIA  GORGE"},
        {"withdrawal_date": "n/a"},
        None,
    ]
    corrected = (
        given(*OPEN)
        .when(
            place(
                student(
                    msgspec.structs.replace(
                        sent,
                        elements={
                            **enrollment().elements,
                            "school_or_project_name": "Columbia Gorge",
                            "grade_level": "10",
                        },
                        record_id="001",
                    )
                )
            )
        )
        .decision.events
    )
    assert [getattr(event, "raw", None) for event in corrected] == [
        {"school_or_project_name": "COLUMBIA  GORGE"},
    ]


# -- rows that are refused


def test_a_refused_row_leaves_nothing_and_its_neighbours_stand() -> None:
    early = enrollment(withdrawal_date="2025-06-22")
    given(OPENED, MOVED).when(place(student(early, course()))).then(
        CourseReported(fact=2, elements=course().elements, record_id="001")
    ).answered("unchanged", "refused", "accepted").found("V10").about(0, None, 2)


def test_a_student_without_a_qualifying_move_is_refused_with_every_row_named() -> None:
    given().when(place(student(demographics(), course(), action="I"))).then().answered(
        "refused", "refused", "refused"
    ).found("V9", "student-refused", "student-refused")


def test_a_row_refused_for_a_reason_of_its_own_keeps_it() -> None:
    early = enrollment(withdrawal_date="2025-06-22")
    given().when(place(student(early, course()))).then().found("V9", "V10", "student-refused")


def test_a_known_record_whose_last_move_was_retracted_takes_no_student_without_one() -> None:
    history = given(*OPEN, FactRetracted(fact=1, letter="Q"))
    history.when(place(student(course()))).then().found("V9", "student-refused")
    history.when(place(student(enrollment()))).then().found("V9", "student-refused")
    history.when(place(student(course(), move("002")))).answered("unchanged", "accepted", "accepted")


def test_a_state_may_soften_v9() -> None:
    given(profile=Profile(rule_levels={"V9": "warn"})).when(place(student(course(), action="I"))).answered(
        "accepted", "accepted"
    ).found("V9")
    given(profile=Profile(rule_levels={"V9": "off"})).when(place(student(course(), action="I"))).found()


# -- a row with nothing but its Record ID


def test_a_bare_row_is_refused_with_the_remedy_where_record_ids_are_renumbered() -> None:
    asked = given(*OPEN).when(place(student(Row("E", {}, "001")))).then().answered("unchanged", "refused")
    asked.found("retract-by-record-id")
    assert "retractions" in asked.decision.outcomes[1].findings[0].remedy


def test_a_bare_row_retracts_the_fact_where_record_ids_are_stable() -> None:
    bare = place(student(Row("E", {}, "001")))
    asked = given(*OPEN, WITHDRAWN, profile=STABLE).when(bare)
    asked.then(FactRetracted(fact=2, letter="E")).answered("unchanged", "accepted").about(0, 2)
    asked.and_when(bare).then().answered("unchanged", "unchanged").about(0, None).found()


def test_a_bare_row_of_no_fact_is_warned_of_since_its_number_may_be_a_slip() -> None:
    for row in (Row("E", {}, "009"), Row("C", {}, "001")):
        asked = given(*OPEN, profile=STABLE).when(place(student(row)))
        asked.then().answered("unchanged", "unchanged").about(0, None).found("retract-unknown-fact")
    spoken_of = place(student(enrollment(), Row("E", {}, "001")))
    given(*OPEN, profile=STABLE).when(spoken_of).then().found("retract-unknown-fact")
    new = place(student(move(), Row("E", {}, "001"), action="I"))
    given(profile=STABLE).when(new).then(OPENED, MOVED).found("retract-unknown-fact")
    quiet = Profile(record_ids="stable", rule_levels={"retract-unknown-fact": "off"})
    given(*OPEN, profile=quiet).when(place(student(Row("E", {}, "009")))).then().found()


def test_a_bare_row_without_a_record_id_is_refused_everywhere() -> None:
    given(*OPEN, profile=STABLE).when(place(student(Row("E", {}, None)))).answered("unchanged", "refused")


def test_retracting_the_last_move_by_a_bare_row_is_against_v9() -> None:
    given(*OPEN, profile=STABLE).when(place(student(Row("Q", {}, "001")))).then().found("V9", "student-refused")
    given(*OPEN, profile=STABLE).when(
        place(student(Row("Q", {}, "001"), move("002", qualifying_arrival_date="2025-07-01")))
    ).answered("unchanged", "accepted", "accepted")


# -- renumbered overnight


def _courses(count: int, first: int, clock_hours: str) -> list[Row]:
    """Courses told apart by their section, in one year, so that they share elements of the key."""
    return [
        course(f"{number:03d}", course_title=f"Course {first + number}", clock_hours=clock_hours)
        for number in range(1, count + 1)
    ]


def test_many_rows_told_apart_by_record_id_alone_warn_that_the_state_may_renumber() -> None:
    opened = given().when(place(student(move(), *_courses(RENUMBERED_FROM, 0, "1"), action="I")))
    opened.and_when(place(student(*_courses(RENUMBERED_FROM, 50, "2")))).found("renumbered")
    opened.and_when(place(student(*_courses(RENUMBERED_FROM - 1, 50, "2")))).found()


# -- action D, and back


def test_action_d_retracts_the_record_and_says_nothing_else() -> None:
    gone = place(student(move(), course(), action="D"))
    asked = given(*OPEN).when(gone).then(RecordRetracted()).answered("accepted", "unchanged", "unchanged").found()
    asked.and_when(gone).then().answered("unchanged", "unchanged", "unchanged").found()


def test_action_d_of_an_unknown_record_is_nothing_and_warned_of() -> None:
    gone = place(student(action="D"))
    given().when(gone).then().answered("unchanged").about(None).found("retract-unknown-record")
    quiet = Profile(rule_levels={"retract-unknown-record": "off"})
    given(profile=quiet).when(gone).then().answered("unchanged").found()


@pytest.mark.parametrize("action", ["I", "U"])
def test_a_retracted_record_sent_again_comes_back_with_the_facts_that_are_sent(action: str) -> None:
    history = given(*OPEN, WITHDRAWN, HOUSED, RecordRetracted())
    asked = history.when(place(student(move("009"), action=action)))
    asked.then(RecordReinstated(), msgspec.structs.replace(MOVED, record_id="009")).answered("accepted", "accepted")
    asked.and_when(place(student(WHOLE))).then(ENROLLED, WITHDRAWN, HOUSED).about(0, 2)


def test_a_fact_comes_back_under_its_old_id_with_what_is_said_now() -> None:
    changed = enrollment(grade_level="10", withdrawal_date="2025-08-02")
    given(*OPEN, WITHDRAWN, HOUSED, RecordRetracted(), RecordReinstated(), MOVED).when(place_fact(changed)).then(
        Enrolled(fact=2, elements=enrollment(grade_level="10").elements, record_id="001"),
        Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-08-02"}),
    )


def test_parts_of_an_enrollment_come_back_later_under_their_old_ids() -> None:
    history = given(*OPEN, WITHDRAWN, HOUSED, RecordRetracted(), RecordReinstated(), MOVED, ENROLLED)
    history.when(place(student(WHOLE))).then(WITHDRAWN, HOUSED)


def test_a_dormant_residency_below_the_current_one_stays_asleep() -> None:
    """Awake, it would not be the current one, and the row would be sent in vain night after night."""
    current = ResidencyChanged(
        fact=5, enrollment=2, elements={"district_of_residence": "4110002", "residency_date": "2025-05-01"}
    )
    reinstated = (RecordRetracted(), RecordReinstated(), MOVED, ENROLLED, WITHDRAWN)
    given(*OPEN, WITHDRAWN, HOUSED, current, *reinstated, current).when(place(student(WHOLE))).then(
        msgspec.structs.replace(HOUSED, fact=6)
    ).and_when(place(student(WHOLE))).then()
    given(*OPEN, WITHDRAWN, HOUSED, current, *reinstated).when(place(student(WHOLE))).then(HOUSED)


def test_a_fact_retracted_by_itself_does_not_come_back_with_its_record() -> None:
    history = given(*OPEN, FactRetracted(fact=2, letter="E"), RecordRetracted())
    history.when(place(student(move(), enrollment()))).then(
        RecordReinstated(), MOVED, msgspec.structs.replace(ENROLLED, fact=3)
    )


def test_a_reinstated_record_needs_its_move_again() -> None:
    given(*OPEN, RecordRetracted()).when(place(student(enrollment()))).then().found("V9", "student-refused")


def test_the_s_row_of_a_reinstated_record_is_compared_with_what_it_was() -> None:
    given(*OPEN, RecordRetracted()).when(place(student(move(), state_student_identifier_type="01"))).then(
        RecordReinstated(),
        FactCorrected(fact=0, letter="S", elements={"state_student_identifier_type": (None, "01")}),
        MOVED,
    )


def test_a_value_corrected_over_http_is_corrected_back_by_the_next_file_that_says_otherwise() -> None:
    given(*OPEN).when(correct(2, grade_level="10")).and_when(place(student(enrollment()))).then(
        FactCorrected(fact=2, letter="E", elements={"grade_level": ("10", None)})
    )


def test_a_record_retracted_over_http_is_reinstated_by_the_next_file() -> None:
    given(*OPEN).when(RETRACT_RECORD).and_when(place(student(move()))).then(RecordReinstated(), MOVED)
