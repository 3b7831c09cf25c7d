"""The service's front door in a world, with somebody beside it who looks at every answer before it leaves.

The watcher stands outside the whole application. At the first byte of an answer he looks into the access log through a
connection of his own, so that what he finds there was durable before that byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import create_app
from api.bootstrap import Store, services
from api.services import Services
from ledger.events import Recorded
from ledger.settings import Settings
from ledger.store.database import Role
from ledger.store.tokens import create
from projections import PROJECTIONS
from projections.projectors import Projectors
from support.worlds import MASTER_KEY, World


@dataclass
class Left:
    """One answer, and the entries of its request that were durable when its first byte left."""

    path: str
    status: int
    request_id: str
    entries: list[Recorded] = field(default_factory=list)
    body: bytes = b""


class Watcher:
    """An ASGI layer around the application."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self.left: list[Left] = []
        self._app = app
        self._access = world.ledgers[1].access
        self._entries: dict[str, list[Recorded]] = {}
        self._seen = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = {name.lower(): value for name, value in message["headers"]}
                request_id = headers[b"x-request-id"].decode()
                self.left.append(
                    Left(scope["path"], message["status"], request_id, self.entries().get(request_id, []).copy())
                )
            elif message["type"] == "http.response.body":
                self.left[-1].body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, watched)

    def entries(self) -> dict[str, list[Recorded]]:
        """Every entry of the access log so far, by request."""
        while page := self._access.read(self._seen, 500):
            for recorded in page:
                self._entries.setdefault(recorded.meta.request or "", []).append(recorded)
            self._seen = page[-1].position
        return self._entries


@dataclass
class FrontDoor:
    """tokens: of a submitter, by state."""

    services: Services
    watcher: Watcher
    client: TestClient
    tokens: dict[str, str]

    def ask(self, method: str, path: str, *, state: str | None = "OR", **more: Any) -> Response:
        """Ask as the data administrator of a state, who sends and reads; None: as nobody."""
        headers = dict(more.pop("headers", {}))
        if state is not None:
            headers["Authorization"] = f"Bearer {self.tokens[state]}"
        return self.client.request(method, path, headers=headers, **more)

    def last(self) -> Left:
        """The answer that left last, as the watcher saw it."""
        return self.watcher.left[-1]


@contextmanager
def front_door(world: World) -> Iterator[FrontDoor]:
    """The application over the first ledger of a world, with projectors at work; composed as in production."""
    settings = Settings.load(database_url=world.database.admin, master_key=MASTER_KEY.hex())
    ledger = world.ledgers[0]
    made = services(Store(settings, world.database, ledger.vault, ledger.ids), ledger)
    with world.database.connect(Role.WRITER) as connection:
        tokens = {
            state: create(connection, name=f"{state} nightly", role="state_data_administrator", state=state)
            for state in ("OR", "CA")
        }
    projectors = Projectors(PROJECTIONS, world.database, {"ledger": ledger.log, "access": ledger.access})
    watcher = Watcher(create_app(made), world)
    projectors.start()
    try:
        with TestClient(watcher) as client:
            yield FrontDoor(made, watcher, client, tokens)
    finally:
        projectors.stop()
    assert not projectors.failures()
