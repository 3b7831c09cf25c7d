"""A pool of connections that tells how long its callers wait for one."""

from __future__ import annotations

import time
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger import telemetry

_WAITED = telemetry.POOL_WAIT.labels("api")


class TimedPool(AsyncConnectionPool[AsyncConnection[Any]]):
    """As its base. A wait that ends without a connection is counted too."""

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[Any]:  # noqa: ASYNC109 - as its base
        began = time.perf_counter()
        try:
            return await super().getconn(timeout)
        finally:
            _WAITED.observe(time.perf_counter() - began)
