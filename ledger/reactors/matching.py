"""The matcher as a follower of the log: one is active, and what a crash breaks off the next goes on with.

It remembers batch by batch, rows and position in one transaction, until it has caught up; then it decides what waits,
and only then looks for news. So the files of a night that came one after another are decided upon together, as far as
they are there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import structlog
from psycopg import sql

from ledger.errors import StaleDecision
from ledger.matcher import ACTOR, BATCH_EVENTS, Matched, Matcher
from ledger.store.database import Database, Role, translated
from ledger.store.following import Interruption, connected, is_passing, wait_for_lock
from ledger.store.log import Log

TRACKED_AS: Final = f"reactor {ACTOR}"
_BACKOFF_S: Final = (0.1, 5.0)
_log = structlog.get_logger(__name__)


class MatcherRunner:
    """Runs the matcher over the ledger, if no other process does. state: as that of other reactors."""

    def __init__(self, matcher: Matcher, database: Database, log: Log) -> None:
        self.state = "starting"
        self.position = 0
        self._matcher = matcher
        self._database = database
        self._log = log

    def follow(self, stop: threading.Event) -> None:
        """Remember and decide whatever comes, until told to stop. When PostgreSQL is away, or others are faster again
        and again, tries anew with growing pauses. Raises what else goes wrong."""
        pause_s = _BACKOFF_S[0]
        try:
            with Interruption(stop) as interruption:
                while not stop.is_set():
                    try:
                        with self._alone(stop, interruption) as conn:
                            while not stop.is_set():
                                self._catch_up(conn, stop)
                                pause_s = _BACKOFF_S[0]
                                if not stop.is_set():
                                    interruption.wait_for_news(conn)
                    except Exception as error:
                        if stop.is_set():
                            break
                        if not (is_passing(error) or isinstance(error, StaleDecision)):
                            raise
                        self.state = "waiting"
                        _log.warning("reactor waits", reactor=ACTOR, exc_info=error)
                        stop.wait(pause_s)
                        pause_s = min(pause_s * 2, _BACKOFF_S[1])
        except BaseException:
            self.state = "failed"
            raise
        self.state = "stopped"

    def run(self) -> Matched:
        """Remember and decide all that there is, then end; waits while another process is at it. Raises what
        ``follow`` does, and what passes by itself too."""
        stop = threading.Event()
        with Interruption(stop) as interruption, self._alone(stop, interruption) as conn:
            done = self._catch_up(conn, stop)
        self.state = "stopped"
        return done

    @contextmanager
    def _alone(self, stop: threading.Event, interruption: Interruption) -> Iterator[psycopg.Connection[Any]]:
        with (
            connected(self._database, ACTOR, role=Role.WRITER, kind="reactor", durable=True) as conn,
            interruption.of(conn),
        ):
            self.state = "standby"
            wait_for_lock(conn, TRACKED_AS, stop)
            conn.add_notify_handler(lambda _: None)
            # It listens before it looks: an event that the look does not find announces itself afterwards.
            conn.execute(sql.SQL("listen {}").format(sql.Identifier(self._log.channel)))
            row = conn.execute(
                "select notification_id from tracking.positions where application_name = %s", (TRACKED_AS,)
            ).fetchone()
            self.position = row[0] if row else 0
            self.state = "live"
            yield conn

    def _catch_up(self, conn: psycopg.Connection[Any], stop: threading.Event) -> Matched:
        """What it writes itself is read too, so that it ends behind its own last event."""
        total = Matched()
        while not stop.is_set():
            while batch := self._log.read(self.position, BATCH_EVENTS):
                with translated(), conn.transaction():
                    self._matcher.remember(conn, batch)
                    conn.execute(_MOVE, (TRACKED_AS, batch[-1].position))
                # Durable: the tables and the position. What waits is decided by whoever comes next.
                self.position = batch[-1].position
                if stop.is_set():
                    return total
            done = self._matcher.decide(conn)
            if not done.records:
                break
            total.records += done.records
            total.linked += done.linked
            total.asked += done.asked
        return total


_MOVE = """
insert into tracking.positions (application_name, notification_id) values (%s, %s)
on conflict (application_name) do update set notification_id = excluded.notification_id
where tracking.positions.notification_id < excluded.notification_id
"""
