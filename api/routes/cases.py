"""Cases: people answer them, put them before others, and say that they are at one.

Invariant: an answer and what it comes to are one write, so two people cannot both settle a case; and only the office
that it lies with, or one above, has anything to do with it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.named import case_named
from api.offices import office_for
from api.openapi import CASE_ID, Direct, operation, operation_id
from api.policy import permitted
from api.requests import body_of
from api.schemas.linkage import NAMES, AnswerBody, AnsweredAnswer, AssignmentBody, LeaseAnswer, LeaseBody
from api.services import services_of
from api.worklist import answered_told
from ledger.casework import Answered
from ledger.events.case import Place

router = APIRouter(
    prefix="/v1/cases/{id}", tags=["worklist"], route_class=Direct, generate_unique_id_function=operation_id
)


@router.post(
    "/answer",
    summary="Answer a case",
    responses=acted(AnsweredAnswer, "What it comes to is in effect."),
    openapi_extra=operation("case.settle", (CASE_ID, *KEYED), AnswerBody),
)
async def post_answer(request: Request) -> Response:
    """For the state of the token, by the office that its part lies with or one above. Whoever proposed it cannot
    validate it; every state that is asked has a say."""

    def do(asked: Asked[AnswerBody]) -> Did:
        case = case_named(request.path_params["id"])
        return _did(
            asked.ledger.casework.answer(
                case,
                asked.said.reason,
                asked.meta,
                office_for(asked.principal),
                asked.key,
                yes=asked.said.answer == "yes",
            )
        )

    return await act(request, AnswerBody, do)


@router.post(
    "/assignment",
    summary="Put a case before another office",
    responses=acted(AnsweredAnswer, "It lies there now."),
    openapi_extra=operation("case.settle", (CASE_ID, *KEYED), AssignmentBody),
)
async def post_assignment(request: Request) -> Response:
    """The token's state's part of it, sideways or down."""

    def do(asked: Asked[AssignmentBody]) -> Did:
        case, office, said = case_named(request.path_params["id"]), office_for(asked.principal), asked.said
        to = Place(state=office.state, region=said.region, district=said.district)
        return _did(asked.ledger.casework.assign(case, to, asked.meta, office, said.names, asked.key))

    return await act(request, AssignmentBody, do)


@router.put(
    "/lease",
    summary="Be at a case",
    responses={200: {"model": LeaseAnswer, "description": "Nobody else answers it until then."}},
    openapi_extra=operation("case.settle", (CASE_ID,), LeaseBody),
)
async def put_lease(request: Request) -> Response:
    """For whoever may answer it. Again, to stay longer. Refused where somebody else is at it."""
    principal = await permitted(request)
    office = office_for(principal)
    said = (await body_of(request)).as_model(LeaseBody, NAMES)
    case, casework = case_named(request.path_params["id"]), services_of(request).ledger.casework
    lease = await asyncio.to_thread(casework.lease, case, principal.name, office, said.minutes)
    until = lease.until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Response(orjson.dumps({"case": case, "holder": lease.holder, "until": until}), media_type="application/json")


@router.delete(
    "/lease",
    summary="Be at a case no longer",
    status_code=204,
    responses={204: {"description": "Whoever is next may answer it."}},
    openapi_extra=operation("case.settle", (CASE_ID,)),
)
async def delete_lease(request: Request) -> Response:
    """Nothing where one was not at it."""
    principal = await permitted(request)
    case = case_named(request.path_params["id"])
    await asyncio.to_thread(services_of(request).ledger.casework.release, case, principal.name)
    return Response(status_code=204)


def _did(answered: Answered) -> Did:
    return Did(answered_told(answered), answered.position, answered.replayed)
