"""Who reads unusually, as it is told on the command line and over HTTP alike: names, counts and days, and no child."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

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
    text = io.StringIO()
    lines: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows({**told(reader), "usual": f"{reader.usual:g}", "why": " ".join(reader.why)} for reader in readers)
    return text.getvalue()
