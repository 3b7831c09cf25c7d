"""For parents, before anybody has signed in: what is kept of a child and why, what the law gives her family, and how a
family comes to read it.

Invariant: it tells nothing of anybody. It is in Spanish where the browser asks for neither language: of those who need
this page, most read that.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.pages import page
from api.console.visits import visit
from api.language import language_of
from api.openapi import Direct, does, operation_id
from ledger.access import PUBLIC

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)


@router.get("/parents", openapi_extra=does(PUBLIC))
async def parents_page(request: Request) -> Response:
    """In Spanish, unless English was chosen, or is what the browser asks for."""
    here = await visit(request)
    return page(replace(here, language=language_of(request, otherwise="es")), "parents.html")
