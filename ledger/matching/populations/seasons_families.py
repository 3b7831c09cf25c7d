"""The families of the population ``seasons``: clans of farm workers' families, their children, and their true names.

The invariant: everything here is true of the child: names in full, birth date, parents. Families are built from the
grandparents down, so that cousins share what cousins share. Must not know any office. Days are ordinals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from ledger.matching.populations import Group
from ledger.matching.populations.seasons_given import Giver, Names, Sex, grown_names
from ledger.matching.populations.seasons_journeys import Term, ordinal, road
from ledger.matching.populations.seasons_offices import Country
from ledger.matching.populations.seasons_rates import Rates
from ledger.matching.populations.seasons_words import CALLED, PLACES, SURNAMES, Draw, Place, Weighted, pick


class Person(NamedTuple):
    """A grown-up. maternal: empty among peoples with one surname; second as well where there is none."""

    given: str
    second: str
    paternal: str
    maternal: str


class Parents(NamedTuple):
    """father: None where nobody knows him. guardian: whom some offices ask instead."""

    father: Person | None
    mother: Person
    guardian: Person


@dataclass(slots=True, eq=False)
class Child:
    """Who the child is. paternal, maternal: surnames, the second empty among peoples with one. born: ordinal day.
    called: what everybody calls him where that is not his name. paper_born: what his own paper says, nearly always
    ``born``. behind: school years repeated."""

    number: int
    birth: int
    family: int
    clan: int
    group: Group
    sex: Sex
    given: str
    second: str
    paternal: str
    maternal: str
    suffix: str
    born: int
    twin: bool
    place: Place
    parents: Parents
    called: str
    paper_born: int
    behind: int

    def full_name(self) -> tuple[str, str, str, str]:
        """What makes a namesake, with the birth date."""
        return (self.given, self.second, self.paternal, self.maternal)


class Family(NamedTuple):
    """children: the eldest first. terms: the family's road."""

    children: list[Child]
    terms: list[Term]


class _Elders(NamedTuple):
    """The couple whom a clan comes from. people: whose names they have, a part of the group."""

    group: Group
    people: str
    surnames: tuple[str, str]
    man: Names
    woman: Names
    home: Place


def families(country: Country, draw: Draw, rates: Rates) -> Iterator[Family]:
    """One family after the other, those of a clan together, without end."""
    return _Families(country, draw, rates).all()


