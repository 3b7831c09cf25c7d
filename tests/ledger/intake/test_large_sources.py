"""Memory does not grow with what is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.mde import STUDENTS_MAX
from support.large_files import large_text, large_zip
from support.sources import ROOT

SMALL_COURSES, LARGE_COURSES = 5, 68
"""Of each of 40,000 students: 20 MB, and 200 MB."""

PLACE_BYTES = 24
"""Of a row that stands apart from its S row, as all of a zip do."""


def in_utf_8(folder: Path, courses: int) -> Path:
    return large_text(folder / f"{courses}.txt", courses)


def in_windows_1252(folder: Path, courses: int) -> Path:
    return large_text(folder / f"{courses}.txt", courses, encoding="cp1252")


def in_a_zip(folder: Path, courses: int) -> Path:
    return large_zip(folder / f"{courses}.zip", courses)


def reading(path: Path) -> dict[str, float]:
    """Both passes in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "support.large_files", path, path.with_suffix(".spool")],
        check=True,
        stdout=subprocess.PIPE,
        timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
    )
    return json.loads(done.stdout)


@pytest.mark.torture
@pytest.mark.parametrize(("made", "bytes_a_row"), [(in_utf_8, 0), (in_windows_1252, 0), (in_a_zip, PLACE_BYTES)])
def test_memory_stays_flat_from_a_small_file_to_one_of_200_mb(
    made: Callable[[Path, int], Path], bytes_a_row: int, tmp_path: Path
) -> None:
    small, large = reading(made(tmp_path, SMALL_COURSES)), reading(made(tmp_path, LARGE_COURSES))
    sys.stdout.write(f"{made.__name__}: {small}, {large}\n")
    more_rows = large["rows"] - small["rows"]
    assert more_rows == STUDENTS_MAX * (LARGE_COURSES - SMALL_COURSES)
    # Arrays are copied as they grow.
    assert large["peak_bytes"] - small["peak_bytes"] < 8_000_000 + 2 * bytes_a_row * more_rows
    assert not list(tmp_path.glob("*.spool"))
