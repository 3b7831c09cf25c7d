"""The text layout of a submission: its header, its totals, and its students one by one.

A file is read twice. The first pass (``scan``) looks at every byte, checks what the header claims and applies nothing:
it either refuses the whole file or says where each student stands. The second (``students``) gives each S row with its
child rows, checked, in the order of the S rows. Child rows may stand anywhere after their S row: those that stand
right behind it, as nearly always, are read in one go; the others are fetched from the places that pass one kept.
Memory holds one student and a few numbers for each, never the file. The file must not change between the passes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ledger import mde
from ledger.errors import BadValue
from ledger.facts import Row, StudentRows
from ledger.intake.apart import Apart
from ledger.intake.encodings import Looked, look
from ledger.intake.first_pass import STATE_STUDENT_ID_FIELD, FirstPass, student_key
from ledger.intake.lines import (
    Place,
    Readable,
    Record,
    blocks,
    is_suspect,
    opening,
    parsed,
    quoted,
    records,
    refuse,
)
from ledger.intake.mojibake import mended_fields
from ledger.intake.rules import CheckedRow, Finding, check_fields, finding, warn_of_mended

Source = Path | BinaryIO | Looked
"""A file in UTF-8 by its path, or an open binary file that can be sought in, which the caller closes; or one that was
looked at already (``ledger.intake.sources``), which is not looked at again."""

Levels = Mapping[str, str]
"""The state's own level by rule, as in its profile."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The H row, canonical. submission_date, beginning, ending: ``YYYY-MM-DDTHH:MM:SS.mmm``, in the state's own time.

    students, rows: as the header claims them. delimiter: of the whole file.
    """

    state: str
    submission_date: str
    students: int
    rows: int
    beginning: str
    ending: str
    delimiter: str = "|"

    @property
    def submitted_on(self) -> date:
        """The day of the Submission Date: what comes later is "future" in this file."""
        return date.fromisoformat(self.submission_date[:10])


class FoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was refused, or that stands with warnings.

    number: of the row, from 1 with the header. letter: ``?`` where the layout has no such letter.
    student_record_id: as sent; of a row without a letter of the layout only where a student of the file has it.
    values: as sent, of the elements that the findings name; a child's data.
    """

    number: int
    letter: str
    student_record_id: str
    refused: bool
    findings: list[Finding]
    values: dict[str, str] = {}


class RawStudent(msgspec.Struct, frozen=True, kw_only=True):
    """One S row with its child rows, and every row that was found wanting from here to the next S row.

    ordinal: of the S row among all S rows, from 0; the students done once this one is. number: of the S row.
    student_record_id, state_student_id: of the S row, as sent. student: what is to be applied, or None where the S row
    was refused. Rows that belong to no student come with the one they stand behind (before the first S row: with the
    first; in a file without one, alone). found: in order of their numbers. Every row of the file is either in
    ``student`` or refused in ``found``, once.
    """

    ordinal: int
    number: int | None
    student_record_id: str
    student: StudentRows | None
    found: list[FoundRow]
    state_student_id: str = ""

    @property
    def row_count(self) -> int:
        """How many rows of the file this accounts for."""
        applied = 0 if self.student is None else 1 + len(self.student.rows)
        return applied + sum(row.refused for row in self.found)


class Scan(msgspec.Struct, kw_only=True):
    """What pass one learned. content_hash: SHA-256 of the file, hexadecimal. students, rows: counted, and equal to the
    header's. The rest is for pass two alone: where S rows stand, who they are, the rows that stand apart, and how many
    belong to nobody. A row stands apart once another student's row has come between it and its S row."""

    header: Header
    content_hash: str
    students: int
    rows: int
    places: list[Place]
    ordinals: dict[str, int]
    shared_record_ids: set[str]
    repeated: set[int]
    apart: Apart
    loose: int


def read_header(source: Source) -> Header:
    """The header alone, checked by itself; nothing behind it is read.

    Raises SubmissionRefused: what ``lines.opening`` raises; ``too-many-fields``; ``header`` for an element that is
    missing or wrong; ``V24`` where the window does not begin before it ends.
    """
    with _opened(source) as file:
        return _header(file)[0]


