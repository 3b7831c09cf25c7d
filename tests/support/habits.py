"""States as they are: what is true of some children night after night, what each night's file says of it, and what the
ledger must then hold.

Everything here knows what the ledger does not: which row of tonight is which row of last night. So the reference is a
dictionary from a fact to what was last said of it, and no rule of placement is needed to write it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Literal, NamedTuple

from ledger.facts import Row, StudentRows
from support.nightly_files import FORMS, Form

Elements = dict[str, str]

LETTERS = "KQECAI"
WINDOW_BEGINS = date(2022, 8, 1)
"""Of a state that sends the last three years."""

_OLDEST = date(2019, 9, 2)
_DISTRICTS = (("4110001", "2018-01-02"), ("4110002", "2018-02-02"), ("4110003", "2018-03-03"))


@dataclass(eq=False)
class TrueFact:
    """One thing that is so. number: the state's own, of this table and child, never given twice. begun: by which a
    state tells old facts from new ones. changed: the night on which it last became what it is."""

    letter: str
    elements: Elements
    number: str
    begun: date
    changed: int
    gone: bool = False


@dataclass(eq=False)
class Child:
    """One child as its state knows it. left: the state took the whole record back."""

    ssid: str
    identity: Elements = field(default_factory=dict)
    facts: list[TrueFact] = field(default_factory=list)
    left: bool = False
    changed: int = 0
    returned: int = -1
    _numbers: dict[str, int] = field(default_factory=dict)
    _keys: Iterator[int] = field(default_factory=count)

    def add(self, letter: str, night: int, chance: Random) -> None:
        """A fact whose natural key no other fact of the child has or had."""
        key = next(self._keys)
        self._numbers[letter] = self._numbers.get(letter, 0) + 1
        begun = _begun(key)
        elements = _KEYS[letter](key, begun)
        self.facts.append(TrueFact(letter, elements, f"{self._numbers[letter]:03d}", begun, night))
        self.change(self.facts[-1], night, chance)

    def change(self, fact: TrueFact, night: int, chance: Random) -> None:
        """Another value of what is not in its key, or perhaps the same."""
        for name, values in _OTHERS[fact.letter].items():
            if chance.random() < 0.5:
                fact.elements = {n: v for n, v in fact.elements.items() if n != name}
                value = chance.choice(values)
                if value is not None:
                    fact.elements[name] = value
        if fact.letter == "E" and chance.random() < 0.5:
            district, since = chance.choice(_DISTRICTS)
            fact.elements |= {"district_of_residence": district, "residency_date": since}
        fact.changed = night

    def correct_key(self, fact: TrueFact, night: int) -> None:
        """Another natural key, which the child's facts never had; one element of it stays, where it has several."""
        key = next(self._keys)
        new = _KEYS[fact.letter](key, _begun(key))
        changing = _KEY_CORRECTED[fact.letter]
        fact.elements = {**fact.elements, changing: new[changing]}
        fact.changed = night


