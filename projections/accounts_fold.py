"""The tables of the read model ``accounts``, and what each event writes into them.

The one invariant: one row for each application, account, role, grant to a family and training that was ever told of,
also of what is over. Officials' and families' data stand there in clear, and nothing of a child but ids; passwords,
second factors and the identities of providers are not there. Where an account's key is destroyed nothing of it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from ledger.events import Erased, Event, Recorded
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
from ledger.events.application import (
    AccessApplied,
    ApplicationApproved,
    ApplicationRefused,
    ApplicationVerified,
    ApplicationWithdrawn,
    AskedRole,
    AttachmentAdded,
)
from projections.gone import Gone
from projections.projection import statement

# -- table

TABLES = """
create table {schema}.applications (
    application      text collate "C" primary key,
    account          text collate "C" not null,
    applied          bigint not null,
    applied_at       timestamptz not null,
    status           text collate "C" not null,
    kind             text collate "C" not null,
    email            text collate "C" not null,
    name             text not null,
    title            text not null,
    address          text not null,
    phone            text not null,
    role             text collate "C" not null,
    organisation     text not null,
    state            text collate "C",
    region           text collate "C",
    district         text collate "C",
    supervisor       text not null,
    supervisor_email text collate "C" not null,
    entered_by       text,
    disclaimer       text,
    verified_at      timestamptz,
    verified_by      text,
    identity         text,
    need             text,
    recorded_by      text,
    form             text,
    decided_at       timestamptz,
    decided_by       text,
    reason           text,
    trained_on       date,
    number           integer,
    position         bigint not null
);
comment on table {schema}.applications is 'Every application for access, with what became of it.';
comment on column {schema}.applications.applied is 'Position of its first event, at applied_at.';
comment on column {schema}.applications.number is 'Of the role that it came to, within the account.';
comment on column {schema}.applications.position is 'Of its last event.';
create unique index applications_by_time on {schema}.applications (applied);
create index applications_of_account on {schema}.applications (account);

create table {schema}.attachments (
    application text collate "C" not null,
    attachment  text collate "C" not null,
    what        text collate "C" not null,
    media_type  text collate "C" not null,
    size        bigint not null,
    sha256      text collate "C" not null,
    added_by    text not null,
    added_at    timestamptz not null,
    position    bigint not null,
    primary key (application, attachment)
);
comment on table {schema}.attachments is 'The papers that lie with an application; they are sealed files.';

create table {schema}.accounts (
    account       text collate "C" primary key,
    begun         bigint not null,
    begun_at      timestamptz not null,
    email         text collate "C" not null,
    name          text not null,
    status        text collate "C" not null,
    opened_at     timestamptz,
    status_at     timestamptz not null,
    status_by     text,
    status_reason text,
    trained_on    date,
    rules_on      date,
    edition       text,
    told_due      date,
    told_overdue  date,
    position      bigint not null
);
comment on table {schema}.accounts is 'Who has, had or asks for access.';
comment on column {schema}.accounts.begun is 'Position of the first event that names it, at begun_at.';
comment on column {schema}.accounts.opened_at is 'Null while it was only applied for.';
comment on column {schema}.accounts.status_at is 'Since when it has this status.';
comment on column {schema}.accounts.position is 'Of its last event.';
create unique index accounts_by_time on {schema}.accounts (begun);

create table {schema}.roles (
    account      text collate "C" not null,
    number       integer not null,
    role         text collate "C" not null,
    organisation text not null,
    state        text collate "C",
    region       text collate "C",
    district     text collate "C",
    granted_at   timestamptz not null,
    granted_by   text not null,
    application  text collate "C",
    ended_at     timestamptz,
    ended_by     text,
    reason       text,
    primary key (account, number)
);
comment on table {schema}.roles is 'Every role that an account was given; those without ended_at are had.';

create table {schema}.families (
    account        text collate "C" not null,
    number         integer not null,
    student_id     text collate "C" not null,
    records        text[] collate "C" not null,
    relation       text collate "C" not null,
    identification text not null,
    until          date not null,
    ends_by        text collate "C" not null,
    granted_at     timestamptz not null,
    granted_by     text not null,
    organisation   text not null,
    taken_at       timestamptz,
    ended_at       timestamptz,
    ended_by       text,
    why            text collate "C",
    reason         text,
    primary key (account, number)
);
comment on table {schema}.families is 'Which records a parent, guardian or student may read; those without ended_at.';
comment on column {schema}.families.student_id is 'The id that was asked for.';
comment on column {schema}.families.until is 'Last day.';
comment on column {schema}.families.taken_at is 'Null until the code was shown: it does not hold yet.';

