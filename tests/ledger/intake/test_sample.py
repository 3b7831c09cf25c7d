"""The practice submissions: one night's files, and what is true of the children in them."""

from __future__ import annotations

import csv
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.eligibility import expiration_date
from ledger.errors import BadValue, UnknownState
from ledger.facts import Row, StudentRows
from ledger.intake.layout import read_header, scan, students
from ledger.intake.sample import write_nights, write_samples
from ledger.intake.sample.names import Written, difference, plain

NIGHT = date(2025, 9, 2)
STATES = ["OR", "CA", "TX"]
CHILDREN = 600


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_nights(folder, STATES, CHILDREN, 7, NIGHT)
    return folder


def read(path: Path) -> Iterator[StudentRows]:
    for one in students(path):
        assert one.found == []
        assert one.student is not None
        yield one.student


def everybody(folder: Path) -> Iterator[StudentRows]:
    for state in STATES:
        yield from read(folder / f"{state}-20250902.txt")


def of(student: StudentRows, letter: str) -> list[Row]:
    return [row for row in student.rows if row.letter == letter]


def child_of(student: StudentRows) -> dict[str, str]:
    (row,) = of(student, "D")
    return row.elements


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize("state", STATES)
def test_the_totals_hold_and_every_child_has_its_rows(out: Path, state: str) -> None:
    path = out / f"{state}-20250902.txt"
    assert read_header(path).state == state
    assert scan(path).students == CHILDREN
    for student in read(path):
        assert {"D", "Q"} <= {row.letter for row in student.rows}


def test_every_table_of_the_layout_is_there(out: Path) -> None:
    assert {row.letter for student in everybody(out) for row in student.rows} == set("KDQECAI")


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    again = write_samples(tmp_path / "again", STATES, 60, 7, NIGHT)
    assert [path.name for path in again] == [f"{state}-20250902.txt" for state in STATES]
    write_samples(tmp_path / "once", STATES, 60, 7, NIGHT)
    names = [*(path.name for path in again), "truth.csv", "pairs.csv"]
    assert all((tmp_path / "again" / name).read_bytes() == (tmp_path / "once" / name).read_bytes() for name in names)
    for seed in (8, -7, 0):
        other = write_samples(tmp_path / "other", STATES, 60, seed, NIGHT)
        assert other[0].read_bytes() != again[0].read_bytes()


# -- who is who


def test_the_truth_names_every_record_once(out: Path) -> None:
    rows = table(out, "truth.csv")
    named = [(row["state"], row["state_student_id"]) for row in rows]
    assert len(set(named)) == len(named) == CHILDREN * len(STATES)
    assert {(student.state, student.state_student_id) for student in everybody(out)} == set(named)
    assert {row["night"] for row in rows} == {"20250902"}


def test_between_a_fifth_and_half_of_a_states_children_have_a_record_elsewhere(out: Path) -> None:
    held: dict[str, set[str]] = defaultdict(set)
    for row in table(out, "truth.csv"):
        held[row["child"]].add(row["state"])
    for state in STATES:
        mine = [states for states in held.values() if state in states]
        assert 0.15 < sum(len(states) > 1 for states in mine) / len(mine) < 0.5


