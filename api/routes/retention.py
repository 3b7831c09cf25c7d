# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Retention over HTTP: how long what is kept, what is held all the same, and what is due.

Invariant: nothing here destroys. Ids, days and counts are told, and nothing of a child, so no disclosure is written.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import uuid_named
from api.edge import request_id_of
from api.openapi import LIMIT, Direct, operation, operation_id
from api.policy import action_of, permitted
from api.principal import Principal, decided
from api.problems import MEDIA_TYPE, Fault, Invalid
from api.requests import LIMIT_MAX, body_of, refuse_others, truth_of
from api.retaining import hold_told, holds_of, item_told, over_of, schedules_told, tells_words
from api.schemas.retention import (
    NAMES,
    DoneAnswer,
    DueAnswer,
    HoldAnswer,
    HoldBody,
    HoldReasonBody,
    HoldsAnswer,
    ScheduleBody,
    SchedulesAnswer,
    ScheduleSetAnswer,
)
from api.sending import request_key
from api.services import services_of
from ledger import telemetry
from ledger.access import Subject
from ledger.application import Ledger
from ledger.disposals import PAGE_MAX
from ledger.errors import NotFound
from ledger.events import Meta
from ledger.events.retention import After
from ledger.keeping import Done
from ledger.retention.schedules import COUNTED, SetSchedule

router = APIRouter(
    prefix="/v1/retention", tags=["retention"], route_class=Direct, generate_unique_id_function=operation_id
)

T = TypeVar("T")

