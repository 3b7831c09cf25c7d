"""Who asks: a token's holder, or a person with an account, signed in here or at an identity provider; or, in practice
space only, whoever opens a page.

Invariant: a request has one principal, found before anything else is looked at. What he may do is the policy's to say
(``api.policy``).
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Final

from starlette.requests import Request

from api.cookies import session_of
from api.csrf import FIELD, SAFE, refuse_forged
from api.forms import form_of
from api.oidc.identity import Identity
from api.openapi import ACTION
from api.principal import Principal
from api.problems import NotSignedIn
from api.services import Services, services_of
from api.standing import NO_ROLE, Acting, acting
from ledger.access import APPLICANT
from ledger.account_acts import LinkIdentity
from ledger.admissions import Admissions
from ledger.errors import Forbidden
from ledger.events import Meta
from ledger.store.standings import Standing
from ledger.store.tokens import PREFIX as TOKEN_PREFIX

PRACTICE_VISITOR: Final = "practice visitor"
ROLE_HEADER: Final = "sojourn-role"
"""By which somebody with several roles says under which he acts: its name, or its number in the account."""


async def principal_of(request: Request, *, by_form: bool = False) -> Principal:
    """Who asks. by_form: what a page sends is a form, which brings its token in a field; whoever has signed in has it
    read, and nobody else.

    Raises NotSignedIn, CsrfRefused, Forbidden, AccountDisabled, RenewalNeeded, StoreUnavailable, ProviderUnavailable.
    """
    given = request.headers.getlist("authorization")
    if given:
        # Whoever sends one is who it says, or nobody: a cookie beside it changes nothing.
        scheme, _, secret = given[0].partition(" ")
        if len(given) == 1 and scheme.lower() == "bearer" and secret.strip():
            return await _bearer(request, secret.strip())
    else:
        secret = session_of(request, practice=services_of(request).practice)
        if secret is not None:
            return await _session(request, secret, by_form=by_form)
    raise NotSignedIn(
        "This needs a token, or somebody who has signed in.",
        remedy="Send `Authorization: Bearer` and a token, or sign in at /sign-in.",
    )


async def _bearer(request: Request, secret: str) -> Principal:
    services = services_of(request)
    openid = services.openid
    if openid is not None and openid.takes_tokens and not secret.startswith(TOKEN_PREFIX):
        return await identified(request, await openid.identify(secret))
    token = await services.tokens.lookup(secret)
    if token is None:
        raise NotSignedIn(
            "The token is not known here, or has expired, or was revoked.",
            remedy="Ask an operator for one: `sojourn token create`.",
        )
    organisation = token.district or token.region or token.state or services.organisation
    return Principal(token.name, token.role, token.state, token.region, token.district, organisation)


async def _session(request: Request, secret: str, *, by_form: bool) -> Principal:
    services = services_of(request)
    # A page that only asks how long the session lasts does not make it last longer.
    session = await services.sessions.lookup(secret, keep_awake=request.url.path != "/session")
    standing = None if session is None else await services.standings.of_account(str(session.account))
    if session is None or standing is None:
        raise NotSignedIn("The session has ended.", remedy="Sign in again at /sign-in.")
    said = await form_of(request) if by_form and request.method not in SAFE else {}
    refuse_forged(request, str(session.id), services.csrf_key, field=said.get(FIELD))
    request.scope["sojourn.form"] = said
    request.scope["sojourn.session"] = session
    return await account_principal(request, standing, session.grant or "")


async def identified(request: Request, identity: Identity) -> Principal:
    """Who an identity of the provider is here; with a verified address and without an account, an applicant. The first
    time, the account of that address is linked to it, and is its for ever: an address that the provider gives to
    somebody else is then no key to it. Raises NotSignedIn, and as ``account_principal``."""
    services = services_of(request)
    standing = await account_of(services, identity)
    if standing is not None:
        return await account_principal(request, standing)
    assert identity.email is not None
    return Principal(identity.email.lower(), APPLICANT, None, None, None, services.organisation)


async def account_of(services: Services, identity: Identity) -> Standing | None:
    """The account that signs in by an identity; None for an applicant's. Raises NotSignedIn, StoreUnavailable."""
    admissions = services.ledger.admissions
    found = await services.standings.of_identity(admissions.hash_of(identity.issuer, identity.subject))
    if found is not None:
        return found
    if identity.email is None or not identity.email_verified:
        raise NotSignedIn(
            "The provider does not vouch for an e-mail address.",
            remedy="Confirm the address there, and have the provider send email and email_verified.",
        )
    return await asyncio.to_thread(_linked, admissions, identity)


def _linked(admissions: Admissions, identity: Identity) -> Standing | None:
    assert identity.email is not None
    found = admissions.of_email(identity.email)
    if found is None or found.status != "active":
        return found if found is not None and found.status != "applied" else None
    command = LinkIdentity(by=found.email, issuer=identity.issuer, subject=identity.subject)
    try:
        admissions.act(found.account, command, Meta(actor=found.email))
    except Forbidden as refused:
        raise NotSignedIn(refused.what, remedy=refused.remedy) from None
    return admissions.standing(found.account)


async def account_principal(request: Request, standing: Standing, session: str = "") -> Principal:
    """Who an account is in a request. session: the grant of its session, if it came by one; the request's header says
    under which role.

    Raises Forbidden, AccountDisabled, RenewalNeeded.
    """
    services = services_of(request)
    alone = session == NO_ROLE
    wanted = request.headers.get(ROLE_HEADER, "").strip() or ("" if alone else session)
    try:
        acts = await acting_of(services, standing, wanted, by_password_alone=alone)
        route = request.scope.get("route")
        acts.must_be_renewed_for((getattr(route, "openapi_extra", None) or {}).get(ACTION, ""))
    except Forbidden:
        # Whoever records what was asked for in vain has to know who it was.
        first = next((role for _, role in sorted(standing.roles.items())), None)
        about = Acting(standing, None, first, frozenset(), None)
        request.scope["sojourn.turned-away"] = principal_from(about, services.organisation)
        raise
    return principal_from(acts, services.organisation)


async def acting_of(services: Services, standing: Standing, wanted: str, *, by_password_alone: bool = False) -> Acting:
    """An account under one of its roles, by the day that it is there. Raises as ``api.standing.acting``."""
    ledger = services.ledger

    def today(state: str | None) -> date:
        return ledger.admissions.today(state)

    # A state's time zone is kept for seconds; where it is not at hand, reading it takes the database.
    return await asyncio.to_thread(acting, standing, wanted, today, by_password_alone=by_password_alone)


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
    signed_in = "authorization" in request.headers or session_of(request, practice=services.practice) is not None
    if services.practice and not signed_in:
        return Principal(PRACTICE_VISITOR, "secondary_user", None, None, None, services.organisation)
    return await principal_of(request)
