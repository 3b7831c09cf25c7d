"""Every habit of a state's nightly file: the ledger holds what the state said, counts add up, and again is nothing.

What is true of some children changes night after night; the file of each night tells it in the state's own way.
``support.habits`` says what must be held and answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.facts import StudentRows, held_rows
from ledger.intake.response import RowAnswer
from ledger.intake.submission import Report, submit
from ledger.record import fold
from support.habits import LETTERS, Child, Habit, Reference, Said, tell
from support.nightly_files import FORMS, write_night
from support.worlds import STABLE_STATE, World

ORDERS = ("oldest first", "newest first", "any")


def habits(numbers: Sequence[str], sends: Sequence[str], orders: Sequence[str] = ORDERS) -> st.SearchStrategy[Habit]:
    """One of these on each night, each as likely as the others; every part is named, so that none is drawn unasked."""
    return st.builds(
        Habit,
        sends=st.sampled_from(sends),
        numbers=st.sampled_from(numbers),
        order=st.sampled_from(orders),
        form=st.sampled_from(FORMS),
    )


AFRESH = ("by place", "any")
SYSTEMS: dict[str, tuple[str, st.SearchStrategy[Habit]]] = {
    "renumbers every night": ("OR", habits(AFRESH, ["all"])),
    "sends newest first": ("OR", habits(["own"], ["all"], ["newest first"])),
    "sends newest first, numbered by place": ("OR", habits(["by place"], ["all"], ["newest first"])),
    "sends only changes": ("OR", habits(["own"], ["changes"])),
    "sends only the children that changed, renumbered": ("OR", habits(AFRESH, ["changes"])),
    "resends three years": ("OR", habits(["own"], ["three years"])),
    "does now this, now that": ("OR", habits(["own"], ["all", "three years", "changes"])),
    "renumbers now and then": ("OR", habits([*AFRESH, "own"], ["all"])),
    "keeps its numbers": (STABLE_STATE, habits(["own"], ["all", "three years", "changes"])),
}
"""A state's system: the state, and how it may send on any one night."""


