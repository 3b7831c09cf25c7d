"""The guards of linkage, computed again from the acts and compared: whose student each record is, and which pairs bind.

Reads only, all of linkage in one snapshot; bodies hold ids, some hundreds of bytes an act.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ledger.events.linkage import Anchor
from ledger.linkage import clusters, fold, live_declarations
from ledger.store.log import Log

PAGE_STREAMS = 500


def faults(conn: psycopg.Connection[Any], log: Log) -> Iterator[str]:
    """Each guard that does not follow from the events, in words. conn: in autocommit, of a role that reads events.

    Raises LogBroken, UnknownEvent, psycopg.Error.
    """
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        streams = [row[0] for row in cursor.execute(_STREAMS).fetchall()]
        said = []
        for start in range(0, len(streams), PAGE_STREAMS):
            sealed = log.reader.events_of(conn, streams[start : start + PAGE_STREAMS])
            said += [(recorded.position, recorded.event) for recorded in log.open(conn, sealed)]
        linkage = fold(sorted(said, key=lambda told: told[0]))
        shown = clusters(linkage, ()).student_of
        linked = cursor.execute(_LINKED, (list(shown),)).fetchall()
        pairs = {(str(left), str(right), declaration) for left, right, declaration in cursor.execute(_PAIRS).fetchall()}
    for record, minted, student_id in linked:
        if shown.get(str(record), minted) != student_id:
            yield f"The guard row of record {record} names another student than its acts."
    bound = {
        (*_ordered(left, right), declared.declaration)
        for declared in live_declarations(linkage)
        for left, right in product(declared.left, declared.right)
    }
    for left, right, declaration in sorted(bound - pairs):
        yield f"Declaration {declaration} does not bind records {left} and {right}."
    for left, right, declaration in sorted(pairs - bound):
        yield f"Declaration {declaration}, which does not hold, binds records {left} and {right}."


def _ordered(left: Anchor, right: Anchor) -> tuple[str, str]:
    return min(left.record, right.record), max(left.record, right.record)


_STREAMS = "select stream from ledger.heads where stream like 'linkage/%' order by stream"
_LINKED = (
    "select record_id, minted, student_id from ledger.records"
    " where student_id <> minted or record_id = any(%s::uuid[]) order by record_id"
)
_PAIRS = "select left_record, right_record, declaration from ledger.not_same where withdrawn is null"
