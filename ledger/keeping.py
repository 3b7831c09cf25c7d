"""Schedules and holds at work: set, placed, released, and read by whoever disposes.

Invariant: a hold is in its guard from the append that places it on, so whoever destroys finds each that stands, in the
transaction that does. Why it was placed or released is sealed under a key of what it holds: where that goes, the words
go with it, and that somebody held it is told for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from ledger.errors import LogBroken, NotFound, VersionMoved, no_student
from ledger.events import Erased, Event, Meta, Recorded
from ledger.events.linkage import Anchor
from ledger.events.retention import HoldPlaced, HoldReleased, Over, OverAccount, OverAll, OverRecords, OverState
from ledger.jurisdiction import DEFAULT, Profile
from ledger.jurisdictions import Setting, must_be_known
from ledger.links import Links, Seeds
from ledger.mde import STATES
from ledger.reasons import part_with_reasons, subjects_over, with_reason
from ledger.replay import RequestKey
from ledger.retention import holds, schedules
from ledger.retention.holds import Hold, PlaceHold, ReleaseHold
from ledger.retention.places import Place, places_of
from ledger.retention.schedules import Schedules, SetSchedule
from ledger.store import hold_guards, pending, tombstones
from ledger.store.append import HoldStanding, Part
from ledger.store.log import Log
from ledger.store.vault import LEDGER
from ledger.turns import Taken, Turn, take_turn

STANDING, RELEASED = "standing", "released"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A hold or disposal as a command left it. id: its uuid. status: ``standing`` or ``released`` of a hold,
    ``proposed``, ``done``, ``refused`` or ``withdrawn`` of a disposal."""

    id: str
    position: int
    status: str
    replayed: bool = False


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A hold, with when it was placed and released. released: position of its release."""

    hold: Hold
    placed_at: datetime
    released_at: datetime | None = None
    released: int | None = None


class Keeping:
    """Sets schedules, places holds. Safe for threads. profile: of a state. clock: now, UTC. new_id: of a hold, a
    uuid."""

    def __init__(
        self,
        log: Log,
        links: Links,
        profile: Callable[[str], Profile],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._log = log
        self._links = links
        self._profile = profile
        self._clock = clock
        self._new_id = new_id
        self._lock = threading.Lock()
        self._schedules = Schedules()

    def today(self, state: str | None) -> date:
        """The day that it is in a state's own zone; of the nation, in the usual one."""
        zone = DEFAULT.time_zone if state is None else self._profile(state).time_zone
        return self._clock().astimezone(ZoneInfo(zone)).date()

    # -- schedules

    def schedules(self) -> Schedules:
        """Those that hold now; only what came since the last look is read. Raises StoreUnavailable, LogBroken."""
        known = self._schedules
        recorded = self._log.read_stream(schedules.STREAM, after=known.version)
        if not recorded:
            return known
        known = schedules.fold((one.event for one in recorded), known)
        with self._lock:
            if known.version > self._schedules.version:
                self._schedules = known
        return known

    def set_schedule(
        self,
        command: SetSchedule,
        meta: Meta,
        request: RequestKey | None = None,
        only_at: Collection[int] | None = None,
    ) -> Setting:
        """Set how long a class is kept from now on; nothing is written where it says what holds.

        only_at: versions of all schedules on which alone it may be decided; None: on whichever.

        Raises as ``ledger.retention.schedules.decide``, VersionMoved, IdempotencyKeyReused, StaleDecision,
        StoreUnavailable, OutcomeUnknown.
        """

        def decide() -> Turn:
            known = self.schedules()
            if only_at is not None and known.version not in only_at:
                raise VersionMoved(
                    "What was to be replaced is no longer what was read.",
                    remedy="Read it again, and send what shall hold now under a new Idempotency-Key.",
                )
            events = schedules.decide(command, known)
            part = Part(stream=schedules.STREAM, subject=LEDGER[0], expected=known.version, events=events)
            return Turn(ids={"version": known.version + len(events)}, parts=[part] if events else [])

        taken = take_turn(self._log, decide, meta, request)
        version = msgspec.convert(taken.ids["version"], int)
        return Setting(position=taken.position, version=version, changed=taken.moved, replayed=taken.replayed)

    # -- holds

    def over_students(self, students: Sequence[str]) -> OverRecords:
        """Every record that one of these ids stands for now. Raises NotFound, StoreUnavailable."""
        reach = self._links.reach(Seeds(students=students))
        found: dict[str, Anchor] = {}
        for student in students:
            left = reach.left_of(student)
            if not left:
                raise no_student(student)
            found |= {anchor.record: anchor for anchor in left}
        return OverRecords(records=list(found.values()))

    def over_records(self, records: Sequence[str]) -> OverRecords:
        """These records alone, by uuid, and whoever comes to be one student with one of them. Raises NotFound,
        StoreUnavailable."""
        found = self._links.reach(Seeds(records=records)).records
        if not all(record in found for record in records):
            raise NotFound("There is no such record.", remedy="Compare its id with where it was read.")
        return OverRecords(records=[found[record] for record in dict.fromkeys(records)])

    def places_of_account(self, account: str) -> list[Place] | None:
        """Every place of which it has or had access, or asked for it, the last one last; None where there is no such
        account or its papers are gone. Raises StoreUnavailable."""
        events = [one.event for one in self._log.read_stream(f"account/{account}")]
        if not events or any(isinstance(event, Erased) for event in events):
            return None
        return places_of(events)

    def place(
        self,
        kind: str,
        over: Over,
        reason: str,
        meta: Meta,
        request: RequestKey | None = None,
        until: date | None = None,
    ) -> Done:
        """Place a hold, by ``meta.actor``. until: last day on which it holds; None until it is released.

        Raises as ``ledger.retention.holds.decide``, IdempotencyKeyReused, StoreUnavailable, OutcomeUnknown.
        """
        hold = self._new_id()

        def decide() -> Turn:
            # Before it is looked whether all of it is there: what goes after this look is found by the append.
            as_it_is = self._as_it_is(over)
            today, there = self._about(over)
            command = PlaceHold(
                hold=hold,
                kind=kind,
                over=over,
                by=meta.actor,
                reason=reason,
                today=today,
                until=until,
                there=there,
            )
            events = holds.decide(command, None)
            stands = HoldStanding(hold=hold)
            parts = [self._part(hold, 0, over, events), *as_it_is]
            return Turn(ids={"id": hold, "status": STANDING}, parts=parts, holds=[stands])

        return done(take_turn(self._log, decide, meta, request, status=201))

    def release(self, hold: str, reason: str, meta: Meta, request: RequestKey | None = None) -> Done:
        """Release a hold, by ``meta.actor``; nothing where it was released. Raises as ``place``, and NotFound."""

        def decide() -> Turn:
            known = holds.fold(one.event for one in self._recorded([hold]))
            events = holds.decide(ReleaseHold(by=meta.actor, reason=reason), known)
            ids: dict[str, object] = {"id": hold, "status": RELEASED}
            if known is None or not events:
                return Turn(ids=ids)
            part = self._part(hold, known.version, known.placed.over, events)
            return Turn(ids=ids, parts=[part], holds=[HoldStanding(hold=hold, released=True)])

        return done(take_turn(self._log, decide, meta, request))

    def hold(self, hold: str) -> Held:
        """A hold, its reasons opened where their key is there. Raises NotFound, StoreUnavailable."""
        found = self._folded([hold], opened=True)
        if not found:
            raise NotFound("There is no such hold.", remedy="See the list of holds.")
        return found[0]

    def holds(self, *, released: bool = False) -> list[Held]:
        """Those that stand, the last one placed first; released: and those that were released. Reasons as in
        ``hold``."""
        with self._log.connection() as conn:
            names = hold_guards.placed(conn) if released else hold_guards.not_released(conn)
        return self._folded(names, opened=True)[::-1]

    def standing(self) -> tuple[Hold, ...]:
        """Those that were not released, as they hold: without their reasons."""
        with self._log.connection() as conn:
            names = hold_guards.not_released(conn)
        return tuple(held.hold for held in self._folded(names, opened=False))

    def released_since(self, position: int) -> list[Hold]:
        """Those that were released behind a position, without their reasons. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            names = set(hold_guards.placed(conn)) - set(hold_guards.not_released(conn))
        found = self._folded(sorted(names), opened=False)
        return [held.hold for held in found if held.released is not None and held.released > position]

    # -- inside

    def _recorded(self, names: Sequence[str]) -> list[Recorded]:
        found = self._log.read_streams([f"retention/{name}" for name in names]) if names else []
        # A disposal, or a key that was destroyed, has a stream of the same kind.
        return [one for one in found if isinstance(one.event, HoldPlaced | HoldReleased)]

    def _folded(self, names: Sequence[str], *, opened: bool) -> list[Held]:
        """In the order in which they were placed."""
        said: dict[str, list[Recorded]] = {}
        for one in self._recorded(names):
            said.setdefault(one.stream, []).append(one)
        found: list[tuple[int, Held]] = []
        for recorded in said.values():
            hold = holds.fold(with_reason(self._log, one) if opened else one.event for one in recorded)
            if hold is None:
                raise LogBroken(f"Stream {recorded[0].stream} begins with no hold.")
            ended = None if hold.released is None else recorded[-1].recorded_at
            released = None if hold.released is None else recorded[-1].position
            held = Held(hold=hold, placed_at=recorded[0].recorded_at, released_at=ended, released=released)
            found.append((recorded[0].position, held))
        return [held for _, held in sorted(found, key=lambda one: one[0])]

    def _part(self, hold: str, version: int, over: Over, events: Sequence[Event]) -> Part:
        return part_with_reasons(self._log, f"retention/{hold}", version, events, subjects_over(over))

    def _as_it_is(self, over: Over) -> list[Part]:
        """That nothing more of what is named is destroyed meanwhile: of each the stream that would say so."""
        match over:
            case OverRecords():
                named = [anchor.record for anchor in over.records]
            case OverAccount():
                named = [over.account]
            case _:
                return []
        with self._log.connection() as conn:
            versions = tombstones.versions(conn, named)
        return [Part(stream=one, subject=LEDGER[0], expected=at, events=[]) for one, at in versions.items()]

    def _about(self, over: Over) -> tuple[date, bool]:
        """The latest day that it is with anything held, and whether all of it is there."""
        match over:
            case OverRecords():
                records = [anchor.record for anchor in over.records]
                with self._log.connection() as conn:
                    states = pending.states_of(conn, records)
                return self._latest(states.values()), set(states) == set(records)
            case OverAccount():
                places = self.places_of_account(over.account)
                return self._latest([place.state for place in places or ()]), places is not None
            case OverState():
                must_be_known(over.state)
                return self.today(over.state), True
            case OverAll():
                return self._latest(STATES), True

    def _latest(self, states: Collection[str | None]) -> date:
        return max((self.today(state) for state in set(states)), default=self.today(None))


def done(taken: Taken) -> Done:
    """What is told of a turn."""
    return Done(
        id=str(taken.ids["id"]), position=taken.position, status=str(taken.ids["status"]), replayed=taken.replayed
    )
