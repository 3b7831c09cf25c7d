"""From which days the years of a record or an account are counted, as its own events tell.

Invariant: a day that cannot be told is left out, and what is counted from it never falls due; of several days that
would do, the latest counts. Days are those of the state's own zone, in which its law runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from ledger import accounts, applications
from ledger.eligibility import Move, eligibility
from ledger.events.account import AccountDeactivated, AccountEvent, FamilyAccessEnded, RoleEnded
from ledger.events.application import ApplicationEvent, ApplicationRefused, ApplicationWithdrawn
from ledger.events.base import Erased, KeyClass, Recorded
from ledger.facts import Fact
from ledger.record_fold import fold
from ledger.retention.schedules import Since

Days = Mapping[Since, date]
DayOf = Callable[[datetime], date]
"""The day that it is in a zone at an instant (``Calendar.day_of``)."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A record, an account, or what is kept of a submission, as retention sees it.

    id: uuid, or the submission's name. state: whose it is; None of an account of the nation. before: other states, or
    the nation, of which an account had a role or asked for one (``places``). student: uuids of the records that are one
    student with it now, it among them and those that were destroyed, as acts of linkage have it; none where it is no
    record. present: classes of which an event is left that opens. days: what years are counted from. today: the day
    that it is there. Both are told by the state's zone: of several states, days by the latest, today by the earliest.
    """

    id: str
    today: date
    state: str | None = None
    before: frozenset[str | None] = frozenset()
    student: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()
    days: Days = {}

    @property
    def states(self) -> frozenset[str | None]:
        """All that it is or was of: what any of them holds is held."""
        return self.before | {self.state}


def days_of_record(recorded: Sequence[Recorded], disclosed: date | None, day_of: DayOf) -> Days:
    """Of a record, by all events of its stream; none where its education key is gone. disclosed: when it was last
    shown.

    An event under a key that was destroyed says nothing here but that it was. A birth date that was corrected counts as
    what it is now; where several facts say one, the latest. Raises LogBroken.
    """
    known = fold(one.event for one in recorded if not isinstance(one.event, Erased)) if _opens(recorded) else None
    if known is None:
        return {}
    days = {Since.LAST_ACTIVITY: day_of(recorded[-1].recorded_at)}
    if disclosed is not None:
        days[Since.LAST_DISCLOSURE] = disclosed
    held = [fact for fact in known.facts.values() if fact.status != "retracted"]
    born = max((date.fromisoformat(f.elements["birth_date"]) for f in held if "birth_date" in f.elements), default=None)
    if born is not None:
        days[Since.BIRTH] = born
    # A record that was never eligible by any move has said of one all the same: then that day counts.
    said = [day_of(one.recorded_at) for one in recorded if one.event.key_class() is KeyClass.ELIGIBILITY]
    ends = _ends_of_eligibility(held, born) or said
    if ends:
        days[Since.ELIGIBILITY_END] = max(ends)
    return days


def days_of_account(account: Sequence[Recorded], papers: Iterable[Sequence[Recorded]], day_of: DayOf) -> Days:
    """Of an account, by its events and those of each of its applications: when its last access ended, or was denied;
    where it never had any nor asked for it, when it was last spoken of. None while access is had or waited for, and
    where its key is gone. An account that is disabled for a time has its roles."""
    heard = [one for one in account if isinstance(one.event, AccountEvent)]
    applied = [[one for one in paper if isinstance(one.event, ApplicationEvent)] for paper in papers]
    known = accounts.fold(one.event for one in heard)
    had = known.status != "deactivated" and (known.roles or known.families)
    waiting = any((made := applications.fold(one.event for one in paper)) and made.is_open for paper in applied)
    everything = [*heard, *(one for paper in applied for one in paper)]
    if had or waiting or not everything:
        return {}
    ended = [one for one in everything if isinstance(one.event, _ENDS)] or everything
    return {Since.ACCESS_END: max(day_of(one.recorded_at) for one in ended)}


# -- inside


def _opens(recorded: Sequence[Recorded]) -> bool:
    return bool(recorded) and not isinstance(recorded[0].event, Erased)


def _ends_of_eligibility(held: Iterable[Fact], born: date | None) -> list[date]:
    """Of each move its last day, or its arrival where it gave none."""
    moves, graduated = list[Move](), list[date]()
    for fact in held:
        said = fact.elements
        if fact.kind == "move" and "qualifying_arrival_date" in said:
            moves.append(
                Move(date.fromisoformat(said["qualifying_arrival_date"]), _day(said, "eligibility_expiration_date"))
            )
        elif "graduation_hse_date" in said:
            graduated.append(date.fromisoformat(said["graduation_hse_date"]))
    found = eligibility(moves, born, max(graduated, default=None))
    return [max(move.begins, move.expires) for move in found.moves]


def _day(said: Mapping[str, str], key: str) -> date | None:
    return date.fromisoformat(said[key]) if key in said else None


_ENDS = (RoleEnded, FamilyAccessEnded, AccountDeactivated, ApplicationRefused, ApplicationWithdrawn)
