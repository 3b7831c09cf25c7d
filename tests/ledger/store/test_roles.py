"""The walls inside the database: what each of the five roles may do, and that none can change what was recorded.

Each test logs in as the roles themselves, on the embedded server and on the oldest PostgreSQL that we take.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors as pg

from ledger.application import Ledger
from ledger.events.disclosure import BulkDisclosed
from ledger.events.record import CourseReported
from ledger.ids import Uuid7Source
from ledger.store.database import Database, Role
from ledger.store.log import LOGS
from ledger.store.vault import MasterKey, Vault
from support.databases import migrated_database
from support.logs import append

EVERY = set(Role)
WRITERS = {Role.WRITER, Role.DISPOSER}

ATTEMPTS = (
    "update {log}.events set leaf = ''",
    "update {log}.events_from_1 set leaf = ''",
    "delete from {log}.events",
    "delete from {log}.events_from_1",
    "truncate {log}.events",
    "truncate {log}.events_from_1",
    "insert into {log}.events select * from {log}.events on conflict (position) do update set leaf = ''",
    "merge into {log}.events e using {log}.head h on true when matched then delete",
    "drop table {log}.events",
    "drop table {log}.events cascade",
    "drop table {log}.events_from_1",
    "drop index {log}.events_stream_version",
    "drop schema {log} cascade",
    "drop function {log}.refuse_change() cascade",
    "drop function {log}.add_partition()",
    "drop trigger events_are_append_only on {log}.events",
    "drop trigger events_are_never_truncated on {log}.events",
    "drop trigger events_are_never_truncated on {log}.events_from_1",
    "drop event trigger sojourn_refuse_ddl",
    "drop function public.sojourn_refuse_ddl() cascade",
    "drop schema public cascade",
    "alter table {log}.events detach partition {log}.events_from_1",
    "alter table {log}.events_from_1 set unlogged",
    "alter table {log}.events disable trigger all",
    "alter table {log}.events disable trigger user",
    "alter table {log}.events_from_1 disable trigger user",
    "alter table {log}.events disable trigger events_are_append_only",
    "alter table {log}.events enable replica trigger events_are_append_only",
    "alter table {log}.events alter column body type text using ''",
    "alter table {log}.events drop column leaf",
    "alter table {log}.events enable row level security",
    "alter table {log}.events rename to other",
    "alter index {log}.events rename to other",
    "alter table {log}.events_from_1 rename to other",
    "alter table {log}.events set schema tracking",
    "alter table {log}.events_from_1 set schema tracking",
    "alter table {log}.events owner to sojourn_writer",
    "alter schema {log} rename to other",
    "alter schema {log} owner to sojourn_projector",
    "alter trigger events_are_append_only on {log}.events rename to other",
    "alter function {log}.refuse_change() rename to other",
    "alter function {log}.refuse_change() set schema tracking",
    "alter function {log}.refuse_change() owner to sojourn_projector",
    "alter function {log}.refuse_change() set search_path = tracking",
    "alter event trigger sojourn_refuse_ddl disable",
    "create or replace function {log}.refuse_change() returns trigger language plpgsql as 'begin return old; end'",
    "create or replace function {log}.add_partition() returns bigint language sql as 'select 0::bigint'",
    "create or replace function public.sojourn_refuse_ddl() returns event_trigger language plpgsql as 'begin end'",
    (
        "create or replace trigger events_are_append_only before update or delete on {log}.events"
        " for each row when (false) execute function {log}.refuse_change()"
    ),
    (
        "create or replace trigger events_are_append_only before update of stream on {log}.events"
        " for each row execute function {log}.refuse_change()"
    ),
    (
        "create or replace trigger events_are_never_truncated before insert on {log}.events_from_1"
        " for each statement execute function {log}.refuse_change()"
    ),
    (
        "create trigger swallow before update on {log}.events"
        " for each row execute function suppress_redundant_updates_trigger()"
    ),
    "create trigger swallow before insert on {log}.events for each row execute function {log}.refuse_change()",
    "create rule swallow as on insert to {log}.events do instead nothing",
    "create policy hide on {log}.events",
    (
        "create unlogged table {log}.events_from_90000000 partition of {log}.events"
        " for values from (90000000) to (90000001)"
    ),
    "create table {log}.elsewhere partition of {log}.events for values from (90000000) to (90000001)",
    "set session_replication_role = replica",
    "alter role current_user superuser",
    "alter role current_user set session_replication_role = replica",
    "reassign owned by sojourn_owner to sojourn_projector",
    "set role postgres",
)
"""Each must be refused to each role, for want of the right to it."""


@pytest.fixture(scope="module", params=["embedded", "debian-15"])
def filled(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with an event in each log; every test leaves it as it was."""
    server = request.getfixturevalue("server" if request.param == "embedded" else "server15")
    with migrated_database(server) as settings:
        database = Database(settings["database_url"], log_in=True)
        ledger = Ledger(database, Vault([MasterKey.of(bytes(32))]), Uuid7Source(time.time_ns, os.urandom))
        append(ledger.log, "record/0190c5d2-7b1a-7c3e-8000-000000000001", CourseReported(fact=1, elements={}))
        shown = BulkDisclosed(
            view="list", records=[], filters=[], role="operator", organisation="o", purpose="p", basis="b", position=1
        )
        append(ledger.access, "request/0190c5d2-7b1a-7c3e-8000-000000000002", shown)
        ledger.close()
        yield database


