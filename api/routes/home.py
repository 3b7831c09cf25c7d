# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Pages for people: what is loaded, a student, and what a problem means.

Invariant: a page about a child is an answer about a child: it goes through ``show`` like any other. The first page
holds ids and counts alone. Outside practice space a browser without a token is told nothing but that the service runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import date
from importlib import resources
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.entering import whoever
from api.forms import form
from api.html import Markup, element, joined, link, page, table
from api.openapi import Direct, does, operation_id
from api.policy import signed_in
from api.principals import visitor_of
from api.problems import NoSuchPath, families
from api.reading import ask
from api.routes.health import lag
from api.routes.students import Reader, StudentView, show_student
from api.services import Services, services_of
from ledger.access import PUBLIC
from ledger.mde import TABLES
from projections import students

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SAMPLES: Final = 40
_SCRIPT: Final = resources.files("api").joinpath("session.js").read_bytes()
_STYLE: Final = resources.files("api").joinpath("style.css").read_bytes()


@router.get("/", openapi_extra=does(PUBLIC))
async def home(request: Request) -> Response:
    """What is loaded, with links."""
    services = services_of(request)
    links = element(
        "ul",
        element("li", link("/openapi.json", "The API, as OpenAPI 3.1")),
        element("li", link("/readyz", "Whether everything holds")),
        element("li", link("/metrics", "Metrics")),
    )
    content = await _loaded(services) if services.practice else Markup("")
    intro = element("p", "A record ledger for children who move.")
    who = await whoever(request)
    door = element("p", link("/sign-in", "Sign in"))
    if who is not None:
        door = joined((element("p", f"Signed in as {who.name}."), form("/sign-out", who.token, button="Sign out")))
    machines = element("h2", "For machines")
    return page("Sojourn", intro, door, content, machines, links, practice=services.practice, watched=who is not None)


async def _loaded(services: Services) -> Markup:
    counts = await ask(services.reads, students.counts)
    samples = await ask(services.reads, lambda connection: students.sample(connection, SAMPLES))
    lags = await lag(services)
    states = sorted({count.state for count in counts})
    records = {(count.state, count.status): count.records for count in counts}
    by_state = [(state, records.get((state, "open"), 0), records.get((state, "retracted"), 0)) for state in states]
    total = ("All", sum(row[1] for row in by_state), sum(row[2] for row in by_state))
    parts: list[object] = [
        element("h2", "Loaded"),
        table("Records by state", ("State", "Open", "Retracted"), [*by_state, total], numbers=True),
    ]
    if not isinstance(lags, str):
        rows = [(name, number["position"], number["lag_events"]) for name, number in lags.items()]
        parts += [
            element("h2", "Read models"),
            table("How far each has come", ("Read model", "Position", "Events behind"), rows, numbers=True),
        ]
    ids = (element("li", link(f"/students/{student_id}", student_id)) for student_id in samples)
    parts += [
        element("h2", "Students"),
        element("p", "Opening one is recorded as a disclosure, as it would be for a real child."),
        element("ul", *ids, class_="ids"),
    ]
    return joined(parts)


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


@router.get("/problems/{code}", openapi_extra=does(PUBLIC))
async def problem_page(request: Request) -> Response:
    """What the ``type`` of a problem points to."""
    found = families().get(request.path_params["code"])
    if found is None:
        raise NoSuchPath("There is no problem of this type.", remedy="See the types in /openapi.json.")
    status, kind = found
    said = inspect.getdoc(kind) if kind.__doc__ else None
    facts = [("Type", f"/problems/{kind.code}"), ("Status", status.status), ("Meaning", said or status.title)]
    return page(status.title, table("This problem", ("What", "Value"), facts), practice=services_of(request).practice)


@router.get("/session.js", openapi_extra=does(PUBLIC))
async def session_script(_: Request) -> Response:
    return Response(_SCRIPT, headers={"Cache-Control": "public, max-age=3600"}, media_type="text/javascript")


@router.get("/style.css", openapi_extra=does(PUBLIC))
async def style(_: Request) -> Response:
    return Response(_STYLE, headers={"Cache-Control": "public, max-age=3600"}, media_type="text/css")
