# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Papers of applications for access: a signed form, a certificate, sent with its application and read by whoever may.

Invariant: a paper that was answered 201 is durable and named by its application, and nothing of it stands in clear on
any disk. It is handed out as a file to keep, never as something that a browser shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Final

import msgspec
import orjson
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from api.admitting import must_be_about
from api.edge import request_id_of
from api.openapi import IDEMPOTENCY_KEY, UUID, Direct, operation, operation_id
from api.policy import action_of, permitted
from api.problems import Fault, Invalid, Unsent, UnsupportedMedia
from api.requests import refuse_others
from api.schemas.attachments import AttachmentAnswer
from api.sending import request_key
from api.services import services_of
from ledger import telemetry
from ledger.admissions import Admitted
from ledger.application import Ledger, RequestKey
from ledger.applications import PAPERS, AddAttachment
from ledger.errors import Conflict, Forbidden, LedgerError, NotFound, Refused
from ledger.events import Meta
from ledger.events.application import AccessApplied, AttachmentAdded
from ledger.store.attachments import BEGINNINGS, Paper, PaperWriter

router = APIRouter(
    prefix="/v1/attachments", tags=["papers"], route_class=Direct, generate_unique_id_function=operation_id
)

_ENDINGS: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
_BINARY: Final = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in BEGINNINGS}
_APPLICATION: Final = {
    "name": "application",
    "in": "query",
    "required": True,
    "description": "Of which application.",
    "schema": {"type": "string", "format": "uuid"},
}
_WHAT: Final = {
    "name": "what",
    "in": "query",
    "required": True,
    "description": "Which kind of paper.",
    "schema": {"type": "string", "enum": list(PAPERS)},
}
_FILE: Final = {"required": True, "description": "The file itself, of at most 10 MiB.", "content": _BINARY}