create table {schema}.trainings (
    account      text collate "C" not null,
    position     bigint not null,
    course       text not null,
    completed_on date not null,
    hours        double precision,
    certificate  text collate "C",
    recorded_by  text not null,
    recorded_at  timestamptz not null,
    primary key (account, position)
);
comment on table {schema}.trainings is 'Trainings in security and privacy, as they were recorded.';

alter table {schema}.applications
    alter column email set statistics 0, alter column name set statistics 0, alter column title set statistics 0,
    alter column address set statistics 0, alter column phone set statistics 0,
    alter column supervisor set statistics 0, alter column supervisor_email set statistics 0,
    alter column entered_by set statistics 0, alter column verified_by set statistics 0,
    alter column identity set statistics 0, alter column need set statistics 0,
    alter column recorded_by set statistics 0, alter column decided_by set statistics 0,
    alter column reason set statistics 0;
alter table {schema}.attachments alter column added_by set statistics 0;
alter table {schema}.accounts
    alter column email set statistics 0, alter column name set statistics 0,
    alter column status_by set statistics 0, alter column status_reason set statistics 0;
alter table {schema}.roles
    alter column granted_by set statistics 0, alter column ended_by set statistics 0,
    alter column reason set statistics 0;
alter table {schema}.families
    alter column student_id set statistics 0, alter column records set statistics 0,
    alter column identification set statistics 0, alter column granted_by set statistics 0,
    alter column ended_by set statistics 0, alter column reason set statistics 0;
alter table {schema}.trainings
    alter column course set statistics 0, alter column recorded_by set statistics 0;
