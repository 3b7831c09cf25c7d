"""An account: who may sign in, as what, and until when.

State, evolve, fold; what may be said of it is ``ledger.account_acts``. Invariant: an account that was deactivated has
no role and gets none again; a role is had only by an account that was opened. What is due is told in days: which day
it is, is passed in, in the zone of the office that the role is narrowed to. Knows nothing of passwords and sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import singledispatch
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from ledger.events.account import (
    AccountDeactivated,
    AccountDisabled,
    AccountEnabled,
    AccountOpened,
    AccountProposed,
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

Status = Literal["applied", "active", "disabled", "deactivated"]

RULES_EDITION: Final = "2026-1"
"""Of the rules of behaviour that hold now (``api.console.rules_of_behaviour``): whoever accepted another one reads them
again."""
WARNED_DAYS: Final = 30
"""How long before access ends its renewal is due."""
ADULT_YEARS: Final = 18
"""From then on the rights are the student's own (34 CFR 99.5)."""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What a parent, guardian or eligible student may read. The fields are those of ``FamilyAccessGranted``.
    taken: the code was shown."""

    student_id: str
    records: list[str]
    relation: str
    until: date
    ends_by: str
    organisation: str
    state: str
    taken: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """trained_on, rules_on: of the newest training and acceptance. proposed: the role that was applied for
    last. last_grant: number given last, of roles and families
    together. told_due, told_overdue: the last day for which that was told. version: events in its stream."""

    email: str = ""
    name: str = ""
    status: Status = "applied"
    trained_on: date | None = None
    rules_on: date | None = None
    edition: str = ""
    proposed: AskedRole | None = None
    roles: Mapping[int, AskedRole] = {}
    families: Mapping[int, Family] = {}
    identities: tuple[tuple[str, str], ...] = ()
    last_grant: int = 0
    told_due: date | None = None
    told_overdue: date | None = None
    version: int = 0


NEW: Final = Account()


def a_year_after(day: date) -> date:
    """The same day a year on; of a leap day the last of February, so that nothing holds longer than a year."""
    return day.replace(year=day.year + 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)


def grown_up_on(born: date) -> date:
    """The eighteenth birthday; of who was born on a leap day the last of February, in the student's favour."""
    year = born.year + ADULT_YEARS
    return date(year, 2, 28) if (born.month, born.day) == (2, 29) else born.replace(year=year)


def renew_on(account: Account) -> date | None:
    """The last day on which officials' roles hold: a year after the older of training and rules. None before both."""
    if account.trained_on is None or account.rules_on is None:
        return None
    return a_year_after(min(account.trained_on, account.rules_on))


def records_on(account: Account, day: date) -> frozenset[str]:
    """Records that a family may read on a day, by uuid."""
    held = [one for one in account.families.values() if one.taken and day <= one.until]
    return frozenset(record for one in held for record in one.records)


def looked_at_on(account: Account) -> date | None:
    """The first day on which time does something to an account; None where it never does."""
    if account.status == "deactivated":
        return None
    days = [one.until + timedelta(days=1) for one in account.families.values()]
    due = renew_on(account)
    if due is not None and account.roles:
        if due not in (account.told_due, account.told_overdue):
            days.append(due - timedelta(days=WARNED_DAYS))
        elif account.told_overdue != due:
            days.append(due + timedelta(days=1))
    return min(days, default=None)


# -- evolve


@singledispatch
def evolve(event: Event, _account: Account) -> Account:
    """The account after an event of its stream."""
    raise TypeError(type(event).__name__)


@evolve.register
def _(event: AccountProposed, account: Account) -> Account:
    if account.status != "applied":
        return replace(account, proposed=event.asked)
    return replace(account, proposed=event.asked, email=event.email, name=event.name)


@evolve.register
def _(event: AccountOpened, account: Account) -> Account:
    return replace(account, email=event.email, name=event.name, status="active")


@evolve.register
def _(event: TrainingRecorded, account: Account) -> Account:
    day = date.fromisoformat(event.completed_on)
    return replace(account, trained_on=max(day, account.trained_on or day))


@evolve.register
def _(event: RulesAccepted, account: Account) -> Account:
    return replace(account, rules_on=date.fromisoformat(event.on), edition=event.edition)


@evolve.register
def _(event: RoleGranted, account: Account) -> Account:
    return replace(account, roles={**account.roles, event.grant: event.role}, last_grant=event.grant)


@evolve.register
def _(event: RoleEnded, account: Account) -> Account:
    return replace(account, roles={n: role for n, role in account.roles.items() if n != event.grant})


@evolve.register
def _(event: IdentityLinked, account: Account) -> Account:
    return replace(account, identities=(*account.identities, (event.issuer, event.subject)))


@evolve.register
def _(_event: SignInCodeGiven, account: Account) -> Account:
    return account


@evolve.register
def _(event: RenewalDue, account: Account) -> Account:
    return replace(account, told_due=date.fromisoformat(event.due_on))


@evolve.register
def _(event: RenewalOverdue, account: Account) -> Account:
    return replace(account, told_overdue=date.fromisoformat(event.due_on))


@evolve.register
def _(_event: AccountDisabled, account: Account) -> Account:
    return replace(account, status="disabled")


@evolve.register
def _(_event: AccountEnabled, account: Account) -> Account:
    return replace(account, status="active")


@evolve.register
def _(_event: AccountDeactivated, account: Account) -> Account:
    return replace(account, status="deactivated")


@evolve.register
def _(event: FamilyAccessGranted, account: Account) -> Account:
    family = Family(
        student_id=event.student_id,
        records=event.records,
        relation=event.relation,
        until=date.fromisoformat(event.until),
        ends_by=event.ends_by,
        organisation=event.organisation,
        state=event.state,
    )
    return replace(account, families={**account.families, event.grant: family}, last_grant=event.grant)


@evolve.register
def _(event: FamilyAccessTaken, account: Account) -> Account:
    taken = replace(account.families[event.grant], taken=True)
    return replace(account, families={**account.families, event.grant: taken})


@evolve.register
def _(event: FamilyAccessEnded, account: Account) -> Account:
    return replace(account, families={n: one for n, one in account.families.items() if n != event.grant})


def fold(events: Iterable[Event], account: Account = NEW) -> Account:
    """An account after events of its stream."""
    for event in events:
        account = replace(evolve(event, account), version=account.version + 1)
    return account
