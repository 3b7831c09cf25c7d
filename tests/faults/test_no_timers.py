"""No timer decides that an event does not exist: between a commit and its reader nothing waits for a clock.

What may look at a clock is named here, with the reason: it waits for PostgreSQL to come back, or for an asker's
patience to end, and concludes nothing about the log.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from support.sources import ROOT, tree_of

TIMERS = frozenset(
    {"sleep", "wait_for", "timeout", "timeout_at", "Timer", "call_later", "call_at", "monotonic", "wait", "alarm"}
)
"""Names of calls that wait for a clock, or ask one how long it has been."""

SQL_TIMERS = re.compile(r"pg_sleep|statement_timeout|(?<!idle_in_transaction_)session_timeout|transaction_timeout")

MAY: dict[str, dict[str, str]] = {
    "ledger/store/commit.py": {},
    "ledger/store/recorder.py": {},
    "ledger/store/log.py": {},
    "ledger/store/sequencer.py": {"_find_out": "looks for a PostgreSQL that went, then says that it does not know"},
    "projections/runner.py": {
        "run_to": "the caller's patience; and the lock of another projector is tried now and then",
        "follow": "pauses while PostgreSQL is away",
    },
    "ledger/store/following.py": {"_watch": "ends a wait when the process is told to stop"},
    "api/announcements.py": {
        "reached": "the asker's patience; the feed asks without end",
        "_listen": "pauses while PostgreSQL is away",
    },
    "api/reading.py": {"at_least": "a replica announces nothing, and the asker's patience"},
    "api/routes/events.py": {},
}
"""The path of an event from its commit to a reader: file to the functions that may use a timer, and what for."""


@pytest.mark.parametrize("name", MAY)
def test_no_timer_stands_between_a_commit_and_its_reader(name: str) -> None:
    used = set(_functions_with_timers(tree_of(ROOT / name)))
    assert used == set(MAY[name]), f"{name}: a timer came or went; MAY in this file says which there are, and why"


def _functions_with_timers(tree: ast.Module) -> Iterator[str]:
    """Names of the functions, ``""`` for the module, in which a timer is called or a time limit handed over."""
    for owner, node in _walk(tree, ""):
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            limits = [k for k in node.keywords if k.arg == "timeout" and not _is_none(k.value)]
            if name in TIMERS or limits:
                yield owner
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_TIMERS.search(node.value):
            yield owner


def _walk(node: ast.AST, owner: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else owner
        yield inner, child
        yield from _walk(child, inner)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
