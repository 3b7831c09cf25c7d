"""How each state wants its records kept, as the log has it: read, kept for seconds, and set.

Invariant: what is kept is a prefix of the state's stream, and never goes back: whoever had read before somebody set
something does not put the old in the place of the new. What this process sets holds here at once; what another one
sets, after ``keep_s`` at most. Whether a decision was made on all of the stream, the transaction that writes tells.
Who the contacts of a state are is sealed apart in its events, each under a key of its own, and opened here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence

import msgspec
from msgspec.structs import replace

from ledger.errors import Conflict, OutcomeUnknown, Refused, StaleDecision, UnknownState, VersionMoved
from ledger.events import Event, Meta, Recorded, Sealed
from ledger.events.jurisdiction import ContactSet
from ledger.jurisdiction import Command, Jurisdiction, decide, default_jurisdiction, fold
from ledger.mde import STATES
from ledger.replay import RequestKey, kept_answer, raise_if_refused, refused_answer
from ledger.store.append import Answer, Append, Part, Secret
from ledger.store.log import Log
from ledger.store.vault import LEDGER, contact_subject

ATTEMPTS_MAX = 20
"""How often a command is decided anew before its sender is told that others are faster."""


class Held(msgspec.Struct, frozen=True):
    """A jurisdiction. position: of the last event of its stream, 0 before the first."""

    jurisdiction: Jurisdiction
    position: int


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command. version: of the stream after it. changed: False where it said what held already.

    position: of the last event written, or the log's head where nothing was.
    """

    position: int
    version: int
    changed: bool
    replayed: bool = False


