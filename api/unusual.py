"""Who reads unusually, as it is told on the command line and over HTTP alike: names, counts and days, and no child."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from api import sheets
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
