"""The answer to a submission, row by row: what became of each, and the CSV that a state reads.

Answers come student by student; a child row may stand anywhere behind its S row, so the sheet holds back what comes
early and writes in the order of the file. It holds a child's data: values as sent.
"""

from __future__ import annotations

import csv
import heapq
from typing import Final, TextIO

import msgspec

from ledger.intake.rules import Finding

COLUMNS: Final = (
    "row",
    "letter",
    "student_record_id",
    "state_student_id",
    "outcome",
    "element",
    "value",
    "rule",
    "message",
    "remedy",
    "student_id",
)
FILE: Final = "file"
"""One more column, the last, where one response answers several files: row numbers begin anew with each."""


class RowAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row. row: its number in the file, the header's being 1. outcome: ``accepted``, ``unchanged``
    or ``refused``; empty for the header, which is there only where the file as a whole is warned of. values: as sent,
    of the elements that findings name. student_id: empty where the row is of no record."""

    row: int
    letter: str
    student_record_id: str
    state_student_id: str
    outcome: str
    findings: list[Finding]
    values: dict[str, str]
    student_id: str


class ResponseSheet:
    """Writes answers as CSV in the order of their rows. Call ``finish`` at the end, also of a run that failed.

    lines: open for text with ``newline=""``. several: whether the rows of more than one file come; then ``begin`` says
    which, before the first of each. rows: how many were written.
    """

    def __init__(self, lines: TextIO, *, several: bool = False) -> None:
        self.rows = 0
        self._sheet = csv.writer(lines, lineterminator="\n")
        self._sheet.writerow((*COLUMNS, FILE) if several else COLUMNS)
        self._several = several
        self._file: tuple[str, ...] = ()
        self._early: list[tuple[int, RowAnswer]] = []

    def begin(self, file: str) -> None:
        """The next answers are of this file's rows; those of the one before are all there."""
        self.finish()
        if self._several:
            self._file = (file,)

    def add(self, answer: RowAnswer) -> None:
        """Take an answer, in the order in which ``submit`` gives them."""
        if answer.letter in ("H", "S"):
            # Whatever stands before an S row is answered before it is.
            self._write_before(answer.row)
        heapq.heappush(self._early, (answer.row, answer))

    def finish(self) -> None:
        """Write what was held back."""
        self._write_before(None)

    def _write_before(self, row: int | None) -> None:
        while self._early and (row is None or self._early[0][0] < row):
            self._write(heapq.heappop(self._early)[1])

    def _write(self, answer: RowAnswer) -> None:
        assert bool(self._file) is self._several, "the file is named before its rows come"
        self.rows += answer.letter != "H"
        head = [str(answer.row), answer.letter, answer.student_record_id, answer.state_student_id]
        outcome = answer.outcome
        for finding in answer.findings or (None,):
            said = ["", "", "", "", ""]
            if finding is not None:
                element = finding.element or ""
                said = [element, answer.values.get(element, ""), finding.rule, finding.message, finding.remedy]
            self._sheet.writerow([*head, outcome, *said, answer.student_id, *self._file])
            outcome = ""  # further findings of the same row
