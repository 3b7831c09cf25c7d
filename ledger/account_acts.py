"""What may be done to an account, and the events that it comes to.

Commands and decide. Invariant: nobody opens, renews or enables what is his own, and what time does is decided like
anything else: which day it is comes with the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import singledispatch
from typing import Final

import msgspec

from ledger import addresses
from ledger.accounts import RULES_EDITION, WARNED_DAYS, Account, a_year_after, grown_up_on, renew_on
from ledger.errors import AccountIsClosed, BadValue, Forbidden, NotFound, OwnApplication
from ledger.events.account import (
    AccountDeactivated,
    AccountDisabled,
    AccountEnabled,
    AccountOpened,
    FamilyAccessEnded,
    FamilyAccessGranted,
    FamilyAccessTaken,
    IdentityLinked,
    RenewalDue,
    RenewalOverdue,
    RoleEnded,
    RoleGranted,
    RulesAccepted,
    SignInCodeGiven,
    TrainingRecorded,
)
from ledger.events.application import AskedRole
from ledger.events.base import Event
from ledger.persons import same_person

TEXT_MAX: Final = 500
"""Characters of a reason, and of whatever else is said in words."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all. by: who says so, by the name that he signs in with."""

    by: str


class OpenAccount(Command, frozen=True, kw_only=True):
    email: str
    name: str
    application: str | None = None
    reason: str = ""


class GrantRole(Command, frozen=True, kw_only=True):
    role: AskedRole
    application: str | None = None


class EndRole(Command, frozen=True, kw_only=True):
    grant: int
    reason: str


class RecordTraining(Command, frozen=True, kw_only=True):
    """today: where the account's office lies. certificate: uuid of an attachment."""

    course: str
    completed_on: date
    today: date
    hours: float | None = None
    certificate: str | None = None


class AcceptRules(Command, frozen=True, kw_only=True):
    edition: str
    on: date


class LinkIdentity(Command, frozen=True, kw_only=True):
    issuer: str
    subject: str


class GiveSignInCode(Command, frozen=True, kw_only=True):
    reason: str


class Disable(Command, frozen=True, kw_only=True):
    reason: str


class Enable(Command, frozen=True, kw_only=True):
    reason: str


class Deactivate(Command, frozen=True, kw_only=True):
    reason: str


class GrantFamily(Command, frozen=True, kw_only=True):
    """born: the birth dates that the records tell, all of them. today: where the school lies."""

    student_id: str
    records: list[str]
    relation: str
    identification: str
    until: date
    organisation: str
    state: str
    today: date
    born: list[date]
    court_order: bool = False


class TakeFamily(Command, frozen=True, kw_only=True):
    grant: int


class EndFamily(Command, frozen=True, kw_only=True):
    grant: int
    why: str
    reason: str = ""


class KeepTime(Command, frozen=True, kw_only=True):
    """today: where the account's office lies. days: where each school lies that granted it something, by its state."""

    today: date
    days: Mapping[str, date] = {}


# -- decide


@singledispatch
def decide(command: Command, _account: Account) -> list[Event]:
    """The events that a command comes to; none where it says what holds. Raises BadValue, NotFound, AccountIsClosed,
    OwnApplication, Forbidden."""
    raise TypeError(type(command).__name__)


@decide.register
def _(command: OpenAccount, account: Account) -> list[Event]:
    _not_closed(account)
    if account.status != "applied":
        return []
    email = addresses.email(command.email)
    if email is None:
        raise _bad("email", "This is no e-mail address.", "Write it as name@school.example.org.")
    return [
        AccountOpened(
            email=email.lower(),
            name=_reason(command.name, "name"),
            application=command.application,
            reason=" ".join(command.reason.split())[:TEXT_MAX],
        )
    ]


@decide.register
def _(command: GrantRole, account: Account) -> list[Event]:
    _must_be_opened(account)
    if same_person(command.by, account.email):
        raise OwnApplication("Nobody gives himself a role.", remedy="Another authority of the area does.")
    if command.role in account.roles.values():
        return []
    number = account.last_grant + 1
    return [RoleGranted(grant=number, role=command.role, by=command.by, application=command.application)]


