"""What is due, and what exactly would go, before anything is proposed.

Invariant: these pages show ids, days and counts, and nothing of a child; so looking is no disclosure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console import formats
from api.console.in_the_way import in_words
from api.console.pages import page
from api.console.retention_words import CLASSES, HOLDS, waited_last
from api.console.visits import Visit, permitted
from api.console.words import LANGUAGES
from api.openapi import Direct, does, operation_id
from api.principal import who
from api.problems import status_of
from api.retaining import counts_of, must_be_own_area
from api.routes.retention import state_for
from ledger.access import decide
from ledger.disposals import DuePage
from ledger.errors import LedgerError
from ledger.events.retention import Item, Scope
from ledger.mde import STATES
from ledger.retention import obstacles
from ledger.retention.beside import Beside
from ledger.retention.due import Due
from ledger.retention.holds import Lifted
from ledger.retention.obstacles import Present
from ledger.retention.schedules import ACCESS, EDUCATION, Schedules

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN: Final = 100
"""Lines of a page, and so the most that one form proposes; a program proposes up to 500."""
ITEM: Final = "item-"
"""Begins the name of a box that is ticked for a record or account."""


class Going(NamedTuple):
    """One line of what goes."""

    subject: str
    state: str | None
    student_id: str | None
    schedule: str
    scope: Scope


@router.get("/retention", openapi_extra=does("retention.read"))
async def due_page(request: Request) -> Response:
    """Of one class, in one state or all, by state and id; what is held stands among it."""
    here = await permitted(request)
    asked = request.query_params
    record_class, state = _class(here, asked), state_for(request, here.signed_in)
    disposals, keeping = here.services.ledger.disposals, here.services.ledger.keeping

    def look() -> tuple[DuePage, Schedules]:
        return disposals.due(record_class, state, SHOWN, asked.get("cursor") or None), keeping.schedules()

    found, schedules = await asyncio.to_thread(look)
    return page(
        here,
        "retention/due.html",
        items=[one.present for one in found.items],
        cursor=found.cursor,
        record_class=record_class,
        state=state or "",
        classes=CLASSES,
        states=sorted(STATES),
        kinds=HOLDS,
        prefix=ITEM,
        last=waited_last,
        scheduled=_is_scheduled(schedules, record_class, state),
        may_propose=here.may("disposal.propose"),
        wrong=None,
    )


@router.post("/retention/preview", openapi_extra=does("disposal.propose"))
async def preview_page(request: Request) -> Response:
    """What exactly would go of what was ticked, and what is in the way. Nothing is written."""
    here = await permitted(request)
    return await preview(here)


async def preview(here: Visit, wrong: LedgerError | None = None) -> Response:
    """wrong: why what the form asked for was not done. Raises NotFound."""
    record_class, subjects = _class(here, here.said), ticked(here)
    ledger = here.services.ledger

    def look() -> tuple[list[Present], Beside, list[Lifted]]:
        must_be_own_area(ledger, here.signed_in, record_class, subjects)
        disposals = ledger.disposals
        there = disposals.present(record_class, subjects)
        return there, disposals.beside(record_class, subjects), disposals.lifted(there)

    found, beside, lifted = await asyncio.to_thread(look)
    words = LANGUAGES[here.language]
    return page(
        here,
        "retention/preview.html",
        status=200 if wrong is None else status_of(wrong).status,
        record_class=record_class,
        classes=CLASSES,
        kinds=HOLDS,
        items=found,
        prefix=ITEM,
        lines=[line for one in found if (line := _going(one)) is not None],
        counts=counts_of([one.scope for one in found if one.scope is not None]),
        beside=beside,
        in_the_way=in_words(
            obstacles.to_proposing(found),
            found,
            words.gettext,
            lambda day: formats.day(day, here.language),
        ),
        lifted=lifted,
        may_propose=here.may("disposal.propose") and bool(found),
        wrong=wrong,
    )


def ticked(here: Visit) -> list[str]:
    """Subjects that a form names."""
    return [name.removeprefix(ITEM) for name in here.said if name.startswith(ITEM)]


def going(items: Sequence[Item]) -> list[Going]:
    """The lines of a proposal."""
    return [Going(one.scope.subject, one.scope.state, one.scope.student_id, one.schedule, one.scope) for one in items]


# -- inside


def _class(here: Visit, asked: Mapping[str, str]) -> str:
    """Where none is named: what the reader decides over first."""
    given = asked.get("class", "")
    if given in CLASSES:
        return given
    return ACCESS if decide(who(here.signed_in), "disposal.propose").scope == "office" else EDUCATION


def _going(one: Present) -> Going | None:
    if one.scope is None:
        return None
    schedule = one.due.schedule if isinstance(one.due, Due) else ""
    return Going(one.subject.id, one.subject.state, one.scope.student_id, schedule, one.scope)


def _is_scheduled(schedules: Schedules, record_class: str, state: str | None) -> bool:
    """Whether anything of the class falls due in the state; in any, where none is named."""
    there = {state} if state else {place for name, place in schedules.held if name == record_class} | {None}
    return any((held := schedules.of(record_class, one)) is not None and held.after for one in there)
