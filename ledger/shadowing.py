"""What another policy would come to, over the whole history, and nothing is written.

It decides everything from scratch: it begins with the students that people and states have joined, without what any
policy has linked, and joins the surest first. Invariant: what was declared not to be the same is never joined, and a
record under a case that does not ask whether two are one is left as it is. A question that is open is compared with
those that the policy would ask; nobody takes it back when the policy is published.

Every record is held in memory: about 3 kB for what it says, and 1 kB for its keys and for who shares them.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ledger.errors import Refused
from ledger.events.case import CaseClosed, CaseOpened, Link
from ledger.events.linkage import LinkageEvent, RecordLinked
from ledger.identities import every_record, traits_in_parts
from ledger.linkage import fold, live_edges
from ledger.matcher import BY_POLICY
from ledger.matching.blocking import keys
from ledger.matching.group import Found, Group
from ledger.matching.person import VERSION, Person, person
from ledger.matching.policy import Policy, Scale
from ledger.store.log import Log
from ledger.store.match_index import BLOCK_MAX, key_hash

_STUDENTS_AT_ONCE = 500

Show = Callable[[int, int], None]


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would be otherwise. what: ``new-link``, ``gone-link``, ``new-question``, ``gone-question``.

    record, member: uuids. weight: thousandths of a bit under the policy that finds it; None where that is not written.
    by: the act or case that stands now.
    """

    what: str
    record: str
    member: str
    weight: int | None
    by: str | None = None


class Costs(msgspec.Struct, kw_only=True):
    """Of a state, or of all. links, questions: that the policy would come to. wrong: of the links, how many it expects
    to be another child's. now: the same of what stands. A link between two states counts in both."""

    records: int = 0
    links: int = 0
    links_now: int = 0
    new_links: int = 0
    gone_links: int = 0
    questions: int = 0
    questions_now: int = 0
    new_questions: int = 0
    gone_questions: int = 0
    wrong: float = 0.0
    wrong_now: float = 0.0


class Named(msgspec.Struct, frozen=True):
    """A record as its state knows it."""

    state: str
    state_student_id: str


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """What would differ, and what it costs. position: of the log when it was begun."""

    position: int
    differs: list[Differs]
    all: Costs
    by_state: dict[str, Costs]
    named: dict[str, Named]


def shadow(log: Log, policy: Policy, show: Show = lambda *_: None) -> Shadow:
    """Try a policy on everything that there is.

    Raises Refused: it was trained by a release that prepares names otherwise.
    """
    if policy.code != VERSION:
        raise Refused(
            f"Policy {policy.version} was trained by a release that prepares names otherwise.",
            remedy="Train one with this release.",
        )
    position = log.head()
    stands = _Stands(log)
    people: dict[str, Person] = {}
    for part in traits_in_parts(log, every_record(log)):
        # One that was opened since is of the next time.
        people |= {record: person(traits, policy.roles) for record, traits in part.items() if record in stands.student}
        show(len(people), len(stands.student))
    scale = Scale(policy, len(people))
    begun = {record: student for record, student in stands.begun().items() if record in people}
    group = Group(scale, people, begun, _Near(people), stands.apart, stands.held)
    for record, member in group.said_same(people):
        group.join(record, member)
    links: list[Found] = []
    for found in group.links(people):
        group.join(found.record, found.member)
        links.append(found)
    return _compared(position, stands, people, group, links, group.questions(people))


# -- inside


class _Near(Mapping[str, Collection[str]]):
    """Record to those that share a key with it: kept as numbers, since their names would take more room than the
    records."""

    def __init__(self, people: Mapping[str, Person]) -> None:
        self._people = people
        self._names = list(people)
        self._under: defaultdict[int, array[int]] = defaultdict(lambda: array("l"))
        for number, one in enumerate(people.values()):
            for key in keys(one):
                self._under[key_hash(key)].append(number)
        self._found: dict[str, array[int]] = {}

    def __getitem__(self, record: str) -> Collection[str]:
        found = self._found.get(record)
        if found is None:
            blocks = (self._under[key_hash(key)] for key in keys(self._people[record]))
            sharing = {one for block in blocks if len(block) <= BLOCK_MAX for one in block}
            found = self._found[record] = array("l", sorted(sharing))
        return [name for one in found if (name := self._names[one]) != record]

    def __iter__(self) -> Iterator[str]:
        return iter(self._people)

    def __len__(self) -> int:
        return len(self._people)


