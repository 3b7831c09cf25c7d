"""The rows of ``ledger.credentials``, and how tries are counted against them.

Invariant: a try is counted as one in vain, durably, before anything is compared; who turns out to be right takes all of
them back. So of any number at once the first five are looked at. After five in vain an account is locked for 15
minutes; the next one after that locks it for twice as long, up to a day. A try while it is locked counts and prolongs
nothing, so that nobody can keep somebody else out by trying on. Under the row's lock; knows no hash and no code.

A try at an account that is not there is counted at a row of nobody's, so that it takes the same statements.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import class_row

FAILURES_MAX: Final = 5
LOCK: Final = timedelta(minutes=15)
LOCK_MAX: Final = timedelta(days=1)
NOBODY: Final = uuid.UUID(int=0)


class Row(msgspec.Struct, frozen=True):
    """A row as it stands, as the migration describes it."""

    account_id: uuid.UUID
    password: str
    changed_at: datetime
    totp_key: uuid.UUID | None
    totp: bytes | None
    totp_next: bytes | None
    recovery: list[bytes]
    failures: int
    locks: int
    locked_until: datetime | None


class Try(msgspec.Struct, frozen=True):
    """A try that was counted. row: as it stood before. locked: it must be refused. locks: it is the one that locks the
    account, unless it turns out to be right."""

    row: Row
    locked: bool
    locks: bool

    @property
    def nobody(self) -> bool:
        return self.row.account_id == NOBODY


def begin(conn: psycopg.Connection[Any], account: uuid.UUID | None, now: datetime) -> Try:
    """Count a try. account: one that is not there is nobody's. Commits."""
    with conn.transaction():
        row = _one(conn, _LOCKED_ROW, {"account": account, "nobody": NOBODY})
        assert row is not None, "the migration makes nobody's"
        locked = row.locked_until is not None and row.locked_until > now
        locks = not locked and row.failures + 1 >= FAILURES_MAX
        until = now + min(LOCK * 2 ** min(row.locks, 10), LOCK_MAX) if locks else row.locked_until
        conn.execute(_COUNT, {"account": row.account_id, "locks": int(locks), "until": until})
    return Try(row, locked, locks)


def passed(
    conn: psycopg.Connection[Any], tried: Try, *, step: int | None = None, recovery: bytes | None = None
) -> bool:
    """Take all tries back. step, recovery: what is used up by this. False where that was used before, or where the
    password or the second factor was changed since the try began. Commits."""
    row = tried.row
    said = {"account": row.account_id, "changed": row.changed_at, "totp": row.totp, "step": step, "recovery": recovery}
    return bool(conn.execute(_PASSED, said).rowcount)


def take_back(conn: psycopg.Connection[Any], tried: Try) -> None:
    """Take this one try back: it was right, and is not all that is asked for. Commits."""
    conn.execute(_TAKE_BACK, {"account": tried.row.account_id, "locks": tried.locks})


def row_of(conn: psycopg.Connection[Any], account: uuid.UUID) -> Row | None:
    """An account's; None where it has none."""
    return _one(conn, f"select {_COLUMNS} from ledger.credentials where account_id = %(account)s", {"account": account})


def set_password(conn: psycopg.Connection[Any], account: uuid.UUID, hashed: str, now: datetime) -> None:
    """Make or change an account's password; a lock ends with it. Commits."""
    assert account != NOBODY
    conn.execute(_CHANGE, {"account": account, "password": hashed, "now": now})


def rehash(conn: psycopg.Connection[Any], row: Row, hashed: str) -> None:
    """The same password under other parameters, unless it was changed meanwhile. Commits."""
    conn.execute(
        "update ledger.credentials set password = %s where account_id = %s and password = %s",
        (hashed, row.account_id, row.password),
    )


