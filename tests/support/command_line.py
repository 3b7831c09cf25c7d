"""``sojourn`` as an operator runs it: a process of its own, with the settings of its environment.

A command that a test waits for is forked from a process that has imported the product, which spares it most of its
time; one that is started beside the test is what the operator's shell would start.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from support.service_processes import PRELOADED

TIMEOUT_S = 120
STREAMS = ("out", "err")

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload([*PRELOADED, "api.cli", "api.routes.students", "ledger.store.doctor"])


class CommandLine:
    """Runs commands with the same settings, given without their prefix: ``CommandLine(data="/var/tmp/x")``.

    No setting of whoever runs the tests comes through.
    """

    def __init__(self, folder: Path | None = None, **settings: object) -> None:
        self.folder = folder
        self.settings = settings
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SOJOURN_")}
        self.environment |= {f"SOJOURN_{name.upper()}": str(value) for name, value in settings.items()}

    def but(self, **settings: object) -> CommandLine:
        """The same with other settings."""
        return CommandLine(self.folder, **{**self.settings, **settings})

    def start(self, *words: object, **streams: Any) -> subprocess.Popen[str]:
        """Begin a command; end it by its own id."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "api.cli", *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            **streams,
        )

    def run(self, *words: object, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. code: the exit code that it must have; None: any."""
        said = [str(word) for word in words]
        with tempfile.TemporaryDirectory() as told:
            process = _FORKING.Process(target=_command, args=(said, self.environment, self.folder, told))
            process.start()
            process.join(TIMEOUT_S)
            ended = process.exitcode is not None
            process.kill()
            process.join()
            out, err = (Path(told, name).read_text() for name in STREAMS)
        assert ended, f"sojourn {said} does not end:\n{out}\n{err}"
        assert code is None or process.exitcode == code, f"exit {process.exitcode} of sojourn {said}:\n{out}\n{err}"
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(said, process.exitcode or 0, out, err)

    def json(self, *words: object, code: int = 0) -> Any:
        """What a command prints with ``--json``."""
        return json.loads(self.run(*words, "--json", code=code).stdout)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _command(words: Sequence[str], environment: Mapping[str, str], folder: Path | None, told: str) -> None:
    """The process of one command: its environment, its streams, then what the installed script does."""
    os.environ.clear()
    os.environ.update(environment)
    if folder is not None:
        os.chdir(folder)
    for descriptor, name in enumerate(STREAMS, start=1):
        os.dup2(os.open(Path(told, name), os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["sojourn", *words]
    from api.cli import main

    main()
