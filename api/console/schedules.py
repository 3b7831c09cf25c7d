"""Schedules as a page: how long each class is kept, where, by whose authority, and how short no law lets it be.

Invariant: what is set is set by the same command as over HTTP, and destroys nothing: it makes due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.faults import NONE, Faults, faults_told
from api.console.filled import Typed
from api.console.pages import page, seen_other
from api.console.retention_words import CLASSES, SINCE, Wait, floor_of, waited
from api.console.visits import Visit, permitted
from api.console.words import N_
from api.openapi import Direct, does, operation_id
from ledger.disposals import PAGE_MAX, DuePage
from ledger.errors import BadValue, Refused
from ledger.events.retention import After, ScheduleSet
from ledger.mde import STATES
from ledger.retention.schedules import COUNTED, SetSchedule, Since, decide, fold, name_of
from ledger.retention.years import YEARS_MAX

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

YEARS: Final = "years-"
"""Begins the name of a field that takes years, before what they count from."""


class Held(NamedTuple):
    """A schedule as a line. state: None for the nation."""

    name: str
    state: str | None
    waits: list[Wait]
    authority: str
    by: str


@router.get("/retention/schedules", openapi_extra=does("retention.read"))
async def schedules_page(request: Request) -> Response:
    """All that hold, each class with the law's floor."""
    return await _page(await permitted(request), NONE)


@router.post("/retention/schedules", openapi_extra=does("schedule.set"))
async def set_schedule(request: Request) -> Response:
    """Holds from the next look at what is due."""
    here = await permitted(request)
    keeping = here.services.ledger.keeping
    try:
        command = _command(here)
        await here.did(lambda meta, key: keeping.set_schedule(command, meta, key))
    except Refused as refused:
        return await _page(here, faults_told(refused, here.language))
    return seen_other("/retention/schedules?done=set")


@router.post("/retention/schedules/preview", openapi_extra=does("schedule.set"))
async def try_schedule(request: Request) -> Response:
    """What would be due today by it, counted; nothing is set."""
    here = await permitted(request)
    ledger = here.services.ledger
    try:
        command = _command(here)

        def look() -> DuePage:
            known = ledger.keeping.schedules()
            changed = fold(decide(command, known), known)
            return ledger.disposals.due(command.record_class, command.state, PAGE_MAX, None, changed)

        would = await asyncio.to_thread(look)
    except Refused as refused:
        return await _page(here, faults_told(refused, here.language))
    return await _page(here, NONE, would)


# -- inside


def _command(here: Visit) -> SetSchedule:
    """Raises BadValue."""
    said = here.said
    return SetSchedule(
        record_class=said.get("class", ""),
        state=said.get("state") or None,
        after=_after(said),
        authority=said.get("authority", ""),
        by=here.signed_in.name,
    )


async def _page(here: Visit, wrong: Faults, would: DuePage | None = None) -> Response:
    """would: what would be due by what was typed: its first page, and that there may be more."""
    schedules = await asyncio.to_thread(here.services.ledger.keeping.schedules)
    of_class: dict[str, list[Held]] = {name: [] for name in CLASSES}
    for (name, state), held in sorted(schedules.held.items(), key=lambda one: (one[0][0], one[0][1] or "")):
        of_class[name].append(_held(held, state))
    for name, lines in of_class.items():
        law = schedules.of(name, None)
        if law is not None and not any(one.state is None for one in lines):
            lines.insert(0, _held(law, None))
    return page(
        here,
        "retention/schedules.html",
        status=422 if wrong else 200,
        classes=CLASSES,
        schedules=of_class,
        floors={name: floor_of(name) for name in CLASSES},
        since={one.value: SINCE[one] for one in Since if any(one in counted for counted in COUNTED.values())},
        states=sorted(STATES),
        prefix=YEARS,
        years_max=YEARS_MAX,
        said=Typed(here.said),
        wrong=wrong,
        would=None if would is None else len(would.items),
        or_more=would is not None and would.cursor is not None,
        done=here.request.query_params.get("done") == "set",
        may_set=here.may("schedule.set"),
    )


def _held(schedule: ScheduleSet, state: str | None) -> Held:
    return Held(name_of(schedule), state, waited(schedule), schedule.authority, schedule.by)


def _after(said: Mapping[str, str]) -> list[After]:
    """The times of a form; of those left empty, none. Raises BadValue."""
    found: list[After] = []
    for since in Since:
        given = said.get(f"{YEARS}{since}", "").strip()
        if not given:
            continue
        if not given.isascii() or not given.isdecimal() or len(given) > len(str(YEARS_MAX)):
            raise BadValue(
                N_("These years cannot be counted."),
                rule="retention-years",
                element="years",
                place="/after",
                remedy=f"Give whole years from 1 to {YEARS_MAX}; to keep it for good, give no times at all.",
            )
        found.append(After(since=since, years=int(given)))
    return found
