"""The matcher as a follower of the log: one is active, and what a crash breaks off the next goes on with.

It remembers batch by batch, rows and position in one transaction, until it has caught up; then it decides what waits,
and only then looks for news. So the files of a night that came one after another are decided upon together, as far as
they are there. When another policy is published every record is read anew, once, from its own stream, and looked at
once more; what people have said of it holds.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import tuple_row

from ledger.errors import ProjectionBehind, Refused, StaleDecision
from ledger.match_scout import Scout, is_worth_it
from ledger.match_writing import ACTOR
from ledger.matcher import BATCH_EVENTS, Matched, Matcher
from ledger.policies import Published
from ledger.store import match_index
from ledger.store.database import Database, Role, translated
from ledger.store.following import Interruption, connected, is_passing, try_lock, wait_for_lock
from ledger.store.log import Log

TRACKED_AS: Final = f"reactor {ACTOR}"
_BACKOFF_S: Final = (0.1, 5.0)
_POLL_S: Final = 0.05
PATIENCE_S: Final = 300.0
_log = structlog.get_logger(__name__)


class MatcherRunner:
    """Runs the matcher over the ledger, if no other process does. state: as that of other reactors. batch_events: read
    at once. decided_at_once: the limit of ``Matcher.decide``; None: that which the matcher has."""

    def __init__(
        self,
        matcher: Matcher,
        database: Database,
        log: Log,
        *,
        batch_events: int = BATCH_EVENTS,
        decided_at_once: int | None = None,
    ) -> None:
        self.state = "starting"
        self.position = 0
        self._published: Published | None = None
        self._matcher = matcher
        self._database = database
        self._log = log
        self._batch_events = batch_events
        self._sizes = {} if decided_at_once is None else {"limit": decided_at_once}

    def follow(self, stop: threading.Event) -> None:
        """Remember and decide whatever comes, until told to stop. When PostgreSQL is away, others are faster again and
        again, or no policy is published that this release can decide by, tries anew with growing pauses. Raises what
        else goes wrong."""
        pause_s = _BACKOFF_S[0]
        try:
            with Interruption(stop) as interruption:
                while not stop.is_set():
                    try:
                        with self._connected(interruption) as conn:
                            self.state = "standby"
                            wait_for_lock(conn, TRACKED_AS, stop)
                            self._listen(conn)
                            while not stop.is_set():
                                self._catch_up(conn, stop)
                                pause_s = _BACKOFF_S[0]
                                if not stop.is_set():
                                    interruption.wait_for_news(conn)
                    except Exception as error:
                        if stop.is_set():
                            break
                        if not (is_passing(error) or isinstance(error, StaleDecision | Refused)):
                            raise
                        self.state = "waiting"
                        _log.warning("reactor waits", reactor=ACTOR, exc_info=error)
                        stop.wait(pause_s)
                        pause_s = min(pause_s * 2, _BACKOFF_S[1])
        except BaseException:
            self.state = "failed"
            raise
        self.state = "stopped"

    def run(self, upto: int, patience_s: float = PATIENCE_S) -> Matched:
        """Decide everything that there is, then end. Where another process is at it, that one is waited for until it
        has decided what the log says up to a position, and nothing is counted here.

        Raises what ``follow`` does, what passes by itself too, and ProjectionBehind where the other one is not done in
        so many seconds: it goes on, and after a publication it may have the whole ledger to decide.
        """
        stop, deadline = threading.Event(), time.monotonic() + patience_s
        with Interruption(stop) as interruption, self._connected(interruption) as conn:
            while True:
                if try_lock(conn, TRACKED_AS):
                    self._listen(conn)
                    done = self._catch_up(conn, stop)
                    self.state = "stopped"
                    return done
                if self._is_done(conn, upto):
                    return Matched()
                if time.monotonic() > deadline:
                    raise ProjectionBehind(
                        "The matcher of another process has not decided everything yet.",
                        remedy="It goes on by itself: see what it links and asks with `sojourn worklist` later.",
                    )
                stop.wait(_POLL_S)

    # -- inside

    @contextmanager
    def _connected(self, interruption: Interruption) -> Iterator[psycopg.Connection[Any]]:
        with (
            connected(self._database, ACTOR, role=Role.WRITER, kind="reactor") as conn,
            interruption.of(conn),
        ):
            conn.add_notify_handler(lambda _: None)
            yield conn

    def _listen(self, conn: psycopg.Connection[Any]) -> None:
        # It listens before it looks: an event that the look does not find announces itself afterwards.
        conn.execute(sql.SQL("listen {}").format(sql.Identifier(self._log.channel)))
        self._published = None
        self.state = "live"

    def _catch_up(self, conn: psycopg.Connection[Any], stop: threading.Event) -> Matched:
        """What it writes itself is read too, so that it ends behind its own last event."""
        with Scout(self._database, stop) as scout:
            return self._decided(conn, stop, scout if is_worth_it() else None)

    def _decided(self, conn: psycopg.Connection[Any], stop: threading.Event, scout: Scout | None) -> Matched:
        total = Matched()
        while not stop.is_set() and self._log.head():
            published = self._in_effect(conn)
            if not self._read_anew(conn, published, stop):
                return total
            # No further than the log was then: while others load faster than this reads, something is decided too.
            head = self._log.head()
            # Neither does it end within what one commit wrote: no row is decided half read.
            while self.position < head and (batch := self._log.read(self.position, self._batch(head))):
                with translated(), conn.transaction():
                    self._matcher.remember(conn, published.policy, batch)
                    conn.execute(_MOVE, (TRACKED_AS, batch[-1].position))
                # Together, and durable soon: the tables and the position. What a crash of PostgreSQL takes of them is
                # read from the log again; what waits is decided by whoever comes next.
                self.position = batch[-1].position
                if stop.is_set():
                    return total
            if self._matcher.policy().position != published.position:
                continue
            with _kept_uncollected():
                done = self._matcher.decide(conn, published, self.position, scout=scout, **self._sizes)
            if done is None:
                break
            total.records += done.records
            total.linked += done.linked
            total.asked += done.asked
        return total

    def _read_anew(self, conn: psycopg.Connection[Any], published: Published, stop: threading.Event) -> bool:
        """What another policy has made unknown, a transaction for so many; whether that came to its end."""
        more = True
        while more and not stop.is_set():
            with translated(), conn.transaction():
                more = self._matcher.read_anew(conn, published.policy, self.position)
            # Together, and durable soon: these records, and that they need not be read again.
        return not more

    def _batch(self, head: int) -> int:
        return min(self._batch_events, head - self.position)

    def _in_effect(self, conn: psycopg.Connection[Any]) -> Published:
        """The policy in effect; where it is another one than the tables were made with, they are begun again."""
        published = self._matcher.policy()
        if self._published is not None and self._published.position == published.position:
            return published
        with translated(), conn.transaction():
            if match_index.made_with(conn) != published.position:
                # Each record is read anew from its own stream, as it stands here; the log is followed from here on. Of
                # corrections behind the place that was reached nobody was told; before the first, of none.
                head = self._log.head()
                match_index.begin_again(conn, published.position, self._tracked(conn) or head)
                conn.execute(_MOVE, (TRACKED_AS, head))
            self.position = self._tracked(conn)
        self._published = published
        return published

    def _tracked(self, conn: psycopg.Connection[Any]) -> int:
        row = conn.cursor(row_factory=tuple_row).execute(_POSITION, (TRACKED_AS,)).fetchone()
        return row[0] if row else 0

    def _is_done(self, conn: psycopg.Connection[Any], upto: int) -> bool:
        row = conn.cursor(row_factory=tuple_row).execute(_DONE, (TRACKED_AS, upto, upto)).fetchone()
        return bool(row and row[0])


@contextmanager
def _kept_uncollected() -> Iterator[None]:
    """Without looking for cycles meanwhile: a portion is a million small values that all stay to its end, and each
    look at them, as they grow, costs a sixth of the time. What is let go of by its count is freed as ever."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


_POSITION = "select notification_id from tracking.positions where application_name = %s"
_MOVE = """
insert into tracking.positions (application_name, notification_id) values (%s, %s)
on conflict (application_name) do update set notification_id = excluded.notification_id
"""
_DONE = """
select exists (select from tracking.positions where application_name = %s and notification_id >= %s)
    and not exists (select from matching.undecided where position <= %s)
    and not exists (select from matching.unread)
"""