def test_pairs_are_those_of_the_truth_and_differ_as_the_files_do(out: Path) -> None:
    held: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in table(out, "truth.csv"):
        held[row["child"]].add((row["state"], row["state_student_id"]))
    pairs = table(out, "pairs.csv")
    assert len(pairs) == sum(len(records) * (len(records) - 1) // 2 for records in held.values()) > 100
    said = {(student.state, student.state_student_id): child_of(student) for student in everybody(out)}
    for pair in pairs:
        a = pair["state_a"], pair["state_student_id_a"]
        b = pair["state_b"], pair["state_student_id_b"]
        assert {a, b} <= held[pair["child"]]
        assert (said[a]["birth_date"] == said[b]["birth_date"]) == (pair["birth_date"] == "same")
        for name, elements in (("given", ("first_name", "middle_name")), ("surnames", ("last_name_1", "last_name_2"))):
            same = all(said[a].get(element) == said[b].get(element) for element in elements)
            assert same == (pair[name] == "same")


def test_names_differ_in_every_way_that_states_write_them(tmp_path: Path) -> None:
    write_samples(tmp_path, ["OR", "CA", "TX", "WA", "FL"], 1_500, 4, NIGHT)
    pairs = table(tmp_path, "pairs.csv")
    given, surnames, births = (Counter(pair[name] for pair in pairs) for name in ("given", "surnames", "birth_date"))
    assert {"same", "letters", "part", "short", "typed"} <= set(given)
    assert {"same", "letters", "part", "order", "typed"} <= set(surnames)
    assert {"same", "swapped", "typed"} == set(births)
    assert births["same"] > 0.95 * len(pairs)
    wrong = sum(pair["given"] in ("short", "typed", "other") for pair in pairs)
    assert wrong < 0.1 * len(pairs), "most of it is a state's way to write, and not a slip"


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (Written("Ana", "", "Cruz", "Peña"), Written("Ana", "", "Cruz", "Peña"), ("same", "same")),
        (Written("María", "", "de la Cruz", "Peña"), Written("MARIA", "", "DELACRUZ-PENA", ""), ("letters", "letters")),
        (Written("Ana", "Luz", "Cruz", "Peña"), Written("Ana L", "", "Peña", "Cruz"), ("part", "order")),
        (Written("Pepe", "", "Cruz", ""), Written("José", "Luis", "Cruz", "Peña"), ("short", "part")),
        (Written("Wiber", "", "Curz", "Peña"), Written("Wilber", "", "Cruz", "Peña"), ("typed", "typed")),
        (Written("Ana", "", "Cruz", "Peña"), Written("Rosa", "", "Luna", "Vega"), ("other", "other")),
    ],
)
def test_a_difference_is_named_for_its_cause(one: Written, other: Written, differs: tuple[str, str]) -> None:
    assert difference(one, other) == difference(other, one) == differs


def test_siblings_share_surnames_and_moves_and_one_set_of_parents(out: Path) -> None:
    families = {(row["state"], row["state_student_id"]): row["family"] for row in table(out, "truth.csv")}
    together: dict[str, list[StudentRows]] = defaultdict(list)
    for student in read(out / "OR-20250902.txt"):
        together[families["OR", student.state_student_id]].append(student)
    siblings = [family for family in together.values() if len(family) > 1]
    assert len(siblings) > 50
    for family in siblings:
        mothers = {child_of(one).get("female_parent_first_name") for one in family} - {None}
        assert len(mothers) <= 1
        moves = sorted(({row.elements["qualifying_arrival_date"] for row in of(one, "Q")} for one in family), key=len)
        assert moves[0] & moves[-1] or len(moves[0]) < len(moves[-1]), "who came later shares the moves since"
    alike = [{child_of(one)["last_name_1"] for one in family} for family in siblings]
    assert sum(len(names) == 1 for names in alike) > 0.85 * len(alike), "but for slips"


def test_twins_share_their_birth_date_and_most_carry_the_flag(out: Path) -> None:
    truth = table(out, "truth.csv")
    said = {(student.state, student.state_student_id): child_of(student) for student in everybody(out)}
    twins = [row for row in truth if row["twin"] == "Yes"]
    assert len(twins) > 20
    flags = Counter(said[row["state"], row["state_student_id"]].get("multiple_birth_flag") for row in twins)
    assert flags["Yes"] > 0.6 * len(twins)
    others = [said[row["state"], row["state_student_id"]] for row in truth if row["twin"] == "No"]
    assert all(child.get("multiple_birth_flag") != "Yes" for child in others)
    born: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in twins:
        born[row["state"], row["family"]].add(said[row["state"], row["state_student_id"]]["birth_date"])
    assert sum(len(days) == 1 for days in born.values()) > 0.8 * len(born)


