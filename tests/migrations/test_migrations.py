"""The schema comes up whole or not at all, once, by whoever is first; and a database that does not fit is refused."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import migrations
from ledger.errors import Misconfigured
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from support.parts import need
from support.servers import FAST, Process, running_server

_numbers = count(1)


@pytest.fixture(params=["embedded", "debian-15"])
def any_server(request: pytest.FixtureRequest) -> EmbeddedServer:
    return request.getfixturevalue("server" if request.param == "embedded" else "server15")


@contextmanager
def empty_database(server: EmbeddedServer, owner: str = "postgres") -> Iterator[str]:
    """A conninfo of a new database without any schema of ours."""
    name = f"sojourn_empty_{next(_numbers)}"
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)))
        yield server.conninfo(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def schema_of(database: Database) -> list[list[tuple]]:
    """Every table, column, function and trigger, with who may do what."""
    ours = "::regnamespace::text in ('ledger', 'access', 'vault', 'tracking', 'matching', 'migrations', 'public')"
    queries = (
        (
            "select attrelid::regclass::text, attnum, attname, atttypid::regtype::text, attstattarget"
            f" from pg_attribute join pg_class c on c.oid = attrelid"
            f" where relnamespace{ours} and attnum > 0 order by 1, 2"
        ),
        (
            "select oid::regclass::text, relowner::regrole::text, relacl::text, reloptions::text"
            f" from pg_class where relnamespace{ours} order by 1"
        ),
        (
            "select oid::regprocedure::text, prosrc, proacl::text, prosecdef"
            f" from pg_proc where pronamespace{ours} order by 1"
        ),
        "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1, 2",
        "select evtname, evtevent, evtenabled from pg_event_trigger order by 1",
    )
    with database.connect() as conn:
        return [conn.execute(query).fetchall() for query in queries]


def test_migrating_twice_is_nothing(any_server: EmbeddedServer) -> None:
    with empty_database(any_server) as conninfo:
        database = Database(conninfo, log_in=True)
        assert migrations.upgrade(database)
        first = schema_of(database)
        with database.connect(Role.OWNER) as conn:
            conn.execute("update ledger.head set partition_rows = 7")
        assert migrations.upgrade(database)
        migrations.check(database)
        assert schema_of(database) == first
        with database.connect(Role.OWNER) as conn:
            assert conn.execute("select position, partition_rows from ledger.head").fetchall() == [(0, 7)]


def test_two_processes_may_migrate_at_once(any_server: EmbeddedServer) -> None:
    code = """
        import migrations
        from ledger.store.database import Database
        print("ready", flush=True)
        sys.stdin.readline()
        print(migrations.upgrade(Database(sys.argv[1], log_in=True)))
    """
    with empty_database(any_server) as conninfo:
        processes = [Process(code, conninfo) for _ in range(2)]
        for process in processes:
            assert process.hear() == "ready"
        with ThreadPoolExecutor() as pool:
            assert list(pool.map(Process.end, processes)) == ["True", "True"]
        migrations.check(Database(conninfo))


def test_a_migration_that_fails_leaves_nothing_and_can_be_run_again(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = migrations.sql

    def broken(name: str, **replace: str) -> bytes:
        return whole(name, **replace) + (b"select 1 / 0;" if name == "guards" else b"")

    with empty_database(server) as conninfo:
        database = Database(conninfo, log_in=True)
        monkeypatch.setattr(migrations, "sql", broken)
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrations.upgrade(database)
        with database.connect() as conn:
            assert conn.execute("select to_regnamespace('ledger'), to_regnamespace('vault')").fetchone() == (None, None)
        with pytest.raises(Misconfigured, match="no schema"):
            migrations.check(database)
        monkeypatch.undo()
        migrations.upgrade(database)
        migrations.check(database)


def test_a_database_without_the_schema_is_refused_with_the_remedy(server: EmbeddedServer) -> None:
    with empty_database(server) as conninfo, pytest.raises(Misconfigured) as refused:
        migrations.check(Database(conninfo))
    assert "no schema" in refused.value.what
    assert "sojourn migrate" in refused.value.remedy


@pytest.mark.parametrize("there", ["0000_before", "9999_after"])
def test_a_database_of_another_release_is_refused_as_newer(database: Database, there: str) -> None:
    with database.connect(Role.OWNER) as conn:
        conn.execute("update migrations.alembic_version set version_num = %s", (there,))
    for look in (migrations.check, migrations.upgrade):
        with pytest.raises(Misconfigured, match="newer") as refused:
            look(database)
        assert there in refused.value.what
        assert "later" in refused.value.remedy


REVISIONS = migrations._revisions()


def test_an_older_database_is_told_to_migrate(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_revisions", lambda: [*REVISIONS, "9998_next"])
    with pytest.raises(Misconfigured, match="9998_next") as refused:
        migrations.check(database)
    assert "sojourn migrate" in refused.value.remedy


def test_no_revision_offers_a_way_down() -> None:
    for module in pkgutil.iter_modules(importlib.import_module("migrations.versions").__path__):
        revision = importlib.import_module(f"migrations.versions.{module.name}")
        assert not hasattr(revision, "downgrade"), module.name
        assert revision.revision == module.name, "a revision is named by its file, which names its effect"


# -- a database of somebody else's, who is no superuser


@pytest.fixture(scope="module", params=["embedded", "debian-15"])
def own_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server where nobody has made our roles yet."""
    with running_server(FAST, binaries=None if request.param == "embedded" else need("pg15")) as running:
        with psycopg.connect(running.conninfo("postgres"), autocommit=True) as admin:
            admin.execute("create role registrar login createrole")
            admin.execute("create role clerk login")
        yield running


def test_who_may_make_roles_and_owns_the_database_can_migrate_it(own_server: EmbeddedServer) -> None:
    with empty_database(own_server, "registrar") as conninfo:
        database = Database(make_conninfo(conninfo, user="registrar"))
        assert migrations.upgrade(database) is False, "no event trigger without a superuser, and it says so"
        assert migrations.upgrade(database) is False
        migrations.check(database)
        for role in Role:
            with database.connect(role) as conn:
                assert conn.execute("select session_user::text, current_user::text").fetchone() == ("registrar", role)
        # What holds the owner is then privileges and triggers.
        with database.connect(Role.OWNER) as conn:
            for attempt in (
                "update ledger.events set leaf = ''",
                "truncate ledger.events",
                "delete from access.events",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(attempt)
        # A superuser who migrates later brings the event trigger.
        assert migrations.upgrade(Database(conninfo)) is True
        with database.connect(Role.OWNER) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("alter table ledger.events disable trigger all")


def test_who_may_not_make_roles_nor_act_as_them_is_told_so(own_server: EmbeddedServer) -> None:
    with empty_database(own_server, "clerk") as conninfo, pytest.raises(Misconfigured) as refused:
        migrations.upgrade(Database(make_conninfo(conninfo, user="clerk")))
    assert "roles" in refused.value.what
    assert "CREATEROLE" in refused.value.remedy
