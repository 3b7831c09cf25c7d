"""An act of linkage by its id: what it joined, parted or took back, and whether it still holds. Ids alone, so that it
is no showing of a child; why it was done is told by the history of either student.

Read from the log, so that it is never behind. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from ledger.application import Ledger
from ledger.errors import NotFound
from ledger.events.linkage import Act, ActReversed, RecordLinked, RecordsSplit, StudentsMerged
from ledger.linkage import live_acts, masters_of
from ledger.links import Seeds
from ledger.reach import Reach


def act_told(ledger: Ledger, act: str) -> dict[str, Any]:
    """As the answer shows it. Raises NotFound, StoreUnavailable, LogBroken."""
    reach = ledger.links.reach(Seeds(acts=[act]))
    known = reach.linkage.acts.get(act)
    if known is None:
        raise NotFound(f"There is no act {act}.", remedy="See the history of either student: it has the ids of acts.")
    position, event = known
    stream = f"linkage/{act.partition('-')[0]}"
    first = next(one for one in ledger.log.read_streams([stream]) if getattr(one.event, "act", None) == act)
    live = live_acts(reach.linkage)
    answers = [other.act for _, other in reach.linkage.acts.values() if _reverses(other, act) and other.act in live]
    declared = [one for one in reach.linkage.declarations.values() if one[1].by == act]
    return {
        "act": act,
        "event": event.topic,
        "position": position,
        "recorded_at": first.recorded_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "actor": first.meta.actor,
        "case": event.case,
        "parts": [_minted(reach, part) for part in _parts(event)],
        "masters": [master.student_id for master in masters_of(event)],
        "reverses": event.reverses if isinstance(event, ActReversed) else None,
        "holds": act in live,
        "reversed_by": answers[0] if answers else None,
        "declarations": [one.declaration for _, one in sorted(declared, key=lambda said: said[0])],
    }


def _reverses(other: Act, act: str) -> bool:
    return isinstance(other, ActReversed) and other.reverses == act


def _parts(event: Act) -> list[list[str]]:
    match event:
        case RecordLinked() | StudentsMerged():
            return [event.left, event.right]
        case RecordsSplit():
            return [part.records for part in event.parts]
        case _:
            return []


def _minted(reach: Reach, records: Iterable[str]) -> list[str]:
    """By the ids that they minted, of the records that there are."""
    return [reach.records[record].student_id for record in records if record in reach.records]
