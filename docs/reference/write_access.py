"""Writes the table of docs/reference/access.md from the policy: ``.venv/bin/python docs/reference/write_access.py``.

What stands around the table is written by hand and stays.
"""

from __future__ import annotations

import re
from pathlib import Path

from ledger.access import ACTIONS, EVERYBODY, ROLES, RULES

PAGE = Path(__file__).with_name("access.md")
HEAD = "| action | role | rule | scope | sections | purpose | basis |\n"


def written(page: str) -> str:
    """The page with the table that follows from the policy in the place of its own."""
    page, tables = re.subn(rf"^{re.escape(HEAD)}(?:\|.*\n)*", lambda _: table(), page, flags=re.MULTILINE)
    assert tables == 1, f"{PAGE.name} has {tables} tables that begin with {HEAD}"
    return page


def table() -> str:
    """A line for each rule, by action and then by role; whoever is in no line of an action may not."""
    lines = [HEAD, "|---|---|---|---|---|---|---|\n"]
    for action in ACTIONS:
        for rule in sorted(
            (r for r in RULES if r.action == action), key=lambda rule: (*ROLES, EVERYBODY).index(rule.role)
        ):
            sections = "all" if rule.sections == ("*",) else " ".join(rule.sections)
            cells = f"`{action}`", f"`{rule.role}`", rule.rule, f"`{rule.scope}`", sections, rule.purpose, rule.basis
            lines.append(f"| {' | '.join(cells)} |\n".replace("|  |", "| |").replace("|  |", "| |"))
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
