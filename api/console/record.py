"""A student to read, on a screen, on paper, and as a PDF.

Invariant: each is an answer about a child and goes through ``show`` like any other; a title, an address and a file's
name hold the id and nothing else of her. What a browser kept is told to be current only where the whole page would be
the same: for this reader, in this language, by this release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console import codes, paper
from api.console.days import in_zone, zone_by
from api.console.pages import RELEASE, rendered
from api.console.record_pictures import place_from, place_to
from api.console.record_told import told_of
from api.console.states import NAMES
from api.console.visits import Visit, visitor
from api.language import LANGUAGES
from api.openapi import Direct, does, operation_id
from api.problems import Fault, Invalid
from api.routes.students import Reader, StudentView, show_student
from api.show import Found
from api.words import element_name
from ledger.routing import district_told

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

_NOT_KEPT: Final = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}


@router.get("/students/{id}", openapi_extra=does("student.read"))
async def student_page(request: Request) -> Response:
    """The consolidated record to read; a disclosure like any other."""
    here = await visitor(request)
    shown = await show_student(request, here.signed_in, lambda reader: StudentPage(reader, here))
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, 200, headers, "text/html; charset=utf-8")


@router.get("/students/{id}/print", openapi_extra=does("student.read"))
async def student_print(request: Request) -> Response:
    """All of it, for paper. ``language``: en or es, whatever the reader reads otherwise."""
    here = _in_language(await visitor(request))
    at = here.services.clock()
    shown = await show_student(request, here.signed_in, lambda reader: StudentPrint(reader, here, at))
    return Response(shown.body, 304 if shown.body is None else 200, _NOT_KEPT, "text/html; charset=utf-8")


@router.get("/students/{id}/record.pdf", openapi_extra=does("student.read"))
async def student_pdf(request: Request) -> Response:
    """The same as a file. Raises Misconfigured where this host cannot make one, before anything is disclosed."""
    here = _in_language(await visitor(request))
    at = here.services.clock()
    await paper.must_be_there()
    shown = await show_student(request, here.signed_in, lambda reader: StudentPdf(reader, here, at))
    if shown.body is None:
        return Response(status_code=304, headers=_NOT_KEPT)
    name = f'attachment; filename="{request.path_params["id"]}.pdf"'
    made = await paper.pdf_of(shown.body)
    return Response(made, 200, {**_NOT_KEPT, "Content-Disposition": name}, "application/pdf")


class StudentPage(StudentView):
    """The sections as a page."""

    name = "student-page"
    template = "record/page.html"

    def __init__(self, reader: Reader, here: Visit) -> None:
        super().__init__(reader)
        self._here = here
        self._zone = here.zone

    async def read(self, student_id: str) -> Found | None:
        found = await super().read(student_id)
        if found is None:
            return None
        self._zone = await zone_by(self._here, found.states)
        return found._replace(tag=f"{found.tag}.{_reader_tag(self._here, self._zone)}")

    def render(self, sections: Sequence[str], day: date) -> bytes:
        shown: dict[str, Any] = in_zone(orjson.loads(super().render(sections, day)), self._zone)
        told = told_of(shown, day)
        ours = self._is_ours(shown)
        return rendered(self._here, self.template, told=told, ours=ours, **self.words(), **self.more())

    def _is_ours(self, shown: Mapping[str, Any]) -> bool:
        """Whether the child is of the reader's own district, whose people let its family read."""
        reader = self._here.signed_in
        rows = [
            {key: value for key, value in row.items() if isinstance(value, str)}
            for row in (shown.get("core") or {}).get("enrollments", ())
            if any(source["state"] == reader.state for source in row["sources"])
        ]
        return reader.district is not None and district_told(rows) == reader.district

    def words(self) -> Mapping[str, object]:
        """By which a template says what codes and elements are."""
        return {
            "names": partial(element_name, language=self._here.language),
            "word": codes.word,
            "vaccine": codes.vaccine,
            "states": NAMES,
            "place_from": place_from,
            "place_to": place_to,
        }

    def more(self) -> Mapping[str, object]:
        return {"paper": False}


class StudentPrint(StudentPage):
    """at: when it was asked for; it says so."""

    name = "student-print"
    template = "record/paper.html"

    def __init__(self, reader: Reader, here: Visit, at: datetime) -> None:
        super().__init__(reader, here)
        self._at = at

    def more(self) -> Mapping[str, object]:
        return {"paper": True, "at": self._at, "zone": self._zone}


class StudentPdf(StudentPrint):
    """The print, before it is made a PDF."""

    name = "student-pdf"


def _in_language(here: Visit) -> Visit:
    """As the address asks. Raises Invalid."""
    language = here.request.query_params.get("language", here.language)
    if language not in LANGUAGES:
        raise Invalid(
            "There is no print in this language.",
            remedy="Ask for language=en or language=es.",
            faults=[Fault("query:language", None, "language", "It is neither en nor es.")],
        )
    return replace(here, language=language)


def _reader_tag(here: Visit, zone: str) -> str:
    """What a page holds beside the child: the reader's own navigation and forms, language and zone, the release."""
    principal = here.signed_in
    place = (principal.state or "", principal.region or "", principal.district or "")
    held = "\0".join((RELEASE, here.language, principal.name, principal.role, *place, zone, here.csrf))
    return hashlib.blake2b(held.encode(), digest_size=6).hexdigest()
