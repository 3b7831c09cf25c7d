"""Seats of practice space: one a browser, and each with the role that it promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.practice import seat_named
from api.services import Services
from ledger.application import Ledger
from ledger.events import Meta
from ledger.family_access import FamilyAsked, Official
from support.bodies import CHILD, ENROLLMENT, student
from support.families import HERE
from support.signing_in import Visitor, refused


@pytest.fixture
def visitor(services: Services, projectors: object, make_token) -> Iterator[Visitor]:
    """A browser in practice space, where one child of Oregon is loaded."""
    services.practice = True
    with TestClient(create_app(services)) as client:
        token = {"Authorization": f"Bearer {make_token()}"}
        body = student(demographics=[CHILD], enrollments=[ENROLLMENT | {"school_district_id": HERE}])
        made = client.put("/v1/records/OR/OR1", json=body, headers=token).json()
        path = f"/v1/students/{made['student_id']}?at_least={made['position']}"
        client.get(path, headers=token).raise_for_status()
        yield Visitor(client)


def test_taking_another_seat_leaves_the_first_one(visitor: Visitor) -> None:
    assert visitor.posts("/practice/auditor").status_code == 303
    first = dict(visitor.cookies)
    assert visitor.posts("/practice/registrar").status_code == 303
    assert visitor.get("/v1/me").json()["role"] == "secondary_user"
    visitor.cookies = first
    assert refused(visitor.get("/v1/me")) == (401, "not-signed-in")


def test_a_grant_that_a_crash_left_without_its_code_shown_keeps_no_parent_from_her_seat(
    visitor: Visitor, ledger: Ledger
) -> None:
    child = visitor.get("/").text.partition('href="/students/')[2][:12]
    asked = FamilyAsked(
        student_id=child,
        email=seat_named("parent").email,
        name="Practice",
        relation="parent",
        identification="practice",
    )
    official = Official(name="practice space", state="OR", district=HERE, organisation="Practice")
    ledger.family_access.grant(asked, official, Meta(actor="practice space"))
    assert visitor.posts("/practice/parent").status_code == 303
    assert visitor.get("/v1/me").json()["role"] == "parent"
