"""A connection always acts as a named role, and what PostgreSQL says is told in words with a remedy."""

from __future__ import annotations

import socket

import psycopg
import pytest
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import migrations
from ledger.errors import LedgerError, Misconfigured, StoreUnavailable
from ledger.store.database import Database, Role, translate, translated

URL = "postgresql://registrar:secret@db.example.org:5433/sojourn?sslmode=require"


def test_by_url_one_user_acts_as_each_role() -> None:
    for role in Role:
        given = conninfo_to_dict(Database(URL).conninfo(role))
        assert given["options"] == f"-c jit=off -c role={role.value}"
        assert (given["user"], given["password"], given["port"]) == ("registrar", "secret", "5433")
        assert given["sslmode"] == "require"


def test_options_of_the_url_are_kept() -> None:
    database = Database("host=db options='-c statement_timeout=5s'")
    assert (
        conninfo_to_dict(database.conninfo(Role.READER))["options"]
        == "-c statement_timeout=5s -c jit=off -c role=sojourn_reader"
    )
    assert conninfo_to_dict(database.conninfo())["options"] == "-c statement_timeout=5s -c jit=off"


def test_on_our_own_server_each_role_logs_in_as_itself() -> None:
    given = conninfo_to_dict(Database("host=/run user=postgres password=x", log_in=True).conninfo(Role.DISPOSER))
    assert given["user"] == "sojourn_disposer"
    assert "password" not in given
    assert given["options"] == "-c jit=off"


def test_a_connection_has_a_name_and_does_not_wait_for_ever_unless_the_url_says_otherwise() -> None:
    given = conninfo_to_dict(Database("host=db").conninfo(Role.WRITER, name="sojourn ledger"))
    assert (given["application_name"], given["connect_timeout"]) == ("sojourn ledger", "10")
    given = conninfo_to_dict(Database("host=db connect_timeout=2 application_name=mine").conninfo(Role.WRITER))
    assert (given["application_name"], given["connect_timeout"]) == ("mine", "2")


def test_a_link_that_died_is_noticed_unless_the_url_says_otherwise() -> None:
    given = conninfo_to_dict(Database("host=db").conninfo(Role.WRITER))
    idle, interval, times = (int(str(given[f"keepalives_{name}"])) for name in ("idle", "interval", "count"))
    assert idle + interval * times <= 30
    assert int(str(given["tcp_user_timeout"])) <= 30_000
    assert conninfo_to_dict(Database("host=db keepalives_idle=60").conninfo())["keepalives_idle"] == "60"


@pytest.mark.parametrize("role", Role)
def test_a_role_is_what_the_server_sees(any_database: Database, role: Role) -> None:
    for database in (any_database, Database(any_database.admin)):
        with database.connect(role) as conn:
            assert conn.execute("select current_user::text, current_setting('is_superuser')").fetchone() == (
                role,
                "off",
            )


class WithoutOptions(Database):
    """As a pooler passes it on that is told to ignore ``options``."""

    def conninfo(self, role: Role | None = None, *, name: str = "sojourn") -> str:
        return make_conninfo("", **{**conninfo_to_dict(super().conninfo(role, name=name)), "options": ""})


def test_a_connection_that_would_act_as_the_user_of_the_url_is_refused(any_database: Database) -> None:
    Database(any_database.admin).check_roles()
    for look in (migrations.check, migrations.upgrade):
        with pytest.raises(Misconfigured, match="leaves out") as refused:
            look(WithoutOptions(any_database.admin))
        assert "pooler" in refused.value.remedy


SAID: list[tuple[psycopg.Error, type[LedgerError], str]] = [
    (pg.DiskFull(), StoreUnavailable, "no room"),
    (pg.TooManyConnections(), StoreUnavailable, "no more connections"),
    (pg.ReadOnlySqlTransaction(), StoreUnavailable, "read-only"),
    (pg.AdminShutdown(), StoreUnavailable, "shut down"),
    (pg.CannotConnectNow(), StoreUnavailable, "starting"),
    (pg.LockNotAvailable(), StoreUnavailable, "lock"),
    (pg.IoError(), StoreUnavailable, "disk"),
    (pg.InvalidCatalogName(), Misconfigured, "does not exist"),
    (pg.InvalidPassword(), Misconfigured, "refuses the user"),
    (pg.InvalidAuthorizationSpecification(), Misconfigured, "refuses the user"),
    (pg.UndefinedTable(), Misconfigured, "schema"),
    (pg.UndefinedFunction(), Misconfigured, "schema"),
    (pg.InsufficientPrivilege(), Misconfigured, "refuses this role"),
    (psycopg.OperationalError('FATAL:  role "sojourn_writer" does not exist'), Misconfigured, "roles"),
    (psycopg.OperationalError('FATAL:  database "x" does not exist'), Misconfigured, "does not exist"),
    (psycopg.OperationalError("FATAL:  password authentication failed for user"), Misconfigured, "refuses the user"),
    (psycopg.OperationalError("FATAL:  sorry, too many clients already"), StoreUnavailable, "no more connections"),
    (psycopg.OperationalError("FATAL:  unsupported startup parameter: options"), Misconfigured, "startup parameter"),
    (psycopg.OperationalError("server closed the connection unexpectedly"), StoreUnavailable, "went away"),
    (psycopg.InterfaceError("the connection is closed"), StoreUnavailable, "went away"),
]


@pytest.mark.parametrize(
    ("said", "ours", "words"), SAID, ids=lambda v: type(v).__name__ if isinstance(v, Exception) else None
)
def test_what_postgresql_says_is_told_with_a_remedy(said: psycopg.Error, ours: type[LedgerError], words: str) -> None:
    told = translate(said)
    assert told is not None
    assert type(told) is ours
    assert words in told.what
    assert told.remedy


@pytest.mark.parametrize(
    "defect",
    [
        pg.UniqueViolation(),
        pg.SyntaxError(),
        pg.CheckViolation(),
        pg.ProgramLimitExceeded(),
        psycopg.ProgrammingError(),
    ],
)
def test_a_defect_of_ours_is_not_told_as_the_operators(defect: psycopg.Error) -> None:
    assert translate(defect) is None
    with pytest.raises(type(defect)), translated():
        raise defect


def test_a_server_that_is_not_there_is_unavailable_and_never_shows_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreUnavailable) as refused:
        Database(f"postgresql://registrar:secret@127.0.0.1:{port}/sojourn").connect(Role.WRITER)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_not_there_is_misconfigured(any_database: Database) -> None:
    with pytest.raises(Misconfigured, match="does not exist") as refused:
        Database(make_conninfo(any_database.admin, dbname="nowhere")).connect()
    assert refused.value.remedy


def test_a_server_without_our_roles_is_told_to_migrate(any_database: Database) -> None:
    for conninfo in (
        make_conninfo(any_database.admin, user="sojourn_nobody"),
        make_conninfo(any_database.admin, options="-c role=sojourn_nobody"),
    ):
        with pytest.raises(Misconfigured, match="roles") as refused:
            Database(conninfo).connect()
        assert "migrate" in refused.value.remedy
