"""The hashes of a whole log's bundle: each tile level, one hash after the other, from the leaves up.

With them a change is placed: what leads to the signed root is right from the top down, to the first hash that does not
follow from those below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ledger.proofs.archive import Member
from ledger.proofs.bundle import tile_levels
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.tiles import TILE_HASHES, TILE_LEVELS, Tile, Tiles, level_above
from ledger.proofs.tree import HASH_BYTES, Frontier, root_at

_BATCH_BYTES = TILE_HASHES * HASH_BYTES * TILE_HASHES


class Part(NamedTuple):
    """A level, as what holds it names it, and its bytes."""

    name: str
    size: int


class LevelReading(Protocol):
    """A level while it is read. ``ended`` raises Doubt where it is not what it says that it is."""

    left: int

    def read(self, length: int) -> bytes: ...
    def ended(self) -> None: ...


class Leveled(Protocol):
    """Whatever holds levels under the names ``tiles/0.bin`` and on: an archive, or the store itself."""

    @property
    def members(self) -> Sequence[Part | Member]: ...
    def open(self, name: str) -> LevelReading: ...
    def peek(self, name: str, at: int, length: int) -> bytes: ...


class Levels:
    """Reads them out of what holds them. size: of the tree. Raises Malformed where a level is too short or too long."""

    def __init__(self, archive: Leveled, size: int) -> None:
        self._archive = archive
        self.size = size
        self._sizes = {m.name: m.size for m in archive.members}
        for level in range(tile_levels(size)):
            if self._sizes[_name(level)] != (size >> TILE_LEVELS * level) * HASH_BYTES:
                raise Malformed(f"{_name(level)} has not the length that it must have.")

    def leaves(self, first: int, count: int) -> bytes:
        """Leaf hashes from leaf ``first`` on."""
        return self._archive.peek(_name(0), first * HASH_BYTES, count * HASH_BYTES)

    def root_at(self, size: int) -> bytes:
        """The root of the first leaves; right where ``must_lead_to`` has passed."""
        return root_at(size, Tiles(self.size, self._tiles).read)

    def must_lead_to(self, root: bytes) -> None:
        """Raises Doubt unless all levels follow from the one below, and the highest leads to this root."""
        told, computed = [], [b""]
        peaks: list[bytes] = []
        for level in range(tile_levels(self.size)):
            reading = self._archive.open(_name(level))
            above, kept, batch = [], [], b""
            while reading.left:
                batch = reading.read(min(reading.left, _BATCH_BYTES))
                above.append(level_above(batch))
                if level:
                    kept.append(batch)
            reading.ended()
            told.append(b"".join(kept))
            computed.append(b"".join(above))
            edge = Frontier()
            edge.extend(batch[len(batch) // (TILE_HASHES * HASH_BYTES) * TILE_HASHES * HASH_BYTES :])
            peaks += edge.state()
        found = Frontier(self.size, peaks).root()
        if found != root:
            raise Doubt("This is not the log that was signed.", expected=root.hex(), found=found.hex())
        for level in range(tile_levels(self.size) - 1, 0, -1):
            must_be_equal(level, told[level], computed[level], "are not those that were signed")

    def must_be_like(self, kept: Mapping[int, bytes]) -> None:
        """Raises Doubt unless the log begins with what was kept of these levels, and says where it does not."""
        for level, hashes in sorted(kept.items(), reverse=True):
            if not 0 <= level < TILE_LEVELS or len(hashes) % HASH_BYTES:
                raise Malformed(f"What was kept is no tile level {level}.")
            there = self._sizes.get(_name(level), 0)
            here = self._archive.peek(_name(level), 0, len(hashes)) if there else b""
            must_be_equal(level, hashes[: len(here)], here, "were changed since their hashes were kept")
            if there < len(hashes):
                first = (there // HASH_BYTES << TILE_LEVELS * level) + 1
                raise Doubt("The log is shorter than the one whose hashes were kept.", position=first)

    def _tiles(self, tiles: Sequence[Tile]) -> list[bytes]:
        return [
            self._archive.peek(_name(t.level), t.number * TILE_HASHES * HASH_BYTES, t.width * HASH_BYTES) for t in tiles
        ]


def must_be_equal(level: int, expected: bytes, found: bytes, otherwise: str) -> None:
    """Raises Doubt that names the events below the first hash that differs."""
    if expected == found:
        return
    for at in range(0, len(expected), HASH_BYTES):
        one, other = expected[at : at + HASH_BYTES], found[at : at + HASH_BYTES]
        if one != other:
            first = (at // HASH_BYTES << TILE_LEVELS * level) + 1
            last = first - 1 + (1 << TILE_LEVELS * level)
            which = f"The events from {first} to {last}" if level else f"The event at position {first}"
            were = otherwise if level else otherwise.replace("were", "was").replace("their hashes was", "its hash was")
            raise Doubt(f"{which} {were}.", position=first, expected=one.hex(), found=other.hex())


def _name(level: int) -> str:
    return f"tiles/{level}.bin"
