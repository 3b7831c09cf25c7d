"""The product as its users meet it: the command in a data folder of its own, and HTTP. Nothing is imported.

A service is the installed script; a command that is waited for is forked (``support.command_line``), which spares it
the second that importing takes. What stands here follows the design's pages and not the source, so that a test which
uses it cannot learn the answer from the code that it judges.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from support.command_line import CommandLine

ROOT = Path(__file__).resolve().parents[2]
SOJOURN = str(Path(sys.executable).with_name("sojourn"))
ACTOR = "journeys"


class House:
    """A data folder, the commands that work in it, and the service while it runs."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.settings = settings
        self._tokens: dict[str, str] = {}

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SOJOURN_")}
        own = {"SOJOURN_DATA": str(self.data), "SOJOURN_ACTOR": ACTOR, "NO_COLOR": "1"}
        return {**kept, **own, **self.settings, **(extra or {})}

    def command(self, *words: str | Path, code: int | None = 0, **settings: str) -> subprocess.CompletedProcess[str]:
        """Runs ``sojourn``; fails where it does not end with ``code`` (None: any)."""
        line = CommandLine(ROOT)
        line.environment = self.environment(settings)
        return line.run(*words, code=code)

    def told(self, *words: str | Path, code: int = 0, **settings: str) -> Any:
        """What a command prints with ``--json``."""
        return json.loads(self.command(*words, "--json", code=code, **settings).stdout)

    def token(self, role: str, state: str = "", *narrowed: str) -> str:
        """A token of this role, made once. narrowed: further words of the command, such as ``--region R2``."""
        name = f"{role}-{state}".strip("-")
        if name not in self._tokens:
            words = [*(["--state", state] if state else []), *narrowed]
            made = self.command("token", "create", "--name", name, "--role", role, *words)
            self._tokens[name] = made.stdout.strip()
        return self._tokens[name]

    @contextlib.contextmanager
    def serving(self, *words: str, log: str = "serve.log") -> Iterator[Service]:
        """``sojourn serve``, or what the words say instead, on a free port; ended at the end, however that comes."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = self.data.parent / log
        with path.open("ab") as out:
            process = subprocess.Popen(
                [SOJOURN, *(words or ("serve",)), "--port", str(port)],
                env=self.environment(),
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                service = Service(self, process, client, path)
                service.await_ready()
                yield service
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Service:
    """A running ``sojourn serve``, and requests to it."""

    def __init__(self, house: House, process: subprocess.Popen[bytes], client: httpx2.Client, log: Path) -> None:
        self.house = house
        self.process = process
        self.client = client
        self.log = log
        self.who = "OR"

    def await_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                if self.client.get("/readyz").status_code == 200:
                    return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def call(self, method: str, path: str, *, by: str = "OR", key: str = "", **rest: Any) -> httpx2.Response:
        """One request. by: a state (its batch submitter's token, who reads no child), a role, or nothing."""
        headers = dict(rest.pop("headers", {}))
        if by:
            token = self.house.token("state_batch_submitter", by) if len(by) == 2 else self.house.token(by)
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        return self.client.request(method, path, headers=headers, **rest)

    def get(self, path: str, *, by: str = "auditor", **rest: Any) -> httpx2.Response:
        return self.call("GET", path, by=by, **rest)

    def post(self, ssid: str, kind: str, body: Any, **rest: Any) -> httpx2.Response:
        """One fact of Oregon's child."""
        return self.call("POST", f"/v1/records/OR/{ssid}/{kind}", json=body, **rest)

    def put(self, ssid: str, body: Any = None, **rest: Any) -> httpx2.Response:
        """Oregon's child, whole; without a body a small valid one."""
        return self.call("PUT", f"/v1/records/OR/{ssid}", json=CHILD if body is None else body, **rest)

    def opened(self, ssid: str) -> str:
        """The student id of a new record of Oregon with one enrollment, which the read models have."""
        made = self.put(ssid)
        assert made.status_code == 201, made.text
        return made.json()["student_id"]

    def student(self, student: str, at_least: int | None = None) -> Any:
        """The consolidated record, not older than everything that was written until now."""
        answer = self.get(f"/v1/students/{student}", params={"at_least": at_least or self.head()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def head(self) -> int:
        return self.get("/v1/events", params={"after": 0, "limit": 1}).json()["head"]

    def events(self, after: int, limit: int = 500) -> list[Any]:
        """Everything behind a position, page after page."""
        found: list[Any] = []
        path: str | None = f"/v1/events?after={after}&limit={limit}"
        while path:
            page = self.get(path).json()
            found += page["events"]
            path = page["next"]
        return found

    def topics(self, after: int) -> list[str]:
        return [event["type"].removeprefix("sojourn.") for event in self.events(after)]


CHILD: Mapping[str, Any] = {
    "student": {"state_student_identifier_type": "01"},
    "demographics": [
        {
            "demographics_record_id": "001",
            "first_name": "Ximena",
            "last_name_1": "Xicohtencatl",
            "birth_date": "2013-05-09",
        }
    ],
    "qualifying_moves": [
        {
            "qualifying_moves_record_id": "001",
            "qualifying_arrival_date": "2025-04-18",
            "qualifying_move_from_city": "Madera",
            "qualifying_move_from_state": "CA",
        }
    ],
    "enrollments": [
        {
            "enrollments_record_id": "001",
            "enrollment_date": "2025-04-21",
            "enrollment_type": "01",
            "school_or_project_name": "Valor Middle School",
        }
    ],
}


def night(state: str, date: str, *rows: str, students: int | None = None, records: int | None = None) -> str:
    """A state's file. students, records: totals of the header, where they are not to be right."""
    counted = sum(row.startswith("S|") for row in rows) if students is None else students
    total = len(rows) if records is None else records
    header = f"H|{state}|{date}020000000|{counted}|{total}|20250101000000000|{date}000000000"
    return "\n".join([header, *rows]) + "\n"


def opens(number: int, state: str, ssid: str, action: str = "I") -> str:
    return f"S|{number:07}||{state}|{ssid}|01|{action}"


def named(number: int, first: str = "Ana", *, born: str = "20130509", sex: str = "", record_id: str = "001") -> str:
    return f"D|{number:07}|{record_id}|{first}||Luz|||{sex}|{born}"


def moved(number: int, on: str = "20250418", *, origin: str = "CA", record_id: str = "001") -> str:
    return f"Q|{number:07}|{record_id}|{on}|Madera|{origin}"


def enrolled(
    number: int,
    on: str,
    school: str = "Valor",
    *,
    record_id: str = "001",
    kind: str = "01",
    grade: str = "",
    withdrawn: str = "",
    district: str = "",
    since: str = "",
) -> str:
    fields = {1: record_id, 2: on, 3: kind, 4: school, 17: grade, 23: withdrawn, 24: district, 25: since}
    return f"E|{number:07}|" + "|".join(fields.get(column, "") for column in range(1, 26))


def check_digit(eleven: str) -> str:
    """ISO 7064 MOD 11,10, written from the standard."""
    product = 10
    for digit in eleven:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


EXAMPLE = (ROOT / "tests" / "golden" / "OR-20250902.txt").read_text(encoding="utf-8")
"""The design's example file: two children of Oregon."""
