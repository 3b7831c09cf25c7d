"""A state's nights: whether its file has come when it was awaited, and what came as a picture. Pure.

Invariant: a state is called silent only where a whole night passed without a file that was applied, by its own clock
and its own working days; a night that is not over yet, or a day on which nobody works, silences nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ledger.jurisdiction import Jurisdiction, calendar_of
from projections.submissions_watch import Night

SHOWN: Final = 30
"""Nights in a picture."""
SLOT: Final = 20
"""Width of a night in a picture, its bar and the gap beside it, in units of the picture."""
HEIGHT: Final = 100
_DAYS_LOOKED_BACK: Final = 400
"""A calendar that has no working day in a year awaits nobody."""


class Awaited(NamedTuple):
    """The night that was last awaited: from the expected hour of a working day to that of the next, by the state's
    clock."""

    begun: datetime
    by: datetime


def awaited(jurisdiction: Jurisdiction, now: datetime) -> Awaited | None:
    """The night whose file should be there now; None where the calendar has no working days. now: aware."""
    calendar, profile = calendar_of(jurisdiction), jurisdiction.profile
    zone = ZoneInfo(profile.time_zone)
    hours: list[datetime] = []
    day = now.astimezone(zone).date()
    for _ in range(_DAYS_LOOKED_BACK):
        at = datetime.combine(day, time(profile.expected_hour), zone)
        if at <= now and calendar.is_working_day(day):
            hours.append(at)
            if len(hours) == 2:
                return Awaited(hours[1], hours[0])
        day -= timedelta(days=1)
    return None


def silent(night: Awaited | None, last_applied: datetime | None) -> bool:
    """Whether a state is silent. last_applied: when a file of it last was; None where none ever was."""
    return night is not None and (last_applied is None or last_applied < night.begun)


class Bar(NamedTuple):
    """One night in a picture. x: of its left edge. The others: heights of its parts; refused on a scale of its own."""

    night: Night
    x: int
    accepted: float
    unchanged: float
    refused: float


class Picture(NamedTuple):
    """Nights side by side, the oldest first. most, most_refused: rows of the tallest bar in each of its halves."""

    bars: Sequence[Bar]
    width: int
    most: int
    most_refused: int


def picture(nights: Sequence[Night]) -> Picture:
    """Volume above, refusals below. Whatever is not nothing is tall enough to be seen."""
    most = max((night.accepted + night.unchanged for night in nights), default=0)
    most_refused = max((night.refused for night in nights), default=0)
    bars = [
        Bar(
            night,
            index * SLOT,
            _height(night.accepted, most),
            _height(night.unchanged, most),
            _height(night.refused, most_refused),
        )
        for index, night in enumerate(nights)
    ]
    return Picture(bars, SLOT * max(len(nights), SHOWN // 2), most, most_refused)


def _height(rows: int, most: int) -> float:
    return 0.0 if not rows else max(1.5, round(HEIGHT * rows / most, 2))
