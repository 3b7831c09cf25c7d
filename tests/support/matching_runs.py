"""A ledger that the matcher runs over: what states tell of children, what came of it, and what people do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.events import Event, Meta, Recorded
from ledger.events.case import CaseOpened, Link
from ledger.events.linkage import Decision, LinkageEvent, RecordLinked
from ledger.identity import NAMES
from ledger.linkage import fold, live_declarations
from ledger.matcher import Matched
from ledger.matching.traits import Traits
from ledger.reactors.matching import MatcherRunner
from ledger.record import PlaceStudent, RetractRecord, Row, StudentRows
from support.casework import ANA, WHY
from support.rows import alternate_id, enrollment, move, row

Side = frozenset[str]
Pair = frozenset[Side]


def name_of(told: Traits) -> str:
    """``TX 1``: how a record is named in these tests."""
    return f"{told.state} {told.state_student_id}"


def rows_of(told: Traits) -> StudentRows:
    """What a state sends, so that the matcher reads this of it."""
    said = {name: value for name in NAMES if (value := getattr(told, name))}
    if told.birth_date:
        said["birth_date"] = told.birth_date.isoformat()
    if told.multiple_birth:
        said["multiple_birth_flag"] = told.multiple_birth
    rows: list[Row] = [row("D", "001", **said), move()]
    rows += [
        alternate_id(f"{number:03}", alternate_state_student_id=other)
        for number, other in enumerate(told.other_ids, start=1)
    ]
    rows += [
        enrollment(
            f"{number:03}",
            enrollment_date=stay.begins.isoformat(),
            withdrawal_date=stay.ends.isoformat() if stay.ends else None,
            enrollment_type="01" if stay.full else "03",
            facility_state=stay.state or None,
            school_identification_code=stay.school or None,
            school_or_project_name=None,
            grade_level=stay.grade or None,
        )
        for number, stay in enumerate(told.attendances, start=1)
    ]
    return StudentRows(
        state=told.state,
        state_student_id=told.state_student_id,
        action="U",
        elements=_sent(told),
        rows=rows,
        number=None,
    )


def _sent(told: Traits) -> dict[str, str]:
    """Elements of the S row."""
    return {"msix_identification_number": told.sent_id} if told.sent_id else {}


class MatchingRuns:
    """The matcher over one ledger. Records are named ``TX 1``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    # -- what states and people do

    def tells(self, *children: Traits) -> list[str]:
        """States tell of these, one after another. The uuids of the records."""
        return [self._place(told) for told in children]

    def retracts(self, told: Traits) -> None:
        self.ledger.execute(
            RetractRecord(state=told.state, state_student_id=told.state_student_id), Meta(actor="nightly")
        )

    def answers(self, case: str, *, yes: bool) -> None:
        """An operator settles a case."""
        self.ledger.casework.answer(case, WHY, ANA, None, yes=yes)

    def reverses(self, act: str) -> str:
        """A person takes an act back; the id of the reversal."""
        return self.ledger.reversals.reverse(act, WHY, ANA, None).act

    def declares(self, left: str, right: str) -> str:
        """A person says that two records are two children's; the id of the declaration."""
        minted = self.minted()
        return self.ledger.reversals.declare_not_same(minted[left], minted[right], WHY, ANA, None).id

    def withdraws(self, declaration: str) -> None:
        self.ledger.reversals.withdraw(declaration, WHY, ANA, None)

    # -- the matcher

    def runner(self, **sizes: int) -> MatcherRunner:
        return MatcherRunner(self.ledger.matcher, self.ledger.database, self.ledger.log, **sizes)

    def runs(self, **sizes: int) -> Matched:
        """The matcher comes to the end of the log. sizes: as a ``MatcherRunner`` is given."""
        return self.runner(**sizes).run(self.ledger.log.head())

    # -- what came of it

    def students(self) -> set[Side]:
        """The records of each student, as the guards have it."""
        found: dict[str, set[str]] = {}
        for state, ssid, student in self._rows("select state, state_student_id, student_id from ledger.records"):
            found.setdefault(student, set()).add(f"{state} {ssid}")
        return {frozenset(records) for records in found.values()}

    def together(self, *names: str) -> bool:
        """Whether these records are one student's."""
        return any(records.issuperset(names) for records in self.students())

    def minted(self) -> dict[str, str]:
        """Record to the student id that it minted."""
        query = "select state, state_student_id, minted from ledger.records"
        return {f"{state} {ssid}": minted for state, ssid, minted in self._rows(query)}

    def shown(self) -> dict[str, str]:
        """Record to the id that its student shows."""
        query = "select state, state_student_id, student_id from ledger.records"
        return {f"{state} {ssid}": shown for state, ssid, shown in self._rows(query)}

    def names(self) -> dict[str, str]:
        """Uuid to the name of the record."""
        query = "select record_id, state, state_student_id from ledger.records"
        return {str(record): f"{state} {ssid}" for record, state, ssid in self._rows(query)}

    def links(self) -> list[RecordLinked]:
        """Every link that was ever made, once, in the order of the log."""
        return list({e.act: e for e in self.events() if isinstance(e, RecordLinked)}.values())

    def cases(self) -> list[tuple[str, CaseOpened]]:
        """Every near match that was ever put before people, with the name of its case."""
        return [
            (recorded.stream.removeprefix("case/"), recorded.event)
            for recorded in self.recorded()
            if isinstance(recorded.event, CaseOpened) and isinstance(recorded.event.proposal, Link)
        ]

    def open_cases(self) -> list[str]:
        return [str(case) for (case,) in self._rows("select case_id from ledger.open_cases order by case_id")]

    def questions(self) -> list[Pair]:
        """Of every near match, which records are one child's."""
        return [self.sides(decision_of(opened)) for _, opened in self.cases()]

    def sides(self, decision: Decision) -> Pair:
        names = self.names()
        return frozenset(frozenset(names[one] for one in side) for side in (decision.left, decision.right))

    def held(self) -> dict[str, str]:
        """Record to the case that holds it."""
        query = "select state, state_student_id, case_id from ledger.records where case_id is not null"
        return {f"{state} {ssid}": str(case) for state, ssid, case in self._rows(query)}

    def apart(self) -> set[frozenset[str]]:
        """Every pair of records that is declared not to be one child's now, as the log says."""
        names = self.names()
        linkage = fold((r.position, r.event) for r in self.recorded() if isinstance(r.event, LinkageEvent))
        return {
            frozenset((names[left.record], names[right.record]))
            for declared in live_declarations(linkage)
            for left in declared.left
            for right in declared.right
        }

    def declarations(self) -> list[str]:
        """Those that hold now, in the order of the log."""
        linkage = fold((r.position, r.event) for r in self.recorded() if isinstance(r.event, LinkageEvent))
        return [declared.declaration for declared in live_declarations(linkage)]

    def waiting(self) -> list[str]:
        """Records that the matcher has yet to decide."""
        names = self.names()
        return sorted(names[str(r)] for (r,) in self._rows("select record_id from matching.undecided"))

    def known(self) -> list[str]:
        """Records that the matcher compares."""
        names = self.names()
        return sorted(names[str(r)] for (r,) in self._rows("select record_id from matching.people"))

    def head(self) -> int:
        return self.ledger.log.head()

    def recorded(self, after: int = 0) -> list[Recorded]:
        found: list[Recorded] = []
        while page := self.ledger.log.read(found[-1].position if found else after, 1_000):
            found += page
        return found

    def events(self, after: int = 0) -> list[Event]:
        return [recorded.event for recorded in self.recorded(after)]

    # -- inside

    def _place(self, told: Traits) -> str:
        command = PlaceStudent(
            state=told.state, state_student_id=told.state_student_id, student=rows_of(told), new_student_id=""
        )
        return self.ledger.execute(command, Meta(actor="nightly")).record_id

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.ledger.log.connection() as conn:
            return conn.cursor(row_factory=tuple_row).execute(query.encode()).fetchall()


def decision_of(opened: CaseOpened) -> Decision:
    """What the policy found that put this before people."""
    assert isinstance(opened.proposal, Link)
    assert opened.proposal.decision is not None
    return opened.proposal.decision


def crossed(students: Iterable[Side], apart: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Declared pairs that are one student's nevertheless."""
    one = list(students)
    return [pair for pair in apart if any(pair <= records for records in one)]
