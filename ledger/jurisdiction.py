"""A jurisdiction: how one state wants its records kept, its terms, which of its days are working days, its offices.

State, evolve, decide, fold. A profile is set whole, so what it does not name falls back to the default; so are the
working days, and the terms of one school year. Regions, districts and contacts are ``ledger.offices``. Knows no clock,
and nothing of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from ledger import offices
from ledger.calendar import Calendar
from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events.base import Event
from ledger.events.jurisdiction import CalendarSet, ProfileSet, Term, TermSet
from ledger.mde import STATES
from ledger.offices import DISTRICT, REGION, STATE, Contact, Offices, Place
from ledger.rulebook import RULES

STABLE = "stable"
"""Profile's word for a state whose Record IDs keep their meaning from night to night."""


WHOLE_STATE = ""
"""Key of the terms that hold wherever a district has set none of its own."""

TERM_KINDS = ("regular", "summer", "intersession")

DAYS_MAX = 3650
"""Longest that answers are kept: ten years."""

LEVEL_DAYS_MAX = 365
"""Longest that a case waits on one level."""

DECLARED_MAX = 1000
"""Days that a calendar closes, and as many that it opens: four years of working days."""

TERMS_MAX = 50
"""Terms of one school year."""

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
    """One state's profile, calendar and offices.

    version: events in its stream. profile_version, terms_version: of the stream when the profile, or any terms, were
    last set; 0 where they never were.
    """

    profile: Profile = DEFAULT
    calendar: DeclaredDays = DeclaredDays()
    offices: Offices = Offices()
    version: int = 0
    profile_version: int = 0
    terms_version: int = 0


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


Command = SetProfile | SetCalendar | SetTerms | offices.Command


def terms_of(terms: Terms, district: str | None) -> list[Term]:
    """The terms of a district: of each school year its own, or the state's where it has set none for that year."""
    years = {**terms.get(WHOLE_STATE, {}), **(terms.get(district, {}) if district else {})}
    return [term for year in years.values() for term in year]


def default_profile(state: str) -> Profile:
    """The profile of a state that has set none: the default, on the clock of most of its people."""
    return replace(DEFAULT, time_zone=_TIME_ZONES.get(state, DEFAULT.time_zone))


def calendar_of(jurisdiction: Jurisdiction) -> Calendar:
    """The state's days, in its own zone, ready to be counted."""
    return Calendar.from_event(jurisdiction.calendar, jurisdiction.profile.time_zone)


def levels_of(jurisdiction: Jurisdiction, district: str | None) -> tuple[str | None, str | None, str]:
    """The levels that are asked for a child of a district, the nearest first, as far as the state set them up.

    The district, where it has a contact; the region, where the district was placed in one, with a contact or without:
    placing districts sets a region up; the state always. A district that the state never named has the state alone.
    """
    held = jurisdiction.offices
    if district is None:
        return None, None, STATE
    return district if (DISTRICT, district) in held.contacts else None, held.districts.get(district), STATE


def contacts_of(jurisdiction: Jurisdiction, district: str | None) -> list[tuple[Place, Contact]]:
    """Whom to ask for a child of a district, in this order: of the levels that have a contact."""
    nearest, region, _ = levels_of(jurisdiction, district)
    places: list[Place] = [(DISTRICT, nearest), (REGION, region), (STATE, None)]
    contacts = jurisdiction.offices.contacts
    return [(place, contacts[place]) for place in places if place in contacts]


def default_jurisdiction(state: str) -> Jurisdiction:
    """A state before its first event: default profile, and the public holidays of the state itself."""
    return Jurisdiction(profile=default_profile(state), calendar=DeclaredDays(subdivision=state))


def evolve(state: Jurisdiction, event: Event) -> Jurisdiction:
    """The jurisdiction after an event. Raises LogBroken for an event that is no jurisdiction's."""
    version = state.version + 1
    if isinstance(event, offices.OfficeEvent):
        return replace(state, offices=offices.evolve(state.offices, event, version), version=version)
    said = {name: getattr(event, name) for name in event.__struct_fields__}
    if isinstance(event, ProfileSet):
        profile = Profile(**said, terms=state.profile.terms, version=version)
        return replace(state, profile=profile, version=version, profile_version=version)
    if isinstance(event, CalendarSet):
        return replace(state, calendar=DeclaredDays(**said, version=version), version=version)
    if isinstance(event, TermSet):
        terms = _with_terms(state.profile.terms, event)
        profile = replace(state.profile, terms=terms, version=version)
        return replace(state, profile=profile, version=version, terms_version=version)
    raise LogBroken(f"A jurisdiction's stream holds {event.topic}.")


def decide(command: Command, state: Jurisdiction) -> list[Event]:
    """The events of a command; none where it says what already holds.

    Raises UnknownState, and BadValue (rule ``profile``, ``calendar``, ``terms``, or those of ``offices``) for a value
    that nobody could follow.
    """
    if command.state not in STATES:
        raise UnknownState("This is no state.", remedy="Use a USPS state code, such as OR.")
    if isinstance(command, offices.Command):
        return offices.decide(command, state.offices)
    if isinstance(command, SetTerms):
        event = _term_set(command)
        return [] if _with_terms(state.profile.terms, event) == state.profile.terms else [event]
    if isinstance(command, SetProfile):
        event, held, set_before = _profile_set(command), state.profile, state.profile_version
        said = evolve(state, event).profile
    else:
        event, held, set_before = _calendar_set(command), state.calendar, state.calendar.version
        said = evolve(state, event).calendar
    if set_before and said == replace(held, version=said.version):
        return []
    return [event]


