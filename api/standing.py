"""From an account, as it stands, to who asks: the role under which he acts, and whether he may act at all.

Invariant: whoever is disabled, has ended, or has let training or rules grow older than a year is let to nothing but
what renews him. That is decided on each request, by the day that it is where his office lies: no timer has to run.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, Literal

from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from ledger.accounts import RULES_EDITION, a_year_after
from ledger.errors import AccountDisabled, Forbidden, RenewalNeeded
from ledger.events.application import AskedRole
from ledger.store.standings import Standing, decode

CACHE_TTL_S: Final = 1.0
"""How long somebody whose access has ended may still be let in."""
CACHED_MAX: Final = 10_000
PARENT: Final = "parent"

Wanting = Literal["training", "rules"]


class Standings:
    """Looks accounts up for the API, with a cache of a second. pool: of the writer, who may read the guards."""

    def __init__(self, pool: AsyncConnectionPool, *, ttl_s: float = CACHE_TTL_S) -> None:
        self._pool = pool
        self._ttl_s = ttl_s
        self._cached: dict[bytes, tuple[float, Standing | None]] = {}

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
        async with self._pool.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(query, (param,))
            row = await cursor.fetchone()
        found = None if row is None else decode(row[0])
        if len(self._cached) >= CACHED_MAX:
            self._cached.clear()
        self._cached[key] = (time.monotonic() + self._ttl_s, found)
        return found


class Acting:
    """An account and the role under which it acts. role: None where it has none. grant: its number."""

    __slots__ = ("grant", "granted", "role", "standing", "wanting")

    def __init__(
        self,
        standing: Standing,
        grant: int | None,
        role: AskedRole | None,
        granted: frozenset[str],
        wanting: Wanting | None,
    ) -> None:
        self.standing = standing
        self.grant = grant
        self.role = role
        self.granted = granted
        self.wanting = wanting

    def must_be_renewed_for(self, action: str) -> None:
        """Pass where nothing is to be renewed, or the action is what renews. Raises RenewalNeeded."""
        if self.wanting is None or action in RENEWING:
            return
        raise RenewalNeeded(
            "No training of the last year is recorded."
            if self.wanting == "training"
            else "The rules of behaviour that hold were not accepted within the last year.",
            remedy="Ask your user administrator to record a newer one."
            if self.wanting == "training"
            else f"Read them at /rules, and send edition {RULES_EDITION} to PUT /v1/me/rules.",
        )


RENEWING: Final = frozenset({"me.read", "me.set", "attachment.send", "training.record"})
"""What whoever has to renew may still do; a certificate is sent, and named as his own training."""


def acting(standing: Standing, wanted: str, today_of: Callable[[str | None], date]) -> Acting:
    """An account under one of its roles. wanted: number or name of it; empty: its first, a family's last.

    Raises Forbidden, AccountDisabled.
    """
    if standing.status == "disabled":
        raise AccountDisabled("The account is disabled.", remedy="Ask your user administrator to enable it.")
    if standing.status == "deactivated":
        raise Forbidden("The account was deactivated, for good.", remedy="Apply under another e-mail address.")
    grant, role = _chosen(sorted(standing.roles.items()), wanted)
    if role is not None:
        return Acting(standing, grant, role, frozenset(), wanting(standing, today_of(role.state)))
    today = today_of(None)
    granted = frozenset(record for one in standing.families.values() if today <= one.until for record in one.records)
    if granted and wanted in ("", PARENT):
        return Acting(standing, None, AskedRole(role=PARENT, organisation="family"), granted, None)
    if wanted:
        raise Forbidden("The account has no such role.", remedy="GET /v1/me tells which it has.")
    return Acting(standing, None, None, frozenset(), None)


def wanting(standing: Standing, today: date) -> Wanting | None:
    """What keeps an official's roles from holding on a day; None where nothing does."""
    if standing.trained_on is None or a_year_after(standing.trained_on) < today:
        return "training"
    if standing.edition != RULES_EDITION or standing.rules_on is None or a_year_after(standing.rules_on) < today:
        return "rules"
    return None


def _chosen(roles: Sequence[tuple[int, AskedRole]], wanted: str) -> tuple[int | None, AskedRole | None]:
    for grant, role in roles:
        if wanted in ("", role.role, str(grant)):
            return grant, role
    return None, None


_BY_IDENTITY: Final = (
    "select a.standing::text from ledger.accounts a join ledger.identities i using (account_id)"
    " where i.identity_hash = %s"
)
