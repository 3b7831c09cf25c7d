"""The read model ``records``: given what a record's events say, then this is its row; and what pages of them hold."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import psycopg

from ledger.application import Ledger
from ledger.events import Event
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
from ledger.store.database import Database, Role
from projections import records
from projections.as_of import AsOf
from projections.record_states import RecordStates
from projections.records import KEPT, StateRecord, row_of
from projections.runner import BatchRunner
from support.logs import append, reading
from support.telling import START, Teller, opened, record_uuid

STREAM = f"record/{record_uuid(1)}"
MOVE = {"qualifying_arrival_date": "2025-04-18"}
SCHOOL = {
    "enrollment_date": "2025-04-21",
    "school_identification_code": "410133700102",
    "school_district_id": "4101337",
    "grade_level": "07",
}


def row(*events: Event) -> StateRecord:
    """The row of a record after its opening and these events, all of one file."""
    teller = Teller()
    teller.tell(STREAM, opened(1), *events, submission="OR-20250902")
    [record] = RecordStates(KEPT, every_event=True).hear(teller.log)
    return row_of(record)


def test_a_record_that_was_opened_has_a_row_with_nothing_in_it() -> None:
    found = row()
    assert (found.record, found.state, found.state_student_id, found.status) == (
        record_uuid(1),
        "OR",
        "OR0000001",
        "open",
    )
    assert (found.student_id, found.submission, found.position) == (opened(1).student_id, "OR-20250902", 1)
    assert found.moves == found.enrollments == found.courses == 0
    assert found.qualifying_arrival_date is found.eligible_until is found.enrollment_date is None


def test_live_facts_are_counted_by_kind() -> None:
    found = row(
        DemographicsStated(fact=1, elements={"first_name": "Inés"}),
        Enrolled(fact=2, elements=SCHOOL),
        Withdrawn(fact=3, enrollment=2, elements={"withdrawal_date": "2025-06-13"}),
        ResidencyChanged(fact=4, enrollment=2, elements={"district_of_residence": "4101337"}),
        CourseReported(fact=5, elements={}),
        CourseReported(fact=6, elements={}),
        ImmunizationReported(fact=7, elements={}),
        FactRetracted(fact=6, letter="C"),
    )
    assert (found.demographics, found.enrollments, found.withdrawals, found.residencies) == (1, 1, 1, 1)
    assert (found.courses, found.immunizations, found.assessments, found.alternate_ids) == (1, 1, 0, 0)


def test_a_retracted_enrollment_takes_its_parts_out_of_the_count() -> None:
    found = row(
        Enrolled(fact=1, elements=SCHOOL),
        Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-13"}),
        FactRetracted(fact=1, letter="E"),
    )
    assert (found.enrollments, found.withdrawals, found.enrollment_date, found.withdrawal_date) == (0, 0, None, None)


def test_eligibility_is_that_of_the_move_that_lasts_longest_and_the_arrival_that_of_the_latest() -> None:
    found = row(
        DemographicsStated(fact=1, elements={"birth_date": "2012-03-14"}),
        MoveQualified(fact=2, elements=MOVE),
        MoveQualified(
            fact=3,
            elements={"qualifying_arrival_date": "2025-06-02", "eligibility_expiration_date": "2025-12-31"},
        ),
    )
    assert found.qualifying_arrival_date == date(2025, 6, 2)
    assert (found.eligible_from, found.eligible_until) == (date(2025, 4, 18), date(2028, 4, 17))


def test_the_birth_date_that_was_said_last_decides() -> None:
    born = [
        DemographicsStated(fact=n, elements={"birth_date": day}) for n, day in ((1, "2012-03-14"), (2, "2026-01-01"))
    ]
    moved = MoveQualified(fact=3, elements=MOVE)
    assert row(*born, moved).eligible_until is None, "born after the move"
    again = FactCorrected(fact=1, letter="D", elements={"sex": (None, "Female")})
    assert row(*born, moved, again).eligible_until == date(2028, 4, 17)


def test_graduation_ends_eligibility() -> None:
    graduated = Enrolled(fact=2, elements={**SCHOOL, "graduation_hse_date": "2026-06-12"})
    assert row(MoveQualified(fact=1, elements=MOVE), graduated).eligible_until == date(2026, 6, 12)


def test_the_latest_enrollment_is_told_with_its_withdrawal_school_district_and_grade() -> None:
    found = row(
        Enrolled(fact=1, elements=SCHOOL),
        Withdrawn(fact=2, enrollment=1, elements={"withdrawal_date": "2025-06-13"}),
        Enrolled(fact=3, elements={"enrollment_date": "2024-08-26", "grade_level": "06"}),
    )
    assert (found.enrollment_date, found.withdrawal_date) == (date(2025, 4, 21), date(2025, 6, 13))
    assert (found.school_identification_code, found.school_district_id) == ("410133700102", "4101337")
    assert found.grade_level == "07"


def test_a_retracted_record_stays_with_its_ids_and_holds_no_fact() -> None:
    found = row(MoveQualified(fact=1, elements=MOVE), Enrolled(fact=2, elements=SCHOOL), RecordRetracted())
    assert (found.status, found.moves, found.enrollments) == ("retracted", 0, 0)
    assert found.qualifying_arrival_date is found.eligible_until is found.grade_level is None


def test_after_reinstatement_only_what_is_stated_again_counts() -> None:
    found = row(
        MoveQualified(fact=1, elements=MOVE),
        Enrolled(fact=2, elements=SCHOOL),
        RecordRetracted(),
        RecordReinstated(),
        MoveQualified(fact=1, elements=MOVE),
    )
    assert (found.status, found.moves, found.enrollments) == ("open", 1, 0)


def test_every_event_of_a_record_is_its_last_change() -> None:
    """Also one that changes nothing of the row, as of the student's own row."""
    found = row(FactCorrected(fact=0, letter="S", elements={"state_student_identifier_type": ("02", "01")}))
    assert found.position == 2
    assert (found.changed_at - found.opened_at).seconds == 1


