"""Who looks at a page, in which language, and what he may do: what every page begins with.

Invariant: a form changes something only for the session that its page was made for (``api.csrf``). In practice space
somebody who has not signed in reads as ``api.principals.visitor_of`` says, and his forms come from this site alone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import orjson
from starlette.requests import Request
from starlette.routing import Match

from api.cookies import session_of
from api.csrf import FIELD, SAFE, csrf_token, refuse_other_sites
from api.edge import request_id_of
from api.forms import KIND, form_of
from api.language import LANGUAGES, language_of
from api.policy import action_of, turned_away
from api.principal import Principal, decided, who
from api.principals import principal_of, visitor_of
from api.problems import Fault, Invalid, NotSignedIn
from api.requests import KEY_MAX, Body
from api.sending import keyed
from api.services import Services, services_of
from ledger.access import NOBODY, PUBLIC, Subject, decide
from ledger.application import RequestKey
from ledger.errors import Forbidden, NotFound
from ledger.events import Meta
from ledger.store.sessions import Session

Done = TypeVar("Done")

KEY: Final = "key"
"""The field of a form that makes sending it twice the same as once."""
BACK: Final = "sojourn.back"
"""In a request's scope: ``Visit.back``, where the page that answers knows it better."""
_MADE: Final = "sojourn.visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One look at one page. principal: None for who has not signed in. session: None too for a token's holder and for
    a visitor of practice space. said: the fields of the form that was sent. zone: in which he reads instants: that of
    his own state, UTC where he has none."""

    request: Request
    services: Services
    language: str
    principal: Principal | None = None
    session: Session | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"

    @property
    def practice(self) -> bool:
        return self.services.practice

    @property
    def path(self) -> str:
        """Of this page; what stands behind ``?`` is left out."""
        return self.request.url.path

    @property
    def back(self) -> str:
        """Where this page, or the one whose form it answers, is read again. Its own path answers a form alone, perhaps:
        then the nearest one above it that can be read."""
        path = self.path
        if BACK in self.request.scope:
            return self.request.scope[BACK]
        if self.request.method in SAFE:
            return path
        while path and not self._is_page(path):
            path = path.rpartition("/")[0]
        return path or "/"

    def _is_page(self, path: str) -> bool:
        asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
        return any(route.matches(asked)[0] is Match.FULL for route in self.request.app.routes)

    @property
    def csrf(self) -> str:
        """The token of the session's forms; empty without a session."""
        return "" if self.session is None else csrf_token(str(self.session.id), self.services.csrf_key)

    @property
    def signed_in(self) -> Principal:
        """Raises NotSignedIn."""
        if self.principal is None:
            raise NotSignedIn("This page is for people who have signed in.", remedy="Sign in at /sign-in.")
        return self.principal

    def may(self, action: str, subject: Subject = NOBODY) -> bool:
        """Whether some rule may let him do it; of a child that is decided again when it is known which."""
        return self.principal is not None and decide(who(self.principal), action, subject).allowed

    def new_key(self) -> str:
        """For a form that is made now."""
        return secrets.token_urlsafe(18)

    async def did(self, do: Callable[[Meta, RequestKey | None], Done], action: str | None = None) -> Done:
        """Do what a form asks for, in a thread, where the policy lets its sender. do: is given who and by which
        request, and the key under which it is done once. action: None for the route's own.

        Raises Forbidden, OtherState, and what ``do`` raises.
        """
        principal = self.signed_in
        decided(principal, action or action_of(self.request))
        meta = Meta(actor=principal.name, request=request_id_of(self.request))
        key = self.request_key()
        return await asyncio.to_thread(do, meta, key)

    def request_key(self) -> RequestKey | None:
        """Of the form that was sent; None where it has none."""
        given = self.said.get(KEY, "")
        if not (0 < len(given) <= KEY_MAX and given.isascii() and given.isprintable()):
            return None
        what = orjson.dumps({name: value for name, value in self.said.items() if name not in (FIELD, KEY)})
        hashed = Body(what).hash(self.services.body_key, self.request.method, self.path)
        return keyed(self.services, self.signed_in.name, given, hashed)


async def visit(request: Request) -> Visit:
    """For a page that anybody reads: with who has signed in, if somebody has and may come in; of one who may not, the
    session alone."""
    services = services_of(request)
    if "authorization" not in request.headers and session_of(request, practice=services.practice) is None:
        return Visit(request=request, services=services, language=language_of(request))
    try:
        principal = await principal_of(request)
    except (NotSignedIn, Forbidden):
        # Whoever may do nothing but renew his access, or nothing at all, can sign out still.
        session = request.scope.get("sojourn.session")
        return Visit(request=request, services=services, language=language_of(request), session=session)
    return await _of(request, services, principal)


async def visitor(request: Request) -> Visit:
    """For a page that shows a child, or is somebody's: whoever asks. Its view, or its ``did``, decides whether he may.

    Raises NotSignedIn, Forbidden, AccountDisabled, RenewalNeeded, CsrfRefused, StoreUnavailable.
    """
    services = services_of(request)
    safe = request.method in ("GET", "HEAD")
    held = "authorization" in request.headers or session_of(request, practice=services.practice) is not None
    try:
        principal = await (principal_of(request, by_form=not safe) if held else visitor_of(request))
    except Forbidden as refusal:
        if action_of(request) != PUBLIC:
            await turned_away(request, action_of(request), refusal.code)
        raise
    request.scope["sojourn.principal"] = principal.logged
    if not safe and "sojourn.form" not in request.scope:
        if not held:
            refuse_other_sites(request)
        if request.headers.get("content-type", "").startswith(KIND):
            request.scope["sojourn.form"] = await form_of(request)
    return await _of(request, services, principal)


async def permitted(request: Request) -> Visit:
    """As ``visitor``, where his role may do what the route does at all. Raises Forbidden."""
    found = await visitor(request)
    decided(found.signed_in, action_of(request))
    return found


async def own(request: Request) -> Visit:
    """For a page about the session that asks and the account behind it. Raises as ``visitor``; NotFound for a token's
    holder, who has none."""
    found = await permitted(request)
    if found.session is not None:
        return found
    if "authorization" in request.headers:
        raise NotFound("A token has no session.", remedy="This is for people who sign in at /sign-in.")
    raise NotSignedIn("This page is for people who have signed in.", remedy="Sign in at /sign-in.")


def in_language(here: Visit) -> Visit:
    """In the language that the address asks for, whatever the reader reads otherwise: for paper. Raises Invalid."""
    language = here.request.query_params.get("language", here.language)
    if language not in LANGUAGES:
        raise Invalid(
            "There is no print in this language.",
            remedy="Ask for language=en or language=es.",
            faults=[Fault("query:language", None, "language", "It is neither en nor es.")],
        )
    return replace(here, language=language)


def made_before(request: Request) -> Visit | None:
    """The visit of a request that was let in: it need not be asked again, nor could be without its form."""
    return request.scope.get(_MADE)


async def _of(request: Request, services: Services, principal: Principal) -> Visit:
    state = principal.state
    found = request.scope[_MADE] = Visit(
        request=request,
        services=services,
        language=language_of(request),
        principal=principal,
        session=request.scope.get("sojourn.session"),
        said=request.scope.get("sojourn.form", {}),
        zone="UTC" if state is None else (await request.app.state.profiles.of(state)).time_zone,
    )
    return found
