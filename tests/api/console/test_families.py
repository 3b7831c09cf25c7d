"""A family's access on pages: granted by the child's own district, to a person who is seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from ledger.application import Ledger
from ledger.ids import student_id
from ledger.store.database import Database
from support.admitting import NATION, admitted, applying
from support.desks import Desk, at, desk
from support.families import ELSEWHERE, HERE, MARIA, child, parent
from support.signing_in import People

NEVER: Final = student_id(999_999)
REGISTRAR: Final = "rosa@school.example.org"
TYPED: Final = {"name": "María López", "email": MARIA, "relation": "parent", "identification": "consular card"}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def registrar(people: People) -> Desk:
    return desk(people, REGISTRAR, "secondary_user", "OR", district=HERE)


def test_a_family_is_let_in_by_the_code_that_is_shown_once(people: People, registrar: Desk) -> None:
    ana = child(people, "OR1")
    page = f"/students/{ana}/family"
    shown = registrar.presses(page, page, **TYPED)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    [code] = re.findall(r"<code>([0-9A-Z-]+)</code>", shown.text)
    families = registrar.get(f"/families?at_least={people.ledger.log.head()}").text
    assert MARIA in families
    assert code not in families
    [account] = set(re.findall(r"/families/([0-9a-f-]{36})/1/ending", families))
    maria = parent(people, {"account": account, "code": code})
    assert maria.reads(ana).status_code == 200
    ended = f"/families/{account}/1/ending"
    assert at(registrar.presses("/families", ended, why="withdrawn", reason="moved away")) == "/families"
    assert maria.reads(ana).status_code == 403


def test_a_record_kept_under_one_district_is_not_current_under_another(people: People, registrar: Desk) -> None:
    ana = child(people, "OR1")
    admitted(people.ledger.admissions, applying(REGISTRAR, "secondary_user", district=ELSEWHERE), NATION)
    here = registrar.get(f"/students/{ana}", headers={"Sojourn-Role": "1"})
    assert f"/students/{ana}/family" in here.text
    held = {"If-None-Match": here.headers["ETag"]}
    assert registrar.get(f"/students/{ana}", headers={"Sojourn-Role": "1", **held}).status_code == 304
    elsewhere = registrar.get(f"/students/{ana}", headers={"Sojourn-Role": "2", **held})
    assert elsewhere.status_code == 200
    assert f"/students/{ana}/family" not in elsewhere.text


def test_what_is_missing_stands_beside_its_field(people: People, registrar: Desk) -> None:
    page = f"/students/{child(people, 'OR1')}/family"
    wrong = registrar.presses(page, page, **TYPED | {"identification": " ", "until": "2025-02-30"})
    assert wrong.status_code == 422
    assert 'id="identification-fault">This is needed.' in wrong.text
    assert 'id="until-fault"' in wrong.text
    assert 'value="María López"' in wrong.text


@pytest.mark.parametrize(("role", "place"), [("secondary_user", {"district": ELSEWHERE}), ("primary_user", {})])
def test_another_district_neither_grants_nor_sees_what_was_granted(
    people: People, registrar: Desk, role: str, place: dict[str, str]
) -> None:
    page = f"/students/{child(people, 'OR1')}/family"
    token = registrar.hidden(page, page)
    assert registrar.posts(page, **token, **TYPED).status_code == 200
    head = people.ledger.log.head()
    other = desk(people, "otto@school.example.org", role, "OR", **place)
    assert MARIA not in other.get(f"/families?at_least={head}").text
    assert other.get(page).status_code == 403
    token = other.hidden("/explain", "/explain")
    assert other.posts(page, **token, **TYPED).status_code == 403


def test_of_whom_no_state_keeps_a_record_nothing_is_told(registrar: Desk) -> None:
    assert registrar.get(f"/students/{NEVER}/family").status_code == 403


def test_the_same_form_sent_again_shows_no_second_code_and_says_where_to_ask_for_one(
    people: People, registrar: Desk
) -> None:
    page = f"/students/{child(people, 'OR1')}/family"
    sent = registrar.hidden(page, page) | TYPED
    assert "<code>" in registrar.posts(page, **sent).text
    again = registrar.posts(page, **sent)
    assert at(again) == "/families"
    families = registrar.get(again.headers["Location"]).text
    assert "ask for another code here" in families
    assert "<code>" not in families
