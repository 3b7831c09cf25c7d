"""A student to read.

Invariant: a page about a child is an answer about a child: it goes through ``show`` like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.html import Markup, element, joined, link, page, table
from api.openapi import Direct, does, operation_id
from api.policy import signed_in
from api.principals import visitor_of
from api.routes.students import Reader, StudentView, show_student
from api.services import services_of
from ledger.mde import TABLES

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)


@router.get("/students/{id}", openapi_extra=does("student.read"))
async def student_page(request: Request) -> Response:
    """The consolidated record to read; a disclosure like any other."""
    principal = await signed_in(request, visitor_of)
    services = services_of(request)
    watched = "sojourn.session" in request.scope
    shown = await show_student(
        request, principal, lambda reader: _StudentPage(reader, practice=services.practice, watched=watched)
    )
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, 200, headers, "text/html; charset=utf-8")


class _StudentPage(StudentView):
    """The sections as tables."""

    name = "student-page"

    def __init__(self, reader: Reader, *, practice: bool, watched: bool) -> None:
        super().__init__(reader)
        self._practice = practice
        self._watched = watched

    def render(self, sections: Sequence[str], day: date) -> bytes:
        shown: dict[str, Any] = orjson.loads(super().render(sections, day))
        core: dict[str, Any] = shown.get("core") or {}
        name = " ".join(core[key] for key in _NAME if key in core)
        eligibility = core.get("eligibility") or {}
        until = f" until {eligibility['expires']}" if shown["eligible_now"] and eligibility.get("expires") else ""
        facts: list[tuple[str, object]] = [
            ("Student id", shown["student_id"]),
            ("Born", core.get("birth_date", "not stated")),
            ("Eligible today", f"{'yes' if shown['eligible_now'] else 'no'}{until}"),
        ]
        parts: list[object] = [
            table("The child", ("What", "Value"), facts),
            _rows("Records", core.get("records", ())),
        ]
        lists = {**core, **(shown.get("health") or {})}
        for letter in "QECAIKD":
            known = TABLES[letter]
            parts.append(_rows(known.name.replace("_", " "), lists.get(known.key, ())))
        parts.append(_rows("Parents and guardians", (shown.get("contacts") or {}).get("parents", ())))
        parts.append(
            element(
                "p", f"As of position {shown['position']} of the ledger, for {shown['day']}. ", link("/", "Start page")
            )
        )
        parts.append(element("p", link(f"/students/{shown['student_id']}/disclosures", "Who was shown these records")))
        # Titles stay: in the browser's history, its tabs and its list of what was closed. So they name no child.
        heading = name or shown["student_id"]
        whole = page("Student record", *parts, heading=heading, practice=self._practice, watched=self._watched)
        return bytes(whole.body)


_NAME: Final = ("first_name", "middle_name", "last_name_1", "last_name_2", "suffix")
_LABELS: Final = {element.key: element.name for known in TABLES.values() for element in known.elements}


def _rows(title: str, entries: Sequence[dict[str, Any]]) -> Markup:
    """A list of facts as a table: a column for each element that any of them has."""
    if not entries:
        return Markup("")
    flat = [_flat(entry) for entry in entries]
    columns = list(dict.fromkeys(key for entry in flat for key in entry))
    heads = [_LABELS.get(key, key.replace("_", " ").capitalize()) for key in columns]
    return joined(
        (element("h2", title), table(title, heads, ([entry.get(key, "") for key in columns] for entry in flat)))
    )


def _flat(entry: dict[str, Any]) -> dict[str, str]:
    """One line of a table: plain values, the states that say so, and the days of an eligibility."""
    line = {key: str(value) for key, value in entry.items() if isinstance(value, str | int)}
    interval = entry.get("eligibility")
    if interval:
        line["eligible"] = f"{interval['begins']} to {interval['expires']}" if interval["begins"] else interval["by"]
    sources = entry.get("sources")
    if sources:
        line["said_by"] = ", ".join(dict.fromkeys(source["state"] for source in sources))
    return line
