"""Which of some records are linked, and which are put before people: decided at once, the surest first.

The invariant: a function of the policy and of what is given, whatever its order. Nothing is joined against a guard, a
declaration, or a case that holds a record; and where a third student comes as near to one of the two as the policy's
margin, a person is asked. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import msgspec

from ledger.matching.comparison import compared
from ledger.matching.decision import Assessed, assess, is_hopeless, kind_of, other_child, pair_bits, same_by_state
from ledger.matching.person import Person
from ledger.matching.policy import NAMESAKE, TWIN, Scale
from ledger.matching.student import profile

KEPT_MAX = 100_000
"""People of whom it is kept what pairs weigh. Of more it is found anew when it is asked for: of a whole ledger that
would take more room than all else."""
REST_MAX = 10
"""Of those who come near beside the two that are linked or asked about so many are looked at, and the nearest told."""


class Found(NamedTuple):
    """Two students against each other. record: of the one, which joins; member: of the other, which it joins: the two
    that agree most. left, right: all records of the two. twins, rivals: other records that the guards looked at."""

    record: str
    member: str
    assessed: Assessed
    left: tuple[str, ...]
    right: tuple[str, ...]
    twins: tuple[str, ...]
    rivals: tuple[str, ...]

    def beside(self, other: Found) -> str:
        """The record of the third student, of another match of one of these two: whichever of the two joins there."""
        return other.member if other.record in (*self.left, *self.right) else other.record


Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""The records of two students."""


class Met(msgspec.Struct):
    """What was found of pairs, and holds for as long as nobody says anything new. far: students who do not come near
    enough to be asked about. bits: what two records weigh. kinds: which ``other_child`` two are. Of two the one that
    sorts first is named first. wholes: some records put together."""

    far: set[Sides] = set()
    bits: dict[tuple[str, str], int] = {}
    kinds: dict[tuple[str, str], int | None] = {}
    wholes: dict[tuple[str, ...], Person] = {}


_Waits = tuple[int, tuple[tuple[str, str], ...], str, str]
"""Weight from the highest on, state and id of the first record of each side, and the two records."""


