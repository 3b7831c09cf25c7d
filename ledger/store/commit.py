"""One transaction of the sequencer: lock, check, number, hash, insert, guard, commit.

Crash points: until COMMIT has returned, nothing of a group is durable and a restart finds the log as it was. Once it
has returned, all of the group is durable, answered or not: who heard nothing asks again with his key.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed

from ledger.errors import IdempotencyKeyReused, LedgerError, LogBroken, StaleDecision
from ledger.store import faults
from ledger.store.append import Answer, Receipt, SealedAppend
from ledger.store.arrays import byteas, int2s, int8s, texts, uuids
from ledger.store.canonical import entry, leaf
from ledger.store.mapper import SealedEvent

COPY_FROM_EVENTS = 400
"""From this many events on, COPY BINARY beats one INSERT of arrays."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PG_EPOCH_US = 946_684_800_000_000
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_I4 = struct.Struct(">i").pack
_ROW_START = struct.Struct(">hiqi").pack
_INT8 = struct.Struct(">iq").pack
_LEN_16, _LEN_32 = _I4(16), _I4(32)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def commit_group(
    conn: psycopg.Connection[Any], log: str, group: Sequence[SealedAppend], now: datetime
) -> list[Receipt | LedgerError]:
    """Commit a group of appends to a log in one transaction of this connection (autocommit, as writer,
    with ``arrays.register``).

    Per append its receipt, or the error for which it alone was left out: StaleDecision, IdempotencyKeyReused.
    Any exception means that nothing was committed, unless the connection is closed: then only a look at the log tells.
    """
    # Nothing is locked or written yet.
    faults.point("sequencer.before-lock")
    transaction = _Transaction(conn, log, now)
    try:
        outcomes = transaction.run(group)
    except BaseException:
        if not conn.closed:
            try:
                conn.execute("rollback")
            except psycopg.Error:
                conn.close()
        raise
    if transaction.rows:
        # Durable, and nobody has been answered.
        faults.point("sequencer.after-commit")
    return outcomes


