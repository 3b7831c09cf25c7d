"""What records say of who the child is, read from the log for the matcher, and where a state has corrected it.

Invariant: a function of the log, the policy and two positions, so that where batches begin and end changes nothing.
What one commit wrote of a record is one row of a file, and is looked at whole: whom a record names half way through it,
it never named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ledger.events import Erased, Recorded
from ledger.events.record import RecordRetracted
from ledger.facts import RecordState
from ledger.identity import traits_of
from ledger.matching.person import Person, person
from ledger.matching.policy import Policy
from ledger.matching.traits import Traits
from ledger.record_fold import fold
from ledger.store.log import Log
from ledger.store.match_doubts import Doubt

RECORDS_AT_ONCE = 500
"""Records whose streams are held at once; of each no more is kept than who it says the child is."""
_WHO = ("given", "surnames", "birth", "sex", "flag", "parents", "place")
_ALL_AT_ONCE = ("given", "surnames", "birth")
"""A state that changes all of these in one row speaks of another child, or has mixed up two (linkage)."""
_RECORD = "record/"


class Told(NamedTuple):
    """person: as the record says it is; None where it says nothing any more, or is destroyed. position: of what it said
    last. doubt: what its state has corrected."""

    person: Person | None
    position: int
    doubt: Doubt | None


def told(log: Log, records: Mapping[str, int], upto: int, policy: Policy) -> dict[str, Told]:
    """What records say, by uuid, when the log had come to a position. records: to the position after which corrections
    are looked at. Raises StoreUnavailable, LogBroken, UnknownEvent."""
    found: dict[str, Told] = {}
    names = sorted(records)
    for at in range(0, len(names), RECORDS_AT_ONCE):
        streams: dict[str, list[Recorded]] = {name: [] for name in names[at : at + RECORDS_AT_ONCE]}
        for recorded in log.read_streams([_RECORD + name for name in streams]):
            streams[recorded.stream.removeprefix(_RECORD)].append(recorded)
        found |= {name: _told(events, records[name], upto, policy) for name, events in streams.items()}
    return found


def is_other(was: Person, now: Person) -> bool:
    """Whether names and birth date are all others now."""
    return all(getattr(was, field) != getattr(now, field) for field in _ALL_AT_ONCE)


# -- inside


def _told(whole: Sequence[Recorded], after: int, upto: int, policy: Policy) -> Told:
    # What was said behind it is of later: a decision tells how far was read.
    events = [one for one in whole if one.position <= upto]
    if not events or isinstance(events[0].event, Erased):
        return Told(None, events[-1].position if events else upto, None)
    rows = list(_rows(whole))
    before = [one for row in rows if row[-1].position <= after for one in row]
    state = fold(one.event for one in before)
    was, doubt = _said_last(state, before), None
    for row in rows:
        if row[-1].position <= after or row[0].position > upto:
            continue
        state = fold((one.event for one in row if one.position <= upto), state)
        now = _traits(state)
        if now is None or row[-1].position > upto:
            continue  # of a row that is not read to its end, whoever reads on tells
        if was is not None and was != now:
            doubt = _doubted(doubt, person(was, policy.roles), person(now, policy.roles), row[-1].position)
        was = now
    says = _traits(state)
    return Told(None if says is None else person(says, policy.roles), events[-1].position, doubt)


def _doubted(doubt: Doubt | None, was: Person, now: Person, position: int) -> Doubt | None:
    if all(getattr(was, field) == getattr(now, field) for field in _WHO):
        return doubt
    new = Doubt(position, was, is_other(was, now))
    return new if doubt is None else doubt.then(new)


def _said_last(state: RecordState | None, events: Sequence[Recorded]) -> Traits | None:
    """What a record says; of one that is retracted, what it said before that."""
    says = _traits(state)
    if says is None:
        last = max((at for at, one in enumerate(events) if isinstance(one.event, RecordRetracted)), default=0)
        says = _traits(fold(one.event for one in events[:last]))
    return says


def _traits(state: RecordState | None) -> Traits | None:
    return None if state is None else traits_of(state)


def _rows(events: Sequence[Recorded]) -> Iterator[list[Recorded]]:
    """What was written of a record together: one commit has one time, and what it says of a record stands in a row."""
    row: list[Recorded] = []
    for one in events:
        # Of an event that opens no more nobody knows whose it was: it says nothing, and stands with what it stood by.
        metas = {said.meta for said in (*row[-1:], one) if not isinstance(said.event, Erased)}
        if row and ((one.recorded_at, one.position) != (row[-1].recorded_at, row[-1].position + 1) or len(metas) > 1):
            yield row
            row = []
        row.append(one)
    if row:
        yield row
