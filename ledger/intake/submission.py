"""One state's file for one night, applied: received, then whole students in chunks, then completed.

Pass one reads the whole file and applies nothing. Pass two takes whole students in file order, a few thousand rows a
chunk: a student whose every row is one that the guard holds is passed by; of the others the records are folded, each
is decided as a single command would be, and the chunk is one append together with the submission's own event. So a
crash at any instant leaves whole chunks, and the next run goes on at the first one that has not committed.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from psycopg.rows import tuple_row

from ledger.application import ATTEMPTS_MAX, Ledger
from ledger.errors import Conflict, StaleDecision, SubmissionDateReused, SubmissionLate, SubmissionRefused
from ledger.events import Event, Meta
from ledger.events import submission as said
from ledger.intake.layout import FoundRow, Header, RawStudent, Scan, check_received, read_header, scan, students
from ledger.intake.response import RowAnswer
from ledger.intake.rules import Finding
from ledger.intake.student import Outcome, action_finding, place_student
from ledger.jurisdiction import Profile, calendar_of
from ledger.record import RecordState, all_unchanged, fold, packed_rows
from ledger.store import faults
from ledger.store.append import Append, Opening, Part
from ledger.store.database import Role, translated
from ledger.store.vault import LEDGER

CHUNK_ROWS = 4_000
"""Rows in one transaction: large enough for COPY to pay, small enough to redo."""

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all)."""


