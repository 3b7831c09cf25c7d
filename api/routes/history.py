# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""The audit trail of a student, event by event, in words."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import CURSOR, IF_NONE_MATCH, LIMIT, PURPOSE, STUDENT_ID, Direct, operation, operation_id
from api.policy import signed_in
from api.requests import page_of
from api.routes.students import show_student
from api.schemas.answers import HistoryAnswer
from api.services import services_of
from api.trail import HistoryView

router = APIRouter(tags=["students"], route_class=Direct, generate_unique_id_function=operation_id)


@router.get(
    "/v1/students/{id}/history",
    summary="What happened to a student, event by event",
    responses={
        200: {"model": HistoryAnswer, "description": "Shown, and the disclosure entry is durable."},
        304: {"description": "What the reader holds is current. Recorded as a disclosure too."},
    },
    openapi_extra=operation("student.history", (STUDENT_ID, PURPOSE, IF_NONE_MATCH, LIMIT, CURSOR)),
)
async def read_history(request: Request) -> Response:
    """Read from the log itself, so nothing that is durable is missing. Takes any id ever issued; earliest first."""
    principal = await signed_in(request)
    ledger = services_of(request).ledger
    limit, after = page_of(request)
    shown = await show_student(request, principal, lambda _: HistoryView(ledger, after or 0, limit))
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, headers=headers, media_type="application/json")
