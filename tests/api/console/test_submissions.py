"""The pages of a state's files: history, silence, what was refused, and nothing of a child."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.services import Services
from ledger.application import Ledger
from ledger.errors import SubmissionRefused
from ledger.events.disclosure import BulkDisclosed
from ledger.intake.submission import submit
from support.files import EXAMPLE, child, student, write
from support.services import Clock
from support.signing_in import Visitor

NIGHTS = ("20250902020000000", "20250903020000000", "20250904020000000")


@pytest.fixture
def practice(services: Services, client: TestClient) -> TestClient:
    services.practice = True
    return client


def seat(client: TestClient, code: str) -> Visitor:
    visitor = Visitor(client)
    assert visitor.posts(f"/practice/{code}").status_code == 303
    return visitor


def sent(ledger: Ledger, folder: Path, night: str = NIGHTS[0], state: str = "OR", wrong: int = 2) -> int:
    """A file of four students, so many of whom have an enrollment type that is no code; its last position."""
    rows = [
        student(
            number,
            child("E", "001", enrollment_date="20250623", enrollment_type="99" if number <= wrong else "03"),
            state=state,
        )
        for number in range(1, 5)
    ]
    return submit(ledger, write(folder / f"{state}{night}.txt", *rows, night=night, state=state), "nightly").position


def test_a_state_s_people_see_their_own_files_newest_first(
    practice: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    for night in NIGHTS[:2]:
        sent(ledger, tmp_path, night)
    position = sent(ledger, tmp_path, state="CA")
    page = seat(practice, "batch-submitter").get(f"/submissions?at_least={position}").text
    assert re.findall(r'href="/submissions/(OR-[0-9]+)"', page) == [f"OR-{NIGHTS[1]}", f"OR-{NIGHTS[0]}"]
    assert "CA-" not in page
    assert 'href="/submissions/new"' in page


def test_another_state_s_files_are_refused_and_a_state_that_is_none_is_invalid(practice: TestClient) -> None:
    submitter = seat(practice, "batch-submitter")
    assert submitter.get("/submissions?state=CA").status_code == 403
    assert submitter.get(f"/submissions/CA-{NIGHTS[0]}").status_code == 403
    assert seat(practice, "auditor").get("/submissions?state=XX").status_code == 422
    assert submitter.get("/submissions/OR-1").status_code == 404
    assert submitter.get("/submissions/%00").status_code in (403, 404)


def test_an_auditor_sees_every_state_and_sends_nothing(practice: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    sent(ledger, tmp_path)
    position = sent(ledger, tmp_path, state="CA")
    auditor = seat(practice, "auditor")
    page = auditor.get(f"/submissions?at_least={position}").text
    assert 'href="/submissions?state=CA"' in page
    assert 'href="/submissions?state=OR"' in page
    assert "/submissions/new" not in page
    only = auditor.get("/submissions?state=CA").text
    assert f"CA-{NIGHTS[0]}" in only
    assert f"OR-{NIGHTS[0]}" not in only
    assert auditor.get("/submissions/new").status_code == 403


def test_the_picture_and_the_table_say_the_same_numbers(practice: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    sent(ledger, tmp_path)
    position = sent(ledger, tmp_path, NIGHTS[1], wrong=0)
    page = seat(practice, "batch-submitter").get(f"/submissions?at_least={position}").text
    drawn = re.findall(r"<title>[^<]*: ([0-9,]+) \+ ([0-9,]+)</title>", page)
    rows = re.findall(r"<tr>.*?</tr>", page)
    told = [re.findall(r'<td class="number[^"]*">([0-9,]+)</td>', row) for row in rows]
    table = [(accepted, unchanged) for _, _, accepted, unchanged, _ in (line for line in told if line)]
    assert drawn == list(reversed(table))
    assert drawn == [("14", "0"), ("2", "14")]
    assert [line[0] for line in told if line] == ["0", "2"], "the refused rows"


def test_a_silent_state_is_told_in_words_since_when(
    practice: TestClient, ledger: Ledger, clock: Clock, tmp_path: Path
) -> None:
    position = sent(ledger, tmp_path)
    assert "Silent" not in seat(practice, "batch-submitter").get(f"/submissions?at_least={position}").text
    clock.now = datetime.now(UTC) + timedelta(days=10)
    for code in ("batch-submitter", "auditor"):
        page = seat(practice, code).get("/submissions").text
        assert '<span class="badge wrong">Silent</span>' in page
        assert re.search(r"No file of Oregon has been applied since .*20[0-9]{2}.* P[DS]T\.", page)
        assert "One was awaited by" in page


def test_a_state_that_never_sent_is_silent_too(practice: TestClient) -> None:
    page = seat(practice, "batch-submitter").get("/submissions").text
    assert "No file of Oregon was ever applied here." in page
    assert "No file has come yet." in page


def test_older_files_are_behind_a_link(practice: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    position = [sent(ledger, tmp_path, night) for night in NIGHTS[:2]][-1]
    submitter = seat(practice, "batch-submitter")
    first = submitter.get(f"/submissions?limit=1&at_least={position}").text
    found = re.search(r'href="(/submissions\?cursor=[0-9]+)"', first)
    assert found is not None
    older = submitter.get(found[1]).text
    assert f'href="/submissions/OR-{NIGHTS[0]}"' in older
    assert f'href="/submissions/OR-{NIGHTS[1]}"' not in older


def test_refusals_are_grouped_by_rule_with_remedy_and_rows_in_both_languages(
    practice: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    position = sent(ledger, tmp_path)
    submitter = seat(practice, "batch-submitter")
    address = f"/submissions/OR-{NIGHTS[0]}?at_least={position}"
    page = submitter.get(address).text
    assert "2 rows were refused" in page
    assert "<h3>Enrollment Type is not a code of its list.</h3>" in page
    assert re.search(r"Enrollments, Enrollment Type</span>: 2 rows; in the file: 5, 9<", page)
    assert f'/v1/submissions/OR-{NIGHTS[0]}/response?outcome=refused&amp;language=en"' in page
    spanish = submitter.get(address, headers={"Accept-Language": "es"}).text
    assert "<h3>El valor de Enrollment Type no es un código de su lista.</h3>" in spanish
    assert "Se rechazaron 2 filas" in spanish


def test_the_page_holds_nothing_of_a_child(practice: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    position = sent(ledger, tmp_path)
    submitter = seat(practice, "batch-submitter")
    for path in ("/submissions", f"/submissions/OR-{NIGHTS[0]}", "/"):
        page = submitter.get(f"{path}?at_least={position}").text
        assert not [value for value in ("Wilber", "Pablo", "OR0000001", "20081102", ">99<") if value in page]


def test_the_refused_rows_alone_are_downloaded_and_alone_disclosed(
    practice: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    position = sent(ledger, tmp_path, wrong=1)
    before = ledger.access.head()
    address = f"/v1/submissions/OR-{NIGHTS[0]}/response?outcome=refused&at_least={position}"
    answer = seat(practice, "batch-submitter").get(address)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["row"], row["rule"], row["value"]) for row in rows] == [("5", "code", "99")]
    entries = [entry.event for entry in ledger.access.read(before, 100) if isinstance(entry.event, BulkDisclosed)]
    assert [len(entry.records) for entry in entries] == [1]


def test_where_nothing_was_refused_the_refused_rows_are_none(
    practice: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    position = submit(ledger, EXAMPLE, "nightly").position
    submitter = seat(practice, "batch-submitter")
    answer = submitter.get(f"/v1/submissions/OR-{NIGHTS[0]}/response?outcome=refused&at_least={position}")
    assert answer.text.splitlines() == [answer.text.splitlines()[0]]
    assert "No row was refused. There is nothing to do." in submitter.get(f"/submissions/OR-{NIGHTS[0]}").text
    wrong = submitter.get(f"/v1/submissions/OR-{NIGHTS[0]}/response?outcome=lost")
    assert wrong.status_code == 422


def test_a_file_refused_as_a_whole_says_why_in_the_reader_s_language(
    practice: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(SubmissionRefused):
        submit(ledger, write(tmp_path / "1.txt", student(1), claims="5|5"), "nightly")
    submitter = seat(practice, "batch-submitter")
    address = f"/submissions/OR-{NIGHTS[0]}?at_least={ledger.log.head()}"
    page = submitter.get(address).text
    assert "Refused as a whole" in page
    assert "Nothing of the file was applied." in page
    assert "Rule V24" in page
    assert '<td class="number some">all</td>' in submitter.get("/submissions").text
    assert "No se aplicó nada del archivo." in submitter.get(address, headers={"Accept-Language": "es"}).text


def test_the_first_page_counts_files_of_a_week_with_refusals(
    practice: TestClient, ledger: Ledger, clock: Clock, tmp_path: Path
) -> None:
    sent(ledger, tmp_path, wrong=0)
    sent(ledger, tmp_path, NIGHTS[1])
    position = sent(ledger, tmp_path, state="CA")
    submitter = seat(practice, "batch-submitter")
    submitter.get(f"/submissions?at_least={position}")
    figure = r'href="/submissions"><span class="name">Submissions</span> <span class="figure[^"]*">([0-9]+)<'
    clock.now = datetime.now(UTC)
    assert re.findall(figure, seat(practice, "batch-submitter").get("/").text) == ["1"]
    assert re.findall(figure, seat(practice, "auditor").get("/").text) == ["2"]
    clock.now += timedelta(days=8)
    assert re.findall(figure, seat(practice, "batch-submitter").get("/").text) == ["0"]


def test_without_scripts_the_page_to_send_names_the_command(practice: TestClient) -> None:
    page = seat(practice, "batch-submitter").get("/submissions/new").text
    found = re.search(r'<div id="without">(.*?)<form', page, re.DOTALL)
    assert found is not None
    assert "sojourn submit FILE" in found[1]
    assert re.search(r'<form id="send"[^>]* hidden ', page), "what cannot work is not shown"