class Group:
    """Students as they are while they are decided upon.

    people: every record concerned, by names that sort as they were opened. students: record to its student, any name.
    near: record to the records that share a key with it. apart: pairs that are declared, each both ways. held: records
    that a case holds. met: what is known of pairs; more is put into it, so that another group of the same scale and
    records need not find it again.
    """

    def __init__(
        self,
        scale: Scale,
        people: Mapping[str, Person],
        students: Mapping[str, str],
        near: Mapping[str, Collection[str]],
        apart: Collection[tuple[str, str]] = (),
        held: Collection[str] = (),
        met: Met | None = None,
    ) -> None:
        self._scale = scale
        self._people = people
        self._near = near
        self._apart = apart
        self._held = held
        self._student = dict(students)
        self._members: dict[str, tuple[str, ...]] = {}
        self._seen: set[str] | None = None
        self._blind: set[str] = set()
        self._known: dict[Sides, Found] = {}
        self._met = met or (Met() if len(people) <= KEPT_MAX else None)
        self._close: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._add(students)

    def close(self, records: Collection[str]) -> set[str]:
        """Records of the students that come near enough to one of these that it is linked, or a person asked: the
        guards look at who is near to any of them."""
        found: set[str] = set()
        for record in sorted(records):
            for other in self._others(record):
                one, two = self._sides(record, other)
                if not self._is_far(one, two):
                    found.update(one, two)
        return found

    def know(
        self,
        people: Mapping[str, Person],
        near: Mapping[str, Collection[str]],
        seen: Collection[str],
        students: Mapping[str, str] | None = None,
    ) -> None:
        """More people whom the guards look at, and who is near to whom. seen: records of whom all that are near are
        known; what would be linked with another one is left (``blind``), since the guards cannot see for it. students:
        of these people, whole, where a margin is to be left to them."""
        self._seen = set(seen)
        beyond = {record: student for record, student in (students or {}).items() if record not in self._student}
        self._student |= beyond
        self._add(beyond)
        self._people = {**self._people, **people}
        self._near = {**self._near, **near}
        # What pairs weigh stays: that hangs on the two alone.
        self._known.clear()
        self._close.clear()

    def links(self, records: Collection[str]) -> Iterator[Found]:
        """What the policy links by itself of these records, the surest first. Whoever takes one says by ``join`` that
        it was done before he asks for the next."""
        queue: list[_Waits] = []
        for record in sorted(records):
            self._enqueue(queue, record)
        while queue:
            told, turn, left, right = heapq.heappop(queue)
            one, other = self._student[left], self._student[right]
            if one == other:
                continue
            found = self._found(left, right)
            if found is None or not self._is_sure(found):
                continue
            if self._seen is not None and not self._seen.issuperset((*found.left, *found.right)):
                self._blind.update(found.left, found.right)
                continue
            if found.assessed.weight < -told and queue and -queue[0][0] > found.assessed.weight:
                heapq.heappush(queue, (-found.assessed.weight, turn, left, right))
                continue
            yield found
            if self._student[left] == self._student[right]:
                for member in self._members[self._student[left]]:
                    self._enqueue(queue, member)

    def questions(self, records: Collection[str]) -> list[Found]:
        """What is put before people of these records, one question for a record and a student, the likeliest first."""
        seen: set[frozenset[str]] = set()
        found: list[Found] = []
        for record in sorted(records):
            for other in self._others(record):
                pair = frozenset((self._student[record], self._student[other]))
                if pair in seen:
                    continue
                seen.add(pair)
                one = self._found(record, other)
                if one is not None and one.assessed.weight >= self._scale.policy.thresholds.review:
                    found.append(one)
        return sorted(found, key=self._place)

    @property
    def blind(self) -> set[str]:
        """Records of what was left because the guards could not see for it; it came near only by a link before."""
        return self._blind

    def join(self, record: str, member: str) -> None:
        """The two students are one from here on."""
        kept, gone = self._student[member], self._student[record]
        if kept == gone:
            return
        for each in self._members[gone]:
            self._student[each] = kept
        self._members[kept] = tuple(sorted((*self._members[kept], *self._members.pop(gone))))

    def rest(self, found: Found) -> list[Found]:
        """What else comes near, the nearest first, each other student once: to the first of the two, as many as are
        told of. Where the policy leaves a margin, to either, since it is as doubtful whose a record is as which record
        is his, and all of them."""
        ours = self.pair(found.record, found.member)
        both = bool(self._scale.policy.thresholds.margin)
        nearest: dict[str, Found] = {}
        seen: set[frozenset[str]] = set()
        for one in (*found.left, *found.right) if both else (found.record,):
            others = [another for another in self._others(one) if self._student[another] not in ours]
            for another in others if both else heapq.nsmallest(REST_MAX, others, key=partial(self._likeliest, one)):
                student, pair = self._student[another], self.pair(one, another)
                if pair in seen:
                    continue
                seen.add(pair)
                other = self.between(one, another)
                if other is not None and (student not in nearest or self._place(other) < self._place(nearest[student])):
                    nearest[student] = other
        return sorted(nearest.values(), key=self._place)

    def between(self, record: str, other: str) -> Found | None:
        """The students of two records against each other, also where they are far from being one's; None where they
        must not be, or a case holds one."""
        mine, theirs = self._sides(record, other)
        return None if self._must_not(mine, theirs) else self._assessed(mine, theirs)

    def pair(self, record: str, other: str) -> frozenset[str]:
        """The students of two records, whichever comes first; one alone where they are one's."""
        return frozenset((self._student[record], self._student[other]))

    def together(self, record: str, other: str) -> bool:
        """Whether two records are one student's by now."""
        return self._student[record] == self._student[other]

    def said_same(self, records: Collection[str]) -> Iterator[tuple[str, str]]:
        """Records of which one names the other's id as another id of its child, the state's own word; the one that was
        opened later first."""
        for record in sorted(records):
            one = self._people.get(record)
            for other in sorted(self._near.get(record, ())):
                named = self._people.get(other)
                if one is None or named is None or record not in self._student or other not in self._student:
                    continue
                if same_by_state(one, named) and not self._must_not(*self._sides(record, other)):
                    yield max(record, other), min(record, other)

    # -- inside

    def _add(self, students: Mapping[str, str]) -> None:
        members: dict[str, list[str]] = {}
        for record in sorted(students):
            members.setdefault(students[record], []).append(record)
        for student, records in members.items():
            self._members[student] = (*self._members.get(student, ()), *records)

    def _enqueue(self, queue: list[_Waits], record: str) -> None:
        for other in self._others(record):
            found = self._found(record, other)
            if found is not None and found.assessed.weight >= self._scale.policy.thresholds.link:
                heapq.heappush(queue, self._place(found))

    def _place(self, found: Found) -> _Waits:
        """Its place in a queue: the surest first, and of those alike not the first that came, but the first by the ids
        that states have given: so the order of a night's files decides nothing."""
        sides = (min(self._given(record) for record in side) for side in (found.left, found.right))
        return -found.assessed.weight, tuple(sorted(sides)), found.record, found.member

    def _given(self, record: str) -> tuple[str, str]:
        person = self._people[record]
        return person.state, person.state_student_id

    def _likeliest(self, record: str, other: str) -> tuple[int, tuple[str, str]]:
        """Its place among those who are told of: by the two records that agree most."""
        mine, theirs = self._sides(record, other)
        return -max(self._bits(mine, theirs)), min(self._given(one) for one in self._members[self._student[other]])

    def _others(self, record: str) -> list[str]:
        """A record of each student that may be this one's, in the order of their names."""
        mine = self._student.get(record)
        if mine is None:  # destroyed a moment ago
            return []
        students = {self._student[other] for other in self._near.get(record, ()) if other in self._student} - {mine}
        return [self._members[student][0] for student in sorted(students)]

    def _found(self, record: str, other: str) -> Found | None:
        """The two students against each other; None where they are far from being one's, or must not be, or a case
        holds one of them."""
        mine, theirs = self._sides(record, other)
        if self._must_not(mine, theirs):
            return None
        if (mine, theirs) in self._known:
            return self._known[mine, theirs]
        if self._is_far(mine, theirs):
            return None
        found = self._known[mine, theirs] = self._assessed(mine, theirs)
        return found

    def _is_far(self, mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
        """Whether two students do not come near enough to be linked, or asked about."""
        if self._met is not None and (mine, theirs) in self._met.far:
            return True
        bits = self._bits(mine, theirs)
        far = is_hopeless(self._scale, bits) or not self._is_near(
            assess(
                self._scale,
                self._of(mine),
                self._of(theirs),
                known=bits,
                wholes=(self._whole(mine), self._whole(theirs)),
            ).weight
        )
        if far and self._met is not None:
            self._met.far.add((mine, theirs))
        return far

    def _bits(self, mine: tuple[str, ...], theirs: tuple[str, ...]) -> list[int]:
        """As ``pair_bits``."""
        if self._met is None:
            return pair_bits(self._scale, self._of(mine), self._of(theirs))
        known, found = self._met.bits, list[int]()
        for left in mine:
            for right in theirs:
                pair = (left, right) if left < right else (right, left)
                bits = known.get(pair)
                if bits is None:
                    bits = known[pair] = self._weighed(pair)
                found.append(bits)
        return found

    def _weighed(self, pair: tuple[str, str]) -> int:
        assert self._met is not None
        one, two = self._people[pair[0]], self._people[pair[1]]
        levels, shared = compared(one, two)
        weight = self._scale.weigh(levels, shared)
        if one.birth and one.birth == two.birth:
            self._met.kinds[pair] = kind_of(levels, weight)
        return weight.bits

    def _whole(self, records: tuple[str, ...]) -> Person:
        """As ``profile``."""
        known = self._met.wholes if self._met is not None else {}
        if records not in known:
            known[records] = profile(self._of(records))
        return known[records]

    def _must_not(self, mine: Collection[str], theirs: Collection[str]) -> bool:
        """Whether the two are declared apart, or a case holds one of them, or they are one already."""
        return (
            mine == theirs
            or (bool(self._apart) and any((left, right) in self._apart for left in mine for right in theirs))
            or (bool(self._held) and any(member in self._held for member in (*mine, *theirs)))
        )

    def _sides(self, record: str, other: str) -> Sides:
        """The smaller joins the larger, and of two alike the later the earlier: whoever of them waits."""
        one, two = self._members[self._student[record]], self._members[self._student[other]]
        return (one, two) if (len(two), one[0]) >= (len(one), two[0]) else (two, one)

    def _assessed(self, mine: tuple[str, ...], theirs: tuple[str, ...]) -> Found:
        left, right, bits = self._of(mine), self._of(theirs), self._bits(mine, theirs)
        wholes = self._whole(mine), self._whole(theirs)
        found = assess(self._scale, left, right, known=bits, wholes=wholes)
        twins: list[str] = []
        rivals: list[str] = []
        if self._is_near(found.weight):  # else nothing hangs on who else there is
            members = {*mine, *theirs}
            close = [self._beside(member) for member in (*mine, *theirs)]
            twins, rivals = (sorted(frozenset().union(*(one[which] for one in close)) - members) for which in (0, 1))
            if twins or rivals:
                found = assess(self._scale, left, right, self._of(twins), self._of(rivals), bits, wholes)
        at, to = found.best
        return Found(mine[at], theirs[to], found, mine, theirs, tuple(twins), tuple(rivals))

    def _beside(self, record: str) -> tuple[frozenset[str], frozenset[str]]:
        """Records near to one that are likely a twin's, and those that are likely a namesake's."""
        if record not in self._close:
            twins, rivals = set[str](), set[str]()
            born = self._people[record].birth
            for other in self._near.get(record, ()):
                known = self._people.get(other)
                if known is not None and born and known.birth == born:  # else it is neither
                    kind = self._kind(record, other)
                    if kind == TWIN:
                        twins.add(other)
                    elif kind == NAMESAKE:
                        rivals.add(other)
            self._close[record] = frozenset(twins), frozenset(rivals)
        return self._close[record]

    def _kind(self, record: str, other: str) -> int | None:
        """As ``other_child``."""
        one, two = self._people[record], self._people[other]
        if self._met is None or one.birth != two.birth:
            return other_child(self._scale, one, two)
        pair = (record, other) if record < other else (other, record)
        if pair not in self._met.kinds:
            self._met.kinds[pair] = other_child(self._scale, one, two)
        return self._met.kinds[pair]

    def _of(self, records: Iterable[str]) -> list[Person]:
        return [self._people[record] for record in records]

    def _is_near(self, weight: int) -> bool:
        thresholds = self._scale.policy.thresholds
        return weight >= min(thresholds.review, thresholds.link)

    def _is_sure(self, found: Found) -> bool:
        thresholds = self._scale.policy.thresholds
        if found.assessed.weight < thresholds.link or found.assessed.guards:
            return False
        rest = self.rest(found) if thresholds.margin else []
        return not rest or found.assessed.weight - rest[0].assessed.weight >= thresholds.margin
