"""The page that accounts for a child's disclosures: whole, in two languages, with nothing of the child but the id."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from api.accounting import word
from api.console.disclosures import ENTRIES_AT_ONCE
from api.language import language_of
from ledger.access import ROLES
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.ids import student_id
from ledger.store.append import Append, Part
from support.bodies import VALUES, student
from support.linking import merge
from support.logs import append

GROUND: dict[str, Any] = {
    "student_id": student_id(1),
    "view": "student",
    "role": "secondary_user",
    "organisation": "Valor <Middle> & Co",
    "purpose": "enrolling",
    "basis": "34 CFR 99.31(a)(1)",
}


@pytest.fixture
def child(oregon: TestClient) -> dict[str, Any]:
    made = oregon.put("/v1/records/OR/OR7", json=student()).json()
    assert oregon.get(f"/v1/students/{student_id(9)}?at_least={made['position']}").status_code == 404
    return made


def page(client: TestClient, child: dict[str, Any], language: str = "", **headers: str) -> Any:
    answer = client.get(
        f"/students/{child['student_id']}/disclosures", headers={"Accept-Language": language, **headers}
    )
    assert answer.status_code == 200, answer.text
    return answer


def shown_often(ledger: Ledger, record: str, count: int) -> None:
    """A record, to so many readers."""
    waiting = []
    for number in range(count):
        event = Disclosed(**GROUND, sections=["core"], position=number)
        part = Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[event])
        meta = Meta(actor=f"reader {number:04d}", request=f"r{number}")
        waiting.append(ledger.access.sequencer.submit(ledger.access.seal(Append(parts=[part], meta=meta))))
    for receipt in waiting:
        receipt.result()


def lines(text: str) -> list[list[str]]:
    """The cells of each line of the table."""
    body = re.search(r"<tbody>(.*)</tbody>", text, re.DOTALL)
    assert body is not None
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body[1].split("</tr>") if row.strip()]


def test_it_says_who_when_what_for_what_and_on_which_ground(
    oregon: TestClient, child: dict[str, Any], make_token: Callable[..., str]
) -> None:
    address = f"/v1/students/{child['student_id']}"
    asking = {"Authorization": f"Bearer {make_token('recruiter', 'CA', name='rita')}", "Purpose": "a call"}
    assert oregon.get(address, headers=asking).status_code == 403
    assert oregon.get(address, headers={"Purpose": "a visit"}).status_code == 200
    answer = page(oregon, child)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private, no-store", "Cookie, Accept-Language")
    shown, refused = lines(answer.text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", shown[0])
    assert shown[1:] == [
        "oregon nightly",
        "State data administrator",
        "OR",
        "Shown",
        "Consolidated record; identity and schooling, contacts, health, sources; 1 record",
        "a visit",
        "34 CFR 99.31(a)(1)",
    ]
    assert refused[1:] == [
        "rita",
        "Recruiter",
        "CA",
        "Refused (rule RC-02)",
        "Consolidated record; 1 record",
        "a call",
        "",
    ]


def test_reading_it_is_itself_disclosed_and_stands_in_the_next_one(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    first = page(oregon, child)
    assert "The records were shown to nobody yet." in first.text
    [recorded] = ledger.access.read_stream(f"disclosure/{child['record_id']}")
    assert isinstance(recorded.event, Disclosed)
    assert (recorded.event.view, recorded.event.purpose) == ("disclosures-page", "education-record-review")
    [line] = lines(page(oregon, child).text)
    assert line[5] == "Accounting of disclosures; disclosures; 1 record"


def test_it_holds_nothing_of_the_child_but_the_id(oregon: TestClient, child: dict[str, Any]) -> None:
    oregon.get(f"/v1/students/{child['student_id']}")
    for language in ("en", "es"):
        text = page(oregon, child, language).text
        assert child["student_id"] in text
        assert not [value for value in (*VALUES, "OR7", child["record_id"]) if value in text]
        assert child["student_id"] not in re.findall(r"<title>(.*?)</title>", text)[0]
        assert "<script" not in text
        assert ' style="' not in text
        assert not re.search(r'(src|href)="(https?:)?//', text)
        assert (text.count("<h1>"), text.count("<caption>"), text.count('<main id="main"')) == (1, 1, 1)


def test_it_says_that_all_is_recorded_though_the_law_asks_for_less(oregon: TestClient, child: dict[str, Any]) -> None:
    text = page(oregon, child).text
    for said in ("34 CFR 99.32", "34 CFR 300.614", "5 U.S.C. 552a(c)", "34 CFR 99.32(d)"):
        assert said in text


def test_it_is_told_in_spanish_to_whoever_prefers_that(oregon: TestClient, child: dict[str, Any]) -> None:
    oregon.get(f"/v1/students/{child['student_id']}")
    text = page(oregon, child, "es-MX,es;q=0.9,en;q=0.5").text
    assert '<html lang="es">' in text
    assert f"A quiénes se mostraron los expedientes del estudiante {child['student_id']}" in text
    assert "Volver al expediente" in text
    [line] = lines(text)
    assert line[2] == "Administración de datos del estado"
    assert line[4] == "Mostrado"
    assert line[5].startswith("Expediente consolidado; identidad y escolaridad, contactos")
    assert line[6] == "Revisión del expediente educativo"


@pytest.mark.parametrize(
    ("given", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("ES-mx", "es"),
        ("en, es", "en"),
        ("es, en", "en"),
        ("es;q=0.9, en;q=0.8", "es"),
        ("fr, es;q=0.1", "es"),
        ("fr", "en"),
        ("es;q=0", "en"),
        ("*", "en"),
        ("es;q=high", "en"),
        ("es;q=nan", "en"),
        ("es;q=9", "en"),
        (",;;q=,es;q=0.5;x=1", "es"),
    ],
)
def test_the_language_is_the_one_that_is_preferred(given: str, language: str) -> None:
    request = Request({"type": "http", "headers": [(b"accept-language", given.encode())]})
    assert language_of(request) == language


def test_one_answer_is_one_line_however_many_records_the_child_has(
    oregon: TestClient, child: dict[str, Any], make_token: Callable[..., str], ledger: Ledger
) -> None:
    california = {"Authorization": f"Bearer {make_token(state='CA')}"}
    other = oregon.put("/v1/records/CA/CA7", json=student(), headers=california).json()
    merge(ledger, child["student_id"], other["student_id"])
    oregon.get(f"/v1/students/{child['student_id']}?at_least={ledger.log.head()}")
    noted = {
        "recipient": "Records <office>",
        "organisation": "Woodburn",
        "basis": "34 CFR 99.31(a)(2)",
        "purpose": "a move",
        "sections": ["core"],
        "disclosed_on": "2025-09-01",
    }
    assert oregon.post(f"/v1/students/{other['student_id']}/disclosures", json=noted).status_code == 201
    passed_on, shown = lines(page(oregon, child).text)
    assert passed_on[4] == "Passed on to Records &lt;office&gt;, Woodburn, on 2025-09-01"
    assert passed_on[5] == "Redisclosure; identity and schooling; 2 records"
    assert shown[5].endswith("; 2 records")


def test_thousands_of_entries_are_told_whole_each_once(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    count = 2 * ENTRIES_AT_ONCE + 3
    record = child["record_id"]
    shown_often(ledger, record, count)
    append(ledger.access, f"disclosure/{record}", DisclosureRefused(**GROUND, rule="none"), actor="last", request="r")
    told = [line[1] for line in lines(page(oregon, child).text)]
    assert told == ["last", *(f"reader {number:04d}" for number in reversed(range(count)))]


def test_an_answer_whose_entries_lie_in_two_pieces_is_one_line(
    oregon: TestClient, child: dict[str, Any], make_token: Callable[..., str], ledger: Ledger
) -> None:
    california = {"Authorization": f"Bearer {make_token(state='CA')}"}
    other = oregon.put("/v1/records/CA/CA7", json=student(), headers=california).json()
    merge(ledger, child["student_id"], other["student_id"])
    oregon.get(f"/v1/students/{child['student_id']}?at_least={ledger.log.head()}")
    shown_often(ledger, child["record_id"], ENTRIES_AT_ONCE - 1)
    told = lines(page(oregon, child).text)
    assert len(told) == ENTRIES_AT_ONCE
    assert told[-1][5].endswith("; 2 records")


def test_who_may_not_read_it_is_refused_and_that_is_recorded(
    oregon: TestClient, child: dict[str, Any], make_token: Callable[..., str], ledger: Ledger
) -> None:
    address = f"/students/{child['student_id']}/disclosures"
    assert oregon.get(address, headers={"Authorization": "Bearer soj_x"}).status_code == 401
    recruiter = {"Authorization": f"Bearer {make_token('recruiter', 'OR')}"}
    assert oregon.get(address, headers=recruiter).status_code == 403
    [recorded] = ledger.access.read_stream(f"disclosure/{child['record_id']}")
    assert isinstance(recorded.event, DisclosureRefused)
    assert recorded.event.view == "disclosures-page"
    assert oregon.get("/students/123/disclosures").status_code == 422
    assert oregon.get(f"/students/{student_id(99_999)}/disclosures").status_code == 404


def test_every_role_and_outcome_has_words_in_both_languages() -> None:
    for language in ("en", "es"):
        for key in (*(f"role.{role}" for role in ROLES), *(f"outcome.{one}" for one in OUTCOMES)):
            assert word(key, language)


OUTCOMES = ("shown", "not-modified", "refused", "passed-on")
