"""Read model ``accounts``: who applied, who has access as what, who granted it, and how it ended.

What can be asked of it; its tables and what fills them are in ``projections.accounts_fold``. Invariant: whoever asks
for an area is told of nobody outside it: of an application by what it asks for, of an account by its roles.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple

import msgspec
import psycopg

from ledger.accounts import Account as Known
from ledger.accounts import renew_on
from projections import accounts_fold, as_of
from projections.as_of import AsOf
from projections.projection import Projection

# -- rows


class Paper(NamedTuple):
    """An attachment. size: in bytes. sha256: of the paper, hexadecimal."""

    attachment: str
    what: str
    media_type: str
    size: int
    sha256: str
    added_by: str
    added_at: datetime


class Application(NamedTuple):
    """An application. applied: position of its first event, by which pages are cut; position: of its last one.
    status: ``applied``, ``verified``, ``approved``, ``refused`` or ``withdrawn``. identity, need, recorded_by, form: of
    the verification, which is the supervisor's, verified_by. decided_by: who approved, refused or withdrew; reason: of
    a refusal. trained_on: the training on which the approval rests. grant: number of the role that it came to."""

    application: str
    account: str
    applied: int
    applied_at: datetime
    status: str
    kind: str
    email: str
    name: str
    title: str
    address: str
    phone: str
    role: str
    organisation: str
    state: str | None
    region: str | None
    district: str | None
    supervisor: str
    supervisor_email: str
    entered_by: str | None
    disclaimer: str | None
    verified_at: datetime | None
    verified_by: str | None
    identity: str | None
    need: str | None
    recorded_by: str | None
    form: str | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    trained_on: date | None
    grant: int | None
    position: int
    attachments: list[Paper]


class Role(NamedTuple):
    """A role that an account has or had. ended_at: None while it has it. application: uuid."""

    grant: int
    role: str
    organisation: str
    state: str | None
    region: str | None
    district: str | None
    granted_at: datetime
    granted_by: str
    application: str | None
    ended_at: datetime | None
    ended_by: str | None
    reason: str | None


class Family(NamedTuple):
    """Records that a parent, guardian or eligible student may read, or might. until: last day. ended_at: None while
    nothing ended it; whether until is over is for who reads to compare with his day. taken_at: None while the code was
    not shown, and it does not hold yet."""

    grant: int
    student_id: str
    records: list[str]
    relation: str
    identification: str
    until: date
    ends_by: str
    granted_at: datetime
    granted_by: str
    organisation: str
    taken_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    why: str | None
    reason: str | None


class Given(NamedTuple):
    """What a school has granted to a family, with the account that has it. grant: its number there. until: last day.
    taken_at: None while the code was not shown."""

    account: str
    email: str
    name: str
    grant: int
    student_id: str
    relation: str
    until: date
    granted_at: datetime
    granted_by: str
    taken_at: datetime | None


class Training(NamedTuple):
    """A training, as it was recorded. hours: as the course counts. certificate: uuid of an attachment."""

    course: str
    completed_on: date
    hours: float | None
    certificate: str | None
    recorded_by: str
    recorded_at: datetime


class Account(NamedTuple):
    """An account. begun: position of the first event that names it, by which pages are cut; position: of its last one.
    status: ``applied``, ``active``, ``disabled`` or ``deactivated``, since status_at, by whom and why. opened_at: None
    while it was only applied for. trained_on, rules_on: newest training and acceptance. told_due, told_overdue: last
    day of access for which that was told. roles: also those that have ended, by number."""

    account: str
    begun: int
    begun_at: datetime
    email: str
    name: str
    status: str
    opened_at: datetime | None
    status_at: datetime
    status_by: str | None
    status_reason: str | None
    trained_on: date | None
    rules_on: date | None
    edition: str | None
    told_due: date | None
    told_overdue: date | None
    position: int
    roles: list[Role]

    @property
    def renew_on(self) -> date | None:
        """Last day on which officials' roles hold; None before training and rules."""
        return renew_on(Known(trained_on=self.trained_on, rules_on=self.rules_on))


class Whole(NamedTuple):
    """An account with all that is told of it. applications: by uuid, the newest first."""

    account: Account
    families: list[Family]
    trainings: list[Training]
    applications: list[str]


class Area(NamedTuple):
    """Whose applications and accounts are asked for: of the nation (None, None), a state, or a region in it."""

    state: str | None = None
    region: str | None = None


EVERYWHERE = Area()


class WaitsFor(NamedTuple):
    """For whom applications wait: to be verified by the supervisor of this name, and to be decided by an authority of
    an area, who had no hand in it. decides: None for who decides none."""

    name: str
    decides: Area | None = None


# -- queries

