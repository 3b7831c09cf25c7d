"""The project's own files, as the house tests look at them."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

from support.parts import need

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ledger", "projections", "api", "migrations")


def tracked() -> list[Path]:
    """Every file that is committed, or would be: tracked, or new and not ignored."""
    git = need("git")
    listed = subprocess.run(
        [git, "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    files = {ROOT / name for name in listed.stdout.split("\0") if name}
    return sorted(file for file in files if file.is_file())


def text_of(file: Path) -> str | None:
    """The file's text; None where it is not text."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def python_files(*packages: str) -> list[Path]:
    """Python files of these packages, of all packages of the product if none is named."""
    return sorted(file for package in packages or PACKAGES for file in (ROOT / package).rglob("*.py"))


def tree_of(file: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def name_of(file: Path) -> str:
    """Path from the project's root, with forward slashes."""
    return file.relative_to(ROOT).as_posix()
