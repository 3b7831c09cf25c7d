"""The matcher: every record that says something new of who the child is, is decided once, and again when that changes.

It works in two steps, each of which may be broken off at any instant. It *remembers* what the log says, in the order of
the log, in tables of its own whose position moves in the same transaction. And once it has caught up it *decides* what
waits: what looks wrong is put before people, then what states have said themselves is linked, then the surest of what
the policy links, each an append of its own with a key, and at last come the questions, so that none is asked which a
record of the same night answers. Invariant: keeping apart appends nothing; what a crash interrupts is decided anew, and
what was durable is found by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from ledger.cases import DIFFERENT_CHILD
from ledger.errors import Conflict, NotFound, Refused, StaleDecision
from ledger.events import Meta, Recorded
from ledger.events.case import CaseClosed, CaseOpened
from ledger.events.linkage import Decision, LinkageEvent, Rival
from ledger.events.retention import KeyDestroyed
from ledger.linkage import live_edges
from ledger.links import Links, Seeds
from ledger.match_group import group_of, grown
from ledger.match_portion import Portion
from ledger.match_reading import Told, is_other, told
from ledger.match_scout import Scout
from ledger.match_writing import ACTOR, Decided, MatchWriter, asked_once
from ledger.matching.blocking import KEYS
from ledger.matching.comparison import FIELDS
from ledger.matching.decision import assess
from ledger.matching.explain import explain
from ledger.matching.group import Found, Group
from ledger.matching.policy import Policy, Scale
from ledger.policies import Policies, Published
from ledger.proposals import Proposals
from ledger.replay import RequestKey
from ledger.store import match_doubts, match_index
from ledger.store.log import Log
from ledger.store.match_doubts import Doubt

BATCH_EVENTS = 2_000
DECIDED_AT_ONCE = 1_000
GROWN_MAX = 4
"""How many times as many records are decided together at most, so that those that come near each other are."""
SCOUTED_FROM = 500
"""Records of a portion for which another process is started."""
BY_POLICY = "policy"
SAID_SAME = "state-says-same"
_OTHERS_TOLD = 5
_RECORD = "record/"
_LINKAGE = "linkage/"


class Matched(msgspec.Struct):
    """What was decided. records: that waited. linked, asked: links, and questions put before people."""

    records: int = 0
    linked: int = 0
    asked: int = 0


class Matcher:
    """Remembers and decides. One at a time: the caller holds the lock. writer: its own if none is given."""

    def __init__(
        self, log: Log, links: Links, proposals: Proposals, policies: Policies, writer: MatchWriter | None = None
    ) -> None:
        self._log = log
        self._links = links
        self._proposals = proposals
        self._policies = policies
        self._writer = writer or MatchWriter(links, proposals)
        self._portion: Portion | None = None

    def policy(self) -> Published:
        """The one that decides now. Raises Refused where there is none that this release can decide by."""
        return self._policies.in_effect(Meta(actor=ACTOR))

    # -- remember

    def remember(self, conn: psycopg.Connection[Any], policy: Policy, batch: Sequence[Recorded]) -> None:
        """Bring the tables to the end of a batch of the log, within the caller's transaction."""
        said: set[str] = set()
        closed: dict[str, int] = {}
        moved: dict[str, int] = {}
        destroyed = False
        for recorded in batch:
            event = recorded.event
            if recorded.stream.startswith(_RECORD):
                said.add(recorded.stream.removeprefix(_RECORD))
            elif isinstance(event, KeyDestroyed):
                destroyed |= event.submission is None
            elif isinstance(event, CaseClosed):
                closed[recorded.stream] = recorded.position
            elif isinstance(event, LinkageEvent) and recorded.meta.actor != ACTOR:
                moved[recorded.stream.removeprefix(_LINKAGE)] = recorded.position
        after = batch[0].position - 1
        self._keep(conn, told(self._log, dict.fromkeys(said, after), batch[-1].position, policy))
        if destroyed:
            self._portion = None
            match_index.forget(conn, match_index.destroyed(conn))
        # What people joined, parted or answered may leave other decisions.
        match_index.wait_again(conn, self._of_cases(closed))
        match_index.students_wait_again(conn, moved)

    def read_anew(self, conn: psycopg.Connection[Any], policy: Policy, upto: int, limit: int = BATCH_EVENTS) -> bool:
        """After another policy has come into effect: bring so many records to a position, each by its own stream, in
        the caller's transaction. Whether there were any."""
        records = match_index.unread(conn, limit)
        self._keep(conn, told(self._log, records, upto, policy))
        match_index.read(conn, records)
        return bool(records)

    def _keep(self, conn: psycopg.Connection[Any], said: Mapping[str, Told]) -> None:
        if said:
            self._portion = None
        match_doubts.keep(conn, {record: one.doubt for record, one in said.items() if one.doubt is not None})
        match_index.remember(
            conn, {record: (one.person, one.position) for record, one in said.items() if one.person is not None}
        )
        match_index.forget(conn, [record for record, one in said.items() if one.person is None])

    def _of_cases(self, closed: dict[str, int]) -> dict[str, int]:
        """Records of cases that have closed: what a case held back may be decided now."""
        found: dict[str, int] = {}
        for one in self._log.read_streams(list(closed)) if closed else ():
            if isinstance(one.event, CaseOpened):
                found |= {concerned.anchor.record: closed[one.stream] for concerned in one.event.records}
        return found

    # -- decide

    def decide(
        self,
        conn: psycopg.Connection[Any],
        published: Published,
        read: int,
        limit: int = DECIDED_AT_ONCE,
        scout: Scout | None = None,
    ) -> Matched | None:
        """Decide what waits; None where nothing does. read: position to which the tables stand. limit: about so many
        records at once, with those that wait too and come near to one of them, up to ``GROWN_MAX`` times as many; 1:
        one record and no other. scout: sent to those that come next, where there are many."""
        # What breaks off leaves nothing in mind.
        portion, self._portion = self._portion, None
        if portion is None or not portion.holds(conn, published):
            portion = Portion(conn, published)
            if scout is not None:
                scout.recall()
        elif scout is not None and (seen := scout.found()) is not None:
            portion.learn(seen)
        for linked, deciding in ((False, self._join), (True, self._put_before_people)):
            waiting = match_index.waiting(conn, limit, linked=linked)
            if scout is not None and waiting and not scout.is_lost:
                self._scouted(scout, portion, [record for record, _ in waiting], limit, linked=linked)
            if 1 < limit == len(waiting):
                waiting = grown(portion, waiting, limit * GROWN_MAX, linked=linked)
            if waiting:
                done, again = deciding(portion, published, read, waiting)
                portion.ended([record for record, _ in waiting], again)
                self._portion = portion
                return done
        return None

    def _scouted(self, scout: Scout, portion: Portion, waiting: Sequence[str], limit: int, *, linked: bool) -> None:
        """Send a scout to the records that come behind these. One that was sent to none of these goes to the last of
        them before, while the first are looked at here."""
        if not scout.process:
            if len(waiting) < SCOUTED_FROM:
                return
            half = len(waiting) // 2
            scout.send(portion.published, waiting[half:])
            group_of(portion, waiting[:half])
            portion.moved()  # who is of which student is read when it is decided, with a scout as without
            if (seen := scout.found()) is not None:
                portion.learn(seen)
        behind = match_index.waiting(portion.conn, len(waiting) + limit, linked=linked)[len(waiting) :]
        if not behind and not linked:
            behind = match_index.waiting(portion.conn, limit, linked=True)
        scout.send(portion.published, [record for record, _ in behind if not portion.has(record)])

    def _join(
        self, portion: Portion, published: Published, read: int, waiting: Sequence[tuple[str, int]]
    ) -> tuple[Matched, list[str]]:
        """Look at corrections, and link what is sure. Answers also who is left to be asked about."""
        done, since = Matched(records=len(waiting)), _Since(published.position, dict(waiting))
        conn = portion.conn
        doubts = portion.doubts(list(since.at))
        for record, doubt in doubts.items():
            done.asked += self._doubt(conn, published.policy, record, doubt)
            portion.moved()
        refused: set[tuple[str, str]] = set()
        todo = sorted(since.at)
        open_questions: set[str] | None = None
        while todo:
            deciding = self._deciding(portion, published, read, todo, refused)
            found = [*self._said_same(deciding, since, todo), *self._sure(deciding, since, todo)]
            left = self._writer.link(found)
            portion.moved()
            done.linked += len(found) - sum(map(len, left))
            for first, *_ in left:
                refused |= {(first.record, first.member), (first.member, first.record)}
            # What rested on a link that could not be is decided anew without it.
            unlinked = {record for chain in left for one in chain for record in one.records()}
            # And so is what came near only by one of these links: the guards have to see for it.
            todo = sorted(set(since.at) & (unlinked | deciding.students.blind))
            if open_questions is None and not todo:
                asked = deciding.students.questions(list(since.at))
                open_questions = {record for one in asked for record in (*one.left, *one.right)}
        again = [record for record, _ in waiting if open_questions is None or record in open_questions]
        # Durable by now: every link. A crash before this is on the disk decides them again, and finds them by their
        # keys.
        with conn.pipeline(), conn.transaction():
            match_doubts.looked_at(conn, doubts)
            # Most are near to nobody else, and are decided with that.
            match_index.linked(conn, [(record, since.at[record]) for record in again])
            match_index.decided(conn, [(record, since.at[record]) for record in since.at.keys() - set(again)])
        return done, again

    def _put_before_people(
        self, portion: Portion, published: Published, read: int, waiting: Sequence[tuple[str, int]]
    ) -> tuple[Matched, list[str]]:
        """Ask about what is near, once all that is sure has been linked."""
        done, since = Matched(), _Since(published.position, dict(waiting))
        deciding = self._deciding(portion, published, read, list(since.at))
        waiting_for = [*deciding.students.questions(list(since.at))]
        asked: set[str] = set()
        while waiting_for:
            # A record is in one case at a time: when that closes, its records are looked at again.
            turn: list[Decided] = []
            busy, later = set(asked), list[Found]()
            for found in waiting_for:
                sides = {*found.left, *found.right}
                if busy.isdisjoint(sides):
                    busy |= sides
                    turn.append(deciding.decided(found, BY_POLICY, since.of("ask", found)))
                elif asked.isdisjoint(sides):
                    later.append(found)
            left = self._writer.ask(turn)
            done.asked += len(turn) - len(left)
            asked = asked.union(*(one.records() for one in turn if one not in left))
            waiting_for = [found for found in later if asked.isdisjoint((*found.left, *found.right))]
        # Durable by now: every question. What a crash before this is on the disk decides again is found by its key.
        match_index.decided(portion.conn, waiting)
        return done, []

    def _doubt(self, conn: psycopg.Connection[Any], policy: Policy, record: str, doubt: Doubt) -> bool:
        """Put before people what a correction makes doubtful. Whether it did anything."""
        meta, where = Meta(actor=ACTOR, cause=doubt.position), f"{doubt.position}/{record}"
        now = match_index.people_of(conn, [record]).get(record)
        if now is None:
            return False
        try:
            # A state may have taken it back since, or set it right.
            if doubt.other and is_other(doubt.was, now):
                self._proposals.open_changed(
                    DIFFERENT_CHILD, record, doubt.position, meta, asked_once(f"different/{where}")
                )
                return True
            acts = self._doubtful(conn, policy, record, doubt)
            if not acts:
                return False
            if len(acts) == 1:
                self._proposals.open_doubtful(acts[0], doubt.position, meta, asked_once(f"doubtful/{where}"))
            else:
                # To take back one of them would part others: what is asked is whether the record belongs there.
                self._proposals.open_changed(
                    DIFFERENT_CHILD, record, doubt.position, meta, asked_once(f"different/{where}")
                )
        except StaleDecision:
            raise  # others were faster again and again: looked at anew when it is quieter
        except (Refused, Conflict, NotFound):
            return False  # it is asked already, or has been parted or destroyed meanwhile
        return True

    def _doubtful(self, conn: psycopg.Connection[Any], policy: Policy, record: str, doubt: Doubt) -> list[str]:
        """The acts by which a record is linked with others that it agreed with before, and speaks against now."""
        members = [one.record for one in match_index.members_of(conn, [record]) if one.record != record]
        people = match_index.people_of(conn, [record, *members])
        others = [people[one] for one in sorted(members) if one in people]
        if record not in people or not others:
            return []
        scale = Scale(policy, match_index.size(conn))
        before, now = (assess(scale, [one], others).weight for one in (doubt.was, people[record]))
        if not now < 0 <= before:
            return []
        linkage = self._links.reach(Seeds(records=[record])).linkage
        return [edge.act for edge in live_edges(linkage) if record in (edge.left.record, edge.right.record)]

    def _deciding(
        self,
        portion: Portion,
        published: Published,
        read: int,
        records: Sequence[str],
        refused: Collection[tuple[str, str]] = (),
    ) -> _Deciding:
        """refused: pairs that cannot be linked now, each both ways."""
        students, gone = group_of(portion, records, refused)
        match_index.forget(portion.conn, gone)
        return _Deciding(published, read, portion.scale.records, students)

    def _said_same(self, deciding: _Deciding, since: _Since, records: Sequence[str]) -> Iterator[Decided]:
        """What states have said themselves; as done, so that what follows rests on it."""
        group = deciding.students
        for record, member in group.said_same(records):
            # One before may have brought the two together.
            if not group.together(record, member):
                yield Decided(
                    record, member, SAID_SAME, deciding.read, since.key("said", [record, member], record, member)
                )
                group.join(record, member)

    def _sure(self, deciding: _Deciding, since: _Since, records: Sequence[str]) -> Iterator[Decided]:
        """What the policy links, the surest first; as done, so that what follows rests on it."""
        for found in deciding.students.links(records):
            yield deciding.decided(found, BY_POLICY, since.of("link", found))
            deciding.students.join(found.record, found.member)


