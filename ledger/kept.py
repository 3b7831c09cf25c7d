"""Records as this process last saw them, folded: most commands are decided on what is kept here.

Invariant: what is kept is a prefix of the record's stream, never anything else; whether it is still all of it only the
transaction that writes can tell, and does, by the version.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import psycopg
from psycopg.rows import tuple_row

from ledger.errors import IntegrityBroken
from ledger.events import Recorded
from ledger.record import RecordState, fold
from ledger.row_hash import Packed
from ledger.store.log import Log

Key = tuple[str, str]
"""(state, state student id)"""


class Known(msgspec.Struct, frozen=True, gc=False):
    """A record as this process last saw it. name: its id as text. position: of its last event. packed: its guard row,
    where it was made here."""

    record: uuid.UUID
    name: str
    version: int
    position: int
    state: RecordState
    packed: Packed | None = None

    @property
    def key(self) -> Key:
        """What its state calls it."""
        return self.state.state, self.state.state_student_id


class KeptRecords:
    """The records used last. Safe for threads. log: where they are read."""

    RECORDS_MAX = 20_000
    """Some 10 kB each in a child's first year, more with every further one."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: OrderedDict[Key, Known] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Known | None:
        """The record if it is kept."""
        return self._kept.get(key)

    def keep(self, known: Known) -> None:
        """Keep a record as its events leave it; what is kept and newer stays."""
        key = known.key
        with self._lock:
            before = self._kept.get(key)
            if before is None or before.version < known.version:
                self._kept[key] = known
            self._kept.move_to_end(key)
            while len(self._kept) > self.RECORDS_MAX:
                self._kept.popitem(last=False)

    def find(self, key: Key) -> uuid.UUID | None:
        """The id of a record, kept or not. Raises StoreUnavailable."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept.record
        with self._log.connection() as conn:
            return self._find(conn, [key]).get(key)

    def load(self, key: Key) -> Known | None:
        """The record as kept, else as it is. Raises StoreUnavailable, LogBroken, UnknownEvent."""
        kept = self._kept.get(key)
        return kept if kept is not None else self.load_many([key]).get(key)

    def refresh(self, key: Key) -> Known | None:
        """The record as it is: what is kept, and the events since. The very same object where there are none."""
        kept = self._kept.get(key)
        if kept is None:
            return self.load(key)
        since = self._log.read_stream(f"record/{kept.record}", kept.version)
        return self._folded(kept.record, since, kept) if since else kept

    def load_many(self, keys: Sequence[Key]) -> dict[Key, Known]:
        """Records by key, read in two queries and kept; a record that there is not is left out."""
        with self._log.connection() as conn:
            records = self._find(conn, keys)
            streams = [f"record/{record}" for record in records.values()]
            recorded = self._log.open(conn, self._log.reader.events_of(conn, streams)) if streams else []
        events: dict[str, list[Recorded]] = {}
        for one in recorded:
            events.setdefault(one.stream, []).append(one)
        return {key: self._folded(record, events[f"record/{record}"], None) for key, record in records.items()}

    def _folded(self, record: uuid.UUID, recorded: Sequence[Recorded], before: Known | None) -> Known:
        try:
            state = fold((one.event for one in recorded), None if before is None else before.state)
        except IntegrityBroken as broken:
            self._log.sequencer.stop(broken)
            raise
        assert state is not None
        known = Known(record, str(record), recorded[-1].version, recorded[-1].position, state)
        self.keep(known)
        return known

    def _find(self, conn: psycopg.Connection[object], keys: Sequence[Key]) -> dict[Key, uuid.UUID]:
        with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(
                "select state, state_student_id, record_id from ledger.records"
                " where (state, state_student_id) in (select * from unnest(%s::text[], %s::text[]))",
                ([state for state, _ in keys], [ssid for _, ssid in keys]),
                prepare=True,
            )
            return {(state, ssid): record for state, ssid, record in cursor.fetchall()}
