"""One state's file for one night, applied: received, then whole students in chunks, then completed.

Pass one reads the whole file and applies nothing. Pass two takes whole students in file order, a few thousand rows a
chunk: a student whose every row is one that the guard holds is passed by; of the others the records are folded, each
is decided as a single command would be, and the chunk is one append together with the submission's own event. So a
crash at any instant leaves whole chunks, and the next run goes on at the first one that has not committed. Two chunks
are under way at a time: one is written while the next is decided.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, NamedTuple

import msgspec
from psycopg.rows import tuple_row

from ledger import telemetry
from ledger.application import ATTEMPTS_MAX, Ledger
from ledger.errors import StaleDecision, SubmissionDateReused, SubmissionLate, SubmissionRefused
from ledger.events import Event, Meta
from ledger.events import submission as said
from ledger.intake import answers
from ledger.intake.chunk import COUNTS, Chunk
from ledger.intake.encodings import Looked
from ledger.intake.layout import Header, RawStudent, Scan, check_received, scan, students
from ledger.intake.response import RowAnswer
from ledger.intake.rewriting import FileFinding, file_finding
from ledger.intake.sources import Sent, opened
from ledger.intake.spool import KEY_BYTES
from ledger.jurisdiction import Profile, calendar_of
from ledger.store import faults
from ledger.store.append import Append, Part, Receipt, SealedAppend
from ledger.store.database import Role, translated
from ledger.store.following import held, lock_key
from ledger.store.vault import LEDGER

CHUNK_ROWS = 4_000
"""Rows in one transaction: large enough for COPY to pay, small enough to redo."""
ANSWERS_AT_ONCE = 2_000
"""Rows in one piece of the answers, and in the entry that is recorded of it."""

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all)."""


class Report(msgspec.Struct, kw_only=True):
    """What a submission did, as ``sojourn submit --json`` prints it. position: of its last event. seconds: of this run.

    students_linked, near_matches: of the state's records, once the matcher has decided. warnings: on the file as a
    whole.
    """

    submission: str
    state: str
    rows: int = 0
    accepted: int = 0
    unchanged: int = 0
    refused: int = 0
    warned: int = 0
    events: int = 0
    students_new: int = 0
    students_linked: int = 0
    near_matches: int = 0
    position: int = 0
    seconds: float = 0.0
    warnings: list[FileFinding] = []

    def as_told(self) -> dict[str, Any]:
        """Plain values; ``warnings`` only where there are any."""
        told = msgspec.to_builtins(self)
        if not self.warnings:
            del told["warnings"]
        return told


class _Applied(msgspec.Struct):
    """A submission's stream, folded. content_hash: of the file that is being applied, None before one was received.

    warnings: on it as a whole. refused: hashes of the files that were refused whole. students, chunks: done.
    completed: the final counts.
    """

    version: int = 0
    position: int = 0
    content_hash: str | None = None
    warnings: tuple[said.FileWarning, ...] = ()
    refused: set[str] = msgspec.field(default_factory=set)
    students: int = 0
    chunks: int = 0
    completed: said.SubmissionCompleted | None = None
    so_far: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    @property
    def rows(self) -> int:
        """Rows done."""
        return sum(self.so_far[name] for name in ("accepted", "unchanged", "refused"))


def submission_id(header: Header) -> str:
    """``OR-20250902020000000``: state and Submission Date."""
    return f"{header.state}-{''.join(c for c in header.submission_date if c.isdigit())}"


def stream_of(submission: str) -> str:
    """The submission's stream."""
    state, _, instant = submission.partition("-")
    return f"submission/{state}/{instant}"


def submit(
    ledger: Ledger,
    source: Path | BinaryIO,
    actor: str,
    *,
    answer: Callable[[RowAnswer], None] | None = None,
    answering: Callable[[Report, Sequence[RowAnswer]], None] | None = None,
    progress: Progress | None = None,
    late: bool = False,
    chunk_rows: int = CHUNK_ROWS,
) -> Report:
    """Apply what a state sent; the same again appends nothing and gives the first counts.

    source: a text file, a folder or a zip by its path, or an open binary file that can be sought in. answer: called
    for each row once all are applied, in input order within a student, whichever run applied it, for as long as
    answers are kept. answering: called with each piece of them before that, to record that they leave. late: take a
    file that is older than one applied; it adds what is not there and never corrects, retracts or reinstates.
    Raises SubmissionRefused (the whole file, nothing applied), SubmissionDateReused, SubmissionLate, UnknownState,
    StoreUnavailable, OSError where the file cannot be read.
    """
    started = time.perf_counter()
    # What must be rewritten is sealed under a key that only this run has: a run that is killed leaves nothing to read.
    with (
        TemporaryDirectory(prefix="sojourn-", ignore_cleanup_errors=True) as folder,
        opened(source, Path(folder) / "rewritten", os.urandom(KEY_BYTES)) as sent,
    ):
        run = _applied_whole(ledger, sent, actor, progress, late=late, chunk_rows=chunk_rows)
        report = run.report(time.perf_counter() - started)
    if answer is not None:
        rows = answers.read(ledger.log, run.stream, run.submission)
        while piece := list(islice(rows, ANSWERS_AT_ONCE)):
            if answering is not None:
                answering(report, piece)
            for row in piece:
                answer(row)
    return report


