"""Where an account belongs: every place of which it has or had a role, a family's access, or that it asked for.

Invariant: a place once named stays. What falls due are accounts whose access has ended: so what holds them, how long
they are kept, and who proposes that they go does not follow from what they have now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.events.account import AccountProposed, FamilyAccessGranted, RoleGranted
from ledger.events.application import AccessApplied
from ledger.events.base import Event


class Place(NamedTuple):
    """state: None of the nation's. region: within it, None of all of it."""

    state: str | None
    region: str | None = None


def place_named(event: Event) -> Place | None:
    """The place that an event of an account or an application names; None of any other."""
    match event:
        case RoleGranted():
            return Place(event.role.state, event.role.region)
        case AccountProposed() | AccessApplied():
            return Place(event.asked.state, event.asked.region)
        case FamilyAccessGranted():
            return Place(event.state)
        case _:
            return None


def places_of(account: Iterable[Event]) -> list[Place]:
    """Every place that the events of an account name, each once, the one that was named last behind the others. What is
    applied for stands there too (``AccountProposed``)."""
    found: dict[Place, None] = {}
    for place in filter(None, map(place_named, account)):
        found.pop(place, None)
        found[place] = None
    return list(found)