@contextmanager
def untouched(database: Database) -> Iterator[None]:
    """Nothing of the events, nor of what guards them, is different afterwards."""
    before = _guarded(database)
    assert all(len(rows) > 0 for rows in before), "there is something to guard"
    yield
    assert _guarded(database) == before


@pytest.mark.parametrize("role", Role)
def test_no_role_can_change_drop_or_unguard_what_was_recorded(filled: Database, role: Role) -> None:
    allowed = []
    with untouched(filled), filled.connect(role, autocommit=False) as conn:
        for attempt in (attempt.replace("{log}", log) for log in LOGS for attempt in ATTEMPTS):
            try:
                conn.execute(attempt)  # type: ignore[arg-type]
                conn.commit()
                allowed.append(attempt)
            except pg.InsufficientPrivilege:
                conn.rollback()
    assert not allowed


@pytest.mark.parametrize("attempt", ["drop owned by current_user", "drop owned by current_user cascade"])
def test_the_owner_cannot_drop_all_that_he_owns(filled: Database, attempt: str) -> None:
    with untouched(filled), filled.connect(Role.OWNER) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute(attempt)  # type: ignore[arg-type]


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("spelling", ["detach partition {p} concurrently", "DeTach/**/partition {p}\n ConCurrently"])
def test_the_owner_cannot_detach_a_partition_in_two_transactions(filled: Database, log: str, spelling: str) -> None:
    attempt = f"alter table {log}.events " + spelling.format(p=f"{log}.events_from_1")
    with untouched(filled), filled.connect(Role.OWNER) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute(attempt)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "attempt",
    [
        "update {log}.events set leaf = ''",
        "delete from {log}.events",
        "truncate {log}.events",
        "update {log}.events_from_1 set leaf = ''",
        "delete from {log}.events_from_1",
        "truncate {log}.events_from_1",
    ],
)
@pytest.mark.parametrize("log", LOGS)
def test_the_owner_who_grants_himself_everything_still_meets_the_triggers(
    filled: Database, log: str, attempt: str
) -> None:
    with untouched(filled), filled.connect(Role.OWNER, autocommit=False) as conn:
        conn.execute(f"grant all on {log}.events, {log}.events_from_1 to sojourn_owner")  # type: ignore[arg-type]
        with pytest.raises(pg.InsufficientPrivilege, match="append-only"):
            conn.execute(attempt.replace("{log}", log))  # type: ignore[arg-type]
        conn.rollback()


