"""One transaction of the sequencer: lock, check, number, hash, insert, guard, commit.

Crash points: until COMMIT has returned, nothing of a group is durable and a restart finds the log as it was. Once it
has returned, all of the group is durable, answered or not: who heard nothing asks again with his key.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from psycopg.rows import tuple_row

from ledger.errors import IdempotencyKeyReused, LedgerError, LogBroken, StaleDecision
from ledger.store import disposing, faults, hold_guards, pending, relinking, standings
from ledger.store.append import Answer, Receipt, SealedAppend, UploadRow
from ledger.store.arrays import byteas, int2s, int8s, texts, uuids
from ledger.store.canonical import entry, leaf
from ledger.store.mapper import SealedEvent
from ledger.store.relinking import LinkageGuards, Relinking

UPLOADS_CHANNEL = "ledger_uploads"
"""Announces that a file waits to be applied."""

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


class LostBeforeCommit(Exception):
    """The connection went, and COMMIT had not been sent: nothing was written, and nothing will be."""


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def commit_group(
    conn: psycopg.Connection[Any],
    log: str,
    group: Sequence[SealedAppend],
    now: datetime,
    catch_up: Callable[[psycopg.Connection[Any]], object] = lambda _: None,
) -> list[Receipt | LedgerError]:
    """Commit a group of appends to a log in one transaction of this connection (autocommit, as writer,
    with ``arrays.register``). catch_up: has the vault learn what was destroyed since some of them were sealed.

    Per append its receipt, or the error for which it alone was left out: StaleDecision, IdempotencyKeyReused.
    Any exception means that nothing was committed, unless the connection is closed: then only a look at the log tells.
    Raises LostBeforeCommit where the connection went and that look is not needed.
    """
    # Nothing is locked or written yet.
    faults.point("sequencer.before-lock")
    transaction = _Transaction(conn, log, now, catch_up)
    try:
        outcomes = transaction.run(group)
    except BaseException as e:
        if not conn.closed:
            try:
                conn.execute("rollback")
            except psycopg.Error:
                conn.close()
        if conn.closed and isinstance(e, psycopg.Error) and not transaction.commit_sent:
            raise LostBeforeCommit from e
        raise
    if transaction.rows:
        # Durable, and nobody has been answered.
        faults.point("sequencer.after-commit")
    return outcomes


class _Transaction:
    """The state of one group while it is written."""

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        log: str,
        now: datetime,
        catch_up: Callable[[psycopg.Connection[Any]], object],
    ) -> None:
        self.conn = conn
        self.catch_up = catch_up
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
        self.linkage: LinkageGuards | None = None
        self.relinked: list[Relinking] = []
        self.asked: pending.Asked | None = None
        self.taken: standings.Taken | None = None
        self.disposals = 0
        self.keys_gone: frozenset[bytes] = frozenset()
        self.lost: frozenset[str] = frozenset()
        self.commit_sent = False

    def run(self, group: Sequence[SealedAppend]) -> list[Receipt | LedgerError]:
        partitions_end = self._lock_and_read(group)
        outcomes = [self._place(append) for append in group]
        if not self.rows and not self.new_answers and not any(append.upload for append in self.written):
            self.conn.execute("rollback")
            return outcomes
        last = self.position
        # Made ahead as a rule (``partition_ahead``); a group that is longer than what is left makes them here.
        while last >= partitions_end:
            partitions_end = self._one("add_partition")[0]
        leaves = self._insert_events(last - len(self.rows) + 1)
        self._finish(last, leaves)
        return outcomes

    # -- lock and read: after the lock nobody else gives positions, so what is read now holds until we commit

    def _lock_and_read(self, group: Sequence[SealedAppend]) -> int:
        streams = list({part.stream for append in group for part in append.parts})
        keys = [(a.answer.scope, a.answer.key) for a in group if a.answer is not None]
        openings = [(o.state, o.state_student_id) for a in group for o in a.opened]
        params = (
            texts(streams),
            texts([k[0] for k in keys]),
            texts([k[1] for k in keys]),
            texts([o[0] for o in openings]),
            texts([o[1] for o in openings]),
        )
        disposes = any(append.destroys for append in group)
        with self.conn.pipeline():
            self.conn.execute("begin")
            if disposes:
                disposing.wait_for_matcher(self.conn)
            row = self._execute("begin_append", *params).fetchone()
        if row is None or row[0] is None:
            raise LogBroken(f"Log {self.log} has no head row.", remedy="Run `sojourn doctor`.")
        self.position, recorded_us, partitions_end, _, versions, answers, opened, self.disposals = row
        if disposes:
            disposing.stop_others(self.conn)
        self.versions = dict(zip(streams, versions, strict=True))
        for scope, key, request_hash, status, position, ids in answers or ():
            first = Answer(scope=scope, key=key, request_hash=bytes.fromhex(request_hash), status=status, ids=ids)
            self.answered[scope, key] = (position, first)
        self.opened = {opening for opening, there in zip(openings, opened or (), strict=True) if there}
        behind = [append for append in group if append.disposals < self.disposals]
        if behind:
            self.catch_up(self.conn)
            self.keys_gone = disposing.keys_among(self.conn, {key for append in behind for key in append.sealed_by})
            guarded = {str(uuid.UUID(bytes=record)) for append in behind for record in append.rows}
            self.lost = disposing.lost_since(self.conn, guarded, min(append.disposals for append in behind))
        relinked = [append.relinked for append in group if append.relinked is not None]
        if relinked:
            self.linkage = LinkageGuards(self.conn, relinked)
        self.asked = pending.Asked(self.conn, [standing for append in group for standing in append.cases])
        self.taken = standings.Taken(self.conn, [standing for append in group for standing in append.accounts])
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
        if not self.keys_gone.isdisjoint(append.sealed_by):
            # Nobody could ever read it. Whoever looks again finds what is left.
            return StaleDecision("A key that seals this was destroyed meanwhile.", remedy="Decide anew.")
        if append.disposals < self.disposals and any(str(uuid.UUID(bytes=r)) in self.lost for r in append.rows):
            # Its guard rows would tell again of what is gone as though it were there.
            return StaleDecision("Something of the record was destroyed meanwhile.", remedy="Decide anew.")
        for opening in append.opened:
            if (opening.state, opening.state_student_id) in self.opened:
                return StaleDecision("The record was opened meanwhile.", remedy="Decide anew.")
        assert self.asked is not None
        assert self.taken is not None
        refusal = self.asked.refusal(append.cases) or self.taken.refusal(append.accounts)
        if append.destroys is not None:
            now = _EPOCH + timedelta(microseconds=self.now_us)
            refusal = refusal or disposing.refusal(self.conn, append.destroys, now)
        if refusal is not None:
            return refusal
        if append.relinked is not None:
            assert self.linkage is not None
            refusal = self.linkage.refusal(append.relinked)
            if refusal is not None:
                return refusal
            self.relinked.append(relinking.relinking(append, append.relinked, self.position + 1))
        self.asked.note(append.cases)
        self.taken.note(append.accounts)
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
                        event.originator_id,
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
            stream, topic = event.originator_id.encode(), event.topic.encode()
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
        """Write guards, answers and the head, and small groups' events, in one statement, and commit."""
        first = last - len(self.rows) + 1
        written: list[tuple[str, tuple[object, ...]]] = [("head", (last, self.now_us))]
        if 0 < len(self.rows) < COPY_FROM_EVENTS:
            written.append(("events", self._event_arrays(first, leaves)))
        if self.rows:
            written.append(("heads", self._head_arrays(first, leaves)))
        written += self._guards()
        if self.new_answers:
            written.append(("answers", self._answer_arrays()))
        moved = {a.moved.name: a.moved.position for a in self.written if a.moved is not None}
        uploads = [a.upload for a in self.written if a.upload is not None]
        if uploads:
            written.append(("uploads", self._upload_arrays(uploads)))
        if moved:
            written.append(("positions", (texts(list(moved)), int8s(list(moved.values())))))
        self._dispose(first)
        query = _write_statement(self.log, tuple(name for name, _ in written))
        params = [param for _, given in written for param in given]
        with self.conn.pipeline() as pipeline:
            self.conn.cursor(binary=True).execute(query, [*params, str(last)], prepare=True)
            relinking.write(self.conn, self.relinked)
            pending.write(self.conn, (standing for append in self.written for standing in append.cases))
            standings.write(self.conn, (standing for append in self.written for standing in append.accounts))
            hold_guards.write(self.conn, (standing for append in self.written for standing in append.holds))
            if faults.armed("sequencer.before-commit"):
                pipeline.sync()
                # Everything is with the server and checked, save what is checked at commit; nothing is durable.
                faults.point("sequencer.before-commit")
            # An error of the statement skips this; the pipeline raises it and the caller rolls back.
            self.commit_sent = True
            self.conn.execute("commit")

    def _dispose(self, first: int) -> None:
        """What goes with the appends; the events that say so are written next, and all of it is committed together."""
        for append in self.written:
            if append.destroys is not None:
                disposing.write(self.conn, append.destroys, first)
            first += append.size()

    def _event_arrays(self, first: int, leaves: list[bytes]) -> tuple[object, ...]:
        events = [event for event, _ in self.rows]
        return (
            self.now_us,
            int8s(range(first, first + len(events))),
            texts([e.originator_id for e in events]),
            int8s([version for _, version in self.rows]),
            texts([e.topic for e in events]),
            uuids([e.event_id for e in events]),
            uuids([e.key_id for e in events]),
            byteas([e.key_check for e in events]),
            byteas([e.state for e in events]),
            byteas(leaves),
        )

    def _head_arrays(self, first: int, leaves: list[bytes]) -> tuple[object, ...]:
        streams: dict[str, tuple[int, int, bytes]] = {}
        for index, (event, version) in enumerate(self.rows):
            streams[event.originator_id] = (version, first + index, leaves[index])
        return (
            texts(list(streams)),
            int8s([v[0] for v in streams.values()]),
            int8s([v[1] for v in streams.values()]),
            byteas([v[2] for v in streams.values()]),
        )

    def _answer_arrays(self) -> tuple[object, ...]:
        answers = [answer for answer, _ in self.new_answers]
        return (
            self.now_us,
            texts([a.scope for a in answers]),
            texts([a.key for a in answers]),
            byteas([a.request_hash for a in answers]),
            int2s([a.status for a in answers]),
            int8s([position for _, position in self.new_answers]),
            texts([orjson.dumps(a.ids).decode() for a in answers]),
        )

    def _upload_arrays(self, uploads: Sequence[UploadRow]) -> tuple[object, ...]:
        return (
            self.now_us,
            uuids([u.upload for u in uploads]),
            texts([u.submission for u in uploads]),
            uuids([u.host for u in uploads]),
            texts([u.actor for u in uploads]),
            int2s([u.late for u in uploads]),
            uuids([u.key_id for u in uploads]),
            byteas([u.spool_key for u in uploads]),
        )

    def _guards(self) -> list[tuple[str, tuple[object, ...]]]:
        written: list[tuple[str, tuple[object, ...]]] = []
        opened = [o for a in self.written for o in a.opened]
        rows: dict[bytes, bytes] = {}
        for append in self.written:
            rows.update(append.rows)
        if opened:
            arrays = (
                uuids([o.record_id for o in opened]),
                texts([o.state for o in opened]),
                texts([o.state_student_id for o in opened]),
                texts([o.student_id for o in opened]),
                byteas([rows.pop(o.record_id, b"") for o in opened]),
            )
            written.append(("records", arrays))
        if rows:
            written.append(("rows", (uuids(list(rows)), byteas(list(rows.values())))))
        blocks = [a.block for a in self.written if a.block is not None]
        if blocks:
            arrays = (
                texts([b.submission for b in blocks]),
                int8s([b.chunk for b in blocks]),
                uuids([b.block_id for b in blocks]),
                uuids([b.key_id for b in blocks]),
                byteas([b.text for b in blocks]),
            )
            written.append(("responses", arrays))
        keys = [k for a in self.written for k in a.new_keys]
        if keys:
            arrays = (
                self.now_us,
                uuids([k.key.key_id for k in keys]),
                texts([k.subject[0] for k in keys]),
                texts([k.subject[1] for k in keys]),
                byteas([k.wrapped for k in keys]),
                byteas([k.wrapped_by for k in keys]),
            )
            written.append(("keys", arrays))
        return written

    def _execute(self, name: str, *params: object) -> psycopg.Cursor[Any]:
        cursor = self.conn.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(self.sql[name], params or None, prepare=True)

    def _one(self, name: str) -> tuple[Any, ...]:
        row = self._execute(name).fetchone()
        assert row is not None
        return row


