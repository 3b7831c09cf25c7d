"""What a blank means: missing, none, or not applicable to a child of that age and grade (V21).

A state sends the elements "that apply to the child's age and grade level" (34 CFR 200.85(b)): nobody misses the
graduation school of a child in kindergarten. Reports count with this, and the rule V21 asks it where a state wants to
be told. Knows elements, no record; it reads no value but the age and the grade that it is given.
"""

from __future__ import annotations

from typing import Final, Literal

from ledger.mde import TABLES, Element

Blank = Literal["missing", "none", "not applicable"]
"""missing: every such child has a value. none: some such children truly have none. not applicable: it is not asked."""


def meaning_of_blank(element: Element, age: int | None, grade: str | None) -> Blank:
    """What it means that an element is blank.

    age: full years, None where no birth date is known. grade: a Grade Level of the layout, None where none is known.
    Ungraded (UG) and out of school (00) are told by age, and so is a child without a grade.
    """
    if not applies(element, age, grade):
        return "not applicable"
    return "none" if element.key in _MAY_HAVE_NONE else "missing"


def applies(element: Element, age: int | None, grade: str | None) -> bool:
    """Whether an element is asked of a child of that age and grade."""
    first = _FIRST.get(element.key) or _FIRST_OF_TABLE.get(element.letter)
    if first is None:
        return True
    first_grade, first_age = first
    level = _LEVELS.get(grade or "")
    if level is not None and first_grade is not None:
        return level >= first_grade
    if age is None:
        return first_grade is None  # unknown: of what begins with an age alone, nearly every child is old enough
    return age >= first_age


_LEVELS: Final = {
    **dict.fromkeys(("P0", "P1", "P2", "P3", "P4", "P5", "PS", "PX"), -1),
    "KG": 0,
    **{f"{number:02d}": number for number in range(1, 13)},
}
"""Grade Level to a number; UG and 00 have none."""

_Start = tuple[int | None, int]
"""The first grade, or None where age alone counts; the age that stands for it where there is no grade."""

_COURSES: Final[_Start] = (8, 13)
_SECONDARY: Final[_Start] = (9, 14)
_TESTED: Final[_Start] = (3, 8)
_SCHOOL_AGE: Final[_Start] = (None, 3)

_FIRST_OF_TABLE: Final[dict[str, _Start]] = {"C": _COURSES, "A": _TESTED}
"""Courses are reported from grade 8, state assessments from grade 3 (ESEA 1111(b)(2))."""

_FIRST: Final[dict[str, _Start]] = {
    "designated_graduation_school": _SECONDARY,
    "graduation_hse_indicator": _SECONDARY,
    "graduation_hse_date": _SECONDARY,
    "out_of_state_transcript_indicator": _SECONDARY,
    "algebra_1_or_equivalent_indicator": _COURSES,
    # English learners (ESEA 8101(20)) and children with an IEP (20 USC 1412(a)(1)) are aged 3 through 21.
    "lep_indicator_el": _SCHOOL_AGE,
    "iep_indicator": _SCHOOL_AGE,
}

SECONDARY_KEYS: Final = (
    "designated_graduation_school",
    "out_of_state_transcript_indicator",
    "algebra_1_or_equivalent_indicator",
)
"""Elements of an enrollment that every secondary student has a value of; a graduation comes when it comes."""

_MAY_HAVE_NONE: Final = frozenset(
    {
        "msix_identification_number",
        "middle_name",
        "last_name_2",
        "suffix",
        "male_parent_first_name",
        "male_parent_last_name",
        "female_parent_first_name",
        "female_parent_last_name",
        "parent_1_email_address",
        "parent_2_email_address",
        "parent_1_phone_number",
        "parent_2_phone_number",
        # No national elements since 2019.
        "birth_city",
        "birth_state",
        "birth_country",
        # One of the two is there (V8).
        "qualifying_move_from_state",
        "qualifying_move_from_country",
        # Computed where it is blank.
        "eligibility_expiration_date",
        "mep_project_type",
        "school_identification_code",
        "facility_name",
        "facility_address_2",
        "facility_address_3",
        "telephone_number",
        "withdrawal_date",
        "residency_verification_date",
        "graduation_hse_indicator",
        "graduation_hse_date",
        "continuation_of_services_reason",
        "enrollment_comment",
        # One pair of the two (V17).
        "clock_hours",
        "grade_to_date",
        "credits_granted",
        "final_grade",
        "assessment_interpretation",
    }
)

assert _MAY_HAVE_NONE | _FIRST.keys() <= {key for table in TABLES.values() for key in table.by_key}