def test_a_partition_that_the_owner_makes_by_hand_is_born_with_its_triggers(filled: Database) -> None:
    with filled.connect(Role.OWNER, autocommit=False) as conn:
        conn.execute(
            "create table ledger.events_from_9 partition of ledger.events for values from (90000000) to (90000001)"
        )
        conn.execute(
            "insert into ledger.events"
            " select 90000000, 's', 1, 't', gen_random_uuid(), now(), gen_random_uuid(), '', '', ''"
        )
        for attempt in ("truncate ledger.events_from_9", "update ledger.events_from_9 set leaf = ''"):
            with pytest.raises(pg.InsufficientPrivilege, match="append-only"), conn.transaction():
                conn.execute(attempt)
        conn.rollback()


# -- who may do what


PRIVILEGES: dict[str, dict[str, set[Role]]] = {
    # On each of the two logs.
    "{log}.events": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS},
    "{log}.head": {"SELECT": {*WRITERS, Role.PROJECTOR}, "UPDATE": WRITERS},
    "{log}.heads": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "UPDATE": WRITERS},
    "{log}.add_partition()": {"EXECUTE": WRITERS},
    "{log}.begin_append(text[],text[],text[],text[],text[])": {"EXECUTE": WRITERS},
    # Guards.
    "ledger.records": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS},
    "ledger.records (student_id)": {"UPDATE": WRITERS},
    "ledger.records (rows)": {"UPDATE": WRITERS},
    "ledger.records (case_id)": {"UPDATE": WRITERS},
    "ledger.not_same": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS},
    "ledger.not_same (withdrawn)": {"UPDATE": WRITERS},
    "ledger.open_cases": {
        "SELECT": {*WRITERS, Role.PROJECTOR},
        "INSERT": WRITERS,
        "UPDATE": WRITERS,
        "DELETE": WRITERS,
    },
    "ledger.case_leases": {"SELECT": WRITERS, "INSERT": WRITERS, "UPDATE": WRITERS, "DELETE": WRITERS},
    "ledger.case_records": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "DELETE": WRITERS},
    "ledger.holds": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "UPDATE": WRITERS},
    # What is gone: one alone says so, and takes the guards with it.
    "ledger.destroyed": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": {Role.DISPOSER}},
    "ledger.tombstones": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": {Role.DISPOSER}},
    "ledger.destroy_guards(text[])": {"EXECUTE": {Role.DISPOSER}},
    "ledger.accounts": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "UPDATE": WRITERS},
    "ledger.identities": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "UPDATE": WRITERS},
    "ledger.answers": {"SELECT": WRITERS, "INSERT": WRITERS, "UPDATE": WRITERS},
    "ledger.responses": {"SELECT": WRITERS, "INSERT": WRITERS, "DELETE": WRITERS},
    "ledger.uploads": {"SELECT": WRITERS, "INSERT": WRITERS, "UPDATE": WRITERS, "DELETE": WRITERS},
    "ledger.attachments": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), WRITERS),
    "ledger.saved_lists": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), WRITERS),
    "ledger.attachment_parts": dict.fromkeys(("SELECT", "INSERT", "DELETE"), WRITERS),
    "ledger.tokens": {"SELECT": WRITERS, "INSERT": WRITERS, "UPDATE": WRITERS},
    # What signing in rests on: it goes with the account, or when it is old.
    "ledger.credentials": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), WRITERS),
    "ledger.sessions": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), WRITERS),
    "ledger.one_time_codes": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), WRITERS),
    "ledger.student_numbers": {"USAGE": WRITERS},
    "ledger.forget_answers(timestamp with time zone)": {"EXECUTE": WRITERS},
    # Keys: made by who writes, opened by who folds, destroyed by one.
    "vault.keys": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "DELETE": {Role.DISPOSER}},
    # Where each projection and reactor stands: everybody may look.
    "tracking.positions": {
        "SELECT": EVERY - {Role.OWNER},
        "INSERT": {*WRITERS, Role.PROJECTOR},
        "UPDATE": {*WRITERS, Role.PROJECTOR},
        "DELETE": {Role.PROJECTOR},
    },
    "tracking.projections": {
        "SELECT": EVERY - {Role.OWNER},
        "INSERT": {Role.PROJECTOR},
        "UPDATE": {Role.PROJECTOR},
        "DELETE": {Role.PROJECTOR},
    },
    # What the matcher remembers: all of it can be made again, and goes when a record goes.
    "matching.people": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"), WRITERS),
    "matching.keys": dict.fromkeys(("SELECT", "INSERT", "DELETE", "TRUNCATE"), WRITERS),
    "matching.doubts": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"), WRITERS),
    "matching.undecided": {
        "SELECT": {*WRITERS, Role.PROJECTOR},
        **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "TRUNCATE"), WRITERS),
    },
    "matching.unread": {
        "SELECT": {*WRITERS, Role.PROJECTOR},
        **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "TRUNCATE"), WRITERS),
    },
    "matching.state": {"SELECT": WRITERS, "UPDATE": WRITERS},
}
"""Who, beside the owner, holds which privilege on what. Whatever is not here, nobody holds."""

