"""One writer per process and log: takes what is waiting and commits it together (group commit).

Callers hand over sealed appends and wait for a receipt. No timer anywhere: the writer sleeps until something waits,
then takes all that waits, up to a bound. While one group is with the disk, the next one gathers.

Whoever handed over an append is answered, whatever happens: what the database refuses, what the connection took with
it, a defect of ours, the end of the thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import psycopg
import structlog

from ledger import telemetry
from ledger.errors import IntegrityBroken, LedgerError, OutcomeUnknown, StoreUnavailable
from ledger.store import arrays
from ledger.store.append import Receipt, SealedAppend
from ledger.store.commit import LostBeforeCommit, commit_group, statements
from ledger.store.database import translate
from ledger.store.partitions import partition_ahead

Outcome = Receipt | LedgerError
_log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 15.0
"""How long a group whose connection went is looked after before its callers are told that the outcome is unknown."""

COMMIT_ATTEMPTS = 3
"""How often a group whose connection went, and that is certainly not in the log, is sent again."""

_SESSION = (
    # A lock that nobody lets go of becomes an error that callers hear, instead of a silence.
    "select set_config('lock_timeout', '30s', false),"
    # A process that is stopped in the middle of a group must not hold the head against all others.
    " set_config('idle_in_transaction_session_timeout', '60s', false),"
    # Answered means durable, whatever the database was told; 'local' and stricter are the operator's to choose.
    " case current_setting('synchronous_commit') when 'off' then set_config('synchronous_commit', 'on', false) end,"
    # What is read behind the lock must be what holds now, not what held before the wait for it.
    " set_config('default_transaction_isolation', 'read committed', false),"
    # The statements are few and their plans the same for every group, so they are planned once. A plan for the group
    # at hand costs as much as a small group itself, and on a small table it would read all of it.
    " set_config('plan_cache_mode', 'force_generic_plan', false)"
)
_LOOK_AGAIN_EVENTS = 100_000
"""After how many events partitions are looked at again where the look itself failed."""


class _Waiting:
    """An append and whoever waits for it: a thread by ``future``, a coroutine by ``loop`` and ``awaited``."""

    __slots__ = ("append", "awaited", "future", "loop", "size")

    def __init__(
        self,
        append: SealedAppend,
        future: Future[Receipt] | None,
        loop: asyncio.AbstractEventLoop | None = None,
        awaited: asyncio.Future[Receipt] | None = None,
    ) -> None:
        self.append = append
        self.size = append.size()
        self.future = future
        self.loop = loop
        self.awaited = awaited


class Sequencer:
    """The writer thread of one log.

    connect: opens a connection as writer. clock: the time, UTC. group_events_max: most events in one commit.
    catch_up: has the vault learn what was destroyed; called where an append was sealed before a disposal.
    """

    def __init__(
        self,
        log: str,
        connect: Callable[[], psycopg.Connection[Any]],
        clock: Callable[[], datetime],
        *,
        group_events_max: int = 20_000,
        catch_up: Callable[[psycopg.Connection[Any]], object] = lambda _: None,
    ) -> None:
        self.log = log
        self._catch_up = catch_up
        self._connect = connect
        self._clock = clock
        self._group_events_max = group_events_max
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._conn: psycopg.Connection[Any] | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._stopped: IntegrityBroken | None = None
        self._partition_look = 0
        self._seconds = telemetry.APPEND_SECONDS.labels(log)
        self._appends = telemetry.GROUP_APPENDS.labels(log)
        self._events = telemetry.APPENDED_EVENTS.labels(log)
        telemetry.STOPPED_WRITERS.labels(log)

    def submit(self, append: SealedAppend) -> Future[Receipt]:
        """Hand over an append; the future raises what commit_group left it out for, StoreUnavailable, OutcomeUnknown.

        Raises StoreUnavailable where it closes, IntegrityBroken where it stopped.

        A future that is cancelled before its turn is not written.
        """
        future: Future[Receipt] = Future()
        self._put(_Waiting(append, future))
        return future

    def submit_async(self, append: SealedAppend) -> asyncio.Future[Receipt]:
        """As ``submit``, for the running event loop: a whole group wakes its loop once."""
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[Receipt] = loop.create_future()
        self._put(_Waiting(append, None, loop, awaited))
        return awaited

    def stop(self, why: IntegrityBroken) -> None:
        """Take nothing more: the log is not what it must be, and what is written on top of it could not be trusted.

        Holds until the process starts again. What was handed over before is still written.
        """
        if self._stopped is None:
            _log.error("writing stops", log=self.log, error=why.code)
            self._stopped = why
            telemetry.STOPPED_WRITERS.labels(self.log).inc()

    @property
    def stopped(self) -> IntegrityBroken | None:
        """Why nothing more is taken, if so."""
        return self._stopped

    @property
    def alive(self) -> bool:
        """Whether the writer can take appends."""
        return not self._closed and self._stopped is None and (self._thread is None or self._thread.is_alive())

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._starting:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()
        self._drop()

    # -- inside

    def _put(self, waiting: _Waiting) -> None:
        # Under the lock: what is put is put before the end mark, so the writer sees it.
        with self._starting:
            if self._closed:
                raise _closing()
            if self._stopped is not None:
                raise _not_on_top_of(self._stopped)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=f"sequencer-{self.log}", daemon=True)
                thread.start()
                self._thread = thread
            self._queue.put(waiting)

    def _run(self) -> None:
        try:
            last = False
            while not last:
                group, last = self._gather()
                if group:
                    self._serve(group)
        finally:
            with self._starting:
                if not self._closed:
                    telemetry.STOPPED_WRITERS.labels(self.log).inc()  # by a defect: nobody asked it to end
                self._closed = True
                left = []
                while not self._queue.empty():
                    left.append(self._queue.get())
            left = [waiting for waiting in left if waiting is not None]
            _resolve(left, [_closing()] * len(left))

    def _gather(self) -> tuple[list[_Waiting], bool]:
        """All that waits, up to the bound; and whether it is the last. What its caller took back is left out."""
        group: list[_Waiting] = []
        size = 0
        while not group or (size < self._group_events_max and not self._queue.empty()):
            waiting = self._queue.get()
            if waiting is None:
                return group, True
            if waiting.future is None or waiting.future.set_running_or_notify_cancel():
                group.append(waiting)
                size += waiting.size
        return group, False

    def _serve(self, group: list[_Waiting]) -> None:
        started = time.perf_counter()
        outcomes: list[Outcome] = []
        try:
            outcomes = self._write([waiting.append for waiting in group])
        finally:
            _resolve(group, outcomes or [_unknown()] * len(group))
        self._seconds.observe(time.perf_counter() - started)
        self._appends.observe(len(group))
        self._events.inc(sum(w.size for w, o in zip(group, outcomes, strict=True) if _wrote(o)))
        self._look_at_partitions(max((o.position for o in outcomes if isinstance(o, Receipt)), default=0))

    def _write(self, group: Sequence[SealedAppend]) -> list[Outcome]:
        """Commit a group; when the database, or a defect, refuses the whole of it, one by one."""
        try:
            return self._commit(group)
        except LedgerError as e:
            return [e] * len(group)
        except Exception as e:  # the writer thread must outlive a defect: its caller gets it, the next one is served
            refused = translate(e) if isinstance(e, psycopg.Error) else None
            if len(group) > 1 and not isinstance(refused, StoreUnavailable):
                _log.warning("group refused, committing one by one", log=self.log, error=type(e).__name__)
                return [outcome for append in group for outcome in self._write([append])]
            if isinstance(e, psycopg.Error):
                _log.error("append refused by the database", log=self.log, error=type(e).__name__)
            else:
                _log.exception("append failed", log=self.log)
            return [refused or _defect(e)] * len(group)

    def _commit(self, group: Sequence[SealedAppend]) -> list[Outcome]:
        for _ in range(COMMIT_ATTEMPTS):
            conn = self._connection()
            try:
                return commit_group(conn, self.log, group, self._clock(), self._catch_up)
            except LostBeforeCommit:
                # Sent again where PostgreSQL gives another connection, and told at once where it does not.
                self._drop()
                continue
            except psycopg.Error:
                if not conn.closed:
                    raise
                self._drop()
            # The connection went. Perhaps COMMIT had reached the server: only the log can tell, once whatever is left
            # of that transaction has let go of the head row.
            receipts = self._find_out(group)
            if receipts:
                # It was committed. What is not there was left out of it for a reason of its own; that is asked anew.
                left = [append for index, append in enumerate(group) if index not in receipts]
                others = iter(self._write(left) if left else ())
                return [receipts[index] if index in receipts else next(others) for index in range(len(group))]
        raise StoreUnavailable(
            f"PostgreSQL went away {COMMIT_ATTEMPTS} times while this was written; nothing was written.",
            remedy="See PostgreSQL's log; then send it again.",
        )

    def _find_out(self, group: Sequence[SealedAppend]) -> dict[int, Receipt]:
        """Receipts of those that are in the log after all, by index; none if none is. Raises OutcomeUnknown."""
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                conn = self._connection()
                with conn.transaction():
                    conn.execute(statements(self.log)["lock"])
                    found = {index: self._receipt(conn, append) for index, append in enumerate(group)}
                return {index: receipt for index, receipt in found.items() if receipt is not None}
            except (psycopg.Error, LedgerError) as e:
                self._drop()
                if time.monotonic() > deadline:
                    raise _unknown() from e
                time.sleep(0.1)

    def _receipt(self, conn: psycopg.Connection[Any], append: SealedAppend) -> Receipt | None:
        """Of an append that is in the log, else None; also None for one without events, which leaves no trace there."""
        rows = conn.execute(
            (
                f"select position, stream, version from {self.log}.events"
                " where stream = any(%s) and event_id = any(%s::uuid[]) order by position"
            ).encode(),
            ([part.stream for part in append.parts], [e.event_id.hex() for part in append.parts for e in part.events]),
        ).fetchall()
        if not rows:
            return None
        return Receipt(position=rows[-1][0], versions={row[1]: row[2] for row in rows}, answer=append.answer)

    def _look_at_partitions(self, position: int) -> None:
        """Have the next partition ready in time. Nobody waits for this, and its failure is told to the log only."""
        if position < self._partition_look or self._conn is None or self._conn.closed:
            return
        self._partition_look = position + _LOOK_AGAIN_EVENTS
        try:
            self._partition_look = partition_ahead(self._conn, self.log)
        except Exception as e:  # a commit makes the partition itself where none is ready
            _log.warning("no partition made ahead", log=self.log, error=type(e).__name__)
            self._drop()

    def _connection(self) -> psycopg.Connection[Any]:
        if self._conn is None or self._conn.closed:
            conn = self._connect()
            arrays.register(conn)
            conn.execute(_SESSION)
            self._conn = conn
        return self._conn

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()


def _wrote(outcome: Outcome) -> bool:
    return isinstance(outcome, Receipt) and not outcome.replayed


def _closing() -> StoreUnavailable:
    return StoreUnavailable("The ledger is closing.", remedy="Send it again to a running service.")


def _not_on_top_of(broken: IntegrityBroken) -> IntegrityBroken:
    problem = type(broken)(
        "The log is not what it must be, so this process writes nothing more.",
        remedy="Keep the database as it is and run `sojourn doctor`; once it finds all well, start the service again.",
    )
    problem.__cause__ = broken
    return problem


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "PostgreSQL went away while the commit was under way; whether it is recorded is not known.",
        remedy="Send it again with the same Idempotency-Key: it is then recorded once.",
    )


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
            with suppress(InvalidStateError):  # answered before: the others must still be
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
