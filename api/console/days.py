"""The day that it is for whoever looks, and the days on which states said what she is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.console.visits import Visit
from api.show import day_of
from ledger.jurisdiction import DEFAULT


async def today_of(here: Visit) -> date:
    """The day that it is in the reader's own state."""
    return await day_of(here.signed_in, (), here.services.clock(), here.request.app.state.profiles.zone_of)


async def zone_by(here: Visit, states: Sequence[str]) -> str:
    """The zone in which days are told of a child whom these states keep: as ``api.show.day_of`` has it."""
    state = here.signed_in.state or next(iter(states), None)
    return DEFAULT.time_zone if state is None else (await here.request.app.state.profiles.of(state)).time_zone


def in_zone(told: Any, zone: str) -> Any:
    """A view's answer with every ``recorded_at`` in this zone, so that its first ten letters are the day there. In UTC
    what was said in the evening would be dated tomorrow."""
    if isinstance(told, dict):
        answer: dict[str, Any] = told
        return {
            key: datetime.fromisoformat(value).astimezone(ZoneInfo(zone)).isoformat()
            if key == "recorded_at"
            else in_zone(value, zone)
            for key, value in answer.items()
        }
    if isinstance(told, list):
        rows: list[Any] = told
        return [in_zone(one, zone) for one in rows]
    return told