class Report(msgspec.Struct, kw_only=True):
    """What a submission did, as ``sojourn submit --json`` prints it. position: of its last event. seconds: of this run.

    students_linked and near_matches stay 0 while no matcher decides.
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


_COUNTS: tuple[str, ...] = ("accepted", "unchanged", "refused", "warned", "events", "students_new")


class _Applied(msgspec.Struct):
    """A submission's stream, folded. content_hash: of the file that is being applied, None before one was received.

    refused: hashes of the files that were refused whole. students, chunks: done. completed: the final counts.
    """

    version: int = 0
    position: int = 0
    content_hash: str | None = None
    refused: set[str] = msgspec.field(default_factory=set)
    students: int = 0
    chunks: int = 0
    completed: said.SubmissionCompleted | None = None
    so_far: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))

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
    path: Path,
    actor: str,
    *,
    answer: Callable[[RowAnswer], None] | None = None,
    progress: Progress | None = None,
    late: bool = False,
    chunk_rows: int = CHUNK_ROWS,
) -> Report:
    """Apply one file; the same file again appends nothing and gives the first counts.

    answer: called for each row of the chunks that this run applied, in input order within a student. late: take a file
    that is older than one applied; it adds what is not there and never corrects, retracts or reinstates.
    Raises SubmissionRefused (the whole file, nothing applied), SubmissionDateReused, SubmissionLate, UnknownState,
    StoreUnavailable, OSError where the file cannot be read.
    """
    started = time.perf_counter()
    at_first = _seen(path)
    header = read_header(path)
    jurisdiction = ledger.jurisdiction(header.state)
    check_received(header, calendar_of(jurisdiction).day_of(ledger.clock()))
    submission = submission_id(header)
    meta = Meta(actor=actor, submission=submission)
    with _one_at_a_time(ledger, header.state) as must_be_alone:
        applied = _applied(ledger, stream_of(submission))
        try:
            scanned = scan(path)
        except SubmissionRefused as refusal:
            _record_refusal(ledger, path, header, applied, refusal, meta)
            raise
        _must_be_the_file(header.state, scanned, applied)
        behind = applied.completed is None and _is_behind(ledger, header.state, submission)
        if behind and not late:
            raise SubmissionLate(
                f"A later file of {header.state} was applied already.",
                remedy="Send the newest file; with --late an older one adds what is missing and changes nothing.",
            )
        run = _Run(ledger, scanned, jurisdiction.profile, submission, meta, applied, answer, late=behind)
        if applied.completed is None:
            run.receive()
            for chunk in _chunks(run.left(path), chunk_rows):
                must_be_alone()
                _must_be_as(path, at_first)
                run.apply(chunk)
                if progress is not None:
                    progress(applied.rows, scanned.rows)
                # This chunk is durable, with the number of students done; the next one is not begun.
                faults.point("intake.between-chunks")
            _must_be_as(path, at_first)
            run.complete()
        return run.report(time.perf_counter() - started)


def _seen(path: Path) -> tuple[int, int, int]:
    """What tells whether a file is still the same: its place on disk, its size, when it was last written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _must_be_as(path: Path, at_first: tuple[int, int, int]) -> None:
    """Raises Conflict: what was counted and hashed must be what is applied."""
    if _seen(path) != at_first:
        raise Conflict(
            "The file was written to while it was being applied.",
            remedy="Send it again, under a Submission Date of its own, when nobody writes to it.",
        )


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
        answer: Callable[[RowAnswer], None] | None,
        *,
        late: bool,
    ) -> None:
        self.ledger = ledger
        self.scanned = scanned
        self.profile = profile
        self.submission = submission
        self.stream = stream_of(submission)
        self.meta = meta
        self.applied = applied
        self.answer = answer
        self.late = late
        self.row_key = ledger.row_key()

    def receive(self) -> None:
        """Write that the file is here, unless an interrupted run did."""
        if self.applied.content_hash is not None:
            return
        header = self.scanned.header
        self._append_own(
            said.SubmissionReceived(
                state=header.state,
                submission_date=header.submission_date,
                content_hash=self.scanned.content_hash,
                students=self.scanned.students,
                rows=self.scanned.rows,
                beginning=header.beginning,
                ending=header.ending,
            )
        )
        self.applied.content_hash = self.scanned.content_hash

    def left(self, path: Path) -> Iterator[RawStudent]:
        """The students that no earlier run has applied."""
        if self.applied.chunks and self.applied.students == self.scanned.students:
            return iter(())  # also of a file without any student, whose rows make one chunk
        return students(path, skip=self.applied.students, scanned=self.scanned, levels=self.profile.rule_levels)

    def apply(self, chunk: Sequence[RawStudent]) -> None:
        """Apply whole students in one append; decided anew as long as somebody else is faster with one of them."""
        applied = self.applied
        for _ in range(ATTEMPTS_MAX):
            decided = _Chunk(self, chunk)
            try:
                receipt = self.ledger.log.append(decided.append())
            except StaleDecision:
                if _applied(self.ledger, self.stream).version != applied.version:
                    # The lock went with its connection, and another process goes on where this one was.
                    raise
                continue
            applied.version = receipt.versions[self.stream]
            applied.position = receipt.position
            applied.students = decided.students_done
            applied.chunks += 1
            for name in _COUNTS:
                applied.so_far[name] += decided.counts[name]
            if self.answer is not None:
                for row in decided.answers:
                    self.answer(row)
            return
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
            **msgspec.structs.asdict(counts),
        )

    def _append_own(self, event: Event) -> None:
        part = Part(stream=self.stream, subject=LEDGER[0], expected=self.applied.version, events=[event])
        receipt = self.ledger.log.append(Append(parts=[part], meta=self.meta))
        self.applied.version = receipt.versions[self.stream]
        self.applied.position = receipt.position


class _Known(msgspec.Struct):
    record: uuid.UUID
    student_id: str
    rows: bytes
    version: int = 0
    state: RecordState | None = None


