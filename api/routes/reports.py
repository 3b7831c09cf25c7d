"""Reports, as JSON or, with ``Accept: text/csv``, as CSV.

Invariant: a report here holds counts, and of people the names of those who read; nothing of a child, so nothing is
disclosed by it.
"""

from __future__ import annotations

import re
from datetime import UTC, date
from typing import Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import Direct, operation, operation_id
from api.overseeing import readers_for
from api.policy import action_of, permitted
from api.principal import decided
from api.problems import Fault, Invalid
from api.requests import refuse_others
from api.schemas.disclosures import UnusualAnswer
from api.services import services_of
from api.unusual import on_day, sheet, told

router = APIRouter(
    prefix="/v1/reports", tags=["disclosures"], route_class=Direct, generate_unique_id_function=operation_id
)

_FORM: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY: Final = {
    "name": "day",
    "in": "query",
    "required": False,
    "description": "In UTC; today if it is not named.",
    "schema": {"type": "string", "format": "date"},
}


@router.get(
    "/unusual-access",
    summary="Who reads unusually",
    responses={
        200: {
            "model": UnusualAnswer,
            "description": "Readers whose day is unusual, as JSON, or with `Accept: text/csv` as CSV.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
    openapi_extra=operation("access.unusual", (_DAY,)),
)
async def get_unusual_access(request: Request) -> Response:
    """Ten times what is usual for the reader, or children of whom her own state keeps no record."""
    principal = await permitted(request)
    refuse_others(request, "day")
    services = services_of(request)
    day = _day(request) or services.clock().astimezone(UTC).date()
    of = readers_for(principal, decided(principal, action_of(request)))
    as_of, found = await on_day(services, day, of)
    headers = {"Cache-Control": "private, no-store", "Vary": "Accept"}
    if "text/csv" in request.headers.get("accept", ""):
        return Response(sheet(found), 200, headers, "text/csv; charset=utf-8")
    body = {"day": day.isoformat(), "position": as_of.position, "readers": [told(one) for one in found]}
    return Response(orjson.dumps(body), 200, headers, "application/json")


def _day(request: Request) -> date | None:
    """Raises Invalid."""
    given = request.query_params.get("day")
    if given is None:
        return None
    try:
        # The class takes other forms of ISO 8601 too, which the schema does not.
        return date.fromisoformat(given if _FORM.fullmatch(given) else "")
    except ValueError:
        raise Invalid(
            "The day cannot be used.",
            remedy="Send it as YYYY-MM-DD.",
            faults=[Fault("query:day", None, "date", "It is no day of the calendar.")],
        ) from None
