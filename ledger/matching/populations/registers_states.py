"""How each state of the population ``registers`` writes its file: how well, and by which habits.

The invariant: a habit is held by about its share of children, whatever the seed, though a state has one habit of each
kind. It must not know children.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from ledger.matching.populations.registers_chance import Chance, Table
from ledger.matching.populations.registers_rates import Rates
from ledger.matching.populations.registers_words import STATES

T = TypeVar("T")


class Habits(NamedTuple):
    """quality: ``good``, ``middling``, ``bad``. faults: draws how many there are in a record. The others are named as
    the tables of ``Rates`` are; width: letters of a name column."""

    quality: str
    faults: Table[int]
    surnames: str
    given: str
    case: str
    accents: str
    width: int
    schools: str
    parents: bool
    places: bool
    country: str
    part_code: bool


def habits(rates: Rates, chance: Chance) -> list[Habits]:
    """Of each state, by its number."""
    counts = {name: Table(range(len(shares)), shares) for name, shares in rates.quality.items()}
    qualities = _spread(dict.fromkeys(rates.quality, 1.0), chance)
    surnames = _spread(rates.surname_habits, chance)
    given = _spread(rates.given_habits, chance)
    cases = _spread(rates.case_habits, chance)
    accents = _spread(rates.accent_habits, chance)
    widths = _spread(rates.width_habits, chance)
    schools = _spread(rates.school_habits, chance)
    parents = _spread({True: rates.habits_sent, False: 1 - rates.habits_sent}, chance)
    places = _spread({True: rates.habits_sent, False: 1 - rates.habits_sent}, chance)
    countries = _spread(rates.place_country, chance)
    codes = _spread({True: 0.5, False: 0.5}, chance)
    return [
        Habits(
            qualities[n],
            counts[qualities[n]],
            surnames[n],
            given[n],
            cases[n],
            accents[n],
            int(widths[n]),
            schools[n],
            parents[n],
            places[n],
            countries[n],
            codes[n],
        )
        for n in range(len(STATES))
    ]


def _spread(shares: Mapping[T, float], chance: Chance) -> list[T]:
    """A habit for each state, by its number: systematic sampling, so that large states do not decide alone.

    The states lie in a row by chance, each as long as it is heavy, and the shares lie beside them from a random point.
    """
    order = sorted(range(len(STATES)), key=lambda _: chance.random())
    names, limits, reached = list(shares), [0.0], 0.0
    for share in shares.values():
        limits.append(limits[-1] + share)
    row = 0.0
    for state in STATES:
        row += state.weight
    start = chance.random()
    chosen: dict[int, T] = {}
    for number in order:
        middle = ((reached + STATES[number].weight / 2) / row + start) % 1.0 * limits[-1]
        chosen[number] = next(
            name for name, end in zip(names, limits[1:], strict=True) if middle < end or end is limits[-1]
        )
        reached += STATES[number].weight
    return [chosen[number] for number in range(len(STATES))]
