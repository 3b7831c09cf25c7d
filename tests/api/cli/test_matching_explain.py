"""``sojourn matching explain``: why two records are one student's or are not, and a link's decision found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.application import Ledger
from ledger.errors import NotFound, RecordDestroyed
from ledger.events import Meta
from ledger.events.case import CaseOpened, Link
from ledger.events.disclosure import SearchDisclosed
from ledger.events.linkage import Decision, RecordLinked
from ledger.matching.shipped import shipped
from ledger.redeciding import decided_again, first_difference
from ledger.store.database import Database
from support.command_line import CommandLine
from support.files import NEXT_NIGHT, write
from support.matched import WILBER, said

OR, CA, TX, TWIN, SHORT = "OR:OR0000001", "CA:CA0000002", "TX:TX0000003", "WA:WA0000004", "NM:NM0000005"
META = Meta(actor="operator anna", reason="For a test.")


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger]) -> Ledger:
    return new_ledger(database)


@pytest.fixture
def told(sojourn: CommandLine, tmp_path: Path) -> None:
    """Oregon's and California's record are one child's, Texas has another, Washington the twin, New Mexico little."""
    sojourn.run(
        "submit",
        write(tmp_path / "or.txt", said(1, **WILBER)),
        write(tmp_path / "ca.txt", said(2, state="CA", **WILBER), state="CA"),
        write(
            tmp_path / "tx.txt",
            said(3, state="TX", first_name="Rosa", last_name_1="Luna", sex="Female", birth_date="20120304"),
            state="TX",
        ),
        write(
            tmp_path / "wa.txt",
            said(4, state="WA", **{**WILBER, "first_name": "Elmer", "middle_name": "Jesús"}),
            state="WA",
        ),
        write(
            tmp_path / "nm.txt",
            said(5, state="NM", first_name="Wilber", last_name_1="Xicale", birth_date="20081102"),
            state="NM",
        ),
    )


def explain(sojourn: CommandLine, *words: str) -> dict[str, Any]:
    return sojourn.json("matching", "explain", *words)


def act_of(ledger: Ledger) -> RecordLinked:
    """The one link by a policy."""
    [found] = {
        recorded.event.act: recorded.event
        for recorded in ledger.log.read(0, 1000)
        if isinstance(recorded.event, RecordLinked) and recorded.event.decision is not None
    }.values()
    return found


def case_of(ledger: Ledger) -> tuple[str, CaseOpened]:
    """A near match that a policy has opened, the first of them."""
    return next(
        (recorded.stream.removeprefix("case/"), recorded.event)
        for recorded in ledger.log.read(0, 1000)
        if isinstance(recorded.event, CaseOpened)
    )


def published(ledger: Ledger) -> int:
    """The position at which the policy was in effect, and nothing was decided yet."""
    return ledger.policies.history()[0].position


@pytest.mark.usefixtures("told")
def test_a_pair_is_explained_before_anything_is_decided_and_nothing_is_written_but_the_disclosure(
    sojourn: CommandLine, ledger: Ledger
) -> None:
    head, entries = ledger.log.head(), ledger.access.head()
    asked = published(ledger)
    found = explain(sojourn, OR, CA, "--as-of", str(asked), "--as", "operator cleo")
    assert (found["policy"], found["position"], found["together"]) == (shipped().version, asked, [])
    assert [(one["state"], one["state_student_id"]) for one in found["records"]] == [
        ("OR", "OR0000001"),
        ("CA", "CA0000002"),
    ]
    alone, students = found["alone"], found["students"]
    assert sum(round(step["bits"] * 1000) for step in alone["steps"]) == round(alone["weight"] * 1000)
    assert students["weight"] == students["pair"] == students["whole"] == alone["weight"]
    assert (students["verdict"], students["guards"]) == ("link", [])
    assert {step["name"]: step["level"] for step in alone["steps"]}["birth"] == "same day"
    assert ledger.log.head() == head
    [entry] = ledger.access.read(entries, 10)
    assert isinstance(entry.event, SearchDisclosed)
    assert (entry.event.view, entry.meta.actor) == ("matching-explain", "operator cleo")
    assert set(entry.event.records) == {one["record"] for one in found["records"]}


