"""Words of a person beside what was done about retention: sealed under a key of what they are about, opened again.

Invariant: words about a child or an account go with its key, and what was done stays told. For what is gone already no
key is made anew, and then no words are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ledger.events import Event, Recorded, Sealed
from ledger.events.base import KeyClass
from ledger.events.retention import Over, OverAccount, OverRecords, Reasoned, Scope
from ledger.links import REASON
from ledger.retention.schedules import ACCESS
from ledger.store import tombstones
from ledger.store.append import Part, Secret
from ledger.store.log import Log
from ledger.store.vault import LEDGER, Subject


def subjects_over(over: Over) -> list[Subject] | None:
    """Under whose key the words of a hold may stand: the records' that it names, or the account's. None over a state or
    everything: there they stand in clear, beside nobody."""
    match over:
        case OverRecords():
            return [(anchor.record, KeyClass.EDUCATION.value) for anchor in over.records]
        case OverAccount():
            return [(over.account, KeyClass.ACCESS.value)]
        case _:
            return None


def subjects_of(scopes: Iterable[Scope]) -> list[Subject]:
    """Under whose key the words about a disposal may stand: of whatever it names."""
    return [
        (scope.subject, (KeyClass.ACCESS if scope.record_class == ACCESS else KeyClass.EDUCATION).value)
        for scope in scopes
    ]


def part_with_reasons(
    log: Log, stream: str, version: int, events: Sequence[Event], subjects: Sequence[Subject] | None
) -> Part:
    """Events for a stream of retention, decided with their reasons as text. subjects: as above; the words go with the
    first of them that is still there. Raises StoreUnavailable."""
    if subjects is None:
        return Part(stream=stream, subject=LEDGER[0], expected=version, events=events)
    subject = _first_left(log, subjects)
    said, secrets = list[Event](), dict[int, dict[str, Secret]]()
    for place, event in enumerate(events):
        if isinstance(event, Reasoned) and isinstance(event.reason, str):
            if subject is not None:
                secrets[place] = {REASON: Secret(subject, event.reason)}
            said.append(replace(event, reason=None))
        else:
            said.append(event)
    return Part(stream=stream, subject=LEDGER[0], expected=version, events=said, secrets=secrets)


def with_reason(log: Log, recorded: Recorded) -> Event:
    """An event with its words, where their key is there; without them else. Raises StoreUnavailable, LogBroken."""
    event = recorded.event
    if not isinstance(event, Reasoned) or not isinstance(event.reason, Sealed):
        return event
    with log.connection() as conn:
        return replace(event, reason=log.open_field(conn, recorded, REASON, event.reason))


def _first_left(log: Log, subjects: Sequence[Subject]) -> Subject | None:
    """The first that has its key still; None where all of them are gone."""
    with log.connection() as conn:
        left = tombstones.with_key(conn, subjects)
    return next((subject for subject in subjects if subject in left), None)
