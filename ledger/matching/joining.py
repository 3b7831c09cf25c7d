"""Many records joined at once, the surest first: how a policy does on a population, or on a whole history.

The ledger's matcher decides record by record as they come in, with the same ``assess``; here the whole is seen at once.
Pure.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ledger.matching.comparison import compared
from ledger.matching.decision import PAIR_BELOW, Assessed, assess, other_child
from ledger.matching.person import Person
from ledger.matching.policy import TWIN, Scale


class Question(NamedTuple):
    """A pair of students that a person would be asked of. left, right: a record of each, the best pair."""

    left: int
    right: int
    weight: int


class Joined:
    """Records put together under a policy."""

    def __init__(self, scale: Scale, people: Sequence[Person], pairs: Iterable[tuple[int, int]]) -> None:
        """pairs: which records may be one child's at all (``training.candidates``)."""
        self.scale = scale
        self._people = people
        self.student = list(range(len(people)))
        self.members: dict[int, list[int]] = {number: [number] for number in range(len(people))}
        self._near: defaultdict[int, set[int]] = defaultdict(set)
        self._twins: defaultdict[int, set[int]] = defaultdict(set)
        self._rivals: defaultdict[int, set[int]] = defaultdict(set)
        self._heap: list[tuple[int, int, int]] = []
        self.linked: list[Question] = []
        """What ``link`` has joined, in that order."""
        review = scale.policy.thresholds.review
        for left, right in pairs:
            weight = scale.weigh(*compared(people[left], people[right]))
            if weight.bits >= review - PAIR_BELOW:
                self._near[left].add(right)
                self._near[right].add(left)
            if weight.bits >= review:
                heapq.heappush(self._heap, (-weight.bits, left, right))
            if weight.bits < 0:
                kind = other_child(scale, people[left], people[right])
                if kind is not None:
                    beside = self._twins if kind == TWIN else self._rivals
                    beside[left].add(right)
                    beside[right].add(left)

    def assessed(self, left: int, right: int) -> Assessed:
        """Two students as they are now."""
        mine, theirs = self.members[left], self.members[right]
        members = {*mine, *theirs}
        twins = {twin for member in members for twin in self._twins.get(member, ())} - members
        rivals = {rival for member in members for rival in self._rivals.get(member, ())} - members
        return assess(
            self.scale,
            [self._people[n] for n in mine],
            [self._people[n] for n in theirs],
            [self._people[n] for n in sorted(twins)],
            [self._people[n] for n in sorted(rivals)],
        )

    def link(self) -> int:
        """Join whatever the policy joins by itself. Answers how many joins that were."""
        threshold, joins = self.scale.policy.thresholds.link, 0
        queue = [(-found, left, right) for found, left, right in self._questions()]
        heapq.heapify(queue)
        while queue:
            told, left, right = heapq.heappop(queue)
            left, right = self.student[left], self.student[right]
            if left == right or -told < threshold:
                continue
            found = self.assessed(left, right)
            if found.weight < threshold or found.guards:
                continue
            if found.weight < -told and queue and -queue[0][0] > found.weight:
                heapq.heappush(queue, (-found.weight, left, right))
                continue
            at, to = found.best
            self.linked.append(Question(self.members[left][at], self.members[right][to], found.weight))
            kept = self.join(left, right)
            joins += 1
            for other in self.neighbours(kept):
                weight = self.assessed(kept, other).weight
                if weight >= threshold:
                    heapq.heappush(queue, (-weight, kept, other))
        return joins

    def join(self, left: int, right: int) -> int:
        """Make two students one; answers which number it has."""
        left, right = sorted((left, right))
        for number in self.members[right]:
            self.student[number] = left
        self.members[left] += self.members.pop(right)
        return left

    def questions(self) -> list[Question]:
        """Pairs of students in the review band, the likeliest first."""
        review = self.scale.policy.thresholds.review
        found = [
            Question(self.members[left][one.best[0]], self.members[right][one.best[1]], one.weight)
            for _, left, right in self._questions()
            if (one := self.assessed(left, right)).weight >= review
        ]
        return sorted(found, key=lambda question: (-question.weight, question.left, question.right))

    def neighbours(self, student: int) -> list[int]:
        """Students of whom a record is near one of this student's."""
        return sorted(
            {self.student[other] for member in self.members[student] for other in self._near[member]} - {student}
        )

    def _questions(self) -> Iterator[tuple[int, int, int]]:
        seen: set[tuple[int, int]] = set()
        for told, left, right in sorted(self._heap):
            pair = (self.student[left], self.student[right])
            if pair[0] != pair[1] and (pair := (min(pair), max(pair))) not in seen:
                seen.add(pair)
                yield -told, *pair
