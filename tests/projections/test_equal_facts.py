"""What several records of one student say of one thing is shown once, with all who say it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given

from ledger.events import Event, Recorded
from ledger.events.record import (
    AlternateIdStated,
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    ImmunizationReported,
    MoveQualified,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.intake.placement import NATURAL_KEYS
from projections.consolidation import SECTIONS, Student, consolidate
from projections.record_words import Record, fold_record
from support.telling import Teller, histories, opened, record_uuid

OREGON, TEXAS = record_uuid(1), record_uuid(2)
COURSE = {
    "course_title": "Algebra I",
    "subject_area_name": "Mathematics",
    "begin_academic_year": "2024",
    "end_academic_year": "2025",
}
SCHOOL = {"enrollment_date": "2025-04-21", "enrollment_type": "01", "school_identification_code": "410133700102"}


def shown(oregon: Sequence[Event], texas: Sequence[Event]) -> Student:
    """The student of two records; Texas speaks last."""
    teller = Teller()
    teller.tell(f"record/{OREGON}", opened(1), *oregon)
    teller.tell(f"record/{TEXAS}", opened(2, "TX"), *texas)
    return consolidate("000000000010", records_of(teller.log))


def records_of(log: list[Recorded]) -> list[Record]:
    streams: dict[str, Record] = {}
    for recorded in log:
        record = fold_record([recorded], streams.get(recorded.stream))
        assert record is not None
        streams[recorded.stream] = record
    return list(streams.values())


def core(student: Student) -> dict[str, Any]:
    return json.loads(student.sections["core"])


def health(student: Student) -> dict[str, Any]:
    return json.loads(student.sections["health"])


def sources_of(entry: dict[str, Any]) -> list[tuple[str, int]]:
    return [(source["state"], source["fact"]) for source in entry["sources"]]


def test_a_course_that_two_states_report_is_shown_once_and_its_credit_counted_once() -> None:
    course = {**COURSE, "credits_granted": "1.00"}
    student = core(shown([CourseReported(fact=1, elements=course)], [CourseReported(fact=1, elements=course)]))
    [entry] = student["courses"]
    assert sources_of(entry) == [("OR", 1), ("TX", 1)]
    assert all("differs" not in source for source in entry["sources"])
    assert student["credits"]["earned"] == "1.00"


def test_where_states_differ_the_last_word_is_shown_and_the_other_source_tells_its_own() -> None:
    oregon = [CourseReported(fact=1, elements={**COURSE, "credits_granted": "0.50", "course_type": "00"})]
    texas = [CourseReported(fact=1, elements={**COURSE, "credits_granted": "1.00"})]
    [entry] = core(shown(oregon, texas))["courses"]
    assert (entry["credits_granted"], entry["course_type"]) == ("1.00", "00")
    assert [source.get("differs") for source in entry["sources"]] == [{"credits_granted": "0.50"}, None]


def test_a_correction_is_a_last_word_too() -> None:
    course = {**COURSE, "credits_granted": "1.00"}
    teller = Teller()
    teller.tell(f"record/{OREGON}", opened(1), CourseReported(fact=1, elements=course))
    teller.tell(f"record/{TEXAS}", opened(2, "TX"), CourseReported(fact=1, elements=course))
    correction = FactCorrected(fact=1, letter="C", elements={"credits_granted": ("1.00", "0.50")})
    teller.tell(f"record/{OREGON}", correction)
    [entry] = core(consolidate("1", records_of(teller.log)))["courses"]
    assert entry["credits_granted"] == "0.50"
    assert [source.get("differs") for source in entry["sources"]] == [None, {"credits_granted": "1.00"}]


def test_a_course_of_another_term_is_another_course() -> None:
    student = core(
        shown(
            [CourseReported(fact=1, elements={**COURSE, "course_section": "02"})],
            [CourseReported(fact=1, elements={**COURSE, "course_section": "03"})],
        )
    )
    assert len(student["courses"]) == 2


def test_what_one_record_says_twice_is_two_things_and_each_is_joined_with_one_of_the_others() -> None:
    twice: list[Event] = [CourseReported(fact=n, elements=COURSE) for n in (1, 2)]
    entries = core(shown(twice, twice[:1]))["courses"]
    assert [sources_of(entry) for entry in entries] == [[("OR", 1), ("TX", 1)], [("OR", 2)]]


def test_an_alternate_id_is_one_of_its_own_state() -> None:
    same: list[Event] = [AlternateIdStated(fact=1, elements={"alternate_state_student_id": "A1"})]
    assert len(core(shown(same, same))["alternate_ids"]) == 2


def test_a_vaccine_that_two_states_know_of_was_given_once() -> None:
    given_on: list[Event] = [
        ImmunizationReported(fact=1, elements={"cvx_code": "03", "administration_date": "2021-06-08"})
    ]
    [entry] = health(shown(given_on, given_on))["immunizations"]
    assert sources_of(entry) == [("OR", 1), ("TX", 1)]


def test_a_move_that_two_states_report_makes_eligible_once() -> None:
    move: list[Event] = [MoveQualified(fact=1, elements={"qualifying_arrival_date": "2025-04-18"})]
    [entry] = core(shown(move, move))["qualifying_moves"]
    assert entry["eligibility"] == {"begins": "2025-04-18", "expires": "2028-04-17", "by": "36 months"}


def test_an_enrollment_s_withdrawals_and_residencies_are_told_once_with_all_their_sources() -> None:
    enrolled = Enrolled(fact=1, elements=SCHOOL)
    left = Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-13"})
    home = ResidencyChanged(fact=3, enrollment=1, elements={"district_of_residence": "4101337"})
    later = Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-20"})
    [same] = core(shown([enrolled, left, home], [enrolled, left, home]))["enrollments"]
    assert [sources_of(part) for part in same["withdrawals"]] == [[("OR", 2), ("TX", 2)]]
    assert [sources_of(part) for part in same["residencies"]] == [[("OR", 3), ("TX", 3)]]
    [other] = core(shown([enrolled, left, home], [enrolled, later]))["enrollments"]
    assert other["withdrawal_date"] == "2025-06-20"
    assert [part["withdrawal_date"] for part in other["withdrawals"]] == ["2025-06-13", "2025-06-20"]
    assert other["district_of_residence"] == "4101337"


def test_health_flags_of_one_enrollment_stand_together_and_differ_in_their_own_section() -> None:
    oregon: list[Event] = [Enrolled(fact=1, elements={**SCHOOL, "med_alert_indicator": "Chronic"})]
    texas: list[Event] = [Enrolled(fact=1, elements={**SCHOOL, "med_alert_indicator": "None", "iep_indicator": "Yes"})]
    student = shown(oregon, texas)
    [entry] = health(student)["indicators"]
    assert (entry["med_alert_indicator"], entry["iep_indicator"]) == ("None", "Yes")
    assert [source.get("differs") for source in entry["sources"]] == [{"med_alert_indicator": "Chronic"}, None]
    assert not any(b"Chronic" in student.sections[name] for name in SECTIONS if name != "health")


def test_names_are_listed_by_every_record_that_says_them() -> None:
    name: list[Event] = [DemographicsStated(fact=1, elements={"first_name": "Inés", "last_name_1": "Reyes"})]
    assert [sources_of(entry) for entry in core(shown(name, name))["demographics"]] == [[("OR", 1)], [("TX", 1)]]


def test_a_retracted_record_is_no_source() -> None:
    course: list[Event] = [CourseReported(fact=1, elements=COURSE)]
    [entry] = core(shown(course, [*course, RecordRetracted()]))["courses"]
    assert sources_of(entry) == [("OR", 1)]


LISTS = {
    "K": ("core", "alternate_ids"),
    "Q": ("core", "qualifying_moves"),
    "E": ("core", "enrollments"),
    "C": ("core", "courses"),
    "A": ("core", "assessments"),
    "I": ("health", "immunizations"),
}


@given(histories(records_max=3, steps_max=40))
def test_every_live_fact_of_every_record_is_the_source_of_one_thing_and_no_two_things_are_the_same(
    log: list[Recorded],
) -> None:
    records = records_of(log)
    student = consolidate("1", records)
    sections = {name: json.loads(body) for name, body in student.sections.items()}
    live = {
        (letter, record.record, fact.id)
        for record in records
        if record.status == "open"
        for fact in record.facts.values()
        if fact.status == "live" and fact.enrollment is None and (letter := fact.letter) in LISTS
    }
    found = [
        (letter, source["record"], source["fact"])
        for letter, (section, name) in LISTS.items()
        for entry in sections[section][name]
        for source in entry["sources"]
    ]
    assert sorted(found) == sorted(live)
    for letter, (section, name) in LISTS.items():
        entries = sections[section][name]
        for number, one in enumerate(entries):
            for other in entries[:number]:
                same_key = NATURAL_KEYS[letter](one) == NATURAL_KEYS[letter](other)
                if letter == "K":
                    same_key = same_key and one["sources"][0]["state"] == other["sources"][0]["state"]
                of_one, of_other = ({source["record"] for source in entry["sources"]} for entry in (one, other))
                # Were they of no record in common, they would be one thing.
                assert not same_key or of_one & of_other


@given(histories(records_max=3, steps_max=40))
def test_in_whatever_order_records_are_handed_over_the_bytes_are_the_same(log: list[Recorded]) -> None:
    records = records_of(log)
    assert consolidate("1", records) == consolidate("1", records[::-1])
