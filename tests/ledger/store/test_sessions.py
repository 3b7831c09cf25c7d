"""Sessions: they end when idle, when old, when ended, and within a second everywhere; and tell when they will."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from ledger.store.database import Database, Role
from ledger.store.sessions import (
    ABSOLUTE,
    IDLE,
    PREFIX,
    SEEN_EVERY,
    Made,
    Session,
    Sessions,
    end,
    end_all,
    forget,
    open_of,
)
from ledger.store.sessions import make as make_session

T = TypeVar("T")
EVE = datetime(2028, 2, 28, 22, tzinfo=UTC)
ANNA, BEN = uuid.UUID(int=1), uuid.UUID(int=2)
MINUTE, INSTANT = timedelta(minutes=1), timedelta(microseconds=1)


class Time:
    """A clock, and the seconds that the cache counts, both moved by the test."""

    def __init__(self) -> None:
        self.now = EVE
        self.ticks = 0.0


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect(Role.WRITER) as conn:
        yield conn


def made(conn: psycopg.Connection, account: uuid.UUID = ANNA, now: datetime = EVE) -> Made:
    return make_session(conn, account=account, grant="grant 7", method="local", now=now)


def ask(database: Database, story: Callable[[Sessions, Time], Awaitable[T]], *, ttl_s: float = 0) -> T:
    async def run() -> T:
        hands = Time()
        pool: AsyncConnectionPool = AsyncConnectionPool(
            database.conninfo(Role.WRITER), min_size=1, open=False, kwargs={"autocommit": True}
        )
        async with pool:
            return await story(Sessions(pool, clock=lambda: hands.now, ttl_s=ttl_s, ticks=lambda: hands.ticks), hands)

    return asyncio.run(run())


def found_at(database: Database, secret: str, *instants: datetime) -> list[Session | None]:
    async def story(sessions: Sessions, hands: Time) -> list[Session | None]:
        found = []
        for instant in instants:
            hands.now = instant
            found.append(await sessions.lookup(secret))
        return found

    return ask(database, story)


def test_a_secret_opens_and_is_kept_nowhere(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)
    assert given.secret.startswith(PREFIX)
    assert len(given.secret) == len(PREFIX) + 64, "32 bytes of chance"
    [session] = found_at(database, given.secret, EVE)
    assert session is not None
    assert session == given.session
    assert (session.account, session.grant, session.method) == (ANNA, "grant 7", "local")
    assert (session.made_at, session.ends_at, session.idle_ends_at) == (EVE, EVE + ABSOLUTE, EVE + IDLE)
    rows = str(conn.execute("select s::text from ledger.sessions s").fetchall())
    assert given.secret.removeprefix(PREFIX) not in rows
    assert given.secret != made(conn).secret


@pytest.mark.parametrize("secret", ["", PREFIX, "soj_" + "0" * 64, PREFIX + "0" * 64, PREFIX + "ñ" * 64, "\ud800" * 69])
def test_what_was_never_given_out_opens_nothing(database: Database, conn: psycopg.Connection, secret: str) -> None:
    made(conn)
    assert found_at(database, secret, EVE) == [None]


def test_a_session_ends_when_it_was_idle_for_its_time(database: Database, conn: psycopg.Connection) -> None:
    last, over = EVE + IDLE - INSTANT, EVE + IDLE
    assert found_at(database, made(conn).secret, over) == [None]
    secret = made(conn).secret
    [kept] = found_at(database, secret, last)
    assert kept is not None
    assert kept.idle_ends_at == last + IDLE, "it was used, and says until when that holds"
    assert [bool(one) for one in found_at(database, secret, last + IDLE - INSTANT, last + 2 * IDLE)] == [True, False]


def test_a_session_that_is_always_used_ends_at_last_also_over_a_leap_day(
    database: Database, conn: psycopg.Connection
) -> None:
    secret = made(conn).secret
    steps = int(ABSOLUTE / (10 * MINUTE))
    found = found_at(database, secret, *(EVE + n * 10 * MINUTE for n in range(1, steps)))
    assert all(found)
    assert found[-1] is not None
    assert found[-1].idle_ends_at == found[-1].ends_at == datetime(2028, 2, 29, 10, tzinfo=UTC), "the earlier of both"
    assert found_at(database, secret, EVE + ABSOLUTE - INSTANT, EVE + ABSOLUTE)[1] is None


def test_when_it_was_seen_is_written_once_a_minute_at_most(database: Database, conn: psycopg.Connection) -> None:
    secret = made(conn).secret

    def seen() -> datetime:
        row = conn.execute("select seen_at from ledger.sessions").fetchone()
        assert row is not None
        return row[0]

    [early] = found_at(database, secret, EVE + SEEN_EVERY - INSTANT)
    assert seen() == EVE
    assert early is not None
    assert early.idle_ends_at == EVE + IDLE, "it ends when it says, and not later"
    found_at(database, secret, EVE + SEEN_EVERY)
    assert seen() == EVE + SEEN_EVERY
    found_at(database, secret, EVE)
    assert seen() == EVE + SEEN_EVERY, "a clock that lags takes nothing back"


def test_a_page_that_asks_how_long_it_has_left_keeps_nothing_awake(
    database: Database, conn: psycopg.Connection
) -> None:
    secret = made(conn).secret

    async def story(sessions: Sessions, hands: Time) -> list[Session | None]:
        found = []
        for minutes in (5, 10, 19, 20):
            hands.now = EVE + minutes * MINUTE
            found.append(await sessions.lookup(secret, keep_awake=False))
        return found

    *before, after = ask(database, story)
    assert [one.idle_ends_at for one in before if one] == [EVE + IDLE] * 3
    assert after is None


def test_an_ended_session_answers_nobody_after_the_caches_second(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)

    async def story(sessions: Sessions, hands: Time) -> list[bool]:
        found = [await sessions.lookup(given.secret)]
        assert end_all(conn, ANNA, now=EVE) == 1
        hands.ticks = 0.99
        found.append(await sessions.lookup(given.secret))
        hands.ticks = 1.0
        found.append(await sessions.lookup(given.secret))
        return [one is not None for one in found]

    assert ask(database, story, ttl_s=1) == [True, True, False]


def test_whoever_signs_out_is_out_at_once_where_he_did(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)

    async def story(sessions: Sessions, _: Time) -> Session | None:
        assert await sessions.lookup(given.secret)
        assert end(conn, given.session.id, now=EVE)
        sessions.forget(given.secret)
        return await sessions.lookup(given.secret)

    assert ask(database, story, ttl_s=60) is None
    assert not end(conn, given.session.id, now=EVE), "again is nothing"


def test_one_is_ended_by_its_own_account_only(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)
    assert not end(conn, given.session.id, now=EVE, account=BEN)
    assert found_at(database, given.secret, EVE) == [given.session]
    assert end(conn, given.session.id, now=EVE, account=ANNA)
    assert found_at(database, given.secret, EVE) == [None]


def test_all_of_an_account_end_but_the_one_that_is_named(database: Database, conn: psycopg.Connection) -> None:
    kept, *others = (made(conn) for _ in range(3))
    bens = made(conn, BEN)
    assert end_all(conn, ANNA, now=EVE, but=kept.session.id) == 2
    assert [found_at(database, one.secret, EVE)[0] is None for one in (kept, *others, bens)] == [
        False,
        True,
        True,
        False,
    ]
    assert end_all(conn, ANNA, now=EVE) == 1


def test_the_open_ones_of_an_account_are_listed(conn: psycopg.Connection) -> None:
    old, ended = made(conn, now=EVE - IDLE), made(conn)
    first, second = made(conn, now=EVE + INSTANT), made(conn, now=EVE + 2 * INSTANT)
    made(conn, BEN)
    end(conn, ended.session.id, now=EVE)
    listed = [one.id for one in open_of(conn, ANNA, now=EVE + MINUTE)]
    assert listed == [second.session.id, first.session.id]
    assert old.session.id not in listed


def test_what_a_caller_takes_back_was_never_ended(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)
    with conn.transaction(force_rollback=True):
        assert end_all(conn, ANNA, now=EVE) == 1
    assert found_at(database, given.secret, EVE) == [given.session]


def test_requests_of_one_page_ask_once_and_write_once(database: Database, conn: psycopg.Connection) -> None:
    secret = made(conn).secret

    async def story(sessions: Sessions, hands: Time) -> int:
        asked, ask_database = [], sessions._ask

        async def counted(hashed: bytes, *, keep_awake: bool) -> Session | None:
            asked.append(hashed)
            return await ask_database(hashed, keep_awake=keep_awake)

        sessions._ask = counted
        hands.now = EVE + 2 * MINUTE
        assert all(await asyncio.gather(*(sessions.lookup(secret) for _ in range(50))))
        return len(asked)

    assert ask(database, story, ttl_s=1) == 1


def test_two_processes_that_see_it_at_once_agree(database: Database, conn: psycopg.Connection) -> None:
    secret = made(conn).secret

    async def story(sessions: Sessions, hands: Time) -> list[Session | None]:
        other = Sessions(sessions._pool, clock=lambda: hands.now, ttl_s=0)
        found: list[Session | None] = []
        for minutes in range(2, 40, 2):
            hands.now = EVE + minutes * MINUTE
            found += await asyncio.gather(sessions.lookup(secret), other.lookup(secret))
        return found

    assert all(ask(database, story))


def test_who_asked_first_and_goes_away_takes_the_answer_from_nobody(
    database: Database, conn: psycopg.Connection
) -> None:
    secret = made(conn).secret

    async def story(sessions: Sessions, _: Time) -> Session | None:
        first = asyncio.create_task(sessions.lookup(secret))
        await asyncio.sleep(0)
        second = asyncio.create_task(sessions.lookup(secret))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await asyncio.wait_for(second, 10)

    assert ask(database, story) is not None


def test_a_session_stands_after_a_restart(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)
    conn.close()
    assert found_at(database, given.secret, EVE) == found_at(database, given.secret, EVE) == [given.session]


def test_old_sessions_are_forgotten_and_no_other(database: Database, conn: psycopg.Connection) -> None:
    given = made(conn)
    assert forget(conn, EVE + ABSOLUTE) == 0
    assert found_at(database, given.secret, EVE) == [given.session]
    assert forget(conn, EVE + ABSOLUTE + INSTANT) == 1
    assert found_at(database, given.secret, EVE) == [None]
