"""A record on a screen, on paper, and its history: each a disclosure, whole, in the reader's language."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed
from support.bodies import CHILD, ENROLLMENT, student
from support.linking import merge

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def child(oregon: TestClient) -> dict[str, Any]:
    """With an enrollment, a course, a test and a vaccine, and a comment that is markup elsewhere."""
    body = student(
        enrollments=[{**ENROLLMENT, "enrollment_comment": HOSTILE, "med_alert_indicator": "Chronic"}],
        courses=[{"course_title": "Álgebra I", "subject_area_name": "Mathematics", "credits_granted": "0.50"}],
        assessments=[{"assessment_title": "State Science", "assessment_administration_date": "2025-04"}],
        immunizations=[{"cvx_code": "21", "administration_date": "2014-05-09"}],
    )
    made = oregon.put("/v1/records/OR/OR7", json=body).json()
    assert not [one for one in made["outcomes"] if one["outcome"] == "refused"], made
    return made


def read(client: TestClient, child: dict[str, Any], rest: str = "", language: str = "en", **headers: str) -> Any:
    address = f"/students/{child['student_id']}{rest}"
    joined = "&" if "?" in address else "?"
    address += f"{joined}at_least={child['position']}"
    return client.get(address, headers={"Accept-Language": language, **headers})


def disclosed(ledger: Ledger, child: dict[str, Any]) -> list[str]:
    entries = ledger.access.read_stream(f"disclosure/{child['record_id']}")
    return [one.event.view for one in entries if isinstance(one.event, Disclosed)]


def test_everything_is_there_in_words_with_who_says_it(oregon: TestClient, child: dict[str, Any]) -> None:
    page = read(oregon, child).text
    for said in ("Medical alert", "Chronic", "Grade 7", "Basic school", "Álgebra I", "0.50", "Apr 2025", "Varicella"):
        assert said in page, said
    assert re.search(r'<span class="one">OR, [A-Z][a-z]{2} \d{1,2}, \d{4}</span>', page)
    assert "until Apr 17, 2028" in page


def test_it_is_in_spanish_with_codes_in_words(oregon: TestClient, child: dict[str, Any]) -> None:
    page = read(oregon, child, language="es").text
    for said in ("Alerta médica", "Crónica", "7.º grado", "Escuela regular", "abr 2025", "Varicela", "Femenino"):
        assert said in page, said
    assert "hasta el 17 abr 2028" in page


def test_what_a_state_wrote_is_text(oregon: TestClient, child: dict[str, Any]) -> None:
    for rest in ("", "/print", "/history"):
        page = read(oregon, child, rest).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_it_is_current_for_the_same_reader_and_language_alone(
    oregon: TestClient, child: dict[str, Any], make_token, ledger: Ledger
) -> None:
    tag = read(oregon, child).headers["ETag"]
    again = read(oregon, child, **{"If-None-Match": tag})
    assert (again.status_code, again.text) == (304, "")
    assert disclosed(ledger, child) == ["student-page", "student-page"], "being told so is a disclosure too"
    assert read(oregon, child, language="es", **{"If-None-Match": tag}).status_code == 200
    other = {"Authorization": f"Bearer {make_token('secondary_user', 'OR')}"}
    assert read(oregon, child, **{"If-None-Match": tag, **other}).status_code == 200


def test_a_section_that_a_role_may_not_see_is_left_out_and_said(
    client: TestClient, oregon: TestClient, child: dict[str, Any], make_token
) -> None:
    reader = {"Authorization": f"Bearer {make_token('recruiter', 'OR')}"}
    page = read(client, child, **reader).text
    assert "Not shown to your role: health and immunizations, what was said earlier." in page
    for hidden in ("Medical alert", "Chronic", "Varicella", "no medical alert"):
        assert hidden not in page
    assert "Valor Middle School" in page


def test_who_may_propose_is_led_to_merge_and_split_and_nobody_else(
    oregon: TestClient, child: dict[str, Any], make_token, ledger: Ledger
) -> None:
    california = {"Authorization": f"Bearer {make_token(state='CA')}"}
    other = oregon.put("/v1/records/CA/CA7", json=student(), headers=california).json()
    assert "/merge" in read(oregon, child).text
    assert "/split" not in read(oregon, child).text, "of one record nothing can be split"
    merge(ledger, child["student_id"], other["student_id"])
    both = {**child, "position": ledger.log.head()}
    assert "/split" in read(oregon, both).text
    reader = {"Authorization": f"Bearer {make_token('secondary_user', 'OR')}"}
    page = read(oregon, both, **reader).text
    assert "/merge" not in page
    assert "/split" not in page


def test_each_state_s_way_of_knowing_of_a_vaccine_is_told_and_is_no_alarm(
    oregon: TestClient, make_token, ledger: Ledger
) -> None:
    made: list[str] = []
    for state, source in (("OR", "03"), ("CA", "07")):
        token = {"Authorization": f"Bearer {make_token(state=state)}"}
        given = {"cvx_code": "21", "administration_date": "2014-05-09", "information_source": source}
        answer = oregon.put(f"/v1/records/{state}/X1", json=student(immunizations=[given]), headers=token)
        made.append(answer.json()["student_id"])
    merge(ledger, *made)
    page = read(oregon, {"student_id": made[0], "position": ledger.log.head()}).text
    assert "earlier, from a school record (CA)" in page
    assert "earlier, from the parent&#39;s written record (OR)" in page
    assert "said differently" not in page
    assert "Differences between states" not in page


def test_a_student_whose_records_were_taken_back_shows_that_alone(oregon: TestClient, child: dict[str, Any]) -> None:
    gone = oregon.delete("/v1/records/OR/OR7")
    assert gone.status_code == 200, gone.text
    page = read(oregon, {**child, "position": gone.json()["position"]}).text
    assert "Every state has taken its record of this student back." in page
    assert "Record taken back by its state" in page
    assert CHILD["last_name_1"] not in page


def test_the_print_says_who_printed_it_and_that_it_is_confidential(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    answer = read(oregon, child, "/print?language=es")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Impreso por oregon nightly" in answer.text
    assert "Confidencial" in answer.text
    assert "Expediente del estudiante · Sojourn" in answer.text
    assert "<nav" not in answer.text
    assert "<details" not in answer.text, "on paper nothing can be opened"
    assert disclosed(ledger, child) == ["student-print"]
    assert read(oregon, child, "/print?language=fr").status_code == 422
    assert read(oregon, child, "/print?language=en", language="es").text.count("Printed by") == 1


def test_the_history_is_told_in_sentences_newest_or_oldest_first(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger
) -> None:
    newest = read(oregon, child, "/history").text
    oldest = read(oregon, child, "/history?order=oldest").text

    def positions(page: str) -> list[int]:
        return [int(number) for number in re.findall(r"position (\d+)", page)]

    assert positions(oldest) == sorted(positions(newest))
    assert positions(newest) == positions(oldest)[::-1]
    assert len(positions(newest)) > 4
    spanish = read(oregon, child, "/history", language="es").text
    assert "se abrió; su identificador de estudiante es" in spanish
    assert "Primer apellido: Quiñones" in spanish
    assert set(disclosed(ledger, child)) == {"history-page"}


def test_the_history_goes_on_where_a_page_ends(
    oregon: TestClient, child: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = re.findall(r"position (\d+)", read(oregon, child, "/history").text)
    monkeypatch.setattr("api.console.history.SHOWN_MAX", 2)
    address, seen = "/history", []
    while address:
        page = read(oregon, child, address).text
        seen += re.findall(r"position (\d+)", page)
        following = re.search(r'/history(\?order=newest&amp;from=\d+)"', page)
        address = f"/history{following[1].replace('&amp;', '&')}" if following else ""
    assert seen == whole


@pytest.mark.parametrize("query", ["order=sideways", "from=x", "from=-1", f"from={'9' * 40}", "from=٣"])
def test_a_page_of_the_history_that_cannot_be_is_refused(oregon: TestClient, child: dict[str, Any], query: str) -> None:
    assert read(oregon, child, f"/history?{query}").status_code == 422


def test_an_act_in_the_history_leads_to_its_page(oregon: TestClient, child: dict[str, Any], make_token, ledger) -> None:
    california = {"Authorization": f"Bearer {make_token(state='CA')}"}
    other = oregon.put("/v1/records/CA/CA7", json=student(), headers=california).json()
    act = merge(ledger, child["student_id"], other["student_id"])
    page = read(oregon, child, "/history").text
    assert re.search(r'<a href="/acts/([0-9]{12}-\d+)">', page), act
