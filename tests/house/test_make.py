"""What a newcomer types first: make's targets, and what make says where it cannot help."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.parts import need
from support.sources import ROOT

TARGETS = {"install", "demo", "test", "check", "parts", "bench", "torture", "audit", "lock", "screenshots", "help"}


@pytest.fixture
def make_program() -> Path:
    return need("make")


def make(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=folder, env=settings, capture_output=True, text=True, check=False)


def test_every_target_says_what_it_is_for() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    named = {match[1]: match[2] for line in lines if (match := re.match(r"([a-z]+):[^=]*?(?:## (.+))?$", line))}
    assert named.keys() >= TARGETS
    assert not [target for target, words in named.items() if not words]


def test_help_lists_every_target(make_program: Path) -> None:
    listed = set(re.findall(r"^  make ([a-z]+) ", make("help").stdout, re.MULTILINE))
    assert listed >= TARGETS


@pytest.mark.parametrize(
    ("version", "told"), [("3, 9, 2", "needs Python 3.11 or newer; ./python is 3.9"), (None, "No program ./python")]
)
def test_a_python_that_will_not_do_is_told_with_its_remedy(
    make_program: Path, tmp_path: Path, version: str | None, told: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    if version is not None:
        python = tmp_path / "python"
        pretended = f"import sys; sys.version_info = ({version}, 'final', 0); exec(sys.argv[1])"
        python.write_text(f'#!/bin/sh\nexec python3 -c "{pretended}" "$2"\n')
        python.chmod(0o755)
    done = make("PYTHON=./python", "test", folder=tmp_path)
    assert done.returncode != 0
    assert told in done.stderr
    assert "make PYTHON=/path/to/python3" in done.stderr


def test_what_every_change_must_pass_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
