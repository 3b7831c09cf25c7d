"""How often somebody may do something: a bucket of tokens for each, which fills again at an even pace.

Invariant: pure but for what it remembers, and what it remembers is bounded, whoever comes: one number for each key, and
at most twice ``kept_max`` of them. The clock is passed in and never goes back (``time.monotonic``). A process counts
what came to it, and nothing of its siblings.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

KEPT_MAX: Final = 50_000
"""Keys of one generation: some 10 MB. Who has not come while that many others did, finds a full bucket again."""


class Buckets:
    """One bucket for each key. per_second: tokens that each gets back. burst: tokens that a full one holds.

    Kept is the instant at which a bucket is full again, which is all there is to know of it (the generic cell rate
    algorithm of ITU-T I.371). Keys are kept in two generations: when the young one is full it becomes the old one,
    and what was the old one is forgotten.
    """

    def __init__(self, per_second: float, burst: float, *, kept_max: int = KEPT_MAX) -> None:
        self._token_s = 1 / per_second
        self._deep_s = burst / per_second
        self._kept_max = kept_max
        self._young: dict[Hashable, float] = {}
        self._old: dict[Hashable, float] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._young or key in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, key: Hashable, now: float, tokens: float = 1) -> float:
        """Take tokens, all or none. 0 where they were there, else in how many seconds they will be."""
        full_at = self._full_at(key, now) + tokens * self._token_s
        wait = full_at - now - self._deep_s
        if wait > _ROUNDING_S:
            return wait
        self._keep(key, full_at)
        return 0.0

    def wait(self, key: Hashable, now: float, tokens: float = 1) -> float:
        """What ``take`` would answer, and take nothing."""
        wait = self._full_at(key, now) + tokens * self._token_s - now - self._deep_s
        return wait if wait > _ROUNDING_S else 0.0

    def spend(self, key: Hashable, now: float, tokens: float = 1) -> None:
        """Take what is there of that many tokens. Nobody owes any: an empty bucket fills from now on."""
        self._keep(key, min(self._full_at(key, now) + tokens * self._token_s, now + self._deep_s))

    def forget(self, key: Hashable) -> None:
        """As if the key had never come."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def _full_at(self, key: Hashable, now: float) -> float:
        full_at = self._young.get(key)
        if full_at is None:
            full_at = self._old.get(key, now)
        return max(now, full_at)

    def _keep(self, key: Hashable, full_at: float) -> None:
        self._young[key] = full_at
        if len(self._young) > self._kept_max:
            self._old, self._young = self._young, {}


_ROUNDING_S: Final = 1e-6
"""Instants are floats: the last token of a bucket may look a hair too far away."""
