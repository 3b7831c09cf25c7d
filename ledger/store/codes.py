"""One-time codes: who holds one opens one thing, once, until an instant.

A code is a public part, which finds its row, and 75 bits of secret, of which the row has the SHA-256. Invariants: it is
taken once, also of two who give it at once, and no more after five wrong tries or its end; whoever is refused learns
nothing of which part was wrong. Decided under the row's lock. This module knows no HTTP, and not what a code opens:
``subject`` is its caller's.
"""

from __future__ import annotations

import hmac
import os
import uuid
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from ledger import telemetry
from ledger.errors import CodeRefused
from ledger.store import one_time
from ledger.store.database import translated

ID_CHARACTERS: Final = 5
SECRET_CHARACTERS: Final = 15
"""75 bits: a guess in 3.8e22, and there are five."""
TRIES: Final = 5


class Purpose(StrEnum):
    """What a code is for. One for another purpose is none."""

    FIRST_SIGN_IN = "first-sign-in"
    FAMILY_ACCESS = "family-access"


class Code(NamedTuple):
    """A code as it is given out. text: shown once, kept nowhere. id: its public part."""

    text: str
    id: str
    ends_at: datetime


def make(
    connection: psycopg.Connection[Any],
    *,
    purpose: Purpose,
    subject: uuid.UUID,
    now: datetime,
    ends_at: datetime,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Code:
    """Make a code. What was made before for the same purpose and subject ends with it. Commits, unless the caller has a
    transaction. connection: as the writer. Raises StoreUnavailable."""
    if ends_at <= now:
        raise ValueError("a code that has ended before it is given out")
    secret = one_time.drawn(SECRET_CHARACTERS, random_bytes)
    with translated(), connection.transaction():
        void(connection, purpose=purpose, subject=subject, now=now)
        while True:
            public = one_time.drawn(ID_CHARACTERS, random_bytes)
            new = (public, purpose, one_time.digest(secret), subject, now, ends_at, TRIES)
            if connection.execute(_INSERT, new).rowcount:
                return Code(one_time.shown(public + secret), public, ends_at)


def check(connection: psycopg.Connection[Any], *, purpose: Purpose, code: str, now: datetime) -> uuid.UUID:
    """The subject of a code, which can still be used afterwards. Raises as ``redeem``; a wrong one counts as a try."""
    return _judged(connection, purpose, code, now, use=False)


def redeem(connection: psycopg.Connection[Any], *, purpose: Purpose, code: str, now: datetime) -> uuid.UUID:
    """The subject of a code, which is used up by this. Commits: what was tried in vain must stay counted.

    connection: as the writer, in no transaction. Raises CodeRefused, StoreUnavailable.
    """
    return _judged(connection, purpose, code, now, use=True)


def void(connection: psycopg.Connection[Any], *, purpose: Purpose, subject: uuid.UUID, now: datetime) -> int:
    """End what can still be used for a purpose and subject; answers how many. Raises StoreUnavailable."""
    with translated():
        return connection.execute(_VOID, {"purpose": purpose, "subject": subject, "now": now}).rowcount


def forget(connection: psycopg.Connection[Any], before: datetime) -> int:
    """Delete those that ended before an instant; answers how many. Raises StoreUnavailable."""
    with translated():
        return connection.execute("delete from ledger.one_time_codes where ends_at < %s", (before,)).rowcount


def _judged(connection: psycopg.Connection[Any], purpose: Purpose, code: str, now: datetime, *, use: bool) -> uuid.UUID:
    assert connection.info.transaction_status == TransactionStatus.IDLE, "a refusal would take its try back"
    typed = one_time.read(code, ID_CHARACTERS + SECRET_CHARACTERS) or ""
    public, given = typed[:ID_CHARACTERS], one_time.digest(typed[ID_CHARACTERS:])
    subject = None
    with translated(), connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_LOCKED, {"id": public, "purpose": purpose, "now": now}).fetchone()
        kept, meant = (bytes(32), None) if row is None else row
        if not hmac.compare_digest(bytes(kept), given):
            cursor.execute(_WRONG, (public, purpose))
        elif meant is not None:
            subject = meant
            if use:
                cursor.execute("update ledger.one_time_codes set used_at = %s where id = %s", (now, public))
    # Durable: used, or a try less. A crash before leaves the code as it was, and nobody was answered.
    telemetry.ONE_TIME_CODES.labels("refused" if subject is None else "taken").inc()
    if subject is None:
        raise CodeRefused(
            "This code does not open anything, or does so no more.",
            remedy="Compare it with what you were given; after five wrong tries, or past its end, ask for another one.",
        )
    return subject


_INSERT: Final = """
insert into ledger.one_time_codes (id, purpose, secret_hash, subject, made_at, ends_at, tries_left)
values (%s, %s, %s, %s, %s, %s, %s) on conflict (id) do nothing
"""
_LOCKED: Final = """
select secret_hash, subject from ledger.one_time_codes
where id = %(id)s and purpose = %(purpose)s and used_at is null and tries_left > 0 and ends_at > %(now)s for update
"""
_WRONG: Final = """
update ledger.one_time_codes set tries_left = tries_left - 1
where id = %s and purpose = %s and used_at is null and tries_left > 0
"""
_VOID: Final = """
update ledger.one_time_codes set ends_at = %(now)s
where subject = %(subject)s and purpose = %(purpose)s and used_at is null and ends_at > %(now)s
"""
