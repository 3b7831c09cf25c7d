"""Signing in, by password and second factor or by the identity provider, and signing out.

Invariant: whoever is refused learns nothing of which part was wrong, nor whether there is such an account; and between
the two steps, password and code, nothing is kept but what the browser holds, sealed, for five minutes.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.console.pages import page
from api.console.visits import Visit, own
from api.console.words import N_
from api.cookies import no_cookie, session_cookie, session_of
from api.csrf import read_shown, refuse_other_sites, shown_by
from api.entering import cookie_of, let_in, path_to
from api.forms import form_of
from api.language import language_of
from api.openapi import Direct, does, operation_id
from api.principals import account_of
from api.problems import NoSuchPath
from api.services import Services, services_of
from ledger.access import PUBLIC
from ledger.store import sessions
from ledger.store.credentials import Checked
from ledger.store.standings import Standing

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

BEGUN: Final = "-begun"
"""Behind the name of the session's cookie: that of a sign-in which has gone to the provider."""
BEGUN_S: Final = 600
BANNER: Final = N_(
    "This system holds the education records of migratory children. It is for people who were given access to it, for"
    " the purposes that the law allows. What you do here is recorded and reviewed, and every record that you open is"
    " told to the family that asks. By going on you agree to that."
)
_REFUSED: Final = N_("That is not right, or the account is locked for a while after too many tries.")
_UNKEPT: Final = {"Cache-Control": "no-store"}


@router.get("/sign-in", openapi_extra=does(PUBLIC))
async def sign_in_page(request: Request) -> Response:
    """Where people sign in."""
    return _page(request, path_to(request.query_params.get("return_to")))


@router.post("/sign-in", openapi_extra=does(PUBLIC))
async def post_sign_in(request: Request) -> Response:
    """By e-mail address and password, with the code of the second factor, at once or in a second step."""
    refuse_other_sites(request)
    services, said = services_of(request), await form_of(request)
    return_to, code = path_to(said.get("return_to")), said.get("code", "").strip() or None
    shown = read_shown(said.get("shown", ""), services.csrf_key, services.clock())
    if shown is not None:
        standing = await asyncio.to_thread(services.ledger.admissions.standing, shown)
        checked = await services.credentials.aside(
            lambda: services.credentials.check_code(uuid.UUID(shown), code or "")
        )
    else:
        standing = await asyncio.to_thread(_signing_in, services, said.get("email", ""))
        account = None if standing is None else uuid.UUID(standing.account)
        password = said.get("password", "")
        checked = await services.credentials.aside(lambda: services.credentials.check(account, password, code))
    if standing is None or checked is Checked.REFUSED:
        return _page(request, return_to, _REFUSED, status=401)
    if checked is Checked.CODE_WANTED:
        return _code_page(request, return_to, standing.account)
    return await let_in(request, standing, "local", return_to)


@router.get("/sign-in/provider", openapi_extra=does(PUBLIC))
async def provider(request: Request) -> Response:
    """Go to the identity provider."""
    services = services_of(request)
    if services.openid is None or not services.openid.signs_in:
        raise NoSuchPath("No identity provider is set up here.", remedy="Sign in at /sign-in with a password.")
    begun = await services.openid.begin(path_to(request.query_params.get("return_to")))
    answer = RedirectResponse(begun.url, 303, {"Cache-Control": "no-store"})
    name = cookie_of(request) + BEGUN
    answer.headers.append("Set-Cookie", session_cookie(begun.pending, name, max_age_s=BEGUN_S))
    return answer


@router.get("/sign-in/callback", openapi_extra=does(PUBLIC))
async def callback(request: Request) -> Response:
    """Where the provider sends the browser back to."""
    services, name = services_of(request), cookie_of(request) + BEGUN
    if services.openid is None or not services.openid.signs_in:
        raise NoSuchPath("No identity provider is set up here.", remedy="Sign in at /sign-in with a password.")
    signed_in = await services.openid.finish(request.cookies.get(name, ""), request.url.query)
    standing = await account_of(services, signed_in.identity)
    if standing is None:
        answer = page(_nobody(request), "signing_in/no_account.html", status=403, headers=_UNKEPT)
    else:
        answer = await let_in(request, standing, "oidc", signed_in.return_to)
    answer.headers.append("Set-Cookie", no_cookie(name))
    return answer


@router.get("/session", openapi_extra=does("me.read"))
async def session_left(request: Request) -> Response:
    """How long the session still lasts. Asking that is no use of it."""
    who = await own(request)
    assert who.session is not None
    now, session = who.services.clock(), who.session
    left = (min(session.ends_at, session.idle_ends_at) - now).total_seconds()
    told = {"ends_at": session.ends_at, "idle_ends_at": session.idle_ends_at, "seconds_left": max(0, int(left))}
    text = orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.post("/sign-out", openapi_extra=does("me.set"))
async def post_sign_out(request: Request) -> Response:
    """The session ends, in every process."""
    who = await own(request)
    assert who.session is not None
    session = who.session

    def end() -> None:
        with who.services.ledger.log.connection() as conn:
            sessions.end(conn, session.id, now=who.services.clock(), account=session.account)

    await asyncio.to_thread(end)
    secret = session_of(request, practice=who.services.practice)
    if secret is not None:
        who.services.sessions.forget(secret)
    answer = RedirectResponse("/sign-in", 303, {"Cache-Control": "no-store", "Clear-Site-Data": '"cache", "storage"'})
    answer.headers.append("Set-Cookie", no_cookie(cookie_of(request)))
    return answer


def _signing_in(services: Services, email: str) -> Standing | None:
    """The account of an address. One that was only applied for, or has ended, is none: it is refused as one that there
    is not, after the same work."""
    found = services.ledger.admissions.of_email(email)
    return found if found is not None and found.status in ("active", "disabled") else None


def _nobody(request: Request) -> Visit:
    """Whoever signs in is nobody yet, also where somebody else has left a session in this browser."""
    return Visit(request=request, services=services_of(request), language=language_of(request))


def _page(request: Request, return_to: str, wrong: str = "", status: int = 200) -> Response:
    openid = services_of(request).openid
    return page(
        _nobody(request),
        "signing_in/sign_in.html",
        status=status,
        headers=_UNKEPT,
        return_to=return_to,
        wrong=wrong,
        banner=BANNER,
        by_provider=openid is not None and openid.signs_in,
    )


def _code_page(request: Request, return_to: str, account: str) -> Response:
    services = services_of(request)
    shown = shown_by(account, services.csrf_key, services.clock())
    return page(_nobody(request), "signing_in/code.html", headers=_UNKEPT, return_to=return_to, shown=shown)
