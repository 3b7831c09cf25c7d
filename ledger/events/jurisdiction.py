"""Events of a jurisdiction: how one state wants its records kept. Stream: ``jurisdiction/<state>``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from ledger.events.base import Event, Sealed


class ProfileSet(Event, frozen=True, kw_only=True):
    """The state's profile, whole: what is not named falls back to the default.

    time_zone: IANA name, in which its clocks run (V30). expected_hour: local hour by which its file is awaited.
    response_days: how long row answers are kept. record_ids: ``renumbered`` or ``stable``, the state's habit with
    Record IDs. rule_levels: rule code to ``refuse``, ``warn`` or ``off``. second_person_near_match: a near match
    answered yes waits for another person. automatic_approval: the state agrees to approval at the end of escalation.
    escalation_days: per level (district, region, state).
    """

    topic: ClassVar[str] = "profile-set.v1"

    time_zone: str
    expected_hour: int = 6
    response_days: int = 30
    record_ids: str = "renumbered"
    rule_levels: dict[str, str] = {}
    second_person_near_match: bool = False
    automatic_approval: bool = False
    escalation_days: tuple[int, int, int] = (7, 7, 16)


class CalendarSet(Event, frozen=True, kw_only=True):
    """The state's working days: its public holidays, and days that it adds or takes out. Dates are ISO 8601.

    subdivision: the state whose public holidays hold, or None for the federal ones alone. closed, open: days that
    are no working days although the rule says so, and the reverse.
    """

    topic: ClassVar[str] = "calendar-set.v1"

    subdivision: str | None = None
    closed: list[str] = []
    open: list[str] = []


class Term(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One term. kind: ``regular`` (fall, spring, or whatever a state calls its terms), ``summer`` or ``intersession``.

    begins, ends: first and last day, ISO 8601, both of the term.
    """

    name: str
    kind: str
    begins: str
    ends: str


class TermSet(Event, frozen=True, kw_only=True):
    """The terms of one school year, whole: none takes back what was set.

    Ends of terms start the clock of 34 CFR 200.85(b) for new and changed elements, and a summer enrollment lies
    outside the regular ones (V20). school_year: the year in which it begins. district: NCES id of the local agency
    whose terms they are, or None for those of the state, which hold where a district has set none for that year.
    """

    topic: ClassVar[str] = "term-set.v1"

    school_year: int
    district: str | None = None
    terms: list[Term] = []


class RegionDefined(Event, frozen=True, kw_only=True):
    """A region of the state, by its code; or another name for one that there is. ended: there is no such region now."""

    topic: ClassVar[str] = "region-defined.v1"

    region: str
    name: str
    ended: bool = False


class DistrictPlaced(Event, frozen=True, kw_only=True):
    """In which region a district lies. district: NCES id, seven digits. region: its code, or None for in none."""

    topic: ClassVar[str] = "district-placed.v1"

    district: str
    region: str | None = None


class ContactSet(Event, frozen=True, kw_only=True):
    """Whom to ask at one level of a state, whole: no role takes back what was set.

    level: ``district``, ``region`` or ``state``. place: NCES id, region's code, or None for the state. role: what the
    person is there. name, email, phone: of the person, an official; sealed under a key of this setting alone, so that
    they can go once another one is named. As text they are decided or opened; stored they are sealed, and None where
    nothing was said or their key is gone.
    """

    topic: ClassVar[str] = "contact-set.v1"

    level: str
    place: str | None = None
    role: str | None = None
    name: str | Sealed | None = None
    email: str | Sealed | None = None
    phone: str | Sealed | None = None

    def apart(self) -> dict[str, str | Sealed]:
        """What is said of the person, by the names of the fields: all that is sealed apart."""
        said = {"name": self.name, "email": self.email, "phone": self.phone}
        return {name: value for name, value in said.items() if value is not None}

    def with_sealed(self, fields: Mapping[str, Sealed]) -> Self:
        if unknown := set(fields) - {"name", "email", "phone"}:
            raise KeyError(f"{self.topic} has no sealed fields {sorted(unknown)}")
        return msgspec.structs.replace(self, **fields)


EVENTS: tuple[type[Event], ...] = (ProfileSet, CalendarSet, TermSet, RegionDefined, DistrictPlaced, ContactSet)
