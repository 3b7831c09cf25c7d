"""Events of an account: who may sign in, as what, and how that came to be and ended. Stream: ``account/<uuid7>``.

All of it is sealed under the account's own key. Passwords, second factors and sessions are no events: they are
secrets, and secrets are not kept for ever.
"""

from __future__ import annotations

from typing import ClassVar

from ledger.events.application import AskedRole
from ledger.events.base import Event, KeyClass


class AccountEvent(Event, frozen=True, kw_only=True):
    """Whatever is said of an account goes with its key."""

    def key_class(self) -> KeyClass:
        return KeyClass.ACCESS


class AccountProposed(AccountEvent, frozen=True, kw_only=True):
    """An account was applied for, or another role for one that there is (``AccessApplied``, in the same append).
    application: uuid. email, name: of the applicant. asked: the role."""

    topic: ClassVar[str] = "account-proposed.v1"

    application: str
    email: str
    name: str
    asked: AskedRole


class AccountOpened(AccountEvent, frozen=True, kw_only=True):
    """Somebody may have roles from here on. email: by which he signs in, and the actor of all he does. application:
    uuid; None where an operator or a school opened it, and then reason says why."""

    topic: ClassVar[str] = "account-opened.v1"

    email: str
    name: str
    application: str | None = None
    reason: str = ""


class TrainingRecorded(AccountEvent, frozen=True, kw_only=True):
    """A training in security and privacy was completed. completed_on: ISO 8601. hours: as the course counts. by: who
    recorded it. certificate: uuid of an attachment."""

    topic: ClassVar[str] = "training-recorded.v1"

    course: str
    completed_on: str
    by: str
    hours: float | None = None
    certificate: str | None = None


class RulesAccepted(AccountEvent, frozen=True, kw_only=True):
    """The person read the rules of behaviour and accepted them. edition: of the text. on: ISO 8601, his own day."""

    topic: ClassVar[str] = "rules-accepted.v1"

    edition: str
    on: str


class RoleGranted(AccountEvent, frozen=True, kw_only=True):
    """grant: number within the account, from 1, never used again. role: with its place."""

    topic: ClassVar[str] = "role-granted.v1"

    grant: int
    role: AskedRole
    by: str
    application: str | None = None


class RoleEnded(AccountEvent, frozen=True, kw_only=True):
    """The role is no longer had."""

    topic: ClassVar[str] = "role-ended.v1"

    grant: int
    by: str
    reason: str


class IdentityLinked(AccountEvent, frozen=True, kw_only=True):
    """The account signs in by an identity provider from here on. issuer, subject: of the provider's tokens."""

    topic: ClassVar[str] = "identity-linked.v1"

    issuer: str
    subject: str


class SignInCodeGiven(AccountEvent, frozen=True, kw_only=True):
    """An official gave a code to sign in with, by hand, and the password, second factor and sessions that there were
    ended. reason: why, and how he knew who it was. The code itself is no event."""

    topic: ClassVar[str] = "sign-in-code-given.v1"

    by: str
    reason: str


class RenewalDue(AccountEvent, frozen=True, kw_only=True):
    """Access ends unless training and rules are renewed by a day. due_on: the last day that it holds, ISO 8601."""

    topic: ClassVar[str] = "renewal-due.v1"

    due_on: str


class RenewalOverdue(AccountEvent, frozen=True, kw_only=True):
    """That day is over. Nobody is let in until training and rules are as new as they must be."""

    topic: ClassVar[str] = "renewal-overdue.v1"

    due_on: str


class AccountDisabled(AccountEvent, frozen=True, kw_only=True):
    """For a time: it can be enabled again."""

    topic: ClassVar[str] = "account-disabled.v1"

    by: str
    reason: str


class AccountEnabled(AccountEvent, frozen=True, kw_only=True):
    """It is no longer disabled."""

    topic: ClassVar[str] = "account-enabled.v1"

    by: str
    reason: str


class AccountDeactivated(AccountEvent, frozen=True, kw_only=True):
    """For good: every role has ended, and its e-mail is never taken for an account again."""

    topic: ClassVar[str] = "account-deactivated.v1"

    by: str
    reason: str


class FamilyAccessGranted(AccountEvent, frozen=True, kw_only=True):
    """A parent, guardian or eligible student may read named records (34 CFR 99.10, 99.5), once it is taken. grant:
    number within the account. student_id: that was asked for. records: uuids. relation: ``parent``, ``guardian`` or
    ``student``. identification: which document was seen, never its number. until: last day, ISO 8601. ends_by: what
    sets that day, ``date``, ``court-order`` or ``eighteenth-birthday``. by: the official, of an organisation in
    a state, in whose zone the day is told."""

    topic: ClassVar[str] = "family-access-granted.v1"

    grant: int
    student_id: str
    records: list[str]
    relation: str
    identification: str
    until: str
    ends_by: str
    by: str
    organisation: str
    state: str


class FamilyAccessTaken(AccountEvent, frozen=True, kw_only=True):
    """Whoever has the account has shown the code that the school gave by hand: from here on the grant holds."""

    topic: ClassVar[str] = "family-access-taken.v1"

    grant: int


class FamilyAccessEnded(AccountEvent, frozen=True, kw_only=True):
    """by: who ended it, or the timekeeper. why: ``date``, ``court-order``, ``eighteenth-birthday`` or ``withdrawn``."""

    topic: ClassVar[str] = "family-access-ended.v1"

    grant: int
    by: str
    why: str
    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    AccountProposed,
    AccountOpened,
    TrainingRecorded,
    RulesAccepted,
    RoleGranted,
    RoleEnded,
    IdentityLinked,
    SignInCodeGiven,
    RenewalDue,
    RenewalOverdue,
    AccountDisabled,
    AccountEnabled,
    AccountDeactivated,
    FamilyAccessGranted,
    FamilyAccessTaken,
    FamilyAccessEnded,
)
