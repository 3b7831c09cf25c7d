"""Who asks: a token's holder, or, in practice space only, whoever opens a page.

Invariant: a request has one principal, found before anything else is looked at. What he may do is the policy's to say
(``api.policy``).
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request

from api.problems import NotSignedIn
from api.services import services_of

PRACTICE_VISITOR: Final = "practice visitor"


class Principal(msgspec.Struct, frozen=True):
    """name: as signed in, and the actor of all he does. state, region, district: what the role is narrowed to.
    organisation: on whose behalf, for disclosures. granted: uuids of the records that were granted to him alone.
    local: he works on the service's own host, at the command line."""

    name: str
    role: str
    state: str | None
    region: str | None
    district: str | None
    organisation: str
    granted: frozenset[str] = frozenset()
    local: bool = False


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