@pytest.mark.usefixtures("told")
def test_what_is_kept_apart_is_explained_in_words_of_either_language_and_names_no_child(sojourn: CommandLine) -> None:
    english = sojourn.run("matching", "explain", OR, TX).stdout
    assert "kept apart: " in english
    assert "birth date: " in english
    spanish = sojourn.run("matching", "explain", OR, TX, "--es").stdout
    assert "se mantienen separados: " in spanish
    assert "fecha de nacimiento: " in spanish
    assert not [word for word in ("Wilber", "Xicale", "Rosa", "Luna", "2008") if word in english + spanish]
    by_uuid = [one["record"] for one in explain(sojourn, OR, TX)["records"]]
    assert sojourn.run("matching", "explain", *by_uuid).stdout == english


@pytest.mark.usefixtures("told")
def test_the_twin_that_the_matcher_knows_is_a_guard_now_and_cannot_be_seen_as_of_then(
    sojourn: CommandLine, ledger: Ledger
) -> None:
    before = published(ledger)
    now = explain(sojourn, OR, SHORT)
    twin = explain(sojourn, OR, TWIN)["records"][1]["record"]
    assert now["students"]["twins"] == [twin]
    assert "co-twin" in now["students"]["guards"]
    [other] = now["students"]["others"]
    assert other["member"] == twin, "and not the record itself"
    assert (other["state"], other["state_student_id"]) == ("WA", "WA0000004")
    assert other["student_id"] == explain(sojourn, OR, TWIN)["records"][1]["student_id"]
    line = f"{TWIN}  {other['student_id']}  {twin}"
    assert line in sojourn.run("matching", "explain", OR, SHORT).stdout
    [entry] = [*ledger.access.read(ledger.access.head() - 1, 1)]
    assert isinstance(entry.event, SearchDisclosed)
    assert twin in entry.event.records, "who is told is on record"
    assert now["twins_and_rivals_as_of"] == now["position"]
    then = explain(sojourn, OR, SHORT, "--as-of", str(before), "--policy", shipped().version)
    assert (then["students"]["twins"], then["twins_and_rivals_as_of"], then["position"]) == ([], None, before)
    assert "co-twin" not in then["students"]["guards"]
    words = sojourn.run("matching", "explain", OR, SHORT, "--as-of", str(before), "--policy", shipped().version).stdout
    assert f"As of position {before}: twins and namesakes that were known then cannot be looked for" in words


@pytest.mark.usefixtures("told")
def test_students_are_explained_as_they_stand_and_as_they_stood(sojourn: CommandLine, ledger: Ledger) -> None:
    before = published(ledger)
    linked = act_of(ledger)
    one = explain(sojourn, OR, CA)
    assert (one["students"], one["together"]) == (None, [linked.act])
    assert f"They are one student, by act {linked.act}." in sojourn.run("matching", "explain", OR, CA).stdout
    assert {record["student_id"] for record in one["records"]} == {linked.master.student_id}

    now, then = explain(sojourn, OR, TX), explain(sojourn, OR, TX, "--as-of", str(before))
    sides = [sorted(map(len, (found["students"]["left"], found["students"]["right"]))) for found in (now, then)]
    assert sides == [[1, 2], [1, 1]]
    assert explain(sojourn, OR, CA, "--as-of", str(before))["students"]["verdict"] == "link"

    ledger.reversals.reverse(linked.act, "They are cousins.", META, None)
    parted = explain(sojourn, OR, CA)
    assert (parted["students"]["verdict"], len(parted["students"]["declared"])) == ("apart", 1)
    assert "declared not to be the same child" in sojourn.run("matching", "explain", OR, CA).stdout
    whole = explain(sojourn, OR, TX, "--as-of", str(now["position"]))
    assert sorted([whole["students"]["left"], whole["students"]["right"]]) == sorted(
        [now["students"]["left"], now["students"]["right"]]
    ), "what was reversed since stood then"


@pytest.mark.usefixtures("told")
def test_a_link_is_found_again_bit_for_bit_whatever_came_since(
    sojourn: CommandLine, ledger: Ledger, tmp_path: Path
) -> None:
    linked = act_of(ledger)
    other = {**WILBER, "first_name": "Rigoberto", "last_name_2": "Luna", "male_parent_first_name": "Otilio"}
    sojourn.run("submit", write(tmp_path / "or2.txt", said(1, **other), night=NEXT_NIGHT))
    sojourn.run("matching", "publish", shipped().version, "--link", "20", "--reason", "For a test.")
    found = explain(sojourn, "--act", linked.act)
    assert (found["act"], found["found_again"], found["differs"]) == (linked.act, True, None)
    assert msgspec.convert(found["decision"], Decision) == linked.decision
    words = sojourn.run("matching", "explain", "--act", linked.act).stdout
    assert words.endswith("Found again, bit for bit.\n")
    assert sojourn.run("matching", "explain", "--act", linked.act, "--es").stdout.endswith("bit por bit.\n")
    assert explain(sojourn, OR, CA)["alone"]["weight"] < found["decision"]["pair"] / 1000, "it says otherwise now"


