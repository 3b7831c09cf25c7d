"""Read models are asked until they reflect a position, past whatever stands between: a crash, a restart, a replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.testclient import TestClient

from api.app import create_app
from api.reading import ask
from api.services import Services
from ledger.application import Ledger
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from projections import PROJECTIONS
from projections.projectors import Projectors
from support.bodies import ENROLLMENT, RECORD, student
from support.replicas import replica_of

CONNECTIONS = 4

T = TypeVar("T")


# -- a position is told by the rows


@pytest.fixture
def child(oregon: TestClient) -> dict[str, Any]:
    """A student whom the read model knows."""
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT])).json()
    oregon.get(f"/v1/students/{answer['student_id']}?at_least={answer['position']}").raise_for_status()
    return answer


def enroll(client: TestClient, ssid: str = "OR5540012") -> int:
    """One more enrollment; its position."""
    path = f"/v1/records/OR/{ssid}/enrollments"
    answer = client.post(path, json={**ENROLLMENT, "enrollment_date": "2025-08-25"})
    assert answer.status_code == 201
    return answer.json()["position"]


def announce(database: Database, services: Services, name: str, position: int) -> None:
    """What a projector says at its commit; then PostgreSQL crashed, and took the commit along."""
    with database.connect() as connection:
        connection.execute("select pg_notify('projected', %s)", (f"{name}:{position}",))
    deadline = time.monotonic() + 10
    while services.announcements.position(name) < position:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_position_that_was_announced_and_lost_in_a_crash_is_not_reached(
    oregon: TestClient, child: dict[str, Any], database: Database, services: Services, projectors: Projectors
) -> None:
    projectors.stop()
    position = enroll(oregon)
    announce(database, services, "students", position)
    answer = oregon.get(f"/v1/students/{child['student_id']}?at_least={position}")
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/projection-behind"
    assert answer.json()["position"] == child["position"]


def test_nor_is_a_student_of_whom_only_the_announcement_knows_called_unknown(
    oregon: TestClient, child: dict[str, Any], database: Database, services: Services, projectors: Projectors
) -> None:
    projectors.stop()
    other = oregon.put("/v1/records/OR/OR2", json=student()).json()
    announce(database, services, "students", other["position"])
    assert oregon.get(f"/v1/students/{other['student_id']}?at_least={other['position']}").status_code == 503
    assert oregon.get(f"/v1/students/{other['student_id']}").status_code == 404


def test_a_reader_waits_for_what_was_lost_to_be_folded_again(
    oregon: TestClient,
    child: dict[str, Any],
    database: Database,
    services: Services,
    ledger: Ledger,
    projectors: Projectors,
) -> None:
    projectors.stop()
    position = enroll(oregon)
    announce(database, services, "students", position)
    again = Projectors(PROJECTIONS, database, ledger.logs)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(oregon.get, f"/v1/students/{child['student_id']}?at_least={position}")
        time.sleep(0.2)
        again.start()
        try:
            answer = waiting.result(10)
        finally:
            again.stop()
    assert answer.status_code == 200
    assert len(answer.json()["core"]["enrollments"]) == 2


def test_nor_does_a_lost_disclosure_leave_the_list_of_readers_short(
    oregon: TestClient, child: dict[str, Any], database: Database, services: Services, projectors: Projectors
) -> None:
    projectors.stop()
    address = f"/v1/students/{child['student_id']}"
    oregon.get(address).raise_for_status()
    announce(database, services, "disclosures", services.ledger.access.head())
    assert oregon.get(f"{address}/disclosures").status_code == 503


def test_a_read_whose_announcement_was_not_heard_is_answered_all_the_same(
    oregon: TestClient, child: dict[str, Any], services: Services
) -> None:
    services.announcements._positions.clear()
    answer = oregon.get(f"/v1/students/{child['student_id']}?at_least={child['position']}")
    assert answer.status_code == 200


def test_a_replica_that_lags_behind_never_passes_for_one_that_does_not(
    server: EmbeddedServer, database: Database, services: Services, projectors: Projectors, make_token
) -> None:
    with replica_of(server, database) as replica:
        reads: AsyncConnectionPool = AsyncConnectionPool(
            replica.database.conninfo(Role.READER), min_size=1, open=False, kwargs={"autocommit": True}
        )
        from_replica = replace(services, reads=reads, pools=[reads, services.feed, *services.pools[2:]])
        with TestClient(create_app(from_replica)) as client:
            client.headers["Authorization"] = f"Bearer {make_token()}"
            child = client.put(RECORD, json=student(enrollments=[ENROLLMENT])).json()
            address = f"/v1/students/{child['student_id']}?at_least="
            assert client.get(f"{address}{child['position']}").status_code == 200
            replica.hold_back()
            position = enroll(client)
            behind = client.get(f"{address}{position}")
            assert behind.status_code == 503
            assert behind.json()["position"] == child["position"]
            assert len(client.get(address + "0").json()["core"]["enrollments"]) == 1
            replica.go_on()
            assert len(client.get(f"{address}{position}").json()["core"]["enrollments"]) == 2


# -- connections that died in the pool


def asking(database: Database, story: Callable[[AsyncConnectionPool], Awaitable[T]], **more: Any) -> T:
    """Run a story over a pool of so many open connections of the reader."""

    async def run() -> T:
        pool: AsyncConnectionPool = AsyncConnectionPool(
            database.conninfo(Role.READER, name="asked"),
            min_size=CONNECTIONS,
            open=False,
            kwargs={"autocommit": True},
            reconnect_timeout=0,
            **more,
        )
        async with pool:
            await pool.wait()
            return await story(pool)

    return asyncio.run(asyncio.wait_for(run(), 60))


async def one(connection: psycopg.AsyncConnection[Any]) -> int:
    row = await (await connection.execute("select 1")).fetchone()
    assert row is not None
    return row[0]


def end_connections(database: Database) -> None:
    """As a restart does, all of them at once."""
    with database.connect() as admin:
        ended = admin.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'asked'"
            " and datname = current_database()"
        ).fetchall()
    assert len(ended) == CONNECTIONS


def test_every_connection_of_the_pool_may_be_dead(database: Database) -> None:
    async def story(pool: AsyncConnectionPool) -> list[int]:
        await asyncio.to_thread(end_connections, database)
        return [await ask(pool, one) for _ in range(3)]

    assert asking(database, story) == [1, 1, 1]


def test_a_database_that_gives_no_connection_is_asked_for_one_once(database: Database) -> None:
    async def story(pool: AsyncConnectionPool) -> float:
        pool.conninfo = "host=/nowhere connect_timeout=1"
        await asyncio.to_thread(end_connections, database)
        began = time.monotonic()
        with pytest.raises(PoolTimeout):
            await ask(pool, one)
        return time.monotonic() - began

    assert asking(database, story, timeout=1.0) < 3


def test_what_a_living_connection_says_is_not_asked_twice(database: Database) -> None:
    asked = 0

    async def too_long(connection: psycopg.AsyncConnection[Any]) -> None:
        nonlocal asked
        asked += 1
        await connection.execute("set statement_timeout = 50")
        await connection.execute("select pg_sleep(10)")

    async def story(pool: AsyncConnectionPool) -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            await ask(pool, too_long)

    asking(database, story)
    assert asked == 1
