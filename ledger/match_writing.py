"""What the matcher has decided, written: each link and each question an append of its own, under a key of its own.

What rests on each other is written in its order, and all else at once, so that one commit takes many. Invariant: a link
or a question is written only where what it was decided on still stands; and what a crash interrupts, decided again, is
found by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import msgspec

from ledger.actors import MATCHER
from ledger.errors import Conflict, NotFound, Refused, StaleDecision
from ledger.events import Meta
from ledger.events.linkage import Decision
from ledger.linkage_acts import Acted, Link, decide
from ledger.links import Beside, Links, Seeds
from ledger.match_standing import stands
from ledger.proposals import Proposals
from ledger.reach import Reach
from ledger.replay import RequestKey
from ledger.store.append import Part

_Of = TypeVar("_Of")
_Came = TypeVar("_Came")

ACTOR = MATCHER
AT_ONCE = 16
"""Appends that are under way together: as many as one commit may take, and few enough for the log's connections."""


class Decided(msgspec.Struct, frozen=True):
    """A link, or a question. read: position to which the log was read for it. decision: of the policy; None where a
    state has said so itself."""

    record: str
    member: str
    why: str
    read: int
    key: RequestKey
    decision: Decision | None = None

    def records(self) -> set[str]:
        """All that it speaks of."""
        if self.decision is None:
            return {self.record, self.member}
        return {*self.decision.left, *self.decision.right}


def asked_once(what: str) -> RequestKey:
    """The key of something that the matcher writes once."""
    return RequestKey(scope=f"reactor {ACTOR}", key=what, body_hash=b"")


class MatchWriter:
    """Writes. Safe for threads."""

    def __init__(self, links: Links, proposals: Proposals) -> None:
        self._links = links
        self._proposals = proposals

    def link(self, decided: Sequence[Decided]) -> list[list[Decided]]:
        """Link in this order. Answers those that could not be, each with what would have rested on it: somebody has
        parted, joined, held, retracted or destroyed a record meanwhile, or published another policy. Raises
        StaleDecision, StoreUnavailable, OutcomeUnknown."""
        return [left for left in _at_once(self._chain, _chains(decided)) if left]

    def ask(self, decided: Sequence[Decided]) -> list[Decided]:
        """Put before people; no two of them speak of one record. Answers those that could not be. Raises as
        ``link``."""
        return [one for one in _at_once(self._ask, decided) if one is not None]

    def _chain(self, chain: Sequence[Decided]) -> list[Decided]:
        for number, one in enumerate(chain):
            if not self._link(one):
                return list(chain[number:])
        return []

    def _link(self, one: Decided) -> bool:
        command = Link(record=one.record, member=one.member, why=one.why, decision=one.decision)

        def as_it_is(reach: Reach) -> tuple[Acted, Beside]:
            acted = decide(command, reach)
            return acted, Beside(parts=self._stands(one, reach))

        try:
            self._links.act(
                Seeds(records=[one.record, one.member]), as_it_is, Meta(actor=ACTOR, cause=one.read), one.key
            )
        except StaleDecision:
            raise  # others were faster again and again: decided anew when it is quieter
        except (Refused, Conflict, NotFound):
            return False
        return True

    def _ask(self, one: Decided) -> Decided | None:
        assert one.decision is not None, "only a policy leaves questions"
        candidates = {one.member: round(one.decision.weight / 1000, 3)}
        meta = Meta(actor=ACTOR, cause=one.read)
        try:
            self._proposals.open_near_match(
                one.record,
                candidates,
                meta,
                one.decision.policy,
                one.key,
                one.decision,
                stands=partial(self._stands, one),
            )
        except StaleDecision:
            raise
        except (Refused, Conflict, NotFound):
            return one
        return None

    def _stands(self, one: Decided, reach: Reach) -> list[Part]:
        return stands(self._links.log, reach, one.record, one.member, one.read, one.decision)


def _at_once(write: Callable[[_Of], _Came], decided: Sequence[_Of]) -> list[_Came]:
    """Each written by a thread of its own. Raises what the first raised that failed, once all have ended."""
    if len(decided) < 2:
        return [write(one) for one in decided]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=ACTOR) as threads:
        under_way = [threads.submit(write, one) for one in decided]
    return [one.result() for one in under_way]


def _chains(decided: Sequence[Decided]) -> list[list[Decided]]:
    """What speaks of the same records, each in its order."""
    leads: dict[str, str] = {}

    def first(record: str) -> str:
        while leads.setdefault(record, record) != record:
            leads[record] = leads[leads[record]]
            record = leads[record]
        return record

    for one in decided:
        for record in one.records():
            leads[first(record)] = first(one.record)
    chains: dict[str, list[Decided]] = {}
    for one in decided:
        chains.setdefault(first(one.record), []).append(one)
    return list(chains.values())
