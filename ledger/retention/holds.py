"""Holds: what is kept although its years are over. State, evolve, decide, fold; and what holds a subject.

Invariant: a hold goes before every schedule, and in doubt it holds: a hold over a record holds each that is one student
with it, as long as it is. People place legal holds, and holds of a request; an open case, and an open request, hold by
themselves until they are settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec.structs import replace

from ledger.errors import BadValue, LogBroken, NotFound, RecordDestroyed, Refused, UnknownState
from ledger.events.base import Event
from ledger.events.retention import HoldPlaced, HoldReleased, Over, OverAccount, OverAll, OverRecords, OverState
from ledger.mde import STATES
from ledger.persons import same_person
from ledger.retention.days import Subject

LEGAL: Final = "legal"
REQUEST: Final = "request"
CASE: Final = "case"
PLACED: Final = (LEGAL, REQUEST)
"""Kinds that a person places. A case holds while it is open, and nobody places that."""

REASON_MAX: Final = 2000
_SAY_WHY: Final = "Say why, in at most 2000 characters."
assert str(REASON_MAX) in _SAY_WHY
RECORDS_MAX: Final = 500
"""Records that one hold names."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as its events leave it. version: events in its stream."""

    placed: HoldPlaced
    released: HoldReleased | None = None
    version: int = 1


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A case or a request that nobody has settled. kind: ``case`` or ``request``. records: uuids. by: who opened it."""

    id: str
    kind: str
    records: frozenset[str]
    by: str


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that holds a subject now. id: of the hold, case or request; why stands there, for whoever may read it.
    until: last day, None for no end. through: the closed case that would go with the subject, where that alone is held:
    what holds another record that it names."""

    id: str
    kind: str
    by: str
    until: str | None = None
    through: str | None = None


class Lifted(msgspec.Struct, frozen=True, kw_only=True):
    """A hold that one person placed and another released: with it, one alone took away what a third had put in the
    way. by, released_by: these two. until: as of ``Holding``."""

    id: str
    kind: str
    by: str
    released_by: str
    until: str | None = None


class PlaceHold(msgspec.Struct, frozen=True, kw_only=True):
    """The fields are those of ``HoldPlaced``. today: the latest that it is with anything held. there: whether
    everything is there that is to be held."""

    hold: str
    kind: str
    over: Over
    by: str
    reason: str
    today: date
    until: date | None = None
    there: bool = True


class ReleaseHold(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    reason: str


Command = PlaceHold | ReleaseHold


def holding(subject: Subject, holds: Iterable[Hold], opened: Iterable[Open] = ()) -> tuple[Holding, ...]:
    """All that holds a subject on the day that it is there: legal holds first, those without an end before others."""
    found = [
        Holding(id=hold.placed.hold, kind=hold.placed.kind, by=hold.placed.by, until=hold.placed.until)
        for hold in holds
        if holds_on(hold, subject.today) and covers(hold.placed.over, subject)
    ]
    found += [
        Holding(id=one.id, kind=one.kind, by=one.by) for one in opened if not one.records.isdisjoint(subject.student)
    ]
    order = {kind: place for place, kind in enumerate((LEGAL, REQUEST, CASE))}
    return tuple(sorted(found, key=lambda one: (order[one.kind], one.until is not None, one.until or "", one.id)))


def lifted(subjects: Sequence[Subject], released: Iterable[Hold]) -> list[Lifted]:
    """Those of the holds that were released which were over one of these, and which somebody else released than had
    placed them: whenever that was, by what the subjects are now."""
    return [
        Lifted(
            id=hold.placed.hold,
            kind=hold.placed.kind,
            by=hold.placed.by,
            released_by=hold.released.by,
            until=hold.placed.until,
        )
        for hold in released
        if hold.released is not None
        and not same_person(hold.released.by, hold.placed.by)
        and any(covers(hold.placed.over, one) for one in subjects)
    ]


def holds_on(hold: Hold, day: date) -> bool:
    """Whether a hold holds: its last day is one on which it does."""
    until = hold.placed.until
    return hold.released is None and (until is None or day <= date.fromisoformat(until))


def covers(over: Over, subject: Subject) -> bool:
    """Whether a subject is meant."""
    match over:
        case OverRecords():
            return any(anchor.record in subject.student for anchor in over.records)
        case OverAccount():
            return over.account == subject.id
        case OverState():
            return over.state in subject.states
        case OverAll():
            return True


# -- evolve and fold


def evolve(hold: Hold | None, event: Event) -> Hold:
    """The hold after an event of its stream. Raises LogBroken."""
    if hold is None and isinstance(event, HoldPlaced):
        return Hold(placed=event)
    if hold is not None and isinstance(event, HoldReleased):
        return replace(hold, released=event, version=hold.version + 1)
    raise LogBroken(f"A hold's stream goes on with {event.topic}.")


def fold(events: Iterable[Event], hold: Hold | None = None) -> Hold | None:
    """The hold after events; None where there are none. Raises LogBroken."""
    for event in events:
        hold = evolve(hold, event)
    return hold


# -- decide


def decide(command: Command, hold: Hold | None) -> list[Event]:
    """The event of a command; none where it says what holds. Raises NotFound, UnknownState, RecordDestroyed, Refused,
    and BadValue (rule ``hold-kind``, ``hold-over``, ``hold-until`` or ``reason``)."""
    if isinstance(command, PlaceHold):
        return _placed(command, hold)
    if hold is None:
        raise NotFound("There is no such hold.", remedy="See the list of holds.")
    reason = _reason(command.reason)
    return [] if hold.released else [HoldReleased(hold=hold.placed.hold, by=command.by, reason=reason)]


def _placed(command: PlaceHold, hold: Hold | None) -> list[Event]:
    until = None if command.until is None else command.until.isoformat()
    said = HoldPlaced(
        hold=command.hold,
        kind=command.kind,
        over=command.over,
        by=command.by,
        until=until,
        reason=_reason(command.reason),
    )
    if hold is not None:
        if replace(hold.placed, reason=None) == replace(said, reason=None):
            return []
        raise Refused("There is another hold of this id.", remedy="Place it under an id of its own.")
    if command.kind not in PLACED:
        raise _bad(
            "hold-kind",
            "kind",
            "A hold of this kind is not placed.",
            f"Say {' or '.join(PLACED)}; an open case holds by itself until it is answered.",
        )
    _check_over(command.over)
    if not command.there:
        raise RecordDestroyed(
            "What is to be held is gone.", remedy="What was destroyed is listed with its certificate."
        )
    if command.until is not None and command.until < command.today:
        raise _bad("hold-until", "until", "This day is over.", "Give a day to come, or none for a hold without an end.")
    return [said]


def _check_over(over: Over) -> None:
    if isinstance(over, OverState) and over.state not in STATES:
        raise UnknownState("This is no state.", remedy="Use a USPS state code, such as OR.")
    if isinstance(over, OverRecords) and not 1 <= len(over.records) <= RECORDS_MAX:
        raise _bad(
            "hold-over",
            "over",
            "A hold over records names some.",
            f"Name 1 to {RECORDS_MAX}, or hold the state.",
        )


def _reason(text: str) -> str:
    words = text.strip()
    if not words or len(words) > REASON_MAX:
        raise _bad("reason", "reason", "A reason is wanted.", _SAY_WHY)
    return words


def _bad(rule: str, element: str, what: str, remedy: str) -> BadValue:
    return BadValue(what, rule=rule, element=element, place=f"/{element}", remedy=remedy)
