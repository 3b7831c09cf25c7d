"""Writes an evidence bundle: events a chunk at a time, then what proves them. Goes on where an earlier run ended.

What follows from the events (index, numbers) is made by reading them back, by the code that verifies them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import BinaryIO

from ledger.proofs.archive import ArchiveWriter, Member
from ledger.proofs.bundle import (
    WHOLE_LOG,
    WHOLE_STREAMS,
    Event,
    Manifest,
    chunk_name,
    earlier_names,
    events_in,
    frame,
    head_frame,
    index_end,
    index_event,
    index_start,
    streams_told,
    text_of,
    tile_levels,
)
from ledger.proofs.doubt import Malformed
from ledger.proofs.fold import body_of
from ledger.proofs.note import Checkpoint, Verifier, open_checkpoint, split
from ledger.proofs.sparse import Head, HeadProof
from ledger.proofs.tiles import Tiles, tiles_between
from ledger.proofs.tree import HASH_BYTES, consistency_proof, inclusion_proof

CHUNK_BYTES = 8 << 20
_TILES_AT_ONCE = 64

Shown = tuple[bytes, bytes, bytes | None]
"""The log entry of an event, its ciphertext, and its body key where it is handed over."""


class BundleWriter:
    """One bundle in a file that can be read, written and sought.

    position: of the last event that is in it for good; after a crash the caller goes on behind it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._archive = ArchiveWriter(file)
        self._archive.keep("events/")
        self.position = 0
        for member in self._archive.members:
            for event in events_in(self._archive.read(member)):
                self.position = event[0]

    def events(self, shown: Iterable[Shown]) -> None:
        """Events in the order of their positions, behind those that are there.

        Crash point: a chunk is in the file for good once the next one begins; what was not is given again.
        """
        held, size = list[bytes](), 0
        for entry, ciphertext, key in shown:
            data = frame(entry, ciphertext, key)
            if held and size + len(data) > CHUNK_BYTES:
                self._chunk(held)
                held, size = [], 0
            held.append(data)
            size += len(data)
        if held:
            self._chunk(held)

    def finish(
        self,
        *,
        kind: str,
        checkpoint: bytes,
        key: str,
        tiles: Tiles,
        heads: Iterable[tuple[str, Head | None, HeadProof]] = (),
        earlier: Sequence[bytes] = (),
    ) -> Manifest:
        """Everything else. kind: of ``ledger.proofs.bundle``. checkpoint: the note. key: the log's, as it is handed
        out. tiles: of the checkpoint's tree. heads: of whole streams, in the order of their names. earlier: older
        checkpoints, in the order of their sizes, each opened before by the log's key or a former one; the proofs from
        them are made here.

        Raises Doubt where checkpoint, key and tiles do not belong together.
        """
        log = Verifier.parse(key)
        told, _ = open_checkpoint(checkpoint, log)
        if tiles.size != told.size:
            raise Malformed("The tiles are not those of the checkpoint.")
        digests = [(m.name, m.size, self._digest_of(m)) for m in self._archive.members]

        def add(name: str, chunks: Iterable[bytes]) -> None:
            digest = self._archive.add(name, chunks)
            digests.append((name, self._archive.members[-1].size, digest))

        streams = 0
        if kind == WHOLE_LOG:
            for level in range(tile_levels(told.size)):
                add(f"tiles/{level}.bin", _level(level, tiles))
        else:
            add("inclusion.bin", self._inclusion(tiles))
        if kind == WHOLE_STREAMS:
            frames = [head_frame(stream, head, proof) for stream, head, proof in heads]
            streams = len(frames)
            add("heads.bin", frames)
        for note in earlier:
            old = Checkpoint.parse(split(note)[0])
            note_name, proof_name = earlier_names(old.size)
            add(note_name, [note])
            add(proof_name, consistency_proof(old.size, told.size, tiles.read))
        add("checkpoint", [checkpoint])
        manifest = self._counted(Manifest(kind, told.origin, key, told.size, 0, streams, ()))
        add("index.txt", self._index(manifest, told))
        manifest = manifest._replace(members=tuple(digests))
        self._archive.add("manifest.json", [manifest.data()])
        self._archive.finish()
        return manifest

    def _chunk(self, frames: list[bytes]) -> None:
        data = b"".join(frames)
        self._archive.add(chunk_name(len(self._archive.members)), [data])
        for event in events_in(data):
            self.position = event[0]

    def _each(self) -> Iterator[Event]:
        for member in self._archive.members:
            if member.name.startswith("events/"):
                yield from events_in(self._archive.read(member))

    def _digest_of(self, member: Member) -> str:
        return sha256(self._archive.read(member)).hexdigest()

    def _inclusion(self, tiles: Tiles) -> Iterator[bytes]:
        for event in self._each():
            yield b"".join(inclusion_proof(event[0] - 1, tiles.size, tiles.read))

    def _counted(self, manifest: Manifest) -> Manifest:
        """With the numbers of events and streams."""
        streams, events = set[bytes](), 0
        for event in self._each():
            events += 1
            streams.add(event[1])
        return manifest._replace(
            events=events, streams=manifest.streams if manifest.kind == WHOLE_STREAMS else len(streams)
        )

    def _index(self, manifest: Manifest, checkpoint: Checkpoint) -> Iterator[bytes]:
        """index.txt. Raises Doubt where a key that is handed over is not the event's."""
        topics: dict[str, int] = {}
        streams: dict[bytes, int] = {}
        yield index_start(manifest, checkpoint).encode()
        for event in self._each():
            topic = text_of(event[3])
            topics[topic] = topics.get(topic, 0) + 1
            if manifest.kind != WHOLE_LOG:
                streams[event[1]] = streams.get(event[1], 0) + 1
                yield index_event(event, body_of(event) if event[10] else None).encode()
        yield index_end(topics, streams_told(manifest.kind, streams)).encode()


def _level(level: int, tiles: Tiles) -> Iterator[bytes]:
    """The hashes of a tile level, read some tiles at a time."""
    there = (tile for tile in tiles_between(0, tiles.size) if tile.level == level)
    while batch := list(islice(there, _TILES_AT_ONCE)):
        for tile, data in zip(batch, tiles.fetch(batch), strict=True):
            yield data[: tile.width * HASH_BYTES]
