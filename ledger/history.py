"""The audit trail of a student: every event of the records that are linked now, and every act that names one of them.

Read from the log, in the order of its positions, so that it holds what happened and not what became of it. An act that
stands in several streams is told once, at its first place. What can no longer be opened is told as that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from ledger.errors import no_student
from ledger.events import Erased, Event, Recorded, Sealed
from ledger.events.linkage import DeclarationWithdrawn, DeclaredNotSame, LinkageEvent
from ledger.links import REASON, Links, Seeds
from ledger.store.log import Log


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One event. record: uuid of the record in whose stream it stands; None for an act. act: id of an act or a
    declaration. reason: in the person's words, where they can be opened. actor: empty where it is erased."""

    position: int
    recorded_at: datetime
    topic: str
    event: Event
    record: str | None
    act: str | None
    actor: str
    submission: str | None
    reason: str | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """student_id: as it is shown now. records: uuids, earliest opened first. minted: record to the id it minted."""

    student_id: str
    records: list[str]
    minted: dict[str, str]
    happened: list[Happened]


def history_of(log: Log, links: Links, student_id: str) -> History:
    """What happened to a student, by any id ever minted, in order.

    Raises NotFound, StoreUnavailable, LogBroken, UnknownEvent.
    """
    reach = links.reach(Seeds(students=[student_id]))
    found = reach.minting(student_id)
    if found is None:
        raise no_student(student_id)
    students = reach.students()
    shown = students.student_of[found.record]
    members = students.members[shown]
    streams = [
        f"{kind}/{name}" for one in members for kind, name in (("record", one.record), ("linkage", one.student_id))
    ]
    recorded = sorted(log.read_streams(streams), key=lambda one: one.position)
    return History(
        student_id=shown,
        records=[anchor.record for anchor in members],
        minted={anchor.record: anchor.student_id for anchor in members},
        happened=list(_happened(log, recorded)),
    )


def _happened(log: Log, recorded: Sequence[Recorded]) -> Iterator[Happened]:
    told: set[str] = set()
    with log.connection() as conn:
        disposals = log.vault.catch_up(conn)
        for one in recorded:
            act = act_of(one.event)
            if act is not None:
                if act in told:
                    continue
                told.add(act)
            sealed: Sealed | None = getattr(one.event, REASON, None)
            reason = one.meta.reason if sealed is None else log.open_field(conn, one, REASON, sealed, disposals)
            yield Happened(
                position=one.position,
                recorded_at=one.recorded_at,
                topic=one.event.was if isinstance(one.event, Erased) else one.event.topic,
                event=one.event,
                record=None if one.stream.startswith("linkage/") else one.stream[len("record/") :],
                act=act,
                actor=one.meta.actor,
                submission=one.meta.submission,
                reason=reason,
            )


def act_of(event: Event) -> str | None:
    """What tells copies of one act from another: its id; of a withdrawal, that of the declaration, marked."""
    if isinstance(event, DeclaredNotSame):
        return event.declaration
    if isinstance(event, DeclarationWithdrawn):
        return f"{event.declaration} withdrawn"
    return getattr(event, "act", None) if isinstance(event, LinkageEvent) else None
