"""Keys that came back with a vault that was restored from before they were destroyed: destroyed once more.

Invariant: only what the log says was destroyed goes, so nothing new is decided, and no event is written.
"""

from __future__ import annotations

from typing import Final

from ledger.store.database import Database, Role, translated


def destroy_again(database: Database) -> int:
    """How many went. Where nothing has come back, none. Raises StoreUnavailable."""
    with database.connect(Role.DISPOSER, name="sojourn retention dispose") as conn, translated():
        return conn.execute(_AGAIN).rowcount


_AGAIN: Final = "delete from vault.keys k using ledger.destroyed d where d.key_id = k.key_id"
