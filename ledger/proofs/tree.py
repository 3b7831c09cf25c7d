"""The Merkle tree over a log's leaf hashes: root, growth, proofs and their verification.

As RFC 6962 section 2.1 and RFC 9162 section 2.1 define it, with SHA-256. Leaves count from 0: the event at position p
is leaf p - 1. A complete subtree is named by (level, index): it spans the leaves from index * 2**level on, 2**level of
them. Whoever verifies needs no stored hash; whoever proves is given a function that reads complete subtrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from ledger.proofs.doubt import Doubt, Malformed

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of no leaves (RFC 9162 2.1.1)."""

SIZE_LIMIT = 1 << 63
"""No tree has as many leaves: sizes are signed numbers of 64 bits in the tools that read ours."""

Node = tuple[int, int]
"""(level, index) of a complete subtree; (0, i) is leaf i."""

ReadNodes = Callable[[Sequence[Node]], Sequence[bytes]]
"""The hashes of these subtrees, in their order."""


def leaf_hash(entry: bytes) -> bytes:
    """Of a log entry (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of two subtrees that stand side by side (RFC 9162 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def parents(hashes: bytes) -> bytes:
    """One level up: an even number of hashes, each 32 bytes, in pairs."""
    return b"".join([sha256(b"\x01" + hashes[i : i + 64]).digest() for i in range(0, len(hashes), 64)])


def root_of(leaves: bytes) -> bytes:
    """The root of these leaf hashes, each 32 bytes, one after the other. Raises Malformed."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: all that is needed to append and to tell the root, at most 63 hashes.

    peaks[level]: the root of the complete subtree of 2**level leaves at the edge, or empty bytes where there is none;
    there is one for each bit that is set in the size.
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Goes on from a stored ``size`` and ``state()``. Raises Malformed where the two do not fit."""
        levels = [level for level in range(max(size, 0).bit_length()) if size >> level & 1]
        if not 0 <= size < SIZE_LIMIT or len(peaks) != len(levels) or any(len(p) != HASH_BYTES for p in peaks):
            raise Malformed(f"These are not the subtrees of a tree of {size} leaves.")
        self.size = size
        self._peaks = [b""] * size.bit_length()
        for level, peak in zip(levels, peaks, strict=True):
            self._peaks[level] = peak

    def state(self) -> list[bytes]:
        """The subtrees at the edge, the smallest first: with the size, all that must be kept."""
        return [peak for peak in self._peaks if peak]

    def append(self, leaf: bytes) -> None:
        """One leaf hash."""
        self.extend(leaf)

    def extend(self, leaves: bytes) -> None:
        """Many leaf hashes, one after the other. Raises Malformed unless each has 32 bytes."""
        if len(leaves) % HASH_BYTES:
            raise Malformed(f"{len(leaves)} bytes are not a whole number of hashes.")
        size = self.size + len(leaves) // HASH_BYTES
        if size >= SIZE_LIMIT:
            raise Malformed("The tree would have 2**63 leaves or more.")
        level = 0
        while leaves:
            if level == len(self._peaks):
                self._peaks.append(b"")
            leaves = self._peaks[level] + leaves
            paired = len(leaves) // 64 * 64
            self._peaks[level] = leaves[paired:]
            leaves = parents(leaves[:paired])
            level += 1
        self.size = size

    def root(self) -> bytes:
        """The root of all leaves so far; what was appended may go on growing."""
        root = b""
        for peak in self._peaks:
            if peak:
                root = node_hash(peak, root) if root else peak
        return root or EMPTY_ROOT


# -- proving


def subtrees(first: int, beyond: int) -> list[Node]:
    """The complete subtrees that make up the leaves from ``first`` up to ``beyond``, from the left.

    ``first`` must be a multiple of the power of two that reaches from it over ``beyond``, as in every proof: then
    they get smaller from left to right, and ``joined`` gives the hash of the range.
    """
    nodes = []
    while first < beyond:
        level = (beyond - first).bit_length() - 1
        nodes.append((level, first >> level))
        first += 1 << level
    return nodes


def joined(hashes: Sequence[bytes]) -> bytes:
    """The hash of a range from those of its ``subtrees``."""
    joined_hash = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined_hash = node_hash(left, joined_hash)
    return joined_hash


def root_at(size: int, read: ReadNodes) -> bytes:
    """The root of the first ``size`` leaves. Raises Malformed for a size that no tree has."""
    _must_be_size(size)
    return joined(read(subtrees(0, size))) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: ReadNodes) -> list[bytes]:
    """That leaf ``index`` is in the tree of ``size`` leaves (RFC 9162 2.1.3.1). Asks ``read`` once.

    Raises Malformed where there is no such leaf.
    """
    _must_be_size(size)
    if not 0 <= index < size:
        raise Malformed(f"A tree of {size} leaves has no leaf {index}.")
    return _read_ranges(list(_inclusion_ranges(index, size)), read)


def consistency_proof(old: int, new: int, read: ReadNodes) -> list[bytes]:
    """That the tree of ``new`` leaves begins with that of ``old`` (RFC 9162 2.1.4.1). Asks ``read`` once.

    Empty from no leaves, and from a tree to itself. Raises Malformed where ``old`` is above ``new``.
    """
    _must_be_size(new)
    if not 0 <= old <= new:
        raise Malformed(f"A tree of {new} leaves does not go on from one of {old}.")
    return _read_ranges(list(_consistency_ranges(old, new)), read)


def _inclusion_ranges(index: int, size: int) -> Iterator[tuple[int, int]]:
    """What stands beside the way from the root down to the leaf, given from the leaf up."""
    first, beyond = 0, size
    beside = []
    while beyond - first > 1:
        middle = first + _left_of(beyond - first)
        if index < middle:
            beside.append((middle, beyond))
            beyond = middle
        else:
            beside.append((first, middle))
            first = middle
    return reversed(beside)


def _consistency_ranges(old: int, new: int) -> Iterator[tuple[int, int]]:
    if old in (0, new):
        return iter(())
    first, beyond = 0, new
    beside = []
    while old != beyond:
        middle = first + _left_of(beyond - first)
        if old <= middle:
            beside.append((middle, beyond))
            beyond = middle
        else:
            beside.append((first, middle))
            first = middle
    # The old tree is a complete subtree of the new one where the way never went to the right: then its root is known.
    if first:
        beside.append((first, beyond))
    return reversed(beside)


def _read_ranges(ranges: Sequence[tuple[int, int]], read: ReadNodes) -> list[bytes]:
    parts = [subtrees(first, beyond) for first, beyond in ranges]
    hashes = iter(read([node for part in parts for node in part]))
    return [joined([next(hashes) for _ in part]) for part in parts]


def _left_of(size: int) -> int:
    """How many leaves the left subtree has: the largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


