"""The demo's second night: it goes in beside the pages, and stops with them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest

from api.cli import serve
from ledger.intake.layout import read_header
from ledger.intake.sample import write_nights
from ledger.intake.submission import submit
from support.command_line import CommandLine
from support.projecting import until
from support.service_processes import Store, open_store_of

pytestmark = pytest.mark.database


def opened(sojourn: CommandLine) -> AbstractContextManager[Store]:
    return open_store_of({name: str(value) for name, value in sojourn.settings.items()})


@pytest.fixture
def answering() -> Iterator[int]:
    """A port that takes connections, as the pages do once they answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_second_night_that_was_stopped_on_its_way_goes_on(
    sojourn: CommandLine, tmp_path: Path, answering: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,), (second,) = write_nights(tmp_path, ["OR"], 700, 1, date(2025, 8, 25), nights=2, apart=120, years=1)
    with opened(sojourn) as store, store.ledger() as ledger:
        assert serve._submit(ledger, [first])
        before = ledger.log.head()
        with serve._loading(store, [second], answering):
            until(lambda: ledger.log.head() > before, 30)
        assert "second night" not in {thread.name for thread in threading.enumerate()}
        report = submit(ledger, second, "practice submitter")
        assert report.rows == read_header(second).rows == report.accepted + report.unchanged
        assert (report.refused, report.warned) == (0, 0)
    assert "not loaded" not in capsys.readouterr().err


def test_a_night_that_comes_after_a_later_one_is_left_out(
    sojourn: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,), (second,) = write_nights(tmp_path, ["OR"], 5, 1, date(2025, 8, 25), nights=2)
    with opened(sojourn) as store, store.ledger() as ledger:
        assert serve._submit(ledger, [second])
        head = ledger.log.head()
        assert not serve._submit(ledger, [first])
        assert ledger.log.head() == head
    assert "a later file was loaded before" in capsys.readouterr().err


def test_a_second_night_waits_until_the_pages_answer(
    sojourn: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,), _ = write_nights(tmp_path, ["OR"], 10, 1, date(2025, 8, 25), nights=2)
    with socket.socket() as free, opened(sojourn) as store:
        free.bind(("127.0.0.1", 0))  # bound, and not listening: nobody answers there
        with serve._loading(store, [path], free.getsockname()[1]):
            pass
        with store.ledger() as ledger:
            assert ledger.log.head() == 0
    assert capsys.readouterr().err == ""
