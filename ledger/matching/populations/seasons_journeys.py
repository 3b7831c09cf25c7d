"""Where a family of the population ``seasons`` works over the years, and when each child is at which school.

The invariant: what is told here is true: a child is at one school at a time, brothers and sisters who are with the
family are at the same schools of the same towns, and terms follow each other. What an office makes of it comes later.
Days are ordinals of the calendar.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.matching.populations.seasons_offices import Country, State, Town
from ledger.matching.populations.seasons_rates import Rates
from ledger.matching.populations.seasons_words import Draw, Weighted


class Term(NamedTuple):
    """Days of a family in one town. year: in which its school year began. school: which of the elementary schools.
    ends: last day, 0 where the family is still there. summer: outside of the terms of schools."""

    state: State
    town: Town
    begins: int
    ends: int
    year: int
    school: int
    summer: bool = False


class Stay(NamedTuple):
    """One child's part in a term. school: NCES id and name, both empty where there is none. full: of a school child."""

    town: Town
    begins: int
    ends: int
    school: tuple[str, str]
    grade: str
    full: bool


class Record(NamedTuple):
    """What one state has to write down of a child: under one id. second: of two ids in the same state, the later."""

    state: State
    stays: list[Stay]
    second: bool


def ordinal(year: int, month: int, day: int) -> int:
    """The day's number. Days too many run over into the next month."""
    return _FIRST_OF_MONTH[year, month] + day - 1


def road(country: Country, draw: Draw, rates: Rates) -> list[Term]:
    """A family's terms over some years, in as many states as its luck has it, the last one in 2023-24 at the latest."""
    count = Weighted(enumerate(rates.states, 1))(draw)
    home = country.homes(draw) if draw() < rates.shuttle else country.states(draw)
    states = _states(count, home, country, draw)
    shuttle = count > 1 and draw() < rates.shuttle
    years = _shuttle(states, draw, rates) if shuttle else _onward(states, draw, rates)
    span = 1 + max(offset for offset, *_ in years)
    first = LAST_YEAR + 1 - span - int(draw() * draw() * 14)
    terms = [_term(first, *one) for one in years]
    if first + span == LAST_YEAR + 1 and draw() < 0.7:
        terms[-1] = terms[-1]._replace(ends=0)
    return terms


def records(terms: list[Term], born: int, behind: int, draw: Draw, rates: Rates) -> list[Record]:
    """What each state could write of a child born on that day, states in the order in which he came to them."""
    terms = _with_the_family(terms, born, draw, rates)
    by_state: dict[int, list[Stay]] = {}
    states: dict[int, State] = {}
    shift = 0 if draw() > rates.other_day else int(draw() * 8)
    before = 0
    for term in terms:
        stay = _stay(term, born, behind, max(term.begins + shift, before + 1), draw)
        before = stay.ends
        states[term.state.number] = term.state
        by_state.setdefault(term.state.number, []).append(stay)
    found = [Record(states[number], stays, second=False) for number, stays in by_state.items()]
    if 1 < len(found) < STATES_MAX and draw() < rates.second_id:
        at = int(draw() * len(found))
        found[at : at + 1] = _parted(found[at])
    return found


def _states(count: int, home: State, country: Country, draw: Draw) -> list[State]:
    """Different ones, most of them on the same stream."""
    states = [home]
    stream = country.streams[home.stream]
    while len(states) < count:
        state = stream(draw) if draw() < 0.8 else country.states(draw)
        if all(state.number != other.number for other in states):
            states.append(state)
    return states


_Season = tuple[int, tuple[int, int], tuple[int, int], State, Town, int, bool]
"""Year counted from the road's first, first and last (month, day), where, which school, whether summer."""


def _shuttle(states: list[State], draw: Draw, rates: Rates) -> list[_Season]:
    """Winters at home, the warm months away: the states away in turn, some for two years."""
    home, *away = states
    home_town, school = home.towns(draw), int(draw() * 3)
    seasons: list[_Season] = []
    year = 0
    for state in away:
        town, their_school = state.towns(draw), int(draw() * 3)
        for _ in range(2 if draw() < 0.25 else 1):
            leave, back = 1 + int(draw() * 24), 12 + int(draw() * 15)
            seasons.append((year, (11, back - 5), (4, leave), home, home_town, school, False))
            if draw() < 0.6:
                seasons.append((year, (4, leave + 5), (6, 4 + leave % 6), state, town, their_school, False))
            if draw() < rates.summer:
                seasons.append((year, (6, 16), (7, 10 + back), state, town, their_school, True))
            seasons.append((year + 1, (8, 20 + leave % 9), (11, back - 11), state, town, their_school, False))
            year += 1
    return seasons


