"""One writer per process and log: takes what is waiting and commits it together (group commit).

Callers hand over sealed appends and wait for a receipt. No timer anywhere: the writer sleeps until something waits,
then takes all that waits, up to a bound. While one group is with the disk, the next one gathers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import psycopg
import structlog

from ledger import telemetry
from ledger.errors import LedgerError, OutcomeUnknown, StoreUnavailable
from ledger.store import arrays
from ledger.store.append import Receipt, SealedAppend
from ledger.store.commit import commit_group, statements
from ledger.store.database import translate

Outcome = Receipt | LedgerError
_log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 15.0
"""How long a group whose connection went is looked after before its callers are told that the outcome is unknown."""


class _Waiting:
    """An append and whoever waits for it: a thread by ``future``, a coroutine by ``loop`` and ``awaited``."""

    __slots__ = ("append", "awaited", "future", "loop")

    def __init__(
        self,
        append: SealedAppend,
        future: Future[Receipt] | None,
        loop: asyncio.AbstractEventLoop | None = None,
        awaited: asyncio.Future[Receipt] | None = None,
    ) -> None:
        self.append = append
        self.future = future
        self.loop = loop
        self.awaited = awaited


class Sequencer:
    """The writer thread of one log.

    connect: opens a connection as writer. clock: the time, UTC. group_events_max: most events in one commit.
    """

    def __init__(
        self,
        log: str,
        connect: Callable[[], psycopg.Connection[Any]],
        clock: Callable[[], datetime],
        *,
        group_events_max: int = 20_000,
    ) -> None:
        self.log = log
        self._connect = connect
        self._clock = clock
        self._group_events_max = group_events_max
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._conn: psycopg.Connection[Any] | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._seconds = telemetry.APPEND_SECONDS.labels(log)
        self._appends = telemetry.GROUP_APPENDS.labels(log)
        self._events = telemetry.APPENDED_EVENTS.labels(log)

    def submit(self, append: SealedAppend) -> Future[Receipt]:
        """Hand over an append; the future raises what commit_group left it out for, StoreUnavailable, OutcomeUnknown."""
        future: Future[Receipt] = Future()
        self._put(_Waiting(append, future))
        return future

    def submit_async(self, append: SealedAppend) -> asyncio.Future[Receipt]:
        """As ``submit``, for the running event loop: a whole group wakes its loop once."""
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[Receipt] = loop.create_future()
        self._put(_Waiting(append, None, loop, awaited))
        return awaited

    @property
    def alive(self) -> bool:
        """Whether the writer can take appends."""
        return not self._closed and (self._thread is None or self._thread.is_alive())

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._starting:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join()
        self._drop()

    # -- inside

    def _put(self, waiting: _Waiting) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._closed:
                    thread = threading.Thread(target=self._run, name=f"sequencer-{self.log}", daemon=True)
                    thread.start()
                    self._thread = thread
        if self._closed:
            raise StoreUnavailable("The ledger is closing.", remedy="Send it again to a running service.")
        self._queue.put(waiting)

    def _run(self) -> None:
        last = False
        while not last:
            first = self._queue.get()
            if first is None:
                return
            group, size = [first], first.append.size()
            while size < self._group_events_max and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    last = True
                    break
                group.append(more)
                size += more.append.size()
            started = time.perf_counter()
            outcomes = self._write([waiting.append for waiting in group])
            _resolve(group, outcomes)
            self._seconds.observe(time.perf_counter() - started)
            self._appends.observe(len(group))
            self._events.inc(sum(w.append.size() for w, o in zip(group, outcomes, strict=True) if _wrote(o)))

    def _write(self, group: Sequence[SealedAppend]) -> list[Outcome]:
        """Commit a group; when the database refuses the whole of it, one by one."""
        try:
            return self._commit(group)
        except LedgerError as e:
            return [e] * len(group)
        except psycopg.Error as e:
            refused = translate(e) or e
            if len(group) > 1 and not isinstance(refused, StoreUnavailable):
                _log.warning("group refused, committing one by one", log=self.log, error=type(e).__name__)
                return [outcome for append in group for outcome in self._write([append])]
            _log.error("append refused by the database", log=self.log, error=type(e).__name__)
            return [refused if isinstance(refused, LedgerError) else _defect(e)] * len(group)
        except Exception as e:  # the writer thread must outlive a defect: its caller gets it, the next one is served
            _log.exception("append failed", log=self.log)
            return [_defect(e)] * len(group)

    def _commit(self, group: Sequence[SealedAppend]) -> list[Outcome]:
        conn = self._connection()
        try:
            return commit_group(conn, self.log, group, self._clock())
        except psycopg.Error:
            if not conn.closed:
                raise
            self._drop()
        # The connection went. Perhaps COMMIT had reached the server: only the log can tell, once whatever is left of
        # that transaction has let go of the head row.
        committed = self._find_out(group)
        if committed is not None:
            return committed
        return commit_group(self._connection(), self.log, group, self._clock())

    def _find_out(self, group: Sequence[SealedAppend]) -> list[Outcome] | None:
        """Receipts if the group is in the log after all, None if it is certainly not. Raises OutcomeUnknown."""
        first = next((e for append in group for part in append.parts for e in part.events), None)
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                conn = self._connection()
                with conn.transaction():
                    conn.execute(statements(self.log)["lock"])
                    if first is None:
                        return None
                    found = conn.execute(
                        f"select position from {self.log}.events where stream = %s and event_id = encode(%s, 'hex')::uuid",  # type: ignore[arg-type]  # noqa: S608
                        (first.originator_id, first.event_id),
                    ).fetchone()
                    if found is None:
                        return None
                    return [self._receipt(conn, append) for append in group]
            except (psycopg.Error, LedgerError) as e:
                self._drop()
                if time.monotonic() > deadline:
                    raise OutcomeUnknown(
                        "PostgreSQL went away while the commit was under way; whether it is recorded is not known.",
                        remedy="Send it again with the same Idempotency-Key: it is then recorded once.",
                    ) from e
                time.sleep(0.1)

    def _receipt(self, conn: psycopg.Connection[Any], append: SealedAppend) -> Outcome:
        events = [e for part in append.parts for e in part.events]
        rows = conn.execute(
            f"select position, stream, version from {self.log}.events"  # type: ignore[arg-type]  # noqa: S608
            " where stream = any(%s) and event_id = any(%s::uuid[]) order by position",
            ([part.stream for part in append.parts], [e.event_id.hex() for e in events]),
        ).fetchall()
        if len(rows) != len(events):
            return StoreUnavailable("It was left out of its group.", remedy="Send it again.")
        return Receipt(
            position=rows[-1][0] if rows else 0, versions={row[1]: row[2] for row in rows}, answer=append.answer
        )

    def _connection(self) -> psycopg.Connection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = self._connect()
            arrays.register(self._conn)
        return self._conn

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()


def _wrote(outcome: Outcome) -> bool:
    return isinstance(outcome, Receipt) and not outcome.replayed


def _defect(error: Exception) -> LedgerError:
    """A defect of ours, told as unavailable: nothing was written."""
    problem = StoreUnavailable("The ledger could not write this; nothing was written.", remedy="See the service's log.")
    problem.__cause__ = error
    return problem


def _resolve(group: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Receipt], Outcome]]] = {}
    for waiting, outcome in zip(group, outcomes, strict=True):
        if waiting.loop is not None and waiting.awaited is not None:
            by_loop.setdefault(waiting.loop, []).append((waiting.awaited, outcome))
        elif waiting.future is not None:
            if isinstance(outcome, Receipt):
                waiting.future.set_result(outcome)
            else:
                waiting.future.set_exception(outcome)
    for loop, answered in by_loop.items():
        with suppress(RuntimeError):  # the loop has closed: nobody is left to hear
            loop.call_soon_threadsafe(_answer, answered)


def _answer(answered: Sequence[tuple[asyncio.Future[Receipt], Outcome]]) -> None:
    for awaited, outcome in answered:
        if awaited.done():
            continue  # the client went away; what was written stays written
        if isinstance(outcome, Receipt):
            awaited.set_result(outcome)
        else:
            awaited.set_exception(outcome)
