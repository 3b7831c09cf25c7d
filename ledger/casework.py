"""Cases at work: people answer and assign them, time moves them, and what they come to takes effect in one append.

Invariant: an answer, the closing of its case, and the act of linkage that it brings are written together or not at all,
on the version of the case and of every linkage stream that they were decided upon. So of two answers at once, or of an
answer and the time that runs out, one is decided anew on what the other left. Who settles is somebody of an office with
which a part of the case lies, or of one above it, and never the proposer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, timedelta

import msgspec

from ledger import cases
from ledger.case_store import CaseStore, Writing, beside, held_by, taken_by, writing
from ledger.cases import Administrator, AnswerCase, AssignCase, Case, CloseCase, EscalateCase
from ledger.errors import BadValue, Leased, NotAsked, UnderCase
from ledger.events import Event, Meta
from ledger.events.case import Doubtful, Link, Place, Residue, Reversal
from ledger.events.linkage import Anchor
from ledger.linkage_acts import Acted
from ledger.links import Beside, Links, Seeds
from ledger.reach import Reach
from ledger.replay import RequestKey
from ledger.settling import joined_or_parted, nothing, parting, records_of, seeds_of, settle, shown_first
from ledger.settling import states_of as states_named
from ledger.store import pending
from ledger.store.log import Log
from ledger.store.pending import Lease

LEASE_MINUTES_MAX = 120
"""Longest that somebody is at a case before saying so again."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A case as an answer, an assignment or the time has left it. students: that its act left, by the ids they show.

    moved: whether anything was written.
    """

    case: str
    after: Case
    position: int
    moved: bool = True
    students: list[str] = []
    replayed: bool = False


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody, or the time, does to a case. verdict: what that comes to, None for nothing yet. by, reason: who
    settles it so, and his words. profiles: of an approval by time, the versions on which it rests. may_wait: whether
    what it comes to waits until no other case holds a record, and is looked at again; else it is refused."""

    events: Sequence[Event]
    by: str
    verdict: bool | None = None
    reason: str = ""
    profiles: Mapping[str, int] | None = None
    may_wait: bool = False
    answered: bool = False


