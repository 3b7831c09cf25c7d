# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Submissions: a state's file for one night over HTTP; how far it has come; the answer to each of its rows.

Invariant: a file that was answered 202 is durable, and is applied by the same code as ``sojourn submit``. Nothing of it
stands in clear on any disk of ours. A row's answer says what the state itself sent, and is a disclosure all the same.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

import msgspec
import orjson
import structlog
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from api import progress
from api.edge import request_id_of
from api.entries import allowed
from api.openapi import AT_LEAST, CURSOR, IDEMPOTENCY_KEY, LIMIT, PURPOSE, Direct, operation, operation_id
from api.policy import action_of, permitted, signed_in, within
from api.principal import Principal, decided
from api.problems import Fault, Invalid, Unsent
from api.reading import ask, at_least
from api.requests import at_least_of, page_of, purpose_of, truth_of
from api.responding import RESPONSE, disclose, entry_of, records_of
from api.schemas.answers import SubmissionAnswer, SubmissionsAnswer
from api.sending import request_key
from api.services import Services, services_of
from ledger import telemetry
from ledger.access import Subject
from ledger.application import Ledger, RequestKey
from ledger.errors import Conflict, NotFound, OtherState, Refused, StoreUnavailable
from ledger.events import Meta
from ledger.events.disclosure import BulkDisclosed
from ledger.intake import answers, sources, uploads
from ledger.intake.response import ResponseSheet
from ledger.intake.submission import ANSWERS_AT_ONCE, check, stream_of, submission_id
from ledger.intake.uploads import Receiving, Taken
from ledger.mde import STATES
from projections import submissions
from projections.as_of import AsOf
from projections.submissions import Cursor, Submission

log = structlog.get_logger()

router = APIRouter(
    prefix="/v1/submissions", tags=["submissions"], route_class=Direct, generate_unique_id_function=operation_id
)


_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "State and Submission Date.",
    "schema": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{17}$"},
    "example": "OR-20250902020000000",
}
_LATE: Final = {
    "name": "late",
    "in": "query",
    "required": False,
    "description": "Take a file older than the last one applied; it only adds what is missing.",
    "schema": {"type": "boolean", "default": False},
}
_STATE: Final = {
    "name": "state",
    "in": "query",
    "required": False,
    "description": "Of which state; the token's own where it has one.",
    "schema": {"type": "string", "enum": sorted(STATES)},
}
_LANGUAGE: Final = {
    "name": "language",
    "in": "query",
    "required": False,
    "description": "Of messages and remedies.",
    "schema": {"type": "string", "enum": ["en", "es"], "default": "en"},
}
_OUTCOME: Final = {
    "name": "outcome",
    "in": "query",
    "required": False,
    "description": "Only rows of which this became; `refused` is what is to be corrected and sent again.",
    "schema": {"type": "string", "enum": ["accepted", "unchanged", "refused"]},
}
_FILE: Final = {
    "required": True,
    "description": "A text file in the national layout, or a zip of its tables as CSV.",
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}}
        for kind in ("text/plain", "application/zip", "application/octet-stream")
    },
}


# -- sending


