"""That nothing is shown out of a read model which a disposal has not reached yet.

Invariant: what leaves was read behind the last disposal that was committed before its entry was. A disposal writes its
position into the heads of both logs, and the commit of an entry reads that as it locks the head: so what the vault of
this process knows once the entry is durable is all that was destroyed before it. Keys of submissions go every day, no
read model holds anything that they sealed, and nobody waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from ledger.errors import ProjectionBehind
from ledger.store.log import Log

WAIT_S: Final = 2.0
"""How long a read model that is behind is read again."""
PAUSE_S: Final = 0.05


class Reached(Protocol):
    """What was read. reached: position to which the read models have come that it was read from, the one that is the
    furthest behind; None where it was read from the log itself, where nothing opens that is gone."""

    @property
    def reached(self) -> int | None: ...


T = TypeVar("T", bound=Reached | None)
R = TypeVar("R")


async def followed(access: Log, read: Callable[[], Awaitable[T]]) -> T:
    """What a reading gives once it reflects every disposal that this process knows of. Raises ProjectionBehind after
    ``WAIT_S``, and what the reading raises."""

    async def has(found: T) -> bool:
        return found is None or has_followed(access, found)

    return await read_until(has, read)


async def read_until(has_followed: Callable[[R], Awaitable[bool]], read: Callable[[], Awaitable[R]]) -> R:
    """What a reading gives once it has followed. Raises as ``followed``."""
    clock = asyncio.get_running_loop().time
    until = clock() + WAIT_S
    while not await has_followed(found := await read()):
        if clock() >= until:
            raise _behind()
        await asyncio.sleep(PAUSE_S)
    return found


def has_followed(access: Log, found: Reached) -> bool:
    """Whether what was read reflects every disposal that this process knows of, of submissions none."""
    return found.reached is None or found.reached >= access.vault.disposals_of_records


def must_have_followed(access: Log, found: Reached) -> None:
    """As ``has_followed``. Raises ProjectionBehind."""
    if not has_followed(access, found):
        raise _behind()


def _behind() -> ProjectionBehind:
    return ProjectionBehind(
        "Something was destroyed that what was read may still show.", remedy="Ask again in a moment."
    )
