"""Who asks: a token's holder, or, in practice space only, whoever opens a page.

Invariant: a request has one principal, found before anything else is looked at. What a principal may write is said
here in three sentences until access control has a policy of its own: submitters and data administrators write, and only
for their own state. A state's settings are set by its data administrator, the map of its regions by its region
administrator too. An operator sets those of every state.
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request

from api.problems import NotSignedIn
from api.services import services_of
from ledger.errors import Forbidden, OtherState, UnknownState
from ledger.mde import STATES

ROLES: Final = (
    "secondary_user",
    "primary_user",
    "district_data_administrator",
    "regional_data_administrator",
    "state_data_administrator",
    "region_administrator",
    "user_administrator",
    "state_batch_submitter",
    "recruiter",
    "eligibility_reviewer",
    "government_user",
    "privacy_officer",
    "auditor",
    "help_desk",
    "operator",
    "parent",
)
SUBMITTERS: Final = frozenset(
    {
        "state_batch_submitter",
        "district_data_administrator",
        "regional_data_administrator",
        "state_data_administrator",
    }
)
"""Roles that may send facts, each for its own state."""
STATE_OFFICE: Final = "state_data_administrator"
OPERATOR: Final = "operator"
"""Who set a state's own: its office for itself, an operator for any."""
REGION_OFFICE: Final = "region_administrator"
"""Who draws the state's map: its regions, and which districts lie in them."""
PRACTICE_VISITOR: Final = "practice visitor"


class Principal(msgspec.Struct, frozen=True):
    """name: as signed in, and the actor of all he does. state, region, district: what the role is narrowed to.
    organisation: on whose behalf, for disclosures."""

    name: str
    role: str
    state: str | None
    region: str | None
    district: str | None
    organisation: str


async def principal_of(request: Request) -> Principal:
    """The holder of the request's bearer token. Raises NotSignedIn, StoreUnavailable."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise NotSignedIn("This needs a token.", remedy="Send `Authorization: Bearer` and a token.")
    services = services_of(request)
    token = await services.tokens.lookup(secret.strip())
    if token is None:
        raise NotSignedIn(
            "The token is not known here, or has expired, or was revoked.",
            remedy="Ask an operator for one: `sojourn token create`.",
        )
    organisation = token.district or token.region or token.state or services.organisation
    return Principal(token.name, token.role, token.state, token.region, token.district, organisation)


async def visitor_of(request: Request) -> Principal:
    """The principal of a page: a token's holder, or anybody where this is practice space. Raises NotSignedIn."""
    services = services_of(request)
    if services.practice and "authorization" not in request.headers:
        return Principal(PRACTICE_VISITOR, "secondary_user", None, None, None, services.organisation)
    return await principal_of(request)


def submitter_for(principal: Principal, state: str) -> None:
    """Pass where the principal may send facts for a state. Raises UnknownState, Forbidden, OtherState."""
    if state not in STATES:
        raise UnknownState("No state or territory has this code.", remedy="Use the USPS code, such as OR.")
    if principal.role not in SUBMITTERS:
        raise Forbidden(
            "This role does not send facts.", remedy="Use the token of a state batch submitter or data administrator."
        )
    if principal.state != state:
        raise OtherState(
            "The record is of another state than the token.",  # V22
            remedy="A state changes only its own facts. Use a token of the record's state.",
        )


def office_of(principal: Principal, state: str, *, region_map: bool = False) -> None:
    """Pass where the principal may set how a state wants its records kept. Raises Forbidden, OtherState.

    region_map: it is the map of its regions that is set, which its region administrator draws as well.
    """
    if principal.role == OPERATOR:
        return
    offices = (STATE_OFFICE, REGION_OFFICE) if region_map else (STATE_OFFICE,)
    if principal.role not in offices or principal.region is not None or principal.district is not None:
        drawn = " or region administrator" if region_map else ""
        raise Forbidden(
            "This role does not set how a state wants its records kept.",
            remedy=f"Use the token of the state's data administrator{drawn}, for the whole state, or of an operator.",
        )
    if principal.state != state:
        raise OtherState(
            "The settings are of another state than the token.",
            remedy="A state sets only its own. Use a token of that state.",
        )
