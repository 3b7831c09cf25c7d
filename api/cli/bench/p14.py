"""P14: from ``sojourn demo`` to its first page, on a machine where it is installed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path

from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.errors import StoreUnavailable
from ledger.settings import environment

CHILDREN = 2_000
"""In each of the three states: the demo's own number."""
FIRST_PAGE_S = 300
STOP_S = 60
_LOOK_EVERY_S = 0.05


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run in a folder of its own, with nothing in it: the database is made too."""
    children = size.of(CHILDREN, 20)
    number = 0
    while True:
        number += 1
        seconds = _first_page(ground.folder / f"demo-{number}", children)
        yield Run(rate=seconds, against={}, more={"seconds": seconds, "children": 3 * children})


def _first_page(data: Path, children: int) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = data.with_suffix(".log")
    started = time.perf_counter()
    with log.open("wb") as words:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", "api.cli", "demo", "--port", str(port), "--children", str(children)],
            env=environment(data=data),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    with child:
        try:
            while not _answers(port):
                if child.poll() is not None or time.perf_counter() - started > FIRST_PAGE_S:
                    raise StoreUnavailable("The demo showed no page.", remedy=log.read_text(errors="replace")[-2_000:])
                time.sleep(_LOOK_EVERY_S)
            return time.perf_counter() - started
        finally:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


ROW = Row(
    id="P14",
    work="sojourn demo to its first page",
    unit="s",
    goals=(Goal(of="seconds", must=60, stretch=20, at_most=True),),
    measure=measure,
)