@decide.register
def _(command: EndRole, account: Account) -> list[Event]:
    if command.grant not in account.roles:
        raise NotFound("The account has no role of this number.", remedy="Read the account.")
    return [RoleEnded(grant=command.grant, by=command.by, reason=_reason(command.reason))]


@decide.register
def _(command: RecordTraining, account: Account) -> list[Event]:
    _not_closed(account)
    if command.certificate is None and same_person(command.by, account.email):
        raise OwnApplication(
            "Nobody records his own training without its certificate.",
            remedy="Send the certificate to /v1/attachments and name it, or ask your user administrator.",
        )
    if command.completed_on > command.today:
        raise _bad("completed_on", "A training that is to come cannot be recorded.", "Give the day of completion.")
    if a_year_after(command.completed_on) < command.today:
        raise _bad("completed_on", "The training is more than a year old.", "A newer one is needed: it is yearly.")
    if command.hours is not None and not 0 < command.hours <= 100:
        raise _bad("hours", "A training does not have so many hours.", "Give them as the course counts, up to 100.")
    return [
        TrainingRecorded(
            course=_reason(command.course, "course"),
            completed_on=command.completed_on.isoformat(),
            by=command.by,
            hours=command.hours,
            certificate=command.certificate,
        )
    ]


@decide.register
def _(command: AcceptRules, account: Account) -> list[Event]:
    _not_closed(account)
    if command.edition != RULES_EDITION:
        raise _bad(
            "edition", "This is not the edition that holds.", "Read the rules at /rules, and name their edition."
        )
    if not same_person(command.by, account.email):
        raise OwnApplication("Everybody accepts the rules for himself.", remedy="The holder of the account does.")
    if account.rules_on is not None and account.rules_on >= command.on and account.edition == command.edition:
        return []
    return [RulesAccepted(edition=command.edition, on=command.on.isoformat())]


@decide.register
def _(command: LinkIdentity, account: Account) -> list[Event]:
    _not_closed(account)
    if (command.issuer, command.subject) in account.identities:
        return []
    if any(issuer == command.issuer for issuer, _ in account.identities):
        raise Forbidden(
            "The account of this address signs in as somebody else at the provider.",
            remedy="Ask your user administrator: an account is never handed on.",
        )
    return [IdentityLinked(issuer=command.issuer, subject=command.subject)]


@decide.register
def _(command: GiveSignInCode, account: Account) -> list[Event]:
    _must_be_opened(account)
    if account.status != "active":
        raise AccountIsClosed("The account is disabled.", remedy="Enable it first.")
    if same_person(command.by, account.email):
        raise OwnApplication("Nobody gives himself a code.", remedy="Ask another official.")
    return [SignInCodeGiven(by=command.by, reason=_reason(command.reason))]


@decide.register
def _(command: Disable, account: Account) -> list[Event]:
    _must_be_opened(account)
    if account.status == "disabled":
        return []
    return [AccountDisabled(by=command.by, reason=_reason(command.reason))]


@decide.register
def _(command: Enable, account: Account) -> list[Event]:
    _must_be_opened(account)
    if account.status == "active":
        return []
    if same_person(command.by, account.email):
        raise OwnApplication("Nobody enables his own account.", remedy="Ask another user administrator.")
    return [AccountEnabled(by=command.by, reason=_reason(command.reason))]


@decide.register
def _(command: Deactivate, account: Account) -> list[Event]:
    if account.status == "deactivated":
        return []
    reason = _reason(command.reason)
    ends = [RoleEnded(grant=grant, by=command.by, reason=reason) for grant in sorted(account.roles)]
    families = [
        FamilyAccessEnded(grant=grant, by=command.by, why="withdrawn", reason=reason)
        for grant in sorted(account.families)
    ]
    return [*ends, *families, AccountDeactivated(by=command.by, reason=reason)]


