# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Disposals over HTTP: proposed by one, approved by another, and then gone, with a certificate.

Invariant: a preview and a dry run write nothing; what is approved is destroyed when that is answered, all of it or
nothing. Nothing of a child is told.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acting import KEYED, Asked, Did, act, acted
from api.admission import uuid_named
from api.certifying import certificate_of
from api.openapi import LIMIT, Direct, operation, operation_id
from api.policy import permitted
from api.problems import Fault, Invalid
from api.requests import refuse_others, truth_of
from api.retaining import disposal_told, found_of, must_be_own_area, must_hold_some, preview_told, tells_words
from api.routes.retention import IN_STATE, NO_CACHE, UUID, did, limit_of, looked, own_state, state_for, told
from api.schemas.retention import (
    NAMES,
    CertificateAnswer,
    DisposalAnswer,
    DisposalBody,
    DisposalPreviewAnswer,
    DisposalsAnswer,
    DoneAnswer,
    HoldReasonBody,
    MeantBody,
)
from api.services import services_of
from ledger.application import Ledger
from ledger.errors import BadValue
from ledger.retention.disposal import DONE, PROPOSED, REFUSED, WITHDRAWN

router = APIRouter(
    prefix="/v1/retention/disposals", tags=["retention"], route_class=Direct, generate_unique_id_function=operation_id
)

STATUSES: Final = (PROPOSED, DONE, REFUSED, WITHDRAWN)
_DRY_RUN: Final = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "description": "Show what would go and what is in the way, and write nothing.",
    "schema": {"type": "boolean", "default": False},
}
_STATUS: Final = {
    "name": "status",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": list(STATUSES)},
}
_BEFORE: Final = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "description": "From the page before.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 2**62},
}


@router.get(
    "",
    summary="Disposals",
    responses={200: {"model": DisposalsAnswer, "description": "The last one proposed first."}},
    openapi_extra=operation("retention.read", (_STATUS, IN_STATE, LIMIT, _BEFORE)),
)
async def get_disposals(request: Request) -> Response:
    """Those that wait for another person, and all that there were. Of a disposal over several states, who reads of one
    is told that one's."""
    principal = await permitted(request)
    refuse_others(request, "status", "state", "limit", "cursor")
    status, state, limit = request.query_params.get("status"), state_for(request, principal), limit_of(request)
    if status not in (None, *STATUSES):
        raise _wrong("status", f"It is none of {', '.join(STATUSES)}.")
    cursor = request.query_params.get("cursor")
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and 0 < len(cursor) < 19):
        raise _wrong("cursor", "It is no whole number.")

    words = tells_words(principal)

    def look(ledger: Ledger) -> dict[str, Any]:
        page = ledger.disposals.listed(status, limit, None if cursor is None else int(cursor), state)
        return {"disposals": [disposal_told(known, state, words=words) for known in page.items], "cursor": page.cursor}

    return told(await looked(request, look))


@router.post(
    "",
    summary="Propose a disposal",
    status_code=201,
    responses={
        **acted(DoneAnswer, "Another person is to approve it.", 201),
        200: {"model": DisposalPreviewAnswer, "description": "Of a dry run: what would go, and what is in the way."},
    },
    openapi_extra=operation("disposal.propose", (*KEYED, _DRY_RUN), DisposalBody),
)
async def post_disposal(request: Request) -> Response:
    """Exactly these, each with its keys, events, papers and cases as they are now. Refused where one of them is held,
    not due, or gone, and the problem names each that is. Nothing goes before another person approves it."""
    refuse_others(request, "dry_run")
    dry_run = truth_of(request, "dry_run")

    def do(asked: Asked[DisposalBody]) -> Did:
        record_class, subjects = asked.said.record_class, asked.said.subjects
        must_be_own_area(asked.ledger, asked.principal, record_class, subjects)
        disposals = asked.ledger.disposals
        if dry_run:
            found = disposals.present(record_class, subjects)
            return Did(preview_told(asked.ledger, record_class, found), asked.ledger.log.head())
        done = disposals.propose(record_class, subjects, asked.meta, asked.key)
        return did(done, 201, f"/v1/retention/disposals/{done.id}")

    return await act(request, DisposalBody, do, NAMES)


