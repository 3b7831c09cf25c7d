"""Sessions: who signed in holds a secret, and acts as the account and grant that stand behind it until it ends.

Invariants: a secret exists in one answer of ``make`` and in the holder's cookie; the table holds its SHA-256, which is
enough for 32 random bytes. A session ends after ``idle`` without a request, ``absolute`` after it was made, when its
holder signs out, and when all of an account are ended: then it answers nobody within the cache's second, in every
process. It acts under one grant: to act under another, make another and end the first. No HTTP, and no rule of access.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import msgspec
import psycopg
from psycopg.rows import class_row, tuple_row
from psycopg_pool import AsyncConnectionPool

from ledger import telemetry
from ledger.store.database import translated

PREFIX: Final = "sojs_"
"""Lets a scanner of leaked secrets know one of ours; a token's is another."""
IDLE: Final = timedelta(minutes=20)
ABSOLUTE: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(minutes=1)
"""How often a request is written down. So a session ends up to this much earlier than ``IDLE`` after the last request:
``idle_ends_at`` says when."""
CACHE_TTL_S: Final = 1.0
CACHED_MAX: Final = 10_000

Method = Literal["local", "oidc", "practice"]


class Session(msgspec.Struct, frozen=True):
    """What a secret stands for. grant: under which its holder acts. ends_at: at the latest. idle_ends_at: unless it is
    used again before. Times are UTC."""

    account: uuid.UUID
    grant: str | None
    method: Method
    made_at: datetime
    ends_at: datetime
    idle_ends_at: datetime
    id: uuid.UUID

    def holds(self, now: datetime) -> bool:
        return now < self.ends_at and now < self.idle_ends_at


class Made(NamedTuple):
    """secret: shown once, to the holder's browser."""

    secret: str
    session: Session


class Open(msgspec.Struct, frozen=True):
    """A session as its account's holder sees it in a list."""

    id: uuid.UUID
    grant: str | None
    method: Method
    made_at: datetime
    seen_at: datetime
    ends_at: datetime


def digest(secret: str) -> bytes:
    """SHA-256 of a secret as it was given out."""
    return hashlib.sha256(secret.encode()).digest()