def check(ledger: Ledger, header: Header, content_hash: str, *, late: bool) -> int | None:
    """See that a file may be applied, by what its header says; where this very file was applied already, the position
    at which it was completed.

    Before anything else of it is read, and without the lock: what is found here is found again when it is applied.
    Raises SubmissionRefused, SubmissionDateReused, SubmissionLate, UnknownState, StoreUnavailable.
    """
    check_received(header, calendar_of(ledger.jurisdiction(header.state)).day_of(ledger.clock()))
    submission = submission_id(header)
    applied = _applied(ledger, stream_of(submission))
    _must_be_the_file(header.state, content_hash, applied)
    if applied.completed is not None:
        return applied.position
    if not late and _is_behind(ledger, header.state, submission):
        raise _late(header.state)
    return None


def _applied_whole(
    ledger: Ledger, sent: Sent, actor: str, progress: Progress | None, *, late: bool, chunk_rows: int
) -> _Run:
    header = sent.header()
    jurisdiction = ledger.jurisdiction(header.state)
    check_received(header, calendar_of(jurisdiction).day_of(ledger.clock()))
    submission = submission_id(header)
    meta = Meta(actor=actor, submission=submission)
    with _one_at_a_time(ledger, submission) as must_be_alone:
        applied = _applied(ledger, stream_of(submission))
        try:
            whole = sent.whole()
            # Read through once, and made ready where it had to be; nothing of it is durable.
            faults.point("intake.in-pass-one")
            scanned = scan(whole)
        except SubmissionRefused as refusal:
            _record_refusal(ledger, sent.content_hash(), header, applied, refusal, meta)
            raise
        _must_be_the_file(header.state, scanned.content_hash, applied)
        behind = applied.completed is None and _is_behind(ledger, header.state, submission)
        if behind and not late:
            raise _late(header.state)
        run = _Run(ledger, scanned, jurisdiction.profile, submission, meta, applied, late=behind)
        # Counted and found whole; that it is here is not written yet, unless an earlier run wrote it.
        faults.point("intake.after-pass-one")
        if applied.completed is None:
            run.receive(sent.findings)
            # That the file is here is durable, and every chunk of an earlier run; none of this one.
            faults.point("intake.received")

            def may_go_on() -> None:
                must_be_alone()
                sent.check_unchanged()

            for _ in run.apply(_chunks(run.left(whole), chunk_rows), may_go_on):
                if progress is not None:
                    progress(applied.rows, scanned.rows)
                # This chunk is durable, with the number of students done; the next one is not handed over.
                faults.point("intake.between-chunks")
            sent.check_unchanged()
            # Every student is durable; that there are no more is not.
            faults.point("intake.before-completed")
            run.complete()
        # All is durable; nobody was told.
        faults.point("intake.completed")
    return run


def _late(state: str) -> SubmissionLate:
    return SubmissionLate(
        f"A later file of {state} was applied already.",
        remedy="Send the newest file; with --late an older one adds what is missing and changes nothing.",
    )


class _Place(NamedTuple):
    """Where a submission's next chunk is written. version: of the submission's stream. chunks, students: before it."""

    version: int
    chunks: int
    students: int

    def after(self, chunk: Chunk, sealed: SealedAppend) -> _Place:
        """The place behind a chunk that is written here. The submission's own part is the last of its append."""
        return _Place(self.version + len(sealed.parts[-1].events), self.chunks + 1, self.students + chunk.students)


class _Handed(NamedTuple):
    """A chunk that PostgreSQL has."""

    chunk: Chunk
    future: Future[Receipt]


