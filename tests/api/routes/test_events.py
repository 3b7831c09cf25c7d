"""The feed: every position once, in order, and nothing of a child in it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import httpx2
import orjson
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.routes import events
from api.services import Services
from ledger.application import Ledger
from ledger.store.database import Database
from support.bodies import ENROLLMENT, RECORD, VALUES, student
from support.serving import served


@pytest.fixture
def loaded(oregon: TestClient) -> TestClient:
    for number in range(4):
        assert oregon.put(f"/v1/records/OR/OR{number}", json=student(enrollments=[ENROLLMENT])).status_code == 201
    return oregon


def test_a_page_gives_positions_in_order_and_the_link_to_the_next(loaded: TestClient, ledger: Ledger) -> None:
    seen: list[int] = []
    address: str | None = "/v1/events?limit=5"
    while address:
        page = loaded.get(address).json()
        seen += [event["data"]["position"] for event in page["events"]]
        assert page["head"] == ledger.log.head()
        address = page["next"]
    assert seen == list(range(1, ledger.log.head() + 1))


def test_at_the_head_there_is_an_empty_page_that_stays_where_it_is(loaded: TestClient) -> None:
    page = loaded.get("/v1/events?after=16").json()
    assert (page["events"], page["after"], page["next"]) == ([], 16, None)


def test_an_event_is_a_cloud_event(loaded: TestClient, ledger: Ledger) -> None:
    [event] = loaded.get("/v1/events?limit=1").json()["events"]
    [recorded] = ledger.log.read(0, 1)
    assert event["specversion"] == "1.0"
    assert event["type"] == "sojourn.record-opened.v1"
    assert event["subject"] == recorded.stream
    assert event["id"].replace("-", "") == recorded.event_id
    assert loaded.get(event["data"]["links"]["self"]).json()["events"] == [event]


def test_the_feed_holds_nothing_of_a_child(loaded: TestClient) -> None:
    text = loaded.get("/v1/events?limit=1000").text
    assert not [value for value in (*VALUES, "OR1") if value in text]


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=1001"])
def test_a_page_that_cannot_be_is_refused(oregon: TestClient, query: str) -> None:
    answer = oregon.get(f"/v1/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"query:{query.partition('=')[0]}"


def test_a_stream_that_goes_on_after_nonsense_is_refused(oregon: TestClient) -> None:
    answer = oregon.get("/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "x"})
    assert answer.status_code == 422


def test_the_feed_needs_a_token(client: TestClient) -> None:
    assert client.get("/v1/events").status_code == 401


# -- server-sent events: over a real connection, since a stream has no end


def _positions(lines: Iterator[str], count: int) -> list[int]:
    """Positions of the next events of a stream; the id and the body must agree."""
    found: list[int] = []
    given = 0
    for line in lines:
        if line.startswith("id:"):
            given = int(line.removeprefix("id:"))
        elif line.startswith("data:"):
            position = orjson.loads(line.removeprefix("data:"))["data"]["position"]
            assert position == given
            found.append(position)
            if len(found) == count:
                break
    return found


def test_a_stream_gives_what_is_there_and_then_what_comes(services: Services, make_token) -> None:
    headers = {"Authorization": f"Bearer {make_token()}"}
    follow = {**headers, "Accept": "text/event-stream"}
    with served(create_app(services)) as base, httpx2.Client(base_url=base, headers=headers, timeout=10) as client:
        client.put(RECORD, json=student()).raise_for_status()
        with client.stream("GET", "/v1/events?after=1", headers=follow) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert _positions(lines, 2) == [2, 3]
            for number in range(20):
                client.put(f"/v1/records/OR/OR{number}", json=student()).raise_for_status()
            assert _positions(lines, 60) == list(range(4, 64))
        with client.stream("GET", "/v1/events?after=1", headers={**follow, "Last-Event-ID": "61"}) as stream:
            assert _positions(stream.iter_lines(), 2) == [62, 63]


def _revoke(database: Database, name: str) -> None:
    with database.connect() as connection:
        connection.execute("update ledger.tokens set revoked_at = now() where name = %s", (name,))


def _events_until_its_end(lines: Iterator[str]) -> list[str]:
    """The events that a stream gives before it ends, which it must do soon."""
    found: list[str] = []
    until = time.monotonic() + 10
    for line in lines:
        assert time.monotonic() < until, "it goes on"
        found += [line] * line.startswith("data:")
    return found


def test_a_stream_whose_token_was_revoked_gives_nothing_that_came_after(
    services: Services, make_token, database: Database
) -> None:
    district, follower = ({"Authorization": f"Bearer {make_token(name=name)}"} for name in ("district", "follower"))
    with served(create_app(services)) as base, httpx2.Client(base_url=base, timeout=10) as client:
        client.put(RECORD, json=student(), headers=district).raise_for_status()
        follow = {**follower, "Accept": "text/event-stream"}
        with client.stream("GET", "/v1/events", headers=follow) as stream:
            lines = stream.iter_lines()
            assert _positions(lines, 3) == [1, 2, 3]
            _revoke(database, "follower")
            client.put("/v1/records/OR/OR1", json=student(), headers=district).raise_for_status()
            assert not _events_until_its_end(lines)
        assert client.get("/v1/events", headers=follow).status_code == 401


def test_a_stream_whose_token_was_revoked_ends_though_nothing_comes(
    services: Services, make_token, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.2)
    follow = {"Authorization": f"Bearer {make_token(name='follower')}", "Accept": "text/event-stream"}
    with (
        served(create_app(services)) as base,
        httpx2.Client(base_url=base, timeout=10) as client,
        client.stream("GET", "/v1/events", headers=follow) as stream,
    ):
        lines = stream.iter_lines()
        assert {line[:6] for line in itertools.islice(lines, 6)} == {": ping", ""}, "while the token holds"
        _revoke(database, "follower")
        assert not _events_until_its_end(lines)
