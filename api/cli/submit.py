"""``sojourn sample`` and ``sojourn submit``."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.cli.talk import As, Json, opened, print_json, progress, say
from ledger.errors import LedgerError, Refused

_COLUMNS = "row,letter,student_record_id,state_student_id,outcome,element,value,rule,message,remedy,student_id".split(
    ","
)


def sample(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made if missing.")],
    states: Annotated[str, typer.Option("--states", help="USPS codes, by comma.")] = "OR,CA,TX",
    children: Annotated[int, typer.Option("--children", min=1, max=40_000, help="Children in each state.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same children.")] = 1,
    day: Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Submission Date.")] = None,
) -> None:
    """Write one realistic file per state, with invented children, and a truth file."""
    from ledger.intake.sample import write_samples
    from ledger.mde import STATES

    wanted = [state.strip() for state in states.split(",") if state.strip()]
    for state in wanted:
        if state not in STATES:
            raise Refused(f"{state} is no USPS state code.", remedy="Use two capital letters, such as OR.")
    out.mkdir(parents=True, exist_ok=True)
    for path in write_samples(out, wanted, children, seed, day.date() if day else date(2025, 9, 2)):
        print(path)


def submit(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files in the national layout.")],
    response: Annotated[
        Path | None, typer.Option("--response", help="Write the answer to each row here (CSV).")
    ] = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Submit files; the same file again appends nothing. Exit 3 where rows were refused."""
    from msgspec.structs import asdict

    from api.bootstrap import actor
    from ledger.intake.submission import RowAnswer
    from ledger.intake.submission import submit as apply

    reports = []
    failed = False
    with opened() as store, store.ledger() as ledger:
        sheet = None
        lines = response.open("w", newline="", encoding="utf-8") if response is not None else None
        if lines is not None:
            sheet = csv.writer(lines)
            sheet.writerow(_COLUMNS)

        def answered(row: RowAnswer) -> None:
            assert sheet is not None
            head = [row.row, row.letter, row.student_record_id, row.state_student_id]
            for index, finding in enumerate(row.findings or [None]):
                outcome = row.outcome if index == 0 else ""
                said = ["", "", "", "", ""]
                if finding is not None:
                    element = finding.element or ""
                    said = [element, row.values.get(element, ""), finding.rule, finding.message, finding.remedy]
                sheet.writerow([*head, outcome, *said, row.student_id])

        try:
            for path in paths:
                try:
                    with progress(path.name) as bar:
                        report = apply(
                            ledger,
                            path,
                            actor(store.settings, as_name),
                            answer=answered if sheet is not None else None,
                            progress=bar,
                        )
                except OSError as e:
                    failed = True
                    say(f"{path}: cannot be read ({e.strerror}). Give a readable file.")
                    continue
                except LedgerError as e:
                    failed = True
                    row = f", row {e.row}" if e.row else ""
                    rule = f" [{e.rule}]" if hasattr(e, "rule") else ""  # type: ignore[attr-defined]
                    say(f"{path}{row}{rule}: {e.what}\n  {e.remedy}")
                    continue
                reports.append(asdict(report))
                if not as_json:
                    print(
                        f"{path.name}: {report.rows:,} rows: {report.accepted:,} accepted, {report.unchanged:,} unchanged,"
                        f" {report.refused:,} refused, {report.warned:,} with warnings; {report.students_new:,} new"
                        f" students, {report.events:,} events, position {report.position:,}, {report.seconds:.1f} s"
                    )
        finally:
            if lines is not None:
                lines.close()
    if as_json and reports:
        print_json(reports if len(paths) > 1 else reports[0])
    if failed:
        raise typer.Exit(1)
    if any(report["refused"] for report in reports):
        raise typer.Exit(3)
