"""A sample: for each state as many children as are wanted, night by night, and who is who in truth.

Families come one after another and are forgotten once their rows are written, so that memory does not grow with the
sample. Whose turn it is follows from the rooms that are left in each state's first file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from ledger import mde
from ledger.errors import BadValue, UnknownState
from ledger.intake.sample import lives, names, records, schooling
from ledger.intake.sample.lives import YEAR, Child, Family, Namesake, Span, Stay
from ledger.intake.sample.records import Record, stamp
from ledger.intake.sample.sheets import HABITS, Habit, Sheet, habit_of

__all__ = ["HABITS", "PAIRS", "TRUTH", "write_nights", "write_samples"]

TRUTH: Final = ("state", "state_student_id", "child", "family", "night", "twin", "namesake_of")
"""Columns of ``truth.csv``: a line for each record."""

PAIRS: Final = (
    "child",
    "state_a",
    "state_student_id_a",
    "state_b",
    "state_student_id_b",
    "given",
    "surnames",
    "birth_date",
)
"""Columns of ``pairs.csv``: a line for each two records of one child."""

NAMESAKES_EVERY: Final = 120
"""Families for each child that has the name and birth date of another one: the 21st, the 141st, and so on."""

TWO_RECORDS: Final = 0.01
"""Of children who came back to a state: the share for whom it opened a second record."""

NEWCOMERS: Final = 0.0007
"""Families a day who come to a state for the first time, for each child of the first file; one a night at least."""


def write_samples(out: Path, states: list[str], children: int, seed: int, submission_date: date) -> list[Path]:
    """One night's file of each state, ``OR-20250902.txt``, with as many children; the last year and a bit of each.

    Returns the states' files in the order of the states. Raises as ``write_nights``.
    """
    return write_nights(out, states, children, seed, submission_date, years=1)[0]


def write_nights(
    out: Path,
    states: Sequence[str],
    children: int,
    seed: int,
    first: date,
    *,
    nights: int = 1,
    apart: int = 1,
    years: int = 3,
    habits: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[list[Path]]:
    """Write the states' files of some nights into a folder, with ``truth.csv`` and ``pairs.csv`` beside them.

    children: in each state's first file. first: its Submission Date. nights, apart: how many files of each state, and
    days between them. years: how far back lives go. habits: words by state, as ``habit_of`` reads them. progress: is
    told children written and in all. Returns the files of each night, in the order of the states; they replace what
    stood there. Raises UnknownState; BadValue (rule ``range``) where a state has no child or more than a file may hold,
    or the nights reach further than a year; BadValue (rule ``code``) for a habit; OSError.
    """
    for state in (*states, *(habits or ())):
        if state not in mde.STATES:
            raise UnknownState("A state of the sample is not known.", remedy="Use USPS codes, such as OR,CA,TX.")
    _must_lie("children", children, 1, mde.STUDENTS_MAX)
    _must_lie("years", years, 1, 15)
    _must_lie("nights", nights, 1, 367)
    _must_lie("apart", apart, 1, 366)
    if (nights - 1) * apart > 366:
        raise BadValue(
            "The last night is more than 366 days after the first.",
            rule="range",
            element="nights",
            remedy="Ask for fewer nights, or for less time between them.",
        )
    wanted = list(dict.fromkeys(states))
    chosen = {state: habit_of((habits or {}).get(state, "plain")) for state in wanted}
    begins = first.toordinal() - years * YEAR
    days = [first.toordinal() + night * apart for night in range(nights)]
    out.mkdir(parents=True, exist_ok=True)
    with (
        (out / "truth.csv").open("w", encoding="utf-8", newline="") as truth,
        (out / "pairs.csv").open("w", encoding="utf-8", newline="") as pairs,
    ):
        span = Span(days[0], begins, days[0] + 366)
        sample = _Sample(wanted, chosen, children, seed, days, span, out, _table(truth, TRUTH), _table(pairs, PAIRS))
        sample.write(progress)
    return [[book.sheets[night].end() for book in sample.books.values()] for night in range(nights)]


class _Placed(NamedTuple):
    """A record in the sample, with the id that its state gave it."""

    record: Record
    state_student_id: str


class _Book:
    """What one state has so far: room in its first file, and a file for each night."""

    def __init__(self, state: str, children: int, sheets: list[Sheet]) -> None:
        self.state, self.sheets, self.children = state, sheets, children
        self.room = children

    def take(self, opened: int, first: int, number: int) -> tuple[int, str] | None:
        """A place among the records of the first file, from 1, or 0 for a later one, and the state's id for it.

        number: of the record in the whole sample. None where there is no room.
        """
        prefix = _ID_PREFIXES.get(self.state, self.state)
        # A stride that shares no factor with the range deals each number once, and tells nothing of whose it is. Later
        # records have a digit more: what they are called hangs on nothing that the first night does not know.
        if opened > first:
            return 0, f"{prefix}{10_000_000 + number * 7_919 % 90_000_000}"
        if not self.room:
            return None
        self.room -= 1
        place = self.children - self.room
        return place, f"{prefix}{1_000_000 + place * 7_919 % 9_000_000}"


class _Sample:
    def __init__(
        self,
        states: list[str],
        habits: dict[str, Habit],
        children: int,
        seed: int,
        days: list[int],
        span: Span,
        out: Path,
        truth: Any,
        pairs: Any,
    ) -> None:
        self._states, self._seed, self._days, self._span = states, seed, days, span
        self._truth, self._pairs = truth, pairs
        befores = [span.begins, *days]
        self.books = {
            state: _Book(
                state,
                children,
                [Sheet(out, state, habits[state], befores[night], day) for night, day in enumerate(days)],
            )
            for state in states
        }
        self._chance = Random()  # noqa: S311 - practice data, the same from the same seed
        self._dealing = Random()  # noqa: S311 - as above
        self._first_child = 1

    def write(self, progress: Callable[[int, int], None]) -> None:
        total = sum(book.room for book in self.books.values())
        like: Namesake | None = None
        number = 0
        for number, anchor in enumerate(self._anchors(), 1):
            self._chance.seed(self._key(number, 0, 0))
            copied = like if number % NAMESAKES_EVERY == 21 else None
            family = lives.family(self._chance, number, self._first_child, anchor, self._states, self._span, copied)
            if self._place(family) and not family.alone:
                like = Namesake(family.children[0], family.surnames)
            if number % 50 == 0:
                progress(total - sum(book.room for book in self.books.values()), total)
        for night in range(1, len(self._days)):
            for book in self.books.values():
                gap = self._days[night] - self._days[night - 1]
                for _ in range(max(1, round(NEWCOMERS * book.children * gap))):
                    number += 1
                    self._chance.seed(self._key(number, 0, 0))
                    arrived = self._days[night] - self._chance.randrange(gap)
                    self._place(
                        lives.newcomer(self._chance, number, self._first_child, book.state, arrived, self._span)
                    )
        progress(total, total)

    def _anchors(self) -> Iterator[str]:
        """The state with the most room left, until none has any."""
        while True:
            book = max(self.books.values(), key=lambda book: book.room)
            if not book.room:
                return
            yield book.state

    def _key(self, family: int, child: int, record: int) -> int:
        """A seed for each part of the sample, so that none hangs on how long another one's life is told."""
        return (((self._seed % 2**64) << 32 | family) << 16 | child) << 16 | record

    def _place(self, family: Family) -> bool:
        """Write all records of a family's children; whether its first child has one."""
        placed_first = False
        for at, child in enumerate(family.children):
            placed = [one for one in self._records(family, at, child) if one is not None]
            placed_first = placed_first or (at == 0 and bool(placed))
            for one, other in combinations(placed, 2):
                self._pairs.writerow(self._compared(one, other))
        self._first_child += len(family.children)
        return placed_first

    def _records(self, family: Family, at: int, child: Child) -> Iterator[_Placed | None]:
        until = self._days[-1]
        self._chance.seed(self._key(family.number, at + 1, 0))
        marks_seed = self._chance.getrandbits(64)
        enrolled = schooling.enrollments(self._chance, family, child, until)
        self._chance.seed(marks_seed)
        marks = [mark for one in enrolled for mark in schooling.marks(self._chance, child, one, until)]
        last = schooling.last_age(child.born)
        if enrolled and enrolled[-1].graduation:
            last = enrolled[-1].withdrawn
        by_state: dict[str, list[int]] = {}
        for number in range(child.joins, len(family.stays)):
            stay = family.stays[number]
            if stay.found <= until and stay.arrived <= last and stay.state in self.books:
                by_state.setdefault(stay.state, []).append(number)
        for state, numbers in by_state.items():
            fips = int(mde.FIPS[state])
            self._chance.seed(self._key(family.number, at + 1, fips))
            twice = self._chance.random() < TWO_RECORDS
            parts = [numbers[:1], numbers[1:]] if twice and len(numbers) > 1 else [numbers]
            for part, known in enumerate(parts):
                self._chance.seed(self._key(family.number, at + 1, fips + 100 * (part + 1)))
                number = (family.number << 4 | at) << 1 | part
                yield self._record(
                    number,
                    family,
                    child,
                    state,
                    [family.stays[number] for number in known],
                    [one for one in enrolled if one.at in known],
                    [mark for mark in marks if mark.at in known],
                )

    def _record(
        self,
        number: int,
        family: Family,
        child: Child,
        state: str,
        stays: list[Stay],
        enrolled: list[schooling.Enrollment],
        marks: list[schooling.Mark],
    ) -> _Placed | None:
        book = self.books[state]
        taken = book.take(stays[0].found, self._days[0], number)
        if taken is None:
            return None
        place, state_student_id = taken
        one = records.record(self._chance, family, child, state, stays, enrolled, marks, self._days[-1])
        if 0 < place < len(self._days):
            # So that every night corrects something, however small the sample: the first record on the second night,
            # the second one on the third.
            records.verified(one, self._days[place])
        before: int | None = None
        seen = ""
        for sheet, day in zip(book.sheets, self._days, strict=True):
            if one.opened <= day:
                self._dealing.seed(self._key(number, int(mde.FIPS[state]), day % 2**16))
                if sheet.add(one, state_student_id, before, self._dealing):
                    seen, before = seen or stamp(day), day
        if not seen:
            return None
        twin = "Yes" if child.twin else "No"
        self._truth.writerow(
            (state, state_student_id, child.number, family.number, seen, twin, child.namesake_of or "")
        )
        return _Placed(one, state_student_id)

    def _compared(self, one: _Placed, other: _Placed) -> tuple[object, ...]:
        last = self._days[-1]
        a, b = one.record, other.record
        given, surnames = names.difference(a.name_on(last), b.name_on(last))
        births = a.birth_on(last), b.birth_on(last)
        both = (a.state, one.state_student_id, b.state, other.state_student_id)
        return (a.child.number, *both, given, surnames, _difference_of_days(*births))


def _difference_of_days(one: int, other: int) -> str:
    if one == other:
        return "same"
    a, b = date.fromordinal(one), date.fromordinal(other)
    return "swapped" if (a.year, a.month, a.day) == (b.year, b.day, b.month) else "typed"


def _table(file: Any, columns: tuple[str, ...]) -> Any:
    found = csv.writer(file, lineterminator="\n")
    found.writerow(columns)
    return found


def _must_lie(what: str, value: int, least: int, greatest: int) -> None:
    if not least <= value <= greatest:
        raise BadValue(
            f"A sample has {least:,} to {greatest:,} {_NOUNS[what]}.",
            rule="range",
            element=what,
            remedy=f"Ask for {least:,} to {greatest:,}.",
        )


_NOUNS: Final = {
    "children": "children in each file",
    "years": "years of lives",
    "nights": "nights, and days from the first to the last",
    "apart": "days between two nights",
}
_ID_PREFIXES: Final = {"OR": "410", "CA": "831", "TX": "U4", "WA": "WA9", "FL": "FL00", "AZ": "04"}
"""Each state gives its student ids a form of its own; the others begin with the state's code."""
