"""Invented children with the truth beside them: what matching policies are trained and measured on.

The invariant: each population is written from the domain alone and apart from the others (no shared names, habits or
faults), so that what holds on all of them is no peculiarity of one. Same children and seed, same sheets. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from ledger.matching.traits import Traits

Kin = Literal["same", "twin", "sibling", "cousin", "namesake", "unrelated"]
Group = Literal["two-surname", "anglo", "hmong", "haitian", "indigenous"]


class Sheet(NamedTuple):
    """One record, and who the child really is.

    child, family, clan: numbers from 1, clan being families that are kin. birth: number of the birth that the child
    came from, the same for twins. group: whose naming customs the child's family has. namesake: children who by chance
    share full name and birth date with another family's child have the same number, all others 0.
    """

    traits: Traits
    child: int
    birth: int
    family: int
    clan: int
    group: Group
    namesake: int = 0


Population = Callable[[int, int], list[Sheet]]
"""(children, seed) to the sheets of that many children, one to five each, in the order in which they were written."""


def kin(left: Sheet, right: Sheet) -> Kin:
    """What the children of two sheets are to each other."""
    if left.child == right.child:
        return "same"
    if left.birth == right.birth:
        return "twin"
    if left.family == right.family:
        return "sibling"
    if left.namesake and left.namesake == right.namesake:
        return "namesake"
    return "cousin" if left.clan == right.clan else "unrelated"
