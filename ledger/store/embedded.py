"""The embedded PostgreSQL server: one per data folder, shared by every process that uses it, stopped by the last one.

Keeps one promise: whatever is killed, and whenever, the next ``start`` finds or makes a working server with every
committed row. Two locks in the data folder carry it. ``gate.lock`` is held, alone, around every start and stop;
``users.lock`` is held, together, for as long as a process uses the server. Both are flocks, so the kernel drops them
when their holder dies, and nothing has to be cleaned up.

The folder holds the locks, ``pgdata`` (PostgreSQL's own), ``run`` (the socket, 0700), ``server.log`` and, where the
programs lie below a folder that is closed to the server's user, ``pg-<release>``, a copy of them.

Knows nothing of schemas, roles or events, and reads no environment variable.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from ledger.errors import LedgerError, Misconfigured, StoreUnavailable
from ledger.store import postgres_programs as programs
from ledger.store.data_folder import (
    NO_ROOM,
    USERS,
    check_open,
    claim,
    default_data_dir,
    disk_full,
    explained,
    gate,
    give,
    make_private,
    open_lock,
    release,
    server_user,
    sync,
    try_lock,
)
from ledger.store.postgres_process import Seen, drop_if_stale, lock_lines, look_at, processes_of, recorded_pid
from ledger.store.postgres_programs import find_binaries

__all__ = ["SETTINGS", "EmbeddedServer", "claim", "default_data_dir", "find_binaries"]

PORT = 5432  # only a part of the socket's name: the server does not listen on the network
START_TIMEOUT_S = 300  # recovery after a crash replays WAL, and no second server may start meanwhile
STOP_TIMEOUT_S = 300  # the shutdown checkpoint writes every dirty page
ORPHAN_GRACE_S = 2  # children of a killed server end by themselves unless they are busy; then they are told to
POLL_S = 0.1
LOG_BYTES_MAX = 8 * 1024 * 1024  # a longer log is put aside at the next start; one is kept
SOCKET_BYTES_MAX = 103 if sys.platform == "darwin" else 107  # sun_path without its closing zero byte

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_recycle": "off",  # old segments hold what was destroyed since; a scrub must be able to see them go
        "summarize_wal": "on",  # incremental base backups
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",  # the messages are read below
        "log_checkpoints": "off",
        # Logs hold no child's data. Details of errors quote rows, statements and their parameters are values.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_statement": "none",
        "log_duration": "off",
        "log_min_duration_statement": "-1",
        "log_min_duration_sample": "-1",
        "log_transaction_sample_rate": "0",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "debug_print_parse": "off",
        "debug_print_rewritten": "off",
        "debug_print_plan": "off",
    }
)
_SINCE_MAJOR = {"summarize_wal": 17}

_CONF = "sojourn.conf"  # inside pgdata, included last; also the sign that the folder is ours
_UNFINISHED = "pgdata.new-"
# pg_ctl puts paths between double quotes into a shell's command line, and to libpq a comma parts two hosts.
_UNQUOTABLE = frozenset('"$`\\\n,')


class EmbeddedServer:
    """The server under ``data``, shared by all processes that use it, stopped by the last one out.

    settings: PostgreSQL settings that override ``SETTINGS``; those of whoever starts the server count.
    binaries: a folder with PostgreSQL's programs; without it ``find_binaries`` chooses.

    Each object is one user of the server. A forked child that goes on using it makes an object of its own.
    """

    def __init__(self, data: Path, *, settings: Mapping[str, str] | None = None, binaries: Path | None = None) -> None:
        self.data = data.absolute()
        self.pgdata = self.data / "pgdata"
        self.socket_folder = self.data / "run"
        self.log_file = self.data / "server.log"
        self._settings = {**SETTINGS, **(settings or {})}
        self._given_binaries = binaries
        self._users: int | None = None  # descriptor that holds the shared lock while we use the server
        self._user_process = 0  # the process that took it: a forked child inherits the descriptor, not the use

    def start(self) -> None:
        """Make sure that the server runs, and count as one of its users until ``stop``.

        May be called again at any time; that is also how a server that was killed comes back.
        Raises Misconfigured where the folder, its contents or the programs do not fit; StoreUnavailable where the disk
        is full or the server does not come up. Either way nothing half-done is left.
        """
        self._check_path()
        claim(self.data)
        with explained(self.data), gate(self.data):
            self._ensure_running()
            if self._users is None:
                users = open_lock(self.data / USERS)
                fcntl.flock(users, fcntl.LOCK_SH)
                self._users, self._user_process = users, os.getpid()

    def stop(self) -> None:
        """Stop using the server; the last user stops it. Does nothing where ``start`` was not called.

        Raises StoreUnavailable where the server does not end in time.
        """
        users, self._users = self._users, None
        if users is None:
            return
        if self._user_process != os.getpid():
            os.close(users)  # without letting go of the lock, which is the parent's
            return
        try:
            with explained(self.data), gate(self.data):
                # The shared lock is let go first: two of the same file would wait for each other.
                fcntl.flock(users, fcntl.LOCK_UN)
                if try_lock(users, fcntl.LOCK_EX):  # nobody is left
                    self._stop_server()
        finally:
            release(users)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def conninfo(self, dbname: str = "sojourn", user: str = "postgres") -> str:
        """psycopg's connection string, by the unix socket. Every role may log in there without a password: the socket's
        folder is open to the server's own user and to root only."""
        return make_conninfo(host=str(self.socket_folder), port=PORT, dbname=dbname, user=user)

    def ensure_database(self, dbname: str) -> None:
        """Create the database unless it exists. Raises StoreUnavailable where the server cannot be reached."""
        name = sql.Identifier(dbname)
        try:
            with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
                if connection.execute("SELECT FROM pg_database WHERE datname = %s", [dbname]).fetchone():
                    return
                # Two processes may come here together: one of them is told that it was late.
                with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
                    # An error of a client's statement is told to the client; its text may quote a child's data, and the
                    # log must not. Here PostgreSQL ranks "log" above "error".
                    connection.execute(sql.SQL("ALTER DATABASE {} SET log_min_messages = 'log'").format(name))
        except psycopg.Error as error:
            raise self._failed(f"The database {dbname} could not be made", str(error)) from error

    def pid(self) -> int | None:
        """Process id of the running server, None where none runs. Raises Misconfigured on a clash."""
        with explained(self.data):
            return self._find_live()

    @functools.cached_property
    def binaries(self) -> Path:
        """The programs in use: a folder that the server's user can reach. Known once the data folder is claimed.

        Raises Misconfigured where there is none.
        """
        return programs.reachable(find_binaries(self._given_binaries), self._user, self.data)

    # What is there

    @property
    def _user(self) -> pwd.struct_passwd | None:
        return server_user(self.data, self.pgdata)

    @property
    def _pid_file(self) -> Path:
        return self.pgdata / "postmaster.pid"

    @property
    def _socket(self) -> Path:
        return self.socket_folder / f".s.PGSQL.{PORT}"

    def _ping(self) -> int:
        return pq.PGconn.ping(os.fsencode(make_conninfo(self.conninfo("postgres"), connect_timeout=5)))

    def _find_live(self) -> int | None:
        """Process id of our live server, or None. One that nobody can look at is asked for its folder."""
        pid = recorded_pid(self._pid_file)
        seen = Seen.OTHER if pid is None else look_at(pid, self.pgdata)
        if seen is Seen.SERVER:
            return pid
        folder = self._who_answers()
        if folder is None:
            return None
        if not _same(folder, self.pgdata):
            raise Misconfigured(
                f"Another PostgreSQL server, of the folder {folder}, answers on the socket in {self.socket_folder}.",
                remedy=f"Stop it (pg_ctl -D {folder} stop), or set SOJOURN_DATA to a folder of its own.",
            )
        if seen is Seen.OTHER and pid is not None:
            raise Misconfigured(
                f"The server of {self.data} runs where this process cannot see it, probably in another container.",
                remedy="Stop it there, or set SOJOURN_DATA to a folder that is not shared between containers.",
            )
        return pid

    def _who_answers(self) -> str | None:
        """Data folder of the server that answers on our socket; None where nobody does. Waits for one that starts."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (answer := self._ping()) == pq.Ping.REJECT and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if answer != pq.Ping.OK:
            return None
        try:
            with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
                row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        except psycopg.Error:
            return "unknown" if self._ping() == pq.Ping.OK else None
        return row[0] if row else None

    # Checks

    def _check_path(self) -> None:
        path = str(self.data)
        size = len(os.fsencode(self._socket))
        if size > SOCKET_BYTES_MAX:
            longest = SOCKET_BYTES_MAX - (size - len(os.fsencode(path)))
            raise Misconfigured(
                f"The socket path {self._socket} has {size} bytes; the system allows {SOCKET_BYTES_MAX}.",
                remedy=f"Set SOJOURN_DATA to a path of at most {longest} bytes.",
            )
        if bad := sorted(_UNQUOTABLE & set(path)):
            raise Misconfigured(
                f"The data folder's path holds the character {bad[0]!r}, which PostgreSQL's tools cannot take.",
                remedy="Set SOJOURN_DATA to a path without it.",
            )

    def _check_data(self) -> None:
        """pgdata is in reach of its server, and absent, empty, or ours and of the programs' major version."""
        check_open(self.data, self._user)
        if not self.pgdata.exists() or not any(self.pgdata.iterdir()):
            return
        version_file = self.pgdata / "PG_VERSION"
        if not version_file.exists() or not (self.pgdata / _CONF).exists():
            raise Misconfigured(
                f"The folder {self.pgdata} is not empty and was not made by Sojourn.",
                remedy="Move it away, or set SOJOURN_DATA to a new folder.",
            )
        has, needs = version_file.read_text().strip(), str(programs.major(self.binaries))
        if has != needs:
            raise Misconfigured(
                f"The data in {self.pgdata} is of PostgreSQL {has}; the programs in {self.binaries} are of {needs}.",
                remedy=f"Set SOJOURN_PG_BIN to the programs of PostgreSQL {has}, or bring the folder to {needs} with "
                "pg_upgrade, or set SOJOURN_DATA to a new folder.",
            )

    def _check_listens_here(self, pid: int) -> None:
        """A live server that does not answer on our socket is starting, or was started by hand with another one."""
        lines = lock_lines(self._pid_file)
        if len(lines) > 4 and lines[4] and not (_same(lines[4], self.socket_folder) and lines[3] == str(PORT)):
            raise Misconfigured(
                f"A server that was started by other means (process {pid}) uses {self.pgdata}.",
                remedy=f"Stop it: pg_ctl -D {self.pgdata} stop",
            )

    # Starting and stopping; the gate is held

    def _ensure_running(self) -> None:
        begun = time.monotonic()
        said = "it is still recovering"
        while time.monotonic() - begun < START_TIMEOUT_S:
            if (pid := self._find_live()) is not None:
                answer = self._ping()
                if answer == pq.Ping.OK:
                    return
                if answer == pq.Ping.NO_RESPONSE:
                    self._check_listens_here(pid)
            else:
                said = self._launch()
                if not said:
                    return
                if "is still in use" in said or ("lock file" in said and "already exists" in said):
                    # A server was killed a moment ago: its children hold the shared memory, its dead entry the locks.
                    if time.monotonic() - begun > ORPHAN_GRACE_S:
                        self._end_orphans()
                elif self._find_live() is None:
                    raise self._failed("PostgreSQL did not start", said)
            time.sleep(POLL_S)
        raise self._failed(f"PostgreSQL did not come up within {START_TIMEOUT_S} seconds", said)

    def _launch(self) -> str:
        """Start a server where none is alive. Returns what it said if it did not come up."""
        self._check_data()
        for left in self.data.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        for copy in self.data.glob("pg-*"):
            if not self.binaries.is_relative_to(copy):
                shutil.rmtree(copy)  # of an older release; no server runs from it now
        if not (self.pgdata / "PG_VERSION").exists():
            self._make_data()
        self._write_settings(self.pgdata)
        make_private(self.socket_folder, self._user)
        drop_if_stale(self._pid_file)
        drop_if_stale(self._socket.with_name(f"{self._socket.name}.lock"))
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        log = os.open(self.log_file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            give(log, self._user)
            before = os.fstat(log).st_size
            done = self._pg_ctl("start", "-t", str(START_TIMEOUT_S), "-l", str(self.log_file))
            if done.returncode == 0:
                return ""
            said = os.pread(log, 64 * 1024, before).decode(errors="replace")
            return said.strip() or done.stderr.strip() or "it gave no reason"
        finally:
            os.close(log)

    def _make_data(self) -> None:
        """initdb under another name: what a full disk or a kill leaves there is thrown away, never started.

        The name is a new one each time, because the initdb of a starter that was killed may still be at work.
        """
        new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.data))
        try:
            make_private(new, self._user)
            self._initdb(new)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        new.rename(self.pgdata)
        sync(self.data)

    def _initdb(self, folder: Path) -> None:
        # Order by code point, the same on every machine.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if programs.major(self.binaries) < 17:
            locale = ["--locale=C.UTF-8"]
        sync_or_not = ["--no-sync"] if self._settings["fsync"] == "off" else []
        # fmt: off
        done = programs.run(
            self.binaries, self._user, "initdb", "-D", str(folder), "-U", "postgres", "-E", "UTF8", *locale,
            "--data-checksums", "--auth-local=trust", "--auth-host=reject", *sync_or_not,
        )
        # fmt: on
        if done.returncode != 0:
            raise self._failed("PostgreSQL's data folder could not be made", done.stderr or done.stdout)
        with (folder / "postgresql.conf").open("a") as conf:
            conf.write(f"\ninclude = '{_CONF}'\n")
        self._write_settings(folder)

    def _write_settings(self, folder: Path) -> None:
        major = programs.major(self.binaries)
        settings = {name: value for name, value in self._settings.items() if _SINCE_MAJOR.get(name, 0) <= major} | {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{self.socket_folder}"',  # a list of names, each in quotes of its own
        }
        new = folder / f"{_CONF}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as conf:
            give(descriptor, self._user)
            conf.write("# Written by Sojourn at every start. Changes here are lost.\n")
            for name, value in settings.items():
                quoted = value.replace("\\", "\\\\").replace("'", "''")
                conf.write(f"{name} = '{quoted}'\n")
        new.replace(folder / _CONF)

    def _end_orphans(self) -> None:
        """Tell the busy children of a killed server to end at once; their server is gone, so nothing of theirs counts.

        Where there is no /proc they are only waited for.
        """
        for pid in processes_of(self.pgdata):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)

    def _stop_server(self) -> None:
        if self._find_live() is None:
            return
        done = self._pg_ctl("stop", "-t", str(STOP_TIMEOUT_S), "-m", "fast")
        if done.returncode != 0 and self._find_live() is not None:
            raise self._failed("PostgreSQL did not stop", done.stderr)

    def _pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return programs.run(self.binaries, self._user, "pg_ctl", "-D", str(self.pgdata), "-s", "-w", *arguments)

    def _failed(self, what: str, said: str) -> LedgerError:
        if NO_ROOM in said:
            return disk_full(self.data)
        return StoreUnavailable(f"{what}: {programs.reason(said)}.", remedy=f"See {self.log_file}.")


def _same(one: str | Path, other: Path) -> bool:
    try:
        return other.samefile(one)
    except OSError:
        return False
