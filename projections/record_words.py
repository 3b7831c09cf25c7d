"""A record as its events leave it, with every word that led there: who said it, when, and instead of what.

The one invariant: nothing that was said is forgotten while its record is open to read; the same events give the same
state, however they were cut into batches. Pure; what is shown of it is ``projections.consolidation``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

from ledger.errors import LogBroken
from ledger.events import KeyClass, Recorded
from ledger.events.record import (
    EVENTS,
    Elements,
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import KINDS, Status

PREFIX: Final = len("record/")
"""Where a record's uuid begins in the name of its stream."""

# -- state


class Word(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One time that a state spoke of a fact.

    act: ``restated`` after its record was reinstated. submission: of the file, None through the API. row: of the
    file. superseded: element to the value that stood before; None where there was none.
    """

    act: Literal["stated", "corrected", "retracted", "restated"]
    position: int
    recorded_at: datetime
    submission: str | None = None
    row: int | None = None
    superseded: dict[str, str | None] = {}


class Fact(msgspec.Struct, array_like=True, gc=False):
    """One thing that a state says, as it stands, and every word that led there, first to last.

    Fact 0, letter S, is the record's own row. enrollment: of a withdrawal or a residency, the fact it belongs to.
    """

    id: int
    letter: str
    kind: str
    elements: Elements
    record_id: str | None
    enrollment: int | None
    status: Status
    words: list[Word]


class Record(msgspec.Struct, array_like=True, gc=False):
    """What one state knows about one child. position: of the last event. facts: in the order they were first stated."""

    record: str
    state: str
    state_student_id: str
    student_id: str
    status: Literal["open", "retracted"]
    opened: int
    position: int
    facts: dict[int, Fact]


# -- folding the events of a record


def fold_record(events: Iterable[Recorded], record: Record | None = None) -> Record | None:
    """The record after these events of its stream, in order. Changes and returns the record given, if any."""
    for recorded in events:
        record = tell(record, recorded)
    return record


def tell(record: Record | None, recorded: Recorded) -> Record:
    """Let a record hear one event of its stream; changes it. Raises LogBroken where the event cannot follow."""
    event = recorded.event
    if record is None:
        if not isinstance(event, RecordOpened):
            raise LogBroken(f"Position {recorded.position} speaks of a record that was never opened.")
        return _opened(recorded, event)
    try:
        # Corrections first, since they are the most.
        if isinstance(event, FactCorrected):
            _corrected(record.facts[event.fact], recorded, event)
        elif isinstance(event, FactStated):
            _stated(record, recorded, event)
        elif isinstance(event, FactRetracted):
            _retracted(record, recorded, event)
        elif isinstance(event, RecordRetracted):
            record.status = "retracted"
            for fact in record.facts.values():
                if fact.status == "live" and fact.id:
                    fact.status = "dormant"
        elif isinstance(event, RecordReinstated):
            record.status = "open"
        else:
            raise LogBroken(f"Position {recorded.position} opens a record that is open.")
    except KeyError:
        if event.key_class() is not KeyClass.ELIGIBILITY:
            raise LogBroken(f"Position {recorded.position} speaks of a fact that was never stated.") from None
        # A move that was destroyed: what is said of it since is said under another key.
    record.position = recorded.position
    return record


def _word(
    act: Literal["stated", "corrected", "retracted", "restated"],
    recorded: Recorded,
    row: int | None,
    superseded: dict[str, str | None] | None = None,
) -> Word:
    return Word(act, recorded.position, recorded.recorded_at, recorded.meta.submission, row, superseded or {})


def _opened(recorded: Recorded, event: RecordOpened) -> Record:
    word = _word("stated", recorded, event.source_row)
    return Record(
        record=recorded.stream[PREFIX:],
        state=event.state,
        state_student_id=event.state_student_id,
        student_id=event.student_id,
        status="open",
        opened=recorded.position,
        position=recorded.position,
        facts={0: Fact(0, "S", "record", event.elements, None, None, "live", [word])},
    )


def _stated(record: Record, recorded: Recorded, event: FactStated) -> None:
    fact = record.facts.get(event.fact)
    enrollment = event.enrollment if isinstance(event, Withdrawn | ResidencyChanged) else None
    if fact is None:
        record.facts[event.fact] = Fact(
            event.fact,
            event.letter,
            _KINDS[type(event)],
            event.elements,
            event.record_id,
            enrollment,
            "live",
            [_word("stated", recorded, event.source_row)],
        )
        return
    before, after = fact.elements, event.elements
    superseded = {key: before.get(key) for key in (*before, *after) if before.get(key) != after.get(key)}
    fact.words.append(_word("restated", recorded, event.source_row, superseded))
    fact.elements, fact.record_id, fact.enrollment, fact.status = after, event.record_id, enrollment, "live"


def _corrected(fact: Fact, recorded: Recorded, event: FactCorrected) -> None:
    elements = dict(fact.elements)
    superseded: dict[str, str | None] = {}
    for key, (before, after) in event.elements.items():
        superseded[key] = before
        if after is None:
            elements.pop(key, None)
        else:
            elements[key] = after
    fact.elements = elements
    if event.record_id is not None:
        fact.record_id = event.record_id
    fact.words.append(_word("corrected", recorded, event.source_row, superseded))


def _retracted(record: Record, recorded: Recorded, event: FactRetracted) -> None:
    """An enrollment takes what names it along."""
    word = _word("retracted", recorded, event.source_row)
    record.facts[event.fact]
    for fact in record.facts.values():
        if fact.id == event.fact or (fact.enrollment == event.fact and fact.status != "retracted"):
            fact.status = "retracted"
            fact.words.append(word)


_KINDS: dict[type[FactStated], str] = {
    event: KINDS[event.letter] for event in EVENTS if issubclass(event, FactStated)
} | {Withdrawn: "withdrawal", ResidencyChanged: "residency"}