class _Chunk:
    """Whole students decided together: events, guard rows, counts, answers."""

    def __init__(self, run: _Run, chunk: Sequence[RawStudent]) -> None:
        self.run = run
        self.raw = chunk
        self.counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        self.students_done = run.applied.students + sum(1 for s in chunk if s.number is not None)
        self.answers: list[RowAnswer] = []
        self.findings: list[said.Finding] = []
        self.parts: list[Part] = []
        self.opened: list[Opening] = []
        self.rows: dict[bytes, bytes] = {}
        known = self._known([s.student.state_student_id for s in chunk if s.student is not None])
        unknown = sum(1 for s in chunk if s.student is not None and s.student.state_student_id not in known)
        new_ids = iter(run.ledger.new_student_ids(unknown))
        for raw in chunk:
            self._student(raw, known, new_ids)

    def append(self) -> Append:
        """The chunk's events and guard rows, with the submission's own event: durable together or not at all."""
        run = self.run
        number = run.applied.chunks + 1
        own: list[Event] = [said.ChunkApplied(chunk=number, students=self.students_done, **self.counts)]
        if self.findings:
            own.append(said.FindingsRecorded(chunk=number, findings=self.findings))
        part = Part(stream=run.stream, subject=LEDGER[0], expected=run.applied.version, events=own)
        return Append(parts=[*self.parts, part], meta=run.meta, opened=self.opened, rows=self.rows)

    def _student(self, raw: RawStudent, known: dict[str, _Known], new_ids: Iterator[str]) -> None:
        student = raw.student
        if student is None:
            self._answer(raw, [], "")
            return
        held = known.get(student.state_student_id)
        if held is not None and held.state is None:
            # Every row is one that the guard holds: nothing to decide.
            outcomes = [Outcome(letter="S", outcome="unchanged", row=student.number, fact=0, findings=[])]
            if warning := action_finding(student.action, known=True):
                outcomes[0].findings.append(warning)
            outcomes += [Outcome(letter=r.letter, outcome="unchanged", row=r.number) for r in student.rows]
            self._answer(raw, outcomes, held.student_id)
            return
        before = None if held is None else held.state
        new_id = "" if held is not None else next(new_ids)
        decision = place_student(student, before, new_id, self.run.profile, late=self.run.late)
        state = before
        if decision.events:
            state = fold(decision.events, before)
            assert state is not None
            record = held.record if held is not None else uuid.UUID(bytes=self.run.ledger.ids.next())
            version = 0 if held is None else held.version
            self.parts.append(
                Part(stream=f"record/{record}", subject=str(record), expected=version, events=decision.events)
            )
            self.rows[record.bytes] = packed_rows(state, self.run.row_key)
            if held is None:
                self.opened.append(Opening(state.state, state.state_student_id, record.bytes, state.student_id))
                self.counts["students_new"] += 1
            self.counts["events"] += len(decision.events)
        self._answer(raw, decision.outcomes, "" if state is None else state.student_id)

    def _answer(self, raw: RawStudent, outcomes: Sequence[Outcome], student_id: str) -> None:
        found = {row.number: row for row in raw.found}
        answered: list[tuple[int, str, str, list[Finding], FoundRow | None]] = []
        for outcome in outcomes:
            assert outcome.row is not None
            row = found.pop(outcome.row, None)
            answered.append(
                (outcome.row, outcome.letter, outcome.outcome, [*(row.findings if row else ()), *outcome.findings], row)
            )
        answered += [(row.number, row.letter, "refused", row.findings, row) for row in found.values()]
        answered.sort(key=lambda a: a[0])
        for number, letter, outcome, findings, row in answered:
            self.counts[outcome] += 1
            if any(f.level == "warned" for f in findings):
                self.counts["warned"] += 1
            self.findings += [
                said.Finding(row=number, letter=letter, rule=f.rule, element=f.element, level=f.level) for f in findings
            ]
            if self.run.answer is not None:
                self.answers.append(
                    RowAnswer(
                        row=number,
                        letter=letter,
                        student_record_id=row.student_record_id if row else raw.student_record_id,
                        state_student_id=raw.state_student_id if _is_of(raw, row) else "",
                        outcome=outcome,
                        findings=findings,
                        values=_values(raw, number, findings, row),
                        student_id=student_id if outcome != "refused" else "",
                    )
                )

    def _known(self, ssids: Sequence[str]) -> dict[str, _Known]:
        """The records of these students; folded only where a row differs from what the guard holds."""
        run = self.run
        state = run.scanned.header.state
        with run.ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(
                "select state_student_id, record_id, student_id, rows from ledger.records"
                " where state = %s and state_student_id = any(%s)",
                (state, list(ssids)),
            )
            known = {ssid: _Known(record, student, rows) for ssid, record, student, rows in cursor.fetchall()}
        differing = set()
        for raw in self.raw:
            student = raw.student
            if student is not None and student.state_student_id in known:
                held = known[student.state_student_id]
                if not all_unchanged(held.rows, student, run.row_key):
                    differing.add(student.state_student_id)
        streams = {f"record/{known[ssid].record}": known[ssid] for ssid in differing}
        if streams:
            events: dict[str, list[Event]] = {}
            for recorded in run.ledger.log.read_streams(list(streams)):
                events.setdefault(recorded.stream, []).append(recorded.event)
                streams[recorded.stream].version = recorded.version
            for stream, held in streams.items():
                held.state = fold(events[stream])
        return known


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


