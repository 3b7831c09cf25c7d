"""Pages for people: small, escaped, from here alone, and as closed as the API."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.problems import families
from api.services import Services
from ledger.application import Ledger
from support.bodies import CHILD, ENROLLMENT, VALUES, student


@pytest.fixture
def practice(services: Services, projectors: object, make_token) -> Iterator[TestClient]:
    """A practice space with one student, visited without a token."""
    services.practice = True
    with TestClient(create_app(services)) as client:
        token = {"Authorization": f"Bearer {make_token()}"}
        hostile = {**CHILD, "middle_name": "<b>Ana & Co</b>"}
        body = student(demographics=[hostile], enrollments=[ENROLLMENT])
        answer = client.put("/v1/records/OR/OR1", json=body, headers=token)
        client.get(f"/v1/students/{answer.json()['student_id']}?at_least=4", headers=token).raise_for_status()
        yield client


def _first_student(client: TestClient) -> str:
    found = re.search(r'href="(/students/[0-9]{12})"', client.get("/").text)
    assert found is not None
    return found[1]


def test_the_first_page_says_what_is_loaded_and_holds_nothing_of_a_child(practice: TestClient) -> None:
    page = practice.get("/").text
    assert "Practice space" in page
    assert "Records by state" in page
    assert re.search(r'scope="row">OR</th><td class="number">1</td>', page)
    assert not [value for value in VALUES if value in page]


def test_a_student_s_page_shows_her_and_is_disclosed(practice: TestClient, ledger: Ledger) -> None:
    page = practice.get(_first_student(practice))
    assert page.status_code == 200
    assert "Marisol" in page.text
    assert "Valor Middle School" in page.text
    [*_, last] = ledger.access.read(0, 100)
    assert last.meta.actor == "practice visitor"
    assert getattr(last.event, "view", "") == "student-page"


def test_a_page_s_title_names_no_child(practice: TestClient) -> None:
    """The browser's history keeps it, and shows it to whoever sits there next."""
    page = practice.get(_first_student(practice)).text
    found = re.search(r"<title>(.*?)</title>", page)
    assert found is not None
    assert found[1] == "Student record · Sojourn"
    assert re.search(r"<h1>Marisol .*Abarca</h1>", page), "the page itself does"


def test_what_was_sent_is_text_and_never_markup(practice: TestClient) -> None:
    page = practice.get(_first_student(practice)).text
    assert "&lt;b&gt;Ana &amp; Co&lt;/b&gt;" in page
    assert "<b>" not in page


def test_pages_load_nothing_from_another_host_and_run_nothing(practice: TestClient) -> None:
    for path in ("/", _first_student(practice), "/problems/stale-decision"):
        page = practice.get(path).text
        assert not re.search(r'(src|href)="(https?:)?//', page)
        assert not re.search(r"<script(?! src=)", page)
        assert ' style="' not in page
    assert practice.get("/static/console.css").headers["Content-Type"].startswith("text/css")


def test_pages_have_what_a_screen_reader_needs(practice: TestClient) -> None:
    for path in ("/", _first_student(practice)):
        page = practice.get(path).text
        assert '<html lang="en">' in page
        assert page.count("<h1") == 1
        assert '<main id="main"' in page
        assert page.count("<caption>") == page.count("<table>")


def test_outside_practice_nobody_sees_a_student_or_a_count_without_a_token(client: TestClient, make_token) -> None:
    token = {"Authorization": f"Bearer {make_token()}"}
    child = client.put("/v1/records/OR/OR1", json=student(), headers=token).json()
    page = client.get("/").text
    assert "Records by state" not in page
    assert child["student_id"] not in page
    address = f"/students/{child['student_id']}?at_least={child['position']}"
    assert client.get(address).status_code == 401
    assert client.get(address, headers=token).status_code == 200


def test_practice_opens_pages_and_not_the_api(practice: TestClient) -> None:
    assert practice.get(f"/v1{_first_student(practice)}").status_code == 401
    wrong = practice.get(_first_student(practice), headers={"Authorization": "Bearer soj_x"})
    assert wrong.status_code == 401


def test_every_type_of_problem_has_a_page(client: TestClient) -> None:
    for code in families():
        assert client.get(f"/problems/{code}").status_code == 200, code
    assert client.get("/problems/unheard-of").status_code == 404