class _Families:
    def __init__(self, country: Country, draw: Draw, rates: Rates) -> None:
        self.country = country
        self.draw = draw
        self.rates = rates
        self.groups = Weighted(rates.groups)
        self.sizes = Weighted(enumerate(rates.clan_families, 1))
        self.births = Weighted(enumerate(rates.children, 1))
        self.born_here = dict(rates.born_here)
        self.clan = self.family = self.birth = self.number = 0
        self.planted = 0
        self.models: list[tuple[Child, Family, _Elders]] = []
        """Children of late, of whom some get a namesake."""

    def all(self) -> Iterator[Family]:
        while True:
            self.clan += 1
            if len(self.models) == _MODELS and 2 * self.planted < self.rates.namesakes * self.number:
                yield self._with_a_namesake()
                continue
            elders = self._elders()
            married: tuple[bool, tuple[str, str]] | None = None
            for _ in range(self.sizes(self.draw)):
                by_son = self.draw() < 0.5
                theirs = self._others(elders)
                if married is not None and married[0] == by_son and self.draw() < self.rates.brothers_and_sisters:
                    theirs = married[1]
                married = (by_son, theirs)
                family = self._family(elders, by_son, theirs)
                self._remember(family, elders)
                yield family

    def _elders(self) -> _Elders:
        draw = self.draw
        group = self.groups(draw)
        people = _INDIGENOUS(draw) if group == "indigenous" else _PEOPLE[group]
        places = PLACES.get(people)
        return _Elders(
            group,
            people,
            self._surnames(people),
            grown_names(people, "Male", draw),
            grown_names(people, "Female", draw),
            places(draw) if places else self._here(),
        )

    def _surnames(self, people: str) -> tuple[str, str]:
        surnames = SURNAMES[people]
        return surnames(self.draw), surnames(self.draw) if people not in _ONE_SURNAME else ""

    def _others(self, elders: _Elders) -> tuple[str, str]:
        """Surnames of who marries into the clan; no Hmong marries within the own clan name."""
        surnames = self._surnames(elders.people)
        while elders.people == "hmong" and surnames[0] == elders.surnames[0]:
            surnames = self._surnames(elders.people)
        return surnames

    def _grown(self, people: str, sex: Sex, surnames: tuple[str, str]) -> Person:
        return Person(*grown_names(people, sex, self.draw), *surnames)

    def _family(self, elders: _Elders, by_son: bool, theirs: tuple[str, str]) -> Family:
        father = self._grown(elders.people, "Male", elders.surnames if by_son else theirs)
        mother = self._grown(elders.people, "Female", theirs if by_son else elders.surnames)
        terms = road(self.country, self.draw, self.rates)
        alone = self.draw() < self.rates.mother_alone
        parents = Parents(None if alone else father, mother, self._guardian(elders, mother))
        return Family(self._children(elders, parents, self._births(terms[0].begins, terms[-1].begins), None), terms)

    def _guardian(self, elders: _Elders, mother: Person) -> Person:
        """A grandmother of the clan, or the mother's sister."""
        if self.draw() < self.rates.grandmother:
            return Person(*elders.woman, *self._surnames(elders.people))
        return self._grown(elders.people, "Female", (mother.paternal, mother.maternal))

    def _births(self, start: int, last: int) -> list[int]:
        """Days of birth. The youngest is seldom younger than the road, the eldest still at school when it
        begins. start, last: when the first and the last term begin."""
        draw = self.draw
        day = (
            min(start + int(365 * 2.0 * draw()), last - 30)
            if draw() < 0.12
            else start - int(365 * (2.9 + 7.5 * draw()))
        )
        days = [day]
        for _ in range(self.births(draw) - 1):
            day -= int(365 * (1.0 + 1.4 * draw() + 1.6 * draw()))
            if start - day > 16 * 365:
                break
            days.append(day)
        days.reverse()
        return days

    def _children(self, elders: _Elders, parents: Parents, days: list[int], model: Child | None) -> list[Child]:
        """model: the child of another family whose namesake one of these is, on his own day of birth."""
        draw, rates = self.draw, self.rates
        self.family += 1
        father = parents.father
        men = (elders.man, (father.given, father.second)) if father else (elders.man,)
        giver = Giver(elders.people, {"Male": men, "Female": (elders.woman,)}, draw, rates)
        if model is not None:
            giver.taken_already((model.given, model.second))
        theirs = parents
        if father is not None and model is None and len(days) > 1 and draw() < rates.half:
            theirs = parents._replace(father=self._grown(elders.people, "Male", self._others(elders)))
        by_given_name = elders.people in _MAYAN and model is None and draw() < rates.patronymic
        children: list[Child] = []
        for day in days:
            self.birth += 1
            surnames = _surnames_of_child(theirs, by_given_name)
            if model is not None and day == model.born:
                children.append(
                    self._child(elders, theirs, model.sex, (model.given, model.second), surnames, day, twin=False)
                )
                continue
            twins = draw() < rates.twins
            sex: Sex = "Male" if draw() < 0.512 else "Female"
            names = giver.child(sex)
            first = self._child(elders, theirs, sex, names, surnames, day, twins)
            children.append(first)
            if twins:
                other: Sex = sex if draw() < rates.one_sex else _OTHER_SEX[sex]
                second = self._child(elders, theirs, other, giver.twin(other, sex, names), surnames, day, twins)
                second.place, second.paper_born = first.place, first.paper_born
                children.append(second)
            theirs = parents
        return children

    def _child(
        self,
        elders: _Elders,
        parents: Parents,
        sex: Sex,
        names: Names,
        surnames: tuple[str, str],
        born: int,
        twin: bool,
    ) -> Child:
        draw, rates = self.draw, self.rates
        self.number += 1
        father = parents.father
        called = CALLED.get(names[0])
        return Child(
            number=self.number,
            birth=self.birth,
            family=self.family,
            clan=self.clan,
            group=elders.group,
            sex=sex,
            given=names[0],
            second=names[1],
            paternal=surnames[0],
            maternal=surnames[1],
            suffix="Jr" if father and sex == "Male" and names == (father.given, father.second) else "",
            born=born,
            twin=twin,
            place=self._here() if draw() < self.born_here[elders.group] else elders.home,
            parents=parents,
            called=pick(called, draw) if called and draw() < rates.called_always else "",
            paper_born=self._on_paper(born) if draw() < rates.paper_wrong else born,
            behind=int(draw() < rates.repeated),
        )

    def _on_paper(self, born: int) -> int:
        """A registration years later at home: the first of January, or some other day."""
        draw = self.draw
        if draw() < 0.5:
            return ordinal(date.fromordinal(born).year, 1, 1)
        return born + (1 if draw() < 0.5 else -1) * (1 + int(draw() * 40))

    def _here(self) -> Place:
        state = self.country.states(self.draw)
        return Place("US", state.usps, state.name, state.towns(self.draw).name)

    def _remember(self, family: Family, elders: _Elders) -> None:
        """Its eldest may get a namesake; the models change all the time, none stays for long."""
        model = (family.children[0], family, elders)
        if len(self.models) < _MODELS:
            self.models.append(model)
        else:
            self.models[int(self.draw() * _MODELS)] = model

    def _with_a_namesake(self) -> Family:
        """A family, kin to nobody, with a child of the same full name and birth date as a child of another one."""
        draw, rates = self.draw, self.rates
        self.planted += 1
        model, family, elders = self.models.pop(int(draw() * _MODELS))
        kin = elders._replace(
            man=grown_names(elders.people, "Male", draw), woman=grown_names(elders.people, "Female", draw)
        )
        two = elders.people not in _ONE_SURNAME
        father = self._grown(elders.people, "Male", (model.paternal, self._surnames(elders.people)[1]))
        theirs = (model.maternal, self._surnames(elders.people)[1]) if two else self._others(elders)
        mother = self._grown(elders.people, "Female", theirs)
        terms = family.terms if draw() < rates.namesakes_near else self._road_of(model, family.terms)
        days = [model.born]
        younger = model.born + int(365 * (1.0 + 3 * draw()))
        if younger < terms[0].begins:
            days.append(younger)
        parents = Parents(father, mother, self._guardian(kin, mother))
        return Family(self._children(kin, parents, days, model), terms)

    def _road_of(self, child: Child, else_: list[Term]) -> list[Term]:
        """Another road of his years, if one is soon found."""
        for _ in range(_TRIES):
            terms = road(self.country, self.draw, self.rates)
            if 3 * 365 < terms[0].begins - child.born < 15 * 365:
                return terms
        return else_


def _surnames_of_child(parents: Parents, by_given_name: bool) -> tuple[str, str]:
    """By custom. by_given_name: the father's given name is the child's paternal surname."""
    father, mother = parents.father, parents.mother
    if father is None:
        return mother.paternal, mother.maternal
    if not mother.maternal:
        return father.paternal, ""
    return father.given if by_given_name else father.paternal, mother.paternal


_PEOPLE: Final[dict[Group, str]] = {"two-surname": "spanish", "anglo": "anglo", "hmong": "hmong", "haitian": "haitian"}
_INDIGENOUS: Final = Weighted((("mixtec", 0.35), ("zapotec", 0.2), ("mam", 0.2), ("kiche", 0.12), ("qanjobal", 0.13)))
_MAYAN: Final = frozenset(("mam", "kiche", "qanjobal"))
_ONE_SURNAME: Final = frozenset(("anglo", "hmong", "haitian"))
_OTHER_SEX: Final[dict[Sex, Sex]] = {"Male": "Female", "Female": "Male"}
_MODELS: Final = 64
_TRIES: Final = 8
