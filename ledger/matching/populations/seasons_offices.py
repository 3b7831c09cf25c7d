"""The states, towns and schools of the population ``seasons``, and the habits of who writes records there.

The invariant: what a state's system can hold or send is one thing for the whole state (capitals, accents, birthplaces,
the flag of twins, ids of schools), and what a registrar does with a name is his own. Must not know any child.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.matching.populations.seasons_rates import Layout, Rates, Second, Shares
from ledger.matching.populations.seasons_words import STATES, Draw, StateWords, Weighted, pick


class School(NamedTuple):
    """code: NCES id."""

    code: str
    name: str


class Registrar(NamedTuple):
    """surnames, second: what he does with two surnames and a second given name unless something keeps him from it."""

    surnames: Layout
    second: Second
    heedless: float
    """times the usual number of wrong letters"""


class Town(NamedTuple):
    name: str
    elementary: tuple[School, ...]
    middle: School
    high: School
    project: str
    registrars: tuple[Registrar, ...]


class State(NamedTuple):
    """A state with the customs of its system; their words are those of ``Rates``."""

    number: int
    usps: str
    name: str
    stream: str
    towns: Weighted[Town]
    capitals: str
    accents: str
    birthplaces: str
    flag: str
    state_style: str
    country_style: str
    school_ids: bool
    sends_parents: bool
    id_style: int


class Country(NamedTuple):
    """The states by stream, each as likely as its seasonal work; homes: where families winter."""

    states: Weighted[State]
    homes: Weighted[State]
    streams: dict[str, Weighted[State]]


def country(draw: Draw, rates: Rates) -> Country:
    """All states with their offices."""
    customs = _Customs(draw, rates)
    weighted = [(_state(number, words, customs, draw), words) for number, words in enumerate(_by_weight())]
    streams: dict[str, list[tuple[State, float]]] = {}
    for state, words in weighted:
        streams.setdefault(words.stream, []).append((state, words.weight))
    return Country(
        states=Weighted((state, words.weight) for state, words in weighted),
        homes=Weighted((state, words.weight) for state, words in weighted if words.usps in _HOMES),
        streams={stream: Weighted(pairs) for stream, pairs in streams.items()},
    )


class _Customs:
    """Customs dealt out so that each is kept in about its share of the records, not only of the states.

    States come by weight; each custom goes round the circle of its shares by a step of its own, from where chance
    began, so that no two customs go together.
    """

    def __init__(self, draw: Draw, rates: Rates) -> None:
        sent = (("yes", 1 - rates.silent_on_parents), ("no", rates.silent_on_parents))
        ids = (("yes", rates.school_ids), ("no", 1 - rates.school_ids))
        self.layouts: Weighted[Layout] = Weighted(rates.layouts)
        self.seconds: Weighted[Second] = Weighted(rates.seconds)
        self.began = draw(), draw()
        self.registrars = 0
        self.of: dict[str, tuple[Weighted[str], float, float]] = {}
        # The steps are square roots less their whole part: a walk of such steps comes everywhere alike.
        for name, shares, step in (
            ("capitals", rates.capitals, 0.4142135623),
            ("accents", rates.accents, 0.7320508075),
            ("birthplaces", rates.birthplaces, 0.2360679774),
            ("flag", rates.flags, 0.6457513110),
            ("state_style", rates.state_styles, 0.3166247903),
            ("country_style", rates.country_styles, 0.6055512754),
            ("school_ids", ids, 0.7958315233),
            ("sends_parents", sent, 0.3588989435),
        ):
            self.of[name] = (_weighted(shares), draw(), step)

    def __call__(self, name: str, number: int) -> str:
        shares, began, step = self.of[name]
        return shares.at((began + number * step) % 1.0)

    def registrar(self, draw: Draw) -> Registrar:
        """The next one, those of the largest states and towns first."""
        self.registrars += 1
        layout, second = self.began
        return Registrar(
            self.layouts.at((layout + self.registrars * _STEP_OF_LAYOUTS) % 1.0),
            self.seconds.at((second + self.registrars * _STEP_OF_SECONDS) % 1.0),
            0.4 + 1.2 * draw(),
        )


def _state(number: int, words: StateWords, customs: _Customs, draw: Draw) -> State:
    towns = Weighted(
        (_town(words, place, name, customs, draw), 1 / (place + 3)) for place, name in enumerate(words.towns, 1)
    )
    return State(
        number=number,
        usps=words.usps,
        name=words.name,
        stream=words.stream,
        towns=towns,
        capitals=customs("capitals", number),
        accents=customs("accents", number),
        birthplaces=customs("birthplaces", number),
        flag=customs("flag", number),
        state_style=customs("state_style", number),
        country_style=customs("country_style", number),
        school_ids=customs("school_ids", number) == "yes",
        sends_parents=customs("sends_parents", number) == "yes",
        id_style=int(draw() * 4),
    )


def _town(words: StateWords, place: int, name: str, customs: _Customs, draw: Draw) -> Town:
    district = f"{words.fips}{place * 330 + 30:05d}"

    def school(number: int, called: str) -> School:
        return School(f"{district}{number:05d}", called)

    first = int(draw() * 8000) + 100
    return Town(
        name=name,
        elementary=tuple(
            school(first + n, f"{called} Elementary")
            for n, called in enumerate((name, pick(_PATRONS, draw), pick(_STREETS, draw)))
        ),
        middle=school(first + 10, f"{name} Middle School"),
        high=school(first + 11, f"{name} High School"),
        project=f"{name} Migrant Summer Project",
        registrars=tuple(customs.registrar(draw) for _ in range(3)),
    )


def _weighted(shares: Shares) -> Weighted[str]:
    return Weighted(shares)


def _by_weight() -> list[StateWords]:
    return sorted(STATES, key=lambda words: (-words.weight, words.usps))


_STEP_OF_LAYOUTS: Final = 0.6180339887
_STEP_OF_SECONDS: Final = 0.3851648071
_HOMES: Final = ("CA", "TX", "FL", "AZ", "GA")
_PATRONS: Final = ("Lincoln", "Washington", "Roosevelt", "Cesar Chavez", "Jefferson", "Kennedy")
_STREETS: Final = ("Valley View", "Oak Street", "Riverside", "Sunset", "Central", "Mountain View")
