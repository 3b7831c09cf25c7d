"""Every reason for a refusal has words and a remedy, is raised somewhere, and stands in the how-to."""

from __future__ import annotations

import re

from api.oidc.refusals import REASONS, TOKEN_CHARACTERS_MAX
from support.sources import ROOT, python_files, text_of

PAGE = ROOT / "docs" / "how-to" / "sign-in-by-openid-connect.md"


def test_every_reason_is_documented() -> None:
    page = PAGE.read_text().partition("## What is refused")[2]
    told = [code for line in page.splitlines() if line.startswith("| `") for code in re.findall(r"`([a-z-]+)`", line)]
    assert sorted(told) == sorted(REASONS)
    assert f"more than {TOKEN_CHARACTERS_MAX} characters" in page


def test_every_reason_has_words_of_its_own_and_a_remedy() -> None:
    assert len({words.what for words in REASONS.values()}) == len(REASONS)
    for words in REASONS.values():
        assert words.what.endswith(".")
        assert words.remedy.endswith(".")


def test_every_reason_is_some_refusals() -> None:
    source = "".join(text_of(file) or "" for file in python_files("api"))
    raised = set(re.findall(r'\brefused\("([a-z-]+)"', source)) | set(
        re.findall(r'\brefused\("[a-z-]+" if .* else "([a-z-]+)"', source)
    )
    assert raised == REASONS.keys()
