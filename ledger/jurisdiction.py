"""A jurisdiction: how one state wants its records kept, its terms, and which of its days are working days.

State, evolve, decide, fold. A profile is set whole, so what it does not name falls back to the default; so are the
working days, and the terms of one school year. A decision that
depends on a profile names the version it used. Knows no clock, and nothing of records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from ledger.calendar import Calendar
from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events.base import Event
from ledger.events.jurisdiction import CalendarSet, ProfileSet, Term, TermSet
from ledger.mde import STATES
from ledger.rulebook import RULES

STABLE = "stable"
"""Profile's word for a state whose Record IDs keep their meaning from night to night."""


WHOLE_STATE = ""
"""Key of the terms that hold wherever a district has set none of its own."""

TERM_KINDS = ("regular", "summer", "intersession")

Terms = Mapping[str, Mapping[int, Sequence[Term]]]
"""NCES id of a district, or ``WHOLE_STATE``, to school year to its terms."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision needs to know of a state: the fields of ``ProfileSet``, and the terms of every ``TermSet``.

    version: of the jurisdiction's stream when one of these was last set, 0 where nothing was ever set.
    """

    time_zone: str = "America/New_York"
    expected_hour: int = 6
    response_days: int = 30
    record_ids: str = "renumbered"
    rule_levels: dict[str, str] = {}
    second_person_near_match: bool = False
    automatic_approval: bool = False
    escalation_days: tuple[int, int, int] = (7, 7, 16)
    terms: dict[str, dict[int, list[Term]]] = {}
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


class SetTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the terms of one school year. The fields are those of ``TermSet``."""

    state: str
    school_year: int
    district: str | None = None
    terms: list[Term] = []


Command = SetProfile | SetCalendar | SetTerms


def terms_of(terms: Terms, district: str | None) -> list[Term]:
    """The terms of a district: of each school year its own, or the state's where it has set none for that year."""
    years = {**terms.get(WHOLE_STATE, {}), **(terms.get(district, {}) if district else {})}
    return [term for year in years.values() for term in year]


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
        profile = Profile(**said, terms=state.profile.terms, version=version)
        return Jurisdiction(profile=profile, calendar=state.calendar, version=version)
    if isinstance(event, CalendarSet):
        return Jurisdiction(profile=state.profile, calendar=DeclaredDays(**said, version=version), version=version)
    if isinstance(event, TermSet):
        terms = _with_terms(state.profile.terms, event)
        profile = msgspec.structs.replace(state.profile, terms=terms, version=version)
        return Jurisdiction(profile=profile, calendar=state.calendar, version=version)
    raise LogBroken(f"A jurisdiction's stream holds {event.topic}.")


def decide(command: Command, state: Jurisdiction) -> list[Event]:
    """The events of a command; none where it says what already holds.

    Raises UnknownState, and BadValue (rule ``profile``, ``calendar`` or ``terms``) for a value that nobody could
    follow.
    """
    if command.state not in STATES:
        raise UnknownState("This is no state.", remedy="Use a USPS state code, such as OR.")
    if isinstance(command, SetTerms):
        event = _term_set(command)
        return [] if _with_terms(state.profile.terms, event) == state.profile.terms else [event]
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
    for code, level in command.rule_levels.items():
        _must_be_settable(code, level)
    if min(command.escalation_days) < 1:
        raise _bad("escalation_days", "Each level has at least one day.")
    return ProfileSet(**{name: getattr(command, name) for name in ProfileSet.__struct_fields__})


def _must_be_settable(code: str, level: str) -> None:
    """Raises BadValue: a state may say what some rules do with its rows, and nothing of the others."""
    rule = RULES.get(code)
    if rule is None:
        raise _bad("rule_levels", "Name rules by their codes, such as V10.")
    if not rule.levels:
        kept = "refuses the whole file" if rule.level == "file" else "belongs to the layout"
        raise BadValue(
            f"The level of rule {code} cannot be set: it {kept}, in every state alike.",
            rule="profile",
            element="rule_levels",
            remedy="Leave it out of the profile. The page of rules says which levels may be set.",
        )
    if level not in rule.levels:
        *others, last = (f"`{one}`" for one in rule.levels)
        raise _bad("rule_levels", f"The level of rule {code} is {', '.join(others)} or {last}.")


def _term_set(command: SetTerms) -> TermSet:
    if command.district is not None and not re.fullmatch("[0-9]{7}", command.district):
        raise _bad_terms("district", "Use the NCES id of the district, of seven digits, or none for the whole state.")
    if not 1900 <= command.school_year <= 2199:
        raise _bad_terms("school_year", "Name the school year by the year in which it begins, such as 2025.")
    first, last = f"{command.school_year}-01-01", f"{command.school_year + 1}-12-31"
    for term in command.terms:
        if not 1 <= len(term.name.strip()) <= 50:
            raise _bad_terms("name", "A term has a name of at most 50 characters, such as Fall 2025.")
        if term.kind not in TERM_KINDS:
            raise _bad_terms("kind", "A term is `regular`, `summer` or `intersession`.")
        if not (_is_day(term.begins) and _is_day(term.ends) and first <= term.begins <= term.ends <= last):
            raise _bad_terms("begins", "Write days YYYY-MM-DD, within the school year, the first before the last.")
    if len({term.name for term in command.terms}) < len(command.terms):
        raise _bad_terms("name", "Name each term once.")
    # In order of their days: the same terms in another order are the same.
    terms = sorted(command.terms, key=lambda term: (term.begins, term.ends, term.name))
    regular = [term for term in terms if term.kind == "regular"]
    if any(later.begins <= earlier.ends for earlier, later in pairwise(regular)):
        raise _bad_terms("begins", "A regular term begins after the one before it has ended.")
    return TermSet(school_year=command.school_year, district=command.district, terms=terms)


def _with_terms(held: dict[str, dict[int, list[Term]]], event: TermSet) -> dict[str, dict[int, list[Term]]]:
    district = event.district or WHOLE_STATE
    years = {year: terms for year, terms in held.get(district, {}).items() if year != event.school_year}
    if event.terms:
        years[event.school_year] = event.terms
    others = {other: terms for other, terms in held.items() if other != district}
    return {**others, district: years} if years else others


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


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


def _bad_terms(element: str, remedy: str) -> BadValue:
    return BadValue("The terms cannot be followed.", rule="terms", element=element, remedy=remedy)


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
