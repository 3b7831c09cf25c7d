"""The Merkle tree, against its definition, the published vectors and proofs that lie."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs import tree
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.tree import EMPTY_ROOT, Frontier, Node, leaf_hash
from support import naive_tree

LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(300)]
SIZES = sorted({0, 3, 5, 6, 7, 11, 100, 300, *(2**k + d for k in range(9) for d in (-1, 0, 1))})

VECTORS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
"""The inputs of the Certificate Transparency reference implementation's tests, and the roots of the first 1 to 8."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def reading(leaves: Sequence[bytes]) -> tree.ReadNodes:
    """Complete subtrees of these leaves, by definition."""

    def read(nodes: Sequence[Node]) -> list[bytes]:
        found = [leaves[index << level : (index + 1) << level] for level, index in nodes]
        assert all(len(f) == 1 << level for f, (level, _) in zip(found, nodes, strict=True))
        return [naive_tree.mth(f) for f in found]

    return read


READ = reading(LEAVES)


def test_the_roots_are_the_published_ones() -> None:
    assert sha256(b"").digest() == EMPTY_ROOT
    leaves = [leaf_hash(bytes.fromhex(text)) for text in VECTORS]
    assert [tree.root_of(b"".join(leaves[: n + 1])).hex() for n in range(8)] == ROOTS


@pytest.mark.parametrize(
    ("index", "size", "expected"),
    [
        (0, 1, []),
        (0, 8, ["96a296d224f2", "5f083f0a1a33", "6b47aaf29ee3"]),
        (5, 8, ["bc1a0643b12e", "ca854ea128ed", "d37ee418976d"]),
        (2, 3, ["fac54203e7cc"]),
        (1, 5, ["6e340b9cffb3", "5f083f0a1a33", "bc1a0643b12e"]),
    ],
)
def test_proofs_of_inclusion_are_the_published_ones(index: int, size: int, expected: list[str]) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in VECTORS]
    assert [h.hex()[:12] for h in tree.inclusion_proof(index, size, reading(leaves))] == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 1, []),
        (1, 8, ["96a296d224f2", "5f083f0a1a33", "6b47aaf29ee3"]),
        (6, 8, ["0ebc5d3437fb", "ca854ea128ed", "d37ee418976d"]),
        (2, 5, ["5f083f0a1a33", "bc1a0643b12e"]),
    ],
)
def test_proofs_of_consistency_are_the_published_ones(old: int, new: int, expected: list[str]) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in VECTORS]
    assert [h.hex()[:12] for h in tree.consistency_proof(old, new, reading(leaves))] == expected


@pytest.mark.parametrize("size", SIZES)
def test_a_root_is_as_the_definition_says_however_the_leaves_came(size: int) -> None:
    expected = naive_tree.mth(LEAVES[:size])
    at_once, one_by_one, resumed = Frontier(), Frontier(), Frontier()
    at_once.extend(b"".join(LEAVES[:size]))
    for leaf in LEAVES[:size]:
        one_by_one.append(leaf)
        resumed = Frontier(resumed.size, resumed.state())
        resumed.append(leaf)
    assert at_once.root() == one_by_one.root() == resumed.root() == tree.root_at(size, READ) == expected
    assert at_once.size == size
    assert len(at_once.state()) == size.bit_count()


@given(st.lists(st.integers(0, 70), max_size=8))
def test_leaves_may_come_in_portions_of_any_size(portions: list[int]) -> None:
    frontier, done = Frontier(), 0
    for portion in portions:
        taken = LEAVES[done : done + portion]
        frontier.extend(b"".join(taken))
        done += len(taken)
        assert frontier.root() == naive_tree.mth(LEAVES[:done])


@pytest.mark.parametrize("size", [s for s in SIZES if 0 < s < 70])
def test_each_leaf_of_each_tree_is_proven_as_the_definition_says(size: int) -> None:
    root = naive_tree.mth(LEAVES[:size])
    for index in range(size):
        proof = tree.inclusion_proof(index, size, READ)
        assert proof == naive_tree.path(index, LEAVES[:size])
        assert len(proof) == tree.inclusion_length(index, size)
        tree.verify_inclusion(index, size, LEAVES[index], proof, root)


@pytest.mark.parametrize("new", [s for s in SIZES if s < 70])
def test_each_tree_goes_on_from_each_before_it(new: int) -> None:
    for old in range(new + 1):
        proof = tree.consistency_proof(old, new, READ)
        assert proof == naive_tree.proof(old, LEAVES[:new])
        tree.verify_consistency(old, new, naive_tree.mth(LEAVES[:old]), naive_tree.mth(LEAVES[:new]), proof)


