"""The served side: the product's app in one uvicorn worker, as ``sojourn serve`` runs it, and beside it its limits.

Invariant: the product's app is made by the composition root and called as it is. The two limits (a static answer, a
bare read by primary key) are another app, told apart by the first letters of the path before either is entered; so
both meet the same server, loop and process, and neither is in the other's way.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import ExitStack

import msgspec
import uvicorn
from fastapi import FastAPI, Request
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.bootstrap import open_store, services
from api.cli import serve
from ledger.settings import Settings
from ledger.telemetry import configure_logs
from projections import PROJECTIONS
from projections.projectors import Projectors

PREFIX = "/bench/"
STATIC = f"{PREFIX}static"
ROWS = f"{PREFIX}rows/"
STATIC_BYTES = 4096
POOL_SIZE = 8
"""Connections of the bare read: as many as the product keeps for its reads."""


class Config(msgspec.Struct, kw_only=True):
    """What a process of the service is told. rows: conninfo of the bare read's table, ``bench.rows``."""

    database_url: str
    master_key: str
    rows: str = ""

    def settings(self) -> Settings:
        """Those of the product."""
        return Settings.load(
            database_url=self.database_url,
            read_url=None,
            master_key=self.master_key,
            master_key_file=None,
            fault=None,
            log_format="json",
            log_level="info",
            rate_requests=1_000_000,  # counted like everybody, and out of reach of a hundred callers with one token
            rate_burst=1_000_000,
        )


class Beside:
    """The product and its limits behind one door."""

    def __init__(self, product: ASGIApp, rows: AsyncConnectionPool) -> None:
        self._product = product
        self._rows = rows
        self._limits = limits(rows)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._limits(scope, receive, send)
        elif scope["type"] == "lifespan":
            async with self._rows:
                await self._product(scope, receive, send)
        else:
            await self._product(scope, receive, send)


def limits(rows: AsyncConnectionPool) -> FastAPI:
    """FastAPI at its best: ready bytes, no model, no middleware."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    ready = b'{"static":"' + b"x" * (STATIC_BYTES - 13) + b'"}'

    @app.get(STATIC)
    async def static() -> Response:
        return Response(ready, media_type="application/json")

    @app.get(ROWS + "{name}")
    async def row(request: Request) -> Response:
        async with rows.connection() as conn:
            cursor = await conn.execute(
                "select body from bench.rows where name = %s", (request.path_params["name"],), binary=True
            )
            found = await cursor.fetchone()
        if found is None:
            return Response(status_code=404)
        return Response(found[0], media_type="application/json")

    return app


def main_serve() -> None:
    """Serve until standard input ends. Reads its config from the first line there; says its port when it listens."""
    config = _config()
    with ExitStack() as stack:
        store = stack.enter_context(open_store(config.settings()))
        ledger = stack.enter_context(store.ledger())
        rows: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            config.rows or config.database_url, min_size=1, max_size=POOL_SIZE, open=False, kwargs={"autocommit": True}
        )
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        port = listening.getsockname()[1]
        app = Beside(create_app(services(store, ledger)), rows)
        server = uvicorn.Server(uvicorn.Config(app, **serve._server("127.0.0.1", port)))  # noqa: SLF001 - as served

        def end() -> None:
            sys.stdin.buffer.read()
            server.should_exit = True

        threading.Thread(target=end, daemon=True).start()
        _say(port)
        server.run(sockets=[listening])


def main_follow() -> None:
    """Keep the read models up until standard input ends: the other half of ``sojourn serve``."""
    config = _config()
    with open_store(config.settings()) as store, store.logs() as logs:
        projectors = Projectors(PROJECTIONS, store.database, logs)
        projectors.start()
        _say(0)
        sys.stdin.buffer.read()
        projectors.stop()


def _config() -> Config:
    configure_logs()
    return msgspec.json.decode(sys.stdin.buffer.readline(), type=Config)


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
