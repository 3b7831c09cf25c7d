"""A ledger in which nothing is matched: for tests whose children look alike, and that are about something else."""

from __future__ import annotations

from collections.abc import Callable

from ledger.matching.shipped import shipped

NOTHING_IS_MATCHED = (
    *("matching", "publish", shipped().version, "--link", "1000", "--review", "1000"),
    *("--reason", "These children look alike on purpose."),
)


def keep_apart(command: Callable[..., object]) -> None:
    """Publish a policy that links nothing and asks nothing. command: runs ``sojourn`` with these words."""
    command(*NOTHING_IS_MATCHED)
