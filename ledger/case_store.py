"""Cases as the log has them: one read, or one made ready to be opened: which states are asked, where, until when.

Invariant: a state is asked because it holds a record concerned, and for no other reason; and every case says on which
version of the state's profile its days were reckoned. Reads records, writes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ledger.cases import HOLDS, RESIDUE, VALIDATE_REVERSAL, Case, OpenCase, about_of, decide, fold, next_due
from ledger.errors import NotAsked, NotFound, RecordDestroyed
from ledger.events import Erased, Event
from ledger.events.case import CaseOpened, Concerned, Place, Proposal, Residue, Reversal
from ledger.events.linkage import Anchor
from ledger.events.record import RecordOpened
from ledger.ids import Uuid7Source
from ledger.jurisdiction import Profile
from ledger.linkage_acts import Acted
from ledger.links import Beside
from ledger.reach import Reach
from ledger.record_fold import fold as fold_record
from ledger.routing import LevelsOf, asked_of, district_of, state_alone
from ledger.settling import evidence_of, records_of
from ledger.store import pending
from ledger.store.append import CaseStanding, Part
from ledger.store.log import Log


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one case, ready to go into an append. after: the case with them. holds: records that it is to hold."""

    case: str
    part: Part
    after: Case
    answered: bool = False
    holds: Sequence[str] = ()

    def standing(self, due: datetime | None = None) -> CaseStanding:
        """How the case stands then. due: to be looked at then, although time alone would not move it."""
        return CaseStanding(
            case=self.case,
            kind=self.after.kind,
            due=next_due(self.after) or due,
            about=about_of(self.after.opened),
            answered=self.answered,
            closed=self.after.closed is not None,
            records=[concerned.anchor.record for concerned in self.after.opened.records],
        )


def writing(case: str, known: Case | None, events: Sequence[Event]) -> Writing:
    """Events of a case behind what is known of it, None before its first."""
    after = fold(events, known)
    assert after is not None
    version = 0 if known is None else known.version
    part = Part(stream=f"case/{case}", subject=case, expected=version, events=list(events))
    return Writing(case=case, part=part, after=after)


