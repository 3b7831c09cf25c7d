"""Tokens of machine users: who holds the secret acts as the name and role that were given to it.

Invariant: a secret exists in one answer of ``create`` and nowhere else; the table holds its SHA-256. A plain digest is
enough, where a password would need a slow one: the secret is 32 random bytes, so there is nothing to guess, and a
slow digest would only slow every request. This module knows no HTTP and no rule of access.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from ledger import telemetry
from ledger.actors import is_reserved, not_reserved
from ledger.errors import Conflict, Refused
from ledger.store.database import translated

PREFIX: Final = "soj_"
"""Lets a scanner of leaked secrets know one of ours."""
CACHE_TTL_S: Final = 1.0
"""How long a revoked token may still open a door; it spares the database a query for each request."""
CACHED_MAX: Final = 10_000
LIFETIME: Final = timedelta(days=365)
"""How long a token holds where nobody says otherwise: access is renewed yearly."""


class Token(msgspec.Struct, frozen=True):
    """What a secret stands for. Times are UTC; state, region, district narrow the role where it is narrow."""

    name: str
    role: str
    state: str | None
    region: str | None
    district: str | None
    expires_at: datetime
    revoked_at: datetime | None

    def holds(self, now: datetime) -> bool:
        return now < self.expires_at and (self.revoked_at is None or now < self.revoked_at)


def digest(secret: str) -> bytes:
    """SHA-256 of a secret as it was shown."""
    return hashlib.sha256(secret.encode()).digest()


def create(
    connection: psycopg.Connection,
    *,
    name: str,
    role: str,
    state: str | None = None,
    region: str | None = None,
    district: str | None = None,
    expires: datetime | None = None,
) -> str:
    """Make a token and return its secret, which is not kept and cannot be shown again. Commits.

    connection: as the writer. expires: UTC; absent: ``LIFETIME`` from now.

    Errors: Refused for a name that is blank, or a reactor's; Conflict where a token of that name is there;
    StoreUnavailable.
    """
    if not name.strip():
        # Every act and every disclosure of the holder would be told of nobody.
        raise Refused("A token's name must not be blank.", remedy="Say who will act with it.")
    not_reserved(name)
    secret = PREFIX + secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    try:
        with translated(), connection.transaction():
            connection.execute(
                "insert into ledger.tokens (token_hash, name, role, state, region, district, created_at, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s)",
                (digest(secret), name, role, state, region, district, now, expires or now + LIFETIME),
            )
    except pg.UniqueViolation:
        raise Conflict("A token of this name is there already.", remedy="Give another name.") from None
    return secret


def named(connection: psycopg.Connection[Any], name: str) -> Token | None:
    """The token of a name, also one that holds no more; None where there is none. Raises StoreUnavailable."""
    with translated(), connection.cursor(row_factory=class_row(Token)) as cursor:
        cursor.execute(
            "select name, role, state, region, district, expires_at, revoked_at from ledger.tokens where name = %s",
            (name,),
        )
        return cursor.fetchone()


class Tokens:
    """Looks tokens up for the API, with a cache of a second.

    pool: of the writer, who may select from ``ledger.tokens``. Belongs to one event loop.
    """

    def __init__(self, pool: AsyncConnectionPool, *, ttl_s: float = CACHE_TTL_S) -> None:
        self._pool = pool
        self._ttl_s = ttl_s
        self._cached: dict[str, tuple[float, Token | None]] = {}
        self._asked: dict[str, asyncio.Task[Token | None]] = {}

    async def lookup(self, secret: str) -> Token | None:
        """The token behind a secret, or None where there is none, or it has expired or been revoked.

        Errors: psycopg.OperationalError, psycopg_pool.PoolTimeout where the database is away.
        """
        now = time.monotonic()
        cached = self._cached.get(secret)
        if cached is not None and cached[0] > now:
            telemetry.TOKEN_LOOKUPS.labels("cached").inc()
            token = cached[1]
        elif secret.startswith(PREFIX) and secret.isascii() and len(secret) < 100:
            token = await self._ask_once(secret)
        else:
            token = None
        return token if token is not None and token.holds(datetime.now(UTC)) else None

    async def _ask_once(self, secret: str) -> Token | None:
        """Requests that come while one query runs share its answer: else each expiry of the cache is a stampede.

        The query is a task of its own, so that it outlives whoever came first and goes away.
        """
        running = self._asked.get(secret)
        if running is None:
            running = self._asked[secret] = asyncio.create_task(self._ask_and_keep(secret), name="token-lookup")
            running.add_done_callback(functools.partial(self._answered, secret))
        return await asyncio.shield(running)

    def _answered(self, secret: str, running: asyncio.Task[Token | None]) -> None:
        del self._asked[secret]
        if not running.cancelled():
            running.exception()  # read once, so that a failure nobody waits for any more is not called unretrieved

    async def _ask_and_keep(self, secret: str) -> Token | None:
        token = await self._ask(secret)
        if len(self._cached) >= CACHED_MAX:
            self._cached.clear()
        self._cached[secret] = (time.monotonic() + self._ttl_s, token)
        telemetry.TOKEN_LOOKUPS.labels("unknown" if token is None else "found").inc()
        return token

    async def _ask(self, secret: str) -> Token | None:
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Token)) as cursor:
            await cursor.execute(
                "select name, role, state, region, district, expires_at, revoked_at"
                " from ledger.tokens where token_hash = %s",
                (digest(secret),),
            )
            token = await cursor.fetchone()
        # One that was made before the name was kept for a reactor opens nothing.
        return None if token is None or is_reserved(token.name) else token
