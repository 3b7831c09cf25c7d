"""The practice submissions."""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from ledger.errors import BadValue, UnknownState
from ledger.intake.layout import RawStudent, read_header, scan, students
from ledger.intake.sample import write_samples

NIGHT = date(2025, 9, 2)
STATES = ["OR", "CA", "TX"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, STATES, 300, 7, NIGHT)
    return folder


def read(path: Path) -> list[RawStudent]:
    return list(students(path))


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("state", STATES)
def test_every_row_is_valid_and_the_totals_hold(out: Path, state: str) -> None:
    path = out / f"{state}-20250902.txt"
    assert read_header(path).state == state
    assert scan(path).students == 300
    for one in read(path):
        assert one.found == []
        assert one.student is not None
        assert {"D", "Q", "E"} <= {row.letter for row in one.student.rows}


def test_every_table_of_the_layout_is_there(out: Path) -> None:
    letters = {row.letter for one in read(out / "CA-20250902.txt") if one.student for row in one.student.rows}
    assert letters == set("KDQECAI")


def test_the_same_seed_gives_the_same_bytes(out: Path, tmp_path: Path) -> None:
    again = write_samples(tmp_path / "again", STATES, 300, 7, NIGHT)
    assert [path.name for path in again] == [f"{state}-20250902.txt" for state in STATES]
    for path in [*again, tmp_path / "again" / "truth.csv"]:
        assert path.read_bytes() == (out / path.name).read_bytes()
    other = write_samples(tmp_path / "other", STATES, 300, 8, NIGHT)
    assert other[0].read_bytes() != again[0].read_bytes()


def test_the_truth_names_every_record_once(out: Path) -> None:
    rows = truth(out)
    named = [(row["state"], row["state_student_id"]) for row in rows]
    assert len(set(named)) == len(named) == 900
    submitted = {
        (one.student.state, one.student.state_student_id)
        for state in STATES
        for one in read(out / f"{state}-20250902.txt")
        if one.student is not None
    }
    assert submitted == set(named)


@pytest.mark.parametrize("state", STATES)
def test_about_a_third_of_the_children_have_a_record_elsewhere(out: Path, state: str) -> None:
    held: dict[str, set[str]] = defaultdict(set)
    for row in truth(out):
        held[row["child"]].add(row["state"])
    mine = [states for states in held.values() if state in states]
    assert 0.2 < sum(len(states) > 1 for states in mine) / len(mine) < 0.45


def test_states_write_the_same_child_differently(out: Path) -> None:
    names: dict[str, dict[str, str]] = defaultdict(dict)
    children = {(row["state"], row["state_student_id"]): row["child"] for row in truth(out)}
    for state in STATES:
        for one in read(out / f"{state}-20250902.txt"):
            assert one.student is not None
            said = next(row.elements for row in one.student.rows if row.letter == "D")
            child = children[state, one.student.state_student_id]
            names[child][state] = f"{said['first_name']}|{said['last_name_1']}|{said.get('last_name_2', '')}"
    shared = [list(said.values()) for said in names.values() if len(said) > 1]
    assert shared
    assert all(len(set(said)) == len(said) for said in shared)


def test_there_are_twins_and_siblings(out: Path) -> None:
    born: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in read(out / "OR-20250902.txt"):
        assert one.student is not None
        said = next(row.elements for row in one.student.rows if row.letter == "D")
        born[said["last_name_1"], said.get("last_name_2", "")].append(said["birth_date"])
    assert any(len(set(days)) > 1 for days in born.values())
    assert any(len(set(days)) < len(days) for days in born.values())


@pytest.mark.parametrize("state", ["PR", "ND", "PW"])
@pytest.mark.parametrize("night", [date(2024, 2, 29), date(2026, 1, 1), date(2025, 6, 16)])
def test_any_state_and_any_night_will_do(tmp_path: Path, state: str, night: date) -> None:
    (path,) = write_samples(tmp_path, [state], 40, 1, night)
    assert [row for one in read(path) for row in one.found] == []


def test_one_child_is_a_sample_too(tmp_path: Path) -> None:
    (path,) = write_samples(tmp_path / "new" / "folder", ["OR", "OR"], 1, 1, NIGHT)
    assert len(read(path)) == 1


def test_an_unknown_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownState):
        write_samples(tmp_path, ["OR", "ZZ"], 1, 1, NIGHT)


@pytest.mark.parametrize("children", [0, 40_001])
def test_a_file_holds_one_child_at_least_and_40_000_at_most(tmp_path: Path, children: int) -> None:
    with pytest.raises(BadValue):
        write_samples(tmp_path, ["OR"], children, 1, NIGHT)


def test_three_states_of_2000_children_are_written_quickly(tmp_path: Path) -> None:
    begun = time.perf_counter()
    write_samples(tmp_path, STATES, 2_000, 1, NIGHT)
    assert time.perf_counter() - begun < 5
