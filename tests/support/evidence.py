"""A small log made by hand, what is signed of it, and evidence bundles of it: honest ones, and what a forger makes.

Entries and ciphertexts come from the store's own code; who verifies them shares none of it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ledger.proofs.archive import Archive, ArchiveWriter
from ledger.proofs.bundle import SOME_EVENTS, WHOLE_LOG, WHOLE_STREAMS, Manifest
from ledger.proofs.head_pages import HeadTree, PagesInMemory
from ledger.proofs.note import Checkpoint, Signer, heads_line, sign_checkpoint
from ledger.proofs.sparse import Head, key_of
from ledger.proofs.tiles import Tile, Tiles, level_above
from ledger.proofs.tree import root_of
from ledger.proofs.writing import BundleWriter, Shown
from ledger.store import canonical
from ledger.store.vault import seal

LOG_KEY = Signer.of("ledger.example.org", b"L" * 32)
THIEF_KEY = Signer.of("ledger.example.org", b"T" * 32)
TOPIC = "demographics_stated.v1"
FIRST_US = 1_700_000_000_000_000


@dataclass(frozen=True)
class Written:
    """One event as the store writes it."""

    position: int
    stream: str
    version: int
    event_id: bytes
    entry: bytes
    ciphertext: bytes
    key: bytes

    @property
    def leaf(self) -> bytes:
        return canonical.leaf(self.entry)


@dataclass
class SampleLog:
    """A log that grows by ``write``; told by its streams and what each event says."""

    events: list[Written] = field(default_factory=list)
    signer: Signer = LOG_KEY

    def write(self, stream: str, text: str, *, version: int | None = None, at_us: int | None = None) -> Written:
        position = len(self.events) + 1
        number = sum(e.stream == stream for e in self.events) + 1 if version is None else version
        event_id, key = sha256(b"id %d" % position).digest()[:16], sha256(b"key %d" % position).digest()
        body = json.dumps({"actor": "tester", "event": {"said": text}}, ensure_ascii=False).encode()
        ciphertext = seal(key, body, canonical.bound(stream, TOPIC, event_id))
        at = FIRST_US + position if at_us is None else at_us
        check = sha256(key).digest()
        entry = canonical.entry(position, stream, number, TOPIC, event_id, at, b"k" * 16, check, ciphertext)
        self.events.append(Written(position, stream, number, event_id, entry, ciphertext, key))
        return self.events[-1]

    def heads(self, size: int | None = None) -> dict[str, Head]:
        return {e.stream: Head(e.version, e.leaf) for e in self.events[:size]}

    def head_tree(self, size: int | None = None) -> HeadTree:
        tree = HeadTree(PagesInMemory())
        tree.update({key_of(stream): head for stream, head in self.heads(size).items()})
        return tree

    def leaves(self, size: int | None = None) -> bytes:
        return b"".join(e.leaf for e in self.events[:size])

    def tiles(self, size: int | None = None) -> Tiles:
        levels = [self.leaves(size)]
        while len(levels[-1]) >= 8192:
            levels.append(level_above(levels[-1]))

        def fetch(wanted: Sequence[Tile]) -> list[bytes]:
            return [levels[t.level][t.number * 8192 : t.number * 8192 + t.width * 32] for t in wanted]

        return Tiles(len(levels[0]) // 32, fetch)

    def checkpoint(self, size: int | None = None, *, heads: bytes | None = None, with_heads: bool = True) -> bytes:
        size = len(self.events) if size is None else size
        root = self.head_tree(size).root() if heads is None else heads
        told = Checkpoint(self.signer.verifier.name, size, root_of(self.leaves(size)))
        if with_heads:
            told = told._replace(extensions=(heads_line(root),))
        return sign_checkpoint(told, self.signer)


def sample_log(count: int = 30, streams: int = 5) -> SampleLog:
    """Events of some streams, by turns; what they say has letters of Spanish in it."""
    log = SampleLog()
    for number in range(count):
        log.write(f"record/{number * number % streams}", f"Niña número {number}")
    return log


def shown(events: Iterable[Written], *, keys: bool = True) -> list[Shown]:
    return [(e.entry, e.ciphertext, e.key if keys else None) for e in events]


def bundle_of(
    log: SampleLog,
    kind: str = WHOLE_STREAMS,
    *,
    streams: Sequence[str] = ("record/0", "record/1", "record/404"),
    events: Sequence[Written] | None = None,
    size: int | None = None,
    keys: bool = True,
    checkpoint: bytes | None = None,
    earlier: Sequence[bytes] = (),
) -> bytes:
    """An evidence bundle. events: what it shows, if that is not what an honest one of its kind would."""
    if events is None:
        events = [e for e in log.events[:size] if kind == WHOLE_LOG or e.stream in streams]
    file = io.BytesIO()
    writer = BundleWriter(file)
    writer.events(shown(events, keys=keys))
    tree = log.head_tree(size)
    writer.finish(
        kind=kind,
        checkpoint=log.checkpoint(size) if checkpoint is None else checkpoint,
        key=log.signer.verifier.text(),
        tiles=log.tiles(size),
        heads=[(stream, *tree.prove(stream)) for stream in sorted(streams)] if kind == WHOLE_STREAMS else (),
        earlier=earlier,
    )
    return file.getvalue()


def bundles(log: SampleLog) -> dict[str, bytes]:
    """One of each kind."""
    old = [log.checkpoint(size) for size in (1, 8, 21)]
    return {
        WHOLE_LOG: bundle_of(log, WHOLE_LOG),
        WHOLE_STREAMS: bundle_of(log, WHOLE_STREAMS, earlier=old),
        SOME_EVENTS: bundle_of(log, SOME_EVENTS, events=log.events[3:20:4], keys=False),
    }


def forged(bundle: bytes, changes: Mapping[str, bytes], *, numbers: Mapping[str, int] | None = None) -> bytes:
    """The bundle with other members, and with a directory and a manifest that fit them: what a forger hands over."""
    archive = Archive(io.BytesIO(bundle))
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    members = []
    for member in archive.members[:-1]:
        data = changes.get(member.name, archive.peek(member.name, 0, member.size))
        members.append((member.name, len(data), writer.add(member.name, [data])))
    told = Manifest.parse(archive.whole("manifest.json", bytes_max=1 << 20))
    told = told._replace(members=tuple(members), **(numbers or {}))
    writer.add("manifest.json", [changes.get("manifest.json", told.data())])
    writer.finish()
    return file.getvalue()


def member(bundle: bytes, name: str) -> bytes:
    """The bytes of one member."""
    return Archive(io.BytesIO(bundle)).whole(name, bytes_max=1 << 30)
