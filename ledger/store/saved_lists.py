"""Daily lists that a person keeps under names of her own: which list, and what is asked of it.

Invariants: an account reads and deletes its own alone, and has ``SAVED_MAX`` at most, also where two are saved at once;
a name stands for one of them. No child's data is here, and nothing of what a list has ever answered. Knows no list by
name: what may be asked of one is said where it is asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ledger.errors import BadValue
from ledger.store.database import translated

SAVED_MAX: Final = 100
"""Of one account."""


class SavedList(NamedTuple):
    """parameters: what is asked of the list, by name. saved_at: UTC."""

    id: uuid.UUID
    name: str
    list: str
    parameters: dict[str, Any]
    saved_at: datetime


class Saved(NamedTuple):
    """new: False where one of this name was there, in whose place it stands now, under its id."""

    saved: SavedList
    new: bool


def save(
    connection: psycopg.Connection[Any],
    account: uuid.UUID,
    *,
    name: str,
    list_name: str,
    parameters: Mapping[str, Any],
    new_id: uuid.UUID,
    now: datetime,
) -> Saved:
    """Save a list, or what an account's list of this name is to be from now on. connection: as the writer.

    Raises BadValue (rule ``saved-lists``) where the account has as many as it may; StoreUnavailable.
    """
    with translated(), connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        # One after the other for each account: two at once would both count what the other has yet to write.
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"saved-lists {account}",))
        rows = cursor.execute("select id, name from ledger.saved_lists where account_id = %s", (account,)).fetchall()
        before = next((row[0] for row in rows if row[1] == name), None)
        if before is None and len(rows) >= SAVED_MAX:
            raise BadValue(
                f"An account keeps {SAVED_MAX} lists at most.",
                rule="saved-lists",
                element="name",
                remedy="Delete one, or save this one under the name of another.",
            )
        saved = SavedList(before or new_id, name, list_name, dict(parameters), now)
        cursor.execute(_SAVE, (saved.id, account, name, list_name, Jsonb(saved.parameters), now))
    return Saved(saved, before is None)


def of_account(connection: psycopg.Connection[Any], account: uuid.UUID) -> list[SavedList]:
    """All of an account, by name. Raises StoreUnavailable."""
    with translated(), connection.cursor(row_factory=tuple_row) as cursor:
        return [SavedList(*row) for row in cursor.execute(_OF_ACCOUNT, (account,)).fetchall()]


def delete(connection: psycopg.Connection[Any], account: uuid.UUID, saved: uuid.UUID) -> bool:
    """Delete one of an account; whether it was there. Raises StoreUnavailable."""
    query = "delete from ledger.saved_lists where account_id = %s and id = %s"
    with translated():
        return bool(connection.execute(query, (account, saved)).rowcount)


def delete_all(connection: psycopg.Connection[Any], account: uuid.UUID) -> int:
    """Delete all of an account that nobody comes back to; answers how many. Commits, unless the caller has a
    transaction. Raises StoreUnavailable."""
    with translated():
        return connection.execute("delete from ledger.saved_lists where account_id = %s", (account,)).rowcount


_SAVE: Final = """
insert into ledger.saved_lists (id, account_id, name, list, parameters, saved_at) values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update
set list = excluded.list, parameters = excluded.parameters, saved_at = excluded.saved_at
"""
_OF_ACCOUNT: Final = """
select id, name, list, parameters, saved_at from ledger.saved_lists where account_id = %s order by name, id
"""
