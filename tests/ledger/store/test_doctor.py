"""A sound store is found sound; each thing that can be wrong is found, named, and comes with how to mend it."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.conninfo import make_conninfo

import migrations
from ledger.application import Ledger
from ledger.errors import Misconfigured
from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.ids import Uuid7Source
from ledger.record import PlaceStudent, RetractFact, StudentRows
from ledger.store.append import Append, Part
from ledger.store.database import Database, Role
from ledger.store.doctor import KEEP, MEND_GUARD, PAGE_EVENTS, Examined, examine
from ledger.store.embedded import EmbeddedServer
from ledger.store.log import LOGS, Log
from ledger.store.vault import MasterKey, Vault
from support import rows
from support.databases import migrated_database
from support.logs import append

MASTER = MasterKey.of(bytes(range(32)))
SECOND = MasterKey.of(bytes(range(1, 33)))
META = Meta(actor="registrar")


def place(ledger: Ledger, ssid: str) -> str:
    """Place one student; the record's uuid."""
    student = StudentRows(
        state="OR",
        state_student_id=ssid,
        action="U",
        elements={},
        rows=[rows.demographics(), rows.move(), rows.enrollment(), rows.course()],
        number=None,
    )
    return ledger.execute(
        PlaceStudent(state="OR", state_student_id=ssid, student=student, new_student_id=""), META
    ).record_id


def fill(database: Database) -> None:
    """Some students, a correction, disclosures."""
    ledger = Ledger(database, Vault([MASTER]), Uuid7Source(time.time_ns, os.urandom))
    records = [place(ledger, f"OR{n}") for n in range(5)]
    ledger.execute(RetractFact(state="OR", state_student_id="OR3", fact=2), META)
    for record in records:
        append(ledger.access, f"disclosure/{record}", CourseReported(fact=1, elements={}))
    ledger.close()


@contextmanager
def filled_database(server: EmbeddedServer) -> Iterator[Database]:
    with migrated_database(server) as settings:
        database = Database(settings["database_url"], log_in=True)
        fill(database)
        yield database


@pytest.fixture
def filled(server: EmbeddedServer) -> Iterator[Database]:
    with filled_database(server) as database:
        yield database


def examined(
    database: Database,
    *,
    master: MasterKey = MASTER,
    followers: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sample: int | None = None,
) -> list[Examined]:
    ids = Uuid7Source(time.time_ns, os.urandom)
    vault = Vault([master])
    logs = {name: Log(name, database, vault, ids, role=Role.PROJECTOR) for name in LOGS}
    ledger = Ledger(database, Vault([MASTER]), ids)
    try:
        return examine(
            database,
            logs,
            fits=migrations.check,
            row_key=ledger.row_key,
            followers=followers,
            clock=clock,
            sample=sample,
        )
    finally:
        ledger.close()
        for log in logs.values():
            log.close()


def faults(found: list[Examined]) -> list[Examined]:
    """What is wrong, but for what tests set so that they run fast."""
    fast = ("fsync is off", "full_page_writes is off")
    return [e for e in found if e.ok is not True and not e.what.startswith(fast)]


def tamper(database: Database, *statements: str) -> None:
    """As the superuser whom nothing stops."""
    with database.connect() as conn:
        conn.execute("set session_replication_role = replica")
        for statement in statements:
            conn.execute(statement)  # type: ignore[arg-type]


# -- a sound store


@pytest.mark.parametrize("which", ["server", "server15"])
def test_a_sound_store_is_found_sound(request: pytest.FixtureRequest, which: str) -> None:
    with filled_database(request.getfixturevalue(which)) as database:
        found = examined(database)
    assert faults(found) == []
    names = [e.name for e in found if e.name != "settings"]
    assert names == [
        "database", "migrations", "event trigger", "grants",
        "ledger triggers", "access triggers", "ledger partitions", "access partitions",
        "ledger events", "access events", "ledger heads", "access heads",
        "guards", "linkage guards", "cases", "accounts", "retention", "answers", "keys", "clock",
    ]  # fmt: skip
    said = {e.name: e.what for e in found}
    assert said["ledger events"].startswith("26 events")
    assert said["guards"].startswith("The guard rows of 5 records")
    assert said["keys"].startswith("11 keys")