class System:
    """One state's system over some nights, beside what the ledger must hold of it."""

    def __init__(self, world: World, folder: Path, state: str, nights: Any, seed: int) -> None:
        self.world = world
        self.state = state
        self.chance = Random(seed)
        self.name = world.next_example()
        self.children: list[Child] = []
        self.reference = Reference()
        self.night = 0
        self._folder = folder
        self._nights = nights

    def live(self, *, keeps_numbers: bool) -> None:
        """What becomes so on one night. keeps_numbers: its rows can be told apart by them."""
        chance, self.night = self.chance, self.night + 1
        for child in self.children:
            turn = chance.random()
            if turn < 0.1:
                child.left, child.changed = not child.left, self.night
                child.returned = child.returned if child.left else self.night
            elif turn < 0.2:
                child.identity, child.changed = (
                    {"state_student_identifier_type": chance.choice(["01", "02"])},
                    self.night,
                )
            for fact in child.facts:
                turn = chance.random()
                if turn < 0.15 and not fact.gone:
                    child.change(fact, self.night, chance)
                elif keeps_numbers and turn < 0.2 and not fact.gone and self._may_correct(fact.letter):
                    child.correct_key(fact, self.night)
                elif self.state == STABLE_STATE and turn < 0.25 and fact.letter in "KECAI" and not child.left:
                    fact.changed, fact.gone = fact.changed if fact.gone else self.night, True
            for _ in range(chance.randrange(4)):
                child.add(chance.choice(LETTERS), self.night, chance)
        for _ in range(chance.choice([0, 0, 1]) if self.children else chance.randint(1, 3)):
            child = Child(f"{self.name}{len(self.children)}", changed=self.night)
            for letter in f"DQ{LETTERS}"[: chance.randint(2, 8)]:
                child.add(letter, self.night, chance)
            self.children.append(child)

    def _may_correct(self, letter: str) -> bool:
        """A date of arrival is the whole key of a move: only where Record IDs mean something is it the same move."""
        return letter in "KECAI" or (letter == "Q" and self.state == STABLE_STATE)

    def next_night(self) -> datetime:
        return datetime(2025, 8, 1, tzinfo=UTC) + timedelta(minutes=next(self._nights))

    def write(self, told: Sequence[Said], habit: Habit, instant: datetime) -> Path:
        return write_night(
            self._folder / f"{instant:%Y%m%d%H%M}", self.state, instant, [one.rows for one in told], habit.form
        )

    def send(self, path: Path, told: Sequence[Said], *, late: bool = False) -> None:
        """Send a file, and hold counts, answers and content against the reference; then send it again."""
        expected = self.reference.take(told, late=late)
        report, answers = self.submit(path, late=late)
        outcomes = {name: expected.count(name) for name in ("accepted", "unchanged", "refused")}
        assert (report.accepted, report.unchanged, report.refused) == tuple(outcomes.values())
        assert report.rows == len(expected) == len({answer.row for answer in answers}) == len(answers)
        assert {name: [a.outcome for a in answers].count(name) for name in outcomes} == outcomes
        assert bool(report.events) == bool(report.accepted)
        self.holds_what_was_said()
        head = self.world.head()
        again, answers_again = self.submit(path, late=late)
        assert (again.accepted, again.unchanged, again.events) == (report.accepted, report.unchanged, report.events)
        assert answers_again == answers
        assert self.world.head() == head, "the same file again appends nothing"

    def submit(self, path: Path, *, late: bool = False) -> tuple[Report, list[RowAnswer]]:
        answers: list[RowAnswer] = []
        chunk_rows = self.chance.choice([1, 7, 4_000])
        report = submit(self.world.ledgers[0], path, "nightly", answer=answers.append, late=late, chunk_rows=chunk_rows)
        # The header has an answer where the file as a whole was warned of, as one in Windows-1252 is.
        return report, [one for one in answers if one.letter != "H"]

    def send_renumbered(self, told: Sequence[Said]) -> None:
        """The same rows under other numbers: nothing but the submission's own events, nothing but a warning."""
        anew = [
            one._replace(rows=_renumbered(one.rows, self.chance)) for one in self.chance.sample(list(told), len(told))
        ]
        instant, head = self.next_night(), self.world.head()
        path = self.write(anew, Habit(form=self.chance.choice(FORMS)), instant)
        report, answers = self.submit(path)
        expected = self.reference.take(told)
        assert (report.events, report.accepted, report.refused) == (0, 0, expected.count("refused"))
        assert report.unchanged == expected.count("unchanged") == len(expected) - report.refused
        warned = {(a.letter, f.rule) for a in answers if a.outcome != "refused" for f in a.findings}
        assert warned <= {("S", "renumbered"), ("S", "known-record")}
        own = f"submission/{self.state}/{instant:%Y%m%d%H%M%S}000"
        assert {recorded.stream for recorded in self.world.events(head)} == {own}
        self.holds_what_was_said()

    def holds_what_was_said(self) -> None:
        ledger = self.world.ledgers[1]
        for ssid, held in self.reference.held.items():
            record = ledger.record_of(self.state, ssid)
            assert record is not None
            state = fold(recorded.event for recorded in ledger.log.read_stream(f"record/{record}"))
            assert state is not None
            assert (state.status, state.identity) == (held.status, held.identity)
            for status in ("live", "dormant"):
                rows = [row for rows in held_rows(state, status).values() for row in rows]
                found = sorted((row.fact.letter, sorted(row.elements.items())) for row in rows)
                assert found == held.rows(status)
        for child in self.children:
            if child.ssid not in self.reference.held:
                assert ledger.record_of(self.state, child.ssid) is None


def _renumbered(student: StudentRows, chance: Random) -> StudentRows:
    numbers = chance.sample(range(1, 100), len(student.rows))
    rows = [
        msgspec.structs.replace(row, record_id=f"{number:03d}")
        for row, number in zip(student.rows, numbers, strict=True)
    ]
    chance.shuffle(rows)
    return msgspec.structs.replace(student, rows=rows)


@pytest.fixture(scope="module")
def nights() -> Any:
    """Minutes, so that no file of a module is older than one before it."""
    return count()


@pytest.mark.parametrize("system", SYSTEMS)
def test_whatever_a_state_s_habits_are_the_ledger_holds_what_it_said(
    system: str, world: World, sized: Callable[..., settings], tmp_path: Path, nights: Any
) -> None:
    state, habits_of = SYSTEMS[system]

    @sized(5)
    @given(st.lists(st.tuples(habits_of, st.booleans()), min_size=1, max_size=4), st.integers(0, 2**32))
    def law(sent: list[tuple[Habit, bool]], seed: int) -> None:
        """On each night how it is sent, and whether it is held back and sent after the next, late."""
        told_of = System(world, tmp_path, state, nights, seed)
        keeps_numbers = all(habit.numbers == "own" for habit, _ in sent)
        held_back: tuple[Path, list[Said]] | None = None
        for habit, hold_back in sent:
            told_of.live(keeps_numbers=keeps_numbers)
            night = told_of.night
            told = tell(state, told_of.children, night, night - 1, habit, told_of.chance)
            path = told_of.write(told, habit, told_of.next_night())
            if hold_back and held_back is None:
                held_back = path, told
                continue
            told_of.send(path, told)
            if held_back is not None:
                told_of.send(*held_back, late=True)
                held_back = None
            elif state != STABLE_STATE:
                told_of.send_renumbered(told)

    law()
