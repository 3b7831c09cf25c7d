"""The embedded server, always a real one: started, shared, killed at any moment, and found again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ledger.errors import StoreUnavailable
from ledger.store import embedded
from ledger.store.data_folder import server_user
from ledger.store.embedded import EmbeddedServer
from support.parts import need
from support.servers import FAST, Process, keep_rows, kept, reachable_tmp, setting

USER_OF_THE_SERVER = """
    server = EmbeddedServer(Path(sys.argv[1]), settings=FAST)
    server.start()
    print(server.pid(), flush=True)
    sys.stdin.readline()
    server.stop()
"""


@pytest.fixture
def tmp() -> Iterator[Path]:
    with reachable_tmp() as folder:
        yield folder


@pytest.fixture
def data(tmp: Path) -> Path:
    return tmp / "d"


def wait_until(true, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Life


def test_a_server_starts_stops_and_starts_again_with_its_rows(data: Path) -> None:
    server = EmbeddedServer(data)
    assert not data.exists()
    server.start()
    server.start()
    keep_rows(server, 7)
    server.stop()
    assert server.pid() is None
    server.stop()
    with server:
        assert kept(server) == 7


def test_the_server_is_durable_silent_on_the_network_and_leaves_no_old_segments(data: Path) -> None:
    with EmbeddedServer(data) as server:
        shown = {
            name: setting(server, name)
            for name in ("fsync", "synchronous_commit", "wal_recycle", "listen_addresses", "data_checksums")
        }
        assert shown == {
            "fsync": "on",
            "synchronous_commit": "on",
            "wal_recycle": "off",
            "listen_addresses": "",
            "data_checksums": "on",
        }
        assert setting(server, "max_connections") == "200"
        if int(setting(server, "server_version_num")) >= 170000:
            assert setting(server, "summarize_wal") == "on"


def test_the_order_of_texts_is_that_of_code_points(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server, psycopg.connect(server.conninfo("postgres")) as connection:
        rows = connection.execute("SELECT n FROM unnest(ARRAY['é', 'b', 'a', 'B', 'ñ', '_']) n ORDER BY n").fetchall()
        assert "".join(n for (n,) in rows) == "B_abéñ"
        row = connection.execute("SELECT upper('ñandú')").fetchone()
        assert row == ("ÑANDÚ",)


def test_a_setting_given_overrides_and_a_path_with_a_quote_is_taken(tmp: Path) -> None:
    with EmbeddedServer(tmp / "it's a folder", settings={"work_mem": "5MB", "search_path": "a'b\\c"}) as server:
        assert setting(server, "work_mem") == "5MB"
        assert setting(server, "search_path") == "a'b\\c"


def test_a_role_logs_in_as_itself_over_the_socket(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE reader LOGIN")
        with psycopg.connect(server.conninfo("postgres", user="reader")) as connection:
            assert connection.execute("SELECT session_user").fetchone() == ("reader",)


def test_a_database_is_made_once(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        server.ensure_database("odd \"name'")
        server.ensure_database("odd \"name'")
        with psycopg.connect(server.conninfo("odd \"name'")) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("odd \"name'",)


def test_a_database_of_a_server_that_is_away_is_refused_with_words(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        pass
    with pytest.raises(StoreUnavailable, match="database sojourn could not be made"):
        server.ensure_database("sojourn")


def test_the_log_quotes_no_value_of_a_failing_statement(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        keep_rows(server, 1)
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE TABLE names (name text PRIMARY KEY, born date)")
            connection.execute("INSERT INTO names VALUES ('Maribel')")
            for statement in (
                "INSERT INTO names VALUES ('Maribel')",
                "INSERT INTO names VALUES ('x', 'Maribel')",
                "SELECT * FROM names_of WHERE name = 'Maribel'",
            ):
                with pytest.raises(psycopg.Error):
                    connection.execute(statement)
    assert "ready to accept connections" in server.log_file.read_text()
    assert "Maribel" not in server.log_file.read_text()


def test_a_long_log_is_put_aside_at_the_next_start(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        pass
    with server.log_file.open("a") as log:
        log.truncate(embedded.LOG_BYTES_MAX + 1)
    with server:
        assert server.log_file.stat().st_size < 10_000
    assert (data / "server.log.1").exists()


# Sharing


def test_two_processes_share_one_server_and_the_last_one_stops_it(data: Path) -> None:
    first = Process(USER_OF_THE_SERVER, data)
    pid = first.hear()
    second = Process(USER_OF_THE_SERVER, data)
    assert second.hear() == pid
    first.end()
    server = EmbeddedServer(data)
    assert str(server.pid()) == pid
    second.end()
    assert server.pid() is None


def test_two_objects_of_one_process_are_two_users(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as one:
        with EmbeddedServer(data) as other:
            assert one.pid() == other.pid()
        assert one.pid() is not None
    assert one.pid() is None


def test_four_processes_that_start_at_once_on_nothing_get_one_server(data: Path) -> None:
    processes = [Process(USER_OF_THE_SERVER, data) for _ in range(4)]
    assert len({process.hear() for process in processes}) == 1
    for process in processes:
        process.end()
    assert EmbeddedServer(data).pid() is None


def test_a_forked_child_that_ends_takes_nothing_with_it(data: Path) -> None:
    code = """
    server = EmbeddedServer(Path(sys.argv[1]), settings=FAST)
    server.start()
    if os.fork() == 0:
        with EmbeddedServer(Path(sys.argv[1])):
            pass
        server.stop()
        os._exit(0)
    os.wait()
    with EmbeddedServer(Path(sys.argv[1])):
        pass
    print(server.pid() is not None)
    server.stop()
    print(server.pid())
    """
    assert Process(code, data).end().split() == ["True", "None"]


# Kills


def test_after_its_owner_is_killed_the_next_process_takes_the_server_over_and_stops_it(data: Path) -> None:
    owner = Process(USER_OF_THE_SERVER, data)
    pid = owner.hear()
    owner.kill()
    server = EmbeddedServer(data)
    assert str(server.pid()) == pid
    with server:
        assert str(server.pid()) == pid
    assert server.pid() is None


def test_after_the_server_is_killed_its_users_start_it_again_with_every_row(data: Path) -> None:
    # Durable settings: a kill is not a power cut, but the rows must come from the WAL.
    with EmbeddedServer(data) as server, EmbeddedServer(data) as other:
        keep_rows(server, 1000)
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        server.start()
        assert server.pid() != pid
        assert kept(other) == 1000
        other.start()
    assert server.pid() is None


def test_after_the_server_and_all_its_users_are_killed_the_next_process_has_every_row(data: Path) -> None:
    owner = Process(
        """
        server = EmbeddedServer(Path(sys.argv[1]))
        server.start()
        server.ensure_database("sojourn")
        with psycopg.connect(server.conninfo()) as c:
            c.execute("CREATE TABLE kept (n int)")
            c.execute("INSERT INTO kept VALUES (1)")
        print(server.pid(), flush=True)
        time.sleep(60)
        """,
        data,
    )
    pid = int(owner.hear())
    os.kill(pid, signal.SIGKILL)
    owner.kill()
    with EmbeddedServer(data) as server:
        assert kept(server) == 1


def test_a_busy_child_of_a_killed_server_is_ended_before_the_next_server_starts(data: Path) -> None:
    with EmbeddedServer(data) as server:
        keep_rows(server, 1)
        # A loop in the executor never looks whether its server lives.
        busy = Process(
            """
            with psycopg.connect(sys.argv[1], autocommit=True) as c:
                print(c.info.backend_pid, flush=True)
                try:
                    c.execute("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
                except psycopg.OperationalError:
                    print("ended")
            """,
            server.conninfo(),
        )
        child = int(busy.hear())
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        assert Path(f"/proc/{child}").exists()
        server.start()
        assert kept(server) == 1
        assert busy.end() == "ended"


def test_a_starter_killed_at_any_moment_leaves_a_folder_that_starts(tmp: Path) -> None:
    # initdb runs until about 0.4 s, the server is up at about 0.6 s.
    for n, seconds in enumerate((0.15, 0.3, 0.45, 0.6, 0.75)):
        data = tmp / str(n)
        starter = Process(USER_OF_THE_SERVER, data)
        wait_until(data.exists)
        time.sleep(seconds)
        starter.kill()
        with EmbeddedServer(data, settings=FAST) as server:
            keep_rows(server, 1)
            assert kept(server) == 1
        assert server.pid() is None


# Stale files


@pytest.mark.parametrize("stranger", ["a living process", "a zombie", "a process that is gone", "nothing readable"])
def test_stale_files_are_seen_through(data: Path, stranger: str) -> None:
    with EmbeddedServer(data) as server:
        keep_rows(server, 3)
        pid = server.pid()
        assert pid is not None
        # Both files, as a crash leaves them.
        locks = {path: path.read_text() for path in (server.pgdata / "postmaster.pid", lock_of_socket(server))}
    user = server_user(data, server.pgdata)
    # Of the server's own user, or PostgreSQL itself would know better.
    process = subprocess.Popen(["sleep", "60"], user=user.pw_uid if user else None)
    if stranger != "a living process":
        process.kill()
    if stranger == "a zombie":
        wait_until(lambda: " Z " in Path(f"/proc/{process.pid}/stat").read_text())
    elif stranger != "a living process":
        process.wait()
    for path, text in locks.items():
        path.write_text("" if stranger == "nothing readable" else text.replace(str(pid), str(process.pid), 1))
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
    try:
        assert server.pid() is None
        with server:
            assert kept(server) == 3
        assert stranger != "a living process" or process.poll() is None
    finally:
        process.kill()
        process.wait()


def lock_of_socket(server: EmbeddedServer) -> Path:
    return server.socket_folder / ".s.PGSQL.5432.lock"


def test_a_folder_that_was_moved_while_its_server_ran_is_the_same_server(tmp: Path) -> None:
    with EmbeddedServer(tmp / "a", settings=FAST) as server:
        keep_rows(server, 2)
        (tmp / "a").rename(tmp / "b")
        with EmbeddedServer(tmp / "b") as moved:
            assert moved.pid() is not None
            assert kept(moved) == 2
        (tmp / "b").rename(tmp / "a")
    assert server.pid() is None


def test_a_copy_of_a_folder_whose_server_runs_gets_a_server_of_its_own(tmp: Path) -> None:
    with EmbeddedServer(tmp / "a") as server:
        keep_rows(server, 2)
        with psycopg.connect(server.conninfo()) as connection:
            connection.execute("CHECKPOINT")
        subprocess.run(["cp", "-a", str(tmp / "a"), str(tmp / "b")], check=True)
        with EmbeddedServer(tmp / "b") as copy:
            assert copy.pid() != server.pid()
            assert kept(copy) == 2
        assert kept(server) == 2


# PostgreSQL of the distribution


def test_the_oldest_postgresql_of_the_distribution_works_too(tmp: Path) -> None:
    binaries = need("pg15")
    with EmbeddedServer(tmp / "d", settings={"work_mem": "5MB"}, binaries=binaries) as server:
        assert server.binaries == binaries
        assert int(setting(server, "server_version_num")) // 10000 == int(binaries.parent.name)
        keep_rows(server, 5)
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        server.start()
        assert kept(server) == 5