class CaseStore:
    """Reads cases and makes new ones ready; writes nothing. Safe for threads.

    profile_of: of a state. ids: of cases, uuid7. clock: now, UTC. levels_of: the offices of a state for a district.
    there: whether there is such an office.
    """

    def __init__(
        self,
        log: Log,
        profile_of: Callable[[str], Profile],
        ids: Uuid7Source,
        clock: Callable[[], datetime],
        *,
        levels_of: LevelsOf = state_alone,
        there: Callable[[Place], bool] = lambda place: place.level == "state",
    ) -> None:
        self.profile_of = profile_of
        self.new_id = ids.next_text
        self.clock = clock
        self.there = there
        self._log = log
        self._levels_of = levels_of

    def known(self, case: str, position: int | None = None) -> Case:
        """A case as it is now, or was at a position.

        Raises NotFound, RecordDestroyed (it went with its record), StoreUnavailable.
        """
        recorded = self._log.read_stream(f"case/{case}")
        events = [one.event for one in recorded if position is None or one.position <= position]
        if any(isinstance(event, Erased) for event in events):
            raise RecordDestroyed("The case went with a record that it was about.", remedy="See the worklist.")
        known = fold(events)
        if known is None:
            raise NotFound("There is no such case.", remedy="See the worklist.")
        return known

    def states(self, records: Iterable[str]) -> dict[str, str]:
        """Record to state, of those that there are. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            return pending.states_of(conn, list(records))

    def asking(self, opened: CaseOpened) -> str | None:
        """The open case that asks what this one would, and no two may ask at a time. Raises StoreUnavailable."""
        about = about_of(opened)
        if about is None:
            return None
        with self._log.connection() as conn:
            return pending.asking(conn, opened.kind, [about]).get(about)

    def offices(self, place: Place) -> Sequence[Place]:
        """The offices from a place up to its state's."""
        return self._levels_of(place.state, place.district)

    def as_set_up(self, place: Place) -> Place:
        """A district that is named alone with the region that it lies in; any other place as it is."""
        if place.district is None or place.region is not None:
            return place
        nearest = self.offices(place)[0]
        return nearest if nearest.district == place.district else place

    def open(
        self,
        case: str,
        kind: str,
        proposal: Proposal,
        records: Sequence[Anchor],
        by: str,
        reason: str = "",
        *,
        only: Collection[str] | None = None,
        blind: bool = False,
    ) -> Writing | None:
        """A case about these records; None where none of them is there any more. only: states to be asked of all.
        blind: as in ``CaseOpened``.

        Raises StoreUnavailable, LogBroken.
        """
        states = self.states(anchor.record for anchor in records)
        concerned = [Concerned(anchor, states[anchor.record]) for anchor in records if anchor.record in states]
        asked_states = sorted(set(states.values()) if only is None else set(only))
        if not concerned:
            return None
        now = self.clock()
        districts = self._districts({state: [r for r, s in states.items() if s == state] for state in asked_states})
        asked = [
            asked_of(state, self._levels_of(state, districts[state]), self.profile_of(state), now)
            for state in asked_states
        ]
        opened = OpenCase(
            kind=kind,
            records=concerned,
            proposal=proposal,
            asked=asked,
            proposed_by=by,
            reason=reason,
            blind=blind,
        )
        holds = [one.anchor.record for one in concerned] if kind in HOLDS else []
        return msgspec.structs.replace(writing(case, None, decide(opened, None)), holds=holds)

    def after_reversal(self, acted: Acted, act: str, case: str, reach: Reach, by: str, reason: str) -> list[Writing]:
        """What a reversal puts before people: itself, for another person, in a case whose id is given, and its residue.

        acted: the reversal. act: what it takes back. Raises as ``open``.
        """
        proposal = Reversal(act=acted.id, reverses=act)
        opened = self.open(case, VALIDATE_REVERSAL, proposal, records_of(acted), by, reason)
        return [*([] if opened is None else [opened]), *self.residues(acted, reach, by)]

    def residues(self, acted: Acted, reach: Reach, by: str) -> list[Writing]:
        """A case for each later act that rested on what a reversal parts. Raises as ``open``."""
        opened = (
            self.open(self.new_id(), RESIDUE, Residue(act=act, reversal=acted.id), evidence_of(act, reach), by)
            for act in acted.residue
        )
        return [one for one in opened if one is not None]

    def refuse_strangers(self, records: Iterable[Anchor], place: Place | None) -> None:
        """Raises NotAsked unless the state of a place holds one of these records; None is an operator, who may."""
        if place is None:
            return
        if place.state not in self.states(anchor.record for anchor in records).values():
            raise NotAsked(
                f"{place.state} holds no record concerned.", remedy="Only a state that holds one of them may do this."
            )

    def _districts(self, records: Mapping[str, Sequence[str]]) -> dict[str, str | None]:
        """State to the district of its own records."""
        streams = [f"record/{record}" for of_state in records.values() for record in of_state]
        events: dict[str, list[Event]] = {}
        for recorded in self._log.read_streams(streams):
            # Where a class of a record was destroyed, its enrollments may still tell.
            if not isinstance(recorded.event, Erased):
                events.setdefault(recorded.stream, []).append(recorded.event)
        folded = {stream: fold_record(said) for stream, said in events.items() if isinstance(said[0], RecordOpened)}
        return {
            state: district_of(record for name in of_state if (record := folded.get(f"record/{name}")) is not None)
            for state, of_state in records.items()
        }


def held_by(case: str, records: Iterable[str], *, after: str | None) -> dict[bytes, tuple[str | None, str | None]]:
    """Guards of records that a case lets go of. after: the case that holds them from then on."""
    return {uuid.UUID(record).bytes: (case, after) for record in records}


def taken_by(case: str, records: Iterable[str]) -> dict[bytes, tuple[str | None, str | None]]:
    """Guards of records that a case takes, which no case may hold."""
    return {uuid.UUID(record).bytes: (None, case) for record in records}


def beside(
    written: Sequence[Writing],
    held: Mapping[bytes, tuple[str | None, str | None]],
    reason: str = "",
    case: str | None = None,
    due: datetime | None = None,
) -> Beside:
    """What goes beside an act. held: guards of records. case: under whose key the reason of the act is sealed. due: as
    in ``Writing.standing``."""
    return Beside(
        parts=[one.part for one in written],
        cases=held,
        standing=[one.standing(due) for one in written],
        reason=reason,
        sealed_under=None if case is None else (case, "case"),
    )
