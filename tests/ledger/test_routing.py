"""Before whom a case comes: the district of the child's most recent enrollment, closed ones first."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from ledger.events.case import Place
from ledger.jurisdiction import Profile, default_jurisdiction
from ledger.offices import DISTRICT, Contact, Offices, Region
from ledger.record import PlaceStudent, RecordState, decide, fold
from ledger.routing import asked_of, district_of, is_office, state_alone
from support.rows import MINTED, STATE, STUDENT, enrollment, move, student


def record(*enrollments: dict[str, str]) -> RecordState:
    rows = [enrollment(f"{n:03d}", **{"school_or_project_name": f"S{n}", **e}) for n, e in enumerate(enrollments, 1)]
    rows = student(move(), *rows)
    command = PlaceStudent(state=STATE, state_student_id=STUDENT, student=rows, new_student_id=MINTED)
    state = fold(decide(command, None, Profile()).events)
    assert state is not None
    return state


OPEN = {"enrollment_date": "2025-08-25", "school_district_id": "4100001"}
CLOSED = {"enrollment_date": "2025-01-06", "withdrawal_date": "2025-06-06", "school_district_id": "4100002"}
LONG_CLOSED = {"enrollment_date": "2024-09-02", "withdrawal_date": "2024-12-20", "school_district_id": "4100003"}


@pytest.mark.parametrize(
    ("enrollments", "district"),
    [
        ((OPEN,), "4100001"),
        ((LONG_CLOSED, OPEN, CLOSED), "4100002"),
        ((LONG_CLOSED, OPEN), "4100003"),
        ((), None),
    ],
)
def test_the_most_recent_closed_enrollment_tells_before_an_open_one(
    enrollments: tuple[dict[str, str], ...], district: str | None
) -> None:
    assert district_of([record(*enrollments)]) == district
    assert district_of([record(), record(*enrollments)]) == district


def test_a_row_names_its_district_by_itself_by_its_school_or_by_where_the_child_lives() -> None:
    lives = {"district_of_residence": "4100009", "residency_date": "2025-06-01"}
    assert district_of([record({"school_identification_code": "411377000999", **lives})]) == "4113770"
    assert district_of([record(lives)]) == "4100009"
    without = {"enrollment_date": "2025-08-25", "withdrawal_date": "2025-09-01"}
    assert district_of([record(without, LONG_CLOSED)]) == "4100003"


def test_a_level_that_the_state_has_not_set_up_takes_none_of_its_days() -> None:
    now = datetime(2025, 10, 2, 3, tzinfo=UTC)
    profile = Profile(time_zone="Pacific/Guam", escalation_days=(2, 3, 10), version=5)
    alone = asked_of("GU", state_alone("GU", "6600030"), profile, now)
    assert ([step.due_on for step in alone.steps], alone.profile) == (["2025-10-12"], 5)
    two = asked_of("GU", (Place(state="GU", district="6600030"), Place(state="GU")), profile, now)
    assert [(step.level, step.due_on) for step in two.steps] == [("district", "2025-10-04"), ("state", "2025-10-14")]
    assert two.place.level == "district"


@pytest.mark.parametrize(
    ("place", "there"),
    [
        (Place(state="OR"), True),
        (Place(state="OR", region="R2"), True),
        (Place(state="OR", region="R8"), False),
        (Place(state="OR", region="R9"), False),
        (Place(state="OR", region="R2", district="4113770"), True),
        (Place(state="OR", region="R3", district="4113770"), False),
        (Place(state="OR", district="4113770"), False),
        (Place(state="OR", district="4100009"), True),
        (Place(state="OR", region="R2", district="4100009"), False),
        (Place(state="OR", region="R2", district="4100001"), False),
    ],
)
def test_a_district_has_its_office_in_the_region_that_it_lies_in_alone(place: Place, *, there: bool) -> None:
    contact = Contact(role="records_contact", name="Ben Ode", email="ben.ode@district.example.org")
    offices = Offices(
        regions={code: Region(name=code, ended=code == "R8") for code in ("R2", "R3", "R8")},
        districts={"4113770": "R2", "4100001": "R2"},
        contacts={(DISTRICT, "4113770"): contact, (DISTRICT, "4100009"): contact},
    )
    assert is_office(msgspec.structs.replace(default_jurisdiction("OR"), offices=offices), place) is there


def test_a_day_is_the_states_own() -> None:
    # Evening of the first of October in Oregon.
    now = datetime(2025, 10, 2, 3, tzinfo=UTC)
    asked = asked_of(
        "OR", (Place(state="OR"),), Profile(time_zone="America/Los_Angeles", escalation_days=(1, 1, 1)), now
    )
    assert asked.steps[0].due_on == "2025-10-02"
