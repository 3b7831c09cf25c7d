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

import httpx2
import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.announcements import Announcements
from api.app import create_app
from api.progress import status_of
from api.services import Services
from ledger.application import Ledger
from ledger.errors import SubmissionRefused
from ledger.events.disclosure import BulkDisclosed
from ledger.intake.applying import Applying
from ledger.intake.submission import submit
from ledger.intake.uploads import Spools, Status, Upload, serving
from ledger.store.database import Database, Role
from projections.projectors import Projectors
from projections.submissions import Submission
from support.files import EXAMPLE, NEXT_NIGHT, student, write
from support.serving import served

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
    assert send(sender, CUT).status_code == 202
    told = settled(sender)
    assert told["status"] == "refused"
    assert (told["problem"]["rule"], told["problem"]["element"]) == ("V24", "total_records_in_file")
    assert told["problem"]["what"].endswith("It says 11; the file has 10 rows.")
    answers = sender.get(f"/v1/submissions/{ID}/response")
    assert answers.status_code == 404
    assert "refused as a whole by rule V24" in answers.json()["detail"]
    assert answers.json()["detail"].endswith(told["problem"]["what"])
    assert answers.json()["remedy"] == told["problem"]["remedy"]
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
        # The problem is told from where the file was kept, and the rest from a read model, which may come later.
        told = told_once(sender, lambda told: told.get("problem") and told["status"] != "applying")
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
    ("reflected", "left", "last", "waits", "done", "status"),
    [
        (None, False, "waiting", True, False, "waiting"),
        ("refused", False, "waiting", True, False, "waiting"),
        ("applying", False, "waiting", True, False, "applying"),
        ("applying", True, "waiting", True, False, "waiting"),  # begun, and put off: another file is at work
        (None, False, "waiting", False, False, "interrupted: send again"),
        ("applying", True, "waiting", False, False, "interrupted: send again"),
        ("applying", False, "waiting", False, False, "applying"),  # sent anew from the command line
        ("applying", True, "refused", True, False, "waiting"),  # the first still waits on another host
        ("applying", True, "refused", False, False, "interrupted: send again"),
        ("applying", True, "refused", None, False, "interrupted: send again"),
        (None, False, "done", None, True, "applying"),  # the read model is behind
        ("refused", False, "done", None, True, "applying"),
        ("applying", False, "refused", None, True, "applying"),
        ("applying", True, "failed", None, False, "failed"),
        (None, False, "refused", None, False, "refused"),
        ("completed", False, "refused", None, True, "completed"),
        ("applying", False, None, None, False, "applying"),
        ("applying", True, None, None, False, "interrupted: send again"),
        ("refused", False, None, None, False, "refused"),
    ],
)
def test_a_status_is_told_of_what_is_reflected_and_of_every_file_that_came(
    reflected: str | None, left: bool, last: Status | None, waits: bool | None, done: bool, status: str
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
    upload = None
    if last is not None:
        upload = Upload(uuid.uuid4(), ID, "OR", "nightly", False, NOW, last, None, waits, done)
    assert status_of(row, upload, left=left) == status


CUT: bytes = b"\n".join(EXAMPLE.read_bytes().splitlines()[:-1]) + b"\n"


def test_a_refusal_is_told_whole_before_the_read_model_has_heard_of_it(
    sender: TestClient, applying: Applying, projectors: Projectors
) -> None:
    reflected = set(told_after(sender, CUT))
    projectors.stop()
    sooner = told_after(sender, CUT.replace(b"20250902020000000", b"20250902030000000", 1), "OR-20250902030000000")
    assert (sooner["rule"], sooner["problem"]["rule"]) == ("V24", "V24")
    assert (sooner["submission_date"], sooner["rows"], sooner["findings"]) == ("2025-09-02T03:00:00.000", 0, {})
    assert set(sooner) == reflected


def told_after(client: TestClient, content: bytes, submission: str = ID) -> dict[str, Any]:
    """What is told of a file that is refused, once it is."""
    assert send(client, content).status_code == 202
    return told_once(client, lambda told: told["status"] == "refused", submission)


def test_why_there_are_no_answers_is_told_of_every_file_that_is_not_completed(
    sender: TestClient, ledger: Ledger, spools: Spools, tmp_path: Path
) -> None:
    def words() -> tuple[str, str]:
        answer = sender.get(f"/v1/submissions/{ID}/response")
        assert answer.status_code == 404
        return answer.json()["detail"], answer.json()["remedy"]

    assert words()[1] == "Ask again once it is completed."
    (tmp_path / "cut.txt").write_bytes(CUT)
    with pytest.raises(SubmissionRefused):
        submit(ledger, tmp_path / "cut.txt", "operator anna")
    told_once(sender, lambda told: told.get("rule"))
    assert "by rule V24" in words()[0]
    assert words()[1].startswith("Totals equal")
    send(sender, EXAMPLE.read_bytes())
    assert words()[1].startswith("Send the file again")
    newer = write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT)
    submit(ledger, newer, "operator anna")
    running = Applying(ledger, spools)
    running.start()
    told_once(sender, lambda told: told["status"] == "refused" and told["problem"])
    running.stop()
    assert words()[0].startswith("The file was refused as a whole, so no row of it has an answer. A later file")
    assert "--late" in words()[1]


