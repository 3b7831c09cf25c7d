"""Applications and accounts of somebody's area, as the read model has them: for a route of the API and for a page.

Invariant: who is narrowed to a state or region is told of nobody outside it.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import psycopg

from api.principal import Principal
from api.reading import ask, at_least
from api.services import Services
from projections.accounts import PROJECTION, Application, Area, applications_of
from projections.as_of import AsOf

Row = TypeVar("Row")


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
    Behind, StoreUnavailable."""
    area = Area(principal.state, principal.region)

    async def look() -> tuple[AsOf, list[Row]]:
        return await ask(services.reads, lambda conn: query(conn, area, status=status, before=before, limit=limit))

    return await at_least(services, PROJECTION.name, position, look)


async def concerning(
    services: Services, name: str, position: int = 0, *, status: str | None = None, before: int | None = None
) -> list[Application]:
    """The applications that somebody made, entered, or is to verify, newest first. Raises Behind, StoreUnavailable."""

    async def look() -> tuple[AsOf, list[Application]]:
        return await ask(services.reads, lambda conn: applications_of(conn, name, status=status, before=before))

    return (await at_least(services, PROJECTION.name, position, look))[1]
