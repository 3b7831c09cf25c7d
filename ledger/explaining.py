"""Why two records are one student's or are not: decided once more, from log and policy, and nothing is written.

Keeping apart leaves no event, so this is where it is told. Invariant: the same pair, policy and position give the same
answer for ever: where a position is named, nothing is told that is known of now alone. Twins and namesakes, who else
comes near, how many records are known, and what a case holds are of the matcher's tables and of the guards; they are
told where none is named, and of a position they are left out, the size being that of the records opened by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any

import msgspec

from ledger.errors import BadValue, NotFound, Refused, SameStudent
from ledger.events.linkage import Anchor, LinkageEvent, RecordLinked, StudentsMerged
from ledger.facts import RecordState
from ledger.identities import people_of, states_of
from ledger.linkage import Clusters, Linkage, clusters, fold, live_acts, live_declarations, live_edges
from ledger.matching.comparison import compared
from ledger.matching.decision import is_hopeless, pair_bits
from ledger.matching.explain import Explanation, Verdict, explain, verdict
from ledger.matching.group import Found, Group
from ledger.matching.person import VERSION, Person
from ledger.matching.policy import Policy, Scale
from ledger.matching.shipped import shipped
from ledger.policies import Policies
from ledger.store import match_index
from ledger.store.log import Log

_OTHERS_TOLD = 5
_MATCHER = "reactor matcher"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A record as people know it. student_id: that its student shows, or showed at the position."""

    record: str
    state: str
    state_student_id: str
    student_id: str


class Near(Named, frozen=True, kw_only=True):
    """The record of a student that comes near too. weight: of the two students against each other."""

    weight: int


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """The two students against each other. left, right: their records; record, member: those of them that agree most.

    weight: what counts, the mean of pair and whole, with number, what a national number that was sent is worth.
    explanation: of the two put together. twins, rivals: other records at which the guards looked. others: students that
    the first comes near to as well, or, where the policy leaves a margin, either. declared: declarations that keep them
    apart. held: by a case, now; None where a position is named, of which it is not known. close: a third student is
    nearer to one of the two than the policy's margin. hopeless: no record of the one comes near one of the other, so
    that they are kept apart whatever they are put together.
    """

    verdict: Verdict
    left: list[str]
    right: list[str]
    record: str
    member: str
    weight: int
    pair: int
    whole: int
    number: int
    explanation: Explanation
    twins: list[str]
    rivals: list[str]
    others: list[Near]
    declared: list[str]
    held: bool | None
    close: bool
    hopeless: bool
    margin: int


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """policy: its version. position: of the log, as of which they are told. size: records that were reckoned with.

    together: acts that join the two; the alone comparison is told of them all the same. students: None then. seen: to
    where the matcher's tables stand, in which twins and rivals were looked for; None where they were not.
    """

    policy: str
    position: int
    size: int
    records: list[Named]
    alone: Explanation
    together: list[str]
    students: Whole | None
    seen: int | None

    def named(self) -> list[str]:
        """Every record of which this says something."""
        told = {one.record for one in self.records}
        if self.students is not None:
            whole = self.students
            told |= {*whole.left, *whole.right, *whole.twins, *whole.rivals, *(one.record for one in whole.others)}
        return sorted(told)


