"""How a route does something and answers: who asks, with what body and key, off the event loop.

Invariant: an answer to a write has its position, and says where it is the first answer again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from api.edge import request_id_of
from api.openapi import IDEMPOTENCY_KEY
from api.policy import permitted
from api.principal import Principal
from api.requests import body_of
from api.schemas.linkage import NAMES
from api.sending import request_key
from api.services import services_of
from ledger import telemetry
from ledger.application import Ledger, RequestKey
from ledger.events import Meta

Sent = TypeVar("Sent", bound=BaseModel)


class Asked(NamedTuple, Generic[Sent]):
    """A request to act. said: its body."""

    ledger: Ledger
    principal: Principal
    said: Sent
    meta: Meta
    key: RequestKey | None


class Did(NamedTuple):
    """What came of it. body: the answer. location: of what came to be."""

    body: dict[str, Any]
    position: int
    replayed: bool = False
    status: int = 200
    location: str | None = None


async def act(
    request: Request, model: type[Sent], do: Callable[[Asked[Sent]], Did], names: Sequence[str] = NAMES
) -> Response:
    """Do what a request asks for, in a thread, where its principal may. names: that its body may hold.

    Raises what ``do`` raises, Forbidden, …
    """
    principal = await permitted(request)
    body = await body_of(request)
    said = body.as_model(model, names)
    services = services_of(request)
    key = request_key(request, services, principal.name, body)
    meta = Meta(actor=principal.name, request=request_id_of(request))
    did = await asyncio.to_thread(do, Asked(services.ledger, principal, said, meta, key))
    headers = {"Ledger-Position": str(did.position)}
    if did.location is not None:
        headers["Location"] = did.location
    if did.replayed:
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    return Response(orjson.dumps(did.body), did.status, headers, "application/json")


def acted(model: type[BaseModel], description: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that acts."""
    return {
        status: {
            "model": model,
            "description": description,
            "headers": {
                "Ledger-Position": {"description": "Position of the write.", "schema": {"type": "integer"}},
                "Idempotency-Replayed": {
                    "description": "`true` where this is the first answer again.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        }
    }


KEYED: Final = (IDEMPOTENCY_KEY,)