class _Run:
    """One run over one file."""

    def __init__(
        self,
        ledger: Ledger,
        scanned: Scan,
        profile: Profile,
        submission: str,
        meta: Meta,
        applied: _Applied,
        *,
        late: bool,
    ) -> None:
        self.ledger = ledger
        self.scanned = scanned
        self.profile = profile
        self.submission = submission
        self.state = scanned.header.state
        self.stream = stream_of(submission)
        self.meta = meta
        self.applied = applied
        self.late = late
        self.today = scanned.header.submitted_on
        self.row_key = ledger.row_key()
        self._begun = 0.0
        """When the chunk at hand was begun: when the one before was durable."""

    def receive(self, found: Sequence[FileFinding]) -> None:
        """Write that the file is here, unless an interrupted run did. found: warnings on it as a whole."""
        if self.applied.content_hash is not None:
            return
        header = self.scanned.header
        warnings = tuple(said.FileWarning(rule=f.rule, table=f.table, columns=f.columns) for f in found)
        self._append_own(
            said.SubmissionReceived(
                state=header.state,
                submission_date=header.submission_date,
                content_hash=self.scanned.content_hash,
                students=self.scanned.students,
                rows=self.scanned.rows,
                beginning=header.beginning,
                ending=header.ending,
                warnings=warnings,
            )
        )
        self.applied.content_hash, self.applied.warnings = self.scanned.content_hash, warnings

    def left(self, whole: Looked) -> Iterator[RawStudent]:
        """The students that no earlier run has applied."""
        if self.applied.chunks and self.applied.students == self.scanned.students:
            return iter(())  # also of a file without any student, whose rows make one chunk
        return students(whole, skip=self.applied.students, scanned=self.scanned, levels=self.profile.rule_levels)

    def apply(self, chunks: Iterable[Sequence[RawStudent]], may_go_on: Callable[[], object]) -> Iterator[None]:
        """Apply whole students chunk by chunk, each in one append; yields when one is durable.

        While PostgreSQL has one, the next is decided: a student stands in one chunk only, so neither decides on what
        the other writes. may_go_on: called before each is handed over; raises where the run must end.
        """
        handed: _Handed | None = None
        place = self._place()
        self._begun = time.perf_counter()
        try:
            for raw in chunks:
                chunk = Chunk(self, raw)
                sealed = self._sealed(chunk, place)  # as it will be once the one before is written
                if handed is not None:
                    before, handed = handed, None
                    self._write(before)
                    yield
                    if self._place() != place:
                        place = self._place()
                        sealed = self._sealed(chunk, place)
                may_go_on()
                # This chunk is decided, ids are drawn for it, and nothing of it is durable.
                faults.point("intake.before-chunk")
                handed = _Handed(chunk, self.ledger.log.sequencer.submit(sealed))
                place = place.after(chunk, sealed)
            if handed is not None:
                before, handed = handed, None
                self._write(before)
                yield
        finally:
            if handed is not None:
                # The lock is let go only when nothing of this run is under way any more.
                wait([handed.future])

    def _place(self) -> _Place:
        return _Place(self.applied.version, self.applied.chunks, self.applied.students)

    def _sealed(self, chunk: Chunk, place: _Place) -> SealedAppend:
        for _ in range(ATTEMPTS_MAX):
            append = chunk.append(self.stream, place.version, place.chunks + 1, place.students)
            try:
                return self.ledger.log.seal(append)
            except StaleDecision:
                chunk.decide_anew()  # a record was destroyed since it was decided
        raise StaleDecision("Others change these records faster than the file.", remedy="Send it again later.")

    def _write(self, handed: _Handed) -> None:
        """Wait until a chunk is durable; where somebody else was faster with some of its students, those anew."""
        applied, chunk, future = self.applied, handed.chunk, handed.future
        for _ in range(ATTEMPTS_MAX):
            try:
                receipt = future.result()
            except StaleDecision:
                if not chunk.decide_anew() and _applied(self.ledger, self.stream).version != applied.version:
                    # The lock went with its connection, and another process goes on where this one was.
                    raise
                future = self.ledger.log.sequencer.submit(self._sealed(chunk, self._place()))
                continue
            applied.version = receipt.versions[self.stream]
            applied.position = receipt.position
            applied.students += chunk.students
            applied.chunks += 1
            for name in COUNTS:
                applied.so_far[name] += chunk.counts[name]
            begun, self._begun = self._begun, time.perf_counter()
            telemetry.CHUNK_DURATION.observe(self._begun - begun)
            return
        wait([future])
        raise StaleDecision("Others change these records faster than the file.", remedy="Send it again later.")

    def complete(self) -> None:
        """Write that every student was applied."""
        completed = said.SubmissionCompleted(rows=self.scanned.rows, **self.applied.so_far)
        self._append_own(completed)
        self.applied.completed = completed

    def report(self, seconds: float) -> Report:
        """The counts of the whole submission, whoever applied its chunks."""
        counts = self.applied.completed
        assert counts is not None
        return Report(
            submission=self.submission,
            state=self.scanned.header.state,
            position=self.applied.position,
            seconds=round(seconds, 3),
            warnings=[file_finding(warned) for warned in self.applied.warnings],
            **msgspec.structs.asdict(counts),
        )

    def _append_own(self, event: Event) -> None:
        part = Part(stream=self.stream, subject=LEDGER[0], expected=self.applied.version, events=[event])
        receipt = self.ledger.log.append(Append(parts=[part], meta=self.meta))
        self.applied.version = receipt.versions[self.stream]
        self.applied.position = receipt.position


