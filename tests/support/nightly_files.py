"""One night of a state as a file, in every form that is taken: text, folder or zip, and in every encoding."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from ledger.facts import Row, StudentRows
from ledger.mde import CHILD_LETTERS, TABLES


class Form(NamedTuple):
    """How a state's system writes. delimiter: of a text file. shuffled: a number that orders the columns of tables."""

    kind: Literal["text", "folder", "zip"] = "text"
    encoding: str = "utf-8"
    delimiter: str = "|"
    shuffled: int = 0


FORMS = (
    Form(),
    Form(encoding="utf-8-sig", delimiter="\t"),
    Form(delimiter=","),
    Form(encoding="utf-16"),
    Form(encoding="utf-16-le", delimiter="\t"),
    Form(encoding="utf-16-be"),
    Form(encoding="cp1252", delimiter=","),
    Form("folder", shuffled=1),
    Form("folder", encoding="utf-16", shuffled=2),
    Form("zip", encoding="cp1252", shuffled=3),
    Form("zip", shuffled=4),
)
"""Every kind, every encoding, every delimiter."""


def write_night(
    path: Path, state: str, instant: datetime, students: Sequence[StudentRows], form: Form = FORMS[0]
) -> Path:
    """One file of a state's students, its rows in the order given.

    path: without a suffix; what stands there is replaced. instant: the Submission Date, in the state's own time. Rows
    that have no Record ID get one that no other row of the student has.
    """
    rows = [fields for number, student in enumerate(students, 1) for fields in _rows(number, student)]
    night = instant.strftime("%Y%m%d%H%M%S") + f"{instant.microsecond // 1000:03d}"
    header = ["H", state, night, str(len(students)), str(len(rows)), "20150101000000000", "20250831000000000"]
    if form.kind == "text":
        path = path.with_suffix(".txt")
        path.write_bytes(_delimited([header, *rows], form.delimiter).encode(form.encoding))
        return path
    tables = dict(_tables([header, *rows], form))
    if form.kind == "zip":
        path = path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in tables.items():
                archive.writestr(name, content)
        return path
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    for name, content in tables.items():
        (path / name).write_bytes(content)
    return path


def rewritten(path: Path, form: Form, out: Path) -> Path:
    """A text file in UTF-8 and with ``|`` between its fields, in another form. out: without a suffix."""
    rows = [line.split("|") for line in path.read_text("utf-8").splitlines()]
    if form.kind == "text":
        out = out.with_suffix(".txt")
        out.write_bytes(_delimited(rows, form.delimiter).encode(form.encoding))
        return out
    assert form.kind == "zip"
    out = out.with_suffix(".zip")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in _tables(rows, form):
            archive.writestr(name, content)
    return out


def _rows(number: int, student: StudentRows) -> list[list[str]]:
    key = f"{number:07d}"
    own = {
        **student.elements,
        "student_record_id": key,
        "reporting_state_code": student.state,
        "state_student_identifier": student.state_student_id,
        "action_code": student.action,
    }
    fields = [["S", *(own.get(element.key, "") for element in TABLES["S"].elements)]]
    taken = {row.record_id for row in student.rows}
    free = (f"{n:03d}" for n in range(1, 1000) if f"{n:03d}" not in taken)
    fields += [_child_fields(key, row, row.record_id or next(free)) for row in student.rows]
    return fields


def _child_fields(key: str, row: Row, record_id: str) -> list[str]:
    table = TABLES[row.letter]
    values = {**row.elements, table.record_id: record_id}
    return [row.letter, key, *(values.get(element.key, "") for element in table.elements)]


def _delimited(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter != ",":
        return "".join(delimiter.join(row).rstrip(delimiter) + "\n" for row in rows)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _tables(rows: Sequence[Sequence[str]], form: Form) -> list[tuple[str, bytes]]:
    """File names and contents of the tables that have a row."""
    by_letter: dict[str, list[Sequence[str]]] = {}
    for row in rows:
        by_letter.setdefault(row[0], []).append(row[1:])
    made = []
    for letter in ("H", "S", *CHILD_LETTERS):
        if letter not in by_letter:
            continue
        names = [element.name for element in TABLES[letter].elements]
        if letter not in "HS":
            names.insert(0, "Student Record ID")
        order = list(range(len(names)))
        Random(form.shuffled).shuffle(order)
        out = io.StringIO()
        sheet = csv.writer(out, lineterminator="\r\n")
        sheet.writerow([names[at] for at in order])
        sheet.writerows([row[at] if at < len(row) else "" for at in order] for row in by_letter[letter])
        made.append((f"{TABLES[letter].name}.csv", out.getvalue().encode(form.encoding)))
    return made