FOR_ALL = {
    *((f"{log}.refuse_change()", "PUBLIC", "EXECUTE") for log in LOGS),  # a trigger's function: nobody can call it
    ("migrations.alembic_version", "PUBLIC", "SELECT"),
}


def test_the_roles_hold_these_privileges_and_no_other(filled: Database) -> None:
    expected = {
        (name.replace("{log}", log), role.value, privilege)
        for log in LOGS
        for name, privileges in PRIVILEGES.items()
        for privilege, roles in privileges.items()
        for role in roles
    }
    assert {grant for grant in _granted(filled) if grant[1] != Role.OWNER} - FOR_ALL == expected


def test_the_owner_himself_holds_nothing_that_changes_events_or_destroys_keys(filled: Database) -> None:
    held = {(name, what) for name, grantee, what in _granted(filled) if grantee == Role.OWNER}
    events = [name for name, what in held if what == "SELECT" and ".events" in name]
    assert len(events) == 4, "two logs, each with a partition"
    for name in events:
        assert {what for n, what in held if n == name}.isdisjoint({"UPDATE", "DELETE", "TRUNCATE"}), name
    assert {what for name, what in held if name == "vault.keys"}.isdisjoint({"DELETE", "TRUNCATE"})


def test_nobody_may_pass_a_privilege_on_and_no_default_privilege_waits(filled: Database) -> None:
    assert not {grant for grant in _granted(filled, to_pass_on=True) if grant[1] != Role.OWNER}
    with filled.connect() as conn:
        assert conn.execute("select count(*) from pg_default_acl").fetchone() == (0,)


def test_no_role_is_more_than_a_role_that_logs_in(filled: Database) -> None:
    with filled.connect() as conn:
        rows = conn.execute(
            "select rolname, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls, rolcanlogin"
            " from pg_roles where rolname like 'sojourn%' order by 1"
        ).fetchall()
        member = conn.execute(
            "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname like 'sojourn%'"
        ).fetchone()
    assert rows == [(role.value, False, True) for role in sorted(Role)]
    assert member == (0,)


# -- the same, as each role would meet it


@pytest.mark.parametrize("table", [*(f"{log}.{t}" for log in LOGS for t in ("events", "head", "heads")), "vault.keys"])
def test_the_reader_cannot_read_events_guards_or_keys(filled: Database, table: str) -> None:
    with filled.connect(Role.READER) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute(f"select from {table}")  # type: ignore[arg-type]


@pytest.mark.parametrize("role", [Role.PROJECTOR, Role.READER])
@pytest.mark.parametrize("log", LOGS)
def test_who_only_reads_cannot_write_events(filled: Database, role: Role, log: str) -> None:
    for statement in (f"insert into {log}.events default values", f"update {log}.head set position = 0"):
        with filled.connect(role) as conn, pytest.raises(pg.InsufficientPrivilege):
            conn.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", [Role.OWNER, Role.WRITER, Role.PROJECTOR, Role.READER])
