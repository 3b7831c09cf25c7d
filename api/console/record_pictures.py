"""Pictures of a record as numbers: where each line and bar of a drawing stands. Pure; templates draw them.

Invariant: a picture says nothing that no list beside it says. Lengths are in the drawing's own units, whose width is
``WIDTH``; a place's name is never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from api.console.record_rows import Row
from ledger.matching.names import folded

WIDTH: Final = 400
"""About as many as a telephone has points, so that text in a drawing is readable on one."""

LEFT: Final = 34
LANE: Final = 22
BAR: Final = 16
BAR_WIDTH_MIN: Final = 15
"""Wide enough for the number in it."""
YEARS_MAX: Final = 12
"""Years that are marked; of more, every second one or fewer."""


class Bar(NamedTuple):
    """number: of the row in the list beside it. open: it has not ended."""

    number: int
    x: float
    y: float
    width: float
    open: bool


class TimeLine(NamedTuple):
    """lanes: state and where its name stands. years: and where they begin."""

    height: float
    bars: tuple[Bar, ...]
    lanes: tuple[tuple[str, float], ...]
    years: tuple[tuple[int, float], ...]


class Stop(NamedTuple):
    """A place on the way. on: the day of arrival, ISO 8601; empty for the first. apart: nobody said how the child came
    from the place before."""

    place: str
    on: str
    y: float
    apart: bool = False


def time_line(rows: Sequence[Row], day: date) -> TimeLine | None:
    """Enrollments as bars, one lane or more for each state; one that is open goes on to ``day``. None without any."""
    spans: list[tuple[int, str, date, date, bool]] = []
    for number, row in enumerate(rows, 1):
        begin, end = _day(row.get("enrollment_date")), _day(row.get("withdrawal_date"))
        if begin is not None:
            last = max(end or day, begin)
            spans.append((number, _state_of(row), begin, last, end is None))
    if not spans:
        return None
    first = min(begin for _, _, begin, _, _ in spans).replace(month=1, day=1)
    last = max(day, *(end for _, _, _, end, _ in spans))
    scale = (WIDTH - LEFT - 4) / max((last - first).days, 1)
    bars: list[Bar] = []
    lanes: list[tuple[str, float]] = []
    y = 18.0
    for state in dict.fromkeys(state for _, state, _, _, _ in spans):
        free: list[float] = []
        lanes.append((state, y + 12))
        for number, _, begin, end, is_open in sorted((s for s in spans if s[1] == state), key=lambda s: (s[2], s[0])):
            x = LEFT + (begin - first).days * scale
            width = max((end - begin).days * scale, BAR_WIDTH_MIN)
            x = min(x, WIDTH - 4 - width)
            lane = next((at for at, until in enumerate(free) if until <= x), len(free))
            free[lane : lane + 1] = [x + width + 1]
            bars.append(Bar(number, round(x, 1), y + lane * LANE, round(width, 1), is_open))
        y += len(free) * LANE + 4
    step = 1 + (last.year - first.year) // YEARS_MAX
    years = tuple(
        (year, round(LEFT + (date(year, 1, 1) - first).days * scale, 1))
        for year in range(first.year, last.year + 1, step)
    )
    return TimeLine(y, tuple(bars), tuple(lanes), years)


def stops(rows: Sequence[Row]) -> list[Stop]:
    """Places in the order of arrival, as qualifying moves tell them."""
    found: list[Stop] = []
    y = 14.0
    for row in rows:
        came_from, came_to = place_from(row), place_to(row)
        if came_from and (not found or folded(found[-1].place) != folded(came_from)):
            found.append(Stop(came_from, "", y, apart=bool(found)))
            y += 40
        found.append(Stop(came_to or "?", row.get("qualifying_arrival_date"), y))
        y += 40
    return found


def place_from(row: Row) -> str:
    """Where a move came from."""
    parts = (row.get(f"qualifying_move_from_{part}") for part in ("city", "state", "country"))
    return ", ".join(part for part in parts if part)


def place_to(row: Row) -> str:
    """Where a move went."""
    return ", ".join(part for part in (row.get(f"qualifying_move_to_{part}") for part in ("city", "state")) if part)


def _state_of(row: Row) -> str:
    return row.get("facility_state") or (row.sources[0].state if row.sources else "?")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
