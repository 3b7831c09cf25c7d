"""Tokens of machine users: who holds the secret acts as the name and role that were given to it.

Invariant: a secret exists in one answer of ``create`` or ``rotate`` and nowhere else; the table holds its SHA-256. A
plain digest is enough, where a password would need a slow one: the secret is 32 random bytes, so there is nothing to
guess, and a slow digest would only slow every request. Of the tokens that hold one has a name; the one that it was
rotated from, while it holds still, acts under it too. This module knows no HTTP and no rule of access.
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
from ledger.actors import is_a_persons, is_reserved, not_reserved
from ledger.errors import Conflict, NotFound, Refused
from ledger.store.database import translated

PREFIX: Final = "soj_"
"""Lets a scanner of leaked secrets know one of ours."""
CACHE_TTL_S: Final = 1.0
"""How long a revoked token may still open a door; it spares the database a query for each request."""
CACHED_MAX: Final = 10_000
LIFETIME: Final = timedelta(days=365)
"""How long a token holds where nobody says otherwise: access is renewed yearly."""
LIFETIME_MAX: Final = timedelta(days=366)
"""A year from any day on, also over a leap day."""
GRACE: Final = timedelta(minutes=60)
"""How long a token holds beside the one that it was rotated to, so that who uses it can be given the new one."""
GRACE_MAX: Final = timedelta(days=7)


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


class Listed(msgspec.Struct, frozen=True):
    """A token as operators see it. made_by, revoked_by: None where that was not kept. revoked_at: also one to come, of
    a token that was rotated out. replaced: another one has its name now."""

    name: str
    role: str
    state: str | None
    region: str | None
    district: str | None
    created_at: datetime
    made_by: str | None
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    replaced: bool

    def standing(self, now: datetime) -> str:
        """``holds``, ``rotated out`` (it holds for its grace), ``revoked`` or ``expired``."""
        if self.revoked_at is not None and self.revoked_at <= min(now, self.expires_at):
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        return "holds" if self.revoked_at is None else "rotated out"


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
    by: str | None = None,
    now: datetime | None = None,
) -> str:
    """Make a token and return its secret, which is not kept and cannot be shown again. Commits.

    connection: as the writer. expires: UTC; absent: ``LIFETIME`` from now. by: who makes it. now: UTC; absent: the
    clock's.

    Errors: Refused for a name that is blank, a reactor's or an e-mail address, and for an end later than
    ``LIFETIME_MAX`` from now; Conflict where a token of that name holds; StoreUnavailable.
    """
    if not name.strip():
        # Every act and every disclosure of the holder would be told of nobody.
        raise Refused("A token's name must not be blank.", remedy="Say who will act with it.")
    not_reserved(name)
    if is_a_persons(name):
        # Its holder would read that person's applications, and verify what waits for that person.
        raise Refused("A token's name must not be an e-mail address.", remedy="Name the machine; people sign in.")
    now = now or datetime.now(UTC)
    ends = _end_of(expires or now + LIFETIME, now)
    secret = _new_secret()
    try:
        with translated(), connection.transaction():
            connection.execute(_ALONE, (name,))
            connection.execute(_GIVE_UP_NAME, {"name": name, "now": now})
            connection.execute(_INSERT, (digest(secret), name, role, state, region, district, now, ends, by))
    except pg.UniqueViolation:
        raise Conflict(
            "A token of this name is there already.", remedy="Give another name, or revoke or rotate that one."
        ) from None
    return secret


def rotate(
    connection: psycopg.Connection,
    *,
    name: str,
    grace: timedelta = GRACE,
    expires: datetime | None = None,
    by: str | None = None,
    now: datetime | None = None,
) -> tuple[str, datetime]:
    """Make another token for a name, and return its secret and when the one before ends. Commits.

    Role and scope stay; so does the end, unless ``expires`` says another one. The one before holds for the grace, and
    no longer than it would have. Of two at once each one is rotated from the other.

    Errors: NotFound where no token of the name holds; Refused for a grace below 0 or over ``GRACE_MAX`` and as
    ``create``; StoreUnavailable.
    """
    if not timedelta() <= grace <= GRACE_MAX:
        raise Refused(
            "The old token may hold for 0 minutes up to 7 days beside the new one.", remedy="Give a shorter grace."
        )
    now = now or datetime.now(UTC)
    secret = _new_secret()
    with translated(), connection.transaction():
        connection.execute(_ALONE, (name,))
        before = named(connection, name)
        if before is None or not before.holds(now):
            raise _none_holds(name)
        until = min(now + grace, before.expires_at)
        connection.execute(_REPLACE, {"name": name, "until": until, "by": by})
        ends = before.expires_at if expires is None else _end_of(expires, now)
        scope = (before.role, before.state, before.region, before.district)
        connection.execute(_INSERT, (digest(secret), name, *scope, now, ends, by))
    return secret, until


def revoke(connection: psycopg.Connection, *, name: str, by: str | None = None, now: datetime | None = None) -> int:
    """End every token of a name that holds, those too that were rotated out; answers how many. Commits.

    Errors: NotFound where none holds; StoreUnavailable.
    """
    with translated(), connection.transaction():
        connection.execute(_ALONE, (name,))
        ended = connection.execute(_REVOKE, {"name": name, "now": now or datetime.now(UTC), "by": by}).rowcount
    if not ended:
        raise _none_holds(name)
    return ended


def listed(connection: psycopg.Connection[Any]) -> list[Listed]:
    """Every token that there ever was, by name, the latest first. No secret, and no hash. Raises StoreUnavailable."""
    with translated(), connection.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(_LISTED).fetchall()


def named(connection: psycopg.Connection[Any], name: str) -> Token | None:
    """The token of a name, also one that holds no more; None where there is none. Raises StoreUnavailable."""
    with translated(), connection.cursor(row_factory=class_row(Token)) as cursor:
        cursor.execute(
            "select name, role, state, region, district, expires_at, revoked_at from ledger.tokens where name = %s"
            " order by replaced, created_at desc limit 1",
            (name,),
        )
        return cursor.fetchone()


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _end_of(expires: datetime, now: datetime) -> datetime:
    if expires - now > LIFETIME_MAX:
        raise Refused(
            f"A token holds for {LIFETIME_MAX.days} days at most.", remedy="Give an earlier day; rotate it in time."
        )
    return expires


def _none_holds(name: str) -> NotFound:
    return NotFound(f"No token of the name {name} holds.", remedy="`sojourn token list` has those that do.")


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
        # One that was made before the name was kept for a reactor, or for a person, opens nothing.
        return None if token is None or is_reserved(token.name) or is_a_persons(token.name) else token


_ALONE: Final = "select pg_advisory_xact_lock(hashtextextended('token ' || %s, 0))"
"""Whoever changes what has a name is alone with it: else a token that is rotated to just now outlives a revocation."""
_INSERT: Final = """
insert into ledger.tokens (token_hash, name, role, state, region, district, created_at, expires_at, made_by)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_GIVE_UP_NAME: Final = """
update ledger.tokens set replaced = true
where name = %(name)s and not replaced and (expires_at <= %(now)s or revoked_at <= %(now)s)
"""
_REPLACE: Final = """
update ledger.tokens set replaced = true, revoked_at = %(until)s, revoked_by = %(by)s
where name = %(name)s and not replaced
"""
_REVOKE: Final = """
update ledger.tokens set revoked_at = %(now)s, revoked_by = %(by)s
where name = %(name)s and expires_at > %(now)s and (revoked_at is null or revoked_at > %(now)s)
"""
_LISTED: Final = """
select name, role, state, region, district, created_at, made_by, expires_at, revoked_at, revoked_by, replaced
from ledger.tokens order by name, replaced, created_at desc, token_hash
"""
