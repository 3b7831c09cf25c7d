"""How far somebody sees who oversees readers: of which state and which office the readers are whom he is told of.

Invariant: what a rule narrows is narrowed here, for every answer alike.
"""

from __future__ import annotations

from typing import NamedTuple

from api.principal import Principal
from ledger.access import Decision


class Readers(NamedTuple):
    """Of whom is told. state: that readers are narrowed to. organisation: of theirs. None: any."""

    state: str | None = None
    organisation: str | None = None


def readers_for(principal: Principal, decision: Decision) -> Readers:
    """decision: that allows it. One who is narrowed to a part of a state is told of those who read for that part."""
    if decision.scope in ("any", "host"):
        return Readers()
    part = principal.region is not None or principal.district is not None
    return Readers(principal.state, principal.organisation if part else None)
