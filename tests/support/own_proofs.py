"""Trees, signed notes, heads and bundles once more, from the published formats alone: shares nothing with the product.

RFC 9162 section 2.1, C2SP signed-note, tlog-checkpoint and tlog-cosignature, and ``docs/explanation/proofs.md``.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# -- the tree of events


def root_of(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", root_of(leaves[:half]), root_of(leaves[half:]))


def led_to(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a proof of inclusion leads to (2.1.3.2); None where it is too long or too short."""
    at, last, root = index, size - 1, leaf
    for one in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = sha(b"\1", one, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = sha(b"\1", root, one)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def path_length(index: int, size: int) -> int:
    if size == 1:
        return 0
    half = 1 << (size - 1).bit_length() - 1
    return 1 + (path_length(index, half) if index < half else path_length(index - half, size - half))


def goes_on(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the larger tree begins with the smaller one (2.1.4.2). old: below new, not 0."""
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    smaller = larger = hashes[0]
    for one in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            smaller, larger = sha(b"\1", one, smaller), sha(b"\1", one, larger)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            larger = sha(b"\1", larger, one)
        at, last = at >> 1, last >> 1
    return (smaller, larger, last) == (old_root, new_root, 0)


# -- notes


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes
    heads: bytes


def opened(note: str, key: str) -> Checkpoint | None:
    """What a checkpoint says, where this key has signed it; a witness's key by its cosignature."""
    body, _, signatures = note.rpartition("\n\n")
    body += "\n"
    name, identity, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    assert sha(name.encode(), b"\n", public)[:4].hex() == identity
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        if (dash, signer, raw[:4].hex()) != ("—", name, identity):
            continue
        message = body.encode()
        if public[0] == 4:
            message = f"cosignature/v1\ntime {int.from_bytes(raw[4:12])}\n".encode() + message
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[-64:], message)  # raises
        origin, size, root, heads, *more = body.splitlines()
        assert not more
        assert heads.startswith("heads ")
        return Checkpoint(origin, int(size), base64.b64decode(root), base64.b64decode(heads[6:]))
    return None


# -- heads


def heads_led_to(stream: str, version: int, leaf: bytes, proof: bytes) -> bytes:
    """The root of heads that a proof of a head leads to; of a stream without events version and leaf are empty."""
    key = sha(stream.encode())
    depth, at, there = int.from_bytes(proof[:2]), 3, sha(b"\2", key, version.to_bytes(8), leaf)
    way = f"{int.from_bytes(key):0256b}"
    if not version:
        there = bytes(32)
        if proof[2]:
            other, at = proof[3:75], 75
            assert other[:32] != key
            assert f"{int.from_bytes(other[:32]):0256b}"[:depth] == way[:depth]
            there = sha(b"\2", other)
    width = (depth + 7) // 8
    bits = f"{int.from_bytes(proof[at : at + width]):0{depth}b}" if depth else ""
    rest = proof[at + width :]
    hashes = [rest[n : n + 32] for n in range(0, len(rest), 32)]
    assert (len(bits), bits.count("1")) == (depth, len(hashes))
    for level in reversed(range(depth)):
        beside = hashes.pop() if bits[level] == "1" else bytes(32)
        there = sha(b"\3", beside, there) if way[level] == "1" else sha(b"\3", there, beside)
    return there


def root_of_heads(heads: dict[str, tuple[int, bytes]]) -> bytes:
    hashed = []
    for stream, (version, leaf) in heads.items():
        key = sha(stream.encode())
        hashed.append((f"{int.from_bytes(key):0256b}", sha(b"\2", key, version.to_bytes(8), leaf)))
    return _place(hashed, 0)


def _place(below: list[tuple[str, bytes]], depth: int) -> bytes:
    if len(below) < 2:
        return below[0][1] if below else bytes(32)
    left, right = ([one for one in below if one[0][depth] == side] for side in "01")
    return sha(b"\3", _place(left, depth + 1), _place(right, depth + 1))


# -- bundles


class Event(NamedTuple):
    """An event as a bundle has it. raw: its bytes there."""

    position: int
    stream: str
    version: int
    topic: str
    id: bytes
    key_check: bytes
    leaf: bytes
    ciphertext: bytes
    body_key: bytes | None
    raw: bytes


def fields_of(entry: bytes) -> list[bytes]:
    assert entry[0] == 1
    at, fields = 1, []
    while at < len(entry) - 32:
        length = int.from_bytes(entry[at : at + 4])
        fields.append(entry[at + 4 : at + 4 + length])
        at += 4 + length
    assert at == len(entry) - 32
    return fields


def events_of(members: dict[str, bytes]) -> Iterator[Event]:
    for name in sorted(member for member in members if member.startswith("events/")):
        data, at = members[name], 0
        while at < len(data):
            has_key, length = data[at], 1 + int.from_bytes(data[at + 1 : at + 3])
            sealed = int.from_bytes(data[at + 3 : at + 7])
            begin, middle = at + 7, at + 7 + length
            end = middle + sealed
            assert data[begin] == 0
            entry, ciphertext = data[begin + 1 : middle], data[middle:end]
            key = data[end : end + 32] if has_key else None
            position, stream, version, topic, one, _, _, check = fields_of(entry)
            assert entry[-32:] == sha(ciphertext)
            raw = data[at : end + 32 * has_key]
            yield Event(
                int.from_bytes(position),
                stream.decode(),
                int.from_bytes(version),
                topic.decode(),
                one,
                check,
                sha(data[begin:middle]),
                ciphertext,
                key,
                raw,
            )
            at += len(raw)


def members_of(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def put_together(like: bytes, members: dict[str, bytes], **manifest: Any) -> bytes:
    """A bundle of these members with headers like another's, and a manifest that fits them. manifest: what it says."""
    told = {**json.loads(members["manifest.json"]), **manifest}
    for one in told["members"]:
        one.update(size=len(members[one["name"]]), sha256=sha(members[one["name"]]).hex())
    text = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True)
    return zipped(like, {**members, "manifest.json": text.encode() + b"\n"})


def zipped(like: bytes, members: dict[str, bytes]) -> bytes:
    """A zip of stored members. Its headers are another's, but for names, sizes and checks."""
    with zipfile.ZipFile(io.BytesIO(like)) as archive:
        central = like[archive.start_dir : archive.start_dir + 46]
    out, directory = b"", b""
    for name, data in members.items():
        checks = struct.pack("<III", zlib.crc32(data), len(data), len(data))
        begins = struct.pack("<I", len(out))
        named = struct.pack("<H", len(name)) + central[30:42] + begins + name.encode()
        directory += central[:16] + checks + named
        out += like[:14] + checks + struct.pack("<HH", len(name), 0) + name.encode() + data
    ends = struct.pack("<HHIIH", len(members), len(members), len(directory), len(out), 0)
    return out + directory + b"PK\5\6" + bytes(4) + ends
