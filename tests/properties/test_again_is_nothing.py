"""Law 2 at the front door: a request sent again with its key has its first answer, whatever happened in between.

That the same command without a key changes nothing is held in ``test_any_history``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from httpx2 import Response
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.mde import TABLES
from support import sending
from support.bodies import CHILD, MOVE
from support.front_door import FrontDoor, front_door
from support.submissions import as_body, fact_body
from support.worlds import World

ROUTES = {"D": "demographics", "Q": "qualifying-moves", "E": "enrollments"}


class Ask(NamedTuple):
    """One request on the record of an example. rest: of the address."""

    method: str
    rest: str
    body: dict[str, Any] | None


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    """Any request; facts and enrollments are guessed, some bodies are wrong by themselves."""
    kind = draw(st.sampled_from(["put", "put", "put", "fact", "withdraw", "reside", "correct", "retract", "delete"]))
    fact = draw(st.integers(1, 5))
    day = draw(st.sampled_from([*sending.DAYS, "2025-02-30"]))
    if kind == "put":
        return Ask("PUT", "", as_body(draw(sending.student_rows("OR", "", actions="U", rows_max=3))))
    if kind == "fact":
        row = draw(sending.rows("DQE"))
        return Ask("POST", f"/{ROUTES[row.letter]}", fact_body(row))
    if kind == "withdraw":
        return Ask("POST", "/withdrawals", {"enrollment": fact, "withdrawal_date": day})
    if kind == "reside":
        return Ask("POST", "/residency-changes", {"enrollment": fact, "residency_date": day})
    if kind == "correct":
        changes = draw(sending.changes_of("E").filter(bool))
        return Ask("POST", "/corrections", {"fact": fact, "elements": changes})
    if kind == "retract":
        return Ask("POST", "/retractions", {"fact": fact})
    return Ask("DELETE", "", None)


@pytest.fixture
def door(world: World) -> Iterator[FrontDoor]:
    with front_door(world) as door:
        yield door


def send(door: FrontDoor, ssid: str, asked: Ask, key: str | None) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return door.ask(asked.method, f"/v1/records/OR/{ssid}{asked.rest}", headers=headers, json=asked.body)


def told(answer: Response) -> tuple[Any, ...]:
    """What must be the same when it is told again: of rows and findings nothing is kept."""
    said = answer.json()
    if answer.status_code >= 400:
        return answer.status_code, said["type"], said["title"], said.get("detail")
    names = ("record_id", "student_id", "position", "facts")
    return answer.status_code, answer.headers["Ledger-Position"], *(said[name] for name in names)


def assert_replayed(door: FrontDoor, ssid: str, asked: Ask, key: str, first: Response) -> None:
    again = send(door, ssid, asked, key)
    assert told(again) == told(first)
    if first.status_code < 400:
        assert again.headers["Idempotency-Replayed"] == "true"
    elif "Idempotency-Replayed" not in again.headers:
        # What is wrong by itself never reaches the ledger: it is looked at anew.
        assert again.json().get("errors") == first.json().get("errors")


def test_law_2_a_request_again_has_its_first_answer(
    world: World, door: FrontDoor, sized: Callable[..., settings]
) -> None:
    @sized(50)
    @given(st.lists(asks(), min_size=1, max_size=8), st.data())
    def law(requests: Sequence[Ask], data: st.DataObject) -> None:
        ssid = world.next_example()
        first: list[Response] = []
        for number, asked in enumerate(requests):
            first.append(send(door, ssid, asked, f"{ssid}/{number}"))
            earlier = data.draw(st.integers(0, number))
            head = world.head()
            assert_replayed(door, ssid, requests[earlier], f"{ssid}/{earlier}", first[earlier])
            assert world.head() == head
        head = world.head()
        for number, asked in enumerate(requests):
            assert_replayed(door, ssid, asked, f"{ssid}/{number}", first[number])
            other = asked._replace(method="PUT", rest="", body={"student": {}, "demographics": [CHILD]})
            if first[number].headers.get("Ledger-Position"):
                reused = send(door, ssid, other, f"{ssid}/{number}")
                assert (reused.status_code, reused.json()["type"]) == (422, "/problems/idempotency-key-reused")
        assert world.head() == head

    law()


def test_a_student_without_a_move_is_refused_again_though_the_record_is_there(door: FrontDoor) -> None:
    address = "/v1/records/OR/OR1"
    assert door.ask("PUT", address, json={"student": {}, "qualifying_moves": [MOVE]}).status_code == 201
    assert door.ask("POST", f"{address}/retractions", json={"fact": 1}).status_code == 201
    key = {"Idempotency-Key": "1"}
    first = door.ask("PUT", address, json={"student": {}, "demographics": [CHILD]}, headers=key)
    again = door.ask("PUT", address, json={"student": {}, "demographics": [CHILD]}, headers=key)
    assert first.status_code == 422
    assert told(again) == told(first)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_routes_are_those_of_the_tables() -> None:
    assert ROUTES.keys() <= TABLES.keys()
