"""People: from an application to the day on which they may read no more, and families. Written from the pages alone.

Each test has people of its own; the children are shared.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest

from support.access_watch import DISTRICT, NAMES, Front, kid, open_front
from support.visitors import PASSWORD, Visitor, one_time_password

WORKS_ELSEWHERE = {"reason": "Works elsewhere now."}
WRONG_CODE = "K7QF-2M9T-XW4R-PV3C-8HND"


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with open_front(SOJOURN_RATE_TRIES="0") as opened:
        today = parsedate_to_datetime(opened.service.client.get("/livez").headers["date"]).date()
        opened.sends(
            "OR",
            date(2025, 9, 2),
            kid("ANA", "Yolotzin", "Zacatelco", "20130509"),
            kid("BEA", "Xiuhnel", "Huamantla", "20140314"),
            kid("SOON", "Tonatzin", "Temoltzin", f"{_years(today + timedelta(20), -18):%Y%m%d}"),
            kid("GROWN", "Ehecatzin", "Temoltzin", f"{_years(today - timedelta(20), -18):%Y%m%d}"),
        )
        opened.sends("CA", date(2025, 9, 2), kid("CAL", "Citlalmina", "Temoltzin", "20120101", "0600001"))
        yield opened


def _years(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def today(front: Front) -> date:
    return parsedate_to_datetime(front.service.client.get("/livez").headers["date"]).date()


def refused(answer: httpx2.Response, status: int, kind: str = "") -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["detail"]
    assert told["remedy"]
    if kind:
        assert told["type"] == f"/problems/{kind}", told
    return told


def settled(visitor: Visitor, path: str, status: int, seconds: float = 2.5) -> httpx2.Response:
    """The first answer of that status, or what is answered when the time is over."""
    ends = time.monotonic() + seconds
    while True:
        answer = visitor.get(path)
        if answer.status_code == status or time.monotonic() > ends:
            return answer
        time.sleep(0.2)


# -- the journey


def test_from_an_application_to_the_accounting_of_a_child_and_to_the_end(front: Front) -> None:
    email = "journey@school.example.org"
    person, account = front.enters(email)
    me = person.me()
    assert (me["name"], me["role"], me["state"], me["district"]) == (email, "secondary_user", "OR", DISTRICT)
    student = front.ids["OR:ANA"]
    assert person.reads(student).status_code == 200
    found = person.ask("POST", "/v1/students/search", json={"name": "Yolotzin"})
    assert student in [one["student_id"] for one in found.json()["students"]]
    seen = [one for one in front.accounting(student) if one["actor"] == email and one["outcome"] == "shown"]
    assert {(one["role"], one["organisation"]) for one in seen} == {("secondary_user", "Hood River School")}
    assert {"student", "search"} <= {one["view"] for one in seen}
    own = person.get(f"/v1/students/{student}/disclosures").json()["disclosures"]
    assert email in {one["actor"] for one in own}
    done = front.post("authority", f"/v1/accounts/{account}/deactivation", WORKS_ELSEWHERE)
    assert done.status_code == 200, done.text
    assert settled(person, f"/v1/students/{student}", 403).status_code in (401, 403)


# -- nobody approves himself


def applied(front: Front, email: str, **other: Any) -> Any:
    answer = front.applies(email, **other)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_whoever_verified_does_not_approve_and_another_does(front: Front) -> None:
    told = applied(front, "one@school.example.org")
    application = told["application"]
    front.trained(told["account"])
    refused(front.approves(application, "authority"), 422, "not-ready")
    refused(front.verifies(application, "recorder", None), 422, "not-ready")
    assert front.verifies(application, "recorder", front.sends_the_form(application)).status_code == 200
    refused(front.approves(application, "recorder"), 422, "own-application")
    refused(front.approves(application, "californian authority"), 403, "other-state")
    for by in ("help desk", "auditor", "secondary", "state office", "privacy", "operator"):
        refused(front.approves(application, by), 403, "forbidden")
    assert front.approves(application, "authority").status_code == 200
    refused(front.approves(application, "recorder"), 422, "application-closed")


def test_nobody_names_himself_as_his_supervisor_however_he_is_written(front: Front) -> None:
    for supervisor in ("own@school.example.org", "OWN@School.Example.Org", " own@school.example.org "):
        refused(front.applies("own@school.example.org", supervisor_email=supervisor), 422, "own-application")


def test_nobody_is_approved_without_training(front: Front) -> None:
    told = applied(front, "untrained@school.example.org")
    application = told["application"]
    front.verifies(application, "recorder", front.sends_the_form(application))
    refused(front.approves(application, "authority"), 422, "not-ready")
    body = {"account": told["account"], "course": "Security", "completed_on": f"{today(front) + timedelta(30)}"}
    refused(front.post("authority", "/v1/trainings", body), 422)
    old = {**body, "completed_on": f"{today(front) - timedelta(800)}"}
    front.post("authority", "/v1/trainings", old)
    refused(front.approves(application, "authority"), 422, "not-ready")


@pytest.mark.parametrize("role", ["operator", "parent", "emperor"])
def test_some_roles_are_not_applied_for(front: Front, role: str) -> None:
    refused(front.applies(f"{role}@school.example.org", role=role), 422)


def test_a_read_only_user_of_a_state_accepts_a_disclaimer_that_can_be_read(front: Front) -> None:
    email = "reader@state.example.org"
    told = refused(front.applies(email, kind="state-read-only"), 422)
    assert "disclaimer" in told["detail"]
    refused(front.applies(email, kind="state-read-only", role="primary_user", disclaimer="2026-1"), 422)
    assert front.applies(email, kind="state-read-only", disclaimer="2026-1").status_code == 201


# -- that e-mail never again


def test_the_address_of_a_deactivated_account_is_never_taken_again_however_it_is_written(front: Front) -> None:
    email = "gone@school.example.org"
    account = front.admits(email)
    code = front.code(account)
    assert front.post("authority", f"/v1/accounts/{account}/deactivation", WORKS_ELSEWHERE).status_code == 200
    for written in (email, "GONE@School.Example.ORG", f" {email} ", "Gone@school.example.org\t"):
        refused(front.applies(written), 422)
        refused(front.grants("OR:ANA", written), 422)
    assert refused(front.applies(email), 422)["type"] == "/problems/email-retired"
    for way in ("enablement", "sign-in-codes"):
        refused(front.post("authority", f"/v1/accounts/{account}/{way}", WORKS_ELSEWHERE), 422)
    assert Visitor(front.address).opens(email, code).status_code != 303
    assert front.get("auditor", f"/v1/accounts/{account}").json()["status"] == "deactivated"


def test_an_open_session_ends_with_the_account(front: Front) -> None:
    person, account = front.enters("open@school.example.org")
    path = f"/v1/students/{front.ids['OR:ANA']}"
    assert person.reads(front.ids["OR:ANA"]).status_code == 200
    manage = f"/v1/accounts/{account}"
    refused(front.post("californian authority", f"{manage}/disablement", WORKS_ELSEWHERE), 403)
    assert front.post("authority", f"{manage}/disablement", WORKS_ELSEWHERE).status_code == 200
    assert settled(person, path, 403).status_code in (401, 403)
    assert front.post("authority", f"{manage}/deactivation", WORKS_ELSEWHERE).status_code == 200
    time.sleep(1.2)
    answer = person.get(path)
    assert answer.status_code in (401, 403)
    assert "enable it" not in answer.json()["remedy"]


# -- sign-in


def test_the_cookie_of_a_session_is_for_this_host_and_no_script(front: Front) -> None:
    person, _ = front.enters("cookie@school.example.org")
    assert len(person.set_cookies) >= 2, "the second factor brings another session"
    for said in person.set_cookies:
        assert said.startswith("__Host-")
        words = {word.strip().lower() for word in said.split(";")[1:]}
        assert {"secure", "httponly", "path=/"} <= words
        assert {"samesite=lax", "samesite=strict"} & words
    assert person.cookie.partition("=")[2] not in front.service.log.read_text()


def test_what_another_site_sends_with_the_cookie_changes_nothing(front: Front) -> None:
    person, _ = front.enters("forged@school.example.org")
    assert person.reads(front.ids["OR:ANA"]).status_code == 200
    token = person.me()["session"]["csrf"]
    body = {"name": "Yolotzin"}
    assert person.ask("POST", "/v1/students/search", json=body).status_code == 200
    refused(person.ask("POST", "/v1/students/search", json=body, csrf=False), 403, "csrf-refused")
    wrong = {"Sojourn-CSRF": token[::-1]}
    refused(person.ask("POST", "/v1/students/search", json=body, csrf=False, headers=wrong), 403, "csrf-refused")
    evil = {"Sojourn-CSRF": token, "Origin": "https://evil.example.org"}
    refused(person.ask("POST", "/v1/students/search", json=body, csrf=False, headers=evil), 403, "csrf-refused")
    site = {"Sojourn-CSRF": token, "Sec-Fetch-Site": "cross-site", "Origin": "null"}
    refused(person.ask("POST", "/v1/students/search", json=body, csrf=False, headers=site), 403, "csrf-refused")


def test_without_the_second_factor_no_child_is_shown(front: Front) -> None:
    email = "half@school.example.org"
    person = Visitor(front.address)
    assert person.opens(email, front.code(front.admits(email))).status_code == 303
    person.accepts_the_rules()
    time.sleep(1.2)
    student = front.ids["OR:ANA"]
    answer = person.get(f"/v1/students/{student}")
    refused(answer, 403)
    assert [one["outcome"] for one in front.of_request(student, answer)] == ["refused"]


def test_the_session_before_the_second_factor_ends_with_it(front: Front) -> None:
    email = "twice@school.example.org"
    person = Visitor(front.address)
    person.opens(email, front.code(front.admits(email)))
    before = Visitor(front.address)
    before.cookie = person.cookie
    person.adds_a_second_factor()
    assert person.cookie != before.cookie
    assert settled(before, "/v1/me", 401).status_code == 401


def test_a_wrong_password_does_not_tell_whether_there_is_such_an_account(front: Front) -> None:
    front.enters("exists@school.example.org")
    told = []
    for email in ("exists@school.example.org", "exists.not@school.example.org"):
        form = {"email": email, "password": "wrong horse battery 12", "return_to": "/"}
        answer = front.service.client.post("/sign-in", data=form)
        assert answer.status_code == 401
        told.append(answer.text.replace(email, ""))
    assert told[0] == told[1]


def test_a_guessed_code_is_void_after_five_tries_and_a_used_one_at_once(front: Front) -> None:
    email = "guessed@school.example.org"
    account = front.admits(email)
    code = front.code(account)
    for last in "0123456":
        wrong = code[:-1] + (last if last != code[-1] else "7")
        assert Visitor(front.address).opens(email, wrong).status_code != 303
    assert Visitor(front.address).opens(email, code).status_code != 303
    fresh = front.code(account)
    assert Visitor(front.address).opens(email, fresh).status_code == 303
    assert Visitor(front.address).opens(email, fresh).status_code != 303


def test_a_code_of_the_authenticator_is_taken_once_and_leads_to_no_other_site(front: Front) -> None:
    email = "replay@school.example.org"
    person = Visitor(front.address)
    key = person.enters(email, front.code(front.admits(email)))
    used, fresh = (one_time_password(key, time.time() + later) for later in (0, 30))
    answers = []
    for code in (used, fresh, fresh):
        again = Visitor(front.address)
        form = {"email": email, "password": PASSWORD, "return_to": "//evil.example.org"}
        page = again.ask("POST", "/sign-in", data=form)
        assert (page.status_code, again.cookie) == (200, ""), "no session before the second factor"
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        answers.append(again.ask("POST", action, data={**hidden, "code": code}))
    assert [bool(answer.headers.get("set-cookie")) for answer in answers] == [False, True, False]
    assert "evil.example.org" not in answers[1].headers["location"]


def test_what_oversees_others_or_is_of_every_state_is_not_approved_by_one_state(front: Front) -> None:
    # domain.md 4.1: the nation's user administrator makes those of the states
    wide = {"state": None, "district": None}
    asked = [{"role": "user_administrator", "district": None}, {"role": "auditor", **wide}]
    asked += [{"role": "secondary_user", **wide}, {"role": "privacy_officer", **wide}]
    for n, other in enumerate(asked):
        answer = front.applies(f"wide{n}@school.example.org", **other)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        form = front.sends_the_form(told["application"])
        front.post(
            "authority", "/v1/trainings", {"account": told["account"], "course": "x", "completed_on": "2025-09-01"}
        )
        front.verifies(told["application"], "recorder", form)
        refused(front.approves(told["application"], "authority"), 403)
        assert front.get("auditor", f"/v1/accounts/{told['account']}").json()["roles"] == []


# -- families


def test_a_family_is_granted_by_the_childs_own_district_alone(front: Front) -> None:
    for by in ("elsewhere", "secondary", "primary", "state office", "authority", "auditor", "parent"):
        told = refused(front.grants("OR:ANA", "familia@example.org", by=by), 403, "forbidden")
        assert len(told["detail"]) > 20
    refused(front.grants("CA:CAL", "familia@example.org"), 403)
    refused(front.grants("OR:ANA", "familia@example.org", identification="  "), 422)
    other = [{"state": "OR", "state_student_id": "BEA"}]
    refused(front.grants("OR:ANA", "familia@example.org", records=other), 404)


def test_at_eighteen_the_right_is_the_students(front: Front) -> None:
    told = refused(front.grants("OR:GROWN", "madre@example.org"), 422)
    assert "eighteen" in told["detail"]
    refused(front.grants("OR:GROWN", "tutor@example.org", relation="guardian"), 422)
    refused(front.grants("OR:SOON", "joven@example.org", relation="student"), 422)
    assert front.grants("OR:GROWN", "ehecatzin@example.org", relation="student").status_code == 201


def test_no_grant_to_a_parent_lasts_beyond_the_eighteenth_birthday(front: Front) -> None:
    late = f"{today(front) + timedelta(200)}"
    made = front.grants("OR:SOON", "padre@example.org", until=late).json()
    (family,) = front.get("auditor", f"/v1/accounts/{made['account']}").json()["families"]
    assert family["ends_by"] == "eighteenth-birthday"
    assert family["until"] == f"{today(front) + timedelta(19)}"


def test_a_parent_reads_the_child_of_the_grant_and_no_other_until_a_court_ends_it(front: Front) -> None:
    email = "mama@example.org"
    made = front.grants("OR:ANA", email).json()
    parent = Visitor(front.address)
    assert parent.opens(email, WRONG_CODE).status_code != 303
    parent.enters(email, made["code"])
    student = front.ids["OR:ANA"]
    assert parent.reads(student).status_code == 200
    for page in (f"/v1/students/{student}/disclosures", f"/students/{student}/disclosures", f"/students/{student}"):
        assert parent.get(page).status_code == 200
    (one, *_) = [entry for entry in front.accounting(student) if entry["actor"] == email]
    assert (one["role"], one["purpose"], one["basis"]) == ("parent", "parent-inspection", "34 CFR 99.10(a)")
    for other in ("OR:BEA", "CA:CAL"):
        answer = parent.get(f"/v1/students/{front.ids[other]}")
        assert "not granted" in refused(answer, 403, "forbidden")["detail"]
        assert [entry["outcome"] for entry in front.of_request(front.ids[other], answer)] == ["refused"]
    refused(parent.ask("POST", "/v1/students/search", json={"name": "Xiuhnel"}), 403)
    end = f"/v1/accounts/{made['account']}/family-grants/{made['grant']}/ending"
    order = {"why": "court-order", "reason": "Order of 3 March."}
    refused(front.post("elsewhere", end, order), 403)
    assert front.post("registrar", end, order).status_code == 200
    told = refused(settled(parent, f"/v1/students/{student}", 403), 403)
    assert told["remedy"]


def test_a_familys_code_is_for_her_account_alone_and_once(front: Front) -> None:
    first = front.grants("OR:ANA", "una@example.org").json()
    parent = Visitor(front.address)
    parent.enters("una@example.org", first["code"])
    second = front.grants("OR:BEA", "otra@example.org").json()
    for code in (second["code"], first["code"], WRONG_CODE, "", "x"):
        refused(parent.ask("POST", "/v1/me/family-grants", json={"code": code}), 422)
    mine = front.grants("OR:BEA", "una@example.org").json()
    assert parent.get(f"/v1/students/{front.ids['OR:BEA']}").status_code == 403
    assert parent.ask("POST", "/v1/me/family-grants", json={"code": mine["code"]}).status_code == 200
    assert parent.reads(front.ids["OR:BEA"]).status_code == 200


# -- what is left behind


def test_the_services_log_has_no_child_and_no_secret_of_people(front: Front) -> None:
    log = front.service.log.read_text()
    assert re.findall(r'"event": ?"request"', log)
    assert [word for word in [*NAMES, *front.ids.values(), "María", "Núñez", "sierra"] if word in log] == []
    assert re.findall(r"sojs_\w+|\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){4}\b", log) == []


def test_the_doctor_finds_everything_sound_and_rebuilt_read_models_are_the_same(front: Front) -> None:
    front.command.run("doctor")
    front.command.run("project", "run")
    before = {one["name"]: (one["digest"], one["position"]) for one in front.command.json("project", "status")}
    front.command.run("project", "rebuild", "--all")
    after = {one["name"]: (one["digest"], one["position"]) for one in front.command.json("project", "status")}
    assert after == before
