"""When which class of which record falls due: the schedules held against its days. What is due may still be held.

Invariant: nothing is due before its schedule *and* the law's floor are over, nor where no schedule speaks of it. The
record as a whole goes last: education takes eligibility and disclosures with it, since without the opening nothing of a
record can be read, so it waits until eligibility is due as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

import msgspec

from ledger.events.retention import ScheduleSet
from ledger.retention.days import Subject
from ledger.retention.schedules import (
    ACCESS,
    COUNTED,
    EDUCATION,
    ELIGIBILITY,
    FLOORS,
    Schedules,
    Since,
    name_of,
)
from ledger.retention.years import due_after, latest_due

CLASSES: Final = (ELIGIBILITY, EDUCATION, ACCESS)
"""In the order in which they may fall due."""

NOTHING_THERE: Final = "nothing-there"
NO_SCHEDULE: Final = "no-schedule"
FOR_GOOD: Final = "for-good"
ELIGIBILITY_KEPT: Final = "eligibility-kept"
UNKNOWN: Final = "unknown-day"


OF_THE_CHILD: Final = frozenset({Since.BIRTH, Since.ELIGIBILITY_END})
"""Days that are of the child, and follow from a day on which something is due by them."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A class of a record or account that falls due. on: the first day on which it may go. schedule: its name. since,
    years: what it waited for last. source: of the law, where that was the law's floor.

    Where ``tells`` is false, ``on``, ``since``, ``years`` and ``source`` are for reckoning and are shown to nobody.
    """

    record_class: str
    subject: str
    on: date
    schedule: str
    since: str
    years: int
    source: str | None = None

    @property
    def tells(self) -> bool:
        """Whether since when may be told: a birth date, or when eligibility ended, would follow from the day, and from
        the years that it waited. To tell those is a disclosure, and nobody is asked for its purpose here."""
        return self.since not in OF_THE_CHILD


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Why a class does not fall due. why: one of the codes above. since: the day that nobody knows, where one is
    missing."""

    record_class: str
    subject: str
    why: str
    since: str | None = None


class Wait(NamedTuple):
    """Years since a day. source: of the law, None where a schedule says it."""

    since: str
    years: int
    source: str | None = None


def due(subjects: Iterable[Subject], schedules: Schedules) -> list[Due]:
    """What is due on the day that it is with each subject, longest due first."""
    found = [
        one
        for subject in subjects
        for record_class in CLASSES
        if isinstance(one := reckon(record_class, subject, schedules), Due) and one.on <= subject.today
    ]
    return sorted(found, key=lambda one: (one.on, one.subject, one.record_class))


def reckon(record_class: str, subject: Subject, schedules: Schedules) -> Due | Kept:
    """When a class of a subject falls due, be it to come, or why it does not; of an account that is or was of several
    states by the one of their schedules that keeps it longest."""
    if record_class not in subject.present:
        return Kept(record_class=record_class, subject=subject.id, why=NOTHING_THERE)
    found = [_reckon_in(state, record_class, subject, schedules) for state in sorted(subject.states, key=str)]
    kept = next((one for one in found if isinstance(one, Kept)), None)
    return kept or max((one for one in found if isinstance(one, Due)), key=lambda one: one.on)


def _reckon_in(state: str | None, record_class: str, subject: Subject, schedules: Schedules) -> Due | Kept:
    schedule = schedules.of(record_class, state)
    if schedule is None or not schedule.after:
        why = NO_SCHEDULE if schedule is None else FOR_GOOD
        return Kept(record_class=record_class, subject=subject.id, why=why)
    last: Due | None = None
    for wait in waits(schedule, subject.days):
        day = subject.days.get(Since(wait.since))
        if day is None:
            return Kept(record_class=record_class, subject=subject.id, why=UNKNOWN, since=wait.since)
        on = due_after(day, wait.years)
        if last is None or on > last.on:
            last = Due(
                record_class=record_class,
                subject=subject.id,
                on=on,
                schedule=name_of(schedule),
                since=wait.since,
                years=wait.years,
                source=wait.source,
            )
    assert last is not None
    return _with_eligibility(last, subject, schedules) if record_class == EDUCATION else last


def waits(schedule: ScheduleSet, days: Mapping[Since, date]) -> Iterator[Wait]:
    """All that a schedule waits for, and the law's floor after it. A record that was never shown to anybody has no
    disclosures to keep."""
    for term in schedule.after:
        yield Wait(term.since, term.years)
    floor = FLOORS[schedule.record_class]
    if floor.since is not Since.LAST_DISCLOSURE or floor.since in days:
        yield Wait(floor.since, floor.years, floor.source)


class Latest(NamedTuple):
    """For a query over many: with which days something can be due today. days: of each that is counted from, the
    latest; one that is not known never is, but a record that was never shown has no disclosures to keep. moves: the
    same of a record's eligibility, for which the record waits while any of it is left; None where that is kept for
    good."""

    days: Mapping[Since, date]
    moves: Mapping[Since, date] | None = {}


def latest_days(record_class: str, state: str | None, schedules: Schedules, today: date) -> Latest | None:
    """The law's floors among them. None where nothing of the class falls due. What is found by it is reckoned one by
    one."""
    days = _latest(record_class, state, schedules, today)
    if days is None or record_class != EDUCATION:
        return None if days is None else Latest(days)
    return Latest(days, _latest(ELIGIBILITY, state, schedules, today))


def _latest(record_class: str, state: str | None, schedules: Schedules, today: date) -> dict[Since, date] | None:
    schedule = schedules.of(record_class, state)
    if schedule is None or not schedule.after:
        return None
    waited = [Wait(term.since, term.years) for term in schedule.after]
    floor = FLOORS[record_class]
    latest: dict[Since, date] = {}
    for since, years, _ in [*waited, Wait(floor.since, floor.years)]:
        day = latest_due(today, years)
        latest[Since(since)] = min(day, latest.get(Since(since), day))
    return latest


def _with_eligibility(found: Due, subject: Subject, schedules: Schedules) -> Due | Kept:
    if ELIGIBILITY not in subject.present:
        return found
    eligibility = reckon(ELIGIBILITY, subject, schedules)
    if isinstance(eligibility, Kept):
        return Kept(record_class=EDUCATION, subject=subject.id, why=ELIGIBILITY_KEPT, since=eligibility.since)
    if eligibility.on <= found.on:
        return found
    source = eligibility.source
    return msgspec.structs.replace(
        found, on=eligibility.on, since=eligibility.since, years=eligibility.years, source=source
    )


assert set(CLASSES) == set(COUNTED)
