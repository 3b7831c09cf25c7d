"""A case: its records beside each other, what was found, and the answer. The next one opens behind an answer.

Invariant: whatever is shown of the records is told by ``CaseFactsView``, so that each look is a disclosure of every one
of them; of a case that is judged blind nothing is told but its two records. Whoever opens a case that he may answer is
at it (``Casework.lease``) until he answers, lets it go, or a quarter of an hour is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.cases import case_view
from api.console.acts import reason_of
from api.console.comparing import Facts, Sign
from api.console.days import today_of
from api.console.outcomes import done_told
from api.console.pages import page, seen_other
from api.console.questions import LEVELS, MOOT, OUTCOMES, QUESTIONS
from api.console.visits import Visit, permitted, visitor
from api.console.waiting import wanted_by
from api.console.wording import worded
from api.console.words import N_
from api.edge import request_id_of
from api.named import case_named
from api.offices import office_for, office_of
from api.openapi import Direct, does, operation_id
from api.problems import status_of
from api.reading import ask, at_least
from api.requests import at_least_of, purpose_of
from api.show import FoundMany, show_many
from api.worklist import CaseFactsView
from ledger.cases import REASON_MAX, VALIDATES
from ledger.errors import BadValue, Conflict, Forbidden, Leased, LedgerError, Refused
from ledger.events import Erased
from ledger.events.case import Changed, Place
from ledger.offices import Offices
from ledger.store.log import Log
from ledger.store.pending import Lease
from projections import consolidation, worklist
from projections.as_of import AsOf
from projections.record_words import fold_record
from projections.worklist import Listed

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

LEASE_MINUTES: Final = 15


class CasePage(CaseFactsView):
    """A case with all that is compared. before: where a state's own change is asked about, what it said before."""

    log: Log
    before: Facts | None = None

    async def read(self) -> FoundMany:
        """As ``CaseView.read``."""
        found = await super().read()
        if found.refused is None and isinstance(changed := self.listed.case.opened.proposal, Changed):
            record = self.listed.case.opened.records[0].anchor.record
            self.before = await asyncio.to_thread(_before, self.log, record, changed.position)
        return found


class _Desk:
    """Who is at the case, and why the reader is not."""

    def __init__(self, here: Visit, case: str) -> None:
        self._here = here
        self._case = case
        self.why_not: LedgerError | None = None

    async def sit(self) -> Lease | None:
        """Be at it, if the reader may answer it and nobody else is."""
        casework = self._here.services.ledger.casework
        principal = self._here.signed_in
        if self._here.may("case.settle"):
            office = office_for(principal)
            try:
                return await asyncio.to_thread(casework.lease, self._case, principal.name, office, LEASE_MINUTES)
            except Leased:
                pass
            except (Refused, Conflict, Forbidden) as error:
                self.why_not = error
        return await asyncio.to_thread(casework.lease_of, self._case)


@router.get("/cases/{id}", openapi_extra=does("case.read"))
async def case_page(request: Request) -> Response:
    """To be read and answered. Opening it is being at it, for whoever may answer."""
    return await _shown(await visitor(request), case_named(request.path_params["id"]))


@router.post("/cases/{id}/answer", openapi_extra=does("case.settle"))
async def answer_page(request: Request) -> Response:
    """Answered; on to the next that waits."""
    here, case = await permitted(request), case_named(request.path_params["id"])
    casework, office = here.services.ledger.casework, office_for(here.signed_in)
    answer = here.said.get("answer")
    try:
        if answer not in ("yes", "no"):
            raise _unusable("answer", N_("Choose yes or no."))
        reason = reason_of(here.said, f"because-{answer}")
        answered = await here.did(
            lambda meta, key: casework.answer(case, reason, meta, office, key, yes=answer == "yes")
        )
    except (Refused, Conflict) as error:
        return await _shown(here, case, error)
    following = await _next(here, case, answered.position)
    return seen_other(f"{following}?at_least={answered.position}&done={case}")


@router.post("/cases/{id}/assignment", openapi_extra=does("case.settle"))
async def assignment_page(request: Request) -> Response:
    """The reader's state's part of it lies with another of its offices from now on."""
    here, case = await permitted(request), case_named(request.path_params["id"])
    casework, office = here.services.ledger.casework, office_for(here.signed_in)
    kind, _, code = here.said.get("office", "").partition(":")
    to = Place(
        state=office.state,
        region=code if kind == "region" else None,
        district=code if kind == "district" else None,
    )
    names = [name.strip() for name in here.said.get("names", "").split(",") if name.strip()]
    try:
        if kind not in LEVELS:
            raise _unusable("office", N_("Choose an office."))
        assigned = await here.did(lambda meta, key: casework.assign(case, to, meta, office, names, key))
        await asyncio.to_thread(casework.release, case, here.signed_in.name)
    except (Refused, Conflict) as error:
        return await _shown(here, case, error)
    return seen_other(f"/worklist?at_least={assigned.position}")


