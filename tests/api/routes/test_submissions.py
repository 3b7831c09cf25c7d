"""A state's file over HTTP: taken once it is durable, applied as on the command line, answered row by row."""

from __future__ import annotations

import io
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.app import create_app
from api.routes.submissions import status_of
from api.services import Services
from ledger.application import Ledger
from ledger.events.disclosure import BulkDisclosed
from ledger.intake.submission import submit
from ledger.intake.uploads import Applying, Spools, Status, Upload
from projections.submissions import Submission
from support.files import EXAMPLE, NEXT_NIGHT, student, write

ID = "OR-20250902020000000"
NOW = datetime(2025, 9, 2, 18, 0, tzinfo=UTC)
MakeToken = Callable[..., str]


@pytest.fixture
def spools(services: Services) -> Spools:
    assert services.spools is not None
    return services.spools


@pytest.fixture
def sender(oregon: TestClient) -> TestClient:
    """Oregon's submitter, and nobody who applies what he sends."""
    return oregon


@pytest.fixture
def applying(ledger: Ledger, spools: Spools) -> Iterator[Applying]:
    running = Applying(ledger, spools)
    running.start()
    yield running
    running.stop()


def settled(client: TestClient, submission: str = ID, *, tries: int = 300) -> dict[str, Any]:
    """The submission once it is no longer waiting or being applied."""
    passing = ("waiting", "applying", "interrupted: send again")
    return told_once(client, lambda told: told["status"] not in passing, submission, tries=tries)


def told_once(
    client: TestClient, true: Callable[[dict[str, Any]], object], submission: str = ID, *, tries: int = 300
) -> dict[str, Any]:
    """The submission once what is told of it is so."""
    told: dict[str, Any] = {}
    for _ in range(tries):
        told = client.get(f"/v1/submissions/{submission}").json()
        if true(told):
            return told
        time.sleep(0.1)
    raise AssertionError(told)


def send(client: TestClient, content: bytes, **params: str) -> Any:
    return client.post("/v1/submissions", content=content, params=params, headers={"Content-Type": "text/plain"})


def test_a_file_is_taken_applied_and_answered_row_by_row(
    sender: TestClient, applying: Applying, ledger: Ledger, spools: Spools
) -> None:
    taken = send(sender, EXAMPLE.read_bytes())
    assert (taken.status_code, taken.headers["Location"]) == (202, f"/v1/submissions/{ID}")
    told = settled(sender)
    assert (told["status"], told["rows"], told["accepted"], told["events"]) == ("completed", 11, 11, 15)
    answer = sender.get(f"/v1/submissions/{ID}/response")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert lines[0].startswith("row,letter,student_record_id")
    assert [line.split(",")[0] for line in lines[1:]] == [str(row) for row in range(2, 13)]
    assert not list(spools.folder.glob("*.spool"))
    shown = [r.event for r in ledger.access.read(0, 100)]
    assert [len(event.records) for event in shown if isinstance(event, BulkDisclosed)] == [2]


def test_what_was_refused_of_nobody_and_an_id_sent_with_a_mark_are_disclosed_too(
    sender: TestClient, applying: Applying, ledger: Ledger, tmp_path: Path
) -> None:
    marked = [row.replace("|OR0000001|", "|OR0000001\u200b|") for row in student(1)]
    nobody = [row for row in student(2) if not row.startswith("Q")]
    for night, rows, records in (("20250901020000000", marked, 1), ("20250902020000000", nobody, 0)):
        send(sender, write(tmp_path / "1.txt", rows, night=night).read_bytes())
        before = ledger.access.head()
        assert settled(sender, f"OR-{night}")["status"] == "completed"
        assert sender.get(f"/v1/submissions/OR-{night}/response").status_code == 200
        [entry] = [r.event for r in ledger.access.read(before, 100) if isinstance(r.event, BulkDisclosed)]
        assert len(entry.records) == records


def test_the_same_file_again_is_the_same_answer_and_appends_nothing(
    sender: TestClient, applying: Applying, ledger: Ledger
) -> None:
    send(sender, EXAMPLE.read_bytes())
    settled(sender)
    head = ledger.log.head()
    again = send(sender, EXAMPLE.read_bytes())
    assert again.status_code == 202
    assert settled(sender)["status"] == "completed"
    assert ledger.log.head() == head


