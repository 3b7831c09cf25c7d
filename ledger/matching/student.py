"""Several records of one child put together: what is compared when a record meets a student.

The invariant: a function of the set of records, in whatever order they are given. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from typing import TypeVar

from ledger.matching.comparison import parent_level
from ledger.matching.person import Parent, Person, initial
from ledger.matching.traits import Attendance

_T = TypeVar("_T", bound=Hashable)


def profile(members: Sequence[Person]) -> Person:
    """The fullest names, the date and sex of most, the two best known parents, the commonest place, every enrollment;
    no state and no id, since he has several. One member: he."""
    if len(members) == 1:
        return members[0]
    born = _most((one.birth, one.year, one.month, one.day) for one in members if one.birth) or (0, 0, 0, 0)
    return Person(
        given=_fullest([one.given for one in members]),
        surnames=_fullest([one.surnames for one in members]),
        suffix=_most(one.suffix for one in members if one.suffix) or "",
        sex=_most(one.sex for one in members if one.sex) or "",
        birth=born[0],
        year=born[1],
        month=born[2],
        day=born[3],
        flag=_most(one.flag for one in members if one.flag) or "",
        parents=_parents([one.parents for one in members]),
        place=_place([one.place for one in members]),
        other_ids=tuple(sorted({other for one in members for other in one.other_ids})),
        attendances=tuple(sorted({stay for one in members for stay in one.attendances}, key=_told)),
    )


def _told(stay: Attendance) -> tuple[object, ...]:
    return stay.begins, stay.ends or date.max, stay.state, stay.school, stay.grade, stay.full


def _most(values: Iterable[_T]) -> _T | None:
    """The commonest; of several as common the least."""
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value)) if counted else None


def _fullest(lines: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The line with the most whole words, up to two; of these the commonest, then the longest."""
    counted = Counter(line for line in lines if line)
    if not counted:
        return ()
    return min(
        counted,
        key=lambda line: (-min(sum(not initial(word) for word in line), 2), -counted[line], -len("".join(line)), line),
    )


def _parents(told: Sequence[tuple[Parent, ...]]) -> tuple[Parent, ...]:
    """The two parents that most records name, each in his fullest form."""
    groups: list[list[Parent]] = []
    for parent in sorted((one for parents in told for one in parents), key=_whole):
        for group in groups:
            if parent_level((group[0],), (parent,))[0] in (2, 5):
                group.append(parent)
                break
        else:
            groups.append([parent])
    groups.sort(key=lambda group: (-len(group), _whole(group[0])))
    found: list[Parent] = []
    for group in groups:
        if len(found) < 2 and not any(one.role and one.role == group[0].role for one in found):
            found.append(group[0])
    return tuple(found)


def _whole(parent: Parent) -> tuple[int, Parent | tuple[object, ...]]:
    size = sum(map(len, parent.given)) + sum(map(len, parent.surnames))
    return -size, (parent.given, parent.surnames, parent.role)


def _place(told: Sequence[tuple[str, str, str]]) -> tuple[str, str, str]:
    """The commonest of those that say the most."""
    counted = Counter(place for place in told if any(place))
    if not counted:
        return ("", "", "")
    return min(counted, key=lambda place: (-sum(map(bool, place)), -counted[place], place))
