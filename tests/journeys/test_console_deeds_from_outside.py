"""What people do in the console, step by step: written from the issue and the pages alone.

One demo for the whole file, asked as the seats of /practice. What is done to one child is not looked at by another
test, but for the case that is answered.
"""

from __future__ import annotations

import csv
import html
import io
import re
import time
from datetime import date, datetime

import pytest

from support.outsider import row
from support.practice_space import (
    DISTRICT,
    ENE,
    FORMULA,
    HTML,
    LEAP,
    LONG,
    NAMELESS,
    NEAR,
    RTL,
    TOLD,
    Forms,
    Practice,
    Sitter,
    file_of,
    kid,
    said,
    students_in,
)


@pytest.fixture(scope="module")
def other(practice: Practice) -> Sitter:
    """The second state data administrator of Oregon."""
    return practice.sits("second-state-administrator")


def cases_in(page: str) -> list[tuple[str, str]]:
    """Path and words of each case of a list, in order."""
    return [
        (path, said(words)) for path, words in re.findall(r'<a href="(/cases/[^"?]+)[^>]*>(.*?</li>)', page, re.DOTALL)
    ]


def proposed(oregon: Sitter, one: str, another: str) -> str:
    """The case of a merge that was proposed, as the page that follows leads to it."""
    page = f"/students/{one}/merge"
    answer = oregon.fills(f"{page}?other={another}", page, master=one)
    assert answer.status_code == 303, said(answer.text)
    (case,) = set(re.findall(r'href="(/cases/[^"]+)"', oregon.page(answer.headers["location"])))
    oregon.page(html.unescape(case))
    return case.partition("?")[0]


def merged(oregon: Sitter, other: Sitter, one: str, another: str) -> tuple[str, str]:
    """The case and the act of a merge that two people have made."""
    case = proposed(oregon, one, another)
    answer = other.fills(case, f"{case}/answer", answer="yes")
    assert answer.status_code == 303, said(answer.text)
    (act,) = set(re.findall(r'href="/acts/([\d-]+)', other.page(answer.headers["location"])))
    return case, act


# -- the worklist


def test_the_worklist_has_what_is_due_first_on_top_and_nothing_settled(oregon: Sitter) -> None:
    page = oregon.page("/worklist")
    due = [
        datetime.strptime(f"{month} {day} {year}", "%b %d %Y")
        for month, day, year in re.findall(r"Due (\w{3}) (\d+), (\d{4})", said(page))
    ]
    assert len(due) == len(cases_in(page)) >= 2
    assert due == sorted(due)
    settled = {path for path, _ in cases_in(oregon.page("/worklist/settled"))}
    assert not settled & {path for path, _ in cases_in(page)}


def test_a_case_says_what_agrees_what_differs_why_and_what_either_answer_does(oregon: Sitter) -> None:
    (path,) = (path for path, words in cases_in(oregon.page("/worklist")) if f"OR {NEAR}" in words)
    words = said(oregon.page(path))
    for needed in ("agree", "differ", "Ehecatzin", "Karina", "another mother or father", "Due", "It can be taken back"):
        assert needed in words, words
    assert words.index("Birth date") < words.index("Your answer")


def test_an_answer_sent_twice_is_one_and_a_late_one_is_told_that_it_is_settled(
    practice: Practice, oregon: Sitter, other: Sitter
) -> None:
    (path,) = (path for path, words in cases_in(oregon.page("/worklist")) if f"OR {NEAR}" in words)
    form = next(one for one in Forms(oregon.page(path)).forms if one["action"] == f"{path}/answer")
    sent = form["fields"] | {"answer": "no"}
    first, again = oregon.posts(form["action"], **sent), oregon.posts(form["action"], **sent)
    assert first.status_code == again.status_code == 303, said(again.text)
    assert oregon.get(again.headers["location"]).status_code == 200
    late = oregon.posts(form["action"], **(sent | {"key": "another-key-altogether", "answer": "yes"}))
    assert 400 <= late.status_code < 500
    assert len(said(late.text).split()) > 15
    assert path not in {one for one, _ in cases_in(oregon.page("/worklist"))}
    assert path in {one for one, _ in cases_in(oregon.page("/worklist/settled"))}
    assert f'action="{path}/answer"' not in other.page(path)


