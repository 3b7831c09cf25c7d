"""Go's own notes and trees, asked: a fixture that builds the program once for the file of tests that needs it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.parts import GO_SOURCES, need

PROGRAM = Path(__file__).parent / "go" / "main.go"
Ask = Callable[[list[dict[str, Any]]], list[dict[str, str]]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    go, folder = need("go"), tmp_path_factory.mktemp("go")
    offline = {"GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOPROXY": "off", "GOFLAGS": "", "HOME": str(folder)}
    environment = {**os.environ, **offline, "GOCACHE": str(folder / "cache"), "CGO_ENABLED": "0"}
    program = folder / "ask"
    subprocess.run([go, "build", "-o", program, PROGRAM], env=environment, cwd=folder, timeout=600, check=True)

    def asked(questions: list[dict[str, Any]]) -> list[dict[str, str]]:
        done = subprocess.run(
            [program], input=json.dumps(questions), capture_output=True, text=True, timeout=60, check=True
        )
        return json.loads(done.stdout)

    return asked