def test_some_children_share_name_and_birth_date_and_are_different(tmp_path: Path) -> None:
    write_samples(tmp_path, ["OR"], 1_000, 3, NIGHT)
    said = {one.state_student_id: child_of(one) for one in read(tmp_path / "OR-20250902.txt")}
    truth = table(tmp_path, "truth.csv")
    held = {row["child"]: said[row["state_student_id"]] for row in truth}
    namesakes = [row for row in truth if row["namesake_of"] in held]
    assert 1 <= len(namesakes) < 0.02 * len(truth)
    identity = ("first_name", "last_name_1", "birth_date", "sex")
    equal = [
        all(held[row["child"]].get(name) == held[row["namesake_of"]].get(name) for name in identity)
        for row in namesakes
    ]
    assert any(equal)
    for row in namesakes:
        assert row["child"] != row["namesake_of"]


# -- what is said of them


def test_children_are_from_birth_to_21_and_some_are_out_of_school(out: Path) -> None:
    ages = Counter((NIGHT - day(child_of(one)["birth_date"])).days // 365 for one in everybody(out))
    assert {0, 1, 5, 10, 15, 18, 20} <= set(ages)
    assert max(ages) <= 25
    grades = Counter(row.elements["grade_level"] for one in everybody(out) for row in of(one, "E"))
    assert set(grades) == {"00", "KG", "P0", "P1", "P2", "P3", "P4", *(f"{grade:02d}" for grade in range(1, 13))}
    out_of_school = [one for one in everybody(out) for row in of(one, "E")[-1:] if row.elements["grade_level"] == "00"]
    assert 0.02 < len(out_of_school) / (CHILDREN * len(STATES)) < 0.2


def test_a_move_lasts_36_months_less_a_day_or_to_the_day_before_the_22nd_birthday(out: Path) -> None:
    stated, shorter = 0, 0
    for one in everybody(out):
        birth = day(child_of(one)["birth_date"])
        graduated = [row.elements[key] for row in of(one, "E") if (key := "graduation_hse_date") in row.elements]
        for row in of(one, "Q"):
            arrival = day(row.elements["qualifying_arrival_date"])
            expires = row.elements.get("eligibility_expiration_date")
            if expires is not None:
                stated += 1
                ends = [day(end) for end in graduated]
                assert day(expires) == expiration_date(arrival, birth, None, min(ends, default=None))
                shorter += day(expires) < expiration_date(arrival, None)
    assert stated > 1_000
    assert shorter > 20


def test_enrollments_follow_the_moves_and_no_two_are_at_one_time(out: Path) -> None:
    children = {(row["state"], row["state_student_id"]): row["child"] for row in table(out, "truth.csv")}
    been: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in everybody(out):
        arrivals = [row.elements["qualifying_arrival_date"] for row in of(one, "Q")]
        for row in of(one, "E"):
            start = row.elements["enrollment_date"]
            assert min(arrivals) <= start
            assert row.elements["residency_date"] in arrivals
            if "withdrawal_date" in row.elements:
                been[children[one.state, one.state_student_id]].append((start, row.elements["withdrawal_date"]))
    assert sum(len(spans) > 3 for spans in been.values()) > 100
    for spans in been.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_school_has_one_id_one_name_and_one_district_everywhere(out: Path) -> None:
    schools: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    districts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for one in everybody(out):
        for row in of(one, "E"):
            said = row.elements
            place = said["school_district_id"], plain(said["school_district"]).lower()
            districts[place[0]].add((place[1], said["facility_zip"]))
            if "school_identification_code" in said:
                code = said["school_identification_code"]
                assert code.startswith(place[0])
                schools[code].add((plain(said["school_or_project_name"]).lower(), *place))
    assert len(schools) > 60
    assert all(len(names) == 1 for names in (*schools.values(), *districts.values()))


def test_courses_are_done_half_done_or_left_with_hours(out: Path) -> None:
    kinds: Counter[tuple[str, bool, bool]] = Counter()
    credits_given: set[str] = set()
    for one in everybody(out):
        for row in of(one, "C"):
            said = row.elements
            kinds[said["course_section"], "credits_granted" in said, "clock_hours" in said] += 1
            credits_given.add(said.get("credits_granted", "0.00"))
    assert {section for section, _, _ in kinds} == {"01", "02", "03"}
    for section in ("01", "02", "03"):
        assert kinds[section, True, False] > 20
        assert kinds[section, False, True] > 5
    assert {"0.00", "0.25", "0.50", "1.00"} <= credits_given


def test_enrollments_are_of_every_kind_and_flags_vary(out: Path) -> None:
    rows = [row.elements for one in everybody(out) for row in of(one, "E")]
    assert {"01", "02", "03", "05", "06"} == {row["enrollment_type"] for row in rows}
    for flag in ("lep_indicator_el", "iep_indicator", "pfs_flag", "immunization_record_flag"):
        assert {"Yes", "No"} <= {row.get(flag) for row in rows}
    assert any(row.get("graduation_hse_indicator") == "Graduation" for row in rows)
    assert any(row.get("continuation_of_services_reason") == "01" for row in rows)


# -- any sample


@pytest.mark.parametrize("state", ["PR", "ND", "PW"])
@pytest.mark.parametrize("night", [date(2024, 2, 29), date(2026, 1, 1), date(2025, 6, 16)])
def test_any_state_and_any_night_will_do(tmp_path: Path, state: str, night: date) -> None:
    (path,) = write_samples(tmp_path, [state], 40, 1, night)
    assert len(list(read(path))) == 40


def test_one_child_is_a_sample_too(tmp_path: Path) -> None:
    (path,) = write_samples(tmp_path / "new" / "folder", ["OR", "OR"], 1, 1, NIGHT)
    assert len(list(read(path))) == 1


def test_an_unknown_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownState):
        write_samples(tmp_path, ["OR", "ZZ"], 1, 1, NIGHT)
    with pytest.raises(UnknownState):
        write_nights(tmp_path, ["OR"], 1, 1, NIGHT, habits={"ZZ": "plain"})


