"""An API over a real ledger: projectors run, tokens are made, a client asks."""

from __future__ import annotations

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
        yield client


@pytest.fixture
def make_token(database: Database) -> MakeToken:
    """Makes a token; returns its secret."""

    def make(role: str = "state_data_administrator", state: str | None = "OR", **more: Any) -> str:
        with database.connect(Role.WRITER) as connection:
            return create(connection, name=more.pop("name", f"{role} {uuid.uuid4()}"), role=role, state=state, **more)

    return make


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
