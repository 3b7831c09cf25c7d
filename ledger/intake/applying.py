"""Files that came over HTTP applied, each in its turn, by the host that has them.

Invariant: a file stays until it has been applied or refused, and what came of it is in the log, or in its row.
"""

from __future__ import annotations

import errno
import math
import threading
import time
import traceback
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import structlog
from cryptography.exceptions import InvalidTag
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ledger.application import Ledger
from ledger.errors import (
    BadValue,
    IntegrityBroken,
    LedgerError,
    LogBroken,
    StaleDecision,
    SubmissionRefused,
    Unavailable,
)
from ledger.intake.spool import SpoolBroken, SpoolReader
from ledger.intake.submission import Report, submit
from ledger.intake.uploads import Spools, Status, presence, present_hosts
from ledger.store import faults
from ledger.store.commit import UPLOADS_CHANNEL
from ledger.store.database import Role, translated
from ledger.store.following import Interruption, connected, is_passing, lock_key, try_lock
from ledger.store.vault import unseal

_BACKOFF_S = (0.5, 30.0)
_LOOK_S = 1.0
"""How often is looked for news while a file waits for its next attempt."""
_log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    """A file that waits, by its row."""

    state: str
    host: uuid.UUID
    upload: uuid.UUID
    submission: str
    actor: str
    late: bool
    key_id: uuid.UUID
    spool_key: bytes


_HOSTS = "select distinct host from ledger.uploads where status = 'waiting' and host <> %s"
_FIRST = (
    "select distinct on (state) state, host, upload, submission, actor, late, key_id, spool_key from ledger.uploads"
    " where status = 'waiting' and host = any(%s::uuid[]) order by state, submission, received_at, upload"
)


