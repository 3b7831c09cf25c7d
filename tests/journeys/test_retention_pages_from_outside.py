"""A disposal on the pages, in Spanish: two privacy officers who see no child, from what is due to the certificate.

Written from the pages alone. What a page says is read by its text; forms are sent as they stand there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from support.due_children import Bench, in_days
from support.outsider import open_office
from support.parts import need
from support.practice_space import Forms, Text, said
from support.visitors import Visitor

ENGLISH = re.compile(r"\b(the|of|and|is|was|are|were|this|that|which|who|by|until|held|hold|due|schedule|destroyed)\b")


class Officer:
    """A privacy officer before the console. language: that his browser prefers."""

    def __init__(self, bench: Bench, name: str, language: str) -> None:
        email = f"{name}@privacy.example.org"
        words = ("--role", "privacy_officer", "--organisation", "Oficina", "--trained-on", in_days(-3))
        made = bench.office.command.json("account", "open", email, "--name", name, *words, "--reason", "Hired.")
        self.visitor = Visitor(str(bench.office.service.client.base_url))
        self.visitor.enters(email, made["code"])
        self.headers = {"Accept": "text/html", "Accept-Language": language}

    def asks(self, path: str) -> httpx2.Response:
        return self.visitor.get(path, headers=self.headers)

    def page(self, path: str) -> str:
        answer = self.asks(path)
        assert answer.status_code == 200, (path, answer.status_code, said(answer.text))
        return answer.text

    def sends(self, page: str, action: str, **typed: str) -> httpx2.Response:
        """A form of a page as it stands there, but for what is typed."""
        forms = [form for form in Forms(page).forms if form["action"] == action and form["method"] == "post"]
        assert forms, (action, [form["action"] for form in Forms(page).forms])
        return self.visitor.ask("POST", action, data=forms[0]["fields"] | typed, headers=self.headers)

    def leads(self, answer: httpx2.Response) -> str:
        """Where a form that was sent leads."""
        assert answer.status_code == 303, (answer.status_code, said(answer.text))
        return answer.headers["Location"].partition("?")[0]


class Walked:
    """Every page that was shown on the way, by what it is."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.kids = [bench.child(), bench.child(), bench.child()]
        self.maria, self.jose = (Officer(bench, name, "es") for name in ("maria", "jose"))
        self.english = Officer(bench, "john", "en")
        self.pages: dict[str, str] = {}
        self.answers: dict[str, Any] = {}
        self._walk()

    def _walk(self) -> None:
        pages, maria, jose = self.pages, self.maria, self.jose
        for name in ("schedules", "holds", "disposals"):
            pages[name] = maria.page(f"/retention/{name}")
        pages["due"] = maria.page("/retention?class=education&state=OR")
        ticked = {f"item-{record}": "yes" for _, _, record in self.kids[:2]}
        looked = maria.sends(pages["due"], "/retention/preview", **ticked)
        pages["preview"] = looked.text
        path = maria.leads(maria.sends(looked.text, "/retention/disposals"))
        pages["proposed"] = maria.page(path)
        self.answers["own"] = [form["action"] for form in Forms(pages["proposed"]).forms]
        hold = {"kind": "legal", "what": "student", "which": self.kids[0][1], "until": "", "reason": "Expediente 7."}
        held = jose.leads(jose.sends(jose.page("/retention/holds"), "/retention/holds", **hold))
        standing = re.findall(r'href="(/retention/holds/[0-9a-f-]{36})"', jose.page("/retention/holds"))
        held = held if re.fullmatch(r"/retention/holds/[0-9a-f-]{36}", held) else standing[0]
        pages["hold"] = jose.page(held)
        pages["to approve"] = jose.page(path)
        self.answers["under hold"] = jose.sends(pages["to approve"], f"{path}/approval", count="2")
        jose.leads(jose.sends(pages["hold"], f"{held}/release", reason="Se acabó."))
        pages["released"] = jose.page(held)
        pages["free"] = jose.page(path)
        self.answers["wrong number"] = jose.sends(pages["free"], f"{path}/approval", count="3")
        self.answers["approved"] = jose.sends(jose.page(path), f"{path}/approval", count="2")
        pages["done"] = jose.page(path)
        pages["certificate"] = jose.page(f"{path}/certificate")
        pages["print"] = jose.page(f"{path}/certificate/print?language=es")
        self.answers["print english"] = jose.page(f"{path}/certificate/print?language=en")
        self.path = path


