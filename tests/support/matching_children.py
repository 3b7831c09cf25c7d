"""Children whom a matcher should know, or keep apart, by whatever sensible policy: nothing here hangs on a few bits.

The same child is told in full by every state; what keeps it from being linked by itself is a guard, not a weight.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.matching.traits import Attendance, Traits
from support.any_children import child

PARENTS = {
    "male_parent_first_name": "Eleuterio",
    "male_parent_last_name": "Quintero",
    "female_parent_first_name": "Rosaura",
    "female_parent_last_name": "Medrano",
}
OTHER_PARENTS = {
    "male_parent_first_name": "Bonifacio",
    "male_parent_last_name": "Quintero",
    "female_parent_first_name": "Itzel",
    "female_parent_last_name": "Medrano",
}
TOWN = {"birth_city": "Tlaxiaco", "birth_state": "Oaxaca", "birth_country": "MX"}
OTHER_TOWN = {"birth_city": "Morelia", "birth_state": "Michoacán", "birth_country": "MX"}
BORN = "2014-03-09"


def wilber(state: str = "TX", ssid: str = "1", **told: Any) -> Traits:
    """One child, told in full."""
    whole = {"sex": "Male", **PARENTS, **TOWN, **told}
    return child("Wilber Esteban/Quintero/Medrano", BORN, state=state, state_student_id=ssid, **whole)


def at_school(state: str) -> tuple[Attendance, ...]:
    """All of a school year there: of one child in two states that do not touch, that cannot be."""
    return (Attendance(begins=date(2024, 8, 20), ends=date(2025, 5, 20), state=state, full=True),)


def doubtful(state: str = "MI", ssid: str = "2", **told: Any) -> Traits:
    """The same child as ``settled``, to judge by what is told; but at another school on the same days, far away."""
    return wilber(state, ssid, attendances=at_school(state), **told)


def settled(state: str = "TX", ssid: str = "1", **told: Any) -> Traits:
    """Wilber, who was at school in Texas all year."""
    return wilber(state, ssid, attendances=at_school(state), **told)


def twin(state: str = "MI", ssid: str = "7", **told: Any) -> Traits:
    """Of Wilber: his sister of the same day."""
    whole = {"sex": "Female", **PARENTS, **TOWN, **told}
    return child("Yaretzi Noemí/Quintero/Medrano", BORN, state=state, state_student_id=ssid, **whole)


def sibling(state: str = "MI", ssid: str = "8", **told: Any) -> Traits:
    """Of Wilber: his younger sister."""
    whole = {"sex": "Female", **PARENTS, **TOWN, **told}
    return child("Marisol Itzayana/Quintero/Medrano", "2017-11-21", state=state, state_student_id=ssid, **whole)


def namesake(state: str = "MI", ssid: str = "9", **told: Any) -> Traits:
    """Another family's Wilber, born on the same day elsewhere."""
    return wilber(state, ssid, **{**OTHER_PARENTS, **OTHER_TOWN, **told})


def stranger(state: str = "CA", ssid: str = "6", **told: Any) -> Traits:
    whole = {"sex": "Female", **told}
    return child("Beatriz/Zamudio/Arce", "2011-06-30", state=state, state_student_id=ssid, **whole)
