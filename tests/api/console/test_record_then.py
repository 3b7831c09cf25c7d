"""A record as it was known on a day that is over: on a page, on paper and in Spanish, with what has changed since."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed
from ledger.store.database import Database
from support.bodies import CHILD, ENROLLMENT, student
from support.linking import merge, reverse
from support.services import NOW, Clock

RECORD = "/v1/records/OR/OR7"
LATER = {**ENROLLMENT, "enrollment_date": "2025-09-03", "school_or_project_name": "French Prairie Middle School"}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def child(oregon: TestClient, clock: Clock) -> str:
    """Who withdrew from her school, entered another one, and was called otherwise, two days later."""
    made = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT])).json()
    clock.now += timedelta(days=2)
    oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 3, "withdrawal_date": "2025-06-13"})
    oregon.post(f"{RECORD}/corrections", json={"fact": 1, "elements": {"first_name": "Marisa"}})
    answer = oregon.post(f"{RECORD}/enrollments", json=LATER)
    assert answer.status_code == 201, answer.text
    return made["student_id"]


def read(client: TestClient, child: str, rest: str = "", **params: str) -> Any:
    answer = client.get(f"/students/{child}{rest}", params=params, headers={"Accept-Language": "en"})
    assert answer.status_code == 200, answer.text
    return answer


def changes(page: str) -> str:
    """The part that tells them, as text."""
    part = re.search(r'<section class="rec" aria-labelledby="since">.*?</section>', page, re.DOTALL)
    assert part is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part[0]))


def test_the_page_of_a_day_shows_what_was_known_then_and_marks_what_is_otherwise_today(
    oregon: TestClient, child: str
) -> None:
    page = read(oregon, child, as_of="2025-09-02").text
    assert "As it was known on Sep 2, 2025" in page
    assert f"<h1>{CHILD['first_name']} " in page
    told = changes(page)
    assert "Marisol Marisa" in told
    assert "Jun 13, 2025" in told
    assert "French Prairie Middle School" in told
    assert f"/students/{child}/merge" not in page, "acts are of today's students"
    assert "oregon nightly" in told, "who said so"
    assert page.count(">changed since<") == 2, "her name's row and her school's"
    assert 'value="2025-09-02"' in page


def test_today_there_is_no_mark_and_a_date_that_leads_back(oregon: TestClient, child: str, ledger: Ledger) -> None:
    page = read(oregon, child, at_least=str(ledger.log.head())).text
    assert ">changed since<" not in page
    assert re.search(r'<input id="as_of" name="as_of" type="date"[^>]* max="2025-09-04"', page)
    assert "What has changed since then" not in page


def test_as_of_today_nothing_has_changed(oregon: TestClient, child: str) -> None:
    page = read(oregon, child, as_of="2025-09-04").text
    assert "Nothing: what was known then is what is known today." in page


def test_a_day_is_the_readers_own_to_its_end(oregon: TestClient, child: str, clock: Clock) -> None:
    """In Oregon it is still the second of September when it is the third in UTC."""
    clock.now = NOW + timedelta(days=3)
    evening = NOW + timedelta(hours=9)
    assert evening.day == 3
    page = read(oregon, child, as_of="2025-09-02").text
    assert "As it was known on Sep 2, 2025" in page
    assert "Marisa" in changes(page)


def test_both_times_at_once(oregon: TestClient, child: str) -> None:
    page = read(oregon, child, as_of="2025-09-04", effective_on="2025-05-01").text
    assert "Only what had come true by May 1, 2025 is shown." in page
    assert "French Prairie" not in re.sub(
        r'<section class="rec" aria-labelledby="since">.*?</section>', "", page, flags=re.DOTALL
    )


def test_an_empty_date_is_none(oregon: TestClient, child: str) -> None:
    assert "As it was known" not in read(oregon, child, as_of="", effective_on="").text


def test_it_is_told_in_spanish_and_the_language_link_stays_on_the_day(oregon: TestClient, child: str) -> None:
    answer = oregon.get(f"/students/{child}?as_of=2025-09-02", headers={"Accept-Language": "es"})
    assert "Tal como se conocía el 2 sept 2025" in answer.text
    assert "Qué ha cambiado desde entonces" in answer.text
    assert "as_of%3D2025-09-02" in answer.text


def test_it_is_printed_with_its_changes_and_the_links_of_the_page_lead_to_that_print(
    oregon: TestClient, child: str
) -> None:
    page = read(oregon, child, as_of="2025-09-02").text
    assert f'/students/{child}/print?language=en&amp;as_of=2025-09-02"' in page
    paper = read(oregon, child, "/print", language="en", as_of="2025-09-02").text
    assert "As it was known on Sep 2, 2025" in paper
    assert "Marisol Marisa" in changes(paper)
    assert "<details" not in paper


def test_it_is_one_disclosure_that_says_as_of_when(oregon: TestClient, child: str, ledger: Ledger) -> None:
    before = ledger.access.head()
    read(oregon, child, as_of="2025-09-02")
    [entry] = [one.event for one in ledger.access.read(before, 10)]
    assert isinstance(entry, Disclosed)
    assert entry.view == "student-page"
    assert entry.as_of == entry.since == entry.position
    assert entry.position < ledger.log.head()


def test_what_the_browser_kept_is_current_until_something_changes(oregon: TestClient, child: str) -> None:
    def again(tag: str) -> Any:
        return oregon.get(
            f"/students/{child}?as_of=2025-09-02", headers={"If-None-Match": tag, "Accept-Language": "en"}
        )

    tag = read(oregon, child, as_of="2025-09-02").headers["ETag"]
    assert again(tag).status_code == 304
    oregon.post(f"{RECORD}/corrections", json={"fact": 1, "elements": {"first_name": "Marisela"}})
    assert again(tag).status_code == 200


def test_a_merge_that_was_taken_back_is_seen_as_it_was_and_said_to_be_gone(
    oregon: TestClient, child: str, ledger: Ledger, clock: Clock, make_token: Callable[..., str]
) -> None:
    texas = {"Authorization": f"Bearer {make_token(state='TX')}"}
    other = oregon.put("/v1/records/TX/TX1", json=student(), headers=texas).json()["student_id"]
    act = merge(ledger, child, other)
    clock.now += timedelta(days=1)
    reverse(ledger, act.id)
    page = read(oregon, other, as_of="2025-09-04").text
    assert "TX TX1" in page
    assert "OR OR7" in page
    told = changes(page)
    assert f"Student id {child} {other}" in told
    assert "OR OR7 nothing" in told


def test_of_one_state_the_page_of_a_merge_that_was_taken_back_is_refused_and_the_page_of_today_is_not(
    oregon: TestClient, child: str, ledger: Ledger, clock: Clock, make_token: Callable[..., str]
) -> None:
    texas = {"Authorization": f"Bearer {make_token(state='TX')}"}
    other = oregon.put("/v1/records/TX/TX1", json=student(), headers=texas).json()["student_id"]
    act = merge(ledger, child, other)
    clock.now += timedelta(days=1)
    reverse(ledger, act.id)
    recruiter = {"Authorization": f"Bearer {make_token(state='TX', role='recruiter')}", "Accept": "text/html"}
    for rest in ("", "/print"):
        answer = oregon.get(f"/students/{other}{rest}?as_of=2025-09-04", headers=recruiter)
        assert answer.status_code == 403
        assert "OR7" not in answer.text
        assert oregon.get(f"/students/{other}{rest}", headers=recruiter).status_code == 200


@pytest.mark.parametrize(
    "params", [{"as_of": "2025-09-05"}, {"as_of": "2025-02-29"}, {"as_of": "2001-01-01"}, {"effective_on": "soon"}]
)
def test_a_day_that_cannot_be_is_refused_in_words(oregon: TestClient, child: str, params: dict[str, str]) -> None:
    answer = oregon.get(f"/students/{child}", params=params, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "Traceback" not in answer.text
