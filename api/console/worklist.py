"""The worklist: what waits for somebody's office, urgent first; and what is settled, on a page of its own.

Invariant: open cases and settled ones are never on one page; each page of cases is a disclosure of the records that it
names, like the list of the API, and is read by the same view.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cases import worklist_view
from api.console.days import today_of
from api.console.outcomes import done_told
from api.console.pages import page
from api.console.questions import LEVELS, OUTCOMES, QUESTIONS, Question
from api.console.visits import Visit, visitor
from api.console.waiting import lying_with
from api.edge import request_id_of
from api.offices import office_of
from api.openapi import Direct, does, operation_id
from api.problems import Fault, Invalid
from api.requests import at_least_of, page_of, purpose_of
from api.show import show_many
from ledger.cases import KINDS
from ledger.events.case import Place
from ledger.store.pending import Lease
from projections.worklist import Urgency, Wanted, place, urgency

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

PAGE: Final = 50
"""Cases on a page."""
FILTERS: Final = ("kind", "mine")


class Line(NamedTuple):
    """A case in the list. sides: each record as its state names it. due: last day of the part that counts for whoever
    looks. answered: his state has, and others have yet to. waits: states that have yet to answer. lease: who is at it.
    """

    case: str
    question: Question
    sides: Sequence[str]
    due: date | None
    overdue: bool
    answered: bool
    waits: Sequence[str]
    lease: Lease | None
    outcome: str | None
    closed_on: date | None


@router.get("/worklist", openapi_extra=does("case.read"))
async def worklist_page(request: Request) -> Response:
    """Open cases that lie with the reader's office, by the day on which they are due."""
    return await _page(request, settled=False)


@router.get("/worklist/settled", openapi_extra=does("case.read"))
async def settled_page(request: Request) -> Response:
    """Cases that are closed, the last closed first."""
    return await _page(request, settled=True)


# -- inside


async def _page(request: Request, *, settled: bool) -> Response:
    here = await visitor(request)
    principal, services = here.signed_in, here.services
    after = page_of(request)[1] if settled else _after(request.query_params.get("cursor"))
    position, office = at_least_of(request), office_of(principal)
    wanted = _wanted(here, office, settled=settled)
    view = worklist_view(
        services,
        [name for name in FILTERS if request.query_params.get(name)],
        wanted,
        position,
        after=after,
        limit=PAGE,
        urgent=not settled,
    )
    await show_many(
        principal, purpose_of(request), view, access=services.ledger.access, request_id=request_id_of(request)
    )
    told = view.told()
    leases: Mapping[str, Lease] = {}
    if not settled and told:
        leases = await asyncio.to_thread(services.ledger.casework.leases_of, [case["case_id"] for case in told])
    today, zone = await today_of(here), here.zone
    last = view.last()
    behind = last and (str(place(last)) if settled else _cursor(urgency(last, wanted)))
    return page(
        here,
        "worklist/list.html",
        settled=settled,
        lines=[_line(case, office, today, zone, leases) for case in told],
        today=today,
        kinds=QUESTIONS,
        kind=wanted.kind,
        mine=wanted.name is not None,
        may_be_mine=office is not None,
        outcomes=OUTCOMES,
        levels=LEVELS,
        behind=behind,
        first=after is None,
        zone=zone,
        done=await done_told(here, request.query_params.get("done")),
    )


def _cursor(one: Urgency) -> str:
    """A place in the list of what is open, as an address has it: ``2026-03-02.815``, ``.815`` without a day."""
    return f"{one.due or ''}.{one.turn}"


def _after(given: str | None) -> Urgency | None:
    """Raises Invalid."""
    if given is None:
        return None
    due, _, turn = given.partition(".")
    try:
        if turn.isascii() and turn.isdigit() and len(turn) <= 18:
            return Urgency(date.fromisoformat(due) if due else None, int(turn))
    except ValueError:
        pass
    fault = Fault("query:cursor", None, "page", "It is no place in the list.")
    raise Invalid("The page cannot be found.", remedy="Begin at the worklist again.", faults=[fault])


def _wanted(here: Visit, office: Place | None, *, settled: bool) -> Wanted:
    """What is asked for, of the reader's office. Raises Invalid."""
    asked, kind = here.request.query_params, here.request.query_params.get("kind") or None
    if kind is not None and kind not in KINDS:
        raise Invalid("There is no such kind of case.", remedy="Choose one on the worklist.")
    # Nothing that is settled waits for anybody, and nothing waits for an auditor.
    mine = asked.get("mine") == "true" and office is not None and not settled
    return lying_with(office)._replace(kind=kind, name=here.signed_in.name if mine else None, open=not settled)


def _line(told: Mapping[str, Any], office: Place | None, today: date, zone: str, leases: Mapping[str, Lease]) -> Line:
    own = [part for part in told["asked"] if office is None or part["state"] == office.state]
    waiting = [part for part in own if not part["answered"]]
    days = [date.fromisoformat(part["due_on"]) for part in waiting]
    due, closed = min(days, default=None), told["closed_at"]
    sides = [
        f"{told[f'state_{side}']} {told[f'state_student_id_{side}'] or ''}".strip()
        for side in "ab"
        if told[f"state_{side}"]
    ]
    return Line(
        case=told["case_id"],
        question=QUESTIONS[told["kind"]],
        sides=sides,
        due=due,
        overdue=any(part["overdue"] for part in waiting) or (due is not None and due < today),
        answered=bool(own) and not waiting,
        waits=[part["state"] for part in told["asked"] if not part["answered"]],
        lease=leases.get(told["case_id"]),
        outcome=told["outcome"],
        closed_on=closed and datetime.fromisoformat(closed).astimezone(ZoneInfo(zone)).date(),
    )