def _onward(states: list[State], draw: Draw, rates: Rates) -> list[_Season]:
    """From one state to the next, some months to two school years in each."""
    seasons: list[_Season] = []
    year, month = 0, 8
    for state in states:
        town, school = state.towns(draw), int(draw() * 3)
        for stretch in range(1 + (draw() < 0.4) + (draw() < 0.25)):
            if stretch and draw() < 0.3:
                town, school = state.towns(draw), int(draw() * 3)
            day = 1 + int(draw() * 12)
            if month == 8:
                to = (0, 6) if draw() < 0.6 else (-1, 12)
                seasons.append((year, (8, day + 12), (to[1], 8 + day % 8), state, town, school, False))
                month = 1 if to[1] == 12 else 8
            else:
                seasons.append((year, (1, day + 6), (6, 2 + day % 8), state, town, school, False))
                month = 8
            if month == 8:
                if draw() < rates.summer * 0.5:
                    seasons.append((year, (6, 16), (7, 14 + day), state, town, school, True))
                year += 1
    return seasons


def _term(
    first: int,
    year: int,
    begins: tuple[int, int],
    ends: tuple[int, int],
    state: State,
    town: Town,
    school: int,
    summer: bool,
) -> Term:
    start = first + year
    return Term(
        state,
        town,
        ordinal(start + (begins[0] < 8), *begins),
        ordinal(start + (ends[0] < 8), *ends),
        start,
        school,
        summer,
    )


def _with_the_family(terms: list[Term], born: int, draw: Draw, rates: Rates) -> list[Term]:
    """The terms that the child is old and young enough for; some children join the road later or leave it early."""
    of_age = [t for t in terms if t.begins - born > _YOUNGEST and t.begins - born < _OLDEST] or terms[-1:]
    if len(of_age) > 1 and draw() < rates.apart:
        cut = 1 + int(draw() * (len(of_age) - 1))
        return of_age[cut:] if draw() < 0.5 else of_age[:cut]
    return of_age


def _stay(term: Term, born: int, behind: int, begins: int, draw: Draw) -> Stay:
    town = term.town
    ends = term.ends
    if ends:
        ends = max(ends if draw() > 0.15 else ends - int(draw() * 10), begins + 3)
    grade = term.year - _kindergarten(born) - behind
    if term.summer:
        return Stay(town, begins, ends, ("", town.project), _grade(grade, begins - born), full=False)
    if grade < -1 or grade > 12 or (grade > 9 and begins - born > 16 * 365 and draw() < 0.25):
        return Stay(town, begins, ends, ("", ""), _grade(grade, begins - born) if grade < 0 else "00", full=False)
    if grade < 6:
        return Stay(town, begins, ends, town.elementary[term.school], _grade(grade, begins - born), full=True)
    return Stay(town, begins, ends, town.middle if grade < 9 else town.high, _grade(grade, 0), full=True)


def _parted(record: Record) -> list[Record]:
    """The state did not find its own record again and began a second one."""
    stays = record.stays
    if len(stays) == 1:
        (stay,) = stays
        ends = stay.ends or HORIZON
        half = stay.begins + (ends - stay.begins) // 2
        return [
            record._replace(stays=[stay._replace(ends=half)]),
            Record(record.state, [stay._replace(begins=half + 1)], second=True),
        ]
    half = len(stays) // 2
    return [record._replace(stays=stays[:half]), Record(record.state, stays[half:], second=True)]


def _kindergarten(born: int) -> int:
    """The year in which the school year of a child of five on 1 September begins."""
    day = date.fromordinal(born)
    return day.year + 5 + (day.month >= 9)


def _grade(number: int, age_days: int) -> str:
    if number > 0:
        return f"{number:02d}" if number <= 12 else "00"
    if number == 0:
        return "KG"
    return f"P{min(max(age_days // 365, 0), 5)}"


_FIRST_OF_MONTH: Final = {(y, m): date(y, m, 1).toordinal() for y in range(1960, 2032) for m in range(1, 13)}
_YOUNGEST: Final = 1050
"""Days: children begin shortly before their third birthday."""
_OLDEST: Final = 20 * 365
STATES_MAX: Final = 5
LAST_YEAR: Final = 2023
HORIZON: Final = ordinal(2024, 6, 30)
"""The last day that is told of."""
