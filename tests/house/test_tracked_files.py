"""What is committed speaks of the project alone."""

from __future__ import annotations

import re
from pathlib import Path

from support.sources import ROOT, name_of, text_of, tracked

FOLDERS_OF_A_MACHINE = re.compile(r"(?<![\w.)}\]/-])/(?:home|root|Users|work|workspace|builds|mnt)/\w+")
"""Somebody's folder: it means nothing to the next reader."""

UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|NotImplemented[E]rror)\b")
TRACES_OF_AUTHORSHIP = re.compile(r"co-authored[-]by|generated (?:with|by) (?:a|an|the) assistant", re.IGNORECASE)
SIZE_MAX = 1_000_000


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert not _found(FOLDERS_OF_A_MACHINE)


def test_no_file_names_the_folder_of_this_checkout() -> None:
    if len(ROOT.parts) < 3:
        return  # a checkout directly below / has no telling name
    assert not _found(re.compile(re.escape(str(ROOT)) + r"\b"))


def test_nothing_is_left_unfinished() -> None:
    assert not _found(UNFINISHED)


def test_no_file_says_what_wrote_it() -> None:
    assert not _found(TRACES_OF_AUTHORSHIP)


def test_no_file_is_too_big_for_a_repository() -> None:
    big = [name_of(file) for file in tracked() if file.stat().st_size > SIZE_MAX]
    assert not big, f"{big}: over {SIZE_MAX} bytes; make such data when it is needed"


def test_every_text_ends_with_a_line_end_and_holds_no_trailing_blanks() -> None:
    untidy = []
    for file, text in _texts():
        if file.suffix in {".py", ".md", ".toml", ".sql", ".yml"} and text:
            if not text.endswith("\n") or text.endswith("\n\n"):
                untidy.append(f"{name_of(file)}: end")
            untidy += [f"{name_of(file)}:{n}" for n, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
    assert not untidy


def test_no_module_is_called_by_a_name_that_says_nothing() -> None:
    empty_names = {"utils.py", "util.py", "misc.py", "helpers.py", "common.py"}
    assert not [name_of(file) for file in tracked() if file.name in empty_names]


def _texts() -> list[tuple[Path, str]]:
    texts = ((file, text_of(file)) for file in tracked())
    return [(file, text) for file, text in texts if text is not None]


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(file)}:{number}: {line.strip()[:100]}"
        for file, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
