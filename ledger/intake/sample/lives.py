"""Families and where they lived: a worker's route through the seasons, year after year, and who went along.

A life is a function of the chance that is handed in: it runs on past the first night, so that later nights tell what
the first could not know yet. It holds what is true; what a state knows and writes of it is told elsewhere. Days are
ordinals, as ``date.toordinal`` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from ledger.intake.sample import places
from ledger.intake.sample.words import COMMUNITIES, SHOTS, Community

YEAR: Final = 365

INTERSTATE: Final = 0.17
"""Of families that have at least two of the sample's states to live in: the share that does. With two or three records
for each of their children, about a third of a state's children are known to another state too."""

ALONE: Final = 0.12
"""Of families: youths of 16 to 20 who came to work, without parents and out of school."""

TWINS: Final = 0.02
"""Of births. More than of all children in the country (0.016), so that small samples have some."""


class Span(NamedTuple):
    """first: the first night. begins: how far back lives go. ends: how far on they are told; both ordinals."""

    first: int
    begins: int
    ends: int


@dataclass(slots=True)
class Stay:
    """One place that a family lived at. left: first day away, None where it stays past the span.

    found: the day on which the state's recruiter had found the family. origin: city, USPS state, country.
    """

    state: str
    district: int
    arrived: int
    left: int | None
    found: int
    origin: tuple[str, str, str]


@dataclass(slots=True)
class Child:
    """number: unique in the sample. shots: CVX code and day. repeats: 1 for who is a grade behind.

    quits: left school at 16. learner: of English.
    """

    number: int
    given: str
    second: str
    sex: str
    born: int
    twin: bool
    joins: int
    learner: bool
    special: bool
    medical: str
    repeats: int
    quits: bool
    side: int
    shots: list[tuple[str, int]]
    namesake_of: int | None = None


@dataclass(slots=True)
class Family:
    """surnames: father's and mother's first, as the children bear them; one where the community gives one.

    birthplace: city, part of the country, country; of the children born before the first stay.
    """

    number: int
    surnames: tuple[str, ...]
    father: tuple[str, str]
    mother: tuple[str, str]
    alone: bool
    birthplace: tuple[str, str, str]
    phone: str
    learns_english: bool
    stays: list[Stay]
    children: list[Child] = field(default_factory=list)


class Namesake(NamedTuple):
    """Whose name and birth date another child bears too."""

    child: Child
    surnames: tuple[str, ...]


def family(
    chance: Random, number: int, first_child: int, anchor: str, states: Sequence[str], span: Span, like: Namesake | None
) -> Family:
    """A family that the anchor state knows by the first night, nearly always. states: those of the sample.

    like: a child of another family whose name, surnames and birth date this one's first child has too.
    """
    community = COMMUNITIES[_turn(chance, _COMMUNITY_SHARES)]
    alone = chance.random() < ALONE and like is None
    abroad = chance.random() < 0.4 and not community.speaks_english
    birthplace = chance.choice(community.origins)
    stays = _stays(chance, anchor, states, span)
    stays[0].origin = _come_from(chance, anchor, birthplace, abroad=abroad)
    return _with_children(chance, number, first_child, community, stays, span, birthplace, like, alone=alone)


def newcomer(chance: Random, number: int, first_child: int, state: str, arrived: int, span: Span) -> Family:
    """A family that comes to a state for the first time, on that day, and is found at once."""
    community = COMMUNITIES[_turn(chance, _COMMUNITY_SHARES)]
    birthplace = chance.choice(community.origins)
    stay = _stay(chance, state, arrived, None, found=arrived)
    stay.origin = _come_from(chance, state, birthplace, abroad=not community.speaks_english and chance.random() < 0.4)
    alone = chance.random() < ALONE
    return _with_children(chance, number, first_child, community, [stay], span, birthplace, None, alone=alone)


