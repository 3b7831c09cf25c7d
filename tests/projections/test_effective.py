"""What of a record had come true by a day: facts with a date from their date on, everything else as it was known."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events import Event, Recorded
from ledger.events.record import (
    AssessmentReported,
    Changes,
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    ImmunizationReported,
    MoveQualified,
    ResidencyChanged,
    Withdrawn,
)
from projections.consolidation import consolidate
from projections.effective import DATES, effective_on
from projections.record_words import Record, fold_record
from support.telling import Teller, histories, opened, record_uuid

LEAP = date(2024, 2, 29)


def record(*events: Event) -> Record:
    teller = Teller()
    teller.tell(f"record/{record_uuid(1)}", opened(1), *events)
    folded = fold_record(teller.log)
    assert folded is not None
    return folded


def shown(of: Record, day: date) -> dict[str, Any]:
    sections = consolidate(of.student_id, [effective_on(of, day)]).sections
    return {name: json.loads(body) for name, body in sections.items()}


@pytest.mark.parametrize(
    ("event", "section", "field", "day"),
    [
        (MoveQualified(fact=1, elements={"qualifying_arrival_date": "2024-02-29"}), "core", "qualifying_moves", LEAP),
        (Enrolled(fact=1, elements={"enrollment_date": "2024-02-29"}), "core", "enrollments", LEAP),
        (
            ImmunizationReported(fact=1, elements={"cvx_code": "21", "administration_date": "2024-02-29"}),
            "health",
            "immunizations",
            LEAP,
        ),
        (
            AssessmentReported(
                fact=1, elements={"assessment_title": "ELPA", "assessment_administration_date": "2024-03"}
            ),
            "core",
            "assessments",
            date(2024, 3, 1),
        ),
    ],
)
def test_a_dated_fact_counts_from_its_date_on(event: Event, section: str, field: str, day: date) -> None:
    of = record(event)
    assert shown(of, day - timedelta(days=1))[section][field] == []
    assert len(shown(of, day)[section][field]) == 1


def test_a_withdrawal_and_a_residency_count_from_their_own_dates() -> None:
    of = record(
        Enrolled(fact=1, elements={"enrollment_date": "2025-01-06"}),
        Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-13"}),
        ResidencyChanged(
            fact=3,
            enrollment=1,
            elements={
                "district_of_residence": "4110001",
                "residency_date": "2025-02-02",
                "residency_verification_date": "2025-03-03",
            },
        ),
    )

    def enrollment(day: date) -> dict[str, Any]:
        [entry] = shown(of, day)["core"]["enrollments"]
        return {key: value for key, value in entry.items() if key not in ("sources", "withdrawals", "residencies")}

    begun = {"enrollment_date": "2025-01-06"}
    lives = {**begun, "district_of_residence": "4110001", "residency_date": "2025-02-02"}
    assert enrollment(date(2025, 2, 1)) == begun
    assert enrollment(date(2025, 2, 2)) == lives
    verified = {**lives, "residency_verification_date": "2025-03-03"}
    assert enrollment(date(2025, 6, 12)) == verified
    assert enrollment(date(2025, 6, 13)) == {**verified, "withdrawal_date": "2025-06-13"}


def test_a_part_without_a_date_is_as_true_as_its_enrollment() -> None:
    of = record(
        Enrolled(fact=1, elements={"enrollment_date": "2025-01-06"}),
        ResidencyChanged(fact=2, enrollment=1, elements={"district_of_residence": "4110001"}),
    )
    assert shown(of, date(2025, 1, 5))["core"]["enrollments"] == []
    assert shown(of, date(2025, 1, 6))["core"]["enrollments"][0]["district_of_residence"] == "4110001"


def test_a_graduation_that_has_not_come_ends_no_eligibility() -> None:
    of = record(
        DemographicsStated(fact=1, elements={"first_name": "Inés", "birth_date": "2008-02-29"}),
        MoveQualified(fact=2, elements={"qualifying_arrival_date": "2025-01-05"}),
        Enrolled(
            fact=3,
            elements={
                "enrollment_date": "2025-01-06",
                "graduation_hse_date": "2026-06-12",
                "graduation_hse_indicator": "01",
            },
        ),
    )
    before, after = (shown(of, day)["core"] for day in (date(2026, 6, 11), date(2026, 6, 12)))
    assert before["eligibility"]["expires"] == "2028-01-04"
    assert "graduation_hse_indicator" not in before["enrollments"][0]
    assert after["eligibility"]["expires"] == "2026-06-12"


def test_what_bears_no_date_counts_as_it_is_known() -> None:
    of = record(
        DemographicsStated(fact=1, elements={"first_name": "Inés", "birth_date": "2012-03-14"}),
        CourseReported(fact=2, elements={"course_title": "Algebra I", "begin_academic_year": "2025"}),
        Enrolled(fact=3, elements={"enrollment_type": "01"}),
    )
    core = shown(of, date(1990, 1, 1))["core"]
    assert (core["first_name"], len(core["courses"]), len(core["enrollments"])) == ("Inés", 1, 1)


def test_a_date_that_was_corrected_counts_as_it_is_known_now() -> None:
    change: Changes = {"enrollment_date": ("2025-01-06", "2025-02-06")}
    of = record(
        Enrolled(fact=1, elements={"enrollment_date": "2025-01-06"}),
        FactCorrected(fact=1, letter="E", elements=change),
    )
    assert shown(of, date(2025, 1, 20))["core"]["enrollments"] == []


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(histories(), st.dates(date(2024, 1, 1), date(2026, 12, 31)))
def test_of_any_record_only_what_is_dated_later_is_left_out_and_the_record_stays_as_it_was(
    log: list[Recorded], day: date
) -> None:
    of = fold_record(one for one in log if one.stream == log[0].stream)
    assert of is not None
    before = repr(of)
    kept = effective_on(of, day)
    assert repr(of) == before
    assert kept.facts.keys() <= of.facts.keys()
    for number, fact in of.facts.items():
        said = fact.elements.get(DATES.get(fact.kind, ""), "")
        later = said > day.isoformat() and len(said) == 10
        enrollment_later = fact.enrollment is not None and fact.enrollment not in kept.facts
        if said != f"{day:%Y-%m}":
            assert (number not in kept.facts) == (said > day.isoformat() or enrollment_later)
        assert not (later and number in kept.facts)
    assert effective_on(of, date.max).facts == of.facts
