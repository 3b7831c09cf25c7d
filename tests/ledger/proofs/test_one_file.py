"""The verifier as one file: on its own, in an empty folder, with nothing but ``cryptography``."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest

from ledger.proofs import one_file
from ledger.proofs.bundle import WHOLE_LOG, WHOLE_STREAMS
from ledger.proofs.receipts import receipt
from ledger.proofs.tiles import level_above
from ledger.proofs.tree import consistency_proof
from support.evidence import LOG_KEY, bundle_of, sample_log

LOG = sample_log()
KEY = LOG_KEY.verifier.text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "verify.py").write_text(one_file.one_file(), encoding="utf-8")
    (tmp_path / "bundle.zip").write_bytes(bundle_of(LOG, WHOLE_STREAMS))
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -I: neither this folder, nor the environment, nor a user's own packages.
    return subprocess.run(
        [sys.executable, "-I", "verify.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_names_nothing_of_ours() -> None:
    source = one_file.one_file()
    compile(source, "verify.py", "exec")
    assert "from ledger" not in source
    assert "import ledger" not in source
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_no_two_parts_define_the_same_name() -> None:
    for one, other in combinations(one_file.PARTS, 2):
        assert not one_file.names(one) & one_file.names(other), (one, other)


def test_it_gives_the_verdict_and_the_exit_code(folder: Path) -> None:
    done = run(folder, "bundle.zip", "--key", KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PROVEN\n")
    told = json.loads(run(folder, "bundle.zip", "--key", KEY, "--json").stdout)
    assert told["holds"] is True


def test_any_doubt_is_exit_code_one_and_no_stack_trace(folder: Path) -> None:
    bundle = bytearray((folder / "bundle.zip").read_bytes())
    bundle[200] ^= 1
    (folder / "changed.zip").write_bytes(bundle)
    (folder / "empty.zip").write_bytes(b"")
    (folder / "receipt").write_bytes(b"x")
    for arguments in (
        ("changed.zip",),
        ("empty.zip",),
        ("missing.zip",),
        (".",),
        ("bundle.zip", "--key", "x"),
        ("bundle.zip", "--receipt", "receipt"),
        ("bundle.zip", "--receipt", "missing"),
        ("bundle.zip", "--consistency", "receipt"),
        ("bundle.zip", "--witness", KEY),
    ):
        done = run(folder, *arguments)
        assert (done.returncode, done.stderr) == (1, ""), arguments
        assert done.stdout.startswith("WRONG\n"), arguments
    assert run(folder).returncode == 2


def test_it_takes_receipts_and_tiles_that_were_kept(folder: Path) -> None:
    log = sample_log(600)
    (folder / "log.zip").write_bytes(bundle_of(log, WHOLE_LOG, keys=False))
    (folder / "receipt").write_bytes(log.checkpoint(400))
    (folder / "kept").write_bytes(level_above(log.leaves()))
    arguments = ("log.zip", "--key", KEY, "--receipt", "receipt", "--kept-tiles")
    done = run(folder, *arguments, "kept")
    assert done.returncode == 0
    assert "receipt at 400 events" in done.stdout
    (folder / "other").write_bytes(bytes(32))
    done = run(folder, *arguments, "other")
    assert done.returncode == 1
    assert "1 to 256" in done.stdout


def test_the_sheet_out_of_a_drawer_is_a_receipt(folder: Path) -> None:
    log = sample_log(600)
    (folder / "log.zip").write_bytes(bundle_of(log, WHOLE_LOG, keys=False))
    sheet = receipt(log.checkpoint(400), LOG_KEY.verifier, datetime(2026, 9, 1, tzinfo=UTC))
    (folder / "sheet").write_bytes(sheet.replace(b"\n", b"\r\n"))
    done = run(folder, "log.zip", "--key", KEY, "--receipt", "sheet")
    assert done.returncode == 0, done.stdout
    assert "receipt at 400 events" in done.stdout


def test_it_takes_a_proof_that_the_bundle_lacks(folder: Path) -> None:
    (folder / "receipt").write_bytes(LOG.checkpoint(13))
    arguments = ("bundle.zip", "--key", KEY, "--receipt", "receipt")
    assert run(folder, *arguments).returncode == 1
    hashes = [b64encode(h).decode() for h in consistency_proof(13, 30, LOG.tiles().read)]
    (folder / "proof").write_text("\n".join(["13", *hashes, ""]))
    assert run(folder, *arguments, "--consistency", "proof").returncode == 0