def test_an_answer_without_yes_or_no_is_refused_in_words(oregon: Sitter) -> None:
    path = cases_in(oregon.page("/worklist"))[0][0]
    form = next(one for one in Forms(oregon.page(path)).forms if one["action"] == f"{path}/answer")
    for wrong in (
        {},
        {"answer": "maybe"},
        {"answer": "yes", "because-yes": "", "words": ""},
        {"answer": "yes", "words": "x" * 5000},
    ):
        answer = oregon.posts(form["action"], **(form["fields"] | wrong))
        assert answer.status_code in (400, 422), (wrong, answer.status_code)
        assert "<h1>" in answer.text
    assert path in {one for one, _ in cases_in(oregon.page("/worklist"))}


# -- merge, and take back


def test_a_bad_merge_is_taken_back_in_three_actions_from_its_history_and_the_page_names_who_was_shown_it(
    practice: Practice, oregon: Sitter, other: Sitter, registrar: Sitter
) -> None:
    one, another = practice.ids[LEAP], practice.ids[ENE]
    _, act = merged(oregon, other, one, another)
    assert "Yoloxóchitl" in said(registrar.page(f"/students/{another}"))

    history = oregon.page(f"/students/{one}/history")
    assert f'href="/acts/{act}"' in history
    assert f'href="/acts/{act}/reversal"' in oregon.page(f"/acts/{act}")  # 1: the act, from the history
    preview = said(oregon.page(f"/acts/{act}/reversal"))  # 2: what taking it back comes to
    for needed in ("Yoloxóchitl", "Ñusta Citlali", "registrar@practice.example.org"):
        assert needed in preview, preview
    done = oregon.fills(f"/acts/{act}/reversal")  # 3: take it back
    assert done.status_code == 303, said(done.text)
    after = said(oregon.page(done.headers["location"]))
    assert "registrar@practice.example.org" in after, after
    for student, name in ((one, "Yoloxóchitl"), (another, "Ñusta")):
        assert name in said(oregon.page(f"/students/{student}"))[:400]

    again = oregon.posts(
        f"/acts/{act}/reversal", csrf=oregon.csrf(), key="once-more", because="It was done by mistake."
    )
    assert 400 <= again.status_code < 500
    assert len(said(again.text).split()) > 15
    page = f"/students/{one}/merge"
    bound = oregon.posts(page, csrf=oregon.csrf(), key="bound", other=another, master=one, because="They are one.")
    assert 400 <= bound.status_code < 500, "NOT-SAME binds"
    assert "not" in said(bound.text)


@pytest.mark.parametrize("larger", [True, False], ids=["the larger id is shown", "the smaller id is shown"])
def test_the_recall_list_names_a_reader_whichever_id_the_merge_keeps(
    practice: Practice, oregon: Sitter, other: Sitter, registrar: Sitter, larger: bool
) -> None:
    pair = (practice.ids[HTML], practice.ids[RTL]) if larger else (practice.ids[LONG], practice.ids[FORMULA])
    one, another = sorted(pair, reverse=larger)
    _, act = merged(oregon, other, one, another)
    registrar.page(f"/students/{one}")
    preview = said(oregon.page(f"/acts/{act}/reversal"))
    told = preview[preview.index("Who was shown the joined record") :]
    assert "registrar@practice.example.org" in told, told
    oregon.fills(f"/acts/{act}/reversal")


def test_whoever_proposed_a_merge_does_not_validate_it(practice: Practice, oregon: Sitter) -> None:
    listed = students_in(oregon.page("/lists/children"))
    case = proposed(oregon, listed[-1], listed[-2])
    assert f'action="{case}/answer"' not in oregon.page(case)
    answer = oregon.posts(f"{case}/answer", csrf=oregon.csrf(), key="own-proposal", answer="yes", words="I say so.")
    assert 400 <= answer.status_code < 500
    assert listed[-2] in oregon.page(f"/students/{listed[-2]}")
    assert "another person" in said(oregon.page(case)).casefold()


@pytest.mark.parametrize("what", ["merge", "not-same"])
def test_a_wrong_id_beside_a_student_is_told_beside_the_field(practice: Practice, oregon: Sitter, what: str) -> None:
    student = practice.ids[NAMELESS]
    for typed in (student, "123", "000000000001", "12345678901x", "<b>", " ", "9" * 400):
        answer = oregon.ask("GET", f"/students/{student}/{what}", params={"other": typed})
        assert answer.status_code in (200, 404, 422), (typed, answer.status_code)
        assert "<h1>" in answer.text
        assert 'name="master"' not in answer.text, typed