@router.post(
    "",
    summary="Send a state's file for one night",
    status_code=202,
    responses={
        202: {
            "model": SubmissionAnswer,
            "description": "Taken: durable, and applied in its turn. The same file again is answered alike.",
            "headers": {
                "Location": {"description": "Of the submission.", "schema": {"type": "string"}},
                "Ledger-Position": {
                    "description": "Where it was completed, if it stands applied already.",
                    "schema": {"type": "integer"},
                },
                "Idempotency-Replayed": {
                    "description": "`true` where this is the first answer again.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        }
    },
    openapi_extra={**operation("submission.send", [_LATE, IDEMPOTENCY_KEY]), "requestBody": _FILE},
)
async def post_submission(request: Request) -> Response:
    """The header is read at once, and refused at once; all else is told by the submission."""
    principal = await permitted(request)
    late = truth_of(request, "late")
    services = services_of(request)
    if services.spools is None:
        raise StoreUnavailable("This service takes no files.", remedy="Use `sojourn submit`.")
    # Of the bytes as they come, behind what else was asked: what the file says is known only once it is read.
    digest = hashlib.blake2b(f"POST /v1/submissions late={late}\n".encode(), key=services.body_key, digest_size=32)
    key = request_key(request, services, principal.name, None)
    meta = Meta(actor=principal.name, request=request_id_of(request))
    try:
        with services.ledger.once(key):
            received = await asyncio.to_thread(Receiving, services.spools, None if key is None else digest)
            try:
                async for data in request.stream():
                    if data:
                        await asyncio.to_thread(received.write, data)
                if key is not None:
                    key = msgspec.structs.replace(key, body_hash=digest.digest())
                taken = await asyncio.to_thread(_take, services, received, principal, meta, key, late)
            finally:
                await asyncio.to_thread(received.close)
    except ClientDisconnect:
        raise Unsent("The file broke off.", remedy="Send it again.") from None
    except OSError as error:
        # Its number's name only: the words of the error have a path.
        name = errno.errorcode.get(error.errno or 0, "unknown")
        log.warning("file not kept", where="spool folder of uploads", errno=name, error=type(error).__name__)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreUnavailable(
            "The disk of this host is full." if full else "The file could not be kept on this host's disk.",
            remedy="Nothing of it was kept. Send it again when there is room." if full else "See the service's log.",
        ) from error
    headers = {"Location": f"/v1/submissions/{taken.submission}"}
    if taken.position is not None:
        headers["Ledger-Position"] = str(taken.position)
    if taken.replayed:
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    told = {
        "submission": taken.submission,
        "state": taken.submission[:2],
        "status": "waiting" if taken.position is None else "completed",
    }
    return Response(orjson.dumps(told), 202, headers, "application/json")


def _take(
    services: Services, received: Receiving, principal: Principal, meta: Meta, key: RequestKey | None, late: bool
) -> Taken:
    """Look at what came, and have it applied unless it was. With a key, what it was answered first.

    Raises SubmissionRefused, SubmissionDateReused, SubmissionLate, OtherState, IdempotencyKeyReused, StoreUnavailable,
    OutcomeUnknown, OSError.
    """
    ledger = services.ledger
    assert services.spools is not None
    try:
        with (
            received.read() as file,
            sources.opened(file, received.path.with_suffix(".rewritten"), received.key) as sent,
        ):
            header = sent.header()
            if header.state != principal.state:
                raise OtherState(
                    "The file is of another state than the token.",
                    remedy="A state sends only its own facts. Use a token of the file's state.",
                )
            position = check(ledger, header, sent.content_hash(), late=late)
    except (Refused, Conflict) as refusal:
        return uploads.refuse(ledger, refusal, meta, key)
    submission = submission_id(header)
    if position is not None:
        return uploads.stands(ledger, submission, position, meta, key)
    return uploads.enqueue(ledger, services.spools, received, submission, meta, late=late, request=key)


# -- reading


@router.get(
    "",
    summary="Submissions, newest first",
    responses={200: {"model": SubmissionsAnswer, "description": "A page."}},
    openapi_extra=operation("submission.read", [_STATE, LIMIT, CURSOR, AT_LEAST]),
)
async def get_submissions(request: Request) -> Response:
    """Of the token's own state, or of the one that is asked for."""
    principal = await permitted(request)
    state = request.query_params.get("state") or principal.state
    if state is not None:
        within(request, principal, state)
    limit, begun = page_of(request)
    after = None if begun is None else Cursor(begun)
    services = services_of(request)

    async def look() -> tuple[AsOf, list[Submission]]:
        return await ask(services.reads, lambda conn: submissions.page(conn, state, after, limit))

    _, rows = await at_least(services, submissions.PROJECTION.name, at_least_of(request), look)
    body = {
        "submissions": await asyncio.to_thread(lambda: [progress.listed(services.ledger, row) for row in rows]),
        "next": str(rows[-1].begun) if len(rows) == limit else None,
    }
    return Response(orjson.dumps(body), 200, {"Cache-Control": "private, no-cache"}, "application/json")


@router.get(
    "/{id}",
    summary="How far a submission has come",
    responses={
        200: {
            "model": SubmissionAnswer,
            "description": "Counts and codes; nothing of a child.",
            "headers": {
                "Ledger-Position": {"description": "Once it is completed.", "schema": {"type": "integer"}},
            },
        }
    },
    openapi_extra=operation("submission.read", [_ID, AT_LEAST]),
)
async def get_submission(request: Request) -> Response:
    """From the log's own events; before there are any, from what this service was sent."""
    found = await _found(request)
    told = await asyncio.to_thread(progress.told, services_of(request).ledger, found.submission, found.row)
    if not told:
        raise NotFound("There is no such submission.", remedy="Its id is state and Submission Date.")
    headers = {"Cache-Control": "private, no-cache"}
    if found.row is not None and found.row.status == "completed":
        headers["Ledger-Position"] = str(found.row.position)
    return Response(orjson.dumps(told), 200, headers, "application/json")


@router.get(
    "/{id}/response",
    summary="The answer to every row",
    responses={200: {"description": "CSV in the order of the file.", "content": {"text/csv": {}}}},
    openapi_extra=operation("submission.read", [_ID, _LANGUAGE, _OUTCOME, PURPOSE, AT_LEAST]),
)
async def get_response(request: Request) -> Response:
    """For as long as the state has its answers kept. Each piece is disclosed before it leaves."""
    found = await _found(request, RESPONSE)
    principal, purpose = found.principal, purpose_of(request)
    language = request.query_params.get("language", "en")
    if language not in ("en", "es"):
        raise Invalid(
            "The language cannot be used.",
            remedy="Send en or es.",
            faults=[Fault("query:language", None, "language", "It is neither en nor es.")],
        )
    outcome = request.query_params.get("outcome")
    if outcome not in (None, "accepted", "unchanged", "refused"):
        raise Invalid(
            "The outcome cannot be used.",
            remedy="Send accepted, unchanged or refused, or leave it out.",
            faults=[Fault("query:outcome", None, "outcome", "It is none of the three.")],
        )
    if found.row is None or found.row.status != "completed":
        told = await asyncio.to_thread(progress.told, services_of(request).ledger, found.submission, found.row)
        raise progress.unanswered(told)
    if found.row.answers_gone_at is not None:
        raise NotFound("The answers are gone: the days for which they are kept are over.", remedy="See its counts.")
    decision = decided(principal, action_of(request), Subject(states=(found.row.state,)))
    meta = Meta(actor=principal.name, request=request_id_of(request), submission=found.row.submission)
    entry = partial(entry_of, principal, purpose, decision, found.row.position)
    pieces = _pieces(services_of(request).ledger, found.row, entry, meta, language, outcome)
    # Before the answer begins, so that one whose entry cannot be written is a problem, and no answer that breaks off.
    first = await asyncio.to_thread(next, pieces, b"")
    return StreamingResponse(_sent(first, pieces), 200, {"Cache-Control": "no-store"}, "text/csv; charset=utf-8")


async def _sent(first: bytes, others: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    while (piece := await asyncio.to_thread(next, others, None)) is not None:
        yield piece


def _pieces(
    ledger: Ledger,
    row: Submission,
    entry: Callable[[dict[str, str]], BulkDisclosed],
    meta: Meta,
    language: str,
    outcome: str | None,
) -> Iterator[bytes]:
    """The response a piece at a time, each only once its entry is durable. outcome: None for every row."""
    text = io.StringIO()
    sheet = ResponseSheet(text)
    read = answers.read(ledger.log, stream_of(row.submission), row.submission, language)
    rows = (answer for answer in read if outcome is None or answer.outcome == outcome)
    while piece := list(islice(rows, ANSWERS_AT_ONCE)):
        disclose(ledger, entry(records_of(ledger, row.state, piece)), meta)
        # The entry survives a crash; until here nothing of these rows has left.
        for answer in piece:
            sheet.add(answer)
        yield _taken(text)
    sheet.finish()
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    written = text.getvalue()
    text.seek(0)
    text.truncate()
    return written.encode()


class _Found(NamedTuple):
    principal: Principal
    submission: str
    row: Submission | None


async def _found(request: Request, view: str = "") -> _Found:
    """What is reflected of the submission that is asked for. view: that shows children; its refusal has an entry."""
    services = services_of(request)
    submission: str = request.path_params["id"]
    principal = await signed_in(request)
    about = Subject(states=(submission[:2],))
    if view:
        await allowed(
            principal,
            purpose_of(request),
            action_of(request),
            about,
            view,
            access=services.ledger.access,
            request_id=request_id_of(request),
        )
    else:
        decided(principal, action_of(request), about)

    async def look() -> tuple[AsOf, Submission | None]:
        return await ask(services.reads, lambda conn: submissions.one(conn, submission))

    _, row = await at_least(services, submissions.PROJECTION.name, at_least_of(request), look)
    return _Found(principal, submission, row)
