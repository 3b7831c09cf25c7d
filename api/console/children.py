"""What a family reads: its children, one child's record told plainly, and who has looked at it.

Invariant: a child is shown through ``show`` alone, under the family's own rule, also where only her name is told; and
whoever is not let in any more is told why, and whom to ask, of what she was once granted and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.child_views import ChildView, NameView, SeenView
from api.console.family import Grant, grants_of, take_code
from api.console.pages import page, seen_other
from api.console.visits import Visit, visitor
from api.edge import request_id_of
from api.openapi import Direct, does, operation_id
from api.routes.students import Reader, ReaderFrom, show_student
from api.show import View, show
from api.standing import PARENT
from ledger.errors import CodeRefused, Forbidden, NotFound

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

HEADERS: Final = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
"""A telephone is shared: nothing of a child stays in it."""


class Listed(NamedTuple):
    """A child on the list. name: None where it may not be told, or is not the reader's to know any more."""

    grant: Grant
    name: str | None


@router.get("/my-children", openapi_extra=does("me.read"))
async def children_page(request: Request) -> Response:
    """Whom the reader was granted to read of, and what has ended. Each name that is told is a disclosure."""
    return await _list(await visitor(request))


@router.post("/my-children/codes", openapi_extra=does("me.set"))
async def post_code(request: Request) -> Response:
    """Another child is added by the code that a school gave."""
    here = await visitor(request)
    try:
        await take_code(here, here.said.get("code", ""))
    except CodeRefused:
        return await _list(here, refused=True)
    return seen_other("/my-children")


@router.get("/my-children/{id}", openapi_extra=does("student.read"))
async def child_page(request: Request) -> Response:
    """The record in plain words."""
    here = await visitor(request)
    return await _shown(here, lambda reader: ChildView(reader, here))


@router.get("/my-children/{id}/seen", openapi_extra=does("student.disclosures"))
async def seen_page(request: Request) -> Response:
    """Who has looked, by whom."""
    here = await visitor(request)
    return await _shown(here, lambda reader: SeenView(reader, here))


# -- inside


async def _list(here: Visit, *, refused: bool = False) -> Response:
    listed = [Listed(grant, await _name(here, grant)) for grant in await grants_of(here)]
    return page(here, "children.html", status=422 if refused else 200, listed=listed, refused=refused)


async def _name(here: Visit, grant: Grant) -> str | None:
    """Of a child whom the reader may read of now: he acts as a family, and nothing was linked that was not granted."""
    if grant.standing != "holds" or here.signed_in.role != PARENT:
        return None
    services, request = here.services, here.request
    view = NameView(ReaderFrom(services, request.app.state.students, 0))
    try:
        shown = await show(
            here.signed_in,
            None,
            view,
            grant.student_id,
            access=services.ledger.access,
            request_id=request_id_of(request),
            now=services.clock(),
        )
    except (Forbidden, NotFound):
        return None
    return str(orjson.loads(shown.body or b'""'))


async def _shown(here: Visit, view: Callable[[Reader], View]) -> Response:
    """The page of a view; where it is refused for a child whom the reader was once granted, the page that says why."""
    try:
        shown = await show_student(here.request, here.signed_in, view)
    except Forbidden:
        asked = here.request.path_params["id"]
        for grant in await grants_of(here):
            if grant.student_id == asked:
                return page(here, "child_ended.html", status=403, grant=grant)
        raise
    headers = {**HEADERS, "ETag": shown.etag}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, 200, headers, "text/html; charset=utf-8")