@router.post(
    "",
    summary="Send a paper for an application",
    status_code=201,
    responses={
        201: {
            "model": AttachmentAnswer,
            "description": "It lies with the application.",
            "headers": {
                "Location": {"description": "Of the paper.", "schema": {"type": "string"}},
                "Ledger-Position": {"description": "Position of the write.", "schema": {"type": "integer"}},
                "Idempotency-Replayed": {
                    "description": "`true` where this is the first answer again.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        }
    },
    openapi_extra={**operation("attachment.send", [_APPLICATION, _WHAT, IDEMPOTENCY_KEY]), "requestBody": _FILE},
)
async def post_attachment(request: Request) -> Response:
    """A PDF, PNG or JPEG, by its media type and its first bytes. A name of the file is not asked for, and not kept."""
    principal = await permitted(request)
    application, what, media_type = _named(request)
    services = services_of(request)
    ledger = services.ledger
    applied = (await asyncio.to_thread(ledger.admissions.application, application)).applied
    must_be_about(principal, action_of(request), applied)
    asked = f"POST /v1/attachments application={application} what={what} type={media_type}\n"
    digest = hashlib.blake2b(asked.encode(), key=services.body_key, digest_size=32)
    key = request_key(request, services, principal.name, None)
    meta = Meta(actor=principal.name, request=request_id_of(request))
    with ledger.once(key):
        writer = await asyncio.to_thread(ledger.attachments.begin, applied.account, application, media_type)
        try:
            async for data in request.stream():
                if data:
                    digest.update(data)
                    await asyncio.to_thread(writer.write, data)
            if key is not None:
                key = msgspec.structs.replace(key, body_hash=digest.digest())
            paper, admitted = await asyncio.to_thread(_add, ledger, writer, application, what, meta, key)
        except ClientDisconnect:
            raise Unsent("The file broke off.", remedy="Send it again.") from None
        finally:
            await asyncio.to_thread(writer.abandon)  # nothing, where it is whole
    # The first answer's, where this is it again: its bytes, kind and media type were the same, or the key was refused.
    attachment = str(admitted.ids["attachment"])
    headers = {"Location": f"/v1/attachments/{attachment}", "Ledger-Position": str(admitted.position)}
    if admitted.replayed:
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    told = {
        "id": attachment,
        "application": application,
        "what": what,
        "media_type": media_type,
        "size": paper.size,
        "sha256": paper.sha256,
    }
    return Response(orjson.dumps(told), 201, headers, "application/json")


@router.get(
    "/{id}",
    summary="A paper of an application",
    responses={200: {"description": "As it was sent, to be kept as a file.", "content": _BINARY}},
    openapi_extra=operation("attachment.read", [UUID]),
)
async def get_attachment(request: Request) -> Response:
    """For the applicant, who entered the application, the supervisor that it names, and the office that decides it."""
    principal = await permitted(request)
    ledger = services_of(request).ledger
    applied, added = await asyncio.to_thread(_found, ledger, request.path_params["id"])
    must_be_about(principal, action_of(request), applied)
    pieces = ledger.attachments.read(added)
    # What is wrong with the first part is an answer still; a later one breaks the answer off, short of its length.
    first = await asyncio.to_thread(next, pieces, b"")
    headers = {
        "Content-Length": str(added.size),
        "Content-Disposition": f'attachment; filename="{added.attachment}.{_ENDINGS[added.media_type]}"',
        # Beside the edge's own policy, and nosniff: whoever opens it all the same opens it without any right.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_sent(first, pieces), 200, headers, added.media_type)


# -- inside


def _named(request: Request) -> tuple[str, str, str]:
    """Application, kind of paper and media type. Raises Invalid, UnsupportedMedia."""
    refuse_others(request, "application", "what")
    faults: list[Fault] = []
    application = what = ""
    try:
        [given] = request.query_params.getlist("application")
        application = str(uuid.UUID(given))
    except ValueError:
        faults.append(Fault("query:application", None, "uuid", "It is not one UUID."))
    try:
        [what] = request.query_params.getlist("what")
    except ValueError:
        what = ""
    if what not in PAPERS:
        faults.append(Fault("query:what", None, "enum", f"It is not one of {', '.join(PAPERS)}."))
    if faults:
        raise Invalid(
            "It is not said which paper of which application this is.",
            remedy="Name the application by its id, and the kind of paper.",
            faults=faults,
        )
    kinds = request.headers.getlist("content-type")
    media_type = kinds[0].strip().lower() if len(kinds) == 1 else ""
    if media_type not in BEGINNINGS:
        raise UnsupportedMedia(
            "This kind of file is not taken.", remedy=f"Send it as one of {', '.join(BEGINNINGS)}, and nothing more."
        )
    return application, what, media_type


def _add(
    ledger: Ledger, writer: PaperWriter, application: str, what: str, meta: Meta, key: RequestKey | None
) -> tuple[Paper, Admitted]:
    """Store what came, and have the application name it. Raises what ``Admissions.handle`` raises."""
    paper = writer.close()
    command = AddAttachment(
        by=meta.actor,
        attachment=paper.attachment,
        what=what,
        media_type=paper.media_type,
        size=paper.size,
        sha256=paper.sha256,
    )
    try:
        admitted = ledger.admissions.handle(application, command, meta, key)
    except (Refused, NotFound, Forbidden, Conflict):
        with suppress(LedgerError):
            ledger.attachments.remove(paper.attachment)
        raise
    # Where the store went away instead, the event may be there: the sweep finds out.
    with suppress(LedgerError):
        if admitted.ids["attachment"] == paper.attachment:
            ledger.attachments.named(paper.attachment)
        else:
            ledger.attachments.remove(paper.attachment)
    return paper, admitted


def _found(ledger: Ledger, attachment: str) -> tuple[AccessApplied, AttachmentAdded]:
    """What names a paper, and the application that it lies with. Raises NotFound, StoreUnavailable."""
    application = ledger.attachments.application_of(attachment)
    if application is not None:
        known = ledger.admissions.application(application)
        added = known.attachments.get(str(uuid.UUID(attachment)))
        if added is not None:
            return known.applied, added
    raise NotFound("There is no such paper.", remedy="Compare its id with where it was read.")


async def _sent(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
