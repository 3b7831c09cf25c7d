"""Rows' answers as ``sojourn submit`` passes them on: to the response file, and the first students to a reader.

The one invariant: what an earlier run wrote stays until this one has an answer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from api.cli.talk import say
from ledger.errors import Unavailable
from ledger.intake.response import ResponseSheet

if TYPE_CHECKING:
    from ledger.intake.response import RowAnswer
    from ledger.intake.submission import Report

NAMED_STUDENTS_MAX = 5
"""Of so many students at most, the command that shows each is printed; a night's file has thousands."""

_REMEDY = "What was applied stays so. Send the same file again, with a --response that can be written."


@contextmanager
def answering(file: Path | None, *, several: bool) -> Iterator[Answers]:
    """Answers for as long as a command runs. several: whether it submits more than one file."""
    answers = Answers(file, several=several)
    try:
        yield answers
    finally:
        answers.close()


class Answers:
    """Rows' answers as they come: to the response file, if one is asked for, and the first students to a reader.

    lost: why the response could not be written any more.
    """

    def __init__(self, file: Path | None, *, several: bool) -> None:
        self.lost: Unavailable | None = None
        self._file = file
        self._several = several
        self._path = ""
        self._lines: TextIO | None = None
        self._sheet: ResponseSheet | None = None
        self._rows = 0
        self._students: list[str] = []
        if file is not None:
            # Opened now, so that a file that cannot be written is told before anything is applied. What an earlier run
            # wrote stays until this one has an answer of its own.
            with self._writing("Give a file that can be written; nothing was applied."):
                if not file.exists():
                    file.touch(mode=0o600)  # its owner's alone: it holds children's values
                self._lines = file.open("a", newline="", encoding="utf-8")

    def begin(self, path: Path) -> None:
        """A file's rows are about to come; those of one that failed are all that will come of it."""
        self._path = str(path)
        self._rows = 0
        self._students = []
        if self._sheet is not None:
            with self._writing():
                self._sheet.begin(self._path)

    def add(self, answer: RowAnswer) -> None:
        """Raises Unavailable where the response cannot be written any more."""
        self._rows += answer.letter != "H"
        if answer.letter == "S" and answer.student_id and len(self._students) <= NAMED_STUDENTS_MAX:
            self._students.append(answer.student_id)
        if self._lines is not None:
            with self._writing():
                if self._sheet is None:
                    if self._file is not None and self._file.is_file():
                        self._lines.truncate(0)
                    self._sheet = ResponseSheet(self._lines, several=self._several)
                    self._sheet.begin(self._path)
                self._sheet.add(answer)

    def end(self, report: Report) -> None:
        """A file's rows have come."""
        if self._sheet is not None:
            with self._writing():
                self._sheet.finish()
        if self._file is not None and self._rows < report.rows:
            say(f"  The answers to {report.rows - self._rows:,} of its rows are no longer kept.")
        if len(self._students) <= NAMED_STUDENTS_MAX:
            for student in self._students:
                say(f"  sojourn student {student}")

    def close(self) -> None:
        """Raises Unavailable where the response cannot be written to its end; once."""
        if self._lines is None:
            return
        if self.lost is not None:
            with suppress(OSError):
                self._lines.close()
            return
        with self._writing():
            if self._sheet is not None:
                self._sheet.finish()
            elif self._file is not None and not self._file.stat().st_size:
                ResponseSheet(self._lines, several=self._several)
            self._lines.close()

    @contextmanager
    def _writing(self, remedy: str = "") -> Iterator[None]:
        try:
            yield
        except OSError as e:
            self.lost = Unavailable(
                f"The response cannot be written to {self._file}: {e.strerror or e}.",
                remedy=remedy or _REMEDY,
            )
            raise self.lost from e
