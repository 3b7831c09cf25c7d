"""What a record's guard keeps of moves from their destruction on: hashes that only the record's own key makes again.

Invariant: whatever is kept of moves that are gone is tested with the record's education key, so it is worth nothing
once the record goes; with the key of all row hashes, which is never destroyed, nobody can test it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from psycopg.rows import tuple_row

from ledger.errors import RecordDestroyed
from ledger.events.base import KeyClass
from ledger.events.record import FactStated
from ledger.row_hash import sealed_rows
from ledger.store.log import Log


def erased_key(log: Log, record: str) -> bytes:
    """Of a record's hashes, by uuid. Raises StoreUnavailable."""
    subject = (record, KeyClass.EDUCATION.value)
    try:
        with log.connection() as conn:
            return log.vault.load(conn, [subject])[subject].body_key(b"erased rows")
    except RecordDestroyed:
        # Nothing of it is kept any more, and nothing that is decided of it will be written.
        return bytes(32)


def rows_without_moves(log: Log, records: Sequence[str]) -> dict[bytes, bytes]:
    """Guard rows of records, by uuid, as they are to be once their moves are gone: of 16 bytes each to its row.

    They hold for the version of the record's stream at which they were made. Raises StoreUnavailable, LogBroken.
    """
    moves: dict[str, set[int]] = {record: set() for record in records}
    for one in log.read_streams([f"record/{record}" for record in records]) if records else ():
        if isinstance(one.event, FactStated) and one.event.key_class() is KeyClass.ELIGIBILITY:
            moves[one.stream.partition("/")[2]].add(one.event.fact)
    query = "select record_id, rows from ledger.records where record_id = any(%s)"
    with log.connection() as conn, conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        guards = cursor.execute(query, ([uuid.UUID(record) for record in records],)).fetchall()
    return {
        record.bytes: sealed_rows(rows, moves[str(record)], erased_key(log, str(record))) for record, rows in guards
    }
