"""The policy of access, asked on behalf of a request: every route, and every command that shows a child, asks here.

Invariant: a route says what it does once, as its action (``api.openapi.operation``), and is decided by that; a route
that says none answers nobody. What is refused names its rule, so that ``sojourn access explain`` tells the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from starlette.requests import Request

from api.openapi import ACTION
from api.principals import Principal, principal_of
from ledger.access import NOBODY, PUBLIC, Decision, Lack, Subject, Who, decide
from ledger.errors import Forbidden, OtherState


def action_of(request: Request) -> str:
    """What the route of a request does, as it says itself."""
    return request.scope["route"].openapi_extra[ACTION]


def who(principal: Principal) -> Who:
    """A principal as the policy knows him."""
    return Who(
        principal.role,
        principal.state,
        principal.region,
        principal.district,
        principal.granted,
        principal.local,
        principal.name,
    )


def decided(principal: Principal, action: str, subject: Subject = NOBODY) -> Decision:
    """What the policy lets a principal do. Raises Forbidden, OtherState."""
    decision = decide(who(principal), action, subject)
    if not decision.allowed:
        refuse(decision)
    return decision


def refuse(decision: Decision) -> NoReturn:
    """Raises what a refusal is told by: OtherState where only the state is wrong, else Forbidden."""
    kind = OtherState if decision.lacks is Lack.STATE else Forbidden
    error = kind(decision.why, remedy=decision.remedy)
    error.members = {"rule": decision.rule}
    raise error


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
        from api.entries import turned_away  # which decides by what is here

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
