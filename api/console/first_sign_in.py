"""What comes before the first look at a record: a code becomes a password, a second factor is added, the rules of
behaviour are read and accepted.

Invariant: a code that somebody was given for a child's records never opens an account that can be signed in to without
it: whoever has one already signs in, and shows the code then.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.faults import NONE, Faults, faults_told
from api.console.pages import page, seen_other
from api.console.rules_of_behaviour import DISCLAIMER, RULES
from api.console.visits import Visit, own, visit
from api.console.words import N_
from api.csrf import refuse_other_sites
from api.edge import request_id_of
from api.entering import begin_anew, give, let_in
from api.forms import form_of
from api.given_codes import take_family
from api.language import language_of
from api.openapi import Direct, does, operation_id
from api.rate_limit import failed
from api.services import Services, services_of
from ledger.access import PUBLIC
from ledger.account_acts import AcceptRules
from ledger.accounts import RULES_EDITION
from ledger.admissions import state_of
from ledger.applications import DISCLAIMER_EDITION
from ledger.errors import CodeRefused, PasswordRefused
from ledger.events import Meta
from ledger.store import codes, passwords
from ledger.store.codes import Purpose
from ledger.store.standings import Standing

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)


@router.get("/sign-in/first", openapi_extra=does(PUBLIC))
async def first_page(request: Request) -> Response:
    """Where a code becomes a password."""
    return _first(request)


@router.post("/sign-in/first", openapi_extra=does(PUBLIC))
async def post_first(request: Request) -> Response:
    """The code is used up; the password that is chosen with it holds from then on."""
    refuse_other_sites(request)
    services, said = services_of(request), await form_of(request)
    try:
        standing = await services.credentials.aside(lambda: _begun(services, said, request_id_of(request)))
    except (CodeRefused, PasswordRefused) as refused:
        if isinstance(refused, CodeRefused):
            failed(request)
        where = "code" if isinstance(refused, CodeRefused) else "password"
        wrong = faults_told(refused, language_of(request), where)
        return _first(request, wrong, said.get("email", ""), status=422)
    return await let_in(request, standing, "local", "/rules" if standing.roles else "/")


@router.get("/second-factor", openapi_extra=does("me.set"))
async def second_factor_page(request: Request) -> Response:
    """Where a second factor is added: what an authenticator app is told, and where it shows its first code."""
    who = await own(request)
    assert who.session is not None
    credentials, account, name = who.services.credentials, who.session.account, who.signed_in.name
    offer = await credentials.aside(lambda: credentials.offer_second_factor(account, name))
    return page(who, "signing_in/second_factor.html", headers=_UNKEPT, offer=offer)


@router.post("/second-factor", openapi_extra=does("me.set"))
async def post_second_factor(request: Request) -> Response:
    """Its first code takes it into use; the recovery codes are shown once. A session begins with the roles, and all
    others end."""
    who = await own(request)
    assert who.session is not None
    services, session = who.services, who.session
    recovery = await services.credentials.aside(
        lambda: services.credentials.confirm_second_factor(session.account, who.said.get("code", ""))
    )
    if recovery is None:
        return page(who, "signing_in/second_factor.html", status=422, headers=_UNKEPT, offer=None)
    # Whoever signed in by the password alone, before, has shown less than is asked for now: every session ends.
    made = await asyncio.to_thread(begin_anew, services, session.account, session.method)
    answer = page(
        Visit(request=request, services=services, language=who.language),
        "signing_in/recovery.html",
        headers=_UNKEPT,
        recovery=recovery,
        go_on=("/rules", N_("Go on to the rules of behaviour")),
    )
    give(request, answer, made)
    return answer


@router.get("/rules", openapi_extra=does(PUBLIC))
async def rules_page(request: Request) -> Response:
    """The rules of behaviour that hold, for whoever wants to read them."""
    return page(
        await visit(request),
        "signing_in/rules.html",
        rules=RULES,
        edition=RULES_EDITION,
        disclaimer=DISCLAIMER,
        disclaimer_edition=DISCLAIMER_EDITION,
    )


@router.get("/rules/acceptance", openapi_extra=does("me.set"))
async def acceptance_page(request: Request) -> Response:
    """Where they are accepted, once they were read."""
    who = await own(request)
    return page(who, "signing_in/acceptance.html", headers=_UNKEPT, rules=RULES, edition=RULES_EDITION)


@router.post("/rules/acceptance", openapi_extra=does("me.set"))
async def post_acceptance(request: Request) -> Response:
    """For a year."""
    who = await own(request)
    assert who.session is not None
    account, name, admissions = str(who.session.account), who.signed_in.name, who.services.ledger.admissions

    edition = who.said.get("edition", "")

    def accept() -> None:
        admissions.act(
            account,
            lambda known: AcceptRules(by=name, edition=edition, on=admissions.today(state_of(known))),
            Meta(actor=name, request=request_id_of(request)),
        )

    await asyncio.to_thread(accept)
    return seen_other("/")


# -- inside


def _begun(services: Services, said: Mapping[str, str], request_id: str) -> Standing:
    """An account that has its first password, or another one in the place of what was lost. Of the account nothing is
    told before a code of its own was shown: not that there is one, nor what its holder's name is."""
    admissions, credentials, code = services.ledger.admissions, services.credentials, said.get("code", "")
    found = admissions.of_email(said.get("email", ""))
    standing = found if found is not None and found.status == "active" else None
    purpose, subject = _meant(services, code)
    if standing is None or not _is_of(services, standing, purpose, subject):
        raise CodeRefused(
            "This code does not open this account.",
            remedy="Type the address for which it was given, and the whole code.",
        )
    account, password, own = uuid.UUID(standing.account), said.get("password", ""), (standing.email, standing.name)
    if purpose is Purpose.FAMILY_ACCESS and (
        standing.roles or credentials.standing(account) is not None or admissions.account(standing.account).identities
    ):
        raise CodeRefused(
            "This code is shown by whoever has signed in.",
            remedy="Sign in as you are used to, and send the code to /v1/me/family-grants.",
        )
    passwords.chosen(password, own)  # before the code is used up
    if purpose is Purpose.FIRST_SIGN_IN:
        with services.ledger.log.connection() as conn:
            codes.redeem(conn, purpose=purpose, code=code, now=services.clock())
    else:
        take_family(services, standing, code, Meta(actor=standing.email, request=request_id))
    credentials.set_password(account, password, own=own)
    return admissions.standing(standing.account)


def _meant(services: Services, code: str) -> tuple[Purpose, uuid.UUID]:
    """What a code is for, and of what. Raises CodeRefused, in the same words whoever's address came with it."""
    now = services.clock()
    with services.ledger.log.connection() as conn:
        with suppress(CodeRefused):
            return Purpose.FIRST_SIGN_IN, codes.check(conn, purpose=Purpose.FIRST_SIGN_IN, code=code, now=now)
        return Purpose.FAMILY_ACCESS, codes.check(conn, purpose=Purpose.FAMILY_ACCESS, code=code, now=now)


def _is_of(services: Services, standing: Standing, purpose: Purpose, subject: uuid.UUID) -> bool:
    if purpose is Purpose.FIRST_SIGN_IN:
        return subject == uuid.UUID(standing.account)
    return subject in services.ledger.admissions.families_waiting(standing.account)


def _first(request: Request, wrong: Faults | None = None, email: str = "", status: int = 200) -> Response:
    return page(
        Visit(request=request, services=services_of(request), language=language_of(request)),
        "signing_in/first.html",
        status=status,
        headers=_UNKEPT,
        wrong=NONE if wrong is None else wrong,
        email=email,
    )


_UNKEPT = {"Cache-Control": "no-store"}
