"""The tables of a folder or zip, put into the text layout: one CSV for each letter, with a row of element names on top.

The tables follow one another in the layout's order: the header, then S, K, D, Q, E, C, A, I, each in the order of its
own file. So a row has one number, as in a text file: the header's is 1, and those of a table follow on those of the
one before. A blank row keeps its number. Knows no folder, no zip and no encoding: it is handed text. Pure.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ledger import mde
from ledger.intake.lines import RECORD_BYTES_MAX, quoting_rule, refuse

LETTERS: Final = ("H", "S", *mde.CHILD_LETTERS)
"""Tables in the order in which they follow one another."""

_STUDENT_RECORD_ID: Final = "student_record_id"


class Columns(msgspec.Struct, frozen=True):
    """What the first row of a table names.

    row: its own number. delimiter: of the whole table. fields: place in its rows of each field of the layout, the
    Student Record ID of a child row first; None where the table has no such column. unknown: columns that the layout
    does not have, from 1. width: how many columns.
    """

    row: int
    delimiter: str
    fields: tuple[int | None, ...]
    unknown: tuple[int, ...]
    width: int


def letter_of(file_name: str) -> str | None:
    """The table that a file holds, by its name: as in the layout or as its key, in any case. None: not a table."""
    stem, point, suffix = file_name.rpartition(".")
    return _BY_NAME.get(_key(stem)) if point and suffix.lower() == "csv" else None


def file_name_of(letter: str) -> str:
    """The name that the layout gives to a table's file: ``Demographics.csv``."""
    return f"{mde.TABLES[letter].name}.csv"


def text_lines(texts: Iterable[str]) -> Iterator[str]:
    """The text line by line, each with its line feed but perhaps the last. texts: pieces that end anywhere."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line + "\n"
    if rest:
        yield rest


def columns_of(letter: str, lines: Iterator[str]) -> Columns | None:
    """The first row of a table that is not blank; None where it has no row at all.

    lines: of the table, from its beginning. Raises SubmissionRefused with the row: ``no-columns``, ``delimiter``,
    ``missing-column``, ``duplicate-column``, ``line-end``.
    """
    for number, line in enumerate(lines, 1):
        if line.strip(" ,|\t\r\n"):
            return _columns(letter, line, number)
    return None


def records_of(letter: str, columns: Columns, lines: Iterator[str]) -> Iterator[list[str] | None]:
    """Every row behind the columns as a record of the text layout; None for a blank row.

    lines: those that ``columns_of`` has left. Raises SubmissionRefused with the row: ``quoting``, ``line-end``,
    ``line-too-long``.
    """
    number, size = columns.row + 1, 0

    def counted() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > RECORD_BYTES_MAX:
                refuse("line-too-long", number)
            yield line

    # As with a text file, the reader asks for a line only when it needs one.
    reader = csv.reader(counted(), delimiter=columns.delimiter, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            refuse(quoting_rule(error), number)
        if row is None:
            return
        yield _record(letter, columns, row) if any(field.strip() for field in row) else None
        number, size = number + 1, 0


def _record(letter: str, columns: Columns, row: list[str]) -> list[str]:
    width = len(row)
    record = [letter, *(row[place] if place is not None and place < width else "" for place in columns.fields)]
    if width > columns.width:
        # Fields beyond the named columns mean that a value is in the wrong one: the row's check says so.
        record += row[columns.width :]
    while not record[-1]:
        record.pop()
    return record


def _columns(letter: str, top: str, number: int) -> Columns:
    if "\r" in top.rstrip("\r\n"):
        refuse("line-end", number)
    wanted = [element.key for element in mde.TABLES[letter].elements]
    if letter in mde.CHILD_LETTERS:
        wanted.insert(0, _STUDENT_RECORD_ID)
    delimiter, names = max(
        ((delimiter, _names(top, delimiter)) for delimiter in (",", "|", "\t")),
        key=lambda named: len(set(wanted).intersection(named[1])),
    )
    known = set(wanted).intersection(names)
    if not known:
        refuse("delimiter" if set(wanted).intersection(_names(top, ";")) else "no-columns", number)
    if any(names.count(key) > 1 for key in known):
        refuse("duplicate-column", number)
    if letter != "H" and _STUDENT_RECORD_ID not in known:
        refuse("missing-column", number)
    return Columns(
        row=number,
        delimiter=delimiter,
        fields=tuple(names.index(key) if key in known else None for key in wanted),
        unknown=tuple(place for place, key in enumerate(names, 1) if key not in known),
        width=len(names),
    )


def _names(top: str, delimiter: str) -> list[str]:
    try:
        row = next(csv.reader([top], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    while row and not row[-1].strip():
        row.pop()  # a row that ends in delimiters has no more columns for it
    return [_key(name) for name in row]


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


_BY_NAME: Final = {name: letter for letter, table in mde.TABLES.items() for name in (_key(table.name), _key(table.key))}
