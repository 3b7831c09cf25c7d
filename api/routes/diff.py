# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""What changed in a student between two points, and by which events."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.changes import ChangesView
from api.openapi import GONE, IF_NONE_MATCH, POINT_FROM, POINT_TO, PURPOSE, STUDENT_ID, Direct, operation, operation_id
from api.past import in_turn, points_of
from api.policy import signed_in
from api.routes.students import point_for, show_student
from api.schemas.changes import ChangesAnswer
from api.services import services_of

router = APIRouter(tags=["students"], route_class=Direct, generate_unique_id_function=operation_id)


@router.get(
    "/v1/students/{id}/diff",
    summary="What changed in a student between two points",
    responses={
        200: {"model": ChangesAnswer, "description": "Shown, and the disclosure entry is durable."},
        304: {"description": "What the reader holds is current. Recorded as a disclosure too."},
        **GONE,
    },
    openapi_extra=operation("student.read", (STUDENT_ID, POINT_FROM, POINT_TO, PURPOSE, IF_NONE_MATCH)),
)
async def read_diff(request: Request) -> Response:
    """Field by field, each difference with the events behind it; through merges, splits and reversals. Without `to` up
    to now. Takes any id ever issued."""
    principal = await signed_in(request)
    ledger = services_of(request).ledger
    before, after = await point_for(request, principal, in_turn(lambda: points_of(request)))
    shown = await show_student(request, principal, lambda _: ChangesView(ledger.log, before, after, principal))
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, headers=headers, media_type="application/json")
