"""The true register of the population ``registers``: clans of families, their children, and what these are called.

The invariant: what stands here is true, whole and spelled in one way; faults come later, in copies. Children are
numbered as they are drawn, family by family. It must not know states' files.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.matching.populations import Group
from ledger.matching.populations.registers_chance import Chance, Table
from ledger.matching.populations.registers_rates import Rates
from ledger.matching.populations.registers_words import (
    COMPOUND,
    ELDER,
    GIVEN,
    GROUPS,
    HOMES,
    ORIGINS,
    SURNAMES,
    TWINS,
    Origin,
    Place,
    Sex,
    State,
    Town,
)

FIRST_YEAR: Final = 2004
FIRST_DAY: Final = date(FIRST_YEAR, 1, 1).toordinal()
LAST_DAY: Final = date(2022, 12, 31).toordinal()
"""Between these the children are born: 3 to 21 years old on the day of the register."""


class Adult(NamedTuple):
    given: tuple[str, ...]
    paternal: str
    maternal: str


class Family(NamedTuple):
    """father, mother: those whom the child lives with. guardian: who stands in for one, or for both. married: the
    mother writes her husband's surname. crossing: day of arrival in the USA, as an ordinal; 1 where always there."""

    number: int
    clan: int
    group: Group
    father: Adult | None
    mother: Adult | None
    guardian: Adult | None
    married: bool
    home: State
    town: Town
    origin: Origin
    crossing: int


class Child(NamedTuple):
    """born: birth date as an ordinal. multiple: born with a twin. The numbers are those of ``Sheet``."""

    number: int
    birth: int
    family: Family
    given: tuple[str, ...]
    paternal: str
    maternal: str
    suffix: str
    sex: Sex
    born: int
    multiple: bool
    place: Place
    namesake: int


def people(count: int, rates: Rates, chance: Chance) -> list[Child]:
    """The first ``count`` children of a register without end."""
    register = _Register(rates, chance)
    while len(register.children) < count:
        register.add_clan()
        due = int(len(register.children) * rates.namesakes / 2)
        if register.namesakes < due and len(register.children) < count:
            register.add_namesake()
    return _numbered(register.children[:count])


def _numbered(children: list[Child]) -> list[Child]:
    """The children with their numbers of namesakes; a few more than were put in are so by chance."""
    named: dict[tuple[object, ...], list[Child]] = {}
    for child in children:
        named.setdefault((child.born, child.given, child.paternal, child.maternal), []).append(child)
    number = 0
    for alike in named.values():
        if any(child.family.number != alike[0].family.number for child in alike):
            number += 1
            for child in alike:
                children[child.number - 1] = child._replace(namesake=number)
    return children


