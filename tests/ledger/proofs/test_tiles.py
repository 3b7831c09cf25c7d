"""Tiles as C2SP cuts and names them, and proofs read out of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs import tiles, tree
from ledger.proofs.doubt import Malformed
from ledger.proofs.tiles import ENTRIES, Tile, Tiles, parse_path
from support import naive_tree

LEAVES = [tree.leaf_hash(b"leaf %d" % number) for number in range(70_000)]
JOINED = b"".join(LEAVES)


def levels_of(size: int) -> list[bytes]:
    """Each tile level of the first leaves, its hashes one after the other."""
    levels = [JOINED[: size * 32]]
    while len(levels[-1]) >= 256 * 32:
        levels.append(tiles.level_above(levels[-1]))
    return levels


def store(size: int) -> tuple[Tiles, list[Tile]]:
    """Tiles of the first leaves, and a list of what is fetched."""
    levels, fetched = levels_of(size), list[Tile]()

    def fetch(wanted: Sequence[Tile]) -> list[bytes]:
        fetched.extend(wanted)
        return [levels[t.level][t.number * 8192 : t.number * 8192 + t.width * 32] for t in wanted]

    return Tiles(size, fetch), fetched


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(3, 999, 1), "tile/3/999.p/1"),
        (Tile(0, 1000, 255), "tile/0/x001/000.p/255"),
        (Tile(ENTRIES, 273, 112), "tile/entries/273.p/112"),
        (Tile(7, 0, 127), "tile/7/000.p/127"),
    ],
)
def test_a_path_is_written_and_read_as_the_specification_says(tile: Tile, path: str) -> None:
    assert tile.path() == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/-1/000",
        "tile/8/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x01/000",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/X001/000",
        "tile/entries/0",
        "tile/data/000",
        "tile/0/000.p/1.p/1",
        "tile/0/+00",
        "tile/7/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile//000",
        "tile/0/%30",
    ],
)
def test_a_path_that_is_not_the_one_way_to_write_it_is_refused(path: str) -> None:
    for text in (path, f"{path}\n"):
        with pytest.raises(Malformed):
            parse_path(text)


@given(st.integers(-1, 7), st.integers(0, 2**54), st.integers(1, 256))
def test_every_tile_that_a_tree_can_have_is_read_from_its_own_path(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    if (number * 256 + width) << 8 * max(level, 0) < 2**63:
        assert parse_path(tile.path()) == tile
    else:
        with pytest.raises(Malformed):
            parse_path(tile.path())


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    there = list(tiles.tiles_between(0, 70_000))
    assert [t.level for t in there].count(0) == 274
    assert there[273:] == [Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles.tiles_between(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles.tiles_between(0, 0)) == []


@given(st.integers(0, 70_000), st.integers(0, 3_000))
def test_what_a_tree_has_more_than_a_smaller_one_is_told(old: int, more: int) -> None:
    all_before, all_now = set(tiles.tiles_between(0, old)), set(tiles.tiles_between(0, old + more))
    new = list(tiles.tiles_between(old, old + more))
    assert len(set(new)) == len(new)
    assert set(new) == all_now - all_before
    assert all(tiles.is_tile_of(t, old + more) for t in all_before | all_now)
    assert not any(tiles.is_tile_of(t, old) for t in new)


def test_the_hashes_of_a_level_are_the_roots_of_full_tiles_below() -> None:
    levels = levels_of(70_000)
    assert [len(level) // 32 for level in levels] == [70_000, 273, 1]
    assert levels[1][32:64] == naive_tree.mth(LEAVES[256:512]) == tiles.top_of(levels[0][8192:16384])
    assert levels[2] == naive_tree.mth(LEAVES[:65_536])
    with pytest.raises(Malformed):
        tiles.top_of(levels[0][:8191])


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_proofs_out_of_tiles_are_those_of_the_definition(size: int) -> None:
    there, fetched = store(size)
    root = tree.root_at(size, there.read)
    assert root == naive_tree.mth(LEAVES[:size])
    for index in sorted({0, 1, size // 3, 255, 256, size - 2, size - 1}):
        if 0 <= index < size:
            fetched.clear()
            proof = tree.inclusion_proof(index, size, there.read)
            tree.verify_inclusion(index, size, LEAVES[index], proof, root)
            assert len(fetched) == len(set(fetched)) <= 5
            old_root = naive_tree.mth(LEAVES[: index + 1])
            proof = tree.consistency_proof(index + 1, size, there.read)
            tree.verify_consistency(index + 1, size, old_root, root, proof)


def test_a_wider_tile_serves_where_the_partial_one_is_gone() -> None:
    full, _ = store(70_000)
    levels = levels_of(70_000)
    narrow = Tiles(300, lambda wanted: [levels[t.level][t.number * 8192 : t.number * 8192 + 8192] for t in wanted])
    assert tree.root_at(300, narrow.read) == naive_tree.mth(LEAVES[:300])
    assert full.size == 70_000


def test_what_the_tree_has_not_got_is_not_read() -> None:
    there, fetched = store(300)
    for node in ((0, 300), (1, 150), (8, 1), (9, 0), (70, 0), (0, -1)):
        with pytest.raises(Malformed):
            there.read([node])
    assert not fetched
    for cut in (b"", bytes(32 * 43), bytes(32 * 44 + 1)):
        with pytest.raises(Malformed):
            Tiles(300, lambda wanted, cut=cut: [cut for _ in wanted]).read([(0, 299)])


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_of_entries_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert tiles.entries_in(tiles.entry_bundle(entries)) == entries


@pytest.mark.parametrize("bundle", [b"", b"\x00", b"\x00\x05abc", b"\x00\x01ab", bytes(2 * 257)])
def test_a_bundle_of_entries_that_is_cut_off_or_too_long_is_refused(bundle: bytes) -> None:
    with pytest.raises(Malformed):
        tiles.entries_in(bundle)


def test_no_bundle_is_made_of_too_many_entries_or_too_long_ones() -> None:
    for entries in ([], [b""] * 257, [bytes(65_536)]):
        with pytest.raises(Malformed):
            tiles.entry_bundle(entries)
