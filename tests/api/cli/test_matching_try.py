"""``sojourn matching try``: what a policy would link and ask otherwise, before anybody publishes it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import BulkDisclosed
from ledger.events.linkage import RecordLinked
from ledger.matching.shipped import shipped, written
from ledger.store.database import Database
from support.command_line import CommandLine
from support.files import write
from support.matched import WILBER, said

OURS = shipped().version
META = Meta(actor="operator anna", reason="For a test.")
SURE = ("OR0000001", "CA0000002")


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger]) -> Ledger:
    return new_ledger(database)


@pytest.fixture
def told(sojourn: CommandLine, tmp_path: Path) -> None:
    """Oregon's and California's record are one child's and linked; of New Mexico's people are asked."""
    sojourn.run(
        "submit",
        write(tmp_path / "or.txt", said(1, **WILBER)),
        write(tmp_path / "ca.txt", said(2, state="CA", **WILBER), state="CA"),
        write(
            tmp_path / "nm.txt",
            said(5, state="NM", first_name="Wilber", last_name_1="Tepoxtle", birth_date="20081102"),
            state="NM",
        ),
        write(
            tmp_path / "tx.txt",
            said(3, state="TX", first_name="Rosa", last_name_1="Luna", sex="Female", birth_date="20120304"),
            state="TX",
        ),
    )


def tried(sojourn: CommandLine, *words: str) -> dict[str, Any]:
    return sojourn.json("matching", "try", OURS, *words)


def differs(found: dict[str, Any]) -> Counter[str]:
    return Counter(row["what"] for row in found["differs"])


def pairs(found: dict[str, Any], what: str) -> set[frozenset[str]]:
    return {
        frozenset((row["state_student_id_a"], row["state_student_id_b"]))
        for row in found["differs"]
        if row["what"] == what
    }


def link_of(ledger: Ledger) -> RecordLinked:
    [found] = {
        one.event.act: one.event for one in ledger.log.read(0, 1000) if isinstance(one.event, RecordLinked)
    }.values()
    return found


@pytest.mark.usefixtures("told")
def test_the_policy_in_effect_differs_in_nothing_from_what_it_has_decided(sojourn: CommandLine, ledger: Ledger) -> None:
    decision = link_of(ledger).decision
    assert decision is not None
    head, entries = ledger.log.head(), ledger.access.head()
    found = tried(sojourn)
    assert found["differs"] == []
    costs = found["costs"]
    assert (costs["records"], costs["links"], costs["links_now"]) == (4, 1, 1)
    assert costs["questions"] == costs["questions_now"] > 0
    assert costs["wrong"] == costs["wrong_now"] == round(1 / (1 + 2 ** (decision.weight / 1000)), 4)
    assert costs["questions_per_1000_records"] == 250 * costs["questions"]
    assert (ledger.log.head(), ledger.access.head()) == (head, entries), "nobody is listed, and nothing is written"


@pytest.mark.usefixtures("told")
def test_a_threshold_that_nothing_reaches_would_make_links_into_questions(sojourn: CommandLine, ledger: Ledger) -> None:
    head, entries = ledger.log.head(), ledger.access.head()
    found = tried(sojourn, "--link", "40", "--as", "operator cleo")
    assert pairs(found, "gone-link") == {frozenset(SURE)}
    [gone] = [row for row in found["differs"] if row["what"] == "gone-link"]
    assert gone["by"] == link_of(ledger).act
    assert frozenset(SURE) in pairs(found, "new-question")
    assert (found["link"], found["costs"]["links"], found["costs"]["gone_links"], found["costs"]["wrong"]) == (
        40,
        0,
        1,
        0,
    )
    for state in ("CA", "OR"):
        assert (found["by_state"][state]["gone_links"], found["by_state"][state]["records"]) == (1, 1)
    assert found["by_state"]["TX"]["links_now"] == 0
    assert ledger.log.head() == head
    [entry] = ledger.access.read(entries, 10)
    assert isinstance(entry.event, BulkDisclosed)
    assert (entry.event.view, entry.meta.actor) == ("matching-try", "operator cleo")
    assert {gone["record_a"], gone["record_b"]} <= set(entry.event.records)


@pytest.mark.usefixtures("told")
def test_a_threshold_that_more_reach_would_link_what_people_are_asked(sojourn: CommandLine) -> None:
    questions = tried(sojourn)["costs"]["questions"]
    found = tried(sojourn, "--link", "0", "--review", "0", "--guards", "none")
    assert differs(found)["gone-link"] == 0
    assert any("NM0000005" in pair for pair in pairs(found, "new-link"))
    assert found["costs"]["gone_questions"] == questions - found["costs"]["questions"] + found["costs"]["new_questions"]
    fewer = tried(sojourn, "--review", "7")
    assert pairs(fewer, "gone-question")
    assert differs(fewer)["new-question"] == 0


@pytest.mark.usefixtures("told")
def test_what_people_have_parted_or_joined_stays_as_it_is(sojourn: CommandLine, ledger: Ledger) -> None:
    act = ledger.reversals.reverse(link_of(ledger).act, "They are cousins.", META, None)
    found = tried(sojourn, "--link", "0", "--review", "0", "--guards", "none")
    assert frozenset(SURE) not in pairs(found, "new-link")
    assert found["costs"]["links_now"] == 0

    listed = {row["state_student_id"]: row["student_id"] for row in sojourn.json("students")}
    rosa, wilber = listed["TX0000003"], listed["CA0000002"]
    for case in act.cases:
        sojourn.run("answer", case, "yes", "--reason", "For a test.", "--as", "operator ben")
    open_cases = [row["case_id"] for row in sojourn.json("worklist")]
    for case in open_cases:
        sojourn.run("answer", case, "no", "--reason", "For a test.", "--as", "operator ben")
    merge = ledger.proposals.propose_merge(rosa, wilber, rosa, "W", META).case
    before = tried(sojourn, "--link", "40")
    assert before["costs"]["links_now"] == 0
    sojourn.run("answer", merge, "yes", "--reason", "For a test.", "--as", "operator ben")
    assert differs(tried(sojourn, "--link", "40"))["gone-link"] == 0, "no policy has joined them"


@pytest.mark.usefixtures("told")
def test_it_is_told_in_words_as_csv_and_from_a_file_and_no_longer_than_asked(
    sojourn: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(written(shipped()), encoding="utf-8")
    rows = list(csv.DictReader(sojourn.run("matching", "try", path, "--link", "40", "--csv").stdout.splitlines()))
    listed = tried(sojourn, "--link", "40")["differs"]
    assert [row["record_a"] for row in rows] == [row["record_a"] for row in listed]
    assert list(rows[0]) == list(listed[0])
    done = sojourn.run("matching", "try", OURS, "--link", "40", "--limit", "1")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"Policy {OURS} over 4 records, as of position ")
    assert lines[1].startswith("all  links 0 (now 1): 0 new, 1 gone; expected to be wrong 0.00 (now ")
    assert len([line for line in lines if line.startswith(("new-", "gone-"))]) == 1
    assert f"{len(listed) - 1} more differences" in done.stderr
    assert not [word for word in ("Wilber", "Xicale", "2008") if word in done.stdout]


def test_what_cannot_be_tried_is_refused(sojourn: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{}", encoding="utf-8")
    missing = tmp_path / "winter.json"
    for named in ("winter", missing, tmp_path):
        told = sojourn.run("matching", "try", named, code=1).stderr
        assert f"There is no file {named}, nor a policy of that name." in " ".join(told.split())
    assert "This is no matching policy" in sojourn.run("matching", "try", tmp_path / "none.json", code=1).stderr
    assert "There is no such guard." in sojourn.run("matching", "try", OURS, "--guards", "luck", code=1).stderr
    assert "No policy can have these" in sojourn.run("matching", "try", OURS, "--link", "-1", code=1).stderr
    assert "not both" in sojourn.run("matching", "try", OURS, "--csv", "--json", code=2).stderr
