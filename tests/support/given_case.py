"""Given what happened in a case, when somebody asks, then this is what comes of it; and the offices that tests name.

given(opened()).when(yes("OR")).then(answered)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ledger.cases import Administrator, AnswerCase, Case, Command, EscalateCase, decide, fold
from ledger.errors import LedgerError
from ledger.events import Event
from ledger.events.case import Asked, CaseOpened, Concerned, Merge, Place
from ledger.events.linkage import Anchor
from ledger.jurisdiction import Profile
from ledger.routing import asked_of

BEGUN = datetime(2025, 10, 2, 17, tzinfo=UTC)
OR, CA, TX = (Place(state=state) for state in ("OR", "CA", "TX"))
OR_REGION = Place(state="OR", region="R2")
OR_DISTRICT = Place(state="OR", region="R2", district="4113770")
OFFICES = {"OR": (OR_DISTRICT, OR_REGION, OR), "CA": (CA,)}
LEFT, RIGHT = (Anchor(f"01990000-0000-7000-8000-00000000000{n}", f"00{n}", n) for n in (1, 2))
RECORDS = [Concerned(LEFT, "OR"), Concerned(RIGHT, "CA")]
PACIFIC = Profile(time_zone="America/Los_Angeles", version=3)


def asked() -> list[Asked]:
    """Oregon from the district on, California at the state."""
    return [asked_of(state, OFFICES[state], PACIFIC, BEGUN) for state in ("CA", "OR")]


def opened(kind: str = "validate-merge", by: str = "ana") -> CaseOpened:
    merge = Merge(left=LEFT, right=RIGHT, master=LEFT)
    return CaseOpened(kind=kind, records=RECORDS, proposal=merge, asked=asked(), proposed_by=by, reason="One mother.")


def answer(place: Place | None, *, yes: bool = True, by: str = "ben", reason: str = "I know them.") -> AnswerCase:
    return AnswerCase(by=Administrator(name=by, place=place), yes=yes, reason=reason)


def escalate(days: float, offices: dict[str, Sequence[Place]] | None = None) -> EscalateCase:
    """So many days after the case was opened."""
    return EscalateCase(now=BEGUN + timedelta(days=days), offices=offices or OFFICES)


@dataclass(frozen=True)
class Given:
    history: list[Event]

    @property
    def case(self) -> Case:
        case = fold(self.history)
        assert case is not None
        return case

    def when(self, command: Command) -> When:
        try:
            return When(self, events=decide(command, self.case))
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
        return Given([*self.given.history, *events])

    def after(self) -> Given:
        """What there is after it, whatever it said."""
        assert self.error is None, self.error
        return Given([*self.given.history, *self.events])

    def refused(self, error: type[LedgerError], words: str = "") -> None:
        """Raised, by exactly this class, with what to do about it."""
        assert self.error is not None, self.events
        assert type(self.error) is error
        assert words in self.error.what
        assert self.error.remedy


def given(*history: Event) -> Given:
    return Given(list(history))