def _chunks(raw: Iterable[RawStudent], chunk_rows: int) -> Iterator[list[RawStudent]]:
    chunk: list[RawStudent] = []
    rows = 0
    for student in raw:
        chunk.append(student)
        rows += student.row_count
        if rows >= chunk_rows:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def turn_of(state: str) -> str:
    """The lock under which the files of a state are applied."""
    return f"submission/{state}"


def is_left(ledger: Ledger, submission: str) -> bool:
    """Whether a submission that was begun before this is asked is not completed, and nobody is at it.

    Raises StoreUnavailable.
    """
    with ledger.log.connection() as conn:
        at_work = held(conn, [stream_of(submission)])
    # In this order: what was completed when nobody was at it stands in the log.
    return not at_work and _applied(ledger, stream_of(submission)).completed is None


@contextmanager
def _one_at_a_time(ledger: Ledger, submission: str) -> Iterator[Callable[[], object]]:
    """One state's files apply one after another, whichever process takes them; the others wait here.

    Gives what raises StoreUnavailable once the lock has gone with its connection: a later file may be under way.
    """
    with translated(), ledger.database.connect(Role.WRITER, name="sojourn submission") as conn:
        # The state's is waited for; the submission's own, free then, tells which of its files is at work.
        for lock in (turn_of(submission[:2]), stream_of(submission)):
            conn.execute("select pg_advisory_lock(%s)", (lock_key(lock),))
        yield lambda: conn.execute("select 1")


def _applied(ledger: Ledger, stream: str) -> _Applied:
    applied = _Applied()
    for recorded in ledger.log.read_stream(stream):
        applied.version, applied.position = recorded.version, recorded.position
        event = recorded.event
        if isinstance(event, said.SubmissionReceived):
            applied.content_hash, applied.warnings = event.content_hash, event.warnings
        elif isinstance(event, said.ChunkApplied):
            applied.students, applied.chunks = event.students, event.chunk
            for name in COUNTS:
                applied.so_far[name] += getattr(event, name)
        elif isinstance(event, said.SubmissionCompleted):
            applied.completed = event
        elif isinstance(event, said.SubmissionRefused):
            applied.refused.add(event.content_hash)
    return applied


def _must_be_the_file(state: str, content_hash: str, applied: _Applied) -> None:
    """Raises SubmissionDateReused for another file under a date that is taken."""
    if applied.content_hash is not None and applied.content_hash != content_hash:
        raise SubmissionDateReused(
            f"Another file of {state} came under this Submission Date.",
            remedy="Give the new file a Submission Date of its own.",
        )


def _is_behind(ledger: Ledger, state: str, submission: str) -> bool:
    """Whether a later file was received. One that was broken off is behind too: what is left of it is older than what
    is there."""
    with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "select stream from ledger.heads where stream > %s and stream < %s",
            (stream_of(submission), f"submission/{state}/:"),  # ":" comes after the digits; the column sorts as bytes
        )
        later = [row[0] for row in cursor.fetchall()]
    return any(_applied(ledger, stream).content_hash is not None for stream in later)


def _record_refusal(
    ledger: Ledger, content_hash: str, header: Header, applied: _Applied, refusal: SubmissionRefused, meta: Meta
) -> None:
    """Keep that a file was refused whole, once; nothing where another file was applied under this date."""
    if applied.content_hash is not None or content_hash in applied.refused:
        return
    stream = stream_of(submission_id(header))
    event = said.SubmissionRefused(
        state=header.state, submission_date=header.submission_date, content_hash=content_hash, rule=refusal.rule
    )
    part = Part(stream=stream, subject=LEDGER[0], expected=applied.version, events=[event])
    ledger.log.append(Append(parts=[part], meta=meta))
