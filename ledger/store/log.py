"""One event log, opened: read it, append to it. There are two of the same code, ``ledger`` and ``access``."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
import psycopg
from cryptography.exceptions import InvalidTag
from eventsourcing.application import Application
from eventsourcing.persistence import InfrastructureFactory, Mapper, PersistenceError
from eventsourcing.postgres import BasePostgresFactory, PostgresFactory
from eventsourcing.utils import Environment

from ledger.errors import (
    IntegrityBroken,
    LedgerError,
    LogBroken,
    RecordDestroyed,
    StaleDecision,
    StoreUnavailable,
)
from ledger.events import Recorded, Sealed
from ledger.ids import Uuid7Source
from ledger.store import arrays, canonical, disposing, faults, retention_guards, shown_since
from ledger.store.append import Append, Block, Destroyed, Expected, Receipt, SealedAppend, SealedBlock, SealedPart
from ledger.store.commit import LostBeforeCommit, commit_group
from ledger.store.database import Database, Role, translate
from ledger.store.datastore import RoleDatastore
from ledger.store.left import open_left
from ledger.store.mapper import Draft, LedgerMapper, SealedEvent, SealedNotification, open_field, seal_field
from ledger.store.recorder import LedgerRecorder
from ledger.store.sequencer import Sequencer
from ledger.store.vault import IN_MEMORY, NewKey, Subject, SubjectKey, Vault, seal, submission_subject, unseal

LOGS: Final = ("ledger", "access")
FEW_KEYS: Final = 3
"""Events of a key, on average, from which on each key's derivations are begun together."""


class _Factory(PostgresFactory):
    """The library's factory over a datastore that is ours."""

    application_recorder_class = LedgerRecorder

    def __init__(self, env: Environment, datastore: RoleDatastore) -> None:
        super(BasePostgresFactory, self).__init__(env)  # its own would make a datastore from the environment
        self.datastore = datastore


