"""An API over a real ledger: projectors run, tokens are made, a client asks."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.services import Services
from ledger.store.database import Database, Role
from ledger.store.tokens import create
from projections.projectors import Projectors
from support.services import Clock, clock, projectors, services, template
from support.signing_in import People

__all__ = ["clock", "projectors", "services", "template"]

MakeToken = Callable[..., str]


@pytest.fixture
def client(services: Services, projectors: Projectors) -> Iterator[TestClient]:
    with TestClient(create_app(services), raise_server_exceptions=True) as client:
        _await_pools(client, services)
        yield client


@pytest.fixture
def make_token(database: Database) -> Iterator[MakeToken]:
    """Makes a token; returns its secret. One connection makes all of a test's."""
    with contextlib.ExitStack() as stack:
        connected = functools.cache(lambda: stack.enter_context(database.connect(Role.WRITER)))

        def make(role: str = "state_data_administrator", state: str | None = "OR", **more: Any) -> str:
            name = more.pop("name", f"{role} {uuid.uuid4()}")
            return create(connected(), name=name, role=role, state=state, **more)

        yield make


def _await_pools(client: TestClient, services: Services) -> None:
    """A request that finds a pool without a connection makes it open one more, which most tests have no use for."""
    assert client.portal is not None
    for pool in services.pools:
        client.portal.call(pool.wait)


@pytest.fixture
def people(client: TestClient, services: Services, clock: Clock, make_token: MakeToken) -> People:
    """Who signs in here. The test's own ``ledger`` goes by ``clock``, or no day of theirs is the service's."""
    assert services.ledger.clock() == clock()
    return People(client, services, clock, make_token)


@pytest.fixture
def oregon(client: TestClient, make_token: MakeToken) -> TestClient:
    """The client with the token of Oregon's office, which sends and reads."""
    client.headers["Authorization"] = f"Bearer {make_token(name='oregon nightly')}"
    return client
