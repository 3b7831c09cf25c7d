"""Waiters are woken by PostgreSQL's announcements, also after the connection was lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from api.announcements import Announcements
from ledger.store.database import Database, Role
from support.databases import Template, bare


@pytest.fixture(scope="module")
def template() -> Template:
    """Positions are a test's own here."""
    return bare


def follow(database: Database, story: Callable[[Announcements, psycopg.AsyncConnection], Awaitable[None]]) -> None:
    """Run a story beside a watcher that listens, with a connection that announces."""

    async def run() -> None:
        announcements = Announcements(database.conninfo(Role.PROJECTOR))
        async with (
            await psycopg.AsyncConnection.connect(database.conninfo(), autocommit=True) as connection,
            announcements.listening(),
        ):
            await until(lambda: announcements.connected)
            await story(announcements, connection)

    asyncio.run(asyncio.wait_for(run(), 30))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


async def announce(connection: psycopg.AsyncConnection, channel: str, payload: str) -> None:
    await connection.execute("select pg_notify(%s, %s)", (channel, payload))


def test_a_waiter_is_woken_when_its_position_is_announced(database: Database) -> None:
    async def story(announcements: Announcements, connection: psycopg.AsyncConnection) -> None:
        waiting = asyncio.create_task(announcements.reached("students", 7))
        await announce(connection, "projected", "students:6")
        await until(lambda: announcements.position("students") == 6)
        assert not waiting.done()
        await announce(connection, "projected", "students:9")
        assert await waiting
        assert await announcements.reached("students", 9, 0)

    follow(database, story)


def test_logs_announce_their_heads(database: Database) -> None:
    async def story(announcements: Announcements, connection: psycopg.AsyncConnection) -> None:
        waiting = asyncio.gather(announcements.reached("ledger", 3), announcements.reached("access", 2))
        await announce(connection, "ledger_events", "3")
        await announce(connection, "access_events", "2")
        assert await waiting == [True, True]

    follow(database, story)


def test_a_position_that_does_not_come_is_not_reached(database: Database) -> None:
    async def story(announcements: Announcements, _: psycopg.AsyncConnection) -> None:
        began = time.monotonic()
        assert not await announcements.reached("students", 1, 0.2)
        assert 0.15 < time.monotonic() - began < 5
        assert announcements._waiters["students"] == [], "who gave up is forgotten"

    follow(database, story)


def test_a_position_never_goes_back(database: Database) -> None:
    async def story(announcements: Announcements, connection: psycopg.AsyncConnection) -> None:
        await announce(connection, "projected", "students:9")
        await announce(connection, "projected", "students:4")
        await announce(connection, "projected", "last:1")
        await announcements.reached("last", 1)
        assert announcements.position("students") == 9

    follow(database, story)


def test_what_was_committed_before_listening_is_known(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("insert into tracking.positions values ('students', 41)")

    async def story(announcements: Announcements, _: psycopg.AsyncConnection) -> None:
        assert announcements.position("students") == 41

    follow(database, story)


def test_what_happened_while_the_connection_was_lost_is_caught_up(database: Database) -> None:
    async def story(announcements: Announcements, connection: psycopg.AsyncConnection) -> None:
        waiting = asyncio.create_task(announcements.reached("students", 5))
        await asyncio.sleep(0)
        # One transaction, so that the position is there before the watcher can be back; nobody announces it.
        async with connection.transaction():
            await connection.execute("insert into tracking.positions values ('students', 5)")
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        assert await waiting
        await until(lambda: announcements.connected)

    follow(database, story)


def test_after_a_crash_of_postgresql_a_read_model_may_stand_further_back(database: Database) -> None:
    async def story(announcements: Announcements, connection: psycopg.AsyncConnection) -> None:
        # Announced, and lost with what had not reached the disk.
        await announce(connection, "projected", "students:9")
        await until(lambda: announcements.position("students") == 9)
        async with connection.transaction():
            await connection.execute("insert into tracking.positions values ('students', 5)")
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        await until(lambda: announcements.position("students") == 5)

    follow(database, story)


def test_an_announcement_that_is_none_is_passed_over(database: Database) -> None:
    async def story(announcements: Announcements, connection: psycopg.AsyncConnection) -> None:
        for channel, payload in (("projected", "students"), ("projected", "students:all"), ("ledger_events", "")):
            await announce(connection, channel, payload)
        await announce(connection, "projected", "students:3")
        assert await announcements.reached("students", 3, 10)
        assert announcements.connected

    follow(database, story)
