"""Applications and accounts of somebody's area, as the read model has them: for a route of the API and for a page.

Invariant: who is narrowed to a state or region is told of nobody outside it; and nobody is told of an account whose
papers are gone, also before the read model has followed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import LiteralString, Protocol, TypeVar

import psycopg

from api.followed import read_until
from api.principal import Principal
from api.reading import ask, at_least
from api.services import Services
from projections.accounts import PROJECTION, Account, Application, Area, Whole, applications_of, one_account
from projections.as_of import AsOf

Row = TypeVar("Row", Account, Application)


class Listing(Protocol[Row]):
    """``projections.accounts.applications`` or ``accounts``."""

    async def __call__(
        self,
        conn: psycopg.AsyncConnection,
        area: Area = ...,
        *,
        status: str | None = ...,
        before: int | None = ...,
        limit: int = ...,
    ) -> tuple[AsOf, list[Row]]: ...


async def listed(
    services: Services,
    principal: Principal,
    query: Listing[Row],
    position: int = 0,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> tuple[AsOf, list[Row]]:
    """What is reflected, and those of the principal's area, newest first. position: that it must have reached. Raises
    Behind, ProjectionBehind, StoreUnavailable."""
    area = Area(principal.state, principal.region)

    async def look() -> tuple[AsOf, list[Row]]:
        return await ask(services.reads, lambda conn: query(conn, area, status=status, before=before, limit=limit))

    return await _there(services, lambda: at_least(services, PROJECTION.name, position, look))


async def concerning(
    services: Services, name: str, position: int = 0, *, status: str | None = None, before: int | None = None
) -> list[Application]:
    """The applications that somebody made, entered, or is to verify, newest first. Raises as ``listed``."""

    async def look() -> tuple[AsOf, list[Application]]:
        return await ask(services.reads, lambda conn: applications_of(conn, name, status=status, before=before))

    return (await _there(services, lambda: at_least(services, PROJECTION.name, position, look)))[1]


async def whole_account(services: Services, account: str, position: int = 0) -> Whole | None:
    """An account with all that is told of it; None where there is none. Raises as ``listed``."""

    async def look() -> tuple[AsOf, Whole | None]:
        return await ask(services.reads, lambda conn: one_account(conn, account))

    async def follows(found: tuple[AsOf, Whole | None]) -> bool:
        return found[1] is None or not await _any_is_gone(services, [found[1].account])

    return (await read_until(follows, lambda: at_least(services, PROJECTION.name, position, look)))[1]


async def _there(services: Services, read: Callable[[], Awaitable[tuple[AsOf, list[Row]]]]) -> tuple[AsOf, list[Row]]:
    async def follows(found: tuple[AsOf, list[Row]]) -> bool:
        return not await _any_is_gone(services, found[1])

    return await read_until(follows, read)


async def _any_is_gone(services: Services, rows: Sequence[Account | Application]) -> bool:
    """Looked up behind the reading: so what went before it is found, and the read model has followed or has not."""
    if not rows:
        return False
    async with services.feed.connection() as connection:
        cursor = await connection.execute(_GONE, (sorted({row.account for row in rows}),))
        return await cursor.fetchone() is not None


_GONE: LiteralString = "select from ledger.tombstones where kind = 'account' and subject = any(%s) limit 1"
