"""Where the families of the population ``registers`` went, and what the schools there wrote of it.

The invariant: stays of one child follow each other in time, so that he is nowhere twice; two attendances in two states
overlap only where a withdrawal was written late, or never. It must not know names or faults in names.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.matching.populations.registers_chance import Chance, Table
from ledger.matching.populations.registers_people import Child, Family
from ledger.matching.populations.registers_rates import Rates
from ledger.matching.populations.registers_words import STATES, State, Town
from ledger.matching.traits import Attendance

TODAY: Final = date(2025, 11, 14).toordinal()
"""The day of the register: what began later is not in it."""


class Stay(NamedTuple):
    """begins, ends: first and last day as ordinals; ends is past TODAY where the stay goes on."""

    state: State
    town: Town
    begins: int
    ends: int


class _Year(NamedTuple):
    """A school year. term: first and last day; summer: of the projects after it."""

    september: int
    term: tuple[int, int]
    summer: tuple[int, int]


_YEARS: Final = tuple(
    _Year(
        date(year, 9, 1).toordinal(),
        (date(year, 8, 21).toordinal(), date(year + 1, 6, 3).toordinal()),
        (date(year + 1, 6, 16).toordinal(), date(year + 1, 7, 25).toordinal()),
    )
    for year in range(2012, 2026)
)
_ON_THE_ROAD: Final = (1, 18)
"""Days between two stays."""


def journey(family: Family, states: Table[int], rates: Rates, chance: Chance) -> list[Stay]:
    """The family's stays in order of time. states: how many states there are in it, home counted."""
    count = states.draw(chance)
    away = _away(family.home, count - 1, chance)
    lengths: list[tuple[State, int]] = []
    if not away:
        lengths = [(family.home, chance.between(200, 700)) for _ in range(chance.between(1, 2))]
    elif chance.of(rates.circular):
        for season in range(max(len(away), chance.between(1, 4))):
            lengths.append((family.home, chance.between(150, 240)))
            lengths.append((away[season % len(away)], chance.between(45, 130)))
        if chance.of(0.6):
            lengths.append((family.home, chance.between(60, 240)))
    else:
        lengths = [(state, chance.between(70, 420)) for state in (family.home, *away)]
    roads = [chance.between(*_ON_THE_ROAD) for _ in lengths]
    day = TODAY - sum(length for _, length in lengths) - sum(roads) + (chance.between(5, 40) if chance.of(0.7) else -30)
    stays: list[Stay] = []
    for (state, length), road in zip(lengths, roads, strict=True):
        town = family.town if state is family.home and chance.of(0.8) else chance.pick(state.towns)
        stays.append(Stay(state, town, day, day + length))
        day += length + road
    return [stay for stay in stays if stay.begins < TODAY]


def stays_of(child: Child, stays: list[Stay], rates: Rates, chance: Chance) -> list[Stay]:
    """The child's part of the family's stays: those since a month after the birth; at least the last."""
    own = [stay for stay in stays if stay.begins > child.born + 30] or [
        stays[-1]._replace(begins=max(stays[-1].begins, child.born + 31))
    ]
    if len(own) > 1 and chance.of(rates.own_way):
        index = chance.below(len(own))
        state = chance.pick(STATES)
        # By half, two stays become one record, and by half there is a state that the family never saw.
        if chance.of(0.5):
            state = own[index - 1].state
        own[index] = own[index]._replace(state=state, town=chance.pick(state.towns))
    return own


def attendances(
    child: Child, stays: list[Stay], writes_schools: str, rates: Rates, chance: Chance
) -> tuple[Attendance, ...]:
    """What one state wrote of the stays there, which are in order of time. writes_schools: ``id``, ``name``, ``none``.

    A row for each school year and each summer project within a stay; residency alone where there was neither.
    """
    rows: list[Attendance] = []
    for stay in stays:
        before = len(rows)
        for year in _YEARS:
            if year.summer[1] < stay.begins:
                continue
            if year.term[0] > stay.ends or year.term[0] > TODAY:
                break
            age = (year.september - child.born) / 365.25
            begins, ends = max(stay.begins, year.term[0]), min(stay.ends, year.term[1])
            if ends - begins > 6 and begins < TODAY and age >= 3 and _attends(child, age):
                rows.append(_attendance(stay, begins, ends, age, writes_schools, rates, chance))
            begins, ends = max(stay.begins, year.summer[0]), min(stay.ends, year.summer[1])
            if ends - begins > 6 and begins < TODAY and age >= 3 and chance.of(0.4):
                school = f"{stay.town.name} Summer Program" if writes_schools != "none" else ""
                grade = "00" if age >= 14 and not _attends(child, age) else _grade(age)
                rows.append(
                    Attendance(
                        date.fromordinal(begins),
                        date.fromordinal(ends) if ends < TODAY else None,
                        stay.state.code,
                        school,
                        grade,
                        full=False,
                    )
                )
        if len(rows) == before:
            ends = date.fromordinal(stay.ends) if stay.ends < TODAY else None
            grade = "00" if child.born + 14 * 365 < stay.begins else ""
            rows.append(Attendance(date.fromordinal(stay.begins), ends, stay.state.code, "", grade, full=False))
    return tuple(rows)


def _away(home: State, count: int, chance: Chance) -> list[State]:
    """States that the family goes to, each once, along the streams that workers follow."""
    chosen: list[State] = []
    here = home
    while len(chosen) < count:
        onward = [n for n in here.onward if n != home.number and STATES[n] not in chosen]
        if not onward or chance.of(0.06):
            onward = [state.number for state in STATES if state is not home and state not in chosen]
        # The first states of a stream are the usual ones.
        here = STATES[onward[min(chance.below(len(onward)), chance.below(len(onward)))]]
        chosen.append(here)
        if chance.of(0.5):
            here = home
    return chosen


def _attends(child: Child, age: float) -> bool:
    """Preschool for some; some leave school young, and then for good. By the child's number, the same each year."""
    lot = child.number * 7919 % 100
    if age < 5:
        return lot < 45
    if child.born < child.family.crossing and child.family.origin.youth > 1:
        return age < 14 or lot < 50
    return age < 16 or (lot < 88 and age < 19.5)


def _attendance(
    stay: Stay, begins: int, ends: int, age: float, writes_schools: str, rates: Rates, chance: Chance
) -> Attendance:
    nces, name = stay.town.schools[0 if age < 11 else 1 if age < 14 else 2]
    begins = min(begins + chance.below(6), TODAY)
    last: date | None = None
    if ends < TODAY:
        slip = chance.random()
        late = chance.between(1, 14) if slip < rates.late_withdrawal else 0
        if slip < 1 - rates.no_withdrawal:
            last = date.fromordinal(min(ends + late, TODAY))
    school = nces if writes_schools == "id" else name if writes_schools == "name" else ""
    return Attendance(date.fromordinal(begins), last, stay.state.code, school, _grade(age))


def _grade(age: float) -> str:
    if age < 5:
        return f"P{int(age)}"
    return "KG" if age < 6 else f"{min(int(age) - 5, 12):02d}"
