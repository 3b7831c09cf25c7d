# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)

"""Applications for access: made, verified by a supervisor, approved or refused by an authority.

Invariant: nobody learns of an application but who made it, who is to verify it, and the authority of its area; and of
what it comes to, one request writes all or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from api import admitting
from api.acting import KEYED, Asked, Did, act, acted
from api.admission import application_told, uuid_named
from api.openapi import UUID, Direct, operation, operation_id
from api.policy import action_of, permitted
from api.schemas.admission import (
    NAMES,
    AdmittedAnswer,
    ApplicationAnswer,
    ApplicationBody,
    NothingBody,
    RefusalBody,
    VerificationBody,
)
from api.services import services_of
from ledger.admissions import Admitted
from ledger.applications import Application, Command, Refuse, Withdraw

router = APIRouter(
    prefix="/v1/applications", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id
)


@router.post(
    "",
    summary="Apply for access",
    status_code=201,
    responses=acted(AdmittedAnswer, "It waits for its supervisor.", 201),
    openapi_extra=operation("application.send", KEYED, ApplicationBody),
)
async def post_application(request: Request) -> Response:
    """For oneself, or entered from the paper form by a user administrator or the help desk."""

    def do(asked: Asked[ApplicationBody]) -> Did:
        done = admitting.apply(asked.ledger.admissions, asked.principal, asked.said, asked.meta, asked.key)
        return _did(done, 201, f"/v1/applications/{done.ids['application']}")

    return await act(request, ApplicationBody, do, NAMES)


@router.get(
    "/{id}",
    summary="An application",
    responses={200: {"model": ApplicationAnswer, "description": "As it is now."}},
    openapi_extra=operation("application.read", (UUID,)),
)
async def get_application(request: Request) -> Response:
    """For who made it, who is to verify it, and who oversees its area."""
    principal = await permitted(request)
    application = uuid_named(request.path_params["id"], "application")
    admissions = services_of(request).ledger.admissions
    known = await asyncio.to_thread(admitting.readable, admissions, principal, action_of(request), application)
    told = orjson.dumps(application_told(application, known))
    return Response(told, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


@router.post(
    "/{id}/verification",
    summary="Verify an application",
    responses=acted(AdmittedAnswer, "The authority may decide it."),
    openapi_extra=operation("application.verify", (UUID, *KEYED), VerificationBody),
)
async def post_application_verification(request: Request) -> Response:
    """By the supervisor whom it names, signed in; or recorded from the form that he signed."""

    return await _handle(
        request, VerificationBody, lambda asked, _: admitting.verification(asked.principal, asked.said)
    )


@router.post(
    "/{id}/refusal",
    summary="Refuse an application",
    responses=acted(AdmittedAnswer, "It is closed."),
    openapi_extra=operation("application.decide", (UUID, *KEYED), RefusalBody),
)
async def post_application_refusal(request: Request) -> Response:
    """By an authority of its area, with a reason for the applicant."""
    return await _handle(
        request, RefusalBody, lambda asked, _: Refuse(by=asked.principal.name, reason=asked.said.reason)
    )


@router.post(
    "/{id}/withdrawal",
    summary="Take back an application",
    responses=acted(AdmittedAnswer, "It is closed."),
    openapi_extra=operation("application.send", (UUID, *KEYED), NothingBody),
)
async def post_application_withdrawal(request: Request) -> Response:
    """By who made it."""
    return await _handle(request, NothingBody, lambda asked, _: Withdraw(by=asked.principal.name))


@router.post(
    "/{id}/approval",
    summary="Approve an application",
    responses=acted(AdmittedAnswer, "The account has the role."),
    openapi_extra=operation("application.decide", (UUID, *KEYED), NothingBody),
)
async def post_application_approval(request: Request) -> Response:
    """By an authority of its area who neither made nor verified it; a training of the last year must be recorded."""

    def do(asked: Asked[NothingBody]) -> Did:
        application = uuid_named(request.path_params["id"], "application")
        return _did(admitting.approve(asked.ledger.admissions, asked.principal, application, asked.meta, asked.key))

    return await act(request, NothingBody, do, NAMES)


async def _handle(request: Request, model: type[Any], make: Callable[[Asked[Any], Application], Command]) -> Response:
    def do(asked: Asked[BaseModel]) -> Did:
        application = uuid_named(request.path_params["id"], "application")
        done = admitting.handle(
            asked.ledger.admissions,
            asked.principal,
            action_of(request),
            application,
            lambda known: make(asked, known),
            asked.meta,
            asked.key,
        )
        return _did(done)

    return await act(request, model, do, NAMES)


def _did(done: Admitted, status: int = 200, location: str | None = None) -> Did:
    return Did(done.ids | {"moved": done.moved}, done.position, done.replayed, status, location)
