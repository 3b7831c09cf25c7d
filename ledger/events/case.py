"""Events of a case: one item of the worklist, that a person must settle. Stream: ``case/<uuid>``.

Sealed, bodies whole, under the case's own key: what people write of a child stands here. The key goes with the first
record that the case names. Nothing that a reader of students sees changes before the act that settles a case, which is
written with its ``CaseClosed``.

Instants are UTC; days are ISO 8601, and end when they end in the state's own time zone.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from ledger.events.base import Event, KeyClass
from ledger.events.linkage import Anchor, Decision

LEVELS = ("district", "region", "state")
"""From the nearest to the child on: the order in which a case goes up."""


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An office of a state. region: its code. district: NCES id. Without either it is the state's own office.

    A district that lies in a region may name it too.
    """

    state: str
    region: str | None = None
    district: str | None = None

    @property
    def level(self) -> str:
        """One of ``LEVELS``."""
        if self.district is not None:
            return "district"
        return "state" if self.region is None else "region"


class Concerned(msgspec.Struct, frozen=True, gc=False):
    """A record that a case is about, and the state whose record it is."""

    anchor: Anchor
    state: str


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How long a case lies with one level. due_on: the last day. due: the instant at which that day has ended."""

    level: str
    due_on: str
    due: datetime


class Asked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A state that is asked. place: where the case begins. steps: the levels that the state has, nearest first.

    profile: version of the profile from which the steps were reckoned.
    """

    state: str
    place: Place
    steps: list[Step]
    profile: int


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A record of the student that a record may be one of. score: in bits of the policy that found it."""

    member: Anchor
    score: float


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="link"):
    """Is the record one of the student's? candidates: best first; the first is the one that it would be linked to.

    policy: the version of the matching policy that could not tell. decision: what it found.
    """

    record: Anchor
    candidates: list[Candidate]
    policy: str | None = None
    decision: Decision | None = None


class Merge(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="merge"):
    """Are the two students one? left, right: records that minted the two ids. master: whose id is to be shown."""

    left: Anchor
    right: Anchor
    master: Anchor


class Split(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="split"):
    """Are these several children? groups: the records of each."""

    groups: list[list[Anchor]]


class Reversal(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="reversal"):
    """Was it right to take the act back? act: the reversal, which is in effect. reverses: what it took back."""

    act: str
    reverses: str


class Residue(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="residue"):
    """Does this act still stand? act: made while what it rested on was joined. reversal: what parted that."""

    act: str
    reversal: str


class Doubtful(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="doubtful"):
    """Does this link or merge still stand? act: it. position: of the event that makes it doubtful, or has drawn it."""

    act: str
    position: int


class Changed(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="changed"):
    """What the state sent is in effect and looks wrong. position: of the event that says so."""

    position: int


Proposal = Link | Merge | Split | Reversal | Residue | Doubtful | Changed


class CaseEvent(Event, frozen=True, kw_only=True):
    """Base of all that is said within a case."""

    def key_class(self) -> KeyClass:
        return KeyClass.CASE


class CaseOpened(CaseEvent, frozen=True, kw_only=True):
    """A person must settle something.

    kind: ``near-match``, ``validate-near-match``, ``validate-merge``, ``validate-split``, ``validate-reversal``,
    ``residue``, ``doubtful-link``, ``different-child``, ``correction-comes-back`` or ``blind-check``. records: all that
    it is about; of what is judged blind the two that are shown first. asked: the states that have a say, each once.
    proposed_by: who would have it so, by name; reason: his words. blind: whoever validates a yes to a blind check is to
    judge by the two records alone, too.
    """

    topic: ClassVar[str] = "case-opened.v1"

    kind: str
    records: list[Concerned]
    proposal: Proposal
    asked: list[Asked]
    proposed_by: str
    reason: str = ""
    blind: bool = False


class CaseAssigned(CaseEvent, frozen=True, kw_only=True):
    """A state put the case before somebody else. state: whose part of it. place: an office of the same level or below.

    names: of those there who are to see to it; nobody named is everybody there.
    """

    topic: ClassVar[str] = "case-assigned.v1"

    state: str
    place: Place
    names: list[str] = []


class CaseEscalated(CaseEvent, frozen=True, kw_only=True):
    """The days of a level were over. place: where the state's part lies now. overdue: the state's own days are over."""

    topic: ClassVar[str] = "case-escalated.v1"

    state: str
    place: Place
    overdue: bool = False


class CaseAnswered(CaseEvent, frozen=True, kw_only=True):
    """Somebody answered. states: for whom. by: who, by name. place: the office he answered for; None for an operator.

    reason: his words.
    """

    topic: ClassVar[str] = "case-answered.v1"

    states: list[str]
    yes: bool
    by: str
    reason: str
    place: Place | None = None


class CaseClosed(CaseEvent, frozen=True, kw_only=True):
    """The case is off the worklist. outcome: ``settled`` (yes), ``rejected`` (no), or ``overtaken``.

    code: of an overtaken case, what made the question moot, as an error's code. act: of linkage, or a declaration, that
    came with it. next: the case that goes on where this one ends. automatic: nobody answered in time, and every state
    asked has agreed to be taken at yes then. profiles: state to version of the profile on which that was decided.
    """

    topic: ClassVar[str] = "case-closed.v1"

    outcome: str
    code: str | None = None
    act: str | None = None
    next: str | None = None
    automatic: bool = False
    profiles: dict[str, int] = {}


EVENTS: tuple[type[Event], ...] = (CaseOpened, CaseAssigned, CaseEscalated, CaseAnswered, CaseClosed)
