"""Signed notes, checkpoints and cosignatures, byte for byte as C2SP defines them.

https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-cosignature (Ed25519). What is
read strictly cannot be read two ways: control characters, a missing newline, numbers and base64 that could be written
otherwise, one key signing twice are refused. Nothing of a note counts before a known key's signature on it does.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.tree import HASH_BYTES, SIZE_LIMIT

ED25519 = 0x01
"""Type of a signature over the text as it is."""

COSIGNATURE = 0x04
"""Type of a witness's signature, with its time."""

NOTE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100
HEADS_EXTENSION = "heads"
"""The extension line ``heads BASE64`` of our checkpoints: the root of the stream heads (ledger.proofs.sparse)."""

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class Verifier(NamedTuple):
    """A key that signatures are checked by. kind: ED25519 or COSIGNATURE. key_id: 4 bytes."""

    name: str
    kind: int
    public: bytes
    key_id: bytes

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """``name+hex(id)+base64(kind || public key)``. Raises Malformed."""
        name, _, rest = text.partition("+")
        key_id, _, key_text = rest.partition("+")
        kind, public = _key_bytes(key_text, "key")
        verifier = cls.of(name, public, kind)
        if not _KEY_ID.fullmatch(key_id) or verifier.key_id.hex() != key_id:
            raise Malformed("The id in the key is not that of its name and bytes: a character is wrong.")
        return verifier

    @classmethod
    def of(cls, name: str, public: bytes, kind: int = ED25519) -> Verifier:
        """Raises Malformed for a name that no key may have."""
        if not name or "+" in name or not name.isprintable() or any(c.isspace() for c in name):
            raise Malformed("The name of a key has at least one character, no space and no plus.")
        return cls(name, kind, public, _key_id(name, kind, public))

    def text(self) -> str:
        """As it is handed out."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.public)}"

    def verify(self, text: bytes, signature: bytes) -> int | None:
        """The time of a cosignature in seconds since 1970, else None. Raises Doubt where it is not this key's."""
        signed, at, given = text, None, signature
        if self.kind == COSIGNATURE:
            # The specification has times below 2**63 only; this key has signed none above.
            at, given = int.from_bytes(signature[:8]), signature[8:]
            given = b"" if at >= SIZE_LIMIT else given
            signed = _cosigned(text, at)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(given, signed)
        except (InvalidSignature, ValueError):
            raise Doubt(f"The signature by {self.name} does not fit the text: one of the two was changed.") from None
        return at


class Signer(NamedTuple):
    """A key that signs. Its text is a secret."""

    verifier: Verifier
    private: Ed25519PrivateKey

    @classmethod
    def parse(cls, text: str) -> Signer:
        """``PRIVATE+KEY+name+hex(id)+base64(kind || seed)``. Raises Malformed, quoting nothing of it."""
        private, _, rest = text.partition("+")
        key, _, rest = rest.partition("+")
        name, _, rest = rest.partition("+")
        key_id, _, seed_text = rest.partition("+")
        if (private, key) != ("PRIVATE", "KEY"):
            raise Malformed("A key that signs begins with PRIVATE+KEY+.")
        kind, seed = _key_bytes(seed_text, "key")
        signer = cls.of(name, seed, kind)
        if signer.verifier.key_id.hex() != key_id:
            raise Malformed("The id in the key is not that of its name and bytes: a character is wrong.")
        return signer

    @classmethod
    def of(cls, name: str, seed: bytes, kind: int = ED25519) -> Signer:
        """Of 32 random bytes. Raises Malformed."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(Verifier.of(name, private.public_key().public_bytes_raw(), kind), private)

    def text(self) -> str:
        """The secret, as it is kept."""
        key = _base64(bytes([self.verifier.kind]) + self.private.private_bytes_raw())
        return f"PRIVATE+KEY+{self.verifier.name}+{self.verifier.key_id.hex()}+{key}"

    def sign(self, text: bytes, at: int | None = None) -> str:
        """The signature line over a note's text. at: a cosignature's time, in seconds since 1970."""
        assert (at is not None) == (self.verifier.kind == COSIGNATURE), "a cosignature has a time, no other has"
        signature = self.private.sign(text) if at is None else at.to_bytes(8) + self.private.sign(_cosigned(text, at))
        return signature_line(self.verifier.name, self.verifier.key_id + signature)


class Signed(NamedTuple):
    """A known key's signature that fits. at: of a cosignature, seconds since 1970."""

    by: Verifier
    at: int | None