@pytest.mark.parametrize("children", [0, 40_001])
def test_a_file_holds_one_child_at_least_and_40_000_at_most(tmp_path: Path, children: int) -> None:
    with pytest.raises(BadValue):
        write_samples(tmp_path, ["OR"], children, 1, NIGHT)


def test_lives_go_back_as_far_as_they_are_asked_for(tmp_path: Path) -> None:
    oldest = []
    for years in (1, 6):
        ((path,),) = write_nights(tmp_path / str(years), ["OR"], 200, 1, NIGHT, years=years)
        moves = [row.elements["qualifying_arrival_date"] for one in read(path) for row in of(one, "Q")]
        oldest.append(day(min(moves)))
    assert NIGHT - timedelta(days=530) < oldest[0]
    assert NIGHT - timedelta(days=6 * 365 + 160) < oldest[1] < NIGHT - timedelta(days=4 * 365)


def test_memory_does_not_grow_with_the_sample(tmp_path: Path) -> None:
    peaks = []
    write_samples(tmp_path, ["OR"], 2_000, 1, NIGHT)  # what is remembered of days and districts is there
    for children in (500, 2_000):
        tracemalloc.start()
        (path,) = write_samples(tmp_path, ["OR"], children, 1, NIGHT)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < path.stat().st_size / 4


def test_three_states_of_2000_children_are_written_quickly(tmp_path: Path) -> None:
    begun = time.perf_counter()
    write_samples(tmp_path, STATES, 2_000, 1, NIGHT)
    assert time.perf_counter() - begun < 10