def test_an_empty_store_is_found_sound(server: EmbeddedServer) -> None:
    with migrated_database(server) as settings:
        assert faults(examined(Database(settings["database_url"], log_in=True))) == []


def test_every_fault_has_a_remedy_and_no_finding_names_a_child(filled: Database) -> None:
    tamper(
        filled,
        "update ledger.events set leaf = ''",
        "update ledger.records set rows = '', state_student_id = 'SECRET' || state_student_id",
        "update ledger.heads set version = 9",
        "alter table ledger.events disable trigger user",
        "grant update on ledger.events to sojourn_writer",
    )
    found = examined(filled)
    assert len([e for e in found if e.ok is False]) > 5
    assert all(e.remedy for e in found if e.ok is not True)
    assert "SECRET" not in repr(found)
    assert "OR3" not in repr(found)


# -- what can be wrong


OPENED_GUARD = """
    create or replace function ledger.refuse_change() returns trigger language plpgsql as 'begin return new; end'
"""
WRONGS: dict[str, tuple[tuple[str, ...], str, bool | None, str]] = {
    "a body was changed": (
        ("update ledger.events set body = set_byte(body, 2, get_byte(body, 2) # 1) where position = 7",),
        "ledger events", False, "Position 7",
    ),
    "a clear column was changed": (
        ("update ledger.events set stream = stream || 'x' where position = 4",), "ledger events", False, "Position 4",
    ),
    "an instant was changed by a microsecond": (
        ("update access.events set recorded_at = recorded_at + interval '1 microsecond' where position = 2",),
        "access events", False, "Position 2",
    ),
    "time goes back": (
        ("update ledger.events set recorded_at = recorded_at - interval '1 day' where position = 9",),
        "ledger events", False, "Position 9 was recorded before",
    ),
    "an event was taken out": (
        ("delete from ledger.events where position = 5",), "ledger events", False, "Positions 5 to 5 are missing",
    ),
    "the first event was taken out": (
        ("delete from access.events where position = 1",), "access events", False, "Positions 1 to 1 are missing",
    ),
    "the last event was taken out": (
        ("delete from ledger.events where position = 26",), "ledger events", False, "at 26, the last event at 25",
    ),
    "an event was added behind the head": (
        ("update ledger.events set position = 27 where position = 26",),
        "ledger events", False, "at 26, the last event at 27",
    ),
    "a head is behind": (
        ("update ledger.heads set version = version - 1 where position = 5",), "ledger heads", False, "record/",
    ),
    "a head has another leaf": (
        ("update access.heads set leaf = 'x' where position = 3",), "access heads", False, "disclosure/",
    ),
    "a head is missing": (
        ("delete from ledger.heads where position = 5",), "ledger heads", False, "record/",
    ),
    "a head too many": (
        ("insert into ledger.heads values ('record/nobody', 1, 1, '')",), "ledger heads", False, "record/nobody",
    ),
    "a guard row holds other rows": (
        ("update ledger.records set rows = set_byte(rows, 11, get_byte(rows, 11) # 1) where state_student_id = 'OR1'",),
        "guards", False, "holds other rows",
    ),
    "a guard row holds no rows": (
        ("update ledger.records set rows = ''",), "guards", False, "holds other rows",
    ),
    "a guard row names another child": (
        ("update ledger.records set minted = '000000000010' where state_student_id = 'OR1'",),
        "guards", False, "another child",
    ),
    "a guard row names another student": (
        ("update ledger.records set student_id = '000000000010' where state_student_id = 'OR1'",),
        "linkage guards", False, "another student",
    ),
    "a declaration binds that was never made": (
        (
            """insert into ledger.not_same select a.record_id, b.record_id, '1-1', 1
                 from ledger.records a join ledger.records b on a.record_id < b.record_id limit 1""",
        ),
        "linkage guards", False, "does not hold",
    ),
    "a guard row is missing": (
        ("delete from ledger.records where state_student_id = 'OR1'",), "guards", False, "has no guard row",
    ),
    "a guard row has no events": (
        ("insert into ledger.records values (gen_random_uuid(), 'OR', 'OR9', '1', '', '1')",),
        "guards", False, "no events",
    ),
    "a trigger is off": (
        ("alter table access.events_from_1 disable trigger events_are_never_truncated",),
        "access triggers", False, "access.events_from_1",
    ),
    "a trigger is gone": (
        ("drop trigger events_are_append_only on ledger.events",), "ledger triggers", False, "ledger.events",
    ),
    "a trigger that swallows": (
        ("create trigger swallow after insert on ledger.events execute function ledger.refuse_change()",),
        "ledger triggers", False, "ledger.events",
    ),
    "a rule that swallows": (
        ("create rule swallow as on insert to ledger.events do instead nothing",),
        "ledger triggers", False, "ledger.events",
    ),
    "the guard's function lets everything pass": (
        (OPENED_GUARD,),
        "ledger triggers", False, "ledger.refuse_change()",
    ),
    "a partition was detached": (
        ("select ledger.add_partition()", "alter table ledger.events detach partition ledger.events_from_1"),
        "ledger partitions", False, "positions from 1 to 5000000",
    ),
    "the head knows of a partition that is not there": (
        ("update ledger.head set partitions_end = 9000001",), "ledger partitions", False, "end before 5000001",
    ),
    "no partition is ready": (
        ("update ledger.head set partition_rows = 20000000",), "ledger partitions", None, "no partition is ready",
    ),
    "the event trigger is off": (
        ("alter event trigger sojourn_refuse_ddl disable",), "event trigger", None, "held by privileges",
    ),
    "the event trigger is gone": (
        ("drop event trigger sojourn_refuse_detach",), "event trigger", None, "held by privileges",
    ),
    "a privilege too many": (
        ("grant update on ledger.events to sojourn_writer",), "grants", False, "0 privileges are missing, 1 are too",
    ),
    "a privilege for all": (
        ("grant select on vault.keys to public",), "grants", False, "1 are too many",
    ),
    "the owner may truncate": (
        ("grant truncate on access.events to sojourn_owner",), "grants", False, "1 are too many",
    ),
    "a privilege too few": (
        ("revoke insert on vault.keys from sojourn_disposer",), "grants", False, "1 privileges are missing",
    ),
    "what is matched is shown": (
        ("grant select on matching.people to sojourn_reader",), "grants", False, "1 are too many",
    ),
    "a function for all": (
        ("grant execute on function ledger.add_partition() to public",), "grants", False, "1 are too many",
    ),
    "a key's row was changed": (
        ("update vault.keys set wrapped = set_byte(wrapped, 19, get_byte(wrapped, 19) # 1) where class = 'ledger'",),
        "keys", False, "does not open",
    ),
}  # fmt: skip
"""What was done; under which name it is found, as what, and in which words."""


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_wrong_is_found_named_and_comes_with_its_remedy(filled: Database, wrong: str) -> None:
    done, name, ok, words = WRONGS[wrong]
    tamper(filled, *done)
    found = [e for e in faults(examined(filled)) if e.name == name]
    assert found, f"{name} found nothing"
    assert any(e.ok is ok and words in e.what and e.remedy for e in found), found


