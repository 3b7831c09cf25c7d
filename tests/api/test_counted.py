"""What goes wrong, or has to wait, is counted where it happens."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from prometheus_client import REGISTRY as NOT_OURS
from psycopg_pool import PoolTimeout
from starlette.testclient import TestClient

from api.pools import TimedPool
from api.services import Services
from ledger import telemetry
from ledger.errors import LogBroken
from ledger.ids import Uuid7Source
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.postgres_keeper import kept_running
from ledger.store.vault import MasterKey, Vault
from support.bodies import student
from support.servers import FAST, reachable_tmp


def counted(name: str, **labels: str) -> float:
    """The number of this process now."""
    return telemetry.REGISTRY.get_sample_value(name, labels) or 0.0


def test_nothing_is_counted_where_libraries_would_count() -> None:
    assert not [metric.name for metric in telemetry.declared() if metric.name in NOT_OURS._names_to_collectors]


def test_an_answer_withheld_for_want_of_its_entry_is_counted_and_so_is_the_writer_that_stopped(
    oregon: TestClient, services: Services
) -> None:
    child = oregon.put("/v1/records/OR/OR1", json=student()).json()
    path = f"/v1/students/{child['student_id']}?at_least={child['position']}"
    assert oregon.get(path).status_code == 200
    failures, stopped = counted("disclosure_failures_total"), counted("ledger_stopped_writers", log="access")
    shown = counted("disclosure_wait_seconds_count")
    services.ledger.access.sequencer.stop(LogBroken("An event does not open in its place."))
    services.ledger.access.sequencer.stop(LogBroken("Another does not either."))
    assert oregon.get(path).status_code == 500
    assert counted("disclosure_failures_total") == failures + 1
    assert counted("ledger_stopped_writers", log="access") == stopped + 1, "told once, however often it is found"
    assert counted("disclosure_wait_seconds_count") == shown


def test_a_ledger_that_closes_has_no_writer_that_stopped(new_ledger, database: Database) -> None:
    stopped = counted("ledger_stopped_writers", log="ledger")
    new_ledger(database).close()
    assert counted("ledger_stopped_writers", log="ledger") == stopped


def test_a_key_is_counted_by_where_it_was_found(database: Database) -> None:
    vault = Vault([MasterKey.of(bytes(range(32)))])
    subject = (Uuid7Source(time.time_ns, os.urandom).next().hex(), "education")
    with database.connect(Role.WRITER) as connection:
        memory, stored = (counted("vault_keys_total", found=found) for found in ("memory", "vault"))
        key = vault.load(connection, [subject])[subject]
        assert counted("vault_keys_total", found="vault") == stored + 1
        vault.load(connection, [subject])
        vault.open_keys(connection, [key.key_id])
    assert counted("vault_keys_total", found="memory") == memory + 2
    assert counted("vault_keys_total", found="vault") == stored + 1


async def _wait_for_a_second_connection(pool: TimedPool) -> None:
    async with pool, pool.connection():
        with pytest.raises(PoolTimeout):
            await pool.getconn(timeout=0.2)


def test_a_wait_for_a_connection_is_counted_also_where_none_comes(database: Database) -> None:
    before = counted("database_pool_wait_seconds_count", pool="api")
    long = counted("database_pool_wait_seconds_bucket", pool="api", le="0.12")
    pool = TimedPool(database.conninfo(Role.READER), min_size=1, max_size=1, open=False)
    asyncio.run(_wait_for_a_second_connection(pool))
    assert counted("database_pool_wait_seconds_count", pool="api") == before + 2
    assert counted("database_pool_wait_seconds_bucket", pool="api", le="0.12") <= long + 1


def test_a_server_that_was_started_again_is_counted() -> None:
    with reachable_tmp() as folder, EmbeddedServer(folder / "d", settings=FAST) as server, kept_running(server):
        before = counted("embedded_server_restarts_total")
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while counted("embedded_server_restarts_total") == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert counted("embedded_server_restarts_total") == before + 1
