"""Who is who after the beginning of a log, told plainly from all of it: what a read model must show of linkage.

Which records an act names is read off the streams that hold a copy of it, not asked of the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.events import Recorded
from ledger.events.linkage import (
    ActReversed,
    Anchor,
    DeclarationWithdrawn,
    DeclaredNotSame,
    LinkageEvent,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)
from ledger.events.record import RecordOpened
from support.linkage_histories import Reference, Said


class ToldStudent(NamedTuple):
    """records: uuids, earliest opened first, also of those that cannot be opened any more. linked: position of the last
    act or declaration that names one of them, by its first copy; acted: of an act alone. 0: there is none."""

    student_id: str
    records: list[str]
    linked: int
    acted: int


def students_told(log: Sequence[Recorded], until: int) -> list[ToldStudent]:
    """The students of the records that were opened or named. log: whole; until: how much of it was heard."""
    anchors = {anchor.record: anchor for anchor in _anchors(log, until)}
    said: Said = [(r.position, r.event) for r in log if isinstance(r.event, LinkageEvent) and r.position <= until]
    names: dict[str, set[str]] = {}
    for recorded in log:
        if isinstance(recorded.event, LinkageEvent):
            names.setdefault(_name(recorded.event), set()).add(recorded.stream.removeprefix("linkage/"))
    found: list[ToldStudent] = []
    for shown, records in Reference(list(anchors.values()), said).students().items():
        minted = {anchors[record].student_id for record in records}
        heard: dict[str, tuple[int, bool]] = {}
        for position, event in said:
            is_act = not isinstance(event, DeclaredNotSame | DeclarationWithdrawn)
            if names[name := _name(event)] & minted:
                heard.setdefault(name, (position, is_act))
        found.append(
            ToldStudent(
                shown,
                sorted(records, key=lambda record: anchors[record].opened),
                max((position for position, _ in heard.values()), default=0),
                max((position for position, is_act in heard.values() if is_act), default=0),
            )
        )
    return found


def _anchors(log: Sequence[Recorded], until: int) -> Iterator[Anchor]:
    for recorded in log:
        if recorded.position > until:
            break
        if isinstance(recorded.event, RecordOpened):
            yield Anchor(recorded.stream.removeprefix("record/"), recorded.event.student_id, recorded.position)
        elif isinstance(recorded.event, LinkageEvent):
            yield from _within(msgspec.to_builtins(recorded.event))


def _within(value: Any) -> Iterator[Anchor]:
    if isinstance(value, dict):
        if {"record", "student_id", "opened"} == set(value):
            yield msgspec.convert(value, Anchor)
        for held in value.values():
            yield from _within(held)
    elif isinstance(value, list):
        for held in value:
            yield from _within(held)


def _name(event: Any) -> str:
    match event:
        case DeclaredNotSame():
            return f"declared {event.declaration}"
        case DeclarationWithdrawn():
            return f"withdrawn {event.declaration}"
        case RecordLinked() | StudentsMerged() | RecordsSplit() | ActReversed():
            return event.act
    raise AssertionError(event)
