"""A jurisdiction: how one state wants its records kept, and which of its days are working days.

State, evolve, decide, fold. A profile is set whole, so what it does not name falls back to the default. A decision that
depends on a profile names the version it used. Knows no clock, and nothing of records.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from ledger.calendar import Calendar
from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events.base import Event
from ledger.events.jurisdiction import CalendarSet, ProfileSet
from ledger.mde import STATES
from ledger.rulebook import RULES

STABLE = "stable"
"""Profile's word for a state whose Record IDs keep their meaning from night to night."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The fields are those of ``ProfileSet``. version: of the jurisdiction's stream, 0 where nothing was ever set."""

    time_zone: str = "America/New_York"
    expected_hour: int = 6
    response_days: int = 30
    record_ids: str = "renumbered"
    rule_levels: dict[str, str] = {}
    second_person_near_match: bool = False
    automatic_approval: bool = False
    escalation_days: tuple[int, int, int] = (7, 7, 16)
    version: int = 0


DEFAULT = Profile()
"""Of a state that never set its own, but for the time zone: see ``default_profile``."""


class DeclaredDays(msgspec.Struct, frozen=True, kw_only=True):
    """The fields are those of ``CalendarSet``, from which ``calendar.Calendar`` counts. version: as in ``Profile``."""

    subdivision: str | None = None
    closed: list[str] = []
    open: list[str] = []
    version: int = 0


class Jurisdiction(msgspec.Struct, frozen=True, kw_only=True):
    """One state's profile and calendar. version: events in its stream."""

    profile: Profile = DEFAULT
    calendar: DeclaredDays = DeclaredDays()
    version: int = 0


class SetProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the whole profile. The fields are those of ``ProfileSet``."""

    state: str
    time_zone: str
    expected_hour: int = 6
    response_days: int = 30
    record_ids: str = "renumbered"
    rule_levels: dict[str, str] = {}
    second_person_near_match: bool = False
    automatic_approval: bool = False
    escalation_days: tuple[int, int, int] = (7, 7, 16)


class SetCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the whole calendar. The fields are those of ``CalendarSet``."""

    state: str
    subdivision: str | None = None
    closed: list[str] = []
    open: list[str] = []


def default_profile(state: str) -> Profile:
    """The profile of a state that has set none: the default, on the clock of most of its people."""
    return msgspec.structs.replace(DEFAULT, time_zone=_TIME_ZONES.get(state, DEFAULT.time_zone))


def calendar_of(jurisdiction: Jurisdiction) -> Calendar:
    """The state's days, in its own zone, ready to be counted."""
    return Calendar.from_event(jurisdiction.calendar, jurisdiction.profile.time_zone)


def default_jurisdiction(state: str) -> Jurisdiction:
    """A state before its first event: default profile, and the public holidays of the state itself."""
    return Jurisdiction(profile=default_profile(state), calendar=DeclaredDays(subdivision=state))


def evolve(state: Jurisdiction, event: Event) -> Jurisdiction:
    """The jurisdiction after an event. Raises LogBroken for an event that is no jurisdiction's."""
    version = state.version + 1
    said = {name: getattr(event, name) for name in event.__struct_fields__}
    if isinstance(event, ProfileSet):
        return Jurisdiction(profile=Profile(**said, version=version), calendar=state.calendar, version=version)
    if isinstance(event, CalendarSet):
        return Jurisdiction(profile=state.profile, calendar=DeclaredDays(**said, version=version), version=version)
    raise LogBroken(f"A jurisdiction's stream holds {event.topic}.")


def decide(command: SetProfile | SetCalendar, state: Jurisdiction) -> list[Event]:
    """The events of a command; none where it says what already holds.

    Raises UnknownState, and BadValue (rule ``profile`` or ``calendar``) for a value that nobody could follow.
    """
    if command.state not in STATES:
        raise UnknownState("This is no state.", remedy="Use a USPS state code, such as OR.")
    if isinstance(command, SetProfile):
        event, held = _profile_set(command), state.profile
        said = evolve(state, event).profile
    else:
        event, held = _calendar_set(command), state.calendar
        said = evolve(state, event).calendar
    if held.version and said == msgspec.structs.replace(held, version=said.version):
        return []
    return [event]


def fold(events: Iterable[Event], state: Jurisdiction) -> Jurisdiction:
    """The jurisdiction after events, from ``default_jurisdiction`` on."""
    for event in events:
        state = evolve(state, event)
    return state


def _profile_set(command: SetProfile) -> ProfileSet:
    try:
        ZoneInfo(command.time_zone)
    except (KeyError, ValueError, OSError) as error:  # not found, no proper key, or the name of a folder
        raise _bad("time_zone", "Use an IANA time zone name, such as America/Los_Angeles.") from error
    if not 0 <= command.expected_hour <= 23:
        raise _bad("expected_hour", "An hour is 0 to 23.")
    if command.response_days < 1:
        raise _bad("response_days", "Answers are kept for at least one day.")
    if command.record_ids not in ("renumbered", STABLE):
        raise _bad("record_ids", "Record IDs are `renumbered` or `stable`.")
    if not set(command.rule_levels.values()) <= {"refuse", "warn", "off"}:
        raise _bad("rule_levels", "A rule's level is `refuse`, `warn` or `off`.")
    if not command.rule_levels.keys() <= RULES.keys():
        raise _bad("rule_levels", "Name rules by their codes, such as V10.")
    if min(command.escalation_days) < 1:
        raise _bad("escalation_days", "Each level has at least one day.")
    return ProfileSet(**{name: getattr(command, name) for name in ProfileSet.__struct_fields__})


def _calendar_set(command: SetCalendar) -> CalendarSet:
    for element in ("closed", "open"):
        for day in getattr(command, element):
            try:
                date.fromisoformat(day)
            except ValueError as error:
                raise BadValue(
                    "A day is not a date.", rule="calendar", element=element, remedy="Write it YYYY-MM-DD."
                ) from error
    if set(command.closed) & set(command.open):
        raise BadValue("A day is both closed and open.", rule="calendar", element="closed", remedy="Name it once.")
    if command.subdivision is not None and command.subdivision not in STATES:
        raise BadValue(
            "The subdivision is no state.", rule="calendar", element="subdivision", remedy="Use a USPS state code."
        )
    return CalendarSet(
        subdivision=command.subdivision, closed=sorted(set(command.closed)), open=sorted(set(command.open))
    )


def _bad(element: str, remedy: str) -> BadValue:
    return BadValue("A profile's value cannot be followed.", rule="profile", element=element, remedy=remedy)


_ZONES = {
    "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO ID MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
    "Pacific/Pohnpei": "FM",
    "Pacific/Majuro": "MH",
    "Pacific/Palau": "PW",
}
_TIME_ZONES = {state: zone for zone, states in _ZONES.items() for state in states.split()}
"""Where a state spans two zones, the one in which most of its people live."""
