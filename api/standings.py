"""Accounts, as they stand, looked up for requests: the guards, kept for a second.

Invariant: whoever has been disabled or has ended is let in for the cache's second at most, and not at all in the
process that wrote it.
"""

from __future__ import annotations

import time
import uuid
from typing import Any, Final

from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from ledger.store.standings import Standing, decode

CACHE_TTL_S: Final = 1.0
"""How long somebody whose access has ended may still be let in."""
CACHED_MAX: Final = 10_000


class Standings:
    """Looks accounts up for the API, with a cache of a second. pool: of the writer, who may read the guards."""

    def __init__(self, pool: AsyncConnectionPool, *, ttl_s: float = CACHE_TTL_S) -> None:
        self._pool = pool
        self._ttl_s = ttl_s
        self._cached: dict[bytes, tuple[float, Standing | None]] = {}
        self._written = 0

    def forget(self, _account: str) -> None:
        """Have the next request look anew: something was written of an account in this process. From any thread. An
        identity is not told from an account here, so all is forgotten: it happens seldom."""
        self._written += 1
        self._cached.clear()

    async def of_account(self, account: str) -> Standing | None:
        """An account as it stands. Errors: psycopg's, where the database is away."""
        key = uuid.UUID(account)
        return await self._kept(key.bytes, "select standing::text from ledger.accounts where account_id = %s", key)

    async def of_identity(self, identity_hash: bytes) -> Standing | None:
        """The account that signs in by an identity. Errors: as ``of_account``."""
        return await self._kept(identity_hash, _BY_IDENTITY, identity_hash)

    async def _kept(self, key: bytes, query: Any, param: object) -> Standing | None:
        kept = self._cached.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        # The second begins before the query: what it read may have changed right after.
        until, written = time.monotonic() + self._ttl_s, self._written
        async with self._pool.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(query, (param,))
            row = await cursor.fetchone()
        found = None if row is None else decode(row[0])
        if len(self._cached) >= CACHED_MAX:
            self._cached.clear()
        if written == self._written:  # else what was read may be of before it
            self._cached[key] = (until, found)
        return found


_BY_IDENTITY: Final = (
    "select a.standing::text from ledger.accounts a join ledger.identities i using (account_id)"
    " where i.identity_hash = %s"
)
