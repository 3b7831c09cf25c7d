"""Programs beside Python that some tests use: where each is found, and what installs it.

A test says ``need("strace")`` and gets the path, or is skipped with the part's name; with ``CI=true`` it fails, so that
nothing is green by absence. ``make parts`` runs this file and installs what is missing, by apt where it may (root, or
sudo without a password) and by npm; otherwise it prints the lines to run. Needs the standard library alone, since it
runs before anything is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / ".parts"
NPM_FILES = Path(__file__).resolve().parent / "npm"
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/sojourn.conf")
GO_SOURCES = Path("/usr/share/gocode")
NO_SERVICE = Path("/etc/systemd/system/prometheus.service")


@dataclass(frozen=True)
class Part:
    """find: the path of the part, or None. apt: Debian's packages. npm: it comes from ``tests/support/npm``.

    for_tests: False where only the installation itself uses it.
    """

    name: str
    what: str
    find: Callable[[], Path | None]
    apt: tuple[str, ...] = ()
    npm: bool = False
    for_tests: bool = True


def _program(name: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        found = shutil.which(name)
        return Path(found) if found else None

    return find


def _oldest_server() -> Path | None:
    """Folder of the programs of the distribution's oldest PostgreSQL server, 15 or newer."""
    folders = [d for d in Path("/usr/lib/postgresql").glob("*/bin") if (d / "initdb").exists()]
    fitting = [(int(d.parent.name), d) for d in folders if d.parent.name.isdigit() and int(d.parent.name) >= 15]
    return min(fitting)[1] if fitting else None


def _prometheus() -> Path | None:
    """The server; promtool is beside it."""
    found = shutil.which("prometheus")
    return Path(found) if found and Path(found).with_name("promtool").exists() else None


def _message_db() -> Path | None:
    folder = FETCHED / "node_modules" / "@eventide" / "message-db" / "database"
    return folder if (folder / "install.sh").exists() else None


def _oidc_provider() -> Path | None:
    """The installed package; it is run by the node that ``requirements/dev.txt`` brings."""
    folder = FETCHED / "node_modules" / "oidc-provider"
    return folder if (folder / "package.json").exists() else None


def _go() -> Path | None:
    """The go program; Debian puts the module whose notes and trees we are compared with below ``GO_SOURCES``."""
    found = shutil.which("go")
    return Path(found) if found and (GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir() else None


def _faketime() -> Path | None:
    """The library itself, which is loaded before a program's own."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def _python_venv() -> Path | None:
    return Path(sys.executable) if importlib.util.find_spec("ensurepip") else None


def _pango() -> Path | None:
    """The font; the libraries have to be found too."""
    font = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
    return font if font.exists() and all(map(find_library, ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset"))) else None


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("pg15", "Debian's PostgreSQL server, 15 or newer", _oldest_server, apt=("postgresql",)),
        Part("strace", "strace, which makes the disk fail", _program("strace"), apt=("strace",)),
        Part("psql", "psql", _program("psql"), apt=("postgresql-client",)),
        Part("make", "make", _program("make"), apt=("make",)),
        Part("git", "git", _program("git"), apt=("git",)),
        Part("prometheus", "Prometheus with promtool", _prometheus, apt=("prometheus",)),
        Part("npm", "npm", _program("npm"), apt=("npm",)),
        Part("message-db", "message-db's SQL, a peer in the benchmarks", _message_db, npm=True),
        Part("oidc-provider", "an OpenID provider", _oidc_provider, npm=True),
        Part("chromium", "Chromium, which reads pages as people do", _program("chromium"), apt=("chromium",)),
        Part("pdftotext", "pdftotext, which reads PDF files", _program("pdftotext"), apt=("poppler-utils",)),
        Part(
            "pango",
            "Pango with DejaVu's letters, for PDF files",
            _pango,
            apt=("fonts-dejavu-core", "libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"),
        ),
        Part("go", "Go, with its own notes and trees", _go, apt=("golang-go", "golang-golang-x-mod-dev")),
        Part("faketime", "libfaketime, which sets the clock of a program", _faketime, apt=("libfaketime",)),
        Part("python-venv", "Python's venv", _python_venv, apt=("python3-venv",), for_tests=False),
    )
}


def need(name: str) -> Path:
    """The part's path. Without it: skips the test, naming it; fails it where ``CI=true``."""
    import pytest

    part = PARTS[name]
    found = part.find()
    if found is not None:
        return found
    message = f"not run: needs {part.what} ({name}), `make parts`"
    if os.environ.get("CI") == "true":
        raise pytest.fail.Exception(message, pytrace=False)
    raise pytest.skip.Exception(message)


def missing(names: Iterable[str]) -> list[Part]:
    """Those of the named parts that are not here."""
    return [PARTS[name] for name in names if PARTS[name].find() is None]


def main(names: list[str]) -> int:
    """Install what is missing of the named parts (of all that tests use, if none is named); 1 if any still is."""
    wanted = names or [part.name for part in PARTS.values() if part.for_tests]
    lacking = missing(wanted)
    packages = [package for part in lacking for package in part.apt]
    if packages:
        _install_packages(packages)
    if any(part.npm for part in lacking) and not missing(["npm"]):
        _install_npm_files()
    still = missing(wanted)
    for name in wanted:
        print(f"{name:12} {PARTS[name].find() or 'missing: ' + PARTS[name].what}")
    return 1 if still else 0


def _install_packages(packages: list[str]) -> None:
    """By apt. A server package must not make a cluster or start a service of its own: nobody asked for one."""
    install = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    lines = f"apt-get -q update && DEBIAN_FRONTEND=noninteractive {install}"
    if "postgresql" in packages:
        setting = "create_main_cluster = false"
        lines = f"mkdir -p {NO_CLUSTER.parent} && echo '{setting}' > {NO_CLUSTER} && {lines}"
    if "prometheus" in packages and not NO_SERVICE.exists():
        # Masked, it is started neither now nor at the next boot, on every address of this machine. Whoever wants it as
        # a service says: systemctl unmask prometheus.
        lines = f"mkdir -p {NO_SERVICE.parent} && ln -sfn /dev/null {NO_SERVICE} && {lines}"
    as_root = _as_root()
    if as_root is None or not shutil.which("apt-get"):
        print(f"Missing packages. On Debian, as root, run:\n  {lines}", file=sys.stderr)
        return
    subprocess.run([*as_root, "sh", "-c", lines], check=False)
    importlib.invalidate_caches()


def _as_root() -> list[str] | None:
    """The words before a command that make it run as root; None where that needs a password."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def _install_npm_files() -> None:
    """What ``tests/support/npm/package-lock.json`` names, checked by its hashes; no package's scripts run."""
    FETCHED.mkdir(exist_ok=True)
    for file in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(NPM_FILES / file, FETCHED / file)
    subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=FETCHED, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