def test_a_file_that_waits_is_not_told_with_the_rule_of_the_one_that_was_refused_before(
    sender: TestClient, ledger: Ledger, spools: Spools
) -> None:
    running = Applying(ledger, spools)
    running.start()
    told_after(sender, CUT)
    told_once(sender, lambda told: told["refused_at"])
    running.stop()
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    told = sender.get(f"/v1/submissions/{ID}").json()
    assert (told["status"], told["rule"], told["refused_at"], told["problem"]) == (
        "interrupted: send again",
        None,
        None,
        None,
    )


def test_a_file_of_a_host_that_serves_waits_though_nobody_applies_it_yet(
    services: Services, spools: Spools, projectors: Projectors, database: Database, make_token: MakeToken
) -> None:
    """As in the first moments of a service, and while the process that applies is started again."""
    services.announcements = Announcements(database.conninfo(Role.PROJECTOR), serving(spools.host))
    with TestClient(create_app(services)) as client:
        client.headers["Authorization"] = f"Bearer {make_token()}"
        until(lambda: services.announcements.connected)
        assert send(client, EXAMPLE.read_bytes()).status_code == 202
        assert client.get(f"/v1/submissions/{ID}").json()["status"] == "waiting"


def broken_off(ledger: Ledger, source: Path, at: Callable[[], object] = lambda: None) -> None:
    """A ``sojourn submit`` that ends after its first chunk. at: what is looked at before it does."""

    def break_off(_done: int, _total: int) -> None:
        at()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        submit(ledger, source, "operator anna", chunk_rows=1, progress=break_off)


def test_a_submit_that_ended_half_way_reads_interrupted_in_the_list_too_until_it_is_sent_again(
    sender: TestClient, ledger: Ledger
) -> None:
    def listed() -> list[str]:
        return [one["status"] for one in sender.get("/v1/submissions").json()["submissions"]]

    seen: list[str] = []

    def look() -> None:
        seen.append(told_once(sender, lambda told: told.get("rows_done"))["status"])
        seen.extend(listed())

    broken_off(ledger, EXAMPLE, look)
    assert seen == ["applying", "applying"]
    assert sender.get(f"/v1/submissions/{ID}").json()["status"] == "interrupted: send again"
    assert listed() == ["interrupted: send again"]
    submit(ledger, EXAMPLE, "operator anna")
    told_once(sender, lambda told: told["status"] == "completed")
    assert listed() == ["completed"]


