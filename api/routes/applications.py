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

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import application_told, authority_of, must_oversee, owners_of, uuid_named
from api.openapi import UUID, Direct, operation, operation_id
from api.policy import action_of, decided, permitted
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
from ledger.access import APPLICANT, Subject
from ledger.admissions import Admitted
from ledger.applications import Application, Apply, Command, Refuse, Verify, Withdraw
from ledger.errors import Forbidden
from ledger.events.application import AccessApplied, AskedRole
from ledger.persons import same_person

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
        said = asked.said
        asked_for = AskedRole(
            role=said.role,
            organisation=said.organisation,
            state=said.state,
            region=said.region,
            district=said.district,
        )
        states = (said.state,) if said.state else ()
        decided(asked.principal, "application.send", Subject(states=states, owners=(said.email,)))
        command = Apply(
            by=asked.principal.name,
            account="",
            kind=said.kind,
            email=said.email,
            name=said.name,
            title=said.title,
            address=said.address,
            phone=said.phone,
            asked=asked_for,
            supervisor=said.supervisor,
            supervisor_email=said.supervisor_email,
            disclaimer=said.disclaimer,
        )
        done = asked.ledger.admissions.apply(command, asked.meta, asked.key)
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
    known = await asyncio.to_thread(services_of(request).ledger.admissions.application, application)
    decision = decided(principal, action_of(request), about(known.applied))
    must_oversee(principal, decision, {known.applied.asked.region}, owners_of(known.applied))
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

    def make(asked: Asked[VerificationBody], _: Application) -> Command:
        said = asked.said
        if asked.principal.account is None and asked.principal.role == APPLICANT:
            raise Forbidden(
                "A supervisor who signs in has an account here.",
                remedy="Sign the form, and have a user administrator record it.",
            )
        return Verify(by=asked.principal.name, identity=said.identity, need=said.need, form=said.form)

    return await _handle(request, VerificationBody, make)


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
        admissions = asked.ledger.admissions
        decided(asked.principal, "application.decide", about(admissions.application(application).applied))
        return _did(admissions.approve(application, authority_of(asked.principal), asked.meta, asked.key))

    return await act(request, NothingBody, do, NAMES)


def about(applied: AccessApplied) -> Subject:
    """What an application is about, for the policy: its state, and whose it is."""
    return Subject(states=(applied.asked.state,) if applied.asked.state else (), owners=owners_of(applied))


async def _handle(request: Request, model: type[Any], make: Callable[[Asked[Any], Application], Command]) -> Response:
    def do(asked: Asked[BaseModel]) -> Did:
        application = uuid_named(request.path_params["id"], "application")
        admissions = asked.ledger.admissions
        known = admissions.application(application)
        action = action_of(request)
        decision = decided(asked.principal, action, about(known.applied))
        # Who acts by his office acts within its area; who acts for himself, wherever that is, his office or not.
        own = [known.applied.supervisor_email] if action == "application.verify" else []
        own += owners_of(known.applied) if action == "application.send" else []
        mine = decision.scope in {"own", "any"} or any(same_person(asked.principal.name, owner) for owner in own)
        authority = None if mine else authority_of(asked.principal)
        return _did(admissions.handle(application, make(asked, known), asked.meta, asked.key, authority))

    return await act(request, model, do, NAMES)


def _did(done: Admitted, status: int = 200, location: str | None = None) -> Did:
    return Did(done.ids | {"moved": done.moved}, done.position, done.replayed, status, location)
