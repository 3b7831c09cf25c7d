"""The timekeeper: what is due because time has passed, and no event says so.

Invariant: one is active, by lock; and what it does, it does once, whoever does it: each duty is an append that the
log refuses a second time. It looks when it starts and then every so often. Nothing depends on the hour of the look:
what is due stays due.

Its duties so far: what is kept of a submission for ``response_days`` goes (its spool's key, answers, refused values of
unknown records) unless a hold is over its state or over everything, and so do the first answers to idempotency keys
after 90 days; a file that waits on a host that is gone, and can come to nothing any more, is told to have failed; a
case that nobody answers goes up from level to level, each at the end of its days; of every month that is over a sample
of what was linked by itself is put before people blind; a paper that was sent and that no application names is swept;
the access log is told of records that are gone; sessions and one-time codes that ended more than thirty days ago are
deleted; and an account is told that its renewal is due, that it is overdue, and that a family's access is over.

One is for each host by itself, whoever is active: it keeps the certificates of what was disposed of elsewhere.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import psycopg
import structlog
from psycopg.rows import tuple_row

from ledger.actors import TIMEKEEPER
from ledger.admissions import Admissions
from ledger.auditing import Audits
from ledger.casework import Casework
from ledger.errors import LedgerError, StaleDecision, Unavailable
from ledger.events import Meta
from ledger.events.retention import KeyDestroyed
from ledger.events.submission import SubmissionCompleted, SubmissionRefused
from ledger.forgetting import Forgetting
from ledger.intake.submission import stream_of
from ledger.intake.uploads import settle_left
from ledger.jurisdiction import Profile
from ledger.keeping import Keeping
from ledger.retention.days import Subject
from ledger.retention.holds import Hold, holding
from ledger.store import attachments, codes, sessions
from ledger.store.append import Append, Expected, Part
from ledger.store.database import Database, Role, translated
from ledger.store.following import try_lock
from ledger.store.log import Log
from ledger.store.vault import LEDGER

ACTOR = TIMEKEEPER
LOOK_EVERY_S = 600.0
ANSWERS_KEPT = timedelta(days=90)
ENDED_KEPT: Final = timedelta(days=30)
"""How long sessions and one-time codes are kept after they ended."""
FARTHEST_EAST: Final = timedelta(hours=14)
"""How far ahead of UTC a day begins anywhere on earth."""
_log = structlog.get_logger(__name__)


class Due(NamedTuple):
    """A submission whose days are over, or may be."""

    submission: str
    key_id: bytes


class Timekeeper:
    """Looks what is due, and does it. log: of the ledger. profile: of a state. clock: now, UTC. keep_certificates:
    keeps those on this host that it lacks, and says how many these were."""

    def __init__(
        self,
        database: Database,
        log: Log,
        profile: Callable[[str], Profile],
        clock: Callable[[], datetime],
        casework: Casework,
        audits: Audits,
        admissions: Admissions,
        forgetting: Forgetting,
        keeping: Keeping,
        keep_certificates: Callable[[], int] = lambda: 0,
    ) -> None:
        self._database = database
        self._log = log
        self._profile = profile
        self._clock = clock
        self._casework = casework
        self._audits = audits
        self._admissions = admissions
        self._forgetting = forgetting
        self._keeping = keeping
        self._keep_certificates = keep_certificates

    def keep_time(self, stop: threading.Event) -> None:
        """Look every so often until told to stop. What fails is told, and is due again at the next look."""
        while not stop.is_set():
            try:
                self.look(stop)
            except LedgerError as error:
                _log.warning("timekeeper waits", error=error.code)
            stop.wait(LOOK_EVERY_S)

    def look(self, stop: threading.Event | None = None) -> list[str]:
        """Do what is due now; the submissions whose answers went, then the cases that moved, those that the audit
        opened, and the accounts to which something was told. Nothing where another process is at it. stop: what takes
        long breaks off once it is set.

        Raises StoreUnavailable.
        """
        self._certify()
        with translated(), self._database.connect(Role.WRITER, name="sojourn timekeeper") as conn:
            conn.autocommit = True
            if not try_lock(conn, ACTOR):
                return []
            self._log.fill_guards()
            # Before answers to keys are forgotten: by them an audit that broke off goes on.
            checks = self._audit(stop)
            conn.execute("select ledger.forget_answers(%s)", (self._clock() - ANSWERS_KEPT,))
            gone = self._destroy_what_is_due(conn, stop)
            # Their keys are durably gone: whoever has a file that was sealed under one can only tell so.
            settle_left(conn, self._is_completed)
            moved = [case for case in self._casework.due() if self._escalate(case)]
            attachments.sweep(self._log, self._clock())
            # Whoever disposed tells it himself; this is for whom a crash kept from it.
            self._forgetting.tell()
            # What has ended opens nothing: that it is kept at all is for whoever asks how somebody got in.
            sessions.forget(conn, self._clock() - ENDED_KEPT)
            codes.forget(conn, self._clock() - ENDED_KEPT)
            told = [account for account in self._admissions.due(self._latest_day()) if self._tell(account)]
            return gone + moved + checks + told

    def _certify(self) -> None:
        """On this host, whichever has disposed. What keeps it keeps nothing else."""
        try:
            self._keep_certificates()
        except Unavailable:
            raise
        except LedgerError as error:
            _log.warning("certificates not kept outside the database", what=error.what, remedy=error.remedy)

    def _latest_day(self) -> date:
        """The day that it is where it begins first. Whether it has come to an account is decided in its own zone."""
        return (self._clock() + FARTHEST_EAST).date()

    def _tell(self, account: str) -> bool:
        """Whether time brought something to an account. What keeps it from one keeps it from no other."""
        try:
            return self._admissions.keep_time(account, Meta(actor=ACTOR))
        except Unavailable:
            raise
        except LedgerError as error:
            _log.warning("account waits", account=account, error=error.code)
            return False

    def _audit(self, stop: threading.Event | None) -> list[str]:
        """Cases that it opened. What keeps it keeps nothing else."""
        try:
            return self._audits.look(self._clock(), Meta(actor=ACTOR), stop)
        except Unavailable:
            raise
        except LedgerError as error:
            _log.warning("audit waits", error=error.code)
            return []

    def _escalate(self, case: str) -> bool:
        """Whether time moved a case. What keeps one case where it is keeps no other."""
        try:
            return self._casework.escalate(case, Meta(actor=ACTOR)).moved
        except Unavailable:
            raise
        except LedgerError as error:
            _log.warning("case waits", case=case, error=error.code)
            return False

    def _destroy_what_is_due(self, conn: psycopg.Connection[object], stop: threading.Event | None) -> list[str]:
        """The submissions whose answers went. What is held is passed over before anything of it is read: there may be
        years of it, at every look."""
        standing, gone = self._keeping.standing(), list[str]()
        held = dict[str, bool]()
        for kept in self._kept(conn):
            if stop is not None and stop.is_set():
                break
            state = kept.submission[:2]
            if state not in held:
                held[state] = self._is_held(state, standing)
            if held[state] or not self._is_due(kept):
                continue
            if self._destroy(kept, standing):
                gone.append(kept.submission)
            else:  # a hold may have come since, or have been released
                standing = self._keeping.standing()
                held.clear()
        return gone

    def _is_held(self, state: str, standing: Sequence[Hold]) -> bool:
        """A submission is held with its state, or with everything."""
        return bool(holding(Subject(id="", state=state, today=self._keeping.today(state)), standing))

    def _kept(self, conn: psycopg.Connection[object]) -> Iterator[Due]:
        """Those whose days were over by now if nobody had answered them since they began, the oldest first."""
        now = self._clock()
        with conn.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("select subject, key_id, created_at from vault.keys where class = 'submission' order by 3")
            kept: list[tuple[str, uuid.UUID, datetime]] = cursor.fetchall()
        for submission, key_id, made_at in kept:
            days = timedelta(days=self._profile(submission[:2]).response_days)
            if made_at + days < now:
                yield Due(submission, key_id.bytes)

    def _is_due(self, kept: Due) -> bool:
        """The days count from the answer. A submission that was never answered counts from when it began."""
        days = timedelta(days=self._profile(kept.submission[:2]).response_days)
        answered = self._answered_at(kept.submission)
        return answered is None or answered + days < self._clock()

    def _answered_at(self, submission: str) -> datetime | None:
        answered = [
            recorded.recorded_at
            for recorded in self._log.read_stream(stream_of(submission))
            if isinstance(recorded.event, SubmissionCompleted | SubmissionRefused)
        ]
        return max(answered, default=None)

    def _is_completed(self, submission: str) -> bool:
        events = self._log.read_stream(stream_of(submission))
        return any(isinstance(recorded.event, SubmissionCompleted) for recorded in events)

    def _destroy(self, due: Due, standing: Sequence[Hold]) -> bool:
        """The key's row, the answers that it sealed, and the event that says so, in one transaction. standing: holds,
        none of them over it; where there are others by now, nothing goes."""
        expected = Expected(
            keys={due.submission: frozenset({due.key_id})}, holds=frozenset(hold.placed.hold for hold in standing)
        )
        destroyed = KeyDestroyed(key_ids=[due.key_id.hex()], schedule="response_days", submission=due.submission)
        # The stream is new, so a second time is refused.
        part = Part(stream=f"retention/{due.key_id.hex()}", subject=LEDGER[0], expected=0, events=[destroyed])
        try:
            self._log.dispose(Append(parts=[part], meta=Meta(actor=ACTOR)), expected)
        except StaleDecision:
            return False
        return True
