"""The feed: every event of the ledger as a CloudEvent, in pages or as server-sent events.

Invariant: every position once, in order, without gaps; ids, types and links only. It reads the clear columns, so no
body is opened and no child's data can be in it. A client that falls behind or goes away comes back with the last
position that it has seen. A stream lives no longer than the token that it was opened with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from psycopg.rows import namedtuple_row
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from api.openapi import does, operation_id
from api.policy import permitted
from api.problems import Fault, Invalid, NotSignedIn
from api.schemas.answers import EventPage
from api.services import Services, services_of
from ledger import telemetry
from ledger.errors import Forbidden

router = APIRouter(tags=["feed"], generate_unique_id_function=operation_id)

PAGE_MAX: Final = 1000
HEARTBEAT_S: Final = 15
POSITION_MAX: Final = 2**63 - 1


class Entry(NamedTuple):
    """The clear columns of one event."""

    position: int
    stream: str
    version: int
    topic: str
    event_id: UUID
    recorded_at: datetime


async def page(services: Services, after: int, limit: int) -> list[Entry]:
    """Events after a position, in order. Positions are given in commit order: what is missing here is not there."""
    async with services.feed.connection() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(
            "select position, stream, version, topic, event_id, recorded_at"
            " from ledger.events where position > %s order by position limit %s",
            (after, limit),
        )
        return [Entry(*row) for row in await cursor.fetchall()]


def cloud_event(entry: Entry) -> dict[str, Any]:
    """CloudEvents 1.0. The id is the event's own, so that a receiver may drop what it has seen."""
    return {
        "specversion": "1.0",
        "id": str(entry.event_id),
        "source": "/v1/events",
        "type": f"sojourn.{entry.topic}",
        "subject": entry.stream,
        "time": entry.recorded_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "position": entry.position,
            "version": entry.version,
            "links": {"self": f"/v1/events?after={entry.position - 1}&limit=1"},
        },
    }


@router.get(
    "/v1/events",
    summary="Follow the ledger",
    response_model=None,
    responses={
        200: {
            "model": EventPage,
            "description": "A page, or with `Accept: text/event-stream` the events as they come.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
    openapi_extra=does("feed.read"),
    dependencies=[Depends(permitted)],  # before the parameters: who may not ask is told nothing of them
)
async def feed(
    request: Request,
    after: Annotated[int, Query(ge=0, le=POSITION_MAX, description="The last position already seen.")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    last_event_id: Annotated[
        str | None, Header(description="For a stream that was cut: goes on after this position.")
    ] = None,
) -> Response:
    """Ids, types and links only: who may read a record reads it at its own address."""
    services = services_of(request)
    if "text/event-stream" in request.headers.get("accept", ""):
        start = after if last_event_id is None else _seen(last_event_id)
        return EventSourceResponse(_follow(request, start), ping=HEARTBEAT_S)
    entries = await page(services, after, limit)
    last = entries[-1].position if entries else after
    async with services.feed.connection() as connection:
        cursor = await connection.execute("select position from ledger.head")
        row = await cursor.fetchone()
    body = {
        "events": [cloud_event(entry) for entry in entries],
        "after": last,
        "head": row[0] if row else 0,
        "next": f"/v1/events?after={last}&limit={limit}" if len(entries) == limit else None,
    }
    return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "private, no-cache"})


async def _follow(request: Request, after: int) -> AsyncIterator[ServerSentEvent]:
    """What is there, then what comes: woken by the announcement of a new head, never by a clock.

    It ends with the token that began it: that is looked at before each page, and as often as the client is kept alive.
    """
    services = services_of(request)
    with telemetry.FEED_STREAMS_OPEN.track_inprogress():
        while await _still_signed_in(request):
            entries = await page(services, after, PAGE_MAX)
            for entry in entries:
                yield ServerSentEvent(
                    data=orjson.dumps(cloud_event(entry)).decode(),
                    event=f"sojourn.{entry.topic}",
                    id=str(entry.position),
                )
                after = entry.position
            if len(entries) < PAGE_MAX:
                while not await services.announcements.reached("ledger", after + 1, HEARTBEAT_S):
                    if not await _still_signed_in(request):
                        return


async def _still_signed_in(request: Request) -> bool:
    """Whether the token still holds. Raises psycopg.Error where that cannot be found out, and the stream breaks off."""
    try:
        await permitted(request)
    except (NotSignedIn, Forbidden):
        return False
    return True


def _seen(last_event_id: str) -> int:
    """Raises Invalid where the header is no position."""
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
        raise Invalid(
            "Last-Event-ID is not a position.",
            remedy="Send the id of the last event that was received.",
            faults=[Fault("header:Last-Event-ID", None, "position", "It is not a whole number.")],
        )
    return int(last_event_id)
