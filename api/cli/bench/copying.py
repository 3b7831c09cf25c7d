"""The physical limits: events of the same sizes through COPY BINARY, in and out, in a table like the library's."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import orjson
import psycopg

from ledger.events import Recorded
from ledger.store.log import Log

_PAGE_EVENTS = 5_000
_CHUNK_BYTES = 1 << 17
_TABLE = """
create table if not exists {name} (
    originator_id      text not null,
    originator_version bigint not null,
    topic              text not null,
    state              bytea not null,
    notification_id    bigserial unique,
    primary key (originator_id, originator_version)
);
truncate {name};
"""
_COLUMNS = "originator_id, originator_version, topic, state"


class Plain(NamedTuple):
    """An event as a row. state: what stands in the body's place."""

    stream: str
    version: int
    topic: str
    state: bytes


def sealed_events(log: Log, after: int = 0) -> list[Plain]:
    """The events of a log as they are stored, after a position: bodies sealed, so of the size that the disk sees."""
    found: list[Plain] = []
    head = log.head()
    with log.connection() as conn:
        while after < head:
            page = log.reader.page(conn, after + 1, _PAGE_EVENTS)
            found += [Plain(str(e.originator_id), e.originator_version, e.topic, e.state) for e in page]
            after = page[-1].id
    return found


def opened_events(log: Log) -> list[Plain]:
    """The events of a log, opened, as JSON."""
    found: list[Plain] = []
    after, head = 0, log.head()
    while after < head:
        page = log.read(after, _PAGE_EVENTS)
        found += [_opened(recorded) for recorded in page]
        after = page[-1].position
    return found


def _opened(recorded: Recorded) -> Plain:
    event = recorded.event
    return Plain(recorded.stream, recorded.version, event.topic, msgspec.json.encode((recorded.meta, event)))


def copy_in(conninfo: str, events: Sequence[Plain]) -> float:
    """COPY BINARY of bytes made ready before, one transaction, durable; seconds."""
    chunks = _chunks(events)
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(_TABLE.format(name="copied").encode())
        started = time.perf_counter()
        with (
            conn.cursor() as cursor,
            cursor.copy(f"copy copied ({_COLUMNS}) from stdin (format binary)".encode()) as copy,
        ):
            for chunk in chunks:
                copy.write(chunk)
        return time.perf_counter() - started


def copy_out(conninfo: str) -> float:
    """COPY BINARY out of what ``copy_in`` wrote, the state of each row decoded as JSON; seconds."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        started = time.perf_counter()
        with (
            conn.cursor() as cursor,
            cursor.copy(
                f"copy (select notification_id, {_COLUMNS} from copied) to stdout (format binary)".encode()
            ) as copy,
        ):
            copy.set_types(("int8", "text", "int8", "text", "bytea"))
            loads = orjson.loads
            for row in copy.rows():
                loads(row[4])
        return time.perf_counter() - started


def _chunks(events: Sequence[Plain]) -> list[bytes]:
    rows = [b"PGCOPY\n\xff\r\n\0" + bytes(8)]
    sized = struct.Struct(">i").pack
    version = struct.Struct(">iq").pack
    for event in events:
        stream, topic = event.stream.encode(), event.topic.encode()
        rows += (
            b"\x00\x04",
            sized(len(stream)),
            stream,
            version(8, event.version),
            sized(len(topic)),
            topic,
            sized(len(event.state)),
            event.state,
        )
    rows.append(b"\xff\xff")
    whole = b"".join(rows)
    return [whole[first : first + _CHUNK_BYTES] for first in range(0, len(whole), _CHUNK_BYTES)]
