"""The folder under which the embedded server keeps everything: where it is, whether it is ours, who owns what in it.

Keeps one promise: nothing above the data folder, and no folder that was not made by us, is changed. What the operating
system refuses is said in words, with the folder and the remedy.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ledger.errors import Misconfigured, StoreUnavailable

GATE = "gate.lock"  # held alone around every start and stop; also the sign that the folder is ours
USERS = "users.lock"  # held together by all who use the server
GATE_TIMEOUT_S = 600  # a recovery and a shutdown checkpoint, both long
POLL_S = 0.02
NO_ROOM = "No space left on device"

_IGNORED = frozenset({"lost+found"})  # what an empty volume may hold


def default_data_dir(xdg_data_home: str = "") -> Path:
    """The data folder where no setting names one.

    xdg_data_home: value of XDG_DATA_HOME, ignored unless absolute (as the XDG base directory specification asks).
    Raises Misconfigured for a user without a home.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/sojourn")
    try:
        home = Path.home()
    except RuntimeError:
        raise Misconfigured(
            "The user has no home folder.", remedy="Set SOJOURN_DATA to a folder that it may write to."
        ) from None
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "sojourn"
    given = Path(xdg_data_home)
    return (given if given.is_absolute() else home / ".local" / "share") / "sojourn"


def claim(data: Path) -> None:
    """Make ``data`` a folder of ours: create it, or take an empty one. Does nothing to one that is ours already.

    Whoever puts a file of their own there claims first, because a folder with strange contents is never taken.
    Raises Misconfigured where it is somebody else's; StoreUnavailable where the disk is full.
    """
    with explained(data):
        if not data.is_symlink() and not data.exists():
            _make(data)
        if not data.is_dir():
            raise Misconfigured(f"{data} is not a folder.", remedy="Set SOJOURN_DATA to a folder.")
        owner = data.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise Misconfigured(
                f"The folder {data} belongs to the user {_user_name(owner)}, not to {_user_name(os.geteuid())}.",
                remedy="Work as that user, or set SOJOURN_DATA to a folder of your own.",
            )
        if not (data / GATE).exists():
            found = sorted({entry.name for entry in data.iterdir()} - _IGNORED)
            # Looked at again, because another process may have claimed it between the two looks.
            if found and not (data / GATE).exists():
                raise Misconfigured(
                    f"The folder {data} was not made by Sojourn and is not empty: it holds {found[0]}.",
                    remedy="Set SOJOURN_DATA to a folder that is empty or does not exist yet.",
                )
            os.close(open_lock(data / GATE))


def server_user(data: Path, pgdata: Path) -> pwd.struct_passwd | None:
    """Who runs the server, where that is not the user we are. Only root has somebody else do it, since PostgreSQL
    refuses to run as root: the owner of the folder or, where that is root, ``postgres``, else ``nobody``.

    Raises Misconfigured where there is nobody.
    """
    if os.geteuid() != 0:
        return None
    owner = (pgdata if pgdata.exists() else data).stat().st_uid
    if owner != 0:
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            raise Misconfigured(
                f"The folder {data} belongs to the user id {owner}, which has no name; PostgreSQL needs one.",
                remedy="Give the folder to a user with a name, or set SOJOURN_DATA to another.",
            ) from None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Misconfigured(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody.",
        remedy="Make the user postgres, or work as a normal user.",
    )


def check_open(path: Path, user: pwd.struct_passwd | None) -> None:
    """Raises Misconfigured naming the first step on the way to ``path`` that the server's user may not pass."""
    if user is not None and (step := first_closed(path, user)) is not None:
        raise Misconfigured(
            f"The folder {step} is closed to the user {user.pw_name}, who has to run PostgreSQL for root.",
            remedy=f"Set SOJOURN_DATA to an open place such as /var/lib/sojourn, or open it: chmod o+x {step}",
        )


def first_closed(path: Path, user: pwd.struct_passwd) -> Path | None:
    """The first folder on the way to ``path``, or ``path`` itself, that the user may not pass or run."""
    path = path.resolve()
    for step in (*reversed(path.parents), path):
        found = step.stat()
        if found.st_uid == user.pw_uid:
            needed = stat.S_IXUSR
        elif found.st_gid == user.pw_gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return step
    return None


def make_private(folder: Path, user: pwd.struct_passwd | None) -> None:
    """A folder 0700 of the server's user, inside the data folder. Nothing if it is there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        give(descriptor, user)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def give(descriptor: int, user: pwd.struct_passwd | None) -> None:
    """Make the open file the server's user's own."""
    if user is not None:
        os.fchown(descriptor, user.pw_uid, user.pw_gid)


def sync(folder: Path) -> None:
    """A rename in the folder outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """Descriptor of a lock file, made where there is none."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        # The folder's owner must be able to take the lock after root.
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


@contextlib.contextmanager
def gate(data: Path) -> Iterator[None]:
    """Alone with the folder. Raises StoreUnavailable where another process holds it for too long."""
    descriptor = open_lock(data / GATE)
    try:
        deadline = time.monotonic() + GATE_TIMEOUT_S
        while not try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"Another process has been starting or stopping the server of {data} for too long.",
                    remedy=f"Find it with: fuser {data / GATE}",
                )
            time.sleep(POLL_S)
        yield
    finally:
        release(descriptor)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take the flock (LOCK_SH or LOCK_EX) unless that would mean waiting."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release(descriptor: int) -> None:
    """Let go of the lock and close. A lock belongs to the open file, so a descriptor that is left open after an error
    would shut out this very process for ever, and so would a child that was forked meanwhile: hence the unlock."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def disk_full(folder: Path) -> StoreUnavailable:
    return StoreUnavailable(f"The disk that holds {folder} is full.", remedy="Free some space there and try again.")


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """What the operating system refuses below ``folder``, as Misconfigured or StoreUnavailable."""
    try:
        yield
    except OSError as error:
        # shutil gathers the errors of a copy into one that has no number.
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or NO_ROOM in str(error):
            raise disk_full(folder) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Misconfigured(
                f"The user {_user_name(os.geteuid())} may not use {error.filename or folder}: {error.strerror}.",
                remedy="Set SOJOURN_DATA to a folder that this user may write to.",
            ) from error
        raise StoreUnavailable(
            f"The folder {folder} cannot be used: {error.strerror or error}.",
            remedy="See that it is there and whole, or set SOJOURN_DATA to another.",
        ) from error


def _make(folder: Path) -> None:
    """Make the folder and what is missing above it. For root they are open to pass, because PostgreSQL runs as another
    user; what existed before keeps its mode. Another process may be making them too."""
    root = os.geteuid() == 0
    for above in reversed(folder.parents):
        if not above.exists():
            above.mkdir(exist_ok=True)
            if root:
                above.chmod(0o755)
    folder.mkdir(mode=0o711 if root else 0o700, exist_ok=True)
    if root:
        folder.chmod(0o711)  # whatever the umask took away


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
