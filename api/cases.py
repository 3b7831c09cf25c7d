"""How cases are read on behalf of a request: a list of them, and one whole, for the API and for the pages alike.

Invariant: what may be told of a case is its view's to say (``api.worklist``); here is only where it is read, and that
it is read as of a position or later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from api.reading import ask, at_least
from api.services import Services
from api.worklist import CaseView, Facts, WorklistView
from ledger.cases import must_lie_with
from ledger.errors import LedgerError
from ledger.events.case import Place
from ledger.store.pending import Lease
from projections import students, worklist
from projections.as_of import AsOf
from projections.worklist import Listed, Urgency, Wanted

View = TypeVar("View", bound=CaseView)


def worklist_view(
    services: Services,
    fields: Sequence[str],
    wanted: Wanted | None,
    position: int,
    *,
    after: int | Urgency | None,
    limit: int,
    refused: LedgerError | None = None,
    urgent: bool = False,
) -> WorklistView:
    """A page of cases, to be shown. fields: names of what was asked for. wanted: None where that is refused. urgent:
    what is due first first, as ``projections.worklist.urgent``; else as ``projections.worklist.page``."""

    async def look() -> tuple[AsOf, list[Listed]]:
        page, begun = wanted, after
        assert page is not None, "what is refused is not read"
        if urgent:
            assert not isinstance(begun, int), "what is urgent has a place of its own"
            return await ask(services.reads, lambda conn: worklist.urgent(conn, page, after=begun, limit=limit))
        assert not isinstance(begun, Urgency), "a list has numbers for places"
        return await ask(services.reads, lambda conn: worklist.page(conn, page, after=begun, limit=limit))

    async def read() -> tuple[AsOf, list[Listed]]:
        return await at_least(services, worklist.PROJECTION.name, position, look)

    return WorklistView(fields, read, limit, refused)


def case_view(
    services: Services,
    case: str,
    office: Place | None,
    position: int,
    kind: type[View] = CaseView,
    lease: Callable[[], Awaitable[Lease | None]] | None = None,
) -> View:
    """One case, to be shown to an office with which a part of it lies; None: to whoever has to do with every state.
    lease: who is at it, where that is not only to be looked up."""

    async def look() -> tuple[AsOf, Listed | None]:
        return await ask(services.reads, lambda conn: worklist.one(conn, case))

    async def read() -> tuple[AsOf, Listed | None]:
        return await at_least(services, worklist.PROJECTION.name, position, look)

    async def facts(records: Sequence[str]) -> tuple[AsOf, Facts]:
        async def look_up() -> tuple[AsOf, Facts]:
            return await ask(services.reads, lambda conn: students.told_alone(conn, records))

        return await at_least(services, students.PROJECTION.name, position, look_up)

    async def lease_of() -> Lease | None:
        return await asyncio.to_thread(services.ledger.casework.lease_of, case)

    return kind(read, lambda listed: must_lie_with(office, listed.case), facts, lease or lease_of)
