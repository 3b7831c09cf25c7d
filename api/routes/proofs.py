"""Checkpoints, tiles and proofs of both logs over HTTP, as C2SP names and cuts them, and cosignatures of witnesses.

Invariant: hashes and signatures only. A leaf is the hash of random ids and of a ciphertext's hash, so nobody finds out
by it what an event says; entries are not given as tiles. Whoever has signed in may read all of that, since who checks
need not be trusted. Which version a stream has is told to auditors and privacy officers alone: it says how
much has happened to one child, and of the access log how often she was looked at. Who witnesses needs none of it.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api import proving
from api.openapi import Direct, operation, operation_id
from api.policy import permitted
from api.problems import BodyTooLarge, Fault, Invalid, Unsent, UnsupportedMedia
from api.requests import POSITION_MAX, refuse_others, truth_of
from api.schemas.proofs import ConsistencyAnswer, HeadAnswer, InclusionAnswer
from api.services import services_of
from ledger.errors import NotFound
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.note import Checkpoint, open_note, signature_line, split
from ledger.proofs.tiles import ENTRIES, TILE_HASHES, parse_path
from ledger.proofs.tree import HASH_BYTES
from ledger.store.database import translated
from ledger.store.log import LOGS
from ledger.store.proof_store import ProofTables

router = APIRouter(tags=["proofs"], route_class=Direct, generate_unique_id_function=operation_id)

COSIGNED_BYTES_MAX: Final = 64 * 1024
STREAM_MAX: Final = 200
NO_CACHE: Final = {"Cache-Control": "private, no-cache"}
FOR_EVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
A_WHILE: Final = {"Cache-Control": "private, max-age=60"}
_TEXT: Final = "text/plain; charset=utf-8"
_LOG: Final = {
    "name": "log",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": list(LOGS), "default": "ledger"},
}


def _number(name: str, what: str, *, least: int = 0, required: bool = False) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": POSITION_MAX}
    return {"name": name, "in": "query", "required": required, "description": what, "schema": schema}


_SIZE: Final = _number("size", "Events of the tree; the latest checkpoint's where it is left out.")
_COSIGNED: Final = {
    "name": "cosigned",
    "in": "query",
    "required": False,
    "description": "The last that a witness has cosigned; not together with a size.",
    "schema": {"type": "boolean", "default": False},
}
_PATH: Final = {
    "name": "path",
    "in": "path",
    "required": True,
    "description": "Level and number of a tile, as C2SP tlog-tiles writes them.",
    "schema": {"type": "string", "maxLength": 100, "pattern": r"^[0-9]{1,2}/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?$"},
    "example": "0/000",
}
_STREAM: Final = {
    "name": "stream",
    "in": "query",
    "required": True,
    "description": "Name of a stream, as the feed tells it.",
    "schema": {"type": "string", "minLength": 1, "maxLength": STREAM_MAX},
    "example": "record/0192f8e0-0b5e-7cc3-98c4-dc0c0c07398f",
}
_NOTE: Final = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_HASHES: Final = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

Endpoint = Callable[[Request], Awaitable[Response]]


def _checkpoint_of(log: str) -> Endpoint:
    async def get_checkpoint(request: Request) -> Response:
        """The latest signed note with its cosignatures, or the one of a size."""
        await permitted(request)
        refuse_others(request, "size", "cosigned")
        size, cosigned = _size(request, "size"), truth_of(request, "cosigned")
        if size is not None and cosigned:
            raise _wrong("size", "It names one checkpoint, and cosigned=true may name another: send one of the two.")

        async def note(asking: proving.Asking) -> bytes:
            latest = await asking.latest()
            kept = latest if size is None else await asking.signed_at(size)
            kept = await asking.last_cosigned() if cosigned else kept
            if kept is None:
                what = "No checkpoint was cosigned yet." if cosigned else f"No checkpoint of {size} events was signed."
                raise NotFound(what, remedy=f"The latest covers {latest.size} events.")
            return await asking.note(kept)

        data = await proving.asked(services_of(request), log, note)
        return Response(data, 200, NO_CACHE, _TEXT)

    return get_checkpoint


def _tile_of(log: str) -> Endpoint:
    async def get_tile(request: Request) -> Response:
        """Hashes of the tree, 256 a tile. A full tile never changes; a partial one is the beginning of a full one."""
        await permitted(request)
        refuse_others(request)
        path: str = request.path_params["path"]
        try:
            tile = parse_path(f"tile/{path}")
        except Malformed:
            raise NotFound("There is no such tile.", remedy="Paths are those of C2SP tlog-tiles.") from None
        if tile.level == ENTRIES:
            raise NotFound("Entries are not given as tiles.", remedy="An evidence bundle holds them: `sojourn export`.")
        (hashes,) = await proving.asked(services_of(request), log, lambda asking: asking.tiles([tile]))
        if len(hashes) != tile.width * HASH_BYTES:
            raise NotFound("The tree has no such tile yet.", remedy="The latest checkpoint says how far it goes.")
        headers = FOR_EVER if tile.width == TILE_HASHES else A_WHILE
        return Response(hashes, 200, headers, "application/octet-stream")

    return get_tile


def _cosignatures_of(log: str) -> Endpoint:
    async def post_cosignature(request: Request) -> Response:
        """A checkpoint that was signed here, with the signature of a witness whose key is registered here.

        The answer is the checkpoint with every cosignature that has come; the same one again changes nothing.
        """
        await permitted(request)
        services = services_of(request)
        note = await _text(request)
        try:
            text, lines = split(note)
            size = Checkpoint.parse(text).size
            signed = open_note(note, services.witnesses).signed if services.witnesses else ()
        except Doubt as doubt:
            raise _refused(doubt.what) from None
        if not signed:
            raise _refused("No witness is registered here.")
        told = {(one.by.name, one.by.key_id) for one in signed}
        ours = [line for line in lines if line[:2] in told]

        def keep() -> bytes:
            with services.ledger.log.connection() as conn, translated(), conn.transaction():
                tables = ProofTables(conn, log)
                kept = tables.kept_at(size)
                if kept is None or split(kept.note)[0] != text:
                    raise _refused("No such checkpoint was signed here.")
                for name, key_id, signature in ours:
                    line = signature_line(name, key_id + signature).encode()
                    tables.add_cosignature(size, f"{name}+{key_id.hex()}", line)
                return tables.note(kept)

        return Response(await asyncio.to_thread(keep), 200, NO_CACHE, _TEXT)

    return post_cosignature


for _log in LOGS:
    router.add_api_route(
        f"/v1/{_log}/checkpoint",
        _checkpoint_of(_log),
        name=f"get_{_log}_checkpoint",
        summary=f"The last checkpoint of the {_log} log",
        responses={200: {"description": "A signed note (C2SP tlog-checkpoint).", **_NOTE}},
        response_model=None,
        openapi_extra=operation("proof.read", (_SIZE, _COSIGNED)),
    )
    router.add_api_route(
        f"/v1/{_log}/tile/{{path:path}}",
        _tile_of(_log),
        name=f"get_{_log}_tile",
        summary=f"A tile of the {_log} log's tree",
        responses={200: {"description": "32 bytes a hash.", **_HASHES}},
        response_model=None,
        openapi_extra=operation("proof.read", (_PATH,)),
    )
    router.add_api_route(
        f"/v1/{_log}/cosignatures",
        _cosignatures_of(_log),
        methods=["POST"],
        name=f"post_{_log}_cosignature",
        summary=f"Cosign a checkpoint of the {_log} log",
        responses={200: {"description": "The checkpoint with every cosignature.", **_NOTE}},
        response_model=None,
        openapi_extra={**operation("proof.cosign", ()), "requestBody": {"required": True, **_NOTE}},
    )


@router.get(
    "/v1/proofs/inclusion",
    summary="That an event is in the log",
    responses={200: {"model": InclusionAnswer, "description": "Leaf, hashes and checkpoint."}},
    openapi_extra=operation("proof.read", (_LOG, _number("position", "Of the event.", least=1, required=True), _SIZE)),
)
async def get_inclusion(request: Request) -> Response:
    """Checked here before it is answered; check it again: that is what it is for."""
    await permitted(request)
    refuse_others(request, "log", "position", "size")
    log, position, size = _log_of(request), _size(request, "position"), _size(request, "size")
    if not position:
        raise _wrong("position", "It is no whole number from 1.")
    found = await proving.asked(services_of(request), log, lambda asking: proving.inclusion(asking, position, size))
    told = {"log": log, "position": position, "size": found.size, "leaf": _base64(found.leaf)}
    return _answered({**told, "hashes": [_base64(h) for h in found.hashes], "checkpoint": _said(found.note)})


@router.get(
    "/v1/proofs/consistency",
    summary="That a checkpoint goes on from an earlier one",
    responses={
        200: {
            "model": ConsistencyAnswer,
            "description": "Hashes and the later checkpoint; as text the earlier size, then a hash a line.",
            **_NOTE,
        }
    },
    openapi_extra=operation(
        "proof.read",
        (
            _LOG,
            _number("from", "Events of the earlier checkpoint.", required=True),
            _number("to", "Events of the later one; the latest where it is left out."),
        ),
    ),
)
async def get_consistency(request: Request) -> Response:
    """Of any two sizes up to the latest checkpoint's."""
    await permitted(request)
    refuse_others(request, "log", "from", "to")
    log, old, new = _log_of(request), _size(request, "from"), _size(request, "to")
    if old is None:
        raise _wrong("from", "It is no whole number from 0.")
    if new is not None and old > new:
        raise _wrong("from", f"It is above `to`, which is {new}: the earlier size comes first.")
    found = await proving.asked(services_of(request), log, lambda asking: proving.consistency(asking, old, new))
    hashes = [_base64(h) for h in found.hashes]
    if request.headers.get("accept", "").startswith("text/plain"):
        return Response("".join(f"{line}\n" for line in (old, *hashes)), 200, NO_CACHE, _TEXT)
    to = found.size
    return _answered({"log": log, "from": old, "to": to, "hashes": hashes, "checkpoint": _said(found.note)})


