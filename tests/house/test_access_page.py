"""The page of access says what the policy says."""

from __future__ import annotations

import runpy

from support.sources import ROOT

PAGE = ROOT / "docs" / "reference" / "access.md"
SCRIPT = PAGE.with_name("write_access.py")


def test_the_page_is_what_the_policy_gives() -> None:
    page = PAGE.read_text()
    assert runpy.run_path(str(SCRIPT))["written"](page) == page, f"run: .venv/bin/python {SCRIPT.relative_to(ROOT)}"