@decide.register
def _(command: GrantFamily, account: Account) -> list[Event]:
    _must_be_opened(account)
    if command.relation not in {"parent", "guardian", "student"}:
        raise _bad("relation", "There is no such relation.", "Say parent, guardian or student.")
    if same_person(command.by, account.email):
        raise OwnApplication(
            "Nobody grants himself a child's records.", remedy="Ask another official of the school to see your papers."
        )
    if not command.records:
        raise _bad("records", "No record is named.", "Name each record that the grant is for.")
    # In the student's favour: where the records tell several birth dates, the earliest counts.
    grown = min((grown_up_on(born) for born in command.born), default=None)
    if command.until > a_year_after(command.today):
        # Then a school looks at it again.
        raise _bad("until", "A family's access lasts a year at most.", "Give a day within a year, and renew it then.")
    until, ends_by = command.until, "court-order" if command.court_order else "date"
    if command.relation == "student":
        if grown is None or command.today < grown:
            raise _bad("relation", "The student is not eighteen yet.", "Until then a parent or guardian asks.")
    elif grown is not None:
        if grown <= command.today:
            raise _bad(
                "relation",
                "The student is eighteen: the rights are the student's own now (34 CFR 99.5).",
                "Grant it to the student.",
            )
        if grown - timedelta(days=1) <= until:
            until, ends_by = grown - timedelta(days=1), "eighteenth-birthday"
    if until < command.today:
        raise _bad("until", "That day is over.", "Give the last day of access, today or later.")
    return [
        FamilyAccessGranted(
            grant=account.last_grant + 1,
            student_id=command.student_id,
            records=sorted(set(command.records)),
            relation=command.relation,
            identification=_reason(command.identification, "identification"),
            until=until.isoformat(),
            ends_by=ends_by,
            by=command.by,
            organisation=command.organisation,
            state=command.state,
        )
    ]


@decide.register
def _(command: TakeFamily, account: Account) -> list[Event]:
    _must_be_opened(account)
    family = account.families.get(command.grant)
    if family is None:
        raise NotFound("The grant has ended.", remedy="Ask the child's school for another.")
    return [] if family.taken else [FamilyAccessTaken(grant=command.grant)]


@decide.register
def _(command: EndFamily, account: Account) -> list[Event]:
    if command.grant not in account.families:
        raise NotFound("The account has no grant of this number.", remedy="Read the account.")
    if command.why not in {"court-order", "withdrawn"}:
        raise _bad("why", "There is no such ground.", "Say court-order or withdrawn; days end by themselves.")
    return [FamilyAccessEnded(grant=command.grant, by=command.by, why=command.why, reason=_reason(command.reason))]


@decide.register
def _(command: KeepTime, account: Account) -> list[Event]:
    if account.status == "deactivated":
        return []
    told: list[Event] = [
        FamilyAccessEnded(grant=grant, by=command.by, why=one.ends_by)
        for grant, one in sorted(account.families.items())
        if one.until < command.days.get(one.state, command.today)
    ]
    due = renew_on(account)
    if due is not None and account.roles:
        if command.today > due and account.told_overdue != due:
            told.append(RenewalOverdue(due_on=due.isoformat()))
        elif due - timedelta(days=WARNED_DAYS) <= command.today <= due and account.told_due != due:
            told.append(RenewalDue(due_on=due.isoformat()))
    return told


# -- inside


def _not_closed(account: Account) -> None:
    if account.status == "deactivated":
        raise AccountIsClosed("The account was deactivated, for good.", remedy="Apply under another e-mail address.")


def _must_be_opened(account: Account) -> None:
    _not_closed(account)
    if account.status == "applied":
        raise AccountIsClosed("The account was never opened.", remedy="Approve its application, or refuse it.")


def _reason(text: str, element: str = "reason") -> str:
    said = " ".join(text.split())
    if not 1 <= len(said) <= TEXT_MAX or not said.isprintable():
        raise _bad(element, "This must be said in words.", f"Use 1 to {TEXT_MAX} characters.")
    return said


def _bad(element: str, what: str, remedy: str) -> BadValue:
    return BadValue(what, rule=element.replace("_", "-"), element=element, place=f"/{element}", remedy=remedy)
