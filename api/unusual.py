"""Who reads unusually, as it is told on the command line and over HTTP alike: names, counts and days, and no child."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from api import sheets
from api.overseeing import Readers
from api.reading import access_head, ask, at_least
from api.services import Services
from projections import readers as reading
from projections.as_of import AsOf
from projections.readers import Reader

COLUMNS: Final[tuple[str, ...]] = (
    "day",
    "actor",
    "own_state",
    "role",
    "organisation",
    "children",
    "usual",
    "days",
    "elsewhere",
    "why",
)


async def on_day(services: Services, day: date, of: Readers) -> tuple[AsOf, list[Reader]]:
    """What is reflected, and whose day is unusual of those whom somebody is told of. Complete up to the moment of
    asking. Raises Behind, StoreUnavailable."""
    durable = await access_head(services)

    async def look() -> tuple[AsOf, list[Reader]]:
        return await ask(
            services.reads,
            lambda conn: reading.of_day(conn, day, state=of.state, organisation=of.organisation),
        )

    reflected, found = await at_least(services, reading.PROJECTION.name, durable, look)
    return reflected, unusual(found)


def unusual(readers: Iterable[Reader]) -> list[Reader]:
    """Those whose day is, in the order in which they come."""
    return [reader for reader in readers if reader.why]


def told(reader: Reader) -> dict[str, Any]:
    """A reader's day, by COLUMNS."""
    return {**reader._asdict(), "day": reader.day.isoformat(), "why": reader.why}


def sheet(readers: Iterable[Reader]) -> str:
    """As CSV with a head."""
    return sheets.sheet(
        COLUMNS, ({**told(one), "usual": f"{one.usual:g}", "why": " ".join(one.why)} for one in readers)
    )