class Opened(NamedTuple):
    """A note of which at least one known key's signature fits. strangers: how many signatures nobody here knows."""

    text: bytes
    signed: tuple[Signed, ...]
    strangers: int


def sign_note(text: str, signers: Iterable[Signer], at: int | None = None) -> bytes:
    """A note by these keys. text: ends with a newline. at: the time of cosignatures among them. Raises Malformed."""
    body = text.encode()
    _must_be_text(body)
    if not body.endswith(b"\n"):
        raise Malformed("The text of a note ends with a newline.")
    lines = [s.sign(body, at if s.verifier.kind == COSIGNATURE else None) for s in signers]
    return body + b"\n" + "".join(lines).encode()


def cosign(note: bytes, signer: Signer, at: int) -> bytes:
    """The note with one more signature, by a witness who has verified it. Raises Malformed.

    The log hands out what a witness has signed before, and a note that one key signed twice is refused everywhere: the
    witness's earlier line gives way to this one.
    """
    text, lines = split(note)
    own = (signer.verifier.name, signer.verifier.key_id)
    others = [signature_line(name, key_id + signature) for name, key_id, signature in lines if (name, key_id) != own]
    return text + b"\n" + "".join([*others, signer.sign(text, at)]).encode()


def open_note(note: bytes, verifiers: Sequence[Verifier]) -> Opened:
    """Check every signature by a known key; ignore the others, as the specification says.

    Raises Malformed where it is no note, Doubt where a known key's signature does not fit or none is by a known key.
    """
    known = {(v.name, v.key_id): v for v in verifiers}
    if len(known) != len(verifiers):
        raise Malformed("Two of the keys that are known here cannot be told apart.")
    text, lines = split(note)
    signed: list[Signed] = []
    for name, key_id, signature in lines:
        verifier = known.get((name, key_id))
        if verifier is not None:
            if any(s.by == verifier for s in signed):
                raise Malformed(f"{name} signed twice.")
            signed.append(Signed(verifier, verifier.verify(text, signature)))
    if not signed:
        raise Doubt(
            "No key that is known here has signed.",
            expected=", ".join(f"{v.name}+{v.key_id.hex()}" for v in verifiers),
            found=", ".join(f"{name}+{key_id.hex()}" for name, key_id, _ in lines),
        )
    return Opened(text, tuple(signed), len(lines) - len(signed))


