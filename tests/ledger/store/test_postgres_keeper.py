"""The embedded server under its keeper: killed, hindered, gone, and the real server each time."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from ledger.store.embedded import EmbeddedServer
from ledger.store.postgres_keeper import kept_running
from support.servers import FAST, keep_rows, kept, reachable_tmp


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of this test's own, in use."""
    with reachable_tmp() as folder, EmbeddedServer(folder / "d", settings=FAST) as running:
        yield running


def kill(server: EmbeddedServer) -> int:
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def said(told: Sequence[MutableMapping[str, Any]], event: str) -> int:
    return sum(line["event"] == event for line in told)


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_was_killed_is_started_again_with_every_row() -> None:
    # Durable settings: the rows must come from the WAL.
    with reachable_tmp() as folder, EmbeddedServer(folder / "d") as server:
        keep_rows(server, 7)
        with kept_running(server), capture_logs() as told:
            for n in (1, 2):
                gone = kill(server)
                until(lambda lines=2 * n: len(told) == lines)
                assert server.pid() not in {None, gone}
                assert kept(server) == 7
    assert [line["event"] for line in told] == [
        "PostgreSQL has ended, starting it again",
        "PostgreSQL runs again",
    ] * 2
    assert told[0]["see"] == str(server.log_file)


def test_two_services_that_keep_it_start_one(server: EmbeddedServer) -> None:
    with EmbeddedServer(server.data) as other, kept_running(server), kept_running(other), capture_logs() as told:
        gone = kill(server)
        # It has a process before it takes anybody in: whoever starts it says so once it does.
        until(lambda: said(told, "PostgreSQL runs again") == said(told, "PostgreSQL has ended, starting it again") > 0)
        assert server.pid() not in {None, gone}
        time.sleep(1.2)
        assert server.pid() == other.pid()
        keep_rows(other, 1)
        assert kept(server) == 1


def test_a_server_that_cannot_be_started_is_tried_without_haste_and_told_with_the_remedy(
    server: EmbeddedServer,
) -> None:
    version = server.pgdata / "PG_VERSION"
    right = version.read_text()
    with kept_running(server), capture_logs() as told:
        version.write_text("9\n")
        kill(server)
        time.sleep(5)
        tries = [line for line in told if "cannot be started" in line["event"]]
        version.write_text(right)
        until(lambda: server.pid() is not None)
        until(lambda: told[-1]["event"] == "PostgreSQL runs again")
    assert 2 <= len(tries) <= 4
    assert tries[0]["what"].startswith("The data in")
    assert "SOJOURN_PG_BIN" in tries[0]["remedy"]
    pauses = [line["again_in_seconds"] for line in tries]
    assert pauses == sorted(set(pauses)), "each longer than the one before"


def test_data_that_is_gone_is_not_made_anew(server: EmbeddedServer) -> None:
    aside = server.data / "aside"
    with kept_running(server), capture_logs() as told:
        keep_rows(server, 3)
        kill(server)
        server.pgdata.rename(aside)
        until(lambda: any("is gone" in line.get("what", "") for line in told))
        assert not server.pgdata.exists()
        aside.rename(server.pgdata)
        until(lambda: told[-1]["event"] == "PostgreSQL runs again")
        assert kept(server) == 3


def test_a_server_that_its_last_user_has_stopped_stays_so() -> None:
    with reachable_tmp() as folder:
        with EmbeddedServer(folder / "d", settings=FAST) as server, kept_running(server):
            pass
        time.sleep(1.2)
        assert server.pid() is None


def test_a_database_by_url_is_its_operator_s_to_keep() -> None:
    with kept_running(None):
        pass


def test_a_folder_that_is_gone_whole_is_not_made_anew_either() -> None:
    with reachable_tmp() as folder:
        server = EmbeddedServer(folder / "d", settings=FAST)
        server.start()
        with kept_running(server), capture_logs() as told:
            kill(server)
            shutil.rmtree(server.data)
            until(lambda: any("is gone" in line.get("what", "") for line in told))
            assert not server.data.exists()
            server.data.mkdir(mode=0o711)  # so that its end finds its locks
        server.stop()
