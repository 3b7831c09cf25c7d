"""Signing in by a form, and what a session is let to until it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from msgspec.structs import replace

from ledger.account_acts import Disable, Enable, EndRole
from ledger.application import Ledger
from ledger.events import Meta
from ledger.store.database import Database
from ledger.store.sessions import ABSOLUTE, IDLE
from ledger.store.tries import FAILURES_MAX, LOCK
from support.admitting import NATION, ROSA, admitted, applying
from support.signing_in import OTHER_PASSWORD, PASSWORD, Official, People, body_of, refused

COOKIE: Final = "__Host-sojourn"
BY_NATION: Final = Meta(actor=NATION.name)


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


def signed_in(answer: Any) -> bool:
    return answer.status_code == 303 and COOKIE in answer.headers.get("set-cookie", "")


def shown(answer: Any) -> str:
    """What the page between the two steps holds."""
    found = re.search(r'name="shown" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


# -- the page


def test_the_page_says_what_is_recorded_before_anybody_signs_in_and_is_kept_nowhere(people: People) -> None:
    page = people.visitor().get("/sign-in?return_to=/v1/me")
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    assert "recorded and reviewed" in page.text
    assert 'name="return_to" value="/v1/me"' in page.text
    assert "/sign-in/provider" not in page.text, "no provider is set up"


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org", "/\\example.org", "javascript:1", ""])
def test_nobody_is_sent_on_to_another_site(people: People, elsewhere: str) -> None:
    who = people.official()
    page = people.visitor().get("/sign-in", params={"return_to": elsewhere})
    assert 'name="return_to" value="/"' in page.text
    answer = who.posts("/sign-in", email=who.email, password=PASSWORD, code=who.recovery[0], return_to=elsewhere)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["/sign-in/provider", "/sign-in/callback"])
def test_without_a_provider_nobody_is_sent_to_one(people: People, path: str) -> None:
    assert refused(people.visitor().get(path)) == (404, "no-such-path")


# -- password and second factor


def test_password_and_code_are_shown_at_once_or_one_after_the_other(people: People) -> None:
    who = people.official()
    at_once = who.signs_in()
    assert signed_in(at_once)
    assert at_once.headers["Location"] == "/"
    people.clock.now += timedelta(seconds=60)
    who.cookies.clear()
    first = who.posts("/sign-in", email=f" {ROSA.upper()} ", password=PASSWORD, return_to="/v1/me")
    assert (first.status_code, who.cookies, first.headers["Cache-Control"]) == (200, {}, "no-store")
    assert PASSWORD not in first.text
    second = who.posts("/sign-in", shown=shown(first), code=who.code(), return_to="/v1/me")
    assert (signed_in(second), second.headers["Location"]) == (True, "/v1/me")
    assert who.get("/v1/me").json()["role"] == "secondary_user"


def test_a_recovery_code_lets_in_once(people: People) -> None:
    who = people.official()
    first = who.posts("/sign-in", email=ROSA, password=PASSWORD)
    assert signed_in(who.posts("/sign-in", shown=shown(first), code=who.recovery[3].lower()))
    again = who.posts("/sign-in", shown=shown(first), code=who.recovery[3])
    assert again.status_code == 401


def test_a_code_lets_in_once_and_one_of_another_minute_never(people: People) -> None:
    who = people.official()
    assert signed_in(who.signs_in())
    fields = {"email": ROSA, "password": PASSWORD}
    for code in (who.code(), who.code(90), who.code(-90), "000000x", "١٢٣٤٥٦"):
        answer = who.posts("/sign-in", **fields, code=code)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False), code


def test_who_is_refused_learns_nothing_of_which_part_was_wrong(people: People) -> None:
    who = people.official()
    admissions = people.ledger.admissions
    only_applied = body_of("nobody@school.example.org")["email"]
    admissions.apply(applying(only_applied), BY_NATION)
    tries = (
        {"email": ROSA, "password": OTHER_PASSWORD, "code": who.code(60)},
        {"email": ROSA, "password": PASSWORD, "code": "123456"},
        {"email": "never@school.example.org", "password": PASSWORD},
        {"email": only_applied, "password": PASSWORD},
        {"email": "", "password": ""},
        {"email": ROSA, "password": "\0" * 2000},
    )
    pages = {who.posts("/sign-in", **said).text for said in tries}
    assert len(pages) == 1
    assert ROSA not in pages.pop()


def test_what_the_page_between_the_steps_holds_is_of_one_account_and_of_five_minutes(people: People) -> None:
    rosa, eva = people.official(), people.official(applying("eva@school.example.org"))
    people.clock.now += timedelta(seconds=60)
    given = shown(rosa.posts("/sign-in", email=ROSA, password=PASSWORD))
    account, _, rest = given.partition(".")
    assert account == rosa.account
    for forged in (f"{eva.account}.{rest}", given[:-1], f"{account}.{rest[:-1]}0x", "a.b.c", "ñ.1.é"):
        assert eva.posts("/sign-in", shown=forged, code=eva.code()).status_code == 401, forged
    people.clock.now += timedelta(minutes=5, seconds=1)
    assert rosa.posts("/sign-in", shown=given, code=rosa.code()).status_code == 401


def test_five_wrong_tries_lock_the_account_for_a_quarter_of_an_hour_and_a_right_one_says_no_more(
    people: People,
) -> None:
    who = people.official()
    for _ in range(FAILURES_MAX):
        assert who.posts("/sign-in", email=ROSA, password=OTHER_PASSWORD).status_code == 401
    locked = who.signs_in()
    assert locked.status_code == 401
    people.clock.now += LOCK
    assert signed_in(who.signs_in())


def test_wrong_codes_lock_as_wrong_passwords_do(people: People) -> None:
    who = people.official()
    given = shown(who.posts("/sign-in", email=ROSA, password=PASSWORD))
    for _ in range(FAILURES_MAX):
        assert who.posts("/sign-in", shown=given, code="123456").status_code == 401
    people.clock.now += timedelta(seconds=60)
    assert who.posts("/sign-in", shown=given, code=who.code()).status_code == 401
    assert who.posts("/sign-in", email=ROSA, password=PASSWORD, code=who.recovery[0]).status_code == 401


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"email=a&email=b", "application/x-www-form-urlencoded", 422),
        (b"email=%FF", "application/x-www-form-urlencoded", 422),
        (b"email", "application/x-www-form-urlencoded", 422),
        (b"email=" + b"a" * 20_000, "application/x-www-form-urlencoded", 422),
        (b"", "application/x-www-form-urlencoded", 401),
    ],
)
def test_what_is_no_form_is_refused(people: People, content: bytes, kind: str, status: int) -> None:
    answer = people.visitor().ask("POST", "/sign-in", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text


# -- other sites


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/first"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
    ],
)
def test_no_other_site_signs_anybody_in(people: People, path: str, headers: dict[str, str]) -> None:
    visitor = people.visitor()
    visitor.site = None
    answer = visitor.ask("POST", path, data={"email": ROSA}, headers=headers)
    assert refused(answer) == (403, "csrf-refused")


def test_a_change_needs_the_sessions_token_from_a_page_of_this_site(people: People) -> None:
    rosa, eva = people.official(), people.official(applying("eva@school.example.org"))
    rules = {"edition": "2026-1"}
    token, anothers = (who.get("/v1/me").json()["session"]["csrf"] for who in (rosa, eva))
    forged: tuple[tuple[str | None, dict[str, str]], ...] = (
        ("same-origin", {}),
        ("same-origin", {"Sojourn-CSRF": ""}),
        ("same-origin", {"Sojourn-CSRF": anothers}),
        ("cross-site", {"Sojourn-CSRF": token}),
        ("same-site", {"Sojourn-CSRF": token}),
        (None, {"Sojourn-CSRF": token}),
        (None, {"Sojourn-CSRF": token, "Origin": "https://example.org"}),
    )
    for site, headers in forged:
        rosa.site = site
        assert refused(rosa.ask("PUT", "/v1/me/rules", json=rules, headers=headers)) == (403, "csrf-refused"), headers
        assert refused(rosa.ask("POST", "/sign-out", data={"x": "1"}, headers=headers)) == (403, "csrf-refused"), (
            headers
        )
    rosa.site = None
    own = {"Sojourn-CSRF": token, "Origin": "http://testserver"}
    assert rosa.ask("PUT", "/v1/me/rules", json=rules, headers=own).status_code == 200
    rosa.site = "same-origin"
    assert rosa.sends("PUT", "/v1/me/rules", rules).status_code == 200


def test_a_form_brings_its_token_in_a_field_and_a_script_does_not(people: People) -> None:
    who = people.official()
    token = who.get("/v1/me").json()["session"]["csrf"]
    assert refused(who.posts("/v1/me/family-grants", csrf=token)) == (403, "csrf-refused")
    assert who.posts("/sign-out", csrf=token).status_code == 303


# -- the cookie, and the credential beside it


def test_the_cookie_is_this_hosts_alone_and_no_script_reads_it(people: People) -> None:
    who = people.official()
    line = who.signs_in().headers["Set-Cookie"]
    name, _, rest = line.partition("=")
    assert name == COOKIE
    assert rest.partition("; ")[2].split("; ") == ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"]
    assert who.email not in line
    assert who.account not in line


def test_an_authorization_header_counts_and_a_cookie_beside_it_changes_nothing(people: People) -> None:
    who = people.official()
    auditor = people.bearer("auditor", name="audit")
    assert who.get("/v1/me", headers=auditor).json()["name"] == "audit"
    for bad in ("Bearer nonsense", "Basic cm9zYTp4", "Bearer", ""):
        assert refused(who.get("/v1/me", headers={"Authorization": bad})) == (401, "not-signed-in"), bad
    assert who.get("/v1/me").json()["name"] == ROSA


def test_two_sessions_in_one_request_are_none(people: People) -> None:
    rosa, eva = people.official(), people.official(applying("eva@school.example.org"))
    both = f"{COOKIE}={rosa.cookies[COOKIE]}; {COOKIE}={eva.cookies[COOKIE]}"
    visitor = people.visitor()
    assert refused(visitor.get("/v1/me", headers={"Cookie": both})) == (401, "not-signed-in")
    for made_up in ("sojs_" + "0" * 64, "x", rosa.cookies[COOKIE] + "0", rosa.cookies[COOKIE].upper()):
        asked = visitor.get("/v1/me", headers={"Cookie": f"{COOKIE}={made_up}"})
        assert refused(asked) == (401, "not-signed-in"), made_up


# -- its end


def test_signing_out_ends_the_session_for_whoever_holds_its_cookie(people: People) -> None:
    who = people.official()
    kept = dict(who.cookies)
    token = who.get("/v1/me").json()["session"]["csrf"]
    out = who.posts("/sign-out", csrf=token)
    assert (out.status_code, out.headers["Location"], who.cookies) == (303, "/sign-in", {})
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert out.headers["Clear-Site-Data"] == '"cache", "storage"'
    who.cookies = kept
    assert refused(who.get("/v1/me")) == (401, "not-signed-in")


def test_signing_out_ends_one_session_and_no_other(people: People) -> None:
    who = people.official()
    first, who.cookies = who.cookies, {}
    who.signs_in()
    token = who.get("/v1/me").json()["session"]["csrf"]
    assert who.posts("/sign-out", csrf=token).status_code == 303
    who.cookies = first
    assert who.get("/v1/me").status_code == 200


def test_signing_in_ends_the_session_that_the_browser_had_whoevers_it_was(people: People) -> None:
    rosa, eva = people.official(), people.official(applying("eva@school.example.org"))
    for former in (dict(rosa.cookies), dict(eva.cookies)):
        eva.cookies = dict(former)
        assert signed_in(eva.signs_in())
        assert eva.get("/v1/me").json()["name"] == eva.email
        rosa.cookies = former
        assert refused(rosa.get("/v1/me")) == (401, "not-signed-in")


def test_a_session_ends_when_it_lies_idle_and_a_request_keeps_it_awake(people: People) -> None:
    who = people.official()
    people.clock.now += IDLE - timedelta(seconds=61)
    told = who.get("/v1/me").json()["session"]
    assert told["idle_ends_at"] == (people.clock.now + IDLE).isoformat().replace("+00:00", "Z")
    people.clock.now += IDLE - timedelta(seconds=1)
    assert who.get("/v1/me").status_code == 200
    people.clock.now += IDLE
    assert refused(who.get("/v1/me")) == (401, "not-signed-in")


def test_a_session_ends_after_its_hours_however_much_it_is_used(people: People) -> None:
    who = people.official()
    ends = people.clock.now + ABSOLUTE
    while people.clock.now + IDLE / 2 < ends:
        people.clock.now += IDLE / 2
        assert who.get("/v1/me").status_code == 200
    people.clock.now = ends
    assert refused(who.get("/v1/me")) == (401, "not-signed-in")


def test_a_session_of_whom_is_disabled_is_let_to_nothing_and_goes_on_when_he_is_enabled(people: People) -> None:
    who = people.official()
    act = people.ledger.admissions.act
    act(who.account, Disable(by=NATION.name, reason="lost her phone"), BY_NATION)
    for path in ("/v1/me", "/v1/students/100000000007", "/second-factor", "/rules/acceptance"):
        assert refused(who.get(path)) == (403, "account-disabled"), path
    assert refused(who.signs_in()) == (403, "account-disabled")
    act(who.account, Enable(by=NATION.name, reason="found it"), BY_NATION)
    assert who.get("/v1/me").json()["role"] == "secondary_user"


def test_a_session_of_whom_is_deactivated_ends_for_good(people: People) -> None:
    who = people.official()
    gone = people.ask(
        people.bearer("user_administrator"), "POST", f"/v1/accounts/{who.account}/deactivation", {"reason": "left"}
    )
    assert gone.status_code == 200
    assert refused(who.get("/v1/me")) == (401, "not-signed-in")
    assert who.signs_in().status_code == 401


# -- a password alone


def test_who_has_shown_a_password_alone_is_let_to_his_own_account_and_nothing_else(people: People) -> None:
    ines = "ines@school.example.org"
    apply = replace(applying("eva@school.example.org"), supervisor_email=ines)
    supervised = str(people.ledger.admissions.apply(apply, BY_NATION).ids["application"])
    who = people.begun(applying(ines, "auditor", state=None))
    me = who.get("/v1/me")
    assert (me.status_code, me.json()["role"]) == (200, "applicant")
    for path in ("/second-factor", "/rules/acceptance"):
        assert who.get(path).status_code == 200, path
    token = me.json()["session"]["csrf"]
    # She is the supervisor that it names: by a password alone nobody verifies, applies, or reads it.
    closed: tuple[tuple[str, str, Any], ...] = (
        ("GET", f"/v1/applications/{supervised}", None),
        ("POST", f"/v1/applications/{supervised}/verification", {"identity": "passport", "need": "enrols"}),
        ("POST", "/v1/applications", body_of(ines)),
        ("GET", "/v1/students/100000000007", None),
        ("POST", "/v1/students/search", {"name": "Marisol"}),
        ("GET", f"/v1/accounts/{who.account}", None),
        ("GET", "/v1/contacts?state=OR", None),
        ("GET", "/v1/events?after=0", None),
    )
    for method, path, body in closed:
        for more in ({}, {"Sojourn-Role": "auditor"}, {"Sojourn-Role": "1"}, {"Sojourn-Role": "none"}):
            sent = {} if body is None else {"json": body}
            answer = who.ask(method, path, headers={"Sojourn-CSRF": token, **more}, **sent)
            assert refused(answer) == (403, "forbidden"), (method, path, more)
    assert who.posts("/sign-out", csrf=token).status_code == 303


def test_a_session_begun_by_a_password_alone_does_not_come_to_a_role_that_is_given_meanwhile(people: People) -> None:
    who = people.begun()
    people.ledger.admissions.act(who.account, EndRole(by=NATION.name, grant=1, reason="moved"), BY_NATION)
    assert signed_in(who.posts("/sign-in", email=ROSA, password=PASSWORD))
    assert who.get("/v1/me").json()["role"] == "applicant"
    admitted(people.ledger.admissions, applying(), NATION)
    assert refused(who.get("/v1/contacts?state=OR")) == (403, "forbidden")


# -- several roles


@pytest.fixture
def twice(people: People) -> Official:
    """Who enrols children in one school, and administers the data of her district."""
    who = people.official()
    admitted(people.ledger.admissions, applying(ROSA, "district_data_administrator", district="4106740"), NATION)
    return who


def test_a_header_says_under_which_role_somebody_acts(twice: Official) -> None:
    assert twice.get("/v1/me").json()["role"] == "secondary_user"
    for said in ("district_data_administrator", "2", " 2 "):
        me = twice.get("/v1/me", headers={"Sojourn-Role": said}).json()
        assert (me["role"], me["district"]) == ("district_data_administrator", "4106740")
    assert twice.get("/v1/cases").status_code == 403
    assert twice.get("/v1/cases", headers={"Sojourn-Role": "2"}).status_code == 200


@pytest.mark.parametrize("said", ["auditor", "3", "0", "none", "applicant", "parent", "secondary_user, 2", "ñ"])
def test_a_role_that_somebody_does_not_have_is_not_put_on(twice: Official, said: str) -> None:
    answer = twice.get("/v1/me", headers={"Sojourn-Role": said.encode("latin-1")})
    assert refused(answer) == (403, "forbidden")


def test_a_tokens_role_is_its_own_whatever_a_header_says(people: People) -> None:
    headers = people.bearer("recruiter", "OR") | {"Sojourn-Role": "auditor"}
    assert people.ask(headers, "GET", "/v1/me").json()["role"] == "recruiter"
