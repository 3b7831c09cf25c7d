"""Files and bodies of the same students: the national layout's text, and the JSON of a PUT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ledger.mde import CHILD_LETTERS, TABLES
from ledger.record import Row, StudentRows

_STUDENT: Final = "0000001"


def write_file(path: Path, student: StudentRows, instant: datetime) -> Path:
    """A file of one student, its rows in the order given. instant: the Submission Date, in the state's own time."""
    rows = [_line(row.letter, {**row.elements, TABLES[row.letter].record_id: row.record_id}) for row in student.rows]
    own = {
        "reporting_state_code": student.state,
        "state_student_identifier": student.state_student_id,
        "action_code": student.action,
    }
    date = instant.strftime("%Y%m%d%H%M%S") + f"{instant.microsecond // 1000:03d}"
    header = f"H|{student.state}|{date}|1|{1 + len(rows)}|20250101000000000|20250831000000000"
    path.write_text("\n".join([header, _line("S", {**student.elements, **own}), *rows]) + "\n", encoding="utf-8")
    return path


def _line(letter: str, elements: dict[str | None, str | None]) -> str:
    elements = {**elements, "student_record_id": _STUDENT}
    names = [element.key for element in TABLES[letter].elements]
    if letter != "S":  # a child row carries the number of its S row first
        names.insert(0, "student_record_id")
    return "|".join([letter, *(elements.get(name) or "" for name in names)])


def as_body(student: StudentRows) -> dict[str, Any]:
    """The same student as a PUT takes it."""
    body: dict[str, Any] = {"student": {"action_code": student.action, **student.elements}}
    for row in student.rows:
        body.setdefault(TABLES[row.letter].key, []).append(fact_body(row))
    return body


def fact_body(row: Row) -> dict[str, Any]:
    """One row as a POST takes it."""
    record_id = TABLES[row.letter].record_id
    assert record_id is not None
    return {**row.elements, **({record_id: row.record_id} if row.record_id else {})}


def in_table_order(rows: Sequence[Row]) -> list[Row]:
    """Rows in the order in which a PUT's tables are taken."""
    return sorted(rows, key=lambda row: CHILD_LETTERS.index(row.letter))
