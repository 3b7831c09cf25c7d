"""PostgreSQL goes while a file is taken: whatever its sender hears, what is named stays, and what is not goes.

His key tells him what became of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ledger.application import Ledger, RequestKey
from ledger.errors import OutcomeUnknown
from ledger.events import Meta
from ledger.intake.applying import Applying
from ledger.intake.uploads import Receiving, Spools, Taken, enqueue
from ledger.store import sequencer
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.delayed_commits import delay_commits
from support.files import NIGHT, student, write
from support.service_processes import open_store_of

Settings = dict[str, str]

ID = f"OR-{NIGHT}"
KEY = RequestKey(scope="token oregon", key="night-1", body_hash=b"of the file")
COMMIT_SECONDS = 2.0


@pytest.fixture
def settings(server: EmbeddedServer) -> Iterator[Settings]:
    with migrated_database(server) as named:
        yield named


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with open_store_of(settings) as store, store.ledger() as opened:
        yield opened


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(tmp_path / "uploads")


def send(ledger: Ledger, spools: Spools, folder: Path, key: RequestKey | None) -> Taken:
    """A file of one student, taken as the service does."""
    received = Receiving(spools)
    try:
        received.write(write(folder / "sent.txt", student(1)).read_bytes())
        with received.read():
            pass
        return enqueue(ledger, spools, received, ID, Meta(actor="nightly"), late=False, request=key)
    finally:
        received.close()


def left(spools: Spools) -> int:
    return len(list(spools.folder.glob("*.spool")))


def statuses(settings: Settings) -> list[str]:
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        return [status for (status,) in conn.execute("select status from ledger.uploads").fetchall()]


def in_time(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def at_commit(admin: psycopg.Connection[Any]) -> list[int]:
    """The sequencer's backend that is in its commit."""
    query = (
        "select pid from pg_stat_activity where datname = current_database()"
        " and application_name = 'sojourn ledger sequencer' and wait_event = 'PgSleep'"
    )
    return [pid for (pid,) in admin.execute(query).fetchall()]


def lose(admin: psycopg.Connection[Any], ledger: Ledger, *, committed: bool) -> None:
    """Take the connection from a commit that is under way: its line alone, or what commits as well."""
    in_time(lambda: at_commit(admin))
    if not committed:
        admin.execute("select pg_terminate_backend(%s)", at_commit(admin))
        return
    conn: psycopg.Connection[Any] | None = ledger.log.sequencer._conn
    assert conn is not None
    with socket.socket(fileno=os.dup(conn.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)  # PostgreSQL does not look at the line while it commits


@contextlib.contextmanager
def no_connections(server: EmbeddedServer, admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Nobody gets a connection to the database; those that are there stay."""
    name = sql.Identifier(admin.info.dbname)
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as other:
        other.execute(sql.SQL("alter database {} with allow_connections false").format(name))
        try:
            yield
        finally:
            other.execute(sql.SQL("alter database {} with allow_connections true").format(name))


@pytest.mark.parametrize("key", [None, KEY], ids=["without key", "with key"])
@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
def test_a_file_whose_commit_lost_its_answer_is_taken_once_and_stays(
    settings: Settings, ledger: Ledger, spools: Spools, tmp_path: Path, committed: bool, key: RequestKey | None
) -> None:
    with psycopg.connect(settings["database_url"], autocommit=True) as admin, ThreadPoolExecutor() as threads:
        delay_commits(admin, COMMIT_SECONDS, at_least=COMMIT_SECONDS)
        sent = threads.submit(send, ledger, spools, tmp_path, key)
        lose(admin, ledger, committed=committed)
        assert sent.result(30) == Taken(ID, None, replayed=False)
    assert (statuses(settings), left(spools)) == (["waiting"], 1)


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
def test_a_file_whose_outcome_is_unknown_stays_until_it_is_known_that_nobody_names_it(
    server: EmbeddedServer,
    settings: Settings,
    ledger: Ledger,
    spools: Spools,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
) -> None:
    """The process that sweeps begins while the commit is still under way."""
    monkeypatch.setattr(sequencer, "RECONNECT_SECONDS", 0.1)
    applying = Applying(ledger, Spools(spools.folder))
    with psycopg.connect(settings["database_url"], autocommit=True) as admin, ThreadPoolExecutor() as threads:
        delay_commits(admin, COMMIT_SECONDS, at_least=COMMIT_SECONDS)
        sent = threads.submit(send, ledger, spools, tmp_path, KEY)
        in_time(lambda: at_commit(admin))
        with no_connections(server, admin):
            lose(admin, ledger, committed=committed)
            with pytest.raises(OutcomeUnknown) as told:
                sent.result(30)
        assert "same Idempotency-Key" in told.value.remedy
        assert left(spools) == 1
        assert bool(at_commit(admin)) is committed
        applying.start()
        try:
            assert left(spools) == committed
            again = send(ledger, spools, tmp_path, KEY)
            assert (again.submission, again.replayed) == (ID, committed)
            in_time(lambda: statuses(settings) == ["done"])
            in_time(lambda: not left(spools))
        finally:
            applying.stop()