"""

# -- fold


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
    """Write what a batch tells, event by event: there are as many as people in offices, not as children."""
    for recorded in batch:
        kind, _, name = recorded.stream.partition("/")
        if kind not in {"application", "account"}:
            continue  # cannot be opened any more, and was another's
        said: dict[str, Any] = {"of": name, "at": recorded.recorded_at, "position": recorded.position}
        for field, value in msgspec.structs.asdict(recorded.event).items():
            # A role with its place is as many columns.
            said |= msgspec.structs.asdict(value) if isinstance(value, AskedRole) else {field: value}
        for text in _WRITES[type(recorded.event)]:
            cursor.execute(statement(text, schema), said)
        cursor.execute(statement(_TOUCHED[kind], schema), said)


def follow(cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:  # noqa: ARG001
    """Of an account that went, nothing: its streams have one key."""
    for account in gone.accounts:
        for text in _GONE:
            cursor.execute(statement(text, schema), {"of": account})


_OF: LiteralString = (
    "account in (select %(of)s union select account from {schema}.applications where application = %(of)s)"
)
_GONE: Final[Sequence[LiteralString]] = (
    (
        "delete from {schema}.attachments where application in"
        f" (select application from {{schema}}.applications where {_OF})"
    ),
    f"delete from {{schema}}.roles where {_OF}",
    f"delete from {{schema}}.families where {_OF}",
    f"delete from {{schema}}.trainings where {_OF}",
    f"delete from {{schema}}.accounts where {_OF}",
    f"delete from {{schema}}.applications where {_OF}",
)
"""All of an account, by its name or by that of an application for it: its streams have one key. What came before the
first event that it is missed at could still be opened when it was read."""
_TOUCHED: Final[Mapping[str, LiteralString]] = {
    "application": "update {schema}.applications set position = %(position)s where application = %(of)s",
    "account": "update {schema}.accounts set position = %(position)s where account = %(of)s",
}
_APPLICATION: LiteralString = "update {schema}.applications set"
_DECIDED: LiteralString = "decided_at = %(at)s, decided_by = %(by)s "
_STATUS: LiteralString = "update {schema}.accounts set status_at = %(at)s, status_by = %(by)s, status_reason ="
_WRITES: Final[Mapping[type[Event], Sequence[LiteralString]]] = {
    Erased: _GONE,
    AccessApplied: (
        (
            "insert into {schema}.applications (application, account, applied, applied_at, status, kind, email,"
            " name, title, address, phone, role, organisation, state, region, district, supervisor,"
            " supervisor_email, entered_by, disclaimer, position) values (%(of)s, %(account)s, %(position)s, %(at)s,"
            " 'applied', %(kind)s, %(email)s, %(name)s, %(title)s, %(address)s, %(phone)s, %(role)s,"
            " %(organisation)s, %(state)s, %(region)s, %(district)s, %(supervisor)s, %(supervisor_email)s,"
            " %(entered_by)s, %(disclaimer)s, %(position)s)"
        ),
        (
            "insert into {schema}.accounts (account, begun, begun_at, email, name, status, status_at, position)"
            " values (%(account)s, %(position)s, %(at)s, %(email)s, %(name)s, 'applied', %(at)s, %(position)s)"
            " on conflict (account) do nothing"
        ),
    ),
    AttachmentAdded: (
        (
            "insert into {schema}.attachments (application, attachment, what, media_type, size, sha256, added_by,"
            " added_at, position) values (%(of)s, %(attachment)s, %(what)s, %(media_type)s, %(size)s, %(sha256)s,"
            " %(by)s, %(at)s, %(position)s) on conflict (application, attachment) do update set what ="
            " excluded.what, media_type = excluded.media_type, size = excluded.size, sha256 = excluded.sha256,"
            " added_by = excluded.added_by, added_at = excluded.added_at, position = excluded.position"
        ),
    ),
    ApplicationVerified: (
        (
            f"{_APPLICATION} status = 'verified', verified_at = %(at)s, verified_by = %(by)s, identity = %(identity)s,"
            " need = %(need)s, recorded_by = %(recorded_by)s, form = %(form)s where application = %(of)s"
        ),
    ),
    ApplicationApproved: (
        (
            f"{_APPLICATION} status = 'approved', {_DECIDED}, trained_on = %(trained_on)s, number = %(grant)s"
            " where application = %(of)s"
        ),
    ),
    ApplicationRefused: (
        f"{_APPLICATION} status = 'refused', {_DECIDED}, reason = %(reason)s where application = %(of)s",
    ),
    ApplicationWithdrawn: (f"{_APPLICATION} status = 'withdrawn', {_DECIDED} where application = %(of)s",),
    AccountOpened: (
        (
            "insert into {schema}.accounts (account, begun, begun_at, email, name, status, opened_at, status_at,"
            " position) values (%(of)s, %(position)s, %(at)s, %(email)s, %(name)s, 'active', %(at)s, %(at)s,"
            " %(position)s) on conflict (account) do update set email = excluded.email, name = excluded.name, status"
            " = excluded.status, opened_at = excluded.opened_at, status_at = excluded.status_at"
        ),
    ),
    TrainingRecorded: (
        (
            "insert into {schema}.trainings (account, position, course, completed_on, hours, certificate,"
            " recorded_by, recorded_at) values (%(of)s, %(position)s, %(course)s, %(completed_on)s, %(hours)s,"
            " %(certificate)s, %(by)s, %(at)s)"
        ),
        "update {schema}.accounts set trained_on = greatest(trained_on, %(completed_on)s::date) where account = %(of)s",
    ),
    RulesAccepted: ("update {schema}.accounts set rules_on = %(on)s, edition = %(edition)s where account = %(of)s",),
    RoleGranted: (
        (
            "insert into {schema}.roles (account, number, role, organisation, state, region, district, granted_at,"
            " granted_by, application) values (%(of)s, %(grant)s, %(role)s, %(organisation)s, %(state)s, %(region)s,"
            " %(district)s, %(at)s, %(by)s, %(application)s)"
        ),
    ),
    RoleEnded: (
        (
            "update {schema}.roles set ended_at = %(at)s, ended_by = %(by)s, reason = %(reason)s"
            " where account = %(of)s and number = %(grant)s"
        ),
    ),
    AccountProposed: (),  # ``AccessApplied``, of the same append, says all of it
    IdentityLinked: (),
    SignInCodeGiven: (),
    RenewalDue: ("update {schema}.accounts set told_due = %(due_on)s where account = %(of)s",),
    RenewalOverdue: ("update {schema}.accounts set told_overdue = %(due_on)s where account = %(of)s",),
    AccountDisabled: (f"{_STATUS} %(reason)s, status = 'disabled' where account = %(of)s",),
    AccountEnabled: (f"{_STATUS} %(reason)s, status = 'active' where account = %(of)s",),
    AccountDeactivated: (f"{_STATUS} %(reason)s, status = 'deactivated' where account = %(of)s",),
    FamilyAccessGranted: (
        (
            "insert into {schema}.families (account, number, student_id, records, relation, identification, until,"
            " ends_by, granted_at, granted_by, organisation) values (%(of)s, %(grant)s, %(student_id)s, %(records)s,"
            " %(relation)s, %(identification)s, %(until)s, %(ends_by)s, %(at)s, %(by)s, %(organisation)s)"
        ),
    ),
    FamilyAccessTaken: (
        "update {schema}.families set taken_at = %(at)s where account = %(of)s and number = %(grant)s",
    ),
    FamilyAccessEnded: (
        (
            "update {schema}.families set ended_at = %(at)s, ended_by = %(by)s, why = %(why)s, reason = %(reason)s"
            " where account = %(of)s and number = %(grant)s"
        ),
    ),
}
"""What each event writes. of: the name in its stream."""

EVENTS: Final = frozenset(_WRITES)
