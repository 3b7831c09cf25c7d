"""Somebody's laptop: the verifier as one file, Python and ``cryptography``, nothing of ours; and a forger's pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from support.kept_receipts import NAMES
from support.own_proofs import Event


def verified(verifier: Path, *words: object) -> tuple[int, str]:
    """Exit code and verdict, as somebody gets them who has Python and ``cryptography`` and nothing else."""
    done = subprocess.run(
        [sys.executable, "-I", verifier.name, *map(str, words)],
        cwd=verifier.parent,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert not any(name in said for name in NAMES), said
    assert "robably" not in said
    return done.returncode, said


def judged(verifier: Path, bundles: list[bytes], *words: str) -> list[tuple[int, str]]:
    """The verdict on each of many bundles, in one process without ours on its path."""
    code = (
        "import sys, io, runpy, json, contextlib\nsaid = []\n"
        f"for n in range({len(bundles)}):\n"
        f"    sys.argv = ['verify.py', f'{{n}}.zip', *{list(words)!r}]\n    out = io.StringIO()\n"
        "    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):\n"
        "        try:\n            runpy.run_path('verify.py', run_name='__main__')\n            code = 0\n"
        "        except SystemExit as ended:\n            code = ended.code or 0\n"
        "    said.append([code, out.getvalue()])\nprint(json.dumps(said))"
    )
    for n, bundle in enumerate(bundles):
        (verifier.parent / f"{n}.zip").write_bytes(bundle)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=verifier.parent, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [(code, said) for code, said in json.loads(done.stdout)]
    for _, said in found:
        assert not any(name in said for name in (*NAMES, "Traceback")), said
    return found


def index_without(index: str, gone: Event, left: list[Event]) -> str:
    """The page for people as the exporter would have written it of the events that are left."""
    start, rest = re.split(rf"^{gone.position}  .*\n.*\n", index, maxsplit=1, flags=re.MULTILINE)
    for name, count in (
        (gone.topic, sum(event.topic == gone.topic for event in left)),
        (gone.stream, sum(event.stream == gone.stream for event in left)),
    ):
        told = f"{count:>12}  {name}\n" if count else ""
        rest = re.sub(rf"^ +\d+  {re.escape(name)}\n", told, rest, flags=re.MULTILINE)
    return start.replace(f": {len(left) + 1} events", f": {len(left)} events", 1) + rest
