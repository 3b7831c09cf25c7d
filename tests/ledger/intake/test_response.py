"""The response file: its columns, its order, its further findings."""

from __future__ import annotations

import csv
import io

from ledger.intake.response import COLUMNS, ResponseSheet, RowAnswer
from ledger.intake.rules import Finding


def answer(row: int, letter: str = "D", outcome: str = "accepted", *findings: Finding, **values: str) -> RowAnswer:
    return RowAnswer(
        row=row,
        letter=letter,
        student_record_id="0000001",
        state_student_id="OR5540012",
        outcome=outcome,
        findings=list(findings),
        values=values,
        student_id="171694238246",
    )


def written(*answers: RowAnswer) -> list[list[str]]:
    lines = io.StringIO()
    sheet = ResponseSheet(lines)
    for one in answers:
        sheet.add(one)
    sheet.finish()
    assert sheet.rows == len(answers)
    return list(csv.reader(io.StringIO(lines.getvalue())))


def test_the_columns_are_those_of_the_layout() -> None:
    columns = "row,letter,student_record_id,state_student_id,outcome,element,value,rule,message,remedy,student_id"
    assert ",".join(COLUMNS) == columns
    assert written() == [columns.split(",")]


def test_a_row_without_findings_is_one_line() -> None:
    _, line = written(answer(3))
    assert line == ["3", "D", "0000001", "OR5540012", "accepted", "", "", "", "", "", "171694238246"]


def test_further_findings_are_further_lines_without_outcome() -> None:
    first = Finding(rule="code", element="sex", level="warned", message="Not a code.", remedy="Use one.")
    second = Finding(rule="too-long", element="suffix", level="warned", message="Too long.", remedy="Shorten it.")
    _, one, two = written(answer(3, "D", "accepted", first, second, sex="F", suffix="the, third"))
    assert one[4:10] == ["accepted", "sex", "F", "code", "Not a code.", "Use one."]
    assert two[4:10] == ["", "suffix", "the, third", "too-long", "Too long.", "Shorten it."]
    assert one[:4] == two[:4]
    assert one[10] == two[10]


def test_a_row_that_stands_apart_from_its_student_is_written_where_it_stands() -> None:
    came = [answer(2, "S"), answer(3), answer(7), answer(9), answer(4, "S"), answer(5), answer(8, "S"), answer(10)]
    assert [int(line[0]) for line in written(*came)[1:]] == [2, 3, 4, 5, 7, 8, 9, 10]


def test_what_comes_early_is_held_back_only_until_the_next_student_behind_it() -> None:
    lines = io.StringIO()
    sheet = ResponseSheet(lines)
    for one in (answer(2, "S"), answer(3), answer(9), answer(4, "S")):
        sheet.add(one)
    assert sheet.rows == 2, "rows 2 and 3 are written, 4 and 9 wait"


def test_several_files_are_told_apart_by_a_last_column() -> None:
    lines = io.StringIO()
    sheet = ResponseSheet(lines, several=True)
    sheet.begin("or.txt")
    for one in (answer(2, "S"), answer(9), answer(4, "S")):
        sheet.add(one)
    sheet.begin("ca.txt")
    sheet.add(answer(2, "S"))
    sheet.finish()
    header, *rows = csv.reader(io.StringIO(lines.getvalue()))
    assert header == [*COLUMNS, "file"]
    assert [(row[-1], row[0]) for row in rows] == [("or.txt", "2"), ("or.txt", "4"), ("or.txt", "9"), ("ca.txt", "2")]


def test_one_file_is_not_named_in_its_own_response() -> None:
    lines = io.StringIO()
    sheet = ResponseSheet(lines)
    sheet.begin("or.txt")
    sheet.add(answer(2, "S"))
    sheet.finish()
    header, row = csv.reader(io.StringIO(lines.getvalue()))
    assert tuple(header) == COLUMNS
    assert len(row) == len(COLUMNS)
