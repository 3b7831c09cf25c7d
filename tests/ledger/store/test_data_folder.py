"""Users and folders: who runs the server, what is open to them, and that nobody else's folder is touched."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import Misconfigured, StoreUnavailable
from ledger.store.data_folder import default_data_dir, first_closed
from ledger.store.embedded import EmbeddedServer, claim, find_binaries
from support.servers import FAST, Process, keep_rows, reachable_tmp, unprivileged_user

# Left out for who is not root only: for him no other user runs the server, so there is nothing to be tried. CI is root.
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="not run: needs root, for whom another user runs the server")


@pytest.fixture
def tmp() -> Iterator[Path]:
    with reachable_tmp() as folder:
        yield folder


@pytest.fixture
def data(tmp: Path) -> Path:
    return tmp / "d"


def test_a_normal_user_has_a_server_of_their_own(data: Path) -> None:
    name = unprivileged_user()
    code = """
    if sys.argv[3] != "-":
        become(sys.argv[3])
    binaries = Path(sys.argv[2])
    server = EmbeddedServer(Path(sys.argv[1]), settings=FAST, binaries=binaries)
    with server:
        server.ensure_database("sojourn")
        os.kill(server.pid(), signal.SIGKILL)
        server.start()
        with psycopg.connect(server.conninfo()) as c:
            print(os.stat(f"/proc/{server.pid()}").st_uid, c.execute("SELECT 1").fetchone()[0])
    print(server.pid())
    """
    with reachable_tmp(name) as home:
        binaries = find_binaries()
        if name is not None and first_closed(binaries / "postgres", pwd.getpwnam(name)):
            # What lies in root's home a user cannot run: lend them root's own open copy.
            with EmbeddedServer(data, settings=FAST) as lender:
                binaries = lender.binaries
        uid = pwd.getpwnam(name or getpass.getuser()).pw_uid
        assert Process(code, home / "d", binaries, name or "-").end().splitlines() == [f"{uid} 1", "None"]


@as_root
def test_for_root_the_server_runs_as_the_owner_of_the_folder(tmp: Path) -> None:
    name = unprivileged_user()
    with reachable_tmp(name) as home:
        with EmbeddedServer(home, settings=FAST) as server:
            uid = os.stat(f"/proc/{server.pid()}").st_uid
        owners = {path.stat().st_uid for path in home.iterdir() if not path.name.startswith("pg-")}
        assert {uid} == owners == {home.stat().st_uid}
    with EmbeddedServer(tmp / "d", settings=FAST) as server:
        assert os.stat(f"/proc/{server.pid()}").st_uid != 0


@as_root
def test_a_closed_folder_above_is_named_with_the_remedy_and_left_as_it_was(tmp: Path) -> None:
    closed = tmp / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Misconfigured) as told:
        EmbeddedServer(closed / "d").start()
    assert f"The folder {closed} is closed to the user" in told.value.what
    assert f"chmod o+x {closed}" in told.value.remedy
    assert closed.stat().st_mode & 0o777 == 0o700
    closed.chmod(0o711)
    with EmbeddedServer(closed / "d", settings=FAST) as server:
        assert server.pid() is not None


@as_root
def test_programs_below_a_closed_folder_are_copied_once(tmp: Path) -> None:
    wheel = find_binaries().parents[1]
    closed = tmp / "home"
    closed.mkdir(mode=0o700)
    shutil.copytree(wheel, closed / wheel.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
    (closed / f"{wheel.name}-1.2.3.dist-info").mkdir()
    binaries = closed / wheel.name / "pginstall" / "bin"
    with EmbeddedServer(tmp / "d", settings=FAST, binaries=binaries) as server:
        assert server.binaries.is_relative_to(tmp / "d" / "pg-1.2.3")
    made = server.binaries.stat().st_mtime_ns
    (closed / f"{wheel.name}-1.2.3.dist-info").rename(closed / f"{wheel.name}-1.2.4.dist-info")
    with EmbeddedServer(tmp / "d", settings=FAST, binaries=binaries) as server:
        assert [path.name for path in (tmp / "d").glob("pg-*")] == ["pg-1.2.4"]
    assert server.binaries.stat().st_mtime_ns >= made
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_other_programs_below_a_closed_folder_are_refused_with_the_remedy(tmp: Path) -> None:
    closed = tmp / "home"
    (closed / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    for program in ("initdb", "pg_ctl", "postgres"):
        shutil.copy(find_binaries() / program, closed / "bin")
    with pytest.raises(Misconfigured, match="is closed to the user"):
        EmbeddedServer(tmp / "d", binaries=closed / "bin").start()


@as_root
def test_a_folder_of_somebody_else_is_refused_to_a_normal_user(tmp: Path) -> None:
    claim(tmp / "d")
    code = """
    become(sys.argv[2])
    try:
        EmbeddedServer(Path(sys.argv[1])).start()
    except LedgerError as e:
        print(type(e).__name__, e)
    """
    name = unprivileged_user()
    for folder, words in ((tmp / "d", "belongs to the user root"), (tmp / "e", "may not use")):
        assert words in Process(code, folder, name).end()


@pytest.mark.parametrize(
    ("folder", "why"), [("/proc/x", "No such file or directory"), ("{tmp}/f/d", "Not a directory")]
)
def test_a_folder_that_cannot_be_is_told_with_the_reason_in_words(tmp: Path, folder: str, why: str) -> None:
    (tmp / "f").touch()
    data = Path(folder.replace("{tmp}", str(tmp)))
    with pytest.raises(StoreUnavailable) as told:
        claim(data)
    assert told.value.what == f"The folder {data} cannot be used: {why}."
    assert "SOJOURN_DATA" in told.value.remedy


@as_root
def test_a_containers_root_that_may_not_look_at_others_shares_the_server_too(data: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("not run: needs setpriv (util-linux)")
    blind = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
    with EmbeddedServer(data, settings=FAST) as server:
        keep_rows(server, 2)
        pid = server.pid()
        # Found by its answer on the socket, as on a Mac.
        code = """
        pid = EmbeddedServer(Path(sys.argv[1])).pid()
        try:
            os.readlink(f"/proc/{pid}/exe")
        except PermissionError:
            print("hidden", pid)
        with EmbeddedServer(Path(sys.argv[1])) as server:
            os.kill(server.pid(), signal.SIGKILL)
            server.start()
            print(server.pid() != pid, rows(server))
        """
        assert Process(code, data, prefix=blind).end().splitlines() == [f"hidden {pid}", "True 2"]


def test_the_default_folder_follows_the_user_and_the_platform(monkeypatch: pytest.MonkeyPatch, tmp: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/sojourn")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_data_dir() == tmp / ".local/share/sojourn"
    assert default_data_dir("relative") == tmp / ".local/share/sojourn"
    assert default_data_dir("/elsewhere") == Path("/elsewhere/sojourn")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_data_dir("/elsewhere") == tmp / "Library/Application Support/sojourn"