@contextmanager
def _one_at_a_time(ledger: Ledger, state: str) -> Iterator[Callable[[], object]]:
    """One state's files apply one after another, whichever process takes them; the others wait here.

    Gives what raises StoreUnavailable once the lock has gone with its connection: a later file may be under way.
    """
    with translated(), ledger.database.connect(Role.WRITER, name="sojourn submission") as conn:
        conn.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (f"submission/{state}",))
        yield lambda: conn.execute("select 1")


def _applied(ledger: Ledger, stream: str) -> _Applied:
    applied = _Applied()
    for recorded in ledger.log.read_stream(stream):
        applied.version, applied.position = recorded.version, recorded.position
        event = recorded.event
        if isinstance(event, said.SubmissionReceived):
            applied.content_hash = event.content_hash
        elif isinstance(event, said.ChunkApplied):
            applied.students, applied.chunks = event.students, event.chunk
            for name in _COUNTS:
                applied.so_far[name] += getattr(event, name)
        elif isinstance(event, said.SubmissionCompleted):
            applied.completed = event
        elif isinstance(event, said.SubmissionRefused):
            applied.refused.add(event.content_hash)
    return applied


def _must_be_the_file(state: str, scanned: Scan, applied: _Applied) -> None:
    """Raises SubmissionDateReused for another file under a date that is taken."""
    if applied.content_hash is not None and applied.content_hash != scanned.content_hash:
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
    ledger: Ledger, path: Path, header: Header, applied: _Applied, refusal: SubmissionRefused, meta: Meta
) -> None:
    """Keep that a file was refused whole, once; nothing where another file was applied under this date."""
    with path.open("rb") as file:
        content_hash = hashlib.file_digest(file, "sha256").hexdigest()
    if applied.content_hash is not None or content_hash in applied.refused:
        return
    stream = stream_of(submission_id(header))
    event = said.SubmissionRefused(
        state=header.state, submission_date=header.submission_date, content_hash=content_hash, rule=refusal.rule
    )
    part = Part(stream=stream, subject=LEDGER[0], expected=applied.version, events=[event])
    ledger.log.append(Append(parts=[part], meta=meta))


def _is_of(raw: RawStudent, row: FoundRow | None) -> bool:
    """Whether a row is the student's: others may stand among hers, or carry an id that she shares."""
    if row is None or row.letter == "S":
        return True
    if any(finding.rule == "duplicate-student-record-id" for finding in row.findings):
        return False
    return row.student_record_id.strip().lstrip("0") == raw.student_record_id.strip().lstrip("0")


def _values(raw: RawStudent, number: int, findings: Sequence[Finding], found: FoundRow | None) -> dict[str, str]:
    """The values that findings name, as sent: from the row's own check, or from a row that only the record refused."""
    values = dict(found.values) if found is not None else {}
    named = {f.element for f in findings if f.element is not None} - values.keys()
    if named and raw.student is not None:
        for row in raw.student.rows:
            if row.number == number:
                sent = {**row.elements, **(row.raw or {})}
                values.update({element: sent[element] for element in named if element in sent})
    return values
