"""Hears what PostgreSQL announces: new heads of the logs, new positions of the read models.

Invariant: a position known here has been committed. After each LISTEN the positions are read once, so that nothing
announced before it is missed; from then on waiters are woken by announcements, never by a clock. One connection per
process serves every waiter. Belongs to one event loop; knows no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import psycopg
import structlog

from ledger.store.following import lock_key

LOGS: Final = {"ledger_events": "ledger", "access_events": "access"}
"""Channel to log: the payload is the log's head."""
PROJECTED: Final = "projected"
"""Channel of the read models: the payload is ``name:position``."""
RECONNECT_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

log = structlog.get_logger()


class Announcements:
    """Knows how far each log and each read model has come, and lets callers wait for more.

    conninfo: of the projector on the primary (a replica cannot LISTEN). Names are ``ledger``, ``access`` and those of
    the read models. presence: a lock that is shared by all who listen under its name, for others to see that one does.
    """

    def __init__(self, conninfo: str, presence: str | None = None) -> None:
        self._conninfo = conninfo
        self._presence = presence
        self._positions: dict[str, int] = {}
        self._waiters: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}
        self._listening: asyncio.Task[None] | None = None
        self.connected = False

    def position(self, name: str) -> int:
        """The last position heard of; 0 where nothing was."""
        return self._positions.get(name, 0)

    async def reached(self, name: str, position: int, timeout_s: float | None = None) -> bool:
        """Wait until ``name`` has come to ``position``. False where it has not in time; without a timeout it waits on.

        Never polls: it is woken by the announcement itself.
        """
        if self._positions.get(name, 0) >= position:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(name, [])
        entry = (position, waiter)
        waiters.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return self._positions.get(name, 0) >= position
        else:
            return True
        finally:
            with contextlib.suppress(ValueError):
                waiters.remove(entry)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen for as long as the block runs. A lost connection is made again; waiters wait on meanwhile."""
        self._listening = asyncio.create_task(self._listen(), name="announcements")
        try:
            yield
        finally:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    for channel in (*LOGS, PROJECTED):
                        await connection.execute(f"listen {channel}".encode())
                    if self._presence is not None:
                        await connection.execute("select pg_advisory_lock_shared(%s)", (lock_key(self._presence),))
                    await self._catch_up(connection)
                    self.connected, failures = True, 0
                    async for notify in connection.notifies():
                        self._hear(notify.channel, notify.payload)
            except psycopg.Error as error:
                log.warning("announcements-lost", error=type(error).__qualname__)
            finally:
                self.connected = False
            await asyncio.sleep(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
            failures += 1

    async def _catch_up(self, connection: psycopg.AsyncConnection) -> None:
        """What was committed before LISTEN took hold is read, once.

        What was known before is forgotten: a projector's commits do not wait for the disk, so after a crash of
        PostgreSQL a read model may stand further back than it had announced.
        """
        cursor = await connection.execute(
            "select 'ledger', position from ledger.head union all select 'access', position from access.head"
            " union all select application_name, notification_id from tracking.positions"
        )
        rows = await cursor.fetchall()
        self._positions.clear()
        for name, position in rows:
            self._set(name, position)

    def _hear(self, channel: str, payload: str) -> None:
        name, _, position = payload.rpartition(":")
        if position.isdecimal():  # any role may announce anything
            self._set(LOGS.get(channel, name), int(position))

    def _set(self, name: str, position: int) -> None:
        if position <= self._positions.get(name, 0):
            return
        self._positions[name] = position
        for wanted, waiter in self._waiters.get(name, ()):
            if wanted <= position and not waiter.done():
                waiter.set_result(None)
