"""What the reversal of a link or a merge leaves: who is parted now, what was done because of it, what still joins.

The invariant: a reversal takes back its act and nothing else. What came in between stays where it was put; these
functions only say what a person must hear of. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.events.linkage import ActReversed, Anchor, RecordLinked, RecordsSplit, StudentsMerged
from ledger.linkage import Clusters, Linkage, live_edges


def parted(act: RecordLinked | StudentsMerged, after: Clusters) -> Iterator[tuple[list[Anchor], list[Anchor]]]:
    """Lists of records of the two sides that are parted now.

    Declared even where another declaration says so already: that one may go with the split that brought it.
    """
    anchors = {anchor.record: anchor for students in after.members.values() for anchor in students}
    left = [anchors[record] for record in act.left if record in anchors]
    right = [anchors[record] for record in act.right if record in anchors]
    for student in dict.fromkeys(after.student_of[anchor.record] for anchor in left):
        ours = [anchor for anchor in left if after.student_of[anchor.record] == student]
        theirs = [anchor for anchor in right if after.student_of[anchor.record] != student]
        if theirs:
            yield ours, theirs


def because_of(
    order: int, act: RecordLinked | StudentsMerged, after: Clusters, state: Linkage, live: set[str]
) -> Iterator[str]:
    """Later live acts whose evidence named records of both sides, now parted."""
    for later, other in sorted(state.acts.values(), key=lambda known: known[0]):
        if later <= order or other.act not in live or isinstance(other, ActReversed):
            continue
        named = _evidence(other)
        ours = {after.student_of.get(record) for record in act.left if record in named}
        theirs = {after.student_of.get(record) for record in act.right if record in named}
        if any(one != two for one in ours for two in theirs):
            yield other.act


def _evidence(act: RecordLinked | StudentsMerged | RecordsSplit) -> set[str]:
    if isinstance(act, RecordsSplit):
        return {record for part in act.parts for record in part.records}
    return {*act.left, *act.right}


def still_joining(act: RecordLinked | StudentsMerged, after: Clusters, state: Linkage) -> Iterator[str]:
    """Acts of the edges of a student that still holds records of both sides."""
    left = {after.student_of[record] for record in act.left if record in after.student_of}
    right = {after.student_of[record] for record in act.right if record in after.student_of}
    both = left & right
    for edge in live_edges(state):
        if after.student_of[edge.left.record] in both:
            yield edge.act
