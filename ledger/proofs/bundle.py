"""An evidence bundle: events, with what proves where they stand, as one zip that its reader need not trust.

Members, in this order (docs/explanation/proofs.md describes each):

==========================  ==========================================================================
``events/00000000.bin`` ..  framed: entry, ciphertext and, where it is handed over, the body key
``tiles/0.bin`` ..          of a whole log: the hashes of each tile level, one after the other
``inclusion.bin``           else: the proofs of inclusion of the events, in their order
``heads.bin``               of whole streams: each stream's head, and its proof
``earlier/00...01.note`` .. checkpoints from before; beside each (``.proof``) that the log went on from it
``checkpoint``              what all of it is proven against
``index.txt``               what a person reads; follows from the rest, to the byte
``manifest.json``           kind, numbers, key, and size and SHA-256 of each member
==========================  ==========================================================================

An entry here is read by code that shares nothing with the one that wrote it (``ledger.store.canonical``).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.proofs.doubt import Malformed
from ledger.proofs.note import Checkpoint
from ledger.proofs.sparse import Head, HeadProof
from ledger.proofs.tree import HASH_BYTES, SIZE_LIMIT

FORMAT = "sojourn-evidence/1"

WHOLE_LOG, WHOLE_STREAMS, SOME_EVENTS = "log", "streams", "events"
"""Kinds: each event up to the checkpoint; each event of some streams; some events, and nothing is said of others."""

CHUNK_BYTES_MAX = 32 << 20
MANIFEST_BYTES_MAX = 16 << 20
LAST_MEMBERS = ("checkpoint", "index.txt", "manifest.json")

_FRAME = struct.Struct(">BHIB")
_START = struct.Struct(">BHIBBIqI")
_ENTRY_MIDDLE = struct.Struct(">IqI")
_ENTRY_END = struct.Struct(">I16sIqI16sI32s32s")
_END_BYTES = _ENTRY_END.size
_HEAD = struct.Struct(">HQ32sI")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_INSTANT_US = 253_402_300_799_999_999
_EARLIER = re.compile(r"earlier/([0-9]{19})\.note")

Event = tuple[int, bytes, int, bytes, bytes, int, bytes, bytes, bytes, bytes, bytes]
"""position, stream, version, topic, event id, recorded at in microseconds since 1970, key check, hash of the
ciphertext, leaf input (0x00 and the entry, RFC 9162 2.1.1), ciphertext, body key (empty where it is not handed over).
A plain tuple: there are millions."""


def frame(entry: bytes, ciphertext: bytes, body_key: bytes | None = None) -> bytes:
    """One event as it stands in ``events/``: whether there is a key, length of entry and of ciphertext; then 0x00 and
    the entry, of which its leaf is the hash; ciphertext; body key."""
    key = body_key or b""
    return _FRAME.pack(1 if key else 0, len(entry), len(ciphertext), 0) + entry + ciphertext + key


def events_in(data: bytes) -> Iterator[Event]:
    """The events of one member of ``events/``. Raises Malformed at the first byte that cannot be one."""
    at, end = 0, len(data)
    start, middle, tail = _START.unpack_from, _ENTRY_MIDDLE.unpack_from, _ENTRY_END.unpack_from
    try:
        while at < end:
            has_key, entry_length, ciphertext_length, zero, one, l0, position, stream_length = start(data, at)
            stream_at = at + 25
            stream_end = stream_at + stream_length
            l1, version, topic_length = middle(data, stream_end)
            topic_at = stream_end + 16
            tail_at = topic_at + topic_length
            l2, event_id, l3, at_us, l4, _, l5, key_check, body_hash = tail(data, tail_at)
            logged_at, entry_end = at + 7, at + 8 + entry_length
            body_end = entry_end + ciphertext_length
            at = body_end + 32 * has_key
            if (
                (zero, one, l0, l1, l2, l3, l4, l5, tail_at) != (0, 1, 8, 8, 16, 8, 16, 32, entry_end - _END_BYTES)
                or at > end
                or has_key > 1
                or position < 1
                or version < 1
                or not 0 <= at_us <= _LAST_INSTANT_US
            ):
                break
            yield (
                position,
                data[stream_at:stream_end],
                version,
                data[topic_at:tail_at],
                event_id,
                at_us,
                key_check,
                body_hash,
                data[logged_at:entry_end],
                data[entry_end:body_end],
                data[body_end:at],
            )
        else:
            return
    except struct.error:
        pass
    raise Malformed("An event is not of the form that it must have, or is cut off.")


def bound(stream: bytes, topic: bytes, event_id: bytes) -> bytes:
    """What a body is bound to (associated data of its encryption), so that it opens in its own place only."""
    lengths = len(stream).to_bytes(4), len(topic).to_bytes(4), len(event_id).to_bytes(4)
    return b"".join((b"\x01", lengths[0], stream, lengths[1], topic, lengths[2], event_id))


def text_of(data: bytes) -> str:
    """A name or a body. Raises Malformed."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("A text in the bundle is not UTF-8.") from None


# -- heads


def head_frame(stream: str, head: Head | None, proof: HeadProof) -> bytes:
    """One stream as it stands in ``heads.bin``; version 0 and zero bytes where it has no event."""
    name, data = stream.encode(), proof.data()
    version, leaf = head or (0, bytes(HASH_BYTES))
    return _HEAD.pack(len(name), version, leaf, len(data)) + name + data


