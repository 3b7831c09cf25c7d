"""What the page on the file layout shows is taken as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.intake.layout import RawStudent, scan, students
from ledger.intake.sources import opened
from support.sources import ROOT

PAGE = (ROOT / "docs/reference/file-layout.md").read_text(encoding="utf-8")


def read(path: Path) -> list[RawStudent]:
    with opened(path, path.with_suffix(".spool"), bytes(32)) as sent:
        found = list(students(sent.whole(), scanned=scan(sent.whole())))
        assert sent.findings == []
    return found


def names(found: list[RawStudent]) -> list[str]:
    assert all(one.found == [] for one in found)
    rows = [row for one in found if one.student is not None for row in one.student.rows]
    return [row.elements["first_name"] for row in rows if row.letter == "D"]


def test_the_text_file_of_the_page_is_taken(tmp_path: Path) -> None:
    shown = re.search(r"```\n(H\|.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    (tmp_path / "night.txt").write_text(shown[1], encoding="utf-8")
    assert names(read(tmp_path / "night.txt")) == ["María Guadalupe"]


def test_the_tables_of_the_page_are_taken_and_say_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    for name, content in re.findall(r"`(\w+\.csv)`:\n\n```\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).write_text(content, encoding="utf-8")
    assert sorted(file.stem for file in folder.iterdir()) == ["Demographics", "Header", "Qualifying_Moves", "Student"]
    assert names(read(folder)) == ["María Guadalupe"]