@router.get(
    "/{id}",
    summary="A disposal",
    responses={200: {"model": DisposalAnswer, "description": "As it is now."}},
    openapi_extra=operation("retention.read", (UUID,)),
)
async def get_disposal(request: Request) -> Response:
    """Of one that waits for another person also what would refuse it now."""
    principal = await permitted(request)
    refuse_others(request)
    disposal, state = _named(request), own_state(request, principal)

    def look(ledger: Ledger) -> dict[str, Any]:
        known = ledger.disposals.known(disposal)
        must_hold_some(known, state)
        found = found_of(ledger, known) if state is None else None
        lifted = ledger.disposals.lifted(found) if found is not None else ()
        return disposal_told(known, state, found, lifted, words=tells_words(principal))

    return told(await looked(request, look))


@router.post(
    "/{id}/approval",
    summary="Approve a disposal: destroy what it names",
    responses=acted(DoneAnswer, "It is gone."),
    openapi_extra=operation("disposal.approve", (UUID, *KEYED), MeantBody),
)
async def post_disposal_approval(request: Request) -> Response:
    """By another person than who proposed it. Keys, and all that goes with them, are deleted in one transaction, which
    looks again: it is refused whole where anything is held, not due, or not as it was proposed. It cannot be taken
    back."""

    def do(asked: Asked[MeantBody]) -> Did:
        return did(asked.ledger.disposals.approve(_meant(request, asked), asked.meta, asked.key))

    return await act(request, MeantBody, do, NAMES)


@router.post(
    "/{id}/refusal",
    summary="Refuse a disposal",
    responses=acted(DoneAnswer, "Nothing goes by it."),
    openapi_extra=operation("disposal.approve", (UUID, *KEYED), HoldReasonBody),
)
async def post_disposal_refusal(request: Request) -> Response:
    """By another person than who proposed it, for good."""

    def do(asked: Asked[HoldReasonBody]) -> Did:
        return did(asked.ledger.disposals.refuse(_named(request), asked.said.reason, asked.meta, asked.key))

    return await act(request, HoldReasonBody, do, NAMES)


@router.post(
    "/{id}/withdrawal",
    summary="Withdraw a disposal",
    responses=acted(DoneAnswer, "Nothing goes by it."),
    openapi_extra=operation("disposal.propose", (UUID, *KEYED), MeantBody),
)
async def post_disposal_withdrawal(request: Request) -> Response:
    """By who proposed it, for good."""

    def do(asked: Asked[MeantBody]) -> Did:
        return did(asked.ledger.disposals.withdraw(_meant(request, asked), asked.meta, asked.key))

    return await act(request, MeantBody, do, NAMES)


@router.get(
    "/{id}/certificate",
    summary="The certificate of a disposal",
    responses={200: {"model": CertificateAnswer, "description": "What went, by whose word and rule, and its proofs."}},
    openapi_extra=operation("retention.read", (UUID,)),
)
async def get_disposal_certificate(request: Request) -> Response:
    """It names nothing of a child, so it may be kept and shown for ever; who reads of one state is told that one's
    lines. Its events, and their proofs of inclusion, come with the first checkpoint that covers it: ask again until
    `checkpoint` is there."""
    principal = await permitted(request)
    refuse_others(request)
    certificate = await certificate_of(services_of(request), _named(request), own_state(request, principal))
    return Response(msgspec.json.encode(certificate), 200, NO_CACHE, "application/json")


def _named(request: Request) -> str:
    return uuid_named(request.path_params["id"], "disposal")


def _meant(request: Request, asked: Asked[MeantBody]) -> str:
    """Raises BadValue (rule ``items``) where it is another one than was meant."""
    disposal = _named(request)
    if asked.said.items is not None and asked.said.items != len(asked.ledger.disposals.read(disposal).proposed.items):
        raise BadValue(
            "It is not over so many.", rule="items", element="items", remedy="Read it again: see what it names."
        )
    return disposal


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(
        "The page cannot be found.",
        remedy="Take the cursor from the page before.",
        faults=[Fault(f"query:{name}", None, "page", message)],
    )
