"""Events of a jurisdiction: how one state wants its records kept. Stream: ``jurisdiction/<state>``."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ledger.events.base import Event


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


EVENTS: tuple[type[Event], ...] = (ProfileSet, CalendarSet, TermSet)
