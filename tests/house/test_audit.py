"""An audit that could not ask says so, and does not pass for one that found nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.audit import LOCKS, Found, of_npm, of_pip_audit
from support.sources import ROOT

SOUND = '{"dependencies": [{"name": "orjson", "version": "3.11.5", "vulns": []}], "fixes": []}'
WEAK = (
    '{"dependencies": [{"name": "orjson", "version": "3.9.0", "vulns": [{"id": "PYSEC-2024-40",'
    ' "fix_versions": ["3.9.15"], "aliases": ["CVE-2024-27454"]}]}, {"name": "zest", "version": "1", "vulns":'
    ' [{"id": "GHSA-1", "fix_versions": [], "aliases": []}]}], "fixes": []}'
)
UNKNOWN = '{"dependencies": [{"name": "orjson", "skip_reason": "Dependency not found on PyPI"}], "fixes": []}'
NPM = (
    '{"auditReportVersion": 2, "vulnerabilities": %s,'
    ' "metadata": {"vulnerabilities": {"total": 0}, "dependencies": {"prod": 1, "total": 1}}}'
)


def test_a_package_of_which_nothing_is_known_is_sound() -> None:
    assert of_pip_audit("runtime", SOUND) == Found(asked=1)
    assert of_pip_audit("runtime", SOUND).code() == 0
    assert of_npm(NPM % "{}").code() == 0


def test_a_weakness_is_told_with_what_mends_it() -> None:
    found = of_pip_audit("runtime", WEAK)
    assert found.known == [
        "requirements/runtime.txt: orjson 3.9.0: PYSEC-2024-40, mended by 3.9.15",
        "requirements/runtime.txt: zest 1: GHSA-1, mended by no version yet",
    ]
    assert found.code() == 1
    weak = of_npm(NPM % '{"left-pad": {"name": "left-pad", "severity": "high", "range": "<1.1"}}')
    assert (weak.known, weak.code()) == (["tests/support/npm: left-pad <1.1: high"], 1)


@pytest.mark.parametrize(
    "found",
    [
        of_pip_audit("dev", UNKNOWN),
        of_pip_audit("dev", ""),
        of_pip_audit("dev", "null"),
        of_npm(""),
        of_npm('{"message": "405 Method Not Allowed", "error": {"summary": ""}}'),
        Found(),
    ],
)
def test_what_could_not_be_asked_is_not_sound(found: Found) -> None:
    assert found.code() == 2


def test_every_lock_is_asked_about() -> None:
    assert {file.stem for file in (ROOT / "requirements").glob("*.txt")} == set(LOCKS)


def test_without_a_network_it_says_of_each_lock_that_it_could_not_ask(tmp_path: Path) -> None:
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    npm = {"npm_config_proxy": "http://127.0.0.1:9", "npm_config_https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "audit.py")],
        env={**os.environ, **nowhere, **npm, "npm_config_fetch_retries": "0", "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    for name in LOCKS:
        assert f"NOT ASKED  requirements/{name}.txt: pip-audit gave no answer" in done.stdout
    assert "NOT ASKED  tests/support/npm" in done.stdout
    assert "0 packages asked about" in done.stdout
