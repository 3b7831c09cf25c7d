"""Years of keeping: so many after a day, and never a day short of the rule."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.retention.years import YEARS_MAX, due_after, latest_due

DAY = timedelta(days=1)
days = st.dates(date(1900, 1, 1), date(2200, 1, 1)) | st.sampled_from(
    [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2023, 2, 28), date(2000, 2, 29), date(2100, 2, 28)]
)


@pytest.mark.parametrize(
    ("day", "years", "due"),
    [
        (date(2024, 5, 15), 3, date(2027, 5, 16)),
        (date(2024, 12, 31), 3, date(2028, 1, 1)),
        (date(2024, 2, 28), 3, date(2027, 3, 1)),
        (date(2024, 2, 29), 3, date(2027, 3, 2)),
        (date(2024, 2, 29), 4, date(2028, 3, 1)),
        (date(2025, 2, 28), 3, date(2028, 2, 29)),
        (date(2096, 2, 29), 4, date(2100, 3, 2)),
    ],
)
def test_it_is_due_on_the_day_after_the_anniversary(day: date, years: int, due: date) -> None:
    assert due_after(day, years) == due


@pytest.mark.parametrize("day", [date.max, date(9998, 2, 28), date(9900, 12, 31)])
def test_what_no_calendar_reaches_is_never_over(day: date) -> None:
    assert due_after(day, YEARS_MAX) == date.max


@given(days, st.integers(1, YEARS_MAX))
def test_no_reading_of_the_rule_keeps_longer(day: date, years: int) -> None:
    """The anniversary as the 28th or as the 1st, and the days of as many calendar years counted one by one."""
    due = due_after(day, years)
    assert due > day.replace(year=day.year + years, day=min(day.day, 28) if day.month == 2 else day.day)
    assert (due - day).days > (date(day.year + years, 1, 1) - date(day.year, 1, 1)).days - 1
    assert due <= date(day.year + years, day.month, 1) + timedelta(days=day.day) + DAY


@given(days, days, st.integers(1, YEARS_MAX))
def test_what_came_later_is_due_later_or_on_the_same_day(one: date, other: date, years: int) -> None:
    assert due_after(min(one, other), years) <= due_after(max(one, other), years)


@given(days, st.integers(1, YEARS_MAX))
def test_a_query_by_days_finds_just_what_is_due(today: date, years: int) -> None:
    latest = latest_due(today, years)
    assert due_after(latest, years) <= today
    assert due_after(latest + DAY, years) > today


def test_before_the_first_years_nothing_is_over() -> None:
    assert latest_due(date(3, 1, 1), 5) == date.min
    assert latest_due(date.min, 1) == date.min
