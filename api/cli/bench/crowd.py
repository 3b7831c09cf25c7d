"""Children of the population ``seasons`` put into a ledger, and records of theirs that come later: the ground of P1m.

Invariant: what is there before is there as the product would have left it (records in the log, linked by events, known
to the matcher), and who is whose child is the population's own truth. Children are drawn and written in portions, and
only those of whom something new comes are kept in mind, so memory does not grow with the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import psycopg

from ledger.application import Ledger
from ledger.events import Event, Meta
from ledger.events.linkage import Anchor
from ledger.events.record import AlternateIdStated, DemographicsStated, Enrolled, RecordOpened, Withdrawn
from ledger.facts import MSIX_NUMBER
from ledger.identity import NAMES
from ledger.linkage import Linkage
from ledger.linkage_acts import Link, decide
from ledger.match_writing import ACTOR
from ledger.matcher import BY_POLICY, Matched, Matcher
from ledger.matching.populations.seasons import told
from ledger.matching.traits import Attendance, Traits
from ledger.reach import Reach
from ledger.reactors.matching import MatcherRunner
from ledger.store.append import Append, Opening, Part, Relinked
from ledger.store.vault import LEDGER

PORTION = 1_000
"""Children written together."""

_META = Meta(actor=ACTOR)


class Sent(NamedTuple):
    """A record that comes later. child: whose it is, by his number in the population."""

    child: int
    traits: Traits


class Child(NamedTuple):
    """there: his records that are there before. later: the one that comes later, if any does."""

    number: int
    there: list[Traits]
    later: Traits | None


class Crowd(msgspec.Struct):
    """What was put in. students: children who are there. linked: records of theirs beyond the first of each. records:
    uuid to child, of those children alone of whom more comes. later: what comes, in the order of the families."""

    students: int = 0
    linked: int = 0
    records: dict[str, int] = {}
    later: list[Sent] = []


def children(students: int, later: int, seed: int) -> Iterator[Child]:
    """So many students with all their records; and spread evenly among them so many records that come later: one half
    of children who are not there at all, their brothers and sisters may be; the other the last record of children who
    have others (fewer where too few have)."""
    away, back = later - later // 2, later // 2
    there = given = 0
    for child, papers in told(students + away, seed):
        number, traits = child.number, [paper.traits for paper in papers]
        if number * away // (students + away) > (number - 1) * away // (students + away):
            yield Child(number, [], traits[0])
            continue
        there += 1
        if given * students < back * there and len(traits) > 1:
            given += 1
            yield Child(number, traits[:-1], traits[-1])
        else:
            yield Child(number, traits, None)


def settle(ledger: Ledger, drawn: Iterable[Child]) -> Crowd:
    """Put children into an empty ledger, each as one student, and have the matcher know them."""
    crowd = Crowd()
    children = iter(drawn)
    while portion := list(islice(children, PORTION)):
        anchors = write(ledger, [traits for child in portion for traits in child.there])
        students: list[Sequence[Anchor]] = []
        opened = iter(anchors)
        for child in portion:
            mine = list(islice(opened, len(child.there)))
            if mine:
                students.append(mine)
            if child.later is not None:
                crowd.later.append(Sent(child.number, child.later))
                crowd.records |= {anchor.record: child.number for anchor in mine}
        crowd.students += len(students)
        crowd.linked += _link(ledger, students)
    MatcherRunner(_Remembering(ledger), ledger.database, ledger.log).run(ledger.log.head())
    return crowd


def come(ledger: Ledger, sent: Sequence[Sent]) -> dict[str, int]:
    """Open records that come later; uuid to child. The matcher does not know them yet."""
    anchors = write(ledger, [one.traits for one in sent])
    return {anchor.record: one.child for anchor, one in zip(anchors, sent, strict=True)}


def write(ledger: Ledger, records: Sequence[Traits]) -> list[Anchor]:
    """Open records, each with what it says of who the child is; durable. As anchors, in the same order."""
    if not records:
        return []
    names = [uuid.UUID(bytes=ledger.ids.next()) for _ in records]
    students = ledger.new_student_ids(len(records))
    said = [events(traits, student) for traits, student in zip(records, students, strict=True)]
    # Without the guard of rows, which spares a file that comes again from being decided: none comes here.
    receipt = ledger.log.append(
        Append(
            parts=[
                Part(stream=f"record/{name}", subject=str(name), expected=0, events=told_of)
                for name, told_of in zip(names, said, strict=True)
            ],
            meta=Meta(actor="bench"),
            opened=[
                Opening(traits.state, traits.state_student_id, name.bytes, student)
                for traits, name, student in zip(records, names, students, strict=True)
            ],
        )
    )
    anchors: list[Anchor] = []
    position = receipt.position - sum(map(len, said)) + 1
    for name, student, told_of in zip(names, students, said, strict=True):
        anchors.append(Anchor(str(name), student, position))
        position += len(told_of)
    return anchors


def events(traits: Traits, student_id: str) -> list[Event]:
    """The events of a record that says just this."""
    identity = {MSIX_NUMBER: traits.sent_id} if traits.sent_id else {}
    stated = {name: value for name in NAMES if (value := getattr(traits, name))}
    if traits.birth_date is not None:
        stated["birth_date"] = traits.birth_date.isoformat()
    if traits.multiple_birth:
        stated["multiple_birth_flag"] = traits.multiple_birth
    found: list[Event] = [
        RecordOpened(
            state=traits.state,
            state_student_id=traits.state_student_id,
            student_id=student_id,
            elements=identity,
        ),
        DemographicsStated(fact=1, elements=stated),
    ]
    for other in traits.other_ids:
        found.append(AlternateIdStated(fact=len(found), elements={"alternate_state_student_id": other}))
    for stay in traits.attendances:
        fact = len(found)
        found.append(Enrolled(fact=fact, elements=_enrollment(stay)))
        if stay.ends is not None:
            elements = {"withdrawal_date": stay.ends.isoformat()}
            found.append(Withdrawn(fact=fact + 1, enrollment=fact, elements=elements))
    return found


def _enrollment(stay: Attendance) -> dict[str, str]:
    school = "school_identification_code" if stay.school.isdigit() else "school_or_project_name"
    elements = {
        "enrollment_date": stay.begins.isoformat(),
        "enrollment_type": "01" if stay.full else "03",
        "facility_state": stay.state,
        school: stay.school,
        "grade_level": stay.grade,
    }
    return {name: value for name, value in elements.items() if value}


def _link(ledger: Ledger, students: Iterable[Sequence[Anchor]]) -> int:
    """Make the records of each child one student, by the events that the matcher writes; many in one append. How many
    were linked."""
    parts: list[Part] = []
    shown: dict[bytes, str] = {}
    together: list[list[bytes]] = []
    for first, *others in students:
        if not others:
            continue
        reach = Reach(linkage=Linkage(), records={anchor.record: anchor for anchor in (first, *others)})
        before, after = reach.students(), reach.students()
        said: dict[str, list[Event]] = {}
        for other in others:
            # Versions count the acts of a stream, from which an act has its id.
            reach = msgspec.structs.replace(reach, versions={name: len(acts) for name, acts in said.items()})
            acted = decide(Link(record=other.record, member=first.record, why=BY_POLICY), reach)
            reach, after = reach.after(one.event for one in acted.said), acted.after
            for one in acted.said:
                for anchor in one.anchors:
                    said.setdefault(anchor.student_id, []).append(one.event)
        parts += [
            Part(stream=f"linkage/{student}", subject=LEDGER[0], expected=0, events=acts)
            for student, acts in said.items()
        ]
        for record, student in after.student_of.items():
            if student != before.student_of[record]:
                shown[uuid.UUID(record).bytes] = student
        together.append([uuid.UUID(anchor.record).bytes for anchor in (first, *others)])
    if parts:
        ledger.log.append(Append(parts=parts, meta=_META, relinked=Relinked(students=shown, together=together)))
    return sum(len(records) - 1 for records in together)


class _Remembering(Matcher):
    """Remembers, and holds everything for decided: it is the ground, and who is whose child is known of it. To decide
    it would take hours at a million, and no second of it would be measured."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.log, ledger.links, ledger.proposals, ledger.policies)

    def decide(self, conn: psycopg.Connection[Any], *_: object, **__: object) -> Matched | None:
        """Nothing waits any more."""
        conn.execute("truncate matching.undecided")
        return None
