"""How a browser comes to a session: what the pages of signing in share.

Invariant: a session begins in one place, where the one that the browser had before ends; and an official who has shown
a password alone is let to nothing but adding a second factor.
"""

from __future__ import annotations

import asyncio
import uuid

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.cookies import cookie_name, session_cookie, session_of
from api.oidc.pending import is_local_path
from api.problems import NotSignedIn
from api.services import Services, services_of
from api.standing import NO_ROLE
from ledger.errors import AccountDisabled
from ledger.store import sessions
from ledger.store.sessions import Made, Method, Session
from ledger.store.standings import Standing


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
    former = await former_of(request)
    made = await asyncio.to_thread(begin, services, account, method, grant, former)
    answer = RedirectResponse(next_page, 303, {"Cache-Control": "no-store"})
    give(request, answer, made)
    return answer


async def former_of(request: Request) -> Session | None:
    """The session that this browser still has, whoever's it is: nobody could end it once its cookie is another's."""
    services = services_of(request)
    secret = session_of(request, practice=services.practice)
    return None if secret is None else await services.sessions.lookup(secret, keep_awake=False)


def begin(
    services: Services, account: uuid.UUID, method: Method, grant: str | None, former: Session | None = None
) -> Made:
    """A session. former: that of the same browser, which ends. Blocks. Raises StoreUnavailable."""
    now = services.clock()
    with services.ledger.log.connection() as conn, conn.transaction():
        if former is not None:
            sessions.end(conn, former.id, now=now)
        return sessions.make(conn, account=account, grant=grant, method=method, now=now)


def begin_anew(services: Services, account: uuid.UUID, method: Method) -> Made:
    """The one session of an account, with its roles: all others end with it. Blocks. Raises StoreUnavailable."""
    now = services.clock()
    with services.ledger.log.connection() as conn, conn.transaction():
        sessions.end_all(conn, account, now=now)
        return sessions.make(conn, account=account, grant=None, method=method, now=now)


def give(request: Request, answer: Response, made: Made) -> None:
    """Put a session's cookie into an answer, in the place of the one that has ended. It goes when the browser is
    closed."""
    services = services_of(request)
    former = session_of(request, practice=services.practice)
    if former is not None:
        services.sessions.forget(former)
    answer.headers.append("Set-Cookie", session_cookie(made.secret, cookie_of(request)))


def cookie_of(request: Request) -> str:
    """The name under which this browser keeps its session."""
    return cookie_name(request.scope, practice=services_of(request).practice)


def path_to(given: str | None) -> str:
    """Where somebody goes on to: a path of this site, or the first page."""
    return given if given and is_local_path(given) else "/"
