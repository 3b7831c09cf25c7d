"""Whether what was signed of a log fits its events: checkpoint, tiles and heads, the newest or all of them.

Reads only, a few tiles at a time. What is signed is believed: where events differ from it they were
changed, and the position is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from ledger.proofs.checked_pages import CheckedPages
from ledger.proofs.doubt import Doubt
from ledger.proofs.head_pages import HeadTree
from ledger.proofs.levels import must_be_equal
from ledger.proofs.note import Checkpoint, Verifier, must_tell_the_same
from ledger.proofs.sparse import Head
from ledger.proofs.tiles import TILE_HASHES, TILE_LEVELS, Tiles, level_above, tile_at
from ledger.proofs.tree import HASH_BYTES, root_at
from ledger.proofs.witnessing import opened_by
from ledger.store.proof_store import Kept, ProofTables
from ledger.store.signed_file import SignedFile

TILES_AT_ONCE = 16
STREAMS = 100
"""Whose heads are proven: those of the last events that were signed."""


class Found(NamedTuple):
    """As ``ledger.store.doctor.Examined``, without the name. position: of the first event that does not fit."""

    ok: bool | None
    what: str
    remedy: str = ""


def look(
    conn: psycopg.Connection[Any],
    log: str,
    known: Sequence[Verifier],
    file: SignedFile | None,
    sample: int | None,
    keep: str,
) -> Iterator[Found]:
    """conn: of any role that may read events. known: keys of the log; none where none is set. file: what this host
    signed last. sample: only so many of the newest events. keep: what to do where something was changed.

    Raises psycopg.Error, Misconfigured.
    """
    if not known:
        yield Found(
            None,
            "No signing key is set: nothing of this log is signed, and nobody can hold it to anything.",
            "Make one with `sojourn keys signing NAME`, keep it, and set SOJOURN_SIGNING_KEY_FILE.",
        )
        return
    tables = ProofTables(conn, log)
    try:
        found = _latest(conn, tables, known, file)
        if found is None:
            yield Found(None, "Nothing was signed yet.", "Run `sojourn serve`, or `sojourn checkpoint` once.")
            return
        kept, checkpoint, head, streams = found
        # Not in the snapshot: what stands in a tile up to this size stays, whatever is signed meanwhile.
        seen = _tree(tables, checkpoint, sample)
    except Doubt as doubt:
        place = f" First at position {doubt.position}." if doubt.position else ""
        yield Found(False, f"{doubt.what}{place}", keep)
        return
    yield Found(True, _sound(kept, head, seen, streams))


def _latest(
    conn: psycopg.Connection[Any], tables: ProofTables, known: Sequence[Verifier], file: SignedFile | None
) -> tuple[Kept, Checkpoint, int, int] | None:
    """The last checkpoint, opened; the log's head; of how many streams the heads are as they were signed. None where
    nothing was signed. Raises Doubt."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        kept, head = tables.latest(), tables.head()
        if kept is None:
            return None
        checkpoint = opened_by(kept.note, known)
        if checkpoint.size != kept.size:
            raise Doubt(f"The checkpoint of {kept.size} events says {checkpoint.size}.")
        if checkpoint.size > head:
            raise Doubt(f"The log has {head} events, and {checkpoint.size} were signed: the last ones are gone.")
        _host(tables, file, known, checkpoint, head)
        return kept, checkpoint, head, _heads(tables, checkpoint)


