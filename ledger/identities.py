"""What records say of who the child is, read from the log: of some, or of all, now or when the log had come to a place.

Invariant: what is told hangs on the log alone, and on no table that anything else keeps; a record that was retracted by
then, or whose key is gone, says nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ledger.events import Erased, Recorded
from ledger.facts import RecordState
from ledger.identity import traits_of
from ledger.matching.person import Person, Roles, person
from ledger.matching.traits import Traits
from ledger.record import fold
from ledger.store.log import Log

RECORDS_AT_ONCE = 500
_RECORD = "record/"


def states_of(log: Log, records: Iterable[str], upto: int | None = None) -> dict[str, RecordState]:
    """Records by uuid, as they stood at a position, or stand now; those that there were not, or that were destroyed,
    are left out. Raises StoreUnavailable, LogBroken, UnknownEvent."""
    names = sorted(set(records))
    told: dict[str, list[Recorded]] = {name: [] for name in names}
    for at in range(0, len(names), RECORDS_AT_ONCE):
        for recorded in log.read_streams([_RECORD + name for name in names[at : at + RECORDS_AT_ONCE]]):
            if upto is None or recorded.position <= upto:
                told[recorded.stream.removeprefix(_RECORD)].append(recorded)
    found: dict[str, RecordState] = {}
    for name, recorded in told.items():
        if recorded and isinstance(recorded[0].event, Erased):
            continue
        state = fold(one.event for one in recorded)
        if state is not None:
            found[name] = state
    return found


def people_of(log: Log, records: Iterable[str], roles: Roles, upto: int | None = None) -> dict[str, Person]:
    """As ``states_of``, as a policy compares them; a record that says nothing of the child is left out."""
    return {
        record: person(traits, roles)
        for record, state in states_of(log, records, upto).items()
        if (traits := traits_of(state)) is not None
    }


def every_record(log: Log) -> Iterator[str]:
    """The uuids of all records that there are, in their order, so many at once."""
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        with log.connection() as conn:
            rows: Any = conn.execute(_PAGE, (after, RECORDS_AT_ONCE)).fetchall()
        names = [str(row["record_id"]) for row in rows]
        if not names:
            return
        yield from names
        after = names[-1]


def traits_in_parts(log: Log, records: Iterable[str], upto: int | None = None) -> Iterator[dict[str, Traits]]:
    """What records say, so many at once: whoever reads all of them holds no more of the log than that."""
    part: list[str] = []
    for record in records:
        part.append(record)
        if len(part) == RECORDS_AT_ONCE:
            yield _traits(log, part, upto)
            part = []
    if part:
        yield _traits(log, part, upto)


def _traits(log: Log, records: list[str], upto: int | None) -> dict[str, Traits]:
    states = states_of(log, records, upto)
    return {record: traits for record, state in states.items() if (traits := traits_of(state)) is not None}


_PAGE = "select record_id from ledger.records where record_id > %s::uuid order by record_id limit %s"
