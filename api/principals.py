"""Who asks: a token's holder, or a person with an account, signed in here or at an identity provider; or, in practice
space only, whoever opens a page.

Invariant: a request has one principal, found before anything else is looked at. What he may do is the policy's to say
(``api.policy``).
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Final

import msgspec
from starlette.requests import Request

from api.openapi import ACTION
from api.problems import NotSignedIn
from api.services import Services, services_of
from api.standing import Acting, acting
from ledger.access import APPLICANT
from ledger.store.standings import Standing

PRACTICE_VISITOR: Final = "practice visitor"
ROLE_HEADER: Final = "sojourn-role"
"""By which somebody with several roles says under which he acts: its name, or its number in the account."""


class Principal(msgspec.Struct, frozen=True):
    """name: as signed in, and the actor of all he does. state, region, district: what the role is narrowed to.
    organisation: on whose behalf, for disclosures. granted: uuids of the records that were granted to him alone.
    local: he works on the service's own host, at the command line. account: uuid; None for a machine's token."""

    name: str
    role: str
    state: str | None
    region: str | None
    district: str | None
    organisation: str
    granted: frozenset[str] = frozenset()
    local: bool = False
    account: str | None = None


async def principal_of(request: Request) -> Principal:
    """Who asks. Raises NotSignedIn, Forbidden, AccountDisabled, RenewalNeeded, StoreUnavailable."""
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


async def account_principal(request: Request, standing: Standing, wanted: str = "") -> Principal:
    """Who an account is in a request. wanted: the role chosen at sign-in; the request's header goes before it.

    Raises Forbidden, AccountDisabled, RenewalNeeded.
    """
    services = services_of(request)
    acts = await acting_of(services, standing, request.headers.get(ROLE_HEADER, "").strip() or wanted)
    route = request.scope.get("route")
    acts.must_be_renewed_for((getattr(route, "openapi_extra", None) or {}).get(ACTION, ""))
    return principal_from(acts, services.organisation)


async def acting_of(services: Services, standing: Standing, wanted: str) -> Acting:
    """An account under one of its roles, by the day that it is there. Raises as ``api.standing.acting``."""
    ledger = services.ledger

    def today(state: str | None) -> date:
        return ledger.admissions.today(state)

    # A state's time zone is kept for seconds; where it is not at hand, reading it takes the database.
    return await asyncio.to_thread(acting, standing, wanted, today)


def principal_from(acts: Acting, organisation: str) -> Principal:
    """organisation: the service's own, of who has no role."""
    role, standing = acts.role, acts.standing
    if role is None:
        return Principal(standing.email, APPLICANT, None, None, None, organisation, account=standing.account)
    return Principal(
        standing.email,
        role.role,
        role.state,
        role.region,
        role.district,
        role.organisation,
        acts.granted,
        account=standing.account,
    )


async def visitor_of(request: Request) -> Principal:
    """The principal of a page: who signed in, or anybody where this is practice space. Raises as ``principal_of``."""
    services = services_of(request)
    if services.practice and "authorization" not in request.headers:
        return Principal(PRACTICE_VISITOR, "secondary_user", None, None, None, services.organisation)
    return await principal_of(request)
