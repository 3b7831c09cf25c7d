"""The tree as tiles of 256 hashes, as C2SP's tlog-tiles names and cuts them (https://c2sp.org/tlog-tiles).

A tile of level l holds the roots of 256 complete subtrees of 256**l leaves each; level 0 holds leaf hashes. Full tiles
never change; a partial one stands at the right edge and is never hashed into the level above. A path that is not the
one way to write it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ledger.proofs.doubt import Malformed
from ledger.proofs.tree import HASH_BYTES, SIZE_LIMIT, Node, parents

TILE_LEVELS = 8
"""Levels of the tree in one tile."""

TILE_HASHES = 256
ENTRIES = -1
"""The level under which bundles of entries go, beside the tiles of level 0."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)
_ENTRY_BYTES_MAX = 0xFFFF


class Tile(NamedTuple):
    """level: 0 to 7 (no tree is higher), or ENTRIES. number: from 0, within the level. width: hashes, 1 to 256."""

    level: int
    number: int
    width: int = TILE_HASHES

    def path(self) -> str:
        """``tile/0/x001/234``, ``tile/entries/000.p/17``."""
        groups = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            groups.append(f"x{rest % 1000:03}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = f".p/{self.width}" if self.width < TILE_HASHES else ""
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(path: str) -> Tile:
    """The tile that a path names. Raises Malformed for every path that ``Tile.path`` does not write."""
    match = _PATH.fullmatch(path) if len(path) <= 100 and path.isascii() else None
    if match is None:
        raise Malformed("This is no path of a tile.")
    level = ENTRIES if match["level"] == "entries" else int(match["level"])
    number = int(match["number"].replace("x", "").replace("/", ""))
    tile = Tile(level, number, int(match["width"] or TILE_HASHES))
    last_leaf = (number * TILE_HASHES + tile.width) << TILE_LEVELS * max(level, 0)
    if tile.path() != path or last_leaf >= SIZE_LIMIT:
        raise Malformed("This is no path of a tile.")
    return tile


def tile_at(level: int, number: int, size: int) -> Tile | None:
    """The tile as it is in a tree of ``size`` leaves; None where it holds nothing yet."""
    width = min((size >> TILE_LEVELS * max(level, 0)) - number * TILE_HASHES, TILE_HASHES)
    return Tile(level, number, width) if width > 0 and number >= 0 else None


def is_tile_of(tile: Tile, size: int) -> bool:
    """Whether the tree of ``size`` leaves has this tile, at this width or with more in it by now."""
    there = tile_at(tile.level, tile.number, size)
    return there is not None and tile.width <= there.width


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """The tiles that a tree of ``new`` leaves has and one of ``old`` has not, or has narrower; the lowest level first.

    From 0: all of them.
    """
    level = 0
    while (there := new >> TILE_LEVELS * level) > 0:
        before = old >> TILE_LEVELS * level
        if before < there:
            for number in range(before // TILE_HASHES, (there - 1) // TILE_HASHES + 1):
                yield Tile(level, number, min(there - number * TILE_HASHES, TILE_HASHES))
        level += 1


def top_of(tile: bytes) -> bytes:
    """The hash that a full tile has in the level above. Raises Malformed unless it is full."""
    if len(tile) != TILE_HASHES * HASH_BYTES:
        raise Malformed(f"A full tile has {TILE_HASHES * HASH_BYTES} bytes, not {len(tile)}.")
    while len(tile) > HASH_BYTES:
        tile = parents(tile)
    return tile


def level_above(hashes: bytes) -> bytes:
    """The hashes of the next tile level, of all full tiles among these: the rest stands in a partial tile."""
    tile_bytes = TILE_HASHES * HASH_BYTES
    hashes = hashes[: len(hashes) // tile_bytes * tile_bytes]
    for _ in range(TILE_LEVELS):
        hashes = parents(hashes)
    return hashes


class Tiles:
    """Reads complete subtrees out of the tiles of one tree, for the proofs in ``ledger.proofs.tree``.

    fetch: the bytes of these tiles, in their order; called once a question, with each tile once. A wider tile may be
    answered than was asked for, as C2SP allows where the partial one is gone. What comes is only measured: whoever
    gets the proof verifies it.
    """

    def __init__(self, size: int, fetch: Callable[[Sequence[Tile]], Sequence[bytes]]) -> None:
        self.size = size
        self.fetch = fetch

    def read(self, nodes: Sequence[Node]) -> list[bytes]:
        """The hashes of these subtrees. Raises Malformed where the tree has not got one, or a tile is too short."""
        places = [self._place(node) for node in nodes]
        wanted = list(dict.fromkeys(tile for tile, _, _ in places))
        tiles = dict(zip(wanted, self.fetch(wanted), strict=True)) if wanted else {}
        for tile, data in tiles.items():
            if len(data) < tile.width * HASH_BYTES or len(data) % HASH_BYTES:
                raise Malformed(f"{tile.path()} has {len(data)} bytes.")
        return [self._inside(tiles[tile], height, first) for tile, height, first in places]

    def _place(self, node: Node) -> tuple[Tile, int, int]:
        """The tile that a subtree is in, its height there, and the first of the tile's hashes below it."""
        level, index = node
        tile_level, height = divmod(level, TILE_LEVELS)
        number, first = divmod(index << height, TILE_HASHES)
        tile = tile_at(tile_level, number, self.size)
        if tile is None or first + (1 << height) > tile.width:
            raise Malformed(f"A tree of {self.size} leaves has no complete subtree {index} of level {level}.")
        return tile, height, first

    @staticmethod
    def _inside(tile: bytes, height: int, first: int) -> bytes:
        hashes = tile[first * HASH_BYTES : (first + (1 << height)) * HASH_BYTES]
        for _ in range(height):
            hashes = parents(hashes)
        return hashes


# -- bundles of entries


def entry_bundle(entries: Sequence[bytes]) -> bytes:
    """The entries of one tile of level 0: before each its length, two bytes. Raises Malformed."""
    if not 0 < len(entries) <= TILE_HASHES or any(len(e) > _ENTRY_BYTES_MAX for e in entries):
        raise Malformed(f"A bundle holds 1 to {TILE_HASHES} entries below 64 kB.")
    return b"".join(part for e in entries for part in (len(e).to_bytes(2), e))


def entries_in(bundle: bytes) -> list[bytes]:
    """The other way round. Raises Malformed where a bundle is cut off, empty or too long."""
    entries, at = [], 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2])
        entries.append(bundle[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(bundle) or not 0 < len(entries) <= TILE_HASHES:
        raise Malformed("This is no bundle of entries.")
    return entries
