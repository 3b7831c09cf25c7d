"""Where an embedded server cannot work: refused with the thing, the place and the remedy, and nothing half-done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import Misconfigured, StoreUnavailable
from ledger.store.data_folder import server_user
from ledger.store.embedded import EmbeddedServer, claim
from support.parts import need
from support.servers import FAST, Process, reachable_tmp


@pytest.fixture
def tmp() -> Iterator[Path]:
    with reachable_tmp() as folder:
        yield folder


@pytest.fixture
def data(tmp: Path) -> Path:
    return tmp / "d"


def test_a_socket_path_that_is_too_long_is_refused_with_its_length(tmp: Path) -> None:
    with pytest.raises(Misconfigured) as told:
        EmbeddedServer(tmp / ("x" * 100)).start()
    assert "the system allows 10" in told.value.what
    assert "SOJOURN_DATA" in told.value.remedy
    assert not any(tmp.iterdir())


@pytest.mark.parametrize("name", ["$HOME", "a,b", 'a"b', "a`b", "a\\b", "a\nb"])
def test_a_path_that_a_shell_or_libpq_would_misread_is_refused(tmp: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="holds the character"):
        EmbeddedServer(tmp / name).start()
    assert not any(tmp.iterdir())


def test_data_of_another_major_version_is_refused_with_both_versions(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        pass
    version = (server.pgdata / "PG_VERSION").read_text().strip()
    (server.pgdata / "PG_VERSION").write_text("14\n")
    with pytest.raises(Misconfigured, match=rf"PostgreSQL 14; the programs in .* are of {version}") as told:
        server.start()
    assert "pg_upgrade" in told.value.remedy
    (server.pgdata / "PG_VERSION").write_text(f"{version}\n")
    with server:
        pass


def test_a_folder_with_strange_contents_is_refused_and_left_alone(data: Path) -> None:
    data.mkdir()
    (data / "thesis.txt").touch()
    with pytest.raises(Misconfigured, match=r"it holds thesis\.txt"):
        EmbeddedServer(data).start()
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


def test_a_pgdata_that_is_not_ours_is_refused(data: Path) -> None:
    claim(data)
    (data / "pgdata").mkdir()
    (data / "pgdata" / "PG_VERSION").write_text("18\n")
    with pytest.raises(Misconfigured, match="not empty and was not made by Sojourn"):
        EmbeddedServer(data).start()


def test_a_claimed_folder_may_hold_other_files_of_ours(data: Path) -> None:
    claim(data)
    (data / "master.key").touch()
    with EmbeddedServer(data, settings=FAST) as server:
        assert server.pid() is not None


def test_a_data_folder_that_is_a_file_is_refused(data: Path) -> None:
    data.touch()
    with pytest.raises(Misconfigured, match="is not a folder"):
        EmbeddedServer(data).start()


def test_another_server_on_our_socket_is_named(tmp: Path) -> None:
    with EmbeddedServer(tmp / "a", settings=FAST) as other, EmbeddedServer(tmp / "b", settings=FAST) as ours:
        ours.stop()
        ours.socket_folder.rmdir()
        ours.socket_folder.symlink_to(other.socket_folder)
        with pytest.raises(Misconfigured, match="Another PostgreSQL server") as told:
            ours.start()
        assert str(other.pgdata) in told.value.what
        assert "stop" in told.value.remedy


def test_a_server_that_was_started_by_hand_elsewhere_is_named(data: Path) -> None:
    with EmbeddedServer(data, settings=FAST) as server:
        pass
    user = server_user(data, server.pgdata)
    pg_ctl = [str(server.binaries / "pg_ctl"), "-D", str(server.pgdata), "-s", "-w"]
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    log = ["-l", str(server.log_file), "-o", f"-k '{server.pgdata}'"]
    subprocess.run([*pg_ctl, *log, "start"], check=True, cwd="/", **as_user)
    try:
        with pytest.raises(Misconfigured, match="started by other means"):
            server.start()
    finally:
        subprocess.run([*pg_ctl, "stop"], check=True, cwd="/", **as_user)
    with server:
        assert server.pid() is not None


def test_a_setting_that_postgresql_refuses_is_told_with_its_words(data: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"did not start: .*work_mem") as told:
        EmbeddedServer(data, settings={"work_mem": "a lot"}).start()
    assert "server.log" in told.value.remedy
    with EmbeddedServer(data, settings=FAST) as server:
        assert server.pid() is not None


def test_programs_that_are_not_there_are_named(tmp: Path) -> None:
    with pytest.raises(Misconfigured, match="lacks PostgreSQL's program initdb"):
        EmbeddedServer(tmp / "d", binaries=tmp).start()


def test_a_full_disk_at_the_first_start_leaves_nothing_half_done(tmp: Path) -> None:
    # A small file system of our own, in a mount namespace that ends with its process.
    mount = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"], check=False, capture_output=True).returncode:
        pytest.skip("not run: needs unshare (util-linux) and leave to mount")
    code = """
    import subprocess
    folder = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=0711", "none", str(folder)], check=True)
    data = folder / "d"
    try:
        EmbeddedServer(data).start()
    except LedgerError as e:
        print(type(e).__name__, e)
    print(sorted(p.name for p in data.iterdir() if p.is_dir() and not p.name.startswith("pg-")))
    subprocess.run(["mount", "-o", "remount,size=400m", str(folder)], check=True)
    with EmbeddedServer(data) as server:
        print(server.pid() is not None)
    """
    if os.geteuid() != 0:
        pytest.skip("not run: needs root, because in a namespace of its own PostgreSQL takes a user for root")
    told, left, started = Process(code, tmp, prefix=tuple(mount)).end().splitlines()
    assert told.startswith("StoreUnavailable The disk that holds")
    assert left == "[]"
    assert started == "True"


def test_data_of_the_distributions_older_server_is_refused_to_newer_programs(data: Path) -> None:
    binaries = need("pg15")
    if binaries.parent.name == "18":
        pytest.skip("not run: needs a server of the distribution that is older than the wheel's")
    with EmbeddedServer(data, settings=FAST, binaries=binaries):
        pass
    with pytest.raises(Misconfigured, match=f"is of PostgreSQL {binaries.parent.name}; the programs") as told:
        EmbeddedServer(data).start()
    assert "SOJOURN_PG_BIN" in told.value.remedy
