"""Whether records were shown among others since a position of the access log, for whoever keeps that log still.

An entry that names many records stands in no record's own stream, so no version tells of it; and it is sealed, so it is
opened. Invariant: only what came since is read, which is little: it was looked a moment ago.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from ledger.events.disclosure import BulkDisclosed, SearchDisclosed
from ledger.store.mapper import LedgerMapper, SealedNotification
from ledger.store.recorder import COLUMNS
from ledger.store.vault import Vault


def any_was_shown(
    vault: Vault, mapper: LedgerMapper, conn: psycopg.Connection[Any], after: int, records: Collection[str]
) -> bool:
    """Whether an entry behind a position names one of these records, by uuid. Raises LogBroken, UnknownEvent."""
    with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SINCE, (after, [BulkDisclosed.topic, SearchDisclosed.topic])).fetchall()
    sealed = [SealedNotification._make(row) for row in rows]
    keys = vault.open_keys(conn, {event.key_id for event in sealed}) if sealed else {}
    said = (mapper.open(event, keys[event.key_id]).event for event in sealed)
    asked = set(records)
    return any(isinstance(event, BulkDisclosed | SearchDisclosed) and asked & set(event.records) for event in said)


_SINCE: Final = f"select {COLUMNS} from access.events where position > %s and topic = any(%s) order by position"