def test_a_file_that_failed_stays_so_while_another_of_its_state_is_at_work(
    sender: TestClient, ledger: Ledger, spools: Spools, tmp_path: Path
) -> None:
    broken_off(ledger, EXAMPLE)
    assert send(sender, EXAMPLE.read_bytes()).status_code == 202
    (spool,) = spools.folder.glob("*.spool")
    spool.unlink()
    running = Applying(ledger, spools)
    running.start()
    try:
        assert settled(sender)["status"] == "failed"
    finally:
        running.stop()
    seen: list[str] = []
    newer = write(tmp_path / "2.txt", student(1), student(2), night=NEXT_NIGHT)
    broken_off(ledger, newer, lambda: seen.append(sender.get(f"/v1/submissions/{ID}").json()["status"]))
    assert seen == ["failed"]


def test_a_file_waits_while_another_of_its_state_is_at_work(
    sender: TestClient, applying: Applying, ledger: Ledger, tmp_path: Path
) -> None:
    newer = write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT)
    seen: list[str] = []

    def send_another() -> None:
        assert send(sender, newer.read_bytes()).status_code == 202
        seen.append(sender.get(f"/v1/submissions/OR-{NEXT_NIGHT}").json()["status"])
        seen.append(told_once(sender, lambda told: told.get("rows_done"))["status"])

    broken_off(ledger, EXAMPLE, send_another)
    assert seen == ["waiting", "applying"]
    assert settled(sender, f"OR-{NEXT_NIGHT}")["status"] == "completed"


# -- keys and positions


def with_key(client: TestClient, content: bytes, key: str = "night-1", **params: str) -> Any:
    return client.post("/v1/submissions", content=content, params=params, headers={"Idempotency-Key": key})


def taken_of(ledger: Ledger) -> int:
    with ledger.log.connection() as conn:
        row = conn.execute("select count(*) from ledger.uploads").fetchone()
    assert row is not None
    return next(iter(row.values()))


def test_the_same_file_with_its_key_again_is_the_first_answer_and_is_taken_once(
    sender: TestClient, ledger: Ledger, spools: Spools
) -> None:
    first = with_key(sender, EXAMPLE.read_bytes())
    again = with_key(sender, EXAMPLE.read_bytes())
    assert (first.status_code, again.status_code) == (202, 202)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.json(), again.headers["Location"]) == (first.json(), first.headers["Location"])
    assert "Ledger-Position" not in first.headers, "nothing is in the log yet"
    assert taken_of(ledger) == 1
    assert len(list(spools.folder.glob("*.spool"))) == 1
    assert with_key(sender, EXAMPLE.read_bytes(), "night-1 again").status_code == 202
    assert taken_of(ledger) == 2


@pytest.mark.parametrize("other", ["content", "late"])
def test_another_file_or_another_question_with_a_key_that_came_is_refused(
    sender: TestClient, ledger: Ledger, spools: Spools, tmp_path: Path, other: str
) -> None:
    with_key(sender, EXAMPLE.read_bytes())
    content = write(tmp_path / "other.txt", student(2)).read_bytes() if other == "content" else EXAMPLE.read_bytes()
    params = {"late": "true"} if other == "late" else {}
    answer = with_key(sender, content, **params)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert taken_of(ledger) == 1
    assert len(list(spools.folder.glob("*.spool"))) == 1


