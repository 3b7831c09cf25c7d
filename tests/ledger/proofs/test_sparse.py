"""The tree of stream heads: its definition, its pages, proofs that a stream was there or was not, and lies."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.head_pages import PAGE_HEADS_MAX, HeadTree, PagesInMemory, Place
from ledger.proofs.sparse import EMPTY, Head, HeadProof, head_hash, key_of, packed_head, root_of_heads, verify_head
from support import naive_tree


def head(number: int, version: int = 1) -> Head:
    return Head(version, sha256(b"%d of %d" % (version, number)).digest())


def heads_of(numbers: Sequence[int], version: int = 1) -> dict[str, Head]:
    return {f"record/{number}": head(number, version) for number in numbers}


def keyed(heads: Mapping[str, Head]) -> dict[bytes, Head]:
    return {key_of(stream): one for stream, one in heads.items()}


def tree_of(heads: Mapping[str, Head]) -> HeadTree:
    tree = HeadTree(PagesInMemory())
    tree.update(keyed(heads))
    return tree


MANY = heads_of(range(1_500))
TREE = tree_of(MANY)
ROOT = TREE.root()


def test_no_head_has_zero_bytes_for_a_root() -> None:
    assert HeadTree(PagesInMemory()).root() == root_of_heads([]) == EMPTY == bytes(32)
    assert HeadTree(PagesInMemory()).update({}) == EMPTY


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 5)), max_size=150), st.integers(1, 60))
def test_a_root_is_as_the_definition_says_whatever_the_order_of_changes(
    changes: list[tuple[int, int]], portion: int
) -> None:
    heads: dict[str, Head] = {}
    tree = HeadTree(PagesInMemory())
    for at in range(0, len(changes), portion):
        new = {f"record/{number}": head(number, version) for number, version in changes[at : at + portion]}
        heads |= new
        assert tree.update(keyed(new)) == tree.root() == naive_tree.heads_root(heads)
    assert root_of_heads(packed_head(k, h) for k, h in keyed(heads).items()) == tree.root()


def test_a_page_that_overflows_and_one_that_is_full_give_the_same_root() -> None:
    for count in (PAGE_HEADS_MAX - 1, PAGE_HEADS_MAX, PAGE_HEADS_MAX + 1):
        heads = heads_of(range(count))
        tree = HeadTree(PagesInMemory())
        for stream, one in heads.items():
            tree.update({key_of(stream): one})
        assert tree.root() == naive_tree.heads_root(heads)


def test_each_stream_is_proven_and_each_other_is_proven_absent() -> None:
    for number in range(2_000):
        stream = f"record/{number}"
        found, proof = TREE.prove(stream)
        assert found == MANY.get(stream)
        assert HeadProof.parse(proof.data()) == proof
        verify_head(stream, found, proof, ROOT)
        with pytest.raises(Doubt):
            verify_head(stream, head(number) if found is None else None, proof, ROOT)


@pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 34, 64])
def test_proofs_hold_in_small_trees_too(count: int) -> None:
    heads = heads_of(range(count))
    tree = tree_of(heads)
    for number in range(count + 40):
        found, proof = tree.prove(f"record/{number}")
        assert found == heads.get(f"record/{number}")
        verify_head(f"record/{number}", found, proof, tree.root())


@given(st.data())
def test_no_proof_of_a_head_that_was_changed_is_accepted(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 1_999))
    stream = f"record/{number}"
    found, proof = TREE.prove(stream)
    changed = bytearray(proof.data())
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Doubt):
        verify_head(stream, found, HeadProof.parse(bytes(changed)), ROOT)


@given(st.integers(0, 1_499), st.integers(2, 9))
def test_neither_an_older_nor_another_head_is_proven(number: int, version: int) -> None:
    stream = f"record/{number}"
    found, proof = TREE.prove(stream)
    assert found is not None
    for lie in (Head(version, found.leaf), head(number + 1), None):
        with pytest.raises(Doubt):
            verify_head(stream, lie, proof, ROOT)
    with pytest.raises(Doubt):
        verify_head(f"record/{number + 1}", found, proof, ROOT)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00", b"\x00\x00\x02", b"\x01\x01\x00", b"\x00\x01\x00\x80"])
def test_a_proof_that_is_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        HeadProof.parse(data)


def test_a_proof_whose_numbers_do_not_fit_is_refused() -> None:
    for proof in (
        HeadProof(1, 1, ()),
        HeadProof(1, 0, (b"x" * 32,)),
        HeadProof(1, 2, (b"x" * 32,)),
        HeadProof(1, 1, (EMPTY,)),
        HeadProof(1, 1, (b"x" * 31,)),
        HeadProof(257, 0, ()),
        HeadProof(-1, 0, ()),
    ):
        with pytest.raises(Malformed):
            verify_head("record/1", MANY["record/1"], proof, ROOT)


def test_another_streams_head_proves_nothing_absent_where_the_ways_part() -> None:
    tree = tree_of(heads_of([1, 2]))
    present, proof = tree.prove("record/1")
    assert present is not None
    lie = proof._replace(other=(key_of("record/2"), head(2)))
    with pytest.raises(Doubt):
        verify_head("record/1", None, lie, tree.root())
    own = proof._replace(other=(key_of("record/1"), present))
    with pytest.raises(Doubt):
        verify_head("record/1", None, own, tree.root())


@pytest.mark.parametrize(("version", "leaf"), [(0, bytes(32)), (-1, bytes(32)), (2**63, bytes(32)), (1, bytes(31))])
def test_what_is_no_head_is_not_set(version: int, leaf: bytes) -> None:
    with pytest.raises(Malformed):
        HeadTree(PagesInMemory()).update({key_of("record/1"): Head(version, leaf)})


def test_a_proof_tells_of_a_neighbour_what_is_said_of_it_and_its_name_is_found_by_trying() -> None:
    """What docs/explanation/proofs.md says of it, so that nobody takes a key for a secret."""
    heads = {f"linkage/{number:012}": head(number, version=3) for number in range(64)}
    tree = tree_of(heads)
    absent = (f"record/{number}" for number in range(10_000))
    key, told = next(other for stream in absent if (other := tree.prove(stream)[1].other) is not None)
    [name] = [stream for stream in heads if key_of(stream) == key]
    assert (told, told.version) == (heads[name], 3)
    beside = {one for stream in heads for one in tree.prove(stream)[1].hashes}
    found = [stream for stream, one in heads.items() if head_hash(key_of(stream), one) in beside]
    assert found, "a hash beside the way that is one head's is found by whoever has the leaves"


def test_keys_that_share_many_bits_are_kept_apart() -> None:
    first = bytes(32)
    close = [first[:-1] + bytes([last]) for last in range(40)]
    heads = {key: Head(1, sha256(key).digest()) for key in close}
    tree = HeadTree(PagesInMemory())
    assert tree.update(heads) == root_of_heads(packed_head(k, h) for k, h in heads.items())
    assert tree.update({close[3]: Head(2, bytes(32))}) != root_of_heads(packed_head(k, h) for k, h in heads.items())


def test_few_pages_are_touched_by_a_change_and_each_level_is_one_question() -> None:
    asked: list[int] = []
    put: list[int] = []

    class Counting(PagesInMemory):
        def get(self, places: Sequence[Place]) -> list[bytes | None]:
            asked.append(len(places))
            return super().get(places)

        def put(self, pages: Mapping[Place, bytes]) -> None:
            put.append(len(pages))
            super().put(pages)

    pages = Counting()
    tree = HeadTree(pages)
    tree.update(keyed(heads_of(range(20_000))))
    assert max(map(len, pages.pages.values())) < 2_500
    asked.clear()
    put.clear()
    chosen = random.Random(8).sample(range(20_000), 100)
    tree.update(keyed(heads_of(chosen, version=2)))
    assert len(asked) <= 5
    assert sum(asked) < 100 * 4
    assert put == [sum(asked)]
