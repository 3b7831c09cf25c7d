# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Matching policies over HTTP: by what records are found to be one child's. Read only.

Invariant: a policy is published by an operator on the command line, where it was tried before; nothing here changes
which one decides. Nothing of it is of a child, and the tables of how common names are, are not told, so that no
disclosure is written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import AT_LEAST, Direct, operation, operation_id
from api.policies import levels_told, listed, rates_told
from api.policy import permitted
from api.reading import at_least
from api.requests import at_least_of
from api.routes.jurisdictions import IF_NONE_MATCH
from api.schemas.policies import PoliciesAnswer, PolicyAnswer
from api.services import services_of
from api.show import is_current
from ledger.errors import NotFound
from ledger.policies import Policies
from projections.as_of import AsOf

router = APIRouter(
    prefix="/v1/policies", tags=["linkage"], route_class=Direct, generate_unique_id_function=operation_id
)


_T = TypeVar("_T")
_VERSION: Final = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "A policy's name.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "example": "sojourn-3",
}
_ETAG: Final = {"description": "Stands for all that is said of policies.", "schema": {"type": "string"}}


@router.get(
    "",
    summary="Matching policies",
    responses={
        200: {"model": PoliciesAnswer, "description": "Every policy.", "headers": {"ETag": _ETAG}},
        304: {"description": "What the client holds is current."},
    },
    openapi_extra=operation("policy.read", (AT_LEAST, IF_NONE_MATCH)),
)
async def get_policies(request: Request) -> Response:
    """Which were trained, with their checks, and which were published, by whom and with which thresholds and guards.

    There is no POST: a policy is trained, tried and published by an operator, on the command line.
    """
    await permitted(request)
    position, policies = await _read(request, listed)
    return _answered(request, {"position": position, "policies": policies})


@router.get(
    "/{version}",
    summary="A matching policy",
    responses={
        200: {"model": PolicyAnswer, "description": "With its levels.", "headers": {"ETag": _ETAG}},
        304: {"description": "What the client holds is current."},
    },
    openapi_extra=operation("policy.read", (_VERSION, AT_LEAST, IF_NONE_MATCH)),
)
async def get_policy(request: Request) -> Response:
    """What each level of each field weighs, beside what the list says. Published on the command line only."""
    await permitted(request)
    version: str = request.path_params["version"]

    def look(policies: Policies) -> dict[str, Any] | None:
        found = next((one for one in listed(policies)[1] if one["version"] == version), None)
        if found is None:
            return None
        policy = policies.named(version)
        return {**found, "code": policy.code, "rates": rates_told(policy), "levels": levels_told(policy)}

    told = await _read(request, look)
    if told is None:
        raise NotFound("There is no such policy.", remedy="See the list at /v1/policies.")
    return _answered(request, told)


# -- inside


async def _read(request: Request, look: Callable[[Policies], _T]) -> _T:
    """From the log itself, from the position on that the request asks for. Raises Behind, Invalid."""
    services = services_of(request)
    ledger = services.ledger

    def both() -> tuple[AsOf, _T]:
        head = ledger.log.head()
        return AsOf(head, 0), look(ledger.policies)

    async def read() -> tuple[AsOf, _T]:
        return await asyncio.to_thread(both)

    _, found = await at_least(services, ledger.log.log_name, at_least_of(request), read)
    return found


def _answered(request: Request, told: dict[str, Any]) -> Response:
    body = orjson.dumps(told)
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_current(etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")
