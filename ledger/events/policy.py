"""Events of matching policies: what was trained, and which one decides. Stream: ``policies``.

A policy is never changed: another one is trained, or the same one is published with other thresholds. Bodies hold
counts, levels, and how common words are; of no single child anything.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ledger.events.base import Event


class CheckOutcome(msgspec.Struct, frozen=True, gc=False):
    """What a trained model shows. value: what it shows; low, high: bounds between which it must lie."""

    name: str
    value: float
    low: float
    high: float


class PolicyTrained(Event, frozen=True, kw_only=True):
    """A policy was made, by training or by hand. Nothing is decided by it before it is published.

    version: its name, given once. policy: all of it, as canonical JSON, so that every decision can be made again bit
    for bit. sha256: of that, hexadecimal. records: that it was trained on. upto: the position to which the log was read
    for them; None where they were not this ledger's. checks: that it passed.
    """

    topic: ClassVar[str] = "policy-trained.v1"

    version: str
    policy: str
    sha256: str
    records: int
    upto: int | None = None
    checks: list[CheckOutcome] = []


class PolicyPublished(Event, frozen=True, kw_only=True):
    """From here on the matcher decides by this policy, until another one is published.

    version: of a policy that was trained. link, review, margin: thresholds, in thousandths of a bit. guards: codes of
    those that hold. wrong: of how many records that are linked at the threshold itself one is expected to be another
    child's.
    """

    topic: ClassVar[str] = "policy-published.v1"

    version: str
    link: int
    review: int
    margin: int
    guards: list[str]
    wrong: int


EVENTS: tuple[type[Event], ...] = (PolicyTrained, PolicyPublished)
