"""How long a qualifying move makes a child eligible: dates only, never what day it is.

A migratory child made a qualifying move "in the preceding 36 months" (ESEA section 1309(3) and (5), 20 USC 6399;
34 CFR 200.81), and is served through age 21 and until graduation from, or an equivalent of, high school. So the days
of eligibility are a closed interval: from the qualifying arrival date (QAD) to the earliest of

- the day before the QAD's anniversary three years on (36 months less a day: 1 September 2016 gives 31 August 2019),
- the day before the 22nd birthday,
- the day of graduation or of the high school equivalency,
- an earlier day that the state has stated.

29 February: where the later year has none, the anniversary or birthday is 1 March, so that 28 February still counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

MONTHS = 36
"""ESEA 1309(3): the months that a qualifying move lasts."""

AGE_MAX = 21
"""34 CFR 200.103: children through this age are served."""

_DAY = timedelta(days=1)


class Move(msgspec.Struct, frozen=True):
    """A qualifying move. arrival: its QAD. stated: the Eligibility Expiration Date that the state sent.

    key: whatever the caller knows the move by; handed back.
    """

    arrival: date
    stated: date | None = None
    key: str = ""


class MoveEligibility(msgspec.Struct, frozen=True):
    """What one move gives. begins, expires: first and last day, both included; the move gives none where expires is
    the earlier. by: what ends it (``36 months``, ``22nd birthday``, ``graduation``, ``stated``), or
    ``born after arrival`` where the child did not make the move."""

    key: str
    begins: date
    expires: date
    by: str

    @property
    def given(self) -> bool:
        return self.begins <= self.expires


class Eligibility(msgspec.Struct, frozen=True):
    """What all moves of a child give. moves: in order of arrival. best: the one that lasts longest, if any gives."""

    moves: tuple[MoveEligibility, ...]
    best: MoveEligibility | None

    @property
    def begins(self) -> date | None:
        return self.best.begins if self.best else None

    @property
    def expires(self) -> date | None:
        return self.best.expires if self.best else None

    def on(self, day: date) -> bool:
        """Whether the child is eligible on that day, by any move."""
        return any(move.begins <= day <= move.expires for move in self.moves)


def last_day_of_move(arrival: date) -> date:
    """QAD and 36 months, less a day (ESEA 1309(3)). OverflowError or ValueError past the year 9999."""
    return _years_on(arrival, MONTHS // 12) - _DAY


def last_day_of_age(birth_date: date) -> date:
    """The day before the 22nd birthday (34 CFR 200.103: through age 21)."""
    return _years_on(birth_date, AGE_MAX + 1) - _DAY


def age_on(day: date, birth_date: date) -> int:
    """Full years on a day; below 0 before the birth. Who was born on 29 February is a year older on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def expiration_date(
    qad: date, birth_date: date | None, stated: date | None = None, graduated: date | None = None
) -> date:
    """The last day on which a move makes the child eligible (V1, V2). Before the QAD: it makes the child none.

    stated: the state's own Eligibility Expiration Date; it may shorten the interval, never lengthen it.
    """
    return _end(qad, birth_date, stated, graduated)[0]


def eligibility(moves: Iterable[Move], birth_date: date | None, graduation: date | None = None) -> Eligibility:
    """What a child's moves give together. A move before the birth gives nothing: the child did not make it (V4)."""
    found: list[MoveEligibility] = []
    for move in sorted(moves, key=lambda move: (move.arrival, move.key)):
        if birth_date is not None and move.arrival < birth_date:
            expires, by = move.arrival - _DAY, "born after arrival"
        else:
            expires, by = _end(move.arrival, birth_date, move.stated, graduation)
        found.append(MoveEligibility(key=move.key, begins=move.arrival, expires=expires, by=by))
    given = [move for move in found if move.given]
    best = max(given, key=lambda move: (move.expires, move.begins), default=None)
    return Eligibility(moves=tuple(found), best=best)


def _end(qad: date, birth_date: date | None, stated: date | None, graduated: date | None) -> tuple[date, str]:
    ends = [(last_day_of_move(qad), "36 months")]
    if birth_date is not None:
        ends.append((last_day_of_age(birth_date), "22nd birthday"))
    if graduated is not None:
        ends.append((graduated, "graduation"))
    if stated is not None:
        ends.append((stated, "stated"))
    # On a tie the law's own reason is named before the state's, as listed.
    return min(ends, key=lambda end: end[0])


def _years_on(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        if (day.month, day.day) != (2, 29):
            raise
        return date(day.year + years, 3, 1)
