"""The page on the read models names each of them, every column that is asked for, and every field of a search."""

from __future__ import annotations

import re

import pytest

from api.schemas.search import FitAnswer, SearchBody
from projections import PROJECTIONS, accounts_fold, audit_trail, linked, worklist
from projections.records import StateRecord
from projections.submissions import Submission
from support.sources import ROOT

PAGE = (ROOT / "docs" / "reference" / "read-models.md").read_text("utf-8")
OWN_TABLES = worklist.TABLES[len(linked.TABLES) :]
COLUMN = re.compile(r"(?m)^ {4}(\w+) +(?:text|bigint|integer|double|date|timestamptz|boolean|bytea)")
COLUMNS_OF_WORKLIST = set(COLUMN.findall(OWN_TABLES))
COLUMNS_OF_TRAIL = set(COLUMN.findall(audit_trail.TABLES[len(linked.TABLES) :]))
COLUMNS_OF_ACCOUNTS = set(COLUMN.findall(accounts_fold.TABLES))
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def codes(section: str) -> set[str]:
    return set(re.findall(r"`([a-z][a-z0-9_ ]*)`", SECTIONS[section]))


def test_every_read_model_has_its_section_and_no_other_has_one() -> None:
    assert set(SECTIONS) == {projection.name for projection in PROJECTIONS}


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("submissions", set(Submission.__struct_fields__)),
        ("records", set(StateRecord._fields)),
        ("worklist", COLUMNS_OF_WORKLIST),
        ("accounts", COLUMNS_OF_ACCOUNTS),
        ("audit_trail", COLUMNS_OF_TRAIL),
        ("search", set(SearchBody.model_fields) - {"limit"}),
        ("search", set(FitAnswer.model_json_schema()["properties"]["how"]["enum"])),
    ],
)
def test_a_section_names_everything_there_is(section: str, names: set[str]) -> None:
    assert names <= codes(section)
