"""Counts of several processes, answered as one: a service answers with some and folds with another.

Whoever starts the service shares a folder (``shared``) before the first metric is made; every process that imports the
metrics after that, it and its children, counts into files there, and ``/metrics`` of any of them adds up all. Without
a folder a process counts for itself. The library does the counting and the adding; here is which file a process has.

Invariant: no count is lost when a process ends, and there are never more files than there were processes at one time:
a process takes the first place that nobody holds, and goes on with the counts that it finds there. The files' room is
taken on the disk beforehand, since a full disk would end whoever writes into a mapped file that has holes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ledger.settings import set_shared_counts, shared_counts

FILES_BYTES = {"counter": 512 * 1024, "histogram": 4 * 1024 * 1024, "gauge_livesum": 64 * 1024}
"""Kind of metric to the room of its file: a number takes about 250 bytes. The library doubles a file that is full."""

_held: list[int] = []
"""The open lock of this process's place, kept for its life; empty where it counts for itself."""


@contextmanager
def shared() -> Iterator[None]:
    """A folder for the counts of this process and of all that it starts, for as long as the block runs."""
    with TemporaryDirectory(prefix="sojourn-counts-", ignore_cleanup_errors=True) as folder:
        set_shared_counts(Path(folder))
        try:
            yield
        finally:
            set_shared_counts(None)


def join() -> None:
    """Count into the shared folder, if there is one; once, before the first metric is made."""
    folder = shared_counts()
    place = None if folder is None or not folder.is_dir() else _take_place(folder)
    values.ValueClass = values.MutexValue if place is None else values.MultiProcessValue(lambda: place)


def joined() -> bool:
    """Whether this process counts into a shared folder."""
    return bool(_held)


def source(own: CollectorRegistry) -> Collector | CollectorRegistry:
    """Where all counts come from: the shared folder, or this process's own registry."""
    folder = shared_counts()
    if not joined() or folder is None or not folder.is_dir():
        return own
    return MultiProcessCollector(None, str(folder))


def _take_place(folder: Path) -> int | None:
    """The first free place; None where the disk has no room, and then this process counts for itself."""
    for place in count():
        lock = os.open(folder / f"{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            _make_room(folder, place)
        except OSError:
            os.close(lock)
            return None
        _held.append(lock)
        return place
    raise AssertionError


def _make_room(folder: Path, place: int) -> None:
    """Raises OSError where there is none."""
    # What the last holder was in the middle of ended with it.
    (folder / f"gauge_livesum_{place}.db").unlink(missing_ok=True)
    for kind, size in FILES_BYTES.items():
        with (folder / f"{kind}_{place}.db").open("ab") as file:
            file.write(bytes(max(size - file.tell(), 0)))
