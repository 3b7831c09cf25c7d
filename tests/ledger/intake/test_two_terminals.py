"""Files sent from several terminals at once: each is a ``sojourn submit`` of its own, and the ledger is one."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.application import Ledger
from ledger.events import submission as said
from ledger.intake.sample import write_samples
from ledger.intake.submission import submit, turn_of
from ledger.store.database import Database
from ledger.store.following import lock_key
from support.command_line import CommandLine
from support.content import content_of, digest_of
from support.files import NEXT_NIGHT, student, write

MASTER_KEY = bytes(range(32)).hex()
TIMEOUT_S = 120

NewLedger = Callable[..., Ledger]


@pytest.fixture
def sojourn(database: Database, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, database_url=database.admin, master_key=MASTER_KEY, actor="operator anna")


def at_once(sojourn: CommandLine, *commands: tuple[object, ...]) -> list[tuple[int, Any, str]]:
    """Begin all of these, then wait for each: exit code, what it printed as JSON, what it said."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(sojourn.start(*words, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            for words in commands
        ]
        try:
            told = [process.communicate(timeout=TIMEOUT_S) for process in running]
        finally:
            for process in running:
                process.kill()
    return [
        (process.returncode, json.loads(out) if out else None, err)
        for process, (out, err) in zip(running, told, strict=True)
    ]


def without_seconds(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "seconds"}


def undisturbed(ledger: Ledger, *paths: Path) -> str:
    for path in paths:
        submit(ledger, path, "operator anna")
    return digest_of(content_of(ledger))


def test_the_same_file_from_two_terminals_is_applied_once_and_answered_twice(
    sojourn: CommandLine, ledger: Ledger, new_database: Callable[[], Database], new_ledger: NewLedger, tmp_path: Path
) -> None:
    (path,) = write_samples(tmp_path, ["OR"], 700, 3, date(2025, 9, 2))
    responses = [tmp_path / "one.csv", tmp_path / "two.csv"]
    told = at_once(sojourn, *(("submit", path, "--response", response) for response in responses))
    assert [code for code, _, _ in told] == [told[0][0]] * 2
    assert told[0][0] in (0, 3), told
    assert without_seconds(told[0][1]) == without_seconds(told[1][1])
    assert responses[0].read_bytes() == responses[1].read_bytes(), "both hear the answer to every row"
    events = [r.event for r in ledger.log.read_stream("submission/OR/20250902020000000")]
    assert [isinstance(event, said.SubmissionReceived) for event in events].count(True) == 1
    assert [isinstance(event, said.SubmissionCompleted) for event in events].count(True) == 1
    assert digest_of(content_of(ledger)) == undisturbed(new_ledger(new_database()), path)


def test_who_waits_goes_on_where_the_other_was_killed(
    sojourn: CommandLine,
    ledger: Ledger,
    database: Database,
    new_database: Callable[[], Database],
    new_ledger: NewLedger,
    tmp_path: Path,
) -> None:
    (path,) = write_samples(tmp_path, ["OR"], 700, 3, date(2025, 9, 2))
    with database.connect() as holder:
        # Whoever comes waits here, as behind a run in another terminal; the one that is killed comes first.
        holder.execute("select pg_advisory_lock(%s)", (lock_key(turn_of("OR")),))
        killed = sojourn.but(fault="intake.between-chunks:1")
        with killed.start("submit", path, stderr=subprocess.DEVNULL) as first:
            _wait_for_lock(database, 1)
            with sojourn.start("submit", path, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as second:
                _wait_for_lock(database, 2)
                holder.close()
                assert first.wait(TIMEOUT_S) == -signal.SIGKILL
                out, err = second.communicate(timeout=TIMEOUT_S)
    assert second.returncode in (0, 3), err
    chunks = [r.event for r in ledger.log.read_stream("submission/OR/20250902020000000")]
    applied = [event for event in chunks if isinstance(event, said.ChunkApplied)]
    assert [event.chunk for event in applied] == [1, 2]
    report = json.loads(out)
    assert report["accepted"] == sum(event.accepted for event in applied), "counts of both runs"
    assert digest_of(content_of(ledger)) == undisturbed(new_ledger(new_database()), path)


def test_states_side_by_side_leave_what_they_leave_one_after_another(
    sojourn: CommandLine, ledger: Ledger, new_database: Callable[[], Database], new_ledger: NewLedger, tmp_path: Path
) -> None:
    paths = write_samples(tmp_path, ["OR", "CA", "TX"], 200, 3, date(2025, 9, 2))
    told = at_once(sojourn, *(("submit", path) for path in paths))
    assert all(code in (0, 3) for code, _, _ in told), told
    assert [report["state"] for _, report, _ in told] == ["OR", "CA", "TX"]
    assert digest_of(content_of(ledger)) == undisturbed(new_ledger(new_database()), *paths)


def test_two_nights_of_one_state_at_once_end_with_the_later_one_whichever_came_first(
    sojourn: CommandLine, ledger: Ledger, tmp_path: Path
) -> None:
    """The older one is applied before it, or told that it is late; it never comes on top."""
    older = write(tmp_path / "1.txt", *(student(n, name="Wilber") for n in range(1, 40)))
    later = write(tmp_path / "2.txt", *(student(n, name="Isaí") for n in range(1, 40)), night=NEXT_NIGHT)
    (old_code, _, old_said), (late_code, report, _) = at_once(sojourn, ("submit", older), ("submit", later))
    assert late_code == 0
    assert report["rows"] == 39 * 3
    if old_code:
        assert "A later file of OR was applied already." in old_said
        assert "--late" in old_said
    content = content_of(ledger)
    records = [held for key, held in content.items() if key.startswith("OR OR")]
    assert len(records) == 39
    assert {held["child"][-1]["first_name"] for held in records} == {"Isaí"}
    assert (f"OR-{NEXT_NIGHT}" in content, len(content) - 39) == (True, 1 + (old_code == 0))


def _wait_for_lock(database: Database, waiting: int) -> None:
    """Until so many processes wait for a state's turn."""
    query = (
        "select count(*) from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory'"
        " and not l.granted and a.application_name = 'sojourn submission' and a.datname = current_database()"
    )
    deadline = time.monotonic() + TIMEOUT_S
    with psycopg.connect(database.admin, autocommit=True) as conn:
        while conn.execute(query).fetchone() != (waiting,):
            assert time.monotonic() < deadline
            time.sleep(0.02)
