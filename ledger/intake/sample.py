"""Practice submissions: invented families who move between states, as each state's system would write them down.

The same seed gives the same bytes. Every row is valid; the difficulty lies where it does in life: two surnames that
each state squeezes into its own fields, accents lost, short forms, a day and a month changed over, siblings, and twins.
About a third of each state's children have a record in another state too; ``truth.csv`` says who is who.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final

from ledger import mde
from ledger.eligibility import expiration_date
from ledger.errors import BadValue, UnknownState
from ledger.intake import sample_words as lists

_DAY: Final = timedelta(days=1)
_SHARED: Final = 0.19
"""Of families that lived in several of the states: about a third of each state's records, since each counts twice."""


def write_samples(out: Path, states: list[str], children: int, seed: int, submission_date: date) -> list[Path]:
    """Write one file per state, ``OR-20250902.txt``, of that many children each, and ``truth.csv`` beside them.

    Returns the states' files, in the order of the states; they and the truth replace what stood there. Raises
    UnknownState, and BadValue (rule ``range``) where a state has no child, or more than a file may hold.
    """
    for state in states:
        if state not in mde.STATES:
            raise UnknownState("A state of the sample is not known.", remedy="Use USPS codes, such as OR,CA,TX.")
    if not 1 <= children <= mde.STUDENTS_MAX:
        raise BadValue(
            "A sample file holds 1 to 40,000 children.", rule="range", element="children", remedy="Ask for fewer."
        )
    chance = Random(seed)  # noqa: S311 - practice data, the same from the same seed
    wanted = list(dict.fromkeys(states))
    books = {state: _Book(state, place, children, submission_date) for place, state in enumerate(wanted)}
    number = 0
    while any(book.room for book in books.values()):
        family = _family(chance, [state for state in wanted if books[state].room], books, submission_date)
        for child in family.children:
            number += 1
            for place, stay in enumerate(family.stays):
                # Now and then a child joins the family only at its last place.
                if books[stay.state].room and (place == len(family.stays) - 1 or not child.came_later):
                    books[stay.state].add(chance, child, number, family, place)

    out.mkdir(parents=True, exist_ok=True)
    paths = [book.write(out) for book in books.values()]
    with (out / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        truth = csv.writer(file, lineterminator="\n")
        truth.writerow(("state", "state_student_id", "child"))
        for book in books.values():
            truth.writerows(book.truth)
    return paths


@dataclass(slots=True)
class _Child:
    given: str
    middle: str
    sex: str
    born: date
    twin: bool
    came_later: bool
    shots: list[tuple[str, date]]


@dataclass(slots=True)
class _Stay:
    """One place that a family lived at. left: None while it is there."""

    state: str
    town: str
    arrived: date
    left: date | None


@dataclass(slots=True)
class _Family:
    surnames: tuple[str, str]
    father: tuple[str, str]
    mother: tuple[str, str]
    origin: tuple[str, str, str]
    from_abroad: bool
    phone: str
    stays: list[_Stay]
    children: list[_Child] = field(default_factory=list)


def _family(chance: Random, open_states: list[str], books: dict[str, _Book], today: date) -> _Family:
    """A family that lived in the state with the most room, and sometimes in others before."""
    last = max(open_states, key=lambda state: books[state].room)
    others = [state for state in open_states if state != last]
    journey = [last]
    if others and chance.random() < _SHARED:
        journey = chance.sample(others, min(len(others), 2 if chance.random() < 0.2 else 1)) + journey
        chance.shuffle(journey)
    stays: list[_Stay] = []
    left: date | None = None
    until = today
    for state in reversed(journey):
        arrived = until - chance.randint(25, 330) * _DAY
        stays.insert(0, _Stay(state, chance.choice(_towns(state)), arrived, left))
        left, until = arrived - chance.randint(2, 20) * _DAY, arrived - 25 * _DAY
    first, second = chance.sample(lists.SURNAMES, 2)
    family = _Family(
        surnames=(first, second),
        father=(chance.choice(lists.BOYS), first),
        mother=(chance.choice(lists.GIRLS), second),
        origin=chance.choice(lists.ORIGINS),
        from_abroad=chance.random() < 0.4,
        phone=f"{chance.choice((503, 559, 956, 509, 831))}555{chance.randint(100, 199):04d}",
        stays=stays,
    )
    youngest = stays[0].arrived - 40 * _DAY
    born = youngest - chance.randint(0, 5600) * _DAY
    for _ in range(chance.choices((1, 2, 3, 4), (38, 34, 19, 9))[0]):
        if (today - born).days > 20 * 365:
            break
        twins = chance.random() < 0.025
        for _ in range(2 if twins else 1):
            family.children.append(_child(chance, born, today, twin=twins, taken=family.children))
        born -= chance.randint(320, 1500) * _DAY
    if not family.children:
        family.children.append(_child(chance, born, today, twin=False, taken=[]))
    return family


def _child(chance: Random, born: date, today: date, *, twin: bool, taken: list[_Child]) -> _Child:
    sex = chance.choice(("Female", "Male"))
    names = lists.GIRLS if sex == "Female" else lists.BOYS
    given, middle = chance.sample([name for name in names if all(name != other.given for other in taken)], 2)
    shots: list[tuple[str, date]] = []
    if chance.random() < 0.45:
        for code, age in lists.SHOTS:
            given_on = born + (age + chance.randint(0, 40)) * _DAY
            if given_on < today and chance.random() < 0.6:
                shots.append((code, given_on))
    return _Child(
        given=given,
        middle=middle if chance.random() < 0.6 else "",
        sex=sex,
        born=born,
        twin=twin,
        came_later=chance.random() < 0.05,
        shots=shots,
    )


class _Book:
    """One state's file in the making."""

    def __init__(self, state: str, place: int, children: int, submission_date: date) -> None:
        self.state = state
        self.room = children
        self.truth: list[tuple[str, str, int]] = []
        self._today = submission_date
        self._spell, self._letters = _SPELLINGS[place % len(_SPELLINGS)]
        self._rows: list[str] = []
        self._towns = _towns(state)
        self._student = ""
        self._numbers: dict[str, int] = {}

    def add(self, chance: Random, child: _Child, number: int, family: _Family, place: int) -> None:
        """The rows of one child, from its family's stay in this state."""
        self.room -= 1
        count = len(self.truth) + 1
        stay = family.stays[place]
        # The state's own numbering tells nothing of the child's; a stride that shares no factor keeps it one to one.
        state_student_id = f"{self.state}{1_000_000 + count * 7919 % 9_000_000:07d}"
        self.truth.append((self.state, state_student_id, number))
        self._numbers = dict.fromkeys("KDQECAI", 0)
        self._student = f"{count:07d}"
        self._put("S", (self._student, "", self.state, state_student_id, "02", "I"))
        if chance.random() < 0.08:
            self._child_row("K", (f"L{chance.randrange(10**8):08d}", "03"))
        self._demographics(chance, child, family)
        self._moves(chance, child, family, place)
        schools = self._enrollments(chance, child, stay)
        for enrolled, until, grade in schools:
            if grade in _SECONDARY:
                self._courses(chance, enrolled, until)
            if grade in _TESTED:
                self._tests(chance, enrolled, until or self._today)
        for code, given_on in child.shots:
            if given_on <= (stay.left or self._today) and chance.random() < 0.85:
                self._child_row("I", (code, _day(given_on), chance.choice(("00", "01", "02"))))

    def write(self, out: Path) -> Path:
        """Put the header before the rows. The window is the month before the submission."""
        today = self._today
        header = (
            "H",
            self.state,
            f"{_day(today)}020000000",
            str(len(self.truth)),
            str(len(self._rows)),
            f"{_day(today - 31 * _DAY)}000000000",
            f"{_day(today)}000000000",
        )
        path = out / f"{self.state}-{_day(today)}.txt"
        path.write_text("\n".join(("|".join(header), *self._rows)) + "\n", encoding="utf-8", newline="\n")
        return path

    def _put(self, letter: str, fields: Sequence[str]) -> None:
        self._rows.append("|".join((letter, *fields)).rstrip("|"))

    def _child_row(self, letter: str, fields: Sequence[str]) -> None:
        self._numbers[letter] += 1
        self._put(letter, (self._student, f"{self._numbers[letter]:03d}", *fields))

    def _demographics(self, chance: Random, child: _Child, family: _Family) -> None:
        given, middle, last_1, last_2 = self._spell(chance, child.given, child.middle, *family.surnames)
        born = child.born
        if chance.random() < 0.02 and born.day <= 12 and born.replace(month=born.day, day=born.month) < born:
            born = born.replace(month=born.day, day=born.month)
        flag = "Yes" if child.twin and chance.random() < 0.8 else chance.choice(("No", "No", ""))
        parents = (*family.father, *family.mother) if chance.random() < 0.75 else ("", "", *family.mother)
        if chance.random() < 0.1:
            parents = ("", "", "", "")
        email = ""
        if parents[2] and chance.random() < 0.2:
            email = f"{_plain(parents[2])}.{_plain(parents[3])}@example.org".lower()
        phone = family.phone if chance.random() < 0.5 else ""
        birth = family.origin if family.from_abroad else (family.stays[0].town, family.stays[0].state, "USA")
        birth = birth if chance.random() < 0.7 else ("", "", "")
        kind = chance.choice(("1003", "1004", "1004", "1004", "1007", ""))
        parents = tuple(self._letters(name) for name in parents)
        birth = (self._letters(birth[0]), *birth[1:])
        person = (given, middle, last_1, last_2, "", child.sex, _day(born), flag, kind)
        self._child_row("D", (*person, *parents, "", email, "", phone, *birth))

    def _moves(self, chance: Random, child: _Child, family: _Family, place: int) -> None:
        stay = family.stays[place]
        if place:
            before = family.stays[place - 1]
            origin = (before.town, before.state, "")
        elif family.from_abroad:
            origin = (family.origin[0], "", family.origin[2])
        else:
            origin = ("Yuma", "AZ", "") if self.state != "AZ" else ("Immokalee", "FL", "")
        self._move(chance, child, stay.arrived, origin, stay.town)
        later = stay.arrived + 60 * _DAY
        if chance.random() < 0.2 and later < (stay.left or self._today):
            town = chance.choice([town for town in self._towns if town != stay.town])
            self._move(chance, child, later, (stay.town, self.state, ""), town)

    def _move(self, chance: Random, child: _Child, arrived: date, origin: tuple[str, str, str], town: str) -> None:
        expires = _day(expiration_date(arrived, child.born)) if chance.random() < 0.8 else ""
        self._child_row("Q", (_day(arrived), *origin, town, self.state, expires))

    def _enrollments(self, chance: Random, child: _Child, stay: _Stay) -> list[tuple[date, date | None, str]]:
        """One enrollment for each school year and summer that the stay touches, up to four."""
        district = self._towns.index(stay.town)
        district_id = f"{mde.FIPS[self.state]}{1_200 + 137 * district:05d}"
        learner, special = chance.random() < 0.55, chance.random() < 0.1
        found: list[tuple[date, date | None, str]] = []
        begins = stay.arrived + chance.randint(0, 9) * _DAY
        end = stay.left or self._today
        while begins <= end and len(found) < 4:
            term_ends = _term_end(begins)
            until = term_ends if term_ends < end else stay.left
            grade = _grade(child.born, begins)
            summer = (6, 15) < (begins.month, begins.day) <= (8, 28)
            kind = "06" if grade in _AT_HOME else "03" if summer else chance.choice(("01", "01", "05"))
            named = ("", "", "") if kind == "06" else (_school(stay.town, grade, summer=summer), "", "")
            if kind != "06" and not summer:
                named = (named[0], "", f"{district_id}{100 + _level(grade):05d}")
            flags = (_yes(learner), _yes(special), "None", _yes(chance.random() < 0.3), _yes(bool(child.shots)))
            out = _day(until) if until is not None else ""
            graduation = self._graduation(grade, until, term_ends)
            designated = f"{district_id}{103:05d}" if grade in _SECONDARY and until is None else ""
            place = ("", "", "", "", stay.town, district_id, f"{stay.town} School District", self.state, "", "")
            resident = (out, district_id, _day(stay.arrived), "")
            self._child_row(
                "E", (_day(begins), kind, *named, *place, grade, *flags, *resident, designated, *graduation)
            )
            found.append((begins, until, grade if kind != "06" and not summer else ""))
            begins = term_ends + chance.randint(1, 6) * _DAY
            if kind == "06":
                break
        return found

    def _graduation(self, grade: str, until: date | None, term_ends: date) -> tuple[str, str]:
        if until is None or grade != "12" or until != term_ends or until.month != 6:
            return "", ""
        return "Graduation", _day(until)

    def _courses(self, chance: Random, enrolled: date, until: date | None) -> None:
        year = enrolled.year if enrolled.month >= 8 else enrolled.year - 1
        complete = until is not None and until == _term_end(enrolled)
        for title, subject in chance.sample(lists.COURSES, chance.randint(2, 4)):
            if complete:
                result = ("", "", chance.choice(("0.50", "1.00")), chance.choice(("A", "B", "C", "78", "91")))
            else:
                result = (str(chance.randint(12, 70)), chance.choice(("A", "B", "C", "D")), "", "")
            section = ("01", "0827") if complete else ("02", "0828")
            self._child_row("C", (title, subject, "00", str(year), str(year + 1), *section, *result))

    def _tests(self, chance: Random, enrolled: date, until: date) -> None:
        spring = date(enrolled.year + (enrolled.month >= 6), 4, 15)
        if not enrolled <= spring <= until:
            return
        for title, content, kind in chance.sample(lists.TESTS, chance.randint(1, 2)):
            said = chance.choice(lists.INTERPRETED) if kind != "01" else chance.choice(("Passed", "Failed"))
            self._child_row("A", (title, content, kind, f"{spring:%m%Y}", "0512", str(chance.randint(1, 4)), said))


_SECONDARY: Final = frozenset({"09", "10", "11", "12"})
_TESTED: Final = frozenset({"03", "04", "05", "06", "07", "08", "11"})
_AT_HOME: Final = frozenset({"P0", "P1", "P2", "00"})
_GRADES: Final = ("P0", "P1", "P2", "P3", "P4", "KG", *(f"{grade:02d}" for grade in range(1, 13)))


def _grade(born: date, day: date) -> str:
    """By the age on 1 September of the school year; out of school from 18 on."""
    year = day.year if day.month >= 8 else day.year - 1
    age = year - born.year - ((born.month, born.day) > (9, 1))
    return _GRADES[max(age, 0)] if age < len(_GRADES) else "00"


def _level(grade: str) -> int:
    """1 elementary, 2 middle, 3 high."""
    if not grade.isdigit() or int(grade) <= 5:
        return 1
    return 2 if int(grade) <= 8 else 3


def _school(town: str, grade: str, *, summer: bool) -> str:
    if summer:
        return f"{town} Summer Migrant Program"
    return f"{town} {('Elementary', 'Middle', 'High')[_level(grade) - 1]} School"


def _term_end(day: date) -> date:
    """The last day of the school year or of the summer that a day lies in."""
    if (day.month, day.day) <= (6, 15):
        return date(day.year, 6, 15)
    return date(day.year, 8, 28) if (day.month, day.day) <= (8, 28) else date(day.year + 1, 6, 15)


def _towns(state: str) -> tuple[str, ...]:
    return lists.TOWNS.get(state, lists.TOWNS_ELSEWHERE)


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def _yes(flag: bool) -> str:
    return "Yes" if flag else "No"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()


Names = tuple[str, str, str, str]
Spelling = Callable[[Random, str, str, str, str], Names]
"""From given, middle and both surnames to the four fields as one state's system has them."""


def _slipped(chance: Random, given: str, middle: str) -> tuple[str, str]:
    """What goes wrong at any desk: a short form, a second name left out, one letter too few."""
    turn = chance.random()
    if turn < 0.05:
        given = lists.SHORT_FORMS.get(given, given)
    elif turn < 0.12:
        middle = ""
    elif turn < 0.15 and len(given) > 4:
        at = chance.randrange(1, len(given) - 1)
        given = given[:at] + given[at + 1 :]
    return given, middle


def _as_meant(chance: Random, given: str, middle: str, last_1: str, last_2: str) -> Names:
    given, middle = _slipped(chance, given, middle)
    return given, middle, last_1, last_2


def _hyphenated(chance: Random, given: str, middle: str, last_1: str, last_2: str) -> Names:
    """Both surnames in the first field, both given names too, accents lost on the way."""
    given, middle = _slipped(chance, given, middle)
    joined = chance.choice(("-", "-", " ")).join((last_1, last_2))
    return _plain(f"{given} {middle}".strip()), "", _plain(joined), ""


def _in_capitals(chance: Random, given: str, middle: str, last_1: str, last_2: str) -> Names:
    """Capital letters without accents; half the time one surname only, now and then the mother's first."""
    given, middle = _slipped(chance, given, middle)
    turn = chance.random()
    if turn < 0.5:
        last_2 = ""
    elif turn < 0.56:
        last_1, last_2 = last_2, last_1
    return _capitals(given), _capitals(middle), _capitals(last_1), _capitals(last_2)


def _capitals(text: str) -> str:
    return _plain(text).upper()


_SPELLINGS: Final[tuple[tuple[Spelling, Callable[[str], str]], ...]] = (
    (_as_meant, str),
    (_hyphenated, _plain),
    (_in_capitals, _capitals),
)
"""How the first, second, third state of a sample writes a child's names, and every other name."""
