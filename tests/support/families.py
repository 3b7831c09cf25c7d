"""Families over HTTP: children with a school, and what the school grants."""

from __future__ import annotations

from typing import Any, Final

import httpx2

from support.bodies import CHILD, ENROLLMENT, student
from support.signing_in import PASSWORD, Official, People

MARIA: Final = "familia@example.org"
HERE: Final = "4106740"
ELSEWHERE: Final = "4113770"


def child(people: People, ssid: str, state: str = "OR", *, born: str = "2013-05-09", district: str = HERE) -> str:
    """A child with one record; the student id, once it can be read."""
    body = student(
        demographics=[CHILD | {"birth_date": born}], enrollments=[ENROLLMENT | {"school_district_id": district}]
    )
    batch = people.bearer("state_batch_submitter", state)
    made = people.ask(batch, "PUT", f"/v1/records/{state}/{ssid}", body)
    assert made.status_code == 201, made.text
    told = made.json()
    auditor = people.bearer("auditor")
    assert people.ask(auditor, "GET", f"/v1/students/{told['student_id']}?at_least={told['position']}").is_success
    return told["student_id"]


def school(people: People, state: str = "OR", district: str | None = HERE, role: str = "secondary_user") -> Any:
    """Headers of an official of a school's district."""
    return people.bearer(role, state, **({} if district is None else {"district": district}))


def asked_for(child: str, **more: Any) -> dict[str, Any]:
    """The body of a grant."""
    return {
        "student_id": child,
        "email": MARIA,
        "name": "María López",
        "relation": "parent",
        "identification": "consular identification card",
    } | more


def granted(people: People, student_id: str, **more: Any) -> dict[str, Any]:
    """What an official of the child's school is told."""
    answer = people.ask(school(people), "POST", "/v1/family-grants", asked_for(student_id, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


class Parent(Official):
    """Who signs in for her child by a password alone."""

    def reads(self, student_id: str, rest: str = "", **more: Any) -> httpx2.Response:
        return self.get(f"/v1/students/{student_id}{rest}", **more)

    def signs_in(self, password: str = PASSWORD) -> httpx2.Response:
        return self.posts("/sign-in", email=self.email, password=password)


def parent(people: People, told: dict[str, Any], email: str = MARIA) -> Parent:
    """Whoever has shown the code of a grant, the first time."""
    maria = Parent(people.client, people.clock, email, told["account"])
    begun = maria.begins(told["code"])
    assert (begun.status_code, begun.headers["Location"]) == (303, "/"), begun.text
    return maria
