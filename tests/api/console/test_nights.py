"""When a state is silent, by its own clock and working days; and nights as a picture."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from api.console.nights import HEIGHT, awaited, picture, silent
from ledger.events.jurisdiction import CalendarSet, ProfileSet
from ledger.jurisdiction import Jurisdiction, default_jurisdiction, fold
from projections.submissions_watch import Night

OREGON = ZoneInfo("America/Los_Angeles")
TUESDAY = datetime(2025, 9, 2, 9, 0, tzinfo=OREGON)
"""The day after Labor Day."""


def oregon(*closed: str, hour: int = 6) -> Jurisdiction:
    events = [
        ProfileSet(
            time_zone="America/Los_Angeles",
            expected_hour=hour,
            response_days=30,
            record_ids="renumbered",
            rule_levels={},
            second_person_near_match=False,
            automatic_approval=False,
            escalation_days=(7, 7, 16),
        ),
        CalendarSet(subdivision="OR", closed=list(closed), open=[]),
    ]
    return fold(events, default_jurisdiction("OR"))


def at(day: int, hour: int, month: int = 9) -> datetime:
    return datetime(2025, month, day, hour, tzinfo=OREGON)


def test_a_night_reaches_from_one_working_day_s_hour_to_the_next_s() -> None:
    night = awaited(oregon(), TUESDAY)
    assert night is not None
    assert (night.begun, night.by) == (at(29, 6, 8), at(2, 6)), "a weekend and a holiday lie between"


def test_before_its_hour_a_day_awaits_nothing_yet() -> None:
    night = awaited(oregon(), at(3, 5))
    assert night is not None
    assert night.by == at(2, 6)


@pytest.mark.parametrize(
    ("applied", "is_silent"),
    [(at(2, 2), False), (at(30, 2, 8), False), (at(29, 7, 8), False), (at(29, 5, 8), True), (None, True)],
    ids=["this night", "on Saturday", "on Friday after the hour", "on Friday before it", "never"],
)
def test_a_state_is_silent_where_a_whole_night_passed_without_a_file(applied: datetime | None, is_silent: bool) -> None:
    assert silent(awaited(oregon(), TUESDAY), applied) is is_silent


def test_the_hour_is_the_state_s_own_whatever_clock_asks() -> None:
    assert awaited(oregon(), TUESDAY) == awaited(oregon(), TUESDAY.astimezone(UTC))
    utc_morning = datetime(2025, 9, 3, 12, 30, tzinfo=UTC)  # half past five in Oregon
    night = awaited(oregon(), utc_morning)
    assert night is not None
    assert night.by == at(2, 6)


def test_an_hour_that_a_clock_skips_or_repeats_is_one_hour() -> None:
    """2025-11-02 begins at one hour twice; a Sunday that the state opens."""
    state = fold([CalendarSet(subdivision="OR", closed=[], open=["2025-11-02"])], oregon(hour=1))
    night = awaited(state, datetime(2025, 11, 2, 12, 0, tzinfo=OREGON))
    assert night is not None
    assert night.by.date().isoformat() == "2025-11-02"


def test_a_day_that_the_state_closes_silences_nobody() -> None:
    night = awaited(oregon("2025-09-02"), TUESDAY)
    assert night is not None
    assert night.by == at(29, 6, 8)


def test_a_calendar_without_working_days_awaits_nobody() -> None:
    days = [f"2025-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    days += [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    rest = [f"{year}-{month:02d}-{day}" for year in (2024, 2025) for month in range(1, 13) for day in (29, 30, 31)]
    real = [day for day in rest if _is_day(day)]
    assert awaited(oregon(*days, *real), TUESDAY) is None
    assert not silent(None, None)


def _is_day(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def night(accepted: int = 0, unchanged: int = 0, refused: int = 0) -> Night:
    return Night("OR", "OR-1", "2025-09-02T02:00:00.000", accepted, unchanged, refused)


def test_the_tallest_night_fills_the_picture_and_one_row_is_seen_beside_it() -> None:
    drawn = picture([night(1_000_000, refused=1), night(1), night()])
    heights = [(bar.accepted, bar.refused) for bar in drawn.bars]
    assert heights[0] == (HEIGHT, HEIGHT)
    assert 0 < heights[1][0] < 2
    assert heights[2] == (0, 0)
    assert (drawn.most, drawn.most_refused) == (1_000_000, 1)


def test_no_nights_are_a_picture_too() -> None:
    assert picture([]).bars == []
