"""Every error that Sojourn raises on purpose. None knows HTTP: ``api.problems`` has the one table for that.

::

    LedgerError
    ├── Refused                  a rule of the domain says no; trying again as it stands cannot help
    │   ├── BadValue             an element's value is missing, malformed or against a rule
    │   ├── AlreadyEnrolled
    │   ├── NotEnrolled
    │   ├── RecordIsRetracted
    │   ├── OtherState           a state may change only its own facts (V22)
    │   ├── UnknownState
    │   ├── IdempotencyKeyReused the key came before with another body
    │   ├── SameStudent          what is to be joined, or declared apart, is one student already
    │   ├── RetiredId            a student id in whose place another one is shown
    │   ├── NotOfStudent         a record, or a master, that is none of the student's
    │   ├── UnderCase            a pending case holds the record, or asks the same
    │   ├── BoundByNotSame       records were declared not to be the same child
    │   ├── ActAlreadyReversed
    │   ├── RecordDestroyed      what is to be joined again is gone
    │   ├── CaseIsClosed         it is off the worklist: there is nothing to answer or assign
    │   ├── NotAsked             the state holds no record concerned
    │   ├── AlreadyAnswered      the state has said what it says
    │   ├── OwnProposal          whoever proposed it does not validate it
    │   ├── NotAssignable        upwards, or to no office of the state
    │   ├── OwnApplication       nobody verifies, approves or renews himself
    │   ├── NotReady             an application wants its verification, or a training
    │   ├── ApplicationIsClosed  it was approved, refused or withdrawn
    │   ├── AccountIsClosed      it was deactivated, or never opened
    │   ├── EmailRetired         an account of this address was deactivated: it is never taken again
    │   ├── PasswordRefused      too short, too long, or too easily guessed
    │   ├── NoSuchPoint          no point of the past: it has not come, or nothing was recorded by then
    │   ├── CodeRefused          a one-time code that does not fit, was used or has ended: which is not told
    │   ├── UnderHold            a hold, an open case or request keeps what is to be destroyed
    │   ├── NotDue               no schedule lets it go yet
    │   ├── DisposalIsClosed     it was refused or withdrawn
    │   └── SubmissionRefused    a whole file, before anything of it was applied
    ├── NotFound
    │   └── NotOpen              no such open record
    ├── Gone                     all that there was of it was destroyed, as a schedule says
    ├── Forbidden                the principal may not
    │   ├── RenewalNeeded        training or rules are older than a year
    │   └── AccountDisabled      for a time
    ├── Conflict                 somebody else was faster, or is still at it
    │   ├── StaleDecision        the streams decided upon have moved: decide anew
    │   ├── VersionMoved         what is to be replaced is no longer what the sender had read
    │   ├── StillRunning         the first request with this key has not been answered yet
    │   ├── Leased               somebody else is at this case
    │   ├── ScopeChanged         what was to be destroyed is no longer what was proposed
    │   ├── SubmissionDateReused
    │   └── SubmissionLate
    ├── Unavailable              try again later
    │   ├── StoreUnavailable     PostgreSQL cannot be reached, or refused for want of room
    │   ├── OutcomeUnknown       the connection went at commit: only the idempotency key can tell
    │   ├── ProjectionBehind
    │   └── Misconfigured        settings, schema or keys do not fit; the remedy is an operator's
    └── IntegrityBroken          the log is not what it must be: writes stop
        ├── LogBroken
        └── UnknownEvent
"""

from __future__ import annotations

from typing import Any


class LedgerError(Exception):
    """Base of all. ``code`` is stable and short; ``what`` never holds a child's data; ``remedy`` says what to do."""

    code = "ledger-error"

    def __init__(self, what: str, *, remedy: str = "", element: str | None = None, row: int | None = None) -> None:
        super().__init__(what if not remedy else f"{what} {remedy}")
        self.what = what
        self.remedy = remedy
        self.element = element
        self.row = row
        self.replayed = False
        self.members: dict[str, Any] | None = None
        """More that the problem says, by name."""
        self.asked_for: str | None = None
        """Student id of whom nothing was found, by somebody who may read her: whoever answers looks whether all that
        there was is gone."""


class Refused(LedgerError):
    code = "refused"


class BadValue(Refused):
    """rule: code of the rule that the value breaks. place: JSON pointer to the value, where its element alone does not
    tell it; of our own names and numbers, never of the sender's."""

    code = "bad-value"

    def __init__(
        self,
        what: str,
        *,
        rule: str,
        remedy: str = "",
        element: str | None = None,
        row: int | None = None,
        place: str | None = None,
    ) -> None:
        super().__init__(what, remedy=remedy, element=element, row=row)
        self.rule = rule
        self.place = place


class AlreadyEnrolled(Refused):
    code = "already-enrolled"


class NotEnrolled(Refused):
    code = "not-enrolled"


