"""Pass one over the rows of a file: how many there are, where each student stands, and which rows stand apart.

Looks at two fields of a row and no more: what a row must hold is asked in pass two. Holds a few numbers for each
student, and for each row that stands apart. Pure.
"""

from __future__ import annotations

import re
from array import array
from typing import Final

from ledger import mde
from ledger.errors import BadValue
from ledger.intake.apart import Apart
from ledger.intake.lines import Place, Readable, is_blank, lines, parsed, records, refuse, text_of, unquoted

STATE_STUDENT_ID_FIELD: Final = mde.TABLES["S"].by_key["state_student_identifier"].number
"""Its place among the fields of an S row, the letter being the first."""

_STUDENT_RECORD_ID: Final = mde.TABLES["S"].by_key["student_record_id"].check
_STATE_STUDENT_ID: Final = mde.TABLES["S"].by_key["state_student_identifier"].check
_KEY_CHARACTERS_MAX: Final = 40
_CHILDREN: Final = frozenset(mde.CHILD_LETTERS)
_CHILDREN_AS_BYTES: Final = frozenset(letter.encode() for letter in mde.CHILD_LETTERS)
_DELIMITED: Final = re.compile(f"[S{mde.CHILD_LETTERS}][|\t,;]")


class FirstPass:
    """What is counted and kept of the rows behind the header.

    rows: how many. places: of the S rows. ordinals: of the S rows by Student Record ID, the first where several have
    it. shared: the ids that several have. repeated: ordinals of S rows whose state student id stood above. apart: the
    rows that stand apart from their S row, because another student's came between. loose: how many child rows belong to
    nobody, and rows of no known letter. otherwise_delimited: number of the first row that is one with another delimiter
    than the header's.
    """

    def __init__(self, delimiter: str) -> None:
        self.rows = 0
        self.places: list[Place] = []
        self.ordinals: dict[str, int] = {}
        self.shared: set[str] = set()
        self.repeated: set[int] = set()
        self.apart = Apart()
        self.loose = 0
        self.otherwise_delimited: int | None = None
        self._delimiter = delimiter
        self._broken = False
        self._sent: set[str] = set()
        self._rows_of = array("I")
        """Of each student, its child rows so far."""

        self._large: set[int] = set()
        """Students with more rows than one table may have."""

    def read(self, file: Readable, body: Place) -> None:
        """Every row from the first behind the header on."""
        self._count_all(file, body)
        if self._large:
            self._count_by_table(file, body)

    def _count_all(self, file: Readable, body: Place) -> None:
        if self._delimiter == ",":
            for number, offset, length, fields, _ in records(file, ",", body):
                self._add(number, offset, length, fields[0], fields[1] if len(fields) > 1 else "", fields)
            return
        # Two fields of a row are all that pass one needs: the others stay bytes. A row right behind its S row, as
        # nearly all are, is counted and no more.
        separator, behind = self._delimiter.encode(), None
        for number, offset, line in lines(file, body):
            parts = line.split(separator, 2)
            sent = parts[1] if len(parts) > 1 else b""
            if sent == behind and parts[0] in _CHILDREN_AS_BYTES:
                self.rows += 1
                self._count(-1, number)
            elif not is_blank(line):
                record_id = text_of(sent, number)
                if self._delimiter == "\t":
                    record_id = unquoted(record_id)
                self._add(number, offset, len(line), text_of(parts[0], number), record_id, line)
                if parts[0] == b"S":
                    behind = sent
                elif self._broken:
                    behind = None

    def _add(
        self, number: int, offset: int, length: int, letter: str, record_id: str, record: list[str] | bytes
    ) -> None:
        self.rows += 1
        if letter == "S":
            self._student(number, offset, record_id, record)
        elif letter == "H":
            refuse("second-header", number)
        elif letter in _CHILDREN:
            key = student_key(record_id)
            owner = self.ordinals.get(key) if key is not None else None
            if owner is None:
                self._is_loose(number)  # one before its S row belongs to nobody
                return
            self._count(owner, number)
            if self._broken or owner != len(self.places) - 1:
                # A row right behind its S row is found there, however its id is written.
                self._broken = True
                self.apart.add(owner, number, offset, length)
        else:
            self._is_loose(number)
            if self.otherwise_delimited is None and _DELIMITED.match(letter):
                self.otherwise_delimited = number

    def _count(self, ordinal: int, number: int) -> None:
        """One more row of a student. A file that has too many is refused before they are held together."""
        self._rows_of[ordinal] += 1
        if self._rows_of[ordinal] > mde.RECORD_IDS_MAX:
            if self._rows_of[ordinal] > mde.ROWS_OF_A_STUDENT_MAX:
                refuse("too-many-rows", number)
            self._large.add(ordinal % len(self.places))

    def _count_by_table(self, file: Readable, body: Place) -> None:
        """See that the rows of one table are not too many. Hardly a file has a student who may have that many: its
        rows are read once more, so that those of all others need no count for each table."""
        counts: dict[tuple[int, str], int] = {}
        for number, _, _, fields, _ in records(file, self._delimiter, body):
            key = student_key(fields[1]) if fields[0] in _CHILDREN and len(fields) > 1 else None
            owner = self.ordinals.get(key) if key is not None and key not in self.shared else None
            if owner in self._large and self.places[owner].number < number:
                counted = counts[owner, fields[0]] = counts.get((owner, fields[0]), 0) + 1
                if counted > mde.RECORD_IDS_MAX:
                    refuse("too-many-rows", number)

    def _is_loose(self, number: int) -> None:
        self.loose += 1
        if self.loose > mde.LOOSE_ROWS_MAX:
            refuse("too-many-loose-rows", number)

    def _student(self, number: int, offset: int, record_id: str, record: list[str] | bytes) -> None:
        ordinal = len(self.places)
        if ordinal == mde.STUDENTS_MAX:
            refuse("too-many-students", number)
        self.places.append(Place(number, offset))
        self._rows_of.append(0)
        self._broken = False
        key = student_key(record_id)
        if key is not None and self.ordinals.setdefault(key, ordinal) != ordinal:
            self.shared.add(key)
        fields = record if isinstance(record, list) else parsed(record, self._delimiter, number)
        try:
            sent = _STATE_STUDENT_ID(fields[STATE_STUDENT_ID_FIELD]) if len(fields) > STATE_STUDENT_ID_FIELD else None
        except BadValue:
            return
        if sent in self._sent:
            self.repeated.add(ordinal)
        elif sent is not None:
            self._sent.add(sent)


def student_key(raw: str) -> str | None:
    """What child rows and their S row have in common: the Student Record ID as its digits, however it is padded.

    One that cannot be used stands for itself, so that the rows of an S row that is refused for it are found with it.
    None where it is blank, or longer than anybody's.
    """
    try:
        return _STUDENT_RECORD_ID(raw)
    except BadValue:
        sent = raw.strip()
        return (sent.lstrip("0") or "0") if len(sent) <= _KEY_CHARACTERS_MAX else None
