"""``sojourn student`` and ``sojourn students``: what they show, and that the showing is recorded first."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.events import Recorded
from ledger.events.disclosure import BulkDisclosed, Disclosed
from ledger.ids import Uuid7Source, student_id
from ledger.store.database import Database
from ledger.store.log import Log
from ledger.store.vault import MasterKey, Vault
from support.command_line import CommandLine
from support.files import EXAMPLE
from support.linking import merge


def entries(database: Database) -> list[Recorded]:
    log = Log("access", database, Vault([MasterKey.of(bytes(range(32)))]), Uuid7Source(time.time_ns, os.urandom))
    try:
        return log.read(0, 100)
    finally:
        log.close()


@pytest.fixture
def ids(sojourn: CommandLine) -> dict[str, str]:
    """State student id to student id, of the example."""
    sojourn.run("submit", EXAMPLE)
    return {row["state_student_id"]: row["student_id"] for row in sojourn.json("students")}


def test_a_student_is_shown_and_the_showing_recorded(
    sojourn: CommandLine, database: Database, ids: dict[str, str]
) -> None:
    record = sojourn.json("student", ids["OR5540013"], "--as", "counselor ruth")
    assert record["student_id"] == ids["OR5540013"]
    assert record["core"]["last_name_2"] == "Ramírez"
    assert record["core"]["enrollments"][0]["school_or_project_name"] == "Columbia Gorge Summer Program"
    assert list(record) == ["student_id", "position", "day", "eligible_now", "core", "contacts", "health", "provenance"]
    listing, shown = entries(database)
    assert isinstance(listing.event, BulkDisclosed)
    assert isinstance(shown.event, Disclosed)
    assert (shown.meta.actor, shown.event.role, shown.event.purpose) == ("counselor ruth", "operator", "command line")
    assert shown.event.student_id == ids["OR5540013"]
    assert listing.meta.actor == "operator anna"


def test_the_text_form_says_the_same(sojourn: CommandLine, ids: dict[str, str]) -> None:
    text = sojourn.run("student", ids["OR5540012"]).stdout
    for said in ("first name: María Guadalupe", "Valor Middle School", "eligible now: ", "cvx code: 115"):
        assert said in text
    assert "\x1b[" not in text


def test_an_id_that_is_none_is_told_from_one_never_issued(
    sojourn: CommandLine, database: Database, ids: dict[str, str]
) -> None:
    before = len(entries(database))
    assert "This is not a student id" in sojourn.run("student", "123456789012", code=1).stderr
    assert "No student has this id" in sojourn.run("student", student_id(999_999), code=1).stderr
    assert len(entries(database)) == before


def test_the_listing_names_every_record_and_is_recorded(
    sojourn: CommandLine, database: Database, ids: dict[str, str]
) -> None:
    csv = sojourn.run("students", "--csv").stdout.splitlines()
    assert csv == [
        "state,state_student_id,student_id",
        *(f"OR,{ssid},{ids[ssid]}" for ssid in ("OR5540012", "OR5540013")),
    ]
    last = entries(database)[-1].event
    assert isinstance(last, BulkDisclosed)
    assert len(last.records) == 2


def test_the_listing_names_the_student_that_each_record_belongs_to_now(
    sojourn: CommandLine, database: Database, new_ledger: Callable[..., Ledger], ids: dict[str, str]
) -> None:
    first, second = ids["OR5540012"], ids["OR5540013"]
    merge(new_ledger(database), second, first)
    assert sojourn.run("students", "--csv").stdout.splitlines()[1:] == [
        f"OR,OR5540012,{second}",
        f"OR,OR5540013,{second}",
    ]
    assert sojourn.json("student", first)["student_id"] == second


def test_a_read_is_quick(sojourn: CommandLine, ids: dict[str, str]) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        sojourn.run("student", ids["OR5540012"])
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 4.0, "it opens two logs and no more"


def test_a_history_is_printed_in_order_and_recorded(
    sojourn: CommandLine, database: Database, ids: dict[str, str]
) -> None:
    told = sojourn.json("history", ids["OR5540012"])
    assert told[0]["event"] == "record-opened.v1"
    assert [one["position"] for one in told] == sorted(one["position"] for one in told)
    lines = sojourn.run("history", ids["OR5540012"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(one["position"]) for one in told]
    last = entries(database)[-1].event
    assert isinstance(last, Disclosed)
    assert last.view == "history"
    assert "This is not a student id" in sojourn.run("history", "123456789012", code=1).stderr


def test_a_history_is_narrowed_turned_round_and_taken_along(sojourn: CommandLine, ids: dict[str, str]) -> None:
    student = ids["OR5540012"]
    every = sojourn.json("history", student)
    enrolled = sojourn.json("history", student, "--kind", "enrolled", "--kind", "record-opened")
    assert enrolled == [one for one in every if one["event"] in ("enrolled.v1", "record-opened.v1")]
    assert sojourn.json("history", student, "--newest") == every[::-1]
    assert sojourn.json("history", student, "--actor", "nobody") == []
    assert sojourn.json("history", student, "--code", "originate", "--state", "OR", "--until", "2999-01-01") == every
    assert sojourn.json("history", student, "--since", "2999-01-01", "--former") == []
    rows = list(csv.DictReader(io.StringIO(sojourn.run("history", student, "--csv").stdout)))
    assert [row["position"] for row in rows] == [str(one["position"]) for one in every]
    assert {row["source_row"] for row in rows} == {str(one["source_row"]) for one in every}
    assert "se abrió; su identificador" in sojourn.run("history", student, "--language", "es").stdout
    for wrong in (("--kind", "nonsense"), ("--since", "soon"), ("--language", "fr"), ("--csv", "--json")):
        assert sojourn.run("history", student, *wrong, code=2).stdout == ""
