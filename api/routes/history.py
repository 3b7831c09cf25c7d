# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""The audit trail of a student, event by event, in words: narrowed, page by page, or whole as CSV.

Invariant: the name of somebody who acted stands in a body, never in an address.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.openapi import (
    AT_LEAST,
    CURSOR,
    GONE,
    IF_NONE_MATCH,
    LIMIT,
    PURPOSE,
    STUDENT_ID,
    Direct,
    operation,
    operation_id,
)
from api.policy import signed_in
from api.principal import Principal
from api.problems import Fault, Invalid
from api.requests import at_least_of, body_of, page_of
from api.routes.students import show_student
from api.schemas.history import FIELDS, INSTANT, HistoryAnswer, HistoryBody
from api.services import services_of
from api.sheets import MEDIA_TYPE
from api.trail import HistoryView, Part, over_http
from api.trail_asked import FILTERS, Asked, asked_by, asked_of, from_body
from ledger.mde import STATES
from projections.life_cycle import NAMES
from projections.trails import KINDS

router = APIRouter(tags=["students"], route_class=Direct, generate_unique_id_function=operation_id)


def _query(name: str, description: str, schema: dict[str, Any], *, many: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "in": "query", "required": False, "description": description}
    if not many:
        return {**told, "schema": schema}
    schema = {"type": "array", "items": {"type": "string", **schema}, "maxItems": 60}
    return {**told, "schema": schema, "style": "form", "explode": True}


_INSTANT: Final = {"type": "string", "pattern": INSTANT}
_UUID: Final = {"pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_FILTERS: Final = (
    _query("since", "Recorded at this instant or later, or from this day (UTC) on.", _INSTANT),
    _query("until", "Recorded before this instant, or up to the end of this day (UTC).", _INSTANT),
    _query("kind", "`record`, `linkage`, `case`, or an event without its version.", {"enum": list(KINDS)}, many=True),
    _query("code", "Of ISO/TS 21089.", {"enum": list(NAMES)}, many=True),
    _query("state", "Whose records the lines are of.", {"enum": sorted(STATES)}, many=True),
    _query("record", "Records that the lines are of.", _UUID, many=True),
    _query("former", "Also of records that the student held once, up to their going.", {"type": "boolean"}),
    _query("order", "Which come first.", {"type": "string", "enum": ["oldest", "newest"], "default": "oldest"}),
)
_LANGUAGE: Final = _query("language", "Of the sentences.", {"type": "string", "enum": ["en", "es"], "default": "en"})
_PAGING: Final = (_LANGUAGE, LIMIT, CURSOR, AT_LEAST, PURPOSE, IF_NONE_MATCH)
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": HistoryAnswer,
        "description": "Shown, and the disclosure entry is durable. With `Accept: text/csv` all lines, as CSV.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    },
    304: {"description": "What the reader holds is current. Recorded as a disclosure too."},
    **GONE,
}


@router.get(
    "/v1/students/{id}/history",
    summary="What happened to a student, event by event",
    responses=_RESPONSES,
    openapi_extra=operation("student.history", (STUDENT_ID, *_FILTERS, *_PAGING)),
)
async def read_history(request: Request) -> Response:
    """Complete up to the moment of asking: it waits for what is durable already. Takes any id ever issued."""
    principal = await signed_in(request)
    query = request.query_params
    asked = asked_by(principal, lambda: asked_of({name: query.getlist(name) for name in FILTERS}))
    return await _answer(request, principal, asked)


@router.post(
    "/v1/students/{id}/history/search",
    summary="What somebody did to a student's records",
    responses=_RESPONSES,
    openapi_extra=operation("student.history", (STUDENT_ID, *_PAGING), HistoryBody),
)
async def search_history(request: Request) -> Response:
    """As the history, also by who did it."""
    principal = await signed_in(request)
    said = (await body_of(request)).as_model(HistoryBody, FIELDS)
    return await _answer(request, principal, asked_by(principal, lambda: from_body(said)))


async def _answer(request: Request, principal: Principal, asked: Asked) -> Response:
    services = services_of(request)
    limit, begin = page_of(request)
    language = request.query_params.get("language", "en")
    if language not in ("en", "es"):
        raise Invalid(
            "The language cannot be used.",
            remedy="Send en or es.",
            faults=[Fault("query:language", None, "language", "It is neither en nor es.")],
        )
    whole = "text/csv" in request.headers.get("accept", "")
    view = HistoryView(
        services.ledger,
        principal,
        over_http(services, at_least_of(request)),
        asked,
        Part() if whole else Part(begin, limit),
        language=language,
        form="csv" if whole else "json",
    )
    shown = await show_student(request, principal, lambda _: view)
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    if whole:
        headers["Content-Disposition"] = 'attachment; filename="history.csv"'
    return Response(shown.body, headers=headers, media_type=MEDIA_TYPE if whole else "application/json")
