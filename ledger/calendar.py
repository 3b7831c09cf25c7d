"""Working days of one state, and its own midnight (34 CFR 200.85 counts working days and does not define them).

A working day is Monday to Friday and no public holiday: the federal ones and those of the state, as the ``holidays``
package knows them, less the days that the state opens, plus those that it closes. Time runs in the state's own zone
(V30). No clock here: instants and days are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

_DAY = timedelta(days=1)
_SEARCH_DAYS_MAX = 3660
"""A calendar that has no working day for ten years is a mistake, not a long holiday."""


class Days(Protocol):
    """What a state says of its days: the event ``CalendarSet`` has these fields, and so has what is folded of it."""

    @property
    def subdivision(self) -> str | None: ...
    @property
    def closed(self) -> Iterable[str]: ...
    @property
    def open(self) -> Iterable[str]: ...


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """One state's days.

    subdivision: USPS code of the state whose holidays hold beside the federal ones, or None. closed, open: days on
    which the state departs from the rule. time_zone: IANA name.
    """

    subdivision: str | None = None
    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()
    time_zone: str = "America/New_York"

    @classmethod
    def from_event(cls, days: Days, time_zone: str = "America/New_York") -> Calendar:
        """The calendar of a ``CalendarSet``; the zone comes from the profile. ValueError: a day is no ISO date."""
        return cls(
            subdivision=days.subdivision,
            closed=frozenset(date.fromisoformat(day) for day in days.closed),
            open=frozenset(date.fromisoformat(day) for day in days.open),
            time_zone=time_zone,
        )

    @classmethod
    def default(cls, state: str, time_zone: str = "America/New_York") -> Calendar:
        """The calendar of a state that has set none: its own public holidays and the federal ones."""
        return cls(subdivision=state, time_zone=time_zone)

    def is_working_day(self, day: date) -> bool:
        """What the state says of the day goes first, then the week, then the holidays."""
        if day in self.open:
            return True
        if day in self.closed or day.weekday() >= 5:
            return False
        return day not in public_holidays(self.subdivision, day.year)

    def add_working_days(self, start: date, count: int) -> date:
        """The count-th working day after start; start itself never counts, and 0 gives it back.

        Raises ValueError for a negative count, and where no working day is found for ten years.
        """
        if count < 0:
            raise ValueError(f"working days are counted forward, not {count}")
        day, idle = start, 0
        while count:
            day += _DAY
            if self.is_working_day(day):
                count, idle = count - 1, 0
            else:
                idle += 1
                if idle > _SEARCH_DAYS_MAX:
                    raise ValueError("the calendar has no working day for ten years: look at its closed days")
        return day

    def day_of(self, instant: datetime) -> date:
        """The state's own day at an instant that knows its zone. ValueError: it knows none."""
        if instant.tzinfo is None:
            raise ValueError("an instant needs its zone")
        return instant.astimezone(ZoneInfo(self.time_zone)).date()

    def end_of(self, day: date) -> datetime:
        """The instant (UTC) at which the state's day is over: a duty due on that day is late from then on."""
        following = day + _DAY
        midnight = datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(self.time_zone))
        return midnight.astimezone(UTC)


@lru_cache(maxsize=2048)
def public_holidays(subdivision: str | None, year: int) -> frozenset[date]:
    """Federal holidays of a year, with those of one state or territory; observed days included.

    The freely associated states keep calendars of their own, which nobody ships: there the federal days hold alone,
    and the state closes what it keeps. So with any code that the package does not know.
    """
    from holidays import US  # half of the start-up time of a command that never counts a day

    found = set(US(years=year))
    if subdivision is not None and subdivision in US.subdivisions:
        found |= set(US(subdiv=subdivision, years=year))
    return frozenset(found)