def make(
    connection: psycopg.Connection[Any],
    *,
    account: uuid.UUID,
    grant: str | None,
    method: Method,
    now: datetime,
    idle: timedelta = IDLE,
    absolute: timedelta = ABSOLUTE,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Made:
    """Make a session. Commits, unless the caller has a transaction. connection: as the writer. Raises
    StoreUnavailable."""
    secret = PREFIX + random_bytes(32).hex()
    made = uuid.UUID(bytes=random_bytes(16), version=4)
    ends_at = now + absolute
    with translated():
        connection.execute(_INSERT, (made, digest(secret), account, grant, method, now, now, ends_at))
    return Made(secret, Session(account, grant, method, now, ends_at, min(now + idle, ends_at), made))


def end(
    connection: psycopg.Connection[Any], session: uuid.UUID, *, now: datetime, account: uuid.UUID | None = None
) -> bool:
    """End one; answers whether it was open. account: None for anybody's. Commits, unless the caller has a transaction.
    Raises StoreUnavailable."""
    with translated():
        return bool(connection.execute(_END, {"session": session, "account": account, "now": now}).rowcount)


def end_all(
    connection: psycopg.Connection[Any], account: uuid.UUID, *, now: datetime, but: uuid.UUID | None = None
) -> int:
    """End all of an account, but one; answers how many. Commits, unless the caller has a transaction. Raises
    StoreUnavailable."""
    with translated():
        return connection.execute(_END_ALL, {"account": account, "but": but, "now": now}).rowcount


def open_of(
    connection: psycopg.Connection[Any], account: uuid.UUID, *, now: datetime, idle: timedelta = IDLE
) -> list[Open]:
    """The open ones of an account, the latest first. Raises StoreUnavailable."""
    with translated(), connection.cursor(row_factory=tuple_row) as cursor:
        return [Open(*row) for row in cursor.execute(_OPEN_OF, (account, now, now - idle)).fetchall()]


def forget(connection: psycopg.Connection[Any], before: datetime) -> int:
    """Delete those that would have ended before an instant; answers how many. Raises StoreUnavailable."""
    with translated():
        return connection.execute("delete from ledger.sessions where ends_at < %s", (before,)).rowcount


class Sessions:
    """Looks sessions up for the API, with a cache of a second.

    pool: of the writer. clock: now, UTC. ticks: seconds that never go back, for the cache. Belongs to one event loop.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        clock: Callable[[], datetime],
        idle: timedelta = IDLE,
        ttl_s: float = CACHE_TTL_S,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._idle = idle
        self._ttl_s = ttl_s
        self._ticks = ticks
        self._cached: dict[bytes, tuple[float, Session | None]] = {}
        self._asked: dict[bytes, asyncio.Task[Session | None]] = {}

    async def lookup(self, secret: str, *, keep_awake: bool = True) -> Session | None:
        """The session behind a secret, or None where there is none, or it has ended. One query at most.

        keep_awake: whether this counts as a use; False for a page that only asks how much time is left.

        Errors: psycopg.OperationalError, psycopg_pool.PoolTimeout where the database is away.
        """
        if not (secret.startswith(PREFIX) and secret.isascii() and len(secret) == len(PREFIX) + 64):
            return None
        hashed = digest(secret)
        cached = self._cached.get(hashed)
        if cached is not None and cached[0] > self._ticks():
            telemetry.SESSION_LOOKUPS.labels("cached").inc()
            session = cached[1]
        elif keep_awake:
            session = await self._ask_once(hashed)
        else:
            session = await self._ask(hashed, keep_awake=False)
        return session if session is not None and session.holds(self._clock()) else None

    def forget(self, secret: str) -> None:
        """Have this process ask anew at the next look-up: for whoever has just ended it."""
        self._cached.pop(digest(secret), None)

    async def _ask_once(self, hashed: bytes) -> Session | None:
        """Requests of a page that come while one query runs share its answer. It is a task of its own, so that it
        outlives whoever came first and goes away."""
        running = self._asked.get(hashed)
        if running is None:
            running = self._asked[hashed] = asyncio.create_task(self._ask_and_keep(hashed), name="session-lookup")
            running.add_done_callback(functools.partial(self._answered, hashed))
        return await asyncio.shield(running)

    def _answered(self, hashed: bytes, running: asyncio.Task[Session | None]) -> None:
        del self._asked[hashed]
        if not running.cancelled():
            running.exception()  # read once, so that a failure nobody waits for any more is not called unretrieved

    async def _ask_and_keep(self, hashed: bytes) -> Session | None:
        # The second begins before the query: what it read may have changed right after.
        until = self._ticks() + self._ttl_s
        session = await self._ask(hashed, keep_awake=True)
        if len(self._cached) >= CACHED_MAX:
            self._cached.clear()
        self._cached[hashed] = (until, session)
        return session

    async def _ask(self, hashed: bytes, *, keep_awake: bool) -> Session | None:
        now = self._clock()
        said = {"hash": hashed, "now": now, "awake_since": now - self._idle, "seen_until": now - SEEN_EVERY}
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(_Row)) as cursor:
            await cursor.execute(_LOOK_UP if keep_awake else _LOOK, said)
            row = await cursor.fetchone()
        telemetry.SESSION_LOOKUPS.labels("unknown" if row is None else "found").inc()
        if row is None:
            return None
        ends_at = row.ends_at.astimezone(UTC)
        idle_ends_at = min(row.seen_at.astimezone(UTC) + self._idle, ends_at)
        made_at = row.made_at.astimezone(UTC)
        return Session(row.account_id, row.grant_id, row.method, made_at, ends_at, idle_ends_at, row.session_id)


class _Row(msgspec.Struct):
    session_id: uuid.UUID
    account_id: uuid.UUID
    grant_id: str | None
    method: Method
    made_at: datetime
    seen_at: datetime
    ends_at: datetime


_INSERT: Final = """
insert into ledger.sessions
    (session_id, secret_hash, account_id, grant_id, method, made_at, seen_at, ends_at)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_END: Final = """
update ledger.sessions set ended_at = %(now)s
where session_id = %(session)s and ended_at is null and ends_at > %(now)s
  and (%(account)s::uuid is null or account_id = %(account)s)
"""
_END_ALL: Final = """
update ledger.sessions set ended_at = %(now)s
where account_id = %(account)s and ended_at is null and ends_at > %(now)s
  and (%(but)s::uuid is null or session_id <> %(but)s)
"""
_OPEN_OF: Final = """
select session_id, grant_id, method, made_at, seen_at, ends_at from ledger.sessions
where account_id = %s and ended_at is null and ends_at > %s and seen_at > %s order by made_at desc, session_id
"""
_LOOK: Final = """
select session_id, account_id, grant_id, method, made_at, seen_at, ends_at from ledger.sessions
where secret_hash = %(hash)s and ended_at is null and ends_at > %(now)s and seen_at > %(awake_since)s
"""
_LOOK_UP: Final = f"""
with found as ({_LOOK}), seen as (
    update ledger.sessions s set seen_at = %(now)s from found
    where s.session_id = found.session_id and s.seen_at <= %(seen_until)s and s.ended_at is null
    returning s.seen_at
)
select session_id, account_id, grant_id, method, made_at, coalesce((select seen_at from seen), seen_at) as seen_at,
       ends_at from found
"""
"""What was seen a minute ago or more is seen now. Of two at once the second waits, and finds that it was."""
