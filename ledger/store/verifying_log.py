"""Verifies a log where it lies: every event, the tree above them, what was signed of it, and the heads of its streams.

Trusts nothing that is stored: leaves, tree and heads are computed again from the columns of each event, by the code
that verifies a bundle (``ledger.proofs``), and compared with what is kept of them. Reads everything once, in one
snapshot and a few megabytes at a time; memory grows with the streams alone, by some three hundred bytes each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from itertools import islice
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from ledger.proofs.bundle import frame, text_of
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.fold import Fold
from ledger.proofs.levels import Levels, must_be_equal
from ledger.proofs.note import Checkpoint, Verifier, must_tell_the_same
from ledger.proofs.sparse import Head, packed_head, root_of_heads
from ledger.proofs.tiles import TILE_HASHES, TILE_LEVELS, Tile, level_above
from ledger.proofs.tree import HASH_BYTES, Frontier
from ledger.proofs.whole_pages import pages_must_be_whole
from ledger.store.copied_out import Stored, shown, stored
from ledger.store.gone_keys import GoneKeys
from ledger.store.outside import Outside, opened_by
from ledger.store.proof_store import ProofStore
from ledger.store.stored_levels import StoredLevels
from ledger.store.vault import Vault

EVENTS_AT_ONCE = 16 * TILE_HASHES
"""Whole tiles of level 0."""

Progress = Callable[[int, int], None]


class Proven(NamedTuple):
    """Of one log, in sentences. unproven: what could not be told, or was not asked."""

    proven: list[str]
    unproven: list[str]


def verify_log(
    conn: psycopg.Connection[Any],
    beside: psycopg.Connection[Any],
    log: str,
    vault: Vault,
    proofs: ProofStore,
    outside: Outside,
    progress: Progress = lambda *_: None,
    gone: GoneKeys | None = None,
) -> Proven:
    """Verify a log from its first event to its last.

    conn, beside: in autocommit, of a role that reads events and keys; the one reads the log, the other the vault.
    proofs: opened before, so that it is as of an instant before. gone: gets the keys that are not there. Raises Doubt
    at the first thing that is wrong; LogBroken, Misconfigured, StoreUnavailable, psycopg.Error.
    """
    run = _Run(beside, log, vault, proofs, outside, gone or GoneKeys())
    run.checkpoints()
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        head, recorded_us = _head(conn, log)
        with closing(stored(conn, log)) as events:
            for batch in _batches(events, run.cut):
                run.batch(batch)
                progress(run.fold.position, head)
        run.ended()
        run.must_end_at(head, recorded_us)
        run.must_have_heads(conn)
    return run.told()


class _Run:
    """The state of one verification."""

    def __init__(
        self,
        beside: psycopg.Connection[Any],
        log: str,
        vault: Vault,
        proofs: ProofStore,
        outside: Outside,
        gone: GoneKeys,
    ) -> None:
        self.fold = Fold()
        self._gone = gone
        self.cut = 0
        """The size of the latest checkpoint: what the heads are at that event is compared with what was signed."""
        self._beside = beside
        self._log = log
        self._vault = vault
        self._proofs = proofs
        self._outside = outside
        self._latest: Checkpoint | None = None
        self._levels: Levels | None = None
        self._here: dict[int, Checkpoint] = {}
        self._signed: list[tuple[Checkpoint, str]] = []  # and what each is; those to come, the smallest last
        self._tree = Frontier()
        self._rest = b""  # leaves behind the last full tile
        self._tile_hashes = bytearray()  # of level 1
        self._cosigned: dict[Verifier, int] = {}  # and at which size last
        self._reached = 0  # the largest size at which the root was the one that was signed
        self._wrong_root: Doubt | None = None
        self._wrong_tile: Doubt | None = None
        self._proven: list[str] = []
        self._unproven: list[str] = []

    # -- what was signed

    def checkpoints(self) -> None:
        """Opens all that was signed; the roots are compared as the events go by."""
        outside, sizes = self._outside, self._proofs.sizes()
        signed: list[tuple[Checkpoint, str]] = []
        for size in sizes:
            checkpoint = self._opened(size)
            signed.append((checkpoint, f"The checkpoint at {size} events"))
        if signed:
            self._latest = signed[-1][0]
            self.cut = self._latest.size
            self._levels = Levels(StoredLevels(self._proofs.fetch, self.cut), self.cut)
        for witness in outside.required:
            if witness not in self._cosigned:
                raise Doubt(f"{witness.name} has cosigned no checkpoint that is here.", expected=witness.text())
        self._proven += [f"{by.name} has cosigned, last at {size} events." for by, size in self._cosigned.items()]
        self._here = {checkpoint.size: checkpoint for checkpoint, _ in signed}
        signed += [(receipt, f"The receipt at {receipt.size} events") for receipt in outside.receipts]
        if (here := outside.signed_here) is not None:
            signed.append((here, f"What this host signed last, at {here.size} events,"))
        self._signed = sorted(signed, key=lambda one: one[0].size, reverse=True)
        if sizes and outside.keys:
            self._proven.append(
                f"{len(sizes)} checkpoints, up to {self.cut} events, are signed by {outside.keys[0].text()}."
            )

    def _opened(self, size: int) -> Checkpoint:
        named, note = f"The checkpoint at {size} events", self._proofs.checkpoint_at(size)
        assert note is not None, "its size was told in the same snapshot"
        try:
            checkpoint, cosigners = opened_by(note, self._outside)
            self._cosigned.update(dict.fromkeys(cosigners, size))
        except Doubt as doubt:
            raise Doubt(f"{named}: {doubt.what}", expected=doubt.expected, found=doubt.found) from None
        if checkpoint.size != size:
            raise Doubt(f"{named} is of another size.", expected=str(size), found=str(checkpoint.size))
        return checkpoint

    # -- events, a batch at a time

    def batch(self, events: Sequence[Stored]) -> None:
        """The events that follow. Raises Doubt at the first that is wrong."""
        first = self.fold.position
        if first == self.cut == 0:  # signed while the log was empty
            self._compare_heads()
        told = shown(self._beside, self._vault, events)
        data = b"".join([frame(*one) for one in told])
        leaves: list[bytes] = []
        wrong: Doubt | None = None
        try:
            self.fold.log_chunk(data, leaves)
        except Doubt as doubt:
            wrong = doubt
        computed = b"".join(leaves)
        # An event that is not the one that was signed comes before what is wrong with a later one.
        self._compare(first, events, computed)
        if wrong is not None:
            raise wrong
        self._gone.see(self._log, events, told)
        self._grow(first, computed)
        if self.fold.position == self.cut:
            self._compare_heads()

    def _compare(self, first: int, events: Sequence[Stored], computed: bytes) -> None:
        count = len(computed) // HASH_BYTES
        beside = b"".join([event[3] for event in events[:count]])
        kept = self._outside.kept.get(0, b"")[first * HASH_BYTES : (first + count) * HASH_BYTES]
        signed = b"" if self._levels is None or first >= self.cut else self._levels.leaves(first, count)
        if beside == computed and computed.startswith(signed) and computed.startswith(kept):
            return
        for number, event in enumerate(events[:count]):
            here = slice(number * HASH_BYTES, (number + 1) * HASH_BYTES)
            self._compare_one(event, computed[here], signed[here], kept[here])

    def _compare_one(self, event: Stored, leaf: bytes, signed: bytes, kept: bytes) -> None:
        position, event_id, beside = event[0], event[4].hex(), event[3]
        if kept not in (b"", leaf):
            what = "This event was changed since its hash was kept."
            raise Doubt(what, position=position, event=event_id, expected=kept.hex(), found=leaf.hex())
        if signed not in (b"", leaf) and self._wrong_tile is None:
            if self._tiles_lead_to_the_root():
                what = "This event is not the one that was signed."
                raise Doubt(what, position=position, event=event_id, expected=signed.hex(), found=leaf.hex())
            # Tiles that do not lead to what was signed prove nothing. Whether the events do is seen at the end.
            what = f"{Tile(0, (position - 1) // TILE_HASHES).path()}, as it is stored, does not follow from the events."
            self._wrong_tile = Doubt(what, position=position, expected=leaf.hex(), found=signed.hex())
        if beside != leaf:
            what = "This event and the leaf that is stored beside it do not fit: one of the two was changed."
            raise Doubt(what, position=position, event=event_id, expected=beside.hex(), found=leaf.hex())

    def _tiles_lead_to_the_root(self) -> bool:
        assert self._levels is not None, "a tile was read"
        assert self._latest is not None, "tiles are those of a checkpoint"
        try:
            self._levels.must_lead_to(self._latest.root)
        except Doubt:
            return False
        return True

    def _grow(self, first: int, computed: bytes) -> None:
        """The tree with these leaves; every root that was signed on the way is compared."""
        end = first + len(computed) // HASH_BYTES
        while self._signed and self._signed[-1][0].size <= end:
            size = self._signed[-1][0].size
            self._tree.extend(computed[(self._tree.size - first) * HASH_BYTES : (size - first) * HASH_BYTES])
            self._compare_root(*self._signed.pop())
        self._tree.extend(computed[(self._tree.size - first) * HASH_BYTES :])
        self._rest += computed
        whole = len(self._rest) // (TILE_HASHES * HASH_BYTES) * TILE_HASHES * HASH_BYTES
        self._tile_hashes += level_above(self._rest)
        self._rest = self._rest[whole:]

    def _compare_root(self, checkpoint: Checkpoint, named: str) -> None:
        root = self._tree.root()
        if root == checkpoint.root:
            self._reached = checkpoint.size
        elif self._wrong_root is None:
            what = f"{named} is not of this log: what stands behind position {self._reached} was changed."
            self._wrong_root = Doubt(what, position=self._reached + 1, expected=checkpoint.root.hex(), found=root.hex())

    def _compare_heads(self) -> None:
        """The heads as of the latest checkpoint, with what it says of them and with the pages that are kept."""
        told = None if self._latest is None else self._latest.heads()
        if told is None or self._wrong_root is not None:
            return
        fold = self.fold
        found = root_of_heads(
            packed_head(sha256(stream).digest(), Head(version, fold.last_leaf[stream]))
            for stream, version in fold.versions.items()
        )
        if found != told:
            what = f"The root of stream heads that the checkpoint at {self.cut} events tells does not follow from them."
            raise Doubt(what, expected=found.hex(), found=told.hex())
        if (kept := pages_must_be_whole(self._proofs.pages)) != told:
            what = "The pages of stream heads do not lead to what was signed."
            raise Doubt(what, expected=told.hex(), found=kept.hex())
        self._proven.append(f"The root of the heads of {len(fold.versions)} streams at {self.cut} events follows.")

    # -- at the end

    def ended(self) -> None:
        """What can be told once the last event has gone by. Raises Doubt."""
        self._grow(self.fold.position, b"")
        if self.cut == self.fold.position == 0:
            self._compare_heads()
        self._compare_kept()
        if self._wrong_root is not None:
            raise self._in_a_tile() or self._wrong_root
        if self._signed:
            checkpoint, named = self._signed[-1]
            what = f"{named} covers more than there is: the events after position {self.fold.position} are missing."
            raise Doubt(
                what,
                position=self.fold.position + 1,
                expected=f"{checkpoint.size} events",
                found=f"{self.fold.position} events",
            )
        for kept in (*self._outside.receipts, self._outside.signed_here):
            if kept is not None:
                must_tell_the_same(kept, self._here.get(kept.size, kept))
        if self._wrong_tile is not None:
            raise self._wrong_tile
        if self._levels is not None and self._latest is not None:
            # The events lead to the root: where a tile does not, it is the tile that was changed.
            try:
                self._levels.must_lead_to(self._latest.root)
            except Doubt as doubt:
                what = "The stored tiles do not follow from the events, which are those that were signed."
                raise Doubt(what, position=doubt.position, expected=doubt.found, found=doubt.expected) from None

    def _in_a_tile(self) -> Doubt | None:
        """Where the lowest tiles alone were changed with the events, and the right edge was not, those above name the
        256."""
        if self._levels is not None and self._latest is not None and self._wrong_tile is None:
            try:
                self._levels.must_lead_to(self._latest.root)
            except Doubt as doubt:
                return doubt if doubt.position is not None else None
        return None

    def _compare_kept(self) -> None:
        levels = {1: bytes(self._tile_hashes)}
        for level in range(2, TILE_LEVELS):
            levels[level] = level_above(levels[level - 1])
        for level, hashes in sorted(self._outside.kept.items()):
            if not 0 <= level < TILE_LEVELS or len(hashes) % HASH_BYTES:
                raise Malformed(f"What was kept is no tile level {level}.")
            there = self.fold.position >> TILE_LEVELS * level
            if level:
                here = levels[level][: len(hashes)]
                must_be_equal(level, hashes[: len(here)], here, "were changed since their hashes were kept")
            if there < len(hashes) // HASH_BYTES:
                first = (there << TILE_LEVELS * level) + 1
                raise Doubt("The log is shorter than the one whose hashes were kept.", position=first)
            self._proven.append(f"{len(hashes) // HASH_BYTES} hashes of level {level} are as they were kept.")

    def must_end_at(self, head: int, recorded_us: int | None) -> None:
        """Raises Doubt where the head's row says something else than the events."""
        last, at_us = self.fold.position, self.fold.at_us
        if head != last:
            what = "The head is at another position than the last event."
            raise Doubt(what, position=min(head, last) + 1, expected=f"position {last}", found=f"position {head}")
        if last and (recorded_us is None or recorded_us < at_us):
            raise Doubt("The head's instant is before the one of the last event.", position=last)

    def must_have_heads(self, conn: psycopg.Connection[Any]) -> None:
        """Raises Doubt at the first stream whose head is not its last event. Empties what was folded of the streams."""
        versions, leaves = self.fold.versions, self.fold.last_leaf
        streams = len(versions)
        with conn.cursor(name="heads", row_factory=tuple_row, binary=True) as cursor:
            cursor.itersize = EVENTS_AT_ONCE
            for stream, version, position, leaf, fits in cursor.execute(SQL(_HEADS).format(log=Identifier(self._log))):
                name = stream.encode()
                expected = versions.pop(name, 0)
                if not expected or (version, leaf) != (expected, leaves[name]) or not fits:
                    raise Doubt(
                        f"The head of stream {stream} does not follow from its events.",
                        expected=f"version {expected}" + (f", leaf {leaves[name].hex()}" if expected else ""),
                        found=f"version {version}, leaf {leaf.hex()}, at position {position}",
                    )
        for stream, version in islice(versions.items(), 1):
            raise Doubt(f"Stream {text_of(stream)} has no head.", expected=f"version {version}")
        self._proven.append(f"The heads of {streams} streams, on which writers decide, follow from the events.")

    def told(self) -> Proven:
        """What holds, and what could not be told."""
        fold, behind = self.fold, self.fold.position - self.cut
        proven = [
            f"{fold.events} events stand without a gap, versions and instants in order, each as its leaf says.",
            f"{fold.opened} bodies open in their places with the keys of the vault.",
            *self._proven,
        ]
        if self._latest is not None:
            proven.append(f"Tree, tiles and every root that was signed follow from the first {self.cut} events.")
        proven += [
            f"The log goes on from the receipt at {receipt.size} events: nothing before it was changed."
            for receipt in self._outside.receipts
        ]
        if (here := self._outside.signed_here) is not None:
            proven.append(f"The log goes on from what this host signed last, {here.size} events.")
        unproven = list(self._unproven)
        if fold.opened < fold.events:
            unproven.append(f"What {fold.events - fold.opened} events say: their keys were destroyed.")
        if behind:
            unproven.append(f"That the last {behind} events were not written anew: no checkpoint covers them yet.")
        if self._latest is not None and not self._outside.keys:
            unproven.append("Who signed the checkpoints: no key of the log is at hand.")
        if self._latest is not None and self._latest.heads() is None:
            unproven.append(f"The heads of the streams: the checkpoint at {self.cut} events tells no root of them.")
        if not self._outside.receipts and not self._outside.kept:
            unproven.append(
                "That the whole log, with its tree, was not written anew by somebody who has its key: bring a receipt,"
                " or tiles, that were kept elsewhere."
            )
        return Proven(proven, unproven)


def _batches(events: Iterator[Stored], cut: int) -> Iterator[list[Stored]]:
    """Some at a time, the one at ``cut`` the last of its batch."""
    batch: list[Stored] = []
    for event in events:
        batch.append(event)
        if len(batch) == EVENTS_AT_ONCE or event[0] == cut:
            yield batch
            batch = []
    if batch:
        yield batch


def _head(conn: psycopg.Connection[Any], log: str) -> tuple[int, int | None]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL(_HEAD).format(log=Identifier(log))).fetchall()
    if len(rows) != 1:
        raise Doubt(f"The log has {len(rows)} rows that tell its head.", expected="1")
    return rows[0]


_HEAD: LiteralString = (
    "select position, case when isfinite(recorded_at) then (extract(epoch from recorded_at) * 1000000)::bigint end"
    " from {log}.head"
)
_HEADS: LiteralString = (
    "select h.stream, h.version, h.position, h.leaf, e.leaf is not distinct from h.leaf"
    " from {log}.heads h left join {log}.events e on e.position = h.position"
)