@router.post("/cases/{id}/release", openapi_extra=does("case.settle"))
async def release_page(request: Request) -> Response:
    """The reader is at it no longer."""
    here, case = await permitted(request), case_named(request.path_params["id"])
    casework, name = here.services.ledger.casework, here.signed_in.name
    await here.did(lambda _meta, _key: casework.release(case, name))
    return seen_other("/worklist")


# -- inside


async def _shown(here: Visit, case: str, wrong: LedgerError | None = None) -> Response:
    """wrong: why what the form asked for was not done; what was typed is kept."""
    request, services, principal = here.request, here.services, here.signed_in
    office, desk = office_of(principal), _Desk(here, case)
    view = case_view(services, case, office, at_least_of(request), CasePage, desk.sit)
    view.log = services.ledger.log
    await show_many(
        principal, purpose_of(request), view, access=services.ledger.access, request_id=request_id_of(request)
    )
    told, listed = view.told(), view.listed
    lease, language = told["lease"], "es" if here.language == "es" else "en"
    offices = await _offices(here, listed, office)
    is_mine = lease is not None and lease["holder"] == principal.name
    states = sorted({record["state"] for record in told["records"]})
    return page(
        here,
        "worklist/case.html",
        status=200 if wrong is None else status_of(wrong).status,
        case=told,
        question=QUESTIONS[told["kind"]],
        validates=told["kind"] in VALIDATES,
        words=worded(told, listed, view.before, language, office),
        signs=Sign,
        may_answer=is_mine and desk.why_not is None,
        why_not=desk.why_not,
        somebody=lease if lease is not None and not is_mine else None,
        lease=lease if is_mine else None,
        second=told["kind"] == "near-match" and await asyncio.to_thread(_wants_second, here, states),
        offices=offices,
        levels=LEVELS,
        outcomes=OUTCOMES,
        moot=MOOT,
        today=await today_of(here),
        done=await done_told(here, request.query_params.get("done")),
        wrong=wrong,
        reason_max=REASON_MAX,
        zone=here.zone,
    )


def _before(log: Log, record: str, position: int) -> Facts | None:
    """What a record said before an event; None where that cannot be read any more."""
    recorded = [one for one in log.read_stream(f"record/{record}") if one.position < position]
    if not recorded or any(isinstance(one.event, Erased) for one in recorded):
        return None
    folded = fold_record(recorded)
    return None if folded is None else consolidation.told_alone(folded)


def _wants_second(here: Visit, states: Sequence[str]) -> bool:
    """Whether some state wants another person to look at a near match that was answered yes."""
    return any(here.services.ledger.profile(state).second_person_near_match for state in states)


async def _next(here: Visit, case: str, position: int) -> str:
    """The address of what waits next for whoever looks: a case, else the worklist."""
    wanted = wanted_by(here)

    async def look() -> tuple[AsOf, list[Listed]]:
        return await ask(here.services.reads, lambda conn: worklist.urgent(conn, wanted, limit=2))

    try:
        _, found = await at_least(here.services, worklist.PROJECTION.name, position, look)
    except LedgerError:  # the answer is durable; the list comes when it can
        return "/worklist"
    return next((f"/cases/{one.case_id}" for one in found if one.case_id != case), "/worklist")


async def _offices(here: Visit, listed: Listed, office: Place | None) -> list[tuple[str, str, str]]:
    """Offices before which the reader's state's part may be put: sideways and down. Each: as the form sends it, its
    level, its name."""
    if office is None or listed.case.closed is not None or office.state not in listed.case.parts:
        return []
    place = listed.case.parts[office.state].place
    known: Offices = (await asyncio.to_thread(here.services.ledger.jurisdiction, office.state)).offices
    found = [(f"district:{district}", "district", district) for district in sorted(known.districts)]
    if place.level != "district":
        regions = ((code, region) for code, region in sorted(known.regions.items()) if not region.ended)
        found = [(f"region:{code}", "region", region.name) for code, region in regions] + found
    if place.level == "state":
        found.insert(0, ("state:", "state", office.state))
    return found


def _unusable(element: str, what: str) -> BadValue:
    return BadValue(what, rule=element, element=element, place=f"/{element}", remedy="")
