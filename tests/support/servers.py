"""PostgreSQL servers for tests: where they may live, and that nothing of them is left.

As root the server runs as another user, which cannot pass pytest's own temporary folders (0700 of root), and a socket's
path may have 107 bytes only. So a test that starts a server takes its folder from here, never from ``tmp_path``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

from ledger.store.embedded import EmbeddedServer

# Rows of tests need not outlive a power cut. A test about durability asks for {}.
FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}

ROOT = Path(__file__).resolve().parents[2]
UNPRIVILEGED = ("nobody", "postgres")

# Memory first: what ends a server in a test is a signal and never a power cut, and a new database costs a tenth there.
PLACES = (Path("/dev/shm"), Path("/var/tmp"))
ROOM_MIN = 4 << 30  # bytes; a container often has 64 MB of such memory only

# What the other processes of a test begin with. ``become`` is for interpreters that a normal user may not execute: all
# is imported first.
PRELUDE = """
import os, pwd, sys, time, signal, socket, stringprep, encodings.idna
from pathlib import Path
import psycopg
from ledger.errors import LedgerError
from ledger.store.embedded import EmbeddedServer

def become(name):
    entry = pwd.getpwnam(name)
    os.setgroups([]); os.setgid(entry.pw_gid); os.setuid(entry.pw_uid)

def rows(server):
    with psycopg.connect(server.conninfo()) as c:
        return c.execute("SELECT count(*) FROM kept").fetchone()[0]

FAST = {"fsync": "off"}
"""


@contextlib.contextmanager
def reachable_tmp(user: str | None = None) -> Iterator[Path]:
    """A new, empty folder with a short path that every user may pass; removed at the end, its servers ended.

    user: whom it belongs to (for root only), else to whoever runs the tests.
    Yields the folder; a data folder goes below it: ``tmp / "d"``.
    """
    folder = Path(tempfile.mkdtemp(prefix="sojourn-", dir=next(filter(_has_room, PLACES), None)))
    try:
        folder.chmod(0o711)
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        yield folder
    finally:
        for pgdata in folder.rglob("pgdata"):
            _end(EmbeddedServer(pgdata.parent))
        shutil.rmtree(folder)


@contextlib.contextmanager
def running_server(settings: Mapping[str, str] = FAST, *, binaries: Path | None = None) -> Iterator[EmbeddedServer]:
    """A server of its own, in a folder of its own, for as long as the block runs."""
    with reachable_tmp() as folder, EmbeddedServer(folder / "d", settings=settings, binaries=binaries) as server:
        yield server


def unprivileged_user() -> str | None:
    """A user to work as where the tests run as root; None where they run as a normal user anyway."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in names)


class Process:
    """Another process that runs ``code`` after the prelude; ``say`` and ``hear`` go line by line."""

    def __init__(self, code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> None:
        self._popen = subprocess.Popen(
            [*prefix, sys.executable, "-c", PRELUDE + textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def hear(self) -> str:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline().strip()
        assert line or self._popen.poll() is None, self._popen.communicate()[1]
        return line

    def end(self) -> str:
        """Let it go on to its end; the rest of what it says."""
        out, err = self._popen.communicate("go on\n", timeout=120)
        assert self._popen.returncode == 0, err
        return out.strip()

    def kill(self) -> None:
        self._popen.kill()
        self._popen.communicate()


def keep_rows(server: EmbeddedServer, count: int) -> None:
    server.ensure_database("sojourn")
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, %s)", [count])


def kept(server: EmbeddedServer) -> int:
    with psycopg.connect(server.conninfo()) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return row[0]


def setting(server: EmbeddedServer, name: str) -> str:
    with psycopg.connect(server.conninfo("postgres")) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return row[0]


def _has_room(place: Path) -> bool:
    return os.access(place, os.W_OK) and shutil.disk_usage(place).free >= ROOM_MIN


def _end(server: EmbeddedServer) -> None:
    """End the server that a failed test left behind."""
    pid = server.pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 30
    while server.pid() is not None and time.monotonic() < deadline:
        time.sleep(0.05)
