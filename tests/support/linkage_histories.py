"""Histories of linkage without a store: records, acts decided one after another, and who is who after each.

``Reference`` tells the same in the plainest way: by asking of every act whether it holds, and walking from record to
record. It shares no line with the product beside the events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import msgspec

from ledger.errors import LedgerError
from ledger.events import Event, Meta, Recorded
from ledger.events.linkage import (
    Act,
    ActReversed,
    Anchor,
    DeclarationWithdrawn,
    DeclaredNotSame,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)
from ledger.jurisdiction import DEFAULT
from ledger.linkage import Clusters, clusters, fold
from ledger.linkage_acts import Acted, Command, Link, Merge, Reverse, Split, decide
from ledger.reach import Reach, minting
from ledger.record import Command as RecordCommand
from ledger.record import PlaceStudent, RecordState
from ledger.record import decide as decide_record
from ledger.record import fold as fold_facts
from projections.consolidation import consolidate
from projections.record_words import fold_record
from support.rows import course, demographics, enrollment, move, student

Said = list[tuple[int, Event]]

STATES = ("OR", "CA", "TX")
_BEGINNING = datetime(2025, 9, 2, tzinfo=UTC)


def anchor(number: int) -> Anchor:
    """The record that was opened as the number-th; its uuid sorts the other way, so that order of uuids is no help."""
    return Anchor(f"record-{999 - number:03}", f"{number:03}", 10 * (number + 1))


def child(number: int) -> tuple[str, str]:
    """State and state student id of a record."""
    return STATES[number % len(STATES)], f"S{number}"


@cache
def opening(number: int) -> tuple[RecordState, tuple[Recorded, ...]]:
    """A record as it is opened: every one with a course and an enrollment that others have too."""
    state, ssid = child(number)
    rows = student(demographics(None), move(None), enrollment(None), course(None))
    command = PlaceStudent(
        state=state,
        state_student_id=ssid,
        student=msgspec.structs.replace(rows, state=state, state_student_id=ssid),
        new_student_id=anchor(number).student_id,
    )
    events = decide_record(command, None, DEFAULT).events
    folded = fold_facts(events)
    assert folded is not None
    return folded, tuple(recorded(number, 10 * (number + 1) + n, event) for n, event in enumerate(events))


def recorded(number: int, position: int, event: Event) -> Recorded:
    return Recorded(
        position=position,
        stream=f"record/{anchor(number).record}",
        version=position,
        recorded_at=_BEGINNING + timedelta(seconds=position),
        event_id=f"{position:032x}",
        meta=Meta(actor="registrar"),
        event=event,
    )


class History:
    """What happened to some records. said: acts with their positions, every copy; who was destroyed is gone.

    facts: of each record, all that its state said. states: the records as they are.
    """

    def __init__(self, records: int) -> None:
        self.anchors = [anchor(number) for number in range(records)]
        self.said: Said = []
        self.versions: dict[str, int] = {}
        self.destroyed: set[str] = set()
        self.states = [opening(number)[0] for number in range(records)]
        self.facts = [list(opening(number)[1]) for number in range(records)]
        self._position = 1000

    def reach(self) -> Reach:
        """All of it."""
        there = {a.record: a for a in self.anchors if a.record not in self.destroyed}
        return Reach(fold(self.said), there, dict(self.versions))

    def do(self, command: Command) -> Acted:
        """Decide, and write what is decided into its streams. Raises what ``decide`` raises."""
        acted = decide(command, self.reach())
        for said in acted.said:
            for at in said.anchors:
                self._position += 1
                self.said.append((self._position, said.event))
                self.versions[at.student_id] = self.versions.get(at.student_id, 0) + 1
        return acted

    def state_says(self, number: int, command: RecordCommand) -> None:
        """A state speaks of its record. Raises what the record's ``decide`` raises."""
        for event in decide_record(command, self.states[number], DEFAULT).events:
            self._position += 1
            self.facts[number].append(recorded(number, self._position, event))
            self.states[number] = fold_facts([event], self.states[number]) or self.states[number]

    def link(self, record: int, member: int) -> str:
        return self.do(Link(record=self.name(record), member=self.name(member), why="policy")).id

    def merge(self, left: str, right: str, master: str | None = None) -> str:
        """Merge two students by the ids that they show."""
        reach = self.reach()
        one, other = minting(reach, left), minting(reach, right)
        first = minting(reach, master or left)
        return self.do(Merge(left=one.record, right=other.record, master=first.record)).id

    def split(self, *groups: Iterable[int]) -> str:
        return self.do(Split(groups=[[self.name(number) for number in group] for group in groups])).id

    def reverse(self, act: str) -> str:
        return self.do(Reverse(act=act)).id

    def name(self, number: int) -> str:
        return self.anchors[number].record

    def clusters(self) -> Clusters:
        return clusters(fold(self.said), self.anchors)

    def students(self) -> dict[str, set[int]]:
        """Shown id to the numbers of its records."""
        numbers = {a.record: number for number, a in enumerate(self.anchors)}
        return {shown: {numbers[a.record] for a in members} for shown, members in self.clusters().members.items()}

    def shown(self) -> dict[str, dict[str, bytes]]:
        """The consolidated record of every student, by the id that it shows."""
        found: dict[str, dict[str, bytes]] = {}
        for student_id, numbers in self.students().items():
            records = [fold_record(self.facts[number]) for number in numbers]
            found[student_id] = consolidate(student_id, [record for record in records if record is not None]).sections
        return found

    def without(self, act: str) -> History:
        """What there would be, had an act and all that answers it never been."""
        gone = {act}
        other = History(len(self.anchors))
        other.facts = self.facts
        for position, event in self.said:
            if isinstance(event, ActReversed) and event.reverses in gone:
                gone.add(event.act)
            if isinstance(event, DeclaredNotSame):
                left_out = event.by in gone
            elif isinstance(event, DeclarationWithdrawn):
                left_out = False
            else:
                left_out = getattr(event, "act") in gone  # noqa: B009 - every act has one
            if not left_out:
                other.said.append((position, event))
        return other


