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
from starlette.responses import RedirectResponse, Response

from api.csrf import refuse_other_sites
from api.edge import request_id_of
from api.entering import begin_anew, give, let_in, mine
from api.forms import field, form, form_of, hidden
from api.given_codes import take_family
from api.html import element, joined, link, page
from api.openapi import Direct, does, operation_id
from api.rate_limit import failed
from api.rules_of_behaviour import DISCLAIMER, RULES
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
        return _first(request, f"{refused.what} {refused.remedy}", said.get("email", ""), status=422)
    return await let_in(request, standing, "local", "/rules" if standing.roles else "/")


@router.get("/second-factor", openapi_extra=does("me.set"))
async def second_factor_page(request: Request) -> Response:
    """Where a second factor is added: what an authenticator app is told, and where it shows its first code."""
    who = await mine(request)
    credentials = who.services.credentials
    offer = await credentials.aside(lambda: credentials.offer_second_factor(who.account, who.name))
    code = field("Code that the app shows", "code", autocomplete="one-time-code", inputmode="numeric")
    return _page(
        who.services,
        "A second factor",
        element("p", "Add this key to an authenticator app, then type the code that the app shows."),
        element("p", "Key: ", element("code", offer.secret)),
        element("p", link(offer.uri, "Open it in an app on this device")),
        form("/second-factor", who.token, code, button="Add the second factor"),
        watched=True,
    )


@router.post("/second-factor", openapi_extra=does("me.set"))
async def post_second_factor(request: Request) -> Response:
    """Its first code takes it into use; the recovery codes are shown once. A session begins with the roles, and all
    others end."""
    who = await mine(request)
    services = who.services
    recovery = await services.credentials.aside(
        lambda: services.credentials.confirm_second_factor(who.account, who.said.get("code", ""))
    )
    if recovery is None:
        words = element("p", "That code is not one of this key. ", link("/second-factor", "Begin anew"), role="alert")
        return _page(services, "A second factor", words, status=422)
    # Whoever signed in by the password alone, before, has shown less than is asked for now: every session ends.
    made = await asyncio.to_thread(begin_anew, services, who.account, who.session.method)
    answer = _page(
        services,
        "Recovery codes",
        element("p", "Keep these codes apart from your device. Each lets you in once when the device is lost."),
        element("ul", *(element("li", element("code", code)) for code in recovery)),
        element("p", link("/rules", "Go on to the rules of behaviour")),
    )
    give(request, answer, made)
    return answer


@router.get("/rules", openapi_extra=does(PUBLIC))
async def rules_page(request: Request) -> Response:
    """The rules of behaviour that hold, for whoever wants to read them."""
    parts = [element("ol", *(element("li", rule) for rule in RULES))]
    button = element("p", link("/rules/acceptance", "Accept them, signed in"))
    heading = element("p", f"Edition {RULES_EDITION}. They are accepted before the first access, and yearly after it.")
    parts += [
        element("h2", "For read-only users of a state"),
        element("p", DISCLAIMER),
        element("p", f"Edition {DISCLAIMER_EDITION}, accepted with the application."),
    ]
    return page("Rules of behaviour", heading, *parts, button, practice=services_of(request).practice)


@router.get("/rules/acceptance", openapi_extra=does("me.set"))
async def acceptance_page(request: Request) -> Response:
    """Where they are accepted, once they were read."""
    who = await mine(request)
    rules = element("ol", *(element("li", rule) for rule in RULES))
    accept = form(
        "/rules/acceptance", who.token, hidden("edition", RULES_EDITION), button="I have read and accept them"
    )
    return _page(who.services, "Rules of behaviour", rules, accept, watched=True)


@router.post("/rules/acceptance", openapi_extra=does("me.set"))
async def post_acceptance(request: Request) -> Response:
    """For a year."""
    who = await mine(request)
    admissions = who.services.ledger.admissions
    meta = Meta(actor=who.name, request=request_id_of(request))

    def accept() -> None:
        admissions.act(
            str(who.account),
            lambda known: AcceptRules(
                by=who.name, edition=who.said.get("edition", ""), on=admissions.today(state_of(known))
            ),
            meta,
        )

    await asyncio.to_thread(accept)
    return RedirectResponse("/", 303, {"Cache-Control": "no-store"})


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


def _first(request: Request, wrong: str = "", email: str = "", status: int = 200) -> Response:
    parts = [element("p", wrong, role="alert")] if wrong else []
    whole = form(
        "/sign-in/first",
        field("E-mail address", "email", type="email", autocomplete="username", value=email),
        field("Code that you were given", "code", autocomplete="one-time-code"),
        field("Password that you choose", "password", type="password", autocomplete="new-password", minlength="12"),
        button="Continue",
    )
    words = element("p", "A password has at least twelve characters; several words are a good one.")
    return _page(services_of(request), "The first time", joined(parts), words, whole, status=status)


def _page(services: Services, title: str, *content: object, status: int = 200, watched: bool = False) -> Response:
    answer = page(title, *content, practice=services.practice, status=status, watched=watched)
    answer.headers["Cache-Control"] = "no-store"
    return answer
