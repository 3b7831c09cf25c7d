"""A family's pages: its children, the record in plain words, who has looked, and what is told when access has ended."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from ledger.account_acts import Disable
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.store.database import Database
from support.admitting import NATION
from support.bodies import CHILD, ENROLLMENT, MOVE, student
from support.families import HERE, MARIA, asked_for, child, granted, parent, school
from support.linking import merge
from support.signing_in import People

SPANISH: Final = {"Accept-Language": "es"}
OREGON: Final = ZoneInfo("America/Los_Angeles")
WHOLE: Final = student(
    demographics=[
        CHILD
        | {
            "female_parent_first_name": "Elena",
            "female_parent_last_name": "Abarca",
            "parent_2_phone_number": "5035550101",
        }
    ],
    qualifying_moves=[MOVE],
    enrollments=[
        ENROLLMENT
        | {"school_district_id": HERE, "facility_city": "Woodburn", "facility_state": "OR", "iep_indicator": "Yes"}
    ],
    courses=[
        {
            "course_title": "Algebra 1",
            "subject_area_name": "Mathematics",
            "begin_academic_year": "2024",
            "end_academic_year": "2025",
            "credits_granted": "0.50",
            "final_grade": "B+",
        },
        {"course_title": "Physics", "clock_hours": "60", "grade_to_date": "A"},
    ],
    assessments=[
        {
            "assessment_title": "OR State Mathematics",
            "assessment_type": "09",
            "assessment_administration_date": "2025-04",
            "score_results": "412",
            "assessment_interpretation": "Proficient",
        }
    ],
    immunizations=[{"cvx_code": "03", "administration_date": "2014-06-01", "information_source": "00"}],
)


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


def text_of(page: str) -> str:
    """What a page says, without its marks; blanks are one."""
    body = page.partition("<body>")[2]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def whole(people: People) -> str:
    """A child of whom everything is stated; the student id, once it can be read."""
    made = people.ask(people.bearer("state_batch_submitter", "OR"), "PUT", "/v1/records/OR/OR9", WHOLE)
    assert made.status_code == 201, made.text
    told = made.json()
    auditor = people.bearer("auditor")
    assert people.ask(auditor, "GET", f"/v1/students/{told['student_id']}?at_least={told['position']}").is_success
    return told["student_id"]


def shown(people: People, before: int) -> list[Disclosed]:
    events: list[Any] = [recorded.event for recorded in people.ledger.access.read(before, 100)]
    return [event for event in events if isinstance(event, Disclosed)]


# -- the list


def test_the_first_page_leads_a_parent_to_her_children_and_nobody_else_is_told_of_such_a_page(people: People) -> None:
    maria = parent(people, granted(people, child(people, "OR1")))
    assert 'href="/my-children"' in maria.get("/").text
    registrar = people.ask(people.person("rosa@example.org", "secondary_user", "OR"), "GET", "/")
    assert 'href="/my-children"' not in registrar.text


def test_her_children_are_told_by_name_and_each_name_is_a_disclosure(people: People) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana))
    before = people.ledger.access.head()
    page = maria.get("/my-children")
    assert "Marisol Quiñones Abarca" in page.text
    assert f'href="/my-children/{ana}"' in page.text
    [entry] = shown(people, before)
    assert (entry.view, entry.sections, entry.basis) == ("parent-list", ["core"], "34 CFR 99.10(a)")


def test_whoever_was_granted_nothing_is_told_how_to_be(people: People) -> None:
    answer = people.ask(people.person("rosa@example.org", "secondary_user", "OR"), "GET", "/my-children")
    assert answer.status_code == 200
    assert "No school has granted you a record" in answer.text
    assert 'href="/parents"' in answer.text


def test_an_official_who_is_a_parent_is_not_told_a_name_as_an_official(people: People) -> None:
    ana = child(people, "OR1")
    rosa = people.official()
    code = granted(people, ana, email=rosa.email)["code"]
    before = people.ledger.access.head()
    assert rosa.fills("/my-children", code=code).status_code in (404, 405), "the form leads to its own address"
    assert people.ledger.access.head() >= before
    page = rosa.get("/my-children").text
    assert ana in page
    assert "Marisol" not in page


def test_a_code_for_another_child_adds_her_to_the_list_and_a_wrong_one_is_told_beside_its_field(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    code = granted(people, ben)["code"]
    assert "Enter the code that it gave you" in maria.get("/my-children").text
    token = re.findall(r'name="csrf" value="([^"]+)"', maria.get("/my-children").text)[0]
    wrong = maria.posts("/my-children/codes", csrf=token, code="ABCD-EFGH-JKLM-NPQR")
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    assert maria.posts("/my-children/codes", code=code).status_code == 403, "without the session's token"
    taken = maria.posts("/my-children/codes", csrf=token, code=code.lower())
    assert (taken.status_code, taken.headers["Location"]) == (303, "/my-children")
    assert f'href="/my-children/{ben}"' in maria.get("/my-children").text


def test_a_familys_code_of_another_account_opens_nothing(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    others = granted(people, ben, email="otra@example.org")
    token = re.findall(r'name="csrf" value="([^"]+)"', maria.get("/my-children").text)[0]
    assert maria.posts("/my-children/codes", csrf=token, code=others["code"]).status_code == 422
    assert ben not in maria.get("/my-children").text


# -- the record


def test_the_record_is_told_in_plain_words_with_the_state_that_said_each_thing(people: People) -> None:
    maria = parent(people, granted(people, whole(people)))
    listed = maria.get("/my-children").text
    address = re.findall(r'href="(/my-children/[0-9]{12})"', listed)[0]
    before = people.ledger.access.head()
    page = maria.get(address)
    said = text_of(page.text)
    for words in (
        "Marisol Quiñones Abarca",
        "Born on May 9, 2013",
        "Until April 17, 2028.",
        "Valor Middle School",
        "Since April 21, 2025; no last day is recorded · Grade 7",
        "Woodburn, Oregon",
        "0.50 credits earned in all.",
        "Finished · final grade B+ · 0.50 credits",
        "Not finished · grade so far A · 60 hours of class so far",
        "Apr 2025 · result 412",
        "What it means: Proficient",
        "Measles, mumps, rubella (MMR)",
        "Gets special education",
        "From: Madera, California",
        "Elena Abarca",
        "5035550101",
        "Told by Oregon (Sep 2, 2025).",
        "Within 30 calendar days",
    ):
        assert words in said, words
    [entry] = shown(people, before)
    assert (entry.view, entry.sections) == ("parent-page", ["core", "contacts", "health"])
    assert (entry.role, entry.purpose, entry.basis) == ("parent", "parent-inspection", "34 CFR 99.10(a)")
    assert page.headers["Cache-Control"] == "private, no-store"
    title = re.findall(r"<title>(.*?)</title>", page.text)
    assert title == ["My child's record · Sojourn"]


def test_in_spanish_no_english_word_of_ours_is_left(people: People) -> None:
    maria = parent(people, granted(people, whole(people)))
    address = re.findall(r'href="(/my-children/[0-9]{12})"', maria.get("/my-children").text)[0]
    page = maria.get(address, headers=SPANISH).text
    assert '<html lang="es">' in page
    said = text_of(page)
    for words in (
        "Nació el 9 de mayo de 2013",
        "Hasta el 17 de abril de 2028.",
        "Woodburn, Oregón",
        "abr 2025",
        "Lo dijo: Oregón",
    ):
        assert words in said, words
    for words in ("Born", "Until", "Told by", "Grade", "Finished", "From"):
        assert not re.search(rf"\b{words}\b", said), words


def test_what_two_states_say_differently_stands_side_by_side(people: People) -> None:
    ana, other = child(people, "OR1"), child(people, "CA1", "CA", born="2013-05-08", district="0601885")
    maria = parent(people, granted(people, ana))
    merge(people.ledger, ana, other)
    people.ask(people.bearer("auditor"), "GET", f"/v1/students/{ana}?at_least={people.ledger.log.head()}")
    named = [{"state": "CA", "state_student_id": "CA1"}]
    maria.sends("POST", "/v1/me/family-grants", {"code": granted(people, ana, records=named)["code"]})
    said = text_of(maria.get(f"/my-children/{ana}").text)
    assert "Born on May 9, 2013 Told by Oregon" in said
    assert "Born on May 8, 2013 Told by California" in said
    assert "The states do not all say the same." in said


def test_whom_to_ask_is_named_where_the_state_has_named_somebody(people: People) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana))
    assert "The state has named nobody here yet." in maria.get(f"/my-children/{ana}").text
    office = people.bearer("state_data_administrator", "OR")
    contact = {
        "role": "data_administrator",
        "name": "Ana Ruiz",
        "email": "ana.ruiz@esd.example.org",
        "phone": "503-555-0101",
    }
    path = "/v1/jurisdictions/OR/contacts/state"
    put = people.ask(office, "PUT", path, {"contact": contact})
    assert put.is_success, put.text
    page = maria.get(f"/my-children/{ana}").text
    assert 'href="mailto:ana.ruiz@esd.example.org"' in page
    assert 'href="tel:+15035550101"' in page


def test_what_was_sent_is_text_and_never_markup(people: People) -> None:
    body = student(demographics=[CHILD | {"middle_name": "<b>Ana & Co</b>"}])
    body["enrollments"] = [ENROLLMENT | {"school_district_id": HERE}]
    told = people.ask(people.bearer("state_batch_submitter", "OR"), "PUT", "/v1/records/OR/OR1", body).json()
    people.ask(people.bearer("auditor"), "GET", f"/v1/students/{told['student_id']}?at_least={told['position']}")
    maria = parent(people, granted(people, told["student_id"]))
    page = maria.get(f"/my-children/{told['student_id']}").text
    assert "&lt;b&gt;Ana &amp; Co&lt;/b&gt;" in page
    assert "<b>" not in page


# -- who has looked


def test_who_has_looked_is_told_by_person_the_newest_first_with_what_for(people: People) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana))
    registrar = people.bearer("secondary_user", "OR", name="Rosa Núñez")
    for _ in range(3):
        people.clock.now += timedelta(hours=1)
        assert people.ask(registrar, "GET", f"/v1/students/{ana}").is_success
    maria.signs_in()
    before = people.ledger.access.head()
    said = text_of(maria.get(f"/my-children/{ana}/seen").text)
    assert "Rosa Núñez works at a school or in a program for students" in said
    assert re.search(r"Rosa Núñez .*? What for: to enroll, place or help the student When: .*?, 3 times", said)
    [entry] = shown(people, before)
    assert (entry.view, entry.purpose) == ("parent-seen", "parent-inspection")
    again = text_of(maria.get(f"/my-children/{ana}/seen", headers=SPANISH).text)
    assert again.index("Usted o su familia") < again.index("Rosa Núñez"), "her own look is the newest now"
    assert "3 veces" in again


def test_somebody_who_was_not_let_in_stands_in_the_list(people: People) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana))
    nosy = people.bearer("recruiter", "TX", name="Nosy Neighbour")
    assert people.ask(nosy, "GET", f"/v1/students/{ana}").status_code == 403
    said = text_of(maria.get(f"/my-children/{ana}/seen").text)
    assert "Nosy Neighbour was not let in looks for families who may get services" in said


# -- ended


def test_another_familys_child_is_refused_like_anybodys_and_the_refusal_is_written_down(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    before = people.ledger.access.head()
    for rest in ("", "/seen"):
        answer = maria.get(f"/my-children/{ben}{rest}")
        assert answer.status_code == 403
        assert "Marisol" not in answer.text
    events: list[Any] = [recorded.event for recorded in people.ledger.access.read(before, 100)]
    refused = [event for event in events if isinstance(event, DisclosureRefused)]
    assert [event.view for event in refused] == ["parent-page", "parent-seen"]


def test_whose_account_is_disabled_is_turned_away_and_the_entry_names_the_child(people: People) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana))
    disable = Disable(by=NATION.name, reason="A doubt.")
    people.ledger.admissions.act(maria.account, disable, Meta(actor=NATION.name), None, NATION)  # her session is there
    before = people.ledger.access.head()
    for rest in ("", "/seen"):
        assert maria.get(f"/my-children/{ana}{rest}").status_code == 403
    read: list[Any] = people.ledger.access.read(before, 100)
    entries = [one for one in read if isinstance(one.event, DisclosureRefused)]
    assert [one.event.student_id for one in entries] == [ana, ana]
    assert all(one.stream.startswith("disclosure/") for one in entries), "with her record, where her family finds it"


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("court-order", "It ended because a court ordered it."),
        ("withdrawn", "The office that gave you access has ended it."),
    ],
)
def test_whose_access_was_ended_is_told_why_and_whom_to_ask(people: People, why: str, words: str) -> None:
    ana = child(people, "OR1")
    told = granted(people, ana)
    maria = parent(people, told)
    path = f"/v1/accounts/{maria.account}/family-grants/1/ending"
    ended = people.ask(school(people), "POST", path, {"why": why, "reason": "Order of 3 March."})
    assert ended.is_success
    people.ask(people.bearer("auditor"), "GET", f"/v1/accounts/{maria.account}?at_least={people.ledger.log.head()}")
    for rest in ("", "/seen"):
        answer = maria.get(f"/my-children/{ana}{rest}")
        assert answer.status_code == 403
        assert words in answer.text
        assert "Marisol" not in answer.text
        assert "Order of 3 March." not in answer.text, "the reason is the office's own"
    assert "Your access to this record has ended." in maria.get("/my-children").text
    assert 'href="/my-children"' in maria.get("/").text


def test_the_day_that_is_over_and_the_eighteenth_birthday_are_told_on_the_day_itself(people: People) -> None:
    ana, ben = child(people, "OR1", born="2008-02-29"), child(people, "OR2")
    maria = parent(people, granted(people, ana, until="2026-06-30"))
    token = re.findall(r'name="csrf" value="([^"]+)"', maria.get("/my-children").text)[0]
    maria.posts("/my-children/codes", csrf=token, code=granted(people, ben, until="2026-02-27")["code"])
    people.clock.now = datetime(2026, 2, 27, 23, tzinfo=OREGON)
    maria.signs_in()
    assert maria.get(f"/my-children/{ana}").status_code == 200
    people.clock.now += timedelta(hours=1, minutes=1)
    maria.signs_in()
    grown = maria.get(f"/my-children/{ana}")
    assert grown.status_code == 403
    assert "The student is 18 now." in grown.text
    over = maria.get(f"/my-children/{ben}", headers=SPANISH)
    assert over.status_code == 403
    assert "Se dio hasta el 27 de febrero de 2026" in over.text


def test_a_record_that_was_joined_since_is_explained_and_not_told(people: People) -> None:
    ana, other = child(people, "OR1"), child(people, "CA1", "CA")
    maria = parent(people, granted(people, ana))
    merge(people.ledger, ana, other)
    people.ask(people.bearer("auditor"), "GET", f"/v1/students/{ana}?at_least={people.ledger.log.head()}")
    answer = maria.get(f"/my-children/{ana}")
    assert answer.status_code == 403
    assert "another record was joined to this one" in answer.text
    assert "California" not in answer.text
    listed = maria.get("/my-children")
    assert "This record cannot be shown to you now." in listed.text
    assert "Marisol" not in listed.text


def test_a_grant_whose_code_was_not_shown_opens_nothing_and_says_so(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    people.ask(school(people), "POST", "/v1/family-grants", asked_for(ben, email=MARIA))
    answer = maria.get(f"/my-children/{ben}")
    assert answer.status_code == 403
    assert "The code is still missing" in answer.text


def test_whoever_is_not_signed_in_is_led_to_where_she_can(people: People) -> None:
    ana = child(people, "OR1")
    visitor = people.visitor()
    for path in ("/my-children", f"/my-children/{ana}", f"/my-children/{ana}/seen"):
        answer = visitor.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/sign-in?")
    assert visitor.posts("/my-children/codes", code="x").status_code == 401
