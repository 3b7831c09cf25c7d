"""What the design's pages promise of storage, keys, kills and the operator, tried by somebody who saw no source."""

from __future__ import annotations

import base64
import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from support.house import EXAMPLE, House, Service
from support.servers import reachable_tmp

pytestmark = pytest.mark.database

ROLES = ("owner", "writer", "projector", "reader", "disposer")
CHANGES = {
    "update": "update {} set position = position",
    "delete": "delete from {}",
    "truncate": "truncate {}",
    "drop": "drop table {} cascade",
}


def connected(
    house: House, user: str, database: str = "sojourn", *, autocommit: bool = True
) -> psycopg.Connection[Any]:
    return psycopg.connect(host=str(house.data / "run"), dbname=database, user=user, autocommit=autocommit)


def tables(house: House, *schemas: str) -> list[tuple[str, str]]:
    with connected(house, "postgres") as superuser:
        return superuser.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p') and n.nspname = any(%s)",
            [list(schemas)],
        ).fetchall()


@pytest.fixture(scope="module")
def logs(house: House, service: Service, ids) -> list[tuple[str, str]]:
    """The events of both logs and their partitions; each log holds some."""
    service.get(f"/v1/students/{ids['OR5540012']}")
    found = [(schema, name) for schema, name in tables(house, "ledger", "access") if name.startswith("events")]
    assert len(found) >= 4
    return found


def refuses(house: House, user: str, statement: str, table: tuple[str, str]) -> bool:
    """Whether the database refuses; if it does not, what was done is taken back, so that other tests find their log."""
    with connected(house, user, autocommit=False) as connection:
        try:
            connection.execute(statement.format(sql.Identifier(*table).as_string(connection)).encode())
        except psycopg.DatabaseError:
            return True
        finally:
            connection.rollback()
    return False


# -- the database's roles


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ROLES)
def test_no_role_changes_an_event(house: House, logs, role, change):
    assert [table for table in logs if not refuses(house, f"sojourn_{role}", CHANGES[change], table)] == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_superusers_slip_is_refused_too(house: House, logs, change):
    """Issue 2: "no crash, race or superuser slip can lose, double or reorder a fact"."""
    assert [table for table in logs if not refuses(house, "postgres", CHANGES[change], table)] == []


@pytest.mark.parametrize("user", [*(f"sojourn_{role}" for role in ROLES), "postgres"])
def test_nobody_detaches_a_partition(house: House, logs, user):
    for schema, name in logs:
        if name != "events":
            statement = f"alter table {schema}.events detach partition {{}}"
            assert refuses(house, user, statement, (schema, name)), (schema, name)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_loosens_what_guards_the_events(house: House, logs, role):
    for statement in (
        "alter table {} disable trigger all",
        "alter table {} set unlogged",
        "alter table {} alter column position drop not null",
        "alter table {} rename to mine",
        "alter table {} owner to current_user",
        "create or replace rule mine as on insert to {} do instead nothing",
    ):
        for table in logs:
            assert refuses(house, f"sojourn_{role}", statement, table), (statement, table)


def test_each_role_may_what_the_page_says_and_no_more(house: House, service: Service):
    refused = {
        "reader": ["select 1 from ledger.events", "select 1 from vault.keys", "delete from students.students"],
        "projector": ["insert into ledger.events select * from ledger.events", "delete from vault.keys"],
        "writer": ["delete from vault.keys", "create schema mine", "delete from ledger.records"],
        "disposer": ["create schema mine"],
    }
    allowed = {
        "reader": ["select 1 from students.students"],
        "projector": ["select 1 from ledger.events", "select 1 from vault.keys"],
        "writer": ["select 1 from ledger.events", "select 1 from vault.keys"],
        "disposer": ["delete from vault.keys where false"],
    }
    for role, statements in refused.items():
        for statement in statements:
            assert refuses(house, f"sojourn_{role}", statement, ("", "")), (role, statement)
    for role, statements in allowed.items():
        for statement in statements:
            assert not refuses(house, f"sojourn_{role}", statement, ("", "")), (role, statement)


