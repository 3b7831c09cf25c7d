"""Events of the monthly audit of links. Stream: ``audit/<month>``, such as ``audit/2026-10``.

What a policy has linked by itself is put before people blind, a sample of each month, with pairs among it that were
kept apart. Bodies hold ids, counts and weights, and nothing of a child.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ledger.events.base import Event


class KeptApart(msgspec.Struct, frozen=True, gc=False):
    """Two records that were neither linked nor asked about. weight: thousandths of a bit, by the policy of the draw."""

    record: str
    member: str
    weight: int


class Stratum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One part of a sample. name: ``random``, ``near`` or ``apart``. wanted: how many at most. there: how many there
    were to draw from. acts: links that were drawn; pairs: what was drawn where nothing was linked."""

    name: str
    wanted: int
    there: int
    acts: list[str] = []
    pairs: list[KeptApart] = []


class AuditDrawn(Event, frozen=True, kw_only=True):
    """The sample of a month, which is over: nothing is drawn for it again. policy: the version in effect at the draw,
    that weighed what was kept apart; a link says itself which one made it. strata: one of each name."""

    topic: ClassVar[str] = "audit-drawn.v1"

    month: str
    policy: str
    strata: list[Stratum]


class AuditAsked(Event, frozen=True, kw_only=True):
    """All that was drawn is before people. asked: how many cases. moot: what was no question any more by then."""

    topic: ClassVar[str] = "audit-asked.v1"

    month: str
    asked: int
    moot: int


EVENTS: tuple[type[Event], ...] = (AuditDrawn, AuditAsked)