@given(st.data())
def test_no_proof_of_inclusion_that_was_changed_is_accepted(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([s for s in SIZES if s > 0]))
    index = data.draw(st.integers(0, size - 1))
    root, proof = tree.root_at(size, READ), tree.inclusion_proof(index, size, READ)
    lie = data.draw(st.sampled_from(["leaf", "index", "longer", "shorter", "swapped", "bit", "root"]))
    leaf = LEAVES[index]
    if lie == "leaf":
        leaf = LEAVES[index - 1] if size > 1 else LEAVES[1]
    elif lie == "index":
        index = data.draw(st.integers(-1, size + 1).filter(lambda other: other != index))
    elif lie == "longer":
        proof = [*proof, root]
    elif lie == "root":
        root = tree.root_at(size + 1 if size < len(LEAVES) else size - 1, READ)
    elif not proof or (lie == "swapped" and len(proof) < 2):
        leaf = bytes(32)
    elif lie == "shorter":
        proof = proof[:-1]
    elif lie == "swapped":
        proof = [proof[1], proof[0], *proof[2:]]
    else:
        number = data.draw(st.integers(0, len(proof) - 1))
        proof[number] = bytes([proof[number][0] ^ 1]) + proof[number][1:]
    with pytest.raises(Doubt):
        tree.verify_inclusion(index, size, leaf, proof, root)


@given(st.data())
def test_no_proof_of_consistency_that_was_changed_is_accepted(data: st.DataObject) -> None:
    new = data.draw(st.sampled_from([s for s in SIZES if s > 2]))
    old = data.draw(st.integers(1, new - 1))
    old_root, new_root = tree.root_at(old, READ), tree.root_at(new, READ)
    proof = tree.consistency_proof(old, new, READ)
    lie = data.draw(st.sampled_from(["longer", "shorter", "bit", "old root", "new root", "empty"]))
    if lie == "longer":
        proof = [*proof, new_root]
    elif lie == "shorter":
        proof = proof[:-1]
    elif lie == "empty":
        proof = []
    elif lie == "old root":
        old_root = new_root
    elif lie == "new root":
        new_root = old_root
    else:
        number = data.draw(st.integers(0, len(proof) - 1))
        proof[number] = proof[number][:-1] + bytes([proof[number][-1] ^ 128])
    with pytest.raises(Doubt):
        tree.verify_consistency(old, new, old_root, new_root, proof)


def test_a_tree_with_one_changed_leaf_does_not_go_on_from_the_old_one() -> None:
    changed = [*LEAVES[:4], bytes(32), *LEAVES[5:20]]
    for old in range(5, 20):
        proof = naive_tree.proof(old, changed)
        with pytest.raises(Doubt):
            tree.verify_consistency(old, 20, naive_tree.mth(LEAVES[:old]), naive_tree.mth(changed), proof)


@pytest.mark.parametrize(("old", "new"), [(5, 3), (-1, 3), (3, 2**63), (2**63, 2**63), (2**63, 2**64), (-2, -1)])
def test_sizes_that_go_back_or_that_no_tree_has_are_refused(old: int, new: int) -> None:
    with pytest.raises(Doubt):
        tree.verify_consistency(old, new, bytes(32), bytes(32), [])
    with pytest.raises(Malformed):
        tree.consistency_proof(old, new, READ)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (0, 2**63), (2**63 - 1, 2**63), (0, -1)])
def test_a_leaf_that_no_tree_has_is_not_proven(index: int, size: int) -> None:
    with pytest.raises(Malformed):
        tree.inclusion_proof(index, size, READ)
    with pytest.raises(Malformed):
        tree.verify_inclusion(index, size, bytes(32), [], bytes(32))


def test_the_largest_tree_has_proofs_of_sixty_three_hashes() -> None:
    size = 2**63 - 1
    asked: list[Node] = []

    def read(nodes: Sequence[Node]) -> list[bytes]:
        asked.extend(nodes)
        return [sha256(b"%d %d" % node).digest() for node in nodes]

    for index in (0, size // 2, size - 1):
        proof = tree.inclusion_proof(index, size, read)
        assert len(proof) == tree.inclusion_length(index, size) <= 63
        tree.root_from_inclusion(index, size, bytes(32), proof)
    tree.consistency_proof(size - 1, size, read)
    assert len(asked) < 500


def test_to_no_leaves_and_to_itself_a_tree_needs_no_proof_and_gets_none() -> None:
    root = tree.root_at(7, READ)
    tree.verify_consistency(0, 7, EMPTY_ROOT, root, [])
    tree.verify_consistency(7, 7, root, root, [])
    tree.verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    for old, old_root, proof in ((0, root, []), (7, EMPTY_ROOT, []), (0, EMPTY_ROOT, [root]), (7, root, [root])):
        with pytest.raises(Doubt):
            tree.verify_consistency(old, 7, old_root, root, proof)


def test_what_is_no_hash_is_refused() -> None:
    with pytest.raises(Malformed):
        Frontier().extend(b"x" * 33)
    with pytest.raises(Malformed):
        Frontier(3, [bytes(32)])
    with pytest.raises(Malformed):
        Frontier(1, [bytes(31)])
    with pytest.raises(Malformed):
        Frontier(2**63 - 1, [bytes(32)] * 63).append(bytes(32))
    with pytest.raises(Malformed):
        tree.verify_inclusion(0, 2, bytes(32), [bytes(31)], bytes(32))
    with pytest.raises(Malformed):
        tree.verify_consistency(1, 2, bytes(32), bytes(32), [bytes(33)])
