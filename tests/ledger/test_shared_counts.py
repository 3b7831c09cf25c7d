"""Counts of several processes are answered as one, and none is lost when a process ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ledger import shared_counts, telemetry
from ledger.settings import set_shared_counts
from ledger.settings import shared_counts as folder_of_counts
from support.sources import ROOT

PROCESS = """
import sys
from ledger import shared_counts, telemetry
print(shared_counts.joined(), flush=True)
for line in sys.stdin:
    if line == "count\\n":
        telemetry.HTTP_REPLAYS.inc()
        telemetry.HTTP_REQUESTS_RUNNING.inc()
        telemetry.APPEND_SECONDS.labels("ledger").observe(0.003)
        print("counted", flush=True)
    else:
        print(telemetry.exposition([]).decode(), end="\\0", flush=True)
"""


class Counting:
    """A process that counts when it is told to, and says what it would answer at /metrics."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.joined = self._line() == "True"

    def count(self) -> None:
        self._say("count")
        assert self._line() == "counted"

    def told(self) -> dict[str, float]:
        """Sample, as name or name and labels, to its number."""
        self._say("tell")
        assert self._popen.stdout is not None
        text = ""
        while not text.endswith("\0"):
            text += self._popen.stdout.read(1)
        return {
            " ".join([sample.name, *sorted(sample.labels.values())]): sample.value
            for family in text_string_to_metric_families(text.rstrip("\0"))
            for sample in family.samples
        }

    def kill(self) -> None:
        self._popen.kill()
        self._popen.communicate()

    def _say(self, word: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{word}\n")
        self._popen.stdin.flush()

    def _line(self) -> str:
        assert self._popen.stdout is not None
        return self._popen.stdout.readline().strip()


@contextlib.contextmanager
def counting(number: int) -> Iterator[list[Counting]]:
    with contextlib.ExitStack() as stack:
        processes = [Counting() for _ in range(number)]
        for process in processes:
            stack.callback(process.kill)
        yield processes


@pytest.fixture
def folder() -> Iterator[Path]:
    with shared_counts.shared():
        found = folder_of_counts()
        assert found is not None
        yield found


def test_any_process_answers_for_all(folder: Path) -> None:
    with counting(3) as [one, two, three]:
        assert one.joined
        one.count()
        two.count()
        two.count()
        for process in (one, two, three):
            told = process.told()
            assert told["http_replays_total"] == 3
            assert told["http_running_requests"] == 3
            assert told["ledger_append_duration_seconds_count ledger"] == 3
            assert told["ledger_append_duration_seconds_bucket 0.002 ledger"] == 0
            assert told["ledger_append_duration_seconds_bucket 0.004 ledger"] == 3


def test_what_a_killed_process_counted_stays_and_what_it_was_at_does_not(folder: Path) -> None:
    with counting(2) as [one, two]:
        one.count()
        two.count()
        one.kill()
        with counting(1) as [next_one]:
            next_one.count()
            told = two.told()
    assert told["http_replays_total"] == 3
    assert told["http_running_requests"] == 2, "of those that live"


def test_a_process_that_starts_again_and_again_leaves_no_more_files_than_one(folder: Path) -> None:
    for _ in range(4):
        with counting(1) as [one]:
            assert one.joined
    assert {file.name for file in folder.iterdir()} == {
        "0.lock",
        "counter_0.db",
        "gauge_livesum_0.db",
        "histogram_0.db",
    }


def test_the_room_of_the_files_is_taken_beforehand(folder: Path) -> None:
    """A mapped file with holes, on a disk that has become full, ends whoever writes into it."""
    with counting(1):
        for kind, size in shared_counts.FILES_BYTES.items():
            file = (folder / f"{kind}_0.db").stat()
            assert file.st_size == size
            assert file.st_blocks * 512 >= size


def test_without_room_a_process_counts_for_itself(folder: Path) -> None:
    (folder / "counter_0.db").mkdir()  # what cannot be written to; root may write into any other
    with counting(1) as [one]:
        assert not one.joined
        one.count()
        assert one.told()["http_replays_total"] == 1


def test_without_a_folder_or_with_one_that_is_gone_a_process_counts_for_itself(tmp_path: Path) -> None:
    for place in (None, tmp_path / "gone"):
        set_shared_counts(place)
        try:
            with counting(1) as [one]:
                assert not one.joined
                one.count()
                assert one.told()["http_replays_total"] == 1
        finally:
            set_shared_counts(None)


def test_the_folder_is_gone_with_the_service(folder: Path) -> None:
    with shared_counts.shared():
        another = folder_of_counts()
        assert another is not None
        assert another.is_dir()
    assert not another.exists()
    assert folder_of_counts() is None


def test_what_is_asked_stands_beside_what_is_counted() -> None:
    text = telemetry.exposition([telemetry.SUBMISSIONS_RECEIVED.of({("OR",): 3}), telemetry.DISK_FREE.of({(): 5})])
    assert b'submissions_received_total{state="OR"} 3.0' in text
    assert b"# TYPE submissions_received_total counter" in text
    assert b"\ndata_folder_free_bytes 5.0\n" in text
    assert b"http_replays_total" in text
