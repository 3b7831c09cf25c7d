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
from ledger.events import Erased, Recorded
from ledger.record import RecordState, fold
from ledger.row_hash import Packed, with_erased
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
        self._disposals = -1
        self._lock = threading.Lock()

    @property
    def disposals(self) -> int:
        """The last disposal of something of a record that this process knows of. Asked before a record is read that is
        to be kept."""
        return self._log.vault.disposals_of_records

    def get(self, key: Key) -> Known | None:
        """The record if it is kept."""
        if self._disposals != self.disposals:
            self._forget()
        return self._kept.get(key)

    def keep(self, known: Known, disposals: int) -> None:
        """Keep a record as its events leave it; what is kept and newer stays. disposals: as they were before it was
        read: what may have been destroyed since is not kept."""
        key = known.key
        if self._disposals != self.disposals:
            self._forget()
        with self._lock:
            if disposals < self._disposals:
                return
            before = self._kept.get(key)
            if before is None or before.version < known.version:
                self._kept[key] = known
            self._kept.move_to_end(key)
            while len(self._kept) > self.RECORDS_MAX:
                self._kept.popitem(last=False)

    def find(self, key: Key) -> uuid.UUID | None:
        """The id of a record, kept or not. Raises StoreUnavailable."""
        kept = self.get(key)
        if kept is not None:
            return kept.record
        with self._log.connection() as conn:
            return self._find(conn, [key]).get(key)

    def load(self, key: Key) -> Known | None:
        """The record as kept, else as it is. Raises StoreUnavailable, LogBroken, UnknownEvent."""
        kept = self.get(key)
        return kept if kept is not None else self.load_many([key]).get(key)

    def refresh(self, key: Key) -> Known | None:
        """The record as it is: what is kept, and the events since. The very same object where there are none."""
        kept, disposals = self.get(key), self.disposals
        if kept is None:
            return self.load(key)
        since = self._log.read_stream(f"record/{kept.record}", kept.version)
        if disposals != self.disposals:
            return self.load(key)  # perhaps it is gone
        return self._folded(kept.record, since, kept, disposals) if since else kept

    def load_many(self, keys: Sequence[Key]) -> dict[Key, Known]:
        """Records by key, read in two queries and kept; a record that there is not is left out."""
        disposals = self.disposals
        with self._log.connection() as conn:
            records = self._find(conn, keys)
            streams = [f"record/{record}" for record in records.values()]
            recorded = self._log.open(conn, *self._log.reader.events_at_once(conn, streams)) if streams else []
        events: dict[str, list[Recorded]] = {}
        for one in recorded:
            events.setdefault(one.stream, []).append(one)
        found: dict[Key, Known] = {}
        for key, record in records.items():
            said = events[f"record/{record}"]
            # One that was destroyed between the two queries is not there.
            if not isinstance(said[0].event, Erased):
                found[key] = self._folded(record, said, None, disposals)
        return found

    def _folded(self, record: uuid.UUID, recorded: Sequence[Recorded], before: Known | None, disposals: int) -> Known:
        try:
            state = fold((one.event for one in recorded), None if before is None else before.state)
        except IntegrityBroken as broken:
            self._log.sequencer.stop(broken)
            raise
        assert state is not None
        if any(isinstance(one.event, Erased) for one in recorded):
            with self._log.connection() as conn:
                state = with_erased(state, _rows_of(conn, record))
        known = Known(record, str(record), recorded[-1].version, recorded[-1].position, state)
        self.keep(known, disposals)
        return known

    def _forget(self) -> None:
        """Something was destroyed since the last look, and perhaps one of these: they are read again."""
        with self._lock:
            self._kept.clear()
            self._disposals = self.disposals

    def _find(self, conn: psycopg.Connection[object], keys: Sequence[Key]) -> dict[Key, uuid.UUID]:
        with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(
                "select state, state_student_id, record_id from ledger.records"
                " where (state, state_student_id) in (select * from unnest(%s::text[], %s::text[]))",
                ([state for state, _ in keys], [ssid for _, ssid in keys]),
                prepare=True,
            )
            return {(state, ssid): record for state, ssid, record in cursor.fetchall()}


def _rows_of(conn: psycopg.Connection[object], record: uuid.UUID) -> bytes:
    query = "select rows from ledger.records where record_id = %s"
    row = conn.cursor(row_factory=tuple_row, binary=True).execute(query, (record,)).fetchone()
    return b"" if row is None else row[0]
