"""Practice submissions of several nights: what changes from one to the next, and the habits by which states tell it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger import mde
from ledger.errors import BadValue
from ledger.events.base import Event
from ledger.events.record import FactCorrected, MoveQualified, RecordOpened, Withdrawn
from ledger.facts import RecordState, StudentRows, held_rows
from ledger.intake.layout import students
from ledger.intake.sample import HABITS, write_nights
from ledger.intake.sources import opened
from ledger.intake.student import Decision, place_student
from ledger.jurisdiction import DEFAULT
from ledger.record_fold import fold

FIRST = date(2025, 8, 25)
STATES = ["OR", "CA", "TX"]
MINTED = "000000000000"
Held = dict[tuple[str, str], RecordState]


class World:
    """Ledgers of all states, as rules and placement leave them; every finding is kept."""

    def __init__(self) -> None:
        self.held: Held = {}
        self.findings: list[tuple[str, str]] = []
        self.outcomes: Counter[str] = Counter()

    def submit(self, path: Path, today: date) -> Iterator[tuple[StudentRows, RecordState | None, Decision]]:
        for one in students(path):
            self.findings += [(row.letter, found.rule) for row in one.found for found in row.findings]
            assert one.student is not None
            key = one.student.state, one.student.state_student_id
            before = self.held.get(key)
            decision = place_student(one.student, before, MINTED, DEFAULT, today=today)
            after = fold(decision.events, before)
            assert after is not None
            self.held[key] = after
            self.findings += [(said.letter, found.rule) for said in decision.outcomes for found in said.findings]
            self.outcomes.update(said.outcome for said in decision.outcomes)
            yield one.student, before, decision

    def content(self) -> dict[tuple[str, str], list[tuple[str, dict[str, str]]]]:
        """What is held of each record, whatever the numbers and the order in which it came."""
        return {
            key: sorted(
                ((letter, dict(row.elements)) for letter, rows in held_rows(state).items() for row in rows),
                key=lambda entry: (entry[0], sorted(entry[1].items())),
            )
            for key, state in self.held.items()
        }


def written(folder: Path, nights: int, apart: int, habit: str = "plain", **options: int) -> list[list[Path]]:
    habits = dict.fromkeys(STATES, habit)
    children, seed = options.get("children", 100), options.get("seed", 5)
    return write_nights(folder, STATES, children, seed, FIRST, nights=nights, apart=apart, habits=habits)


def after(nights: list[list[Path]], apart: int) -> World:
    world = World()
    for night, paths in enumerate(nights):
        for path in paths:
            for _ in world.submit(path, FIRST + timedelta(days=night * apart)):
                pass
    return world


@pytest.mark.parametrize("habit", ["plain", "changes", "everything", "renumber", "newest"])
@pytest.mark.parametrize(("nights", "apart", "seed"), [(5, 70, 5), (6, 1, 6)])
def test_no_row_is_refused_or_warned_of_on_any_night(
    tmp_path: Path, habit: str, nights: int, apart: int, seed: int
) -> None:
    world = after(written(tmp_path, nights, apart, habit, seed=seed), apart)
    assert world.findings == []
    assert set(world.outcomes) <= {"accepted", "unchanged"}
    assert world.outcomes["accepted"] > 2_000


@pytest.mark.parametrize(("seed", "years"), [(21, 1), (22, 3), (23, 8)])
def test_no_row_is_refused_or_warned_of_in_larger_samples(tmp_path: Path, seed: int, years: int) -> None:
    paths = write_nights(tmp_path, ["TX", "WA", "FL", "VT"], 600, seed, FIRST, nights=2, apart=120, years=years)
    assert after(paths, 120).findings == []


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> World:
    return after(written(tmp_path_factory.mktemp("plain"), 5, 30), 30)


@pytest.mark.parametrize("habit", ["changes", "everything", "renumber", "newest"])
def test_what_is_known_in_the_end_hangs_on_no_habit(tmp_path: Path, plain: World, habit: str) -> None:
    assert after(written(tmp_path, 5, 30, habit), 30).content() == plain.content()


def test_a_night_brings_changes_of_every_kind(tmp_path: Path) -> None:
    first, *later = written(tmp_path, 3, 100, children=400)
    world = World()
    for path in first:
        for _ in world.submit(path, FIRST):
            pass
    kinds: Counter[str] = Counter()
    corrected: Counter[str] = Counter()
    known = set(world.held)
    for night, path in ((night, path) for night, paths in enumerate(later, 1) for path in paths):
        for student, before, decision in world.submit(path, FIRST + timedelta(days=100 * night)):
            assert (student.action == "I") == (before is None)
            kinds.update(_kinds(decision.events, before))
            for event in decision.events:
                if isinstance(event, FactCorrected):
                    corrected.update(list(event.elements))
    assert kinds["opened"] == len(world.held) - len(known) >= 3
    assert min(kinds[kind] for kind in ("withdrawn", "enrolled", "moved on", "corrected")) >= 5
    assert {"birth_date_verification", "clock_hours"} <= set(corrected)
    assert len(corrected) > 8
    told = {(state, number) for state, number in world.held}
    with (tmp_path / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["state"], row["state_student_id"]) for row in rows} == told
    assert {(row["state"], row["state_student_id"]) for row in rows if row["night"] == "20250825"} == known
    assert {row["night"] for row in rows} == {"20250825", "20251203", "20260313"}
    twice = Counter(row["child"] for row in rows)
    came = [row["child"] for row in rows if row["night"] != "20250825"]
    assert any(twice[child] > 1 for child in came), "some have come from another state"


def _kinds(events: list[Event], before: RecordState | None) -> Iterator[str]:
    for event in events:
        if isinstance(event, RecordOpened):
            yield "opened"
        elif isinstance(event, Withdrawn):
            yield "withdrawn"
        elif isinstance(event, MoveQualified) and before is not None:
            yield "moved on"
        elif isinstance(event, FactCorrected):
            yield "corrected"
        elif type(event).__name__ == "Enrolled" and before is not None:
            yield "enrolled"


def test_every_night_says_something_however_small_the_sample(tmp_path: Path) -> None:
    world = World()
    for night, (path,) in enumerate(write_nights(tmp_path, ["ND"], 3, 1, FIRST, nights=6)):
        decided = [decision for _, _, decision in world.submit(path, FIRST + timedelta(days=night))]
        assert any(decision.events for decision in decided)
    assert world.findings == []


def test_a_longer_series_begins_with_the_files_of_a_shorter_one(tmp_path: Path) -> None:
    one, three, nine = (written(tmp_path / str(count), count, 40) for count in (1, 3, 9))
    for night, paths in enumerate(nine[:3]):
        for state, path in enumerate(paths):
            assert path.read_bytes() == three[night][state].read_bytes()
    assert [path.read_bytes() for path in one[0]] == [path.read_bytes() for path in nine[0]]


# -- habits


def sent(path: Path) -> list[StudentRows]:
    return [one.student for one in students(path) if one.student is not None]


def test_a_state_that_resends_everything_changes_what_it_has_to(tmp_path: Path) -> None:
    first, second = (paths[0] for paths in written(tmp_path, 2, 1, "everything"))
    assert len(sent(second)) > len(sent(first)) == 100
    world = World()
    for path, night in ((first, 0), (second, 1)):
        silent = [not decision.events for _, _, decision in world.submit(path, FIRST + timedelta(days=night))]
        assert not any(silent) if night == 0 else sum(silent) > 60


def test_a_state_that_renumbers_deals_its_record_ids_anew(tmp_path: Path) -> None:
    first, second = (paths[0] for paths in written(tmp_path, 2, 1, "renumber"))
    numbers = [
        {(one.state_student_id, row.letter, row.record_id): row.elements for one in sent(path) for row in one.rows}
        for path in (first, second)
    ]
    same = [numbers[1].get(key) == row for key, row in numbers[0].items()]
    assert sum(same) < 0.8 * len(same)
    for one in sent(second):
        for letter in {row.letter for row in one.rows}:
            mine = [row.record_id for row in one.rows if row.letter == letter]
            assert mine == [f"{number:03d}" for number in range(1, len(mine) + 1)]


def test_record_ids_keep_their_meaning_unless_a_state_deals_them_anew(tmp_path: Path) -> None:
    meant: dict[tuple[str, str, str, str | None], str] = {}
    for paths in written(tmp_path, 6, 45):
        for path in paths:
            for one in sent(path):
                for row in one.rows:
                    if row.letter == "E":
                        key = one.state, one.state_student_id, row.letter, row.record_id
                        assert meant.setdefault(key, row.elements["enrollment_date"]) == row.elements["enrollment_date"]
    assert len(meant) > 800


def test_a_state_that_sends_newest_first_does(tmp_path: Path) -> None:
    for paths in written(tmp_path, 2, 30, "newest"):
        days = [
            [row.elements["enrollment_date"] for row in one.rows if row.letter == "E"]
            for path in paths
            for one in sent(path)
        ]
        assert all(begun == sorted(begun, reverse=True) for begun in days)
        assert any(len(begun) > 2 for begun in days)


def test_a_state_that_sends_changes_alone_sends_no_row_twice(tmp_path: Path) -> None:
    world = World()
    for night, paths in enumerate(written(tmp_path, 4, 30, "changes")):
        for path in paths:
            for _, _, decision in world.submit(path, FIRST + timedelta(days=30 * night)):
                assert all(said.outcome == "accepted" for said in decision.outcomes[1:])
                assert decision.events


@pytest.mark.parametrize("layout", ["tab", "comma", "utf-8-mark", "utf-16", "windows-1252", "comma+utf-16"])
def test_another_delimiter_or_encoding_says_the_same(tmp_path: Path, layout: str) -> None:
    ((plain, *_),) = written(tmp_path / "plain", 1, 1)
    ((other, *_),) = written(tmp_path / "other", 1, 1, layout)
    assert plain.read_bytes() != other.read_bytes()
    with opened(plain, tmp_path / "a", bytes(32)) as one, opened(other, tmp_path / "b", bytes(32)) as two:
        said = [[raw.student for raw in students(sent.whole())] for sent in (one, two)]
    assert said[0] == said[1]


def test_who_finds_no_room_in_a_full_file_waits_for_the_next_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = after(written(tmp_path / "roomy", 8, 1, children=50), 1)
    monkeypatch.setattr(mde, "STUDENTS_MAX", 50)
    nights = written(tmp_path / "full", 2, 300, children=50)
    assert [len(sent(path)) for path in nights[1]] == [50, 50, 50]
    assert len(after(nights, 300).held) > 150
    nights = written(tmp_path / "all", 8, 1, "everything", children=50)
    assert {len(sent(path)) for paths in nights for path in paths} == {50}
    world = after(nights, 1)
    assert world.findings == []
    assert len(world.held) == 150 < len(roomy.held)
    with (tmp_path / "all" / "truth.csv").open(newline="") as file:
        assert {(row["state"], row["state_student_id"]) for row in csv.DictReader(file)} == set(world.held)


def test_habits_are_those_that_are_listed(tmp_path: Path) -> None:
    for habit in HABITS:
        written(tmp_path, 1, 1, habit, children=1)
    with pytest.raises(BadValue) as caught:
        written(tmp_path, 1, 1, "plain+upside-down")
    assert caught.value.rule == "code"


@pytest.mark.parametrize(("nights", "apart", "years"), [(0, 1, 3), (2, 0, 3), (3, 200, 3), (400, 1, 3), (1, 1, 0)])
def test_nights_reach_no_further_than_a_year(tmp_path: Path, nights: int, apart: int, years: int) -> None:
    with pytest.raises(BadValue) as caught:
        write_nights(tmp_path, ["OR"], 1, 1, FIRST, nights=nights, apart=apart, years=years)
    assert caught.value.rule == "range"