def explained(
    log: Log, policies: Policies, one: str, other: str, *, version: str | None = None, position: int | None = None
) -> Explained:
    """Two records, by uuid: alone, and their students as they stand, or stood at a position.

    version: of a policy; None: of the one in effect then.

    Raises:
        NotFound: no such record (then), or policy.
        BadValue: the log has not come to the position.
        SameStudent: the two are one record.
        Refused: a record says nothing of the child; nobody had published a policy by then, or this release cannot
            prepare names as it does.
    """
    if one == other:
        raise SameStudent("This is one record.", remedy="Name two.")
    head = log.head()
    asked = head if position is None else position
    if asked > head:
        raise BadValue(
            f"The log has not come to position {position}: nothing is behind {head}.",
            rule="position",
            element="position",
            remedy=f"Name one from 1 to {head}, or none.",
        )
    policy = _policy(policies, version, position)
    students = _Students(log, asked)
    for record in (one, other):
        students.find(record)
    joined = students.clusters()
    members = {record: [a.record for a in joined.members[joined.student_of[record]]] for record in (one, other)}
    people = people_of(log, {record for each in members.values() for record in each}, policy.roles, asked)
    for record in (one, other):
        if record not in people:
            raise Refused(
                "A record says nothing of who the child is: it was retracted, or has no demographics.",
                remedy="Name another.",
            )
    around = _Around() if position is not None else _around(log, list(people))
    scale = Scale(policy, around.size or students.opened())
    levels, shared = compared(people[one], people[other])
    together = students.joining(members[one], one, other) if joined.together(one, other) else []
    whole = None
    if not joined.together(one, other):
        whole = _whole(log, scale, people, joined, around, students, (one, other))
    return Explained(
        policy=policy.version,
        position=asked,
        size=scale.records,
        records=[students.named(record, joined) for record in (one, other)],
        alone=explain(scale, levels, shared),
        together=together,
        students=whole,
        seen=around.position,
    )


# -- inside


class _Around(msgspec.Struct):
    """What the matcher's tables know of the records beside these, now. near: record to those that share a key with it.
    student: record to the id that it shows. size: records that are known. position: to which the tables stand."""

    near: dict[str, set[str]] = {}
    student: dict[str, str] = {}
    held: set[str] = set()
    size: int = 0
    position: int | None = None


class _Students:
    """Who was who at a position: found by following the edges that stood then."""

    def __init__(self, log: Log, position: int) -> None:
        self._log = log
        self._position = position
        self._states: dict[str, RecordState] = {}
        self._anchors: dict[str, Anchor] = {}
        self.linkage = Linkage()
        self._read: set[str] = set()
        self._said: list[tuple[int, LinkageEvent]] = []

    def find(self, record: str) -> None:
        """Have a record and all that was said of its student. Raises NotFound."""
        state = states_of(self._log, [record], self._position).get(record)
        if state is None:
            raise NotFound(
                f"There is no record {record}, or there was none then.", remedy="Compare it with where it was read."
            )
        self._states[record] = state
        opened = self._log.read_stream(f"record/{record}")[0].position
        self._anchors[record] = Anchor(record, state.student_id, opened)
        wanted = {state.student_id}
        while missing := wanted - self._read:
            for recorded in self._log.read_streams([f"linkage/{student}" for student in sorted(missing)]):
                if recorded.position <= self._position and isinstance(recorded.event, LinkageEvent):
                    self._said.append((recorded.position, recorded.event))
            self._read |= missing
            self.linkage = fold(sorted(self._said, key=lambda said: said[0]))
            wanted |= {end.student_id for edge in live_edges(self.linkage) for end in (edge.left, edge.right)}

    def clusters(self) -> Clusters:
        """The students of the records that were found."""
        return clusters(self.linkage, self._anchors.values())

    def named(self, record: str, joined: Clusters) -> Named:
        """As people know it."""
        state = self._states[record]
        return Named(
            record=record,
            state=state.state,
            state_student_id=state.state_student_id,
            student_id=joined.student_of[record],
        )

    def joining(self, members: Collection[str], one: str, other: str) -> list[str]:
        """Live acts that joined the sides of two records."""
        live = live_acts(self.linkage)
        found = [
            act.act
            for _, act in sorted(self.linkage.acts.values(), key=lambda known: known[0])
            if act.act in live and isinstance(act, RecordLinked | StudentsMerged)
            if {one, other} <= {*act.left, *act.right} and not {one, other} <= set(act.left)
            if not {one, other} <= set(act.right)
        ]
        return found or [edge.act for edge in live_edges(self.linkage) if edge.left.record in members]

    def declared(self, left: Collection[str], right: Collection[str]) -> list[str]:
        """Declarations that a record of the one is not the child of one of the other."""
        found: list[str] = []
        for said in live_declarations(self.linkage):
            ours, theirs = ({anchor.record for anchor in side} for side in (said.left, said.right))
            if (ours & set(left) and theirs & set(right)) or (ours & set(right) and theirs & set(left)):
                found.append(said.declaration)
        return found

    def opened(self) -> int:
        """Records that had been opened by then: as many as there were to tell apart, retracted ones too."""
        with self._log.connection() as conn:
            row: Any = conn.execute(_OPENED, (self._position,)).fetchone()
        return int(row["opened"])


