"""``sojourn access unusual``: whose day of reading is unusual, by name and number, and no child."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events.disclosure import BulkDisclosed, Disclosed
from ledger.ids import student_id
from ledger.store.database import Database
from support.command_line import CommandLine
from support.logs import append
from support.telling import record_uuid

GROUND: dict[str, Any] = {"organisation": "OR", "purpose": "p", "basis": "b", "position": 1, "own_state": "OR"}
CHILDREN = [student_id(number) for number in range(250)]


@pytest.fixture
def log(database: Database, new_ledger: Callable[..., Ledger]) -> Ledger:
    """In which two have read: one very many, one a child of another state."""
    ledger = new_ledger(database)
    many = BulkDisclosed(**GROUND, role="auditor", view="students", records=CHILDREN, filters=[], children=CHILDREN)
    append(ledger.access, "request/1", many, actor="max")
    far = Disclosed(**GROUND, role="recruiter", student_id=CHILDREN[0], view="student", sections=[], states=["TX"])
    append(ledger.access, f"disclosure/{record_uuid(1)}", far, actor="ruth")
    return ledger


def test_who_read_unusually_today_is_told_and_no_child(sojourn: CommandLine, log: Ledger) -> None:
    told = sojourn.json("access", "unusual")
    assert [(one["actor"], one["children"], one["elsewhere"], one["why"]) for one in told] == [
        ("max", 250, 0, ["volume"]),
        ("ruth", 1, 1, ["elsewhere"]),
    ]
    assert {one["day"] for one in told} == {datetime.now(UTC).date().isoformat()}
    rows = list(csv.DictReader(io.StringIO(sojourn.run("access", "unusual", "--csv").stdout)))
    assert [(row["actor"], row["usual"], row["why"]) for row in rows] == [
        ("max", "20", "volume"),
        ("ruth", "20", "elsewhere"),
    ]
    assert sojourn.run("access", "unusual").stdout.splitlines() == [
        "max (auditor, OR): 250 children, usual 20, from 0 days",
        "ruth (recruiter, OR): 1 child, usual 20, from 0 days; opened 1 of no record of OR",
    ]
    assert log.access.head() == 2, "nothing of a child is shown, so nothing is recorded"


def test_another_day_has_others_and_what_is_no_day_is_refused(sojourn: CommandLine, log: Ledger) -> None:
    assert sojourn.json("access", "unusual", "--day", "2024-02-29") == []
    assert sojourn.run("access", "unusual", "--csv", "--day", "2024-02-29").stdout.count("\n") == 1
    assert "it is no day" in sojourn.run("access", "unusual", "--day", "2025-02-29", code=2).stderr
    assert "not both" in sojourn.run("access", "unusual", "--csv", "--json", code=2).stderr
