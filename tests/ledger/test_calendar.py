"""Working days and midnights of a state."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calendar import Calendar, public_holidays
from ledger.events.jurisdiction import CalendarSet

OREGON = Calendar.default("OR", "America/Los_Angeles")


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2025, 9, 2), True),
        (date(2025, 9, 1), False),  # Labor Day
        (date(2025, 9, 6), False),  # Saturday
        (date(2025, 7, 4), False),
        (date(2021, 7, 5), False),  # the 4th fell on a Sunday
        (date(2027, 12, 31), False),  # New Year's Day 2028 falls on a Saturday
        (date(2024, 2, 29), True),
    ],
)
def test_working_days_are_weekdays_without_the_public_holidays(day: date, working: bool) -> None:
    assert OREGON.is_working_day(day) is working


def test_a_state_keeps_its_own_holidays_beside_the_federal_ones() -> None:
    cesar_chavez = date(2025, 3, 31)
    columbus = date(2025, 10, 13)
    assert not Calendar.default("CA").is_working_day(cesar_chavez)
    assert Calendar(subdivision=None).is_working_day(cesar_chavez)
    assert not Calendar.default("CA").is_working_day(columbus)


@pytest.mark.parametrize("state", ["FM", "MH", "PW", "XX"])
def test_where_no_calendar_is_shipped_the_federal_days_hold(state: str) -> None:
    assert public_holidays(state, 2025) == public_holidays(None, 2025)


def test_a_state_closes_and_opens_days_of_its_own() -> None:
    told = CalendarSet(subdivision="OR", closed=["2025-09-02"], open=["2025-09-01", "2025-09-06"])
    calendar = Calendar.from_event(told, "America/Los_Angeles")
    assert not calendar.is_working_day(date(2025, 9, 2))
    assert calendar.is_working_day(date(2025, 9, 1))
    assert calendar.is_working_day(date(2025, 9, 6))
    assert calendar.time_zone == "America/Los_Angeles"


def test_a_day_that_is_no_date_is_an_error() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        Calendar.from_event(CalendarSet(closed=["tomorrow"]))


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        (date(2025, 9, 2), 0, date(2025, 9, 2)),
        (date(2025, 9, 2), 1, date(2025, 9, 3)),
        (date(2025, 8, 29), 1, date(2025, 9, 2)),  # over a weekend and Labor Day
        (date(2025, 8, 29), 10, date(2025, 9, 15)),
        (date(2024, 2, 28), 1, date(2024, 2, 29)),
        (date(2024, 2, 28), 4, date(2024, 3, 5)),
        (date(2025, 12, 31), 1, date(2026, 1, 2)),
    ],
)
def test_working_days_are_counted_from_the_day_after(start: date, count: int, due: date) -> None:
    assert OREGON.add_working_days(start, count) == due


def test_days_are_not_counted_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        OREGON.add_working_days(date(2025, 9, 2), -1)


def test_a_calendar_without_working_days_is_found_out() -> None:
    start = date(2025, 1, 1)
    never = Calendar(closed=frozenset(start + timedelta(days=day) for day in range(4_000)))
    with pytest.raises(ValueError, match="no working day"):
        never.add_working_days(start, 1)


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2040, 1, 1)), st.integers(min_value=0, max_value=30))
@settings(max_examples=50)
def test_as_many_working_days_lie_between_as_were_asked_for(start: date, count: int) -> None:
    due = OREGON.add_working_days(start, count)
    between = [start + timedelta(days=day) for day in range(1, (due - start).days + 1)]
    assert sum(OREGON.is_working_day(day) for day in between) == count
    assert not between or OREGON.is_working_day(due)


def test_a_day_ends_at_the_states_own_midnight() -> None:
    assert OREGON.end_of(date(2025, 9, 2)) == datetime(2025, 9, 3, 7, tzinfo=UTC)
    assert OREGON.end_of(date(2025, 12, 2)) == datetime(2025, 12, 3, 8, tzinfo=UTC)
    assert OREGON.day_of(datetime(2025, 9, 3, 6, 59, tzinfo=UTC)) == date(2025, 9, 2)
    assert OREGON.day_of(datetime(2025, 9, 3, 7, 0, tzinfo=UTC)) == date(2025, 9, 3)


def test_an_instant_without_its_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="zone"):
        OREGON.day_of(datetime(2025, 9, 3, 7, 0))