def fold(events: Iterable[Event], state: Jurisdiction) -> Jurisdiction:
    """The jurisdiction after events, from ``default_jurisdiction`` on."""
    for event in events:
        state = evolve(state, event)
    return state


def _profile_set(command: SetProfile) -> ProfileSet:
    if not _is_zone(command.time_zone):
        raise _bad("time_zone", "Use an IANA time zone name, such as America/Los_Angeles.")
    if not 0 <= command.expected_hour <= 23:
        raise _bad("expected_hour", "An hour is 0 to 23.")
    if not 1 <= command.response_days <= DAYS_MAX:
        raise _bad("response_days", f"Answers are kept for 1 to {DAYS_MAX} days.")
    if command.record_ids not in ("renumbered", STABLE):
        raise _bad("record_ids", "Record IDs are `renumbered` or `stable`.")
    for code, level in command.rule_levels.items():
        _must_be_settable(code, level)
    for index, days in enumerate(command.escalation_days):
        if not 1 <= days <= LEVEL_DAYS_MAX:
            raise _bad("escalation_days", f"Each level has 1 to {LEVEL_DAYS_MAX} days.", f"/{index}")
    return ProfileSet(**{name: getattr(command, name) for name in ProfileSet.__struct_fields__})


def _is_zone(name: str) -> bool:
    """Whether a name means the same zone on every machine.

    Beside the zones of the IANA, a machine's own folder may hold its local time, a blank to be filled in, and copies
    of all zones that count leap seconds.
    """
    if name in _NO_ZONES or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, no proper key, or the name of a folder
        return False
    return True


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
            place=f"/rule_levels/{code}",
            remedy="Leave it out of the profile. The page of rules says which levels may be set.",
        )
    if level not in rule.levels:
        *others, last = (f"`{one}`" for one in rule.levels)
        raise _bad("rule_levels", f"The level of rule {code} is {', '.join(others)} or {last}.", f"/{code}")


def _term_set(command: SetTerms) -> TermSet:
    if command.district is not None:
        fault = offices.district_fault(command.state, command.district)
        if fault is not None:
            raise _bad_terms("district", fault)
    if not 1900 <= command.school_year <= 2199:
        raise _bad_terms("school_year", "Name the school year by the year in which it begins, such as 2025.")
    if len(command.terms) > TERMS_MAX:
        raise _bad_terms("terms", f"A school year has at most {TERMS_MAX} terms.")
    first, last = f"{command.school_year}-01-01", f"{command.school_year + 1}-12-31"
    names: set[str] = set()
    for index, term in enumerate(command.terms):
        name = " ".join(term.name.split())
        if not (1 <= len(name) <= 50 and name.isprintable()):
            raise _bad_terms("name", "A term has a name of at most 50 characters, such as Fall 2025.", index)
        if name in names:
            raise _bad_terms("name", "Name each term once.", index)
        names.add(name)
        if term.kind not in TERM_KINDS:
            raise _bad_terms("kind", "A term is `regular`, `summer` or `intersession`.", index)
        for element, day in (("begins", term.begins), ("ends", term.ends)):
            if not (_is_day(day) and first <= day <= last):
                raise _bad_terms(element, f"Write a day of the calendar as YYYY-MM-DD, from {first} to {last}.", index)
        if term.ends < term.begins:
            raise _bad_terms("begins", "A term begins on the day on which it ends, or before it.", index)
    # In order of their days: the same terms in another order are the same.
    order = sorted(range(len(command.terms)), key=lambda index: _days_of(command.terms[index]))
    regular = [index for index in order if command.terms[index].kind == "regular"]
    for earlier, later in pairwise(regular):
        if command.terms[later].begins <= command.terms[earlier].ends:
            raise _bad_terms("begins", "A regular term begins after the one before it has ended.", later)
    terms = [replace(term, name=" ".join(term.name.split())) for term in (command.terms[index] for index in order)]
    return TermSet(school_year=command.school_year, district=command.district, terms=terms)


def _days_of(term: Term) -> tuple[str, str, str]:
    return term.begins, term.ends, term.name


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
        days: list[str] = getattr(command, element)
        if len(days) > DECLARED_MAX:
            raise _bad_calendar("More days are named than are kept.", element, f"Name at most {DECLARED_MAX}.")
        for index, day in enumerate(days):
            if not _is_day(day):
                raise _bad_calendar(
                    "A day is not a date.", element, "Write a day of the calendar as YYYY-MM-DD.", f"/{index}"
                )
    for index, day in enumerate(command.closed):
        if day in command.open:
            raise _bad_calendar("A day is both closed and open.", "closed", "Name it once.", f"/{index}")
    if command.subdivision is not None and command.subdivision not in STATES:
        raise _bad_calendar("The subdivision is no state.", "subdivision", "Use a USPS state code.")
    return CalendarSet(
        subdivision=command.subdivision, closed=sorted(set(command.closed)), open=sorted(set(command.open))
    )


def _bad(element: str, remedy: str, within: str = "") -> BadValue:
    """within: JSON pointer from the element on."""
    return BadValue(
        "A profile's value cannot be followed.",
        rule="profile",
        element=element,
        place=f"/{element}{within}",
        remedy=remedy,
    )


def _bad_terms(element: str, remedy: str, index: int | None = None) -> BadValue:
    """index: of the term as it was sent."""
    place = f"/{element}" if index is None else f"/terms/{index}/{element}"
    return BadValue("The terms cannot be followed.", rule="terms", element=element, place=place, remedy=remedy)


def _bad_calendar(what: str, element: str, remedy: str, within: str = "") -> BadValue:
    return BadValue(what, rule="calendar", element=element, place=f"/{element}{within}", remedy=remedy)


_NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})

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
