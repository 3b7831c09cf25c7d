"""The policy of access, asked on behalf of a request: every route, and every command that shows a child, asks here.

Invariant: a route says what it does once, as its action (``api.openapi.operation``), and is decided by that; a route
that says none answers nobody. What is refused names its rule, so that ``sojourn access explain`` tells the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request

from api.edge import request_id_of
from api.entries import SHOWING, make_durable, of_each, refused
from api.openapi import ACTION
from api.principal import Principal, decided
from api.principals import principal_of
from api.services import services_of
from ledger.access import PUBLIC, Subject
from ledger.errors import Forbidden
from ledger.store import relinking


def action_of(request: Request) -> str:
    """What the route of a request does, as it says itself."""
    return request.scope["route"].openapi_extra[ACTION]


def within(request: Request, principal: Principal, state: str) -> None:
    """Pass where the principal may do what the route does for a state. Raises Forbidden, OtherState."""
    decided(principal, action_of(request), Subject(states=(state,)))


async def signed_in(request: Request, found: Callable[[Request], Awaitable[Principal]] | None = None) -> Principal:
    """Who asks, for a route that shows a child: what he may see is decided by ``show``, which records a refusal too.
    Whoever is turned away here already, since his account is disabled or not renewed, has asked all the same: that has
    its entry. found: as a page finds him; None: as everything else does.

    Raises NotSignedIn, Forbidden, StoreUnavailable.
    """
    try:
        principal = await (found or principal_of)(request)
    except Forbidden as refusal:
        await turned_away(request, action_of(request), refusal.code)
        raise
    request.scope["sojourn.principal"] = principal.logged
    return principal


async def permitted(request: Request) -> Principal:
    """Who asks, where his role may do what the route does at all. Raises NotSignedIn, Forbidden, StoreUnavailable."""
    principal = await signed_in(request)
    action = action_of(request)
    assert action != PUBLIC, "a public route asks nobody who he is"
    decided(principal, action)
    return principal


async def turned_away(request: Request, action: str, rule: str) -> None:
    """Make durable that somebody who has signed in asked for a child, and was not let in at all. action: of the route.
    rule: why not. Nothing where nobody is known, or no child was asked for. Raises StoreUnavailable."""
    principal: Principal | None = request.scope.get("sojourn.turned-away")
    if principal is None or action not in SHOWING:
        return
    services = services_of(request)
    of_child = action.startswith("student.") or "/students/{id}" in request.scope["route"].path
    child = request.path_params.get("id", "") if of_child else ""
    access, log = services.ledger.access, services.ledger.log

    def find() -> list[str]:
        with log.connection() as conn:
            return relinking.records_of(conn, child)

    records = await asyncio.to_thread(find) if child.isdigit() else []
    told = refused(principal, None, rule, action, child if records else "")
    request_id = request_id_of(request)
    await make_durable(access, of_each(records, told, request_id), principal, request_id)
