"""Where a child was enrolled, and what it brought home: by its family's stays, the school years of the states, its age.

Enrollments of one state follow one another, each shown to the state after the end of the one before. Nobody is enrolled
after graduation, at 22, or once no move makes him eligible any longer. Days are ordinals.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from random import Random
from typing import Final

from ledger.eligibility import last_day_of_age, last_day_of_move
from ledger.intake.sample import places
from ledger.intake.sample.lives import YEAR, Child, Family, Stay
from ledger.intake.sample.words import COURSES, INTERPRETED, LANGUAGE_TEST, TESTS

SCHOOL: Final = "01"
REGULAR_PROJECT: Final = "02"
SUMMER_PROJECT: Final = "03"
SCHOOL_AND_PROJECT: Final = "05"
RESIDENCY_ONLY: Final = "06"

LATE: Final = 0.04
"""Of withdrawals: told weeks after the day, because nobody heard that the family had gone."""


@dataclass(slots=True)
class Enrollment:
    """at: of the stay. grade: from -3 (below three) and 0 (kindergarten) to 12, None out of school. withdrawn: its last
    day. shown, closed: when the state learns of it, and of its end. full: to the end of the term."""

    at: int
    stay: Stay
    term: places.Term | None
    kind: str
    grade: int | None
    start: int
    withdrawn: int
    shown: int
    closed: int
    full: bool
    priority: bool
    graduation: str = ""


@dataclass(slots=True)
class Mark:
    """A row of courses or of assessments, as fields behind its Record ID, in each of its versions by day.

    key: what tells it from the other rows of the record.
    """

    letter: str
    at: int
    day: int
    key: tuple[str, ...]
    versions: list[tuple[int, list[str]]]


def enrollments(chance: Random, family: Family, child: Child, until: int) -> list[Enrollment]:
    """All that begin by a day, in time order."""
    found: list[Enrollment] = []
    closed: dict[str, int] = {}
    last_day = last_age(child.born)
    needy = chance.random() < 0.3
    quits_at = child.born + 16 * YEAR + 200 if child.quits else last_day + 1
    for at in range(child.joins, len(family.stays)):
        stay = family.stays[at]
        if stay.arrived > min(until, last_day):
            break
        # Past the span nobody looks; what began in it is told to its end.
        end = min(stay.left - 1 if stay.left is not None else stay.arrived + 20 * YEAR, last_day)
        begun_by = min(end, until, last_of_move(stay.arrived))
        day = stay.arrived + chance.randint(0, 8)
        while day <= begun_by:
            one = _enrollment(chance, child, at, stay, day, end, quits_at)
            if one is None:
                day = places.next_term(stay.state, day).last + 1
                continue
            if one.start > begun_by:
                break
            one.priority = needy and one.start <= stay.arrived + 300 and one.kind != RESIDENCY_ONLY
            one.shown = max(one.start + chance.randint(1, 6), stay.found, closed.get(stay.state, 0))
            late = chance.randint(20, 60) if chance.random() < LATE else chance.randint(1, 8)
            one.closed = max(one.withdrawn + late, one.shown)
            closed[stay.state] = one.closed
            found.append(one)
            if one.grade == 12 and one.full:
                if chance.random() < 0.85:
                    one.graduation = "Graduation"
                    return found
                quits_at = one.withdrawn
            elif one.grade is None and one.start > child.born + 17 * YEAR and chance.random() < 0.05:
                one.graduation = "HSE"
                return found
            day = one.withdrawn + 1 if not one.full or one.term is None else one.term.last + 1
    return found


def _enrollment(
    chance: Random, child: Child, at: int, stay: Stay, day: int, end: int, quits_at: int
) -> Enrollment | None:
    """The next one from a day on; None where the child stays away from the term that the day lies in or before."""
    term = places.next_term(stay.state, day)
    grade = None if day >= quits_at else _grade(child, max(day, term.first))
    if grade is None or grade < -2 or (grade < 0 and chance.random() < 0.5):
        # At home: residency, verified anew each year on 1 September; now and then a project that comes to the house.
        closes = date.fromordinal(day)
        year_ends = date(closes.year + (closes.month >= 9), 8, 31).toordinal()
        visited = grade is None and chance.random() < 0.3
        kind = REGULAR_PROJECT if visited else RESIDENCY_ONLY
        withdrawn = min(year_ends, end, last_of_move(stay.arrived))
        return Enrollment(at, stay, None, kind, grade, day, withdrawn, 0, 0, withdrawn == year_ends, priority=False)
    if term.kind == "summer" and chance.random() < 0.6:
        return None
    start = max(day, term.first + chance.randint(0, 3))
    withdrawn = min(term.last, end - chance.randint(0, 3))
    if withdrawn < start + 2:
        return None
    kind = SUMMER_PROJECT if term.kind == "summer" else chance.choice((SCHOOL, SCHOOL, SCHOOL_AND_PROJECT))
    if grade < 0:
        kind = SUMMER_PROJECT if term.kind == "summer" else REGULAR_PROJECT
    return Enrollment(at, stay, term, kind, grade, start, withdrawn, 0, 0, withdrawn == term.last, priority=False)


def marks(chance: Random, child: Child, one: Enrollment, until: int) -> list[Mark]:
    """Courses and assessments of one enrollment."""
    term, grade = one.term, one.grade
    if term is None or grade is None:
        return []
    if term.kind == "summer":
        if grade < 9 or chance.random() < 0.5:
            return []
        course = chance.choice(COURSES[grade])
        return [_course(chance, one, course.title, course.subject, ("01", "0833"), (term.first, term.last), 0.5)]
    found: list[Mark] = []
    if grade >= 9:
        for course in chance.sample(COURSES[grade], chance.randint(2, 4)):
            named = (course.title, course.subject)
            if course.full_year:
                found.append(_course(chance, one, *named, ("01", "0827"), (term.first, term.last), 1.0))
                continue
            if one.start <= term.half - 5:
                found.append(_course(chance, one, *named, ("02", "0828"), (term.first, term.half), 0.5))
            if one.withdrawn > term.half + 5:
                found.append(_course(chance, one, *named, ("03", "0828"), (term.half + 3, term.last), 0.5))
    if 3 <= grade <= 8 or grade == 11:
        found += _tests(chance, child, one, term)
    return [mark for mark in found if mark.versions[0][0] <= until]


def _course(
    chance: Random,
    one: Enrollment,
    title: str,
    subject: str,
    section: tuple[str, str],
    taught: tuple[int, int],
    credit: float,
) -> Mark:
    """Hours and a grade to date while it goes on; then credits, a part of them, or what the child took along."""
    assert one.term is not None
    begins, ends = max(one.start, taught[0]), min(one.withdrawn, taught[1])
    year = str(one.term.year), str(one.term.year + (one.term.kind == "regular"))
    named = [title, subject, "00", *year, *section]
    level = chance.choice("AABBBCCDF")
    under_way = max(one.shown, begins + 45)
    closes = max(one.closed if ends == one.withdrawn else ends + chance.randint(5, 12), one.shown)
    complete = ends == taught[1] and begins <= taught[0] + 30
    if complete:
        granted = f"{credit if level != 'F' else 0:.2f}"
        last = ["", "", granted, level if chance.random() < 0.7 else str(_points(level, chance))]
    elif chance.random() < 0.35 and level != "F":
        # Partial credit, by the share of the course that was sat through, in quarters of a credit.
        quarters = round(4 * credit * (ends - begins) / (taught[1] - taught[0]))
        last = ["", "", f"{min(max(quarters, 1), 4 * credit - 1) / 4:.2f}", level]
    else:
        last = [str(_hours(begins, ends)), level]
    versions = [(closes, named + last)]
    if under_way + 5 < closes and under_way <= ends:
        versions.insert(0, (under_way, [*named, str(_hours(begins, under_way)), level if level != "F" else "D"]))
    return Mark("C", one.at, begins, (title, year[0], section[0], section[1]), versions)


def _tests(chance: Random, child: Child, one: Enrollment, term: places.Term) -> list[Mark]:
    """In February of the language, in April of the rest; the results come weeks later."""
    found: list[Mark] = []
    year = term.year + 1
    taken = [(*test, 4) for test in chance.sample(TESTS, 2)]
    if child.learner:
        taken.append((*LANGUAGE_TEST, 2))
    for subject, content, kind, month in taken:
        day = date(year, month, 15).toordinal()
        if not one.start <= day <= one.withdrawn:
            continue
        score = chance.choice((1, 2, 2, 3, 3, 4, 5))
        said = INTERPRETED[score - 1] if kind != "01" else ("Failed", "Passed")[score > 3]
        title = f"{one.stay.state} State {subject}"
        fields = [title, content, kind, f"{month:02d}{year}", "0512", str(score), said]
        shown = max(day + chance.randint(40, 80), one.shown)
        found.append(Mark("A", one.at, day, (title, content, kind, fields[3]), [(shown, fields)]))
    return found


@lru_cache(maxsize=20_000)
def last_age(born: int) -> int:
    """The day before the 22nd birthday."""
    return last_day_of_age(date.fromordinal(born)).toordinal()


@lru_cache(maxsize=20_000)
def last_of_move(arrived: int) -> int:
    """The last of the 36 months."""
    return last_day_of_move(date.fromordinal(arrived)).toordinal()


def _grade(child: Child, day: int) -> int | None:
    """By the age on 1 September of the school year: 0 kindergarten, below it years before; None past grade 12."""
    on = date.fromordinal(day)
    year = on.year if on.month >= 8 else on.year - 1
    starts = date(year, 9, 1).toordinal()
    age = bisect_left(_BIRTHDAYS, starts - child.born) - 1
    grade = age - 5
    if grade > 0:
        grade -= child.repeats
    return grade if grade <= 12 else None


_BIRTHDAYS: Final = tuple(int(age * 365.25) + 1 for age in range(30))


def _hours(begins: int, ends: int) -> int:
    """Of a course, an hour on each weekday that the child was there, less a few."""
    return max(1, int((ends - begins) * 5 / 7 * 0.9))


def _points(level: str, chance: Random) -> int:
    return {"A": 90, "B": 80, "C": 70, "D": 60}.get(level, 45) + chance.randint(0, 9)
