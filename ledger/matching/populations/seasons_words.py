"""The names, places and towns of the population ``seasons``, and how one of many is drawn.

The invariant: a list stands with the commonest first, and is drawn with chances that fall as 1 / (rank + offset), as
names do in every country. Nothing but ``Draw`` decides, and additions and divisions alone work on what it gives: they
come out alike on every machine. Must not know who is named.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from itertools import accumulate
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

Draw = Callable[[], float]
"""The next number of a sequence, at least 0 and below 1: ``random`` of a seeded generator, the one of its methods whose
numbers no version of Python changes."""


class Weighted(Generic[T]):
    """One of many, each with its own weight."""

    __slots__ = ("last", "sums", "total", "values")

    def __init__(self, pairs: Iterable[tuple[T, float]]) -> None:
        self.values, weights = zip(*pairs, strict=True)
        self.sums = list(accumulate(weights))
        self.total = self.sums[-1]
        self.last = len(self.values) - 1

    def __call__(self, draw: Draw) -> T:
        return self.at(draw())

    def at(self, share: float) -> T:
        """The one whose span of the whole holds this share, from 0 to 1."""
        return self.values[bisect_right(self.sums, share * self.total, 0, self.last)]


class Place(NamedTuple):
    """Where children are born. country: ISO 3166 of two letters. code, region: of its state."""

    country: str
    code: str
    region: str
    city: str


class StateWords(NamedTuple):
    """A state with seasonal work. stream: along which families move. towns: those with more families first."""

    usps: str
    fips: str
    name: str
    weight: float
    stream: str
    towns: tuple[str, ...]


def ranked(words: Iterable[str], offset: float) -> Weighted[str]:
    """Words, commonest first, by 1 / (rank + offset): a small offset makes the first ones very common."""
    return Weighted((word, 1 / (rank + offset)) for rank, word in enumerate(words, 1))


def pick(values: tuple[T, ...], draw: Draw) -> T:
    """Any of them, all as likely."""
    return values[int(draw() * len(values))]


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("ledger.matching.populations").joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text), strict=True)


def _joined(name: str, column: str, *keys: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    lists: dict[tuple[str, ...], tuple[str, ...]] = {}
    for row in _rows(name):
        key = tuple(row[k] for k in keys)
        lists[key] = lists.get(key, ()) + tuple(row[column].split("|"))
    return lists


def _places() -> dict[str, list[Place]]:
    places: dict[str, list[Place]] = {}
    for row in _rows("seasons_places.csv"):
        cities = row["cities"].split("|")
        places.setdefault(row["people"], []).extend(
            Place(row["country"], row["code"], row["region"], c) for c in cities
        )
    return places


_OFFSETS: Final = {"spanish": 6.0, "anglo": 12.0, "hmong": 2.0, "haitian": 5.0}
"""Hernández 3.5 % of the Mexican surnames, Smith 1 to 2 %, the first Hmong clans a tenth each."""

SURNAMES: Final = {
    people: ranked(names, _OFFSETS.get(people, 3.0))
    for (people,), names in _joined("seasons_surnames.csv", "surnames", "people").items()
}
"""People to their surnames."""

GIVEN_NAMES: Final = {
    (people, sex, use): names
    for (people, sex, use), names in _joined("seasons_given.csv", "names", "people", "sex", "use").items()
}
"""(people, sex, use): the names. use: ``elder`` for grown-ups, ``child``, ``second`` for second names."""

GIVEN: Final = {key: ranked(names, 8.0) for key, names in GIVEN_NAMES.items()}
CALLED: Final = {name: called for (name,), called in _joined("seasons_called.csv", "called", "name").items()}
"""Given name to what its bearers are called, at home or in English."""

PLACES: Final = {
    people: Weighted((place, 1 / (rank + 6)) for rank, place in enumerate(places, 1))
    for people, places in _places().items()
}
"""People to where they come from, the cities that send most first."""

STATES: Final = tuple(
    StateWords(
        row["state"], row["fips"], row["name"], float(row["weight"]), row["stream"], tuple(row["towns"].split("|"))
    )
    for row in _rows("seasons_towns.csv")
)
