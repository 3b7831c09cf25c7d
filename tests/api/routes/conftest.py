"""What tests of routes share: people of several states' offices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from support.acting import Office


@pytest.fixture
def office(client: TestClient, make_token: Callable[..., str]) -> Office:
    return Office(client, make_token)
