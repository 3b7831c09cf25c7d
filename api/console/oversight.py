"""What readers were shown, reader by reader, and who reads unusually.

Invariant: names of officials stand in forms, never in an address; whoever looks at entries is in them himself, before
he sees one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.faults import NONE, Faults, faults_told
from api.console.filled import Typed
from api.console.pages import page, rendered
from api.console.roles import NAMES as ROLE_NAMES
from api.console.visits import Visit, permitted, visitor
from api.console.words import N_
from api.edge import request_id_of
from api.openapi import Direct, does, operation_id
from api.overseeing import Readers, readers_for
from api.policy import action_of
from api.principal import decided, who
from api.problems import Invalid
from api.requests import Body
from api.routes.disclosures import DisclosuresSearch
from api.routes.students import Page, opaque, page_of_disclosures
from api.schemas.disclosures import NAMES, DisclosureSearchBody
from api.show import show_many
from api.unusual import on_day
from ledger.access import NOBODY, Subject, decide
from ledger.mde import STATES
from projections.disclosures import OUTCOMES

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

OUTCOME_NAMES: Final[Mapping[str, str]] = {
    "shown": N_("shown"),
    "not-modified": N_("shown before, unchanged"),
    "refused": N_("refused, not shown"),
    "passed-on": N_("passed on"),
}
assert set(OUTCOME_NAMES) == set(OUTCOMES)
ASKED: Final = ("actor", "role", "organisation", "state", "outcome", "since", "until")


@router.get("/disclosures", openapi_extra=does("disclosure.search"))
async def disclosures_page(request: Request) -> Response:
    """Where it is asked; nothing is shown yet."""
    return _form(await permitted(request), NONE)


@router.post("/disclosures", openapi_extra=does("disclosure.search"))
async def search_disclosures(request: Request) -> Response:
    """Showings and refusals, newest first, complete up to the moment of asking."""
    here = await visitor(request)
    principal = here.signed_in
    try:
        said = _said(here.said)
        part = page_of_disclosures(request)
    except Invalid as wrong:
        decided(principal, action_of(request))
        return _form(here, faults_told(wrong, here.language))
    about = NOBODY if said.state is None else Subject(states=(said.state,))
    readers = readers_for(principal, decide(who(principal), DisclosuresSearch.action, about))
    shown = await show_many(
        principal,
        None,
        _Found(here, said, readers, part),
        about,
        access=here.services.ledger.access,
        request_id=request_id_of(request),
    )
    # As after a search: going back from a child leads here.
    headers = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    return Response(shown.body, 200, headers, "text/html; charset=utf-8")


@router.get("/unusual", openapi_extra=does("access.unusual"))
async def unusual_page(request: Request) -> Response:
    """Of a day in UTC; today, if none is named."""
    here = await permitted(request)
    today = here.services.clock().astimezone(UTC).date()
    day = _day(request.query_params.get("day", "")) or today
    of = readers_for(here.signed_in, decided(here.signed_in, action_of(request)))
    _, found = await on_day(here.services, day, of)
    return page(
        here,
        "oversight/unusual.html",
        day=day,
        today=today,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
        readers=found,
    )


# -- inside


class _Found(DisclosuresSearch):
    """The entries as a page."""

    def __init__(self, here: Visit, said: DisclosureSearchBody, readers: Readers, part: Page) -> None:
        super().__init__(here.services, said, readers, part)
        self._here = here
        self._limit = part.limit

    def render(self) -> bytes:
        full = len(self._entries) == self._limit
        told = {"entries": self._entries, "cursor": opaque(self._entries[-1].cursor) if full else None}
        return rendered(self._here, "oversight/disclosures.html", **(_told(self._here, NONE) | told))


def _form(here: Visit, wrong: Faults) -> Response:
    return page(here, "oversight/disclosures.html", status=422 if wrong else 200, **_told(here, wrong))


def _told(here: Visit, wrong: Faults) -> dict[str, Any]:
    return {
        "wrong": wrong,
        "said": Typed(here.said),
        "asked": ASKED,
        "outcomes": OUTCOME_NAMES,
        "roles": ROLE_NAMES,
        "states": sorted(STATES),
        "entries": None,
        "cursor": None,
    }


def _said(said: Mapping[str, str]) -> DisclosureSearchBody:
    """Days of a form are whole ones, in UTC. Raises Invalid."""
    given = {name: said[name].strip() for name in ASKED if said.get(name, "").strip()}
    for name, more in (("since", 0), ("until", 1)):
        day = _day(given.get(name, ""))
        if day is not None:
            given[name] = datetime.combine(day + timedelta(days=more), datetime.min.time(), UTC).isoformat()
    return Body(orjson.dumps(given)).as_model(DisclosureSearchBody, NAMES)


def _day(given: str) -> date | None:
    """None where it is none, or is out of the calendar that days are counted in."""
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return None
    return day if date(1970, 1, 1) < day < date(9999, 1, 1) else None