def _tree(tables: ProofTables, checkpoint: Checkpoint, sample: int | None) -> int:
    """How many of the newest events have the leaves that were signed. Raises Doubt."""
    size = checkpoint.size
    if root_at(size, Tiles(size, tables.fetch).read) != checkpoint.root:
        raise Doubt("The stored tiles do not lead to the root of the last checkpoint.")
    first = 0 if sample is None else max(0, size - sample) // TILE_HASHES
    count = -(-size // TILE_HASHES)
    for start in range(first, count, TILES_AT_ONCE):
        stored = _level(tables, 0, start, min(start + TILES_AT_ONCE, count), size)
        limit = len(stored) // HASH_BYTES
        found = b"".join([row.leaf for row in tables.leaves(start * TILE_HASHES, limit)])
        _must_be_equal(start, stored, found)
        _must_lead_up(tables, 0, start, stored, size)
    level = 1
    while (hashes := size >> TILE_LEVELS * level) >= TILE_HASHES:
        for start in range(0, -(-hashes // TILE_HASHES), TILES_AT_ONCE):
            end = min(start + TILES_AT_ONCE, -(-hashes // TILE_HASHES))
            _must_lead_up(tables, level, start, _level(tables, level, start, end, size), size)
        level += 1
    return size - first * TILE_HASHES


def _level(tables: ProofTables, level: int, start: int, end: int, size: int) -> bytes:
    tiles = [tile for number in range(start, end) if (tile := tile_at(level, number, size)) is not None]
    stored = tables.fetch(tiles)
    for tile, hashes in zip(tiles, stored, strict=True):
        if len(hashes) != tile.width * HASH_BYTES:
            raise Doubt(f"The stored {tile.path()} is not whole.")
    return b"".join(stored)


def _must_be_equal(start: int, stored: bytes, found: bytes) -> None:
    """Raises Doubt that names the first event whose leaf is another, or that is not there."""
    first = start * TILE_HASHES
    for at in range(0, len(stored), HASH_BYTES):
        position = first + at // HASH_BYTES + 1
        if stored[at : at + HASH_BYTES] != found[at : at + HASH_BYTES]:
            raise Doubt("The events are not those that were signed.", position=position)


def _must_lead_up(tables: ProofTables, level: int, start: int, hashes: bytes, size: int) -> None:
    """That full tiles have the hashes which the level above tells of them. Raises Doubt."""
    tops = level_above(hashes)
    last = start + len(tops) // HASH_BYTES
    if not tops:
        return
    above = _level(tables, level + 1, start // TILE_HASHES, -(-last // TILE_HASHES), size)
    here = start % TILE_HASHES * HASH_BYTES
    must_be_equal(level + 1, above[here : here + len(tops)], tops, "are not those that were signed")


def _heads(tables: ProofTables, checkpoint: Checkpoint) -> int:
    """Of how many streams the heads are as they were signed. Raises Doubt."""
    root = checkpoint.heads()
    if root is None:
        raise Doubt("The last checkpoint tells no root of stream heads.")
    heads = HeadTree(CheckedPages(tables.pages, root))
    heads.root()
    newest = tables.leaves(max(0, checkpoint.size - STREAMS), min(STREAMS, checkpoint.size))
    expected = {row.stream: Head(row.version, row.leaf) for row in newest}
    for stream, head in expected.items():
        if heads.prove(stream)[0] != head:
            raise Doubt(f"The head of {stream} is not the one that was signed.")
    return len(expected)


def _host(tables: ProofTables, file: SignedFile | None, known: Sequence[Verifier], last: Checkpoint, head: int) -> None:
    """That the log goes on from what this host signed last. Raises Doubt."""
    note = None if file is None else file.read()
    if note is None:
        return
    own = opened_by(note, known)
    if own.size > head:
        raise Doubt(f"The log has {head} events, and this host signed {own.size}: the last ones are gone.")
    if own.size <= last.size and root_at(own.size, Tiles(last.size, tables.fetch).read) != own.root:
        raise Doubt(f"The log does not begin with the {own.size} events that this host signed.")
    must_tell_the_same(own, last)


def _sound(kept: Kept, head: int, seen: int, streams: int) -> str:
    since = f", {head - kept.size} came since" if head > kept.size else ""
    which = f"all {kept.size}" if seen >= kept.size else f"the newest {seen}"
    at = kept.signed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"The last checkpoint covers {kept.size} events (signed {at}{since}); the leaves of {which} and the heads of"
        f" {streams} streams are those that were signed."
    )