def test_a_zip_of_tables_is_taken_like_a_text_file(sender: TestClient, applying: Applying) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "Header.csv",
            "Submitting State,Submission Date,Total Students in File,Total Records in File,Beginning Effective Date,"
            "Ending Effective Date\nOR,20250902020000000,1,3,20250801000000000,20250901000000000\n",
        )
        archive.writestr(
            "Student.csv",
            "Student Record ID,Reporting State Code,State Student Identifier,Action Code\n0000001,OR,OR7,I\n",
        )
        archive.writestr(
            "Demographics.csv",
            "Student Record ID,Demographics Record ID,First Name,Last Name 1,Birth Date\n"
            "0000001,001,Ana,Ruiz,20150301\n",
        )
        archive.writestr(
            "Qualifying_Moves.csv",
            "Student Record ID,Qualifying Moves Record ID,Qualifying Arrival Date,Qualifying Move From State,"
            "Qualifying Move To City,Qualifying Move To State\n0000001,001,20250418,CA,Hood River,OR\n",
        )
    taken = send(sender, packed.getvalue())
    assert taken.status_code == 202, taken.text
    told = settled(sender)
    assert (told["status"], told["rows"], told["students_new"]) == ("completed", 3, 1), told


def test_nothing_of_a_file_that_waits_stands_in_clear(sender: TestClient, spools: Spools) -> None:
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    (spool,) = spools.folder.glob("*.spool")
    assert b"OR5540012" not in spool.read_bytes()


def test_a_file_that_waits_is_applied_by_the_next_process(sender: TestClient, ledger: Ledger, spools: Spools) -> None:
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    assert sender.get(f"/v1/submissions/{ID}").json()["status"] == "interrupted: send again"
    running = Applying(ledger, Spools(spools.folder))
    running.start()
    assert settled(sender)["status"] == "completed"
    running.stop()


def test_what_was_being_written_when_a_process_ended_is_swept(ledger: Ledger, spools: Spools) -> None:
    left = spools.folder / "00000000-0000-4000-8000-000000000000.spool"
    left.write_bytes(b"half")
    running = Applying(ledger, spools)
    running.start()
    running.stop()
    assert not left.exists()


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 422, "empty"),
        (b"hello", 422, "no-header"),
        (EXAMPLE.read_bytes().replace(b"H|OR|", b"H|CA|"), 403, "other-state"),
        (EXAMPLE.read_bytes().replace(b"20250902020000000", b"20350902020000000", 1), 422, "submission-date"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_at_once_and_nothing_is_kept(
    sender: TestClient, spools: Spools, content: bytes, status: int, told: str
) -> None:
    answer = send(sender, content)
    assert answer.status_code == status, answer.text
    assert told in answer.text
    assert not list(spools.folder.glob("*.spool"))


def test_a_file_that_is_refused_whole_says_why(sender: TestClient, applying: Applying) -> None:
    cut = b"\n".join(EXAMPLE.read_bytes().splitlines()[:-1]) + b"\n"
    assert send(sender, cut).status_code == 202
    told = settled(sender)
    assert told["status"] == "refused"
    assert told["problem"]["rule"] == "V24"
    assert sender.get(f"/v1/submissions/{ID}/response").status_code == 404
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    assert settled(sender)["status"] == "completed"


def test_another_file_of_the_same_date_and_an_older_one_are_refused_at_once(
    sender: TestClient, applying: Applying, tmp_path: Path
) -> None:
    newer = write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT).read_bytes()
    send(sender, newer)
    settled(sender, "OR-20250903020000000")
    other = write(tmp_path / "3.txt", student(2), night=NEXT_NIGHT).read_bytes()
    assert send(sender, other).json()["type"] == "/problems/submission-date-reused"
    older = write(tmp_path / "1.txt", student(3)).read_bytes()
    assert send(sender, older).json()["type"] == "/problems/submission-late"
    assert send(sender, older, late="true").status_code == 202
    assert settled(sender)["students_new"] == 1


def test_another_file_of_the_date_that_was_taken_while_the_first_waited_says_why_it_was_not_applied(
    sender: TestClient, ledger: Ledger, spools: Spools, tmp_path: Path
) -> None:
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    assert send(sender, write(tmp_path / "other.txt", student(2)).read_bytes()).status_code == 202
    running = Applying(ledger, spools)
    running.start()
    try:
        told = told_once(sender, lambda told: told.get("problem"))
    finally:
        running.stop()
    assert (told["status"], told["rows"], told["problem"]["code"]) == ("completed", 11, "submission-date-reused")