def test_a_key_whose_first_request_is_not_answered_yet_is_told_so(
    services: Services, ledger: Ledger, make_token: MakeToken
) -> None:
    headers = {"Authorization": f"Bearer {make_token()}", "Idempotency-Key": "night-1"}
    meanwhile: list[httpx2.Response] = []

    with served(create_app(services)) as base:

        def slowly() -> Iterator[bytes]:
            yield EXAMPLE.read_bytes()[:20]
            # It has taken its key once it has begun to keep the file.
            until(lambda: list(services.spools.folder.glob("*.spool")) if services.spools else None)
            meanwhile.append(httpx2.post(f"{base}/v1/submissions", content=EXAMPLE.read_bytes(), headers=headers))
            yield EXAMPLE.read_bytes()[20:]

        first = httpx2.post(f"{base}/v1/submissions", content=slowly(), headers=headers)
        again = httpx2.post(f"{base}/v1/submissions", content=EXAMPLE.read_bytes(), headers=headers)
    assert (meanwhile[0].status_code, meanwhile[0].json()["type"]) == (409, "/problems/still-running")
    assert first.status_code == 202, first.text
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert taken_of(ledger) == 1


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_file_that_stands_applied_is_answered_with_its_position_and_its_key_is_kept(
    sender: TestClient, applying: Applying, ledger: Ledger, tmp_path: Path
) -> None:
    send(sender, EXAMPLE.read_bytes())
    told = settled(sender)
    read = sender.get(f"/v1/submissions/{ID}")
    position = ledger.log.head()
    assert read.headers["Ledger-Position"] == str(position) == str(told["position"])
    first = with_key(sender, EXAMPLE.read_bytes())
    assert (first.status_code, first.headers["Ledger-Position"]) == (202, str(position))
    assert first.json()["status"] == "completed"
    send(sender, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT).read_bytes())
    settled(sender, f"OR-{NEXT_NIGHT}")
    again = with_key(sender, EXAMPLE.read_bytes())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.json(), again.headers["Ledger-Position"]) == (first.json(), str(position))
    assert taken_of(ledger) == 2
    other = with_key(sender, write(tmp_path / "other.txt", student(2)).read_bytes())
    assert other.json()["type"] == "/problems/idempotency-key-reused"


def test_the_first_answer_to_a_key_stands_whatever_came_since(
    sender: TestClient, applying: Applying, tmp_path: Path
) -> None:
    """Without its key the older file would be refused now, and with it the one that was refused be taken."""
    older = EXAMPLE.read_bytes()
    newer = write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT).read_bytes()
    oldest = write(tmp_path / "0.txt", student(3), night="20250901020000000").read_bytes()
    first = with_key(sender, older)
    settled(sender)
    refused = with_key(sender, oldest, "night-0")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/submission-late")
    send(sender, newer)
    settled(sender, f"OR-{NEXT_NIGHT}")
    assert with_key(sender, older).json() == first.json()
    again = with_key(sender, oldest, "night-0")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert {**again.json(), "request_id": ""} == {**refused.json(), "request_id": ""}


@pytest.mark.parametrize("content", [b"hello", EXAMPLE.read_bytes().replace(b"20250902020000000", b"2025", 1)])
def test_a_refused_header_is_the_answer_to_its_key_with_its_place(sender: TestClient, content: bytes) -> None:
    first, again = with_key(sender, content), with_key(sender, content)
    assert first.status_code == again.status_code == 422
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["errors"] == first.json()["errors"]
    if content != b"hello":
        (error,) = again.json()["errors"]
        assert (error["pointer"], error["element"]) == ("row:1,element:submission_date", "submission_date")
        assert error["message"].endswith('It says "2025".')
    reused = with_key(sender, EXAMPLE.read_bytes())
    assert reused.json()["type"] == "/problems/idempotency-key-reused"


def test_reads_wait_for_the_position_that_they_must_have_reached(
    sender: TestClient, ledger: Ledger, projectors: Projectors
) -> None:
    position = submit(ledger, EXAMPLE, "operator anna").position
    paths = ("/v1/submissions", f"/v1/submissions/{ID}", f"/v1/submissions/{ID}/response")
    for path in paths:
        assert sender.get(path, params={"at_least": position}).status_code == 200
    projectors.stop()
    for path in paths:
        behind = sender.get(path, params={"at_least": position + 1})
        assert (behind.status_code, behind.json()["type"]) == (503, "/problems/projection-behind")
        assert behind.json()["position"] == position
        assert sender.get(path, params={"at_least": "x"}).status_code == 422


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
