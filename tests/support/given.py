"""Given what has happened, when somebody asks, then this is what comes of it: the grammar of a decider's tests.

given(opened, enrolled).when(Withdraw(...)).then(Withdrawn(...))
given(opened).when(Withdraw(...)).refused(NotEnrolled)
given(opened).when(RetractRecord(...)).then(RecordRetracted()).answered("accepted")
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.errors import LedgerError
from ledger.events import Event
from ledger.jurisdiction import DEFAULT, Profile
from ledger.record import Command, Decision, RecordState, decide, fold


@dataclass(frozen=True)
class Given:
    history: list[Event]
    profile: Profile

    @property
    def state(self) -> RecordState | None:
        return fold(self.history)

    def when(self, command: Command) -> When:
        """The command decided on the history. What it answers is kept for ``then``, what it raises for ``refused``."""
        try:
            decision = decide(command, self.state, self.profile)
        except LedgerError as error:
            return When(self, error=error)
        return When(self, decision=decision)


@dataclass(frozen=True)
class When:
    given: Given
    decision: Decision = field(default_factory=lambda: Decision(events=[], outcomes=[]))
    error: LedgerError | None = None

    def then(self, *events: Event) -> When:
        """Exactly these events, in this order; no argument: none."""
        assert self.error is None, self.error
        assert self.decision.events == list(events)
        return self

    def answered(self, *outcomes: str) -> When:
        """One word per row."""
        assert [outcome.outcome for outcome in self.decision.outcomes] == list(outcomes)
        return self

    def found(self, *rules: str) -> When:
        """The rules of all findings, in the order of the rows."""
        assert [finding.rule for outcome in self.decision.outcomes for finding in outcome.findings] == list(rules)
        return self

    def about(self, *facts: int | None) -> When:
        """The fact that each outcome names."""
        assert [outcome.fact for outcome in self.decision.outcomes] == list(facts)
        return self

    def refused(self, error: type[LedgerError], rule: str | None = None) -> When:
        """Raised, by exactly this class; rule: of a BadValue."""
        assert self.error is not None, self.decision
        assert type(self.error) is error
        assert getattr(self.error, "rule", None) == rule
        assert self.error.remedy, "a refusal says what to do"
        return self

    def and_when(self, command: Command) -> When:
        """Another command, after this one's events."""
        return Given([*self.given.history, *self.decision.events], self.given.profile).when(command)


def given(*history: Event, profile: Profile = DEFAULT) -> Given:
    return Given(list(history), profile)