def test_a_file_that_failed_half_way_says_so_until_it_is_sent_again(
    sender: TestClient, ledger: Ledger, spools: Spools
) -> None:
    asked: list[str] = []

    def break_off(_done: int, _total: int) -> None:
        if asked:
            asked.append(told_once(sender, lambda told: told["rows_done"])["status"])
        raise InterruptedError

    with pytest.raises(InterruptedError):
        submit(ledger, EXAMPLE, "nightly", chunk_rows=1, progress=break_off)
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    (spool,) = spools.folder.glob("*.spool")
    spool.unlink()
    running = Applying(ledger, spools)
    running.start()
    try:
        told = told_once(sender, lambda told: told["problem"])
        assert (told["status"], told["problem"]["code"]) == ("failed", "spool-unreadable")
        assert 0 < told["rows_done"] < told["rows"] == 11

        asked.append("while it is sent from the command line")
        with pytest.raises(InterruptedError):
            submit(ledger, EXAMPLE, "nightly", chunk_rows=1, progress=break_off)
        assert asked[1:] == ["applying"]
        assert sender.get(f"/v1/submissions/{ID}").json()["status"] == "failed"

        assert send(sender, EXAMPLE.read_bytes()).status_code == 202
        told = settled(sender)
        assert (told["status"], told["problem"]) == ("completed", None)
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("reflected", "last", "waits", "done", "status"),
    [
        (None, "waiting", True, False, "waiting"),
        ("refused", "waiting", True, False, "waiting"),
        ("applying", "waiting", True, False, "applying"),
        ("applying", "waiting", False, False, "interrupted: send again"),
        ("applying", "refused", True, False, "applying"),  # the first still waits on another host
        ("applying", "refused", False, False, "interrupted: send again"),
        (None, "done", None, True, "applying"),  # the read model is behind
        ("applying", "refused", None, True, "applying"),
        ("applying", "failed", None, False, "failed"),
        (None, "refused", None, False, "refused"),
        ("completed", "refused", None, True, "completed"),
    ],
)
def test_a_status_is_told_of_what_is_reflected_and_of_every_file_that_came(
    reflected: str | None, last: Status, waits: bool | None, done: bool, status: str
) -> None:
    row = None
    if reflected is not None:
        row = Submission(
            submission=ID,
            state="OR",
            submission_date="2025-09-02T02:00:00",
            status=reflected,
            actor="nightly",
            content_hash="",
            begun=1,
            begun_at=NOW,
            position=1,
        )
    upload = Upload(uuid.uuid4(), ID, "OR", "nightly", False, NOW, last, None, waits, done, at_work=False)
    assert status_of(row, upload) == status


def test_a_state_s_submissions_are_listed_newest_first(sender: TestClient, applying: Applying, tmp_path: Path) -> None:
    for night in ("20250901020000000", "20250902020000000", NEXT_NIGHT):
        send(sender, write(tmp_path / night, student(1), night=night).read_bytes())
        settled(sender, f"OR-{night}")
    first = sender.get("/v1/submissions", params={"limit": "2"}).json()
    assert [one["submission"] for one in first["submissions"]] == [f"OR-{NEXT_NIGHT}", ID]
    second = sender.get("/v1/submissions", params={"limit": "2", "cursor": first["next"]}).json()
    assert [one["submission"] for one in second["submissions"]] == ["OR-20250901020000000"]
    assert second["next"] is None


def test_who_may_not_is_told_so(sender: TestClient, make_token: MakeToken) -> None:
    send(sender, EXAMPLE.read_bytes())
    asked: list[tuple[str, str | None, int]] = [
        ("state_batch_submitter", "CA", 403),
        ("secondary_user", None, 403),
        ("auditor", None, 200),
    ]
    for role, state, status in asked:
        headers = {"Authorization": f"Bearer {make_token(role, state)}"}
        assert sender.get(f"/v1/submissions/{ID}", headers=headers).status_code == status
    reader = {"Authorization": f"Bearer {make_token('secondary_user', None)}"}
    assert sender.post("/v1/submissions", content=EXAMPLE.read_bytes(), headers=reader).status_code == 403
    assert sender.get("/v1/submissions/OR-20200101000000000").status_code == 404
    assert sender.get("/v1/submissions", params={"limit": "0"}).status_code == 422


def test_a_file_that_cannot_be_kept_is_not_taken_and_the_log_says_why(sender: TestClient, spools: Spools) -> None:
    shutil.rmtree(spools.folder)
    with capture_logs() as said:
        answer = send(sender, EXAMPLE.read_bytes())
    assert answer.status_code == 503
    assert "See the service's log." in answer.text
    (told,) = (entry for entry in said if entry["event"] == "file not kept")
    assert (told["where"], told["errno"]) == ("spool folder of uploads", "ENOENT")
    assert str(spools.folder) not in str(said)


def test_a_service_without_a_disk_says_so(services: Services, make_token: MakeToken) -> None:
    services.spools = None
    with TestClient(create_app(services)) as client:
        client.headers["Authorization"] = f"Bearer {make_token()}"
        assert send(client, EXAMPLE.read_bytes()).status_code == 503