def _policy(policies: Policies, version: str | None, position: int | None) -> Policy:
    if version is not None:
        policy = policies.named(version)
    else:
        published = policies.published(position)
        if published is None and position is not None:
            raise Refused(
                "No policy had been published by then.", remedy="Name one: --policy VERSION, or a later position."
            )
        policy = shipped() if published is None else published.policy
    if policy.code != VERSION:
        raise Refused(
            f"Policy {policy.version} was trained by a release that prepares names otherwise.",
            remedy="Use that release to explain by it, or name another.",
        )
    return policy


def _around(log: Log, records: list[str]) -> _Around:
    with log.connection() as conn:
        row: Any = conn.execute(_MATCHERS_POSITION, (_MATCHER,)).fetchone()
        near = match_index.near(conn, records)
        known = match_index.members_of(conn, {*records, *chain.from_iterable(near.values())})
        return _Around(
            near=_mirrored(near),
            student={member.record: member.student for member in known},
            held={member.record for member in known if member.held},
            size=match_index.size(conn),
            position=int(row["position"]) if row else 0,
        )


def _mirrored(near: dict[str, set[str]]) -> dict[str, set[str]]:
    both = {record: set(others) for record, others in near.items()}
    for record, others in near.items():
        for other in others:
            both.setdefault(other, set()).add(record)
    return both


def _whole(
    log: Log,
    scale: Scale,
    people: dict[str, Person],
    joined: Clusters,
    around: _Around,
    students: _Students,
    pair: tuple[str, str],
) -> Whole:
    beside = people_of(log, around.student.keys() - people.keys(), scale.policy.roles)
    everybody = {**beside, **people}
    # What the log says of these two holds; whoever stands beside them is as the guards have him.
    student = {record: around.student.get(record, record) for record in beside} | {
        record: joined.student_of[record] for record in people
    }
    group = Group(scale, everybody, student, around.near)
    found = group.between(*pair)
    assert found is not None, "nothing was declared or held here"
    others = [
        _near(found.beside(other), other.assessed.weight, everybody, student)
        for other in group.rest(found)[:_OTHERS_TOLD]
    ]
    declared = students.declared(found.left, found.right)
    held = None
    if around.position is not None:
        held = any(record in around.held for record in (*found.left, *found.right))
    close = _is_close(scale.policy, found, others)
    left, right = ([people[record] for record in side] for side in (found.left, found.right))
    hopeless = is_hopeless(scale, pair_bits(scale, left, right))
    return Whole(
        verdict=_verdict(scale.policy, found, close=close, apart=bool(declared or held or hopeless)),
        left=list(found.left),
        right=list(found.right),
        record=found.record,
        member=found.member,
        weight=found.assessed.weight,
        pair=found.assessed.pair.bits,
        whole=found.assessed.whole.bits,
        number=found.assessed.number,
        explanation=explain(scale, found.assessed.levels, found.assessed.shared, found.assessed.guards),
        twins=list(found.twins),
        rivals=list(found.rivals),
        others=others,
        declared=declared,
        held=held,
        close=close,
        hopeless=hopeless,
        margin=scale.policy.thresholds.margin,
    )


def _near(record: str, weight: int, people: Mapping[str, Person], student: Mapping[str, str]) -> Near:
    person = people[record]
    return Near(
        record=record,
        state=person.state,
        state_student_id=person.state_student_id,
        student_id=student[record],
        weight=weight,
    )


def _is_close(policy: Policy, found: Found, others: Iterable[Near]) -> bool:
    margin = policy.thresholds.margin
    return bool(margin) and any(found.assessed.weight - other.weight < margin for other in others)


def _verdict(policy: Policy, found: Found, *, close: bool, apart: bool) -> Verdict:
    if apart:
        return "apart"
    plain = verdict(policy, found.assessed.weight, found.assessed.guards)
    return "review" if plain == "link" and close else plain


_MATCHERS_POSITION = "select notification_id as position from tracking.positions where application_name = %s"
_OPENED = "select count(*) as opened from ledger.events where topic = 'record-opened.v1' and position <= %s"
