"""Taste that a machine can judge: how long a file is, and which calls have a better replacement."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.sources import name_of, python_files, tree_of

LINES_MAX = 500

COMPOSITION_ROOT = "api/bootstrap.py"


@dataclass(frozen=True)
class Ban:
    """calls: dotted names, called or read. allowed: beginnings of paths where they stand. instead: what to do."""

    calls: frozenset[str]
    allowed: tuple[str, ...]
    instead: str


BANS = (
    Ban(
        frozenset({"os.environ", "os.getenv", "os.putenv"}),
        ("ledger/settings.py",),
        "take it from ledger.settings.Settings",
    ),
    Ban(
        frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}),
        (COMPOSITION_ROOT, "api/services.py", "ledger/telemetry.py", "ledger/store/", "api/cli/"),
        f"take a clock as an argument, which {COMPOSITION_ROOT} passes in; only what stamps a row reads one itself",
    ),
    Ban(
        frozenset({"print"}),
        ("api/cli/",),
        "log with structlog, or return the text to the command that prints it",
    ),
    Ban(
        frozenset({"random.random", "random.randint", "random.choice", "random.shuffle"}),
        (),
        "make a random.Random(seed) and pass it in, so that a run can be repeated",
    ),
)


def test_no_source_file_is_longer_than_a_sitting() -> None:
    lengths = {name_of(file): len(file.read_text().splitlines()) for file in python_files()}
    long = {name: lines for name, lines in lengths.items() if lines > LINES_MAX}
    assert not long, f"over {LINES_MAX} lines; a file is one thought: {long}"


def test_no_banned_call_stands_outside_its_place() -> None:
    found = [
        f"{name_of(file)}:{line}: {name}; {ban.instead}"
        for file in python_files()
        for line, name in _uses(file)
        for ban in BANS
        if name in ban.calls and not name_of(file).startswith(ban.allowed)
    ]
    assert not found, "\n".join(found)


def test_every_module_says_what_it_is() -> None:
    silent = [name_of(f) for f in python_files() if f.read_text().strip() and ast.get_docstring(tree_of(f)) is None]
    assert not silent, f"no docstring on top: {silent}"


def _uses(file: Path) -> Iterator[tuple[int, str]]:
    """Each dotted name that is read, with the names that imports gave resolved to the last two parts.

    Defaults of parameters are passed over: a default clock is a clock that the caller may replace.
    """
    tree = tree_of(file)
    renamed: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "time", "random"}:
            renamed |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            renamed |= {alias.asname: alias.name for alias in node.names if alias.asname}
    defaults = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.arguments)
        for default in (*node.defaults, *node.kw_defaults)
        if default is not None
        for inner in ast.walk(default)
    }
    for node in set(ast.walk(tree)) - defaults:
        if isinstance(node, ast.Attribute):
            owner = node.value
            last = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            yield node.lineno, f"{renamed.get(last, last)}.{node.attr}"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.lineno, renamed.get(node.id, node.id)
