"""Whether a PostgreSQL server is alive on a data folder: process ids, zombies, and the lock files that name them.

A process id in a file proves nothing: its process may be dead, a zombie, or a stranger's that got the same number.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator
from pathlib import Path


class Seen(enum.Enum):
    """What the process table says about a process id."""

    SERVER = enum.auto()  # a PostgreSQL process that works in the data folder: the server or a child of it
    OTHER = enum.auto()  # nobody, a zombie, or a stranger's process
    HIDDEN = enum.auto()  # exists, but we cannot look at it: a Mac has no /proc, a container's root may not read it


def look_at(pid: int, pgdata: Path) -> Seen:
    """What the process is to the data folder ``pgdata``."""
    if not Path("/proc/self/stat").exists():
        return Seen.HIDDEN if _exists(pid) else Seen.OTHER
    process = Path(f"/proc/{pid}")
    try:
        # The state follows the name, which stands in parentheses and may hold anything.
        if (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX":
            return Seen.OTHER
        # A program that was upgraded meanwhile reads "postgres (deleted)".
        program = (process / "exe").readlink().name.split(" ")[0]
        if program == "postgres" and os.path.samestat((process / "cwd").stat(), pgdata.stat()):
            return Seen.SERVER
    except PermissionError:
        return Seen.HIDDEN
    except (OSError, IndexError):
        pass  # gone while we looked
    return Seen.OTHER


def processes_of(pgdata: Path) -> Iterator[int]:
    """The ids of all PostgreSQL processes on the data folder; none where there is no /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        if look_at(int(entry.name), pgdata) is Seen.SERVER:
            yield int(entry.name)


def lock_lines(lock: Path) -> list[str]:
    """The lines of one of PostgreSQL's lock files: process id, data folder, start, port, socket folder, ..."""
    try:
        return lock.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def recorded_pid(lock: Path) -> int | None:
    """The process id in a lock file; the negative ones are of PostgreSQL's single-user mode."""
    lines = lock_lines(lock)
    text = lines[0].strip().removeprefix("-") if lines else ""
    return int(text) if text.isdecimal() and int(text) > 0 else None


def drop_if_stale(lock: Path) -> None:
    """Remove a lock file that PostgreSQL would misread. For callers who know that no server of ours is alive.

    PostgreSQL takes any living process of its own user, and a zombie, for a server, and does not dare to judge an empty
    file. Where the process is gone it removes the file itself. In either case it still looks for children that hold the
    shared memory of this folder.
    """
    pid = recorded_pid(lock)
    if lock.exists() and (pid is None or _exists(pid)):
        lock.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