class _Register:
    def __init__(self, rates: Rates, chance: Chance) -> None:
        self.rates = rates
        self.chance = chance
        self.children: list[Child] = []
        self.births = self.families = self.clans = self.namesakes = 0
        self.taken: set[int] = set()
        self.groups = Table(GROUPS, [rates.groups[group] for group in GROUPS])
        self.households = Table.of(rates.household)
        self.families_in_clan = Table((1, 2, 3), rates.families_in_clan)
        self.births_in_family = Table((1, 2, 3, 4, 5), rates.births_in_family)

    def add_clan(self) -> None:
        """Families of brothers and sisters, with children who are cousins."""
        chance = self.chance
        group = self.groups.draw(chance)
        self.clans += 1
        kin = _Kin(
            SURNAMES[group].draw(chance),
            SURNAMES[group].draw(chance) if group in TWO_SURNAMES else "",
            {"Male": _adult_name(group, "Male", chance)[0], "Female": _adult_name(group, "Female", chance)[0]},
            len(self.children),
        )
        home = HOMES[group].draw(chance)
        for number in range(self.families_in_clan.draw(chance)):
            if number and chance.of(0.4):
                home = HOMES[group].draw(chance)
            sister = number > 0 and chance.of(0.3)
            family, paternal, maternal = self._family(group, kin, home, chance.pick(home.towns), sister=sister)
            self._add_births(family, paternal, maternal, kin, beside=number > 0)

    def add_namesake(self) -> None:
        """An only child of strangers who has the name and the birth date of a child before."""
        chance = self.chance
        candidates = [chance.below(len(self.children)) for _ in range(6)]
        free = [n for n in candidates if n not in self.taken and not self.children[n].multiple]
        if not free:
            return
        # Namesakes have common names: of those drawn, one with few given names, and of the largest group if there is.
        index = min(free, key=lambda n: (self.children[n].family.group != "two-surname", len(self.children[n].given)))
        first = self.children[index]
        self.namesakes += 1
        self.clans += 1
        group = first.family.group
        home, town = first.family.home, first.family.town
        near = self.rates.namesakes_near
        if int(self.namesakes * near) == int((self.namesakes - 1) * near):
            home = HOMES[group].draw(chance)
            town = chance.pick(home.towns)
        elif chance.of(0.5):
            town = chance.pick(home.towns)
        kin = _Kin(first.paternal, "", {}, len(self.children))
        family, _, _ = self._family(group, kin, home, town, sister=False)
        father, mother = family.father, family.mother
        if mother is not None:
            mother = mother._replace(paternal=first.maternal or mother.paternal)
        family = family._replace(father=father and father._replace(paternal=first.paternal), mother=mother)
        self.births += 1
        second = first._replace(
            number=len(self.children) + 1,
            birth=self.births,
            family=family,
            place=self._birth_place(family, first.born),
        )
        self.taken |= {index, len(self.children)}
        self.children.append(second)

    def _family(self, group: Group, kin: _Kin, home: State, town: Town, *, sister: bool) -> tuple[Family, str, str]:
        """The family and the two surnames of its children. sister: the mother is of the clan, and not the father."""
        chance = self.chance
        self.families += 1
        strangers = SURNAMES[group].draw(chance), SURNAMES[group].draw(chance) if group in TWO_SURNAMES else ""
        own = kin.paternal, kin.maternal or (SURNAMES[group].draw(chance) if group in TWO_SURNAMES else "")
        his, hers = (strangers, own) if sister else (own, strangers)
        father = Adult(_adult_name(group, "Male", chance), *his)
        mother = Adult(_adult_name(group, "Female", chance), *hers)
        paternal, maternal = father.paternal, mother.paternal if group in TWO_SURNAMES else ""
        household = self.households.draw(chance)
        guardian = None
        if household == "mother" and chance.of(0.7):
            paternal, maternal = hers
        if household in {"stepfather", "guardian"}:
            sex = "Male" if household == "stepfather" or chance.of(0.4) else "Female"
            guardian = Adult(_adult_name(group, sex, chance), SURNAMES[group].draw(chance), hers[1] and his[1])
        origin = ORIGINS[group].draw(chance)
        family = Family(
            self.families,
            self.clans,
            group,
            None if household in {"mother", "stepfather", "guardian"} else father,
            None if household in {"father", "guardian"} else mother,
            guardian,
            group in {"anglo", "haitian"} and household == "both",
            home,
            town,
            origin,
            1 if chance.of(_BORN_HERE[group]) else chance.between(FIRST_DAY, LAST_DAY + 500),
        )
        return family, paternal, maternal

    def _add_births(self, family: Family, paternal: str, maternal: str, kin: _Kin, *, beside: bool) -> None:
        chance, rates = self.chance, self.rates
        brothers: list[Child] = []
        near = beside and chance.of(rates.cousin_born_near)
        for born in self._birth_dates(family, kin, near=near):
            self.births += 1
            sex = "Male" if chance.of(0.51) else "Female"
            given, suffix = self._given(family, sex, paternal, kin, brothers)
            named = [(given, suffix, sex)]
            if chance.of(rates.twin_births):
                other = sex if chance.of(rates.twins_of_one_sex) else ("Female" if sex == "Male" else "Male")
                named = self._twins(family.group, (given, suffix, sex), other, brothers)
            place = self._birth_place(family, born)
            for its_given, its_suffix, its_sex in named:
                child = Child(
                    len(self.children) + 1,
                    self.births,
                    family,
                    its_given,
                    paternal,
                    maternal,
                    its_suffix,
                    its_sex,
                    born,
                    len(named) > 1,
                    place,
                    0,
                )
                self.children.append(child)
                brothers.append(child)

    def _birth_dates(self, family: Family, kin: _Kin, *, near: bool) -> list[int]:
        """Ordinals, at least ten months apart, in no order."""
        chance = self.chance
        born = FIRST_DAY + 365 * _COHORTS[family.origin.youth].draw(chance) + chance.below(369)
        if near and len(self.children) > kin.since:
            cousin = self.children[chance.between(kin.since, len(self.children) - 1)]
            born = cousin.born + chance.between(-120, 120)
        dates = [min(max(born, FIRST_DAY), LAST_DAY)]
        for _ in range(self.births_in_family.draw(chance) - 1):
            gap = chance.between(310, 1900)
            if max(dates) + gap <= LAST_DAY:
                dates.append(max(dates) + gap)
            elif min(dates) - gap >= FIRST_DAY:
                dates.append(min(dates) - gap)
        return dates

    def _given(
        self, family: Family, sex: Sex, paternal: str, kin: _Kin, brothers: list[Child]
    ) -> tuple[tuple[str, ...], str]:
        """Given names, with the suffix that goes with them. No two children of a family have all names the same."""
        chance, rates, group = self.chance, self.rates, family.group
        parent = family.father if sex == "Male" else family.mother
        if parent is not None and chance.of(rates.named_like_parent):
            junior = sex == "Male" and paternal == parent.paternal and chance.of(0.9 if group == "anglo" else 0.4)
            if not any(brother.given == parent.given for brother in brothers):
                return parent.given, "Jr" if junior else ""
        given = _new_name(group, sex, rates.second_given[group], rates.fixed_compound, chance)
        share = chance.random()
        same_sex = [brother.given for brother in brothers if brother.sex == sex]
        model = chance.pick(same_sex) if same_sex else ()
        if kin.elders and chance.of(rates.named_like_grandparent):
            given = (kin.elders[sex], *given[1:])
        elif share < rates.sibling_shares_first and model:
            given = (model[0], given[1] if len(given) > 1 else GIVEN[group, sex].draw(chance))
        elif share > 1 - rates.sibling_shares_second and len(model) > 1:
            given = (given[0], model[1])
        while any(brother.given == given for brother in brothers) or _doubled(given):
            given = GIVEN[group, sex].draw(chance), *given[1:]
        return given, ""

    def _twins(
        self, group: Group, first: tuple[tuple[str, ...], str, Sex], other: Sex, brothers: list[Child]
    ) -> list[tuple[tuple[str, ...], str, Sex]]:
        """Both children of a birth. Near names: from the list of such pairs, or one given name of two in common."""
        chance, rates = self.chance, self.rates
        given, suffix, sex = first
        called = given[0]
        name = _new_name(group, other, rates.second_given[group], rates.fixed_compound, chance)
        if chance.of(rates.twins_near_names):
            pairs = TWINS[group, "".join(sorted((sex[0], other[0]), reverse=True))]
            if pairs and (sex != other or chance.of(0.5)):
                left, right = chance.pick(pairs)
                if sex != other and sex == "Female":
                    left, right = right, left
                given, name, suffix = (left, *given[1:]), (right, *name[1:]), ""
                if len(given) > 1 and len(name) > 1 and chance.of(0.5):
                    name = (right, given[1])
            else:
                given = given if len(given) > 1 else (*given, GIVEN[group, sex].draw(chance))
                alike = [pair for pair in COMPOUND[sex].things if pair[0] == called and group == "two-surname"]
                name = chance.pick(alike) if alike and chance.of(0.5) else (called, GIVEN[group, sex].draw(chance))
        taken = [brother.given for brother in brothers]
        while name == given or name in taken or given in taken or _doubled(name):
            name = (GIVEN[group, other].draw(chance), GIVEN[group, other].draw(chance))
            if given in taken:
                given, suffix = (GIVEN[group, sex].draw(chance), GIVEN[group, sex].draw(chance)), ""
        return [(given, suffix, sex), (name, "", other)]

    def _birth_place(self, family: Family, born: int) -> Place:
        chance = self.chance
        if born < family.crossing:
            return chance.pick(family.origin.places)
        home = family.home if chance.of(0.75) else HOMES[family.group].draw(chance)
        town = family.town if home is family.home and chance.of(0.6) else chance.pick(home.towns)
        return Place(town.name, home.code, home.code, "USA", "US", "United States")


