"""Who acts by itself: names under which no person, no token and no operator may act.

What an act was is told by its actor: what the matcher linked is tallied as such and makes nothing wait again, and what
time has moved is nobody's. Invariant: whoever bears one of these names is the program. Pure.
"""

from __future__ import annotations

from typing import Final

from ledger.errors import Refused
from ledger.persons import person

MATCHER: Final = "matcher"
TIMEKEEPER: Final = "timekeeper"
RESERVED: Final = frozenset({MATCHER, TIMEKEEPER, "notary", "sender"})
"""Of all reactors, those too that come later."""


def is_reserved(name: str) -> bool:
    """Whether a name is a reactor's, however it is typed."""
    return person(name) in RESERVED


def not_reserved(name: str) -> str:
    """The name. Raises Refused where it is a reactor's."""
    if is_reserved(name):
        raise Refused("This is the name of a part of Sojourn that acts by itself.", remedy="Act under another name.")
    return name


def is_a_persons(name: str) -> bool:
    """Whether a name may be somebody's e-mail address, by which he alone signs in, however it is typed."""
    return "@" in person(name)
