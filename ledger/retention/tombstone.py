"""What is said of what is gone: that it was here, since when it is not, and by which schedule. No more is known.

Invariant: a student id is gone only where every record that it ever stood for is; as long as one is left, the id leads
there. Of the child nothing stands here: a record's uuid and the id that it minted are random, and the id that its state
has for it stands in no event of retention, so nobody can test by it whether a child was here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date

import msgspec

from ledger.errors import Gone, LogBroken
from ledger.events.base import Recorded
from ledger.events.retention import KeyDestroyed
from ledger.retention.days import DayOf
from ledger.retention.schedules import EDUCATION, Schedules


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was destroyed whole. student_id: that it minted. on: the day, in its state's zone. disposal: whose
    certificate says so. position: of the event that does."""

    record: str
    student_id: str
    on: date
    schedule: str
    disposal: str
    position: int


def tombstone(recorded: Recorded, day_of: DayOf) -> Tombstone | None:
    """Of a record that an event says is gone; None where it says that less is, or something else. Raises LogBroken."""
    event = recorded.event
    if not isinstance(event, KeyDestroyed) or event.record is None or event.record_class != EDUCATION:
        return None
    if event.student_id is None or event.disposal is None:
        raise LogBroken(f"Position {recorded.position}: a record is gone, and it is not said which.")
    return Tombstone(
        record=event.record,
        student_id=event.student_id,
        on=day_of(recorded.recorded_at),
        schedule=event.schedule,
        disposal=event.disposal,
        position=recorded.position,
    )


def gone(
    student_id: str, records: Collection[str], tombstones: Mapping[str, Tombstone], schedules: Schedules
) -> Gone | None:
    """The answer to an id that leads nowhere any more; None where it leads to a record. records: uuids of all that the
    id stands for, destroyed ones too. tombstones: by record.

    Its members are told over HTTP beside what and remedy: ``student_id`` as asked for, ``destroyed_on`` of the record
    that went last, ``schedule`` and ``authority`` by which it did, ``disposal`` whose certificate proves it.
    """
    there = [tombstones[record] for record in records if record in tombstones]
    if not there or len(there) < len(records):
        return None
    last = max(there, key=lambda one: one.position)
    schedule = schedules.called(last.schedule)
    answer = Gone(
        "All that was kept under this student id was destroyed, as a schedule says.",
        remedy="It cannot be read by anybody any more. A certificate of the disposal proves that it went.",
    )
    answer.members = {
        "student_id": student_id,
        "destroyed_on": last.on.isoformat(),
        "schedule": last.schedule,
        "authority": None if schedule is None else schedule.authority,
        "disposal": last.disposal,
    }
    return answer


def tombstones_of(recorded: Iterable[Recorded], day_of: DayOf) -> dict[str, Tombstone]:
    """By record, of any events. Raises LogBroken."""
    found = (tombstone(one, day_of) for one in recorded)
    return {one.record: one for one in found if one is not None}
