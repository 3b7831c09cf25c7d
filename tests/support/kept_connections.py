"""A database whose connections outlive the blocks that ask for them, for a property that tells hundreds of examples.

Each example folds, rebuilds and reads through a dozen connections, and PostgreSQL starts a process for each, which
learns the tables anew. Here a connection that was left in order is given to whoever asks next for the same role and
name, as bare as a new one: no setting, no lock, no ear, no statement that was prepared.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Self

import psycopg
from psycopg.pq import TransactionStatus

from ledger.store.database import Database, Role, translated


class KeptConnections(Database):
    """Close it. Safe for threads."""

    def __init__(self, admin: str, *, log_in: bool = False) -> None:
        super().__init__(admin, log_in=log_in)
        self._idle: defaultdict[str, list[_Kept]] = defaultdict(list)

    def connect(
        self, role: Role | None = None, *, name: str = "sojourn", autocommit: bool = True
    ) -> psycopg.Connection[Any]:
        if not autocommit:
            return super().connect(role, name=name, autocommit=False)
        conninfo = self.conninfo(role, name=name)
        idle = self._idle[conninfo]
        while idle:
            kept = idle.pop()
            if not kept.closed:
                return kept
        with translated():
            made = _Kept.connect(conninfo, autocommit=True)
        made.idle = idle
        return made

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()


class _Kept(psycopg.Connection[Any]):
    """idle: where it goes at the end of a block that it leaves in order."""

    idle: list[_Kept]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None or self.closed or self.info.transaction_status != TransactionStatus.IDLE:
            self.close()
            return
        self.execute("discard all")
        self._prepared.clear()
        self.idle.append(self)
