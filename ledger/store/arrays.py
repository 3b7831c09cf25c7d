"""PostgreSQL's binary array format, made in one join.

psycopg formats a list item by item in Python; the write path hands over ten arrays a commit, and one join is several
times faster. Format: dimensions, null flag, element type, length, lower bound, then each item with its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct(">iiIii").pack
_LENGTH = struct.Struct(">i").pack
_INT8 = struct.Struct(">iq").pack
_INT2 = struct.Struct(">ih").pack


class Array(bytes):
    """An array in binary form; the subclass says of what."""


class Int8Array(Array):
    """bigint[]"""


class Int2Array(Array):
    """smallint[]"""


class TextArray(Array):
    """text[]"""


class ByteaArray(Array):
    """bytea[]"""


class UuidArray(Array):
    """uuid[]"""


def int8s(values: Sequence[int]) -> Int8Array:
    """bigint[] of Python ints."""
    return Int8Array(b"".join((_HEADER(1, 0, 20, len(values), 1), *[_INT8(8, v) for v in values])))


def int2s(values: Sequence[int]) -> Int2Array:
    """smallint[] of Python ints."""
    return Int2Array(b"".join((_HEADER(1, 0, 21, len(values), 1), *[_INT2(2, v) for v in values])))


def texts(values: Sequence[str]) -> TextArray:
    """text[] of strings."""
    return TextArray(_sized(25, [v.encode() for v in values]))


def byteas(values: Sequence[bytes]) -> ByteaArray:
    """bytea[] of bytes."""
    return ByteaArray(_sized(17, values))


def uuids(values: Sequence[bytes]) -> UuidArray:
    """uuid[] of 16-byte values."""
    return UuidArray(_sized(2950, values))


def named(records: Iterable[str]) -> UuidArray:
    """uuid[] of uuids as they are written."""
    return uuids([bytes.fromhex(record.replace("-", "")) for record in records])


def _sized(oid: int, values: Sequence[bytes]) -> bytes:
    parts = [_HEADER(1, 0, oid, len(values), 1)]
    for value in values:
        parts.append(_LENGTH(len(value)))
        parts.append(value)
    return b"".join(parts)


class _ArrayDumper(Dumper):
    """Passes the bytes on. The type is the instance's: a dumper whose class names it would take every list too."""

    format = Format.BINARY
    array_oid = 0

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = self.array_oid

    def dump(self, obj: Array) -> bytes:
        return obj


def _dumper(oid: int) -> type[Dumper]:
    return type("ArrayDumper", (_ArrayDumper,), {"array_oid": oid})


_DUMPERS = {
    kind: _dumper(oid)
    for kind, oid in (
        (Int8Array, 1016),
        (Int2Array, 1005),
        (TextArray, 1009),
        (ByteaArray, 1001),
        (UuidArray, 2951),
    )
}


def register(conn: Connection[Any] | AsyncConnection[Any]) -> None:
    """Let a connection take these arrays as parameters; once a connection."""
    for kind, dumper in _DUMPERS.items():
        conn.adapters.register_dumper(kind, dumper)
