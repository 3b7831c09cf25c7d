"""What the reversal of an act would come to: the students as they are and as they would be, field by field.

Read from the log, so that it rests on what the reversal itself would be decided upon. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from ledger.application import Ledger
from ledger.events import Erased, Recorded
from ledger.events.case import Place
from ledger.events.linkage import Anchor
from ledger.linkage import Clusters
from ledger.linkage_acts import Acted
from ledger.links import Seeds
from ledger.sides import Sides, sides_of
from projections.consolidation import Student, consolidate
from projections.disclosures import Told
from projections.record_words import Record, fold_record

SHOWN: Final = ("core", "contacts", "health")
"""Sections of a student that a preview shows."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Of a reversal. now, then: the students that it would change. records: of all of them. sides: None where the act
    joined nothing. position: of the last that was said of any of them."""

    act: str
    acted: Acted
    now: list[Student]
    then: list[Student]
    records: list[str]
    sides: Sides | None
    position: int


def preview_of(ledger: Ledger, act: str, place: Place | None) -> Preview:
    """Raises as ``Reversals.preview``."""
    acted = ledger.reversals.preview(act, place)
    linkage = ledger.links.reach(Seeds(acts=[act])).linkage
    changed = {
        anchor.record
        for members in acted.before.members.values()
        for anchor in members
        if _with(acted.before, anchor) != _with(acted.after, anchor)
    }
    records = _records(ledger, changed)
    return Preview(
        act=act,
        acted=acted,
        now=_students(acted.before, changed, records),
        then=_students(acted.after, changed, records),
        records=sorted(changed),
        sides=sides_of(linkage, act),
        position=max((*(record.position for record in records.values()), *(said for said, _ in linkage.acts.values()))),
    )


def told(preview: Preview, recall: Sequence[Told]) -> dict[str, Any]:
    """As the answer shows it."""
    now = {student.student_id: _shown(student) for student in preview.now}
    then = {student.student_id: _shown(student) for student in preview.then}
    before = {record: student.student_id for student in preview.now for record in student.records}
    return {
        "act": preview.act,
        "now": list(now.values()),
        "then": list(then.values()),
        "differs": [
            {"student_id": student.student_id, "field": field, "now": was, "then": will}
            for student in preview.then
            for field, was, will in _differences(now[before[student.records[0]]], then[student.student_id])
        ],
        "declared": [{"left": _minted(one.left), "right": _minted(one.right)} for one in preview.acted.declared],
        "residue": preview.acted.residue,
        "joined_by": preview.acted.joined_by,
        "recall": recall_told(recall),
    }


def recall_told(recall: Iterable[Told]) -> list[dict[str, Any]]:
    """A recall list as answers show it."""
    return [one._asdict() for one in recall]


def _with(students: Clusters, anchor: Anchor) -> tuple[str, tuple[Anchor, ...]] | None:
    """None for a record that was destroyed, and joins no others."""
    shown = students.student_of.get(anchor.record)
    return None if shown is None else (shown, students.members[shown])


def _records(ledger: Ledger, names: Iterable[str]) -> dict[str, Record]:
    """Records that can be opened, by uuid."""
    events: dict[str, list[Recorded]] = {}
    for recorded in ledger.log.read_streams([f"record/{name}" for name in names]):
        events.setdefault(recorded.stream[len("record/") :], []).append(recorded)
    found: dict[str, Record] = {}
    for name, recorded in events.items():
        readable = [one for one in recorded if not isinstance(one.event, Erased)]
        folded = fold_record(readable) if readable and readable[0] is recorded[0] else None
        if folded is not None:
            found[name] = folded
    return found


def _students(students: Clusters, changed: set[str], records: Mapping[str, Record]) -> list[Student]:
    found: list[Student] = []
    for shown, members in students.members.items():
        there = [records[anchor.record] for anchor in members if anchor.record in records]
        if there and any(anchor.record in changed for anchor in members):
            found.append(consolidate(shown, there))
    return found


def _shown(student: Student) -> dict[str, Any]:
    sections = {name: orjson.loads(student.sections[name]) for name in SHOWN}
    return {"student_id": student.student_id, "status": student.status, **sections}


def _differences(now: dict[str, Any], then: dict[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for section in SHOWN:
        for field in {**now[section], **then[section]}:
            was, will = now[section].get(field), then[section].get(field)
            if was != will:
                yield f"{section}.{field}", was, will


def _minted(anchors: Iterable[Anchor]) -> list[str]:
    return [anchor.student_id for anchor in anchors]
