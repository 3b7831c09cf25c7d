"""A process beside the matcher, which reads and weighs the records that come next while it decides those before them.

It decides them a few at a time, about as the matcher will, writes nothing of it, and tells what it found out on the
way: who shares keys, who they are, what each pair weighs. Invariant: that decides nothing. What is told was read in one
state of the tables, and the matcher takes it over only while they still stand so; if nothing is told, or half of it, it
finds the rest itself.

Whoever asks owns the process: once the socket between the two is closed, also by a kill, it ends as soon as it looks
up from its work.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

import msgspec
import psycopg
import structlog

from ledger.match_group import group_of
from ledger.match_portion import Portion, Seen
from ledger.policies import Published
from ledger.store import arrays
from ledger.store.database import Database, Role

APPLICATION: Final = "sojourn reactor matcher, ahead"
"""As PostgreSQL's list of connections shows it."""
AT_ONCE: Final = 20
"""Records between which it looks up from its work."""
_ASKED: Final = b""
_LOOK_S: Final = 0.2
PATIENCE_S = 60.0
"""How long its answer is waited for, before it is done without; it looks up several times a second."""
_log = structlog.get_logger(__name__)


class Scout:
    """The process, started with the first records that it is sent to. stop: whoever waits for it waits no longer."""

    def __init__(self, database: Database, stop: threading.Event) -> None:
        self._conninfo = database.conninfo(Role.WRITER, name=APPLICATION)
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._published = 0
        self._sent = False
        self._lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    @property
    def is_lost(self) -> bool:
        """Whether it has failed, and is done without."""
        return self._lost

    @property
    def process(self) -> int | None:
        """Its process id, from when it is started until it has ended."""
        return None if self._process is None else self._process.pid

    def send(self, published: Published, records: Sequence[str]) -> None:
        """Send it to these records, one after another. What it was sent to before, and nobody asked for, is let go
        of, also where there are none."""
        self.recall()
        if self._lost or not records:
            return
        try:
            if self._line is None or self._published != published.position:
                self.end()
                self._begin(published)
            assert self._line is not None
            self._line.send_bytes(_encode(records))
            self._sent = True
        except OSError as error:
            self._lose(error)

    def recall(self) -> None:
        """What it was sent to is not asked for any more: the tables have changed since."""
        self._sent = False

    def found(self) -> Seen | None:
        """What it has found out by now of the records that it was sent to last, and it goes no further; None where it
        was sent to none, or ended before. Waits until it has looked up from its work."""
        line, sent, self._sent = self._line, self._sent, False
        if line is None or not sent:
            return None
        try:
            line.send_bytes(_ASKED)
            deadline = time.monotonic() + PATIENCE_S
            while not line.poll(_LOOK_S):
                if self._stop.is_set():
                    self._lost = True
                    self.end()
                    return None
                if time.monotonic() > deadline:
                    raise TimeoutError
            return _decode_seen(line.recv_bytes())
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            self._lose(error)
            return None

    def end(self) -> None:
        """End it, if it runs."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            # It may be in the middle of something, of which nobody wants to know any more, and writes nothing.
            self._process.kill()
            self._process.wait()
        self._line = self._process = None
        self._sent = False

    # -- inside

    def _begin(self, published: Published) -> None:
        near, far = socket.socketpair()
        with far:
            # A session of its own: the terminal's interrupt is for us. -P: no module of the folder we happen to be in
            # takes the place of ours.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", __name__, str(far.fileno())],
                stdin=subprocess.DEVNULL,
                # What it would say of an error of its own may hold a word of a child's.
                stderr=subprocess.DEVNULL,
                pass_fds=[far.fileno()],
                start_new_session=True,
            )
        self._line = Connection(near.detach())
        # Over the line, since every user of a machine may read what a process was started with.
        self._line.send_bytes(_encode(_Task(self._conninfo, published)))
        self._published = published.position

    def _lose(self, error: Exception) -> None:
        """The matcher goes on without it."""
        _log.warning("the matcher's scout ended", error=type(error).__name__)
        self._lost = True
        self.end()


class _Task(msgspec.Struct):
    conninfo: str
    published: Published


def is_worth_it() -> bool:
    """Whether there is a processor beside that of the matcher."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) > 1


def main(descriptor: int) -> None:
    """Go where whoever holds the other end of this socket sends, and tell what was found when asked, until it is
    closed."""
    line = Connection(descriptor)
    gc.disable()  # as the matcher does: what is found stays until it is told
    # Where the line is closed nobody wants to know any more; what is wrong with the database the matcher meets itself.
    with suppress(EOFError, OSError, psycopg.Error):
        task = msgspec.msgpack.decode(line.recv_bytes(), type=_Task)
        with psycopg.connect(task.conninfo, autocommit=True) as conn:
            arrays.register(conn)
            said = line.recv_bytes()
            while True:
                seen = scouted(conn, task.published, _decode_records(said), line.poll)
                said = line.recv_bytes()
                if said == _ASKED:
                    line.send_bytes(_encode(seen))
                    del seen
                    gc.collect()
                    said = line.recv_bytes()


def scouted(
    conn: psycopg.Connection, published: Published, records: Sequence[str], is_over: Callable[[], bool] = lambda: False
) -> Seen:
    """What comes to light where these are decided, a few at a time, until it is over."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        portion = Portion(conn, published)
        for at in range(0, len(records), AT_ONCE):
            if at and is_over():
                break
            waiting = records[at : at + AT_ONCE]
            group, _ = group_of(portion, waiting)
            for record, member in group.said_same(waiting):
                group.join(record, member)
            for found in group.links(waiting):
                group.rest(found)
                group.join(found.record, found.member)
            group.questions(waiting)
        return portion.seen()


_encode = msgspec.msgpack.Encoder().encode
_decode_records = msgspec.msgpack.Decoder(list[str]).decode
_decode_seen = msgspec.msgpack.Decoder(Seen).decode

if __name__ == "__main__":
    main(int(sys.argv[1]))
