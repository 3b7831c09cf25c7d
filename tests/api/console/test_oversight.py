"""Why somebody may or may not, and what readers were shown: told to whom it concerns, and recorded where it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from api.console.policy_words import ACTION_NAMES, SCOPE_NAMES
from api.console.sentences import OTHERWISE, SAME
from ledger.access import ACTIONS, RULES
from ledger.application import Ledger
from ledger.events.disclosure import DisclosureRefused, SearchDisclosed
from ledger.ids import student_id
from ledger.store.database import Database
from support.admitting import NATION, ROSA, admitted, applying
from support.desks import Desk, desk
from support.families import HERE, child
from support.signing_in import People
from support.sources import ROOT


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def rosa(people: People) -> Desk:
    return desk(people, ROSA, "secondary_user", "OR", district=HERE)


@pytest.fixture
def ana(people: People) -> Desk:
    return desk(people, "ana@ode.example.org", "user_administrator", "OR")


def asks(desk_: Desk, /, **typed: str) -> str:
    answer = desk_.presses("/explain", "/explain", **typed)
    assert answer.status_code == 200, answer.text
    return answer.text


# -- explained


def test_every_rule_is_told_in_words(rosa: Desk) -> None:
    assert set(ACTIONS) <= set(ACTION_NAMES)
    assert {rule.scope for rule in RULES} <= set(SCOPE_NAMES)
    for rule in ("SU-02", "EV-06", "PA-01", "OP-07"):
        page = rosa.get("/explain", params={"rule": rule})
        assert (page.status_code, f"Rule {rule}" in page.text) == (200, True)
    assert "There is no such rule any more." in rosa.get("/explain?rule=%3Cb%3E").text


def test_everybody_asks_about_himself(rosa: Desk) -> None:
    page = asks(rosa, action="student.read", about="OR")
    assert "Allowed" in page
    assert "Rule SU-02" in page
    page = asks(rosa, action="account.manage", about="any")
    assert "Not allowed" in page
    assert "No rule lets this role do it." in page
    rosa.language = "es"
    assert "Ninguna regla se lo permite" in asks(rosa, action="account.manage", about="any")


def test_a_refusal_leads_to_its_rule_in_words(rosa: Desk) -> None:
    page = rosa.get(f"/students/{student_id(999_999)}/family")
    assert page.status_code == 403
    assert 'href="/explain?rule=SU-10"' in page.text


def test_about_others_whoever_oversees_them_asks_and_nobody_else(people: People, rosa: Desk, ana: Desk) -> None:
    admitted(people.ledger.admissions, applying("carla@school.example.org", state="CA"), NATION)
    assert "Rule SU-02" in asks(ana, who=ROSA.upper(), action="student.read", about="OR")
    answer = rosa.presses("/explain", "/explain", who="ana@ode.example.org", action="student.read", about="OR")
    assert answer.status_code == 422
    for name in ("nobody@school.example.org", "carla@school.example.org"):
        answer = ana.presses("/explain", "/explain", who=name, action="student.read", about="OR")
        assert answer.status_code == 422, "the same for an account of elsewhere and for none"
        assert "There is no account of this address that you oversee." in answer.text, name


def test_no_question_is_of_one_child(people: People, ana: Desk) -> None:
    student = child(people, "OR1")
    answer = ana.presses("/explain", "/explain", who="", action="student.read", about=student)
    assert (answer.status_code, student in answer.text) == (422, False)


def test_what_has_spanish_is_said_somewhere_word_for_word() -> None:
    sources = "".join(
        path.read_text()
        for folder in ("ledger", "api")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name != "sentences.py"
    )
    made_up = {"Read it at /rules, and send its edition, 2026-1.", "The password has fewer than 12 characters."}
    stale = [text for text in {*SAME, *OTHERWISE} - made_up if f'"{text}"' not in sources]
    assert not stale, f"nobody says this any more: {stale}"


# -- what was shown


def test_a_search_shows_what_was_shown_and_is_an_entry_itself(people: People, rosa: Desk, ana: Desk) -> None:
    student = child(people, "OR1")
    assert rosa.get(f"/v1/students/{student}").status_code == 200
    head = people.ledger.access.head()
    found = ana.presses("/disclosures", "/disclosures", actor=ROSA, since="2025-09-01", until="2025-09-02")
    assert found.status_code == 200
    assert student in found.text
    assert ROSA in found.text
    [entry] = [one.event for one in people.ledger.access.read(head, 10)]
    assert isinstance(entry, SearchDisclosed)
    assert set(entry.fields) == {"actor", "since", "until"}
    none = ana.presses("/disclosures", "/disclosures", actor=ROSA, until="2025-08-31")
    assert "No entry is like that." in none.text


def test_a_search_by_who_may_not_is_refused_and_is_an_entry_too(people: People, rosa: Desk) -> None:
    token = rosa.hidden("/explain", "/explain")
    head = people.ledger.access.head()
    assert rosa.posts("/disclosures", actor=ROSA, **token).status_code == 403
    [entry] = [one.event for one in people.ledger.access.read(head, 10)]
    assert isinstance(entry, DisclosureRefused)


def test_older_entries_are_asked_for_with_what_was_typed(people: People, rosa: Desk, ana: Desk) -> None:
    student = child(people, "OR1")
    for _ in range(2):
        assert rosa.get(f"/v1/students/{student}").status_code == 200
    token = ana.hidden("/disclosures", "/disclosures")
    first = ana.posts("/disclosures?limit=1", actor=ROSA, **token).text
    [cursor] = re.findall(r'action="/disclosures\?cursor=([^"]+)"', first)
    older = ana.posts(f"/disclosures?cursor={cursor}", actor=ROSA, **token)
    assert older.status_code == 200
    assert student in older.text


def test_who_reads_unusually_is_told_of_a_day(people: People, ana: Desk) -> None:
    eva = desk(people, "eva@school.example.org", "secondary_user", "OR", district=HERE)
    elsewhere = child(people, "CA1", "CA")
    assert eva.get(f"/v1/students/{elsewhere}").status_code == 200
    today = ana.get("/unusual").text
    assert "eva@school.example.org" in today
    assert "children of elsewhere" in today
    assert "Nobody on" in ana.get("/unusual?day=2025-09-01").text
    assert ana.get("/unusual?day=yesterday").status_code == 200
