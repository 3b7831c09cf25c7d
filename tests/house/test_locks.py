"""Lock files name what is installed and its hashes, and never where one machine got it from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.sources import ROOT, name_of, tracked

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADDRESSES = ("://", "--find-links", "index", " @ ", "file:")
PINNED = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,._-]+\])?==\S+( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def test_there_is_a_lock_for_running_for_development_and_for_building() -> None:
    assert [lock.name for lock in LOCKS] == ["build.txt", "dev.txt", "runtime.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_no_address(lock: Path) -> None:
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        held = [address for address in ADDRESSES if address in line]
        assert not held, f"{name_of(lock)}:{number} holds {held[0]!r}; run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_with_its_hashes(lock: Path) -> None:
    lines = lock.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        fits = PINNED.fullmatch(line) or HASH.fullmatch(line)
        assert fits, f"{name_of(lock)}:{number} is neither a pinned package nor a hash; run `make lock`"


def test_what_runs_is_locked_alike_for_development() -> None:
    runtime, dev = (_pins(ROOT / "requirements" / name) for name in ("runtime.txt", "dev.txt"))
    assert runtime.items() <= dev.items(), "the two locks differ; run `make lock`"


def test_a_lock_of_npm_holds_hashes_and_no_address() -> None:
    locks = [file for file in tracked() if file.name == "package-lock.json"]
    for lock in locks:
        for name, package in json.loads(lock.read_text())["packages"].items():
            assert "resolved" not in package, f"{name_of(lock)}: {name} holds an address; see the .npmrc beside it"
            assert not name or "integrity" in package, f"{name_of(lock)}: {name} has no hash"


def test_no_other_kind_of_lock_is_kept() -> None:
    kept = [name_of(f) for f in tracked() if f.name in {"uv.lock", "poetry.lock", "Pipfile.lock", "yarn.lock"}]
    assert not kept, f"{kept} hold addresses; requirements/*.txt are the locks"


def _pins(lock: Path) -> dict[str, str]:
    pins = (line.split("==", 1) for line in lock.read_text().splitlines() if "==" in line and not line.startswith(" "))
    return {name.split("[")[0]: version.split(" ")[0] for name, version in pins}