def split(note: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """Text, and name, key id and signature of each line below it; nothing is verified. Raises Malformed."""
    if len(note) > NOTE_BYTES_MAX:
        raise Malformed(f"A note has at most {NOTE_BYTES_MAX} bytes.")
    _must_be_text(note)
    text, gap, signatures = note.rpartition(b"\n\n")
    if not gap or not signatures.endswith(b"\n"):
        raise Malformed("A note is text, an empty line and at least one signature, each ending with a newline.")
    lines = signatures.decode().removesuffix("\n").split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise Malformed(f"A note has at most {SIGNATURES_MAX} signatures.")
    return text + b"\n", [_signature_line(line) for line in lines]


def signature_line(name: str, signature: bytes) -> str:
    """As it stands below a note. signature: with the key's id in front."""
    return f"— {name} {_base64(signature)}\n"


def _signature_line(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    data = _from_base64(encoded, "signature")
    if dash != "—" or not name or "+" in name or any(c.isspace() for c in name) or len(data) < 5:
        raise Malformed("This is no line with a signature.")
    return name, data[:4], data[4:]


# -- checkpoints


class Checkpoint(NamedTuple):
    """What a log's key signs: the first ``size`` events have this root. extensions: further lines, without newlines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text to be signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, _base64(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: bytes) -> Checkpoint:
        """Raises Malformed unless ``text()`` would write these bytes."""
        _must_be_text(text)
        lines = text.decode().split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise Malformed("A checkpoint is three lines or more, none of them empty, each ending with a newline.")
        origin, size, root, *extensions = lines
        if not _NUMBER.fullmatch(size) or int(size) >= SIZE_LIMIT:
            raise Malformed("The second line of a checkpoint is a size.")
        root_hash = _from_base64(root, "root")
        if len(root_hash) != HASH_BYTES:
            raise Malformed("The third line of a checkpoint is a root of 32 bytes.")
        return cls(origin, int(size), root_hash, tuple(extensions))

    def heads(self) -> bytes | None:
        """The root of the tree of stream heads, where an extension line tells it. Raises Malformed."""
        lines = [line for line in self.extensions if line.split(" ")[0] == HEADS_EXTENSION]
        if not lines:
            return None
        root = _from_base64(lines[0].partition(" ")[2], "root")
        if len(lines) > 1 or len(root) != HASH_BYTES:
            raise Malformed("A checkpoint tells one root of stream heads, of 32 bytes.")
        return root


def heads_line(root: bytes) -> str:
    """The extension line that tells the root of the tree of stream heads."""
    return f"{HEADS_EXTENSION} {_base64(root)}"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """As a note by the log's key, whose name is the origin. Raises Malformed."""
    text = checkpoint.text()
    Checkpoint.parse(text.encode())
    if signer.verifier.name != checkpoint.origin:
        raise Malformed("The key that signs a checkpoint bears the name of its origin.")
    return sign_note(text, [signer])


def open_checkpoint(note: bytes, log: Verifier, witnesses: Sequence[Verifier] = ()) -> tuple[Checkpoint, Opened]:
    """A checkpoint that the log's key has signed, and every witness that is named.

    Raises Doubt, also where it is another log's: its origin must be the name of the key.
    """
    opened = open_note(note, [log, *witnesses])
    for verifier in (log, *witnesses):
        if not any(s.by == verifier for s in opened.signed):
            raise Doubt(f"The checkpoint bears no signature by {verifier.name}+{verifier.key_id.hex()}.")
    checkpoint = Checkpoint.parse(opened.text)
    if checkpoint.origin != log.name:
        raise Doubt("The checkpoint is another log's.", expected=log.name, found=checkpoint.origin)
    return checkpoint, opened


def signed_by(note: bytes, keys: Sequence[Verifier]) -> Verifier:
    """Which of these keys says that it has signed; the first where none does, so that opening tells of that one. keys:
    of a log, at least one. Nothing is verified. Raises Malformed."""
    there = {line[:2] for line in split(note)[1]}
    return next((key for key in keys if (key.name, key.key_id) in there), keys[0])


def must_tell_the_same(kept: Checkpoint, found: Checkpoint) -> None:
    """That two checkpoints, of one size, tell one root of stream heads, where both tell any: their roots alone do not
    say so. Raises Doubt: whoever signed both told two people two things."""
    one, other = kept.heads(), found.heads()
    if kept.size == found.size and None not in (one, other) and one != other:
        raise Doubt(
            f"Of {kept.size} events two roots of stream heads were signed.",
            expected=None if one is None else one.hex(),
            found=None if other is None else other.hex(),
        )


# -- letters


def _cosigned(text: bytes, at: int) -> bytes:
    """What a witness signs (tlog-cosignature, Ed25519 signed message)."""
    return f"cosignature/v1\ntime {at}\n".encode() + text


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _key_bytes(text: str, what: str) -> tuple[int, bytes]:
    data = _from_base64(text, what)
    if len(data) != 1 + _KEY_BYTES or data[0] not in (ED25519, COSIGNATURE):
        raise Malformed("This is no Ed25519 key of a note.")
    return data[0], data[1:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str, what: str) -> bytes:
    """RFC 4648 section 4, padded, with no bits left over. Raises Malformed."""
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or _base64(data) != text:
        raise Malformed(f"The {what} is not in base64 as it must be.")
    return data


def _must_be_text(data: bytes) -> None:
    """UTF-8, and of the control characters the newline alone."""
    try:
        data.decode()
    except UnicodeDecodeError:
        raise Malformed("A note is UTF-8 text.") from None
    if any(byte < 0x20 and byte != 0x0A for byte in data):
        raise Malformed("A note has no control characters but newlines.")