class RecordIsRetracted(Refused):
    code = "record-retracted"


class OtherState(Refused):
    code = "other-state"


class UnknownState(Refused):
    code = "unknown-state"


class IdempotencyKeyReused(Refused):
    code = "idempotency-key-reused"


class SameStudent(Refused):
    code = "same-student"


class RetiredId(Refused):
    code = "retired-id"


class NotOfStudent(Refused):
    code = "not-of-student"


class UnderCase(Refused):
    code = "under-case"


class BoundByNotSame(Refused):
    code = "bound-by-not-same"


class ActAlreadyReversed(Refused):
    code = "act-already-reversed"


class RecordDestroyed(Refused):
    code = "record-destroyed"


class CaseIsClosed(Refused):
    code = "case-closed"


class NotAsked(Refused):
    code = "not-asked"


class AlreadyAnswered(Refused):
    code = "already-answered"


class OwnProposal(Refused):
    code = "own-proposal"


class NotAssignable(Refused):
    code = "not-assignable"


class OwnApplication(Refused):
    code = "own-application"


class NotReady(Refused):
    code = "not-ready"


class ApplicationIsClosed(Refused):
    code = "application-closed"


class AccountIsClosed(Refused):
    code = "account-closed"


class EmailRetired(Refused):
    code = "email-retired"


class PasswordRefused(Refused):
    code = "password-refused"


class CodeRefused(Refused):
    code = "code-refused"


class NoSuchPoint(Refused):
    """element: the parameter that names the point."""

    code = "no-such-point"


class UnderHold(Refused):
    code = "under-hold"


class NotDue(Refused):
    code = "not-due"


class DisposalIsClosed(Refused):
    code = "disposal-closed"


class SubmissionRefused(Refused):
    """rule: code of the rule that refuses the file. element: of the header, if one is wrong; what it says may be told.
    table: of a folder or zip, the file that has the row."""

    code = "submission-refused"

    def __init__(
        self,
        what: str,
        *,
        rule: str,
        remedy: str = "",
        element: str | None = None,
        row: int | None = None,
        table: str | None = None,
    ) -> None:
        super().__init__(what, remedy=remedy, element=element, row=row)
        self.rule = rule
        self.table = table


class NotFound(LedgerError):
    code = "not-found"


class NotOpen(NotFound):
    code = "record-not-open"


class Gone(LedgerError):
    code = "gone"


class Forbidden(LedgerError):
    code = "forbidden"


class RenewalNeeded(Forbidden):
    code = "renewal-needed"


class AccountDisabled(Forbidden):
    code = "account-disabled"


class Conflict(LedgerError):
    code = "conflict"


class StaleDecision(Conflict):
    code = "stale-decision"


class VersionMoved(Conflict):
    code = "version-moved"


class StillRunning(Conflict):
    code = "still-running"


class Leased(Conflict):
    code = "leased"


class ScopeChanged(Conflict):
    code = "scope-changed"


class SubmissionDateReused(Conflict):
    code = "submission-date-reused"


class SubmissionLate(Conflict):
    code = "submission-late"


class Unavailable(LedgerError):
    code = "unavailable"


class StoreUnavailable(Unavailable):
    code = "store-unavailable"


class OutcomeUnknown(Unavailable):
    code = "outcome-unknown"


class ProjectionBehind(Unavailable):
    code = "projection-behind"


class Misconfigured(Unavailable):
    code = "misconfigured"


class IntegrityBroken(LedgerError):
    code = "integrity-broken"


class LogBroken(IntegrityBroken):
    code = "log-broken"


class UnknownEvent(IntegrityBroken):
    code = "unknown-event"


def no_student(student_id: str, what: str = "No student has this id.") -> NotFound:
    """The answer to an id that leads to nobody, for somebody who may read of every state's children: it was never
    minted, or all that it led to is gone, which is found out where it is answered."""
    nobody = NotFound(what, remedy="Compare it with where it was read, or search.")
    nobody.asked_for = student_id
    return nobody


def again(
    code: str,
    what: str,
    remedy: str,
    element: object = None,
    rule: object = None,
    place: object = None,
    row: object = None,
    table: object = None,
) -> LedgerError:
    """An error that was answered before, from what was kept of it; the base class where the code is of no class."""
    waiting: list[type[LedgerError]] = [LedgerError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.code == code and kind is not LedgerError:
            words: dict[str, str] = {"remedy": remedy}
            if element is not None:
                words["element"] = str(element)
            if issubclass(kind, BadValue | SubmissionRefused):
                words["rule"] = str(rule)
            if place is not None and issubclass(kind, BadValue):
                words["place"] = str(place)
            if table is not None and issubclass(kind, SubmissionRefused):
                words["table"] = str(table)
            error = kind(what, **words)  # type: ignore[arg-type]
            error.row = row if isinstance(row, int) else None
            error.replayed = True
            return error
    return Refused(what, remedy=remedy)