_APPLICATIONS: LiteralString = (
    "select a.application, a.account, a.applied, a.applied_at, a.status, a.kind, a.email, a.name, a.title,"
    " a.address, a.phone, a.role, a.organisation, a.state, a.region, a.district, a.supervisor, a.supervisor_email,"
    " a.entered_by, a.disclaimer, a.verified_at, a.verified_by, a.identity, a.need, a.recorded_by, a.form,"
    " a.decided_at, a.decided_by, a.reason, a.trained_on, a.number, a.position, (select"
    " coalesce(jsonb_agg(jsonb_build_array(p.attachment, p.what, p.media_type, p.size, p.sha256, p.added_by,"
    " p.added_at) order by p.position), '[]')::text from accounts.attachments p where p.application = a.application)"
    " as attachments from accounts.applications a"
)
_ACCOUNTS: LiteralString = (
    "select a.account, a.begun, a.begun_at, a.email, a.name, a.status, a.opened_at, a.status_at, a.status_by,"
    " a.status_reason, a.trained_on, a.rules_on, a.edition, a.told_due, a.told_overdue, a.position,"
    " (select coalesce(jsonb_agg(jsonb_build_array(r.number, r.role, r.organisation, r.state, r.region, r.district,"
    " r.granted_at, r.granted_by, r.application, r.ended_at, r.ended_by, r.reason) order by r.number), '[]')::text"
    " from accounts.roles r where r.account = a.account) as roles"
)
APPLICATIONS = as_of.query(
    "accounts",
    "applications",
    f"{_APPLICATIONS} where a.applied < %(before)s and (%(status)s::text is null or a.status = %(status)s)"
    " and (%(state)s::text is null or a.state = %(state)s) and (%(region)s::text is null or a.region = %(region)s)"
    " order by a.applied desc limit %(limit)s",
    " order by found.applied desc",
)
APPLICATIONS_OF = as_of.query(
    "accounts",
    "applications",
    f"{_APPLICATIONS} where (a.email = any(%(names)s) or a.supervisor_email = any(%(names)s)"
    " or a.entered_by = any(%(names)s)) and a.applied < %(before)s"
    " and (%(status)s::text is null or a.status = %(status)s) order by a.applied desc limit %(limit)s",
    " order by found.applied desc",
)
_WAITS: LiteralString = (
    "(a.status = 'applied' and a.supervisor_email = any(%(names)s) or %(decides)s and a.status = 'verified'"
    " and (%(state)s::text is null or a.state = %(state)s) and (%(region)s::text is null or a.region = %(region)s)"
    " and not array[a.email, a.entered_by, a.verified_by, a.recorded_by] && %(names)s::text[])"
)
WAITING = as_of.query(
    "accounts",
    "applications",
    f"{_APPLICATIONS} where {_WAITS} and a.applied > %(after)s order by a.applied limit %(limit)s",
    " order by found.applied",
)
HOW_MANY_WAIT = as_of.query("accounts", "applications", f"select count(*) from accounts.applications a where {_WAITS}")
ONE_APPLICATION = as_of.query("accounts", "applications", f"{_APPLICATIONS} where a.application = %s")
ACCOUNTS = as_of.query(
    "accounts",
    "accounts",
    f"{_ACCOUNTS} from accounts.accounts a where a.begun < %(before)s"
    " and (%(status)s::text is null or a.status = %(status)s) and (%(state)s::text is null"
    " or exists (select from accounts.roles r where r.account = a.account and r.state = %(state)s"
    " and (%(region)s::text is null or r.region = %(region)s))"
    " or exists (select from accounts.applications p where p.account = a.account and p.state = %(state)s"
    " and (%(region)s::text is null or p.region = %(region)s) and p.status in ('applied', 'verified')))"
    " order by a.begun desc limit %(limit)s",
    " order by found.begun desc",
)
FAMILIES_OF = as_of.query(
    "accounts",
    "families",
    "select a.account, a.email, a.name, f.number, f.student_id, f.relation, f.until, f.granted_at, f.granted_by,"
    " f.taken_at from accounts.families f join accounts.accounts a using (account) where f.ended_at is null"
    " and (f.organisation = %(organisation)s or f.granted_by = %(name)s) order by f.granted_at desc limit %(limit)s",
    " order by found.granted_at desc",
)
ONE_ACCOUNT = as_of.query(
    "accounts",
    "accounts",
    f"{_ACCOUNTS}, (select coalesce(jsonb_agg(jsonb_build_array(f.number, f.student_id, f.records, f.relation,"
    " f.identification, f.until, f.ends_by, f.granted_at, f.granted_by, f.organisation, f.taken_at, f.ended_at,"
    " f.ended_by, f.why, f.reason) order by f.number), '[]')::text from accounts.families f"
    " where f.account = a.account) as families,"
    " (select coalesce(jsonb_agg(jsonb_build_array(t.course, t.completed_on, t.hours, t.certificate, t.recorded_by,"
    " t.recorded_at) order by t.position), '[]')::text from accounts.trainings t where t.account = a.account)"
    " as trainings, array(select p.application from accounts.applications p where p.account = a.account"
    " order by p.applied desc) as applications from accounts.accounts a where a.account = %s",
)


