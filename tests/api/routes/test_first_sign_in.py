"""What comes before the first look at a record: the code, the password, the second factor, the rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from api.given_codes import FIRST_HOLDS
from ledger.account_acts import AcceptRules, Disable
from ledger.accounts import RULES_EDITION, a_year_after
from ledger.application import Ledger
from ledger.events import Meta
from ledger.store.codes import TRIES
from ledger.store.database import Database
from support.admitting import NATION, ROSA, applying
from support.signing_in import OTHER_PASSWORD, PASSWORD, People, refused

EVA = "eva@school.example.org"


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


def alert(answer: Any) -> str:
    """What a page says is wrong."""
    found = re.search(r'<span class="fault" id="(?:code|password)-fault">(.*?)</span>', answer.text)
    assert (answer.status_code, found is not None) == (422, True), answer.text
    assert found is not None
    return found[1]


# -- the code


def test_a_code_becomes_a_password_and_the_way_goes_on_by_the_second_factor_to_the_rules(people: People) -> None:
    who = people.admitted()
    begun = who.begins(people.code_for(who.account).lower().replace("-", " "))
    assert (begun.status_code, begun.headers["Location"]) == (303, "/second-factor")
    added = who.adds_second_factor()
    assert (added.status_code, added.headers["Cache-Control"], len(set(who.recovery))) == (200, "no-store", 10)
    assert who.get("/v1/me").json()["renewal"] == "rules"
    accepted = who.accepts_rules()
    assert (accepted.status_code, accepted.headers["Location"]) == (303, "/")
    me = who.get("/v1/me").json()
    assert (me["role"], me["renewal"], me["renew_on"]) == ("secondary_user", None, "2026-09-02")


def test_a_code_is_used_up_by_its_account_alone(people: People) -> None:
    rosa, eva = people.admitted(), people.admitted(applying(EVA))
    code = people.code_for(rosa.account)
    never = people.visitor()
    words = {alert(eva.begins(code))}
    for email in ("never@school.example.org", "", "rosa", ROSA.replace("@", "＠")):
        words.add(alert(never.posts("/sign-in/first", email=email, code=code, password=PASSWORD)))
    assert len(words) == 1, "whether the address has an account is told to nobody"
    assert rosa.begins(code).status_code == 303
    for used in (code, "K7QF-2M9T-XW4R-PV3C-9D2E"):
        assert "does not open anything" in alert(rosa.begins(used, OTHER_PASSWORD))


def test_whether_there_is_an_account_is_told_to_nobody_who_holds_no_code_of_it(people: People) -> None:
    people.official()
    people.admitted(applying(EVA))
    visitor = people.visitor()
    pages = {
        visitor.posts("/sign-in/first", email=email, code=code, password=PASSWORD).text.replace(email, "")
        for email in (ROSA, EVA, "never@school.example.org")
        for code in ("", "x", "K7QF-2M9T-XW4R-PV3C-9D2E")
    }
    assert len(pages) == 1


def test_a_name_is_not_found_out_by_passwords_that_are_refused_for_it(people: People) -> None:
    who = people.admitted()
    named = "Rosa Núñez 7 x"
    guessed = who.begins("K7QF-2M9T-XW4R-PV3C-9D2E", named)
    assert "This code does not open anything" in alert(guessed)
    code = people.code_for(who.account)
    assert "your own name" in alert(who.begins(code, named))
    assert who.begins(code).status_code == 303, "the refusal has not used the code up"


def test_after_five_guesses_the_right_code_is_none(people: People) -> None:
    who = people.admitted()
    code = people.code_for(who.account)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    for _ in range(TRIES):
        alert(who.begins(wrong))
    alert(who.begins(code))
    assert who.begins(people.code_for(who.account)).status_code == 303


def test_a_code_ends_after_its_days_and_with_the_next_one(people: People) -> None:
    who = people.admitted()
    first, second = people.code_for(who.account), people.code_for(who.account)
    alert(who.begins(first))
    people.clock.now += FIRST_HOLDS
    alert(who.begins(second))
    third = people.code_for(who.account)
    people.clock.now += FIRST_HOLDS - timedelta(seconds=1)
    assert who.begins(third).status_code == 303


def test_a_code_of_who_is_disabled_opens_nothing(people: People) -> None:
    who = people.admitted()
    code = people.code_for(who.account)
    people.ledger.admissions.act(who.account, Disable(by=NATION.name, reason="leave"), Meta(actor=NATION.name))
    alert(who.begins(code))


def test_another_code_takes_password_second_factor_and_sessions_away(people: People) -> None:
    who = people.official()
    code = people.code_for(who.account)
    assert refused(who.get("/v1/me")) == (401, "not-signed-in")
    assert who.signs_in().status_code == 401
    assert who.begins(code, OTHER_PASSWORD).headers["Location"] == "/second-factor"
    assert who.posts("/sign-in", email=ROSA, password=PASSWORD).status_code == 401


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "fewer than 12 characters"),
        ("", "fewer than 12 characters"),
        ("abcabcabcabc", "a run or a repetition"),
        ("password1234", "guessed first"),
        ("rosa@school.example.org", "guessed first"),
        ("violet\tkettle orbit", "no text"),
        ("long " * 300, "more than 1,000 bytes"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused_and_the_code_stays(
    people: People, password: str, says: str
) -> None:
    who = people.admitted()
    code = people.code_for(who.account)
    answer = who.begins(code, password)
    assert says in alert(answer)
    assert "set-cookie" not in answer.headers
    assert not password or password not in answer.text.replace(ROSA, "")
    assert who.begins(code).status_code == 303


def test_a_password_of_any_script_is_one_however_it_is_typed(people: People) -> None:
    who = people.admitted()
    assert who.begins(people.code_for(who.account), "niño café 東京 mañana").status_code == 303
    decomposed = "nin\u0303o cafe\u0301\u00a0東京 man\u0303ana"
    assert who.posts("/sign-in", email=ROSA, password=decomposed).status_code == 303


# -- the second factor


def test_a_second_factor_begins_with_its_first_code_and_the_session_anew(people: People) -> None:
    who = people.begun()
    before = dict(who.cookies)
    page = who.get("/second-factor")
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    wrong = who.fills("/second-factor", code="000000")
    assert wrong.status_code == 422
    assert who.get("/v1/me").json()["role"] == "applicant"
    assert who.adds_second_factor().status_code == 200
    assert who.cookies != before
    assert who.get("/v1/me").json()["role"] == "secondary_user"
    who.cookies = before
    assert refused(who.get("/v1/me")) == (401, "not-signed-in")


def test_whoever_signs_in_again_before_it_is_let_to_adding_it(people: People) -> None:
    who = people.begun()
    again = who.posts("/sign-in", email=ROSA, password=PASSWORD, return_to="/v1/students/100000000007")
    assert (again.status_code, again.headers["Location"]) == (303, "/second-factor")
    assert who.get("/v1/me").json()["role"] == "applicant"


@pytest.mark.parametrize("path", ["/second-factor", "/rules/acceptance"])
def test_these_pages_are_for_people_and_no_token(people: People, path: str) -> None:
    headers = people.bearer("auditor")
    assert refused(people.ask(headers, "GET", path)) == (404, "not-found")
    assert refused(people.visitor().get(path)) == (401, "not-signed-in")
    assert refused(people.visitor().posts(path, code="1")) == (401, "not-signed-in")


@pytest.mark.parametrize("path", ["/second-factor", "/rules/acceptance"])
def test_a_form_without_its_token_changes_nothing(people: People, path: str) -> None:
    who = people.with_second_factor()
    head = people.ledger.log.head()
    assert refused(who.posts(path, code="123456", edition=RULES_EDITION)) == (403, "csrf-refused")
    assert people.ledger.log.head() == head


# -- the rules, and their yearly renewal


def test_everybody_may_read_the_rules(people: People) -> None:
    page = people.visitor().get("/rules")
    assert page.status_code == 200
    assert f"Edition {RULES_EDITION}" in page.text


def test_another_edition_than_the_one_that_holds_is_not_accepted(people: People) -> None:
    who = people.with_second_factor()
    assert refused(who.fills("/rules/acceptance", edition="2019-1")) == (422, "bad-value")
    assert who.get("/v1/me").json()["renewal"] == "rules"


CLOSED = (
    "/v1/students/100000000007",
    "/v1/contacts?state=OR",
    "/v1/events?after=0",
    "/v1/jurisdictions/OR",
    "/v1/applications/x",
)


def test_before_the_rules_are_accepted_everything_but_renewing_is_refused(people: People) -> None:
    who = people.with_second_factor()
    for path in CLOSED:
        assert refused(who.get(path)) == (403, "renewal-needed"), path
    assert who.get("/v1/me").status_code == 200
    who.accepts_rules()
    assert who.get("/v1/contacts?state=OR").status_code == 200


def test_a_year_after_the_training_everything_but_renewing_is_refused_until_a_newer_one_is_recorded(
    people: People,
) -> None:
    who = people.official()
    today = people.ledger.admissions.today("OR")
    people.clock.now += a_year_after(today) - today
    who.signs_in()
    # Its last day, in the zone of the office: the rules, accepted a year ago as well, still hold.
    assert who.get("/v1/contacts?state=OR").status_code == 200
    people.clock.now += timedelta(days=1)
    who.signs_in()
    answer = who.get("/v1/contacts?state=OR")
    assert refused(answer) == (403, "renewal-needed")
    assert "training" in answer.json()["detail"]
    assert who.get("/v1/me").json()["renewal"] == "training"
    said = {"account": who.account, "course": "Privacy", "completed_on": "2026-09-01"}
    desk = people.bearer("user_administrator")
    assert people.ask(desk, "POST", "/v1/trainings", said).status_code == 201
    answer = who.get("/v1/contacts?state=OR")
    assert (refused(answer), "rules" in answer.json()["detail"]) == ((403, "renewal-needed"), True)
    by = Meta(actor=ROSA)
    people.ledger.admissions.act(
        who.account, AcceptRules(by=ROSA, edition=RULES_EDITION, on=people.ledger.admissions.today("OR")), by
    )
    assert who.get("/v1/contacts?state=OR").status_code == 200
