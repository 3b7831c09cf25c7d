"""Who has looked at a child's records, as it is told to her family: by whom, not by moment. Pure.

Invariant: everybody who stands in the entries is told, once, with the last time and how often; what showed several
records of the child at once counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from api.accounting import grouped
from api.console.roles import NAMES
from api.console.words import N_
from api.standing import PARENT
from projections.disclosures import Disclosure

Kind = Literal["looked", "refused", "passed-on"]


class Looker(NamedTuple):
    """Somebody, and what for. family: the child's own. name: as signed in, or of whoever was handed the records. does:
    what such a one does at work, or the role where there are no plainer words. why: the purpose, in the same way;
    stated: it is somebody's own words. last: the newest day, first: the oldest. times: answers, not records."""

    kind: Kind
    family: bool
    name: str
    does: str
    organisation: str
    why: str
    stated: bool
    first: date
    last: date
    times: int


def lookers(entries: Iterable[Disclosure], zone: str) -> list[Looker]:
    """entries: newest first. zone: IANA name, by which days are told. Who looked last stands first."""
    found: dict[tuple[str, ...], Looker] = {}
    for together in grouped(entries):
        one = together[0]
        on = _day(one.recorded_at, zone)
        known = found.get(key := _key(one))
        found[key] = _looker(one, on) if known is None else known._replace(first=on, times=known.times + 1)
    return list(found.values())


def _key(one: Disclosure) -> tuple[str, ...]:
    return (
        kind_of(one),
        one.actor,
        one.role,
        one.organisation,
        one.purpose,
        one.recipient or "",
        one.recipient_organisation or "",
    )


def _looker(one: Disclosure, on: date) -> Looker:
    kind = kind_of(one)
    handed = kind == "passed-on"
    return Looker(
        kind=kind,
        family=not handed and one.role == PARENT,
        name=(one.recipient or "") if handed else one.actor,
        does="" if handed else DOES.get(one.role, NAMES.get(one.role, one.role)),
        organisation=(one.recipient_organisation or "") if handed else one.organisation,
        why=WHY.get(one.purpose, one.purpose),
        stated=one.purpose not in WHY,
        first=on,
        last=on,
        times=1,
    )


def kind_of(one: Disclosure) -> Kind:
    """A record that was read before and has not changed was looked at all the same."""
    return "refused" if one.outcome == "refused" else "passed-on" if one.outcome == "passed-on" else "looked"


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


DOES: Final[Mapping[str, str]] = {
    "secondary_user": N_("works at a school or in a program for students"),
    "primary_user": N_("works with records at a school or district"),
    "district_data_administrator": N_("looks after the records of a school district"),
    "regional_data_administrator": N_("looks after the records of a region's districts"),
    "state_data_administrator": N_("looks after the records of a state"),
    "state_batch_submitter": N_("sends a state's records"),
    "user_administrator": N_("gives and ends accounts"),
    "recruiter": N_("looks for families who may get services"),
    "eligibility_reviewer": N_("checks which children may get services"),
    "privacy_officer": N_("watches over who sees records"),
    "auditor": N_("checks that the rules are kept"),
    "operator": N_("runs this service"),
}
"""Role to what somebody in it does, for a reader who knows no roles."""
WHY: Final[Mapping[str, str]] = {
    "": "",
    "education-record-review": N_("to enroll, place or help the student"),
    "record-match-resolution": N_("to find out which records are the same child's"),
    "record-correction": N_("to correct records"),
    "disclosure-accounting": N_("to see who had looked"),
    "audit": N_("to check that the rules are kept"),
    "parent-inspection": N_("because a family has the right to see it"),
}
"""Purpose of a rule to plain words. What somebody has written himself is shown as he wrote it."""