async def applications(
    conn: psycopg.AsyncConnection[Any],
    area: Area = EVERYWHERE,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> tuple[AsOf, list[Application]]:
    """What is reflected, and the applications for roles in an area, newest first.

    status: None for every one. before: ``applied`` of the last one of the page before. conn: in autocommit. Raises
    StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, APPLICATIONS, _asked(area, status, before, limit))
    return reflected, [_application(row) for row in rows]


async def applications_of(
    conn: psycopg.AsyncConnection[Any],
    name: str,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> tuple[AsOf, list[Application]]:
    """What is reflected, and the applications that somebody made, entered, or is to verify, newest first.

    name: that he signs in with. status, before: as in ``applications``. conn: in autocommit. Raises StoreUnavailable.
    """
    asked = _asked(EVERYWHERE, status, before, limit) | {"names": _names(name)}
    reflected, rows = await as_of.ask(conn, APPLICATIONS_OF, asked)
    return reflected, [_application(row) for row in rows]


async def waiting(
    conn: psycopg.AsyncConnection[Any], waits_for: WaitsFor, *, after: int = 0, limit: int = 100
) -> tuple[AsOf, list[Application]]:
    """What is reflected, and the applications that wait for somebody, oldest first. after: ``applied`` of the last
    one of the page before. conn: in autocommit. Raises StoreUnavailable."""
    asked = _waits(waits_for) | {"after": after, "limit": limit}
    reflected, rows = await as_of.ask(conn, WAITING, asked)
    return reflected, [_application(row) for row in rows]


async def how_many_wait(conn: psycopg.AsyncConnection[Any], waits_for: WaitsFor) -> tuple[AsOf, int]:
    """What is reflected, and how many applications wait for somebody. conn: in autocommit. Raises
    StoreUnavailable."""
    reflected, [[number]] = await as_of.ask(conn, HOW_MANY_WAIT, _waits(waits_for))
    return reflected, number


async def one_application(conn: psycopg.AsyncConnection[Any], application: str) -> tuple[AsOf, Application | None]:
    """What is reflected, and an application by its uuid; None where there is none.

    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, ONE_APPLICATION, (application,))
    return reflected, _application(rows[0]) if rows else None


async def accounts(
    conn: psycopg.AsyncConnection[Any],
    area: Area = EVERYWHERE,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> tuple[AsOf, list[Account]]:
    """What is reflected, and the accounts that have, had or ask for a role in an area, newest first. Of the nation
    every account, those of families too.

    status: None for every one. before: ``begun`` of the last one of the page before. conn: in autocommit. Raises
    StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, ACCOUNTS, _asked(area, status, before, limit))
    return reflected, [_account(row) for row in rows]


async def families_of(
    conn: psycopg.AsyncConnection[Any], organisation: str, name: str, *, limit: int = 100
) -> tuple[AsOf, list[Given]]:
    """What is reflected, and what a school's officials, or this one, have granted to families and nothing has ended,
    newest first. Another state's school may have the same name: whose it is, is for who asks to see to.

    conn: in autocommit. Raises StoreUnavailable.
    """
    asked = {"organisation": organisation, "name": name, "limit": limit}
    reflected, rows = await as_of.ask(conn, FAMILIES_OF, asked)
    return reflected, [Given(*row) for row in rows]


async def one_account(conn: psycopg.AsyncConnection[Any], account: str) -> tuple[AsOf, Whole | None]:
    """What is reflected, and an account by its uuid, with all that is told of it; None where there is none.

    conn: in autocommit. Raises StoreUnavailable.
    """
    reflected, rows = await as_of.ask(conn, ONE_ACCOUNT, (account,))
    return reflected, _whole(rows[0]) if rows else None


def _asked(area: Area, status: str | None, before: int | None, limit: int) -> dict[str, Any]:
    return {**area._asdict(), "status": status, "before": _NEWEST if before is None else before, "limit": limit}


def _waits(waits_for: WaitsFor) -> dict[str, Any]:
    area = waits_for.decides
    return {
        "names": _names(waits_for.name),
        "decides": area is not None,
        **(EVERYWHERE if area is None else area)._asdict(),
    }


def _names(name: str) -> list[str]:
    return [name, name.strip().lower()]  # an address is kept in small letters, the name of a token as it is


def _application(row: Sequence[Any]) -> Application:
    return Application(*row[:-1], attachments=_papers(row[-1]))


def _account(row: Sequence[Any]) -> Account:
    return Account(*row[:-1], roles=_roles(row[-1]))


def _whole(row: Sequence[Any]) -> Whole:
    *account, families, trainings, applications = row
    return Whole(_account(account), _families(families), _trainings(trainings), applications)


_NEWEST = 2**62
_papers = msgspec.json.Decoder(list[Paper]).decode
_roles = msgspec.json.Decoder(list[Role]).decode
_families = msgspec.json.Decoder(list[Family]).decode
_trainings = msgspec.json.Decoder(list[Training]).decode

PROJECTION = Projection(
    name="accounts",
    version=1,
    log="ledger",
    events=accounts_fold.EVENTS,
    tables=accounts_fold.TABLES,
    keys={
        "applications": "application",
        "attachments": "application, attachment",
        "accounts": "account",
        "roles": "account, number",
        "families": "account, number",
        "trainings": "account, position",
    },
    fold=lambda: accounts_fold.fold,
    follow=accounts_fold.follow,
)
