"""How read models are asked: until they reflect a position, and past connections that died in the pool.

Invariant: whether a position is reached is told by the rows that are answered, never by what was heard of it. The
announcement says when to look; the rows may come from a replica that lags, or from a PostgreSQL that crashed and lost
what a projector had announced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from api.services import Services
from ledger.errors import ProjectionBehind
from projections.as_of import AsOf

WAIT_S: Final = 2.0
"""How long a read waits for the position it must have reached."""
PAUSE_S: Final = (0.01, 0.16)
"""First and longest pause before rows are read again that fall short of what was announced: a replica announces
nothing, so there is nothing to be woken by."""

T = TypeVar("T")


class Behind(ProjectionBehind):
    """members: the position that was reached, for the problem."""

    def __init__(self, name: str, reached: int, wanted: int) -> None:
        super().__init__(
            f"The read model {name} has come to position {reached}, not yet to {wanted}.",
            remedy="Ask again in a moment.",
        )
        self.members = {"position": reached}


async def at_least(
    services: Services, name: str, position: int, read: Callable[[], Awaitable[tuple[AsOf, T]]]
) -> tuple[AsOf, T]:
    """What a read gives once it reflects a position of the read model's log. Raises Behind after ``WAIT_S``."""
    clock = asyncio.get_running_loop().time
    until = clock() + WAIT_S
    if position:
        # Whatever comes of it, the rows decide: this process may have lost its ear, and the rows be there.
        await services.announcements.reached(name, position, WAIT_S)
    pause, longest = PAUSE_S
    while True:
        as_of, found = await read()
        if as_of.position >= position:
            return as_of, found
        left = until - clock()
        if left <= 0:
            raise Behind(name, as_of.position, position)
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, longest)


async def access_head(services: Services) -> int:
    """Last position of the access log: every entry that is durable by now has that, or one before. Raises
    psycopg.Error."""
    async with services.feed.connection() as connection:
        row = await (await connection.execute("select position from access.head")).fetchone()
    return row[0] if row else 0


async def ledger_head(services: Services) -> int:
    """As ``access_head``, of the ledger."""
    async with services.feed.connection() as connection:
        row = await (await connection.execute("select position from ledger.head")).fetchone()
    return row[0] if row else 0


async def records_gone(services: Services, records: Collection[str]) -> tuple[int, set[str]]:
    """Of these records, by uuid, those that are gone, as of the position that comes first. Raises psycopg.Error."""
    async with services.feed.connection() as connection:
        row = await (await connection.execute(_RECORDS_GONE, (sorted(set(records)),))).fetchone()
    assert row is not None
    return row[0], set(row[1])


async def ask(pool: AsyncConnectionPool, question: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    """What a question to a pooled connection gives. It must change nothing, since it may be asked more than once.

    A restart of PostgreSQL leaves every connection of the pool dead, and each is found out by the question that meets
    it. So a question may meet as many as the pool holds, and one that lives after that. To look at each connection
    before it is used would cost every read what this costs one.

    Raises psycopg.Error, of which PoolTimeout where PostgreSQL gives no connection.
    """
    dead = 0
    while True:
        connection: AsyncConnection[Any] | None = None
        try:
            async with pool.connection() as connection:
                return await question(connection)
        except (PoolTimeout, PoolClosed, TooManyRequests):
            raise
        except psycopg.OperationalError:
            if connection is None or not connection.closed or dead >= pool.max_size:
                raise
            dead += 1


_RECORDS_GONE: LiteralString = (
    "select position, array(select subject from ledger.tombstones where kind = 'record' and subject = any(%s))"
    " from ledger.head"
)