def test_only_the_disposer_destroys_keys(filled: Database, role: Role) -> None:
    with filled.connect(role) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute("delete from vault.keys")
    with filled.connect(Role.DISPOSER, autocommit=False) as conn:
        assert conn.execute("delete from vault.keys").rowcount > 0
        conn.rollback()


@pytest.mark.parametrize("role", sorted(EVERY - {Role.OWNER}), ids=str)
def test_only_the_owner_rewraps_keys(filled: Database, role: Role) -> None:
    with filled.connect(role) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute("update vault.keys set wrapped = ''")


def test_only_who_makes_read_models_and_the_owner_may_make_a_schema(filled: Database) -> None:
    may = set()
    for role in Role:
        with filled.connect(role, autocommit=False) as conn:
            try:
                conn.execute("create schema elsewhere")
            except pg.InsufficientPrivilege:
                continue
            may.add(role)
            conn.rollback()
    assert may == {Role.OWNER, Role.PROJECTOR}


def test_a_read_model_may_be_made_changed_and_dropped_beside_the_guarded_logs(filled: Database) -> None:
    with filled.connect(Role.PROJECTOR) as conn:
        conn.execute("create schema events")
        conn.execute("create table events.events (a int)")
        conn.execute("alter table events.events add column b int")
        conn.execute("alter schema events rename to events__old")
        conn.execute("drop schema events__old cascade")


def _granted(database: Database, *, to_pass_on: bool = False) -> set[tuple[str, str, str]]:
    """(object, grantee, privilege) of every table, column, sequence and function in our schemas."""
    with database.connect() as conn:
        rows = conn.execute(
            """
            select name, case grantee when 0 then 'PUBLIC' else grantee::regrole::text end, privilege_type
              from (
                select c.oid::regclass::text as name, relnamespace as schema, (aclexplode(coalesce(relacl,
                           acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner)))).*
                  from pg_class c where relkind in ('r', 'p', 'S', 'v', 'm')
                union all
                select format('%%s (%%s)', c.oid::regclass, attname), relnamespace, (aclexplode(attacl)).*
                  from pg_attribute join pg_class c on c.oid = attrelid where attacl is not null
                union all
                select p.oid::regprocedure::text, pronamespace,
                       (aclexplode(coalesce(proacl, acldefault('f', proowner)))).*
                  from pg_proc p
              ) as held join pg_namespace n on n.oid = held.schema
             where n.nspname in ('ledger', 'access', 'vault', 'tracking', 'matching', 'migrations')
               and is_grantable >= %s
            """,
            (to_pass_on,),
        ).fetchall()
    return {tuple(row) for row in rows}


def _guarded(database: Database) -> list[list[tuple]]:
    """Everything that the tests try to change, as a superuser sees it."""
    with psycopg.connect(database.conninfo(), autocommit=True) as conn:
        return [
            conn.execute(query).fetchall()
            for query in (
                "select * from ledger.events order by position",
                "select * from access.events order by position",
                (
                    "select inhrelid::regclass::text, inhparent::regclass::text, inhdetachpending from pg_inherits"
                    " where inhparent in ('ledger.events'::regclass, 'access.events'::regclass) order by 1"
                ),
                (
                    "select tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger"
                    " where tgrelid::regclass::text ~ 'events' order by 1, 2"
                ),
                (
                    "select oid::regprocedure::text, proowner, prosrc from pg_proc"
                    " where proname in ('refuse_change', 'add_partition', 'sojourn_refuse_ddl') order by 1"
                ),
                "select evtname, evtenabled, evtevent from pg_event_trigger order by 1",
                (
                    "select c.oid::regclass::text, relowner, relacl::text, relpersistence, relrowsecurity, relhasrules"
                    " from pg_class c where c.oid::regclass::text ~ '^(ledger|access)[.]events' order by 1"
                ),
                "select nspname, nspowner, nspacl::text from pg_namespace where nspname !~ '^pg_' order by 1",
            )
        ]