_US = "timestamptz 'epoch' + %s * interval '1 microsecond'"
_STATEMENTS = {
    "begin_append": "select * from {log}.begin_append(%s, %s, %s, %s, %s)",
    "lock": "select position from {log}.head for update",
    "add_partition": "select {log}.add_partition()",
    "copy": "copy {log}.events (position, stream, version, topic, event_id, recorded_at, key_id, key_check, body, leaf)"
    " from stdin (format binary)",
}
_WRITES = {
    "head": f"update {{log}}.head set position = %s, recorded_at = {_US} returning 1",
    "events": "insert into {log}.events"
    " (position, stream, version, topic, event_id, recorded_at, key_id, key_check, body, leaf)"
    f" select p, s, v, t, e, {_US}, k, c, b, l from unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[],"
    " %s::uuid[], %s::uuid[], %s::bytea[], %s::bytea[], %s::bytea[]) as n(p, s, v, t, e, k, c, b, l)",
    "heads": "insert into {log}.heads (stream, version, position, leaf)"
    " select * from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bytea[])"
    " on conflict (stream) do update"
    " set version = excluded.version, position = excluded.position, leaf = excluded.leaf",
    "records": "insert into ledger.records (record_id, state, state_student_id, minted, student_id, rows)"
    " select r, s, i, m, m, p from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bytea[])"
    " as n(r, s, i, m, p)",
    "rows": "update ledger.records r set rows = n.rows"
    " from unnest(%s::uuid[], %s::bytea[]) as n(record_id, rows) where r.record_id = n.record_id",
    "keys": "insert into vault.keys (key_id, subject, class, wrapped, wrapped_by, created_at)"
    f" select k, s, c, w, b, {_US} from unnest(%s::uuid[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])"
    " as n(k, s, c, w, b)",
    # A group that is sent again, because its commit's answer was lost, may find it there.
    "uploads": "insert into ledger.uploads"
    " (upload, submission, state, host, actor, late, received_at, status, key_id, spool_key)"
    f" select u, s, left(s, 2), h, a, l = 1, {_US}, 'waiting', k, b from unnest(%s::uuid[], %s::text[], %s::uuid[],"
    " %s::text[], %s::smallint[], %s::uuid[], %s::bytea[]) as n(u, s, h, a, l, k, b) on conflict (upload) do nothing",
    "responses": "insert into ledger.responses (submission, chunk, block_id, key_id, block)"
    " select * from unnest(%s::text[], %s::bigint[], %s::uuid[], %s::uuid[], %s::bytea[])",
    "positions": "insert into tracking.positions (application_name, notification_id)"
    " select * from unnest(%s::text[], %s::bigint[]) on conflict (application_name) do update"
    " set notification_id = excluded.notification_id"
    " where tracking.positions.notification_id < excluded.notification_id",
    "answers": "insert into ledger.answers (scope, key, request_hash, status, position, ids, answered_at)"
    f" select s, k, h, t, p, i::jsonb, {_US} from unnest(%s::text[], %s::text[], %s::bytea[], %s::smallint[],"
    " %s::bigint[], %s::text[]) as n(s, k, h, t, p, i)",
}


@lru_cache
def statements(log: str) -> dict[str, bytes]:
    """The statements of one log."""
    assert log.isidentifier()
    return {name: text.replace("{log}", log).encode() for name, text in _STATEMENTS.items()}


@lru_cache
def _write_statement(log: str, names: tuple[str, ...]) -> bytes:
    """One statement that makes these writes and announces them: one plan, one round trip."""
    writes = ", ".join(f"{name}_ as ({_WRITES[name]})" for name in names)
    uploads = f", pg_notify('{UPLOADS_CHANNEL}', '')" if "uploads" in names else ""
    return f"with {writes} select pg_notify('{{log}}_events', %s){uploads}".replace("{log}", log).encode()
