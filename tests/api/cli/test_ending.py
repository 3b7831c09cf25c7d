"""How commands end: one line that says what, where and why, one that says how to mend it, and the exit code."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.intake.submission import turn_of
from ledger.store.database import Database
from ledger.store.following import lock_key
from support.command_line import CommandLine, free_port
from support.files import EXAMPLE, student, write
from support.servers import PRELUDE, ROOT, reachable_tmp, unprivileged_user

STUDENTS = 3_000


def shell(sojourn: CommandLine, words: str) -> subprocess.CompletedProcess[str]:
    """A line of the shell, in which SOJOURN is the command."""
    return subprocess.run(
        ["bash", "-c", words.replace("SOJOURN", f"{sys.executable} -P -m api.cli")],
        cwd=sojourn.folder,
        env=sojourn.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def submitting(sojourn: CommandLine, path: Path, database: Database) -> subprocess.Popen[str]:
    """A submission of this file that has applied a part of it. Interrupts reach it as those of a terminal do."""
    process = sojourn.start(
        "submit",
        path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    def begun() -> bool:
        assert process.poll() is None
        with database.connect() as conn:
            return conn.execute("select exists (select from ledger.records)").fetchone() == (True,)

    until(begun)
    return process


# -- interrupted


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_submission_that_is_interrupted_says_how_it_goes_on_and_does(
    sojourn: CommandLine, database: Database, tmp_path: Path, told: signal.Signals
) -> None:
    path = write(tmp_path / "1.txt", *(student(n) for n in range(1, STUDENTS + 1)))
    process = submitting(sojourn, path, database)
    process.send_signal(told)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    what, remedy = err.splitlines()
    assert what == f"{path}: interrupted. What was applied of it stays."
    assert remedy == "  Send the same file again to go on."
    assert sojourn.json("submit", path)["students_new"] == STUDENTS


def test_an_interrupted_wait_ends_in_words(sojourn: CommandLine, database: Database, tmp_path: Path) -> None:
    with database.connect() as conn:
        conn.execute("select pg_advisory_lock(%s)", (lock_key(turn_of("OR")),))
        process = sojourn.start(
            "submit",
            EXAMPLE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        query = "select from pg_stat_activity where application_name = 'sojourn submission' and wait_event = 'advisory'"
        until(lambda: conn.execute(f"{query} and datname = current_database()".encode()).fetchone() is not None)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "interrupted" in err
    assert "Traceback" not in err


# -- streams


@pytest.mark.parametrize(
    "words", ["students --csv", "students --json", "doctor", "project status", f"submit {EXAMPLE}", "--help"]
)
def test_a_reader_that_has_seen_enough_is_no_news(sojourn: CommandLine, words: str) -> None:
    done = shell(sojourn, f"set -o pipefail; SOJOURN {words} | head -1")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode in {0, 1}


def test_files_behind_the_one_whose_report_nobody_reads_are_submitted_all_the_same(
    sojourn: CommandLine, tmp_path: Path
) -> None:
    write(tmp_path / "or.txt", student(1))
    write(tmp_path / "ca.txt", student(1, state="CA"), state="CA")
    write(tmp_path / "tx.txt", student(1, state="TX"), state="TX")
    done = shell(sojourn, "PYTHONUNBUFFERED=1 SOJOURN submit or.txt ca.txt tx.txt > /dev/full")
    assert done.returncode == 1
    assert "The output cannot be written: No space left on device." in done.stderr
    assert len(sojourn.run("students").stdout.splitlines()) == 4


@pytest.mark.parametrize("words", ["students --csv", "students --json", "project status", "migrate --help"])
def test_output_that_cannot_be_written_is_told_with_its_remedy(sojourn: CommandLine, words: str) -> None:
    done = shell(sojourn, f"SOJOURN {words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        "sojourn: The output cannot be written: No space left on device.\n  Make room there, then run it again.\n"
    )


@pytest.mark.parametrize(("closed", "out"), [(">&-", ""), ("2>&-", "state,"), ("<&-", "state,"), (">&- 2>&-", "")])
def test_a_stream_that_is_closed_is_nowhere_and_no_error(sojourn: CommandLine, closed: str, out: str) -> None:
    done = shell(sojourn, f"SOJOURN students --csv {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(out)
    assert bool(done.stdout) is bool(out)
    assert shell(sojourn, f"SOJOURN students --nonsense {closed}").returncode == 2


def test_a_name_that_the_terminal_has_no_letters_for_is_shown_all_the_same(sojourn: CommandLine) -> None:
    sojourn.run("submit", EXAMPLE)
    student_id = sojourn.json("students")[0]["student_id"]
    sojourn.environment["PYTHONIOENCODING"] = "ascii"
    assert "Mar\\xeda Guadalupe" in shell(sojourn, f"SOJOURN student {student_id}").stdout
    assert sojourn.json("student", student_id)["core"]["first_name"] == "María Guadalupe"


# -- what cannot be reached or used


def test_why_a_database_gives_no_connection_is_told_and_no_piece_of_the_password(tmp_path: Path) -> None:
    nowhere = CommandLine(
        tmp_path, database_url=f"postgresql://x:secret@127.0.0.1:{free_port()}/x", master_key="ab" * 32
    )
    done = nowhere.run("students", code=1)
    assert done.stderr.splitlines()[:2] == [
        "sojourn: PostgreSQL cannot be reached, or went away.",
        "  Reason: Connection refused.",
    ]
    # An @ in the password that was not written as %40 makes a piece of it the host.
    odd = nowhere.but(database_url="postgresql://x:half@secret@nowhere.invalid/x").run("students", code=1)
    assert "Reason: " in odd.stderr
    assert "secret" not in odd.stderr


def test_a_read_model_that_is_gone_is_no_traceback(sojourn: CommandLine, database: Database) -> None:
    sojourn.run("submit", EXAMPLE)
    with database.connect() as admin:
        admin.execute("drop schema students cascade")
    done = sojourn.run("students", code=1)
    assert done.stderr.startswith("sojourn: The database has not the schema of this release.\n  ")


def test_a_folder_that_cannot_be_used_is_named_with_the_reason(sojourn: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, why in (("file", "File exists"), ("file/x", "Not a directory"), ("/proc/x", "No such file or directory")):
        done = sojourn.run("sample", "--out", out, code=1)
        what, remedy = done.stderr.splitlines()
        assert what == f"sojourn: {out} cannot be used: {why}."
        assert remedy.strip()


# Left out for who is not root only: nobody else can start a process as another user. CI is root.
@pytest.mark.skipif(os.geteuid() != 0, reason="not run: needs root, who can work as somebody else")
def test_a_data_folder_without_permission_is_told_with_user_folder_and_remedy() -> None:
    name = unprivileged_user()
    assert name is not None
    code = """
import api.bootstrap, api.cli, ledger.settings, logging.config, ledger.telemetry
become(sys.argv[1])
sys.argv = ["sojourn", *sys.argv[2:]]
api.cli.main()
"""
    with reachable_tmp() as closed, reachable_tmp(name) as own:
        (own / "read-only").mkdir(mode=0o500)
        os.chown(own / "read-only", pwd.getpwnam(name).pw_uid, -1)
        for data, words in (
            (closed / "d", f"The user {name} may not use {closed / 'd'}: Permission denied."),
            (closed, f"The folder {closed} belongs to the user root, not to {name}."),
            (own / "read-only", f"The user {name} may not use {own / 'read-only' / 'gate.lock'}: Permission denied."),
        ):
            done = subprocess.run(
                [sys.executable, "-c", PRELUDE + code, name, "migrate"],
                env={**os.environ, "SOJOURN_DATA": str(data)},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 1, done.stderr
            assert done.stderr.splitlines()[0] == f"sojourn: {words}"
            assert "SOJOURN_DATA" in done.stderr.splitlines()[1]
