"""An example is kept once: who needs it reads it there."""

from __future__ import annotations

from support.files import EXAMPLE
from support.sources import name_of, python_files, text_of

ROWS_OF_A_COINCIDENCE = 3
"""A test may write out a row or two of its own that happen to be the example's."""


def test_the_example_file_is_written_out_in_no_module() -> None:
    rows = EXAMPLE.read_text(encoding="utf-8").splitlines()
    copies = []
    for file in python_files("ledger", "projections", "api", "tests"):
        text = text_of(file) or ""
        found = sum(row in text for row in rows)
        if found > ROWS_OF_A_COINCIDENCE:
            copies.append(f"{name_of(file)}: {found} of {len(rows)} rows")
    assert not copies, f"read {name_of(EXAMPLE)} instead: {copies}"
