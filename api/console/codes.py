"""Codes of the national layout in words, for pages. Pure.

Invariant: a code that is not known here is shown as it came; nothing is guessed. Meanings are of the layout that
``ledger/mde.csv`` has; of Birth Date Verification and Term Type those of the NCES handbook; of an immunization's source
those of CDC table NIP001. The layout has codes for the course type and for most reporting methods without their
meanings: those stay codes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from typing import Final

from api.console.words import N_
from ledger.mde import VACCINES

YES_NO: Final = {"Yes": N_("Yes"), "No": N_("No")}


def word(element: str, code: str) -> str:
    """The English words for a code of an element, which are the key of their Spanish; the code where none are known."""
    return WORDS.get(element, {}).get(code, code)


def vaccine(code: str, language: str) -> tuple[str, str]:
    """Name of a vaccine by its CVX code, and the language that the name is in; the code itself where it has no name."""
    if language == "es" and code in _SPANISH_VACCINES:
        return _SPANISH_VACCINES[code], "es"
    return VACCINES.get(code, code), "en"


WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "sex": {"Male": N_("Male"), "Female": N_("Female"), "Other": N_("Other")},
    "grade_level": {
        "P0": N_("Preschool, under 1 year"),
        "P1": N_("Preschool, age 1"),
        "P2": N_("Preschool, age 2"),
        "P3": N_("Preschool, age 3"),
        "P4": N_("Preschool, age 4"),
        "P5": N_("Preschool, age 5"),
        "PS": N_("Preschool"),
        "KG": N_("Kindergarten"),
        "01": N_("Grade 1"),
        "02": N_("Grade 2"),
        "03": N_("Grade 3"),
        "04": N_("Grade 4"),
        "05": N_("Grade 5"),
        "06": N_("Grade 6"),
        "07": N_("Grade 7"),
        "08": N_("Grade 8"),
        "09": N_("Grade 9"),
        "10": N_("Grade 10"),
        "11": N_("Grade 11"),
        "12": N_("Grade 12"),
        "UG": N_("Ungraded"),
        "00": N_("Out of school"),
    },
    "enrollment_type": {
        "01": N_("Basic school"),
        "02": N_("Regular-term migrant project"),
        "03": N_("Summer or intersession migrant project"),
        "04": N_("Year-round migrant project"),
        "05": N_("Basic school and regular-term migrant project"),
        "06": N_("Residency only, no school"),
        "07": N_("Other"),
    },
    "mep_project_type": {"01": N_("school-based"), "02": N_("not school-based")},
    "lep_indicator_el": YES_NO,
    "iep_indicator": YES_NO,
    "pfs_flag": YES_NO,
    "immunization_record_flag": YES_NO,
    "out_of_state_transcript_indicator": YES_NO,
    "algebra_1_or_equivalent_indicator": YES_NO,
    "multiple_birth_flag": YES_NO,
    "med_alert_indicator": {"Chronic": N_("Chronic"), "Acute": N_("Acute"), "None": N_("None")},
    "graduation_hse_indicator": {"Graduation": N_("Graduation"), "HSE": N_("High school equivalency")},
    "continuation_of_services_reason": {
        "01": N_("to the end of the term in which eligibility ended"),
        "02": N_("one more school year, where no comparable services exist"),
        "03": N_("until graduation, by credit accrual"),
    },
    "birth_date_verification": {
        "1003": N_("Baptismal or church certificate"),
        "1004": N_("Birth certificate"),
        "1005": N_("Entry in a family Bible"),
        "1006": N_("Hospital certificate"),
        "1007": N_("Affidavit of a parent"),
        "1008": N_("Passport"),
        "1009": N_("Physician's certificate"),
        "1010": N_("School records, verified before"),
        "1011": N_("State-issued id"),
        "1012": N_("Driver's license"),
        "1013": N_("Immigration document"),
        "2382": N_("Life insurance policy"),
        "9999": N_("Other"),
    },
    "state_student_identifier_type": {"01": N_("given by the state"), "02": N_("given by the migrant program")},
    "alternate_state_student_id_type": {"01": N_("given by the state"), "02": N_("given by the migrant program")},
    "course_section": {"01": N_("full year"), "02": N_("first half"), "03": N_("second half")},
    "term_type": {
        "0827": N_("full school year"),
        "0828": N_("semester"),
        "0829": N_("trimester"),
        "0830": N_("quarter"),
        "0832": N_("mini-term"),
        "0833": N_("summer term"),
        "0834": N_("intersession"),
        "0835": N_("long session"),
        "9999": N_("Other"),
    },
    "assessment_reporting_method": {"9999": N_("Other")},
    "assessment_interpretation": {
        "Advanced": N_("Advanced"),
        "Proficient or Above": N_("Proficient or Above"),
        "Proficient": N_("Proficient"),
        "Passed": N_("Passed"),
        "Failed": N_("Failed"),
        "Not Proficient": N_("Not Proficient"),
        "Basic": N_("Basic"),
        "Below Basic": N_("Below Basic"),
        "Far Below Basic": N_("Far Below Basic"),
    },
    "information_source": {
        "00": N_("given there"),
        "01": N_("earlier, source not stated"),
        "02": N_("earlier, from another provider"),
        "03": N_("earlier, from the parent's written record"),
        "04": N_("earlier, as the parent remembers"),
        "05": N_("earlier, from another registry"),
        "06": N_("earlier, from the birth certificate"),
        "07": N_("earlier, from a school record"),
        "08": N_("earlier, from a public agency"),
    },
    "eligibility_by": {
        "36 months": N_("36 months after the move"),
        "22nd birthday": N_("the 22nd birthday"),
        "graduation": N_("graduation"),
        "stated": N_("as the state says"),
        "born after arrival": N_("born after the arrival: this move gives none"),
    },
}
"""Element to code to words. ``eligibility_by``: what ends a move's eligibility (``ledger.eligibility``)."""


def _spanish_vaccines() -> dict[str, str]:
    text = resources.files("api.console").joinpath("vaccines.csv").read_text("utf-8")
    return {row["code"]: row["es"] for row in csv.DictReader(text.splitlines())}


_SPANISH_VACCINES: Final = _spanish_vaccines()
