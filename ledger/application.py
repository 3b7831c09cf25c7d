"""The ledger as its callers see it: one path for every command, and the two logs to read.

Load what the command names, decide (pure), seal, append, and decide anew where somebody was faster. A record's folded
state is kept in memory, and a decision made on what was kept counts only because the sequencer compares its version
in the transaction that writes; "nothing to do" and "refused" are never answered from memory alone.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from asyncio import to_thread
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import msgspec
from psycopg.rows import tuple_row

from ledger import telemetry
from ledger.admissions import Admissions
from ledger.audit import Sizes
from ledger.auditing import Audits
from ledger.batching import Batches
from ledger.case_store import CaseStore
from ledger.casework import Casework
from ledger.disposals import Disposals
from ledger.erased_rows import erased_key
from ledger.errors import Conflict, Gone, LedgerError, NotFound, Refused, StaleDecision, StillRunning
from ledger.events import Event, Meta
from ledger.events.record import RecordOpened
from ledger.family_access import FamilyAccess
from ledger.forgetting import Forgetting
from ledger.gone import gone_of
from ledger.ids import Uuid7Source, student_id
from ledger.intake.erased_moves import decide_beside
from ledger.intake.student import Decision, Outcome
from ledger.jurisdiction import Command as JurisdictionCommand
from ledger.jurisdiction import Jurisdiction, Profile
from ledger.jurisdictions import Jurisdictions, Setting, must_be_known
from ledger.keeping import Keeping
from ledger.kept import KeptRecords, Key, Known
from ledger.links import Links
from ledger.matcher import Matcher
from ledger.policies import Policies
from ledger.proposals import Proposals
from ledger.record import Command, PlaceStudent, RecordState, RetractRecord, fold
from ledger.remains import Remains
from ledger.replay import RequestKey, kept_answer, raise_if_refused, refused_answer
from ledger.reversals import Reversals
from ledger.routing import is_office, offices_of
from ledger.row_hash import Packed, pack, pack_after
from ledger.store.append import Answer, Append, Opening, Part, Receipt, SealedAppend
from ledger.store.attachments import Attachments
from ledger.store.database import Database
from ledger.store.log import Log
from ledger.store.vault import LEDGER, Vault

ATTEMPTS_MAX = 20
"""How often a command is decided anew before its caller is told that others are faster."""

LANES = 64
"""Whoever was overtaken on a record decides anew alone with its lane, and those who come meanwhile stand behind him:
else the slowest of many on one record would be overtaken again and again. Other processes may still be faster."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did. events: how many were written. status: of HTTP, 201 where something new came to be."""

    position: int
    record_id: str
    student_id: str
    facts: list[int]
    outcomes: list[Outcome]
    events: int
    status: int
    replayed: bool = False


class _Prepared(msgspec.Struct):
    """A command decided and sealed, and what will be known of the record once it is written."""

    known: Known | None
    record: uuid.UUID
    name: str
    decision: Decision
    state: RecordState | None
    append: Append
    sealed: SealedAppend | None
    refusal: LedgerError | None = None
    packed: Packed | None = None


