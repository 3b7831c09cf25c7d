"""Policies by the command line alone: before the first record, tried, published, held against what people answered.

Written from the pages alone. The tests go on from one another's ledger, in their order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.matching_families import WORDS, of_oregon, of_texas
from support.matching_watch import cases, kid, shipped, students, text
from support.servers import reachable_tmp

WHY = "Asked the school."


@pytest.fixture(scope="module")
def alone() -> Iterator[tuple[CommandLine, Path]]:
    with reachable_tmp() as folder:
        yield CommandLine(folder, data=folder / "d", actor="outsider"), folder


def test_an_empty_ledger_has_nothing_to_calibrate_to_train_on_or_to_try(alone: tuple[CommandLine, Path]) -> None:
    command, _ = alone
    assert command.json("matching", "calibrate") == []
    assert "Traceback" not in command.run("matching", "calibrate").stderr
    refused = command.run("matching", "train", code=1)
    assert "too few" in refused.stderr
    tried = command.json("matching", "try", shipped(command))
    assert (tried["costs"]["records"], tried["costs"]["links"], tried["differs"]) == (0, 0, [])


def outcome(command: CommandLine) -> tuple[set[frozenset[str]], set[frozenset[str]]]:
    """Records that are one student's, and pairs that are asked about."""
    by_student: dict[str, set[str]] = {}
    for name, student in students(command).items():
        by_student.setdefault(student, set()).add(name)
    asked = [{f"{one[f'state_{s}']}:{one[f'state_student_id_{s}']}" for s in "ab"} for one in cases(command)]
    return set(map(frozenset, by_student.values())), set(map(frozenset, asked))


def test_the_order_of_files_and_of_their_rows_decides_nothing(alone: tuple[CommandLine, Path]) -> None:
    command, folder = alone
    texts = {"OR": of_oregon(), "TX": of_texas()}
    for state, children in texts.items():
        (folder / f"{state}.txt").write_text(text(state, *children))
        (folder / f"{state}-turned.txt").write_text(text(state, *reversed(children)))
    command.run("submit", folder / "OR.txt", folder / "TX.txt")
    with reachable_tmp() as other:
        turned = command.but(data=other / "d")
        turned.run("submit", folder / "TX-turned.txt", folder / "OR-turned.txt")
        found, expected = outcome(turned), outcome(command)
    assert found[0] == expected[0]
    assert found[1] == expected[1]


def test_what_a_policy_would_change_is_told_and_nothing_is_written(alone: tuple[CommandLine, Path]) -> None:
    command, _ = alone
    version = shipped(command)
    as_it_is = command.json("matching", "try", version)
    assert as_it_is["costs"]["links"] == as_it_is["costs"]["links_now"]
    assert [one for one in as_it_is["differs"] if "link" in one["what"]] == []
    nothing = command.json("matching", "try", version, "--link", "1000", "--review", "1000")
    costs = nothing["costs"]
    assert (costs["links"], costs["gone_links"]) == (0, as_it_is["costs"]["links_now"])
    assert costs["gone_questions"] == costs["questions_now"] == len(cases(command))
    gone = [one for one in nothing["differs"] if one["what"] == "gone-link"]
    assert len(gone) == costs["gone_links"]
    assert nothing["position"] == as_it_is["position"]
    listed = list(
        csv.DictReader(
            io.StringIO(command.run("matching", "try", version, "--link", "1000", "--review", "1000", "--csv").stdout)
        )
    )
    assert len(listed) == len(nothing["differs"])
    sides = [f"{name}_{side}" for side in "ab" for name in ("state", "state_student_id", "record")]
    assert list(listed[0]) == ["what", *sides, "weight", "by"]
    said = command.run("matching", "try", version, "--link", "1000", "--limit", "1").stdout
    assert said.count("gone-link") == 1
    assert [word for word in WORDS if word.lower() in said.lower()] == []


def test_the_policy_in_effect_would_link_nothing_else_and_ask_what_waits_behind_an_open_case(
    alone: tuple[CommandLine, Path],
) -> None:
    command, _ = alone
    tried = command.json("matching", "try", shipped(command))
    # A record is in one case at a time; the next question about it counts too.
    assert {one["what"] for one in tried["differs"]} <= {"new-question"}
    assert tried["costs"]["questions_now"] == len(cases(command))


def test_what_people_answered_is_counted_and_holds_under_every_policy(alone: tuple[CommandLine, Path]) -> None:
    command, folder = alone
    version = shipped(command)
    by_side = {one["state_student_id_a"]: one for one in cases(command)}
    no, yes = by_side["PLACES"], next(one for side, one in by_side.items() if side.startswith("IDS"))
    command.run("answer", no["case_id"], "no", "--reason", WHY)
    command.run("answer", yes["case_id"], "yes", "--reason", WHY)
    (told,) = command.json("matching", "calibrate")
    assert (told["policy"], told["answered"], told["yes"], told["guarded"]) == (version, 2, 1, 2)
    assert (told["shift"], told["next"], told["links_taken_back"]) == (None, None, 0)
    assert sum(band["answered"] for band in told["bands"]) <= 2

    everything = ["--link", "0", "--review", "-10", "--guards", "none", "--reason", WHY]
    tried = command.json("matching", "try", version, *everything[:-2])
    command.json("matching", "publish", version, *everything)
    newest = kid("NEW", "Wenceslao/Xilotl/Cuapio", "20120102")
    (folder / "AZ.txt").write_text(text("AZ", newest))
    command.run("submit", folder / "AZ.txt")  # which waits for the matcher
    ids = students(command)
    assert ids["OR:PLACES"] != ids["TX:PLACES"]
    assert ids["TX:IDS-A"] == ids["TX:IDS-B"]
    assert all({one["state_student_id_a"], one["state_student_id_b"]} != {"PLACES"} for one in cases(command))
    assert all({one["state_student_id_a"], one["state_student_id_b"]} != {"PLACES"} for one in tried["differs"])

    nothing = ["--link", "60", "--review", "60", "--reason", WHY]
    command.json("matching", "publish", version, *nothing)
    (folder / "NV.txt").write_text(text("NV", newest))
    before = len(cases(command))
    command.run("submit", folder / "NV.txt")
    after = students(command)
    assert {name: after[name] for name in ids} == ids, "what was linked stays"
    assert after["NV:NEW"] != after["AZ:NEW"]
    assert len(cases(command)) == before
    (listed,) = command.json("matching", "publish", "--list")
    assert [one["reason"] for one in listed["published"]][:2] == [WHY, WHY]
    assert [one["link"] for one in listed["published"]][:2] == [60, 0]
    assert listed["in_effect"]
