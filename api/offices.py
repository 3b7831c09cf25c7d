"""For which office somebody settles linkage: who may propose, who may answer and take back, who reads the worklist.

Said here in three sentences until access control has a policy of its own: primary users and data administrators
propose; data administrators answer, assign, reverse and read the worklist, each for the office that the token is
narrowed to; an auditor reads it too, of every state unless the token is narrowed to one.
"""

from __future__ import annotations

from typing import Final

from api.principals import Principal
from ledger.errors import Forbidden
from ledger.events.case import Place

ADMINISTRATORS: Final = ("district_data_administrator", "regional_data_administrator", "state_data_administrator")
AUDITOR: Final = "auditor"
PROPOSERS: Final = frozenset({"primary_user", *ADMINISTRATORS})


def may_propose(principal: Principal) -> None:
    """Raises Forbidden."""
    if principal.role not in PROPOSERS:
        raise Forbidden(
            "This role proposes no merge or split.", remedy="Use the token of a primary user or a data administrator."
        )


def office_for(principal: Principal) -> Place:
    """The office for which a data administrator acts. Raises Forbidden."""
    if principal.role not in ADMINISTRATORS or principal.state is None:
        raise Forbidden(
            "This role settles nothing about who is who.", remedy="Use the token of a state's data administrator."
        )
    region, district = principal.region, principal.district
    if principal.role == ADMINISTRATORS[0] and district is None:
        raise Forbidden("The token names no district.", remedy="Ask an operator for one that does.")
    if principal.role == ADMINISTRATORS[1] and region is None:
        raise Forbidden("The token names no region.", remedy="Ask an operator for one that does.")
    return Place(state=principal.state, region=region, district=district)


def reads_worklist(principal: Principal) -> Place | None:
    """The office whose part of the worklist somebody reads; None for an auditor of all states. Raises Forbidden."""
    if principal.role != AUDITOR:
        return office_for(principal)
    if principal.state is None:
        return None
    return Place(state=principal.state, region=principal.region, district=principal.district)
