"""Files as states send them: the documentation's example, and small ones told row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.mde import TABLES

EXAMPLE = Path(__file__).resolve().parents[1] / "golden" / "OR-20250902.txt"
"""Two children of Oregon, one row of every letter but K."""

NIGHT = "20250902020000000"
NEXT_NIGHT = "20250903020000000"


def child(letter: str, record_id: str = "001", **elements: str) -> str:
    """A child row without its Student Record ID, its elements in their columns."""
    fields = [""] * len(TABLES[letter].elements)
    fields[0] = record_id
    for key, value in elements.items():
        fields[TABLES[letter].by_key[key].number - 1] = value
    return "|".join([letter, *fields]).rstrip("|")


def student(number: int, *rows: str, state: str = "OR", action: str = "I", name: str = "Wilber") -> list[str]:
    """The nth student: an S row, a name, a move, and further rows such as ``E|001|20250623|03``.

    The Student Record ID is put behind their letter.
    """
    key = f"{number:07d}"
    more = [f"{row[:1]}|{key}{row[1:]}" for row in rows]
    return [
        f"S|{key}||{state}|{state}{number:07d}|02|{action}",
        f"D|{key}|001|{name}||Pablo|||Male|20081102",
        f"Q|{key}|001|20250602|Madera|CA||Woodburn|OR",
        *more,
    ]


def write(path: Path, *students: Sequence[str], night: str = NIGHT, state: str = "OR", claims: str = "") -> Path:
    """A file of these students' rows. claims: totals that its header gives, instead of the right ones."""
    rows = [row for one in students for row in one]
    totals = claims or f"{sum(row.startswith('S') for row in rows)}|{len(rows)}"
    header = f"H|{state}|{night}|{totals}|20250801000000000|20250902000000000"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path
