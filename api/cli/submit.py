"""``sojourn sample`` and ``sojourn submit``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.talk import As, Json, opened, print_json, progress, say
from ledger.errors import BadValue, LedgerError, Refused, SubmissionRefused

if TYPE_CHECKING:
    from ledger.intake.response import ResponseSheet, RowAnswer
    from ledger.intake.submission import Report

SAMPLE_DAY = date(2025, 9, 2)
NAMED_STUDENTS_MAX = 5
"""Of so many students at most, the command that shows each is printed; a night's file has thousands."""


def sample(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to; made if missing.")],
    states: Annotated[str, typer.Option("--states", metavar="CODES", help="USPS codes, by comma.")] = "OR,CA,TX",
    children: Annotated[
        int, typer.Option("--children", metavar="N", min=1, max=40_000, help="Children in each state.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same children.")] = 1,
    day: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="Submission Date.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one realistic file per state, with invented children, and a truth file. Prints their paths."""
    from ledger.intake.sample import write_samples
    from ledger.mde import STATES

    wanted = [state.strip() for state in states.split(",") if state.strip()]
    if not wanted:
        raise typer.BadParameter("name a state", param_hint="--states")
    for state in wanted:
        if state not in STATES:
            raise Refused(f"{state} is no USPS state code.", remedy="Use two capital letters, such as OR.")
    out.mkdir(parents=True, exist_ok=True)
    paths = [str(path) for path in write_samples(out, wanted, children, seed, day.date() if day else SAMPLE_DAY)]
    if as_json:
        print_json(paths)
        return
    for path in paths:
        print(path)


def submit(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files in the national layout.")],
    response: Annotated[
        Path | None, typer.Option("--response", metavar="FILE", help="Write the answer to each row here (CSV).")
    ] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Take a file older than the last one applied; it only adds what is missing.")
    ] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Submit files; the same file again appends nothing. Exit 3 where rows were refused."""
    from msgspec.structs import asdict

    from api.bootstrap import actor
    from ledger.intake.submission import submit as apply
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head

    reports: list[Report] = []
    with opened() as store, store.ledger() as ledger, _answers(response) as answers:
        name = actor(store.settings, as_name)
        for path in paths:
            answers.begin()
            try:
                with progress(path.name) as bar:
                    report = apply(ledger, path, name, answer=answers.add, progress=bar, late=late)
            except OSError as e:
                say(f"{path}: cannot be read ({e.strerror}). Give a readable file.")
                continue
            except LedgerError as e:
                say(f"{path}{_place(e)}: {e.what}\n  {e.remedy}")
                continue
            reports.append(report)
            if not as_json:
                print(_told(path, report))
            answers.end(report)
        if as_json and reports:
            told = [asdict(report) for report in reports]
            print_json(told if len(paths) > 1 else told[0])
        if reports:
            # What was submitted can be read when this command has returned.
            bring_to_head(PROJECTIONS, store.database, ledger.logs, timeout_s=None)
    if len(reports) < len(paths):
        raise typer.Exit(1)
    if any(report.refused for report in reports):
        raise typer.Exit(3)


def _told(path: Path, report: Report) -> str:
    return (
        f"{path.name}: {report.rows:,} rows: {report.accepted:,} accepted, {report.unchanged:,} unchanged,"
        f" {report.refused:,} refused, {report.warned:,} with warnings; {report.students_new:,} new students,"
        f" {report.events:,} events, position {report.position:,}, {report.seconds:.1f} s"
    )


def _place(error: LedgerError) -> str:
    """Row and rule, where the error names them."""
    row = f", row {error.row}" if error.row else ""
    return f"{row} [{error.rule}]" if isinstance(error, BadValue | SubmissionRefused) else row


class _Answers:
    """Rows' answers as they come: to the response file, if one is asked for, and the first students to a reader."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        # Opened now, so that a file that cannot be written is told before anything is applied. What an earlier run
        # wrote stays until this one has an answer of its own.
        # Its own alone: it holds children's values.
        if file is not None and not file.exists():
            file.touch(mode=0o600)
        self._lines = None if file is None else file.open("a", newline="", encoding="utf-8")
        self._sheet: ResponseSheet | None = None
        self._rows = 0
        self._students: list[str] = []

    def begin(self) -> None:
        """A file's rows are about to come; those of one that failed are all that will come of it."""
        if self._sheet is not None:
            self._sheet.finish()
        self._rows = 0
        self._students = []

    def add(self, answer: RowAnswer) -> None:
        self._rows += 1
        if answer.letter == "S" and answer.student_id and len(self._students) <= NAMED_STUDENTS_MAX:
            self._students.append(answer.student_id)
        if self._lines is not None:
            if self._sheet is None:
                self._lines.truncate(0)
                self._sheet = self._new_sheet()
            self._sheet.add(answer)

    def end(self, report: Report) -> None:
        """A file's rows have come."""
        if self._sheet is not None:
            self._sheet.finish()
        if self._file is not None and self._rows < report.rows:
            earlier = report.rows - self._rows
            say(f"  An earlier run applied {earlier:,} of its rows; only the run that applies a row writes its answer.")
        if len(self._students) <= NAMED_STUDENTS_MAX:
            for student in self._students:
                say(f"  sojourn student {student}")

    def close(self) -> None:
        if self._lines is not None:
            if self._sheet is not None:
                self._sheet.finish()
            elif self._lines.tell() == 0:
                self._new_sheet()
            self._lines.close()

    def _new_sheet(self) -> ResponseSheet:
        from ledger.intake.response import ResponseSheet

        assert self._lines is not None
        return ResponseSheet(self._lines)


@contextmanager
def _answers(file: Path | None) -> Iterator[_Answers]:
    answers = _Answers(file)
    try:
        yield answers
    finally:
        answers.close()
