"""Who has access, on pages; what ends it; and one's own account."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from ledger.account_acts import EndRole
from ledger.application import Ledger
from ledger.store.database import Database
from support.admitting import BY_HAND, DESK, NATION, ROSA, admitted, applying
from support.desks import Desk, at, desk
from support.families import child, granted
from support.papers import kept, paper
from support.signing_in import OTHER_PASSWORD, PASSWORD, Official, People, refused

ANA: Final = "ana@ode.example.org"


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def ana(people: People) -> Desk:
    return desk(people, ANA, "user_administrator", "OR")


# -- overseen


def test_who_has_access_is_told_with_role_place_and_who_granted_it(people: People, ana: Desk) -> None:
    account = admitted(people.ledger.admissions)
    admitted(people.ledger.admissions, applying("carla@school.example.org", state="CA"), NATION)
    page = ana.get(f"/accounts?at_least={people.ledger.log.head()}").text
    assert f'href="/accounts/{account}"' in page
    assert "Hood River School" in page
    assert ANA in page, "who granted it"
    assert "carla@school.example.org" not in page
    none = ana.get("/accounts?status=disabled").text
    assert "No account of your area is like that." in none


def test_an_account_is_disabled_with_a_reason_and_its_session_ends(people: People, ana: Desk) -> None:
    rosa = people.official()
    path = f"/accounts/{rosa.account}"
    ana.get(f"{path}?at_least={people.ledger.log.head()}")
    assert ana.presses(path, f"{path}/disablement", reason="").status_code == 422
    done = ana.presses(path, f"{path}/disablement", reason="lost her phone")
    shown = ana.get(done.headers["Location"]).text
    assert "nobody is let in by it" in shown
    assert "lost her phone" in shown
    assert refused(rosa.get("/v1/me"))[0] in (401, 403)
    assert at(ana.presses(path, f"{path}/enablement", reason="found it")) == path


def test_deactivation_says_first_that_the_address_is_never_used_again(people: People, ana: Desk) -> None:
    path = f"/accounts/{admitted(people.ledger.admissions)}"
    ask = f"{path}/deactivation"
    assert f"The address {ROSA} can never be used again" in ana.get(ask).text
    assert at(ana.presses(ask, ask, reason="retired")) == path
    assert people.ledger.admissions.standing(path.rpartition("/")[2]).status == "deactivated"
    assert not ana.offers(path, f"{path}/sign-in-code")


def test_a_role_is_ended_and_stays_in_the_story(people: People, ana: Desk) -> None:
    path = f"/accounts/{admitted(people.ledger.admissions)}"
    ana.get(f"{path}?at_least={people.ledger.log.head()}")
    done = ana.presses(path, f"{path}/roles/1/ending", reason="moved to another school")
    story = ana.get(done.headers["Location"]).text
    assert "moved to another school" in story
    assert not ana.offers(path, f"{path}/roles/1/ending")


def test_an_account_of_another_state_is_not_read_nor_touched(people: People, ana: Desk) -> None:
    other = f"/accounts/{admitted(people.ledger.admissions, applying(state='CA'), NATION)}"
    assert ana.get(other).status_code == 403
    assert ana.get(f"{other}/deactivation").status_code == 403
    token = ana.hidden("/explain", "/explain")["csrf"]
    for deed in ("disablement", "deactivation", "roles/1/ending", "sign-in-code"):
        assert ana.posts(f"{other}/{deed}", csrf=token, reason="x").status_code == 403, deed
    assert people.ledger.admissions.standing(other.rpartition("/")[2]).status == "active"


def test_an_auditor_reads_accounts_and_is_offered_nothing_to_do(people: People) -> None:
    account = admitted(people.ledger.admissions)
    alma = desk(people, "alma@nation.example.org", "auditor")
    page = alma.get(f"/accounts/{account}?at_least={people.ledger.log.head()}")
    assert page.status_code == 200
    assert "/disablement" not in page.text


# -- one's own


def test_a_role_is_chosen_by_a_session_that_ends_when_the_first_would_have(people: People) -> None:
    rosa = people.official()
    admitted(people.ledger.admissions, applying(ROSA, "district_data_administrator", district="4106740"), NATION)
    ends = rosa.get("/session").json()["ends_at"]
    before = dict(rosa.cookies)
    people.clock.now += timedelta(minutes=10)
    assert at(pressed(rosa, "/me/role", grant="2")) == "/me"
    assert rosa.get("/v1/me").json()["role"] == "district_data_administrator"
    assert rosa.get("/session").json()["ends_at"] == ends
    rosa.cookies = before
    assert refused(rosa.get("/v1/me")) == (401, "not-signed-in")


def test_of_two_roles_that_differ_by_their_district_alone_one_is_held_now_and_the_other_can_be_chosen(
    people: People,
) -> None:
    rosa = people.official(applying(district="4106740"))
    admitted(people.ledger.admissions, applying(ROSA, district="4113770"), NATION)
    assert offered(rosa) == {"2"}
    assert at(pressed(rosa, "/me/role", grant="2")) == "/me"
    assert offered(rosa) == {"1"}


def test_a_session_of_a_password_alone_comes_to_no_role(people: People) -> None:
    rosa = people.begun()
    assert pressed(rosa, "/me/role", grant="1").status_code == 403
    assert rosa.get("/v1/me").json()["role"] == "applicant"
    assert "Add a second factor" in rosa.get("/me").text


def test_nobody_takes_a_role_that_he_does_not_have(people: People) -> None:
    rosa = people.official()
    for grant in ("2", "parent", "auditor", "", "none"):
        assert pressed(rosa, "/me/role", grant=grant).status_code == 404, grant


def test_whoever_has_to_renew_is_led_to_where_he_can_and_can_sign_out(people: People) -> None:
    rosa = people.official()
    people.clock.now += timedelta(days=366)
    assert rosa.signs_in().status_code == 303
    home = rosa.get("/")
    assert (home.status_code, home.headers["Location"]) == (303, "/me")
    page = rosa.get("/me").text
    assert "No training of the last year is recorded." in page
    assert 'action="/sign-out"' in page


def test_ones_own_training_is_recorded_by_its_certificate(people: People, ledger: Ledger) -> None:
    rosa = people.official()
    people.clock.now += timedelta(days=300)
    assert rosa.signs_in().status_code == 303
    today = ledger.admissions.today("OR").isoformat()
    typed = {"course": "Security", "completed_on": today}
    without = pressed(rosa, "/me/training", **typed)
    assert (without.status_code, "without its certificate" in without.text) == (422, True)
    found = re.findall(r"application=([0-9a-f-]{36})", rosa.get("/me").text)
    certificate = kept(ledger, found[0], paper(100), what="certificate")
    assert at(pressed(rosa, "/me/training", certificate=certificate.attachment, **typed)) == "/me"
    assert ledger.admissions.account(rosa.account).trained_on == ledger.admissions.today("OR")


def test_a_password_is_changed_by_the_present_one_and_every_other_session_ends(people: People) -> None:
    rosa = people.official()
    elsewhere, rosa.cookies = rosa.cookies, {}
    assert rosa.signs_in().status_code == 303
    people.clock.now += timedelta(seconds=60)
    typed = {"password": OTHER_PASSWORD, "code": rosa.code(), "new_password": OTHER_PASSWORD}
    assert pressed(rosa, "/me/password", **typed).status_code == 422
    short = pressed(rosa, "/me/password", **typed | {"password": PASSWORD, "new_password": "short"})
    assert (short.status_code, 'id="new_password-fault"' in short.text) == (422, True)
    people.clock.now += timedelta(seconds=60)
    typed |= {"password": PASSWORD, "code": rosa.code()}
    changed = pressed(rosa, "/me/password", **typed)
    assert changed.headers.get("Location") == "/me?done=password", changed.text
    assert rosa.get("/v1/me").status_code == 200
    rosa.cookies = elsewhere
    assert refused(rosa.get("/v1/me")) == (401, "not-signed-in")
    assert rosa.signs_in(OTHER_PASSWORD).status_code == 303


def test_a_session_on_another_device_is_ended_and_nobody_elses(people: People) -> None:
    rosa = people.official()
    lost, rosa.cookies = rosa.cookies, {}
    assert rosa.signs_in().status_code == 303
    eva = people.official(applying("eva@school.example.org"))
    [path] = set(re.findall(r"/me/sessions/[0-9a-f-]{36}/ending", rosa.get("/me").text))
    assert pressed(eva, path).status_code == 404
    assert at(pressed(rosa, path)) == "/me"
    rosa.cookies, kept_ = lost, dict(rosa.cookies)
    assert refused(rosa.get("/v1/me")) == (401, "not-signed-in")
    rosa.cookies = kept_
    assert rosa.get("/v1/me").status_code == 200


def test_a_family_code_is_taken_by_whom_it_is_for(people: People) -> None:
    told = granted(people, child(people, "OR1"), email="eva@school.example.org")
    rosa, eva = people.official(), people.official(applying("eva@school.example.org"))
    wrong = pressed(rosa, "/me/family", family_code=told["code"])
    assert (wrong.status_code, 'id="family_code-fault"' in wrong.text) == (422, True)
    assert at(pressed(eva, "/me/family", family_code=told["code"])) == "/me"
    assert at(pressed(eva, "/me/role", grant="parent")) == "/me"
    assert eva.get("/v1/me").json()["role"] == "parent"
    [led] = re.findall(r'href="(/[a-z-]+/[0-9]{12})"', eva.get("/me").text)
    assert led.startswith("/my-children/")
    assert eva.get(led).status_code == 200


def test_an_account_with_no_role_is_told_how_to_come_to_one(people: People, ledger: Ledger) -> None:
    rosa = people.official()
    ledger.admissions.act(rosa.account, EndRole(by=DESK, grant=1, reason="moved"), BY_HAND)
    assert 'href="/apply"' in rosa.get("/me").text


def offered(who: Official) -> set[str]:
    """Grants that the page offers to act under."""
    return set(re.findall(r'name="grant" value="([^"]+)"', who.get("/me").text))


def pressed(who: Official, action: str, **typed: str) -> Any:
    """Sent from the page of one's own account."""
    token = re.findall(r'name="csrf" value="([^"]+)"', who.get("/me").text)[0]
    return who.posts(action, csrf=token, **typed)
