"""Lists that a person keeps: hers, under her own words, and nothing of a child in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.store.database import Database
from support.admitting import LUIS, ROSA
from support.signing_in import People, refused

SAVED = "/v1/lists/saved"
ENDING = {"name": "Fin de elegibilidad, Ñ", "list": "ending", "parameters": {"days": 60, "grade": "07"}}
Headers = dict[str, str]


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def rosa(people: People) -> Headers:
    return people.person(ROSA, "secondary_user", "OR", district="4106740")


def kept(people: People, headers: Headers) -> list[dict[str, Any]]:
    return people.ask(headers, "GET", SAVED).json()["saved"]


def test_what_a_person_keeps_is_told_to_her_with_the_address_where_it_is_read(people: People, rosa: Headers) -> None:
    answer = people.ask(rosa, "POST", SAVED, ENDING)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told == ENDING | {
        "id": told["id"],
        "parameters": {"grade": "07", "days": 60},
        "href": "/v1/lists/ending?grade=07&days=60",
        "saved_at": "2025-09-02T18:00:00Z",
    }
    assert kept(people, rosa) == [told]
    assert people.ask(rosa, "GET", told["href"]).json()["list"] == "ending"


def test_the_same_name_again_keeps_one_under_its_id(people: People, rosa: Headers) -> None:
    first = people.ask(rosa, "POST", SAVED, ENDING).json()
    again = people.ask(rosa, "POST", SAVED, {"name": f"  {ENDING['name']} ", "list": "new", "parameters": {}})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert [(one["list"], one["href"]) for one in kept(people, rosa)] == [("new", "/v1/lists/new")]


def test_another_s_list_is_neither_told_nor_deleted(people: People, rosa: Headers) -> None:
    luis = people.person(LUIS, "secondary_user", "OR")
    made = people.ask(rosa, "POST", SAVED, ENDING).json()["id"]
    assert kept(people, luis) == []
    assert refused(people.ask(luis, "DELETE", f"{SAVED}/{made}")) == (404, "not-found")
    assert people.ask(rosa, "DELETE", f"{SAVED}/{made}").status_code == 204
    assert refused(people.ask(rosa, "DELETE", f"{SAVED}/{made}")) == (404, "not-found")
    assert kept(people, rosa) == []


def test_a_token_keeps_no_lists_and_is_told_why(people: People) -> None:
    token = people.bearer("secondary_user", "OR")
    for method, path in (("GET", SAVED), ("POST", SAVED), ("DELETE", f"{SAVED}/none")):
        answer = people.ask(token, method, path, ENDING if method == "POST" else None)
        assert refused(answer) == (404, "not-found")
        assert "no account" in answer.json()["detail"]


def test_a_page_of_another_site_keeps_nothing(people: People, rosa: Headers) -> None:
    forged = {name: value for name, value in rosa.items() if name != "Sojourn-CSRF"}
    assert refused(people.ask(forged, "POST", SAVED, ENDING)) == (403, "csrf-refused")
    assert kept(people, rosa) == []


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": " \u200b "}, "/name"),
        ({"name": "x" * 61}, "/name"),
        ({"list": "everybody"}, "/list"),
        ({"list": "children"}, "/parameters/days"),
        ({"parameters": {"days": "60"}}, "/parameters/days"),
        ({"parameters": {"since": "2025-09-01"}}, "/parameters/since"),
        ({"parameters": {"first_name": "Inés"}}, "/parameters"),
        ({"parameters": {"state": "ZZ"}}, "/parameters/state"),
        ({"children": []}, ""),
    ],
)
def test_what_is_no_question_to_a_list_is_not_kept(
    people: People, rosa: Headers, more: dict[str, Any], pointer: str
) -> None:
    answer = people.ask(rosa, "POST", SAVED, ENDING | more)
    assert (answer.status_code, answer.json()["errors"][0].get("pointer")) == (422, pointer), answer.text
    assert "Inés" not in answer.text
    assert kept(people, rosa) == []
