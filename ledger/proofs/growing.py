"""A tree that grows in tiles: its right edge, and the tiles that change when leaves are appended.

The tiles at the right edge that are not full are all that is needed to go on: their hashes give the root, so whoever
holds a signed root can tell whether an edge that was stored is the one that belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.proofs.doubt import Malformed
from ledger.proofs.tiles import TILE_HASHES, TILE_LEVELS, Tile, level_above
from ledger.proofs.tree import HASH_BYTES, Frontier

_TILE_BYTES = TILE_HASHES * HASH_BYTES


def edge_of(size: int) -> list[Tile | None]:
    """By level, the tile at the right edge that is not full; None where none is. size: 0 or more."""
    edge: list[Tile | None] = []
    while count := size >> TILE_LEVELS * len(edge):
        number, width = divmod(count, TILE_HASHES)
        edge.append(Tile(len(edge), number, width) if width else None)
    return edge


class Growing:
    """A tree of ``size`` leaves with the hashes of its edge, by level; empty where no tile of a level is half full."""

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        """Raises Malformed where an edge has not the length that it must have."""
        widths = [-1] if size < 0 else [0 if tile is None else tile.width for tile in edge_of(size)]
        if [len(hashes) for hashes in edge] != [width * HASH_BYTES for width in widths]:
            raise Malformed(f"These are not the tiles at the edge of a tree of {size} leaves.")
        self.size = size
        self._edge = list(edge)

    def root(self) -> bytes:
        """Of all leaves so far."""
        peaks: list[bytes] = []
        for hashes in self._edge:
            within = Frontier()
            within.extend(hashes)
            peaks += within.state()
        return Frontier(self.size, peaks).root()

    def extend(self, leaves: bytes) -> dict[tuple[int, int], bytes]:
        """Append leaf hashes, one after the other; the tiles that are new or wider, by level and number."""
        if len(leaves) % HASH_BYTES:
            raise Malformed(f"{len(leaves)} bytes are not a whole number of hashes.")
        changed: dict[tuple[int, int], bytes] = {}
        level, added = 0, leaves
        while added:
            if level == len(self._edge):
                self._edge.append(b"")
            first = (self.size >> TILE_LEVELS * level) // TILE_HASHES
            hashes = self._edge[level] + added
            for at in range(0, len(hashes), _TILE_BYTES):
                changed[level, first + at // _TILE_BYTES] = hashes[at : at + _TILE_BYTES]
            self._edge[level] = hashes[len(hashes) // _TILE_BYTES * _TILE_BYTES :]
            added = level_above(hashes)
            level += 1
        self.size += len(leaves) // HASH_BYTES
        return changed
