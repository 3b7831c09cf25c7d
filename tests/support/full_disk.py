"""A ledger on a disk that fills up: run in a mount namespace of its own, where a small file system is all it has."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psycopg

from ledger.application import Ledger, RequestKey
from ledger.errors import LedgerError
from ledger.store import sequencer
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.keyed_requests import META, Asked, stories
from support.service_processes import open_store_of
from support.wholeness import assert_whole

SIZE = "200m"
ROWS = 400
TRIES_MAX = 400


def fill_and_make_room(folder: Path) -> None:
    """Fill the disk twice: beside the tables, then beside the WAL. Prints a line of JSON for each."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "none", str(folder)], check=True)
    sequencer.RECONNECT_SECONDS = 3.0
    requests = iter(story[0] for story in stories(TRIES_MAX, rows=ROWS))
    settings = {"min_wal_size": "32MB", "max_wal_size": "64MB"}
    with (
        EmbeddedServer(folder / "d", settings=settings) as server,
        migrated_database(server) as named,
        open_store_of(named) as store,
        store.ledger() as ledger,
    ):
        for free, switch_before in ((2 << 20, True), (0, False)):
            with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
                admin.execute("checkpoint")
                if switch_before:
                    admin.execute("select pg_switch_wal()")
                _ask(ledger, next(requests))  # a segment that is begun has its room
                if not switch_before:
                    admin.execute("select pg_switch_wal()")  # the next commit needs a new segment
                ballast = _fill(folder, free)
            told: LedgerError | None = None
            refused = next(requests)
            for asked in requests:
                refused = asked
                try:
                    _ask(ledger, refused)
                except LedgerError as e:
                    told = e
                    break
            ballast.unlink()
            server.start()  # PostgreSQL may have ended over it; systemd, or the next command, starts it again
            position = _ask(ledger, refused)
            again = _ask(ledger, refused)
            with psycopg.connect(named["database_url"], autocommit=True) as conn:
                head = assert_whole(conn)
            print(
                json.dumps(
                    {
                        "error": type(told).__name__,
                        "what": getattr(told, "what", ""),
                        "remedy": getattr(told, "remedy", ""),
                        "position": position,
                        "again": again,
                        "head": head,
                    }
                )
            )


def _ask(ledger: Ledger, asked: Asked) -> int:
    request = RequestKey(scope="oregon", key=asked.key, body_hash=asked.key.encode())
    return ledger.execute(asked.command, META, request).position


def _fill(folder: Path, leave: int) -> Path:
    """Take all room but this."""
    disk = os.statvfs(folder)
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - leave)
    return ballast