class Jurisdictions:
    """Of every state. Safe for threads. log: where they are read and written.

    keep_s: how long what was read may be used without another look, in seconds.
    """

    def __init__(self, log: Log, keep_s: Callable[[], float]) -> None:
        self._log = log
        self._keep_s = keep_s
        self._held: dict[str, tuple[float, Held]] = {}
        self._lock = threading.Lock()
        self._overtaken = threading.Lock()

    def kept(self, state: str) -> Jurisdiction | None:
        """What is kept, if it is not too old; from memory alone."""
        found = self._held.get(state)
        if found is None or time.monotonic() - found[0] >= self._keep_s():
            return None
        return found[1].jurisdiction

    def of(self, state: str) -> Jurisdiction:
        """At most ``keep_s`` old. Raises UnknownState, StoreUnavailable, LogBroken, UnknownEvent."""
        return self.kept(state) or self.read(state).jurisdiction

    def read(self, state: str) -> Held:
        """As it is now: only what came since the last look is read. Raises as ``of``."""
        must_be_known(state)
        looked = time.monotonic()
        found = self._held.get(state)
        before = Held(default_jurisdiction(state), 0) if found is None else found[1]
        recorded = self._log.read_stream(f"jurisdiction/{state}", after=before.jurisdiction.version)
        if recorded:
            before = Held(fold(self._opened(recorded), before.jurisdiction), recorded[-1].position)
        return self._keep(state, looked, before)

    def set(
        self, state: str, command: Command, meta: Meta, request: RequestKey | None, only_at: Collection[int] | None
    ) -> Setting:
        """Decide and wait until it is durable; nothing is written where it says what already holds.

        only_at: versions of the stream on which alone it may be decided; None: on whichever.

        Raises UnknownState, BadValue, VersionMoved, IdempotencyKeyReused, StaleDecision (others were faster twenty
        times), StoreUnavailable, OutcomeUnknown.
        """
        if not self._overtaken.locked():
            done = self._attempt(state, command, meta, request, only_at)
            if done is not None:
                return done
        # Whoever was overtaken decides anew alone, and those who come meanwhile stand behind him.
        with self._overtaken:
            for _ in range(ATTEMPTS_MAX):
                done = self._attempt(state, command, meta, request, only_at)
                if done is not None:
                    return done
        raise StaleDecision("Others set this faster than it could be decided upon.", remedy="Send it again.")

    def _attempt(
        self, state: str, command: Command, meta: Meta, request: RequestKey | None, only_at: Collection[int] | None
    ) -> Setting | None:
        """None where somebody was faster."""
        before = self.read(state).jurisdiction
        stream = f"jurisdiction/{state}"
        try:
            if only_at is not None and before.version not in only_at:
                raise VersionMoved(
                    "What was to be replaced is no longer what was read.",
                    remedy="Read it again, and send what shall hold now under a new Idempotency-Key.",
                )
            events = decide(command, before)
        except (Refused, Conflict) as refusal:
            answer = refused_answer(request, refusal)
            if answer is not None:
                receipt = self._log.append(Append(parts=[], meta=meta, answer=answer))
                if receipt.replayed and receipt.answer is not None:
                    return _again(receipt.answer, receipt.position)
            raise
        after = fold(events, before)
        answer = kept_answer(request, 200, {"version": after.version, "changed": bool(events)})
        secrets = _secrets(state, events, before.version)
        whole = Part(stream=stream, subject=LEDGER[0], expected=before.version, events=events, secrets=secrets)
        parts = [whole] if events else []
        if not parts and answer is None:
            return Setting(position=self._log.head(), version=before.version, changed=False)
        looked = time.monotonic()
        try:
            receipt = self._log.append(Append(parts=parts, meta=meta, answer=answer))
        except StaleDecision:
            return None
        except OutcomeUnknown:
            # Perhaps it holds: whoever asks next has to look.
            with self._lock:
                self._held.pop(state, None)
            raise
        if receipt.replayed and receipt.answer is not None:
            return _again(receipt.answer, receipt.position)
        if events:
            self._keep(state, looked, Held(after, receipt.position))
        return Setting(position=receipt.position, version=after.version, changed=bool(events))

    def _opened(self, recorded: Sequence[Recorded]) -> list[Event]:
        """The events, with what is sealed apart in them opened. Raises LogBroken."""
        sealed = {r.position: r.event.apart() for r in recorded if isinstance(r.event, ContactSet)}
        key_ids = {bytes.fromhex(s.key) for said in sealed.values() for s in said.values() if isinstance(s, Sealed)}
        if not key_ids:
            return [r.event for r in recorded]
        with self._log.connection() as conn:
            disposals = self._log.vault.catch_up(conn)
            self._log.vault.open_keys(conn, key_ids, disposals)  # all in one look; below they are at hand
            return [
                replace(
                    r.event,
                    **{
                        name: self._log.open_field(conn, r, name, value, disposals)
                        for name, value in sealed.get(r.position, {}).items()
                        if isinstance(value, Sealed)
                    },
                )
                for r in recorded
            ]

    def _keep(self, state: str, looked: float, held: Held) -> Held:
        """Keep what was seen at an instant, unless what is kept is further on; what is kept then."""
        with self._lock:
            found = self._held.get(state)
            if found is not None:
                if found[1].jurisdiction.version > held.jurisdiction.version:
                    return found[1]
                looked = max(looked, found[0])
            self._held[state] = (looked, held)
            return held


def must_be_known(state: str) -> None:
    """Raises UnknownState."""
    if state not in STATES:
        raise UnknownState("This is no USPS state code.", remedy="Use two capital letters, such as OR.")


def _secrets(state: str, events: Sequence[Event], version: int) -> dict[int, dict[str, Secret]]:
    """What is to be sealed apart, by the event's place. version: of the stream before the first of them."""
    found: dict[int, dict[str, Secret]] = {}
    for place, event in enumerate(events):
        if isinstance(event, ContactSet):
            subject = contact_subject(state, event.level, event.place, version + place + 1)
            found[place] = {
                name: Secret(subject, text) for name, text in event.apart().items() if isinstance(text, str)
            }
    return found


def _again(answer: Answer, position: int) -> Setting:
    """The first answer to a key. Raises the refusal that it was."""
    raise_if_refused(answer)
    ids = answer.ids
    return Setting(
        position=position,
        version=msgspec.convert(ids["version"], int),
        changed=msgspec.convert(ids["changed"], bool),
        replayed=True,
    )
