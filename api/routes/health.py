"""Whether this process lives, whether it can serve, and what it has counted.

Invariant: ready means that a command could be committed and a child's record read now. What cannot be found out is not
ready. Nobody signs in here, and nothing here is about a child.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
import psycopg
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from psycopg_pool import PoolTimeout
from starlette.responses import PlainTextResponse, Response

from api import scrape
from api.openapi import does, operation_id
from api.reading import ask
from api.schemas.answers import Health
from api.services import Check, Services, services_of
from ledger import telemetry
from ledger.access import PUBLIC
from ledger.errors import LedgerError
from projections import PROJECTIONS

router = APIRouter(tags=["operations"], generate_unique_id_function=operation_id)

CHECK_TIMEOUT_S: Final = 5.0
LOGS: Final = {projection.name: projection.log for projection in PROJECTIONS}
"""Read model to the log that it follows."""


@router.get("/livez", summary="The process runs", response_class=PlainTextResponse, openapi_extra=does(PUBLIC))
async def livez() -> PlainTextResponse:
    return PlainTextResponse("alive\n")


@router.get(
    "/readyz",
    summary="Whether it can serve, and what does not hold",
    response_model=None,
    responses={200: {"model": Health}, 503: {"model": Health, "description": "Something does not hold."}},
    openapi_extra=does(PUBLIC),
)
async def readyz(request: Request) -> Response:
    """The same words on both statuses. A read model that lags does not make the service unready: reads say so. One
    without tables does: there is nothing to read from."""
    results, lags = await checked(services_of(request))
    ready = all(wrong is None for wrong in results.values())
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {name: wrong or "ok" for name, wrong in results.items()},
        "projections": lags,
    }
    return Response(
        orjson.dumps(body),
        200 if ready else 503,
        {"Cache-Control": "no-store"},
        "application/json",
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse, openapi_extra=does(PUBLIC))
async def metrics(request: Request) -> Response:
    """Heads, lags and files are asked of the database for this very answer: a projector that died cannot report
    itself."""
    services = services_of(request)
    lags = await lag(services)
    asked = await scrape.ask_all(services, {} if isinstance(lags, str) else lags, LOGS)
    return Response(telemetry.exposition(asked), media_type=CONTENT_TYPE_LATEST)


async def checked(services: Services) -> tuple[dict[str, str | None], dict[str, dict[str, int]]]:
    """Each check to what is wrong and its remedy, None where it holds; and the lags, as ``lag``, empty where they are
    not known."""
    names = ["database", "read models", *(check.name for check in services.checks), "announcements"]
    others = asyncio.gather(
        _read_models(services), *(_run(check) for check in services.checks), _announcements(services)
    )
    lags, found = await asyncio.gather(lag(services), others)
    database = lags if isinstance(lags, str) else None
    return dict(zip(names, [database, *found], strict=True)), {} if isinstance(lags, str) else lags


async def lag(services: Services) -> dict[str, dict[str, int]] | str:
    """Position, head and lag of each read model on the primary, or what is wrong with that database.

    Positions are read before heads, so that a lag is never told too small.
    """
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S), services.feed.connection() as connection:
            cursor = await connection.execute("select application_name, notification_id from tracking.positions")
            positions = dict(await cursor.fetchall())
            cursor = await connection.execute(
                "select 'ledger', position from ledger.head union all select 'access', position from access.head"
            )
            heads = dict(await cursor.fetchall())
    except (psycopg.Error, PoolTimeout, TimeoutError) as error:
        return _silent(error)
    return {
        name: {"position": position, "head": heads[log], "lag_events": max(0, heads[log] - position)}
        for name, log in LOGS.items()
        if (position := positions.get(name)) is not None
    }


async def _read_models(services: Services) -> str | None:
    """What is wrong with what reads are answered from: a replica may be behind the primary that has the tables."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            made = await ask(services.reads, _tables)
    except (psycopg.Error, PoolTimeout, TimeoutError) as error:
        return _silent(error)
    missing = [name for name in LOGS if name not in made]
    if not missing:
        return None
    return (
        f"There are no tables yet of {', '.join(missing)}. The process that folds makes them when it starts;"
        " if they stay away, its log says why."
    )


async def _tables(connection: psycopg.AsyncConnection[Any]) -> set[str]:
    """Read models that have tables: the position of each is written with them."""
    cursor = await connection.execute("select application_name from tracking.positions")
    return {name for (name,) in await cursor.fetchall()}


def _silent(error: Exception) -> str:
    return f"PostgreSQL does not answer ({type(error).__name__}). See that it runs and has connections free."


async def _run(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await asyncio.to_thread(check.find)
    except LedgerError as error:
        return str(error)
    except TimeoutError:
        return f"No answer within {CHECK_TIMEOUT_S:.0f} s."
    except Exception as error:  # a check that breaks is a check that fails
        return f"The check itself failed ({type(error).__name__})."


async def _announcements(services: Services) -> str | None:
    if services.announcements.connected:
        return None
    return "Not listening to PostgreSQL: readers who wait for a position, and the feed, would not be woken."
