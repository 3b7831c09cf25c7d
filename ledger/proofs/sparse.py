"""The tree over the heads of all streams: which version each had at a checkpoint, so that nothing can be left out.

A head is a stream's version and the leaf hash of its last event. Its key is SHA-256 of the stream's name, whose 256
bits, the first one first, say left (0) or right (1). The hash of a subtree at depth d, of the heads whose keys share
their first d bits, is

- no head: 32 zero bytes
- one head: SHA-256(0x02 | key | version, 8 bytes big-endian | leaf hash of the last event), at whatever depth
- more: SHA-256(0x03 | hash of the left half | hash of the right half)

0x00 and 0x01 begin the hashes of the log's own tree (RFC 6962 2.1), so no hash of one is a hash of the other. The
prefixes keep the three apart: no head's hash is a node's, and zero bytes are nobody's. As a single head stands as high
as it can, the tree of n heads has about 2.4 n hashes and a proof about log2(n) of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.tree import HASH_BYTES, SIZE_LIMIT

EMPTY = bytes(HASH_BYTES)
"""The hash of a subtree without heads, and the root of no heads."""

KEY_BITS = 256
HEAD_BYTES = 32 + 8 + 32

_FEW = 64

CountedHash = bytes
"""Of a subtree: how many heads it has, 0, 1 or 2 for more, as one byte, and its hash."""

NO_HEADS: CountedHash = b"\x00" + EMPTY


class Head(NamedTuple):
    """Of one stream. version: of its last event, from 1. leaf: of its last event."""

    version: int
    leaf: bytes


class HeadProof(NamedTuple):
    """What stands beside the way from the root to where a stream's head is or would be.

    depth: how far down. beside: a bit for each level, the highest for the topmost: 1 where a hash is given, 0 where
    nothing is there. hashes: those, from the top. other: what stands at the end of the way where it is another
    stream's head: its key, version and leaf; that, or None, proves that the stream has no event.
    """

    depth: int
    beside: int
    hashes: tuple[bytes, ...]
    other: tuple[bytes, Head] | None = None

    def data(self) -> bytes:
        """As stored: depth (2 bytes), whether there is another (1), it (72), the bits (whole bytes), the hashes."""
        other = b"\x00" if self.other is None else b"\x01" + packed_head(self.other[0], self.other[1])
        bits = self.beside.to_bytes((self.depth + 7) // 8)
        return self.depth.to_bytes(2) + other + bits + b"".join(self.hashes)

    @classmethod
    def parse(cls, data: bytes) -> HeadProof:
        """Raises Malformed unless ``data()`` would write these bytes."""
        depth, other, at = int.from_bytes(data[:2]), None, 3
        if data[2:3] == b"\x01":
            other, at = unpacked_head(data[3 : 3 + HEAD_BYTES]), 3 + HEAD_BYTES
        bits = data[at : at + (depth + 7) // 8]
        rest = data[at + len(bits) :]
        beside = int.from_bytes(bits)
        if depth > KEY_BITS or len(rest) != beside.bit_count() * HASH_BYTES:
            raise Malformed("This is no proof of a stream's head.")
        proof = cls(depth, beside, tuple(rest[i : i + HASH_BYTES] for i in range(0, len(rest), HASH_BYTES)), other)
        if proof.data() != data:
            raise Malformed("This is no proof of a stream's head.")
        return proof


def key_of(stream: str) -> bytes:
    """Where a stream's head has its place."""
    return sha256(stream.encode()).digest()


def head_hash(key: bytes, head: Head) -> bytes:
    """Of a subtree with this head alone."""
    return sha256(b"\x02" + packed_head(key, head)).digest()


def root_of_heads(rows: Iterable[bytes]) -> bytes:
    """The root of all heads at once, each as ``packed_head`` gives it; nothing is kept."""
    return subtree(sorted(rows), 0)[1:]