@pytest.mark.parametrize("wrong", ["a privilege too many", "a privilege too few", "a function for all"])
def test_the_remedy_for_a_privilege_mends_it(filled: Database, wrong: str) -> None:
    tamper(filled, *WRONGS[wrong][0])
    (found,) = [e for e in examined(filled) if e.name == "grants"]
    with filled.connect(Role.OWNER) as conn:
        conn.execute(found.remedy.removeprefix("As sojourn_owner: "))  # type: ignore[arg-type]
    assert [e.ok for e in examined(filled) if e.name == "grants"] == [True]


def test_who_tampers_one_byte_before_the_sample_is_found_without_one(filled: Database) -> None:
    tamper(filled, "update ledger.events set leaf = '' where position = 3")
    assert [e.ok for e in examined(filled, sample=5) if e.name == "ledger events"] == [True]
    assert [e.ok for e in examined(filled) if e.name == "ledger events"] == [False]


# -- samples and size


def test_a_sample_looks_at_the_newest_and_says_so(filled: Database) -> None:
    found = examined(filled, sample=3)
    assert faults(found) == []
    said = {e.name: e.what for e in found}
    assert said["ledger events"].startswith("The newest 3 of 26 events")
    assert said["guards"].startswith("The guard rows of 3 records")
    assert said["keys"].startswith("The newest 3 of 11 keys")
    tamper(filled, "update ledger.events set leaf = '' where position = 25", "update ledger.heads set leaf = ''")
    names = {e.name for e in faults(examined(filled, sample=3))}
    assert names == {"ledger events", "ledger heads"}


