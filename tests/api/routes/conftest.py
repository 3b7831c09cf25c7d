"""What tests of routes share: people of several states' offices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from support.acting import Children, Office
from support.bodies import ENROLLMENT, RECORD, student


@pytest.fixture
def office(client: TestClient, make_token: Callable[..., str]) -> Office:
    return Office(client, make_token)


@pytest.fixture
def child(oregon: TestClient) -> str:
    """Student id of a child of Oregon's who is enrolled."""
    answer = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 201, answer.text
    return answer.json()["student_id"]


@pytest.fixture
def children(office: Office) -> Children:
    return Children(
        office.record("OR", "OR1", enrollments=[ENROLLMENT]),
        office.record("OR", "OR2"),
        office.record("CA", "CA1"),
        office.record("TX", "TX1"),
    )