def _with_children(
    chance: Random,
    number: int,
    first_child: int,
    community: Community,
    stays: list[Stay],
    span: Span,
    birthplace: tuple[str, str, str],
    like: Namesake | None,
    *,
    alone: bool,
) -> Family:
    count = community.surnames_given
    surnames = tuple(chance.sample(community.surnames, 2))[:count]
    if like is not None:
        surnames = like.surnames
    arrived = stays[0].arrived
    home = places.districts(stays[0].state)[stays[0].district]
    found = Family(
        number=number,
        surnames=surnames,
        father=(chance.choice(community.boys), surnames[0]),
        mother=(chance.choice(community.girls), surnames[-1]),
        alone=alone,
        birthplace=birthplace if chance.random() < 0.7 or alone else (home.town, home.state, "USA"),
        phone=f"{home.phone[:6]}{chance.randint(100, 199):04d}",
        learns_english=not community.speaks_english,
        stays=stays,
    )
    if alone:
        born = arrived - chance.randint(16 * YEAR + 10, 20 * YEAR)
        found.children.append(_child(chance, first_child, born, community, found, twin=False))
        return found
    if like is not None and like.child.born + 10 < arrived:
        twin_name = like.child
        child = _child(chance, first_child, twin_name.born, community, found, twin=False)
        child.given, child.second, child.sex = twin_name.given, twin_name.second, twin_name.sex
        child.namesake_of = twin_name.number
        found.children.append(child)
        return found
    born = arrived - chance.randint(10, 6_000)
    for _ in range(1 + _turn(chance, _MORE_CHILDREN)):
        twins = chance.random() < TWINS
        for _ in range(2 if twins else 1):
            found.children.append(_child(chance, first_child + len(found.children), born, community, found, twin=twins))
        born += chance.randint(330, 1_500)
        if born > span.first - 30:
            break
    return found


def _child(chance: Random, number: int, born: int, community: Community, parents: Family, *, twin: bool) -> Child:
    girl = chance.random() < 0.5
    taken = {child.given for child in parents.children}
    names = [name for name in (community.girls if girl else community.boys) if name not in taken]
    given, second = chance.sample(names, 2)
    stays = parents.stays
    # A child that is not born yet comes along on a later move; now and then one is with others at first.
    joins = next((at for at, stay in enumerate(stays) if stay.arrived >= born + 3), len(stays))
    if joins == 0 and len(stays) > 2 and chance.random() < 0.04:
        joins = 1
    shots: list[tuple[str, int]] = []
    if chance.random() < 0.5:
        shots = [(code, born + age + chance.randint(0, 40)) for code, age in SHOTS if chance.random() < 0.6]
    return Child(
        number=number,
        given=given,
        second=second if chance.random() < 0.6 else "",
        sex="Female" if girl else "Male",
        born=born,
        twin=twin,
        joins=joins,
        learner=parents.learns_english and chance.random() < 0.6,
        special=chance.random() < 0.09,
        medical="Chronic" if chance.random() < 0.04 else "None",
        repeats=int(chance.random() < 0.08),
        quits=parents.alone or chance.random() < 0.1,
        side=chance.randrange(2),
        shots=shots,
    )


def _stays(chance: Random, anchor: str, states: Sequence[str], span: Span) -> list[Stay]:
    near = [state for state in places.routes(anchor) if state in states]
    others = near or [state for state in states if state != anchor]
    back = span.first - span.begins
    if others and chance.random() < INTERSTATE:
        third = [state for state in others if chance.random() < 0.5][:1]
        journey = list(dict.fromkeys((chance.choice(others[:4]), *third)))
        if chance.random() < 0.65:
            return _circuit(chance, [anchor, *journey], span)
        return _relocation(chance, anchor, journey, span)
    # Some are past their 36 months: a state sends them to the end of the school year in which they ended.
    arrived = span.first - chance.randint(30, back + 150)
    turn = chance.random()
    if turn < 0.22:
        strangers = [state for state in places.routes(anchor) if state not in states]
        if strangers:
            return _circuit(chance, [anchor, chance.choice(strangers[:3])], span)
    if turn < 0.34:
        return _circuit(chance, [anchor, anchor], span)
    if turn < 0.44:
        return [_stay(chance, anchor, arrived, arrived + chance.randint(60, 500))]
    first = _stay(chance, anchor, arrived, None)
    if chance.random() < 0.35:
        moved = arrived + chance.randint(60, 700)
        if moved < span.ends:
            first.left = moved
            return [first, _next(chance, first, anchor, moved + chance.randint(0, 3), None)]
    return [first]


