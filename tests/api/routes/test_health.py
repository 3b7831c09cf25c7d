"""Health tells the truth: ready means that a command could be committed and a child read now."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.services import Check, Services
from ledger.errors import Misconfigured
from ledger.store.database import Database
from projections import PROJECTIONS
from support.bodies import student


def test_it_lives(client: TestClient) -> None:
    assert client.get("/livez").text == "alive\n"


def test_ready_names_every_check_and_every_read_model(oregon: TestClient) -> None:
    position = oregon.put("/v1/records/OR/OR1", json=student()).json()["position"]
    answer = oregon.get("/readyz")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert set(body["checks"].values()) == {"ok"}
    assert set(body["projections"]) == {projection.name for projection in PROJECTIONS}
    assert body["projections"]["students"]["head"] == position


def _broken() -> str | None:
    raise Misconfigured("The schema is of another release.", remedy="Run `sojourn migrate`.")


@pytest.mark.parametrize(
    ("find", "told"),
    [
        (lambda: "The writer has stopped.", "The writer has stopped."),
        (_broken, "Run `sojourn migrate`."),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_check_that_fails_makes_it_unready_and_says_why(services: Services, find, told: str) -> None:
    services.checks = [Check("writer", find)]
    with TestClient(create_app(services)) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert told in answer.json()["checks"]["writer"]
    assert answer.json()["checks"]["database"] == "ok"


@pytest.fixture
def away(services: Services) -> TestClient:
    """An app whose pools reach nothing."""
    for pool in services.pools:
        pool.conninfo = "host=/nowhere connect_timeout=1"
        pool.timeout = 0.2
    return TestClient(create_app(services))


def test_a_database_that_is_away_is_told_and_not_hidden(away: TestClient, database: Database) -> None:
    with away as client:
        assert client.get("/livez").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "PostgreSQL" in answer.json()["checks"]["database"]
        assert 'projection_lag_events{projection="students"} NaN' in client.get("/metrics").text
        read = client.get("/v1/students/310890258979", headers={"Authorization": "Bearer soj_x"})
        assert read.status_code == 503
        assert read.json()["type"] == "/problems/store-unavailable"


def test_reads_that_find_a_dead_connection_do_not_make_it_unready(
    client: TestClient, services: Services, database: Database
) -> None:
    """As after a restart of PostgreSQL: each connection of the pool is dead, and a child can be read all the same."""
    assert client.get("/readyz").json()["checks"]["read models"] == "ok"
    with database.connect() as admin:
        admin.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'sojourn_reader'")
    assert client.get("/readyz").json()["checks"]["read models"] == "ok"


def test_metrics_tell_heads_and_lags(oregon: TestClient) -> None:
    oregon.put("/v1/records/OR/OR1", json=student())
    text = oregon.get("/metrics").text
    assert 'ledger_head_position{log="ledger"} 3.0' in text
    assert 'projection_lag_events{projection="students"}' in text
    assert 'route="/v1/records/{state}/{ssid}"' in text
    assert "OR1" not in text
