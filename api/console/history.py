"""What happened to a student, as sentences: every event of the audit trail, with who, when, and why.

Invariant: complete up to the moment of asking, and in the reader's language. It is narrowed by a form without scripts;
the name of somebody who acted stands in the form, never in an address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.faults import NONE, Faults, in_words
from api.console.filled import Typed
from api.console.pages import page, rendered
from api.console.visits import Visit, visitor
from api.console.words import N_
from api.openapi import Direct, does, operation_id
from api.problems import Fault, Invalid
from api.routes.students import show_student
from api.sheets import MEDIA_TYPE
from api.trail import HistoryView, Part, over_http
from api.trail_asked import FILTERS, Asked, asked_by, asked_of
from projections.life_cycle import NAMES

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN_MAX: Final = 250
"""Events on one page."""
ORDERS: Final = ("newest", "oldest")
_DIGITS_MAX: Final = 18

KINDS: Final[Mapping[str, str]] = {
    "record": N_("everything that states sent"),
    "record-opened,record-retracted,record-reinstated": N_("records opened, taken back, sent again"),
    "demographics-stated": N_("names and birth"),
    "move-qualified": N_("qualifying moves"),
    "enrolled,withdrawn,residency-changed": N_("enrollments, withdrawals and residency"),
    "course-reported": N_("courses"),
    "assessment-reported": N_("assessments"),
    "immunization-reported": N_("immunizations"),
    "fact-corrected,fact-retracted": N_("corrections, and what was taken back"),
    "linkage": N_("who is who: links, merges, splits, reversals"),
    "case": N_("cases of the worklist"),
}
"""Kinds of event to choose from, as ``api.trail_asked`` takes them, to what they are called."""
CODES: Final[Mapping[str, str]] = {
    "originate": N_("stated"),
    "amend": N_("changed"),
    "deprecate": N_("taken back"),
    "reactivate": N_("sent again"),
    "link": N_("linked"),
    "unlink": N_("parted"),
    "merge": N_("merged"),
    "unmerge": N_("merge taken back"),
    "verify": N_("put to a person"),
    "attest": N_("attested by a person"),
    "destroy": N_("destroyed"),
}
"""Code of ISO/TS 21089 to what it comes to here."""
assert set(CODES) == set(NAMES)
FIELDS: Final = ("since", "until", "kind", "code", "state", "actor", "former")
"""Of the form."""


@router.get("/students/{id}/history", openapi_extra=does("student.history"))
async def history_page(request: Request) -> Response:
    """Newest first, or with ``order=oldest`` from the beginning. ``from``: the position that the page begins with."""
    here = await visitor(request)
    query = request.query_params
    order, begin = query.get("order", ORDERS[0]), _begin(query.get("from", ""))
    if order not in ORDERS:
        raise _no_page()
    said = {name: ",".join(query.getlist(name)) for name in FILTERS if name in query}
    return await _shown(here, _Said(said, order, begin))


@router.post("/students/{id}/history", openapi_extra=does("student.history"))
async def narrowed_history_page(request: Request) -> Response:
    """What a form asks for; of the answer's pages the next one is asked for by a form too."""
    here = await visitor(request)
    order = here.said.get("order", ORDERS[0])
    said = {name: here.said[name].strip() for name in FIELDS if here.said.get(name, "").strip()}
    return await _shown(here, _Said(said, order if order in ORDERS else ORDERS[0], _begin(here.said.get("from", ""))))


@router.post("/students/{id}/history/export", openapi_extra=does("student.history"))
async def exported_history(request: Request) -> Response:
    """All that a form asks for, in one file: ``form`` says as what."""
    here = await visitor(request)
    said = {name: here.said[name].strip() for name in FIELDS if here.said.get(name, "").strip()}
    form = "csv" if here.said.get("form") == "csv" else "json"
    services, principal = here.services, here.signed_in
    asked = asked_by(principal, lambda: _asked(said, ORDERS[1]))
    view = HistoryView(services.ledger, principal, over_http(services), asked, language=here.language, form=form)
    shown = await show_student(request, principal, lambda _: view)
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="history.{form}"'}
    return Response(shown.body, 200, headers, MEDIA_TYPE if form == "csv" else "application/json")


class _Said(NamedTuple):
    """What is asked for. said: filters by their names. begin: position that the page begins with."""

    said: Mapping[str, str]
    order: str
    begin: int | None


async def _shown(here: Visit, said: _Said) -> Response:
    try:
        asked = asked_by(here.signed_in, lambda: _asked(said.said, said.order))
    except Invalid as wrong:
        if here.request.method == "GET":
            raise
        return page(here, "history.html", status=422, **_told(here, said, _wrong(wrong, here.language)))
    shown = await show_student(here.request, here.signed_in, lambda _: HistoryPage(here, said, asked))
    headers = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
    return Response(shown.body, 304 if shown.body is None else 200, headers, "text/html; charset=utf-8")


class HistoryPage(HistoryView):
    """The trail as a page."""

    name = "history-page"

    def __init__(self, here: Visit, said: _Said, asked: Asked) -> None:
        part = Part(said.begin, SHOWN_MAX)
        super().__init__(
            here.services.ledger, here.signed_in, over_http(here.services), asked, part, language=here.language
        )
        self._here = here
        self._said = said

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        assert self.trail is not None, "rendered before it was read"
        told = _told(self._here, self._said, NONE)
        told |= {
            "groups": _together(self.entries),
            "count": self.total,
            "following": self.following,
            "stays": [kept for kept in self.records if len(kept.stays) > 1],
            "asked_id": self.trail.student_id,
        }
        return rendered(self._here, "history.html", **told)


def _told(here: Visit, said: _Said, wrong: Faults) -> dict[str, Any]:
    return {
        "student_id": here.request.path_params["id"],
        "asked_id": here.request.path_params["id"],
        "wrong": wrong,
        "said": Typed(said.said),
        "fields": FIELDS,
        "kinds": KINDS,
        "codes": CODES,
        "is_narrowed": bool(said.said),
        "is_posted": here.request.method != "GET",
        "oldest": said.order == ORDERS[1],
        "first": said.begin is None,
        "groups": None,
        "count": 0,
        "following": None,
        "stays": (),
    }


def _asked(said: Mapping[str, str], order: str) -> Asked:
    """Raises Invalid."""
    given = {name: [value] for name, value in said.items() if name != "actor"}
    given |= {"order": [order], "former": ["true" if said.get("former") in ("true", "on") else "false"]}
    return asked_of(given, actor=said.get("actor") or None)


def _wrong(error: Invalid, language: str) -> Faults:
    said = in_words(N_("This cannot be used here: leave it empty, or give another."), language)
    return Faults({"whole": said, **{fault.pointer.partition(":")[2]: said for fault in error.faults}})


def _begin(given: str) -> int | None:
    """Raises Invalid."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS_MAX):
        raise _no_page()
    return int(given)


def _no_page() -> Invalid:
    return Invalid(
        "This page of the history cannot be found.",
        remedy="Begin at the history's first page.",
        faults=[Fault("query", None, "page", "The order or the position cannot be used.")],
    )


def _together(events: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Events that one file, or one person at one moment, brought."""

    def brought(one: Mapping[str, Any]) -> tuple[object, ...]:
        return one["submission"] or one["recorded_at"], one["recorded_at"][:10], one["actor"]

    return [list(group) for _, group in groupby(events, key=brought)]