def test_a_split_of_one_record_or_of_none_is_refused_in_words(practice: Practice, oregon: Sitter) -> None:
    student = practice.ids[NAMELESS]
    assert "one record" in said(oregon.page(f"/students/{student}/split"))
    answer = oregon.posts(f"/students/{student}/split", csrf=oregon.csrf(), key="split", because="No.")
    assert 400 <= answer.status_code < 500
    assert "<h1>" in answer.text


# -- submissions


def test_refusals_are_grouped_by_rule_with_the_remedy_and_the_rows(practice: Practice) -> None:
    submitter = practice.sits("batch-submitter")
    wrong = [kid(f"77400{n:02}", "Ana", "Luz", "", born) for n, born in enumerate(("20130230", "2013", "20140231"))]
    wrong[2].rows = [*wrong[2].rows, row("C", title="Algebra I", begins="2024", ends="2025", section="09", term="0827")]
    answer = submitter.sends(file_of("OR", date(2025, 9, 16), *wrong))
    assert answer.status_code == 202
    path = f"/submissions/{answer.json()['submission']}"
    _awaits(submitter, path)
    page = submitter.page(path)
    groups = re.findall(r'<section class="rule">(.*?)</section>', page, re.DOTALL)
    headings = [said(group.partition("</h3>")[0]) for group in groups]
    assert len(headings) == len(set(headings)) >= 2
    dates = next(said(group) for group in groups if "Birth Date" in group)
    assert re.search(r"\b3, 9, 15\b", dates), dates
    links = re.findall(r'href="(/v1/submissions/[^"]+outcome=refused[^"]*)"', page)
    rows = list(csv.DictReader(io.StringIO(submitter.get(html.unescape(links[0])).content.decode("utf-8-sig"))))
    assert {one["row"] for one in rows} >= {"3", "9", "15"}
    assert all(one["outcome"] == "refused" and one["remedy"] for one in rows if one["rule"])


