"""Who is let in, who reads what, and who is told of it: machines with tokens. Written from the pages alone.

People with accounts are in test_admitted_from_outside.py. The children of one night are shared: a test looks at what
its own requests left in the accounting, by their request ids.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import httpx2
import pytest

from support.access_watch import NAMES, NEVER_ISSUED, Front, kid, open_front
from support.house import check_digit

ANA, BEA, CAL = "OR:ANA", "OR:BEA", "CA:CAL"


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with open_front(SOJOURN_RATE_TRIES="0") as opened:
        opened.sends(
            "OR",
            date(2025, 9, 2),
            kid("ANA", "Yolotzin", "Zacatelco", "20130509"),
            kid("BEA", "Xiuhnel", "Huamantla", "20140314"),
        )
        opened.sends("CA", date(2025, 9, 2), kid("CAL", "Citlalmina", "Temoltzin", "20120101"))
        yield opened


def refused(answer: httpx2.Response, status: int, kind: str = "") -> Any:
    """A problem that says what, why and what to do (interface.md; RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["type"].startswith("/problems/")
    assert told["title"]
    assert told["detail"]
    assert told["remedy"]
    assert told["request_id"] == answer.headers["X-Request-Id"]
    if kind:
        assert told["type"] == f"/problems/{kind}", told
    return told


def described(front: Front) -> Iterator[tuple[str, str, Any]]:
    """Method, path and operation of the OpenAPI document, with ids put in."""
    document = front.service.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    into = {"state": "OR", "ssid": "ANA", "level": "state", "place": "4106740", "region": "R1", "district": "4106740"}
    into["grant"] = "1"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "put", "post", "delete", "patch"):
                student = front.ids[ANA] if "/students/" in path else "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
                filled = re.sub(r"\{(\w+)\}", lambda found, own=student: into.get(found[1], own), path)
                yield method.upper(), filled, operation


# -- sign-in


def test_nothing_but_health_is_answered_without_a_credential(front: Front) -> None:
    asked = 0
    for method, path, operation in described(front):
        if not path.startswith("/v1/"):
            assert path in ("/livez", "/readyz", "/metrics"), path
            continue
        assert operation["security"], path
        answer = front.service.client.request(method, path)
        refused(answer, 401, "not-signed-in")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        asked += 1
    assert asked > 60


def unsigned(**header: str) -> str:
    parts = ({"typ": "at+jwt", **header}, {"sub": "somebody", "iss": "http://127.0.0.1:1", "exp": 4102444800})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


