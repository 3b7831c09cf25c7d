"""Sealed events as they are stored, taken straight from the wire: the log entry of each, and what stands beside it.

PostgreSQL's binary COPY sends each column after its length in four bytes, numbers big-endian: with the columns in the
order of the canonical form that is the canonical form, but for the instant, which counts from another day. So nothing
is decoded and written again, and a log is read several times as fast as by way of Python's own values.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Sequence
from hashlib import sha256
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.proofs.doubt import Malformed
from ledger.proofs.writing import Shown
from ledger.store.vault import Vault

Stored = tuple[int, bytes, bytes, bytes, bytes, bytes]
"""position, log entry, ciphertext, leaf as the column has it, event id, key id."""

_HEADER = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES = len(_HEADER) + 8
_TRAILER = b"\xff\xff"
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from 1 January 2000

_START = struct.Struct(">hiqi")  # columns; length of position, position; length of stream
_LENGTH = struct.Struct(">i")
_END = struct.Struct(">i16siqi16si32xi")  # event id, instant, key id, key check; length of the body
_INSTANT = struct.Struct(">q").pack
_NUMBER_LENGTH, _LEAF_LENGTH = _LENGTH.pack(8), _LENGTH.pack(32)


def stored(
    conn: psycopg.Connection[Any], log: str, *, first: int = 1, last: int | None = None, streams: Sequence[str] = ()
) -> Generator[Stored, None, None]:
    """The events of a log from ``first`` to ``last`` in the order of their positions; of these streams, if any is
    named. Without any of these whatever stands there, also where no event can have been given a position.

    conn: of a role that may read them; until the last is taken it does nothing else, and whoever breaks off before
    closes this first (``contextlib.closing``).

    Raises Malformed at a row that no event can have, psycopg.Error.
    """
    params: list[object] = [first, 2**62 if last is None else last]
    if streams:
        query, params = _OF_STREAMS, [*params, list(streams)]
    elif first == 1 and last is None:
        query, params = _ALL, []
    else:
        query = _SOME
    before = first - 1
    with conn.cursor() as cursor, cursor.copy(SQL(query).format(log=Identifier(log)), params) as copy:
        rows = iter(copy)
        header = bytes(next(rows, b""))
        if not header.startswith(_HEADER):
            raise Malformed("PostgreSQL sends something else than the rows that were asked for.")
        begun = header[_HEADER_BYTES:]
        for row in _each(begun, rows):
            event = _event(row, before)
            before = event[0]
            yield event


def shown(conn: psycopg.Connection[Any], vault: Vault, events: Sequence[Stored], *, keys: bool = True) -> list[Shown]:
    """Events as they go into evidence, with their body keys where the vault has the key, unless none is wanted.

    conn: any that may read the vault. Raises LogBroken, Misconfigured.
    """
    opened = vault.open_keys(conn, {event[5] for event in events}) if keys else {}
    told: list[Shown] = []
    for _, entry, ciphertext, _, event_id, key_id in events:
        key = opened.get(key_id)
        told.append((entry, ciphertext, None if key is None else key.body_key(event_id)))
    return told


def _each(begun: bytes, rows: Iterator[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    if begun and begun != _TRAILER:
        yield begun
    for row in rows:
        data = bytes(row)
        if data != _TRAILER:
            yield data


def _event(row: bytes, before: int) -> Stored:
    try:
        columns, l0, position, stream_length = _START.unpack_from(row)
        topic_at = 34 + stream_length
        topic_end = topic_at + _LENGTH.unpack_from(row, topic_at - 4)[0]
        l2, event_id, l3, instant, l4, key_id, l5, body_length = _END.unpack_from(row, topic_end)
        body_at = topic_end + _END.size
        leaf_at = body_at + body_length + 4
        ciphertext = row[body_at : leaf_at - 4]
        instant_at = topic_end + 24
        entry = b"".join(
            (
                b"\x01",
                row[2:instant_at],
                _INSTANT(instant + _EPOCH_US),
                row[instant_at + 8 : body_at - 4],
                sha256(ciphertext).digest(),
            )
        )
    except struct.error:
        raise _no_event(before) from None
    if (
        (columns, l0, l2, l3, l4, l5, leaf_at + 32) != (10, 8, 16, 8, 16, 32, len(row))
        or row[leaf_at - 4 : leaf_at] != _LEAF_LENGTH
        or row[topic_at - 16 : topic_at - 12] != _NUMBER_LENGTH
        or min(stream_length, body_length) < 0
        or topic_end < topic_at
    ):
        raise _no_event(before)
    return position, entry, ciphertext, row[leaf_at:], event_id, key_id


def _no_event(before: int) -> Malformed:
    return Malformed(
        f"The row that follows position {before} has a column that no event can have.", position=before + 1
    )


_COLUMNS = "position, stream, version, topic, event_id, recorded_at, key_id, key_check, body, leaf"
_ALL: LiteralString = f"copy (select {_COLUMNS} from {{log}}.events order by position) to stdout (format binary)"
_SOME: LiteralString = (
    f"copy (select {_COLUMNS} from {{log}}.events where position between %s and %s order by position)"
    " to stdout (format binary)"
)
_OF_STREAMS: LiteralString = (
    f"copy (select {_COLUMNS} from {{log}}.events where position between %s and %s and stream = any(%s)"
    " order by position) to stdout (format binary)"
)
