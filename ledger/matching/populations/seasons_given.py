"""Given names in a family of the population ``seasons``: no two children have the same, and twins' may be alike.

The invariant: what is given is a true name in full, a first and perhaps a second one. Must not know surnames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from ledger.matching.populations.seasons_rates import Rates
from ledger.matching.populations.seasons_words import GIVEN, GIVEN_NAMES, Draw, pick

Sex = Literal["Male", "Female"]
Names = tuple[str, str]
"""First and second given name, the second empty where there is none."""


def grown_names(people: str, sex: Sex, draw: Draw) -> Names:
    """Of a grown-up."""
    given = GIVEN[_named_like(people, draw), sex, "elder"](draw)
    return given, _second(people, sex, given, draw, _SECOND_OF_GROWN)


class Giver:
    """Names the children of one family. after: names of elders by sex, which some children get."""

    def __init__(self, people: str, after: Mapping[Sex, tuple[Names, ...]], draw: Draw, rates: Rates) -> None:
        self.people = people
        self.after = after
        self.draw = draw
        self.rates = rates
        self.taken: list[Names] = []
        self.refrain: dict[Sex, str] = {}
        """Given name that all sons, and another that all daughters have."""
        self.refrain_first = False
        if draw() < rates.refrain:
            self.refrain_first = draw() < 0.4
            use = "elder" if self.refrain_first else "second"
            for sex in _SEXES:
                self.refrain[sex] = GIVEN[_family_of(people), sex, use](draw)

    def child(self, sex: Sex) -> Names:
        """The next child's names."""
        draw = self.draw
        while True:
            elders = self.after[sex]
            if elders and draw() < self.rates.after_elder:
                names = pick(elders, draw)
                if draw() < 0.5:
                    names = (names[0], _second(self.people, sex, names[0], draw, _SECOND_OF_CHILD))
            else:
                people = _named_like(self.people, draw)
                given = GIVEN[people, sex, "elder" if draw() < _OLD_NAME else "child"](draw)
                names = (given, _second(self.people, sex, given, draw, _SECOND_OF_CHILD))
            refrain = self.refrain.get(sex)
            if refrain and refrain != names[0]:
                names = (refrain, names[0]) if self.refrain_first else (names[0], refrain)
            if self._take(names):
                return names

    def twin(self, sex: Sex, other_sex: Sex, other: Names) -> Names:
        """The names of the second twin, beside the first one's."""
        draw, rates = self.draw, self.rates
        if draw() < (rates.alike if sex == other_sex else rates.alike_mixed):
            for _ in range(_TRIES):
                names = self._alike(sex, sex == other_sex, other)
                if self._take(names):
                    return names
        return self.child(sex)

    def taken_already(self, names: Names) -> None:
        """A child has these names from elsewhere."""
        self.taken.append(names)

    def _alike(self, sex: Sex, same_sex: bool, other: Names) -> Names:
        """Beginning alike, or with a name in common: Daniel and Daniela, Juan Carlos and Juan José."""
        draw = self.draw
        people = _family_of(self.people)
        kind = draw()
        if same_sex and kind < 0.25:
            return other[0], GIVEN[people, sex, "second"](draw)
        second = _second(self.people, sex, "", draw, _SECOND_OF_CHILD)
        if same_sex and other[1] and kind < 0.5:
            second = other[1]
        beginning = _BEGINNINGS.get((people, sex, other[0][:2]))
        return (pick(beginning, draw) if beginning else GIVEN[people, sex, "child"](draw)), second

    def _take(self, names: Names) -> bool:
        """Unless a brother or sister has them: nobody has the same, nor the same first and no other."""
        if any(n == names or (n[0] == names[0] and not (n[1] and names[1])) for n in self.taken):
            self.refrain_first = False
            return False
        self.taken.append(names)
        return True


def _second(people: str, sex: Sex, given: str, draw: Draw, chances: dict[str, float]) -> str:
    family = _family_of(people)
    if draw() >= chances[family]:
        return ""
    second = GIVEN[family, sex, "second"](draw)
    return "" if second == given else second


def _named_like(people: str, draw: Draw) -> str:
    """Indigenous families take half of the names from their neighbours."""
    family = _family_of(people)
    return "spanish" if family == "indigenous" and draw() < 0.45 else family


def _family_of(people: str) -> str:
    return people if people in _OWN_LISTS else "indigenous"


_SEXES: Final[tuple[Sex, ...]] = ("Male", "Female")
_OWN_LISTS: Final = frozenset(("spanish", "anglo", "hmong", "haitian"))
_SECOND_OF_CHILD: Final = {"spanish": 0.6, "indigenous": 0.35, "anglo": 0.8, "hmong": 0.45, "haitian": 0.4}
_SECOND_OF_GROWN: Final = {"spanish": 0.4, "indigenous": 0.15, "anglo": 0.7, "hmong": 0.3, "haitian": 0.2}
_OLD_NAME: Final = 0.12
_TRIES: Final = 6
_BEGINNINGS: Final[dict[tuple[str, str, str], tuple[str, ...]]] = {}
for (_people, _sex, _use), _names in GIVEN_NAMES.items():
    if _use == "child":
        for _name in _names:
            _key = (_people, _sex, _name[:2])
            _BEGINNINGS[_key] = (*_BEGINNINGS.get(_key, ()), _name)
