"""How a registrar of the population ``seasons`` puts a name into the fields of a form.

The invariant: only where the parts of a name stand and which of them are kept is decided here; letters go wrong later.
Each people's names go wrong in their own way: two surnames, two given names, clan names, compound French ones.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ledger.matching.populations.seasons_families import Child, Person
from ledger.matching.populations.seasons_offices import Registrar
from ledger.matching.populations.seasons_rates import Layout, Rates, Second
from ledger.matching.populations.seasons_words import CALLED, Draw, Weighted, pick


class Written(NamedTuple):
    """Of a child, field by field."""

    first: str
    middle: str
    last_1: str
    last_2: str


class Naming:
    """The ways to write a name, with their chances."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.layouts: Weighted[Layout] = Weighted(rates.layouts)
        self.seconds: Weighted[Second] = Weighted(rates.seconds)
        self.particles = Weighted(rates.particles)
        self.mothers = Weighted(rates.mothers)
        self.fathers = Weighted(rates.fathers)
        self.grown = Weighted(rates.grown_given)

    def layout(self, registrar: Registrar, draw: Draw) -> Layout:
        """Where two surnames go on one form."""
        return registrar.surnames if draw() < self.rates.habit else self.layouts(draw)

    def child(self, child: Child, registrar: Registrar, layout: Layout, draw: Draw) -> Written:
        """The child's name in four fields."""
        rates = self.rates
        given = self._given(child, draw)
        way = registrar.second if draw() < rates.habit else self.seconds(draw)
        if child.group == "hmong" and draw() < rates.joined_given:
            way = "in first" if draw() < 0.5 else "glued"
        first, middle = _two_given(given, child.second, way)
        paternal = self._surname(child.paternal, draw)
        if child.maternal:
            return _laid_out(layout, first, middle, paternal, self._surname(child.maternal, draw))
        if child.group == "hmong" and draw() < rates.turned_given:
            return Written(paternal, middle, first, "")
        if child.group == "haitian" and "-" in paternal and draw() < rates.hyphen_lost:
            return _french(first, middle, paternal, draw)
        return Written(first, middle, paternal, "")

    def mother(self, child: Child, draw: Draw) -> tuple[str, str]:
        """Given name and surname of the mother, her own or that of the marriage."""
        mother, father = child.parents.mother, child.parents.father
        way = self.mothers(draw)
        own = self._surname(mother.paternal, draw)
        married = self._surname(father.paternal, draw) if father else own
        if way == "own both" and mother.maternal:
            own = f"{own} {self._surname(mother.maternal, draw)}"
        elif way == "married":
            own = married
        elif way == "own and married" and father:
            own = f"{own} de {married}" if mother.maternal and draw() < 0.5 else f"{own}-{married}"
        elif way == "maternal" and mother.maternal:
            own = self._surname(mother.maternal, draw)
        elif way == "child's":
            own = _both(child.paternal, child.maternal)
        return self._grown(mother, draw), own

    def father(self, child: Child, father: Person, draw: Draw) -> tuple[str, str]:
        """Given name and surname of the father."""
        way = self.fathers(draw)
        own = self._surname(father.paternal, draw)
        if way == "own both" and father.maternal:
            own = f"{own} {self._surname(father.maternal, draw)}"
        elif way == "maternal" and father.maternal:
            own = self._surname(father.maternal, draw)
        elif way == "child's":
            own = _both(child.paternal, child.maternal)
        return self._grown(father, draw), own

    def guardian(self, guardian: Person, draw: Draw) -> tuple[str, str]:
        """Given name and surname of an aunt or a grandmother."""
        return self._grown(guardian, draw), self._surname(guardian.paternal, draw)

    def _given(self, child: Child, draw: Draw) -> str:
        """The first given name, or what the child is called."""
        rates = self.rates
        given = child.given
        if child.called and draw() < rates.called_used:
            return child.called
        if given in CALLED and draw() < rates.called:
            return pick(CALLED[given], draw)
        if child.second and given in _SHORT_GIVEN and draw() < rates.short_given:
            return _SHORT_GIVEN[given]
        if "-" in given and draw() < rates.hyphen_lost:
            return given.replace("-", " ") if draw() < 0.7 else given.replace("-", "").capitalize()
        return given

    def _grown(self, person: Person, draw: Draw) -> str:
        """One field for all given names of a grown-up."""
        given, second = person.given, person.second
        way = self.grown(draw)
        if way == "called" and given in CALLED:
            return pick(CALLED[given], draw)
        if not second or way in {"first", "called"}:
            return given
        if way == "second":
            return second
        short = given in _SHORT_GIVEN and draw() < self.rates.short_given
        return _both(_SHORT_GIVEN[given] if short else given, second)

    def _surname(self, surname: str, draw: Draw) -> str:
        if surname in _SHORT_SURNAMES and draw() < self.rates.abbreviated:
            return _SHORT_SURNAMES[surname]
        forms = _forms(surname)
        return forms[self.particles(draw)] if forms else surname


