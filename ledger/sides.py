"""The two sides of an act that joined, as they were when it was made, and the position at which it stopped holding.

What a recall list is asked for: whoever was shown records of both in between was shown one child's with another's.
"""

from __future__ import annotations

import msgspec

from ledger.events.linkage import Act, ActReversed, RecordLinked, StudentsMerged
from ledger.linkage import Linkage, live_acts

NEVER = 2**62
"""A position that no act has come to."""


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """left, right: records. begun, ended: positions of the ledger; ended is ``NEVER`` while the act holds."""

    left: list[str]
    right: list[str]
    begun: int
    ended: int


def sides_of(linkage: Linkage, act: str) -> Sides | None:
    """Of a link or merge, and of what takes one back; None for any other act, or one that is not known.

    Where an act was taken back and brought back again, it is counted as one time from the first to the last.
    """
    known = linkage.acts.get(act)
    while known is not None and isinstance(known[1], ActReversed):
        known = linkage.acts.get(known[1].reverses)
    if known is None:
        return None
    begun, joined = known
    if not isinstance(joined, RecordLinked | StudentsMerged):
        return None
    ended = NEVER
    if joined.act not in live_acts(linkage):
        ended = max(order for order, other in linkage.acts.values() if _answers(linkage, other, joined.act))
    return Sides(left=joined.left, right=joined.right, begun=begun, ended=ended)


def _answers(linkage: Linkage, other: Act, act: str) -> bool:
    """Whether one is a reversal that, at the end of its chain, speaks of an act."""
    if not isinstance(other, ActReversed):
        return False
    while isinstance(other, ActReversed):
        other = linkage.acts[other.reverses][1]
    return other.act == act
