"""What went wrong, as a page: what, why, and what to do; and what a kind of problem means.

Invariant: a browser that asked for a page is answered by one, with the status that a program would get; whoever has
not signed in and asked for a page is led to where he can.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.console.pages import page
from api.console.policy_words import ACTION_NAMES
from api.console.visits import Visit, made_before, visit
from api.language import language_of
from api.openapi import Direct, does, operation_id
from api.problems import NoSuchPath, NotSignedIn, families, faults_of, status_of
from api.services import services_of
from ledger.access import ACTIONS, PUBLIC, RULES
from ledger.errors import Gone, LedgerError, RenewalNeeded

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)


@router.get("/problems/{code}", openapi_extra=does(PUBLIC))
async def problem_page(request: Request) -> Response:
    """What the ``type`` of a problem points to."""
    found = families().get(request.path_params["code"])
    if found is None:
        raise NoSuchPath("There is no problem of this type.", remedy="See the types in /openapi.json.")
    status, kind = found
    said = inspect.getdoc(kind) if kind.__doc__ else None
    return page(
        await visit(request),
        "problem_kind.html",
        title=status.title,
        code=kind.code,
        answered=status.status,
        meaning=said or status.title,
    )


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for a page."""
    path = request.scope["path"]
    return not path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


async def refusal(request: Request, error: LedgerError, request_id: str | None) -> Response:
    """The page of an error."""
    if isinstance(error, NotSignedIn) and request.method == "GET" and not request.url.path.startswith("/sign-in"):
        where = urlencode({"return_to": request.url.path})
        return RedirectResponse(f"/sign-in?{where}", 303, {"Cache-Control": "no-store"})
    if isinstance(error, RenewalNeeded) and request.method == "GET" and request.url.path != "/me":
        return RedirectResponse("/me", 303, {"Cache-Control": "no-store"})
    status, here = status_of(error), await _who(request)
    if isinstance(error, Gone) and error.members:
        told = {"what": error.what, "remedy": error.remedy, "gone": error.members}
        return page(here, "gone.html", status=status.status, may_read=here.may("retention.read"), **told)
    return page(
        here,
        "problem.html",
        status=status.status,
        title=status.title,
        what=error.what,
        remedy=error.remedy,
        faults=[fault for fault in faults_of(error) if fault.message != error.what],
        rule=(error.members or {}).get("rule"),
        lacks=_lacking(error.what),
        request_id=request_id,
    )


class _Lacking(NamedTuple):
    """What a role may not do at all, in English, the key of the Spanish, and which may. host: or not in a browser."""

    action: str
    roles: tuple[str, ...]
    host: bool


def _lacking(what: str) -> _Lacking | None:
    """What the policy says of a role, taken apart, so that a page can say it in the reader's language."""
    for action, words in ACTIONS.items():
        if what in (said := (f"This role may not {words}.", f"Over HTTP this role may not {words}.")):
            roles = tuple(sorted({rule.role for rule in RULES if rule.action == action}))
            return _Lacking(ACTION_NAMES.get(action, words), roles, what == said[1])
    return None


async def _who(request: Request) -> Visit:
    """Whoever was let in before it went wrong: a form that is looked at anew without its token is one forged."""
    try:
        return made_before(request) or await visit(request)
    except LedgerError:  # the page of one error must not end in another
        session = request.scope.get("sojourn.session")
        return Visit(request=request, services=services_of(request), language=language_of(request), session=session)