def heads_in(data: bytes) -> Iterator[tuple[str, Head | None, HeadProof]]:
    """The streams of ``heads.bin``. Raises Malformed."""
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise Malformed("heads.bin is cut off.")
        name_length, version, leaf, proof_length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        name, proof = data[at : at + name_length], data[at + name_length : at + name_length + proof_length]
        at += name_length + proof_length
        if at > len(data) or version >= SIZE_LIMIT or (not version and leaf != bytes(HASH_BYTES)):
            raise Malformed("A head in heads.bin is not of the form that it must have.")
        yield text_of(name), Head(version, leaf) if version else None, HeadProof.parse(proof)


# -- manifest


class Manifest(NamedTuple):
    """kind: WHOLE_LOG, WHOLE_STREAMS, SOME_EVENTS. key: the log's, as text. size: of the checkpoint. members: name,
    size and SHA-256 of each, in their order, save the manifest's own."""

    kind: str
    origin: str
    key: str
    size: int
    events: int
    streams: int
    members: tuple[tuple[str, int, str], ...]

    def data(self) -> bytes:
        """As it stands in the bundle."""
        members = [{"name": name, "size": size, "sha256": digest} for name, size, digest in self.members]
        told = {"format": FORMAT, **self._asdict(), "members": members}
        return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Raises Malformed unless ``data()`` would write these bytes."""
        try:
            told = json.loads(data)
            members = tuple((m["name"], m["size"], m["sha256"]) for m in told["members"])
            manifest = cls(
                told["kind"], told["origin"], told["key"], told["size"], told["events"], told["streams"], members
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Malformed("manifest.json is not of the form that it must have.") from None
        numbers = (manifest.size, manifest.events, manifest.streams, *(m[1] for m in members))
        texts = (manifest.kind, manifest.origin, manifest.key, *(t for m in members for t in (m[0], m[2])))
        if (
            any(type(n) is not int or not 0 <= n < SIZE_LIMIT for n in numbers)
            or any(type(t) is not str for t in texts)
            or manifest.kind not in (WHOLE_LOG, WHOLE_STREAMS, SOME_EVENTS)
            or manifest.data() != data
        ):
            raise Malformed("manifest.json is not of the form that it must have.")
        return manifest


def chunk_name(number: int) -> str:
    """Of a member of ``events/``."""
    return f"events/{number:08}.bin"


def earlier_names(size: int) -> tuple[str, str]:
    """Of a checkpoint from before, and of the proof from it."""
    return f"earlier/{size:019}.note", f"earlier/{size:019}.proof"


def earlier_sizes(names: Iterable[str]) -> list[int]:
    """Of the checkpoints from before, among the names of members."""
    return [int(match[1]) for name in names if (match := _EARLIER.fullmatch(name))]


def layout(kind: str, size: int, chunks: int, earlier: Iterable[int]) -> list[str]:
    """The names of all members, in their order."""
    names = [chunk_name(number) for number in range(chunks)]
    if kind == WHOLE_LOG:
        names += [f"tiles/{level}.bin" for level in range(tile_levels(size))]
    else:
        names.append("inclusion.bin")
    if kind == WHOLE_STREAMS:
        names.append("heads.bin")
    for old in earlier:
        names += earlier_names(old)
    return [*names, *LAST_MEMBERS]


def tile_levels(size: int) -> int:
    """How many levels of tiles a tree has."""
    return (size.bit_length() + 7) // 8


# -- index


def index_start(manifest: Manifest, checkpoint: Checkpoint) -> str:
    """The beginning of index.txt. manifest: its numbers count, its members do not."""
    what = {
        WHOLE_LOG: "the whole log",
        WHOLE_STREAMS: "each event of the streams that it names",
        SOME_EVENTS: "some events, and says nothing of others",
    }[manifest.kind]
    return (
        f"Evidence from the log {plain(manifest.origin)}\n\n"
        f"This bundle holds {what}: {manifest.events} events of {manifest.streams} streams.\n"
        "It is proven against this checkpoint (origin, number of events, root, further lines):\n\n"
        + "".join(f"    {plain(line)}\n" for line in checkpoint.text().splitlines())
        + "\nThis page is for reading. Whether it holds is told by `sojourn verify`, or the verifier as one file.\n\n"
    )


def index_event(event: Event, body: bytes | None) -> str:
    """One event: position, instant, stream, version, what happened, event id; below it its body as it was opened."""
    position, stream, version, topic, event_id, at_us = event[:6]
    at = (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = f"{position}  {at}  {plain(text_of(stream))}  version {version}  {plain(text_of(topic))}  {event_id.hex()}\n"
    return line + (f"    {plain(text_of(body))}\n" if body is not None else "    (sealed)\n")


def index_end(topics: Mapping[str, int], streams: Mapping[str, int] | None) -> str:
    """The end of index.txt: how many events of each kind, and of each stream unless it is the whole log."""
    lines = ["\nEvents by kind\n"]
    lines += [f"{count:>12}  {plain(topic)}\n" for topic, count in sorted(topics.items())]
    if streams is not None:
        lines.append("\nEvents by stream\n")
        lines += [f"{count:>12}  {plain(stream)}\n" for stream, count in sorted(streams.items())]
    return "".join(lines)


_UNPLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def plain(text: str) -> str:
    """Without what moves a cursor, breaks a line or turns the direction of writing."""
    return _UNPLAIN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def streams_told(kind: str, counts: Mapping[bytes, int]) -> dict[str, int] | None:
    """The counts that the end of the index tells."""
    return None if kind == WHOLE_LOG else {text_of(stream): count for stream, count in counts.items()}
