"""The daily lists as pages: which there are and how many stand in each, one of them to work by, those that one keeps.

Invariant: as over HTTP (``api.routes.lists``): an office sees its own children, and whoever stands on a page or in an
export is named by an entry that is durable before it leaves. What stands in an address is of no child.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import pydantic
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console import codes
from api.console.faults import NONE, faults_told
from api.console.navigation import FIGURES
from api.console.pages import page, rendered, seen_other
from api.console.visits import BACK, Visit, permitted, visitor
from api.console.words import N_
from api.edge import request_id_of
from api.list_asking import PAGING, asked_of, list_named, must_suit, office_asked, parameters_of, unusable
from api.list_showing import ListView
from api.openapi import Direct, does, operation_id
from api.problems import Fault, Invalid, faults_of
from api.reading import ask
from api.routes.lists import OFFICE, lists_told
from api.routes.saved_lists import account_of, forget, keep, kept
from api.schemas.lists import GRADES, NAME_MAX, PARAMETERS, ListParameters, SavedListBody
from api.sheets import MEDIA_TYPE
from api.show import show_many
from ledger.access import NOBODY, Subject
from ledger.errors import BadValue, LedgerError
from ledger.mde import STATES
from projections import list_rows
from projections.lists import BY_NAME, LISTS, DailyList

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

ROWS: Final = 100
"""Children of one page."""
NAMES: Final = {
    "children": N_("Our children now"),
    "ending": N_("Eligibility ends soon"),
    "priority": N_("Priority for services"),
    "out-of-school": N_("Out-of-school youth"),
    "new": N_("New since"),
    "not-enrolled": N_("Moved in, not enrolled"),
}
MEANINGS: Final = {
    "children": N_("Eligible today, and at school or at home here."),
    "ending": N_("Of them, whose eligibility ends within the days that you choose. Who ends today is still eligible."),
    "priority": N_("Of them, whose latest enrollment says that they come first (ESEA 1304(d))."),
    "out-of-school": N_("Of them, whose latest enrollment says that they go to no school."),
    "new": N_("Whose first record our state sent on the day that you choose, or later."),
    "not-enrolled": N_("Eligible, moved here, and enrolled nowhere in our state since."),
}
"""List to what it is called and whom it tells of."""

assert set(NAMES) == set(MEANINGS) == set(BY_NAME), "every list has its words"


class _ListPage(ListView):
    """A page of a list as HTML."""

    visit: Visit
    said_to_page: dict[str, Any]

    def render(self) -> bytes:
        if self.name == "list-export":
            return super().render()
        return rendered(self.visit, "list.html", children=list(self.told()), next=self.next, **self.said_to_page)


@router.get("/lists", openapi_extra=does("list.keep"))
async def lists_page(request: Request) -> Response:
    """Every list with how many stand in it, and those that the reader keeps."""
    here = await permitted(request)
    principal = here.signed_in
    told = await lists_told(request, principal, parameters_of(request, names=OFFICE))
    mine = [] if principal.account is None else await kept(here.services, account_of(principal))
    return page(
        here,
        "lists.html",
        told=told,
        names=NAMES,
        meanings=MEANINGS,
        states=None if principal.state else sorted(STATES),
        saved=[(one, _address(one.list, one.parameters)) for one in mine],
        office=_office(request),
    )


@router.get("/lists/{name}", openapi_extra=does("list.read"))
async def list_page(request: Request) -> Response:
    """A list, row by row, with what may be asked of it. What cannot be asked is told beside the form."""
    return await _shown(request, export=False)


@router.get("/lists/{name}/export", openapi_extra=does("list.read"))
async def list_export(request: Request) -> Response:
    """All of a list as CSV; disclosed as what is taken away."""
    return await _shown(request, export=True)


@router.post("/lists/{name}/saved", openapi_extra=does("list.keep"))
async def save_list(request: Request) -> Response:
    """Keep what is asked of a list, under a name of one's own. What cannot be kept is told beside the form."""
    here = await permitted(request)
    account = account_of(here.signed_in)
    kind = list_named(request.path_params["name"])
    asked = {name: here.said[name] for name in PARAMETERS if here.said.get(name)}
    name = here.said.get("name", "")
    try:
        await keep(here.services, account, _to_keep(kind, name, asked))
    except (Invalid, BadValue) as wrong:
        return _told_wrong(here, kind, wrong, asked, name)
    return seen_other("/lists")


@router.post("/lists/saved/{id}/removal", openapi_extra=does("list.keep"))
async def remove_saved(request: Request) -> Response:
    """Keep a list no longer."""
    request.scope[BACK] = "/lists"
    here = await permitted(request)
    await forget(here.services, account_of(here.signed_in), request.path_params["id"])
    return seen_other("/lists")


# -- inside