class _Stands:
    """What stands now. policy_links: act to its event, of those that a policy has linked and that hold. asked: case to
    the record and the best member that it asks about, and the weight. held: by any other case."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.student: dict[str, str] = {}
        self.named: dict[str, Named] = {}
        self._minted: dict[str, str] = {}
        under: dict[str, str] = {}
        with log.connection() as conn:
            rows: Any = conn.execute(_RECORDS)
            for row in rows:
                record = str(row["record_id"])
                self.student[record] = row["student_id"]
                self._minted[record] = row["minted"]
                self.named[record] = Named(row["state"], row["state_student_id"])
                if row["case_id"] is not None:
                    under[record] = str(row["case_id"])
            pairs: Any = conn.execute(_APART)
            self.apart = {
                pair
                for row in pairs
                for left, right in ((str(row["left_record"]), str(row["right_record"])),)
                for pair in ((left, right), (right, left))
            }
        self.asked = self._questions(set(under.values()))
        self.held = {record for record, case in under.items() if case not in self.asked}
        self.policy_links: dict[str, RecordLinked] = {}

    def begun(self) -> dict[str, str]:
        """Record to its student without what policies have linked."""
        of: defaultdict[str, list[str]] = defaultdict(list)
        for record, student in self.student.items():
            of[student].append(record)
        begun = {record: record for record in self.student}
        several = [members for members in of.values() if len(members) > 1]
        for at in range(0, len(several), _STUDENTS_AT_ONCE):
            students = several[at : at + _STUDENTS_AT_ONCE]
            self._join_what_stays(begun, [record for members in students for record in members])
        return {record: _root(begun, record) for record in begun}

    def _join_what_stays(self, begun: dict[str, str], records: Iterable[str]) -> None:
        said = [
            (one.position, one.event)
            for one in self._log.read_streams([f"linkage/{self._minted[record]}" for record in records])
            if isinstance(one.event, LinkageEvent)
        ]
        linkage = fold(sorted(said, key=lambda one: one[0]))
        for edge in live_edges(linkage):
            act = linkage.acts[edge.act][1]
            if isinstance(act, RecordLinked) and act.why == BY_POLICY:
                self.policy_links[act.act] = act
            elif edge.left.record in begun and edge.right.record in begun:
                one, other = sorted((_root(begun, edge.left.record), _root(begun, edge.right.record)))
                begun[other] = one

    def _questions(self, cases: Collection[str]) -> dict[str, tuple[str, str, int]]:
        asked: dict[str, tuple[str, str, int]] = {}
        streams = [f"case/{case}" for case in sorted(cases)]
        for at in range(0, len(streams), _STUDENTS_AT_ONCE):
            for recorded in self._log.read_streams(streams[at : at + _STUDENTS_AT_ONCE]):
                case, event = recorded.stream.removeprefix("case/"), recorded.event
                if isinstance(event, CaseOpened) and isinstance(event.proposal, Link) and event.proposal.policy:
                    best = event.proposal.candidates[0]
                    asked[case] = event.proposal.record.record, best.member.record, round(best.score * 1000)
                elif isinstance(event, CaseClosed):
                    asked.pop(case, None)
        return asked


def _root(begun: Mapping[str, str], record: str) -> str:
    while begun[record] != record:
        record = begun[record]
    return record


def _compared(
    position: int,
    stands: _Stands,
    people: Collection[str],
    group: Group,
    links: list[Found],
    questions: list[Found],
) -> Shadow:
    total, by_state = Costs(), defaultdict[str, Costs](Costs)
    differs: list[Differs] = []

    def count(field: str, *records: str, by: float = 1) -> None:
        for costs in (total, *(by_state[state] for state in {stands.named[record].state for record in records})):
            setattr(costs, field, getattr(costs, field) + by)

    def differ(field: str, what: str, record: str, member: str, weight: int | None, by: str | None = None) -> None:
        count(field, record, member)
        differs.append(Differs(what=what, record=record, member=member, weight=weight, by=by))

    for record in people:
        count("records", record)
    for found in links:
        count("links", found.record, found.member)
        count("wrong", found.record, found.member, by=_wrong(found.assessed.weight))
        if stands.student[found.record] != stands.student[found.member]:
            differ("new_links", "new-link", found.record, found.member, found.assessed.weight)
    for act, link in stands.policy_links.items():
        one, other = link.record.record, link.member.record
        if one not in people or other not in people:
            continue
        weight = None if link.decision is None else link.decision.weight
        count("links_now", one, other)
        count("wrong_now", one, other, by=0.0 if weight is None else _wrong(weight))
        if not group.together(one, other):
            differ("gone_links", "gone-link", one, other, weight, act)
    open_now = {case: asked for case, asked in stands.asked.items() if asked[0] in people and asked[1] in people}
    asked_now = {group.pair(one, other) for one, other, _ in open_now.values()}
    would_ask = {group.pair(found.record, found.member) for found in questions}
    for found in questions:
        count("questions", found.record, found.member)
        if group.pair(found.record, found.member) not in asked_now:
            differ("new_questions", "new-question", found.record, found.member, found.assessed.weight)
    for case, (one, other, weight) in open_now.items():
        count("questions_now", one, other)
        if group.pair(one, other) not in would_ask:
            differ("gone_questions", "gone-question", one, other, weight, case)
    return Shadow(
        position=position, differs=differs, all=total, by_state=dict(sorted(by_state.items())), named=stands.named
    )


def _wrong(weight: int) -> float:
    """The chance that a link of this weight is another child's, by the policy that weighed it."""
    return 1 / (1 + 2 ** min(weight / 1000, 1000))


_RECORDS = "select record_id, state, state_student_id, student_id, minted, case_id from ledger.records"
_APART = "select left_record, right_record from ledger.not_same where withdrawn is null"
