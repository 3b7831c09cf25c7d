"""A consolidated record as a family is told it: merged where states agree, apart where they do not."""

from __future__ import annotations

from typing import Any

from api.console.plainly import child_of, last_district

OR = {"state": "OR", "recorded_at": "2025-09-02T00:00:00Z"}
CA = {"state": "CA", "recorded_at": "2025-09-03T00:00:00Z"}


def shown(**more: Any) -> dict[str, Any]:
    core = {"records": [{"state": "OR", "status": "open"}], "demographics": [], **more.pop("core", {})}
    return {"student_id": "000000000018", "eligible_now": False, "core": core, **more}


def test_states_that_say_the_same_are_told_together_and_others_apart() -> None:
    rows = [
        {"first_name": "Ana", "last_name_1": "Ruiz", "birth_date": "2012-02-29", "sources": [OR]},
        {"first_name": "Ana", "last_name_1": "Ruiz", "birth_date": "2012-03-01", "sources": [CA]},
    ]
    child = child_of(shown(core={"demographics": rows}))
    assert [(one.value, [source["state"] for source in one.sources]) for one in child.names] == [
        ("Ana Ruiz", ["OR", "CA"])
    ]
    assert [(one.value, [source["state"] for source in one.sources]) for one in child.births] == [
        ("2012-02-29", ["OR"]),
        ("2012-03-01", ["CA"]),
    ]


def test_an_empty_record_tells_nothing_and_breaks_nothing() -> None:
    child = child_of(shown(core={"records": []}))
    assert (child.called, child.names, child.stays, child.years, child.earned) == ("", [], [], [], None)
    assert child.missing == ["contacts", "health"], "what the reader may not see is not told as none"


def test_courses_stand_by_year_the_newest_first_and_those_of_no_year_last() -> None:
    rows = [
        {"course_title": "A", "begin_academic_year": "2023", "end_academic_year": "2024", "sources": [OR]},
        {"course_title": "B", "sources": [OR]},
        {"course_title": "C", "begin_academic_year": "2024", "end_academic_year": "2025", "sources": [OR]},
    ]
    years = child_of(shown(core={"courses": rows})).years
    assert [(year.begins, [one.value["course_title"] for one in year.courses]) for year in years] == [
        ("2024", ["C"]),
        ("2023", ["A"]),
        (None, ["B"]),
    ]


def test_a_need_is_told_from_the_newest_that_says_something_and_a_no_is_not_told() -> None:
    stays = [
        {"enrollment_date": "2024-01-01", "lep_indicator_el": "Yes", "pfs_flag": "Yes", "sources": [OR]},
        {"enrollment_date": "2025-01-01", "lep_indicator_el": "No", "sources": [CA]},
    ]
    indicators = [{"enrollment_date": "2025-01-01", "med_alert_indicator": "Chronic", "sources": [CA]}]
    told = child_of(shown(core={"enrollments": stays}, health={"indicators": indicators, "immunizations": []})).needs
    assert [one.value for one in told] == [("pfs_flag", "Yes"), ("med_alert_indicator", "Chronic")]


def test_an_element_that_nobody_stated_is_none_and_not_an_error() -> None:
    child = child_of(shown(core={"enrollments": [{"enrollment_date": "2025-01-01", "sources": [OR]}]}))
    assert child.stays[0].row["grade_level"] is None
    assert child.stays[0].until is None


def test_two_parents_of_one_row_are_two_and_the_same_of_two_states_are_told_once() -> None:
    both = {"male_parent_first_name": "Luis", "female_parent_first_name": "Elena", "parent_2_email_address": "e@x.org"}
    rows = [{**both, "sources": [OR]}, {**both, "sources": [CA]}]
    [told] = child_of(shown(contacts={"parents": rows})).parents
    assert told.value == (("Luis", None, None), ("Elena", "e@x.org", None))
    assert [source["state"] for source in told.sources] == ["OR", "CA"]


def test_the_district_that_is_asked_first_is_that_of_the_newest_stay_in_the_state() -> None:
    rows = [
        {"enrollment_date": "2024-01-01", "facility_state": "OR", "school_district_id": "4101337", "sources": []},
        {"enrollment_date": "2025-01-01", "facility_state": "CA", "school_district_id": "0601885", "sources": []},
    ]
    found = shown(core={"enrollments": rows})
    assert (last_district(found, "OR"), last_district(found, "CA"), last_district(found, "TX")) == (
        "4101337",
        "0601885",
        None,
    )
