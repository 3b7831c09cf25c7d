# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""The audit trail of a student, event by event, in words."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import CURSOR, IF_NONE_MATCH, LIMIT, PURPOSE, STUDENT_ID, Direct, operation, operation_id
from api.principals import principal_of
from api.problems import Fault, Invalid
from api.routes.students import show_student
from api.schemas.answers import HistoryAnswer
from api.services import services_of
from api.trail import HistoryView

router = APIRouter(tags=["students"], route_class=Direct, generate_unique_id_function=operation_id)

LIMIT_MAX: Final = 1000


@router.get(
    "/v1/students/{id}/history",
    summary="What happened to a student, event by event",
    responses={
        200: {"model": HistoryAnswer, "description": "Shown, and the disclosure entry is durable."},
        304: {"description": "What the reader holds is current. Recorded as a disclosure too."},
    },
    openapi_extra=operation((STUDENT_ID, PURPOSE, IF_NONE_MATCH, LIMIT, CURSOR)),
)
async def read_history(request: Request) -> Response:
    """Read from the log itself, so nothing that is durable is missing. Takes any id ever issued; earliest first."""
    principal = await principal_of(request)
    request.scope["sojourn.principal"] = principal.name
    ledger = services_of(request).ledger
    limit, after = _page_of(request)
    shown = await show_student(request, principal, lambda _: HistoryView(ledger, after, limit))
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, headers=headers, media_type="application/json")


def _page_of(request: Request) -> tuple[int, int]:
    """Raises Invalid."""
    limit, cursor = request.query_params.get("limit", "100"), request.query_params.get("cursor", "0")
    for name, given, bound in (("limit", limit, LIMIT_MAX), ("cursor", cursor, 10**18)):
        if not (given.isascii() and given.isdigit() and len(given) < 19 and int(given) <= bound):
            raise Invalid(
                "The page cannot be found.",
                remedy=f"Ask for 1 to {LIMIT_MAX}, and take the cursor from the page before.",
                faults=[Fault(f"query:{name}", None, "page", "It is no whole number in its range.")],
            )
    return max(1, int(limit)), int(cursor)