def verify_head(stream: str, head: Head | None, proof: HeadProof, root: bytes) -> None:
    """That the stream had this head, or with None no event at all. Raises Doubt unless the proof leads to the root."""
    key = key_of(stream)
    bits = int.from_bytes(key)
    if len(proof.hashes) != proof.beside.bit_count() or not 0 <= proof.depth <= KEY_BITS:
        raise Malformed("The proof of a head has not as many hashes as it says.")
    if proof.beside >> proof.depth:
        raise Malformed("The proof of a head says more levels than it has.")
    if any(len(h) != HASH_BYTES or h == EMPTY for h in proof.hashes):
        raise Malformed("A hash in the proof of a head has 32 bytes, and not all of them zero.")
    if head is not None:
        if proof.other is not None:
            raise Malformed("The proof of a head holds another stream's.")
        computed = head_hash(key, head)
    elif proof.other is not None:
        other_key, other = proof.other
        if other_key == key or (int.from_bytes(other_key) ^ bits) >> (KEY_BITS - proof.depth):
            raise Doubt("The head beside is not where this stream's would be.")
        computed = head_hash(other_key, other)
    else:
        computed = EMPTY
    hashes = list(proof.hashes)
    for level in range(proof.depth):
        here = proof.depth - 1 - level
        beside = hashes.pop() if proof.beside >> level & 1 else EMPTY
        left, right = (beside, computed) if bits >> (KEY_BITS - 1 - here) & 1 else (computed, beside)
        computed = sha256(b"\x03" + left + right).digest()
    if computed != root:
        raise Doubt(
            "The head of this stream is not what the checkpoint says.", expected=root.hex(), found=computed.hex()
        )


# -- heads, as rows of 72 bytes that sort as their keys do


def packed_head(key: bytes, head: Head) -> bytes:
    """Key, version and leaf. Raises Malformed."""
    if len(key) != HASH_BYTES or len(head.leaf) != HASH_BYTES or not 0 < head.version < SIZE_LIMIT:
        raise Malformed("A head is a key, a version from 1 and a leaf hash.")
    return key + head.version.to_bytes(8) + head.leaf


def unpacked_head(row: bytes) -> tuple[bytes, Head]:
    """The other way round. Raises Malformed."""
    if len(row) != HEAD_BYTES:
        raise Malformed("A head has 72 bytes.")
    return row[:32], Head(int.from_bytes(row[32:40]), row[40:])


def combined(left: CountedHash, right: CountedHash) -> CountedHash:
    """Of two halves."""
    if left[0] + right[0] < 2:
        return left if left[0] else right
    return b"\x02" + sha256(b"\x03" + left[1:] + right[1:]).digest()


def folded(nodes: Sequence[CountedHash]) -> CountedHash:
    """What is above neighbours, a power of two of them."""
    while len(nodes) > 1:
        nodes = [combined(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
    return nodes[0]


def subtree(rows: Sequence[bytes], depth: int) -> CountedHash:
    """The subtree at a depth of these rows, in order. Raises Malformed where two have one key."""
    if len(rows) < 2:
        return b"\x01" + sha256(b"\x02" + rows[0]).digest() if rows else NO_HEADS
    if len(rows) <= _FEW:
        keys = [int.from_bytes(row[:HASH_BYTES]) for row in rows]
        return b"\x02" + _subtree_of_few(rows, keys, 0, len(rows), depth)
    middle = ones_from(rows, depth)
    return combined(subtree(rows[:middle], depth + 1), subtree(rows[middle:], depth + 1))


def _subtree_of_few(rows: Sequence[bytes], keys: Sequence[int], first: int, beyond: int, depth: int) -> bytes:
    """As ``subtree``, of the rows from ``first`` up to ``beyond``: straight to where their keys part, since a page of
    heads is hashed whole whenever one of them changes."""
    if beyond - first == 1:
        return sha256(b"\x02" + rows[first]).digest()
    low, high = keys[first], keys[beyond - 1]
    bits = (low ^ high).bit_length()
    if not bits or high < low:
        raise Malformed("Heads are in the order of their keys, one for each.")
    parts = KEY_BITS - bits
    middle = bisect_left(keys, high >> bits - 1 << bits - 1, first, beyond)
    left = _subtree_of_few(rows, keys, first, middle, parts + 1)
    node = sha256(b"\x03" + left + _subtree_of_few(rows, keys, middle, beyond, parts + 1)).digest()
    for level in range(parts - 1, depth - 1, -1):
        # All of them are on one side here, and nothing is on the other.
        beside = EMPTY + node if low >> KEY_BITS - 1 - level & 1 else node + EMPTY
        node = sha256(b"\x03" + beside).digest()
    return node


def ones_from(rows: Sequence[bytes], depth: int) -> int:
    """Where the rows whose key has a one at this depth begin, among rows whose keys are equal before it."""
    byte, bit = divmod(depth, 8)
    mask = 0x80 >> bit
    if len(rows) < 8:
        return next((i for i, row in enumerate(rows) if row[byte] & mask), len(rows))
    first = rows[0]
    return bisect_left(rows, first[:byte] + bytes([first[byte] & -mask & 0xFF | mask]))
