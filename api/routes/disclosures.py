# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Disclosures beyond one child's list: a search among all of them, and a note of whom records were passed on to.

Invariant: names of officials stand in bodies, never in an address; and whoever looks at entries is in them himself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.edge import request_id_of
from api.entries import allowed, of_each
from api.openapi import CURSOR, IDEMPOTENCY_KEY, LIMIT, PURPOSE, STUDENT_ID, Direct, operation, operation_id
from api.overseeing import Readers, readers_for
from api.policy import action_of, signed_in
from api.principal import Principal, who
from api.problems import Fault, Invalid
from api.reading import access_head, ask, at_least, records_gone
from api.requests import body_of, purpose_of
from api.routes.students import Page, ReaderFrom, StudentView, opaque, page_of_disclosures, student_id_of
from api.schemas.disclosures import (
    NAMES,
    DisclosureSearchAnswer,
    DisclosureSearchBody,
    RedisclosureAnswer,
    RedisclosureBody,
)
from api.sending import request_key
from api.services import Services, services_of
from api.show import FoundMany, day_of, show_many
from ledger import telemetry
from ledger.access import NOBODY, Subject, decide
from ledger.errors import no_student
from ledger.events import Meta
from ledger.events.disclosure import RedisclosureNoted
from ledger.replay import kept_answer
from ledger.store.append import Append
from projections import disclosures
from projections.as_of import AsOf
from projections.disclosures import Disclosure, Wanted

router = APIRouter(tags=["disclosures"], route_class=Direct, generate_unique_id_function=operation_id)


# -- searching


class DisclosuresSearch:
    """A page of entries, of whichever children. fields: that were asked for. readers: of whom is told at all.

    What was told of a record alone went with it: such an entry is left out also where the read model still has it.
    """

    action = "disclosure.search"
    name = "disclosures-search"

    def __init__(self, services: Services, said: DisclosureSearchBody, readers: Readers, page: Page) -> None:
        given = said.model_dump(exclude_none=True)
        self.fields: Sequence[str] = list(given)
        self._services = services
        self._wanted = Wanted(own_state=given.pop("state", None), **given)
        if readers.state is not None:
            self._wanted = self._wanted._replace(own_state=readers.state)
        self._part = readers.organisation
        self._page = page
        self._entries: list[Disclosure] = []
        self._next: str | None = None

    async def read(self) -> FoundMany:
        """Waits first for the entries that are durable by now. Raises Behind, StoreUnavailable."""
        before, limit = self._page
        if self._part is not None and self._wanted.organisation not in (None, self._part):
            return FoundMany((), 0)  # of another office than whoever asks is told of, there is nobody
        wanted = self._wanted if self._part is None else self._wanted._replace(organisation=self._part)
        durable = await access_head(self._services)

        async def look() -> tuple[AsOf, list[Disclosure]]:
            return await ask(
                self._services.reads, lambda conn: disclosures.search(conn, wanted, before=before, limit=limit)
            )

        _, entries = await at_least(self._services, disclosures.PROJECTION.name, durable, look)
        self._next = opaque(entries[-1].cursor) if len(entries) == limit else None
        reached, gone = await records_gone(self._services, [entry.record for entry in entries if entry.record])
        self._entries = [entry for entry in entries if entry.record not in gone or entry.is_among_others]
        records = dict.fromkeys(entry.record for entry in self._entries if entry.record)
        return FoundMany(list(records), 0, reached=reached)

    def render(self) -> bytes:
        return orjson.dumps({"disclosures": [entry._asdict() for entry in self._entries], "cursor": self._next})


@router.post(
    "/v1/disclosures/search",
    summary="Find who was shown what, by who asked",
    responses={
        200: {"model": DisclosureSearchAnswer, "description": "A page, and the disclosure entry is durable."},
    },
    openapi_extra=operation("disclosure.search", (LIMIT, CURSOR, PURPOSE), DisclosureSearchBody),
)
async def search_disclosures(request: Request) -> Response:
    """Showings, refusals and redisclosures, newest first; complete up to the moment of asking."""
    principal = await signed_in(request)
    services = services_of(request)
    purpose, page = purpose_of(request), page_of_disclosures(request)
    said = (await body_of(request)).as_model(DisclosureSearchBody, NAMES)
    about = NOBODY if said.state is None else Subject(states=(said.state,))
    readers = readers_for(principal, decide(who(principal), DisclosuresSearch.action, about))
    shown = await show_many(
        principal,
        purpose,
        DisclosuresSearch(services, said, readers, page),
        about,
        access=services.ledger.access,
        request_id=request_id_of(request),
    )
    return Response(shown.body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


# -- passing on


@router.post(
    "/v1/students/{id}/disclosures",
    summary="Note to whom a student's records were passed on",
    status_code=201,
    responses={
        201: {
            "model": RedisclosureAnswer,
            "description": "Noted with each record that the student has now, and durable.",
            "headers": {
                "Idempotency-Replayed": {
                    "description": "`true` where this is the first answer again.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        }
    },
    openapi_extra=operation("disclosure.note", (STUDENT_ID, IDEMPOTENCY_KEY), RedisclosureBody),
)
async def note_redisclosure(request: Request) -> Response:
    """By the authority that passed them on (34 CFR 99.32(b)). It is told with the accounting of the student."""
    principal = await signed_in(request)
    services = services_of(request)
    student_id = student_id_of(request)
    found = await StudentView(ReaderFrom(services, request.app.state.students, 0)).read(student_id)
    await allowed(
        principal,
        None,
        action_of(request),
        Subject((), ()) if found is None else Subject(found.states, found.records),
        disclosures.REDISCLOSURE,
        access=services.ledger.access,
        request_id=request_id_of(request),
        student_id=student_id,
    )
    body = await body_of(request)
    said = body.as_model(RedisclosureBody, NAMES)
    if found is None:
        raise no_student(student_id)

    zone_of = request.app.state.profiles.zone_of
    if said.disclosed_on > await day_of(principal, found.states, services.clock(), zone_of):
        raise Invalid(
            "The day is yet to come.",
            remedy="Note what was passed on once it has been.",
            faults=[Fault("/disclosed_on", "disclosed_on", "future", "It is later than today.")],
        )
    key = request_key(request, services, principal.name, body)
    told = {"student_id": student_id, "records": list(found.records)}
    append = Append(
        parts=of_each(found.records, _noted(principal, student_id, said), request_id_of(request)),
        meta=Meta(actor=principal.name, request=request_id_of(request)),
        answer=kept_answer(key, 201, {**told}),
    )
    with services.ledger.once(key):
        receipt = await asyncio.to_thread(services.ledger.access.append, append)
    # Durable: it is in the accounting, whatever becomes of the answer.
    headers = {}
    if receipt.replayed and receipt.answer is not None:
        told = dict(receipt.answer.ids)
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    return Response(orjson.dumps({**told, "position": receipt.position}), 201, headers, "application/json")


def _noted(principal: Principal, student_id: str, said: RedisclosureBody) -> RedisclosureNoted:
    return RedisclosureNoted(
        student_id=student_id,
        authority=principal.organisation,
        role=principal.role,
        recipient=said.recipient,
        organisation=said.organisation,
        basis=said.basis,
        purpose=said.purpose,
        sections=list(dict.fromkeys(said.sections)),
        disclosed_on=said.disclosed_on.isoformat(),
        own_state=principal.state,
    )
