# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)

"""Accounts: read, disabled for a time, deactivated for good, and the trainings on which they rest.

Invariant: an authority does this to accounts each of whose roles lies in its area, and to its own never more than to
end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import account_told, uuid_named
from api.edge import request_id_of
from api.managing import ending, give_code, manage, must_be_readable, record_training
from api.openapi import GRANT, UUID, Direct, operation, operation_id
from api.policy import permitted
from api.requests import body_of
from api.schemas.admission import NAMES, AccountAnswer, AccountReasonBody, AdmittedAnswer, CodeAnswer, TrainingBody
from api.services import services_of
from ledger.account_acts import Command, Deactivate, Disable, Enable
from ledger.admissions import Admitted
from ledger.events import Meta

router = APIRouter(prefix="/v1", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id)


@router.get(
    "/accounts/{id}",
    summary="An account",
    responses={200: {"model": AccountAnswer, "description": "As it is now."}},
    openapi_extra=operation("account.read", (UUID,)),
)
async def get_account(request: Request) -> Response:
    """For who oversees its area. One's own is at /v1/me."""
    principal = await permitted(request)
    account = uuid_named(request.path_params["id"], "account")
    admissions = services_of(request).ledger.admissions
    standing = await asyncio.to_thread(admissions.standing, account)
    must_be_readable(principal, standing)
    known = await asyncio.to_thread(admissions.account, account)
    told = orjson.dumps(account_told(account, known))
    return Response(told, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


@router.post(
    "/accounts/{id}/disablement",
    summary="Disable an account",
    responses=acted(AdmittedAnswer, "Nobody is let in by it."),
    openapi_extra=operation("account.manage", (UUID, *KEYED), AccountReasonBody),
)
async def post_disablement(request: Request) -> Response:
    """For a time."""
    return await _manage(request, lambda by, reason: Disable(by=by, reason=reason))


@router.post(
    "/accounts/{id}/enablement",
    summary="Enable an account",
    responses=acted(AdmittedAnswer, "It lets in again."),
    openapi_extra=operation("account.manage", (UUID, *KEYED), AccountReasonBody),
)
async def post_enablement(request: Request) -> Response:
    """Again, after it was disabled; never by its own holder."""
    return await _manage(request, lambda by, reason: Enable(by=by, reason=reason))


@router.post(
    "/accounts/{id}/deactivation",
    summary="Deactivate an account",
    responses=acted(AdmittedAnswer, "It has ended."),
    openapi_extra=operation("account.manage", (UUID, *KEYED), AccountReasonBody),
)
async def post_deactivation(request: Request) -> Response:
    """For good: its e-mail address is never taken for an account again."""
    return await _manage(request, lambda by, reason: Deactivate(by=by, reason=reason))


@router.post(
    "/accounts/{id}/roles/{grant}/ending",
    summary="End a role",
    responses=acted(AdmittedAnswer, "The account has it no longer."),
    openapi_extra=operation("account.manage", (UUID, GRANT, *KEYED), AccountReasonBody),
)
async def post_role_ending(request: Request) -> Response:
    """One role of an account."""
    return await _manage(request, lambda by, reason: ending(by, request.path_params["grant"], reason))


@router.post(
    "/accounts/{id}/sign-in-codes",
    summary="Give somebody a code to sign in with",
    status_code=201,
    responses={201: {"model": CodeAnswer, "description": "To be handed over; it is not told again."}},
    openapi_extra=operation("account.manage", (UUID,), AccountReasonBody),
)
async def post_sign_in_code(request: Request) -> Response:
    """For the first time, and when password and second factor are lost: what there was ends, and so do the sessions.
    Whoever gives it has seen who it is, and says so; that he gave it stays with the account."""
    principal = await permitted(request)
    account = uuid_named(request.path_params["id"], "account")
    services = services_of(request)
    said = (await body_of(request)).as_model(AccountReasonBody, NAMES)
    meta = Meta(actor=principal.name, request=request_id_of(request))

    code = await asyncio.to_thread(give_code, services, principal, account, said.reason, meta)
    told = {"account": account, "code": code.text, "ends_at": code.ends_at}
    text = orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return Response(text, 201, {"Cache-Control": "no-store"}, "application/json")


@router.post(
    "/trainings",
    summary="Record a training",
    status_code=201,
    responses=acted(AdmittedAnswer, "Access is renewed by it.", 201),
    openapi_extra=operation("training.record", KEYED, TrainingBody),
)
async def post_training(request: Request) -> Response:
    """By who oversees the account's area, or by its holder with the certificate."""

    def do(asked: Asked[TrainingBody]) -> Did:
        done = record_training(asked.ledger, asked.principal, asked.said, asked.meta, asked.key)
        return _did(done, 201)

    return await act(request, TrainingBody, do, NAMES)


async def _manage(request: Request, make: Callable[[str, str], Command]) -> Response:
    def do(asked: Asked[AccountReasonBody]) -> Did:
        account = uuid_named(request.path_params["id"], "account")
        command = make(asked.principal.name, asked.said.reason)
        done = manage(services_of(request), asked.principal, account, command, asked.meta, asked.key)
        return _did(done)

    return await act(request, AccountReasonBody, do, NAMES)


def _did(done: Admitted, status: int = 200) -> Did:
    return Did(done.ids | {"moved": done.moved}, done.position, done.replayed, status)
