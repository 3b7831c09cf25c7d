"""How a browser comes to a session, and by which it is known again: what the pages of signing in share.

Invariant: a session begins in one place. An official who has shown a password alone is let to nothing but adding a
second factor; and what a page changes, it changes for the session that it was made for.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.cookies import cookie_name, session_cookie, session_of
from api.csrf import FIELD, csrf_token
from api.forms import hidden
from api.html import Markup
from api.oidc.pending import is_local_path
from api.policy import decided
from api.principals import principal_of
from api.problems import NotSignedIn
from api.services import Services, services_of
from api.standing import NO_ROLE
from ledger.errors import AccountDisabled, Forbidden, NotFound
from ledger.store import sessions
from ledger.store.sessions import Made, Method, Session
from ledger.store.standings import Standing


class Mine(NamedTuple):
    """Who sits before a page about his own account. name: as signed in. said: the fields of the form that was sent."""

    services: Services
    session: Session
    name: str
    said: Mapping[str, str]

    @property
    def account(self) -> uuid.UUID:
        return self.session.account

    @property
    def token(self) -> Markup:
        """What goes with each form that this session sends."""
        return hidden(FIELD, csrf_token(str(self.session.id), self.services.csrf_key))


async def mine(request: Request) -> Mine:
    """The session of a page. Raises as ``principal_of``; NotFound for a token's holder, who has none."""
    principal = await principal_of(request, by_form=True)
    request.scope["sojourn.principal"] = principal.logged
    decided(principal, "me.set")
    session = request.scope.get("sojourn.session")
    if session is None:
        raise NotFound("A token has no session.", remedy="This is for people who sign in at /sign-in.")
    return Mine(services_of(request), session, principal.name, request.scope["sojourn.form"])


async def whoever(request: Request) -> Mine | None:
    """As ``mine``, for a page that anybody reads: None for who has not signed in, or no more."""
    if session_of(request, practice=services_of(request).practice) is None:
        return None
    try:
        return await mine(request)
    except (NotSignedIn, Forbidden, NotFound):
        return None


async def let_in(request: Request, standing: Standing, method: Method, return_to: str) -> Response:
    """The answer by which a browser gets its session. Raises AccountDisabled, NotSignedIn."""
    services = services_of(request)
    if standing.status == "disabled":
        raise AccountDisabled("The account is disabled.", remedy="Ask your user administrator to enable it.")
    if standing.status != "active":
        raise NotSignedIn("There is no such account any more.", remedy="Apply under another e-mail address.")
    account, grant, next_page = uuid.UUID(standing.account), None, return_to
    if method == "local":
        held = await services.credentials.aside(lambda: services.credentials.standing(account))
        if held is None or not held.second_factor:
            # Also of who has no role yet: one may be given to him while the session is open.
            grant = NO_ROLE
            next_page = "/second-factor" if standing.roles else return_to
    made = await asyncio.to_thread(begin, services, account, method, grant)
    answer = RedirectResponse(next_page, 303, {"Cache-Control": "no-store"})
    give(request, answer, made)
    return answer


def begin(services: Services, account: uuid.UUID, method: Method, grant: str | None) -> Made:
    """A session. Blocks. Raises StoreUnavailable."""
    with services.ledger.log.connection() as conn:
        return sessions.make(conn, account=account, grant=grant, method=method, now=services.clock())


def begin_anew(services: Services, account: uuid.UUID, method: Method) -> Made:
    """The one session of an account, with its roles: all others end with it. Blocks. Raises StoreUnavailable."""
    now = services.clock()
    with services.ledger.log.connection() as conn, conn.transaction():
        sessions.end_all(conn, account, now=now)
        return sessions.make(conn, account=account, grant=None, method=method, now=now)


def give(request: Request, answer: Response, made: Made) -> None:
    """Put a session's cookie into an answer. It goes when the browser is closed."""
    answer.headers.append("Set-Cookie", session_cookie(made.secret, cookie_of(request)))


def cookie_of(request: Request) -> str:
    """The name under which this browser keeps its session."""
    return cookie_name(request.scope, practice=services_of(request).practice)


def path_to(given: str | None) -> str:
    """Where somebody goes on to: a path of this site, or the first page."""
    return given if given and is_local_path(given) else "/"
