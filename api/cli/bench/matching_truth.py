"""What matching is measured by: clusters of records held against who the children really are.

Invariant: everything is closed. What counts is which records are one student in the end, so that one wrong join of two
groups counts with every pair across them; nothing is counted of a pair for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ledger.matching.populations import Sheet, kin

Clusters = Iterable[Sequence[int]]
"""Records that are one student, by their numbers; a record that is alone may be left out."""

PRECISION = 0.999
"""What is asked of whatever is joined without a person."""


@dataclass(frozen=True)
class Counted:
    """Pairs of records within clusters. right: of one child. wrong: of two. real: of one child, in whatever cluster."""

    right: int
    wrong: int
    real: int

    @property
    def recall(self) -> float:
        return self.right / self.real if self.real else 1.0

    @property
    def precision(self) -> float:
        joined = self.right + self.wrong
        return self.right / joined if joined else 1.0

    @property
    def f1(self) -> float:
        # Of precision and recall the harmonic mean, in pairs.
        return 2 * self.right / (2 * self.right + self.wrong + self.real - self.right) if self.real else 1.0


class Truth:
    """Records of which it is known whose they are."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self.sheets = sheets
        self._real_of: Counter[str] = Counter()
        for (_, group), records in Counter((sheet.child, sheet.group) for sheet in sheets).items():
            self._real_of[group] += _pairs(records)
        self.real = self._real_of.total()

    def same(self, left: int, right: int) -> bool:
        """Whether two records are one child's."""
        return self.sheets[left].child == self.sheets[right].child

    def across(self, left: Sequence[int], right: Sequence[int]) -> tuple[int, int]:
        """Pairs from one cluster to the other: of one child, and of two."""
        right_of = Counter(self.sheets[number].child for number in right)
        same = sum(right_of[self.sheets[number].child] for number in left)
        return same, len(left) * len(right) - same

    def counted(self, clusters: Clusters) -> Counted:
        """The pairs within clusters."""
        right = joined = 0
        for cluster in clusters:
            joined += _pairs(len(cluster))
            right += sum(map(_pairs, Counter(self.sheets[number].child for number in cluster).values()))
        return Counted(right, joined - right, self.real)

    def wrong(self, clusters: Clusters) -> Counter[str]:
        """The wrong pairs within clusters, by what the two children are to each other."""
        return Counter(
            kind
            for cluster in clusters
            for left, right in combinations(cluster, 2)
            if (kind := kin(self.sheets[left], self.sheets[right])) != "same"
        )

    def of_groups(self, clusters: Clusters) -> dict[str, float | None]:
        """For children of each naming custom: recall_*, the share of their pairs that is found; wrong_*, their records
        that are one student with another child's."""
        found: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for cluster in clusters:
            children = Counter((self.sheets[number].child, self.sheets[number].group) for number in cluster)
            for (_, group), records in children.items():
                found[group] += _pairs(records)
                wrong[group] += records if len(children) > 1 else 0
        told: dict[str, float | None] = {}
        for group in sorted(self._real_of):
            told[f"recall_{group}"] = found[group] / self._real_of[group] if self._real_of[group] else None
            told[f"wrong_{group}"] = wrong[group]
        return told

    def impure(self, clusters: Clusters) -> int:
        """Students who are more than one child."""
        return sum(len({self.sheets[number].child for number in cluster}) > 1 for cluster in clusters)

    def blocking(self, pairs: Iterable[tuple[int, int]]) -> dict[str, float]:
        """What the keys find. pairs: each once. blocking_recall: share of the real pairs. candidates: other records
        for each record, other_children: other children for each record, on average."""
        found = candidates = 0
        others: set[tuple[int, int]] = set()
        for left, right in pairs:
            candidates += 2
            if self.same(left, right):
                found += 1
            else:
                others.add((left, self.sheets[right].child))
                others.add((right, self.sheets[left].child))
        return {
            "blocking_recall": found / self.real if self.real else 1.0,
            "candidates": candidates / len(self.sheets),
            "other_children": len(others) / len(self.sheets),
        }


def joined_alone(truth: Truth, clusters: Clusters) -> dict[str, float | None]:
    """What was joined without a person, once everything is joined."""
    held = [cluster for cluster in clusters if len(cluster) > 1]
    counted, wrong = truth.counted(held), truth.wrong(held)
    assert counted.wrong == wrong.total()
    return {
        "auto_recall": counted.recall,
        "auto_precision": counted.precision,
        "wrong_pairs": counted.wrong,
        **{f"wrong_{kind}": wrong[kind] for kind in ("twin", "sibling", "cousin", "namesake", "unrelated")},
        "impure": truth.impure(held),
        **truth.of_groups(held),
    }


def best(swept: Iterable[tuple[float, Counted]]) -> dict[str, float | None]:
    """The best of many thresholds, as the truth knows it afterwards.

    f1, at its f1_bits; sure_recall: the most that is found with a precision of .999, at its sure_bits; None where no
    threshold that finds anything has that precision.
    """
    found = list(swept)
    threshold, top = max(found, key=lambda one: one[1].f1)
    sure = [one for one in found if one[1].right and one[1].precision >= PRECISION]
    if not sure:
        return {"f1": top.f1, "f1_bits": threshold, "sure_recall": None, "sure_bits": None}
    sure_threshold, surest = max(sure, key=lambda one: one[1].recall)
    return {"f1": top.f1, "f1_bits": threshold, "sure_recall": surest.recall, "sure_bits": sure_threshold}


class Groups:
    """Records put together pair by pair, closed: what is joined to one is joined to all of its own."""

    def __init__(self, records: int) -> None:
        self.group = list(range(records))
        self.members = {number: [number] for number in range(records)}

    def join(self, left: int, right: int) -> None:
        """Make the groups of two records one."""
        kept, gone = sorted((self.group[left], self.group[right]), key=lambda group: -len(self.members[group]))
        if kept != gone:
            for number in self.members[gone]:
                self.group[number] = kept
            self.members[kept] += self.members.pop(gone)


Weighed = Sequence[tuple[float, int, int]]
"""Weight in bits, and the two records; the heaviest first."""


def sweep(truth: Truth, weighed: Weighed, *, step: float = 0.5) -> Iterator[tuple[float, Counted]]:
    """Thresholds from high to low, each with what is joined from it on, closed."""
    groups = Groups(len(truth.sheets))
    at = 0
    threshold = weighed[0][0] if weighed else 0.0
    while at < len(weighed):
        threshold -= step
        while at < len(weighed) and weighed[at][0] >= threshold:
            groups.join(*weighed[at][1:])
            at += 1
        yield threshold, truth.counted(groups.members.values())


def _pairs(records: int) -> int:
    return records * (records - 1) // 2
