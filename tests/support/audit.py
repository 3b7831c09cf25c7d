"""Which of the locked dependencies have a published weakness: ``make audit`` asks pip-audit and npm, and adds up.

Invariant: silence is not health. What could not be asked (no network, a package that the index does not tell of, no
npm) is named and counted, and never ends with 0: pip-audit by itself passes over a package that it finds nothing about.
Exit codes: 0 everything was asked and nothing is known; 1 something is known; 2 nothing is known of what was asked, and
not everything was. Needs the network, so no test of the project runs it against the world.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("runtime", "dev", "build")
NPM_FILES = Path(__file__).resolve().parent / "npm"
TIMEOUT_S = 600


@dataclass
class Found:
    """asked: how many packages an answer came for. known: lines, one a weakness. unasked: lines, one a package."""

    asked: int = 0
    known: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)

    def code(self) -> int:
        return 1 if self.known else 2 if self.unasked or not self.asked else 0


def of_pip_audit(name: str, said: str) -> Found:
    """What pip-audit's JSON comes to. name: of the lock. said: its standard output, empty where it failed."""
    try:
        dependencies: Sequence[Mapping[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Found(unasked=[f"requirements/{name}.txt: pip-audit gave no answer"])
    found = Found()
    for dependency in dependencies:
        if "skip_reason" in dependency:
            found.unasked.append(f"requirements/{name}.txt: {dependency['name']}: {dependency['skip_reason']}")
            continue
        found.asked += 1
        for weakness in dependency["vulns"]:
            mended = ", ".join(weakness["fix_versions"]) or "no version yet"
            package = f"{dependency['name']} {dependency['version']}"
            found.known.append(f"requirements/{name}.txt: {package}: {weakness['id']}, mended by {mended}")
    return found


def of_npm(said: str) -> Found:
    """What npm's JSON comes to."""
    try:
        report = json.loads(said)
        packages: Mapping[str, Any] = report["vulnerabilities"]
        asked = int(report["metadata"]["dependencies"]["total"])
    except (ValueError, KeyError, TypeError):
        return Found(unasked=["tests/support/npm: the registry gave no answer"])
    known = [f"tests/support/npm: {name} {told['range']}: {told['severity']}" for name, told in packages.items()]
    return Found(asked=asked, known=known)


def _pip_audit(name: str) -> Found:
    lock = ROOT / "requirements" / f"{name}.txt"
    program = Path(sys.executable).with_name("pip-audit")
    words = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--desc", "off"]
    return of_pip_audit(name, _said([str(program), *words, "--requirement", str(lock)]))


def _npm() -> Found:
    program = shutil.which("npm")
    if program is None:
        return Found(unasked=["tests/support/npm: there is no npm here (`make parts`)"])
    return of_npm(_said([program, "audit", "--json", "--package-lock-only"], NPM_FILES))


def _said(words: Sequence[str], folder: Path = ROOT) -> str:
    """Standard output of a program; what it says of its own trouble goes to the screen, shortened to its last line."""
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        print(f"{Path(words[0]).name}: {type(e).__name__}", file=sys.stderr)
        return ""
    if done.stderr.strip() and not done.stdout.strip():
        print(f"{Path(words[0]).name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
    return done.stdout


def main() -> int:
    whole = Found()
    for found in (*(_pip_audit(name) for name in LOCKS), _npm()):
        whole.asked += found.asked
        whole.known += found.known
        whole.unasked += found.unasked
    for line in whole.known:
        print(f"KNOWN      {line}")
    for line in whole.unasked:
        print(f"NOT ASKED  {line}")
    print(f"{whole.asked} packages asked about, {len(whole.known)} weaknesses known, {len(whole.unasked)} not asked")
    if whole.known:
        print("Mend: make lock ARGS=--upgrade, then make test.")
    if whole.unasked:
        print("What was not asked may have any: run it where PyPI and the npm registry answer.")
    return whole.code()


if __name__ == "__main__":
    sys.exit(main())