NO_CACHE: Final = {"Cache-Control": "private, no-cache"}
UUID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the hold or disposal.",
    "schema": {"type": "string", "format": "uuid"},
}
IN_STATE: Final = {
    "name": "state",
    "in": "query",
    "required": False,
    "description": "USPS code; what is another state's is left out.",
    "schema": {"type": "string", "pattern": "^[A-Z]{2}$"},
}
_CLASS: Final = {
    "name": "record_class",
    "in": "query",
    "required": False,
    "description": "Of one class alone.",
    "schema": {"type": "string", "enum": list(COUNTED)},
}
_RELEASED: Final = {
    "name": "released",
    "in": "query",
    "required": False,
    "description": "Those that were released too.",
    "schema": {"type": "boolean", "default": False},
}
CURSOR: Final = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "description": "From the page before.",
    "schema": {"type": "string", "maxLength": 100},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what the client has read: set only where no schedule was set since.",
    "schema": {"type": "string", "pattern": "^[ -~]*$"},
}
_ETAG: Final = {"description": "Stands for the version of all schedules.", "schema": {"type": "string"}}
_MOVED: Final = {
    "description": "A schedule was set since they were read.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


# -- schedules


@router.get(
    "/schedules",
    summary="How long each class of record is kept",
    responses={200: {"model": SchedulesAnswer, "description": "Those in effect.", "headers": {"ETag": _ETAG}}},
    openapi_extra=operation("retention.read", ()),
)
async def get_schedules(request: Request) -> Response:
    """With the law's floor of each class. A class without a schedule is kept."""
    await permitted(request)
    refuse_others(request)
    known = await asyncio.to_thread(services_of(request).ledger.keeping.schedules)
    return told(schedules_told(known), {"ETag": _etag(known.version)})


@router.put(
    "/schedules",
    summary="Set how long a class of record is kept",
    responses={
        200: {
            "model": ScheduleSetAnswer,
            "description": "It holds.",
            "headers": {
                "ETag": _ETAG,
                "Ledger-Position": {"description": "Position of the write.", "schema": {"type": "integer"}},
                "Idempotency-Replayed": {
                    "description": "`true` where this is the first answer again.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        },
        412: _MOVED,
    },
    openapi_extra=operation("schedule.set", (*KEYED, _IF_MATCH), ScheduleBody),
)
async def put_schedule(request: Request) -> Response:
    """Of one class, in one state or the nation; whole. One that is shorter than the law allows is refused."""
    principal = await permitted(request)
    body = await body_of(request)
    said = body.as_model(ScheduleBody, NAMES)
    services = services_of(request)
    command = SetSchedule(
        record_class=said.record_class,
        state=said.state,
        after=[After(since=term.since, years=term.years) for term in said.after],
        authority=said.authority,
        by=principal.name,
    )
    setting = await asyncio.to_thread(
        services.ledger.keeping.set_schedule,
        command,
        Meta(actor=principal.name, request=request_id_of(request)),
        request_key(request, services, principal.name, body),
        _versions(request.headers.get("if-match")),
    )
    headers = {"Ledger-Position": str(setting.position), "ETag": _etag(setting.version)}
    if setting.replayed:
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    answer = {"version": setting.version, "position": setting.position, "changed": setting.changed}
    return told(answer, headers)


# -- holds


@router.get(
    "/holds",
    summary="What is held",
    responses={200: {"model": HoldsAnswer, "description": "The last one placed first."}},
    openapi_extra=operation("retention.read", (IN_STATE, _RELEASED)),
)
async def get_holds(request: Request) -> Response:
    """Holds that people placed. An open case holds by itself and stands in the worklist."""
    principal = await permitted(request)
    refuse_others(request, "state", "released")
    state, released = state_for(request, principal), truth_of(request, "released")

    def look(ledger: Ledger) -> list[dict[str, Any]]:
        found = holds_of(ledger, ledger.keeping.holds(released=released), state)
        today = ledger.keeping.today(principal.state)
        return [hold_told(held, today, words=tells_words(principal)) for held in found]

    return told({"holds": await looked(request, look)})


@router.post(
    "/holds",
    summary="Place a hold",
    status_code=201,
    responses=acted(DoneAnswer, "It holds, before every schedule.", 201),
    openapi_extra=operation("hold.place", KEYED, HoldBody),
)
async def post_hold(request: Request) -> Response:
    """Over the records of students, over records, an account, a state, or everything. Over a record it holds each
    record that is one student with it, as long as it is."""

    def do(asked: Asked[HoldBody]) -> Did:
        said = asked.said
        over = over_of(
            asked.ledger,
            students=said.students,
            records=said.records,
            account=said.account,
            state=said.state,
            everything=bool(said.everything),
        )
        done = asked.ledger.keeping.place(said.kind, over, said.reason, asked.meta, asked.key, said.until)
        return did(done, 201, f"/v1/retention/holds/{done.id}")

    return await act(request, HoldBody, do, NAMES)


@router.get(
    "/holds/{id}",
    summary="A hold",
    responses={200: {"model": HoldAnswer, "description": "As it is now."}},
    openapi_extra=operation("retention.read", (UUID,)),
)
async def get_hold(request: Request) -> Response:
    """Released ones too."""
    principal = await permitted(request)
    refuse_others(request)
    hold = uuid_named(request.path_params["id"], "hold")

    def look(ledger: Ledger) -> dict[str, Any]:
        found = holds_of(ledger, [ledger.keeping.hold(hold)], own_state(request, principal))
        if not found:
            raise NotFound("There is no such hold.", remedy="See the list of holds.")
        return hold_told(found[0], ledger.keeping.today(principal.state), words=tells_words(principal))

    return told(await looked(request, look))


@router.post(
    "/holds/{id}/release",
    summary="Release a hold",
    responses=acted(DoneAnswer, "It holds no more."),
    openapi_extra=operation("hold.release", (UUID, *KEYED), HoldReasonBody),
)
async def post_hold_release(request: Request) -> Response:
    """What is due goes by a disposal that is approved after this, and not by itself."""

    def do(asked: Asked[HoldReasonBody]) -> Did:
        hold = uuid_named(request.path_params["id"], "hold")
        return did(asked.ledger.keeping.release(hold, asked.said.reason, asked.meta, asked.key))

    return await act(request, HoldReasonBody, do, NAMES)


# -- what is due


@router.get(
    "/due",
    summary="What is due",
    responses={200: {"model": DueAnswer, "description": "What is held among it, with what holds it."}},
    openapi_extra=operation("retention.read", (_CLASS, IN_STATE, LIMIT, CURSOR)),
)
async def get_due(request: Request) -> Response:
    """By class, state and id, each on the day of its own state. Due is not destroyed: propose it."""
    principal = await permitted(request)
    refuse_others(request, "record_class", "state", "limit", "cursor")
    asked, state = request.query_params, state_for(request, principal)
    limit = min(limit_of(request), PAGE_MAX)

    def look(ledger: Ledger) -> dict[str, Any]:
        page = ledger.disposals.due(asked.get("record_class"), state, limit, asked.get("cursor"))
        return {"due": [item_told(item) for item in page.items], "cursor": page.cursor}

    return told(await looked(request, look))


# -- shared with disposals


def state_for(request: Request, principal: Principal) -> str | None:
    """Of which state something is asked: the one that is named, else the one that the role is narrowed to. None for
    every one. Raises Forbidden, OtherState."""
    state = request.query_params.get("state") or own_state(request, principal)
    if state is not None:
        decided(principal, action_of(request), Subject(states=(state,)))
    return state


def own_state(request: Request, principal: Principal) -> str | None:
    """The state whose alone a role reads; None for who reads of every one."""
    return principal.state if decided(principal, action_of(request)).scope != "any" else None


def limit_of(request: Request) -> int:
    """How many are asked for. Raises Invalid."""
    limit = request.query_params.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= LIMIT_MAX):
        raise Invalid(
            "The page is too large or too small.",
            remedy=f"Ask for 1 to {LIMIT_MAX}.",
            faults=[Fault("query:limit", None, "page", f"It is not 1 to {LIMIT_MAX}.")],
        )
    return int(limit)


async def looked(request: Request, look: Callable[[Ledger], T]) -> T:
    """What a look at the ledger gives, off the event loop."""
    return await asyncio.to_thread(look, services_of(request).ledger)


def told(answer: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """An answer to a reader."""
    text = orjson.dumps(answer, option=orjson.OPT_UTC_Z)
    return Response(text, 200, {**NO_CACHE, **(headers or {})}, "application/json")


def did(done: Done, status: int = 200, location: str | None = None) -> Did:
    """What came of a command."""
    return Did({"id": done.id, "status": done.status}, done.position, done.replayed, status, location)


def _etag(version: int) -> str:
    return f'"{version}"'


def _versions(given: str | None) -> set[int] | None:
    """Versions that If-Match names (RFC 9110, 13.1.1); None where any will do. A weak tag matches nothing."""
    if given is None or given.strip() == "*":
        return None
    found = (_TAG.fullmatch(part.strip()) for part in given.split(","))
    return {int(match[1]) for match in found if match}


_TAG: Final = re.compile(r'"([0-9]{1,18})"')
