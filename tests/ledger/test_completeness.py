"""What a blank means for a child of some age and grade."""

from __future__ import annotations

import pytest

from ledger.completeness import SECONDARY_KEYS, Blank, applies, meaning_of_blank
from ledger.mde import TABLES, Element

ELEMENTS = {key: element for table in TABLES.values() for key, element in table.by_key.items()}
GRADES = TABLES["E"].by_key["grade_level"].codes or ()


def blank(key: str, age: int | None, grade: str | None) -> Blank:
    return meaning_of_blank(ELEMENTS[key], age, grade)


@pytest.mark.parametrize("key", SECONDARY_KEYS)
def test_secondary_elements_are_missed_of_secondary_students_alone(key: str) -> None:
    assert blank(key, 15, "10") == "missing"
    assert blank(key, 9, "04") == "not applicable"
    assert blank(key, 4, "PS") == "not applicable"


@pytest.mark.parametrize(
    ("grade", "age", "secondary"),
    [
        ("09", 13, True),
        ("08", 15, False),
        ("12", 21, True),
        ("KG", 16, False),
        ("UG", 14, True),
        ("UG", 13, False),
        ("00", 19, True),
        ("00", None, False),
        (None, 14, True),
        (None, 13, False),
        (None, None, False),
    ],
)
def test_a_grade_goes_before_an_age_and_age_counts_where_there_is_no_grade(
    grade: str | None, age: int | None, secondary: bool
) -> None:
    assert applies(ELEMENTS["designated_graduation_school"], age, grade) is secondary


def test_courses_begin_with_grade_8_and_assessments_with_grade_3() -> None:
    assert blank("subject_area_name", 13, "08") == "missing"
    assert blank("subject_area_name", 13, "07") == "not applicable"
    assert blank("algebra_1_or_equivalent_indicator", 13, "08") == "missing"
    assert blank("score_results", 8, "03") == "missing"
    assert blank("score_results", 8, "02") == "not applicable"
    assert blank("score_results", 8, "UG") == "missing"


@pytest.mark.parametrize("key", ["lep_indicator_el", "iep_indicator"])
def test_infants_are_neither_english_learners_nor_in_special_education(key: str) -> None:
    assert blank(key, 2, "P2") == "not applicable"
    assert blank(key, 3, "P3") == "missing"
    assert blank(key, None, None) == "missing"


def test_a_child_may_have_no_middle_name_and_a_graduation_comes_when_it_comes() -> None:
    assert blank("middle_name", 9, "04") == "none"
    assert blank("withdrawal_date", 9, "04") == "none"
    assert blank("graduation_hse_date", 17, "12") == "none"
    assert blank("graduation_hse_date", 9, "04") == "not applicable"


@pytest.mark.parametrize("element", [e for e in ELEMENTS.values() if e.required], ids=lambda e: e.key)
def test_what_the_layout_requires_is_never_said_to_be_none(element: Element) -> None:
    assert meaning_of_blank(element, 16, "11") == "missing"


def test_every_grade_and_age_has_an_answer() -> None:
    answers = {
        meaning_of_blank(element, age, grade)
        for element in ELEMENTS.values()
        for grade in (*GRADES, None)
        for age in (None, *range(23))
    }
    assert answers == {"missing", "none", "not applicable"}
