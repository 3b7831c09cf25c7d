"""A student's history on a page: narrowed by a form without scripts, in the reader's language, and taken along."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed, DisclosureRefused
from support.bodies import ENROLLMENT, student
from support.casework import ANA, WHY, Work
from support.linking import merge


@pytest.fixture
def child(oregon: TestClient) -> str:
    """A student id."""
    answer = oregon.put("/v1/records/OR/OR7", json=student(enrollments=[ENROLLMENT]))
    assert answer.status_code == 201, answer.text
    return answer.json()["student_id"]


def narrowed(client: TestClient, child: str, language: str = "en", **said: str) -> str:
    answer = client.post(f"/students/{child}/history", data=said, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return answer.text


def positions(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"(?:position|posición) (\d+)", page)]


def test_a_form_narrows_it_and_says_what_was_asked(oregon: TestClient, child: str) -> None:
    whole = positions(oregon.get(f"/students/{child}/history").text)
    page = narrowed(oregon, child, kind="enrolled,withdrawn,residency-changed")
    assert len(positions(page)) == 1
    assert set(positions(page)) < set(whole)
    assert '<option value="enrolled,withdrawn,residency-changed" selected>' in page
    assert "1 event, as the ledger has it." in page
    assert positions(narrowed(oregon, child)) == whole
    assert positions(narrowed(oregon, child, order="oldest")) == whole[::-1]
    assert positions(oregon.get(f"/students/{child}/history?kind=enrolled").text) == positions(page)


def test_who_did_it_stands_in_the_form_and_in_no_address(oregon: TestClient, child: str, ledger: Ledger) -> None:
    page = narrowed(oregon, child, actor="oregon nightly")
    assert len(positions(page)) == 4
    assert positions(narrowed(oregon, child, actor="nobody")) == []
    assert "No event is like that." in narrowed(oregon, child, actor="nobody")
    assert not re.search(r'(href|action)="[^"]*nightly', page)


def test_pages_of_what_was_narrowed_go_on_by_a_form(
    oregon: TestClient, child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"actor": "oregon nightly", "order": "oldest"}
    whole = positions(narrowed(oregon, child, **asked))
    monkeypatch.setattr("api.console.history.SHOWN_MAX", 3)
    first = narrowed(oregon, child, **asked)
    form = first[first.rindex("<form") :]
    said = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    assert said["actor"] == "oregon nightly"
    assert positions(first) + positions(narrowed(oregon, child, **said)) == whole


def test_what_cannot_be_asked_is_told_beside_its_field_in_the_readers_language(oregon: TestClient, child: str) -> None:
    words = {"en": "This cannot be used here", "es": "Esto no se puede usar aquí"}
    for said in ({"since": "yesterday"}, {"until": "2025-02-30"}, {"state": "ZZ"}):
        for language, text in words.items():
            answer = oregon.post(f"/students/{child}/history", data=said, headers={"Accept-Language": language})
            assert answer.status_code == 422
            assert answer.text.count(text) == 2, "above, and at the field"
            assert positions(answer.text) == []


def test_it_is_taken_along_as_csv_or_json_and_disclosed(oregon: TestClient, child: str, ledger: Ledger) -> None:
    for form, kind in (("csv", "text/csv; charset=utf-8"), ("json", "application/json")):
        entries = ledger.access.head()
        answer = oregon.post(
            f"/students/{child}/history/export",
            data={"form": form, "kind": "enrolled"},
            headers={"Accept-Language": "es"},
        )
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Content-Disposition"] == f'attachment; filename="history.{form}"'
        assert "comunicó una inscripción" in answer.text
        assert "se abrió" not in answer.text
        [entry] = ledger.access.read(entries, 10)
        assert isinstance(entry.event, Disclosed)
        assert entry.event.view == "history"


def test_cases_and_stays_are_told_in_spanish_too(
    oregon: TestClient, child: str, make_token: Any, ledger: Ledger
) -> None:
    california = {"Authorization": f"Bearer {make_token(state='CA')}"}
    other = oregon.put("/v1/records/CA/CA7", json=student(), headers=california).json()["student_id"]
    case = Work(ledger).proposals.propose_merge(child, other, child, WHY, ANA).case
    page = oregon.get(f"/students/{child}/history", headers={"Accept-Language": "es"}).text
    assert f"Caso {case}: se abrió la validación de una unión" in page
    assert f'<a href="/cases/{case}">' in page
    third = oregon.put("/v1/records/CA/CA8", json=student(), headers=california).json()["student_id"]
    fourth = oregon.put("/v1/records/OR/OR8", json=student()).json()["student_id"]
    merge(ledger, fourth, third)
    page = oregon.get(f"/students/{fourth}/history", headers={"Accept-Language": "es"}).text
    assert re.search(rf"CA CA8: del estudiante {third} desde [^;]+ hasta [^;]+; del estudiante {fourth} desde", page)


def test_whoever_may_read_no_history_is_refused_whatever_he_asks_and_that_has_its_entry(
    client: TestClient, child: str, make_token: Any, ledger: Ledger
) -> None:
    helper = {"Authorization": f"Bearer {make_token(role='help_desk', state=None)}"}
    for path in (f"/students/{child}/history", f"/students/{child}/history/export"):
        entries = ledger.access.head()
        assert client.post(path, data={"since": "x"}, headers=helper).status_code == 403, path
        [entry] = ledger.access.read(entries, 10)
        assert isinstance(entry.event, DisclosureRefused)