GARBAGE = {
    "nothing": "",
    "no token": "Bearer",
    "another scheme": "Basic YTpi",
    "a word": "Bearer hello",
    "well formed": "Bearer soj_" + "A" * 43,
    "huge": "Bearer " + "a" * 7000,
    "latin letters": "Bearer Ñandú",
    "nul": "Bearer soj_%00",
    "unsigned": f"Bearer {unsigned(alg='none')}.",
    "unsigned, spelt otherwise": f"Bearer {unsigned(alg='nOnE')}.",
    "signed with nothing": f"Bearer {unsigned(alg='HS256')}.AAAA",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_for_a_token_is_refused_and_not_told_back(front: Front, kind: str) -> None:
    sent = GARBAGE[kind]
    answer = front.service.client.get("/v1/me", headers=[(b"Authorization", sent.encode("latin-1"))])
    told = refused(answer, 401, "not-signed-in")
    secret = sent.partition(" ")[2]
    assert not secret or len(secret) < 6 or secret not in json.dumps(told)


def test_a_token_with_a_letter_more_or_less_or_of_another_case_is_no_token(front: Front) -> None:
    token = front.tokens["auditor"]
    for other in (token + "x", token[:-1], token.swapcase(), token[1:], f"{token},{token}"):
        refused(front.service.client.get("/v1/me", headers={"Authorization": f"Bearer {other}"}), 401)


def test_two_headers_of_authorization_are_refused_whoever_they_are(front: Front) -> None:
    for pair in (("auditor", "secondary"), ("auditor", "auditor")):
        twice = [("Authorization", f"Bearer {front.tokens[name]}") for name in pair]
        refused(front.service.client.get("/v1/me", headers=twice), 400)


def test_a_token_in_the_address_or_in_a_cookie_opens_nothing(front: Front) -> None:
    token = front.tokens["auditor"]
    path = f"/v1/students/{front.ids[ANA]}"
    for name in ("access_token", "token", "Authorization"):
        answer = front.service.client.get(path, params={name: token})
        assert answer.status_code in (400, 401, 422), answer.text
        assert token not in answer.text
    for cookie in (f"__Host-sojourn={token}", f"sojourn={token}", f"Authorization=Bearer {token}"):
        refused(front.service.client.get(path, headers={"Cookie": cookie}), 401)
    assert token not in front.service.log.read_text()


def within_a_second(front: Front, token: str) -> httpx2.Response:
    """The first refusal, or what is answered a second and a bit later."""
    ends = time.monotonic() + 1.5
    while True:
        answer = front.service.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != 200 or time.monotonic() > ends:
            return answer
        time.sleep(0.1)


def test_a_revoked_token_is_refused_within_a_second(front: Front) -> None:
    token = front.token("soon revoked", "auditor")
    assert front.get("soon revoked", "/v1/me").json()["role"] == "auditor"
    front.command.run("token", "revoke", "soon revoked")
    refused(within_a_second(front, token), 401, "not-signed-in")


def test_a_rotated_token_holds_beside_the_new_one_and_then_no_more(front: Front) -> None:
    first = front.token("rotating", "auditor")
    second = front.command.json("token", "rotate", "rotating", "--grace", "60")["token"]
    for token in (first, second):
        answer = front.service.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["name"] == "rotating"
    third = front.command.json("token", "rotate", "rotating", "--grace", "0")["token"]
    refused(within_a_second(front, second), 401, "not-signed-in")
    front.command.run("token", "revoke", "rotating")
    for token in (first, second, third):
        refused(within_a_second(front, token), 401, "not-signed-in")


def test_a_token_is_not_made_to_have_ended_already_or_to_last_for_ever(front: Front) -> None:
    for expires in ("2020-01-01", "2099-01-01", "tomorrow"):
        words = ("token", "create", "--name", "timeless", "--role", "auditor", "--expires", expires)
        done = front.command.run(*words, code=None)
        assert (done.returncode in (1, 2), done.stdout) == (True, ""), expires
        assert len(done.stderr.splitlines()) == 2, done.stderr
    assert "timeless" not in front.command.run("token", "list").stdout


def test_the_list_of_tokens_has_no_secret(front: Front) -> None:
    listed = front.command.run("token", "list").stdout + front.command.run("token", "list", "--json").stdout
    assert "submitter too" in listed
    assert [name for name, token in front.tokens.items() if token in listed or token[4:20] in listed] == []


# -- who reads what

READ, RECORDS, HISTORY, SEEN = "", "/records", "/history", "/disclosures"
EVERY_CHILD = ("secondary", "primary", "registrar", "state office", "auditor")
NO_CHILD = ("government", "operator", "submitter", "authority", "help desk", "region map", "parent")


@pytest.mark.parametrize("by", EVERY_CHILD)
def test_who_reads_every_states_children_reads_them(front: Front, by: str) -> None:
    for child in (ANA, CAL):
        for part in (READ, RECORDS, HISTORY, SEEN):
            answer = front.get(by, f"/v1/students/{front.ids[child]}{part}")
            assert answer.status_code == 200, (by, part, answer.text)
    assert {"core", "contacts", "health", "provenance"} <= set(front.get(by, f"/v1/students/{front.ids[CAL]}").json())


@pytest.mark.parametrize("by", NO_CHILD)
def test_who_needs_no_child_is_shown_none(front: Front, by: str) -> None:
    for part in (READ, RECORDS, HISTORY, SEEN):
        refused(front.get(by, f"/v1/students/{front.ids[ANA]}{part}"), 403, "forbidden")
    refused(front.post(by, "/v1/students/search", {"name": "Yolotzin"}), 403, "forbidden")
    refused(front.get(by, f"/students/{front.ids[ANA]}"), 403, "forbidden")


def test_a_recruiter_and_a_reviewer_are_shown_their_own_states_children_in_part(front: Front) -> None:
    assert {"core", "contacts", "health", "provenance"} & set(
        front.get("recruiter", f"/v1/students/{front.ids[ANA]}").json()
    ) == {"core", "contacts"}
    for by in ("recruiter", "reviewer"):
        refused(front.get(by, f"/v1/students/{front.ids[CAL]}"), 403, "other-state")
        refused(front.get(by, f"/v1/students/{front.ids[CAL]}/records"), 403, "other-state")
        found = front.post(by, "/v1/students/search", {"name": "Citlalmina Temoltzin"}).json()
        assert found["students"] == []
        found = front.post(by, "/v1/students/search", {"name": "Yolotzin Zacatelco"}).json()
        assert [one["student_id"] for one in found["students"]] == [front.ids[ANA]]


def test_a_refusal_does_not_tell_whether_the_child_is_there(front: Front) -> None:
    for by in ("recruiter", "reviewer", "government", "parent", "operator"):
        there, nobody = (
            {**refused(front.get(by, f"/v1/students/{student}"), 403), "request_id": ""}
            for student in (front.ids[CAL], NEVER_ISSUED)
        )
        assert there == nobody
    refused(front.get("secondary", f"/v1/students/{NEVER_ISSUED}"), 404)


OTHER_PAIRS = [
    ("privacy", "GET", "/v1/students/{CAL}/disclosures", 200),
    ("privacy", "GET", "/v1/students/{CAL}", 403),
    ("privacy", "POST", "/v1/disclosures/search", 200),
    ("secondary", "POST", "/v1/disclosures/search", 403),
    ("secondary", "GET", "/v1/cases", 403),
    ("primary", "GET", "/v1/cases", 403),
    ("state office", "GET", "/v1/cases", 200),
    ("auditor", "GET", "/v1/cases", 200),
    ("submitter", "GET", "/v1/submissions", 200),
    ("recruiter", "GET", "/v1/submissions", 403),
    ("government", "GET", "/v1/events", 403),
    ("operator", "GET", "/v1/events", 200),
    ("help desk", "GET", "/v1/accounts/01920f8e-0b5e-7cc3-98c4-dc0c0c07398f", 403),
    ("authority", "GET", "/v1/accounts/01920f8e-0b5e-7cc3-98c4-dc0c0c07398f", 404),
    ("auditor", "GET", "/v1/reports/unusual-access", 200),
    ("secondary", "GET", "/v1/reports/unusual-access", 403),
    ("californian submitter", "DELETE", "/v1/records/OR/ANA", 403),
    ("californian office", "PUT", "/v1/jurisdictions/OR/profile", 403),
    ("region map", "PUT", "/v1/jurisdictions/OR/profile", 403),
    ("primary", "POST", "/v1/merges", 404),
    ("secondary", "POST", "/v1/merges", 403),
]


@pytest.mark.parametrize(("by", "method", "path", "status"), OTHER_PAIRS)
def test_each_role_does_what_the_table_says(front: Front, by: str, method: str, path: str, status: int) -> None:
    body: Any = {} if method in ("POST", "PUT") else None
    if path == "/v1/merges":
        eleven = "12345678901"
        other = eleven + check_digit(eleven)
        body = {"left": NEVER_ISSUED, "right": other, "master": NEVER_ISSUED, "reason": "The same mother."}
    answer = front.ask(by, method, path.format(CAL=front.ids[CAL]), **({} if body is None else {"json": body}))
    assert answer.status_code == status, answer.text


def test_an_auditor_writes_nothing(front: Front) -> None:
    before = front.service.head()
    for method, path, _ in described(front):
        if method == "GET" or path.endswith("/search"):
            continue
        answer = front.ask("auditor", method, path, json={})
        assert answer.status_code >= 400, (method, path, answer.text)
    assert front.service.head() == before


# -- the accounting of a child


def test_the_accounting_names_reader_role_organisation_sections_purpose_ground_and_time(front: Front) -> None:
    student = front.ids[ANA]
    answer = front.get("registrar", f"/v1/students/{student}", headers={"Purpose": "enrollment in grade 7"})
    (entry,) = front.of_request(student, answer)
    assert (entry["actor"], entry["role"], entry["outcome"]) == ("registrar", "secondary_user", "shown")
    assert (entry["purpose"], entry["basis"]) == ("enrollment in grade 7", "34 CFR 99.31(a)(1)")
    assert entry["sections"] == ["core", "contacts", "health", "provenance"]
    assert (entry["student_id"], entry["own_state"]) == (student, "OR")
    assert entry["organisation"]
    ago = datetime.now(UTC) - datetime.fromisoformat(entry["recorded_at"])
    assert abs(ago.total_seconds()) < 60
    answer = front.get("recruiter", f"/v1/students/{student}")
    (entry,) = front.of_request(student, answer)
    assert (entry["sections"], entry["purpose"]) == (["core", "contacts"], "education-record-review")


@pytest.mark.parametrize("by", ["government", "operator", "submitter", "authority", "help desk", "parent"])
def test_who_was_refused_stands_in_the_accounting(front: Front, by: str) -> None:
    student = front.ids[ANA]
    for part in (READ, RECORDS, HISTORY, SEEN):
        answer = front.get(by, f"/v1/students/{student}{part}")
        (entry,) = front.of_request(student, answer)
        assert (entry["actor"], entry["outcome"], entry["sections"], entry["basis"]) == (by, "refused", [], "")
        assert entry["rule"] == answer.json()["rule"]


def test_everything_that_shows_a_child_is_in_her_accounting(front: Front) -> None:
    student = front.ids[ANA]
    views = {}
    for path in ("", "/records", "/history", "/disclosures"):
        answer = front.get("secondary", f"/v1/students/{student}{path}")
        (entry,) = front.of_request(student, answer)
        views[path] = entry["view"]
    assert len(set(views.values())) == 4
    for page in (f"/students/{student}", f"/students/{student}/disclosures"):
        answer = front.get("secondary", page)
        assert len(front.of_request(student, answer)) == 1, page
    tag = front.get("secondary", f"/v1/students/{student}").headers["ETag"]
    answer = front.get("secondary", f"/v1/students/{student}", headers={"If-None-Match": tag})
    assert answer.status_code == 304
    assert [one["outcome"] for one in front.of_request(student, answer)] == ["not-modified"]


def test_a_search_is_in_the_accounting_of_each_whom_it_showed_and_of_nobody_else(front: Front) -> None:
    answer = front.post("secondary", "/v1/students/search", {"name": "Yolotzin", "birth_date": "2013-05-09"})
    assert [one["student_id"] for one in answer.json()["students"]] == [front.ids[ANA]]
    (entry,) = front.of_request(front.ids[ANA], answer)
    assert (entry["view"], entry["outcome"]) == ("search", "shown")
    assert front.of_request(front.ids[BEA], answer) == []
    assert "2013-05-09" not in str(entry)


def test_a_list_of_everybody_is_in_everybodys_accounting(front: Front) -> None:
    front.command.run("students", "--csv", "--as", "night clerk")
    for child in (ANA, BEA, CAL):
        seen = [one for one in front.accounting(front.ids[child]) if one["actor"] == "night clerk"]
        assert [(one["role"], one["outcome"], one["view"]) for one in seen] == [("operator", "shown", "students")]


def test_reading_the_accounting_is_in_the_next_one(front: Front) -> None:
    path = f"/v1/students/{front.ids[BEA]}/disclosures"
    first = front.get("privacy", path)
    assert first.headers["X-Request-Id"] not in first.text
    assert len(front.of_request(front.ids[BEA], first)) == 1


def test_many_readers_of_one_child_at_once_are_all_answered_and_all_recorded(front: Front) -> None:
    student = front.ids[BEA]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: front.get("secondary", f"/v1/students/{student}"), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    recorded = [one["request"] for one in front.accounting(student)]
    assert {answer.headers["X-Request-Id"] for answer in answers} <= set(recorded)
    assert len(recorded) == len(set(recorded)), "one entry for each answer"


def test_to_whom_a_record_was_passed_on_is_in_the_accounting(front: Front) -> None:
    body = {
        "recipient": "Records office",
        "organisation": "Woodburn School District",
        "basis": "34 CFR 99.31(a)(2)",
        "purpose": "Enrollment in the school that she moves to.",
        "sections": ["core"],
        "disclosed_on": "2025-09-03",
    }
    path = f"/v1/students/{front.ids[ANA]}/disclosures"
    assert front.post("primary", path, body).status_code == 201
    noted = [one for one in front.accounting(front.ids[ANA]) if one["outcome"] == "passed-on"]
    assert [(one["recipient"], one["recipient_organisation"], one["disclosed_on"]) for one in noted] == [
        ("Records office", "Woodburn School District", "2025-09-03")
    ]
    refused(front.post("californian office", path, body), 403, "other-state")
    refused(front.post("primary", path, {**body, "disclosed_on": "2199-01-01"}), 422)


def test_a_user_is_found_with_all_that_was_shown_to_her_and_by_her_own_state_alone(front: Front) -> None:
    front.get("elsewhere", f"/v1/students/{front.ids[CAL]}")
    found = front.post("privacy", "/v1/disclosures/search", {"actor": "elsewhere"}).json()["disclosures"]
    assert {one["student_id"] for one in found} == {front.ids[CAL]}
    assert front.post("authority", "/v1/disclosures/search", {"actor": "elsewhere"}).json()["disclosures"] != []
    strange = front.post("californian authority", "/v1/disclosures/search", {"actor": "elsewhere"}).json()
    assert strange["disclosures"] == []


def test_whoever_reads_a_child_of_whom_her_state_keeps_nothing_is_surfaced(front: Front) -> None:
    front.get("elsewhere", f"/v1/students/{front.ids[CAL]}")
    readers = front.get("auditor", "/v1/reports/unusual-access").json()["readers"]
    (one,) = [reader for reader in readers if reader["actor"] == "elsewhere"]
    assert (one["elsewhere"], one["why"], one["own_state"]) == (1, ["elsewhere"], "OR")
    said = front.command.run("access", "unusual").stdout
    assert "elsewhere" in said
    assert front.ids[CAL] not in said


def test_the_accounting_in_spanish_is_spanish_and_has_nothing_of_the_child_but_the_id(front: Front) -> None:
    student = front.ids[ANA]
    front.get("government", f"/v1/students/{student}")
    page = front.get("secondary", f"/students/{student}/disclosures", headers={"Accept-Language": "es-MX, en;q=0.5"})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert re.search(r'<html lang="es', page.text)
    said = re.sub(r"<[^>]+>", " ", page.text)
    assert student in said
    assert "Denegado" in said
    assert [name for name in NAMES if name in said] == []
    assert re.findall(r"\b(shown|refused|role|purpose|search|user|organisation)\b", said, re.IGNORECASE) == []
    english = front.get("secondary", f"/students/{student}/disclosures", headers={"Accept-Language": "en"}).text
    assert re.search(r'<html lang="en', english)


# -- another's key


def test_a_stolen_idempotency_key_brings_nothing_of_another_users_answer(front: Front) -> None:
    body = {"enrollment_date": "2025-09-02", "enrollment_type": "01", "school_or_project_name": "Norte"}
    body["enrollments_record_id"] = "002"
    path, key = "/v1/records/OR/ANA/enrollments", {"Idempotency-Key": "night-2025-09-02"}
    first = front.post("submitter", path, body, headers=key)
    assert first.status_code == 201, first.text
    again = front.post("submitter", path, body, headers=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    own = front.post("submitter too", path, body, headers=key)
    assert "Idempotency-Replayed" not in own.headers
    assert [one["outcome"] for one in own.json()["outcomes"]] == ["unchanged"]
    refused(front.post("californian submitter", path, body, headers=key), 403, "other-state")
    refused(front.post("secondary", path, body, headers=key), 403, "forbidden")
    other = {**body, "school_or_project_name": "Sur"}
    refused(front.post("submitter", path, other, headers=key), 422)
