"""Reads and writes one event log: the library's application recorder over our table.

Invariant: whoever holds the lock on the head row gives the next positions and commits before he lets go, so positions
are gap-free and in commit order, and a reader who sees position n sees all before it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from ledger.errors import Conflict, LedgerError
from ledger.store import arrays
from ledger.store.append import SealedAppend, SealedPart
from ledger.store.commit import commit_group
from ledger.store.mapper import SealedEvent, SealedNotification
from ledger.store.vault import DISPOSALS, last_disposal


class LedgerRecorder(PostgresApplicationRecorder):
    """One log in the schema of its datastore. Tables are Alembic's; this class creates nothing.

    Of the library's contract, ``insert_events`` takes sealed events through the same transaction as the sequencer,
    so there is no second way in, and raises IntegrityError where a version is taken.
    """

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "events") -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        schema = datastore.schema
        self.log_name = schema
        self.channel_name = f"{schema}_events"
        self._sql = {name: SQL(text).format(schema=Identifier(schema)) for name, text in _STATEMENTS.items()}

    def create_table(self) -> None:
        """Nothing: the schema is Alembic's."""

    # -- reading

    def select_events(
        self,
        originator_id: uuid.UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[SealedNotification]:
        """The events of a stream, by version."""
        with self.datastore.get_connection() as conn:
            return self.events_of(conn, [str(originator_id)], gt=gt, lte=lte, desc=desc, limit=limit)

    def events_of(
        self,
        conn: psycopg.Connection[Any],
        streams: Sequence[str],
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[SealedNotification]:
        """The events of several streams in one query, ordered by stream and version."""
        query = self._sql["events_of_desc" if desc else "events_of"]
        return self._fetch(conn, query, (list(streams), gt or 0, lte if lte is not None else 2**62, limit))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[SealedNotification]:
        """A page of the log, by position."""
        first = 1 if start is None else start if inclusive_of_start else start + 1
        with self.datastore.get_connection() as conn:
            return self.page(conn, first, limit, stop, topics)

    def page(
        self,
        conn: psycopg.Connection[Any],
        first: int,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
    ) -> list[SealedNotification]:
        """As ``select_notifications``, on a connection of the caller's."""
        last = stop if stop is not None else 2**62
        if topics:
            return self._fetch(conn, self._sql["page_of_topics"], (first, last, list(topics), limit))
        return self._fetch(conn, self._sql["page"], (first, last, limit))

    def page_at_once(self, conn: psycopg.Connection[Any], first: int, limit: int) -> Read:
        """As ``page``, by ``at_once``."""
        return at_once(conn, self._sql["page"], (first, 2**62, limit))

    def events_at_once(self, conn: psycopg.Connection[Any], streams: Sequence[str], *, gt: int = 0) -> Read:
        """As ``events_of``, by ``at_once``."""
        return at_once(conn, self._sql["events_of"], (list(streams), gt, 2**62, None))

    def max_notification_id(self) -> int | None:
        """The last position, None when the log is empty."""
        with self.datastore.get_connection() as conn:
            return self.head(conn) or None

    def head(self, conn: psycopg.Connection[Any]) -> int:
        """The last position, 0 when the log is empty."""
        with conn.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(self._sql["head"]).fetchone()
        assert row is not None
        return row[0]

    def _fetch(self, conn: psycopg.Connection[Any], query: Any, params: Sequence[Any]) -> list[SealedNotification]:
        with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
            cursor.execute(query, params, prepare=True)
            return list(map(SealedNotification._make, cursor.fetchall()))

    # -- writing

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's way in: the positions, in the order of the events.

        Raises IntegrityError where a version is taken or left out, TypeError for unsealed events and for whatever else
        is to be stored with them (``tracking``): refused, where the library's own function drops it without a word.
        """
        if kwargs:
            raise TypeError(f"nothing else is stored with events here: {', '.join(kwargs)}")
        if not stored_events:
            return []
        parts: dict[str, list[SealedEvent]] = {}
        for event in stored_events:
            if not isinstance(event, SealedEvent):
                raise TypeError("only sealed events can be stored")
            before = parts.setdefault(str(event.originator_id), [])
            if before and event.originator_version != before[-1].originator_version + 1:
                raise IntegrityError(f"Stream {event.originator_id}: versions follow each other.")
            before.append(event)
        append = SealedAppend(parts=[SealedPart(s, es[0].originator_version - 1, es) for s, es in parts.items()])
        with self.datastore.get_connection() as conn:
            arrays.register(conn)
            (outcome,) = commit_group(conn, self.log_name, [append], datetime.now(UTC))
        if isinstance(outcome, Conflict):
            raise IntegrityError(str(outcome))
        if isinstance(outcome, LedgerError):
            raise outcome
        # A stream's events lie together, in the order in which the streams were first named.
        places = {id(event): place for place, event in enumerate(e for events in parts.values() for e in events)}
        first = outcome.position - len(stored_events) + 1
        return [first + places[id(event)] for event in stored_events]


class Read(NamedTuple):
    """Rows of a log. disposals: position of the last disposal once they had been found: for whoever opens them."""

    sealed: list[SealedNotification]
    disposals: int


def at_once(conn: psycopg.Connection[Any], query: Any, params: Sequence[Any]) -> Read:
    """What a query finds, with the last disposal: both are asked in one go, since waiting for an answer takes longer
    than finding it. conn: in autocommit, or the end of its transaction is waited for besides."""
    with conn.pipeline():
        found = conn.cursor(binary=True, row_factory=tuple_row).execute(query, params, prepare=True)
        asked = conn.cursor(binary=True, row_factory=tuple_row).execute(DISPOSALS, prepare=True)
    return Read(list(map(SealedNotification._make, found.fetchall())), last_disposal(asked))


COLUMNS: Final = (
    "stream, version, topic, body, uuid_send(event_id), uuid_send(key_id), key_check, position, recorded_at, leaf"
)
"""In the order of ``SealedNotification``; ids as bytes, which nobody has to unpack again."""
_STATEMENTS: dict[str, LiteralString] = {
    "page": f"select {COLUMNS} from {{schema}}.events where position between %s and %s order by position limit %s",
    "page_of_topics": f"select {COLUMNS} from {{schema}}.events where position between %s and %s"
    " and topic = any(%s) order by position limit %s",
    "events_of": f"select {COLUMNS} from {{schema}}.events where stream = any(%s) and version > %s and version <= %s"
    " order by stream, version limit %s",
    "events_of_desc": f"select {COLUMNS} from {{schema}}.events where stream = any(%s) and version > %s"
    " and version <= %s order by stream, version desc limit %s",
    "head": "select position from {schema}.head",
}
