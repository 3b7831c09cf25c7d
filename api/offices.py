"""For which office somebody settles linkage, and whose part of the worklist somebody reads.

Who may at all is the policy's to say (``ledger.access``), and that a role is narrowed as far as its level asks; here is
where it is narrowed to.
"""

from __future__ import annotations

from api.principal import Principal
from ledger.events.case import Place


def office_of(principal: Principal) -> Place | None:
    """The office that a principal is narrowed to; None for one of all states."""
    if principal.state is None:
        return None
    return Place(state=principal.state, region=principal.region, district=principal.district)


def office_for(principal: Principal) -> Place:
    """The office for which a data administrator acts: the policy lets nobody act who is narrowed to no state."""
    office = office_of(principal)
    assert office is not None
    return office
