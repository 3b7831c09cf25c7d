"""What a witness does with a log's next checkpoint: accept it only as what goes on from the one that he keeps.

A witness keeps the last checkpoint that he has accepted, and the level-1 hashes: 32 bytes for every 256 events. From
these and the tile at the edge the root is computed anew each time, so nothing rests on a proof that somebody else made;
and where a log was changed they place it, within 256 events. Whatever is raised, what he keeps stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.levels import must_be_equal
from ledger.proofs.note import Checkpoint, Verifier, must_tell_the_same, open_checkpoint, signed_by
from ledger.proofs.tiles import TILE_HASHES, TILE_LEVELS, Tile, tile_at
from ledger.proofs.tree import EMPTY_ROOT, HASH_BYTES, Frontier, verify_consistency

TILES_AT_ONCE = 64


class Held(NamedTuple):
    """What a witness keeps of one log. note: the checkpoint. tops: hashes of level 1, as many as he has got."""

    note: bytes
    tops: bytes = b""


class Source(NamedTuple):
    """Where he asks. consistency: the proof from one size to another. fetch: tiles; None where there is only a file."""

    consistency: Callable[[int, int], Sequence[bytes]]
    fetch: Callable[[Sequence[Tile]], Sequence[bytes]] | None = None


class Accepted(NamedTuple):
    """A checkpoint that goes on. before: the size of the one that was held, None where none was. by: who signed it."""

    checkpoint: Checkpoint
    held: Held
    before: int | None
    by: Verifier


def accept(note: bytes, log: Verifier, source: Source, held: Held | None, former: Sequence[Verifier] = ()) -> Accepted:
    """Check a log's next checkpoint against what is held. former: keys that signed the log before; by one of them the
    next may still be, as long as what is held is not by the new one: after a change of keys nothing is signed by that
    until something new is recorded.

    Raises Doubt where it is not the log's, is shorter, or does not go on: it says where, if that can be told.
    """
    known = (log, *former)
    old = None if held is None else opened_by(held.note, known)
    by = signed_by(note, (log,) if held is not None and signed_by(held.note, known) == log else known)
    new, _ = open_checkpoint(note, by)
    before, root = (0, EMPTY_ROOT) if old is None else (old.size, old.root)
    tops = b"" if held is None else held.tops[: (before >> TILE_LEVELS) * HASH_BYTES]
    if new.size < before:
        raise Doubt(f"The log has {new.size} events, and had {before} before: it is shorter than it was.")
    try:
        if before not in (0, new.size):
            verify_consistency(before, new.size, root, new.root, source.consistency(before, new.size))
        else:
            verify_consistency(before, new.size, root, new.root, ())
            if old is not None:
                must_tell_the_same(old, new)
        if source.fetch is not None:
            tops = _grown(tops, new, source.fetch)
    except Doubt as doubt:
        if source.fetch is not None and tops and (placed := _placed(tops, new.size, source.fetch)) is not None:
            raise placed from doubt
        raise
    return Accepted(new, Held(note, tops), None if held is None else before, by)


def opened_by(note: bytes, keys: Sequence[Verifier]) -> Checkpoint:
    """A checkpoint by any of these keys. Raises the Doubt of the first where it is by none."""
    doubt: Doubt | None = None
    for key in keys:
        try:
            return open_checkpoint(note, key)[0]
        except Doubt as refused:
            doubt = doubt or refused
    assert doubt is not None, "there is at least one key"
    raise doubt


def root_over(size: int, tops: bytes, edge: bytes) -> bytes:
    """The root of so many leaves, from all hashes of level 1 and the leaves behind them. Raises Malformed."""
    peaks: list[bytes] = []
    for hashes in (edge, tops):
        side = Frontier()
        side.extend(hashes)
        peaks += side.state()
    return Frontier(size, peaks).root()


def _grown(tops: bytes, new: Checkpoint, fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> bytes:
    """All hashes of level 1, the new ones fetched: with the tile at the edge they must lead to the signed root."""
    count = new.size >> TILE_LEVELS
    first = len(tops) // HASH_BYTES // TILE_HASHES
    fetched = _level_1(first, count, fetch)
    here = first * TILE_HASHES * HASH_BYTES
    _must_be_equal_behind(tops, here, fetched)
    tops = tops[:here] + fetched
    edge_tile = tile_at(0, count, new.size)
    edge = b"" if edge_tile is None else _fitting([edge_tile], fetch)[0]
    found = root_over(new.size, tops, edge)
    if found != new.root:
        raise Doubt("The tiles do not lead to the root that was signed.", expected=new.root.hex(), found=found.hex())
    return tops


def _must_be_equal_behind(tops: bytes, here: int, fetched: bytes) -> None:
    """What is held from a byte on must be what is there now. Raises Doubt that names the events."""
    must_be_equal(1, tops, tops[:here] + fetched[: len(tops) - here], "were changed since their hashes were kept")


def _placed(tops: bytes, size: int, fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> Doubt | None:
    """The doubt that names the first 256 events that are not what they were; None where it cannot be told."""
    count = min(len(tops) // HASH_BYTES, size >> TILE_LEVELS)
    try:
        now = _level_1(0, count, fetch)
        must_be_equal(1, tops[: len(now)], now, "were changed since their hashes were kept")
    except Exception as error:
        # Whatever: a log that is asked for its tiles and answers no more is wrong all the same.
        return error if isinstance(error, Doubt) and error.position is not None else None
    return None


def _level_1(first: int, count: int, fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> bytes:
    """The hashes of level 1 from tile ``first`` on, of which there are ``count`` in all."""
    tiles = [
        Tile(1, number, min(count - number * TILE_HASHES, TILE_HASHES))
        for number in range(first, -(-count // TILE_HASHES))
    ]
    found: list[bytes] = []
    for at in range(0, len(tiles), TILES_AT_ONCE):
        found += _fitting(tiles[at : at + TILES_AT_ONCE], fetch)
    return b"".join(found)


def _fitting(tiles: Sequence[Tile], fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> list[bytes]:
    """These tiles, each exactly as wide as it was asked for. Raises Malformed."""
    found = list(fetch(tiles))
    for tile, hashes in zip(tiles, found, strict=True):
        if len(hashes) != tile.width * HASH_BYTES:
            raise Malformed(f"{tile.path()} has {len(hashes)} bytes.")
    return found
