"""The matcher: every record that says something new of who the child is, is decided once, and again when that changes.

It works in two steps, each of which may be broken off at any instant. It *remembers* what the log says, in the order of
the log, in tables of its own whose position moves in the same transaction. And once it has caught up it *decides* what
waits: the surest links first, each an append of its own with a key, then what is put before people, so that no question
is asked which a record of the same night answers. Invariant: keeping apart appends nothing; what a crash interrupts is
decided anew, and what was durable is found by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import psycopg

from ledger.errors import Conflict, NotFound, Refused
from ledger.events import Meta, Recorded
from ledger.events.case import CaseClosed
from ledger.events.record import EVENTS as RECORD_EVENTS
from ledger.identity import traits_of
from ledger.linkage_acts import Link, decide
from ledger.links import Beside, Links, Seeds
from ledger.matching.group import Found, Group
from ledger.matching.person import Person, person
from ledger.matching.policy import Policy, Scale
from ledger.proposals import Proposals
from ledger.record import fold
from ledger.replay import RequestKey
from ledger.store import match_index
from ledger.store.log import Log

ACTOR = "matcher"
BATCH_EVENTS = 2_000
DECIDED_AT_ONCE = 1_000
BY_POLICY = "policy"
_RECORD = "record/"
_RECORD_EVENTS = frozenset(RECORD_EVENTS)


class Matched(msgspec.Struct):
    """What was decided. records: that waited. linked, asked: links, and questions put before people."""

    records: int = 0
    linked: int = 0
    asked: int = 0


class Matcher:
    """Remembers and decides. One at a time: the caller holds the lock. policy: the published one."""

    def __init__(self, log: Log, links: Links, proposals: Proposals, policy: Callable[[], Policy]) -> None:
        self._log = log
        self._links = links
        self._proposals = proposals
        self._policy = policy

    # -- remember

    def remember(self, conn: psycopg.Connection[Any], batch: Iterable[Recorded]) -> int:
        """Bring the tables to the end of a batch of the log, within the caller's transaction. Answers how many records
        said something new of who the child is."""
        said: dict[str, int] = {}
        again: dict[str, int] = {}
        for recorded in batch:
            event = recorded.event
            if type(event) in _RECORD_EVENTS:
                said[recorded.stream.removeprefix(_RECORD)] = recorded.position
            elif isinstance(event, CaseClosed):
                again[recorded.stream] = recorded.position
        people, gone = self._people(said)
        new = match_index.remember(conn, people)
        match_index.forget(conn, gone)
        return len(new)

    def _people(self, said: dict[str, int]) -> tuple[dict[str, tuple[Person, int]], list[str]]:
        roles = self._policy().roles
        streams: dict[str, list[Recorded]] = {record: [] for record in said}
        for recorded in self._log.read_streams([_RECORD + record for record in said]):
            streams[recorded.stream.removeprefix(_RECORD)].append(recorded)
        people: dict[str, tuple[Person, int]] = {}
        gone: list[str] = []
        for record, events in streams.items():
            state = fold(one.event for one in events)
            traits = None if state is None else traits_of(state)
            if traits is None:
                gone.append(record)
            else:
                people[record] = person(traits, roles), said[record]
        return people, gone

    # -- decide

    def decide(self, conn: psycopg.Connection[Any], limit: int = DECIDED_AT_ONCE) -> Matched:
        """Decide what waits, so many records at most."""
        waiting = match_index.waiting(conn, limit)
        if not waiting:
            return Matched()
        done = Matched(records=len(waiting))
        group, read = self._group(conn, [record for record, _ in waiting])
        since = dict(waiting)
        for found in group.links(list(since)):
            if self._link(found, read, since):
                group.join(found.record, found.member)
                done.linked += 1
        for found in group.questions(list(since)):
            done.asked += self._ask(found, since)
        # Durable by now: every link and every question. A crash before this decides them again, and finds them.
        match_index.decided(conn, waiting)
        return done

    def _group(self, conn: psycopg.Connection[Any], records: list[str]) -> tuple[Group, int]:
        read = self._log.head()
        near = match_index.near(conn, records)
        known = set(records).union(*near.values())
        members = match_index.members_of(conn, known)
        known |= {member.record for member in members}
        people = match_index.people_of(conn, known)
        both: dict[str, set[str]] = {record: set(others) for record, others in near.items()}
        for record, others in near.items():
            for other in others:
                both.setdefault(other, set()).add(record)
        return (
            Group(
                Scale(self._policy(), match_index.size(conn)),
                people,
                {member.record: member.student for member in members if member.record in people},
                both,
                match_index.apart(conn, known),
                {member.record for member in members if member.held},
            ),
            read,
        )

    def _link(self, found: Found, read: int, since: dict[str, int]) -> bool:
        command = Link(record=found.record, member=found.member, why=BY_POLICY)
        seeds = Seeds(records=[found.record, found.member])
        try:
            self._links.act(
                seeds, lambda reach: (decide(command, reach), Beside()), self._meta(read), _key(found, since)
            )
        except (Refused, Conflict, NotFound):
            return False  # somebody has parted, joined, held or destroyed it meanwhile: there is nothing left to link
        return True

    def _ask(self, found: Found, since: dict[str, int]) -> bool:
        score = round(found.assessed.weight / 1000, 3)
        policy = self._policy().version
        try:
            self._proposals.open_near_match(
                found.record, {found.member: score}, Meta(actor=ACTOR), policy, _key(found, since)
            )
        except (Refused, Conflict, NotFound):
            return False
        return True

    def _meta(self, read: int) -> Meta:
        return Meta(actor=ACTOR, cause=read)


def _key(found: Found, since: dict[str, int]) -> RequestKey:
    """The same pair, since the same words, is linked or asked once."""
    at = max(since.get(found.record, 0), since.get(found.member, 0))
    return RequestKey(scope=f"reactor {ACTOR}", key=f"{at}/{found.record}/{found.member}", body_hash=b"")
