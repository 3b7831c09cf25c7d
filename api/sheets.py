"""CSV that people open in a spreadsheet: every sheet of the API and the console is written here.

Invariant: no cell is a formula. A spreadsheet runs what begins with ``=``, ``+``, ``-`` or ``@``, also behind a tab or
a line's end, and some run the full-width signs too (OWASP, CSV Injection); such a text gets an apostrophe before it,
which a spreadsheet does not show. What is a number or a day here cannot be one, and stays as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
_RUNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def sheet(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """A head and a line for each mapping; of its names those that are columns. None is an empty cell, a truth Yes or
    No, as in the layout of the file."""
    text = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: cell(line.get(name)) for name in columns} for line in lines)
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as a cell holds it."""
    match value:
        case None:
            return ""
        case bool():
            return "Yes" if value else "No"
        case int() | float() | date():
            return str(value)
        case _:
            text = str(value)
            # Blanks before it are nothing to a spreadsheet that trims its cells.
            return f"'{text}" if text.lstrip(" ").startswith(_RUNS) else text
