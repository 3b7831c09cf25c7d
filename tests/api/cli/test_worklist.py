"""``sojourn worklist``: the open cases in the columns that scripts read, and that the listing is recorded first."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import SearchDisclosed
from ledger.ids import Uuid7Source
from ledger.store.database import Database
from ledger.store.log import Log
from ledger.store.vault import MasterKey, Vault
from projections.runner import BatchRunner
from projections.worklist import PROJECTION
from support.casework import ANA, BEN, WHY, Work
from support.command_line import CommandLine

COLUMNS = "case_id,kind,state_a,state_student_id_a,state_b,state_student_id_b,score,opened_at,due_on,student_id_b"


@pytest.fixture
def work(database: Database, new_ledger: Callable[..., Ledger]) -> Work:
    return Work(new_ledger(database))


def rows(sojourn: CommandLine) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(sojourn.run("worklist", "--csv").stdout)))


class Entry(NamedTuple):
    """What was recorded of a listing."""

    event: SearchDisclosed
    meta: Meta


def entries(database: Database) -> list[Entry]:
    log = Log("access", database, Vault([MasterKey.of(bytes(range(32)))]), Uuid7Source(time.time_ns, os.urandom))
    try:
        return [Entry(one.event, one.meta) for one in log.read(0, 100) if isinstance(one.event, SearchDisclosed)]
    finally:
        log.close()


def test_the_columns_are_those_that_scripts_read_and_without_a_case_there_are_no_rows(
    sojourn: CommandLine, database: Database
) -> None:
    assert sojourn.run("worklist", "--csv").stdout == f"{COLUMNS}\n"
    assert sojourn.run("worklist").stdout == f"{COLUMNS}\n"
    assert sojourn.json("worklist") == []
    assert [(entry.view, entry.records, entry.fields) for entry, _ in entries(database)] == [("worklist", [], [])] * 3


def test_a_near_match_is_told_with_its_score_and_the_member_that_scores_best(sojourn: CommandLine, work: Work) -> None:
    a, b, c = work.opened("OR", "7"), work.opened("CA", "8"), work.opened("TX", "9")
    work.merged(c, b)
    scores = {work.record(b): 11.5, work.record(c): 4.0}
    case = work.proposals.open_near_match(work.record(a), scores, ANA).case
    today = datetime.now(UTC)
    [row] = rows(sojourn)
    assert {name: row[name] for name in COLUMNS.split(",") if name not in ("opened_at", "due_on")} == {
        "case_id": case,
        "kind": "near-match",
        "state_a": "OR",
        "state_student_id_a": "7",
        "state_b": "CA",
        "state_student_id_b": "8",
        "score": "11.5",
        "student_id_b": c,
    }
    assert abs(datetime.fromisoformat(row["opened_at"]) - today) < timedelta(minutes=10)
    days = datetime.fromisoformat(row["due_on"]).date() - today.date()
    assert timedelta(15) <= days <= timedelta(17), "the state's own office has sixteen days"


def test_a_case_without_two_sides_leaves_them_out_and_a_closed_one_is_not_there(
    sojourn: CommandLine, work: Work
) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    first = work.proposals.open_changed("different-child", work.record(b), 1, ANA).case
    second = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    changed, merge = rows(sojourn)
    assert (changed["case_id"], changed["state_a"], changed["state_student_id_a"]) == (first, "CA", "8")
    assert [changed[name] for name in ("state_b", "state_student_id_b", "score", "student_id_b")] == [""] * 4
    assert (merge["case_id"], merge["score"], merge["student_id_b"]) == (second, "", b)
    sojourn.run("answer", second, "no", "--reason", "Cousins.", "--as", "cleo")
    assert [row["case_id"] for row in rows(sojourn)] == [first]


def test_every_record_that_is_concerned_is_disclosed_to_whoever_lists(
    sojourn: CommandLine, database: Database, work: Work
) -> None:
    a, b, c = work.opened("OR", "7"), work.opened("CA", "8"), work.opened("TX", "9")
    work.merged(b, c)
    work.proposals.propose_merge(a, b, a, WHY, BEN)
    [told] = sojourn.json("worklist", "--as", "counselor ruth")
    assert {part["state"]: part["level"] for part in told["asked"]} == {"CA": "state", "OR": "state", "TX": "state"}
    [(entry, _)] = entries(database)
    assert set(entry.records) == {work.record(minted) for minted in (a, b, c)}
    assert (entry.view, entry.role, entry.purpose) == ("worklist", "operator", "command line")


def test_csv_and_json_are_not_asked_for_together(sojourn: CommandLine) -> None:
    assert "not both" in sojourn.run("worklist", "--csv", "--json", code=2).stderr


class Eventful(io.StringIO):
    """Paper on which something happens once its first line is written."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens: Callable[[], object] | None = happens

    def write(self, text: str) -> int:
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        return super().write(text)


def test_a_long_list_is_told_whole_and_as_one_answer_whatever_happens_meanwhile(
    sojourn: CommandLine, database: Database, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.cli import worklist

    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    record, other = work.record(a), work.record(b)
    cases = [
        work.proposals.open_changed("correction-comes-back", of, 1, ANA).case
        for of in (record, record, record, record, other)
    ]
    head = work.ledger.log.head()

    def joined() -> None:
        work.merged(a, b)
        BatchRunner(PROJECTION, database, work.ledger.log).catch_up()

    monkeypatch.setattr(worklist, "CASES_TOGETHER", 2)
    for name, value in sojourn.environment.items():
        monkeypatch.setenv(name, value)
    out = Eventful(joined)
    monkeypatch.setattr("sys.stdout", out)
    worklist.worklist(as_csv=True)
    monkeypatch.undo()
    assert [row["case_id"] for row in csv.DictReader(io.StringIO(out.getvalue()))] == cases
    told = entries(database)
    assert [entry.event.records for entry in told] == [[record], [record], [other]]
    assert {entry.event.position for entry in told} == {head}
    assert len({entry.meta.request for entry in told}) == 1