def test_no_more_than_a_page_is_held(server: EmbeddedServer) -> None:
    with migrated_database(server) as settings:
        database = Database(settings["database_url"], log_in=True)
        ledger = Ledger(database, Vault([MASTER]), Uuid7Source(time.time_ns, os.urandom))
        events = [CourseReported(fact=1, elements={"course_title": "x" * 2_000})] * (6 * PAGE_EVENTS)
        part = Part(stream="submission/OR/1", subject="s", expected=None, events=events)
        ledger.log.append(Append(parts=[part], meta=META))
        ledger.close()
        examined(database, sample=1)
        tracemalloc.start()
        found = examined(database)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert faults(found) == []
    assert peak < 3 * PAGE_EVENTS * 2_500, "a page, and the one that comes after it; not all six"


# -- around the store


def test_a_server_that_is_away_is_all_there_is_to_say(filled: Database) -> None:
    away = Database(make_conninfo(filled.admin, host="/nowhere"), log_in=True)
    logs: dict[str, Log] = {}
    (found,) = examine(away, logs, fits=migrations.check, row_key=lambda: b"key")
    assert (found.name, found.ok) == ("database", False)
    assert found.remedy


def test_a_schema_of_another_release_is_found(filled: Database) -> None:
    tamper(filled, "update migrations.alembic_version set version_num = '9999'")
    (found,) = faults(examined(filled))
    assert (found.name, found.ok) == ("migrations", False)
    assert "newer" in found.what


def test_a_database_without_the_schema_is_told_to_migrate(server: EmbeddedServer) -> None:
    server.ensure_database("sojourn_bare")
    database = Database(server.conninfo("sojourn_bare"), log_in=True)
    ids = Uuid7Source(time.time_ns, os.urandom)
    logs = {name: Log(name, database, Vault([MASTER]), ids, role=Role.PROJECTOR) for name in LOGS}

    def row_key() -> bytes:
        raise Misconfigured("The database has no schema yet.", remedy="Run `sojourn migrate`.")

    found = examine(database, logs, fits=migrations.check, row_key=row_key)
    for log in logs.values():
        log.close()
    assert {e.name: e.ok for e in found}["migrations"] is False
    assert all("migrate" in e.remedy for e in found if e.name in {"migrations", "guards", "keys", "ledger events"})


def test_a_wrong_master_key_is_found_before_anything_is_opened_with_it(filled: Database) -> None:
    found = {e.name: e for e in examined(filled, master=SECOND)}
    assert found["keys"].ok is False
    assert "11 of 11 keys" in found["keys"].what
    assert "SOJOURN_MASTER_KEY" in found["keys"].remedy
    assert found["ledger events"].ok is True, "leaves need no key"


def test_how_many_keys_each_master_key_still_wraps_is_told(filled: Database) -> None:
    first, second = (master.fingerprint.hex() for master in (MASTER, SECOND))
    by_first = [e for e in examined(filled) if e.name == "keys"]
    assert [(e.ok, f"(wrapped: 11 by {first})" in e.what) for e in by_first] == [(True, True)]
    with filled.connect(Role.OWNER) as conn:
        Vault([SECOND, MASTER]).rewrap(conn)
    foreign = {e.name: e for e in examined(filled)}["keys"]
    assert foreign.ok is False
    assert f"(wrapped: 11 by {second})" in foreign.what


def test_keys_that_an_older_master_key_at_hand_still_wraps_are_to_be_rotated(filled: Database) -> None:
    with filled.connect(Role.WRITER) as conn:
        vault = Vault([SECOND])
        vault.insert(conn, [vault.make(("new", "education"))])
    ids = Uuid7Source(time.time_ns, os.urandom)
    both = Vault([SECOND, MASTER])
    logs = {name: Log(name, filled, both, ids, role=Role.PROJECTOR) for name in LOGS}
    try:
        found = examine(filled, logs, fits=migrations.check, row_key=lambda: b"key")
    finally:
        for log in logs.values():
            log.close()
    whole, left = [e for e in found if e.name == "keys"]
    assert whole.ok is True
    assert f"11 by {MASTER.fingerprint.hex()}, 1 by {SECOND.fingerprint.hex()}" in whole.what
    assert left.ok is None
    assert left.what.startswith("11 of 12 keys are still wrapped by another master key")
    assert "sojourn keys rotate" in left.remedy


