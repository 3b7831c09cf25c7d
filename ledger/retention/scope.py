"""Exactly what goes of one record or account: which keys, and with them which events, papers and cases.

Invariant: a key goes only where all that it seals is of the subject and of a class that is to go (``KEYS``), or where
it is a closed case's that names the record first. So nothing else goes with it; and what is found now is compared whole
with what was approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from ledger.events.base import KeyClass
from ledger.events.retention import Key, Scope
from ledger.retention.days import Subject
from ledger.retention.schedules import ACCESS, EDUCATION, ELIGIBILITY

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    ELIGIBILITY: (ELIGIBILITY,),
    EDUCATION: (EDUCATION, ELIGIBILITY, KeyClass.DISCLOSURE.value),
    ACCESS: (ACCESS,),
}
"""Class that is destroyed to the subject's keys that go. Without its opening nothing of a record can be read, so all of
it goes with education; disclosures are kept as long as the record, and no longer (34 CFR 99.32(a)(2))."""


class ClosedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that is off the worklist. key: that seals it. events: in its stream. first: uuid of the record that it
    names first. others: uuids of the other records that it names."""

    id: str
    key: Key
    events: int
    first: str
    others: frozenset[str] = frozenset()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a subject, of whatever class. keys: of the vault, under the subject's name. events: id of a key
    to how many events of both logs it seals. version: of the subject's stream. student_id: minted by the record.
    attachments: papers under the access key. cases: that name the record."""

    subject: Subject
    keys: Sequence[Key]
    events: Mapping[str, int]
    version: int
    student_id: str | None = None
    attachments: Sequence[str] = ()
    cases: Sequence[ClosedCase] = ()


def scope_of(record_class: str, found: Found) -> Scope | None:
    """What goes of it when a class does; None where nothing is left that could."""
    subject = found.subject
    going = [key for key in found.keys if key.subject == subject.id and key.key_class in KEYS[record_class]]
    if record_class not in {key.key_class for key in going}:
        return None
    led = [case for case in found.cases if case.first == subject.id] if record_class == EDUCATION else []
    counts = dict.fromkeys((key.key_class for key in going), 0)
    for key in going:
        counts[key.key_class] += found.events.get(key.id, 0)
    if led:
        counts[KeyClass.CASE.value] = sum(case.events for case in led)
    return Scope(
        record_class=record_class,
        subject=subject.id,
        state=subject.state,
        student_id=found.student_id,
        student=sorted(subject.student),
        keys=sorted([*going, *(case.key for case in led)], key=lambda key: key.id),
        version=found.version,
        events=dict(sorted(counts.items())),
        attachments=sorted(found.attachments) if record_class == ACCESS else [],
        cases=sorted(case.id for case in led),
    )


def changes(before: Scope, now: Scope) -> list[str]:
    """In what two scopes of one subject differ, by the names of the fields.

    Not in how many disclosures there are: whoever is refused a record leaves one too, and could so keep it for ever by
    asking. Who was shown it moves the day on which it is due, and keeps it by that.
    """
    fields = Scope.__struct_fields__
    one, other = (replace(scope, events=_without_disclosures(scope.events)) for scope in (before, now))
    return [name for name in fields if getattr(one, name) != getattr(other, name)]


def _without_disclosures(events: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in events.items() if name != KeyClass.DISCLOSURE.value}
