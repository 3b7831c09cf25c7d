"""Years of keeping, counted as 34 CFR 200.85 says it: so many years *after* a day.

The day itself does not count; the last day of keeping is its anniversary, and on the day after that it may go. Three
years after 15 May 2024 is 15 May 2027, and due is 16 May 2027. 29 February: where the later year has none, the
anniversary is 1 March, as in ``ledger.eligibility``. One may read the 28th into the rule too; of two readings the
longer one keeps, and is never short of the other.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

YEARS_MAX: Final = 150
"""Longest that anybody says in years; for good is said otherwise."""

_DAY: Final = timedelta(days=1)


def due_after(day: date, years: int) -> date:
    """The first day on which so many years after a day are over; the last day that there is, where none is."""
    year = day.year + years
    if year > date.max.year:
        return date.max
    last = date(year, 3, 1) if (day.month, day.day) == (2, 29) and not _is_leap(year) else day.replace(year=year)
    return date.max if last == date.max else last + _DAY


def latest_due(today: date, years: int) -> date:
    """The latest day of which so many years are over today: what was later is not due. So a query finds what may be due
    by comparing days. The first day that there is, where nothing is over."""
    if today == date.min or (today - _DAY).year - years < 1:
        return date.min
    last = today - _DAY
    year = last.year - years
    return date(year, 2, 28) if (last.month, last.day) == (2, 29) and not _is_leap(year) else last.replace(year=year)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