def check_received(header: Header, received_on: date) -> None:
    """The Submission Date may be one day after receipt at most (the state's own day).

    Raises SubmissionRefused (``submission-date``).
    """
    if header.submitted_on > received_on + timedelta(days=1):
        said = f"It says {header.submitted_on}, and was received on {received_on}."
        refuse("submission-date", 1, "submission_date", said)


def scan(source: Source) -> Scan:
    """Pass one: the whole file, byte by byte. Nothing of it is applied if anything of this fails.

    Raises SubmissionRefused: what ``read_header`` raises; ``nul``, ``encoding``, ``line-end``, ``line-too-long``,
    ``quoting``; ``second-header``; ``too-many-students``; ``delimiter`` where the rows have another than the header;
    ``V24`` where the totals are not those of the file.
    """
    with _opened(source) as file:
        header, body = _header(file)
        content_hash = source.content_hash if isinstance(source, Looked) else _looked_at(file)
        found = FirstPass(header.delimiter)
        found.read(file, body)
    students = len(found.places)
    if not students and found.otherwise_delimited:
        refuse("delimiter", found.otherwise_delimited)
    if students != header.students:
        refuse("V24", 1, "total_students_in_file", _says(header.students, students, "student"))
    if found.rows != header.rows:
        refuse("V24", 1, "total_records_in_file", _says(header.rows, found.rows, "row"))
    return Scan(
        header=header,
        content_hash=content_hash,
        students=students,
        rows=found.rows,
        places=found.places,
        ordinals=found.ordinals,
        shared_record_ids=found.shared,
        repeated=found.repeated,
        apart=found.apart,
        loose=found.loose,
    )


def students(
    source: Source,
    today: date | None = None,
    skip: int = 0,
    *,
    scanned: Scan | None = None,
    levels: Levels | None = None,
) -> Iterator[RawStudent]:
    """Pass two: every student from the skip-th S row on, with its rows checked, in file order.

    today: what comes later is "future"; the Submission Date unless given. skip: students already done, after a crash.
    scanned: what ``scan`` said of this very file; without it, pass one runs first. Raises what ``scan`` raises.
    """
    known = scanned if scanned is not None else scan(source)
    with _opened(source) as file:
        reader = _Reader(known, file, (today or known.header.submitted_on).isoformat(), levels)
        yield from reader.students(skip)


_SIDE_BY_SIDE_BYTES: Final = 1024
_OF_THE_RECORD: Final = ("msix_identification_number", "state_student_identifier_type")
"""Elements of the S row beside the ids and the action."""


@contextmanager
def _opened(source: Source) -> Generator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        yield source.file if isinstance(source, Looked) else source


def _looked_at(file: BinaryIO) -> str:
    """The content hash of a file that is UTF-8 throughout."""
    found = look(blocks(file))
    if not found.utf_8:
        refuse("encoding", found.bad_line)
    return found.content_hash


def _header(file: Readable) -> tuple[Header, Place]:
    first = opening(file)
    table = mde.TABLES["H"]
    fields = first.fields[1:]
    if any(fields[len(table.elements) :]):
        refuse("too-many-fields", 1)
    values: dict[str, str] = {}
    for element in table.elements:
        raw = fields[element.number - 1] if len(fields) >= element.number else ""
        try:
            value = mde.canonical(element, raw)
        except BadValue:
            value = None
        if value is None:
            refuse("header", 1, element.key, f"It says {quoted(raw)}." if raw.strip() else "It is blank.")
        values[element.key] = value
    header = Header(
        state=values["submitting_state"],
        submission_date=values["submission_date"],
        students=int(values["total_students_in_file"]),
        rows=int(values["total_records_in_file"]),
        beginning=values["beginning_effective_date"],
        ending=values["ending_effective_date"],
        delimiter=first.delimiter,
    )
    if header.beginning >= header.ending:
        said = f"It says {header.ending}; Beginning Effective Date says {header.beginning}."
        refuse("V24", 1, "ending_effective_date", said)
    return header, first.body


