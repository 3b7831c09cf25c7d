"""Given what was said of a schedule, hold or disposal, when somebody asks, then this is what comes of it; and a record
that is due, for all tests that begin with one.

given(disposal, proposed()).when(ApproveDisposal(...)).then(...)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

from ledger.errors import LedgerError
from ledger.events import Event, Meta, Recorded
from ledger.events.retention import After, Key, ScheduleSet, Scope
from ledger.retention.days import Subject
from ledger.retention.due import Due, reckon
from ledger.retention.obstacles import Present
from ledger.retention.schedules import Schedules, Since, fold
from ledger.retention.scope import ClosedCase, Found, scope_of

RECORD = "01990000-0000-7000-8000-000000000001"
OTHER = "01990000-0000-7000-8000-000000000002"
ACCOUNT = "01990000-0000-7000-8000-0000000000b1"
DISPOSAL = "01990000-0000-7000-8000-0000000000d1"
HOLD = "01990000-0000-7000-8000-0000000000c1"
ANA, BEN = "ana@example.org", "ben@example.org"
TODAY = date(2033, 6, 1)


def after(years: int, since: str = Since.LAST_ACTIVITY) -> After:
    return After(since=since, years=years)


def schedule(record_class: str, *times: After, state: str | None = None, number: int = 1) -> ScheduleSet:
    return ScheduleSet(
        record_class=record_class, state=state, number=number, after=list(times), authority="OAR 166-400", by=ANA
    )


SCHEDULES = fold(
    [schedule("education", after(5), state="OR"), schedule("eligibility", after(3, Since.ELIGIBILITY_END), state="OR")]
)
DAYS = {
    Since.LAST_ACTIVITY: date(2027, 5, 15),
    Since.BIRTH: date(2004, 2, 29),
    Since.ELIGIBILITY_END: date(2026, 8, 31),
}


def subject(**changed: Any) -> Subject:
    """A record of Oregon, due for a year."""
    said = {
        "id": RECORD,
        "state": "OR",
        "student": frozenset({RECORD}),
        "present": frozenset({"education", "eligibility", "disclosure"}),
        "days": DAYS,
        "today": TODAY,
    }
    return Subject(**{**said, **changed})


def key(key_class: str, of: str = RECORD, number: int = 0) -> Key:
    """The same for the same subject and class, until it is made anew."""
    classes = ("education", "eligibility", "disclosure", "access", "case")
    return Key(id=f"{of[-2:]}{classes.index(key_class)}{number}".rjust(32, "0"), subject=of, key_class=key_class)


def found(one: Subject | None = None, **changed: Any) -> Found:
    """What there is of a record: its keys, with some events under each, and a case that it leads."""
    one = one or subject()
    keys = [key(name, one.id) for name in sorted(one.present)]
    led = ClosedCase(id=f"case-{one.id[-1]}", key=key("case", f"case-{one.id[-1]}"), events=3, first=one.id)
    events = {one_key.id: 4 + place for place, one_key in enumerate(keys)}
    said = {"subject": one, "keys": keys, "events": events, "version": 9, "student_id": "000000000010", "cases": [led]}
    return Found(**{**said, **changed})


def present(
    record_class: str = "education", what: Found | None = None, schedules: Schedules = SCHEDULES, **changed: Any
) -> Present:
    """An item as whoever looks now finds it."""
    what = what or found()
    said = {
        "subject": what.subject,
        "scope": scope_of(record_class, what),
        "due": reckon(record_class, what.subject, schedules),
    }
    return Present(**{**said, **changed})


def scope(record_class: str = "education", what: Found | None = None) -> Scope:
    going = scope_of(record_class, what or found())
    assert going is not None
    return going


def due_on(one: object) -> date:
    assert isinstance(one, Due), one
    return one.on


def recorded(event: Event, position: int = 1, *, at: datetime | None = None, stream: str = "retention/x") -> Recorded:
    """At noon in UTC, of the day that it is in tests."""
    return Recorded(
        position=position,
        stream=stream,
        version=1,
        recorded_at=at or datetime(2033, 6, 1, 12, tzinfo=UTC),
        event_id=f"{position:032x}",
        meta=Meta(actor=ANA),
        event=event,
    )


@dataclass(frozen=True)
class Given:
    """rules: the module of the decider."""

    rules: ModuleType
    history: list[Event]

    @property
    def state(self) -> Any:
        return self.rules.fold(self.history)

    def when(self, command: Any) -> When:
        try:
            known = self.state
            return When(self, events=self.rules.decide(command, known))
        except LedgerError as error:
            return When(self, error=error)


@dataclass(frozen=True)
class When:
    given: Given
    events: list[Event] = field(default_factory=list)
    error: LedgerError | None = None

    def then(self, *events: Event) -> Given:
        """Exactly these; what there is after them."""
        assert self.error is None, self.error
        assert self.events == list(events)
        return self.after()

    def after(self) -> Given:
        """What there is after it, in the stream that was asked about."""
        assert self.error is None, self.error
        own = [event for event in self.events if event.topic != "key-destroyed.v1"]
        return Given(self.given.rules, [*self.given.history, *own])

    def refused(self, error: type[LedgerError], rule: str | None = None) -> LedgerError:
        """Raised, by exactly this class, with what to do about it. rule: of a BadValue."""
        assert self.error is not None, self.events
        assert type(self.error) is error
        assert getattr(self.error, "rule", None) == rule
        assert self.error.remedy
        return self.error


def given(rules: ModuleType, *history: Event) -> Given:
    return Given(rules, list(history))