class _Since(msgspec.Struct, frozen=True):
    """Since when records wait. published: of the policy; under another one, and under other keys, the same pair is
    decided anew."""

    published: int
    at: dict[str, int]

    def of(self, what: str, found: Found) -> RequestKey:
        """The key of a link or a question."""
        return self.key(what, (*found.left, *found.right), found.record, found.member)

    def key(self, what: str, records: Iterable[str], record: str, member: str) -> RequestKey:
        """The same pair, since the same words, is linked or asked once."""
        at = max(self.at.get(one, 0) for one in records)
        return asked_once(f"{what}/{self.published}.{KEYS}/{at}/{record}/{member}")


class _Deciding(msgspec.Struct, frozen=True):
    """Students while they are decided upon, and what to say of each decision."""

    published: Published
    read: int
    size: int
    students: Group

    def decided(self, found: Found, why: str, key: RequestKey) -> Decided:
        """What is written of it."""
        others = [
            Rival(found.beside(other), other.assessed.weight) for other in self.students.rest(found)[:_OTHERS_TOLD]
        ]
        decision = decision_of(self.published, self.read, self.size, found, others)
        return Decided(found.record, found.member, why, self.read, key, decision)


def decision_of(published: Published, read: int, size: int, found: Found, others: Sequence[Rival]) -> Decision:
    """A decision in the words of the log. Pure."""
    policy, assessed = published.policy, found.assessed
    scale = Scale(policy, size)
    told = explain(scale, assessed.levels, assessed.shared, assessed.guards)
    return Decision(
        policy=policy.version,
        published=published.position,
        read=read,
        size=scale.records,
        left=list(found.left),
        right=list(found.right),
        twins=list(found.twins),
        rivals=list(found.rivals),
        weight=assessed.weight,
        pair=assessed.pair.bits,
        whole=assessed.whole.bits,
        number=assessed.number,
        levels={field: FIELDS[field][level] for field, level in zip(FIELDS, assessed.levels, strict=True)},
        steps=[(step.name, step.bits) for step in told.steps],
        guards=list(assessed.guards),
        others=list(others),
        link=policy.thresholds.link,
        review=policy.thresholds.review,
        margin=policy.thresholds.margin,
    )
