"""The tile levels of a log as the store keeps them, read the way in which a bundle's are (``ledger.proofs.levels``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.proofs.bundle import tile_levels
from ledger.proofs.doubt import Doubt
from ledger.proofs.levels import Part
from ledger.proofs.tiles import TILE_HASHES, TILE_LEVELS, Tile, tile_at
from ledger.proofs.tree import HASH_BYTES

_TILE_BYTES = TILE_HASHES * HASH_BYTES
_TILES_AT_ONCE = 64


class StoredLevels:
    """fetch: of ``ProofStore``. size: of the tree that the tiles are of. Raises Doubt where a tile is missing."""

    def __init__(self, fetch: Callable[[Sequence[Tile]], Sequence[bytes]], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self.members = tuple(
            Part(f"tiles/{level}.bin", (size >> TILE_LEVELS * level) * HASH_BYTES) for level in range(tile_levels(size))
        )

    def peek(self, name: str, at: int, length: int) -> bytes:
        """Bytes of a level from ``at`` on; fewer at its end."""
        member = next(m for m in self.members if m.name == name)
        length = min(length, member.size - at)
        if length <= 0:
            return b""
        level, first = self.members.index(member), at // _TILE_BYTES
        numbers = range(first, (at + length - 1) // _TILE_BYTES + 1)
        data = b"".join(
            self._whole(level, numbers[start : start + _TILES_AT_ONCE])
            for start in range(0, len(numbers), _TILES_AT_ONCE)
        )
        return data[at - first * _TILE_BYTES :][:length]

    def open(self, name: str) -> _Reading:
        """A level from its beginning."""
        return _Reading(self, next(m for m in self.members if m.name == name))

    def _whole(self, level: int, numbers: Sequence[int]) -> bytes:
        tiles = [tile for number in numbers if (tile := tile_at(level, number, self._size)) is not None]
        found = self._fetch(tiles)
        for tile, data in zip(tiles, found, strict=True):
            if len(data) != tile.width * HASH_BYTES:
                what = f"{tile.path()} is not stored as it must be."
                raise Doubt(what, expected=f"{tile.width * HASH_BYTES} bytes", found=f"{len(data)} bytes")
        return b"".join(found)


class _Reading:
    def __init__(self, levels: StoredLevels, part: Part) -> None:
        self._levels = levels
        self._part = part
        self.left = part.size

    def read(self, length: int) -> bytes:
        """So many bytes, or as many as are left."""
        data = self._levels.peek(self._part.name, self._part.size - self.left, length)
        self.left -= len(data)
        return data

    def ended(self) -> None:
        """Nothing: a level here has no checksum."""
