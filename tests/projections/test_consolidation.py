"""Given the events of a record, then this is what is shown."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from ledger.errors import LogBroken
from ledger.events.record import (
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    ImmunizationReported,
    MoveQualified,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.mde import TABLES
from ledger.record import fold
from projections.consolidation import CONTACTS, HEALTH, SECTIONS, Student, consolidate
from projections.record_words import Record, fold_record
from support.telling import Teller, histories, opened, record_uuid

RECORD = record_uuid(1)
STREAM = f"record/{RECORD}"
INES = {"first_name": "Inés", "last_name_1": "Reyes", "birth_date": "2012-03-14"}
MOVE = {"qualifying_arrival_date": "2025-04-18", "qualifying_move_from_state": "CA"}
SCHOOL = {"enrollment_date": "2025-04-21", "enrollment_type": "01", "grade_level": "07"}


def shown(*events: Any) -> Student:
    """The student of one record after its opening and these events."""
    teller = Teller()
    teller.tell(STREAM, opened(1), *events, submission="OR/2025-09-02")
    record = fold_record(teller.log)
    assert record is not None
    return consolidate(record.student_id, [record])


def section(student: Student, name: str) -> dict[str, Any]:
    return json.loads(student.sections[name])


def test_a_record_that_was_opened_shows_its_id_and_where_it_came_from() -> None:
    student = shown()
    core = section(student, "core")
    assert core["student_id"] == opened(1).student_id
    assert core["status"] == "open"
    assert core["records"] == [
        {
            "record": RECORD,
            "state": "OR",
            "state_student_id": "OR0000001",
            "student_id": opened(1).student_id,
            "minted": opened(1).student_id,
            "status": "open",
            "state_student_identifier_type": "02",
        }
    ]
    assert core["eligibility"] is None


def test_names_and_birth_are_shown_and_parents_stand_in_contacts_only() -> None:
    student = shown(DemographicsStated(fact=1, elements={**INES, "parent_1_phone_number": "5035550101"}))
    core = section(student, "core")
    assert core["first_name"] == "Inés"
    assert core["demographics"][0]["last_name_1"] == "Reyes"
    assert b"5035550101" not in student.sections["core"] + student.sections["provenance"]
    assert section(student, "contacts")["parent_1_phone_number"] == "5035550101"


def test_a_fact_says_which_state_stated_it_and_when() -> None:
    source = section(shown(CourseReported(fact=1, elements={"course_title": "Algebra I"})), "core")["courses"][0][
        "sources"
    ]
    assert source == [{"record": RECORD, "state": "OR", "fact": 1, "recorded_at": "2025-09-02T02:00:02Z"}]


def test_of_several_demographics_the_latest_word_gives_the_name_and_all_are_listed() -> None:
    stated = (
        DemographicsStated(fact=1, elements=INES),
        DemographicsStated(fact=2, elements={**INES, "first_name": "Agnes"}),
    )
    assert section(shown(*stated), "core")["first_name"] == "Agnes"
    corrected = FactCorrected(fact=1, letter="D", elements={"first_name": ("Inés", "Inez")})
    core = section(shown(*stated, corrected), "core")
    assert core["first_name"] == "Inez"
    assert [entry["first_name"] for entry in core["demographics"]] == ["Inez", "Agnes"]


def test_a_move_shows_the_dates_between_which_it_makes_eligible() -> None:
    core = section(shown(DemographicsStated(fact=1, elements=INES), MoveQualified(fact=2, elements=MOVE)), "core")
    interval = {"begins": "2025-04-18", "expires": "2028-04-17", "by": "36 months"}
    assert core["qualifying_moves"][0]["eligibility"] == interval
    assert core["eligibility"] == interval


def test_graduation_ends_eligibility() -> None:
    graduated = Enrolled(fact=2, elements={**SCHOOL, "graduation_hse_date": "2026-06-12"})
    core = section(shown(MoveQualified(fact=1, elements=MOVE), graduated), "core")
    assert core["eligibility"] == {"begins": "2025-04-18", "expires": "2026-06-12", "by": "graduation"}


def test_a_move_before_the_birth_makes_nobody_eligible() -> None:
    born = DemographicsStated(fact=1, elements={**INES, "birth_date": "2025-05-01"})
    core = section(shown(born, MoveQualified(fact=2, elements=MOVE)), "core")
    assert core["qualifying_moves"][0]["eligibility"] == {"begins": None, "expires": None, "by": "born after arrival"}
    assert core["eligibility"] is None


def test_an_enrollment_shows_its_withdrawal_and_its_current_residency() -> None:
    core = section(
        shown(
            Enrolled(fact=1, elements=SCHOOL),
            Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-13"}),
            ResidencyChanged(fact=3, enrollment=1, elements={"district_of_residence": "4113770"}),
            ResidencyChanged(fact=4, enrollment=1, elements={"district_of_residence": "4106510"}),
        ),
        "core",
    )
    enrollment = core["enrollments"][0]
    assert enrollment["withdrawal_date"] == "2025-06-13"
    assert enrollment["withdrawals"][0]["sources"][0]["fact"] == 2
    assert enrollment["district_of_residence"] == "4106510"
    assert [r["district_of_residence"] for r in enrollment["residencies"]] == ["4113770", "4106510"]


def test_health_flags_and_vaccines_stand_in_health_only() -> None:
    student = shown(
        Enrolled(fact=1, elements={**SCHOOL, "med_alert_indicator": "Chronic"}),
        ImmunizationReported(fact=2, elements={"cvx_code": "115", "administration_date": "2024-08-16"}),
        FactCorrected(fact=1, letter="E", elements={"med_alert_indicator": ("Chronic", "Acute")}),
        FactCorrected(fact=2, letter="I", elements={"cvx_code": ("115", "003")}),
    )
    health = section(student, "health")
    assert health["indicators"][0]["med_alert_indicator"] == "Acute"
    assert health["immunizations"][0]["cvx_code"] == "003"
    assert [entry["elements"] for entry in health["superseded"]] == [
        {"med_alert_indicator": "Chronic"},
        {"cvx_code": "115"},
    ]
    assert b"Chronic" not in student.sections["core"] + student.sections["provenance"] + student.sections["contacts"]


def test_provenance_says_who_said_what_when_in_which_row_and_instead_of_what() -> None:
    student = shown(
        CourseReported(fact=1, elements={"course_title": "Algebra I"}, record_id="001", source_row=9),
        FactCorrected(fact=1, letter="C", elements={"course_title": ("Algebra I", "Algebra 1")}, source_row=12),
    )
    assert section(student, "provenance")["facts"][1] == {
        "record": RECORD,
        "state": "OR",
        "fact": 1,
        "letter": "C",
        "kind": "course",
        "status": "live",
        "record_id": "001",
        "words": [
            {
                "act": "stated",
                "position": 2,
                "recorded_at": "2025-09-02T02:00:02Z",
                "submission": "OR/2025-09-02",
                "row": 9,
            },
            {
                "act": "corrected",
                "position": 3,
                "recorded_at": "2025-09-02T02:00:03Z",
                "submission": "OR/2025-09-02",
                "row": 12,
                "elements": ["course_title"],
                "superseded": {"course_title": "Algebra I"},
            },
        ],
    }


def test_a_retracted_fact_is_not_shown_and_its_provenance_holds_no_value() -> None:
    student = shown(
        CourseReported(fact=1, elements={"course_title": "Algebra I"}),
        FactCorrected(fact=1, letter="C", elements={"course_title": ("Algebra I", "Algebra 1")}),
        FactRetracted(fact=1, letter="C"),
    )
    assert section(student, "core")["courses"] == []
    assert section(student, "provenance")["facts"][1]["status"] == "retracted"
    assert not any(b"Algebra" in student.sections[name] for name in SECTIONS)


def test_retracting_an_enrollment_takes_its_withdrawal_along() -> None:
    student = shown(
        Enrolled(fact=1, elements=SCHOOL),
        Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-13"}),
        FactRetracted(fact=1, letter="E"),
    )
    assert section(student, "core")["enrollments"] == []
    assert [fact["status"] for fact in section(student, "provenance")["facts"]] == ["live", "retracted", "retracted"]


def test_a_retracted_record_still_resolves_and_shows_no_fact() -> None:
    student = shown(DemographicsStated(fact=1, elements=INES), RecordRetracted())
    assert student.status == "retracted"
    assert student.records == [RECORD]
    assert not any("Inés".encode() in student.sections[name] for name in SECTIONS)
    assert section(student, "provenance") == {"facts": []}


def test_after_reinstatement_only_what_is_stated_again_is_shown() -> None:
    student = shown(
        DemographicsStated(fact=1, elements=INES),
        CourseReported(fact=2, elements={"course_title": "Algebra I"}),
        RecordRetracted(),
        RecordReinstated(),
        DemographicsStated(fact=1, elements={**INES, "first_name": "Inez"}),
    )
    core = section(student, "core")
    assert core["first_name"] == "Inez"
    assert core["courses"] == []
    words = section(student, "provenance")["facts"][1]["words"]
    assert [word["act"] for word in words] == ["stated", "restated"]
    assert words[1]["superseded"] == {"first_name": "Inés"}


def test_lists_are_ordered_by_the_date_of_what_they_hold() -> None:
    core = section(
        shown(
            Enrolled(fact=1, elements={**SCHOOL, "enrollment_date": "2025-08-01"}),
            Enrolled(fact=2, elements={**SCHOOL, "enrollment_date": "2024-08-01"}),
        ),
        "core",
    )
    assert [e["enrollment_date"] for e in core["enrollments"]] == ["2024-08-01", "2025-08-01"]


def test_an_event_before_the_opening_breaks_the_log() -> None:
    teller = Teller()
    with pytest.raises(LogBroken):
        fold_record(teller.tell(STREAM, RecordRetracted()))


def test_a_correction_of_what_was_never_stated_breaks_the_log() -> None:
    with pytest.raises(LogBroken):
        shown(FactCorrected(fact=7, letter="C", elements={}))


def test_the_elements_of_each_section_are_those_of_the_layout() -> None:
    assert set(TABLES["D"].by_key) >= CONTACTS
    assert set(TABLES["E"].by_key) >= HEALTH


@given(histories(records_max=1))
def test_the_facts_shown_are_those_that_decisions_are_made_on(log: list) -> None:
    record = fold_record(log)
    decided = fold(recorded.event for recorded in log)
    assert record is not None
    assert decided is not None
    assert (record.status, record.facts.pop(0).elements) == (decided.status, decided.identity)
    assert {f.id: (f.kind, f.elements, f.record_id, f.enrollment, f.status) for f in record.facts.values()} == {
        f.id: (f.kind, f.elements, f.record_id, f.enrollment, f.status) for f in decided.facts.values()
    }


@given(histories(records_max=1))
def test_a_record_that_was_stored_in_between_goes_on_as_if_it_had_not(log: list) -> None:
    stored: Record | None = None
    for recorded in log:
        stored = fold_record([recorded], stored)
        stored = msgspec.msgpack.decode(msgspec.msgpack.encode(stored), type=Record)
    assert stored == fold_record(log)
