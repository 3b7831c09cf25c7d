"""PostgreSQL killed, and started again by whoever needs it."""

from __future__ import annotations

import os
import signal
import time

import psycopg

from ledger.store.embedded import EmbeddedServer
from ledger.store.postgres_process import processes_of


def kill_server(server: EmbeddedServer, victim: str = "postmaster") -> None:
    """postmaster: the server and all that belongs to it at once. backends: of the service; the server goes on."""
    postmaster = server.pid()
    assert postmaster is not None
    if victim == "postmaster":
        processes = [postmaster, *processes_of(server.pgdata)]
    else:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            rows = admin.execute("select pid from pg_stat_activity where application_name like 'sojourn %'").fetchall()
        processes = [pid for (pid,) in rows]
    assert processes
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # went with the one before


def revive_server(server: EmbeddedServer) -> None:
    """What systemd, or the next process that uses the embedded server, does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            server.start()
            with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
                conn.execute("select")
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
