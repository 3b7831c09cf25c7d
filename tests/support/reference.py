"""What a record must say after what was sent: plain dictionaries, written from the rules alone.

Nothing of the product is used here but its words for what is sent. A fact is a dictionary with a status; which fact a
row speaks of is found by trying the ways that the page on placement names, one after another, on every pair.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.events import Event
from ledger.events.record import RecordOpened, ResidencyChanged, Withdrawn
from ledger.record import (
    ChangeResidency,
    Command,
    CorrectFact,
    EnrollmentKey,
    PlaceFact,
    PlaceStudent,
    RetractRecord,
    Row,
    StudentRows,
    Withdraw,
)

Elements = dict[str, str]

LETTERS = "DKQECAI"
LIVE, DORMANT, RETRACTED = "live", "dormant", "retracted"
RESIDENCY = ("district_of_residence", "residency_date", "residency_verification_date")
NATURAL_KEYS: dict[str, tuple[str, ...]] = {
    "K": ("alternate_state_student_id", "alternate_state_student_id_type"),
    "D": (),
    "Q": ("qualifying_arrival_date",),
    "E": ("enrollment_date", "enrollment_type", "school"),
    "C": ("course_title", "begin_academic_year", "end_academic_year", "term_type", "course_section"),
    "A": ("assessment_title", "assessment_content", "assessment_type", "assessment_administration_date"),
    "I": ("cvx_code", "administration_date"),
}


class Refusal(Exception):
    """The whole command is refused. code: of the error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(eq=False)
class Fact:
    """One row as the state last said it. An enrollment keeps its withdrawal and every residency beside its own part.

    said: when it was last stated or corrected, counted. Ids are the ledger's to choose, and learned from it.
    """

    letter: str
    own: Elements
    number: str | None
    withdrawal: Elements = field(default_factory=dict)
    residencies: list[Elements] = field(default_factory=list)
    status: str = LIVE
    said: int = 0
    id: int = 0
    withdrawal_id: int = 0
    residency_ids: list[int] = field(default_factory=list)

    @property
    def row(self) -> Elements:
        """The whole row: of several residencies, the latest counts."""
        return {**self.own, **self.withdrawal, **(self.residencies[-1] if self.residencies else {})}

    @property
    def key(self) -> list[object]:
        return natural_key(self.letter, self.own)


def natural_key(letter: str, elements: Elements) -> list[object]:
    by_id, by_name = elements.get("school_identification_code"), elements.get("school_or_project_name")
    school = ("id", by_id) if by_id else ("name", by_name) if by_name else None
    return [school if name == "school" else elements.get(name) for name in NATURAL_KEYS[letter]]


Answer = tuple[str, Fact | None]
"""What becomes of a row (accepted, unchanged, refused), and the fact that it speaks of."""

Way = Callable[[Row, Fact], bool]


