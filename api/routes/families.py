# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""A family's access to a child's records: granted and ended by an official of the child's own school or district.

Invariant: the official saw who it is and hands the code over; no mail and no log ever holds it.
"""

from __future__ import annotations

import asyncio

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api import granting
from api.acting import KEYED, Asked, Did, act, acted
from api.admission import uuid_named
from api.edge import request_id_of
from api.managing import number_named
from api.openapi import GRANT, UUID, Direct, operation, operation_id
from api.policy import permitted
from api.requests import body_of
from api.schemas.admission import (
    NAMES,
    AccountReasonBody,
    AdmittedAnswer,
    CodeAnswer,
    FamilyEndBody,
    FamilyGrantAnswer,
    FamilyGrantBody,
)
from api.services import services_of
from ledger.events import Meta

router = APIRouter(prefix="/v1", tags=["access"], route_class=Direct, generate_unique_id_function=operation_id)


@router.post(
    "/family-grants",
    summary="Grant a family access",
    status_code=201,
    responses=acted(FamilyGrantAnswer, "It holds once the code is shown.", 201),
    openapi_extra=operation("family.grant", KEYED, FamilyGrantBody),
)
async def post_family_grant(request: Request) -> Response:
    """To a parent, guardian or eligible student who showed identification (34 CFR 99.10, 99.5). Until the day that is
    named, a year at most, and never beyond the student's eighteenth birthday."""

    def do(asked: Asked[FamilyGrantBody]) -> Did:
        granted = granting.grant(services_of(request), asked.principal, asked.said, asked.meta, asked.key)
        done, family, code = granted.done, granted.family, granted.code
        body = done.ids | {
            "moved": done.moved,
            "until": family.until.isoformat(),
            "ends_by": family.ends_by,
            "code": code and code.text,
            "code_ends_at": code and code.ends_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        return Did(body, done.position, done.replayed, 201)

    return await act(request, FamilyGrantBody, do, NAMES)


@router.post(
    "/accounts/{id}/family-grants/{grant}/ending",
    summary="End a family's access",
    responses=acted(AdmittedAnswer, "Nothing is shown by it any more."),
    openapi_extra=operation("family.grant", (UUID, GRANT, *KEYED), FamilyEndBody),
)
async def post_family_ending(request: Request) -> Response:
    """By court order, or because it is no longer wanted. Days, and the eighteenth birthday, end it by themselves."""

    def do(asked: Asked[FamilyEndBody]) -> Did:
        account, number = _named(request)
        done = granting.end(asked.ledger, asked.principal, account, number, asked.said, asked.meta, asked.key)
        return Did(done.ids | {"moved": done.moved}, done.position, done.replayed)

    return await act(request, FamilyEndBody, do, NAMES)


@router.post(
    "/accounts/{id}/family-grants/{grant}/codes",
    summary="Give a family another code",
    status_code=201,
    responses={201: {"model": CodeAnswer, "description": "To be handed over; it is not told again."}},
    openapi_extra=operation("family.grant", (UUID, GRANT), AccountReasonBody),
)
async def post_family_grant_code(request: Request) -> Response:
    """Where the first one was lost, or has ended; or, once the grant was taken, to sign in again where the password was
    lost. Whoever gives it has seen identification again, and says so."""
    principal = await permitted(request)
    services = services_of(request)
    account, number = _named(request)
    said = (await body_of(request)).as_model(AccountReasonBody, NAMES)
    meta = Meta(actor=principal.name, request=request_id_of(request))

    code = await asyncio.to_thread(granting.another_code, services, principal, account, number, said.reason, meta)
    told = orjson.dumps({"account": account, "code": code.text, "ends_at": code.ends_at}, option=orjson.OPT_UTC_Z)
    return Response(told, 201, {"Cache-Control": "no-store"}, "application/json")


def _named(request: Request) -> tuple[str, int]:
    """Account, and number of the grant. Raises NotFound."""
    return uuid_named(request.path_params["id"], "account"), number_named(request.path_params["grant"], "grant")
