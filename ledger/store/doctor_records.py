"""Whether the guards of records follow from their events: whose record it is, and which rows it holds.

Reads only. Of a record whose key was destroyed nothing is known any more: its row goes with the key. Of moves whose key
was, the guard alone knows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ledger.events import Erased, Recorded
from ledger.record import fold, packed_rows
from ledger.row_hash import with_erased
from ledger.store.log import Log


def faults(
    conn: psycopg.Connection[Any], log: Log, records: Sequence[uuid.UUID], key: bytes
) -> Iterator[tuple[uuid.UUID, str]]:
    """Of some records, those whose row is not the fold of the stream, and how. One snapshot for both. key: of row
    hashes. Raises LogBroken, UnknownEvent."""
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        rows = cursor.execute(
            "select record_id, state, state_student_id, minted, rows from ledger.records where record_id = any(%s)",
            (list(records),),
        ).fetchall()
        opened = log.open(conn, log.reader.events_of(conn, [f"record/{record}" for record in records]))
    streams: dict[str, list[Recorded]] = {}
    for recorded in opened:
        streams.setdefault(recorded.stream, []).append(recorded)
    for record_id, state, state_student_id, minted, packed in rows:
        events = [recorded.event for recorded in streams.get(f"record/{record_id}", ())]
        if events and isinstance(events[0], Erased):
            yield record_id, "was destroyed and has a guard row"
            continue
        folded = fold(events)
        if folded is not None and any(isinstance(event, Erased) for event in events):
            folded = with_erased(folded, bytes(packed))  # of moves that open no more nothing can be compared
        if folded is None:
            yield record_id, "has no events"
        elif (folded.state, folded.state_student_id, folded.student_id) != (state, state_student_id, minted):
            yield record_id, "names another child than its events"
        elif packed_rows(folded, key) != bytes(packed):
            yield record_id, "holds other rows than its events say"
