"""Student ids that lead nowhere any more: since when, by which schedule, and whose certificate proves it.

Invariant: as long as one record is left that an id stands for, it leads there, and nothing is said to be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from ledger.errors import Gone, LogBroken
from ledger.events.retention import KeyDestroyed
from ledger.jurisdiction import DEFAULT, Profile
from ledger.keeping import Keeping
from ledger.links import Links, Seeds
from ledger.retention.tombstone import gone, tombstones_of
from ledger.store import tombstones
from ledger.store.log import Log


def gone_of(
    log: Log, links: Links, keeping: Keeping, profile: Callable[[str], Profile], student_id: str
) -> Gone | None:
    """What is answered to an id whose every record was destroyed; None to any other. Raises StoreUnavailable,
    LogBroken."""
    with log.connection() as conn:
        own = tombstones.of_student(conn, student_id)
    if not own:
        return None
    clusters = links.reach(Seeds(students=[student_id])).students()
    record = own[0].record
    shown = clusters.student_of.get(record)
    records = {record} if shown is None else {anchor.record for anchor in clusters.members[shown]}
    with log.connection() as conn:
        buried = tombstones.of_records(conn, records)
    if len(buried) < len(records):
        return None
    stones = {}
    for one in buried.values():
        [recorded] = log.read(one.position - 1, 1)
        if not isinstance(recorded.event, KeyDestroyed):
            raise LogBroken(f"Position {one.position}: nothing was destroyed there.", remedy="Run `sojourn doctor`.")
        state = recorded.event.state
        zone = ZoneInfo(DEFAULT.time_zone if state is None else profile(state).time_zone)
        stones |= tombstones_of([recorded], lambda instant, zone=zone: instant.astimezone(zone).date())
    return gone(student_id, records, stones, keeping.schedules())