# -- what is stored


def test_positions_of_both_logs_have_no_gap_and_time_never_goes_back(house: House, service: Service, ids):
    service.get(f"/v1/students/{ids['OR5540012']}")
    with connected(house, "postgres") as superuser:
        for log in ("ledger", "access"):
            rows = superuser.execute(f"select position, recorded_at from {log}.events order by position").fetchall()
            assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
            instants = [row[1] for row in rows]
            assert instants == sorted(instants)


def test_nothing_of_a_child_stands_in_clear_in_the_logs_the_vault_or_the_guards(house: House, service: Service):
    service.put("CLEAR-1", key="clear-1")
    looked_for = [
        word for name in ("Reyes", "Xicohtencatl", "Ximena", "2012-03-14", "20120314") for word in _forms(name)
    ]
    with connected(house, "postgres") as superuser:
        for table in tables(house, "ledger", "access", "vault", "tracking"):
            for (row,) in superuser.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(*table))):
                assert not [word for word in looked_for if word in row], table


def test_a_token_is_kept_as_a_hash_only(house: House, service: Service):
    token = house.token("auditor")
    with connected(house, "postgres") as superuser:
        for table in tables(house, "ledger", "access", "vault", "tracking"):
            for (row,) in superuser.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(*table))):
                assert not [word for word in _forms(token) if word in row], table


def _forms(word: str) -> tuple[str, str]:
    """As text, and as a bytea is printed."""
    return word, word.encode().hex()


# -- the operator's commands


def test_a_token_is_printed_alone_and_an_unknown_role_is_refused(house: House, service: Service):
    done = house.command("token", "create", "--name", "n", "--role", "help_desk")
    assert len(done.stdout.split()) == 1
    refused = house.command("token", "create", "--name", "n", "--role", "nonsense", code=None)
    assert refused.returncode in (1, 2)
    assert "state_batch_submitter" in refused.stderr
    assert refused.stdout == ""


def test_wrong_usage_ends_with_2_and_keeps_stdout_clean(house: House):
    for words in (("student",), ("nonsense",), ("students", "--nonsense"), ("submit",)):
        done = house.command(*words, code=2)
        assert done.stdout == ""
        assert done.stderr


def test_a_student_id_that_was_never_issued_ends_with_1(house: House, service: Service):
    done = house.command("student", "123456789012", code=1)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_every_read_model_says_position_lag_and_digest(house: House, service: Service):
    told = house.told("project", "status")
    assert {"students", "disclosures"} <= {row["name"] for row in told}
    for row in told:
        assert re.fullmatch("[0-9a-f]{16,}", row["digest"])
        assert row["position"] >= 0
        assert row["lag_events"] >= 0


def test_a_rebuild_equals_the_live_read_model(house: House, service: Service, ids):
    house.command("project", "run")
    before = {row["name"]: row["digest"] for row in house.told("project", "status")}
    house.command("project", "rebuild", "--all")
    assert {row["name"]: row["digest"] for row in house.told("project", "status")} == before
    assert service.get(f"/v1/students/{ids['OR5540012']}").status_code == 200


def test_an_unknown_read_model_is_refused_by_name(house: House, service: Service):
    done = house.command("project", "rebuild", "nonsense", code=None)
    assert done.returncode in (1, 2)
    assert "students" in done.stderr


def test_doctor_finds_a_healthy_house_healthy(house: House, service: Service):
    told = house.told("doctor")
    text = str(told).lower()
    for examined in ("database", "migrations", "grants", "guards", "clock", "key", "students"):
        assert examined in text, examined


def test_migrate_again_is_nothing_and_check_agrees(house: House, service: Service):
    head = service.head()
    house.command("migrate", "--check")
    house.command("migrate")
    assert service.head() == head


