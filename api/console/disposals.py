"""Disposals as pages: proposed by one, approved, refused or taken back, and the certificate of what is gone.

Invariant: whoever approves has seen exactly what goes, and says how many; approving destroys at once. Nothing of a
child stands here: ids, days, counts, rules and the officials who answer for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from api.admission import uuid_named
from api.certifying import certificate_of
from api.console import formats, paper
from api.console.faults import NONE, Faults, faults_told
from api.console.faults import in_words as told_in_words
from api.console.filled import Typed
from api.console.in_the_way import InTheWay, in_words
from api.console.pages import page, rendered, seen_other
from api.console.retention import going, preview, ticked
from api.console.retention_words import CLASSES, HOLDS, STATUSES, wait_of
from api.console.visits import Visit, in_language, permitted
from api.console.words import LANGUAGES, N_
from api.openapi import Direct, does, operation_id
from api.problems import status_of
from api.retaining import counts_of, in_the_way, must_be_own_area, must_hold_some, tells_words
from api.routes.retention import own_state, state_for
from ledger.disposals import Known, Waiting
from ledger.errors import BadValue, Conflict, LedgerError, Refused
from ledger.events import Meta
from ledger.keeping import Done
from ledger.persons import same_person
from ledger.replay import RequestKey
from ledger.retention.certificate import Certificate
from ledger.retention.disposal import PROPOSED, REASON_MAX
from ledger.retention.holds import Lifted

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN: Final = 50
DONE_WORDS: Final = {
    "proposed": N_("It is proposed. Another person approves it; until then nothing goes."),
    "done": N_("It is done: the keys are gone, and nothing opens any more that they sealed."),
    "refused": N_("It is refused. Nothing of it was destroyed."),
    "withdrawn": N_("It is taken back. Nothing of it was destroyed."),
}


class Approver(NamedTuple):
    """Who may approve a disposal that waits. own: the reader has proposed it. unfit: why the reader may not, though his
    role may. but: everybody of the role but these; nobody at all where it is empty."""

    own: bool
    unfit: Markup | None
    but: Sequence[str]


@router.get("/retention/disposals", openapi_extra=does("retention.read"))
async def disposals_page(request: Request) -> Response:
    """Those that wait for another person, and all that there were, the last one first."""
    here = await permitted(request)
    asked, state, ledger = request.query_params, state_for(request, here.signed_in), here.services.ledger
    status, cursor = asked.get("status", ""), asked.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    found = await asyncio.to_thread(
        ledger.disposals.listed, status if status in STATUSES else None, SHOWN, before or None, state
    )
    return page(
        here,
        "retention/disposals.html",
        disposals=found.items,
        cursor=found.cursor,
        status_asked=status,
        statuses=STATUSES,
        classes=CLASSES,
        state=state,
    )


@router.post("/retention/disposals", openapi_extra=does("disposal.propose"))
async def propose(request: Request) -> Response:
    """Proposed: nothing goes before another person approves exactly this."""
    here = await permitted(request)
    disposals, record_class, subjects = here.services.ledger.disposals, here.said.get("class", ""), ticked(here)

    def do(meta: Meta, key: RequestKey | None) -> Done:
        must_be_own_area(here.services.ledger, here.signed_in, record_class, subjects)
        return disposals.propose(record_class, subjects, meta, key)

    try:
        done = await here.did(do)
    except (Refused, Conflict) as refused:
        return await preview(here, refused)
    return seen_other(f"/retention/disposals/{done.id}?done=proposed&at_least={done.position}")


@router.get("/retention/disposals/{id}", openapi_extra=does("retention.read"))
async def disposal_page(request: Request) -> Response:
    """Its exact scope, who proposed it, what is in the way now, and what the reader may do with it."""
    return await _one(await permitted(request), NONE)


@router.post("/retention/disposals/{id}/approval", openapi_extra=does("disposal.approve"))
async def approve(request: Request) -> Response:
    """Destroys. Whoever sends it has typed how many go."""
    here = await permitted(request)
    named, disposals = _named(here), here.services.ledger.disposals

    def do(meta: Meta, key: RequestKey | None) -> Done:
        if here.said.get("count", "").strip() != str(len(disposals.read(named).proposed.items)):
            raise BadValue(
                N_("This is not how many records or accounts go."), rule="items", element="count", place="/count"
            )
        return disposals.approve(named, meta, key)

    return await _did(here, do, "done")


@router.post("/retention/disposals/{id}/refusal", openapi_extra=does("disposal.approve"))
async def refuse(request: Request) -> Response:
    """Nothing of it goes, and nothing will by this proposal."""
    here = await permitted(request)
    named, reason = _named(here), here.said.get("reason", "")
    disposals = here.services.ledger.disposals
    return await _did(here, lambda meta, key: disposals.refuse(named, reason, meta, key), "refused")


@router.post("/retention/disposals/{id}/withdrawal", openapi_extra=does("disposal.propose"))
async def withdraw(request: Request) -> Response:
    """By whoever proposed it."""
    here = await permitted(request)
    named, disposals = _named(here), here.services.ledger.disposals
    return await _did(here, lambda meta, key: disposals.withdraw(named, meta, key), "withdrawn")


@router.get("/retention/disposals/{id}/certificate", openapi_extra=does("retention.read"))
async def certificate_page(request: Request) -> Response:
    """What went, by whose word and rule, and what proves it; to read."""
    here = await permitted(request)
    certified = await _certified(here)
    return page(here, "retention/certificate.html", certificate=certified, classes=CLASSES, waited=wait_of)


@router.get("/retention/disposals/{id}/certificate/print", openapi_extra=does("retention.read"))
async def certificate_print(request: Request) -> Response:
    """The same for paper. ``language``: en or es, whatever the reader reads otherwise."""
    here = in_language(await permitted(request))
    return Response(await _on_paper(here), 200, _NOT_KEPT, "text/html; charset=utf-8")


@router.get("/retention/disposals/{id}/certificate.pdf", openapi_extra=does("retention.read"))
async def certificate_pdf(request: Request) -> Response:
    """The same as a file."""
    here = in_language(await permitted(request))
    await paper.must_be_there()
    made = await paper.pdf_of(await _on_paper(here))
    name = f'attachment; filename="certificate-{_named(here)}.pdf"'
    return Response(made, 200, {**_NOT_KEPT, "Content-Disposition": name}, "application/pdf")


# -- inside


async def _did(here: Visit, do: Callable[[Meta, RequestKey | None], Done], done: str) -> Response:
    try:
        await here.did(do)
    except (Refused, Conflict) as refused:
        return await _one(here, faults_told(refused, here.language), refused)
    return seen_other(f"/retention/disposals/{_named(here)}?done={done}")


async def _one(here: Visit, wrong: Faults, refused: LedgerError | None = None) -> Response:
    named, ledger, state = _named(here), here.services.ledger, own_state(here.request, here.signed_in)
    words = LANGUAGES[here.language]

    def look() -> tuple[Known, Waiting | None, list[InTheWay], list[Lifted]]:
        known = ledger.disposals.known(named)
        must_hold_some(known, state)
        if state is not None or known.disposal.status != PROPOSED:
            return known, None, [], []
        waiting = ledger.disposals.waiting(known, here.signed_in.name)
        stops = in_the_way(known.disposal.proposed.items, waiting.found)
        told = in_words(stops, waiting.found, words.gettext, lambda day: formats.day(day, here.language))
        return known, waiting, told, ledger.disposals.lifted(waiting.found)

    known, waiting, obstacles, lifted = await asyncio.to_thread(look)
    proposed, is_open = known.disposal.proposed, known.disposal.status == PROPOSED
    items = [item for item in proposed.items if state in (None, item.scope.state)]
    own = same_person(proposed.by, here.signed_in.name)
    return page(
        here,
        "retention/disposal.html",
        status=200 if refused is None else status_of(refused).status,
        known=known,
        proposed=proposed,
        closed_by=getattr(known.closed, "by", None),
        reason=getattr(known.closed, "reason", None) if tells_words(here.signed_in) else None,
        record_class=proposed.items[0].scope.record_class,
        classes=CLASSES,
        kinds=HOLDS,
        statuses=STATUSES,
        lines=going(items),
        counts=counts_of(item.scope for item in items),
        in_the_way=obstacles,
        lifted=lifted,
        approver=_approver(here, proposed.by, waiting) if waiting is not None else None,
        may_approve=waiting is not None and waiting.unfit is None and here.may("disposal.approve"),
        may_refuse=is_open and not own and here.may("disposal.approve"),
        may_withdraw=is_open and own and here.may("disposal.propose"),
        said=Typed(here.said),
        wrong=wrong,
        done=DONE_WORDS.get(here.request.query_params.get("done", "")),
        reason_max=REASON_MAX,
    )


def _approver(here: Visit, proposed_by: str, waiting: Waiting) -> Approver:
    released = sorted(set(waiting.released))
    # Nobody may where it is the proposer: to agree with him were to take away with him what a third had put in the way.
    others = [] if any(same_person(proposed_by, one) for one in released) else [proposed_by, *released]
    own, why = same_person(proposed_by, here.signed_in.name), waiting.unfit
    if why is None or (own and others):
        return Approver(own, None, others)
    return Approver(own, told_in_words(why.what, here.language, why.remedy or ""), others)


async def _certified(here: Visit) -> Certificate:
    """Raises NotFound, DisposalIsClosed."""
    return await certificate_of(here.services, _named(here), own_state(here.request, here.signed_in))


async def _on_paper(here: Visit) -> bytes:
    certified = await _certified(here)
    return rendered(here, "retention/certificate_paper.html", certificate=certified, classes=CLASSES, waited=wait_of)


def _named(here: Visit) -> str:
    return uuid_named(here.request.path_params["id"], "disposal")


_NOT_KEPT: Final = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
