"""The day that it is for whoever looks, and the zone in which she reads instants."""

from __future__ import annotations

from datetime import date

from api.console.visits import Visit
from api.show import day_of


async def today_of(here: Visit) -> date:
    """The day that it is in the reader's own state."""
    profiles = here.request.app.state.profiles

    async def zone_of_state(state: str) -> str:
        return (await profiles.of(state)).time_zone

    return await day_of(here.signed_in, (), here.services.clock(), zone_of_state)


async def zone_of(here: Visit) -> str:
    """The time zone of the reader's own state; UTC for whoever has none."""
    state = here.signed_in.state
    return "UTC" if state is None else (await here.request.app.state.profiles.of(state)).time_zone
