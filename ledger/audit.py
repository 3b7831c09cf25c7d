"""The sample of a month: which links, and which pairs that were kept apart, people are to check without knowing which.

Invariant: what is drawn follows from the month and from what there was to draw from, and from nothing else: everything
has its place in a line that SHA-256 gives it, and whoever draws anew draws the same. Months are calendar months in UTC,
written ``2026-10``. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple, TypeVar

import msgspec

from ledger.events.audit import AuditDrawn, KeptApart, Stratum

RANDOM = "random"
NEAR = "near"
APART = "apart"
STRATA = (RANDOM, NEAR, APART)
USUAL = 200

_Of = TypeVar("_Of", tuple[int, str], tuple[int, int, str], tuple[int, int, KeptApart])


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How many are drawn of a month at most; 0 draws none. random: links, each as likely as any other. near: links that
    were nearest above the threshold. apart: pairs nearest below the one for questions, of which no more are drawn than
    links: so whoever is asked meets both."""

    random: int = USUAL
    near: int = USUAL
    apart: int = USUAL


class PolicyLink(NamedTuple):
    """A link that a policy has made, and that stands. over: thousandths of a bit above the threshold it was held to."""

    act: str
    over: int


# -- months


def month_of(at: datetime) -> str:
    """The month in which an instant lies."""
    return f"{at.astimezone(UTC):%Y-%m}"


def begins(month: str) -> datetime:
    """The first instant of a month."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def next_month(month: str) -> str:
    """The one after it."""
    year, number = divmod(int(month[:4]) * 12 + int(month[5:]), 12)
    return f"{year:04}-{number + 1:02}"


def months_over(since: datetime, now: datetime) -> Iterator[str]:
    """Every month that is over, from the one of an instant on."""
    month, this = month_of(since), month_of(now)
    while month < this:
        yield month
        month = next_month(month)


# -- the draw


def place(month: str, *ids: str) -> bytes:
    """Where something stands in the line of a month, whoever looks: of a pair the same whichever comes first."""
    return sha256("\n".join((month, *sorted(ids))).encode()).digest()


def draw_links(month: str, links: Iterable[PolicyLink], sizes: Sizes) -> tuple[Stratum, Stratum]:
    """The two strata of links: by chance, and nearest the threshold of those that chance has left. Holds no more than
    it answers."""
    there = 0
    # From the smallest on, turned round: what a heap drops first is what it would draw last.
    by_chance: list[tuple[int, str]] = []
    nearest: list[tuple[int, int, str]] = []
    for link in links:
        there += 1
        line = -int.from_bytes(place(month, link.act), "big")
        _keep(by_chance, (line, link.act), sizes.random)
        # What chance draws as well is taken away below: as many more are kept.
        _keep(nearest, (-link.over, line, link.act), sizes.random + sizes.near if sizes.near else 0)
    drawn = [act for _, act in sorted(by_chance, reverse=True)]
    taken = set(drawn)
    left = [act for _, _, act in sorted(nearest, reverse=True) if act not in taken]
    return (
        Stratum(name=RANDOM, wanted=sizes.random, there=there, acts=drawn),
        Stratum(name=NEAR, wanted=sizes.near, there=there - len(drawn), acts=left[: sizes.near]),
    )


def draw_apart(month: str, pairs: Iterable[KeptApart], sizes: Sizes, links: int) -> Stratum:
    """The pairs that agree most. links: how many were drawn. Holds no more than it answers."""
    there, most = 0, min(sizes.apart, links)
    likeliest: list[tuple[int, int, KeptApart]] = []
    for pair in pairs:
        there += 1
        line = -int.from_bytes(place(month, pair.record, pair.member), "big")
        _keep(likeliest, (pair.weight, line, pair), most)
    drawn = sorted(likeliest, key=lambda one: one[:2], reverse=True)
    return Stratum(name=APART, wanted=sizes.apart, there=there, pairs=[pair for *_, pair in drawn])


def in_turn(drawn: AuditDrawn) -> list[str | KeptApart]:
    """What was drawn, acts and pairs mixed, as cases are opened: the place of a case tells nothing of its stratum."""

    def turn(one: str | KeptApart) -> bytes:
        ids = (one.record, one.member) if isinstance(one, KeptApart) else (one,)
        # Another line than that of the draw, in which all that chance has drawn stands in front.
        return place(f"{drawn.month} asked", *ids)

    return sorted((one for stratum in drawn.strata for one in (*stratum.acts, *stratum.pairs)), key=turn)


def _keep(heap: list[_Of], one: _Of, most: int) -> None:
    if len(heap) < most:
        heapq.heappush(heap, one)
    elif most:
        heapq.heappushpop(heap, one)
