"""Holds as pages: what is kept although its years are over, by whom and why; placed and released.

Invariant: who reads a hold is told records by their ids alone. Its reason stands on its own page, for whoever may place
holds or approve disposals: a person is asked to name nobody there, and may do so all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import uuid_named
from api.console.faults import NONE, Faults, faults_told
from api.console.filled import Typed
from api.console.pages import page, seen_other
from api.console.retention_words import HOLDS, Reach, reach_of
from api.console.visits import Visit, permitted
from api.console.words import N_
from api.openapi import Direct, does, operation_id
from api.retaining import holds_of, over_of, tells_words
from api.routes.retention import own_state
from ledger.application import Ledger
from ledger.errors import BadValue, Conflict, NotFound, Refused
from ledger.events.retention import HoldPlaced, HoldReleased, Over
from ledger.ids import is_student_id
from ledger.keeping import Held
from ledger.retention.holds import PLACED, REASON_MAX, holds_on

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

WHAT: Final[Mapping[str, str]] = {
    "student": N_("a student: every record that is one with it"),
    "account": N_("the papers of an account"),
    "state": N_("all that is a state's"),
    "all": N_("everything"),
}


class Line(NamedTuple):
    """A hold as a page tells it. holds: whether it holds today."""

    hold: HoldPlaced
    over: Reach
    placed_at: datetime
    holds: bool
    released: HoldReleased | None
    released_at: datetime | None


@router.get("/retention/holds", openapi_extra=does("retention.read"))
async def holds_page(request: Request) -> Response:
    """Those that stand, newest first; with ``released``, the others too."""
    return await _list(await permitted(request), NONE)


@router.post("/retention/holds", openapi_extra=does("hold.place"))
async def place_hold(request: Request) -> Response:
    """It holds from the moment that it is placed, against what others are approving too."""
    here = await permitted(request)
    said, keeping = here.said, here.services.ledger.keeping
    try:
        over = await asyncio.to_thread(_over, here.services.ledger, said)
        until = _until(said.get("until", ""))
        kind, reason = said.get("kind", ""), said.get("reason", "")
        done = await here.did(lambda meta, key: keeping.place(kind, over, reason, meta, key, until))
    except (Refused, Conflict, NotFound) as refused:
        return await _list(here, faults_told(refused, here.language))
    return seen_other(f"/retention/holds/{done.id}?done=placed")


@router.get("/retention/holds/{id}", openapi_extra=does("retention.read"))
async def hold_page(request: Request) -> Response:
    """What it holds, who placed it, why, until when; and a form that releases it."""
    return await _one(await permitted(request), NONE)


@router.post("/retention/holds/{id}/release", openapi_extra=does("hold.release"))
async def release_hold(request: Request) -> Response:
    """What it held may go again, when it is due and two people say so."""
    here = await permitted(request)
    hold, reason = uuid_named(request.path_params["id"], "hold"), here.said.get("reason", "")
    keeping = here.services.ledger.keeping
    try:
        await here.did(lambda meta, key: keeping.release(hold, reason, meta, key))
    except (Refused, Conflict) as refused:
        return await _one(here, faults_told(refused, here.language))
    return seen_other(f"/retention/holds/{hold}?done=released")


# -- inside


async def _list(here: Visit, wrong: Faults) -> Response:
    released, state = "released" in here.request.query_params, own_state(here.request, here.signed_in)
    ledger = here.services.ledger

    def look() -> list[Line]:
        today = ledger.keeping.today(here.signed_in.state)
        return [_line(held, today) for held in holds_of(ledger, ledger.keeping.holds(released=released), state)]

    return page(
        here,
        "retention/holds.html",
        status=422 if wrong else 200,
        holds=await asyncio.to_thread(look),
        released=released,
        kinds=HOLDS,
        placed={kind: HOLDS[kind] for kind in PLACED},
        what=WHAT,
        said=Typed(here.said),
        wrong=wrong,
        may_place=here.may("hold.place"),
        reason_max=REASON_MAX,
    )


async def _one(here: Visit, wrong: Faults) -> Response:
    hold, state = uuid_named(here.request.path_params["id"], "hold"), own_state(here.request, here.signed_in)
    ledger = here.services.ledger

    def look() -> list[Line]:
        today = ledger.keeping.today(here.signed_in.state)
        return [_line(held, today) for held in holds_of(ledger, [ledger.keeping.hold(hold)], state)]

    found = await asyncio.to_thread(look)
    if not found:
        raise NotFound("There is no such hold.", remedy="See the list of holds.")
    return page(
        here,
        "retention/hold.html",
        status=422 if wrong else 200,
        line=found[0],
        kinds=HOLDS,
        words=tells_words(here.signed_in),
        said=Typed(here.said),
        wrong=wrong,
        done=here.request.query_params.get("done", ""),
        may_release=here.may("hold.release") and found[0].released is None,
        reason_max=REASON_MAX,
    )


def _line(held: Held, today: date) -> Line:
    hold = held.hold
    return Line(
        hold.placed,
        reach_of(hold.placed.over),
        held.placed_at,
        holds_on(hold, today),
        hold.released,
        held.released_at,
    )


def _over(ledger: Ledger, said: Mapping[str, str]) -> Over:
    """Raises BadValue, NotFound."""
    which = said.get("which", "").strip()
    match said.get("what", ""):
        case "student":
            given = which.replace(",", " ").split()
            if not given or not all(is_student_id(one) for one in given):
                raise BadValue(
                    N_("This is not a student id: it has 12 digits, the last of them a check digit."),
                    rule="student-id",
                    element="which",
                    place="/which",
                )
            return over_of(ledger, students=given)
        case "account":
            return over_of(ledger, account=uuid_named(which, "account"))
        case "state":
            return over_of(ledger, state=which.upper())
        case "all":
            return over_of(ledger, everything=True)
        case _:
            raise BadValue(N_("Choose one of the list."), rule="literal-error", element="what", place="/what")


def _until(given: str) -> date | None:
    try:
        return date.fromisoformat(given.strip()) if given.strip() else None
    except ValueError:
        raise BadValue(
            N_("This is no day of the calendar."), rule="date-from-datetime-parsing", element="until", place="/until"
        ) from None
