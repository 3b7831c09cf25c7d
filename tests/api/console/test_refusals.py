"""The page of an error: whoever signed in stays so, in words of her language, with ways on that lead somewhere."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.store.database import Database
from support.admitting import NATION, admitted, applying
from support.desks import Desk, desk
from support.signing_in import People


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def ana(people: People) -> Desk:
    return desk(people, "ana@ode.example.org", "user_administrator", "OR")


def back(page: str) -> str:
    """Where whoever chooses another language comes back to."""
    [found] = re.findall(r'/language/\w\w\?return_to=(\S+)" lang="\w\w" hreflang="\w\w">(?:Español|English)<', page)
    return found


def test_whoever_sends_what_is_refused_is_still_signed_in(ana: Desk) -> None:
    sent = ana.hidden("/me", "/sign-out")
    refused = ana.posts(f"/accounts/{uuid.uuid4()}/disablement", reason="left", **sent)
    assert refused.status_code == 404
    assert "Signed in as ana@ode.example.org." in refused.text
    assert 'action="/sign-out"' in refused.text
    assert sent["csrf"] in refused.text


def test_a_form_without_its_token_is_answered_to_nobody(ana: Desk) -> None:
    refused = ana.posts(f"/lists/saved/{uuid.uuid4()}/removal", csrf="forged")
    assert refused.status_code == 403
    assert "Signed in as" not in refused.text


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("/accounts/{id}/disablement", "/accounts/{id}"),
        ("/accounts/{id}/deactivation", "/accounts/{id}/deactivation"),
        ("/lists/saved/{id}/removal", "/lists"),
        ("/cases/{id}/answer", "/cases/{id}"),
        ("/families/{id}/1/code", "/families"),
        ("/nothing/{id}", "/"),
    ],
)
def test_another_language_is_shown_of_a_page_that_can_be_read(people: People, ana: Desk, sent: str, read: str) -> None:
    account = admitted(people.ledger.admissions) if "accounts" in sent else str(uuid.uuid4())
    answer = ana.posts(sent.format(id=account), **ana.hidden("/me", "/sign-out"))
    assert answer.status_code >= 400
    assert back(answer.text) == read.format(id=account)


def test_a_page_that_is_read_leads_back_to_itself(ana: Desk) -> None:
    assert back(ana.get("/me").text) == "/me"
    assert back(ana.get("/nothing/here").text) == "/nothing/here"


def test_a_page_that_shows_a_code_once_offers_no_other_language(people: People, ana: Desk) -> None:
    path = f"/accounts/{admitted(people.ledger.admissions)}"
    ana.get(f"{path}?at_least={people.ledger.log.head()}")
    shown = ana.presses(path, f"{path}/sign-in-code", reason="seen at the office")
    assert "<code>" in shown.text
    assert "Español" not in shown.text
    rosa = people.begun()
    assert "Español" not in rosa.adds_second_factor().text
    assert rosa.recovery


def test_in_spanish_it_is_told_in_spanish_as_far_as_there_is_some(people: People) -> None:
    ana = desk(people, "ana@ode.example.org", "user_administrator", "OR")
    ana.language = "es"
    other = admitted(people.ledger.admissions, applying("carla@school.example.org", state="CA"), NATION)
    page = ana.posts(f"/accounts/{other}/disablement", reason="x", **ana.hidden("/me", "/sign-out")).text
    told = page.partition('role="alert">')[2].partition("</div>")[0]
    assert "<p>No es de su estado.</p>" in told
    assert '<span lang="en">Who acts for a state may read accounts of that state.</span>' in told


def test_a_role_that_may_not_is_told_so_in_the_reader_s_language(people: People) -> None:
    rosa = desk(people, "rosa@school.example.org", "user_administrator", "OR")
    rosa.language = "es"
    page = rosa.get("/find")
    assert page.status_code == 403
    assert "Con esta función no se puede buscar menores." in page.text
    assert "Hace falta una de estas funciones: auditor" in page.text
    assert 'class="notice wrong" role="alert">\n<p><span lang="en"' not in page.text
    assert "This role may not" not in page.text


def test_an_address_that_is_no_page_is_told_without_what_programs_read(ana: Desk) -> None:
    for path in ("/nowhere", "/lists/ending/saved"):
        page = ana.get(path)
        assert page.status_code in (404, 405)
        assert "openapi" not in page.text
        assert "header Allow" not in page.text
