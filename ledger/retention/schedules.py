"""Schedules: how long each class of record is kept, by whose authority, and how short no law lets it be.

State, evolve, decide, fold. Invariant: what no schedule speaks of is kept, and no schedule that is taken is shorter
than the law's floor. A state's own schedule goes before the nation's. Access papers alone have one from the start,
which is the law's. Nothing here destroys: a schedule makes due, and two people dispose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from ledger.errors import BadValue, LogBroken, UnknownState
from ledger.events.base import Event, KeyClass
from ledger.events.retention import After, ScheduleSet
from ledger.mde import STATES
from ledger.retention.years import YEARS_MAX

STREAM: Final = "retention/schedules"
TERMS_MAX: Final = 4
"""Times that one schedule waits for."""
AUTHORITY_MAX: Final = 500
"""Characters of a citation."""

EDUCATION, ELIGIBILITY, ACCESS = KeyClass.EDUCATION.value, KeyClass.ELIGIBILITY.value, KeyClass.ACCESS.value


class Since(StrEnum):
    """What years are counted from.

    last-activity: the last day on which the record said anything new. birth: of the child; the years are an age.
    eligibility-end: the last day of eligibility by any move. last-disclosure: the record was last shown to anybody.
    access-end: the last access of the account ended.
    """

    LAST_ACTIVITY = "last-activity"
    BIRTH = "birth"
    ELIGIBILITY_END = "eligibility-end"
    LAST_DISCLOSURE = "last-disclosure"
    ACCESS_END = "access-end"


class Floor(NamedTuple):
    """A time that is waited for, whatever a schedule says. source: of the rule."""

    since: Since
    years: int
    source: str


COUNTED: Final[Mapping[str, frozenset[Since]]] = {
    # Not from the end of eligibility: whoever destroys that first leaves nothing to count from.
    EDUCATION: frozenset({Since.LAST_ACTIVITY, Since.BIRTH}),
    ELIGIBILITY: frozenset({Since.LAST_ACTIVITY, Since.BIRTH, Since.ELIGIBILITY_END}),
    ACCESS: frozenset({Since.ACCESS_END}),
}
"""Class that has schedules to what its years may count from. Every other class goes with one of these, or by itself."""

FLOORS: Final[Mapping[str, Floor]] = {
    # Disclosures go with the record, and the account of them is kept five years at least.
    EDUCATION: Floor(Since.LAST_DISCLOSURE, 5, "5 USC 552a(c)(3)"),
    # Three years after the last expenditure report for the funds; of the days of reports the ledger knows nothing.
    ELIGIBILITY: Floor(Since.ELIGIBILITY_END, 3, "2 CFR 200.334"),
    ACCESS: Floor(Since.ACCESS_END, 3, "34 CFR 200.85"),
}

LAW: Final = ScheduleSet(
    record_class=ACCESS,
    number=0,
    after=[After(since=Since.ACCESS_END, years=3)],
    authority="34 CFR 200.85",
    by="34 CFR 200.85",
)
"""Of access papers where nobody has set another: due three years after access ended, and not destroyed by itself."""

_GOES_OTHERWISE: Final[Mapping[str, str]] = {
    KeyClass.DISCLOSURE: "It is kept as long as the education record (34 CFR 99.32(a)(2)): set that one's schedule.",
    KeyClass.CASE: "A case goes with the first record that it names: set the schedule of education.",
    KeyClass.SUBMISSION: "It goes after the days that the state's profile gives: set response_days there.",
    KeyClass.LEDGER: "It holds ids and counts only, and all proofs rest on it: it is never destroyed.",
}

Place = tuple[str, str | None]
"""Class of record, and the state; None for the nation."""


class Schedules(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. held: those in effect. named: every one that there ever was, since proofs name old ones. version:
    events in the stream."""

    held: Mapping[Place, ScheduleSet] = {}
    named: Mapping[str, ScheduleSet] = {}
    version: int = 0

    def of(self, record_class: str, state: str | None) -> ScheduleSet | None:
        """The one that counts for a class in a state; None where all of it is kept."""
        own = self.held.get((record_class, state)) or self.held.get((record_class, None))
        return own or (LAW if record_class == ACCESS else None)

    def called(self, name: str) -> ScheduleSet | None:
        """The schedule of a name, as it was set."""
        return LAW if name == name_of(LAW) else self.named.get(name)


class SetSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """The fields are those of ``ScheduleSet``."""

    record_class: str
    after: Sequence[After]
    authority: str
    by: str
    state: str | None = None


def name_of(schedule: ScheduleSet) -> str:
    """What events and proofs call a schedule: ``education/OR/2``, ``eligibility/nation/1``, ``access/law``."""
    if schedule.number == LAW.number:
        return f"{schedule.record_class}/law"
    return f"{schedule.record_class}/{schedule.state or 'nation'}/{schedule.number}"


# -- evolve and fold


def evolve(known: Schedules, event: Event) -> Schedules:
    """The schedules after an event of their stream. Raises LogBroken."""
    if not isinstance(event, ScheduleSet):
        raise LogBroken(f"The stream of schedules holds {event.topic}.")
    return Schedules(
        held={**known.held, (event.record_class, event.state): event},
        named={**known.named, name_of(event): event},
        version=known.version + 1,
    )


def fold(events: Iterable[Event], known: Schedules | None = None) -> Schedules:
    """The schedules after events. Raises LogBroken."""
    known = known or Schedules()
    for event in events:
        known = evolve(known, event)
    return known


# -- decide


def decide(command: SetSchedule, known: Schedules) -> list[Event]:
    """The event of a command; none where it says what holds. Raises UnknownState, and BadValue (rule
    ``retention-class``, ``retention-since``, ``retention-years``, ``retention-floor`` or ``authority``)."""
    if command.state is not None and command.state not in STATES:
        raise UnknownState("This is no state.", remedy="Use a USPS state code, such as OR, or none for the nation.")
    if command.record_class not in COUNTED:
        raise _bad(
            "retention-class",
            "record_class",
            "This class has no schedule of its own.",
            _GOES_OTHERWISE.get(command.record_class, f"Name one of {', '.join(COUNTED)}."),
        )
    _check_after(command.record_class, command.after)
    authority = " ".join(command.authority.split())
    if not 1 <= len(authority) <= AUTHORITY_MAX or not authority.isprintable():
        raise _bad(
            "authority",
            "authority",
            "By what authority so long is not said.",
            f"Cite the rule in at most {AUTHORITY_MAX} characters, such as OAR 166-400-0060: certificates print it.",
        )
    held = known.held.get((command.record_class, command.state))
    said = ScheduleSet(
        record_class=command.record_class,
        state=command.state,
        number=1 + (held.number if held is not None else 0),
        after=list(command.after),
        authority=authority,
        by=command.by,
    )
    same = held is not None and (held.after, held.authority) == (said.after, said.authority)
    return [] if same else [said]


def _check_after(record_class: str, after: Sequence[After]) -> None:
    counted, floor = COUNTED[record_class], FLOORS[record_class]
    if len(after) > TERMS_MAX or len({term.since for term in after}) < len(after):
        raise _bad("retention-since", "after", "Something is counted from twice.", f"At most {TERMS_MAX}, each once.")
    for number, term in enumerate(after):
        place = f"/after/{number}"
        if term.since not in counted:
            raise _bad(
                "retention-since",
                "since",
                "From this the years of this class are not counted.",
                f"Count from {', '.join(sorted(counted))}.",
                place,
            )
        if term.since == floor.since and term.years < floor.years:
            raise _bad(
                "retention-floor",
                "years",
                f"This is shorter than the law allows: {floor.source} keeps it {floor.years} years.",
                f"Give {floor.years} years or more after {floor.since}.",
                place,
            )
        if not 1 <= term.years <= YEARS_MAX:
            raise _bad(
                "retention-years",
                "years",
                "These years cannot be counted.",
                f"Give whole years from 1 to {YEARS_MAX}; to keep it for good, give no times at all.",
                place,
            )


def _bad(rule: str, element: str, what: str, remedy: str, within: str = "") -> BadValue:
    return BadValue(what, rule=rule, element=element, place=f"{within}/{element}", remedy=remedy)
