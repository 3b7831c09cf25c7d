"""Before the process that folds has made the read models' tables."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.services import Services
from projections import PROJECTIONS
from support.databases import Template, bare


@pytest.fixture(scope="module")
def template() -> Template:
    return bare


def test_without_the_tables_that_reads_are_answered_from_it_is_not_ready(services: Services) -> None:
    """As right after the first start, before the process that folds has made them."""
    with TestClient(create_app(services)) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    told = answer.json()["checks"]
    assert told["database"] == "ok"
    assert all(projection.name in told["read models"] for projection in PROJECTIONS)