async def _shown(request: Request, *, export: bool) -> Response:
    here = await visitor(request)
    kind = list_named(request.path_params["name"])
    try:
        said = _said(request, kind)
    except LedgerError as wrong:
        return _told_wrong(here, kind, wrong, request.query_params)
    view = _ListPage(
        here.services,
        here.signed_in,
        request.app.state.profiles.zone_of,
        kind,
        said,
        limit=ROWS,
        cursor=request.query_params.get("cursor"),
        export=export,
    )
    view.visit, view.said_to_page = here, _around(here, kind, said)
    try:
        shown = await show_many(
            here.signed_in,
            None,
            view,
            NOBODY if said.state is None else Subject(states=(said.state,)),
            access=here.services.ledger.access,
            request_id=request_id_of(request),
        )
    except Invalid as wrong:  # what is known only when it is read: a day that is yet to come, an export too long
        return _told_wrong(here, kind, wrong, request.query_params)
    headers = {"Cache-Control": "private, no-store"}
    if not export:
        return Response(shown.body, 200, headers, "text/html; charset=utf-8")
    headers["Content-Disposition"] = f'attachment; filename="{view.filename}"'
    return Response(shown.body, 200, headers, MEDIA_TYPE)


def _said(request: Request, kind: DailyList) -> ListParameters:
    """A form sends what was left empty as well: that is not asked. Raises Invalid, UnknownState."""
    given = {name: value for name, value in request.query_params.multi_items() if value}
    asked = Request({**request.scope, "query_string": urlencode(given).encode()})
    said = parameters_of(asked, *PAGING)
    must_suit(kind, said)
    return said


def _to_keep(kind: DailyList, name: str, asked: Mapping[str, str]) -> SavedListBody:
    """Raises Invalid, for the name and for what is asked each by itself."""
    try:
        parameters = ListParameters.model_validate_strings(asked)
    except pydantic.ValidationError as error:
        wrong = [str(one["loc"][0]) for one in error.errors(include_input=False, include_url=False)]
        raise unusable(*wrong) from None
    try:
        return SavedListBody(name=name, list=kind.name, parameters=parameters)  # type: ignore[arg-type]
    except pydantic.ValidationError:
        fault = Fault("/name", "name", "form", f"Give it a name of 1 to {NAME_MAX} characters.")
        raise Invalid("The list cannot be kept under this name.", faults=[fault]) from None


def _told_wrong(
    here: Visit, kind: DailyList, wrong: LedgerError, given: Mapping[str, str], name: str | None = None
) -> Response:
    """The page without rows. given: what was asked, as it was typed. name: under which it was to be kept."""
    found = faults_of(wrong)
    beside = {"district", "school", "grade", "name", *kind.parameters}
    typed = {name: value for name, value in given.items() if name != "state" or value in STATES}  # no field mends it
    told = _around(here, kind, ListParameters()) | {
        "wrong": wrong,
        "remedy": "" if wrong.remedy == "See `errors`." else wrong.remedy,  # they stand on the page
        "faults": faults_told(wrong, here.language) if found else NONE,
        "others": [fault.message for fault in found if fault.element not in beside],
        "given": typed,
        "name": name if any(fault.element == "name" for fault in found) else None,
    }
    return page(here, "list.html", status=422, children=None, next=None, **told)


def _around(here: Visit, kind: DailyList, said: ListParameters) -> dict[str, Any]:
    """What stands around the rows of a list."""
    given = said.model_dump(mode="json", exclude_none=True)
    return {
        "kind": kind,
        "names": NAMES,
        "meanings": MEANINGS,
        "given": given,
        "query": urlencode(given),
        "grades": {code: codes.word("grade_level", code) for code in GRADES},
        "word": codes.word,
        "keeps": here.signed_in.account is not None,
        "wrong": None,
        "faults": NONE,
        "name": None,
    }


def _address(name: str, parameters: dict[str, Any]) -> str:
    query = urlencode(parameters)
    return f"/lists/{name}?{query}" if query else f"/lists/{name}"


def _office(request: Request) -> str:
    """The office of an address, to be said again in the links of its page."""
    asked = {name: request.query_params[name] for name in OFFICE if request.query_params.get(name)}
    return f"?{urlencode(asked)}" if asked else ""


async def _not_enrolled(here: Visit) -> int | None:
    """How many moved in and are not enrolled, for the first page; None where no state is the reader's own."""
    if here.signed_in.state is None:
        return None
    said = ListParameters()
    office = await office_asked(here.services, here.signed_in, said)
    zone_of = here.request.app.state.profiles.zone_of
    question = await asked_of(here.services, here.signed_in, said, office, zone_of, None)
    kind = BY_NAME["not-enrolled"]
    _, counted = await ask(here.services.reads, lambda conn: list_rows.count(conn, kind, question))
    return counted.children


FIGURES["/lists"] = _not_enrolled
assert [one.name for one in LISTS] == list(NAMES)
