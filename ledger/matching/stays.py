"""Whether one child can have been in all the schools that two records tell of.

The invariant: symmetric, and a function of the enrollments alone. Pure.
"""

from __future__ import annotations

from typing import Final

from ledger.matching.places import NEIGHBOURS
from ledger.matching.traits import Attendance

STAYS: Final = (
    "missing",
    "one after the other, soon",
    "one after the other, later",
    "at once, same school",
    "at once, same state",
    "at once, states that touch",
    "at once, far apart",
)

_LATE_DAYS: Final = 14
"""A withdrawal may be told so late."""
_SOON_DAYS: Final = 120


def stay_level(left: tuple[Attendance, ...], right: tuple[Attendance, ...]) -> int:
    """Level of two sets of enrollments: whether one child can have been in all of them. The worst two tell."""
    worst, gap = 0, None
    for one in left:
        if not one.full:
            continue
        for other in right:
            shared = _shared_days(one, other) if other.full else None
            if shared is None:
                continue
            if shared > _LATE_DAYS:
                worst = max(worst, _at_once(one, other))
            elif gap is None or gap > -shared:
                gap = -shared
    if worst:
        return worst
    if gap is None:
        return 0
    return 1 if gap <= _SOON_DAYS else 2


def _shared_days(one: Attendance, other: Attendance) -> int | None:
    """Days that two enrollments surely have in common; of two that have none, the days between, negative. None where
    nobody can tell: an enrollment that nobody has ended says that the child came that day, and nothing of how long he
    stayed, for most often its end was not sent."""
    began, ended, other_began, other_ended = one.begins, one.ends, other.begins, other.ends
    if ended is None:
        if other_ended is None or began < other_began:
            return None
        return other_ended.toordinal() - began.toordinal()
    if other_ended is None:
        return None if other_began < began else ended.toordinal() - other_began.toordinal()
    ended = min(ended, other_ended)
    began = max(began, other_began)
    return ended.toordinal() - began.toordinal()


def _at_once(one: Attendance, other: Attendance) -> int:
    if one.school and one.school == other.school:
        return 3
    if not one.state or not other.state or one.state == other.state:
        return 4
    return 5 if other.state in NEIGHBOURS.get(one.state, ()) else 6