class Reference:
    """Who is who, told plainly. acts: in the order in which they were made."""

    def __init__(self, anchors: Collection[Anchor], said: Said) -> None:
        self.anchors = anchors
        self.acts: list[Act] = []
        self.declared: list[DeclaredNotSame] = []
        self.withdrawn: set[str] = set()
        for _, event in said:
            match event:
                case RecordLinked() | StudentsMerged() | RecordsSplit() | ActReversed():
                    if event not in self.acts:
                        self.acts.append(event)
                case DeclaredNotSame():
                    if event not in self.declared:
                        self.declared.append(event)
                case DeclarationWithdrawn():
                    self.withdrawn.add(event.declaration)

    def holds(self, act: Act) -> bool:
        """An act holds unless a reversal of it holds."""
        return not any(isinstance(a, ActReversed) and a.reverses == act.act and self.holds(a) for a in self.acts)

    def neighbours(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {a.record: set() for a in self.anchors}
        holding = [act for act in self.acts if self.holds(act)]
        cut = {c.edge for act in holding if isinstance(act, RecordsSplit) for c in act.cuts}
        for act in holding:
            pairs: list[tuple[str, str, str]] = []
            if isinstance(act, RecordLinked):
                pairs = [(act.act, act.record.record, act.member.record)]
            elif isinstance(act, StudentsMerged):
                pairs = [(act.act, act.left_anchor.record, act.right_anchor.record)]
            elif isinstance(act, RecordsSplit):
                pairs = [(f"{act.act}/{n + 1}", e.left.record, e.right.record) for n, e in enumerate(act.adds)]
            for name, left, right in pairs:
                if name not in cut:
                    found[left].add(right)
                    found[right].add(left)
        return found

    def students(self) -> dict[str, set[str]]:
        """Shown id to records."""
        neighbours, placed, found = self.neighbours(), set[str](), dict[str, set[str]]()
        for start in neighbours:
            if start in placed:
                continue
            component, waiting = {start}, [start]
            while waiting:
                for other in neighbours[waiting.pop()] - component:
                    component.add(other)
                    waiting.append(other)
            placed |= component
            found[self.shown(component)] = component
        return found

    def shown(self, component: set[str]) -> str:
        for act in reversed(self.acts):
            if not self.holds(act):
                continue
            masters: list[Anchor] = []
            if isinstance(act, RecordLinked | StudentsMerged):
                masters = [act.master]
            elif isinstance(act, RecordsSplit):
                masters = [part.master for part in act.parts]
            for master in masters:
                if master.record in component:
                    return master.student_id
        return min((a for a in self.anchors if a.record in component), key=lambda a: a.opened).student_id

    def forbidden(self) -> set[frozenset[str]]:
        """Pairs of records that must not be one student's."""
        held = {act.act for act in self.acts if self.holds(act)}
        return {
            frozenset((left.record, right.record))
            for declared in self.declared
            if declared.declaration not in self.withdrawn and (declared.by is None or declared.by in held)
            for left, right in product(declared.left, declared.right)
        }


def assert_as_told(history: History) -> None:
    """Who is who, and that nobody is who he was declared not to be."""
    reference = Reference(history.anchors, history.said)
    told: Mapping[str, set[str]] = {
        shown: {a.record for a in members} for shown, members in history.clusters().members.items()
    }
    assert told == reference.students()
    together = {frozenset((one, other)) for members in told.values() for one in members for other in members}
    assert not together & reference.forbidden()


def tried(history: History, command: Command) -> Acted | None:
    """As ``History.do``; None where it is refused."""
    try:
        return history.do(command)
    except LedgerError:
        return None
