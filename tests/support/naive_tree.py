"""RFC 9162 2.1 written down as it is defined, over a list of leaf hashes: slow, and plainly right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256


def mth(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash (2.1.1)."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The inclusion proof of leaf m (2.1.3.1)."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The consistency proof from the first m leaves (2.1.4.1)."""
    return _subproof(m, leaves, known=True) if m else []


def _subproof(m: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if known else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*_subproof(m, leaves[:k], known=known), mth(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], known=False), mth(leaves[:k])]


def split(n: int) -> int:
    """The largest power of two below n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def heads_root(heads: Mapping[str, tuple[int, bytes]]) -> bytes:
    """The root of stream heads, as the docstring of ledger.proofs.sparse defines it."""
    return _heads_below("", {_bits(stream): (stream, *head) for stream, head in heads.items()})


def _heads_below(prefix: str, heads: Mapping[str, tuple[str, int, bytes]]) -> bytes:
    below = {bits: head for bits, head in heads.items() if bits.startswith(prefix)}
    if not below:
        return bytes(32)
    if len(below) == 1:
        ((stream, version, leaf),) = below.values()
        return sha256(b"\x02" + sha256(stream.encode()).digest() + version.to_bytes(8, "big") + leaf).digest()
    return sha256(b"\x03" + _heads_below(prefix + "0", below) + _heads_below(prefix + "1", below)).digest()


def _bits(stream: str) -> str:
    return f"{int(sha256(stream.encode()).hexdigest(), 16):0256b}"
