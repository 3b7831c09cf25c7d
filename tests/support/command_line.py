"""``sojourn`` as an operator runs it: a process of its own, with the settings of its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 120


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
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"sojourn {words} does not end:\n{out}\n{err}") from None
        assert code is None or process.returncode == code, (
            f"exit {process.returncode} of sojourn {words}:\n{out}\n{err}"
        )
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess([str(word) for word in words], process.returncode, out, err)

    def json(self, *words: object, code: int = 0) -> Any:
        """What a command prints with ``--json``."""
        return json.loads(self.run(*words, "--json", code=code).stdout)