class Log(Application[str]):
    """An event log of a database, for reading (any role that may) and, with a clock, for appending.

    vault: opens and seals. ids: event ids, uuid7. clock: UTC now.
    """

    name = "events"

    def __init__(
        self,
        log: str,
        database: Database,
        vault: Vault,
        ids: Uuid7Source,
        *,
        role: Role = Role.WRITER,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        group_events_max: int = 20_000,
    ) -> None:
        if log not in LOGS:
            raise ValueError(f"no log {log!r}; there are {LOGS}")
        self.log_name = log
        self.vault = vault
        self.channel = f"{log}_events"
        self._ids = ids
        self._clock = clock
        self._database = database
        self._datastore = RoleDatastore(database.conninfo(role, name=f"sojourn {log}"), schema=log)
        with _available():
            super().__init__({"COMPRESSOR_TOPIC": "", "CIPHER_TOPIC": ""})
        self.opener: LedgerMapper = self.mapper  # type: ignore[assignment]
        self.reader: LedgerRecorder = self.recorder  # type: ignore[assignment]
        self.sequencer = Sequencer(
            log,
            lambda: database.connect(Role.WRITER, name=f"sojourn {log} sequencer"),
            clock,
            group_events_max=group_events_max,
            catch_up=vault.catch_up,
        )
        self._closing = threading.Lock()

    # -- what the library asks for

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Our datastore, not one from the environment."""
        return _Factory(env, self._datastore)

    def construct_mapper(self) -> Mapper[str]:
        """Sealing needs a key per event, which the library's mapper has not."""
        return LedgerMapper()

    def construct_recorder(self) -> LedgerRecorder:
        """Over the table that Alembic made."""
        return LedgerRecorder(self._datastore, events_table_name="events")

    # -- reading

    def head(self) -> int:
        """The last position, 0 when nothing was recorded. Raises StoreUnavailable, Misconfigured."""
        with self.connection() as conn:
            return self.reader.head(conn)

    def read(self, after: int, limit: int) -> list[Recorded]:
        """Up to ``limit`` opened events after a position, in order, without gaps. Raises LogBroken, UnknownEvent."""
        with self.connection() as conn:
            return self.open(conn, *self.reader.page_at_once(conn, after + 1, limit))

    def read_stream(self, stream: str, after: int = 0) -> list[Recorded]:
        """The opened events of a stream after a version. Raises LogBroken, UnknownEvent."""
        return self.read_streams([stream], after)

    def read_streams(self, streams: Sequence[str], after: int = 0) -> list[Recorded]:
        """The opened events of several streams, in one query, by stream and version."""
        with self.connection() as conn:
            return self.open(conn, *self.reader.events_at_once(conn, streams, gt=after))

    def read_left(self, streams: Sequence[str], upto: int) -> list[Recorded]:
        """The events of several streams up to a position, in order: ``Erased`` where these say that their keys were
        destroyed, also where one came back with a backup. Raises LogBroken, UnknownEvent."""
        with self.connection() as conn:
            rows = [row for row in self.reader.events_of(conn, streams) if row.id <= upto]
            try:
                return open_left(conn, self.vault, self.opener, rows)
            except IntegrityBroken as broken:
                self.sequencer.stop(broken)
                raise

    def open(
        self, conn: psycopg.Connection[Any], sealed: Sequence[SealedNotification], disposals: int | None = None
    ) -> list[Recorded]:
        """Open what was read. disposals: as in ``Vault.catch_up``. Raises LogBroken, UnknownEvent; nothing is appended
        here any more then."""
        try:
            keys = self.vault.open_keys(conn, {event.key_id for event in sealed}, disposals)
            if len(keys) * FEW_KEYS < len(sealed):
                begun = {key_id: None if key is None else key.begun() for key_id, key in keys.items()}
                return self.opener.open_all(sealed, begun)
            return self.opener.open_all(sealed, keys)
        except IntegrityBroken as broken:
            self.sequencer.stop(broken)
            raise

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A pooled connection. Raises StoreUnavailable, Misconfigured for what PostgreSQL says."""
        with _available(), self._datastore.get_connection() as conn:
            yield conn

    # -- appending

    def append(self, append: Append) -> Receipt:
        """Write, and wait until it is durable. Raises StaleDecision, IdempotencyKeyReused, StoreUnavailable, …"""
        return self.sequencer.submit(self.seal(append)).result()

    def dispose(self, append: Append, expected: Expected | None = None) -> Receipt:
        """Write an append that says that keys are destroyed, and destroy them with all that goes with them: as the
        disposer, on a connection of its own. expected: what that was decided on; None where nothing can have moved.

        Whoever opens something sealed by them from now on finds nothing, in whichever process, and nothing is written
        any more that they sealed. Raises as ``append``.
        """
        assert self.log_name == "ledger", "it is the ledger that says what is gone, of both logs"
        self.fill_guards()
        any_was_shown = partial(shown_since.any_was_shown, self.vault, self.opener)
        going = Destroyed(told=disposing.told_in(append.parts), any_was_shown=any_was_shown, expected=expected)
        sealed = msgspec.structs.replace(self.seal(append), destroys=going)
        # Decided, and nothing is durable.
        faults.point("disposal.decided")
        with _available(), self._database.connect(Role.DISPOSER, name=f"sojourn {self.log_name} disposal") as conn:
            arrays.register(conn)
            try:
                (outcome,) = commit_group(conn, self.log_name, [sealed], self._clock(), self.vault.catch_up)
            except LostBeforeCommit as lost:
                raise StoreUnavailable(
                    "PostgreSQL went away before anything was destroyed.", remedy="It is tried again."
                ) from lost
        # The keys are gone and the log says so.
        if isinstance(outcome, LedgerError):
            raise outcome
        self.vault.forget_ids({bytes.fromhex(key_id) for _, event in going.told for key_id in event.key_ids})
        # Durable, and this process knows; nobody was answered.
        faults.point("disposal.told")
        return outcome

    def fill_guards(self) -> None:
        """See that the guards of retention say what the log does: once in the life of a database that is older than
        they are, and before anything is decided by them. Raises StoreUnavailable, LogBroken."""
        with self.connection() as conn:
            if retention_guards.are_filled(conn):
                return
        retention_guards.fill(self._database, self)

    def seal(self, append: Append) -> SealedAppend:
        """Seal an append, making keys as needed; may read the vault. Raises StaleDecision where something that it is
        about was destroyed, StoreUnavailable."""
        disposals = self.vault.disposals  # before the keys: what goes after this look is found by the commit
        subjects = {
            (part.subject if (k := event.key_class().value) != "ledger" else "ledger", k)
            for part in append.parts
            for event in part.events
        }
        subjects |= {s.subject for part in append.parts for named in part.secrets.values() for s in named.values()}
        if append.block is not None:
            subjects.add(submission_subject(append.block.submission))
        new = {str(uuid.UUID(bytes=o.record_id)) for o in append.opened}
        new |= {part.subject for part in append.parts if part.expected == 0 and part.stream.startswith("case/")}
        try:
            keys, new_keys = self._keys(subjects, new)
        except RecordDestroyed as gone:
            raise StaleDecision("What this is about was destroyed meanwhile.", remedy="Decide anew.") from gone
        return self._seal(append, keys, new_keys, disposals)

    def seal_cached(self, append: Append) -> SealedAppend | None:
        """As ``seal``, without any input or output: None where a key is not at hand."""
        disposals, keys = self.vault.disposals, dict[Subject, SubjectKey]()
        if append.block is not None or any(part.secrets for part in append.parts):
            return None
        for part in append.parts:
            for event in part.events:
                key_class = event.key_class().value
                subject = (part.subject if key_class != "ledger" else "ledger", key_class)
                if subject not in keys:
                    key = self.vault.cached(subject)
                    if key is None:
                        return None
                    keys[subject] = key
        IN_MEMORY.inc(len(keys))
        return self._seal(append, keys, [], disposals)

    def _seal(
        self, append: Append, keys: dict[Subject, SubjectKey], new_keys: Sequence[NewKey], disposals: int
    ) -> SealedAppend:
        to_stored, next_id = self.opener.to_stored_event, self._ids.next
        parts = []
        for part in append.parts:
            events: list[SealedEvent] = []
            for place, event in enumerate(part.events):
                key_class = event.key_class().value
                key = keys[part.subject if key_class != "ledger" else "ledger", key_class]
                event_id = next_id()
                whole = event
                if place in part.secrets:
                    sealed = {
                        name: seal_field(keys[secret.subject], part.stream, event.topic, event_id, name, secret.text)
                        for name, secret in part.secrets[place].items()
                    }
                    whole = event.with_sealed(sealed)
                events.append(to_stored(Draft(part.stream, 0, whole, append.meta, event_id, key)))
            parts.append(SealedPart(part.stream, part.expected, events))
        return SealedAppend(
            parts=parts,
            answer=append.answer,
            opened=append.opened,
            rows=append.rows,
            moved=append.moved,
            sealed_by=frozenset(key.key_id for key in keys.values()),
            disposals=disposals if append.disposals is None else min(append.disposals, disposals),
            upload=append.upload,
            relinked=append.relinked,
            cases=append.cases,
            accounts=append.accounts,
            holds=append.holds,
            block=None if append.block is None else self._sealed_block(append.block, keys),
            new_keys=new_keys,
        )

    def _sealed_block(self, block: Block, keys: dict[Subject, SubjectKey]) -> SealedBlock:
        # An id of its own each time it is sealed: a chunk that is decided anew says something else under another key.
        key, block_id = keys[submission_subject(block.submission)], self._ids.next()
        text = seal(key.body_key(block_id), block.text, canonical.block(block.submission, block.chunk))
        return SealedBlock(block.submission, block.chunk, block_id, key.key_id, text)

    def open_field(
        self,
        conn: psycopg.Connection[Any],
        recorded: Recorded,
        name: str,
        sealed: Sealed,
        disposals: int | None = None,
    ) -> str | None:
        """A sealed field of an event; None where its key was destroyed. disposals: as in ``Vault.catch_up``, of whoever
        opens many. Raises LogBroken."""
        key_id = bytes.fromhex(sealed.key)
        key = self.vault.open_keys(conn, {key_id}, disposals)[key_id]
        return None if key is None else open_field(key, recorded, name, sealed)

    def open_block(self, conn: psycopg.Connection[Any], sealed: SealedBlock) -> bytes | None:
        """A block; None where its key was destroyed. Raises LogBroken."""
        key = self.vault.open_keys(conn, {sealed.key_id})[sealed.key_id]
        if key is None:
            return None
        try:
            return unseal(key.body_key(sealed.block_id), sealed.text, canonical.block(sealed.submission, sealed.chunk))
        except InvalidTag:
            raise LogBroken(f"Answers of {sealed.submission} do not open in their place.") from None

    def _keys(self, subjects: Iterable[Subject], new: set[str]) -> tuple[dict[Subject, SubjectKey], list[NewKey]]:
        """Keys of existing subjects are durable before they seal; those of a record or case that is new here go with
        the append."""
        made = [self.vault.make(subject) for subject in subjects if subject[0] in new]
        keys = {new.subject: new.key for new in made}
        existing = [subject for subject in subjects if subject not in keys]
        missing = [s for s in existing if (key := self.vault.cached(s)) is None or keys.setdefault(s, key) is None]
        IN_MEMORY.inc(len(existing) - len(missing))
        if missing:
            with self.connection() as conn:
                keys.update(self.vault.load(conn, missing))
        return keys, made

    def close(self) -> None:
        """Write what waits, then let go of every connection."""
        with self._closing:
            self.sequencer.close()
            super().close()


@contextmanager
def _available() -> Iterator[None]:
    """Turn the library's and psycopg's errors into ours."""
    try:
        yield
    except PersistenceError as e:
        cause = e.__cause__
        ours = translate(cause) if isinstance(cause, psycopg.Error) else None
        raise ours or StoreUnavailable("PostgreSQL cannot be reached.", remedy="See that it runs.") from e
    except psycopg.Error as e:
        ours = translate(e)
        if ours is None:
            raise
        raise ours from e
