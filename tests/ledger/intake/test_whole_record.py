"""Rules about two rows, or a row and the record: from a file and over HTTP."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from ledger.errors import BadValue
from ledger.events import Event
from ledger.events.jurisdiction import Term
from ledger.events.record import (
    AssessmentReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordOpened,
    Withdrawn,
)
from ledger.facts import Row
from ledger.jurisdiction import Profile
from ledger.record import PlaceStudent
from support.commands import correct, place, place_fact, retract, withdraw
from support.given import When, given
from support.rows import MINTED, STATE, STUDENT, assessment, course, demographics, enrollment, move, student

TODAY = date(2025, 9, 2)
OPENED = RecordOpened(state=STATE, state_student_id=STUDENT, student_id=MINTED, elements={})


def told(when: When) -> list[tuple[str, str, str | None, str]]:
    """What was found: letter, rule, element, level."""
    return [(o.letter, f.rule, f.element, f.level) for o in when.decision.outcomes for f in o.findings]


def file(*rows: Row) -> PlaceStudent:
    return msgspec.structs.replace(place(student(*rows)), today=TODAY)


def history(*rows: Row, off: str = "") -> list[Event]:
    """A record that holds these rows, whatever the rules that are off say of them."""
    profile = Profile(rule_levels=dict.fromkeys(off.split(), "off"))
    asked = given(profile=profile).when(msgspec.structs.replace(place(student(*rows, action="I")), today=TODAY))
    assert {outcome.outcome for outcome in asked.decision.outcomes} == {"accepted"}
    return asked.decision.events


def levels(**levels: str) -> Profile:
    return Profile(rule_levels=levels)


def born(day: str, **changes: str | None) -> Row:
    return demographics(birth_date=day, **changes)


def moved(day: str, record_id: str = "001", **changes: str | None) -> Row:
    return move(record_id, qualifying_arrival_date=day, **changes)


def enrolled(begins: str, ends: str | None = None, record_id: str | None = "001", **changes: str | None) -> Row:
    school = {"enrollment_type": "01", "school_or_project_name": "Valor", **changes}
    return enrollment(record_id, enrollment_date=begins, withdrawal_date=ends, **school)


# -- V4, V5: the birth date beside the moves


def test_a_move_before_the_birth_is_refused_and_with_the_only_move_the_student() -> None:
    asked = given().when(file(born("2025-06-03"), moved("2025-06-02")))
    asked.then().answered("refused", "refused", "refused").found("V9", "student-refused", "V4")
    asked = given().when(file(born("2025-06-02"), moved("2025-06-02")))
    asked.answered("accepted", "accepted", "accepted").found("unknown-record")


def test_a_move_before_the_birth_leaves_the_childs_other_moves_standing() -> None:
    asked = given().when(file(born("2020-01-01"), moved("2019-01-01"), moved("2024-01-01", "002")))
    asked.answered("accepted", "accepted", "refused", "accepted")
    assert told(asked)[1] == ("Q", "V4", "qualifying_arrival_date", "refused")


@pytest.mark.parametrize(
    ("birth", "last_day", "first_day_too_late"),
    [
        ("2003-09-02", "2025-09-01", "2025-09-02"),
        # 2025 has no 29 February: the 22nd birthday is 1 March.
        ("2003-03-01", "2025-02-28", "2025-03-01"),
        ("2000-02-29", "2022-02-28", "2022-03-01"),
        # 2024 has one, and who was born on 1 March is still 21 on it.
        ("2002-03-01", "2024-02-29", "2024-03-01"),
        ("2002-02-28", "2024-02-27", "2024-02-28"),
    ],
)
def test_a_move_through_age_21_is_kept_and_one_on_the_22nd_birthday_refused(
    birth: str, last_day: str, first_day_too_late: str
) -> None:
    given().when(file(born(birth), moved(last_day))).answered("accepted", "accepted", "accepted")
    asked = given().when(file(born(birth), moved(first_day_too_late))).then()
    assert ("Q", "V5", "qualifying_arrival_date", "refused") in told(asked)


def test_a_child_under_three_is_kept() -> None:
    given().when(file(born("2025-06-01"), moved("2025-06-02"))).answered("accepted", "accepted", "accepted")


def test_a_birth_date_that_contradicts_a_move_of_before_is_refused_and_tonights_moves_stand() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    asked = given(*record).when(file(born("2025-06-01"), moved("2024-01-01"), moved("2025-05-01", "002")))
    asked.answered("unchanged", "refused", "unchanged", "accepted")
    assert told(asked) == [("D", "V4", "birth_date", "refused")]


def test_a_birth_date_and_the_move_that_it_contradicts_are_told_of_the_move_where_both_change() -> None:
    record = history(born("2008-11-02"), moved("2025-08-01"))
    asked = given(*record).when(file(born("2024-06-01"), moved("2024-05-01", "002")))
    asked.answered("unchanged", "accepted", "refused")
    assert told(asked) == [("Q", "V4", "qualifying_arrival_date", "refused")]


def test_what_a_record_holds_against_a_rule_is_not_judged_again() -> None:
    rows = (born("2025-06-03"), moved("2025-06-02"))
    record = history(*rows, off="V4")
    given(*record).when(file(*rows)).then().found().answered("unchanged", "unchanged", "unchanged")
    given(*record).when(file(*rows, course(credits_granted="1.00"))).answered(
        "unchanged", "unchanged", "unchanged", "accepted"
    ).found()
    changed = given(*record).when(file(rows[0], moved("2025-06-02", qualifying_move_to_city="Madera")))
    assert told(changed) == [("Q", "V4", "qualifying_arrival_date", "refused")]


def test_a_birth_date_goes_before_the_moves_that_it_contradicts_as_they_were_and_as_they_will_be() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    asked = given(*record).when(file(born("2025-06-01"), moved("2024-01-01", qualifying_move_to_city="Madera")))
    asked.answered("unchanged", "refused", "accepted")
    assert told(asked) == [("D", "V4", "birth_date", "refused")]


def test_a_move_that_contradicts_only_as_it_will_be_goes_before_the_birth_date() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    stable = Profile(record_ids="stable")
    asked = given(*record, profile=stable).when(file(born("2022-01-01"), moved("2020-01-01")))
    asked.answered("unchanged", "accepted", "refused")
    assert told(asked) == [("Q", "V4", "qualifying_arrival_date", "refused")]
    both = given(*record, profile=stable).when(file(born("2024-06-01"), moved("2024-07-01")))
    both.answered("unchanged", "accepted", "accepted").found()


def test_rows_that_say_the_same_are_refused_together() -> None:
    asked = given().when(file(born("2020-01-01"), moved("2024-01-01"), moved("2019-01-01"), moved("2019-01-01")))
    asked.answered("accepted", "accepted", "accepted", "refused", "refused")


def test_a_row_is_not_taken_in_the_place_of_its_like_that_was_refused() -> None:
    """The second would be placed otherwise than the first, by its number, and stand where the first may not."""
    strict = Profile(record_ids="stable", rule_levels={"V2": "refuse"})
    ends = {"eligibility_expiration_date": "2026-02-28"}
    record = history(moved("2023-03-01", **ends))
    graduated = enrolled("2024-09-03", graduation_hse_indicator="Graduation", graduation_hse_date="2025-06-13")
    rows = (graduated, moved("2025-04-01", "002", **ends), moved("2025-04-01", "001", **ends))
    given(*record, profile=strict).when(file(*rows)).then().answered("unchanged", "refused", "refused", "refused")


TWO_NAMES = (born("2025-06-03"), demographics("002", first_name="Isaí", birth_date="2008-11-02"))


def test_the_birth_date_that_was_stated_last_counts() -> None:
    given().when(file(*TWO_NAMES, moved("2025-06-02"))).answered("accepted", "accepted", "accepted", "accepted")
    given().when(file(*reversed(TWO_NAMES), moved("2025-06-02"))).then()


def test_a_birth_date_that_was_corrected_last_counts_and_goes_on_counting() -> None:
    record = history(*TWO_NAMES, moved("2025-07-02"))
    given(*record).when(correct(1, birth_date="2025-07-03")).refused(BadValue, "V4")
    corrected = [*record, *given(*record).when(correct(1, birth_date="2025-06-04")).decision.events]
    rows = (born("2025-06-04"), TWO_NAMES[1])
    asked = given(*corrected).when(file(*rows, moved("2025-06-03", "002")))
    asked.answered("unchanged", "unchanged", "unchanged", "refused").found("V4")
    given(*record).when(file(*TWO_NAMES, moved("2025-06-01", "002"))).answered(
        "unchanged", "unchanged", "unchanged", "accepted"
    )


@pytest.mark.parametrize(("level", "outcome"), [("warn", "accepted"), ("off", "accepted"), ("refuse", "refused")])
def test_a_state_sets_the_level_of_a_rule_about_the_record(level: str, outcome: str) -> None:
    rows = (born("2020-01-01"), moved("2019-01-01"), moved("2024-01-01", "002"))
    asked = given(profile=levels(V4=level)).when(file(*rows)).answered("accepted", "accepted", outcome, "accepted")
    rules = [(rule, found) for _, rule, _, found in told(asked) if rule == "V4"]
    assert rules == {"warn": [("V4", "warned")], "off": [], "refuse": [("V4", "refused")]}[level]


def test_a_move_sent_alone_over_http_is_held_against_the_birth_date() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    given(*record).when(place_fact(moved("2008-11-01"))).refused(BadValue, "V4")
    given(*record).when(place_fact(moved("2031-01-01"))).refused(BadValue, "V5")


def test_a_correction_over_http_is_held_against_the_record_as_it_will_be() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    given(*record).when(correct(1, birth_date="2024-01-02")).refused(BadValue, "V4")
    given(*record).when(correct(1, birth_date="2001-12-31")).refused(BadValue, "V5")
    given(*record).when(correct(2, qualifying_arrival_date="2008-11-01")).refused(BadValue, "V4")
    given(*record).when(correct(1, birth_date="2024-01-01")).then(
        FactCorrected(fact=1, letter="D", elements={"birth_date": ("2008-11-02", "2024-01-01")})
    )


def test_a_correction_that_a_rule_only_warns_of_stands_with_its_warning() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    asked = given(*record, profile=levels(V4="warn")).when(correct(1, birth_date="2024-01-02"))
    asked.answered("accepted")
    assert told(asked) == [("D", "V4", "birth_date", "warned")]


def test_retracting_the_move_lets_the_birth_date_be_corrected() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"), moved("2025-01-01", "002"))
    asked = given(*record).when(retract(2)).then(FactRetracted(fact=2, letter="Q"))
    asked.and_when(correct(1, birth_date="2024-06-01")).answered("accepted").found()


# -- V2: a stated end of eligibility


@pytest.mark.parametrize(
    ("birth", "stated", "warned"),
    [
        ("2004-03-15", "20260314", False),
        ("2004-03-15", "20260315", True),
        # Born on 29 February: the 22nd birthday is 1 March 2026.
        ("2004-02-29", "20260228", False),
        ("2004-02-29", "20260301", True),
    ],
)
def test_an_end_on_the_22nd_birthday_is_warned_of_and_kept_as_sent(birth: str, stated: str, warned: bool) -> None:
    ends = f"{stated[:4]}-{stated[4:6]}-{stated[6:]}"
    asked = given().when(file(born(birth), moved("2025-06-02", eligibility_expiration_date=ends)))
    asked.answered("accepted", "accepted", "accepted")
    assert (("Q", "V2", "eligibility_expiration_date", "warned") in told(asked)) is warned
    moves = [event for event in asked.decision.events if isinstance(event, MoveQualified)]
    assert moves[0].elements["eligibility_expiration_date"] == ends


def test_an_end_past_graduation_is_told_of_the_move_or_of_the_graduation_that_comes_later() -> None:
    stated = moved("2025-01-02", eligibility_expiration_date="2028-01-01")
    school = enrolled("2025-01-06")
    graduated = enrolled("2025-01-06", graduation_hse_indicator="Graduation", graduation_hse_date="2025-06-06")
    together = given().when(file(stated, graduated))
    assert ("Q", "V2", "eligibility_expiration_date", "warned") in told(together)
    later = given(*history(stated, school)).when(file(graduated)).answered("unchanged", "accepted")
    assert told(later) == [("E", "V2", "graduation_hse_date", "warned")]


def test_a_birth_date_that_makes_a_stated_end_too_late_is_warned_of() -> None:
    record = history(born("2008-11-02"), moved("2025-06-02", eligibility_expiration_date="2028-06-01"))
    asked = given(*record).when(file(born("2005-11-02"))).answered("unchanged", "accepted")
    assert told(asked) == [("D", "V2", "birth_date", "warned")]


def test_an_end_that_is_left_blank_is_never_too_late() -> None:
    asked = given().when(file(born("2004-03-15"), moved("2025-06-02")))
    assert [rule for _, rule, _, _ in told(asked)] == ["unknown-record"]


# -- V11: residency only


def test_courses_beside_residency_alone_are_warned_of_once() -> None:
    lives_there = enrolled("2025-01-06", enrollment_type="06", residency_date="2025-01-02")
    asked = given().when(file(moved("2025-01-02"), lives_there, course(credits_granted="1.00")))
    assert told(asked)[1:] == [("E", "V11", "enrollment_type", "warned")]
    later = given(*history(moved("2025-01-02"), lives_there)).when(file(course(), course("002", course_title="Art")))
    assert told(later) == [("C", "V11", None, "warned"), ("C", "V11", None, "warned")]


def test_courses_of_a_child_that_also_attends_a_school_are_in_order() -> None:
    lives_there = enrolled("2025-01-06", enrollment_type="06", residency_date="2025-01-02")
    attends = enrolled("2025-02-06", record_id="002")
    assert told(given().when(file(moved("2025-01-02"), lives_there, attends, course())))[1:] == []


# -- V12: overlapping enrollments


def twice(first: tuple[str, str | None], second: tuple[str, str | None], **changes: str | None) -> list[Row]:
    return [
        moved("2024-06-02"),
        enrolled(*first, school_identification_code="411377000999"),
        enrolled(*second, record_id="002", **{"school_identification_code": "411377000999", **changes}),
    ]


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (("2024-09-03", "2025-06-12"), ("2025-09-02", None), False),
        (("2024-09-03", None), ("2025-09-02", None), True),
        (("2024-09-03", "2025-06-12"), ("2025-06-11", None), True),
        # The day on which one ends and the other begins is no overlap.
        (("2024-09-03", "2025-06-12"), ("2025-06-12", None), False),
        (("2024-09-03", "2025-06-12"), ("2025-01-06", "2025-01-06"), True),
        (("2024-09-03", "2024-09-03"), ("2024-09-03", None), True),
        (("2025-09-02", None), ("2024-09-03", "2025-09-02"), False),
        (("2025-09-02", None), ("2024-09-03", None), True),
    ],
)
def test_two_enrollments_of_one_type_in_one_school_overlap_for_more_than_a_day(
    first: tuple[str, str | None], second: tuple[str, str | None], overlap: bool
) -> None:
    asked = given().when(file(*twice(first, second, grade_level="09")))
    assert ("V12" in [rule for _, rule, _, _ in told(asked)]) is overlap
    assert len([event for event in asked.decision.events if isinstance(event, Enrolled)]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"enrollment_type": "02"},
        {"school_identification_code": "411377000998"},
        {"school_identification_code": None},
    ],
)
def test_another_type_or_another_school_may_overlap(changes: dict[str, str | None]) -> None:
    asked = given().when(file(*twice(("2024-09-03", None), ("2025-01-06", None), **changes)))
    assert [rule for _, rule, _, _ in told(asked)] == ["unknown-record"]


def test_schools_without_an_id_are_told_by_name_and_without_a_name_not_at_all() -> None:
    named = [moved("2024-06-02"), enrolled("2024-09-03"), enrolled("2025-01-06", record_id="002")]
    assert ("E", "V12", "enrollment_date", "warned") in told(given().when(file(*named)))
    unnamed = [
        moved("2024-06-02"),
        enrolled("2024-09-03", school_or_project_name=None),
        enrolled("2025-01-06", record_id="002", school_or_project_name=None),
    ]
    assert told(given().when(file(*unnamed)))[1:] == []


def test_an_overlap_is_told_of_the_enrollment_that_changes() -> None:
    first, second = enrolled("2024-09-03", "2024-12-20"), enrolled("2025-01-06", record_id="002")
    record = history(moved("2024-06-02"), first, second)
    reopened = given(*record).when(file(enrolled("2024-09-03"), second))
    reopened.answered("unchanged", "accepted", "unchanged")
    assert told(reopened) == [("E", "V12", "enrollment_date", "warned")]
    given(*record).when(correct(3, withdrawal_date="2025-01-07")).found("V12")
    given(*record).when(correct(3, withdrawal_date="2024-12-21")).found()


def test_a_withdrawal_in_the_same_file_makes_room_for_the_next_enrollment() -> None:
    record = history(moved("2024-06-02"), enrolled("2024-09-03"))
    strict = levels(V12="refuse")
    asked = given(*record, profile=strict).when(
        file(enrolled("2025-01-06", record_id="002"), enrolled("2024-09-03", "2024-12-20"))
    )
    asked.answered("unchanged", "accepted", "accepted").found()


def test_enrollments_that_follow_each_other_are_no_overlap_whatever_else_overlaps() -> None:
    rows = (
        moved("2024-06-02"),
        enrolled("2024-09-03", "2025-06-12"),
        enrolled("2025-06-12", "2025-08-01", "002", grade_level="09"),
        enrolled("2024-09-03", None, "003", enrollment_type="02"),
    )
    assert told(given().when(file(*rows)))[1:] == []


def test_an_enrollment_is_held_against_those_that_stand_alone() -> None:
    chain = (
        moved("2024-06-02"),
        enrolled("2024-09-03", "2024-12-20"),
        enrolled("2024-12-01", "2025-03-31", "002"),
        enrolled("2025-03-01", None, "003"),
    )
    asked = given(profile=levels(V12="refuse")).when(file(*chain))
    asked.answered("accepted", "accepted", "accepted", "refused", "accepted")


def test_a_state_that_forbids_overlaps_refuses_the_later_enrollment() -> None:
    rows = [moved("2024-06-02"), enrolled("2025-01-06"), enrolled("2024-09-03", record_id="002")]
    asked = given(profile=levels(V12="refuse")).when(file(*rows))
    asked.answered("accepted", "accepted", "refused", "accepted")
    assert told(asked)[1:] == [("E", "V12", "enrollment_date", "refused")]
    given(*asked.decision.events, profile=levels(V12="refuse")).when(place_fact(rows[1])).refused(BadValue, "V12")


# -- V15: the graduation school


def test_enrollments_of_one_time_name_one_graduation_school() -> None:
    def graduating(school: str, begins: str, ends: str | None, number: str, project: str) -> Row:
        return enrolled(
            begins, ends, number, designated_graduation_school=school, enrollment_type=project, grade_level="11"
        )

    def found(first_ends: str | None, second: str) -> list[str]:
        rows = [
            moved("2024-06-02"),
            graduating("411377000999", "2024-09-03", first_ends, "001", "01"),
            graduating(second, "2025-01-06", None, "002", "02"),
        ]
        return [rule for _, rule, _, _ in told(given().when(file(*rows)))[1:]]

    assert found(None, "484497000111") == ["V15"]
    assert found(None, "411377000999") == []
    assert found("2024-12-20", "484497000111") == [], "one after the other"


# -- V16: continuation and priority


def services(begins: str, ends: str | None, **changes: str | None) -> Row:
    return enrolled(begins, ends, **changes)


@pytest.mark.parametrize(
    ("begins", "ends", "told_of"),
    [
        ("2021-09-01", "2022-06-10", True),  # all of it while eligible, to 31 May 2024
        ("2023-09-01", "2024-05-31", True),
        ("2023-09-01", "2024-06-01", False),
        ("2023-09-01", None, False),  # it goes on today
        ("2024-09-01", None, False),
    ],
)
def test_services_are_continued_once_eligibility_has_ended(begins: str, ends: str | None, told_of: bool) -> None:
    rows = (born("2010-01-01"), moved("2021-06-01"), services(begins, ends, continuation_of_services_reason="02"))
    asked = given().when(file(*rows))
    assert (("E", "V16", "continuation_of_services_reason", "warned") in told(asked)) is told_of


def test_an_enrollment_that_goes_on_is_measured_by_the_day_it_is_told() -> None:
    rows = (born("2010-01-01"), moved("2022-09-03"), services("2025-01-06", None, continuation_of_services_reason="01"))
    asked = given().when(file(*rows))
    assert "V16" in [rule for _, rule, _, _ in told(asked)], "eligible through today"
    tomorrow = msgspec.structs.replace(file(*rows), today=date(2025, 9, 3))
    assert "V16" not in [rule for _, rule, _, _ in told(given().when(tomorrow))]


def test_a_later_move_does_not_make_an_earlier_continuation_wrong() -> None:
    rows = (
        born("2010-01-01"),
        moved("2018-06-01"),
        moved("2024-06-01", "002"),
        services("2021-01-06", "2021-06-11", continuation_of_services_reason="01"),
    )
    assert "V16" not in [rule for _, rule, _, _ in told(given().when(file(*rows)))]
    covered = (*rows[:2], moved("2020-06-01", "002"), rows[3])
    assert "V16" in [rule for _, rule, _, _ in told(given().when(file(*covered)))]


@pytest.mark.parametrize(
    ("begins", "ends", "told_of"),
    [
        ("2024-09-01", None, True),  # eligible from 1 June 2021 to 31 May 2024
        ("2024-05-31", None, False),
        ("2020-09-01", "2021-05-31", True),
        ("2020-09-01", "2021-06-01", False),
    ],
)
def test_priority_for_services_needs_a_day_of_eligibility(begins: str, ends: str | None, told_of: bool) -> None:
    rows = (born("2010-01-01"), moved("2021-06-01"), services(begins, ends, pfs_flag="Yes"))
    assert (("E", "V16", "pfs_flag", "warned") in told(given().when(file(*rows)))) is told_of
    no = services(begins, ends, pfs_flag="No")
    assert "V16" not in [rule for _, rule, _, _ in told(given().when(file(*rows[:2], no)))]


def test_priority_ends_with_graduation_and_with_the_22nd_birthday() -> None:
    grown = (born("2000-02-29"), moved("2020-06-01"), services("2022-03-01", None, pfs_flag="Yes"))
    assert "V16" in [rule for _, rule, _, _ in told(given().when(file(*grown)))]
    just = (*grown[:2], services("2022-02-28", None, pfs_flag="Yes"))
    assert "V16" not in [rule for _, rule, _, _ in told(given().when(file(*just)))]
    graduated = enrolled(
        "2020-09-01", "2021-06-11", "001", graduation_hse_indicator="HSE", graduation_hse_date="2021-06-11"
    )
    after = services("2021-09-01", None, pfs_flag="Yes", grade_level="00")
    assert "V16" in [rule for _, rule, _, _ in told(given().when(file(*grown[:2], graduated, after)))]


# -- V19: an assessment before the birth


def test_a_month_before_the_birth_is_left_out_and_the_assessment_stands() -> None:
    early = assessment(assessment_administration_date="2008-10")
    asked = given().when(file(born("2008-11-02"), moved("2025-06-02"), early))
    asked.answered("accepted", "accepted", "accepted", "accepted")
    assert told(asked)[1:] == [("A", "V19", "assessment_administration_date", "warned")]
    stated = [event for event in asked.decision.events if isinstance(event, AssessmentReported)]
    assert stated[0].elements == {"assessment_title": "State Mathematics"}
    again = given(*asked.decision.events).when(file(born("2008-11-02"), moved("2025-06-02"), early))
    again.then().answered("unchanged", "unchanged", "unchanged", "unchanged").found("V19")
    same_month = assessment(assessment_administration_date="2008-11")
    assert told(given().when(file(born("2008-11-02"), moved("2025-06-02"), same_month)))[1:] == []


def test_a_birth_date_after_an_assessment_of_before_is_warned_of() -> None:
    record = history(born("2008-11-02"), moved("2025-06-02"), assessment(assessment_administration_date="2015-05"))
    asked = given(*record).when(file(born("2015-06-01"))).answered("unchanged", "accepted")
    assert told(asked) == [("D", "V19", "birth_date", "warned")]


# -- V20: terms

FALL = Term(name="Fall", kind="regular", begins="2024-09-03", ends="2024-12-20")
SPRING = Term(name="Spring", kind="regular", begins="2025-01-06", ends="2025-06-13")
BREAK = Term(name="Intersession", kind="intersession", begins="2025-03-03", ends="2025-03-21")
YEAR = {2024: [FALL, BREAK, SPRING]}
LONG = {2024: [Term(name="Year", kind="regular", begins="2024-07-22", ends="2025-07-03")]}


def summer(begins: str, ends: str | None = None, **changes: str | None) -> Row:
    return enrolled(begins, ends, enrollment_type="03", **changes)


@pytest.mark.parametrize(
    ("row", "told_of"),
    [
        (summer("2025-06-14"), False),
        (summer("2025-06-13"), True),
        (summer("2024-07-01", "2024-08-30"), False),
        (summer("2024-07-01", "2024-09-03"), True),
        (summer("2024-07-01", "2025-07-01"), True),  # over all of it
        (summer("2024-12-21", "2025-01-05"), False),
        (summer("2025-03-03", "2025-03-21"), False),  # an intersession within the term
        (summer("2025-03-03", "2025-03-22"), True),
        (enrolled("2025-02-03"), False),
        (enrolled("2025-02-03", enrollment_type="04"), False),
    ],
)
def test_a_summer_enrollment_lies_outside_the_regular_terms(row: Row, told_of: bool) -> None:
    asked = given(profile=Profile(terms={"": YEAR})).when(file(moved("2024-06-02"), row))
    assert (("E", "V20", "enrollment_date", "warned") in told(asked)) is told_of
    silent = given().when(file(moved("2024-06-02"), row))
    assert told(silent)[1:] == [], "no terms were set"


def test_a_districts_own_terms_go_before_the_states() -> None:
    terms = Profile(terms={"": YEAR, "4113770": LONG})

    def found(**changes: str) -> list[str]:
        row = summer("2025-06-16", **changes)
        return [rule for _, rule, _, _ in told(given(profile=terms).when(file(moved("2024-06-02"), row)))[1:]]

    assert found(school_district_id="4113770") == ["V20"]
    assert found(district_of_residence="4113770") == ["V20"]
    assert found(school_district_id="4101474") == []
    assert found(school_district_id="4101474", district_of_residence="4113770") == []
    assert found() == []


# -- V21: secondary elements


def test_blanks_of_secondary_elements_are_told_only_where_a_state_asks_and_they_apply() -> None:
    missing = ["designated_graduation_school", "out_of_state_transcript_indicator", "algebra_1_or_equivalent_indicator"]

    def found(profile: Profile, **changes: str | None) -> list[str | None]:
        rows = (born("2010-01-01"), moved("2025-01-02"), enrolled("2025-01-06", **changes))
        return [element for _, rule, element, _ in told(given(profile=profile).when(file(*rows))) if rule == "V21"]

    asked = levels(V21="warn")
    assert found(Profile(), grade_level="10") == []
    assert found(asked, grade_level="10") == missing
    assert found(asked, grade_level="08") == missing[2:]
    assert found(asked, grade_level="04") == []
    assert found(asked, grade_level="UG") == missing, "15 years old"
    assert found(asked, grade_level="10", designated_graduation_school="411377000999") == missing[1:]


def test_a_state_may_refuse_secondary_enrollments_without_their_elements() -> None:
    rows = (born("2010-01-01"), moved("2025-01-02"), enrolled("2025-01-06", grade_level="10"))
    given(profile=levels(V21="refuse")).when(file(*rows)).answered("accepted", "accepted", "accepted", "refused")


# -- notices


@pytest.mark.parametrize(("action", "rule"), [("U", "unknown-record"), ("I", "known-record")])
def test_a_state_that_sends_one_action_code_always_need_not_be_told(action: str, rule: str) -> None:
    record = history(moved("2025-01-02")) if action == "I" else []
    asked = place(student(moved("2025-01-02"), action=action))
    given(*record).when(asked).found(rule)
    given(*record, profile=levels(**{rule: "off"})).when(asked).found()


# -- parts of an enrollment, stated alone


def test_a_withdrawal_over_http_is_judged_with_its_enrollment() -> None:
    rows = (moved("2021-06-01"), services("2024-09-01", None, pfs_flag="Yes"))
    record = history(*rows)
    asked = given(*record).when(withdraw("2025-06-13", today=TODAY))
    asked.then(Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-06-13"}))
    assert told(asked) == [("E", "V16", "pfs_flag", "warned")]
    given(*record, profile=levels(V16="refuse")).when(withdraw("2025-06-13", today=TODAY)).refused(BadValue, "V16")


def test_demographics_that_are_refused_leave_the_name_of_before() -> None:
    record = history(born("2008-11-02"), moved("2024-01-01"))
    asked = given(*record).when(file(born("2024-06-01", first_name="Otro"))).then().answered("unchanged", "refused")
    assert not any(isinstance(event, DemographicsStated | FactCorrected) for event in asked.decision.events)
