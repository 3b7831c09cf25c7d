"""The text layout of a submission: its header, its totals, and its students one by one.

A file is read twice. The first pass (``scan``) looks at every byte, checks what the header claims and applies nothing:
it either refuses the whole file or says where each student stands. The second (``students``) gives each S row with its
child rows, checked, in the order of the S rows. Child rows may stand anywhere after their S row: those that stand
right behind it, as nearly always, are read in one go; the others are fetched from the places that pass one kept.
Memory holds one student and a few numbers for each, never the file. The file must not change between the passes.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ledger import mde
from ledger.errors import BadValue
from ledger.facts import Row, StudentRows
from ledger.intake.lines import Checked, Place, Readable, Record, is_blank, lines, opening, parsed, records, refuse
from ledger.intake.rules import CheckedRow, Finding, check_fields, finding

Source = Path | BinaryIO
"""A file by its path, or an open binary file that can be sought in (a spool, which the caller closes)."""

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
    student_record_id: as sent. values: as sent, of the elements that the findings name; a child's data.
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
    header's. The rest is for pass two alone: where S rows stand, who they are, and the rows that stand apart."""

    header: Header
    content_hash: str
    students: int
    rows: int
    places: list[Place]
    ordinals: dict[str, int]
    shared_record_ids: set[str]
    repeated: set[int]
    apart: Apart


class Apart:
    """Places of the child rows that do not stand right behind their S row. Four numbers a row."""

    def __init__(self) -> None:
        self._owners = array("L")
        self._places = array("Q")
        self._order: list[int] | None = None

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, ordinal: int, number: int, offset: int, length: int) -> None:
        self._owners.append(ordinal)
        self._places.extend((number, offset, length))

    def of(self, ordinal: int) -> Iterator[tuple[int, int, int]]:
        """Number, offset and length of each row of one student, in file order."""
        if not self._owners:
            return
        if self._order is None:
            self._order = sorted(range(len(self._owners)), key=self._owners.__getitem__)
        low, high = 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            if self._owners[self._order[middle]] < ordinal:
                low = middle + 1
            else:
                high = middle
        while low < len(self._order) and self._owners[self._order[low]] == ordinal:
            at = 3 * self._order[low]
            yield self._places[at], self._places[at + 1], self._places[at + 2]
            low += 1


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
        refuse("submission-date", 1)


