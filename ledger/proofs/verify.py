"""Verifies an evidence bundle, with nothing but the standard library and ``cryptography``, and trusts nothing in it.

Everything is computed again: each event's leaf from its clear columns and SHA-256 of its ciphertext, the tree, the
streams' heads, the index. Events are read a few megabytes at a time, so memory does not grow with them (of a whole
log: with its streams). There are two verdicts: all that is claimed is proven, or the first thing that is wrong.

Runs as a program of its own (``ledger.proofs.one_file``): exit code 0 proven, 1 any doubt, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ledger.proofs.archive import Archive, Reading
from ledger.proofs.bundle import (
    MANIFEST_BYTES_MAX,
    WHOLE_LOG,
    WHOLE_STREAMS,
    Manifest,
    earlier_names,
    earlier_sizes,
    heads_in,
    index_end,
    index_event,
    index_start,
    layout,
    streams_told,
    text_of,
)
from ledger.proofs.certificate_events import CERTIFICATE_BYTES_MAX
from ledger.proofs.certified import is_certificate, verify_certificate
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.fold import Fold
from ledger.proofs.levels import Levels
from ledger.proofs.note import (
    ED25519,
    NOTE_BYTES_MAX,
    Checkpoint,
    Verifier,
    must_tell_the_same,
    open_checkpoint,
    signed_by,
    split,
)
from ledger.proofs.receipts import checkpoint_in
from ledger.proofs.sparse import Head, packed_head, root_of_heads, verify_head
from ledger.proofs.tree import HASH_BYTES, verify_consistency
from ledger.proofs.verdict import Verdict, witnessed

HEADS_BYTES_MAX = 128 << 20
PROOF_BYTES_MAX = 4096
_NO_TILES = "Tiles that were kept can be compared with a whole log's bundle only."


def verify(
    file: BinaryIO,
    *,
    key: str | None = None,
    former: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    receipts: Sequence[bytes] = (),
    consistency: Mapping[int, Sequence[bytes]] | None = None,
    kept: Mapping[int, bytes] | None = None,
) -> Verdict:
    """The verdict on a bundle; it raises nothing for what may be in it.

    key: of the log, as it was handed out; without it the bundle's own is taken, and the verdict says so. former: keys
    that signed the log before, by which receipts may be. witnesses: keys of those who must have cosigned. receipts:
    checkpoints of this log that were kept, bare or on their sheets. consistency: proofs for receipts that the bundle
    has none for, by size; for one that is ahead of the bundle, the proof from the bundle to it. kept: by tile level,
    the first hashes of it as they once were, one after the other (a whole log's bundle only).
    """
    try:
        return _Run(file, key, former, witnesses, consistency or {}, kept or {}).verdict(receipts)
    except Doubt as doubt:
        return Verdict((), (), doubt)
    except Exception as e:
        # Everything: whatever a hostile file, or a mistake of ours, still brings about is a doubt, never a stack trace.
        return Verdict((), (), Doubt(f"The bundle cannot be read to its end ({type(e).__name__})."))


def verify_file(
    file: BinaryIO,
    *,
    key: str | None = None,
    former: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    receipts: Sequence[bytes] = (),
    consistency: Mapping[int, Sequence[bytes]] | None = None,
    kept: Mapping[int, bytes] | None = None,
) -> Verdict:
    """As ``verify``, also on a certificate of disposal: which of the two it is is told by its beginning."""
    beginning = file.read(64)
    file.seek(0)
    if not is_certificate(beginning):
        return verify(
            file,
            key=key,
            former=former,
            witnesses=witnesses,
            receipts=receipts,
            consistency=consistency,
            kept=kept,
        )
    if kept:
        return Verdict((), (), Doubt(_NO_TILES))
    data = file.read(CERTIFICATE_BYTES_MAX + 1)
    return verify_certificate(
        data, key=key, former=former, witnesses=witnesses, receipts=receipts, consistency=consistency
    )


class _Run:
    """The state of one verification, in the order in which things are looked at."""

    def __init__(
        self,
        file: BinaryIO,
        key: str | None,
        former: Sequence[str],
        witnesses: Sequence[str],
        consistency: Mapping[int, Sequence[bytes]],
        kept: Mapping[int, bytes],
    ) -> None:
        self.archive = Archive(file)
        self.consistency = consistency
        self.kept = kept
        self.manifest = Manifest.parse(self.archive.whole("manifest.json", bytes_max=MANIFEST_BYTES_MAX))
        self.log = Verifier.parse(self.manifest.key if key is None else key)
        self.keys = [self.log, *map(Verifier.parse, former)]
        if any(one.kind != ED25519 for one in self.keys):
            raise Doubt("The key is a witness's, not a log's.")
        self.by_caller = key is not None
        self.witnesses = [Verifier.parse(text) for text in witnesses]
        self.levels: Levels | None = None
        self.fold = Fold(self.archive)
        self.proven: list[str] = []
        self.unproven: list[str] = []

    def verdict(self, receipts: Sequence[bytes]) -> Verdict:
        self._contents()
        checkpoint = self._checkpoint()
        if self.manifest.kind == WHOLE_LOG:
            self.levels = Levels(self.archive, checkpoint.size)
            self.levels.must_be_like(self.kept)
            self.levels.must_lead_to(checkpoint.root)
        elif self.kept:
            raise Doubt(_NO_TILES)
        # What was kept from before is asked first: where the log is another one, no event of this one matters.
        for receipt in receipts:
            self._receipt(receipt, checkpoint)
        for size in earlier_sizes(m.name for m in self.archive.members):
            self._earlier(size, checkpoint)
        self._events(checkpoint)
        self._digests()
        return Verdict(tuple(self.proven), tuple(self.unproven))

    # -- what there is, and who signed it

    def _contents(self) -> None:
        """Each member is one that belongs here, in its place, and the manifest tells it."""
        names = [m.name for m in self.archive.members]
        chunks = sum(name.startswith("events/") for name in names)
        earlier = earlier_sizes(names)
        if len(set(earlier)) != len(earlier) or earlier != sorted(earlier):
            raise Malformed("The checkpoints from before are not in order.")
        expected = layout(self.manifest.kind, self.manifest.size, chunks, earlier)
        told = [name for name, _, _ in self.manifest.members]
        if names != expected or told != expected[:-1]:
            wrong = next((n for n in (*names, *told) if n not in expected), "the order of its members")
            missing = next((n for n in expected if n not in names), None)
            raise Malformed("The bundle does not hold what a bundle of its kind holds.", expected=missing, found=wrong)
        for (name, size, _), member in zip(self.manifest.members, self.archive.members[:-1], strict=True):
            if size != member.size:
                raise Malformed(f"{name} has another size.", expected=str(size), found=str(member.size))

    def _checkpoint(self) -> Checkpoint:
        note = self.archive.whole("checkpoint", bytes_max=NOTE_BYTES_MAX)
        manifest = self.manifest
        checkpoint, opened = open_checkpoint(note, self.log, self.witnesses)
        for name, told, signed in (
            ("origin", manifest.origin, checkpoint.origin),
            ("size", str(manifest.size), str(checkpoint.size)),
            ("key", manifest.key, self.log.text()),
        ):
            if told != signed:
                raise Doubt(f"The manifest tells another {name} than the checkpoint has.", expected=signed, found=told)
        whose = "the key that was named" if self.by_caller else "a key that the bundle itself names"
        self.proven.append(f"The checkpoint of {checkpoint.origin} at {checkpoint.size} events is signed by {whose}.")
        if not self.by_caller:
            self.unproven.append(f"Whose key that is: compare {manifest.key} with what the log's keeper hands out.")
        self.proven += witnessed(opened)
        return checkpoint

    # -- what was kept from before

    def _receipt(self, receipt: bytes, checkpoint: Checkpoint) -> None:
        note = checkpoint_in(receipt)
        kept, _ = open_checkpoint(note, signed_by(note, self.keys))
        if kept.size <= checkpoint.size:
            self._goes_on(kept, checkpoint)
            must_tell_the_same(kept, checkpoint)
            self.proven.append(
                f"The log goes on from the receipt at {kept.size} events: nothing before it was changed."
            )
            return
        proof = self.consistency.get(kept.size)
        if proof is None:
            raise Doubt(
                f"The receipt is of {kept.size} events, the bundle of {checkpoint.size}: a proof between is missing."
            )
        verify_consistency(checkpoint.size, kept.size, checkpoint.root, kept.root, proof)
        self.proven.append(f"The receipt at {kept.size} events goes on from this bundle's checkpoint.")

    def _earlier(self, size: int, checkpoint: Checkpoint) -> None:
        note_name, proof_name = earlier_names(size)
        note = self.archive.whole(note_name, bytes_max=NOTE_BYTES_MAX)
        text, lines = split(note)
        key = signed_by(note, self.keys)
        known = any(line[:2] == (key.name, key.key_id) for line in lines)
        # By a key that was changed since, perhaps: whoever was not told of that one is not to be alarmed by it.
        kept = open_checkpoint(note, key)[0] if known else Checkpoint.parse(text)
        if kept.size != size:
            raise Doubt(f"{note_name} is a checkpoint of another size.", expected=str(size), found=str(kept.size))
        verify_consistency(size, checkpoint.size, kept.root, checkpoint.root, self._proof_in(proof_name))
        must_tell_the_same(kept, checkpoint)
        if known:
            self.proven.append(f"The log goes on from its checkpoint at {size} events.")
        else:
            self.unproven.append(f"Who signed the checkpoint at {size} events from before: name the log's former key.")

    def _goes_on(self, kept: Checkpoint, checkpoint: Checkpoint) -> None:
        if self.levels is not None:
            root = self.levels.root_at(kept.size)
            if root != kept.root:
                raise Doubt(
                    f"The log no longer begins with the {kept.size} events of the receipt.",
                    expected=kept.root.hex(),
                    found=root.hex(),
                )
            return
        proof = self.consistency.get(kept.size)
        if proof is None and kept.size in (0, checkpoint.size):
            proof = []
        if proof is None:
            name = earlier_names(kept.size)[1]
            if name not in self.archive:
                raise Doubt(f"The bundle holds no proof from the receipt's {kept.size} events: ask for one from there.")
            proof = self._proof_in(name)
        verify_consistency(kept.size, checkpoint.size, kept.root, checkpoint.root, proof)

    def _proof_in(self, name: str) -> list[bytes]:
        data = self.archive.whole(name, bytes_max=PROOF_BYTES_MAX)
        if len(data) % HASH_BYTES:
            raise Malformed(f"{name} is not a whole number of hashes.")
        return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]

    # -- events, and whether any was left out

    def _events(self, checkpoint: Checkpoint) -> None:
        manifest, fold = self.manifest, self.fold
        index = self.archive.open("index.txt")
        _must_go_on(index, index_start(manifest, checkpoint))
        if self.levels is not None:
            fold.whole_log(self.levels)
        else:
            for event, body in fold.each(manifest, checkpoint.root):
                _must_go_on(index, index_event(event, body))
        if manifest.events != fold.events:
            raise Doubt(
                "The manifest tells another number of events.", expected=str(manifest.events), found=str(fold.events)
            )
        self.proven.append(
            f"Each of the {fold.events} events is in the log at its position, and is what was signed to the byte."
        )
        streams = len(fold.versions)
        if manifest.kind == WHOLE_LOG:
            self._whole_log(checkpoint)
        elif manifest.kind == WHOLE_STREAMS:
            streams = self._whole_streams(checkpoint)
        else:
            self.unproven.append("That nothing was left out: the bundle shows some events and says nothing of others.")
        if manifest.streams != streams:
            raise Doubt(
                "The manifest tells another number of streams.", expected=str(manifest.streams), found=str(streams)
            )
        self._bodies()
        topics = {text_of(topic): count for topic, count in fold.topics.items()}
        _must_go_on(index, index_end(topics, streams_told(manifest.kind, fold.counts)))
        index.ended()

    def _whole_log(self, checkpoint: Checkpoint) -> None:
        fold = self.fold
        told = checkpoint.heads()
        self.proven.append("Nothing was left out: these are all events of the log up to the checkpoint.")
        if told is None:
            self.unproven.append("The heads of the streams: this checkpoint tells no root of them.")
            return
        rows = (
            packed_head(sha256(stream).digest(), Head(version, fold.last_leaf[stream]))
            for stream, version in fold.versions.items()
        )
        found = root_of_heads(rows)
        if found != told:
            raise Doubt(
                "The root of stream heads does not follow from the events.", expected=told.hex(), found=found.hex()
            )
        self.proven.append(f"The checkpoint's root of the heads of all {len(fold.versions)} streams follows from them.")

    def _whole_streams(self, checkpoint: Checkpoint) -> int:
        root = checkpoint.heads()
        if root is None:
            raise Doubt("The checkpoint tells no root of stream heads, so that streams are whole cannot be proven.")
        fold, before, streams, empty = self.fold, "", 0, 0
        for stream, head, proof in heads_in(self.archive.whole("heads.bin", bytes_max=HEADS_BYTES_MAX)):
            name = stream.encode()
            if streams and stream <= before:
                raise Malformed("The streams in heads.bin are not in order.")
            try:
                verify_head(stream, head, proof, root)
            except Doubt as doubt:
                what = f"Stream {stream}: its head is not proven. {doubt.what}"
                raise Doubt(what, expected=doubt.expected, found=doubt.found) from None
            shown = fold.versions.get(name, 0)
            version = 0 if head is None else head.version
            if shown != version:
                raise Doubt(
                    f"Stream {stream} is not whole: its last events are missing, or more are here.",
                    expected=f"version {version}",
                    found=f"version {shown}",
                )
            if head is not None and fold.last_leaf[name] != head.leaf:
                raise Doubt(
                    f"Stream {stream} ends with another event.",
                    expected=head.leaf.hex(),
                    found=fold.last_leaf[name].hex(),
                )
            before, streams, empty = stream, streams + 1, empty + (head is None)
        if streams - empty != len(fold.versions):
            raise Doubt("The bundle holds events of a stream that heads.bin does not name.")
        self.proven.append(
            f"Nothing was left out of the {streams} streams ({empty} of them without events): each is whole up to"
            " its head, proven against the checkpoint's root of stream heads only."
        )
        self.unproven.append(
            "That the root of stream heads follows from the log: its notary says so; only the whole log proves it."
        )
        return streams

    def _bodies(self) -> None:
        fold = self.fold
        if fold.opened:
            self.proven.append(f"{fold.opened} bodies open with the keys that are handed over.")
        if fold.opened < fold.events:
            self.unproven.append(
                f"What {fold.events - fold.opened} events say: no key of theirs is handed over. That they are unchanged"
                " is proven all the same."
            )

    def _digests(self) -> None:
        """The manifest's digests: so that whoever notes the manifest's own has noted all."""
        for name, _, digest in self.manifest.members:
            found = self.archive.digests.get(name, "")
            if found != digest:
                raise Doubt(f"{name} is not what the manifest says.", expected=digest, found=found)


def parse_consistency(data: bytes) -> tuple[int, list[bytes]]:
    """A proof of consistency as text: the receipt's size, then a hash a line in base64. Raises Malformed."""
    try:
        size, *hashes = data.decode("ascii").splitlines()
        found = int(size), [b64decode(h, validate=True) for h in hashes]
    except ValueError:
        raise Malformed("This is no proof of consistency.") from None
    return found


def _must_go_on(index: Reading, text: str) -> None:
    """That the index says what follows from the bundle, no more and no less. Raises Doubt."""
    data = text.encode()
    if index.read(min(len(data), index.left)) != data:
        # What it must say is not told here: it may be a child's.
        raise Doubt("index.txt does not say what the bundle holds: it was changed.")


# -- as a program


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 proven, 1 any doubt. argparse itself ends with 2 where the arguments are wrong."""
    parser = argparse.ArgumentParser(
        prog="verify", description="Verify an evidence bundle, or a certificate of disposal. Trusts nothing in it."
    )
    parser.add_argument("bundle", type=Path, metavar="FILE")
    parser.add_argument("--key", help="the log's key, as its keeper hands it out")
    parser.add_argument("--former", action="append", default=[], help="a key that signed the log before that one")
    parser.add_argument("--witness", action="append", default=[], help="the key of somebody who must have cosigned")
    parser.add_argument("--receipt", action="append", default=[], type=Path, help="a checkpoint kept from before")
    parser.add_argument("--consistency", action="append", default=[], type=Path, help="a proof for a receipt, as text")
    parser.add_argument("--kept-tiles", type=Path, help="level-1 hashes kept from before, one after the other")
    parser.add_argument("--json", action="store_true", help="the verdict for a program")
    chosen = parser.parse_args(arguments)
    verdict = _verdict_on(chosen)
    sys.stdout.write(json.dumps(verdict.told()) + "\n" if chosen.json else verdict.text())
    return 0 if verdict.holds else 1


def _verdict_on(chosen: argparse.Namespace) -> Verdict:
    try:
        receipts = [path.read_bytes() for path in chosen.receipt]
        proofs = dict(parse_consistency(path.read_bytes()) for path in chosen.consistency)
        kept = {1: chosen.kept_tiles.read_bytes()} if chosen.kept_tiles else None
        with chosen.bundle.open("rb") as file:
            return verify_file(
                file,
                key=chosen.key,
                former=chosen.former,
                witnesses=chosen.witness,
                receipts=receipts,
                consistency=proofs,
                kept=kept,
            )
    except Doubt as doubt:
        return Verdict((), (), doubt)
    except OSError as e:
        return Verdict((), (), Doubt(f"A file cannot be read: {e.strerror}."))


if __name__ == "__main__":
    sys.exit(main())
