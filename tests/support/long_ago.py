"""A service whose clock is set: what was sent, read and ended years ago, and what the years since have made due.

``libfaketime`` sets the clock of every process of the service, its PostgreSQL's too. A ledger goes forward only, so
each time must be later than the one before. The last one is today, without any of this.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from support.command_line import TIMEOUT_S, CommandLine
from support.house import House, Service
from support.parts import need
from support.sources import ROOT


class LongAgo(House):
    """A house at some time. now: None for today. Tokens are of one time: they do not last years."""

    def __init__(self, data: Path, now: datetime | None = None, **settings: str) -> None:
        if now is not None:
            offset = (now - datetime.now(UTC)).total_seconds()
            faked = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "LD_PRELOAD": str(need("faketime"))}
            settings = {**settings, **faked, "FAKETIME": f"{offset:+.0f}", "SOJOURN_RATE_TRIES": "0"}
        super().__init__(data, **settings)
        self.now = now or datetime.now(UTC)

    def command(self, *words: str | Path, code: int | None = 0, **settings: str) -> subprocess.CompletedProcess[str]:
        """As a house runs a command. At another time in a process of its own: one that is forked has the clock of the
        process from which it is."""
        if "LD_PRELOAD" not in self.settings:
            return super().command(*words, code=code, **settings)
        line = CommandLine(ROOT)
        line.environment = self.environment(settings)
        with line.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
        assert code is None or process.returncode == code, (
            f"exit {process.returncode} of sojourn {words}:\n{out}\n{err}"
        )
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess([*map(str, words)], process.returncode, out, err)

    def run(self, *words: object, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """As ``CommandLine`` runs a command."""
        return self.command(*map(str, words), code=code)

    def json(self, *words: object, code: int = 0) -> Any:
        return self.told(*map(str, words), code=code)


class Desk:
    """Whoever asks a running service by name. who: name to role and what it is narrowed to. run: runs a command."""

    def __init__(
        self, service: Service, who: dict[str, tuple[str, ...]], run: Callable[..., Any] | None = None
    ) -> None:
        self.service = service
        self.house = service.house
        self.who = who
        self.run = run or service.house.command
        self.tokens: dict[str, str] = {}

    def ask(self, by: str, method: str, path: str, json: Any = None, **rest: Any) -> httpx2.Response:
        if by not in self.tokens:
            role, *narrowed = self.who[by]
            made = self.run("token", "create", "--name", by, "--role", role, *narrowed)
            self.tokens[by] = made.stdout.strip()
        headers = {"Authorization": f"Bearer {self.tokens[by]}", **rest.pop("headers", {})}
        body = {} if json is None else {"json": json}
        return self.service.client.request(method, path, headers=headers, **body, **rest)

    def get(self, by: str, path: str, **params: Any) -> httpx2.Response:
        return self.ask(by, "GET", path, params=params)

    def does(self, by: str, method: str, path: str, json: Any = None, **rest: Any) -> Any:
        """The body of an answer that it is done."""
        answer = self.ask(by, method, path, json, **rest)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json()

    def no(self, by: str, method: str, path: str, json: Any = None, **rest: Any) -> tuple[int, str, Any]:
        """A refusal that a person can act on: status, code, and the problem."""
        answer = self.ask(by, method, path, json, **rest)
        assert answer.status_code >= 400, (method, path, answer.status_code, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json", (path, answer.status_code, answer.text)
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"], problem
        assert problem.get("remedy") or all(one.get("remedy") for one in problem["errors"]), problem
        return answer.status_code, problem["type"].removeprefix("/problems/"), problem


@contextmanager
def at(data: Path, now: datetime | None, who: dict[str, tuple[str, ...]], **settings: str) -> Iterator[Desk]:
    """A service on this data folder at that time."""
    house = LongAgo(data, now, **settings)
    with house.serving() as service:
        yield Desk(service, who)