def _circuit(chance: Random, journey: list[str], span: Span) -> list[Stay]:
    """Winter at home, where it is warm; spring and summer where the work is; back in the autumn; each year again."""
    journey = sorted(journey, key=lambda state: _WARM.get(state, len(_WARM)))
    home, works = journey[0], journey[1:]
    back = max(0, span.first - span.begins - YEAR)
    start = span.first - YEAR - 40 - chance.randint(0, back)
    district = chance.randrange(len(places.districts(home)))
    stays = [_stay(chance, home, start, None, district=district)]
    year = date.fromordinal(start).year
    while True:
        # The year's work begins between the middle of April and the end of May, and ends by November.
        leaves = date(year, 4, 15).toordinal() + chance.randint(0, 45)
        year += 1
        if leaves < start + 30:
            continue
        if leaves > span.ends:
            return stays
        for place, work in enumerate(works):
            stays[-1].left = leaves
            arrived = leaves + chance.randint(1, 8)
            stays.append(_next(chance, stays[-1], work, arrived, None))
            until = date(year - 1, 10, 1).toordinal() + chance.randint(0, 35)
            leaves = until if place == len(works) - 1 else arrived + max(30, (until - arrived) // 2)
        stays[-1].left = leaves
        if chance.random() < 0.12:  # this year they stay where the work was
            stays[-1].left = None
            return stays
        stays.append(_next(chance, stays[-1], home, leaves + chance.randint(1, 10), None, district=district))


def _relocation(chance: Random, anchor: str, journey: list[str], span: Span) -> list[Stay]:
    """From state to state without a way back."""
    back = span.first - span.begins
    if chance.random() < 0.5:
        order = [*journey, anchor]
        days = [chance.randint(90, 300) for _ in journey]
        arrived = span.first - chance.randint(30, max(31, back // 2)) - sum(days)
    else:
        order = [anchor, *journey]
        days = [chance.randint(90, 300) for _ in journey]
        arrived = span.first - chance.randint(min(200, back), back)
    stays = [_stay(chance, order[0], arrived, None)]
    for state, long in zip(order[1:], days, strict=True):
        leaves = stays[-1].arrived + long
        if leaves > span.ends:
            break
        stays[-1].left = leaves
        stays.append(_next(chance, stays[-1], state, leaves + chance.randint(1, 14), None))
    return stays


def _next(
    chance: Random, before: Stay, state: str, arrived: int, left: int | None, district: int | None = None
) -> Stay:
    """The stay after another one: never in the same district, since that would be no qualifying move."""
    if district is None:
        district = chance.randrange(len(places.districts(state)))
    if state == before.state and district == before.district:
        district = (district + 1) % len(places.districts(state))
    stay = _stay(chance, state, arrived, left, district=district)
    stay.origin = (places.districts(before.state)[before.district].town, before.state, "")
    return stay


def _stay(
    chance: Random, state: str, arrived: int, left: int | None, *, district: int | None = None, found: int | None = None
) -> Stay:
    if district is None:
        district = chance.randrange(len(places.districts(state)))
    if found is None:
        found = arrived + chance.randint(2, 20)
    return Stay(state, district, arrived, left, found, ("", "", ""))


def _come_from(chance: Random, state: str, birthplace: tuple[str, str, str], *, abroad: bool) -> tuple[str, str, str]:
    if abroad and birthplace[2] != "USA":
        return birthplace[0], "", birthplace[2]
    origin = chance.choice([other for other in ("AZ", "CA", "FL", "TX", "NC") if other != state])
    return chance.choice(places.districts(origin)).town, origin, ""


def _turn(chance: Random, bounds: Sequence[float]) -> int:
    """Which of several shares, given by their running sums, comes up."""
    value = chance.random() * bounds[-1]
    return next((at for at, bound in enumerate(bounds) if value < bound), len(bounds) - 1)


_COMMUNITY_SHARES: Final = tuple(accumulate(community.share for community in COMMUNITIES))
_MORE_CHILDREN: Final = tuple(accumulate((0.36, 0.33, 0.2, 0.11)))
"""One child, two, three, four."""

_WARM: Final = {state: rank for rank, state in enumerate(("TX", "FL", "AZ", "CA", "NM", "GA", "LA", "SC", "NC"))}