def _awaits(sitter: Sitter, path: str) -> None:
    ends = time.monotonic() + 30
    while ">Applied<" not in sitter.page(path):
        assert time.monotonic() < ends, said(sitter.page(path))
        time.sleep(0.1)


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"PK\x03\x04broken", b"\xff\xfe\x00", b"H|ZZ|x|1|1|1|1\n", b"%PDF-1.7"]
)
def test_a_file_that_is_none_is_refused_before_it_is_kept(practice: Practice, body: bytes) -> None:
    submitter = practice.sits("batch-submitter")
    answer = submitter.sends(body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["remedy"]


def test_a_state_does_not_send_for_another_or_read_anothers_files(practice: Practice) -> None:
    submitter = practice.sits("batch-submitter")
    answer = submitter.sends(file_of("CA", date(2025, 9, 20), kid("1", "Ana", "Luz", "", "20130509")))
    assert answer.status_code == 403
    assert submitter.get("/submissions/CA-20250915020000000").status_code in (403, 404)
    assert submitter.get("/submissions?state=CA").status_code in (403, 404)


def test_a_silent_state_stands_out(practice: Practice) -> None:
    page = practice.sits("auditor").page("/submissions?state=WA")
    badge = re.search(r'<span class="badge ([a-z]+)">([^<]*)</span>', page)
    assert badge is not None
    assert (badge[1], badge[2]) == ("wrong", "Silent")
    assert "No file has come yet" in said(page)


# -- access


def test_access_is_applied_for_verified_and_approved_by_three_people(practice: Practice) -> None:
    applicant, supervisor = practice.sits("batch-submitter"), practice.sits("counselor")
    authority = practice.sits("user-administrator")
    typed = {
        "name": "Rosa Núñez",
        "title": "Registrar",
        "address": "1 School Road",
        "phone": "503-555-0101",
        "organisation": "Hood River School",
        "district": DISTRICT,
        "supervisor": "Luis Ortega",
        "supervisor_email": "counselor@practice.example.org",
    }
    themselves = applicant.fills("/apply", **(typed | {"supervisor_email": "batch-submitter@practice.example.org"}))
    assert themselves.status_code == 422
    assert 'value="Rosa Núñez"' in html.unescape(themselves.text), "what was typed is lost"
    made = applicant.fills("/apply", **typed)
    assert made.status_code == 303, said(made.text)
    path = made.headers["location"].partition("?")[0]
    assert f'action="{path}/approval"' not in applicant.page(path)
    assert applicant.posts(f"{path}/approval", csrf=applicant.csrf(), key="mine").status_code == 403
    assert path in supervisor.page("/applications")
    done = supervisor.fills(path, f"{path}/verification", identity="driver's licence", need="Enrols children who move.")
    assert done.status_code == 303, said(done.text)
    assert path in authority.page("/applications")
    done = authority.fills(path, f"{path}/approval")
    assert done.status_code == 303, said(done.text)
    assert "Approved" in said(authority.page(path))
    assert "Secondary user" in said(applicant.page("/me"))
    twice = authority.posts(f"{path}/approval", csrf=authority.csrf(), key="twice")
    assert 400 <= twice.status_code < 500
    listed = said(authority.page("/accounts"))
    assert re.search(r"batch-submitter@practice\.example\.org .*?Secondary user, Hood River School", listed)


def test_a_refusal_is_explained_by_its_rule(practice: Practice, registrar: Sitter) -> None:
    assert "PA-01" in said(registrar.page("/explain?rule=PA-01"))
    asked = registrar.fills("/explain", action="case.read")
    assert asked.status_code == 200, said(asked.text)
    assert "State data administrator" in said(asked.text)
    assert registrar.get("/explain?rule=XX-99").status_code in (200, 404, 422)


# -- daily lists


def test_an_export_is_recorded_and_no_cell_of_it_is_a_formula(
    practice: Practice, registrar: Sitter, oregon: Sitter
) -> None:
    answer = registrar.get("/lists/new/export")
    assert answer.status_code == 200
    rows = {one["state_student_id"]: one for one in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))}
    assert [rows[FORMULA][name] for name in ("first_name", "last_name_1", "last_name_2")] == [
        "'=SUM(1+1)",
        "'+Tonatzin",
        "'@Huamantla",
    ]
    assert rows[LEAP]["birth_date"] == "2012-02-29"
    assert not [word for word in TOLD if word in str(answer.headers)]
    entries = {one["request"]: one["view"] for one in oregon.accounting(practice.ids[LEAP])}
    assert entries[answer.headers["x-request-id"]] == "list-export"
    read = registrar.get("/lists/new")
    assert "list" in {
        one["view"] for one in oregon.accounting(practice.ids[LEAP]) if one["request"] == read.headers["x-request-id"]
    }


def test_a_list_is_kept_once_however_often_it_is_sent_and_is_ones_own(practice: Practice, registrar: Sitter) -> None:
    form = next(one for one in Forms(registrar.page("/lists/ending?days=60")).forms if one["action"].endswith("/saved"))
    for _ in range(2):
        done = registrar.posts(form["action"], **(form["fields"] | {"name": "Mis <b>sesenta</b> días"}))
        assert done.status_code == 303, said(done.text)
    page = registrar.page("/lists")
    assert page.count("Mis &lt;b&gt;sesenta&lt;/b&gt; días") >= 1
    removals = re.findall(r'action="(/lists/saved/[^"]+/removal)"', page)
    assert len(removals) == 1
    stranger = practice.sits("counselor")
    assert "sesenta" not in stranger.page("/lists")
    assert stranger.posts(removals[0], csrf=stranger.csrf()).status_code in (303, 404)
    assert registrar.fills("/lists", removals[0]).status_code == 303
    assert "sesenta" not in registrar.page("/lists")


# -- and at the end


def test_no_word_of_a_child_is_in_the_log_or_the_metrics(practice: Practice, registrar: Sitter) -> None:
    """After all that was searched, sent, merged and refused above."""
    registrar.finds("Yoloxóchitl Zacatelco")
    metrics = practice.sits("operator").get("/metrics", headers={"Accept": "text/plain"}).text
    for where, text in (("log", practice.log()), ("metrics", metrics)):
        for word in (*TOLD, "2012-02-29", "5035550142", "Ehecatzin", "alert(1)"):
            assert word.casefold() not in text.casefold(), (where, word)
    assert '"status":500' not in practice.log()
