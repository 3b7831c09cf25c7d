"""``sojourn merge``, ``split``, ``answer`` and ``reverse``: one proposes, another answers, and an act is taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events.disclosure import SearchDisclosed
from ledger.ids import student_id
from ledger.store.database import Database, Role
from support.command_line import CommandLine
from support.files import student, write
from support.kept_apart import keep_apart

BEN = ("--as", "operator ben")
WHY = ("--reason", "The same mother.")


@pytest.fixture
def ids(sojourn: CommandLine, tmp_path: Path) -> dict[str, str]:
    """State to the student id of its one child; Texas has two. Nothing is matched."""
    keep_apart(sojourn.run)
    sojourn.run(
        "submit",
        write(tmp_path / "or.txt", student(1, "E|001|20250623|03|Columbia Gorge")),
        write(tmp_path / "ca.txt", student(2, state="CA", name="Wilbur"), state="CA"),
        write(tmp_path / "tx.txt", student(3, state="TX"), student(4, state="TX"), state="TX"),
    )
    return listed(sojourn)


def listed(sojourn: CommandLine) -> dict[str, str]:
    """State student id to the student id that is shown."""
    head, *rows = sojourn.run("students", "--csv").stdout.splitlines()
    assert head == "state,state_student_id,student_id"
    return {ssid: student for _, ssid, student in (row.split(",") for row in rows)}


OR, CA, TX, TX_TOO = "OR0000001", "CA0000002", "TX0000003", "TX0000004"


def propose(sojourn: CommandLine, left: str, right: str, master: str) -> str:
    """The case of a merge that the operator proposes."""
    return sojourn.json("merge", left, right, "--master", master, *WHY)["case"]


def merged(sojourn: CommandLine, left: str, right: str) -> dict[str, Any]:
    """What is told of a merge that one has proposed and another answered; the left one is shown."""
    return sojourn.json("answer", propose(sojourn, left, right, left), "yes", *WHY, *BEN)


def refused(sojourn: CommandLine, *words: object) -> str:
    """What stands on stderr where a command is refused, with nothing on stdout."""
    done = sojourn.run(*words, code=1)
    assert done.stdout == ""
    return done.stderr


def test_what_one_proposes_another_answers_and_it_is_one_student(sojourn: CommandLine, ids: dict[str, str]) -> None:
    told = sojourn.run("merge", ids[OR], ids[CA], "--master", ids[CA], *WHY)
    case = told.stdout.removeprefix("Case ").strip()
    assert f"sojourn answer {case} yes" in told.stderr
    assert listed(sojourn) == ids, "a proposal changes nothing that a reader sees"

    assert "Whoever proposed this does not validate it." in refused(sojourn, "answer", case, "yes", *WHY)
    answered = sojourn.run("answer", case, "yes", *WHY, *BEN).stdout.splitlines()
    assert answered[0] == f"Case {case} settled."
    assert answered[1].startswith("Act ")
    assert answered[1].endswith(f"; students {ids[CA]}.")

    assert listed(sojourn) == {**ids, OR: ids[CA]}
    by_either = [sojourn.json("student", ids[ssid]) for ssid in (OR, CA)]
    assert by_either[0] == by_either[1]
    assert by_either[0]["student_id"] == ids[CA]
    assert [one["school_or_project_name"] for one in by_either[0]["core"]["enrollments"]] == ["Columbia Gorge"]
    assert "The case is closed: it was answered yes." in refused(sojourn, "answer", case, "no", *WHY, *BEN)


def test_what_is_answered_no_is_not_done(sojourn: CommandLine, ids: dict[str, str]) -> None:
    told = sojourn.json("answer", propose(sojourn, ids[OR], ids[CA], ids[OR]), "no", *WHY, *BEN)
    assert (told["outcome"], told["act"], told["code"]) == ("rejected", None, None)
    assert listed(sojourn) == ids


def test_a_dry_run_shows_what_it_would_come_to_and_writes_nothing_but_its_disclosure(
    sojourn: CommandLine, database: Database, new_ledger: Callable[..., Ledger], ids: dict[str, str]
) -> None:
    act = merged(sojourn, ids[OR], ids[CA])["act"]
    ledger = new_ledger(database)
    head, entries = ledger.log.head(), ledger.access.head()
    lines = sojourn.run("reverse", act, "--dry-run", "--as", "operator cleo").stdout.splitlines()
    assert lines[0] == f"Now: {ids[OR]}."
    assert lines[1] == f"Then: {ids[OR]}, {ids[CA]}."
    assert {
        f"{ids[OR]}  core.first_name: Wilbur -> Wilber",
        f"{ids[OR]}  core.records: 2 entries -> 1 entry",
        f"{ids[OR]}  core.qualifying_moves: 1 entry, changed",
        f"{ids[CA]}  core.student_id: {ids[OR]} -> {ids[CA]}",
        f"{ids[CA]}  core.enrollments: 1 entry -> 0 entries",
    } <= set(lines)
    assert not [line for line in lines if line.startswith(f"{ids[CA]}  core.first_name")], "it is that already"
    assert ledger.log.head() == head
    [entry] = ledger.access.read(entries, 10)
    assert isinstance(entry.event, SearchDisclosed)
    assert (entry.event.view, entry.meta.actor, len(entry.event.records)) == ("reversal-preview", "operator cleo", 2)
    told = sojourn.json("reverse", act, "--dry-run")
    assert [one["student_id"] for one in told["now"]] == [ids[OR]]
    assert sorted(one["student_id"] for one in told["then"]) == sorted([ids[OR], ids[CA]])
    assert told["declared"] == [{"left": [ids[OR]], "right": [ids[CA]]}]
    assert (told["residue"], told["joined_by"], told["recall"]) == ([], [], [])


def test_a_reversal_is_in_effect_at_once_and_names_who_read_in_between(
    sojourn: CommandLine, ids: dict[str, str]
) -> None:
    sojourn.run("student", ids[OR], "--as", "too early")
    act = merged(sojourn, ids[OR], ids[CA])["act"]
    sojourn.run("student", ids[CA], "--as", "reader amy")
    sojourn.run("student", ids[OR], "--as", "reader amy")
    sojourn.run("student", ids[TX], "--as", "of another child")
    told = sojourn.json("reverse", act, "--reason", "They are cousins.")
    assert [(one["actor"], one["role"], one["times"]) for one in told["recall"]] == [("reader amy", "operator", 2)]
    assert sorted(told["students"]) == sorted([ids[OR], ids[CA]])
    assert listed(sojourn) == ids
    sojourn.run("student", ids[OR], "--as", "too late")
    again = sojourn.json("reverse", told["act"], "--dry-run")
    assert [one["actor"] for one in again["recall"]] == ["reader amy"]

    [case] = told["cases"]
    assert "does not validate it" in refused(sojourn, "answer", case, "yes", *WHY)
    assert sojourn.json("answer", case, "yes", *WHY, *BEN)["outcome"] == "settled"


def test_the_recall_list_is_printed_for_whoever_tells_them(sojourn: CommandLine, ids: dict[str, str]) -> None:
    act = merged(sojourn, ids[OR], ids[CA])["act"]
    sojourn.run("student", ids[CA], "--as", "reader amy")
    first, second, *rest = sojourn.run("reverse", act, "--reason", "They are cousins.").stdout.splitlines()
    assert f"has reversed {act}; students " in first
    assert second.startswith("To be validated by somebody else: case ")
    [line] = rest
    assert line.startswith("Was shown the joined record: reader amy (operator, ")
    assert " once, last 20" in line


def test_a_reversal_that_is_durable_is_told_though_its_recall_list_cannot_be(
    sojourn: CommandLine, database: Database, ids: dict[str, str]
) -> None:
    first, second = merged(sojourn, ids[OR], ids[CA])["act"], merged(sojourn, ids[TX], ids[TX_TOO])["act"]
    sojourn.run("student", ids[CA], "--as", "reader amy")
    sojourn.run("reverse", first, "--dry-run")
    with database.connect(Role.PROJECTOR) as conn:
        conn.execute("alter table disclosures.disclosures rename to away")
    sojourn.run("student", ids[CA], "--as", "reader amy")
    done = sojourn.run("reverse", first, "--reason", "They are cousins.")
    assert f"has reversed {first}; students " in done.stdout
    assert "To whom the joined record was shown cannot be told now" in done.stderr
    assert "--dry-run" in done.stderr
    assert sojourn.json("reverse", second, "--reason", "They are cousins.")["recall"] is None
    assert listed(sojourn) == ids


def test_a_history_tells_acts_with_their_ids_and_reasons(sojourn: CommandLine, ids: dict[str, str]) -> None:
    act = merged(sojourn, ids[OR], ids[CA])["act"]
    undone = sojourn.json("reverse", act, "--reason", "They are cousins.")["act"]
    for asked in (ids[OR], ids[CA]):
        told = [one for one in sojourn.json("history", asked) if one["act"]]
        assert [one["act"] for one in told] == [act, undone, f"{undone}.1"]
        assert [one["actor"] for one in told] == ["operator ben", "operator anna", "operator anna"]
        assert [one["reason"] for one in told] == ["The same mother.", "They are cousins.", "They are cousins."]
        lines = sojourn.run("history", asked).stdout
        assert f"Act {act}: students {ids[OR]} and {ids[CA]} were merged" in lines
        assert f"Act {undone}: act {act} was reversed. Reason: They are cousins." in lines


def test_records_that_are_split_are_a_student_of_their_own(sojourn: CommandLine, ids: dict[str, str]) -> None:
    merged(sojourn, ids[OR], ids[CA])
    merged(sojourn, ids[OR], ids[TX])
    case = sojourn.json("split", ids[OR], "--records", f"CA:{CA},TX:{TX}", *WHY)["case"]
    assert sojourn.json("answer", case, "yes", *WHY, *BEN)["outcome"] == "settled"
    now = listed(sojourn)
    assert now[OR] == ids[OR]
    assert now[CA] == now[TX] != ids[OR]
    assert "were declared not to be the same child" in refused(
        sojourn, "merge", now[OR], now[CA], "--master", now[OR], *WHY
    )


def test_what_cannot_be_proposed_is_refused_with_what_to_do(sojourn: CommandLine, ids: dict[str, str]) -> None:
    merged(sojourn, ids[OR], ids[CA])
    never = student_id(999_999)

    def merge(left: str, right: str, master: str) -> str:
        return refused(sojourn, "merge", left, right, "--master", master, *WHY)

    def split(records: str) -> str:
        return refused(sojourn, "split", ids[OR], "--records", records, *WHY)

    assert "The two are one student already." in merge(ids[OR], ids[OR], ids[OR])
    retired = merge(ids[CA], ids[TX], ids[TX])
    assert f"Student {ids[CA]} is shown as {ids[OR]} now." in retired
    assert f"Name {ids[OR]}." in retired
    assert f"There is no student {never}." in merge(ids[OR], never, never)
    assert "This is not a student id." in merge(ids[OR], "123456789012", ids[OR])
    assert "The master is neither of the two students." in merge(ids[OR], ids[TX], ids[TX_TOO])
    assert "A reason is wanted." in refused(sojourn, "merge", ids[OR], ids[TX], "--master", ids[OR], "--reason", " ")

    assert "Not every record named is one of this student's." in split(f"TX:{TX}")
    assert "A split needs two parts or more" in split(f"OR:{OR},CA:{CA}")
    assert "There is no such record." in split("OR:nobody")
    assert "A record is not named as STATE:SSID." in split("OR")
    assert listed(sojourn) == {**ids, CA: ids[OR]}


def test_a_record_under_a_case_waits_for_its_answer(sojourn: CommandLine, ids: dict[str, str]) -> None:
    case = propose(sojourn, ids[OR], ids[CA], ids[OR])
    said = refused(sojourn, "merge", ids[OR], ids[TX], "--master", ids[OR], *WHY)
    assert f"A record is under case {case}, which is pending." in said
    assert "Answer that case first." in said


def test_what_cannot_be_answered_or_reversed_is_refused(sojourn: CommandLine, ids: dict[str, str]) -> None:
    unknown = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
    assert "There is no such case." in refused(sojourn, "answer", unknown, "yes", *WHY)
    assert "There is no such case." in refused(sojourn, "answer", "no-uuid", "yes", *WHY)
    assert "There is no act" in refused(sojourn, "reverse", f"{ids[OR]}-1", *WHY)
    assert "There is no act" in refused(sojourn, "reverse", "nonsense", "--dry-run")

    act = merged(sojourn, ids[OR], ids[CA])["act"]
    undone = sojourn.json("reverse", act, *WHY)["act"]
    for more in (WHY, ("--dry-run",)):
        said = refused(sojourn, "reverse", act, *more)
        assert f"Act {act} is reversed by act {undone}." in said
        assert f"To bring it back, reverse act {undone}." in said


def test_what_is_left_out_is_told_as_usage(sojourn: CommandLine, ids: dict[str, str]) -> None:
    case = propose(sojourn, ids[OR], ids[CA], ids[OR])
    assert "--reason" in sojourn.run("reverse", f"{ids[OR]}-1", code=2).stderr
    assert "--master" in sojourn.run("merge", ids[OR], ids[CA], *WHY, code=2).stderr
    assert "--records" in sojourn.run("split", ids[OR], *WHY, code=2).stderr
    assert "perhaps" in sojourn.run("answer", case, "perhaps", *WHY, code=2).stderr