# -- with a database


def told(database: Database, ledger: Ledger) -> None:
    """Three records of Oregon, the second one retracted last of all, and one of California; folded."""
    for number, state in ((1, "OR"), (2, "OR"), (3, "CA"), (4, "OR")):
        append(ledger.log, f"record/{record_uuid(number)}", opened(number, state), MoveQualified(fact=1, elements=MOVE))
    append(ledger.log, f"record/{record_uuid(2)}", RecordRetracted())
    BatchRunner(records.PROJECTION, database, ledger.log).catch_up()


def asked(database: Database, *arguments: Any, **more: Any) -> tuple[AsOf, list[StateRecord]]:
    async def ask() -> tuple[AsOf, list[StateRecord]]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return await records.page(conn, *arguments, **more)

    return asyncio.run(ask())


def test_a_state_s_records_come_in_the_order_of_their_last_change(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    reflected, found = asked(database, "OR")
    assert reflected == AsOf(9, records.PROJECTION.version)
    assert [row.record for row in found] == [record_uuid(n) for n in (1, 4, 2)]
    assert [row.position for row in found] == [2, 8, 9]
    assert found[0].eligible_until == date(2028, 4, 17)
    assert found[0].opened_at > START


def test_pages_join_and_only_what_changed_since_a_position_is_told(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    _, first = asked(database, "OR", limit=2)
    _, second = asked(database, "OR", after=first[-1].position, limit=2)
    assert [*first, *second] == asked(database, "OR")[1]
    assert asked(database, "OR", after=9)[1] == []


def test_a_change_of_the_student_s_own_row_is_a_change_of_the_record(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    changed = FactCorrected(fact=0, letter="S", elements={"state_student_identifier_type": ("02", "01")})
    append(ledger.log, STREAM, changed)
    BatchRunner(records.PROJECTION, database, ledger.log).catch_up()
    assert [(row.record, row.position) for row in asked(database, "OR", after=9)[1]] == [(record_uuid(1), 10)]


def test_records_are_told_by_status(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    assert [row.record for row in asked(database, "OR", statuses=["retracted"])[1]] == [record_uuid(2)]
    assert len(asked(database, "OR", statuses=["open"])[1]) == 2
    assert asked(database, "TX")[1] == []


def test_columns_with_personal_data_have_no_statistics(database: Database, ledger: Ledger) -> None:
    told(database, ledger)
    with reading(database) as conn:
        rows = conn.execute(
            "select attname from pg_attribute where attrelid = 'records.records'::regclass and attstattarget = 0"
        ).fetchall()
    assert {row[0] for row in rows} == {
        "state_student_id",
        "qualifying_arrival_date",
        "eligible_from",
        "eligible_until",
        "enrollment_date",
        "withdrawal_date",
        "school_identification_code",
        "school_district_id",
        "grade_level",
        "enrollment_type",
        "school_or_project_name",
        "priority_for_services",
        "moved_to_city",
        "moved_to_state",
        "attended_district",
        "district_of_residence",
        "unenrolled_district",
        "enrolled_on",
        "resident_since",
        "unenrolled_since",
        "body",
    }