def test_the_demo_loads_three_states_and_links_to_their_children():
    with reachable_tmp() as folder, House(folder / "d").serving("demo", "--children", "20", log="demo.log") as demo:
        start = demo.call("GET", "/", by="").text
        assert "ractice space" in start
        for state in ("OR", "CA", "TX"):
            assert f">{state}<" in start
        links = re.findall(r'href="(/students/\d{12})"', start)
        assert links
        page = demo.call("GET", links[0], by="")
        assert page.status_code == 200
        assert "ractice space" in page.text
        said = demo.log.read_text()
        assert str(demo.client.base_url).rstrip("/") in said
        tokens = re.findall(r"soj_[\w-]{20,}", said)
        seen = demo.call("GET", f"/v1{links[0]}/disclosures", by="", headers={"Authorization": f"Bearer {tokens[0]}"})
        assert seen.json()["disclosures"], "a page is a reading like any other"
        assert demo.client.get("/v1/events").status_code == 401


# -- by URL


class ByUrl(NamedTuple):
    """A house whose database is named by URL, on the server that runs anyway, and what was said before `migrate`."""

    house: House
    refused: str


@pytest.fixture(scope="module")
def by_url(house: House, service: Service) -> Iterator[ByUrl]:
    with connected(house, "postgres", "postgres") as superuser:
        superuser.execute("create database by_url")
    url = f"postgresql://postgres@/by_url?host={quote(str(house.data / 'run'), safe='')}"
    house = House(house.data, SOJOURN_DATABASE_URL=url, SOJOURN_MASTER_KEY=key(b"k"))
    file = house.data.parent / "url.txt"
    file.write_text(EXAMPLE)
    refused = house.command("submit", file, code=1).stderr
    house.command("migrate", "--check", code=1)
    house.command("migrate")
    assert house.told("submit", file)["accepted"] == 11
    yield ByUrl(house, refused)
    with connected(house, "postgres", "postgres") as superuser:
        superuser.execute("drop database by_url with (force)")


def key(letter: bytes) -> str:
    return base64.b64encode(letter * 32).decode()


def test_by_url_a_command_refuses_until_somebody_migrates(by_url: ByUrl):
    assert "sojourn migrate" in by_url.refused
    by_url.house.command("migrate", "--check")


def test_a_wrong_master_key_is_refused_and_nothing_is_shown(by_url: ByUrl):
    done = by_url.house.command("students", "--csv", code=1, SOJOURN_MASTER_KEY=key(b"w"))
    assert "SOJOURN_MASTER_KEY" in done.stderr
    assert key(b"w") not in done.stderr
    assert done.stdout == ""


def test_keys_rotate_without_touching_an_event_and_the_old_key_opens_nothing(by_url: ByUrl):
    house = by_url.house
    before = house.command("students", "--csv").stdout
    events = _stored(house)
    house.command("keys", "rotate", SOJOURN_MASTER_KEY=f"{key(b'n')},{key(b'k')}")
    assert house.command("students", "--csv", SOJOURN_MASTER_KEY=key(b"n")).stdout == before
    assert _stored(house) == events
    assert "SOJOURN_MASTER_KEY" in house.command("students", "--csv", code=1, SOJOURN_MASTER_KEY=key(b"k")).stderr
    house.command("keys", "rotate", SOJOURN_MASTER_KEY=f"{key(b'k')},{key(b'n')}")


def _stored(house: House) -> list[Any]:
    with connected(house, "postgres", "by_url") as superuser:
        return superuser.execute("select e::text from ledger.events e order by position").fetchall()


