"""Where somebody takes a seat in practice space, and sees the pages of its role."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.pages import page, seen_other
from api.console.roles import NAMES
from api.console.visits import visit
from api.csrf import refuse_other_sites
from api.entering import former_of, give
from api.openapi import Direct, does, operation_id
from api.practice import SEATS, seat_named, take
from api.problems import NoSuchPath
from api.reading import ask
from api.services import Services, services_of
from ledger.access import PUBLIC
from projections.students import sample

LOOKED_AT: Final = 200
"""Students, among whom each state of the demo has some."""

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)


@router.get("/practice", openapi_extra=does(PUBLIC))
async def practice_page(request: Request) -> Response:
    """Every seat there is. Raises NoSuchPath outside practice space."""
    _must_be_practice(services_of(request))
    return page(await visit(request), "practice.html", seats=SEATS, names=NAMES)


@router.post("/practice/{seat}", openapi_extra=does(PUBLIC))
async def take_seat(request: Request) -> Response:
    """Sit down there: a session as its account. Raises NotFound."""
    refuse_other_sites(request)
    services, seat = services_of(request), seat_named(request.path_params["seat"])
    _must_be_practice(services)
    students = await ask(services.reads, lambda connection: sample(connection, LOOKED_AT))
    former = await former_of(request)
    made = await asyncio.to_thread(take, services, seat, list(students), former)
    answer = seen_other("/")
    give(request, answer, made)
    return answer


def _must_be_practice(services: Services) -> None:
    if not services.practice:
        raise NoSuchPath("This is no practice space.", remedy="Sign in at /sign-in.")
