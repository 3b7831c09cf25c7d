"""Where a record places the child: given what its events say, then this is where she goes to school and lives, and
whether she came to a place without having been enrolled since."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.events import Event
from ledger.events.record import Enrolled, FactRetracted, MoveQualified, RecordRetracted, ResidencyChanged, Withdrawn
from projections.record_places import NOWHERE, Places, latest_enrollment, places_of
from projections.record_states import RecordStates
from projections.records import KEPT
from support.telling import Teller, opened, record_uuid

WOODBURN, SALEM = "4113770", "4110820"


def places(*events: Event) -> Places:
    """Of a record of Oregon after its opening and these events."""
    teller = Teller()
    teller.tell(f"record/{record_uuid(1)}", opened(1), *events)
    [record] = RecordStates(KEPT).hear(teller.log)
    return places_of(record, latest_enrollment(record))


def moved(fact: int, day: str, state: str | None = "OR", city: str = "Woodburn") -> MoveQualified:
    told = {"qualifying_arrival_date": day, "qualifying_move_to_city": city, "qualifying_move_to_state": state}
    return MoveQualified(fact=fact, elements={key: value for key, value in told.items() if value is not None})


def enrolled(fact: int, day: str, district: str = WOODBURN, kind: str = "01", grade: str = "07") -> Enrolled:
    told = {"enrollment_date": day, "school_district_id": district, "enrollment_type": kind, "grade_level": grade}
    return Enrolled(fact=fact, elements={key: value for key, value in told.items() if value})


def lives(fact: int, enrollment: int, district: str, since: str = "") -> ResidencyChanged:
    told = {"district_of_residence": district, "residency_date": since}
    return ResidencyChanged(
        fact=fact, enrollment=enrollment, elements={key: value for key, value in told.items() if value}
    )


def left(fact: int, enrollment: int, day: str) -> Withdrawn:
    return Withdrawn(fact=fact, enrollment=enrollment, elements={"withdrawal_date": day})


def test_a_record_of_which_nothing_is_told_places_nobody() -> None:
    assert places() == NOWHERE
    assert places(moved(1, "2025-04-18"), enrolled(2, "2025-04-21"), RecordRetracted()) == NOWHERE


def test_a_child_goes_to_school_in_one_district_and_lives_in_another() -> None:
    found = places(enrolled(1, "2025-04-21"), lives(2, 1, SALEM, "2025-04-18"))
    assert (found.attended_district, found.district_of_residence) == (WOODBURN, SALEM)
    assert (found.enrolled_on, found.resident_since) == (date(2025, 4, 21), date(2025, 4, 18))


def test_a_residency_without_its_date_is_of_the_date_of_its_enrollment() -> None:
    assert places(enrolled(1, "2025-04-21"), lives(2, 1, SALEM)).resident_since == date(2025, 4, 21)


def test_of_several_residencies_of_one_enrollment_the_last_that_was_stated_holds() -> None:
    found = places(enrolled(1, "2025-04-21"), lives(2, 1, SALEM, "2025-09-01"), lives(3, 1, WOODBURN, "2025-04-01"))
    assert (found.district_of_residence, found.resident_since) == (WOODBURN, date(2025, 4, 1))


def test_where_a_child_lived_before_she_enrolled_elsewhere_is_over() -> None:
    before = enrolled(1, "2024-08-26"), lives(2, 1, WOODBURN, "2024-08-20")
    assert places(*before, enrolled(3, "2025-08-25", SALEM)).district_of_residence is None
    later = lives(4, 1, WOODBURN, "2025-08-25")
    assert places(*before, enrolled(3, "2025-08-25", SALEM), later).district_of_residence == WOODBURN


def test_who_was_withdrawn_and_has_moved_out_since_is_no_longer_the_school_district_s() -> None:
    stayed = enrolled(1, "2024-08-26"), lives(2, 1, SALEM, "2025-07-01")
    assert places(*stayed).attended_district == WOODBURN
    assert places(*stayed, left(3, 1, "2025-06-13")).attended_district is None
    assert places(*stayed, left(3, 1, "2025-07-01")).attended_district == WOODBURN


def test_a_withdrawal_alone_leaves_the_child_where_she_was_last_known_to_be() -> None:
    assert places(enrolled(1, "2024-08-26"), left(2, 1, "2025-06-13")).attended_district == WOODBURN


def test_the_latest_move_says_where_to() -> None:
    found = places(moved(1, "2025-04-18"), moved(2, "2024-02-29", "TX", "Hereford"))
    assert (found.moved_to_city, found.moved_to_state) == ("Woodburn", "OR")


def test_who_moved_in_and_was_enrolled_nowhere_since_is_unenrolled_from_the_day_of_the_move() -> None:
    assert places(moved(1, "2024-02-29")).unenrolled_since == date(2024, 2, 29)
    again = places(enrolled(1, "2024-08-26"), left(2, 1, "2025-02-01"), moved(3, "2025-04-18"))
    assert (again.unenrolled_since, again.unenrolled_district) == (date(2025, 4, 18), None)


def test_an_enrollment_on_the_day_of_the_move_or_later_ends_it() -> None:
    assert places(moved(1, "2025-04-18"), enrolled(2, "2025-04-18")).unenrolled_since is None
    assert places(moved(1, "2025-04-18"), enrolled(2, "2025-04-17")).unenrolled_since == date(2025, 4, 18)


def test_a_move_to_another_state_brought_nobody_here_and_one_that_names_no_state_did() -> None:
    assert places(moved(1, "2025-04-18", "TX")).unenrolled_since is None
    assert places(moved(1, "2025-04-18", None)).unenrolled_since == date(2025, 4, 18)
    both = places(moved(1, "2024-04-18"), moved(2, "2025-04-18", "TX"))
    assert both.unenrolled_since == date(2024, 4, 18)


def test_a_residency_after_the_enrollment_brings_the_child_to_its_district() -> None:
    found = places(enrolled(1, "2025-04-21"), left(2, 1, "2025-06-13"), lives(3, 1, SALEM, "2025-07-01"))
    assert (found.unenrolled_since, found.unenrolled_district) == (date(2025, 7, 1), SALEM)


def test_a_move_after_the_residency_leaves_the_district_unknown() -> None:
    found = places(enrolled(1, "2025-04-21"), lives(2, 1, SALEM, "2025-04-21"), moved(3, "2025-07-01"))
    assert (found.unenrolled_since, found.unenrolled_district) == (date(2025, 7, 1), None)


def test_who_goes_to_school_in_the_district_already_has_not_come_to_it_without_a_school() -> None:
    stays = enrolled(1, "2024-08-26"), lives(2, 1, WOODBURN, "2025-07-01")
    assert places(*stays).unenrolled_since is None
    assert places(*stays, left(3, 1, "2025-06-13")).unenrolled_since == date(2025, 7, 1)


@pytest.mark.parametrize(
    ("kind", "grade", "settled"),
    [("06", "07", False), ("06", "", False), ("06", "UG", False), ("06", "00", True), ("06", "P2", True)],
)
def test_residency_alone_is_no_enrollment_of_who_is_in_a_grade_of_school(kind: str, grade: str, settled: bool) -> None:
    found = places(moved(1, "2025-04-18"), enrolled(2, "2025-04-21", kind=kind, grade=grade))
    assert (found.unenrolled_since is None) is settled
    assert (found.enrolled_on == date(2025, 4, 21)) is settled


def test_what_was_retracted_places_nobody() -> None:
    told = moved(1, "2025-04-18"), enrolled(2, "2025-04-21"), lives(3, 2, SALEM, "2025-04-18")
    found = places(*told, FactRetracted(fact=2, letter="E"))
    assert (found.unenrolled_since, found.district_of_residence) == (date(2025, 4, 18), None)
    assert places(*told, FactRetracted(fact=3, letter="E")).district_of_residence is None