@router.get(
    "/v1/proofs/head",
    summary="Which event of a stream was its last",
    responses={200: {"model": HeadAnswer, "description": "Version, leaf and proof; or that there is no such stream."}},
    openapi_extra=operation("proof.head", (_LOG, _STREAM)),
)
async def get_head(request: Request) -> Response:
    """As of the latest checkpoint. A stream that is not there is proven not to be."""
    await permitted(request)
    refuse_others(request, "log", "stream")
    log, stream = _log_of(request), request.query_params.get("stream", "")
    if not 0 < len(stream) <= STREAM_MAX or not stream.isprintable():
        raise _wrong("stream", f"It is not 1 to {STREAM_MAX} printable characters.")
    found = await proving.asked(services_of(request), log, lambda asking: proving.head(asking, stream))
    head = found.head
    told = {"log": log, "stream": stream, "size": found.size, "version": 0 if head is None else head.version}
    leaf = None if head is None else _base64(head.leaf)
    return _answered({**told, "leaf": leaf, "proof": _base64(found.proof.data()), "checkpoint": _said(found.note)})


# -- inside


def _log_of(request: Request) -> str:
    log = request.query_params.get("log", "ledger")
    if log not in LOGS:
        raise _wrong("log", "It is neither ledger nor access.")
    return log


