"""What the matcher has done since a position, told by state: for whoever has just sent a file.

Read from the log, so that it is right whichever process decided.
"""

from __future__ import annotations

import msgspec
from psycopg.rows import tuple_row

from ledger.events.case import CaseOpened, Link
from ledger.events.linkage import RecordLinked
from ledger.match_writing import ACTOR
from ledger.store.log import Log

_TOPICS = (RecordLinked.topic, CaseOpened.topic)
_PAGE = 10_000


class Tally(msgspec.Struct):
    """linked: records that were found to be of a student known before. asked: near matches. events: of linkage."""

    linked: int = 0
    asked: int = 0
    events: int = 0


def matched_since(log: Log, position: int) -> dict[str, Tally]:
    """State of the record that was linked, or is asked about, to what was done; under no state what is of a record that
    is destroyed. Raises StoreUnavailable, LogBroken."""
    linked: dict[str, str] = {}
    found: dict[str, Tally] = {}
    written: dict[str, int] = {}
    with log.connection() as conn:
        while sealed := log.reader.page(conn, position + 1, _PAGE, topics=_TOPICS):
            position = sealed[-1].id
            for one in log.open(conn, sealed):
                event = one.event
                if one.meta.actor != ACTOR:
                    continue
                if isinstance(event, RecordLinked):
                    linked[event.act] = event.record.record
                    written[event.act] = written.get(event.act, 0) + 1
                elif isinstance(event, CaseOpened) and isinstance(event.proposal, Link):
                    asked = event.proposal.record
                    # Of one that was destroyed as it was asked about nobody knows the state any more.
                    state = next((known.state for known in event.records if known.anchor == asked), "")
                    found.setdefault(state, Tally()).asked += 1
        rows = conn.cursor(row_factory=tuple_row).execute(
            "select record_id::text, state from ledger.records where record_id = any(%s::uuid[])",
            (list(linked.values()),),
        )
        states = dict(rows.fetchall())
    for act, record in linked.items():
        tally = found.setdefault(states.get(record, ""), Tally())
        tally.linked += 1
        tally.events += written[act]
    return found