class Ledger:
    """Commands on records and jurisdictions. Safe for threads and for one event loop; close it.

    clock: now, UTC. ids: of events and records, uuid7. audit: how much of a month is checked.
    """

    STUDENT_NUMBERS_DRAWN = 64
    PROFILE_SECONDS = 5.0

    def __init__(
        self,
        database: Database,
        vault: Vault,
        ids: Uuid7Source,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        group_events_max: int = 20_000,
        audit: Sizes | None = None,
    ) -> None:
        self.database = database
        self.vault = vault
        self.clock = clock
        self.ids = ids
        self.log = Log("ledger", database, vault, ids, clock=clock, group_events_max=group_events_max)
        self.access = Log("access", database, vault, ids, clock=clock, group_events_max=group_events_max)
        self.kept = KeptRecords(self.log)
        self._cold: Batches[Key, Known] = Batches(self._load_many, telemetry.LOAD_BATCH.observe)
        self._lock = threading.Lock()
        self._numbers: list[str] = []
        self.links = Links(self.log)
        self.jurisdictions = Jurisdictions(self.log, lambda: self.PROFILE_SECONDS)
        case_store = CaseStore(
            self.log,
            self.profile,
            ids,
            clock,
            levels_of=lambda state, district: offices_of(self.jurisdiction(state), state, district),
            there=lambda place: is_office(self.jurisdiction(place.state), place),
        )
        self.proposals = Proposals(self.links, case_store)
        self.reversals = Reversals(self.links, case_store)
        self.casework = Casework(self.log, self.links, case_store)
        self.policies = Policies(self.log)
        self.matcher = Matcher(self.log, self.links, self.proposals, self.policies)
        self.admissions = Admissions(
            self.log,
            self.profile,
            clock,
            ids.next,
            region_of=lambda state, district: self.jurisdiction(state).offices.districts.get(district),
        )
        self.forgetting = Forgetting(database, self.log, self.access)
        self.family_access = FamilyAccess(self.log, self.admissions)
        self.keeping = Keeping(self.log, self.links, self.profile, clock, ids.next_text)
        remains = Remains(self.log, self.access, self.links, self.keeping, self.profile, clock)
        self.disposals = Disposals(self.log, self.keeping, remains, clock, ids.next_text, self.forgetting.tell)
        self.attachments = Attachments(self.log, clock, ids.next)
        self.audits = Audits(self.log, self.links, self.proposals, self.policies, audit)
        self._running: set[tuple[str, str]] = set()
        self._row_key: bytes | None = None
        self._lanes = [threading.Lock() for _ in range(LANES)]
        self._lanes_of_loop = [asyncio.Lock() for _ in range(LANES)]

    @property
    def logs(self) -> dict[str, Log]:
        """Both logs by name."""
        return {self.log.log_name: self.log, self.access.log_name: self.access}

    # -- commands

    def execute(self, command: Command, meta: Meta, request: RequestKey | None = None) -> Done:
        """Decide a command and wait until it is durable; nothing is written where it brings nothing.

        Raises what ``ledger.record.decide`` raises, UnknownState, IdempotencyKeyReused, StillRunning, StaleDecision
        (others were faster twenty times), StoreUnavailable, OutcomeUnknown.
        """
        self._enter(request)
        try:
            lane = self._lanes[_lane_of(command)]
            done = None if lane.locked() else self._attempt(command, meta, request, fresh=False)
            if done is not None:
                return done
            with lane:
                for _ in range(ATTEMPTS_MAX):
                    done = self._attempt(command, meta, request, fresh=True)
                    if done is not None:
                        return done
            raise _overtaken()
        finally:
            self._leave(request)

    async def execute_async(self, command: Command, meta: Meta, request: RequestKey | None = None) -> Done:
        """As ``execute``, for the event loop: what needs the database is done in a thread, the rest here.

        Records that are not kept are read together, as many as there are commands waiting for theirs.
        """
        self._enter(request)
        try:
            lane = self._lanes_of_loop[_lane_of(command)]
            if not lane.locked():
                if self.kept.get(_key(command)) is None:
                    await self._cold.get(_key(command))
                prepared = self._prepare_kept(command, meta, request)
                if prepared is None:
                    prepared = await to_thread(self._prepare, command, meta, request, fresh=False)
                done = await self._write_async(command, prepared)
                if done is not None:
                    return done
            async with lane:
                for _ in range(ATTEMPTS_MAX):
                    prepared = await to_thread(self._prepare, command, meta, request, fresh=True)
                    done = await self._write_async(command, prepared)
                    if done is not None:
                        return done
            raise _overtaken()
        finally:
            self._leave(request)

    async def keep_refusal(self, refusal: LedgerError, meta: Meta, request: RequestKey) -> None:
        """Keep a refusal that came before any command was made of the request, as the answer to its key.

        Raises the first answer to the key where that was a refusal, IdempotencyKeyReused, StillRunning.
        """
        with self.once(request):
            append = Append(parts=[], meta=meta, answer=refused_answer(request, refusal))
            receipt = await self.log.sequencer.submit_async(self.log.seal(append))
            if receipt.replayed and receipt.answer is not None:
                _replayed(receipt.answer, receipt.position)

    @contextmanager
    def once(self, request: RequestKey | None) -> Iterator[None]:
        """While a request is answered. Raises StillRunning where another with its key is, in this process."""
        self._enter(request)
        try:
            yield
        finally:
            self._leave(request)

    async def _load_many(self, keys: Sequence[Key]) -> dict[Key, Known]:
        return await to_thread(self.kept.load_many, keys)

    def _attempt(self, command: Command, meta: Meta, request: RequestKey | None, *, fresh: bool) -> Done | None:
        """Decide and write; None where somebody was faster."""
        prepared = self._prepare(command, meta, request, fresh=fresh)
        receipt = self._nothing(prepared)
        if receipt is None:
            if prepared.sealed is None:
                return None
            try:
                receipt = self.log.sequencer.submit(prepared.sealed).result()
            except StaleDecision:
                return None
        return self._done(command, prepared, receipt)

    async def _write_async(self, command: Command, prepared: _Prepared) -> Done | None:
        receipt = self._nothing(prepared)
        if receipt is None:
            if prepared.sealed is None:
                return None
            try:
                receipt = await self.log.sequencer.submit_async(prepared.sealed)
            except StaleDecision:
                return None
        return self._done(command, prepared, receipt)

    def record_of(self, state: str, state_student_id: str) -> str | None:
        """The uuid of the record of a state's student, or None."""
        found = self.kept.find((state, state_student_id))
        return None if found is None else str(found)

    def gone(self, student_id: str) -> Gone | None:
        """What is answered to an id whose every record was destroyed; None to any other. Raises StoreUnavailable."""
        return gone_of(self.log, self.links, self.keeping, self.profile, student_id)

    # -- jurisdictions

    def profile(self, state: str) -> Profile:
        """The profile of a state, at most five seconds old. Raises UnknownState, StoreUnavailable."""
        return self.jurisdiction(state).profile

    def jurisdiction(self, state: str) -> Jurisdiction:
        """A state's settings, at most five seconds old. Raises UnknownState, StoreUnavailable, LogBroken."""
        return self.jurisdictions.of(state)

    def set_jurisdiction(
        self,
        state: str,
        command: JurisdictionCommand,
        meta: Meta,
        request: RequestKey | None = None,
        *,
        only_at: Collection[int] | None = None,
    ) -> Setting:
        """Set a part of how a state wants its records kept, and wait until it is durable; it holds here at once.

        only_at: versions of the state's stream on which alone it may be decided; None: on whichever.

        Raises UnknownState, BadValue, VersionMoved, IdempotencyKeyReused, StillRunning, StaleDecision (others were
        faster twenty times), StoreUnavailable, OutcomeUnknown.
        """
        with self.once(request):
            return self.jurisdictions.set(state, command, meta, request, only_at)

    # -- parts that the intake shares

    def row_key(self) -> bytes:
        """The key of row hashes: derived from the ledger's key, so that a hash tells nobody what a row says."""
        if self._row_key is None:
            with self.log.connection() as conn:
                key = self.vault.load(conn, [LEDGER])[LEDGER]
            self._row_key = key.body_key(b"row hashes")
        return self._row_key

    def new_student_id(self) -> str:
        """A student id never given before; drawn ahead, so gaps mean nothing."""
        with self._lock:
            if self._numbers:
                return self._numbers.pop()
        drawn = self.new_student_ids(self.STUDENT_NUMBERS_DRAWN)
        with self._lock:
            self._numbers += drawn[1:]
        return drawn[0]

    def new_student_ids(self, count: int) -> list[str]:
        """As many student ids, in one query."""
        if not count:
            return []
        with self.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("select nextval('ledger.student_numbers') from generate_series(1, %s)", (count,))
            return [student_id(row[0]) for row in cursor.fetchall()]

    def close(self) -> None:
        """Write what waits, then close both logs."""
        self.log.close()
        self.access.close()

    # -- decide and seal

    def _prepare(self, command: Command, meta: Meta, request: RequestKey | None, *, fresh: bool) -> _Prepared:
        must_be_known(command.state)
        profile = self.profile(command.state)
        key, disposals = _key(command), self.vault.disposals
        known = self.kept.refresh(key) if fresh else self.kept.load(key)
        prepared = self._decide(command, known, profile, meta, request, disposals)
        if known is not None and not fresh and (prepared.refusal is not None or not prepared.decision.events):
            # Decided on memory alone: see whether the record has moved before saying "no" or "nothing to do".
            now = self.kept.refresh(key)
            if now is not known:
                prepared = self._decide(command, now, profile, meta, request, disposals)
        if prepared.refusal is not None and request is None:
            raise prepared.refusal
        with suppress(StaleDecision):  # what it is about was destroyed meanwhile: then it is left unsealed
            prepared.sealed = self.log.seal(prepared.append)
        return prepared

    def _prepare_kept(self, command: Command, meta: Meta, request: RequestKey | None) -> _Prepared | None:
        """As ``_prepare`` from memory only; None where that is not enough."""
        disposals = self.vault.disposals
        known = self.kept.get(_key(command))
        kept = self.jurisdictions.kept(command.state)
        if known is None or kept is None or self._row_key is None or known.state.erased:
            return None
        prepared = self._decide(command, known, kept.profile, meta, request, disposals)
        if prepared.refusal is not None or not prepared.decision.events:
            return None
        prepared.sealed = self.log.seal_cached(prepared.append)
        return prepared if prepared.sealed is not None else None

    def _decide(
        self,
        command: Command,
        known: Known | None,
        profile: Profile,
        meta: Meta,
        request: RequestKey | None,
        disposals: int,
    ) -> _Prepared:
        if known is None and isinstance(command, PlaceStudent):
            command = msgspec.structs.replace(command, new_student_id=self.new_student_id())
        before = None if known is None else known.state
        record = known.record if known is not None else uuid.UUID(bytes=self.ids.next())
        name = known.name if known is not None else str(record)
        try:
            decision = decide_beside(command, before, profile, self.row_key, lambda: erased_key(self.log, name))
        except (Refused, NotFound, Conflict) as refusal:
            append = Append(parts=[], meta=meta, answer=refused_answer(request, refusal))
            return _Prepared(known, record, name, Decision(events=[], outcomes=[]), before, append, None, refusal)
        events = decision.events
        state = fold(events, before) if events else before
        answer = None
        if request is not None:
            ids = {
                "record_id": name if state is not None else "",
                "student_id": "" if state is None else state.student_id,
                "facts": _facts(decision),
            }
            answer = kept_answer(request, _status(command, decision), ids)
        parts = []
        opened: list[Opening] = []
        rows = {}
        packed = None
        if events:
            assert state is not None
            expected = 0 if known is None else known.version
            parts = [Part(stream=f"record/{name}", subject=name, expected=expected, events=events)]
            packed = self._packed(known, events, state)
            rows = {record.bytes: packed.joined()}
            if isinstance(events[0], RecordOpened):
                opened = [Opening(state.state, state.state_student_id, record.bytes, state.student_id)]
        append = Append(parts=parts, meta=meta, answer=answer, opened=opened, rows=rows, disposals=disposals)
        return _Prepared(known, record, name, decision, state, append, None, packed=packed)

    def _packed(self, known: Known | None, events: Sequence[Event], state: RecordState) -> Packed:
        if known is None or known.packed is None:
            return pack(state, self.row_key())
        return pack_after(known.packed, events, state, self.row_key())

    # -- answer

    def _nothing(self, prepared: _Prepared) -> Receipt | None:
        """A receipt where there is nothing to write: no event, and no key to remember an answer for."""
        if prepared.append.parts or prepared.append.answer is not None:
            return None
        position = prepared.known.position if prepared.known is not None else 0
        return Receipt(position=position, versions={})

    def _done(self, command: Command, prepared: _Prepared, receipt: Receipt) -> Done:
        if receipt.replayed:
            assert receipt.answer is not None
            return _replayed(receipt.answer, receipt.position)
        if prepared.refusal is not None:
            raise prepared.refusal
        decision, state = prepared.decision, prepared.state
        if decision.events:
            assert state is not None
            assert prepared.sealed is not None
            version = receipt.versions[f"record/{prepared.name}"]
            known = Known(prepared.record, prepared.name, version, receipt.position, state, prepared.packed)
            self.kept.keep(known, prepared.sealed.disposals)
            self.vault.remember(prepared.sealed.new_keys)
        return Done(
            position=receipt.position,
            record_id="" if state is None else prepared.name,
            student_id="" if state is None else state.student_id,
            facts=_facts(decision),
            outcomes=decision.outcomes,
            events=len(decision.events),
            status=_status(command, decision),
        )

    def _enter(self, request: RequestKey | None) -> None:
        if request is None:
            return
        with self._lock:
            if (request.scope, request.key) in self._running:
                raise StillRunning(
                    "The first request with this Idempotency-Key is not answered yet.", remedy="Send it again later."
                )
            self._running.add((request.scope, request.key))

    def _leave(self, request: RequestKey | None) -> None:
        if request is not None:
            with self._lock:
                self._running.discard((request.scope, request.key))


def _key(command: Command) -> Key:
    return command.state, command.state_student_id


def _lane_of(command: Command) -> int:
    return hash(_key(command)) % LANES


def _facts(decision: Decision) -> list[int]:
    return sorted({o.fact for o in decision.outcomes if o.fact})


def _status(command: Command, decision: Decision) -> int:
    """201 where something came to be: a record by PUT, a fact by POST; 422 where a whole student was refused."""
    if isinstance(command, PlaceStudent):
        if decision.outcomes and decision.outcomes[0].outcome == "refused":
            return 422
        return 201 if decision.events and isinstance(decision.events[0], RecordOpened) else 200
    return 201 if decision.events and not isinstance(command, RetractRecord) else 200


def _replayed(answer: Answer, position: int) -> Done:
    raise_if_refused(answer)
    ids = answer.ids
    return Done(
        position=position,
        record_id=str(ids["record_id"]),
        student_id=str(ids["student_id"]),
        facts=msgspec.convert(ids["facts"], list[int]),
        outcomes=[],
        events=0,
        status=answer.status,
        replayed=True,
    )


def _overtaken() -> StaleDecision:
    return StaleDecision("Others changed this record faster than it could be decided upon.", remedy="Send it again.")
