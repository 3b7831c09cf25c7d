"""What follows the log and answers it with events of its own: in position order, one active, each cause once.

A reactor's events go through the sequencer like anybody's, under the key (reactor, cause position), and its position
moves in the same transaction. So a crash between two causes loses nothing and a crash within one doubles nothing: what
was answered is found by its key, what was not is answered again. Where an event has no answer, only the position moves,
a batch at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import sql

from ledger.errors import StaleDecision
from ledger.events import Event, Recorded
from ledger.store.append import Answer, Append, Moved
from ledger.store.database import Database, Role, translated
from ledger.store.following import Interruption, connected, is_passing, wait_for_lock
from ledger.store.log import Log

BATCH_EVENTS_MAX = 1_000
ATTEMPTS_MAX = 20
_BACKOFF_S = (0.1, 5.0)
_log = structlog.get_logger()

React = Callable[[Recorded], Append | None]
"""What a reactor answers to an event, decided anew each time it is asked: an append without answer and position."""


@dataclass(frozen=True)
class Reactor:
    """A declaration. events: classes that it wants to see. react: its answer, or None."""

    name: str
    events: frozenset[type[Event]]
    react: React

    @property
    def tracked_as(self) -> str:
        """Its name in the tracking table."""
        return f"reactor {self.name}"


class ReactorRunner:
    """Runs one reactor over the ledger, if no other process does.

    state: ``starting``, ``standby`` while another is active, ``live``, ``waiting`` for PostgreSQL or for quieter
    streams, ``failed``, ``stopped``.
    """

    def __init__(self, reactor: Reactor, database: Database, log: Log) -> None:
        self.reactor = reactor
        self.state = "starting"
        self.position = 0
        self._database = database
        self._log = log

    def follow(self, stop: threading.Event) -> None:
        """Answer what there is and whatever comes, until told to stop.

        Waits while another process runs this reactor. When PostgreSQL is away, or others are faster again and again,
        tries anew with growing pauses. Raises what ``react`` raises: a reactor that fails stands still at its cause,
        and is seen to.
        """
        pause_s = _BACKOFF_S[0]
        try:
            with Interruption(stop) as interruption:
                while not stop.is_set():
                    try:
                        with self._alone(stop, interruption) as conn:
                            while not stop.is_set():
                                found = self._step(conn)
                                pause_s = _BACKOFF_S[0]
                                if not found:
                                    interruption.wait_for_news(conn)
                    except Exception as error:
                        if stop.is_set():
                            break
                        if not (is_passing(error) or isinstance(error, StaleDecision)):
                            raise
                        self.state = "waiting"
                        _log.warning("reactor waits", reactor=self.reactor.name, exc_info=error)
                        stop.wait(pause_s)
                        pause_s = min(pause_s * 2, _BACKOFF_S[1])
        except BaseException:
            self.state = "failed"
            raise
        self.state = "stopped"

    def run_to(self, position: int) -> int:
        """Answer everything up to a position, then end; for tests and the command line. Raises what ``follow`` does."""
        stop = threading.Event()
        with Interruption(stop) as interruption, self._alone(stop, interruption) as conn:
            while self.position < position and self._step(conn):
                pass
        self.state = "stopped"
        return self.position

    @contextmanager
    def _alone(self, stop: threading.Event, interruption: Interruption) -> Iterator[psycopg.Connection[Any]]:
        """While this runner is the one: its connection, with lock and ear on it."""
        name = self.reactor.tracked_as
        with (
            connected(self._database, self.reactor.name, role=Role.WRITER, kind="reactor", durable=True) as conn,
            interruption.of(conn),
        ):
            self.state = "standby"
            wait_for_lock(conn, name, stop)
            # It listens before it looks: an event that the look does not find announces itself afterwards.
            conn.add_notify_handler(lambda _: None)
            conn.execute(sql.SQL("listen {}").format(sql.Identifier(self._log.channel)))
            row = conn.execute(
                "select notification_id from tracking.positions where application_name = %s", (name,)
            ).fetchone()
            self.position = row[0] if row else 0
            self.state = "live"
            yield conn

    def _step(self, conn: psycopg.Connection[Any]) -> bool:
        """Answer the next batch, event by event; False when there is none."""
        batch = self._log.read(self.position, BATCH_EVENTS_MAX)
        for recorded in batch:
            if type(recorded.event) in self.reactor.events:
                self._answer(recorded)
        if batch:
            self._move(conn, batch[-1].position)
        return bool(batch)

    def _answer(self, recorded: Recorded) -> None:
        for _ in range(ATTEMPTS_MAX):
            append = self.reactor.react(recorded)
            if append is None:
                return
            meta = msgspec.structs.replace(append.meta, actor=self.reactor.tracked_as, cause=recorded.position)
            answer = Answer(
                scope=self.reactor.tracked_as, key=str(recorded.position), request_hash=b"", status=200, ids={}
            )
            moved = Moved(self.reactor.tracked_as, recorded.position)
            try:
                self._log.append(msgspec.structs.replace(append, meta=meta, answer=answer, moved=moved))
            except StaleDecision:
                continue  # somebody was faster: the reaction is decided anew, on what is there now
            # Durable with the position: a crash from here on goes on behind this cause.
            self.position = recorded.position
            return
        raise StaleDecision(
            f"Reactor {self.reactor.name} was overtaken {ATTEMPTS_MAX} times at position {recorded.position}.",
            remedy="It goes on by itself when the streams that it answers are quieter.",
        )

    def _move(self, conn: psycopg.Connection[Any], position: int) -> None:
        with translated():
            conn.execute(
                "insert into tracking.positions (application_name, notification_id) values (%s, %s)"
                " on conflict (application_name) do update set notification_id = excluded.notification_id"
                " where tracking.positions.notification_id < excluded.notification_id",
                (self.reactor.tracked_as, position),
            )
        self.position = position


class Reactors:
    """The reactors of one process, a thread each; start once, stop once."""

    def __init__(self, reactors: Iterable[Reactor], database: Database, log: Log) -> None:
        self._stop = threading.Event()
        self._runners = [ReactorRunner(reactor, database, log) for reactor in reactors]
        self._threads = [
            threading.Thread(target=self._run, args=(r,), name=r.reactor.tracked_as, daemon=True) for r in self._runners
        ]

    def start(self) -> None:
        """Follow, from where each reactor stands."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End every reactor; a cause that it was at is answered by the next."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def states(self) -> dict[str, str]:
        """Reactor to its state in this process."""
        return {runner.reactor.name: runner.state for runner in self._runners}

    def _run(self, runner: ReactorRunner) -> None:
        try:
            runner.follow(self._stop)
        except Exception as error:  # one reactor that stops does not stop another
            _log.error("reactor stopped", reactor=runner.reactor.name, position=runner.position, exc_info=error)