class Record:
    """One record. stable: its state's Record IDs keep their meaning. status: absent, open or retracted."""

    def __init__(self, *, stable: bool) -> None:
        self.stable = stable
        self.status = "absent"
        self.student_id = ""
        self.identity: Elements = {}
        self.facts: list[Fact] = []
        self._said = 0
        self._parts_gone: set[int] = set()
        self._parts_asleep: set[int] = set()
        """Withdrawals and residencies that went with the record, and did not come back with their enrollment."""

    def live(self, letter: str = LETTERS) -> list[Fact]:
        return [fact for fact in self.facts if fact.status == LIVE and fact.letter in letter]

    def take(self, command: Command) -> list[Answer]:
        """Answers per row; of a student, the S row's first. Raises Refusal, and then nothing has changed."""
        if isinstance(command, PlaceStudent):
            return self._place_student(command.student)
        if self.status == "absent":
            raise Refusal("record-not-open")
        if isinstance(command, RetractRecord):
            return [self._retract_record()]
        if self.status == "retracted":
            raise Refusal("record-retracted")
        if isinstance(command, PlaceFact):
            [(outcome, fact)] = self._place([command.row])
            if outcome == "refused":
                raise Refusal("bad-value")
            return [(outcome, fact)]
        if isinstance(command, Withdraw):
            fact = self._enrollment(command.enrollment)
            return [self._say_all(fact, {**fact.row, "withdrawal_date": command.withdrawal_date})]
        if isinstance(command, ChangeResidency):
            fact = self._enrollment(command.enrollment)
            if not command.elements:
                raise Refusal("bad-value")
            rest = {name: value for name, value in fact.row.items() if name not in RESIDENCY}
            return [self._say_all(fact, {**rest, **command.elements})]
        if isinstance(command, CorrectFact):
            return [self._correct(command.fact, command.elements)]
        return [self._retract(command.fact)]

    def learn(self, answers: Sequence[Answer], facts: Sequence[int | None], events: Sequence[Event]) -> None:
        """Take over the ids that the ledger chose: of what ``take`` answered, and of the events that came of it.

        Asserts that an id of a fact is never used again, and that a fact which was there keeps its own.
        """
        for number, (_, fact) in zip(facts, answers, strict=True):
            if fact is not None and fact.id == 0:
                assert number is not None
                assert number > max(held.id for held in self.facts)
                fact.id = number
        by_id = {fact.id: fact for fact in self.facts}
        for event in events:
            if isinstance(event, RecordOpened):
                self.student_id = event.student_id
            elif isinstance(event, Withdrawn):
                by_id[event.enrollment].withdrawal_id = event.fact
            elif isinstance(event, ResidencyChanged):
                by_id[event.enrollment].residency_ids[-1] = event.fact
        held = {number for fact in self.facts for number in (fact.withdrawal_id, *fact.residency_ids)}
        self._parts_asleep -= held

    # -- a student, whole

    def _place_student(self, student: StudentRows) -> list[Answer]:
        if student.action == "D":
            first = ("unchanged", None) if self.status == "absent" else self._retract_record()
            return [first, *[("unchanged", None) for _ in student.rows]]
        before = copy.deepcopy(vars(self))
        known_already = self.status == "open" and self.identity == self._without_own_id(student.elements)
        self.status, self.identity = "open", self._without_own_id(student.elements)
        answers = self._place(student.rows)
        if not self.live("Q"):  # a record must hold a qualifying move (V9)
            vars(self).update(before)
            return [("refused", None) for _ in range(1 + len(answers))]
        return [("unchanged" if known_already else "accepted", None), *answers]

    def _without_own_id(self, elements: Elements) -> Elements:
        own = self.student_id and elements.get("msix_identification_number") == self.student_id
        return {name: value for name, value in elements.items() if not (own and name == "msix_identification_number")}

    def _retract_record(self) -> Answer:
        if self.status == "retracted":
            return "unchanged", None
        self.status = "retracted"
        for fact in self.live():
            fact.status = DORMANT
        return "accepted", None

    # -- placement

    def _place(self, rows: Sequence[Row]) -> list[Answer]:
        found: dict[int, Fact | None] = {}
        twins: dict[int, int] = {}
        for letter in LETTERS:
            table = {n: row for n, row in enumerate(rows) if row.letter == letter and self._may_stand(row)}
            self._find(letter, table, found, twins)
        unclaimed = [(fact, fact.number) for fact in self.live() if fact not in found.values()]
        answers: list[Answer] = []
        for n, row in enumerate(rows):
            if n in twins:
                answers.append(("unchanged", answers[twins[n]][1]))
            elif not self._may_stand(row):
                answers.append(("refused", None))
            elif not row.elements:
                answers.append(self._retract_numbered(row, unclaimed))
            else:
                answers.append(self._believe(row, found[n]))
        return answers

    def _may_stand(self, row: Row) -> bool:
        if not row.elements:  # a Record ID alone takes a fact back, where Record IDs mean something
            return self.stable and row.record_id is not None
        return row.elements.get("withdrawal_date", "9") >= row.elements.get("enrollment_date", "")  # V10

    def _find(self, letter: str, table: dict[int, Row], found: dict[int, Fact | None], twins: dict[int, int]) -> None:
        """Which fact each row of one table speaks of; None: a new one. Twins say what an earlier row says."""
        left = {n: row for n, row in table.items() if row.elements}
        alone = len(left) == 1

        def equal(row: Row, fact: Fact) -> bool:
            return row.elements == fact.row

        def same_key(row: Row, fact: Fact) -> bool:
            return letter != "D" and natural_key(letter, row.elements) == fact.key

        def same_number(row: Row, fact: Fact) -> bool:
            return row.record_id is not None and row.record_id == fact.number

        def near(row: Row, fact: Fact) -> bool:
            shared = zip(natural_key(letter, row.elements), fact.key, strict=True)
            return self.stable or letter == "D" or any(one is not None and one == other for one, other in shared)

        def claim(status: str, *ways: Way) -> None:
            for n, row in list(left.items()):
                for fact in self.facts:
                    free = fact.letter == letter and fact.status == status and fact not in found.values()
                    if free and all(way(row, fact) for way in ways):
                        found[n] = fact
                        del left[n]
                        break

        claim(LIVE, equal, same_number)
        claim(LIVE, equal)
        for n, row in list(left.items()):
            same = [fact for fact in self.live(letter) if equal(row, fact)]
            earlier = [m for m in left if m < n and left[m].elements == row.elements]
            if same:  # claimed by a row that says the same
                found[n] = same[0]
                del left[n]
            elif earlier:
                twins[n] = earlier[0]
                del left[n]
        for status in (LIVE, DORMANT):
            held = [fact for fact in self.facts if fact.letter == letter and fact.status == status]
            claim(status, equal, same_number)
            claim(status, equal)
            claim(status, same_key, same_number)
            claim(status, same_key)
            claim(status, same_number, near)
            if letter == "D" and alone and len(held) == 1:
                claim(status)
        found.update(dict.fromkeys(left))

    def _believe(self, row: Row, fact: Fact | None) -> Answer:
        own, withdrawal, residency = _apart(row.elements)
        if fact is not None and fact.status == LIVE:
            return self._say_all(fact, row.elements, row.record_id)
        if fact is None:
            fact = Fact(row.letter, own, row.record_id)
            self.facts.append(fact)
        fact.own, fact.number, fact.status, fact.said = own, row.record_id, LIVE, self._next()
        self._parts_asleep |= {fact.withdrawal_id, *fact.residency_ids} - {0}
        fact.withdrawal, fact.residencies = withdrawal, [residency] if residency else []
        fact.withdrawal_id, fact.residency_ids = 0, [0] * len(fact.residencies)
        return "accepted", fact

    def _say_all(self, fact: Fact, row: Elements, number: str | None = None) -> Answer:
        """The whole row is now this."""
        own, withdrawal, residency = _apart(row)
        if withdrawal and withdrawal["withdrawal_date"] < own["enrollment_date"]:
            raise Refusal("bad-value")
        before = copy.deepcopy((fact.own, fact.withdrawal, fact.residencies))
        if own != fact.own:
            fact.own, fact.number, fact.said = own, number or fact.number, self._next()
        if fact.withdrawal and not withdrawal:
            self._parts_gone.add(fact.withdrawal_id)
        fact.withdrawal = withdrawal
        if (not fact.residencies and residency) or (fact.residencies and _moved_on(fact.residencies[-1], residency)):
            fact.residencies.append(residency)
            fact.residency_ids.append(0)
        elif fact.residencies:
            fact.residencies[-1] = residency
        changed = before != (fact.own, fact.withdrawal, fact.residencies)
        return "accepted" if changed else "unchanged", fact

    def _retract_numbered(self, row: Row, unclaimed: Sequence[tuple[Fact, str | None]]) -> Answer:
        gone = [fact for fact, number in unclaimed if (fact.letter, number) == (row.letter, row.record_id)]
        gone = [fact for fact in gone if fact.status == LIVE]
        for fact in gone:
            fact.status = RETRACTED
        return ("accepted", gone[0]) if gone else ("unchanged", None)

    # -- one fact

    def _enrollment(self, wanted: int | EnrollmentKey) -> Fact:
        if isinstance(wanted, int):
            found = [fact for fact in self.live("E") if fact.id == wanted]
        else:
            found = [
                fact
                for fact in self.live("E")
                if fact.own["enrollment_date"] == wanted.enrollment_date
                and wanted.enrollment_type in (None, fact.own["enrollment_type"])
                and wanted.school
                in (None, fact.own.get("school_identification_code"), fact.own.get("school_or_project_name"))
            ]
        if len(found) != 1:
            raise Refusal("refused" if found else "not-enrolled")
        return found[0]

    def _correct(self, number: int, said: dict[str, str | None]) -> Answer:
        if number == 0:
            after = self._without_own_id(_merged(self.identity, said))
            changed, self.identity = after != self.identity, after
            return "accepted" if changed else "unchanged", None
        if said == {"withdrawal_date": None} and self._is_withdrawal_gone(number):
            return "unchanged", None
        for fact in self.live():
            if fact.id == number:
                return self._say_all(fact, _merged(fact.row, said))
            if fact.withdrawal and fact.withdrawal_id == number:
                return self._say_all(fact, _merged(fact.row, said))
            if number in fact.residency_ids:
                at = fact.residency_ids.index(number)
                after = _merged(fact.residencies[at], said)
                changed, fact.residencies[at] = after != fact.residencies[at], after
                return "accepted" if changed else "unchanged", fact
        raise Refusal("not-found")

    def _is_withdrawal_gone(self, number: int) -> bool:
        with_enrollment = [fact.withdrawal_id for fact in self.facts if fact.status == RETRACTED and fact.withdrawal]
        return number in self._parts_gone or number in with_enrollment

    def _retract(self, number: int) -> Answer:
        if number in self._parts_gone:
            return "unchanged", None
        if number in self._parts_asleep:
            self._parts_asleep.remove(number)
            self._parts_gone.add(number)
            return "accepted", None
        for fact in self.facts if number else ():  # the S row goes with the record alone
            if number in (fact.id, fact.withdrawal_id, *fact.residency_ids) and fact.status == RETRACTED:
                return "unchanged", fact
            if number == fact.id:
                fact.status = RETRACTED
                return "accepted", fact
            if fact.withdrawal and number == fact.withdrawal_id:
                fact.withdrawal = {}
                self._parts_gone.add(number)
                return "accepted", fact
            if number in fact.residency_ids:
                at = fact.residency_ids.index(number)
                del fact.residencies[at], fact.residency_ids[at]
                self._parts_gone.add(number)
                return "accepted", fact
        raise Refusal("not-found")

    def _next(self) -> int:
        self._said += 1
        return self._said


def _apart(row: Elements) -> tuple[Elements, Elements, Elements]:
    """A row's own elements, its withdrawal, its residency."""
    withdrawal = {name: value for name, value in row.items() if name == "withdrawal_date"}
    residency = {name: value for name, value in row.items() if name in RESIDENCY}
    return {n: v for n, v in row.items() if n not in withdrawal and n not in residency}, withdrawal, residency


def _moved_on(before: Elements, after: Elements) -> bool:
    """A later Residency Date with a new district: another residency, not a correction."""
    dated = "residency_date" in before and after.get("residency_date", "") > before["residency_date"]
    district = after.get("district_of_residence")
    return dated and district is not None and district != before.get("district_of_residence")


def _merged(before: Elements, said: Mapping[str, str | None]) -> Elements:
    after: dict[str, Any] = {**before, **said}
    return {name: value for name, value in after.items() if value is not None}
