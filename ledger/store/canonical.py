"""The bytes that are hashed: the one serialisation of an event's clear columns, and its leaf.

Canonical form: byte 0x01, then each field as a 4-byte big-endian length and its bytes (numbers 8 bytes big-endian,
ids 16, text UTF-8), in the order position, stream, version, topic, event id, recorded_at (microseconds since 1970),
key id, key check. Entry: canonical form, then SHA-256 of the ciphertext. Leaf: SHA-256(0x00 | entry), RFC 6962 2.1.
Never to change: every stored leaf and every checkpoint rests on it.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from hashlib import sha256

_NUMBER = struct.Struct(">Iq").pack
_LENGTH = struct.Struct(">I").pack
_ID_LENGTH = _LENGTH(16)
_HASH_LENGTH = _LENGTH(32)


@lru_cache(maxsize=10_000)
def text_field(text: str) -> bytes:
    """A text field: length and UTF-8 bytes. Kept, since topics recur for ever and streams in runs."""
    data = text.encode()
    return _LENGTH(len(data)) + data


def entry(
    position: int,
    stream: str,
    version: int,
    topic: str,
    event_id: bytes,
    recorded_at_us: int,
    key_id: bytes,
    key_check: bytes,
    ciphertext: bytes,
) -> bytes:
    """The log entry of one event, always under 1 kB."""
    return b"".join(
        (
            b"\x01",
            _NUMBER(8, position),
            text_field(stream),
            _NUMBER(8, version),
            text_field(topic),
            _ID_LENGTH,
            event_id,
            _NUMBER(8, recorded_at_us),
            _ID_LENGTH,
            key_id,
            _HASH_LENGTH,
            key_check,
            sha256(ciphertext).digest(),
        )
    )


def leaf(log_entry: bytes) -> bytes:
    """The Merkle leaf hash of an entry (RFC 6962 2.1), 32 bytes."""
    return sha256(b"\x00" + log_entry).digest()


def block(submission: str, chunk: int) -> bytes:
    """What a block of answers is bound to as associated data."""
    return b"".join((b"\x01", text_field(submission), _NUMBER(8, chunk)))


def bound_field(stream: str, topic: str, event_id: bytes, name: str) -> bytes:
    """As ``bound``, of one sealed field of an event."""
    return bound(stream, topic, event_id) + text_field(name)


def bound(stream: str, topic: str, event_id: bytes) -> bytes:
    """What a body is bound to as associated data, so that it opens in its own place only."""
    return bound_alike(stream, topic) + event_id


def bound_alike(stream: str, topic: str) -> bytes:
    """What bodies of one topic in one stream are bound to alike: their event's id comes behind it."""
    return b"".join((b"\x01", text_field(stream), text_field(topic), _ID_LENGTH))