def test_a_schema_that_is_newer_is_refused(by_url: ByUrl):
    with connected(by_url.house, "postgres", "by_url") as superuser:
        (was,) = superuser.execute("select version_num from migrations.alembic_version").fetchone() or ("",)
        superuser.execute("update migrations.alembic_version set version_num = '9999_from_the_future'")
        done = by_url.house.command("students", "--csv", code=1)
        by_url.house.command("migrate", "--check", code=1)
        superuser.execute("update migrations.alembic_version set version_num = %s", [was])
    assert "newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_told_clearly(house: House):
    settings = {"SOJOURN_DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "SOJOURN_MASTER_KEY": key(b"k")}
    done = house.command("students", "--csv", code=1, **settings)
    assert len(done.stderr.strip().splitlines()) < 10
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("SOJOURN_MASTER_KEY", "short"), ("SOJOURN_DATABASE_URL", "nonsense"), ("SOJOURN_LOG_LEVEL", "loud")],
)
def test_a_setting_that_is_wrong_is_named(house: House, service: Service, name, value):
    done = house.command("students", "--csv", code=None, **{name: value})
    assert done.returncode in (1, 2)
    assert name in done.stderr
    assert "Traceback" not in done.stderr


# -- kills, in a house of their own


@pytest.fixture(scope="module")
def fragile() -> Iterator[Service]:
    """A second house, with a service that must outlive all that is killed beside it."""
    with reachable_tmp() as folder, House(folder / "d").serving() as keeper:
        yield keeper


def test_a_submission_that_was_killed_goes_on_with_the_same_file(fragile: Service):
    house = fragile.house
    folder = house.data.parent / "sample"
    house.command("sample", "--out", folder, "--states", "OR", "--children", "1200", "--seed", "3")
    (file,) = folder.glob("*.txt")
    killed = house.command("submit", file, code=None, SOJOURN_FAULT="intake.between-chunks:1")
    assert killed.returncode not in (0, 1, 2, 3), "killed at the point that crash-points.md names"
    told = house.told("submit", file)
    rows = len(file.read_text().splitlines()) - 1
    assert (told["rows"], told["accepted"], told["refused"], told["students_new"]) == (rows, rows, 0, 1200)
    lines = house.command("students", "--csv").stdout.splitlines()[1:]
    assert len(lines) == len({line.rsplit(",", 1)[1] for line in lines}) == 1200


def test_a_killed_service_loses_nothing_and_its_neighbour_goes_on(fragile: Service):
    with fragile.house.serving(log="second.log") as second:
        student = second.opened("KILL-1")
        first = second.post("KILL-1", "courses", {"course_title": "Art"}, key="kill-1")
        second.process.kill()
        second.process.wait()
    again = fragile.post("KILL-1", "courses", {"course_title": "Art"}, key="kill-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Ledger-Position"] == first.headers["Ledger-Position"]
    assert fragile.post("KILL-1", "courses", {"course_title": "Music"}).status_code == 201
    with fragile.house.serving(log="second.log") as second:
        head = second.head()
        assert [event["data"]["position"] for event in second.events(0)] == list(range(1, head + 1))
        assert len(patiently(lambda: second.student(student)["core"]["courses"])) == 2


def test_a_database_that_was_killed_is_said_so_and_comes_back(fragile: Service):
    student = fragile.opened("AWAY-1")
    fragile.student(student)
    head = fragile.head()
    os.kill(int((fragile.house.data / "pgdata" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    for answer in (fragile.get(f"/v1/students/{student}"), fragile.put("AWAY-2")):
        if answer.status_code == 503:
            assert answer.json()["type"] in ("/problems/store-unavailable", "/problems/outcome-unknown")
        else:
            assert answer.status_code in (200, 201)
    assert fragile.call("GET", "/livez", by="").status_code == 200
    fragile.house.command("project", "run")
    fragile.await_ready(60)
    assert patiently(lambda: fragile.student(student))["student_id"] == student
    assert fragile.put("AWAY-3").status_code == 201
    assert [event["data"]["position"] for event in fragile.events(head - 5)][:5] == list(range(head - 4, head + 1))


def test_the_key_file_is_for_its_owner_only(fragile: Service):
    for path in fragile.house.data.iterdir():
        if "key" in path.name:
            assert path.stat().st_mode & 0o077 == 0


def patiently(get, seconds: float = 20) -> Any:
    """Behind a killed process somebody else takes over the read models: a moment, in which reads say 503."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return get()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
