"""A night, a morning and a mishap on the command line, with an embedded server of its own."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.command_line import CommandLine, free_port
from support.files import EXAMPLE
from support.servers import reachable_tmp

PROMPT_S = 30.0
ENROLLMENT = {
    "enrollment_date": "2025-09-01",
    "enrollment_type": "01",
    "school_or_project_name": "Hood River Middle School",
    "grade_level": "11",
}


@pytest.fixture(scope="module")
def sojourn() -> Iterator[CommandLine]:
    """A practice space, loaded once."""
    with reachable_tmp() as folder:
        line = CommandLine(folder, data=folder / "d", actor="operator anna")
        line.run("demo", "--children", 50, "--no-serve")
        line.run("submit", EXAMPLE)
        yield line


@pytest.fixture(scope="module")
def wilber(sojourn: CommandLine) -> str:
    """The student id of the example's second child."""
    return next(row["student_id"] for row in sojourn.json("students") if row["state_student_id"] == "OR5540013")


class Answer(NamedTuple):
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(url: str, token: str | None = None, body: object = None, **headers: str) -> Answer:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as problem:
        with problem:
            return Answer(problem.code, problem.headers, problem.read().decode())


class Served(NamedTuple):
    process: subprocess.Popen[str]
    url: str


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PROMPT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextmanager
def serving(sojourn: CommandLine, *words: object) -> Iterator[Served]:
    """A service that is ready, ended in order at the end of the block unless it has ended before."""
    port = free_port()
    assert sojourn.folder is not None
    with (sojourn.folder / "serve.log").open("a") as log:
        process = sojourn.start(*(words or ("serve",)), "--port", port, stderr=log, stdout=log)
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            assert process.poll() is None, Path(log.name).read_text()
            try:
                return ask(f"{url}/readyz").status == 200
            except OSError:
                return False

        try:
            until(ready, "the service does not become ready")
            yield Served(process, url)
        finally:
            process.terminate()
            try:
                process.wait(PROMPT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def followers() -> dict[int, int]:
    """Process id to parent, of every folding process of this machine."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listed.splitlines())
    return {int(row[0]): int(row[1]) for row in rows if len(row) == 3 and "api.cli follow" in row[2]}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return pid in followers()


def head(sojourn: CommandLine) -> int:
    return next(row["head"] for row in sojourn.json("project", "status", "--quick") if row["log"] == "ledger")


# -- a night


def test_the_demo_loads_three_states_and_says_where_to_go(sojourn: CommandLine) -> None:
    before = head(sojourn)
    said = sojourn.run("demo", "--children", 50, "--no-serve").stderr
    files = [f"{state}-{night}.txt" for night in ("20250825", "20250901") for state in ("OR", "CA", "TX")]
    for told in (*files, "http://127.0.0.1:8000/", "soj_"):
        assert told in said
    assert "every child is invented" in said
    assert f"export SOJOURN_DATA={sojourn.settings['data']}" in said
    assert head(sojourn) == before, "the second time it appends nothing"
    states = {row["state"] for row in sojourn.json("students")}
    assert states == {"OR", "CA", "TX"}


def test_the_demo_with_other_children_keeps_those_that_are_there(sojourn: CommandLine) -> None:
    before = head(sojourn)
    said = sojourn.run("demo", "--children", 7, "--no-serve").stderr
    assert "other children were loaded before" in said
    assert "20250901" not in said, "what changes of children who are not there is no news"
    assert head(sojourn) == before


def test_the_example_sent_again_appends_nothing(sojourn: CommandLine) -> None:
    before = head(sojourn)
    report = sojourn.json("submit", EXAMPLE)
    assert (report["rows"], report["accepted"], report["events"], report["students_new"]) == (11, 11, 15, 2)
    assert head(sojourn) == before


def test_both_children_of_the_example_can_be_read(sojourn: CommandLine, wilber: str) -> None:
    rows = {row["state_student_id"]: row["student_id"] for row in sojourn.json("students")}
    assert "Valor Middle School" in sojourn.run("student", rows["OR5540012"]).stdout
    assert "Columbia Gorge Summer Program" in sojourn.run("student", wilber).stdout


def test_commands_at_once_share_the_server(sojourn: CommandLine, wilber: str) -> None:
    running = [sojourn.start("student", wilber, "--json", stdout=-1, stderr=-1) for _ in range(2)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["student_id"] == wilber
    assert not (Path(str(sojourn.settings["data"])) / "pgdata" / "postmaster.pid").exists(), "the last one stops it"


def test_the_doctor_finds_nothing_to_mend(sojourn: CommandLine) -> None:
    sojourn.run("project", "run")
    for log in ("ledger", "access"):
        sojourn.run("checkpoint", log)
    found = sojourn.json("doctor")
    assert [examination for examination in found if examination["ok"] is not True] == []


def test_the_master_key_is_rotated_and_everything_still_opens(sojourn: CommandLine, wilber: str) -> None:
    file = Path(str(sojourn.settings["data"])) / "master.key"
    before = file.read_text()
    assert "keys rewrapped under a new master key" in sojourn.run("keys", "rotate").stderr
    assert len(file.read_text().split()) == 1
    assert file.read_text() != before
    assert file.stat().st_mode & 0o777 == 0o600
    assert sojourn.json("student", wilber)["student_id"] == wilber
    after = file.read_text()
    file.write_text(before)
    wrong = sojourn.run("student", wilber, code=1)
    file.write_text(after)
    assert "is wrapped by master key" in wrong.stderr
    assert wrong.stdout == ""


def test_a_rotation_that_was_broken_off_goes_on(sojourn: CommandLine, wilber: str) -> None:
    file = Path(str(sojourn.settings["data"])) / "master.key"
    held = file.read_text().strip()
    file.write_text(f"{'ef' * 32}\n{held}\n")
    assert sojourn.json("student", wilber)["student_id"] == wilber
    sojourn.run("keys", "rotate")
    assert file.read_text().split() == ["ef" * 32]
    assert sojourn.json("student", wilber)["student_id"] == wilber


def test_invented_children_are_kept_out_of_a_ledger_that_is_no_practice_space() -> None:
    with reachable_tmp() as folder:
        line = CommandLine(folder, data=folder / "d")
        line.run("submit", EXAMPLE)
        done = line.run("demo", "--children", 5, "--no-serve", code=1)
        assert "is no practice space" in done.stderr
        assert len(line.json("students")) == 2


# -- a morning


def test_an_enrollment_over_http_is_read_everywhere_and_every_reading_is_there(
    sojourn: CommandLine, wilber: str
) -> None:
    submitter = sojourn.json("token", "create", "--name", "oregon", "--role", "state_batch_submitter", "--state", "OR")[
        "token"
    ]
    reader = sojourn.run("token", "create", "--name", "counselor ruth", "--role", "secondary_user").stdout.strip()
    with serving(sojourn) as (_, url):
        created = ask(f"{url}/v1/records/OR/OR5540013/enrollments", submitter, ENROLLMENT, Idempotency_Key="k1")
        assert created.status == 201, created.text
        position = int(created.headers["Ledger-Position"])
        again = ask(f"{url}/v1/records/OR/OR5540013/enrollments", submitter, ENROLLMENT, Idempotency_Key="k1")
        assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
        # Its read models are only just awake: who is told to ask again in a moment does.
        deadline = time.monotonic() + 30
        while True:
            read = ask(f"{url}/v1/students/{wilber}?at_least={position}", reader, Purpose="registration")
            if read.status != 503 or time.monotonic() > deadline:
                break
        assert read.status == 200, read.text
        schools = [enrollment["school_or_project_name"] for enrollment in read.json["core"]["enrollments"]]
        assert schools.count("Hood River Middle School") == 1
        assert "Hood River Middle School" in sojourn.run("student", wilber, "--as", "clerk tom").stdout
        disclosures = ask(f"{url}/v1/students/{wilber}/disclosures", reader).json["disclosures"]
        shown = {(entry["actor"], entry["purpose"]) for entry in disclosures}
        assert {("counselor ruth", "registration"), ("clerk tom", "command line")} <= shown
        assert ask(f"{url}/v1/students/{wilber}").status == 401
        page = ask(f"{url}/")
        assert (page.status, "practice" in page.text.lower()) == (200, True)
        assert "/students/" in page.text


def test_a_service_that_is_told_to_stop_ends_in_order(sojourn: CommandLine) -> None:
    with serving(sojourn) as (process, _):
        mine = [pid for pid, parent in followers().items() if parent == process.pid]
        assert len(mine) == 1
        process.terminate()
        assert process.wait(PROMPT_S) == 0
    assert not alive(mine[0])
    assert not (Path(str(sojourn.settings["data"])) / "pgdata" / "postmaster.pid").exists()


def test_a_folding_process_that_was_killed_is_started_again(sojourn: CommandLine) -> None:
    with serving(sojourn) as (process, _):
        [first] = [pid for pid, parent in followers().items() if parent == process.pid]
        os.kill(first, signal.SIGKILL)
        until(
            lambda: [pid for pid, parent in followers().items() if parent == process.pid and pid != first],
            "it is not started again",
        )


def test_a_killed_service_leaves_nothing_behind_and_the_next_one_serves_at_once(
    sojourn: CommandLine, wilber: str
) -> None:
    reader = sojourn.run("token", "create", "--name", "counselor lea", "--role", "secondary_user").stdout.strip()
    with serving(sojourn) as (process, _):
        [follower] = [pid for pid, parent in followers().items() if parent == process.pid]
        process.send_signal(signal.SIGKILL)
        process.wait()
        with serving(sojourn) as (_, url):
            assert ask(f"{url}/v1/students/{wilber}", reader).status == 200
            until(lambda: not alive(follower), "the killed service's folding process goes on")


def test_a_server_that_is_killed_under_a_service_is_started_again_by_it(sojourn: CommandLine, wilber: str) -> None:
    reader = sojourn.run("token", "create", "--name", "counselor ana", "--role", "secondary_user").stdout.strip()
    pid_file = Path(str(sojourn.settings["data"])) / "pgdata" / "postmaster.pid"
    assert sojourn.folder is not None
    log = sojourn.folder / "serve.log"
    told_before = log.read_text().count("PostgreSQL runs again") if log.exists() else 0
    with serving(sojourn) as (_, url):
        gone = int(pid_file.read_text().split()[0])
        os.kill(gone, signal.SIGKILL)
        until(lambda: _pid(pid_file) not in (None, gone), "nobody starts PostgreSQL again")
        until(lambda: ask(f"{url}/readyz").status == 200, "the service is not ready again")
        assert ask(f"{url}/v1/students/{wilber}", reader).status == 200
    assert "PostgreSQL has ended, starting it again" in log.read_text()
    assert log.read_text().count("PostgreSQL runs again") == told_before + 1
    assert not pid_file.exists(), "and stopped by it at its end"


def test_a_demo_that_is_told_to_end_while_it_loads_says_that_it_is_not_done() -> None:
    with reachable_tmp() as folder:
        line = CommandLine(folder, data=folder / "d")
        process = line.start("demo", "--children", 2_000, "--no-serve", stderr=subprocess.PIPE)
        until((folder / "d" / "samples").exists, "it does not load")
        process.terminate()
        _, told = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Interrupted" in told
        assert not (folder / "d" / "pgdata" / "postmaster.pid").exists()


def test_a_port_that_is_taken_is_told_before_anything_starts(sojourn: CommandLine) -> None:
    with serving(sojourn) as (_, url):
        port = url.rpartition(":")[2]
        for words in (["serve"], ["demo"]):
            done = sojourn.run(*words, "--port", port, code=1)
            assert "it is taken" in done.stderr
            assert "--port" in done.stderr


def test_the_master_key_stays_while_a_service_has_read_it(sojourn: CommandLine, wilber: str) -> None:
    file = Path(str(sojourn.settings["data"])) / "master.key"
    before = file.read_text()
    with serving(sojourn):
        done = sojourn.run("keys", "rotate", code=1)
        assert "Another process uses the embedded server" in done.stderr
        assert file.read_text() == before


def test_several_workers_answer(sojourn: CommandLine) -> None:
    with serving(sojourn, "serve", "--workers", 2) as (_, url):
        assert {ask(f"{url}/livez").status for _ in range(8)} == {200}


def test_the_demo_serves_what_it_has_loaded(sojourn: CommandLine) -> None:
    with serving(sojourn, "demo", "--children", 50) as (_, url):
        page = ask(f"{url}/")
        links = [piece.split('"')[0] for piece in page.text.split('href="')[1:] if piece.startswith("/students/")]
        assert "practice" in page.text.lower()
        assert ask(url + next(iter(links))).status == 200
    assert next(itertools.islice(links, 1, None)) != links[0]


def test_the_second_night_of_a_demo_goes_in_once_its_pages_answer() -> None:
    with reachable_tmp() as folder:
        line = CommandLine(folder, data=folder / "d")
        log = folder / "serve.log"
        with serving(line, "demo", "--children", 40) as (_, url):
            assert "practice" in ask(f"{url}/").text.lower()
            until(lambda: "The second night is in" in log.read_text(), "the second night does not go in")
        told = log.read_text()
        assert told.index("Loaded in") < told.index("OR-20250901.txt") < told.index("TX-20250901.txt")
        assert " 0 refused" in told
        line.run("demo", "--children", 40, "--no-serve")  # which waits for the matcher, as a service does not
        before = head(line)
        line.run("demo", "--children", 40, "--no-serve")
        assert head(line) == before, "both nights were there"


def _pid(file: Path) -> int | None:
    """Of the server that the file names, None while there is none."""
    lines = file.read_text().split() if file.exists() else []
    return int(lines[0]) if lines else None
