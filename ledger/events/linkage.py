"""Events of linkage: which records are one child's, and which never are. Stream: ``linkage/<student id>``, one for each
id that a record has minted.

An *act* (link, merge, split, reversal) names records, and is written once into the stream of each record that it names
as an anchor, always the same; whoever folds several streams counts it once, by its id. The id of an act is the student
id of the first of those streams and the version that it has there (``482019283746-3``); a declaration that an act
brings has the act's id and a number behind a point. Bodies hold ids and codes only; what a person wrote is a sealed
field, under the key of the case, else of the first anchor's record that there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from ledger.events.base import Event, Sealed


class Anchor(msgspec.Struct, frozen=True, gc=False):
    """A record as an act names it, with what is to be known of it when its own events can no longer be opened.

    record: uuid. student_id: the id that it minted. opened: position of its opening.
    """

    record: str
    student_id: str
    opened: int


class Edge(msgspec.Struct, frozen=True, gc=False):
    """Two records that are one child's."""

    left: Anchor
    right: Anchor


class Cut(msgspec.Struct, frozen=True, gc=False):
    """An edge that holds no more. edge: the act of a link or merge; ``<act>/<number>`` where a split had added it."""

    edge: str
    left: Anchor
    right: Anchor


class SplitPart(msgspec.Struct, frozen=True, gc=False):
    """One part of a split. records: uuids. master: the record whose id the part shows from now on."""

    records: list[str]
    master: Anchor


class Rival(msgspec.Struct, frozen=True, gc=False):
    """Another student that the record came near. member: uuid of the record that agrees most. weight: as below."""

    member: str
    weight: int


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a matching policy found, so that it can be found again, bit for bit. Weights are thousandths of a bit.

    policy: its version. published: position of its publication. read: position up to which the matcher had read
    what records say. size: records of the ledger that were reckoned with. left, right: records that the two sides
    had. twins, rivals: other records at which the guards looked. weight: what was held against the thresholds, the
    mean of pair, of the two records that agree most, and whole, of the two sides put together, and number, what it
    is worth that a state has sent the national number of the other side. levels: of the two sides, field to level.
    steps: what adds up to whole. guards: codes of those that fired. others: students that came near the first of the
    two as well, or, where the policy leaves a margin, near either, the nearest first. link, review, margin: the
    thresholds.
    """

    policy: str
    published: int
    read: int
    size: int
    left: list[str]
    right: list[str]
    twins: list[str] = []
    rivals: list[str] = []
    weight: int
    pair: int
    whole: int
    number: int = 0
    levels: dict[str, str]
    steps: list[tuple[str, int]]
    guards: list[str] = []
    others: list[Rival] = []
    link: int
    review: int
    margin: int


class LinkageEvent(Event, frozen=True, kw_only=True):
    """Base. case: uuid of the case that it settles or opens. reason: what the person wrote who decided it."""

    case: str | None = None
    reason: Sealed | None = None

    def with_sealed(self, fields: Mapping[str, Sealed]) -> Self:
        """Raises KeyError for any field but ``reason``."""
        if not fields:
            return self
        (name,) = fields
        if name != "reason":
            raise KeyError(name)
        return msgspec.structs.replace(self, reason=fields[name])


class RecordLinked(LinkageEvent, frozen=True, kw_only=True):
    """A record was found to be one of a student's: by the matcher, or by the person who answered its near match.

    member: the best-scoring record of that student. master: whose id is shown from now on; the student's, as it was
    shown. left, right: records that the two sides had. why: ``answered``, ``policy`` or ``state-says-same``. decision:
    of the policy, where it was linked by it.
    """

    topic: ClassVar[str] = "record-linked.v1"

    act: str
    record: Anchor
    member: Anchor
    master: Anchor
    left: list[str]
    right: list[str]
    why: str
    decision: Decision | None = None


class StudentsMerged(LinkageEvent, frozen=True, kw_only=True):
    """Two students were declared one. left_anchor, right_anchor: the records that minted the two ids.

    master: that one of the two whose id is shown from now on. left, right: records that the two had.
    """

    topic: ClassVar[str] = "students-merged.v1"

    act: str
    left_anchor: Anchor
    right_anchor: Anchor
    master: Anchor
    left: list[str]
    right: list[str]


class RecordsSplit(LinkageEvent, frozen=True, kw_only=True):
    """The records of one student were declared to be several children's.

    cuts: edges between the parts, which hold no more. adds: edges, so that each part stays whole.
    """

    topic: ClassVar[str] = "records-split.v1"

    act: str
    parts: list[SplitPart]
    cuts: list[Cut]
    adds: list[Edge]


class ActReversed(LinkageEvent, frozen=True, kw_only=True):
    """An act was taken back: its edges, or its cuts, and nothing else. Is an act itself, and may be reversed too.

    Written into the streams of the act that it reverses.
    """

    topic: ClassVar[str] = "act-reversed.v1"

    act: str
    reverses: str


class DeclaredNotSame(LinkageEvent, frozen=True, kw_only=True):
    """No record of the one list is the child of any of the other. Written into the stream of every record named.

    by: the split or reversal that brought it, and with which it stands and falls; None where a person said so, or
    refused a near match.
    """

    topic: ClassVar[str] = "declared-not-same.v1"

    declaration: str
    left: list[Anchor]
    right: list[Anchor]
    by: str | None = None


class DeclarationWithdrawn(LinkageEvent, frozen=True, kw_only=True):
    """A person took back a declaration. Written into the streams of the declaration."""

    topic: ClassVar[str] = "declaration-withdrawn.v1"

    declaration: str


Act = RecordLinked | StudentsMerged | RecordsSplit | ActReversed

EVENTS: tuple[type[Event], ...] = (
    RecordLinked,
    StudentsMerged,
    RecordsSplit,
    ActReversed,
    DeclaredNotSame,
    DeclarationWithdrawn,
)
