"""The page of rules says of each rule what the rulebook says, and what the intake does."""

from __future__ import annotations

import runpy
from datetime import date

from ledger.intake.rules import check_row
from support.sources import ROOT

PAGE = ROOT / "docs" / "reference" / "rules.md"
SCRIPT = PAGE.with_name("write_rules.py")
MOVE = {"qualifying_arrival_date": "20250602", "qualifying_move_from_state": "CA"}


def row_of(code: str) -> str:
    return next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{code}` |"))


def test_the_page_is_what_the_rulebook_gives() -> None:
    page = PAGE.read_text()
    assert runpy.run_path(str(SCRIPT))["written"](page) == page, f"run: .venv/bin/python {SCRIPT.relative_to(ROOT)}"


def test_what_a_rule_does_is_told_where_its_level_alone_does_not_tell() -> None:
    def level(expires: str) -> tuple[bool, list[tuple[str, str]]]:
        checked = check_row(
            "Q", {**MOVE, "eligibility_expiration_date": expires}, date(2025, 9, 2), record_id_required=False
        )
        return checked.refused, [(found.rule, found.level) for found in checked.findings]

    assert level("20250601") == (True, [("V1", "refused")])
    assert level("20280602") == (False, [("V1", "warned")])
    assert "refuses the row where it lies before the arrival, warns where it lies past" in row_of("V1")
    assert "refuses the file" in row_of("second-header")