def _says(claimed: int, counted: int, what: str) -> str:
    return f"It says {claimed:,}; the file has {counted:,} {what}{'s' * (counted != 1)}."


_CHILDREN: Final = frozenset(mde.CHILD_LETTERS)


class _Reader:
    """Pass two."""

    def __init__(self, scanned: Scan, file: BinaryIO, today: str, levels: Levels | None) -> None:
        self._scan = scanned
        self._file = file
        self._today = today
        self._levels = levels
        self._delimiter = scanned.header.delimiter

    def students(self, skip: int) -> Iterator[RawStudent]:
        places = self._scan.places
        if skip and skip >= len(places):
            return
        # The rows before the first S row belong to nobody and come with the first student.
        start = places[skip] if skip else _header(self._file)[1]
        ordinal, student, broken = skip, None, False
        own: list[Record] = []
        found: list[FoundRow] = []
        nothing_loose = not self._scan.loose and not self._scan.shared_record_ids
        whose: str | None = None
        for record in records(self._file, self._delimiter, start):
            fields = record.fields
            if fields[0] != "S":
                if not broken and len(fields) > 1 and fields[1] == whose and fields[0] in _CHILDREN:
                    own.append(record)  # as nearly every row
                    continue
                broken = self._sort(record, ordinal, student, own, found, broken=broken)
                if broken and nothing_loose and ordinal == len(places) - 1:
                    break  # whatever is left was fetched with its student
                continue
            if student is not None:
                yield self._student(ordinal, student, own, found)
                ordinal, own, found = ordinal + 1, [], []
            student, broken = record, False
            whose = self._alone(ordinal, record)
        if student is not None:
            yield self._student(ordinal, student, own, found)
        elif found:
            yield RawStudent(ordinal=0, number=None, student_record_id="", student=None, found=found)

    def _alone(self, ordinal: int, student: Record) -> str | None:
        """The student's Record ID as sent, if it is hers and nobody else's: whatever carries it is her row."""
        sent = _sent(student)
        key = student_key(sent)
        alone = self._scan.ordinals.get(key) == ordinal if key is not None else False
        return sent if alone and key not in self._scan.shared_record_ids else None

    def _sort(
        self,
        record: Record,
        ordinal: int,
        student: Record | None,
        own: list[Record],
        found: list[FoundRow],
        *,
        broken: bool,
    ) -> bool:
        """Put a child row where it belongs: to its student's own, or to what was found. One that stands apart is
        fetched with its student. Says whether those that follow stand apart."""
        letter, sent = record.fields[0], _sent(record)
        key = student_key(sent)
        owner = None if key is None else self._scan.ordinals.get(key)
        if letter not in _CHILDREN:
            # Of a row of no table its second field is an id where a student of the file has it, and else anything.
            is_id = owner is not None and key not in self._scan.shared_record_ids
            found.append(_refused(record, "?", "unknown-letter", sent if is_id else ""))
            return broken
        is_orphan = owner is None or student is None or owner > ordinal
        broken = broken or (not is_orphan and owner != ordinal)
        if key in self._scan.shared_record_ids:
            found.append(_refused(record, letter, "duplicate-student-record-id"))
        elif is_orphan:
            found.append(_refused(record, letter, "orphan"))
        elif not broken:
            own.append(record)
        return broken

    def _student(self, ordinal: int, record: Record, own: list[Record], found: list[FoundRow]) -> RawStudent:
        head = self._checked("S", record.fields[1:])
        key = student_key(_sent(record))
        self._check_student(ordinal, key, head)
        if head.findings:
            found.append(_found(record, "S", head, record.fields[1:]))
        # As sent: an S row that is refused for its form has its id all the same.
        if key not in self._scan.shared_record_ids:
            own.extend(self._apart(ordinal))
        rows: list[Row] = []
        for row in own:
            letter, values = row.fields[0], row.fields[2:]
            if head.refused:
                found.append(_refused(row, letter, "student-refused"))
                continue
            checked = self._mended(letter, values) if row.suspect else self._checked(letter, values)
            if checked.findings:
                found.append(_found(row, letter, checked, values))
            if not checked.refused:
                rows.append(Row(letter, checked.elements, checked.record_id, row.number, checked.raw))
        found.sort(key=_number)
        student = None
        if not head.refused:
            elements = head.elements
            student = StudentRows(
                state=elements["reporting_state_code"],
                state_student_id=elements["state_student_identifier"],
                action=elements["action_code"],
                elements={key: elements[key] for key in _OF_THE_RECORD if key in elements},
                rows=rows,
                number=record.number,
            )
        return RawStudent(
            ordinal=ordinal,
            number=record.number,
            student_record_id=_sent(record),
            state_student_id="".join(record.fields[STATE_STUDENT_ID_FIELD : STATE_STUDENT_ID_FIELD + 1]).strip(),
            student=student,
            found=found,
        )

    def _apart(self, ordinal: int) -> Iterator[Record]:
        begin, block = 0, b""
        for number, offset, length in self._scan.apart.of(ordinal):
            # Rows of one student often stand side by side, though apart from her S row.
            if not begin <= offset <= offset + length <= begin + len(block):
                self._file.seek(offset)
                begin, block = offset, self._file.read(max(length, _SIDE_BY_SIDE_BYTES))
            data = block[offset - begin : offset - begin + length]
            yield Record(number, offset, length, parsed(data, self._delimiter, number), is_suspect(data))

    def _checked(self, letter: str, values: list[str]) -> CheckedRow:
        width = len(mde.TABLES[letter].elements)
        if len(values) > width and any(values[width:]):
            return CheckedRow({}, [finding("too-many-fields", letter)], refused=True)
        return check_fields(letter, values, self._today, levels=self._levels)

    def _mended(self, letter: str, values: list[str]) -> CheckedRow:
        """The check of a row that may have been read in a wrong encoding: what is mended is warned of, and kept."""
        whole, before = mended_fields(letter, values)
        checked = self._checked(letter, whole)
        warn_of_mended(checked, letter, before)
        return checked

    def _check_student(self, ordinal: int, key: str | None, head: CheckedRow) -> None:
        """What an S row must be within its file. Adds to its findings."""
        refusals: list[Finding] = []
        if head.elements.get("reporting_state_code", self._scan.header.state) != self._scan.header.state:
            refusals.append(finding("V22", "S", "reporting_state_code"))
        if key in self._scan.shared_record_ids:
            refusals.append(finding("duplicate-student-record-id", "S", "student_record_id"))
        if ordinal in self._scan.repeated:
            refusals.append(finding("duplicate-student", "S", "state_student_identifier"))
        if refusals:
            head.findings.extend(refusals)
            head.refused = True


def _number(row: FoundRow) -> int:
    return row.number


def _sent(record: Record) -> str:
    """The Student Record ID as sent: the first field of an S row, and of every child row."""
    return record.fields[1] if len(record.fields) > 1 else ""


def _refused(record: Record, letter: str, rule: str, record_id: str | None = None) -> FoundRow:
    """record_id: the Student Record ID, where it is not simply the one that was sent."""
    sent = _sent(record) if record_id is None else record_id
    findings = [finding(rule, letter)]
    return FoundRow(number=record.number, letter=letter, student_record_id=sent, refused=True, findings=findings)


def _found(record: Record, letter: str, checked: CheckedRow, values: list[str]) -> FoundRow:
    named: dict[str, str] = {}
    for one in checked.findings:
        element = mde.TABLES[letter].by_key.get(one.element) if one.element is not None else None
        if element is not None and len(values) >= element.number and values[element.number - 1]:
            named[element.key] = values[element.number - 1]
    return FoundRow(
        number=record.number,
        letter=letter,
        student_record_id=_sent(record),
        refused=checked.refused,
        findings=checked.findings,
        values=named,
    )
