"""One chunk of a submission: whole students, decided together and appended together.

Invariant: a student is decided on what its record holds now, and on nothing else. A student whose every row is one
that the guard holds is passed by unopened; of the others the records are folded. Where somebody was faster, only the
students whose records moved are decided anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

import msgspec
from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.erased_rows import erased_key
from ledger.events import Erased, Event, Meta
from ledger.events import submission as said
from ledger.events.base import KeyClass
from ledger.intake.answers import AnsweredRow, packed
from ledger.intake.erased_moves import decide_others
from ledger.intake.layout import FoundRow, RawStudent
from ledger.intake.rules import Finding
from ledger.intake.student import Outcome, action_finding, place_student
from ledger.jurisdiction import Profile
from ledger.record import RecordState, all_unchanged, fold, packed_rows
from ledger.row_hash import with_erased
from ledger.store import disposing
from ledger.store.append import Append, Block, Opening, Part, Secret
from ledger.store.vault import LEDGER, submission_subject

COUNTS: tuple[str, ...] = ("accepted", "unchanged", "refused", "warned", "events", "students_new")


class Submission(Protocol):
    """What a chunk must know of its submission. state: that sends it. late: older than what the records hold.

    today: day of the Submission Date, the last that is not in the future.
    """

    ledger: Ledger
    submission: str
    state: str
    profile: Profile
    meta: Meta
    row_key: bytes
    late: bool
    today: date


class _Held(msgspec.Struct):
    """A record as the guard holds it; state: folded, where a row differs."""

    record: uuid.UUID
    student_id: str
    rows: bytes
    version: int = 0
    state: RecordState | None = None


class _Decided(msgspec.Struct):
    """One student. student_id, record: of the record, known or opened here; empty and None where there is none."""

    raw: RawStudent
    outcomes: Sequence[Outcome]
    student_id: str = ""
    record: uuid.UUID | None = None
    part: Part | None = None
    opening: Opening | None = None
    rows: bytes = b""

    @property
    def ssid(self) -> str | None:
        return None if self.raw.student is None else self.raw.student.state_student_id


class Chunk:
    """Whole students of one file. of: their submission."""

    def __init__(self, of: Submission, raw: Sequence[RawStudent]) -> None:
        self._of = of
        self._disposals = of.ledger.vault.disposals  # before anything is read
        self._decided = self._decide(raw)
        self.students = sum(1 for student in raw if student.number is not None)
        self.counts: dict[str, int] = {}

    def append(self, stream: str, version: int, number: int, students_before: int) -> Append:
        """The chunk's events, guard rows and answers, with the submission's own events: durable together or not at all.

        stream, version: of the submission. number: of the chunk, from 1.
        """
        self.counts = dict.fromkeys(COUNTS, 0)
        rows: list[AnsweredRow] = []
        findings: list[said.Finding] = []
        secrets: dict[str, Secret] = {}
        for decided in self._decided:
            self._answer(decided, rows, findings, secrets)
        parts = [decided.part for decided in self._decided if decided.part is not None]
        opened = [decided.opening for decided in self._decided if decided.opening is not None]
        guard = {d.record.bytes: d.rows for d in self._decided if d.part is not None and d.record is not None}
        self.counts["events"] = sum(len(part.events) for part in parts)
        self.counts["students_new"] = len(opened)
        own: list[Event] = [said.ChunkApplied(chunk=number, students=students_before + self.students, **self.counts)]
        if findings:
            own.append(said.FindingsRecorded(chunk=number, findings=findings))
        mine = Part(
            stream=stream, subject=LEDGER[0], expected=version, events=own, secrets={1: secrets} if secrets else {}
        )
        block = Block(self._of.submission, number, packed(rows))
        return Append(
            parts=[*parts, mine], meta=self._of.meta, opened=opened, rows=guard, block=block, disposals=self._disposals
        )

    def decide_anew(self) -> bool:
        """Decide anew the students whose records have moved since; whether there were any. Raises StoreUnavailable."""
        disposals = self._of.ledger.vault.disposals
        moved = self._moved()
        self._disposals = disposals
        if not moved:
            return False
        anew = iter(self._decide([d.raw for d in self._decided if d.ssid in moved]))
        self._decided = [next(anew) if d.ssid in moved else d for d in self._decided]
        return True

    # -- decide

    def _decide(self, raw: Sequence[RawStudent]) -> list[_Decided]:
        held = self._look_up(raw)
        unknown = sum(1 for s in raw if s.student is not None and s.student.state_student_id not in held)
        new_ids = iter(self._of.ledger.new_student_ids(unknown))
        decided = []
        for student in raw:
            if student.student is None:
                decided.append(_Decided(student, ()))
                continue
            known = held.get(student.student.state_student_id)
            decided.append(self._student(student, known, next(new_ids) if known is None else ""))
        return decided

    def _student(self, raw: RawStudent, held: _Held | None, new_id: str) -> _Decided:
        student = raw.student
        assert student is not None
        if held is not None and held.state is None:
            # Every row is one that the guard holds: nothing to decide.
            outcomes = [Outcome(letter="S", outcome="unchanged", row=student.number, fact=0, findings=[])]
            if warning := action_finding(student.action, known=True, levels=self._of.profile.rule_levels):
                outcomes[0].findings.append(warning)
            outcomes += [Outcome(letter=r.letter, outcome="unchanged", row=r.number) for r in student.rows]
            return _Decided(raw, outcomes, held.student_id, held.record)
        before = None if held is None else held.state
        decision = decide_others(
            student,
            before,
            self._of.row_key,
            lambda: erased_key(self._of.ledger.log, "" if held is None else str(held.record)),
            lambda left: place_student(
                left, before, new_id, self._of.profile, late=self._of.late, today=self._of.today
            ),
        )
        if not decision.events:
            if held is None:
                return _Decided(raw, decision.outcomes)
            return _Decided(raw, decision.outcomes, held.student_id, held.record)
        state = fold(decision.events, before)
        assert state is not None
        record = held.record if held is not None else uuid.UUID(bytes=self._of.ledger.ids.next())
        opening = None
        if held is None:
            opening = Opening(state.state, state.state_student_id, record.bytes, state.student_id)
        version = 0 if held is None else held.version
        part = Part(stream=f"record/{record}", subject=str(record), expected=version, events=decision.events)
        rows = packed_rows(state, self._of.row_key)
        return _Decided(raw, decision.outcomes, state.student_id, record, part, opening, rows)

    def _look_up(self, raw: Sequence[RawStudent]) -> dict[str, _Held]:
        """The records of these students; folded only where a row differs from what the guard holds."""
        held = self._guards([s.student.state_student_id for s in raw if s.student is not None])
        differing: dict[str, _Held] = {}
        for one in raw:
            student = one.student
            if student is None or student.state_student_id not in held:
                continue
            known = held[student.state_student_id]
            if not all_unchanged(known.rows, student, self._of.row_key):
                differing[f"record/{known.record}"] = known
        if differing:
            events: dict[str, list[Event]] = {}
            for recorded in self._of.ledger.log.read_streams(list(differing)):
                events.setdefault(recorded.stream, []).append(recorded.event)
                differing[recorded.stream].version = recorded.version
            for stream, known in differing.items():
                if isinstance(events[stream][0], Erased):
                    # Destroyed since its guard was read: a child that is sent again is a new record.
                    held = {ssid: one for ssid, one in held.items() if one is not known}
                else:
                    known.state = _folded(events[stream], known.rows)
        return held

    def _guards(self, ssids: Sequence[str]) -> dict[str, _Held]:
        with self._of.ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(
                "select state_student_id, record_id, student_id, rows from ledger.records"
                " where state = %s and state_student_id = any(%s)",
                (self._of.state, list(ssids)),
            )
            return {ssid: _Held(record, student, rows) for ssid, record, student, rows in cursor.fetchall()}

    def _moved(self) -> set[str]:
        """State student ids of what cannot be written as it was decided: its record has moved, was opened, or was
        destroyed."""
        expected = {
            d.part.stream: (d.part.expected, d.ssid or "")
            for d in self._decided
            if d.part is not None and d.opening is None
        }
        opening = [d.ssid for d in self._decided if d.opening is not None]
        moved: set[str] = set()
        with self._of.ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("select stream, version from ledger.heads where stream = any(%s)", (list(expected),))
            for stream, version in cursor.fetchall():
                if version != expected[stream][0]:
                    moved.add(expected[stream][1])
        moved |= self._guards([ssid for ssid in opening if ssid is not None]).keys()
        known = {d.ssid: d.record for d in self._decided if d.ssid and d.record is not None and d.opening is None}
        there = {ssid: held.record for ssid, held in self._guards(list(known)).items()}
        with self._of.ledger.log.connection() as conn:
            lost = disposing.lost_since(conn, [str(record) for record in known.values()], self._disposals)
        moved |= {ssid for ssid, record in known.items() if str(record) in lost}
        return moved | {ssid for ssid, record in known.items() if there.get(ssid) != record}

    # -- answer

    def _answer(
        self, decided: _Decided, rows: list[AnsweredRow], findings: list[said.Finding], secrets: dict[str, Secret]
    ) -> None:
        raw = decided.raw
        found = {row.number: row for row in raw.found}
        answered: list[tuple[int, str, str, Sequence[Finding], FoundRow | None]] = []
        for outcome in decided.outcomes:
            assert outcome.row is not None
            row = found.pop(outcome.row, None) if found else None
            told = [*row.findings, *outcome.findings] if row else outcome.findings
            answered.append((outcome.row, outcome.letter, outcome.outcome, told, row))
        if found:
            answered += [(row.number, row.letter, "refused", row.findings, row) for row in found.values()]
            answered.sort(key=lambda one: one[0])
        counts = self.counts
        for number, letter, outcome, told, row in answered:
            counts[outcome] += 1
            if told:
                self._find(decided, number, letter, told, row, findings, secrets)
            hers = _is_of(raw, row)
            rows.append(
                AnsweredRow(
                    number,
                    letter,
                    row.student_record_id if row else raw.student_record_id,
                    raw.state_student_id if hers else "",
                    outcome,
                    decided.student_id if hers else "",
                )
            )

    def _find(
        self,
        decided: _Decided,
        number: int,
        letter: str,
        told: Sequence[Finding],
        row: FoundRow | None,
        findings: list[said.Finding],
        secrets: dict[str, Secret],
    ) -> None:
        self.counts["warned"] += any(finding.level == "warned" for finding in told)
        values = _values(decided.raw, number, told, row)
        # What was refused is a child's data like any other: under the key of its record, where there is one, and of the
        # class that it would have been of.
        subject = submission_subject(self._of.submission)
        if decided.record is not None:
            key_class = KeyClass.ELIGIBILITY if letter == "Q" else KeyClass.EDUCATION
            subject = (str(decided.record), key_class.value)
        for finding in told:
            value = None if finding.element is None else values.get(finding.element)
            if value:
                secrets[str(len(findings))] = Secret(subject, value)
            findings.append(
                said.Finding(row=number, letter=letter, rule=finding.rule, element=finding.element, level=finding.level)
            )


def _folded(events: Sequence[Event], packed: bytes) -> RecordState | None:
    """A record, with what its guard keeps of moves that open no more."""
    state = fold(events)
    erased = state is not None and any(isinstance(event, Erased) for event in events)
    return with_erased(state, packed) if erased and state is not None else state


def _is_of(raw: RawStudent, row: FoundRow | None) -> bool:
    """Whether a row is the student's: others may stand among hers, or carry an id that she shares."""
    if row is None or row.letter == "S":
        return True
    if any(finding.rule == "duplicate-student-record-id" for finding in row.findings):
        return False
    return row.student_record_id.strip().lstrip("0") == raw.student_record_id.strip().lstrip("0")


def _values(raw: RawStudent, number: int, findings: Sequence[Finding], found: FoundRow | None) -> Mapping[str, str]:
    """The values that findings name, as sent: from the row's own check, or from a row that only the record refused."""
    values = dict(found.values) if found is not None else {}
    named = {f.element for f in findings if f.element is not None} - values.keys()
    if named and raw.student is not None:
        for row in raw.student.rows:
            if row.number == number:
                sent = {**row.elements, **(row.raw or {})}
                values.update({element: sent[element] for element in named if element in sent})
    return values