def test_what_writes_is_named_since_nobody_but_the_reader_ends_it(filled: Database) -> None:
    tamper(filled, "update ledger.events set leaf = '' where position = 3", "update ledger.heads set version = 9")
    remedies = {e.remedy for e in examined(filled) if e.ok is False and e.name in {"ledger events", "ledger heads"}}
    assert remedies == {KEEP, MEND_GUARD}
    assert all("End whatever writes here (`sojourn serve`, submissions)" in remedy for remedy in remedies)


def test_a_destroyed_record_is_no_fault(filled: Database) -> None:
    with filled.connect(Role.DISPOSER) as conn:
        conn.execute(
            "delete from vault.keys where subject = (select record_id::text from ledger.records"
            " where state_student_id = 'OR1')"
        )
    tamper(filled, "delete from ledger.records where state_student_id = 'OR1'")
    assert faults(examined(filled)) == []


def test_a_clock_that_is_behind_the_last_event_is_found(filled: Database) -> None:
    with filled.connect(Role.OWNER) as conn:
        ((last,),) = conn.execute("select recorded_at from ledger.head").fetchall()
    found = [e for e in examined(filled, clock=lambda: last - timedelta(hours=1)) if e.name == "clock"]
    assert [e.ok for e in found] == [None, False, False]
    assert "3600 s ahead" in found[1].what
    assert all(e.remedy for e in found)


def test_whoever_follows_a_log_is_looked_after_by_name(filled: Database) -> None:
    with filled.connect(Role.PROJECTOR) as conn:
        conn.execute("insert into tracking.positions values ('students', 26), ('search', 20), ('disclosures', 9)")
    followers = {"students": "ledger", "search": "ledger", "disclosures": "access", "matcher": "ledger"}
    found = {e.what.split()[0]: e for e in examined(filled, followers=followers) if e.name == "followers"}
    assert {name: e.ok for name, e in found.items()} == {
        "students": True,
        "search": None,
        "disclosures": False,
        "matcher": None,
    }
    assert "6 events behind" in found["search"].what
    assert "lost events" in found["disclosures"].what


@pytest.mark.parametrize(
    ("setting", "value", "ok"), [("synchronous_commit", "off", False), ("wal_recycle", "on", None)]
)
def test_settings_that_lose_or_keep_too_much_are_named(
    filled: Database, setting: str, value: str, ok: bool | None
) -> None:
    with filled.connect() as conn:
        before = conn.execute("select setting from pg_settings where name = %s", (setting,)).fetchone()
        conn.execute(f"alter system set {setting} = {value}")  # type: ignore[arg-type]
        conn.execute("select pg_reload_conf()")
    try:
        deadline = time.monotonic() + 10
        found: list[Examined] = []
        while not found and time.monotonic() < deadline:
            found = [
                e for e in examined(filled, sample=1) if e.name == "settings" and f"{setting} is {value}" in e.what
            ]
    finally:
        with filled.connect() as conn:
            conn.execute(f"alter system reset {setting}")  # type: ignore[arg-type]
            conn.execute("select pg_reload_conf()")
    assert before != (value,)
    assert [e.ok for e in found] == [ok]
    assert f"Set {setting} = " in found[0].remedy


def test_it_waits_for_no_writer_and_changes_nothing(filled: Database) -> None:
    def contents() -> list[list[tuple]]:
        with filled.connect() as conn:
            tables = ("ledger.events", "ledger.head", "ledger.heads", "ledger.records", "vault.keys", "access.head")
            return [conn.execute(f"select t.*, t.xmin from {table} t order by 1").fetchall() for table in tables]

    before = contents()
    with filled.connect(Role.WRITER, autocommit=False) as writer:
        writer.execute("select from ledger.head for update")
        assert faults(examined(filled)) == []
        writer.rollback()
    assert contents() == before
