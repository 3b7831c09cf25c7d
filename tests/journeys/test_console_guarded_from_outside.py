"""What the console keeps from those who may not, and from the hostile: written from the issue and the pages alone.

One demo for the whole file, asked as the seats of /practice. Nothing here changes what another test looks at.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from support.house import check_digit
from support.practice_space import NAMELESS, NEAR, TOLD, Practice, Sitter, Text, said

NEVER_ISSUED: Final = "98765432101" + check_digit("98765432101")
UNKNOWN_CASE: Final = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"


# -- who may not


FORBIDDEN: Final = {
    "parent": ["/find", "/worklist", "/lists", "/submissions", "/operations", "/accounts", "/disclosures"],
    "operator": ["/find", "/worklist", "/lists", "/my-children/" + NEVER_ISSUED],
    "batch-submitter": ["/find", "/worklist", "/lists/children", "/accounts"],
    "recruiter": ["/worklist", "/submissions", "/accounts", "/unusual"],
    "registrar": ["/worklist", "/operations", "/accounts", "/submissions"],
    "government-user": ["/find", "/lists", "/accounts"],
    "help-desk": ["/find", "/lists"],
}


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("seat", FORBIDDEN)
def test_a_page_that_a_role_may_not_see_says_why_and_what_to_do(practice: Practice, seat: str, language: str) -> None:
    sitter = practice.sits(seat, language)
    for path in FORBIDDEN[seat]:
        answer = sitter.get(path)
        assert answer.status_code in (403, 404), path
        words = said(answer.text)
        assert len(words.split()) > 30, words
        assert answer.headers["x-request-id"] in words
        assert f'<html lang="{language}"' in answer.text
        left = [text for marked, text in Text(answer.text).pieces if language == "es" and marked == "en"]
        assert not [text for text in left if " " in text], left


def test_an_address_that_is_no_page_is_told_in_the_words_of_whoever_reads_it(registrar: Sitter) -> None:
    for path in (
        "/nowhere",
        "/students",
        "/students/198039115466/nothing",
        "/lists/everybody",
        "/help/king",
        "/practice/king",
    ):
        answer = registrar.get(path)
        assert answer.status_code in (404, 405), path
        words = said(answer.text)
        assert "openapi" not in words, words
        assert 'href="/"' in answer.text


def test_who_is_not_signed_in_is_led_to_where_he_can(practice: Practice) -> None:
    nobody = practice.sits("")
    for path in ("/worklist", "/lists", "/submissions", "/accounts", "/operations"):
        answer = nobody.get(path)
        assert answer.status_code in (303, 401, 403), path
        assert "/sign-in" in answer.headers.get("location", "") + answer.text, path


# -- the parent


def test_a_parent_sees_her_own_child_and_no_other_and_the_try_is_on_record(practice: Practice, oregon: Sitter) -> None:
    parent = practice.sits("parent", "es")
    (own,) = set(re.findall(r"/my-children/(\d{12})", parent.page("/my-children")))
    stranger = practice.ids[NAMELESS]
    told: set[str] = set()
    for student in (stranger, practice.ids[NEAR]):
        for path in (
            f"/my-children/{student}",
            f"/my-children/{student}/seen",
            f"/students/{student}",
            f"/students/{student}/record.pdf",
        ):
            answer = parent.get(path)
            assert answer.status_code in (403, 404), path
            told.add(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|PA-0\d", "", said(answer.text)))
    assert len(told) == 1, told
    assert "parent@practice.example.org" in {
        one["actor"] for one in oregon.accounting(stranger) if one["outcome"] == "refused"
    }
    page = parent.page(f"/my-children/{own}")
    assert '<html lang="es"' in page
    seen = said(parent.page(f"/my-children/{own}/seen"))
    assert "parent@practice.example.org" in seen
    oregon.page(f"/students/{own}")
    assert "state-administrator@practice.example.org" in said(parent.page(f"/my-children/{own}/seen"))


@pytest.mark.parametrize("code", ["", " ", "ABCD-EFGH", "x" * 4000, "<script>", "Ñandú", "\x00"])
def test_a_code_that_opens_nothing_is_told_beside_its_field(practice: Practice, code: str) -> None:
    parent = practice.sits("parent", "es")
    answer = parent.fills("/my-children", "/my-children/codes", code=code)
    assert answer.status_code in (400, 422), answer.status_code
    assert '<html lang="es"' in answer.text
    assert len(set(re.findall(r"/my-children/(\d{12})", parent.page("/my-children")))) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/lists/ending?days=0",
        "/lists/ending?days=367",
        "/lists/ending?days=soon",
        "/lists/new?since=2026-02-30",
        "/lists/new?since=yesterday",
        "/lists/children?district=12",
        "/lists/children?grade=13",
        "/lists/children?school=%00",
        "/lists/children?cursor=junk",
        "/worklist?cursor=junk",
        "/worklist?kind=nothing",
        "/submissions?cursor=junk",
        "/submissions?state=ZZ",
        "/offices/ZZ",
        f"/cases/{UNKNOWN_CASE}",
        "/cases/junk",
        "/acts/123456789012-1",
        "/acts/junk/reversal",
        "/proposals/junk",
        "/submissions/OR-junk",
        "/students/000000000001/history?from=-1",
    ],
)
def test_an_address_that_was_changed_by_hand_is_answered_by_a_page(oregon: Sitter, path: str) -> None:
    answer = oregon.get(path)
    assert answer.status_code in (200, 400, 403, 404, 422), answer.status_code
    assert "<h1>" in answer.text or "<h1" in answer.text
    assert len(said(answer.text).split()) > 15


# -- forms, and who sends them


def test_a_form_without_the_sessions_token_or_from_elsewhere_changes_nothing(
    practice: Practice, oregon: Sitter
) -> None:
    stranger = practice.sits("counselor")
    path = "/lists/ending/saved"
    sent = {"name": "forged"}
    elsewhere = {"Origin": "https://evil.example.org"}
    tries = [
        oregon.posts(path, **sent),
        oregon.posts(path, **sent, csrf=""),
        oregon.posts(path, **sent, csrf=stranger.csrf()),
        oregon.ask("POST", path, data={**sent, "csrf": oregon.csrf()}, headers=elsewhere),
        oregon.ask("POST", path, data={**sent, "csrf": oregon.csrf()}, headers={"Origin": "null"}),
        oregon.ask("POST", "/sign-out", data={"csrf": oregon.csrf()}, headers=elsewhere),
        oregon.ask("POST", "/practice/auditor", data={}, headers=elsewhere),
    ]
    assert [answer.status_code for answer in tries] == [403] * len(tries)
    assert all("<h1>" in answer.text for answer in tries)
    assert "forged" not in oregon.page("/lists")
    assert "state-administrator@" in said(oregon.page("/"))


def test_what_a_form_changes_is_not_changed_by_opening_its_address(practice: Practice, oregon: Sitter) -> None:
    for path in (
        "/lists/ending/saved",
        "/sign-out",
        "/practice/auditor",
        f"/cases/{UNKNOWN_CASE}/answer",
        "/me/password",
    ):
        assert oregon.get(path).status_code in (404, 405), path
    assert "state-administrator@" in said(oregon.page("/"))


@pytest.mark.parametrize(
    "to", ["//evil.example.org/", "https://evil.example.org", "/\\evil.example.org", "/%0d%0aX:y", "javascript:1"]
)
def test_a_language_is_chosen_without_leaving_the_house(practice: Practice, to: str) -> None:
    answer = practice.sits("registrar").ask("GET", "/language/es", params={"return_to": to})
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))
    assert "\n" not in where


def test_whoever_signs_out_is_out_and_no_page_of_a_child_is_kept_by_the_browser(practice: Practice) -> None:
    sitter = practice.sits("registrar")
    student = practice.ids[NAMELESS]
    for path in (f"/students/{student}", "/lists/new", f"/students/{student}/history", f"/students/{student}/print"):
        kept = sitter.get(path).headers["cache-control"]
        assert "private" in kept
        assert "no-store" in kept or "no-cache" in kept
    before = dict(sitter.cookies)
    assert sitter.posts("/sign-out", csrf=sitter.csrf()).status_code == 303
    sitter.cookies = before
    assert "registrar@" not in said(sitter.get("/").text)
    assert sitter.get("/lists").status_code in (303, 401, 403)


def test_a_session_is_for_this_host_alone_and_no_script_reads_it(practice: Practice) -> None:
    taken = practice.sits("").posts("/practice/registrar")
    cookie = next(one for one in taken.headers.get_list("set-cookie") if "sojourn" in one).casefold()
    assert "httponly" in cookie
    assert "samesite=" in cookie
    assert "domain=" not in cookie


# -- the operator


def test_the_operators_page_tells_the_heads_and_lags_that_readyz_tells(practice: Practice) -> None:
    operator = practice.sits("operator")
    page = operator.page("/operations")
    ready = operator.get("/readyz", headers={"Accept": "application/json"}).json()
    for name in ready["projections"]:
        assert re.search(rf'<th scope="row"[^>]*>{name}<.*?Events behind" class="number">[\d,]+<', page, re.DOTALL), (
            name
        )
    for word in ("Ledger", "Access log", "Sequencer", "Head"):
        assert word in said(page)
    assert not [word for word in TOLD if word in page]
