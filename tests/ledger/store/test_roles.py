"""The walls inside the database: what each of the five roles may do, and that none of them can change what was recorded.

Each test logs in as the roles themselves, on the embedded server and on the oldest PostgreSQL that we take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors as pg
from support.acl import granted
from support.logs import append

from ledger.application import Ledger
from ledger.events import Event
from ledger.events.disclosure import SearchDisclosed
from ledger.events.record import CourseReported
from ledger.store.database import Database, Role
from ledger.store.log import LOGS

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
    "drop owned by current_user",
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
    "create or replace trigger events_are_append_only before update or delete on {log}.events"
    " for each row when (false) execute function {log}.refuse_change()",
    "create or replace trigger events_are_append_only before update of stream on {log}.events"
    " for each row execute function {log}.refuse_change()",
    "create or replace trigger events_are_never_truncated before insert on {log}.events_from_1"
    " for each statement execute function {log}.refuse_change()",
    "create trigger swallow before insert on {log}.events for each row execute function suppress_redundant_updates_trigger()",
    "create trigger swallow before insert on {log}.events for each row execute function {log}.refuse_change()",
    "create rule swallow as on insert to {log}.events do instead nothing",
    "create policy hide on {log}.events",
    "create unlogged table {log}.events_from_90000000 partition of {log}.events"
    " for values from (90000000) to (90000001)",
    "create table {log}.elsewhere partition of {log}.events for values from (90000000) to (90000001)",
    "set session_replication_role = replica",
    "alter role current_user superuser",
    "alter role current_user set session_replication_role = replica",
    "reassign owned by sojourn_owner to current_user",
    "set role postgres",
)
"""Each must be refused to each role, for want of the right to it."""

REACHES_NOTHING = {"drop owned by current_user"}
"""Succeeds for a role that owns nothing; what matters is what is left afterwards."""


@pytest.fixture
def filled(any_database: Database, new_ledger: Callable[..., Ledger]) -> Database:
    """A database with an event in each log."""
    ledger = new_ledger(any_database)
    append(ledger.log, "record/0190c5d2-7b1a-7c3e-8000-000000000001", CourseReported(fact=1, elements={}))
    shown: Event = SearchDisclosed(
        principal="p", role="operator", organisation="o", purpose="test", basis="b", view="v", shown=0
    )
    append(ledger.access, "request/0190c5d2-7b1a-7c3e-8000-000000000002", shown)
    return any_database


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
    with untouched(filled), filled.connect(role) as conn:
        for log in LOGS:
            for attempt in ATTEMPTS:
                try:
                    with conn.transaction():
                        conn.execute(attempt.replace("{log}", log))  # type: ignore[arg-type]
                except pg.InsufficientPrivilege:
                    continue
                if attempt not in REACHES_NOTHING:
                    allowed.append(attempt)
                break
    assert not allowed


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


def test_a_partition_that_the_owner_makes_by_hand_is_born_with_its_triggers(any_database: Database) -> None:
    with any_database.connect(Role.OWNER, autocommit=False) as conn:
        conn.execute(
            "create table ledger.events_from_90000000 partition of ledger.events for values from (90000000) to (90000001)"
        )
        for attempt in ("truncate ledger.events_from_90000000", "update ledger.events_from_90000000 set leaf = ''"):
            if attempt.startswith("update"):
                conn.execute(
                    "insert into ledger.events select 90000000, 's', 1, 't', gen_random_uuid(), now(),"
                    " gen_random_uuid(), '', '', ''"
                )
            with pytest.raises(pg.InsufficientPrivilege, match="append-only"), conn.transaction():
                conn.execute(attempt)  # type: ignore[arg-type]


# -- who may do what


PRIVILEGES: dict[str, dict[str, set[Role]]] = {
    # On each of the two logs.
    "{log}.events": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS},
    "{log}.head": {"SELECT": {*WRITERS, Role.PROJECTOR}, "UPDATE": WRITERS},
    "{log}.heads": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "UPDATE": WRITERS},
    "{log}.add_partition()": {"EXECUTE": WRITERS},
    # Guards.
    "ledger.records": {"SELECT": {*WRITERS, Role.PROJECTOR}, "INSERT": WRITERS, "UPDATE": WRITERS},
    "ledger.answers": {"SELECT": WRITERS, "INSERT": WRITERS, "UPDATE": WRITERS},
    "ledger.tokens": {"SELECT": WRITERS, "INSERT": WRITERS, "UPDATE": WRITERS},
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
}
"""Who, beside the owner, holds which privilege on what. Whatever is not here, nobody holds."""


def test_the_roles_hold_these_privileges_and_no_other(any_database: Database) -> None:
    expected = {
        (name.replace("{log}", log), role.value, privilege)
        for log in LOGS
        for name, privileges in PRIVILEGES.items()
        for privilege, roles in privileges.items()
        for role in roles
    }
    with any_database.connect() as conn:
        held = granted(conn)
    others = {(name, grantee, what) for name, grantee, what in held if grantee != Role.OWNER}
    callable_by_trigger_only = {n for n, _, _ in held if n.endswith((".refuse_change()", "begin_append()"))}
    seen = {
        grant for grant in others if grant[0] not in callable_by_trigger_only and not grant[0].startswith("migrations.")
    }
    assert seen == expected


def test_the_owner_himself_may_not_update_delete_or_truncate_events(any_database: Database) -> None:
    with any_database.connect() as conn:
        held = {what for name, grantee, what in granted(conn) if name in {f"{log}.events" for log in LOGS} and grantee == Role.OWNER}
    assert held.isdisjoint({"UPDATE", "DELETE", "TRUNCATE"})
    assert {"SELECT", "INSERT"} <= held


def test_nobody_holds_a_privilege_that_he_may_pass_on_and_no_default_privilege_waits(any_database: Database) -> None:
    with any_database.connect() as conn:
        assert {g for g in granted(conn, to_pass_on=True) if g[1] != Role.OWNER} == set()
        assert conn.execute("select count(*) from pg_default_acl").fetchone() == (0,)


def test_no_role_is_more_than_a_role_that_logs_in(any_database: Database) -> None:
    with any_database.connect() as conn:
        rows = conn.execute(
            "select rolname, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls, rolcanlogin"
            " from pg_roles where rolname like 'sojourn\\_%' order by 1"
        ).fetchall()
        member = conn.execute(
            "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname like 'sojourn\\_%'"
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


@pytest.mark.parametrize("role", [Role.WRITER, Role.PROJECTOR, Role.READER])
def test_only_the_disposer_destroys_keys(filled: Database, role: Role) -> None:
    with filled.connect(role) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute("delete from vault.keys")
    with filled.connect(Role.DISPOSER) as conn:
        assert conn.execute("delete from vault.keys").rowcount > 0


@pytest.mark.parametrize("role", EVERY - {Role.OWNER}, ids=str)
def test_only_the_owner_rewraps_keys(filled: Database, role: Role) -> None:
    with filled.connect(role) as conn, pytest.raises(pg.InsufficientPrivilege):
        conn.execute("update vault.keys set wrapped = ''")


def test_only_who_makes_read_models_and_the_owner_may_make_a_schema(any_database: Database) -> None:
    may = set()
    for role in Role:
        with any_database.connect(role, autocommit=False) as conn:
            try:
                conn.execute("create schema elsewhere")
            except pg.InsufficientPrivilege:
                continue
            may.add(role)
            conn.rollback()
    assert may == {Role.OWNER, Role.PROJECTOR}


def test_a_read_model_may_be_made_changed_and_dropped_beside_the_guarded_logs(any_database: Database) -> None:
    with any_database.connect(Role.PROJECTOR) as conn:
        conn.execute("create schema events")
        conn.execute("create table events.events (a int)")
        conn.execute("alter table events.events add column b int")
        conn.execute("alter schema events rename to events__old")
        conn.execute("drop schema events__old cascade")


def _guarded(database: Database) -> list[list[tuple]]:
    """Everything that the tests try to change, as a superuser sees it."""
    with psycopg.connect(database.conninfo(), autocommit=True) as conn:
        return [
            conn.execute(query).fetchall()  # type: ignore[arg-type]
            for query in (
                "select * from ledger.events order by position",
                "select * from access.events order by position",
                "select inhrelid::regclass::text, inhparent::regclass::text, inhdetachpending from pg_inherits"
                " where inhparent in ('ledger.events'::regclass, 'access.events'::regclass) order by 1",
                "select tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger"
                " where tgrelid::regclass::text ~ 'events' order by 1, 2",
                "select oid::regprocedure::text, proowner, prosrc from pg_proc"
                " where proname in ('refuse_change', 'add_partition', 'sojourn_refuse_ddl') order by 1",
                "select evtname, evtenabled, evtevent from pg_event_trigger order by 1",
                "select c.oid::regclass::text, relowner, relacl::text, relpersistence, relrowsecurity, relhasrules"
                " from pg_class c where c.oid::regclass::text ~ '^(ledger|access)[.]events' order by 1",
                "select nspname, nspowner, nspacl::text from pg_namespace where nspname !~ '^pg_' order by 1",
            )
        ]
