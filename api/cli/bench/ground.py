"""Where everything is measured: one PostgreSQL with the settings of the product, and databases of our own on it.

Invariant: fsync is on and the data pages have checksums, for the product, its limits and its peers alike; and nothing
of a run is left behind. Without a URL the server is one of our own in a temporary folder.
"""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import migrations
from ledger.settings import Settings
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer

STATEMENT_TIMEOUT_S = 300
"""Of what the limits and peers run: a statement that hangs ends the run instead of hanging it."""

_SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "data_checksums",
    "wal_sync_method",
    "shared_buffers",
    "max_connections",
)


@dataclass
class Ground:
    """A server and a folder. admin: conninfo that may make databases."""

    admin: str
    folder: Path
    _made: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _master_key: str = field(default_factory=lambda: secrets.token_hex(32))

    def new_database(self, template: str = "template1") -> str:
        """Make a database, empty unless made after another; its conninfo, as administrator."""
        name = f"sojourn_bench_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        self._made.append(name)
        return make_conninfo(self.admin, dbname=name, options=f"-c statement_timeout={STATEMENT_TIMEOUT_S}s")

    def new_store(self) -> Settings:
        """Settings of the product over a new, migrated database."""
        conninfo = make_conninfo(self.new_database(), options="")
        migrations.upgrade(Database(conninfo))
        return Settings.load(
            database_url=conninfo, read_url=None, master_key=self._master_key, master_key_file=None, fault=None
        )

    @contextmanager
    def copy(self, settings: Settings) -> Iterator[Settings]:
        """A copy of a store that nobody has open, for one run: so no run meets what the one before it wrote."""
        assert settings.database_url is not None
        of = conninfo_to_dict(settings.database_url)["dbname"]
        conninfo = make_conninfo(self.new_database(template=str(of)), options="")
        name = self._made[-1]
        migrations.upgrade(Database(conninfo))  # who may do what in a database is not copied with it
        try:
            yield settings.model_copy(update={"database_url": conninfo})
        finally:
            self._made.remove(name)
            self._drop(name)

    def settle(self) -> None:
        """Have what was written so far on its way to the disk, so that no run pays for the one before it."""
        with psycopg.connect(self.admin, autocommit=True) as conn, suppress(pg.InsufficientPrivilege):
            conn.execute("checkpoint")

    def machine(self) -> dict[str, Any]:
        """What the figures were measured on: the computer and its PostgreSQL."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            shown = {name: conn.execute(f"show {name}".encode()).fetchone() for name in _SETTINGS}
        return computer() | {"postgresql": {name: row[0] for name, row in shown.items() if row}}

    def drop_databases(self) -> None:
        """Drop every database made."""
        while self._made:
            self._drop(self._made.pop())

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def computer() -> dict[str, Any]:
    """What the figures were measured on, and when."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": _cores(),
        "processor": _processor(),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@contextmanager
def ground(settings: Settings) -> Iterator[Ground]:
    """A ground for as long as the block runs: on the server of the settings' URL, else on an embedded one of our own.

    Raises Misconfigured, StoreUnavailable where the embedded server does not start, psycopg.Error where the URL's
    server refuses to make databases.
    """
    with _folder() as folder:
        if settings.database_url is not None:
            made = Ground(settings.database_url, folder)
            try:
                yield made
            finally:
                made.drop_databases()
            return
        with EmbeddedServer(folder / "d", settings={}, binaries=settings.pg_bin) as server:
            yield Ground(server.conninfo("postgres"), folder)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder with a short path that the server's user may pass, since a socket's path may have 107 bytes only."""
    base = Path("/var/tmp")  # noqa: S108 - a new folder of its own in it; /tmp may be in memory, which would flatter
    folder = Path(tempfile.mkdtemp(prefix="sojourn-bench-", dir=base if os.access(base, os.W_OK) else None))
    try:
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