def offer(conn: psycopg.Connection[Any], account: uuid.UUID, key: uuid.UUID, stored: bytes) -> bool:
    """Keep a second factor that is yet to be shown. Commits."""
    said = (key, stored, account)
    return bool(
        conn.execute("update ledger.credentials set totp_key = %s, totp_next = %s where account_id = %s", said).rowcount
    )


def confirm(conn: psycopg.Connection[Any], row: Row, step: int, recovery: Sequence[bytes]) -> bool:
    """Take what was offered into use; its step is used up. False where another was offered meanwhile. Commits."""
    said = {"account": row.account_id, "next": row.totp_next, "step": step, "recovery": list(recovery)}
    return bool(conn.execute(_CONFIRM, said).rowcount)


def set_recovery(conn: psycopg.Connection[Any], account: uuid.UUID, recovery: Sequence[bytes]) -> bool:
    """Put other recovery codes in the place of all. False where there is no second factor. Commits."""
    return bool(
        conn.execute(
            "update ledger.credentials set recovery = %s::bytea[] where account_id = %s and totp is not null",
            (list(recovery), account),
        ).rowcount
    )


def without_second_factor(conn: psycopg.Connection[Any], account: uuid.UUID) -> bool:
    """Commits."""
    return bool(conn.execute(_WITHOUT, (account,)).rowcount)


def unlock(conn: psycopg.Connection[Any], account: uuid.UUID) -> bool:
    """Commits."""
    return bool(conn.execute(_UNLOCK, (account,)).rowcount)


def remove(conn: psycopg.Connection[Any], account: uuid.UUID) -> bool:
    """Commits."""
    assert account != NOBODY
    return bool(conn.execute("delete from ledger.credentials where account_id = %s", (account,)).rowcount)


def _one(conn: psycopg.Connection[Any], query: str, said: dict[str, Any]) -> Row | None:
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(query.encode(), said).fetchone()


_COLUMNS: Final = "account_id, password, changed_at, totp_key, totp, totp_next, recovery, failures, locks, locked_until"
_LOCKED_ROW: Final = f"""
select {_COLUMNS} from ledger.credentials where account_id = coalesce(
    (select account_id from ledger.credentials where account_id = %(account)s), %(nobody)s) for update
"""
_COUNT: Final = """
update ledger.credentials
set failures = least(failures + 1, 1000000), locks = locks + %(locks)s, locked_until = %(until)s
where account_id = %(account)s
"""
_PASSED: Final = """
update ledger.credentials
set failures = 0, locks = 0, locked_until = null,
    totp_step = coalesce(%(step)s, totp_step), recovery = array_remove(recovery, %(recovery)s::bytea)
where account_id = %(account)s and changed_at = %(changed)s and totp is not distinct from %(totp)s
  and (%(step)s::bigint is null or totp_step is null or totp_step < %(step)s)
  and (%(recovery)s::bytea is null or %(recovery)s::bytea = any(recovery))
"""
_TAKE_BACK: Final = """
update ledger.credentials
set failures = greatest(failures - 1, 0),
    locks = case when %(locks)s then greatest(locks - 1, 0) else locks end,
    locked_until = case when %(locks)s then null else locked_until end
where account_id = %(account)s
"""
_CHANGE: Final = """
insert into ledger.credentials as c (account_id, password, changed_at) values (%(account)s, %(password)s, %(now)s)
on conflict (account_id) do update
set password = excluded.password, failures = 0, locks = 0, locked_until = null,
    changed_at = greatest(excluded.changed_at, c.changed_at + interval '1 microsecond')
"""
_CONFIRM: Final = """
update ledger.credentials
set totp = totp_next, totp_next = null, totp_step = %(step)s, recovery = %(recovery)s::bytea[]
where account_id = %(account)s and totp_next = %(next)s
"""
_WITHOUT: Final = """
update ledger.credentials set totp = null, totp_next = null, totp_key = null, totp_step = null, recovery = '{}'
where account_id = %s
"""
_UNLOCK: Final = """
update ledger.credentials set failures = 0, locks = 0, locked_until = null where account_id = %s
"""
