"""The frequency tables of the population ``registers``: names by group and sex, forms of names, places.

The invariant: a row of the CSV files beside this module stands in order of how common its words are, and the tables
follow that order. The lists were put together by hand for this population. It must not know persons or faults.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib import resources
from typing import Final, NamedTuple, cast

from ledger.matching.populations import Group
from ledger.matching.populations.registers_chance import Table

Sex = str
"""``Male`` or ``Female``."""


class Town(NamedTuple):
    """Of a US state. number: among all towns. schools: (NCES id, name) of the elementary, middle and high school."""

    number: int
    name: str
    schools: tuple[tuple[str, str], ...]


class State(NamedTuple):
    """number: among all states. onward: states that its workers go on to, by number."""

    number: int
    code: str
    weight: float
    onward: tuple[int, ...]
    towns: tuple[Town, ...]


class Place(NamedTuple):
    """Where somebody was born. Codes of ISO 3166: country of three and two letters, part."""

    city: str
    part: str
    part_name: str
    country: str
    country_2: str
    country_name: str


class Origin(NamedTuple):
    """Where families of a group come from. youth: 1 where mostly families come, 2 where young people come alone."""

    places: tuple[Place, ...]
    youth: int


def _rows(name: str) -> Iterator[list[str]]:
    text = resources.files("ledger.matching.populations").joinpath(name).read_text(encoding="utf-8")
    return csv.reader(io.StringIO(text), strict=True)


def _joined(name: str) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for kind, *words in _rows(name):
        lists.setdefault(kind, []).extend(words)
    return lists


_SURNAMES: Final = _joined("registers_surnames.csv")
_GIVEN: Final = _joined("registers_given.csv")
_FORMS: Final = list(_rows("registers_forms.csv"))

_FLAT: Final[dict[str, float]] = {"two-surname": 9, "indigenous": 4, "hmong": 3, "haitian": 6, "anglo": 12}
"""Of surnames: the higher, the more even. Hmong clans are few, with Yang, Vang and Xiong half of all."""

GROUPS: Final = cast("tuple[Group, ...]", tuple(_SURNAMES))
SURNAMES: Final = {group: Table.by_rank(_SURNAMES[group], _FLAT[group]) for group in GROUPS}
GIVEN: Final = {
    (group, sex): Table.by_rank(_GIVEN[f"{group} {sex}"], 6) for group in GROUPS for sex in ("Male", "Female")
}
COMPOUND: Final = {
    sex: Table.by_rank([tuple(name.split(" ", 1)) for name in _GIVEN[f"compound {sex}"]], 3)
    for sex in ("Male", "Female")
}
"""Two given names that are said as one."""
ELDER: Final = {sex: Table.by_rank(_GIVEN[f"elder {sex}"], 5) for sex in ("Male", "Female")}
"""Of the parents' generation, in the groups whose names are Spanish."""


def _forms(kind: str) -> dict[str, tuple[str, ...]]:
    return {row[1]: tuple(row[2:]) for row in _FORMS if row[0] == kind}


NICKNAMES: Final = _forms("nickname")
ENGLISH: Final = _forms("english")
ABBREVIATED: Final = _forms("abbreviated")
CLANS: Final = _forms("clan")
"""Hmong clan names to how else they are written in Latin letters."""
TWINS: Final = {
    (group, sexes): tuple((row[2], row[3]) for row in _FORMS if row[0] == f"twins {group}" and row[1] == sexes)
    for group in GROUPS
    for sexes in ("MM", "MF", "FF")
}
"""Near names that parents give to twins."""


def _states() -> tuple[State, ...]:
    rows = list(_rows("registers_states.csv"))
    numbers = {row[0]: number for number, row in enumerate(rows)}
    states: list[State] = []
    towns = 0
    for code, fips, weight, onward, *names in rows:
        here: list[Town] = []
        for place, name in enumerate(names, 1):
            district = f"{fips}{place * 730 + 1000:05d}"
            levels = enumerate(("Elementary School", "Middle School", "High School"), 1)
            schools = tuple((f"{district}{place * 100 + level:05d}", f"{name} {kind}") for level, kind in levels)
            here.append(Town(towns, name, schools))
            towns += 1
        follow = tuple(numbers[other] for other in onward.split() if other in numbers)
        states.append(State(numbers[code], code, float(weight), follow, tuple(here)))
    return tuple(states)


def _origins() -> dict[Group, Table[Origin]]:
    drawn: dict[Group, dict[Origin, float]] = {group: {} for group in GROUPS}
    for group, country, country_2, country_name, part, part_name, weight, youth, *cities in _rows(
        "registers_origins.csv"
    ):
        places = tuple(Place(city, part, part_name, country, country_2, country_name) for city in cities)
        drawn[cast("Group", group)][Origin(places, int(youth))] = float(weight)
    return {group: Table.of(weights) for group, weights in drawn.items()}


STATES: Final = _states()
ORIGINS: Final = _origins()
_PULL: Final[dict[str, dict[str, float]]] = {
    "hmong": {"MN": 600.0, "WI": 500.0, "CA": 25.0, "NC": 20.0},
    "haitian": {"FL": 12.0, "DE": 5.0, "MD": 5.0},
}
"""How much likelier a state is for a group: Hmong families in the lake states and California, Haitian in Florida."""
HOMES: Final = {
    group: Table(STATES, [state.weight * _PULL.get(group, {}).get(state.code, 1.0) for state in STATES])
    for group in GROUPS
}
"""The state where a family of the group spends the winter."""
