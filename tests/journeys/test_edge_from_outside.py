"""The edge of a running service: paths, headers, limits, problems, logs, and what is left when all is done.

Written from the pages alone. Its last tests look at what the others have left behind.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from urllib.parse import urlsplit

import httpx2
import pytest

from support.access_watch import NAMES, Front, kid, open_front
from support.house import House
from support.servers import reachable_tmp

ANA = "OR:ANA"


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with open_front(SOJOURN_OIDC_ISSUER="http://127.0.0.1:1", SOJOURN_OIDC_AUDIENCE="http://127.0.0.1:1/api") as opened:
        opened.sends("OR", date(2025, 9, 2), kid("ANA", "Yolotzin", "Zacatelco", "20130509"))
        yield opened


def raw(front: Front, path: str, by: str = "government", **headers: str) -> tuple[int, str]:
    """A request whose path no client has tidied."""
    with closing(http.client.HTTPConnection(urlsplit(front.address).netloc, timeout=30)) as connection:
        connection.putrequest("GET", path, skip_host="Host" in headers)
        connection.putheader("Authorization", f"Bearer {front.tokens[by]}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


TRICKS = [
    "/v1/students/%3{first}{rest}",
    "/v1/../v1/students/{id}",
    "/livez/../v1/students/{id}",
    "/static/console.css/%2e%2e/v1/students/{id}",
    "/v1/students/{id}/",
    "//v1/students/{id}",
    "/v1//students/{id}",
    "/v1/students/{id}%2Frecords",
    "/v1/students/{id};jsessionid=1",
    "/v1/students/{id}%00",
    "/v1/students/{id}%0d%0aX-Evil:%201",
    "/V1/students/{id}",
    "/v1/students/{id}.json",
    "/v1/students/{id}?access_token=x&role=auditor",
    "/students/{id}/../{id}",
    "http://127.0.0.1/v1/students/{id}",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_no_spelling_of_a_path_shows_a_child_to_who_may_see_none(front: Front, trick: str) -> None:
    student = front.ids[ANA]
    status, body = raw(front, trick.format(id=student, first=student[0], rest=student[1:]))
    assert status in (400, 403, 404, 422), body
    assert [name for name in NAMES if name in body] == []
    assert json.loads(body)["remedy"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Original-URL", "/livez"),
        ("X-Rewrite-URL", "/livez"),
        ("X-Forwarded-User", "auditor"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Remote-User", "auditor"),
        ("Sojourn-Role", "auditor"),
        ("Sojourn-Role", "1"),
        ("Host", "evil.example.org"),
        ("Cookie", "__Host-sojourn=sojs_" + "0" * 64),
    ],
)
def test_no_header_makes_more_of_somebody(front: Front, name: str, value: str) -> None:
    status, body = raw(front, f"/v1/students/{front.ids[ANA]}", **{name: value})
    assert status in (400, 403), body
    assert [known for known in NAMES if known in body] == []


def test_a_request_id_that_is_sent_is_not_taken_for_the_own_one(front: Front) -> None:
    said = "'; DROP TABLE events; --"
    answer = front.get("secondary", f"/v1/students/{front.ids[ANA]}", headers={"X-Request-Id": said})
    assert answer.headers["X-Request-Id"] != said


def unsigned(alg: str, signature: str) -> str:
    parts = (
        {"typ": "at+jwt", "alg": alg, "kid": "1"},
        {"iss": "http://127.0.0.1:1", "aud": "http://127.0.0.1:1/api", "sub": "root", "exp": 4102444800, "iat": 1},
    )
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), signature]
    )


@pytest.mark.parametrize(("alg", "signature"), [("none", ""), ("None", ""), ("none", "AAAA"), ("HS256", "AAAA")])
def test_an_unsigned_token_of_the_provider_is_refused_though_the_provider_is_away(
    front: Front, alg: str, signature: str
) -> None:
    sent = unsigned(alg, signature)
    answer = front.service.client.get("/v1/me", headers={"Authorization": f"Bearer {sent}"})
    assert answer.status_code == 401, answer.text
    assert answer.json()["type"] == "/problems/not-signed-in"
    assert sent not in answer.text


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def test_every_answer_has_the_headers_that_keep_a_browser_safe(front: Front) -> None:
    pages = ["/", "/sign-in", "/sign-in/first", "/rules", "/static/console.css", "/problems/forbidden", "/openapi.json"]
    pages += ["/nowhere", "/livez", f"/students/{front.ids[ANA]}", f"/students/{front.ids[ANA]}/disclosures", "/v1/me"]
    for page in pages:
        for answer in (front.service.client.get(page), front.get("secondary", page)):
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, page
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert "access-control-allow-origin" not in answer.headers
            assert "server" not in answer.headers
    shown = front.get("secondary", f"/students/{front.ids[ANA]}")
    assert shown.status_code == 200
    assert "private" in shown.headers["Cache-Control"]
    assert re.findall(r"<script|\bstyle=|\bon\w+=|https?://", shown.text) == []


def test_another_origin_is_told_nothing_of_what_it_may_do(front: Front) -> None:
    evil = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "GET"}
    for path in ("/v1/me", f"/v1/students/{front.ids[ANA]}"):
        answer = front.service.client.options(path, headers=evil)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


ERRORS = [
    ("GET", "/nowhere", {}, 404),
    ("GET", "/v1/nowhere", {}, 404),
    ("DELETE", "/v1/me", {}, 405),
    ("GET", "/v1/students/12", {}, 422),
    ("GET", "/v1/students/000000000000", {}, 422),
    ("GET", "/v1/applications/x", {}, 404),
    ("POST", "/v1/students/search", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    ("POST", "/v1/students/search", {"content": b"\xff", "headers": {"Content-Type": "application/json"}}, 400),
    ("POST", "/v1/students/search", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
    ("POST", "/v1/students/search", {"json": {}}, 422),
    ("POST", "/v1/students/search", {"json": {"name": "x", "curp": "y"}}, 422),
    ("POST", "/v1/students/search", {"json": {"name": "x" * 300}}, 422),
    ("POST", "/v1/students/search", {"json": {"name": "x", "limit": 100000}}, 422),
    ("GET", "/v1/disclosures/search", {}, 405),
    ("GET", "/v1/events", {"params": {"after": "-1"}}, 422),
    ("POST", "/v1/merges", {"json": {}, "headers": {"Idempotency-Key": "x" * 300}}, 422),
]


@pytest.mark.parametrize(("method", "path", "sent", "status"), ERRORS)
def test_every_error_is_a_problem_with_a_remedy(
    front: Front, method: str, path: str, sent: dict[str, object], status: int
) -> None:
    answer = front.ask("primary", method, path, **sent)
    assert answer.status_code == status or (status == 422 and answer.status_code == 400), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["title"]
    assert told["detail"]
    assert told["remedy"]
    meaning = front.service.client.get(told["type"])
    assert (meaning.status_code, meaning.headers["Content-Type"].partition(";")[0]) == (200, "text/html")


def test_a_body_that_is_too_large_is_a_problem(front: Front) -> None:
    huge = b'{"name": "' + b"x" * (11 << 20) + b'"}'
    answer = front.ask(
        "primary", "POST", "/v1/students/search", content=huge, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


# -- how often


def test_who_asks_too_often_is_told_how_long_to_wait_and_others_go_on() -> None:
    with reachable_tmp() as folder:
        house = House(folder / "d", SOJOURN_RATE_REQUESTS="1", SOJOURN_RATE_BURST="200", SOJOURN_RATE_TRIES="6")
        greedy, modest = house.token("auditor"), house.token("government_user")
        with house.serving() as service:

            def ask(token: str) -> httpx2.Response:
                return service.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})

            assert ask(modest).status_code == 200
            late = next(answer for answer in (ask(greedy) for _ in range(400)) if answer.status_code != 200)
            assert (late.status_code, late.json()["type"]) == (429, "/problems/too-many-requests")
            assert late.headers["Content-Type"] == "application/problem+json"
            assert 1 <= int(late.headers["Retry-After"]) <= 60
            assert ask(modest).status_code == 200, "each credential has an allowance of its own"

            def guess() -> httpx2.Response:
                return service.client.post("/sign-in", data={"email": "nobody@example.org", "password": "x" * 12})

            late = next(answer for answer in (guess() for _ in range(20)) if answer.status_code != 401)
            assert late.status_code == 429
            assert int(late.headers["Retry-After"]) >= 1
            assert ask(modest).status_code == 200, "who has held goes on"
            assert service.client.get("/livez").status_code == 200


# -- explained


EXPLAINED = [
    ("auditor", "student.read", True, "AU-02"),
    ("recruiter", "student.read", True, "RC-02"),
    ("recruiter", "student.history", False, "none"),
    ("operator", "student.read", False, "OP-08"),
    ("parent", "student.read", False, "PA-01"),
    ("government", "student.search", False, "none"),
    ("registrar", "family.grant", True, "SU-10"),
]


@pytest.mark.parametrize(("who", "action", "allowed", "rule"), EXPLAINED)
def test_a_decision_is_explained_with_its_rule_and_what_would_be_needed(
    front: Front, who: str, action: str, allowed: bool, rule: str
) -> None:
    told = front.command.json("access", "explain", who, action, front.ids[ANA])
    assert (told["allowed"], told["rule"]) == (allowed, rule)
    assert (told["user"], told["action"]) == (who, action)
    assert bool(told["why"] and told["needed"]) is not allowed
    if not allowed and action == "student.read":
        answer = front.get(who, f"/v1/students/{front.ids[ANA]}").json()
        assert answer["rule"] == rule
    said = front.command.run("access", "explain", who, action, front.ids[ANA]).stdout
    assert [name for name in NAMES if name in said] == []


@pytest.mark.parametrize(
    "words", [("nobody", "student.read", "OR"), ("auditor", "student.fly", "OR"), ("auditor", "student.read", "X")]
)
def test_what_cannot_be_explained_is_told_with_a_remedy(front: Front, words: tuple[str, str, str]) -> None:
    done = front.command.run("access", "explain", *words, code=None)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) >= 2


# -- what is left behind


def test_the_services_log_has_nothing_of_a_child_and_no_secret(front: Front) -> None:
    front.post("secondary", "/v1/students/search", {"name": "Yolotzin Zacatelco", "birth_date": "2013-05-09"})
    front.get("secondary", f"/students/{front.ids[ANA]}")
    front.get("secondary", "/v1/students/Yolotzin?name=Zacatelco")
    front.get("secondary", "/Yolotzin/Zacatelco")
    front.ask("secondary", "YOLOTZIN", "/v1/me")
    front.post("submitter", "/v1/records/OR/ANA/demographics", {"first_name": "Yolotzin", "birth_date": "Zacatelco"})
    log = front.service.log.read_text()
    assert len(re.findall(r'"event": ?"request"', log)) > 5, "the log is read"
    personal = [*NAMES, "YOLOTZIN", front.ids[ANA], "OR:ANA", "/ANA", "2013-05-09", "20130509", "5035550142", "Valor"]
    assert [word for word in personal if word in log] == []
    assert [name for name, token in front.tokens.items() if token in log] == []
    assert "Traceback" not in log
    metrics = front.service.client.get("/metrics").text
    assert [word for word in [*personal, *front.tokens.values()] if word in metrics] == []


def test_the_doctor_finds_everything_sound(front: Front) -> None:
    examined = front.command.run("doctor").stdout
    # unsigned checkpoints and the like may be warned of; nothing may be broken
    assert re.findall(r"^(?!ok|warn|  )\S.*$", examined, re.MULTILINE) == [], examined


def test_read_models_rebuilt_have_the_same_digests(front: Front) -> None:
    front.command.run("project", "run")
    before = {one["name"]: (one["digest"], one["position"]) for one in front.command.json("project", "status")}
    front.command.run("project", "rebuild", "--all")
    after = {one["name"]: (one["digest"], one["position"]) for one in front.command.json("project", "status")}
    assert len(before) >= 8
    assert after == before