def _size(request: Request, name: str) -> int | None:
    """A number of events. Raises Invalid."""
    given = request.query_params.getlist(name)
    if not given:
        return None
    text = given[0]
    if len(given) > 1 or not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= POSITION_MAX):
        raise _wrong(name, "It is no whole number from 0, given once.")
    return int(text)


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(
        "The proof that is asked for cannot be.",
        remedy="See the numbers that a checkpoint tells.",
        faults=[Fault(f"query:{name}", None, "proof", message)],
    )


def _refused(what: str) -> Invalid:
    return Invalid(
        f"The cosignature is not taken. {what}",
        remedy="Cosign the checkpoint as it was answered; the operator registers a witness's key in SOJOURN_WITNESSES.",
        faults=[Fault("", None, "cosignature", what)],
    )


async def _text(request: Request) -> bytes:
    """Raises UnsupportedMedia, BodyTooLarge, Unsent where the client went away."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/plain":
        raise UnsupportedMedia("The note is not sent as text.", remedy="Send `Content-Type: text/plain`.")
    try:
        data = await request.body()
    except ClientDisconnect:
        raise Unsent("The body broke off.", remedy="Send it again.") from None
    if len(data) > COSIGNED_BYTES_MAX:
        raise BodyTooLarge(f"A cosigned checkpoint has at most {COSIGNED_BYTES_MAX} bytes.")
    return data


def _answered(told: dict[str, Any]) -> Response:
    return Response(orjson.dumps(told), 200, NO_CACHE, "application/json")


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _said(note: bytes | None) -> str | None:
    return None if note is None else note.decode()
