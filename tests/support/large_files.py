"""Files as large as one likes, of 40,000 students, written a row at a time; and what reading one takes."""

from __future__ import annotations

import json
import resource
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ledger.intake.layout import scan, students
from ledger.intake.sources import opened
from ledger.mde import STUDENTS_MAX, TABLES
from support.broken_tables import column_names

_HEADER = "H|OR|20250902020000000|{students}|{rows}|20250801000000000|20250902000000000"


def large_text(path: Path, courses: int, *, encoding: str = "utf-8") -> Path:
    """A text file of 40,000 students, each with a name, a move and as many courses. Some 70 bytes a course."""
    with path.open("w", encoding=encoding, newline="\n") as out:
        out.write(_HEADER.format(students=STUDENTS_MAX, rows=STUDENTS_MAX * (3 + courses)) + "\n")
        for number in range(1, STUDENTS_MAX + 1):
            out.writelines(f"{row}\n" for row in _student(number, courses))
    return path


def large_zip(path: Path, courses: int) -> Path:
    """The same rows as a zip of tables."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for letter in "HSDQC":
            with archive.open(f"{TABLES[letter].name}.csv", "w", force_zip64=True) as out:
                out.write((",".join(column_names(letter)) + "\n").encode())
                if letter == "H":
                    header = _HEADER.format(students=STUDENTS_MAX, rows=STUDENTS_MAX * (3 + courses))
                    out.write(header.removeprefix("H|").replace("|", ",").encode() + b"\n")
                    continue
                for number in range(1, STUDENTS_MAX + 1):
                    rows = (row[2:].replace("|", ",") for row in _student(number, courses) if row[0] == letter)
                    out.write("".join(f"{row}\n" for row in rows).encode())
    return path


def _student(number: int, courses: int) -> Iterator[str]:
    key = f"{number:07d}"
    yield f"S|{key}||OR|OR{number:07d}|02|U"
    yield f"D|{key}|001|María|Inés|Muñoz|Ávila||Female|20081102|No|1003"
    yield f"Q|{key}|001|20250602|Madera|CA||Woodburn|OR"
    for course in range(1, courses + 1):
        yield f"C|{key}|{course % 999 + 1:03d}|Algebra {course} of {number}|Mathematics|00|2024|2025|02|0833|54|B"


def main(path: Path, spool: Path) -> None:
    """Read it in both passes; print how many rows, the greatest memory in bytes, and the seconds."""
    began = time.monotonic()
    with opened(path, spool, bytes(32)) as sent:
        looked = sent.whole()
        rows = sum(one.row_count for one in students(looked, scanned=scan(looked)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"rows": rows, "peak_bytes": peak, "seconds": time.monotonic() - began}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