class Casework:
    """Answers, assigns, escalates and closes cases. Safe for threads."""

    def __init__(self, log: Log, links: Links, store: CaseStore) -> None:
        self._log = log
        self._links = links
        self._store = store

    def case(self, case: str) -> Case:
        """A case as it is now. Raises NotFound, RecordDestroyed (it went with its record), StoreUnavailable."""
        return self._store.known(case)

    def answer(
        self,
        case: str,
        reason: str,
        meta: Meta,
        place: Place | None,
        request: RequestKey | None = None,
        *,
        yes: bool,
    ) -> Answered:
        """Say yes or no, for the state of a place, the office that somebody acts for; None: as an operator, for every
        state that has yet to answer.

        What the case then comes to takes effect with it. Where that is no longer possible, the case closes and says
        why (``CaseClosed.code``). The answer to a blind check is always taken: where another case holds a record, it
        takes effect when that lets go (``escalate``), since a refusal would tell that the two are not linked.

        Raises BadValue, NotFound, RecordDestroyed, NotAsked, Forbidden (it lies with another office), CaseIsClosed,
        AlreadyAnswered, OwnProposal, Leased, UnderCase (another case holds a record: answer that first), and as
        ``Links.act``.
        """
        by = Administrator(name=meta.actor, place=place)

        def turn(known: Case) -> _Turn:
            events = cases.decide(AnswerCase(by=by, yes=yes, reason=reason), known)
            self._refuse_leased(case, by.name)
            after = cases.fold(events, known)
            assert after is not None
            return _Turn(
                events=events,
                by=by.name,
                verdict=cases.verdict(after),
                reason=reason.strip(),
                may_wait=known.kind == cases.BLIND_CHECK,
                answered=True,
            )

        return self._take_turn(case, turn, meta, request)

    def assign(
        self,
        case: str,
        to: Place,
        meta: Meta,
        place: Place | None,
        names: Sequence[str] = (),
        request: RequestKey | None = None,
    ) -> Answered:
        """Put a state's part before another office of the same level or below. place: as in ``answer``.

        to: of a district it is enough to name that; it is kept with the region that it lies in. A region that is named
        beside it must be that one.

        Raises NotFound, RecordDestroyed, NotAsked, Forbidden (it lies with another office), CaseIsClosed,
        NotAssignable, BadValue, and as ``Links.act``.
        """
        by = Administrator(name=meta.actor, place=place)

        def turn(known: Case) -> _Turn:
            office = self._store.as_set_up(to)
            there = self._store.there(office)
            events = cases.decide(AssignCase(by=by, place=office, names=names, there=there), known)
            return _Turn(events=events, by=by.name)

        return self._take_turn(case, turn, meta, request)

    def escalate(self, case: str, meta: Meta) -> Answered:
        """Let time pass: up a level where a level's days are over, and at the end, where every state asked has agreed
        to that, approve. An answer that waited for another case takes effect where that has let go. Nothing where
        somebody was faster. Raises as ``answer``."""

        def turn(known: Case) -> _Turn:
            given = known.waits
            if given is not None:
                return _Turn(events=[], by=given.by, verdict=given.yes, reason=given.reason, may_wait=True)
            offices = {state: self._store.offices(part.place) for state, part in known.parts.items()}
            events = cases.decide(EscalateCase(now=self._store.clock(), offices=offices), known)
            after = cases.fold(events, known)
            assert after is not None
            profiles = {state: self._store.profile_of(state) for state in after.parts}
            agreed = {state: profile.automatic_approval for state, profile in profiles.items()}
            if not cases.approved_by_time(after, agreed):
                return _Turn(events=events, by=meta.actor)
            versions = {state: profile.version for state, profile in profiles.items()}
            return _Turn(events=events, by=meta.actor, verdict=True, profiles=versions, may_wait=True)

        return self._take_turn(case, turn, meta)

    def due(self) -> list[str]:
        """Open cases that time moves now. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            return pending.due(conn, self._store.clock())

    # -- leases

    def lease(self, case: str, name: str, place: Place | None, minutes: int) -> Lease:
        """Be at a case, so that nobody else answers it meanwhile; again, to stay longer. place: as in ``answer``. Only
        whoever may answer keeps others from it: else a proposer could hold his own case until its days are over.

        Raises BadValue, NotFound, RecordDestroyed, NotAsked, Forbidden (it lies with another office), CaseIsClosed,
        AlreadyAnswered, OwnProposal, Leased, StoreUnavailable.
        """
        if not 1 <= minutes <= LEASE_MINUTES_MAX:
            raise BadValue(
                "A lease cannot last that long.",
                rule="lease",
                element="minutes",
                place="/minutes",
                remedy=f"Take it for 1 to {LEASE_MINUTES_MAX} minutes; it can be taken again.",
            )
        cases.answers_for(Administrator(name=name, place=place), self._store.known(case))
        now = self._store.clock()
        with self._log.connection() as conn:
            lease = pending.take(conn, case, Lease(name, now + timedelta(minutes=minutes)), now)
        if lease.holder != name:
            raise _leased(lease)
        return lease

    def release(self, case: str, name: str) -> None:
        """Be at it no longer; nothing where one was not. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            pending.let_go(conn, case, name)

    def lease_of(self, case: str) -> Lease | None:
        """Who is at a case now; None where nobody is. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            return pending.lease_of(conn, case, self._store.clock())

    def leases_of(self, cases: Sequence[str]) -> dict[str, Lease]:
        """Who is at which of these cases now. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            return pending.leases_of(conn, cases, self._store.clock())

    # -- inside

    def _take_turn(
        self,
        case: str,
        take: Callable[[Case], _Turn],
        meta: Meta,
        request: RequestKey | None = None,
    ) -> Answered:
        records, acts = seeds_of(self._store.known(case))
        last: Case | None = None
        moved = False

        def decided(reach: Reach) -> tuple[Acted, Beside]:
            nonlocal last, moved
            last = known = self._store.known(case)
            moved = False
            turn = take(known)
            if not turn.events and turn.verdict is None:
                return nothing(reach, case), Beside()
            own = writing(case, known, turn.events)
            try:
                settled = self._settle(case, own.after, turn, reach)
            except UnderCase:
                if not turn.may_wait:
                    raise
                settled = None  # the other case goes first, and this one is looked at again
            last = own.after
            if settled is None:
                if not turn.events:
                    return nothing(reach, case), Beside()
                moved = True
                own = msgspec.structs.replace(own, answered=turn.answered)
                again = self._store.clock() if turn.may_wait else None
                return nothing(reach, case), beside([own], {}, due=again)
            moved = True
            acted, close, others, after_holds = settled
            own = msgspec.structs.replace(
                writing(case, known, [*turn.events, *cases.decide(close, own.after)]), answered=turn.answered
            )
            last = own.after
            with self._log.connection() as conn:
                held = pending.held(conn, case, records)
            # What goes on from here may hold records that this case did not.
            holds = {guard: held for one in others for guard, held in taken_by(one.case, one.holds).items()}
            holds |= held_by(case, held, after=after_holds)
            return acted, beside([own, *others], holds, turn.reason, case)

        linked = self._links.act(Seeds(records=records, acts=acts), decided, meta, request)
        # A request that came before is told what it was told then, whatever others have answered since.
        after = self._store.known(case, linked.position) if last is None or linked.replayed else last
        return Answered(
            case=case,
            after=after,
            position=linked.position,
            moved=moved and not linked.replayed,
            students=linked.students,
            replayed=linked.replayed,
        )

    def _settle(
        self, case: str, answered: Case, turn: _Turn, reach: Reach
    ) -> tuple[Acted, CloseCase, list[Writing], str | None] | None:
        """The act, how the case closes, what else is written, and the case that holds the records from then on."""
        if turn.verdict is None:
            return None
        yes, proposal = turn.verdict, answered.opened.proposal
        automatic, profiles = turn.profiles is not None, turn.profiles or {}
        # What does not stand any more is taken back, which somebody else validates: in a case of its own.
        names = self._store.new_id() if isinstance(proposal, Residue | Doubtful) and not yes else case
        settled = settle(answered, yes=yes, case=names, reach=reach)
        code = settled.code or self._came_between(answered, settled.acted)
        if code is not None:
            close = CloseCase(outcome="overtaken", code=code, automatic=automatic, profiles=profiles)
            return nothing(reach), close, [], None
        acted, others, follows = settled.acted, [], None
        # The two students as they are: a blind check holds nothing, so they may be others than when it was opened.
        records = records_of(acted) if yes and _may_want_a_second(answered) else []
        seconds = self._seconds(records)
        if seconds:
            acted, follows = nothing(reach), self._store.new_id()
            opened = self._second(follows, answered, records, turn, seconds)
            others = [] if opened is None else [opened]
        elif isinstance(proposal, Residue | Doubtful) and not yes:
            others = self._store.after_reversal(acted, proposal.act, names, reach, turn.by, turn.reason)
        elif isinstance(proposal, Reversal) and not yes:
            others = self._store.residues(acted, reach, turn.by)
        elif answered.kind == cases.DIFFERENT_CHILD and not yes:
            others = self._parting(answered, reach, turn.by, turn.reason)
            follows = others[0].case if others else None
        close = CloseCase(
            outcome="settled" if yes else "rejected",
            act=acted.id or None,
            next=follows if follows is not None or names == case else names,
            automatic=automatic,
            profiles=profiles,
        )
        return acted, close, others, follows

    def _came_between(self, answered: Case, acted: Acted) -> str | None:
        """Why an act is not done although it could be: it would concern a state that holds no record in the case."""
        states = set(self._store.states(joined_or_parted(acted)).values()) if acted.said else set[str]()
        return NotAsked.code if states - states_named(answered.opened.records) else None

    def _parting(self, answered: Case, reach: Reach, actor: str, reason: str) -> list[Writing]:
        """The split of a record that is another child's than the others of its student. It takes another person, so it
        is proposed; nothing where the record stands alone. Raises UnderCase."""
        found = parting(answered.opened.records[0].anchor.record, reach)
        if found is None:
            return []
        split, records = found
        opened = self._store.open(self._store.new_id(), cases.VALIDATE_SPLIT, split, records, actor, reason)
        return [] if opened is None else [opened]

    def _second(
        self, case: str, answered: Case, records: Sequence[Anchor], turn: _Turn, states: set[str]
    ) -> Writing | None:
        """The case for another person. What was judged by two records alone is so by him: the weight, by which no
        policy would have asked, would answer for him."""
        proposal, blind = answered.opened.proposal, cases.judged_blind(answered.opened)
        assert isinstance(proposal, Link)
        if blind:
            records = shown_first(proposal.record, proposal.candidates[0].member, records)
        kind = cases.VALIDATE_NEAR_MATCH
        return self._store.open(case, kind, proposal, records, turn.by, turn.reason, only=states, blind=blind)

    def _seconds(self, records: Sequence[Anchor]) -> set[str]:
        """States of these records that want a second person for a near match."""
        states = set(self._store.states(anchor.record for anchor in records).values())
        return {state for state in states if self._store.profile_of(state).second_person_near_match}

    def _refuse_leased(self, case: str, name: str) -> None:
        lease = self.lease_of(case)
        if lease is not None and lease.holder != name:
            raise _leased(lease)


def _may_want_a_second(answered: Case) -> bool:
    """Whether a yes links, and nobody has said so before."""
    return isinstance(answered.opened.proposal, Link) and answered.kind in (cases.NEAR_MATCH, cases.BLIND_CHECK)


def _leased(lease: Lease) -> Leased:
    return Leased(
        f"{lease.holder} is at this case until {lease.until.astimezone(UTC):%H:%M} UTC.",
        remedy="Wait until then, or ask for it to be let go.",
    )
