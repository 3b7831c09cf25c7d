"""Credits: whole courses, halves of them, and hours of what is under way; never more than a school has granted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.credits import credits_of

ALGEBRA = {"course_title": "Algebra I", "subject_area_name": "Mathematics", "begin_academic_year": "2024"}
BIOLOGY = {"course_title": "Biology", "subject_area_name": "Science", "begin_academic_year": "2025"}


def counted(*courses: dict[str, str]) -> dict[str, Any]:
    found = credits_of(courses)
    assert found is not None
    return found


def test_who_took_no_course_has_no_credits() -> None:
    assert credits_of([]) is None


def test_a_completed_course_earns_what_was_granted() -> None:
    found = counted({**ALGEBRA, "credits_granted": "1.00", "final_grade": "B"})
    assert (found["earned"], found["full"], found["completed"], found["in_progress"]) == ("1.00", "1.00", 1, 0)


def test_halves_of_a_course_are_told_apart_and_add_up() -> None:
    found = counted(
        {**ALGEBRA, "course_section": "02", "credits_granted": "0.50"},
        {**ALGEBRA, "course_section": "03", "credits_granted": "0.45"},
        {**BIOLOGY, "course_section": "01", "credits_granted": "1.00"},
    )
    assert (found["full"], found["section_a"], found["section_b"]) == ("1.00", "0.50", "0.45")
    assert found["earned"] == "1.95"


def test_a_course_under_way_earns_nothing_and_tells_its_hours() -> None:
    found = counted({**ALGEBRA, "clock_hours": "68", "grade_to_date": "C"}, {**BIOLOGY, "clock_hours": "12"})
    assert (found["earned"], found["in_progress"], found["clock_hours"]) == ("0.00", 2, 80)


def test_hours_beside_a_final_grade_are_not_of_a_course_under_way() -> None:
    found = counted({**ALGEBRA, "clock_hours": "68", "final_grade": "A"})
    assert (found["completed"], found["in_progress"], found["clock_hours"]) == (1, 0, 0)


def test_subjects_stand_in_alphabetical_order_and_a_missing_one_last() -> None:
    found = counted({"course_title": "Art"}, {**BIOLOGY, "credits_granted": "1.00"}, ALGEBRA)
    assert [entry["subject"] for entry in found["subjects"]] == ["Mathematics", "Science", None]
    assert found["subjects"][1]["earned"] == "1.00"


def test_one_subject_in_other_capitals_and_accents_is_one() -> None:
    found = counted(
        {"subject_area_name": "Matemáticas", "credits_granted": "1.00"},
        {"subject_area_name": "MATEMATICAS", "credits_granted": "0.50"},
    )
    [subject] = found["subjects"]
    assert (subject["subject"], subject["earned"]) == ("Matemáticas", "1.50")


def test_each_school_year_has_its_own_sums_and_a_missing_year_stands_last() -> None:
    found = counted(
        {"course_title": "Art", "credits_granted": "0.25"},
        {**BIOLOGY, "credits_granted": "1.00"},
        {**ALGEBRA, "end_academic_year": "2025", "credits_granted": "0.50"},
    )
    years = [(year["begin_academic_year"], year["end_academic_year"], year["earned"]) for year in found["years"]]
    assert years == [("2024", "2025", "0.50"), ("2025", None, "1.00"), (None, None, "0.25")]
    assert [entry["subject"] for entry in found["years"][1]["subjects"]] == ["Science"]


def courses() -> st.SearchStrategy[list[dict[str, str]]]:
    some = st.fixed_dictionaries(
        {},
        optional={
            "subject_area_name": st.sampled_from(["Mathematics", "MATHEMATICS", "Science"]),
            "begin_academic_year": st.sampled_from(["2024", "2025"]),
            "course_section": st.sampled_from(["01", "02", "03"]),
            "credits_granted": st.integers(0, 999).map(lambda n: f"{n // 100}.{n % 100:02}"),
            "final_grade": st.just("A"),
            "clock_hours": st.integers(0, 1080).map(str),
        },
    )
    return st.lists(some, min_size=1, max_size=12)


@given(courses())
def test_subjects_and_years_add_up_to_the_whole_which_is_what_was_granted(taken: list[dict[str, str]]) -> None:
    found = counted(*taken)
    granted = sum((Decimal(course.get("credits_granted", "0")) for course in taken), Decimal(0))
    assert Decimal(found["earned"]) == granted
    assert found["completed"] + found["in_progress"] == len(taken)
    for parts in (found["subjects"], found["years"], [s for year in found["years"] for s in year["subjects"]]):
        for name in ("earned", "full", "section_a", "section_b", "completed", "in_progress", "clock_hours"):
            assert sum((Decimal(part[name]) for part in parts), Decimal(0)) == Decimal(found[name])
