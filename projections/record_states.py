"""A record as its events leave it, cut down to what one read model asks of it, kept between two batches.

The one invariant: what is kept after a batch is what the whole stream says, wherever the batches were cut. Only what is
live is kept: what was retracted goes at once, and what a retracted record held comes back, whole, when it is stated
again (``ledger.events.record``). What cannot be opened says nothing, and a record whose opening cannot be opened is not
there at all. Linkage says of a record whose it is, and of its facts nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from ledger.events import Recorded
from ledger.events.record import (
    AlternateIdStated,
    AssessmentReported,
    CourseReported,
    DemographicsStated,
    Elements,
    Enrolled,
    FactCorrected,
    FactRetracted,
    FactStated,
    ImmunizationReported,
    MoveQualified,
    RecordEvent,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.store.arrays import texts
from projections import linked
from projections.gone import Gone
from projections.linked import NOWHERE, Placed
from projections.projection import statement
from projections.record_words import PREFIX

REMEMBERED_MAX: Final = 5_000
"""Records whose state stays in memory between two batches."""

KINDS: Final[Mapping[type[FactStated], str]] = {
    DemographicsStated: "D",
    AlternateIdStated: "K",
    MoveQualified: "Q",
    Enrolled: "E",
    Withdrawn: "W",
    ResidencyChanged: "R",
    CourseReported: "C",
    AssessmentReported: "A",
    ImmunizationReported: "I",
}
"""Event to the kind of fact that it states: the letter of the layout, W for a withdrawal, R for a residency."""

Kept = Mapping[str, Sequence[str]]
"""Kind to the elements that are kept of such a fact. A kind that is not named is not kept; one may be kept for its
number alone."""


class Fact(msgspec.Struct, array_like=True, gc=False):
    """A live fact. kind: of ``KINDS``. enrollment: of a withdrawal or residency. said: position of the last event that
    spoke of it."""

    kind: str
    elements: Elements
    enrollment: int | None
    said: int


class RecordState(msgspec.Struct, array_like=True, gc=False):
    """What is kept of one record. facts: by id, live ones only. student_id: shown for it now. minted: by its opening.

    position, changed_at, submission: of the last event that was heard, the last file that was among them.
    """

    record: str
    state: str
    state_student_id: str
    student_id: str
    minted: str
    opened_at: datetime
    position: int
    changed_at: datetime
    submission: str | None
    retracted: bool
    facts: dict[int, Fact]

    def of_kind(self, kind: str) -> list[tuple[int, Fact]]:
        """The live facts of a kind with their ids, in order of id: as they were first stated."""
        return sorted((number, fact) for number, fact in self.facts.items() if fact.kind == kind)

    def demographics(self) -> Elements:
        """Of several, those that were spoken of last (as in the consolidated record); empty where there are none."""
        last = max((fact for fact in self.facts.values() if fact.kind == "D"), key=lambda f: f.said, default=None)
        return last.elements if last else {}


class RecordStates:
    """The records that a fold is at. kept: what of them. every_event: a record that an event speaks of is heard also
    where nothing that is kept changes by it, and so is one of a student that an act of linkage touches. dormant: what a
    record held that was retracted is kept."""

    def __init__(self, kept: Kept, *, every_event: bool = False, dormant: bool = False) -> None:
        self._kept = kept
        self._every_event = every_event
        self._dormant = dormant
        self._records: OrderedDict[str, RecordState] = OrderedDict()

    def take(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> list[RecordState]:
        """The records that a batch changes, as they are after it, with what earlier batches left of them (``body`` of
        table ``records``, and ``projections.linked``)."""
        said, acts = linked.apart(batch)
        placed = linked.placed_by(cursor, schema, acts)
        wanted = {name for recorded in said if (name := recorded.stream[PREFIX:]) not in self._records}
        wanted.update(name for name in placed if name not in self._records)
        if wanted:
            rows = cursor.execute(statement(_LOAD, schema), (texts(sorted(wanted)),), prepare=False, binary=True)
            for name, body in rows:
                self._records[name] = _decode(body)
        return self.hear(said, placed)

    def hear(self, batch: Iterable[Recorded], placed: Mapping[str, Placed] = NOWHERE) -> list[RecordState]:
        """As ``take``, where all that were there before are loaded. placed: whose linkage the batch touches."""
        records, kept, every, dormant = self._records, self._kept, self._every_event, self._dormant
        changed: dict[str, RecordState] = {}
        for recorded in batch:
            name, event = recorded.stream[PREFIX:], recorded.event
            record = records.get(name)
            if record is None:
                if type(event) is not RecordOpened:
                    continue  # the record's opening cannot be opened any more, so there is no record
                record = records[name] = _opened(name, recorded, event)
            elif not (_changes(record, recorded, kept, dormant) or every):
                continue
            record.position, record.changed_at = recorded.position, recorded.recorded_at
            if recorded.meta.submission is not None:
                record.submission = recorded.meta.submission
            changed[name] = record
        for place in placed.values():
            record = records.get(place.record)
            if record is None or (record.student_id == place.student_id and not every):
                continue
            record.student_id = place.student_id
            if every and place.position > record.position:
                record.position, record.changed_at = place.position, place.at
            changed[place.record] = record
        return list(changed.values())

    def follow(
        self,
        cursor: psycopg.Cursor[Any],
        schema: str,
        gone: Gone,
        left: Sequence[Recorded],
        placed: Mapping[str, Placed],
    ) -> list[RecordState]:
        """Delete the rows of records of which keys were destroyed; those that are left, as what still opens tells them:
        they were spoken of there. placed: where they stand, of those that linkage speaks of. For a fold that remembers
        nothing."""
        cursor.execute(statement(_DELETE, schema), (texts(sorted(gone.records)),), prepare=False)
        said = [recorded for recorded in left if isinstance(recorded.event, RecordEvent)]
        records = self.hear(said, {name: placed[name] for name in gone.records if name in placed})
        for record in records:
            went = gone.records[record.record]
            record.position, record.changed_at = went.position, went.at
        return records

    def trim(self, written: Iterable[RecordState]) -> None:
        """Forget the records that were written longest ago. written: just now."""
        for record in written:
            self._records.move_to_end(record.record)
        while len(self._records) > REMEMBERED_MAX:
            self._records.popitem(last=False)


def encode(record: RecordState) -> bytes:
    """A state as a row keeps it."""
    return _encode(record)


def decode(body: bytes) -> RecordState:
    """A state from its row."""
    return _decode(body)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RecordState).decode
_DELETE: LiteralString = "delete from {schema}.records where record = any(%s)"
_LOAD: LiteralString = "select record, body from {schema}.records where record = any(%s)"


def _opened(name: str, recorded: Recorded, event: RecordOpened) -> RecordState:
    at = recorded.recorded_at
    return RecordState(
        name,
        event.state,
        event.state_student_id,
        event.student_id,
        event.student_id,
        at,
        recorded.position,
        at,
        None,
        False,
        {},
    )


def _changes(record: RecordState, recorded: Recorded, kept: Kept, dormant: bool) -> bool:
    """Let a record hear an event; whether anything that is kept has changed."""
    event, facts = recorded.event, record.facts
    kind = KINDS.get(type(event))  # type: ignore[arg-type] - an event of another type states no fact
    if kind is not None:
        assert isinstance(event, FactStated)
        names = kept.get(kind)
        if names is None:
            return False
        said = event.elements
        part_of = event.enrollment if isinstance(event, Withdrawn | ResidencyChanged) else None
        facts[event.fact] = Fact(kind, {n: said[n] for n in names if n in said}, part_of, recorded.position)
    elif isinstance(event, FactCorrected):
        fact = facts.get(event.fact)
        if fact is None:
            return False
        names, elements = kept[fact.kind], dict(fact.elements)
        for name, (_, after) in event.elements.items():
            if after is None:
                elements.pop(name, None)
            elif name in names:
                elements[name] = after
        fact.elements, fact.said = elements, recorded.position
    elif isinstance(event, FactRetracted):
        # An enrollment takes what names it along.
        gone = [n for n, fact in facts.items() if event.fact in (n, fact.enrollment)]
        for number in gone:
            del facts[number]
        return bool(gone)
    elif isinstance(event, RecordRetracted):
        record.retracted = True
        if not dormant:
            facts.clear()
    elif isinstance(event, RecordReinstated):
        record.retracted = False
    return True