def _begun(key: int) -> date:
    """A day of its own for each key, some long past and some of this year in any order of keys."""
    return _OLDEST + timedelta(days=83 * (key % 26) + key // 26)


def _enrollment(key: int, begun: date) -> Elements:
    by_id, by_name = {"school_identification_code": "411377000999"}, {"school_or_project_name": f"Valor {key % 3}"}
    return {
        "enrollment_date": _day(begun),
        "enrollment_type": f"0{1 + key % 3}",
        **(by_name if key % 2 else by_id),
    }


_KEYS: dict[str, Callable[[int, date], Elements]] = {
    "D": lambda _, __: {"first_name": "Inés", "last_name_1": "Peña", "birth_date": "2012-03-14"},
    "K": lambda key, _: {"alternate_state_student_id": f"L{key:05d}", "alternate_state_student_id_type": "02"},
    "Q": lambda key, begun: {
        "qualifying_arrival_date": _day(begun),
        "qualifying_move_from_country": "GTM",
    },
    "E": _enrollment,
    "C": lambda key, begun: {
        "course_title": f"Algebra {key // 3}",
        "begin_academic_year": str(begun.year),
        "course_section": f"{1 + key % 3:02d}",
        "final_grade": "A",
    },
    "A": lambda key, begun: {
        "assessment_title": f"Prueba {key // 2}",
        "assessment_type": f"0{1 + key % 2}",
        "assessment_administration_date": f"{begun:%Y-%m}",
    },
    "I": lambda key, begun: {"cvx_code": ("115", "03")[key % 2], "administration_date": _day(begun)},
}
"""Natural keys, one for each number; neighbours share elements, so that a wrong step has something to go wrong on."""

_OTHERS: dict[str, dict[str, list[str | None]]] = {
    "D": {
        "first_name": ["Inés", "Agnés", "Ines"],
        "middle_name": [None, "Luz", "de la O, María"],
        "last_name_2": [None, "Ñúñez"],
        "sex": ["Female", "Male", None],
    },
    "K": {},
    "Q": {"qualifying_move_to_city": [None, "Woodburn", "Madera"], "qualifying_move_from_city": [None, "Tlaxiaco"]},
    "E": {
        "grade_level": [None, "05", "06"],
        "iep_indicator": [None, "Yes", "No"],
        "withdrawal_date": [None, "2025-07-30", "2025-07-31"],
        "district_of_residence": [None],
        "residency_date": [None],
    },
    "C": {"final_grade": ["A", "B", "C+"], "subject_area_name": [None, "Mathematics"]},
    "A": {"score_results": ["1", "2", "3"]},
    "I": {"information_source": [None, "00", "01"]},
}
_KEY_CORRECTED = {
    "K": "alternate_state_student_id",
    "E": "enrollment_date",
    "C": "course_title",
    "A": "assessment_title",
    "I": "administration_date",
    "Q": "qualifying_arrival_date",
}


def _day(day: date) -> str:
    return day.isoformat()


class Habit(NamedTuple):
    """How a state sends one night.

    sends: all that it has of a child, the last three years, or what changed. numbers: the Record IDs, the state's own
    or counted afresh. order: of a child's rows. whole_children: who is sent is sent with all facts.
    """

    sends: Literal["all", "three years", "changes"] = "all"
    numbers: Literal["own", "by place", "any"] = "own"
    order: Literal["oldest first", "newest first", "any"] = "oldest first"
    form: Form = FORMS[0]


class Said(NamedTuple):
    """One S row with its children as a file says them. facts: of each child row, in its order; a row that takes its
    fact back names it."""

    child: Child
    rows: StudentRows
    facts: list[TrueFact]


def tell(state: str, children: Sequence[Child], night: int, since: int, habit: Habit, chance: Random) -> list[Said]:
    """What a state sends: of what became so on the nights after ``since`` up to ``night``, for one that sends changes.

    A state that numbers its rows afresh sends children whole: a number that means nothing, on a row that is new, may
    be that of a fact which is left out, and no reader could tell the two apart.
    """
    told = []
    afresh = habit.numbers != "own"
    for child in children:
        fresh = child.changed > since or any(fact.changed > since for fact in child.facts)
        if habit.sends == "changes" and not fresh:
            continue
        action = "D" if child.left else chance.choice("IU")
        facts: list[TrueFact] = []
        if not child.left:
            facts = [fact for fact in child.facts if _is_sent(fact, child, since, habit, afresh=afresh)]
        if habit.order == "any":
            chance.shuffle(facts)
        else:
            facts.sort(key=lambda fact: fact.begun, reverse=habit.order == "newest first")
        numbers = _numbers(facts, habit, chance)
        rows = [
            Row(fact.letter, {} if fact.gone else dict(fact.elements), number)
            for fact, number in zip(facts, numbers, strict=True)
        ]
        told.append(Said(child, StudentRows(state, child.ssid, action, dict(child.identity), rows), facts))
    return told


def _is_sent(fact: TrueFact, child: Child, since: int, habit: Habit, *, afresh: bool) -> bool:
    if fact.gone:
        return fact.changed > since
    if afresh or habit.sends == "all" or child.returned > since:
        return True
    if habit.sends == "changes":
        return fact.changed > since
    return fact.begun >= WINDOW_BEGINS or fact.letter in "DQ"


def _numbers(facts: Sequence[TrueFact], habit: Habit, chance: Random) -> list[str]:
    if habit.numbers == "own":
        return [fact.number for fact in facts]
    places: dict[str, Iterator[int]] = {}
    if habit.numbers == "any":
        for letter in dict.fromkeys(fact.letter for fact in facts):
            places[letter] = iter(chance.sample(range(1, 40), 39))
    return [f"{next(places.setdefault(fact.letter, count(1))):03d}" for fact in facts]


@dataclass
class Held:
    """What the ledger must hold of one child. facts: status and elements, by fact, in the order last spoken."""

    status: str = "open"
    identity: Elements = field(default_factory=dict)
    facts: dict[TrueFact, tuple[str, Elements]] = field(default_factory=dict)

    def rows(self, status: str) -> list[tuple[str, list[tuple[str, str]]]]:
        """What is held in one status, in an order that says nothing."""
        return sorted((f.letter, sorted(row.items())) for f, (is_, row) in self.facts.items() if is_ == status)


class Reference:
    """What the ledger must hold of every child, and answer to every row."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}

    def take(self, told: Sequence[Said], *, late: bool = False) -> list[str]:
        """Believe a file; the outcome of each row, the S row of a child before its own."""
        outcomes: list[str] = []
        for said in told:
            outcomes += self._take_child(said, late=late)
        return outcomes

    def _take_child(self, said: Said, *, late: bool) -> list[str]:
        student = said.rows
        held = self.held.get(student.state_student_id)
        unchanged = ["unchanged"] * (1 + len(student.rows))
        if held is not None and late and (held.status == "retracted" or student.action == "D"):
            return unchanged
        if student.action == "D":
            if held is None or held.status == "retracted":
                return unchanged
            held.status = "retracted"
            held.facts = {f: ("dormant" if s == "live" else s, row) for f, (s, row) in held.facts.items()}
            return ["accepted", *unchanged[1:]]
        late = late and held is not None
        before = held
        held = Held(identity=student.elements) if held is None else replace(held, facts=dict(held.facts))
        if before is None:
            outcomes = ["accepted"]
        elif not late and (held.status, held.identity) != ("open", student.elements):
            held.status, held.identity = "open", student.elements
            outcomes = ["accepted"]
        else:
            outcomes = ["unchanged"]
        for fact, row in zip(said.facts, student.rows, strict=True):
            outcomes.append(self._take_row(held, fact, row, late=late))
        if not any(fact.letter == "Q" and status == "live" for fact, (status, _) in held.facts.items()):
            return ["refused"] * len(outcomes)  # V9: a record must hold a qualifying move
        self.held[student.state_student_id] = held
        return outcomes

    def _take_row(self, held: Held, fact: TrueFact, row: Row, *, late: bool) -> str:
        before = held.facts.get(fact)
        if not row.elements:
            if before is None or before[0] != "live" or late:
                return "unchanged"
            held.facts[fact] = ("retracted", before[1])
            return "accepted"
        if before == ("live", row.elements) or (late and before is not None):
            return "unchanged"
        held.facts[fact] = ("live", row.elements)
        return "accepted"
