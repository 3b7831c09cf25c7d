"""Writes the tables of docs/reference/rules.md from the rulebook: ``.venv/bin/python docs/reference/write_rules.py``.

What stands between the tables is written by hand and stays.
"""

from __future__ import annotations

import re
from pathlib import Path

from ledger.rule import DOES
from ledger.rulebook import RULES

PAGE = Path(__file__).with_name("rules.md")
FIELDS = {"element": "*element*", "form": "*form*", "limit": "*limit*"}


def written(page: str) -> str:
    """The page with the tables that follow from the rulebook in the place of its own."""
    for table in (english(), spanish()):
        head = table.splitlines(keepends=True)[0]
        own = re.compile(rf"^{re.escape(head)}(?:\|.*\n)*", re.MULTILINE)
        page, tables = own.subn(lambda _, table=table: table, page)
        assert tables == 1, f"{PAGE.name} has {tables} tables that begin with {head}"
    return page


def english() -> str:
    """One line a rule, in the order of the rulebook: all there is to it."""
    lines = [
        "| code | what it does | a state may set | what is wrong | remedy | rests on |",
        "|---|---|---|---|---|---|",
    ]
    for rule in RULES.values():
        levels = ", ".join(f"`{level}`" for level in rule.levels)
        words = (rule.message.format_map(FIELDS), rule.remedy.format_map(FIELDS))
        lines.append(_row(f"`{rule.code}`", rule.does or DOES[rule.level], levels, *words, rule.source))
    return "".join(f"{line}\n" for line in lines)


def spanish() -> str:
    """One line a rule: its words."""
    lines = ["| código | qué está mal | remedio |", "|---|---|---|"]
    for rule in RULES.values():
        words = (rule.message_es.format_map(FIELDS), rule.remedy_es.format_map(FIELDS))
        lines.append(_row(f"`{rule.code}`", *words))
    return "".join(f"{line}\n" for line in lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |".replace("|  |", "| |")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
