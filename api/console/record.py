"""A student to read, on a screen, on paper, and as a PDF.

Invariant: each is an answer about a child and goes through ``show`` like any other; a title, an address and a file's
name hold the id and nothing else of her. With a day in the address it is what was known on that day, with what has
changed since.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console import paper
from api.console.record_then import ThenPage, ThenPdf, ThenPrint, then_on
from api.console.record_views import StudentPage, StudentPdf, StudentPrint
from api.console.visits import in_language, visitor
from api.openapi import Direct, does, operation_id
from api.routes.students import point_for, show_student

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

_NOT_KEPT: Final = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}


@router.get("/students/{id}", openapi_extra=does("student.read"))
async def student_page(request: Request) -> Response:
    """The consolidated record to read; a disclosure like any other."""
    here = await visitor(request)
    then = await point_for(request, here.signed_in, then_on(request, here))
    shown = await show_student(
        request,
        here.signed_in,
        lambda reader: StudentPage(reader, here) if then is None else ThenPage(then, here),
        then,
    )
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, 200, headers, "text/html; charset=utf-8")


@router.get("/students/{id}/print", openapi_extra=does("student.read"))
async def student_print(request: Request) -> Response:
    """All of it, for paper. ``language``: en or es, whatever the reader reads otherwise."""
    here = in_language(await visitor(request))
    at = here.services.clock()
    then = await point_for(request, here.signed_in, then_on(request, here))
    shown = await show_student(
        request,
        here.signed_in,
        lambda reader: StudentPrint(reader, here, at) if then is None else ThenPrint(then, here, at),
        then,
    )
    return Response(shown.body, 304 if shown.body is None else 200, _NOT_KEPT, "text/html; charset=utf-8")


@router.get("/students/{id}/record.pdf", openapi_extra=does("student.read"))
async def student_pdf(request: Request) -> Response:
    """The same as a file. Raises Misconfigured where this host cannot make one, before anything is disclosed."""
    here = in_language(await visitor(request))
    at = here.services.clock()
    await paper.must_be_there()
    then = await point_for(request, here.signed_in, then_on(request, here))
    shown = await show_student(
        request,
        here.signed_in,
        lambda reader: StudentPdf(reader, here, at) if then is None else ThenPdf(then, here, at),
        then,
    )
    if shown.body is None:
        return Response(status_code=304, headers=_NOT_KEPT)
    name = f'attachment; filename="{request.path_params["id"]}.pdf"'
    made = await paper.pdf_of(shown.body)
    return Response(made, 200, {**_NOT_KEPT, "Content-Disposition": name}, "application/pdf")
