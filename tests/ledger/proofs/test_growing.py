"""A tree that grows in tiles is the tree of its leaves, however it grew; its edge is enough to go on."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs.doubt import Malformed
from ledger.proofs.growing import Growing, edge_of
from ledger.proofs.tiles import Tile, Tiles, tiles_between
from ledger.proofs.tree import EMPTY_ROOT, root_at, root_of

LEAVES = b"".join(sha256(b"%d" % number).digest() for number in range(66_000))


def stored(tiles: dict[tuple[int, int], bytes]) -> dict[Tile, bytes]:
    return {Tile(level, number, len(hashes) // 32): hashes for (level, number), hashes in tiles.items()}


@given(st.lists(st.sampled_from([1, 2, 255, 256, 257, 511, 700]), max_size=12))
def test_tiles_and_root_are_the_same_however_it_grew(steps: list[int]) -> None:
    tree, tiles = Growing(), dict[tuple[int, int], bytes]()
    for step in steps:
        before = tree.size
        changed = tree.extend(LEAVES[before * 32 : (before + step) * 32])
        assert set(stored(changed)) == set(tiles_between(before, tree.size))
        tiles |= changed
    assert tree.root() == root_of(LEAVES[: tree.size * 32])
    at_once = Growing()
    assert at_once.extend(LEAVES[: tree.size * 32]) == tiles


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 66_000])
def test_the_edge_of_what_is_stored_is_enough_to_go_on(size: int) -> None:
    first = Growing()
    tiles = first.extend(LEAVES[: size * 32])
    edge = [b"" if tile is None else tiles[tile.level, tile.number] for tile in edge_of(size)]
    again = Growing(size, edge)
    assert again.root() == first.root() == (root_of(LEAVES[: size * 32]) if size else EMPTY_ROOT)
    more = LEAVES[:9_600]
    tiles |= again.extend(more)
    whole = root_of(LEAVES[: size * 32] + more)
    assert again.root() == whole
    fetch = Tiles(again.size, lambda wanted: [tiles[t.level, t.number] for t in wanted])
    assert root_at(again.size, fetch.read) == whole


def test_an_edge_that_is_not_that_of_the_size_is_refused() -> None:
    for size, edge in ((1, []), (0, [b""]), (256, [b"x" * 32, b"x" * 32]), (2, [b"x" * 32]), (-1, [])):
        with pytest.raises(Malformed):
            Growing(size, edge)
    with pytest.raises(Malformed):
        Growing().extend(b"x" * 33)
