"""The events that a certificate of disposal brings along, read strictly and proven: one way to write each, no other.

Each comes as it stands in the log: its entry, its ciphertext, and the body key that opens this one event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from ledger.proofs.bundle import Event, events_in, frame, text_of
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.fold import body_of
from ledger.proofs.note import Checkpoint
from ledger.proofs.tree import root_from_inclusion

CERTIFICATE_BYTES_MAX = 64 << 20
_LOGGED_BYTES_MAX = 1 << 10
_PARTS_OF_INCLUSION = {"position", "leaf", "path", "entry", "ciphertext", "key"}


class Said(NamedTuple):
    """An event that is proven. at: when it was recorded, ISO 8601. event: what it says; None where it is shut."""

    position: int
    stream: str
    version: int
    topic: str
    event_id: str
    at: datetime
    event: dict[str, Any] | None


def parsed_certificate(data: bytes) -> dict[str, Any]:
    if len(data) > CERTIFICATE_BYTES_MAX:
        raise Malformed(f"A certificate has at most {CERTIFICATE_BYTES_MAX} bytes.")
    try:
        told = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
    except ValueError:
        raise Malformed("This is no certificate: it is not JSON in UTF-8, or it is cut off.") from None
    if not isinstance(told, dict):
        raise Malformed("This is no certificate of a disposal.")
    return told


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """No name twice in one place: one reader would see the first of them and another the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("A name stands twice in one place of the certificate.")
    return found


def _no_number(text: str) -> object:
    raise Malformed(f"{text} is no number of JSON.")


def proven_event(where: str, told: object, checkpoint: Checkpoint) -> Said:
    """One of ``inclusions``. Raises Doubt unless it stands in the log at its position, to the byte."""
    if not isinstance(told, dict) or told.keys() != _PARTS_OF_INCLUSION:
        raise Malformed(f"{where} is not of the form that it must have.")
    leaf, entry = _from_hex(f"{where}.leaf", told["leaf"]), _from_hex(f"{where}.entry", told["entry"])
    path = [_from_hex(f"{where}.path[{n}]", one) for n, one in enumerate(entries_of(f"{where}.path", told["path"]))]
    shut = told["key"] is None and told["ciphertext"] is None
    key = b"" if shut else _from_hex(f"{where}.key", told["key"])
    ciphertext = b"" if shut else _from_hex(f"{where}.ciphertext", told["ciphertext"])
    if len(entry) > _LOGGED_BYTES_MAX or (not shut and len(key) != 32):
        raise Malformed(f"{where} is not of the form that it must have.")
    if sha256(b"\x00" + entry).digest() != leaf:
        raise Doubt(
            f"{where}: leaf and entry do not belong together.",
            expected=sha256(b"\x00" + entry).hexdigest(),
            found=leaf.hex(),
        )
    try:
        (event,) = events_in(frame(entry, ciphertext, key or None))
    except (Malformed, ValueError):
        raise Malformed(f"{where}.entry is not of the form that it must have.") from None
    position, event_id = event[0], event[4].hex()
    if type(told["position"]) is not int or told["position"] != position:
        raise Doubt(f"{where}.position is not its entry's.", expected=str(position), found=str(told["position"]))
    if position > checkpoint.size:
        raise Doubt(f"{where} is not below the checkpoint.", position=position, event=event_id)
    try:
        root = root_from_inclusion(position - 1, checkpoint.size, leaf, path)
    except Malformed as malformed:
        raise Malformed(f"{where}.path: {malformed.what}", position=position) from None
    if root != checkpoint.root:
        raise Doubt(
            f"{where}: this event, or the proof of it, is not the one that was signed.",
            position=position,
            event=event_id,
            expected=checkpoint.root.hex(),
            found=root.hex(),
        )
    if not shut and sha256(ciphertext).digest() != event[7]:
        raise Doubt(f"{where}.ciphertext is not the one that the entry names.", position=position, event=event_id)
    return _opened(where, event, shut=shut)


def _opened(where: str, event: Event, *, shut: bool) -> Said:
    said: dict[str, Any] | None = None
    if not shut:
        try:
            said = json.loads(body_of(event))["event"]
        except Doubt as doubt:
            raise Doubt(
                f"{where}.key: {doubt.what}",
                position=doubt.position,
                event=doubt.event,
                expected=doubt.expected,
                found=doubt.found,
            ) from None
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=event[5])
    return Said(event[0], text_of(event[1]), event[2], text_of(event[3]), event[4].hex(), at, said)


def entries_of(where: str, told: object) -> list[Any]:
    if not isinstance(told, list):
        raise Malformed(f"{where} is not of the form that it must have.")
    return told


def _from_hex(where: str, text: object) -> bytes:
    """Lower case digits alone, so that nothing can be written in two ways."""
    try:
        data = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        data = None
    if data is None or data.hex() != text:
        raise Malformed(f"{where} is not in hexadecimal digits.")
    return data