@pytest.mark.usefixtures("told")
def test_what_people_were_asked_by_is_found_again_as_a_link_is(sojourn: CommandLine, ledger: Ledger) -> None:
    case, opened = case_of(ledger)
    found = explain(sojourn, "--case", case)
    assert (found["case"], found["found_again"], found["differs"]) == (case, True, None)
    assert isinstance(opened.proposal, Link)
    assert msgspec.convert(found["decision"], Decision) == opened.proposal.decision
    words = sojourn.run("matching", "explain", "--case", case).stdout
    assert words.startswith(f"Case {case}\n")
    decision = opened.proposal.decision
    assert decision is not None
    assert decision.others
    for other in decision.others:
        [known] = [name for name in (OR, CA, TX, TWIN, SHORT) if f"{name}  {other.member}" in words]
        assert explain(sojourn, known, OR if known != OR else TX)["records"][0]["record"] == other.member
    assert words.endswith("Found again, bit for bit.\n")


@pytest.mark.usefixtures("told")
def test_a_decision_that_was_changed_is_told_by_the_first_field_that_differs(ledger: Ledger) -> None:
    decision = act_of(ledger).decision
    assert decision is not None
    assert decided_again(ledger.log, ledger.policies, decision) == decision
    for change in ({"weight": 1}, {"whole": 1}, {"guards": ["co-twin"]}, {"link": 1}, {"policy": "another"}):
        changed = msgspec.structs.replace(decision, **change)
        again = decided_again(ledger.log, ledger.policies, changed)
        assert first_difference(changed, again) == next(iter(change))
    with pytest.raises(RecordDestroyed, match="can no longer be read as it was when this was decided"):
        decided_again(ledger.log, ledger.policies, msgspec.structs.replace(decision, read=1))
    with pytest.raises(NotFound, match="No policy was published at position 1"):
        decided_again(ledger.log, ledger.policies, msgspec.structs.replace(decision, published=1))


@pytest.mark.usefixtures("told")
def test_what_cannot_be_explained_is_refused_with_what_to_do(sojourn: CommandLine, ledger: Ledger) -> None:
    def refused(*words: str) -> str:
        done = sojourn.run("matching", "explain", *words, code=1)
        assert done.stdout == ""
        return done.stderr

    uuids = [one["record"] for one in explain(sojourn, OR, CA)["records"]]
    nobody = f"{uuids[0][:-4]}0000"
    assert "This is one record." in refused(OR, uuids[0])
    assert "There is no such record." in refused(OR, "CA:nobody")
    assert "A record is not named as STATE:STATE-STUDENT-ID" in refused(OR, "nobody")
    assert "or there was none then" in refused(OR, nobody)
    assert "or there was none then" in refused(OR, CA, "--as-of", "1", "--policy", shipped().version)
    assert "No policy had been published by then." in refused(OR, CA, "--as-of", str(published(ledger) - 1))
    head = ledger.log.head()
    beyond = refused(OR, CA, "--as-of", str(head + 1))
    assert f"The log has not come to position {head + 1}: nothing is behind {head}." in beyond
    assert f"Name one from 1 to {head}, or none." in beyond
    assert explain(sojourn, OR, CA, "--as-of", str(head))["position"] == head
    assert "There is no policy winter." in refused(OR, CA, "--policy", "winter")
    assert "There is no such act." in refused("--act", "nonsense")
    assert "There is no act" in refused("--act", "482019283746-1")
    undone = ledger.reversals.reverse(act_of(ledger).act, "They are cousins.", META, None)
    assert "was not decided by a policy" in refused("--act", undone.act)
    assert "There is no such case." in refused("--case", "nonsense")
    assert "There is no case" in refused("--case", nobody)


def test_what_is_left_out_is_told_as_usage(sojourn: CommandLine) -> None:
    assert "--act ACT" in sojourn.run("matching", "explain", OR, code=2).stderr
    assert "The act says itself" in sojourn.run("matching", "explain", OR, CA, "--act", "482019283746-1", code=2).stderr
    assert "The case says itself" in sojourn.run("matching", "explain", OR, "--case", "1", code=2).stderr