@pytest.fixture(scope="module")
def walked() -> Iterator[Walked]:
    with open_office() as office:
        yield Walked(Bench(office))


def test_two_people_dispose_on_the_pages_and_it_is_gone(walked: Walked) -> None:
    assert walked.answers["wrong number"].status_code in (409, 422)
    walked.jose.leads(walked.answers["approved"])
    gone = [walked.bench.desk.get("auditor", f"/v1/students/{student}").status_code for _, student, _ in walked.kids]
    assert gone == [410, 410, 200]


def test_whoever_proposed_is_offered_no_approval_and_nobody_approves_while_it_is_held(walked: Walked) -> None:
    assert f"{walked.path}/approval" not in walked.answers["own"]
    assert f"{walked.path}/withdrawal" in walked.answers["own"]
    assert "retención legal" in said(walked.pages["to approve"]).lower()
    assert walked.answers["under hold"].status_code == 422
    assert "hecha" not in said(walked.pages["free"]).lower()


def test_every_page_is_spanish(walked: Walked) -> None:
    assert {"proposed", "to approve", "free", "done"} <= set(walked.pages)
    for name, page in walked.pages.items():
        assert 'lang="es"' in page[:500], name
        pieces = [text for language, text in Text(page).pieces if language.startswith("es")]
        assert pieces, name
        for text in pieces:
            assert not ENGLISH.search(text), (name, text)


def test_no_page_warns_but_of_what_is_in_the_way(walked: Walked) -> None:
    for name, page in walked.pages.items():
        assert "method" not in said(page), name
        assert 'role="alert"' not in page, name


def test_no_page_names_a_child_or_the_states_own_id_of_one(walked: Walked) -> None:
    for name, page in walked.pages.items():
        assert "Nenetl" not in page, name
        assert not [ssid for ssid, _, _ in walked.kids if ssid in page], name


def test_the_certificate_tells_what_went_who_said_so_and_what_it_does_not_prove(walked: Walked) -> None:
    for name in ("certificate", "print"):
        text = said(walked.pages[name])
        for _, student, record in walked.kids[:2]:
            assert student in text, name
            assert record in text, name
        for told in ("maria", "jose", "education/OR/1", "OAR 166-400-0060"):
            assert told in text, (name, told)
    assert "Copies" not in said(walked.pages["print"])
    assert said(walked.answers["print english"]) != said(walked.pages["print"])


def test_the_certificate_comes_as_a_pdf_with_the_same_words(walked: Walked) -> None:
    pdftotext = need("pdftotext")
    need("pango")
    answer = walked.jose.asks(f"{walked.path}/certificate.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    text = subprocess.run([pdftotext, "-", "-"], input=answer.content, capture_output=True, check=True).stdout.decode()
    for _, student, _ in walked.kids[:2]:
        assert student in "".join(text.split()), "a cell may be narrower than an id"
    assert "OAR 166-400-0060" in text


def test_a_schedule_that_is_too_short_is_refused_on_the_page_and_a_longer_one_is_set(walked: Walked) -> None:
    maria, path = walked.maria, "/retention/schedules"
    short = {"class": "eligibility", "state": "TX", "years-eligibility-end": "2", "authority": "Ninguna"}
    refused = maria.sends(maria.page(path), path, **short)
    assert refused.status_code == 422
    assert "2 CFR 200.334" in said(refused.text)
    assert not ENGLISH.search(said(refused.text)), said(refused.text)
    right = short | {"years-eligibility-end": "7"}
    maria.leads(maria.sends(maria.page(path), path, **right))
    assert "Ninguna" in said(maria.page(path))


def test_the_page_of_who_is_gone_leads_to_the_certificate_in_both_languages(walked: Walked) -> None:
    student = walked.kids[0][1]
    spanish, english = (who.asks(f"/students/{student}") for who in (walked.maria, walked.english))
    assert spanish.status_code == english.status_code
    if spanish.status_code == 410:
        assert said(spanish.text) != said(english.text)
        assert not ENGLISH.search(said(spanish.text)), said(spanish.text)


def test_who_may_not_gets_a_403_on_pages_too(walked: Walked) -> None:
    office = walked.bench.desk
    for path in ("/retention", "/retention/schedules", "/retention/holds", "/retention/disposals", walked.path):
        for by in ("secondary", "recruiter", "help desk"):
            answer = office.ask(by, "GET", path, headers={"Accept": "text/html"})
            assert answer.status_code in (303, 401, 403), (by, path, answer.status_code)
            assert walked.kids[2][1] not in answer.text