class _Kin(NamedTuple):
    """What a clan's families have in common. elders: given names of the grandparents, by sex. since: how many
    children were in the register before the clan."""

    paternal: str
    maternal: str
    elders: dict[Sex, str]
    since: int


def _adult_name(group: Group, sex: Sex, chance: Chance) -> tuple[str, ...]:
    names = ELDER[sex] if group in TWO_SURNAMES and chance.of(0.75) else GIVEN[group, sex]
    if group == "two-surname" and chance.of(0.3):
        return COMPOUND[sex].draw(chance)
    return (names.draw(chance), names.draw(chance)) if chance.of(0.25) else (names.draw(chance),)


def _new_name(group: Group, sex: Sex, second: float, compound: float, chance: Chance) -> tuple[str, ...]:
    names = GIVEN[group, sex]
    if not chance.of(second):
        return (names.draw(chance),)
    if group == "two-surname" and chance.of(compound):
        return COMPOUND[sex].draw(chance)
    given = names.draw(chance), names.draw(chance)
    return given[:1] if _doubled(given) else given


def _doubled(given: tuple[str, ...]) -> bool:
    return len(given) > 1 and given[0] == given[1]


TWO_SURNAMES: Final = frozenset({"two-surname", "indigenous"})
"""Groups whose children have a paternal and a maternal surname."""

_BORN_HERE: Final[dict[Group, float]] = {
    "two-surname": 0.4,
    "indigenous": 0.22,
    "haitian": 0.25,
    "hmong": 0.85,
    "anglo": 0.96,
}
"""Of families: all children were born in the USA. Of the others, those born after the family came."""

_COHORTS: Final = {
    1: Table(range(19), [5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9, 8, 6, 4]),
    2: Table(range(19), [22, 22, 20, 18, 14, 10, 10, 9, 9, 8, 8, 8, 8, 8, 7, 7, 6, 5, 3]),
}
"""Birth years from the first, by origin: where young people come alone to work, more were born early."""
