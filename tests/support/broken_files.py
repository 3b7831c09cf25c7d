"""The corpus of broken and odd files: more than two hundred, each made by code, with the answer that it must get.

``corpus()`` gives them all. A case says how a file, folder or zip is made and what becomes of it: it is refused by a
rule, with the row and the table where that stands; or the system refuses it; or it is read, with these warnings on it
as a whole, these findings on its rows, and these students left to be applied. What a row must hold beside the record
(V9 and others) is not asked here: a case whose move is refused says so of the row alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ledger.mde import TABLES

HEADER = "H|OR|20250902020000000|3|15|20250801000000000|20250902000000000"
ROWS: tuple[str, ...] = (
    "S|0000001||OR|OR7740012|02|I",
    "K|0000001|001|FARM-77|02",
    "D|0000001|001|María José|Inés|Muñoz|Ávila||Female|20120314|No|1004|Ángel|Muñoz|Zoé|Ávila|||||Tlaxiaco|OAX|MEX",
    "Q|0000001|001|20250418|Madera|CA||Woodburn|OR|20280417",
    "E|0000001|001|20250421|01|Valor Middle School||411377000999||||||4113770|Woodburn SD 103|OR|||07|Yes|No|None",
    "I|0000001|001|115|20240816|01",
    "S|0000002||OR|OR7740013|02|I",
    "D|0000002|001|Efrain|Isaí|Pablo|Ramírez||Male|20081102|No|1003|||Catarina|Ramírez",
    "Q|0000002|001|20250602|Quetzaltenango||GTM|Hood River|OR|20280601",
    "E|0000002|001|20250623|03|Columbia Gorge Summer Program||||||||4106510|Hood River SD 1|OR|||10|||||Yes|20250801",
    "C|0000002|001|Geometry|Mathematics|00|2025|2025|02|0833|54|B",
    "A|0000002|001|State English Language Proficiency|English language|01|072025|0512|2|Failed",
    "S|0000003||OR|OR7740014|02|I",
    "D|0000003|001|Lupe||Núñez|||Female|20150101",
    "Q|0000003|001|20250602|Madera|CA||Woodburn|OR",
)
"""Three children of Oregon, a row of every letter, no fault. Row n of the file is ``ROWS[n - 2]``."""

STUDENTS = ("OR7740012", "OR7740013", "OR7740014")
DELIMITERS = {"pipe": "|", "tab": "\t", "comma": ","}
ENDS = {"lf": "\n", "crlf": "\r\n"}


class Refusal(NamedTuple):
    """row: of the text file, or of the table's own file. table: name of the file that is named, if one is."""

    rule: str
    row: int | None = None
    table: str | None = None


class Found(NamedTuple):
    """One finding on one row. row: as the response numbers it. level: ``refused`` or ``warned``."""

    row: int
    letter: str
    rule: str
    element: str | None = None
    level: str = "refused"


@dataclass(frozen=True)
class BrokenFile:
    """One case. name: unique, in words.

    build: makes it in an empty folder and gives its path. refused: the whole of it. system: the OSError that the system
    answers with. warned: rule and table of the warnings on it as a whole. found: every finding on its rows, in order.
    applied: the students that are left. as_sent: whether what is left is word for word what ``ROWS`` say.
    """

    name: str
    build: Callable[[Path], Path]
    refused: Refusal | None = None
    system: type[OSError] | None = None
    warned: tuple[tuple[str, str | None], ...] = ()
    found: tuple[Found, ...] = ()
    applied: tuple[str, ...] = STUDENTS
    as_sent: bool = True


def text_of(
    rows: Iterable[str] = ROWS, *, header: str = HEADER, delimiter: str = "|", end: str = "\n", last_end: bool = True
) -> str:
    """A text file of rows that are written with ``|``."""
    lines = [in_delimiter(row, delimiter) for row in (header, *rows)]
    return end.join(lines) + (end if last_end else "")


def in_delimiter(row: str, delimiter: str) -> str:
    """A row written with another delimiter; quoted where that is the comma and it must be."""
    if delimiter != ",":
        return row.replace("|", delimiter)
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row.split("|"))
    return out.getvalue()


def claiming(rows: Sequence[str], *, students: int | None = None, total: int | None = None) -> str:
    """The header of these rows. students, total: what it claims instead of the truth."""
    counted = sum(row.startswith("S") for row in rows) if students is None else students
    return HEADER.replace("|3|15|", f"|{counted}|{len(rows) if total is None else total}|")


def changed(row: int, key: str, value: str) -> list[str]:
    """``ROWS`` with one value changed. row: of the file. key: of the element."""
    rows = list(ROWS)
    fields = rows[row - 2].split("|")
    letter = fields[0]
    place = 1 if key == "student_record_id" else TABLES[letter].by_key[key].number + (0 if letter == "S" else 1)
    fields += [""] * (place + 1 - len(fields))
    fields[place] = value
    rows[row - 2] = "|".join(fields)
    return rows


def file_of(content: bytes | str, name: str = "night.txt") -> Callable[[Path], Path]:
    """Builds a file. content: text is written as UTF-8."""

    def build(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return build


def corpus() -> tuple[BrokenFile, ...]:
    """Every case, in a fixed order."""
    from support import broken_tables, broken_texts, broken_values, broken_zips

    found = (*broken_texts.cases(), *broken_values.cases(), *broken_tables.cases(), *broken_zips.cases())
    assert len({case.name for case in found}) == len(found), "names are unique"
    return found
