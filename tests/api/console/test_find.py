"""Finding a child on a page: one box or many fields, said back in words; nothing of it in an address."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.console.find import SHOWN_MAX, wish_of
from api.csrf import FIELD
from api.services import Services
from ledger.application import Ledger
from ledger.events.disclosure import DisclosureRefused, SearchDisclosed
from ledger.ids import student_id
from projections.search_terms import Wanted
from support.bodies import CHILD, student
from support.signing_in import Visitor


@pytest.fixture
def visitor(services: Services, projectors: object, make_token) -> Iterator[Visitor]:
    """Somebody in practice space, where Oregon keeps a child, and California her."""
    services.practice = True
    with TestClient(create_app(services)) as client:
        for state in ("OR", "CA"):
            token = {"Authorization": f"Bearer {make_token(state=state)}"}
            body = student(alternate_ids=[{"alternate_state_student_id": f"ALT-{state}1"}])
            made = client.put(f"/v1/records/{state}/{state}-77", json=body, headers=token).json()
            wait = {"name": "Marisol"}
            client.post(f"/v1/students/search?at_least={made['position']}", json=wait, headers=token).raise_for_status()
        yield Visitor(client)


def found(page: str) -> list[str]:
    return re.findall(r'<a href="/students/([0-9]{12})"', page)


def understood(page: str) -> str:
    said = re.search(r'<p id="understood">(.*?)</p>', page, re.DOTALL)
    assert said is not None
    return " ".join(re.sub(r"<[^>]+>", " ", said[1]).split())


def test_a_name_and_a_date_find_the_child_and_it_is_said_how_they_were_understood(visitor: Visitor) -> None:
    page = visitor.posts("/find", q="abarca quinones, Marisol 5/9/2013")
    assert page.status_code == 200
    assert len(found(page.text)) >= 1
    assert "name abarca quinones Marisol" in understood(page.text)
    assert "born May 9, 2013" in understood(page.text)
    assert "Marisol Quiñones Abarca" in page.text
    assert "Fits: name exact; birth date exact" in page.text
    assert page.headers["Cache-Control"] == "private, no-cache"


def test_the_first_hit_has_the_focus_so_that_enter_opens_it(visitor: Visitor) -> None:
    page = visitor.posts("/find", q="Marisol").text
    assert re.findall(r"<(\w+)[^>]* autofocus", page) == ["a"]
    assert re.findall(r"<(\w+)[^>]* autofocus", visitor.get("/find").text) == ["input"]


def test_what_was_found_is_in_the_log_with_the_names_of_the_fields_alone(visitor: Visitor, ledger: Ledger) -> None:
    visitor.posts("/find", q="Marisol 5/9/2013 OR")
    [*_, last] = ledger.access.read(0, 1000)
    assert isinstance(last.event, SearchDisclosed)
    assert (last.event.view, last.event.fields) == ("search-page", ["name", "birth_date", "state"])


def test_a_student_id_leads_to_the_record(visitor: Visitor) -> None:
    student_id = found(visitor.posts("/find", q="Marisol").text)[0]
    answer = visitor.posts("/find", q=f"{student_id[:4]} {student_id[4:8]} {student_id[8:]}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/students/{student_id}")


def test_an_id_is_looked_for_as_the_state_s_own_and_then_as_another(visitor: Visitor) -> None:
    assert len(found(visitor.posts("/find", q="or77").text)) == 1
    page = visitor.posts("/find", q="alt-ca1").text
    assert len(found(page)) == 1
    assert "other id in the state exact" in page


def test_one_hit_is_a_list_of_one(visitor: Visitor) -> None:
    answer = visitor.posts("/find", q="OR-77")
    assert answer.status_code == 200
    assert "One child fits" in answer.text


def test_nobody_is_an_answer_that_says_what_to_do(visitor: Visitor) -> None:
    page = visitor.posts("/find", q="Zacarías Zzyzx 2/30/2015")
    assert page.status_code == 200
    assert "Nobody fits" in page.text
    assert "Leave something out" in page.text
    assert re.search(r"could not be understood:\s*<strong>2/30/2015", page.text)


def test_more_than_a_page_is_said_with_what_narrows_it(oregon: TestClient, projectors: object) -> None:
    position = 0
    for number in range(SHOWN_MAX + 1):
        child = {**CHILD, "birth_date": f"2012-01-{number + 1:02}"}
        position = oregon.put(f"/v1/records/OR/OR{number}", json=student(demographics=[child])).json()["position"]
    page = oregon.post(f"/find?at_least={position}", data={"q": "Marisol"}).text
    assert len(found(page)) == SHOWN_MAX
    assert f"More than {SHOWN_MAX} children fit" in page
    assert "Add a birth date" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"q": ""}, "There is nothing to look for yet."),
        ({"q": "..."}, "There is nothing to look for yet."),
        ({"q": "OR"}, "There is nothing to look for yet."),
        ({}, "There is nothing to look for yet."),
        ({"q": "x" * 201}, "This is too long."),
        ({"birth_date": "soon"}, "This is no date."),
        ({"q": "Ana", "state": "XX"}, "Choose a state from the list."),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field_and_what_was_typed_stays(
    visitor: Visitor, fields: dict[str, str], said: str
) -> None:
    page = visitor.posts("/find", **fields)
    assert page.status_code == 422
    assert page.text.count('class="fault"') == 1
    assert said in page.text
    for name, value in fields.items():
        assert value == "" or name == "state" or f'value="{value}"' in page.text, name


def test_a_field_counts_before_the_box_and_keeps_the_details_open(visitor: Visitor) -> None:
    page = visitor.posts("/find", q="Marisol 1/1/2001", birth_date="9 de mayo de 2013", last_name_2="Abarca")
    assert "born May 9, 2013" in understood(page.text)
    assert "surnames Abarca" in understood(page.text)
    assert "<details open>" in page.text
    assert found(page.text)


def test_it_is_all_in_spanish_where_that_is_chosen(visitor: Visitor) -> None:
    page = visitor.ask("POST", "/find", data={"q": "Marisol 5/9/2013"}, headers={"Accept-Language": "es"})
    assert "fecha de nacimiento 9 may 2013" in understood(page.text)
    assert "Coincide" in page.text


def test_a_role_of_one_state_finds_its_own_children_alone_and_is_told_so(client: TestClient, make_token) -> None:
    for state in ("OR", "CA"):
        token = {"Authorization": f"Bearer {make_token(state=state)}"}
        made = client.put(f"/v1/records/{state}/R1", json=student(), headers=token).json()
    recruiter = {"Authorization": f"Bearer {make_token('recruiter', 'OR')}"}
    page = client.post(f"/find?at_least={made['position']}", data={"q": "Marisol"}, headers=recruiter)
    assert "only children of Oregon, as your role has it" in understood(page.text)
    assert len(found(page.text)) == 1
    other = client.post("/find", data={"q": "Marisol CA"}, headers=recruiter)
    assert other.status_code == 403


def test_a_form_of_another_site_is_not_taken(visitor: Visitor) -> None:
    visitor.site = "cross-site"
    assert visitor.posts("/find", q="Marisol").status_code == 403


def test_what_is_too_long_is_not_read_at_all(visitor: Visitor) -> None:
    long = " " * 16_000
    for said in (
        {"q": f"A77{long}5/9/2013"},
        {"q": "Ana", "birth_date": f"5/9/2013{long}"},
        {"first_name": f"Ana{long}"},
    ):
        wish = wish_of(said)
        assert set(wish.faults.values()) == {"This is too long."}
        assert wish.wanted == (Wanted(name="Ana" if said.get("q") == "Ana" else None),)
        assert wish.asked.other_id is None
        assert visitor.posts("/find", **said).status_code == 422


def test_whoever_may_not_search_is_refused_whatever_he_typed(visitor: Visitor, ledger: Ledger) -> None:
    assert visitor.posts("/practice/help-desk").status_code == 303
    csrf = visitor.get("/v1/me").json()["session"]["csrf"]
    for typed in ("", "Marisol", "1" + " " * 16_000, student_id(7)):
        assert visitor.posts("/find", q=typed, **{FIELD: csrf}).status_code == 403
        [*_, last] = ledger.access.read(0, 1000)
        assert isinstance(last.event, DisclosureRefused)


def test_a_child_whose_name_nobody_has_stated_is_found_and_shown_by_her_id(visitor: Visitor, make_token) -> None:
    token = {"Authorization": f"Bearer {make_token(state='OR')}"}
    body = student(demographics=[])
    made = visitor.ask("PUT", "/v1/records/OR/9907", json=body, headers=token).json()
    wait = {"state_student_id": "9907"}
    asked = f"/v1/students/search?at_least={made['position']}"
    visitor.ask("POST", asked, json=wait, headers=token).raise_for_status()
    page = visitor.posts("/find", q="9907")
    assert page.status_code == 200, page.text
    assert f">{made['student_id']}</a>" in page.text


@pytest.mark.parametrize("typed", ["2/31/2013", "13/13/2013", "2/29/2013"])
def test_a_day_that_no_calendar_has_is_told_as_that_where_nothing_else_was_typed(visitor: Visitor, typed: str) -> None:
    page = visitor.posts("/find", q=typed)
    assert page.status_code == 422
    assert "This is no day of the calendar" in page.text
    assert "nothing to look for" not in page.text


def test_twelve_digits_with_a_slip_are_told_to_be_no_student_id(visitor: Visitor) -> None:
    known = student_id(1)
    slip = known[:-1] + str((int(known[-1]) + 1) % 10)
    assert "Twelve digits that are no student id" in visitor.posts("/find", q=f"{slip[:4]} {slip[4:]}").text
    assert "Twelve digits that are no student id" not in visitor.posts("/find", q="410123456").text
