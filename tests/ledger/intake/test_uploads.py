"""Files that wait to be applied: what is wrong with ledger or host leaves them waiting, whole."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from psycopg.rows import tuple_row
from structlog.testing import capture_logs

from ledger.application import Ledger
from ledger.errors import LogBroken, StaleDecision, StoreUnavailable
from ledger.events import Meta
from ledger.events.submission import SubmissionCompleted
from ledger.intake import applying
from ledger.intake.applying import Applying
from ledger.intake.submission import Report, submit
from ledger.intake.uploads import Receiving, Spools, enqueue, presence
from ledger.store.database import Database
from ledger.store.following import lock_key
from support.files import NEXT_NIGHT, NIGHT, student, write

ID = f"OR-{NIGHT}"
Said = MutableMapping[str, Any]
NewLedger = Callable[..., Ledger]


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(tmp_path / "uploads")


@pytest.fixture
def said() -> Iterator[list[Said]]:
    """What is logged."""
    with capture_logs() as entries:
        yield entries


def taken(ledger: Ledger, spools: Spools, folder: Path, state: str = "OR", night: str = NIGHT) -> Path:
    """A file of one student that was answered 202; where it lies."""
    file = write(folder / f"{state}.txt", student(1, state=state), state=state, night=night)
    received = Receiving(spools)
    try:
        received.write(file.read_bytes())
        with received.read():
            pass
        enqueue(ledger, spools, received, f"{state}-{night}", Meta(actor="nightly"), late=False)
    finally:
        received.close()
    return received.path


def rows(database: Database) -> dict[str, tuple[str, bool]]:
    """Of each submission, what its file's row says, and whether it has the file's key."""
    with database.connect() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("select submission, status, spool_key is not null from ledger.uploads")
        return {submission: (status, key) for submission, status, key in cursor.fetchall()}


@contextmanager
def running(ledger: Ledger, spools: Spools, *, hands: int = 1) -> Iterator[None]:
    working = Applying(ledger, Spools(spools.folder), hands=hands)
    working.start()
    try:
        yield
    finally:
        working.stop()


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def tried(database: Database, said: list[Said]) -> bool:
    """Whether an attempt at a file has ended, and was told."""
    return any(entry["log_level"] in ("warning", "error") and "upload" in entry["event"] for entry in said)


def test_a_file_waits_where_the_writer_has_stopped_and_is_applied_by_the_next_one(
    database: Database, ledger: Ledger, new_ledger: NewLedger, spools: Spools, tmp_path: Path, said: list[Said]
) -> None:
    spool = taken(ledger, spools, tmp_path)
    ledger.log.sequencer.stop(LogBroken("A position does not open."))
    said.clear()
    with running(ledger, spools):
        until(lambda: tried(database, said))
    assert rows(database) == {ID: ("waiting", True)}
    assert spool.exists()
    with running(new_ledger(database), spools):
        until(lambda: rows(database) == {ID: ("done", False)})
    assert not spool.exists()


def test_a_file_waits_where_others_were_faster_and_is_applied_after(
    database: Database,
    ledger: Ledger,
    spools: Spools,
    tmp_path: Path,
    said: list[Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spool = taken(ledger, spools, tmp_path)
    times: list[bool] = []

    def overtaken_once(ledger: Ledger, source: BinaryIO, actor: str, **more: Any) -> Report:
        times.append(spool.exists())
        if len(times) == 1:
            raise StaleDecision("Others change these records faster than the file.")
        return submit(ledger, source, actor, **more)

    monkeypatch.setattr(applying, "submit", overtaken_once)
    with running(ledger, spools):
        until(lambda: rows(database)[ID][0] != "waiting")
    assert (rows(database)[ID][0], times) == ("done", [True, True])


def test_a_file_waits_while_this_host_cannot_write_what_it_needs_and_is_applied_by_itself_after(
    database: Database,
    ledger: Ledger,
    spools: Spools,
    tmp_path: Path,
    said: list[Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spool = taken(ledger, spools, tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not mounted"))
    with running(ledger, spools):
        until(lambda: tried(database, said))
        assert rows(database) == {ID: ("waiting", True)}
        assert spool.exists()
        (tmp_path / "not mounted").mkdir()
        until(lambda: rows(database) == {ID: ("done", False)})


def test_a_file_that_meets_a_defect_waits_and_other_states_go_on(
    database: Database,
    ledger: Ledger,
    spools: Spools,
    tmp_path: Path,
    said: list[Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    california, oregon = f"CA-{NIGHT}", ID
    taken(ledger, spools, tmp_path, "CA")
    taken(ledger, spools, tmp_path, "OR")
    mended = False
    attempts: list[float] = []

    def defective(ledger: Ledger, source: BinaryIO, actor: str, **more: Any) -> Report:
        if b"H|CA" in source.read(4) and not mended:
            attempts.append(time.monotonic())
            raise ValueError("Wilber is no number")
        return submit(ledger, source, actor, **more)

    monkeypatch.setattr(applying, "submit", defective)
    with running(ledger, spools):
        until(lambda: rows(database)[oregon][0] == "done")
        until(lambda: len(attempts) == 3)
        assert rows(database)[california] == ("waiting", True)
        assert attempts[2] - attempts[1] > 0.9, "later each time"
        mended = True
        until(lambda: rows(database)[california][0] == "done")
    told = [entry for entry in said if entry["event"] == "upload waits"]
    assert [(entry["submission"], entry["error"]) for entry in told] == [(california, "ValueError")] * 3
    assert "defective" in told[0]["at"][-1]
    assert "Wilber" not in str(said)


def test_a_file_that_comes_while_another_waits_for_its_next_attempt_is_applied_meanwhile(
    database: Database,
    ledger: Ledger,
    spools: Spools,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(applying, "_BACKOFF_S", (60.0, 60.0))
    damaged = taken(ledger, spools, tmp_path, "CA")
    with database.connect() as conn:
        conn.execute("update ledger.uploads set spool_key = '\\x00'")
    with running(ledger, spools, hands=2):
        time.sleep(0.3)
        taken(ledger, spools, tmp_path, "OR")
        until(lambda: rows(database)[ID][0] == "done")
    assert rows(database)[f"CA-{NIGHT}"] == ("waiting", True)
    assert damaged.exists()


def test_a_file_whose_row_the_database_refuses_is_not_taken(
    database: Database, ledger: Ledger, spools: Spools, tmp_path: Path
) -> None:
    with database.connect() as conn:
        conn.execute("alter table ledger.uploads add check (submission is null)")
    with pytest.raises(StoreUnavailable):
        taken(ledger, spools, tmp_path)
    assert rows(database) == {}
    assert not list(spools.folder.glob("*.spool"))


@pytest.mark.parametrize("lose", [Path.unlink, lambda spool: spool.write_bytes(spool.read_bytes()[:-1])])
def test_a_file_that_is_gone_or_damaged_on_the_disk_has_failed(
    database: Database, ledger: Ledger, spools: Spools, tmp_path: Path, lose: Callable[[Path], object]
) -> None:
    spool = taken(ledger, spools, tmp_path)
    lose(spool)
    with running(ledger, spools):
        until(lambda: rows(database) == {ID: ("failed", False)})
    assert not spool.exists()


# -- over several hosts


@contextmanager
def there(database: Database, *hosts: Spools) -> Iterator[None]:
    """As if a process of each of these hosts ran, and had not come to any file yet."""
    with database.connect() as conn:
        for spools in hosts:
            conn.execute("select pg_advisory_lock_shared(%s)", (lock_key(presence(spools.host)),))
        yield


def completed(ledger: Ledger) -> list[str | None]:
    """Submissions in the order in which they were completed."""
    return [r.meta.submission for r in ledger.log.read(0, 1_000) if isinstance(r.event, SubmissionCompleted)]


def test_a_state_s_files_on_two_hosts_are_applied_by_their_dates(
    database: Database, ledger: Ledger, new_ledger: NewLedger, tmp_path: Path
) -> None:
    a, b = Spools(tmp_path / "a"), Spools(tmp_path / "b")
    nights = [f"2025090{day}020000000" for day in (1, 2, 3, 4)]
    for host, night in ((b, nights[3]), (a, nights[2]), (b, nights[1]), (a, nights[0])):
        taken(ledger, host, tmp_path, night=night)
    with there(database, a, b), running(ledger, b, hands=2), running(new_ledger(database), a, hands=2):
        until(lambda: "waiting" not in [status for status, _ in rows(database).values()])
    assert {status for status, _ in rows(database).values()} == {"done"}
    assert completed(ledger) == [f"OR-{night}" for night in nights]


def test_a_file_waits_for_an_earlier_one_on_a_host_that_runs_until_that_is_gone(
    database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    a, b = Spools(tmp_path / "a"), Spools(tmp_path / "b")
    taken(ledger, a, tmp_path, night=NIGHT)
    taken(ledger, b, tmp_path, night=NEXT_NIGHT)
    taken(ledger, b, tmp_path, "WA")
    with ExitStack() as host:
        host.enter_context(there(database, a))
        with running(ledger, b):
            # Oregon comes before Washington: it was looked at, and left.
            until(lambda: rows(database)[f"WA-{NIGHT}"][0] == "done")
            assert rows(database)[f"OR-{NEXT_NIGHT}"][0] == "waiting"
            host.close()
            until(lambda: rows(database)[f"OR-{NEXT_NIGHT}"][0] == "done")
    assert rows(database)[ID][0] == "waiting"