def _two_given(first: str, second: str, way: Second) -> tuple[str, str]:
    """First and middle name."""
    if not second or way == "lost":
        return first, ""
    if way == "middle":
        return first, second
    if way == "initial":
        return first, second[0].upper()
    if way == "in first":
        return f"{first} {second}", ""
    return (second, "") if way == "alone" else (_glued(first, second), "")


def _laid_out(layout: Layout, first: str, middle: str, paternal: str, maternal: str) -> Written:
    if layout == "both":
        return Written(first, middle, paternal, maternal)
    if layout == "paternal":
        return Written(first, middle, paternal, "")
    if layout == "both in first":
        return Written(first, middle, _both(paternal, maternal), "")
    if layout == "hyphen":
        return Written(first, middle, f"{paternal}-{maternal}", "")
    if layout == "turned":
        return Written(first, middle, maternal, paternal)
    if layout == "maternal":
        return Written(first, middle, maternal, "")
    if layout == "maternal in middle":
        return Written(first, f"{middle} {maternal}" if len(middle) > 1 else maternal, paternal, "")
    return Written(first, f"{middle} {paternal}" if len(middle) > 1 else paternal, maternal, "")


def _french(first: str, middle: str, surname: str, draw: Draw) -> Written:
    """A compound surname without its hyphen: two words, one word, two fields, or its half."""
    left, right = surname.split("-", 1)
    way = draw()
    if way < 0.45:
        return Written(first, middle, f"{left} {right}", "")
    if way < 0.7:
        return Written(first, middle, _glued(left, right), "")
    return Written(first, middle, left, right) if way < 0.85 else Written(first, middle, right, "")


@lru_cache(maxsize=1 << 14)
def _both(left: str, right: str) -> str:
    return f"{left} {right}" if right else left


@lru_cache(maxsize=1 << 14)
def _glued(left: str, right: str) -> str:
    return left + right.lower().replace(" ", "")


@lru_cache(maxsize=1 << 13)
def _forms(surname: str) -> dict[str, str] | None:
    """The ways to write a surname of several words, None of one word."""
    words = surname.split(" ")
    if len(words) == 1:
        return None
    own = " ".join(word for word in words if word not in _PARTICLES)
    particles = "".join(word for word in words if word in _PARTICLES)
    return {
        "kept": surname,
        "glued": _glued(words[0].capitalize(), "".join(words[1:])),
        "half glued": f"{particles.capitalize()} {own}" if words[0] in _PARTICLES else surname,
        "dropped": own if words[0] in _PARTICLES else words[0],
    }


_PARTICLES: Final = frozenset(("de", "del", "la", "las", "los"))
_SHORT_GIVEN: Final = {"María": "Ma.", "José": "J.", "Francisco": "Fco.", "Guadalupe": "Gpe."}
_SHORT_SURNAMES: Final = {
    "Hernández": "Hdz",
    "Martínez": "Mtz",
    "González": "Glez",
    "Rodríguez": "Rdz",
    "Gutiérrez": "Gtz",
    "Fernández": "Fdz",
    "Ramírez": "Rmz",
    "Sánchez": "Schz",
    "Domínguez": "Dgz",
    "Vázquez": "Vzqz",
    "Jiménez": "Jmz",
}
