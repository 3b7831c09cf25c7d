"""State offices as pages: how each keeps its records, whom to ask there, and the map of its regions, drawn here.

Invariant: nothing on these pages is of a child. What is set is set by the same commands as over HTTP, for the reader's
own state, and holds from then on.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.pages import page, seen_other
from api.console.states import NAMES
from api.console.visits import Visit, permitted
from api.openapi import Direct, does, operation_id
from api.policy import within
from api.routes.jurisdictions import settings_of
from ledger.access import Subject
from ledger.errors import LedgerError, Refused
from ledger.jurisdiction import Command
from ledger.jurisdictions import must_be_known
from ledger.offices import DefineRegion, PlaceDistrict

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

_SET: Final = "region.set"


@router.get("/offices", openapi_extra=does("jurisdiction.read"))
async def offices_page(request: Request) -> Response:
    """The reader's own state's office; else which to choose from."""
    here = await permitted(request)
    if here.signed_in.state and "all" not in request.query_params:
        return seen_other(f"/offices/{here.signed_in.state}")
    return page(here, "offices.html", names=NAMES)


@router.get("/offices/{state}", openapi_extra=does("jurisdiction.read"))
async def office_page(request: Request) -> Response:
    """What an office has set, whom it has named, and its regions with their districts."""
    return await _office(await permitted(request))


@router.post("/offices/{state}/regions", openapi_extra=does(_SET))
async def set_region(request: Request) -> Response:
    """Define a region, rename it or end it."""
    here = await permitted(request)
    said, state = here.said, request.path_params["state"]
    region = said.get("region", "").strip()
    command = DefineRegion(state=state, region=region, name=said.get("name", "").strip(), ended="ended" in said)
    return await _set(here, command)


@router.post("/offices/{state}/districts", openapi_extra=does(_SET))
async def place_district(request: Request) -> Response:
    """Put a district into a region, or out of any."""
    here = await permitted(request)
    said, state = here.said, request.path_params["state"]
    region = said.get("into", "").strip() or None
    return await _set(here, PlaceDistrict(state=state, district=said.get("district", "").strip(), region=region))


# -- inside


async def _set(here: Visit, command: Command) -> Response:
    """Set it, and show that it holds; or what is wrong with it, with what was typed."""
    state = here.request.path_params["state"]
    must_be_known(state)
    within(here.request, here.signed_in, state)
    ledger = here.services.ledger
    try:
        done = await here.did(lambda meta, key: ledger.set_jurisdiction(state, command, meta, key))
    except Refused as wrong:
        return await _office(here, wrong)
    return seen_other(f"/offices/{state}?at_least={done.position}")


async def _office(here: Visit, wrong: LedgerError | None = None) -> Response:
    state: str = here.request.path_params["state"]
    held = await settings_of(here.request, state)
    now = held.jurisdiction
    districts: dict[str | None, list[str]] = {}
    for district, region in sorted(now.offices.districts.items()):
        districts.setdefault(region, []).append(district)
    told: dict[str, Any] = {
        "state": state,
        "names": NAMES,
        "profile": now.profile,
        "regions": sorted(now.offices.regions.items()),
        "districts": districts,
        "contacts": [(level, place, contact) for (level, place), contact in now.offices.contacts.items()],
        "may_set": here.may(_SET, Subject(states=(state,))),
        "wrong": wrong,
    }
    return page(here, "office.html", status=422 if wrong else 200, **told)