# -- verifying


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """As RFC 9162 2.1.3.2. Raises Doubt unless the proof leads from the leaf at the index to the root."""
    computed = root_from_inclusion(index, size, leaf, proof)
    if computed != root:
        raise Doubt(f"Leaf {index} is not in the tree of {size} leaves.", expected=root.hex(), found=computed.hex())


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that a proof of inclusion leads to. Raises Malformed where it cannot be one for this leaf."""
    _must_be_size(size)
    if not 0 <= index < size:
        raise Malformed(f"A tree of {size} leaves has no leaf {index}.")
    if len(proof) != inclusion_length(index, size):
        raise Malformed(f"A proof for leaf {index} of {size} has {inclusion_length(index, size)} hashes.")
    _must_be_hashes([leaf, *proof])
    number, last = index, size - 1
    computed = leaf
    for beside in proof:
        if number & 1 or number == last:
            computed = sha256(b"\x01" + beside + computed).digest()
            # A subtree at the right edge that has nobody beside it goes up as it is.
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            computed = sha256(b"\x01" + computed + beside).digest()
        number >>= 1
        last >>= 1
    return computed


def inclusion_length(index: int, size: int) -> int:
    """How many hashes a proof of inclusion has: below the level where the ways to this and to the last leaf part, one
    a level; above it, one for each turn to the right."""
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """As RFC 9162 2.1.4.2. Raises Doubt unless the tree of ``new`` leaves with its root goes on from the old one."""
    _must_be_size(new)
    if not 0 <= old <= new:
        raise Doubt(f"A tree of {new} leaves is shorter than the one of {old} that was there before.")
    _must_be_hashes([old_root, new_root, *proof])
    if old in (0, new):
        if proof:
            raise Malformed(f"A proof from {old} to {new} leaves has no hashes.")
        expected = EMPTY_ROOT if old == 0 else new_root
        if old_root != expected:
            raise Doubt(f"The root of {old} leaves is another one.", expected=old_root.hex(), found=expected.hex())
        return
    hashes = list(proof)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise Malformed(f"The proof from {old} to {new} leaves is too short.")
    number, last = old - 1, new - 1
    while number & 1:
        number >>= 1
        last >>= 1
    from_old = from_new = hashes[0]
    for beside in hashes[1:]:
        if last == 0:
            raise Malformed(f"The proof from {old} to {new} leaves is too long.")
        if number & 1 or number == last:
            from_old = node_hash(beside, from_old)
            from_new = node_hash(beside, from_new)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            from_new = node_hash(from_new, beside)
        number >>= 1
        last >>= 1
    if last:
        raise Malformed(f"The proof from {old} to {new} leaves is too short.")
    if from_old != old_root:
        raise Doubt(
            f"The log no longer begins with its first {old} events.", expected=old_root.hex(), found=from_old.hex()
        )
    if from_new != new_root:
        raise Doubt(f"The root of {new} leaves is another one.", expected=new_root.hex(), found=from_new.hex())


def _must_be_size(size: int) -> None:
    if not 0 <= size < SIZE_LIMIT:
        raise Malformed(f"No tree has {size} leaves.")


def _must_be_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(h) != HASH_BYTES for h in hashes):
        raise Malformed("A hash has 32 bytes.")
