"""Sheets that people open: nothing that stands in a cell is run, and nothing of it is lost."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from api.sheets import cell, sheet


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＋1", "－1", "＠1", '=HYPERLINK("x")'],
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Núñez", "O'Brien", "de la Cruz-García", "Ma. José", "4113770", "00", "a=b"])
def test_any_other_text_is_left_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_numbers_days_and_truths_are_written_plainly() -> None:
    assert [cell(value) for value in (None, True, False, -3, 2.5, date(2028, 2, 29))] == [
        "",
        "Yes",
        "No",
        "-3",
        "2.5",
        "2028-02-29",
    ]


def test_a_sheet_is_read_back_cell_by_cell() -> None:
    lines = [{"a": 'Inés "Nena"', "b": "two\nlines", "c": "not asked for"}, {"a": ";,", "b": None}]
    head, *rows = csv.reader(io.StringIO(sheet(("a", "b"), lines)))
    assert head == ["a", "b"]
    assert rows == [['Inés "Nena"', "two\nlines"], [";,", ""]]
