"""How much a person must answer until nearly all records of a child are found: questions for each 1000 records.

A question is whether two students are one child. A yes joins them, a no holds for every record of both; no question is
asked that an answer has settled. Who answers knows the truth. Invariant: only answers join here, nothing is joined by
itself between two of them, so the count errs to the high side.
"""

from __future__ import annotations

import heapq

from api.cli.bench.matching_truth import Groups, Truth, Weighed
from ledger.matching.joining import Joined

RECALL = 0.98
"""Of all pairs of one child, joined by themselves or by answers."""


def questions(truth: Truth, joined: Joined, recall: float = RECALL) -> int | None:
    """How many questions it takes from what the policy has joined, the likeliest first, the queue formed anew after
    each answer; None where all questions in the review band do not get there. Joins what is answered with yes."""
    review = joined.scale.policy.thresholds.review
    wanted = recall * truth.real
    found = truth.counted(joined.members.values()).right
    apart = _Apart()
    # An entry stands for two students as they were when it was made: of other sizes they are others by now.
    queue: list[tuple[int, int, int, int, int]] = []

    def ask(left: int, right: int) -> None:
        weight = joined.assessed(left, right).weight
        if weight >= review:
            heapq.heappush(queue, (-weight, left, right, len(joined.members[left]), len(joined.members[right])))

    for question in joined.questions():
        ask(joined.student[question.left], joined.student[question.right])
    asked = 0
    while found < wanted:
        if not queue:
            return None
        _, left, right, *sizes = heapq.heappop(queue)
        if [len(joined.members.get(student, ())) for student in (left, right)] != sizes:
            continue
        mine, theirs = joined.members[left], joined.members[right]
        if apart.are(mine, theirs):
            continue
        asked += 1
        at, to = joined.assessed(left, right).best
        if truth.same(mine[at], theirs[to]):
            found += truth.across(mine, theirs)[0]
            kept = joined.join(left, right)
            for other in joined.neighbours(kept):
                ask(kept, other)
        else:
            apart.keep(mine, theirs)
    return asked


def questions_of_list(truth: Truth, groups: Groups, weighed: Weighed, recall: float = RECALL) -> int | None:
    """As ``questions``, for pairs in an order that answers do not change: one by one down the list, without those that
    answers have settled. Joins in the groups what is answered with yes."""
    wanted = recall * truth.real
    found = truth.counted(groups.members.values()).right
    apart = _Apart()
    asked = 0
    for _, left, right in weighed:
        if found >= wanted:
            break
        if groups.group[left] == groups.group[right]:
            continue
        mine, theirs = (groups.members[groups.group[number]] for number in (left, right))
        if apart.are(mine, theirs):
            continue
        asked += 1
        if truth.same(left, right):
            found += truth.across(mine, theirs)[0]
            groups.join(left, right)
        else:
            apart.keep(mine, theirs)
    return asked if found >= wanted else None


class _Apart:
    """Records of which it was answered that they are two children's."""

    def __init__(self) -> None:
        self._from: dict[int, set[int]] = {}

    def keep(self, left: list[int], right: list[int]) -> None:
        for one, others in ((left, right), (right, left)):
            for number in one:
                self._from.setdefault(number, set()).update(others)

    def are(self, left: list[int], right: list[int]) -> bool:
        """A no to any of a student's records is a no to all of them."""
        return any(not self._from.get(number, set()).isdisjoint(right) for number in left)
