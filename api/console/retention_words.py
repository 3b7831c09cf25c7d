"""Retention in words: classes, what years are counted from, why something is kept, what holds it. Pure.

Invariant: every code that ``ledger.retention`` gives has its words; a code without them would be shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from api.console.words import N_
from ledger.events.retention import Over, OverAccount, OverAll, OverRecords, OverState, ScheduleSet
from ledger.proofs.certificate_words import ADDRESS_STAYS, HANDED_OUT, HASHES_STAY, PROVES, SENT_AGAIN
from ledger.retention import due, holds
from ledger.retention.disposal import DONE, PROPOSED, REFUSED, WITHDRAWN
from ledger.retention.due import Due, Kept
from ledger.retention.schedules import ACCESS, EDUCATION, ELIGIBILITY, FLOORS, Since

CLASSES: Final[Mapping[str, str]] = {
    EDUCATION: N_("the record as a whole"),
    ELIGIBILITY: N_("qualifying moves alone"),
    ACCESS: N_("papers of access"),
}
SINCE: Final[Mapping[str, str]] = {
    Since.LAST_ACTIVITY: N_("the record last said anything new"),
    Since.BIRTH: N_("the child was born"),
    Since.ELIGIBILITY_END: N_("eligibility ended"),
    Since.LAST_DISCLOSURE: N_("it was last shown to anybody"),
    Since.ACCESS_END: N_("the last access ended"),
}
"""Behind "years after"."""
KEPT: Final[Mapping[str, str]] = {
    due.NOTHING_THERE: N_("nothing of it is there"),
    due.NO_SCHEDULE: N_("no schedule speaks of it"),
    due.FOR_GOOD: N_("its schedule keeps it for good"),
    due.ELIGIBILITY_KEPT: N_("its qualifying moves are kept, and nothing of a record opens without it"),
    due.UNKNOWN: N_("a day that its years are counted from is not known"),
}
HOLDS: Final[Mapping[str, str]] = {
    holds.LEGAL: N_("legal hold"),
    holds.REQUEST: N_("request to see or correct"),
    holds.CASE: N_("open case"),
}
STATUSES: Final[Mapping[str, str]] = {
    PROPOSED: N_("waits for another person"),
    DONE: N_("done"),
    REFUSED: N_("refused by another person"),
    WITHDRAWN: N_("taken back"),
}
CHANGES: Final[Mapping[str, str]] = {
    "keys": N_("its keys"),
    "version": N_("what it says"),
    "state": N_("its state"),
    "student_id": N_("its student id"),
    "student": N_("which records are one student with it"),
    "events": N_("how many events it has"),
    "attachments": N_("its papers"),
    "cases": N_("its cases"),
    "schedule": N_("its schedule"),
}
"""Fields in which a record is no longer as it was proposed."""
SAID_ON_CERTIFICATES: Final[Mapping[str, str]] = {
    text: text
    for text in (
        N_("Each key listed was deleted in the transaction that wrote the event listed beside it."),
        N_("What it sealed cannot be opened by anybody, in this ledger or in a copy of it that comes without the key."),
        N_("The keys listed are all that this disposal deleted."),
        N_(
            "Each sealed the events counted here, and what people wrote of the same record, account or case in other"
            " events."
        ),
        N_(
            "The events stay in the log, sealed, with positions and hashes: every proof over the log holds as it did"
            " before."
        ),
        N_(
            "What was handed out before stays with whoever has it: printed records, exports, and evidence bundles with"
            " the keys of the events that they show."
        ),
        N_(
            "A state may send the child again: that is a new record under a new key and a new student id. By design the"
            " ledger cannot know that the child was here before."
        ),
        N_(
            "The record stays, and keeps a keyed hash of each move that went, so that none is taken in again. As long"
            " as it stays, whoever holds the master key can test with it whether a move was one of them."
        ),
        N_(
            "The address of each account is retired for good: a keyed hash of it stays, so that nobody else is given an"
            " account by it. Whoever holds the master key can test with it whether an address was one of them."
        ),
    )
}
assert set(SAID_ON_CERTIFICATES) == {*PROVES, HANDED_OUT, SENT_AGAIN, HASHES_STAY, ADDRESS_STAYS}
assert set(SINCE) == set(Since)
assert set(CLASSES) == set(FLOORS)


class Wait(NamedTuple):
    """A time that is waited for, to be said as "3 years after eligibility ended". source: of the law, where it says
    so."""

    years: int
    since: str
    source: str | None = None


def waited(schedule: ScheduleSet) -> list[Wait]:
    """What a schedule waits for."""
    return [Wait(term.years, SINCE.get(term.since, term.since)) for term in schedule.after]


def floor_of(record_class: str) -> Wait:
    """What the law has kept, whatever a schedule says."""
    floor = FLOORS[record_class]
    return Wait(floor.years, SINCE[floor.since], floor.source)


def waited_last(found: Due) -> Wait:
    """What it waited for last."""
    return Wait(found.years, SINCE.get(found.since, found.since), found.source)


def wait_of(text: str) -> Wait:
    """What a certificate says of a schedule, ``5 years after last-activity``, to be said in the reader's language."""
    years, _, _, since = text.split(" ", 3)
    return Wait(int(years), SINCE.get(since, since))


def kept_because(found: Kept, say: Callable[[str], str]) -> str:
    """Why it does not fall due."""
    why = say(KEPT.get(found.why, found.why))
    return why if found.since is None else f"{why} ({say(SINCE.get(found.since, found.since))})"


class Reach(NamedTuple):
    """What a hold is over. kind: ``records``, ``account``, ``state`` or ``all``. records: by uuid. of: the state, or
    the account's uuid."""

    kind: str
    records: Sequence[str] = ()
    of: str = ""


def reach_of(over: Over) -> Reach:
    """What is held."""
    match over:
        case OverRecords():
            return Reach("records", [anchor.record for anchor in over.records])
        case OverAccount():
            return Reach("account", of=over.account)
        case OverState():
            return Reach("state", of=over.state)
        case OverAll():
            return Reach("all")