def scan(source: Source) -> Scan:
    """Pass one: the whole file, byte by byte. Nothing of it is applied if anything of this fails.

    Raises SubmissionRefused: what ``read_header`` raises; ``nul``, ``encoding``, ``line-too-long``, ``quoting``;
    ``second-header``; ``too-many-students``; ``V24`` where the totals are not those of the file.
    """
    with _opened(source) as file:
        header, _ = _header(file)
        checked = Checked(file)
        found = _Scanner(header)
        rows = _keys(checked, header.delimiter)
        next(rows)
        for number, offset, length, letter, record_id, record in rows:
            found.add(number, offset, length, letter, record_id, record)
    students = len(found.places)
    if students != header.students:
        refuse("V24", 1, "total_students_in_file")
    if found.rows != header.rows:
        refuse("V24", 1, "total_records_in_file")
    return Scan(
        header=header,
        content_hash=checked.content_hash(),
        students=students,
        rows=found.rows,
        places=found.places,
        ordinals=found.ordinals,
        shared_record_ids=found.shared,
        repeated=found.repeated,
        apart=found.apart,
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


_STUDENT_RECORD_ID: Final = mde.TABLES["S"].by_key["student_record_id"].check
_STATE_STUDENT_ID: Final = mde.TABLES["S"].by_key["state_student_identifier"].check
_STATE_STUDENT_ID_FIELD: Final = mde.TABLES["S"].by_key["state_student_identifier"].number
_OF_THE_RECORD: Final = ("msix_identification_number", "state_student_identifier_type")
"""Elements of the S row beside the ids and the action."""


@contextmanager
def _opened(source: Source) -> Generator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        yield source


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
            refuse("header", 1, element.key)
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
        refuse("V24", 1, "ending_effective_date")
    return header, first.body


def _canonical_id(raw: str) -> str | None:
    try:
        return _STUDENT_RECORD_ID(raw)
    except BadValue:
        return None


Keyed = tuple[int, int, int, str, str, list[str] | bytes]


def _keys(file: Readable, delimiter: str) -> Iterator[Keyed]:
    """Number, offset, length, letter and Student Record ID as sent of every row, the header's too, and the row."""
    start = Place(1, 0)
    if delimiter == ",":
        for number, offset, length, fields in records(file, delimiter, start):
            yield number, offset, length, fields[0], fields[1] if len(fields) > 1 else "", fields
        return
    # Two fields of a row are all that pass one needs: the others stay bytes.
    separator = delimiter.encode()
    for number, offset, line in lines(file, start):
        parts = line.split(separator, 2)
        if len(parts) > 1 and parts[0]:
            yield number, offset, len(line), parts[0].decode(), parts[1].decode(), line
        elif not is_blank(line):
            yield number, offset, len(line), parts[0].decode(), "", line


class _Scanner:
    """Pass one over the rows behind the header."""

    def __init__(self, header: Header) -> None:
        self.rows = 0
        self.places: list[Place] = []
        self.ordinals: dict[str, int] = {}
        self.shared: set[str] = set()
        self.repeated: set[int] = set()
        self.apart = Apart()
        self._delimiter = header.delimiter
        self._sent: set[str] = set()
        self._current: str | None = None

    def add(
        self, number: int, offset: int, length: int, letter: str, record_id: str, record: list[str] | bytes
    ) -> None:
        self.rows += 1
        if letter == "S":
            self._student(number, offset, record_id, record)
        elif letter == "H":
            refuse("second-header", number)
        elif record_id != self._current and letter in _CHILDREN:
            canonical = _canonical_id(record_id)
            owner = self.ordinals.get(canonical) if canonical is not None else None
            # A row right behind its S row is found there, however its id is written; one before it belongs to nobody.
            if owner is not None and owner != len(self.places) - 1:
                self.apart.add(owner, number, offset, length)

    def _student(self, number: int, offset: int, record_id: str, record: list[str] | bytes) -> None:
        ordinal = len(self.places)
        if ordinal == mde.STUDENTS_MAX:
            refuse("too-many-students", number)
        self.places.append(Place(number, offset))
        self._current = record_id
        canonical = _canonical_id(record_id)
        if canonical is not None and self.ordinals.setdefault(canonical, ordinal) != ordinal:
            self.shared.add(canonical)
        fields = record if isinstance(record, list) else parsed(record, self._delimiter, number)
        try:
            sent = _STATE_STUDENT_ID(fields[_STATE_STUDENT_ID_FIELD]) if len(fields) > _STATE_STUDENT_ID_FIELD else None
        except BadValue:
            return
        if sent in self._sent:
            self.repeated.add(ordinal)
        elif sent is not None:
            self._sent.add(sent)


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
        ordinal, student = skip, None
        own: list[Record] = []
        found: list[FoundRow] = []
        for record in records(self._file, self._delimiter, start):
            if record.fields[0] != "S":
                self._sort(record, ordinal, student, own, found)
                continue
            if student is not None:
                yield self._student(ordinal, student, own, found)
                ordinal, own, found = ordinal + 1, [], []
            student = record
        if student is not None:
            yield self._student(ordinal, student, own, found)
        elif found:
            yield RawStudent(ordinal=0, number=None, student_record_id="", student=None, found=found)

    def _sort(
        self, record: Record, ordinal: int, student: Record | None, own: list[Record], found: list[FoundRow]
    ) -> None:
        """Put a child row where it belongs: to its student's own, or to what was found. One that stands apart from
        an earlier student was fetched with that student already."""
        letter, sent = record.fields[0], _sent(record)
        if letter not in _CHILDREN:
            found.append(_refused(record, "?", "unknown-letter"))
            return
        canonical = _canonical_id(sent)
        owner = None if canonical is None else self._scan.ordinals.get(canonical)
        if canonical in self._scan.shared_record_ids:
            found.append(_refused(record, letter, "duplicate-student-record-id"))
        elif owner is None or student is None or owner > ordinal:
            found.append(_refused(record, letter, "orphan"))
        elif owner == ordinal:
            own.append(record)

    def _student(self, ordinal: int, record: Record, own: list[Record], found: list[FoundRow]) -> RawStudent:
        head = self._checked("S", record.fields[1:])
        self._check_student(ordinal, head)
        if head.findings:
            found.append(_found(record, "S", head, record.fields[1:]))
        # As sent: an S row that is refused for its form has its id all the same.
        if _canonical_id(_sent(record)) not in self._scan.shared_record_ids:
            own.extend(self._apart(ordinal))
        rows: list[Row] = []
        for row in own:
            letter, values = row.fields[0], row.fields[2:]
            if head.refused:
                found.append(_refused(row, letter, "student-refused"))
                continue
            checked = self._checked(letter, values)
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
            state_student_id="".join(record.fields[_STATE_STUDENT_ID_FIELD : _STATE_STUDENT_ID_FIELD + 1]).strip(),
            student=student,
            found=found,
        )

    def _apart(self, ordinal: int) -> Iterator[Record]:
        for number, offset, length in self._scan.apart.of(ordinal):
            self._file.seek(offset)
            yield Record(number, offset, length, parsed(self._file.read(length), self._delimiter, number))

    def _checked(self, letter: str, values: list[str]) -> CheckedRow:
        width = len(mde.TABLES[letter].elements)
        if len(values) > width and any(values[width:]):
            return CheckedRow({}, [finding("too-many-fields", letter)], refused=True)
        return check_fields(letter, values, self._today, levels=self._levels)

    def _check_student(self, ordinal: int, head: CheckedRow) -> None:
        """What an S row must be within its file. Adds to its findings."""
        refusals: list[Finding] = []
        if head.elements.get("reporting_state_code", self._scan.header.state) != self._scan.header.state:
            refusals.append(finding("V22", "S", "reporting_state_code"))
        if head.record_id in self._scan.shared_record_ids:
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


def _refused(record: Record, letter: str, rule: str) -> FoundRow:
    sent = "" if letter == "?" else _sent(record)
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
