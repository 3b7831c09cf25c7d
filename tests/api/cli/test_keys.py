"""``sojourn keys rotate``: one at a time, resumable, honest about what is left; by URL, and on the embedded server."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.cli.keys import ROTATION
from ledger.store.data_folder import open_lock, release
from ledger.store.database import Database, Role
from ledger.store.vault import MasterKey, Vault
from support.command_line import CommandLine
from support.files import EXAMPLE
from support.servers import reachable_tmp

OLD, NEW = bytes(range(32)), b"\xcd" * 32


@pytest.fixture
def old(sojourn: CommandLine) -> CommandLine:
    """The command line with the old key alone, over a ledger that holds something."""
    sojourn.run("submit", EXAMPLE)
    return sojourn


@pytest.fixture
def both(old: CommandLine) -> CommandLine:
    return old.but(master_key=f"{NEW.hex()},{OLD.hex()}")


def wrapped(database: Database) -> dict[bytes, int]:
    """Master key to how many keys it wraps."""
    secrets = {MasterKey.of(secret).fingerprint: secret for secret in (OLD, NEW)}
    with database.connect() as conn:
        rows = conn.execute("select wrapped_by, count(*) from vault.keys group by 1").fetchall()
    return {secrets[by]: count for by, count in rows}


@contextmanager
def held_up(both: CommandLine, database: Database) -> Iterator[subprocess.Popen[str]]:
    """A rotation that is at it, and stands before the first key until the end of the block."""
    with database.connect(autocommit=False) as conn:
        conn.execute("select from vault.keys for update")
        process = both.start("keys", "rotate", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: waiting(database))
        try:
            yield process
        finally:
            conn.rollback()


def waiting(database: Database) -> list[Any]:
    with database.connect() as conn:
        return conn.execute(
            "select pid from pg_stat_activity where application_name like 'sojourn keys rotate%'"
            " and wait_event_type = 'Lock' and datname = current_database()"
        ).fetchall()


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_second_rotation_is_told_who_is_at_work_and_changes_nothing(both: CommandLine, database: Database) -> None:
    with held_up(both, database) as first:
        second = both.run("keys", "rotate", code=1)
        assert f"under way: process {first.pid} of operator anna on " in second.stderr
        assert "Wait until it has ended" in second.stderr
        assert wrapped(database).keys() == {OLD}
    _, told = first.communicate(timeout=60)
    assert first.returncode == 0, told
    assert wrapped(database).keys() == {NEW}


def test_a_rotation_that_was_killed_goes_on(both: CommandLine, database: Database) -> None:
    with held_up(both, database) as first:
        first.kill()
        first.communicate()
    until(lambda: both.run("keys", "rotate", code=None).returncode == 0)
    assert wrapped(database).keys() == {NEW}
    assert both.but(master_key=NEW.hex()).run("students").stdout.count("OR554") == 2


def test_keys_that_a_process_makes_under_the_old_one_meanwhile_are_told_of(
    both: CommandLine, database: Database
) -> None:
    with held_up(both, database) as first, database.connect(Role.WRITER) as conn:
        vault = Vault([MasterKey.of(OLD)])
        vault.insert(conn, [vault.make(("late", "education"))])
    _, told = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "1 of them were made under an older master key while this ran" in told
    assert "before the older one is dropped" in told
    assert wrapped(database).keys() == {NEW}, "that one too"
    assert "0 keys rewrapped" in both.run("keys", "rotate").stderr


def test_the_documented_sequence_keeps_everything_open_at_every_step(
    old: CommandLine, both: CommandLine, database: Database
) -> None:
    def readable(line: CommandLine) -> bool:
        return line.run("students").stdout.count("OR554") == 2

    def made(line: CommandLine, night: str) -> None:
        """A service under these keys takes a new child."""
        path = Path(str(line.folder), f"{night}.txt")
        ssid = f"|OR{night[-7:]}"
        text = EXAMPLE.read_text().replace("20250902020000000", f"{night}020000000")
        path.write_text(text.replace("|OR5540012", ssid), encoding="utf-8")
        line.run("submit", path, code=None)

    first = old.but(master_key=f"{OLD.hex()},{NEW.hex()}")
    made(first, "20250903")
    assert wrapped(database).keys() == {OLD}, "the old one wraps, the new one only opens"
    made(both, "20250904")
    assert wrapped(database).keys() == {OLD, NEW}
    assert readable(first), "a service that was not started again yet opens what the others made"
    both.run("keys", "rotate")
    assert wrapped(database).keys() == {NEW}
    assert readable(first)
    assert readable(old.but(master_key=NEW.hex()))


def test_the_doctor_says_how_many_keys_each_master_key_still_wraps(
    old: CommandLine, both: CommandLine, database: Database
) -> None:
    def told(line: CommandLine) -> list[tuple[bool | None, str]]:
        done = line.json("doctor", code=1)  # for the settings of a server for tests
        return [(found["ok"], found["what"]) for found in done if found["name"] == "keys"]

    by_old, by_new = (MasterKey.of(secret).fingerprint.hex() for secret in (OLD, NEW))
    count = wrapped(database)[OLD]
    [(ok, what)] = told(old)
    assert ok is True, what
    assert f"wrapped: {count} by {by_old}" in what
    whole, left = told(both)
    assert whole == (True, f"{count} keys open under the master key at hand (wrapped: {count} by {by_old}).")
    assert left[0] is None
    assert left[1].startswith(f"{count} of {count} keys are still wrapped by another master key than {by_new}")
    both.run("keys", "rotate")
    [(ok, what)] = told(both)
    assert ok is True
    assert f"wrapped: {wrapped(database)[NEW]} by {by_new}" in what
    [(ok, what)] = told(old)
    assert ok is False
    assert f"by {by_new}" in what


def test_the_same_key_twice_is_one_key(old: CommandLine) -> None:
    twice = old.but(master_key=f"{OLD.hex()},{OLD.hex()}")
    told = twice.run("keys", "rotate", code=1).stderr
    assert "one master key only" in told
    assert '"OLD,NEW"' in told


def test_what_is_told_names_the_key_that_wraps_now(both: CommandLine) -> None:
    assert f"under master key {MasterKey.of(NEW).fingerprint.hex()}" in both.run("keys", "rotate").stderr


# -- the key file of the embedded server


@pytest.fixture
def embedded() -> Iterator[CommandLine]:
    with reachable_tmp() as folder:
        line = CommandLine(folder, data=folder / "d", actor="operator anna")
        line.run("submit", EXAMPLE)
        yield line


def test_on_the_embedded_server_too_a_second_rotation_is_told_who_is_at_work(embedded: CommandLine) -> None:
    data = Path(str(embedded.settings["data"]))
    before = (data / "master.key").read_text()
    descriptor = open_lock(data / ROTATION)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.pwrite(descriptor, b"process 4711 of tom on db1", 0)
        done = embedded.run("keys", "rotate", code=1)
    finally:
        release(descriptor)
    assert "under way: process 4711 of tom on db1." in done.stderr
    assert (data / "master.key").read_text() == before
    embedded.run("keys", "rotate")
    assert (data / ROTATION).read_text().startswith("process ")


def test_rotations_at_once_on_the_embedded_server_lose_no_key(embedded: CommandLine) -> None:
    running = [embedded.start("keys", "rotate", stdout=-1, stderr=-1) for _ in range(3)]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert {code for _, code in ended} <= {0, 1}
    assert 0 in {code for _, code in ended}, ended
    assert all("under way" in told or "uses the embedded server" in told for told, code in ended if code)
    assert embedded.run("students").stdout.count("OR554") == 2
    key = Path(str(embedded.settings["data"])) / "master.key"
    assert len(key.read_text().split()) == 1


def test_what_a_killed_rotation_left_of_its_keys_is_removed(embedded: CommandLine) -> None:
    data = Path(str(embedded.settings["data"]))
    (data / ".master.key.half").write_text("ef" * 32)
    embedded.run("keys", "rotate")
    assert not list(data.glob(".master.key.*"))


def test_a_rotation_whose_connection_goes_lets_another_begin(both: CommandLine, database: Database) -> None:
    """The lock is the connection's that rewraps: nobody has to clear it away."""
    with held_up(both, database) as first:
        (pid,) = waiting(database)[0]
        with database.connect() as admin:
            admin.execute("select pg_terminate_backend(%s)", (pid,))
        _, told = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "Traceback" not in told
    both.run("keys", "rotate")
    with psycopg.connect(database.admin) as conn:
        left = "select count(*) from pg_locks join pg_database d on d.oid = database where locktype = 'advisory'"
        assert conn.execute(f"{left} and datname = current_database()".encode()).fetchone() == (0,)
