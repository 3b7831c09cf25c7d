"""P13: memory of a large submission, by ``sojourn submit`` in a process of its own.

The system says what the process had at its highest, so everything counts: Python, libraries, the file's students.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator

from api.cli.bench.facts import sample
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.errors import Refused
from ledger.settings import environment

CHILDREN = 40_000
"""As many as one file may have."""
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""getrusage counts in kilobytes, on macOS in bytes."""

_WAITER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process that starts the one to be measured: the system counts what the starting process had at the moment of
starting as the new one's own, and the bench may have had more."""


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: a quarter of the children into an empty ledger, then all into another one. ``flatness`` is how many
    times the memory the whole takes of what the quarter takes."""
    children = size.of(CHILDREN, 40)
    while True:
        quarter_mb, _ = _submitted(ground, children // 4)
        peak_mb, seconds = _submitted(ground, children)
        yield Run(
            rate=children / seconds,
            against={},
            more={"peak_mb": peak_mb, "quarter_peak_mb": quarter_mb, "flatness": peak_mb / quarter_mb},
        )


def _submitted(ground: Ground, children: int) -> tuple[float, float]:
    """Peak memory in megabytes of 10^6, and seconds."""
    path = sample(ground.folder, children)
    settings = ground.new_store()
    assert settings.database_url is not None
    assert settings.master_key is not None
    ground.settle()
    started = time.perf_counter()
    child = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-c", _WAITER, sys.executable, "-P", "-m", "api.cli", "submit", str(path), "--json"],
        env=environment(database_url=settings.database_url, master_key=settings.master_key),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
        text=True,
    )
    if child.returncode:
        raise Refused(f"`sojourn submit` ended with {child.returncode}.", remedy="Run it by hand to see why.")
    return int(child.stdout) * MAXRSS_BYTES / 1e6, time.perf_counter() - started


ROW = Row(
    id="P13",
    work="memory of a submission of 40,000 students",
    unit="students/s",
    goals=(
        Goal(of="peak_mb", must=500, stretch=250, at_most=True),
        Goal(of="flatness", must=None, stretch=1.3, at_most=True),
    ),
    measure=measure,
)