class Applying:
    """Applies what this host was sent: one state's files one after another, states side by side.

    The earliest Submission Date goes first, over all hosts that run: a file waits for an earlier one on another host,
    unless that is gone. A file that cannot be applied now is tried again, later each time; its state waits with it,
    the others do not.
    ledger: open. hands: how many files at a time.
    """

    def __init__(self, ledger: Ledger, spools: Spools, *, hands: int = 2) -> None:
        self._ledger = ledger
        self._spools = spools
        self._stop = threading.Event()
        self._swept = False
        # When each file that could not be applied is tried again, by the monotonic clock, and the pause before that.
        self._again: dict[uuid.UUID, tuple[float, float]] = {}
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"applying {number}", daemon=True)
            for number in range(hands)
        ]

    def start(self) -> None:
        """Go on with what is waiting. Raises StoreUnavailable."""
        with translated(), self._ledger.database.connect(Role.WRITER, name="sojourn uploads") as conn:
            self._sweep(conn)
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End after the chunk at hand; the rest is applied when the next process starts."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)

    # -- inside

    def _sweep(self, conn: psycopg.Connection[Any]) -> None:
        """Once in a process; later where somebody is receiving a file just now."""

        def waiting() -> set[uuid.UUID]:
            query = "select upload from ledger.uploads where host = %s and status = 'waiting'"
            with conn.transaction():
                # What is named by a commit whose answer nobody heard is seen once it has let go of the head.
                conn.execute("select from ledger.head for update")
                return {row[0] for row in conn.execute(query, (self._spools.host,)).fetchall()}

        self._swept = self._spools.sweep(waiting)

    def _run(self, number: int) -> None:
        pause_s = _BACKOFF_S[0]
        with Interruption(self._stop) as interruption:
            while not self._stop.is_set():
                try:
                    with (
                        # Durable: the file is removed once its row says what came of it.
                        connected(
                            self._ledger.database, str(number), role=Role.WRITER, kind="uploads", durable=True
                        ) as conn,
                        interruption.of(conn),
                    ):
                        conn.execute("select pg_advisory_lock_shared(%s)", (lock_key(presence(self._spools.host)),))
                        conn.execute(f"listen {UPLOADS_CHANNEL}".encode())
                        while not self._stop.is_set():
                            wait_s = self._next(conn)
                            if wait_s and not self._swept:
                                self._sweep(conn)
                            if math.isinf(wait_s):
                                interruption.wait_for_news(conn)
                            elif wait_s:
                                # No news tells that it is time; what comes meanwhile is seen a little later.
                                self._stop.wait(min(wait_s, _LOOK_S))
                            pause_s = _BACKOFF_S[0]
                except Exception as error:  # this hand has lost its connection, or meets a defect: it begins anew
                    if self._stop.is_set():
                        return
                    if not is_passing(error):
                        _log.error("applying uploads failed", error=type(error).__name__, exc_info=error)
                    self._stop.wait(pause_s)
                    pause_s = min(pause_s * 2, _BACKOFF_S[1])

    def _next(self, conn: psycopg.Connection[Any]) -> float:
        """Take one file of a state that nobody is at; seconds until it is worth looking again.

        That is 0 where one was taken, or had been by another hand, and infinite where only news can bring one.
        """
        wait_s = math.inf
        for waiting in self._first(conn):
            if waiting.host != self._spools.host:
                # That its host came to it is told; that its host died is not.
                wait_s = min(wait_s, _LOOK_S)
                continue
            left_s = self._left_s(waiting.upload)
            if left_s > 0:
                wait_s = min(wait_s, left_s)
                continue
            if not try_lock(conn, _turn(waiting.state)):
                continue
            try:
                # Another hand may have been at it between the look and the lock, or an earlier file have come.
                if self._left_s(waiting.upload) <= 0 and waiting in self._first(conn):
                    self._attempt(conn, waiting)
                return 0.0
            finally:
                conn.execute("select pg_advisory_unlock(%s)", (lock_key(_turn(waiting.state)),))
                # Whoever found the state taken looks again.
                conn.execute(f"notify {UPLOADS_CHANNEL}".encode())
        return wait_s

    def _first(self, conn: psycopg.Connection[Any]) -> list[_Waiting]:
        """Of each state the file whose turn it is, here or on another host that runs."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            others = [host for (host,) in cursor.execute(_HOSTS, (self._spools.host,)).fetchall()]
            hosts = [self._spools.host, *present_hosts(conn, others)]
            return [_Waiting(*row) for row in cursor.execute(_FIRST, (hosts,)).fetchall()]

    def _left_s(self, upload: uuid.UUID) -> float:
        """Seconds until a file is tried; not positive where it may be now."""
        due, _ = self._again.get(upload, (-math.inf, 0.0))
        return due - time.monotonic()

    def _attempt(self, conn: psycopg.Connection[Any], waiting: _Waiting) -> None:
        """Apply one file, or put it off. Raises where PostgreSQL is gone, or the process ends."""
        try:
            self._apply(conn, waiting)
            self._again.pop(waiting.upload, None)
        except Exception as error:  # whatever is wrong, another state's file may go
            if self._stop.is_set():
                raise
            _, last_s = self._again.get(waiting.upload, (0.0, 0.0))
            pause_s = min(max(last_s * 2, _BACKOFF_S[0]), _BACKOFF_S[1])
            self._again[waiting.upload] = (time.monotonic() + pause_s, pause_s)
            if is_passing(error):
                raise
            _log.error("upload waits", submission=waiting.submission, again_in_seconds=pause_s, **_defect(error))

    def _apply(self, conn: psycopg.Connection[Any], waiting: _Waiting) -> None:
        spool = self._spools.path(waiting.upload)
        problem: dict[str, Any] | None = None
        status: Status = "done"
        try:
            self._submit(waiting, spool)
        except (Unavailable, IntegrityBroken, StaleDecision):
            raise  # nothing is wrong with the file: it waits until the ledger can take it
        except LedgerError as error:
            status, problem = "refused", _told(error)
        except OSError as error:
            if not _is_lost(error, spool):
                raise  # no room, no handles: that passes
            status, problem = "failed", _UNREADABLE
        if problem is not None:
            _log.warning("upload not applied", submission=waiting.submission, status=status, problem=problem["code"])
        # What came of it is durable in the log, not yet in its row: it is looked at once more, and found done.
        faults.point("uploads.applied")
        conn.execute(
            "update ledger.uploads set status = %s, problem = %s, spool_key = null where upload = %s",
            (status, None if problem is None else Jsonb(problem), waiting.upload),
        )
        # What came of it is durable, and its key is gone: the file is of no use, and the next start sweeps it.
        faults.point("uploads.settled")
        spool.unlink(missing_ok=True)

    def _submit(self, waiting: _Waiting, spool: Path) -> Report:
        with self._ledger.log.connection() as conn:
            key = self._ledger.vault.open_keys(conn, {waiting.key_id.bytes})[waiting.key_id.bytes]
        if key is None:
            raise SubmissionRefused(
                "The file waited longer than answers are kept.", rule="expired", remedy="Send it again."
            )
        try:
            secret = unseal(key.body_key(waiting.upload.bytes), waiting.spool_key, waiting.submission.encode())
        except InvalidTag:
            raise LogBroken(f"Upload {waiting.upload} does not open under its submission's key.") from None
        with SpoolReader(spool, secret) as reader:
            return submit(self._ledger, reader.as_file(), waiting.actor, late=waiting.late, progress=self._heed)

    def _heed(self, _done: int, _total: int) -> None:
        """Between two chunks: end where the process is told to, with all that was applied durable."""
        if self._stop.is_set():
            raise _Ending("The service is ending.", remedy="It goes on when the service is back.")


class _Ending(Unavailable):
    """The process ends in the middle of a file."""


_UNREADABLE: dict[str, Any] = {
    "code": "spool-unreadable",
    "what": "The file could not be read from this host's disk any more.",
    "remedy": "Send it again; what was applied of it is then unchanged.",
}


def _is_lost(error: OSError, spool: Path) -> bool:
    """Whether it says that the file itself is gone or damaged, not one that is made while it is read."""
    return isinstance(error, SpoolBroken | FileNotFoundError) and error.filename == str(spool)


def _defect(error: Exception) -> dict[str, Any]:
    """What is logged of it: its kind, and where it arose. Not its words, which may be a child's."""
    told: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, OSError) and error.errno is not None:
        told["errno"] = errno.errorcode.get(error.errno, str(error.errno))
    frames = traceback.extract_tb(error.__traceback__)
    told["at"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return told


def _told(error: LedgerError) -> dict[str, Any]:
    told: dict[str, Any] = {"code": error.code, "what": error.what, "remedy": error.remedy}
    told |= {name: value for name in ("row", "element") if (value := getattr(error, name, None)) is not None}
    if isinstance(error, BadValue | SubmissionRefused):
        told["rule"] = error.rule
    return told


def _turn(state: str) -> str:
    return f"uploads of {state}"
