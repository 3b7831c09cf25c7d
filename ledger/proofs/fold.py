"""One pass over the events of a bundle: each is what its entry says, in its place, and where told its body opens.

Reads a chunk at a time, and raises Doubt at the first event that is wrong: its position, its id, what was expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.proofs.archive import Archive, Reading
from ledger.proofs.bundle import CHUNK_BYTES_MAX, WHOLE_STREAMS, Event, Manifest, bound, chunk_name, events_in, text_of
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.levels import Levels
from ledger.proofs.tree import HASH_BYTES, inclusion_length, root_from_inclusion

_NONCE = bytes(12)


class Fold:
    """What comes of the events. versions, last_leaf: by stream, of its last event. counts: events by stream (not of a
    whole log). opened: how many bodies did."""

    def __init__(self, archive: Archive | None = None) -> None:
        """Without an archive whoever folds hands in the events himself, a chunk at a time."""
        self._archive = archive
        self.events = 0
        self.opened = 0
        self.position = 0
        self.at_us = 0
        self.topics: Counter[bytes] = Counter()
        self.counts: dict[bytes, int] = {}
        self.versions: dict[bytes, int] = {}
        self.last_leaf: dict[bytes, bytes] = {}

    # -- a whole log

    def whole_log(self, levels: Levels) -> None:
        """Every event is there, with the leaf that the proven tiles say. Raises Doubt."""
        for data in self._chunks():
            leaves: list[bytes] = []
            first = self.position
            try:
                self.log_chunk(data, leaves)
            except Doubt:
                # An event before this one, or this very one, may be another than was signed: that comes first.
                self._compare(data, leaves, levels.leaves(first, len(leaves)))
                raise
            self._compare(data, leaves, levels.leaves(first, len(leaves)))
        if self.position != levels.size:
            raise Doubt(f"The events after position {self.position} are missing.", position=self.position + 1)

    def log_chunk(self, data: bytes, leaves: list[bytes]) -> None:
        """The events that follow those so far. leaves: gets their leaves, up to the first event that is wrong. Raises
        Doubt there; whoever knows the leaves that were signed compares those so far before he tells it."""
        # Nothing is looked up twice in here: it runs once for each event of a log.
        versions, last_leaf, add = self.versions, self.last_leaf, leaves.append
        topics: list[bytes] = []
        of_topic, version_of, hashed = topics.append, versions.get, sha256
        position, before_us = self.position, self.at_us
        opened = 0
        try:
            for event in events_in(data):
                found, stream, version, topic, _, at_us, _, body_hash, logged, ciphertext, key = event
                position += 1
                if found != position:
                    position -= 1
                    raise _missing(position + 1, event)
                leaf = hashed(logged).digest()
                add(leaf)
                if hashed(ciphertext).digest() != body_hash:
                    raise _other_body(event)
                if version_of(stream, 0) + 1 != version:
                    raise _gap(event, version_of(stream, 0) + 1)
                if at_us < before_us:
                    raise _back(event)
                versions[stream] = version
                last_leaf[stream] = leaf
                of_topic(topic)
                before_us = at_us
                if key:
                    body_of(event)
                    opened += 1
        except Malformed as malformed:
            raise Malformed(malformed.what, position=malformed.position or position + 1) from None
        finally:
            self.events += position - self.position
            self.position, self.at_us = position, before_us
            self.opened += opened
            self.topics.update(topics)

    def _compare(self, data: bytes, leaves: list[bytes], told: bytes) -> None:
        """The leaves of a chunk with those that were signed. Raises Doubt at the first that differs."""
        if b"".join(leaves) == told:
            return
        for number, event in enumerate(events_in(data)):
            signed = told[number * HASH_BYTES : (number + 1) * HASH_BYTES]
            if leaves[number] != signed:
                if not signed:
                    raise Doubt("This event is not below the checkpoint.", position=event[0], event=event[4].hex())
                raise Doubt(
                    "This event is not the one that was signed.",
                    position=event[0],
                    event=event[4].hex(),
                    expected=signed.hex(),
                    found=leaves[number].hex(),
                )

    # -- some events

    def each(self, manifest: Manifest, root: bytes) -> Iterator[tuple[Event, bytes | None]]:
        """The events, each proven to be in the tree of this root, with their bodies where they open. Raises Doubt."""
        assert self._archive is not None, "a bundle is read"
        proofs = self._archive.open("inclusion.bin")
        for data in self._chunks():
            try:
                for event in events_in(data):
                    self._must_be_next(event, manifest)
                    _must_be_in(event, manifest.size, proofs, root)
                    body = body_of(event) if event[10] else None
                    self.opened += body is not None
                    self._note(event)
                    yield event, body
            except Malformed as malformed:
                after = "" if malformed.position else f" It stands after position {self.position}."
                raise Malformed(malformed.what + after, position=malformed.position) from None
        proofs.ended()

    def _must_be_next(self, event: Event, manifest: Manifest) -> None:
        position, stream, version, _, _, at_us = event[:6]
        if not self.position < position <= manifest.size:
            raise Doubt(
                "This event is out of order, or not below the checkpoint.", position=position, event=event[4].hex()
            )
        if sha256(event[9]).digest() != event[7]:
            raise _other_body(event)
        there = self.versions.get(stream, 0)
        if version <= there or (manifest.kind == WHOLE_STREAMS and version != there + 1):
            raise _gap(event, there + 1)
        if at_us < self.at_us:
            raise _back(event)

    def _note(self, event: Event) -> None:
        position, stream, version, topic, _, at_us = event[:6]
        self.events += 1
        self.position, self.at_us = position, at_us
        self.versions[stream] = version
        self.counts[stream] = self.counts.get(stream, 0) + 1
        self.topics[topic] += 1
        self.last_leaf[stream] = sha256(event[8]).digest()

    def _chunks(self) -> Iterator[bytes]:
        assert self._archive is not None, "a bundle is read"
        number = 0
        while (name := chunk_name(number)) in self._archive:
            reading = self._archive.open(name)
            if reading.left > CHUNK_BYTES_MAX:
                raise Malformed(f"{name} has {reading.left} bytes, and {CHUNK_BYTES_MAX} are the most.")
            yield reading.read(reading.left)
            reading.ended()
            number += 1


def body_of(event: Event) -> bytes:
    """The body, opened with the key that was handed over. Raises Doubt."""
    position, stream, _, topic, event_id, _, key_check, _, _, ciphertext, key = event
    if sha256(key).digest() != key_check:
        raise Doubt(
            "The key that was handed over is not this event's.",
            position=position,
            event=event_id.hex(),
            expected=key_check.hex(),
            found=sha256(key).hexdigest(),
        )
    try:
        return AESGCM(key).decrypt(_NONCE, ciphertext, bound(stream, topic, event_id))
    except InvalidTag:
        raise Doubt("The body does not open in its place.", position=position, event=event_id.hex()) from None


def _must_be_in(event: Event, size: int, proofs: Reading, root: bytes) -> None:
    index, leaf = event[0] - 1, sha256(event[8]).digest()
    data = proofs.read(inclusion_length(index, size) * HASH_BYTES)
    proof = [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]
    found = root_from_inclusion(index, size, leaf, proof)
    if found != root:
        raise Doubt(
            "This event, or the proof of it, is not the one that was signed.",
            position=event[0],
            event=event[4].hex(),
            expected=root.hex(),
            found=found.hex(),
        )


def _missing(expected: int, event: Event) -> Doubt:
    return Doubt(
        f"Position {expected} is not where it must be.",
        position=expected,
        event=event[4].hex(),
        expected=f"position {expected}",
        found=f"position {event[0]}",
    )


def _other_body(event: Event) -> Doubt:
    return Doubt(
        "The sealed body is not the one that the entry names.",
        position=event[0],
        event=event[4].hex(),
        expected=event[7].hex(),
        found=sha256(event[9]).hexdigest(),
    )


def _gap(event: Event, expected: int) -> Doubt:
    return Doubt(
        f"Stream {text_of(event[1])} has a gap: an event is missing, or one too many is here.",
        position=event[0],
        event=event[4].hex(),
        expected=f"version {expected}",
        found=f"version {event[2]}",
    )


def _back(event: Event) -> Doubt:
    return Doubt("This event was recorded before the one that it follows.", position=event[0], event=event[4].hex())