class _Transaction:
    """The state of one group while it is written."""

    def __init__(self, conn: psycopg.Connection[Any], log: str, now: datetime) -> None:
        self.conn = conn
        self.log = log
        self.sql = statements(log)
        self.now_us = microseconds(now)
        self.position = 0
        self.versions: dict[str, int] = {}
        self.answered: dict[tuple[str, str], tuple[int, Answer]] = {}
        self.opened: set[tuple[str, str]] = set()
        self.rows: list[tuple[SealedEvent, int]] = []
        self.touched: dict[str, int] = {}
        self.written: list[SealedAppend] = []
        self.new_answers: list[tuple[Answer, int]] = []

    def run(self, group: Sequence[SealedAppend]) -> list[Receipt | LedgerError]:
        partitions_end = self._lock_and_read(group)
        outcomes = [self._place(append) for append in group]
        if not self.rows and not self.new_answers:
            self.conn.execute("rollback")
            return outcomes
        last = self.position
        while last >= partitions_end:
            partitions_end = self._one("add_partition")[0]
        leaves = self._insert_events(last - len(self.rows) + 1)
        self._finish(last, leaves)
        return outcomes

    # -- lock and read: after the lock nobody else gives positions, so what is read now holds until we commit

    def _lock_and_read(self, group: Sequence[SealedAppend]) -> int:
        streams = {part.stream for append in group for part in append.parts}
        keys = [(a.answer.scope, a.answer.key) for a in group if a.answer is not None]
        openings = [(o.state, o.state_student_id) for a in group for o in a.opened]
        with self.conn.pipeline() as pipeline:
            self.conn.execute("begin")
            head = self._execute("lock")
            heads = self._execute("heads", texts(list(streams)))
            answers = self._execute("answers", texts([k[0] for k in keys]), texts([k[1] for k in keys])) if keys else None
            records = (
                self._execute("records", texts([o[0] for o in openings]), texts([o[1] for o in openings]))
                if openings
                else None
            )
            pipeline.sync()
            row = head.fetchone()
            if row is None:
                raise LogBroken(f"Log {self.log} has no head row.", remedy="Run `sojourn doctor`.")
            self.position, recorded_us, partitions_end = row
            self.versions = {stream: version for stream, version in heads}
            for scope, key, request_hash, status, position, ids in answers or ():
                first = Answer(scope=scope, key=key, request_hash=request_hash, status=status, ids=ids)
                self.answered[scope, key] = (position, first)
            self.opened = {(state, ssid) for state, ssid in records or ()}
        if recorded_us is not None:
            # A clock that steps back does not take the ledger with it.
            self.now_us = max(self.now_us, recorded_us)
        return partitions_end

    # -- place: each append sees what those before it in the group did

    def _place(self, append: SealedAppend) -> Receipt | LedgerError:
        if append.answer is not None:
            before = self.answered.get((append.answer.scope, append.answer.key))
            if before is not None:
                position, first = before
                if first.request_hash != append.answer.request_hash:
                    return IdempotencyKeyReused(
                        "This Idempotency-Key came before with another request.", remedy="Take a new key."
                    )
                return Receipt(position=position, versions={}, replayed=True, answer=first)
        for part in append.parts:
            if part.expected is not None and self.versions.get(part.stream, 0) != part.expected:
                return StaleDecision(f"Stream {part.stream} has moved on.", remedy="Decide anew.")
        for opening in append.opened:
            if (opening.state, opening.state_student_id) in self.opened:
                return StaleDecision("The record was opened meanwhile.", remedy="Decide anew.")
        self.opened.update((o.state, o.state_student_id) for o in append.opened)
        versions = {}
        for part in append.parts:
            version = self.versions.get(part.stream, 0)
            for event in part.events:
                version += 1
                self.rows.append((event, version))
            self.versions[part.stream] = versions[part.stream] = version
        self.position += append.size()
        self.written.append(append)
        if append.answer is not None:
            self.answered[append.answer.scope, append.answer.key] = (self.position, append.answer)
            self.new_answers.append((append.answer, self.position))
        return Receipt(position=self.position, versions=versions, answer=append.answer)

    # -- write

    def _insert_events(self, first: int) -> list[bytes]:
        leaves = []
        position, now_us = first, self.now_us
        for event, version in self.rows:
            leaves.append(
                leaf(
                    entry(
                        position,
                        event.originator_id,  # type: ignore[arg-type]
                        version,
                        event.topic,
                        event.event_id,
                        now_us,
                        event.key_id,
                        event.key_check,
                        event.state,
                    )
                )
            )
            position += 1
        if len(self.rows) >= COPY_FROM_EVENTS:
            self._copy_events(first, leaves)
        return leaves

    def _copy_events(self, first: int, leaves: list[bytes]) -> None:
        parts = [_COPY_HEADER]
        recorded = _INT8(8, self.now_us - _PG_EPOCH_US)
        position = first
        for (event, version), leaf_hash in zip(self.rows, leaves, strict=True):
            stream, topic = event.originator_id.encode(), event.topic.encode()  # type: ignore[union-attr]
            parts += (
                _ROW_START(10, 8, position, len(stream)),
                stream,
                _INT8(8, version),
                _I4(len(topic)),
                topic,
                _LEN_16,
                event.event_id,
                recorded,
                _LEN_16,
                event.key_id,
                _LEN_32,
                event.key_check,
                _I4(len(event.state)),
                event.state,
                _LEN_32,
                leaf_hash,
            )
            position += 1
        parts.append(_COPY_END)
        with self.conn.cursor() as cursor, cursor.copy(self.sql["copy"]) as copy:
            copy.write(b"".join(parts[: len(parts) // 2]))
            # Half the rows are with the server, in a transaction that has not committed.
            faults.point("sequencer.in-copy")
            copy.write(b"".join(parts[len(parts) // 2 :]))

    def _finish(self, last: int, leaves: list[bytes]) -> None:
        first = last - len(self.rows) + 1
        streams: dict[str, tuple[int, int, bytes]] = {}
        for index, (event, version) in enumerate(self.rows):
            streams[event.originator_id] = (version, first + index, leaves[index])  # type: ignore[index]
        with self.conn.pipeline() as pipeline:
            if 0 < len(self.rows) < COPY_FROM_EVENTS:
                events = [event for event, _ in self.rows]
                self._execute(
                    "insert",
                    self.now_us,
                    int8s(range(first, last + 1)),
                    texts([e.originator_id for e in events]),  # type: ignore[misc]
                    int8s([version for _, version in self.rows]),
                    texts([e.topic for e in events]),
                    uuids([e.event_id for e in events]),
                    uuids([e.key_id for e in events]),
                    byteas([e.key_check for e in events]),
                    byteas([e.state for e in events]),
                    byteas(leaves),
                )
            if streams:
                self._execute(
                    "set_heads",
                    texts(list(streams)),
                    int8s([v[0] for v in streams.values()]),
                    int8s([v[1] for v in streams.values()]),
                    byteas([v[2] for v in streams.values()]),
                )
            self._guards()
            if self.new_answers:
                answers = [answer for answer, _ in self.new_answers]
                self._execute(
                    "set_answers",
                    self.now_us,
                    texts([a.scope for a in answers]),
                    texts([a.key for a in answers]),
                    byteas([a.request_hash for a in answers]),
                    int2s([a.status for a in answers]),
                    int8s([position for _, position in self.new_answers]),
                    texts([orjson.dumps(a.ids).decode() for a in answers]),
                )
            self._execute("set_head", last, self.now_us)
            if self.rows:
                self._execute("notify", str(last))
            pipeline.sync()
            # Everything is with the server and checked, save what is checked at commit; nothing is durable.
            faults.point("sequencer.before-commit")
            self.conn.execute("commit")
            pipeline.sync()

    def _guards(self) -> None:
        opened = [o for a in self.written for o in a.opened]
        rows: dict[bytes, bytes] = {}
        for append in self.written:
            rows.update(append.rows)
        if opened:
            self._execute(
                "open_records",
                uuids([o.record_id for o in opened]),
                texts([o.state for o in opened]),
                texts([o.state_student_id for o in opened]),
                texts([o.student_id for o in opened]),
                byteas([rows.pop(o.record_id, b"") for o in opened]),
            )
        if rows:
            self._execute("set_rows", uuids(list(rows)), byteas(list(rows.values())))
        keys = [k for a in self.written for k in a.new_keys]
        if keys:
            self._execute(
                "insert_keys",
                self.now_us,
                uuids([k.key.key_id for k in keys]),
                texts([k.subject[0] for k in keys]),
                texts([k.subject[1] for k in keys]),
                byteas([k.wrapped for k in keys]),
                byteas([k.wrapped_by for k in keys]),
            )

    def _execute(self, name: str, *params: object) -> psycopg.Cursor[Any]:
        cursor = self.conn.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(self.sql[name], params or None, prepare=True)

    def _one(self, name: str) -> tuple[Any, ...]:
        row = self._execute(name).fetchone()
        assert row is not None
        return row


_US = "timestamptz 'epoch' + %s * interval '1 microsecond'"
_STATEMENTS = {
    "lock": "select position, case when isfinite(recorded_at)"
    " then (extract(epoch from recorded_at) * 1000000)::bigint end, partitions_end from {log}.head for update",
    "heads": "select stream, version from {log}.heads where stream = any(%s)",
    "answers": "select scope, key, request_hash, status, position, ids from ledger.answers"
    " where (scope, key) in (select * from unnest(%s::text[], %s::text[]))",
    "records": "select state, state_student_id from ledger.records"
    " where (state, state_student_id) in (select * from unnest(%s::text[], %s::text[]))",
    "add_partition": "select {log}.add_partition()",
    "copy": "copy {log}.events (position, stream, version, topic, event_id, recorded_at, key_id, key_check, body, leaf)"
    " from stdin (format binary)",
    "insert": "insert into {log}.events"
    " (position, stream, version, topic, event_id, recorded_at, key_id, key_check, body, leaf)"
    f" select p, s, v, t, e, {_US}, k, c, b, l from unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[],"
    " %s::uuid[], %s::uuid[], %s::bytea[], %s::bytea[], %s::bytea[]) as n(p, s, v, t, e, k, c, b, l)",
    "set_heads": "insert into {log}.heads (stream, version, position, leaf)"
    " select * from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bytea[])"
    " on conflict (stream) do update"
    " set version = excluded.version, position = excluded.position, leaf = excluded.leaf",
    "open_records": "insert into ledger.records (record_id, state, state_student_id, student_id, rows)"
    " select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bytea[])",
    "set_rows": "update ledger.records r set rows = n.rows"
    " from unnest(%s::uuid[], %s::bytea[]) as n(record_id, rows) where r.record_id = n.record_id",
    "insert_keys": "insert into vault.keys (key_id, subject, class, wrapped, wrapped_by, created_at)"
    f" select k, s, c, w, b, {_US} from unnest(%s::uuid[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])"
    " as n(k, s, c, w, b)",
    "set_answers": "insert into ledger.answers (scope, key, request_hash, status, position, ids, answered_at)"
    f" select s, k, h, t, p, i::jsonb, {_US}"
    " from unnest(%s::text[], %s::text[], %s::bytea[], %s::smallint[], %s::bigint[], %s::text[]) as n(s, k, h, t, p, i)",
    "set_head": f"update {{log}}.head set position = %s, recorded_at = {_US}",
    "notify": "select pg_notify('{log}_events', %s)",
}


@lru_cache
def statements(log: str) -> dict[str, Composed]:
    """The statements of one log."""
    assert log.isidentifier()
    return {name: SQL(text.replace("{log}", log)).format() for name, text in _STATEMENTS.items()}  # type: ignore[arg-type]
