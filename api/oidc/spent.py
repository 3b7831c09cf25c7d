"""Which sign-ins have been finished, so that none is finished twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from api.oidc.pending import LIFETIME_S


class Spent(Protocol):
    async def spend(self, state: str) -> bool:
        """Whether this is the first time. Of two at once exactly one is; what is spent stays so for ``LIFETIME_S``."""
        ...


class SpentHere:
    """Of this process alone, in its memory: by it a callback cannot be replayed here.

    Another process of the service would ask the provider, which takes a code back once (RFC 6749, 4.1.2): that is the
    guard behind this one. monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[str, float] = {}

    async def spend(self, state: str) -> bool:
        now = self._monotonic()
        # All are kept equally long, so the oldest stand first.
        while self._until and next(iter(self._until.values())) <= now:
            del self._until[next(iter(self._until))]
        if state in self._until:
            return False
        self._until[state] = now + LIFETIME_S
        return True
