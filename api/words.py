"""What happened to a student, in words: one sentence for each event of the audit trail.

Invariant: a sentence says what the event says, and no more; who and when stand beside it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ledger.events import Erased, Event
from ledger.events.linkage import (
    ActReversed,
    Anchor,
    DeclarationWithdrawn,
    DeclaredNotSame,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)
from ledger.events.record import (
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.mde import TABLES

_NOUNS: Final = {
    "S": "the student's own row",
    "D": "demographics",
    "K": "an alternate id",
    "Q": "a qualifying move",
    "E": "an enrollment",
    "C": "a course",
    "A": "an assessment",
    "I": "an immunization",
}
_WHY: Final = {
    "answered": "a person answered that they are the same child",
    "policy": "the matching policy found them to be the same child",
    "state-says-same": "the state says that they are the same child",
}


def told(event: Event, record: str | None = None) -> str:
    """An event as a sentence. record: as a person knows it (``OR 123``), where the event is a record's."""
    if isinstance(event, Erased):
        return f"What was said here ({event.was}) was destroyed and cannot be read any more."
    for kind, say in _SAYINGS.items():
        if isinstance(event, kind):
            return say(event, record or "The record")
    return f"{event.topic}."


def _opened(event: RecordOpened, record: str) -> str:
    return f"{record} was opened and minted student {event.student_id}."


def _stated(event: FactStated, record: str) -> str:
    return f"{record}: stated {_NOUNS[event.letter]} (fact {event.fact}): {_listed(event.letter, event.elements)}."


def _withdrawn(event: Withdrawn, record: str) -> str:
    return f"{record}: withdrawn on {event.elements.get('withdrawal_date', '?')} from enrollment {event.enrollment}."


def _resides(event: ResidencyChanged, record: str) -> str:
    return f"{record}: residency with enrollment {event.enrollment}: {_listed('E', event.elements)}."


def _corrected(event: FactCorrected, record: str) -> str:
    table = TABLES[event.letter].by_key
    changes = (
        f"{table[key].name if key in table else key} from {before or 'nothing'} to {after or 'nothing'}"
        for key, (before, after) in event.elements.items()
    )
    return f"{record}: corrected {_NOUNS[event.letter]} (fact {event.fact}): {'; '.join(changes)}."


def _retracted(event: FactRetracted, record: str) -> str:
    return f"{record}: took back {_NOUNS[event.letter]} (fact {event.fact})."


def _record_retracted(_: RecordRetracted, record: str) -> str:
    return f"{record} was taken back by its state."


def _record_reinstated(_: RecordReinstated, record: str) -> str:
    return f"{record} was sent again by its state."


def _linked(event: RecordLinked, _: str) -> str:
    return (
        f"Act {event.act}: the record of student {event.record.student_id} was linked to the record of student"
        f" {event.member.student_id}, because {_WHY.get(event.why, event.why)}; shown as {event.master.student_id}."
    )


def _merged(event: StudentsMerged, _: str) -> str:
    return (
        f"Act {event.act}: students {event.left_anchor.student_id} and {event.right_anchor.student_id} were merged,"
        f" with {len(event.left)} and {len(event.right)} records; shown as {event.master.student_id}."
    )


def _split(event: RecordsSplit, _: str) -> str:
    parts = ", ".join(f"{part.master.student_id} with {len(part.records)}" for part in event.parts)
    return f"Act {event.act}: the records of one student were split: {parts}."


def _reversed(event: ActReversed, _: str) -> str:
    return f"Act {event.act}: act {event.reverses} was reversed."


def _declared(event: DeclaredNotSame, _: str) -> str:
    by = f", by act {event.by}" if event.by else ""
    return (
        f"Declaration {event.declaration}{by}: records of {_minted(event.left)} are not the same child as those of"
        f" {_minted(event.right)}."
    )


def _declaration_withdrawn(event: DeclarationWithdrawn, _: str) -> str:
    return f"Declaration {event.declaration} was withdrawn."


def _minted(anchors: Iterable[Anchor]) -> str:
    return ", ".join(anchor.student_id for anchor in anchors)


def _listed(letter: str, elements: Mapping[str, str]) -> str:
    table = TABLES[letter].by_key
    return (
        ", ".join(f"{table[key].name if key in table else key} {value}" for key, value in elements.items()) or "empty"
    )


# The narrow before the wide: a withdrawal and a residency are stated facts too.
_SAYINGS: Final[dict[type[Event], Callable[[Any, str], str]]] = {
    RecordOpened: _opened,
    Withdrawn: _withdrawn,
    ResidencyChanged: _resides,
    FactStated: _stated,
    FactCorrected: _corrected,
    FactRetracted: _retracted,
    RecordRetracted: _record_retracted,
    RecordReinstated: _record_reinstated,
    RecordLinked: _linked,
    StudentsMerged: _merged,
    RecordsSplit: _split,
    ActReversed: _reversed,
    DeclaredNotSame: _declared,
    DeclarationWithdrawn: _declaration_withdrawn,
}
