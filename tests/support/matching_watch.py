"""Who watches from outside what the matcher does: files of children, the command line, HTTP. Nothing of it is asked.

The ledger has the policy that Sojourn comes with.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from support.command_line import CommandLine
from support.house import Service
from support.outsider import MOVED, Answer, Child, Office, QuickHouse, Row, header, row
from support.servers import reachable_tmp

UNTOLD = dict.fromkeys(("father", "father_last", "mother", "mother_last", "city", "state", "country"), "")
"""Neither parents nor place of birth."""


def named(whole: str, born: str, **told: str) -> Row:
    """All that is told of a child. whole: ``given/first surname/second surname``; an empty word tells nothing."""
    first, last, last_2 = whole.split("/")
    family = {"father": "Evaristo", "father_last": last, "mother": "Obdulia", "mother_last": last_2 or last}
    place = {"city": "Tlaxiaco", "state": "OAX", "country": "MEX"}
    own = {"first": first, "last": last, "last_2": last_2, "born": born, "sex": "Male", "twin": "No"}
    return row("D", **{**own, **family, **place, **told})


def kid(ssid: str, whole: str, born: str, *rows: Row, msix: str = "", **told: str) -> Child:
    """A child as a file has it. told: other values of what ``named`` tells."""
    return Child(ssid, [named(whole, born, **told), MOVED, *rows], msix=msix)


def text(state: str, *children: Child, on: date = date(2025, 9, 2)) -> str:
    """A night's file."""
    lines = [line for n, one in enumerate(children, 1) for line in one.lines(state, n)]
    return "\n".join([header(state, on, len(children), len(lines)), *lines, ""])


def students(command: CommandLine) -> dict[str, str]:
    """``TX:SURE`` to the student id that is shown for it."""
    listed = csv.DictReader(io.StringIO(command.run("students", "--csv").stdout))
    return {f"{one['state']}:{one['state_student_id']}": one["student_id"] for one in listed}


def cases(command: CommandLine, name: str = "") -> list[dict[str, Any]]:
    """Open cases that have this record on a side; all without one."""
    open_ones = command.json("worklist")
    sides = [[f"{one[f'state_{s}']}:{one[f'state_student_id_{s}']}" for s in "ab"] for one in open_ones]
    return [one for one, both in zip(open_ones, sides, strict=True) if not name or name in both]


def shipped(command: CommandLine) -> str:
    """The version of the one policy that there is."""
    first, *_ = command.run("matching", "publish", "--list").stdout.splitlines()
    return first.partition(":")[0]


class Watch:
    """A service, and a command line beside it. answers: the last one to each state's file."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.service: Service = office.service
        self.command = office.command
        self.folder: Path = office.folder
        self.answers: dict[str, Answer] = {}
        self.policy = shipped(self.command)
        self._files = 0
        self._sent: dict[str, Path] = {}
        self._shown: tuple[int, dict[str, str]] = (0, {})

    def send(self, state: str, *children: Child) -> Answer:
        """A night's file; returns once the matcher has decided."""
        self._files += 1
        path = self.folder / f"night{self._files}.txt"
        path.write_text(self.office.text(state, *children))
        self._sent[state] = path
        return self.again(state)

    def again(self, state: str) -> Answer:
        """The file that a state sent last, once more."""
        path = self._sent[state]
        response, before = path.with_suffix(".csv"), self.service.head()
        done = self.command.run("submit", path, "--json", "--response", response)
        lines = list(csv.DictReader(io.StringIO(response.read_text())))
        events = [(one["subject"], one["type"]) for one in self.service.events(before)]
        self.answers[state] = Answer(done.returncode, json.loads(done.stdout), lines, events, done.stderr)
        return self.answers[state]

    def student(self, name: str) -> str:
        """The student id under which a record is shown."""
        return self._students()[name]

    def together(self, *names: str) -> bool:
        """Whether these records are one student's."""
        return len({self.student(name) for name in names}) == 1

    def _students(self) -> dict[str, str]:
        """As of the head; asked for anew only where something was written since."""
        head = self.service.head()
        if self._shown[0] != head:
            self._shown = head, students(self.command)
        return self._shown[1]

    def cases(self, name: str) -> list[dict[str, Any]]:
        return cases(self.command, name)

    def explained(self, *words: str) -> str:
        return self.command.run("matching", "explain", *words).stdout

    def settles(self, case: str, answer: str) -> None:
        self.command.run("answer", case, answer, "--reason", "Asked the school.", "--as", "someone else")

    def searched(self, **asked: str) -> list[str]:
        """Student ids that a search over HTTP finds."""
        params = {"at_least": self.service.head()}
        found = self.service.call("POST", "/v1/students/search", by="auditor", json=asked, params=params)
        assert found.status_code == 200, found.text
        return [hit["student_id"] for hit in found.json()["students"]]

    def link_of(self, name: str) -> str:
        """The one act that the history of a record's student names."""
        (act,) = set(re.findall(r"\b\d{12}-\d+\b", self.command.run("history", self.student(name)).stdout))
        return act

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """The ledger ends where it did."""
        before = self.service.head()
        yield
        assert self.service.head() == before


@contextmanager
def open_watch() -> Iterator[Watch]:
    """A ledger that holds no child yet, by the policy that Sojourn comes with, and a running service."""
    with reachable_tmp() as folder:
        house = QuickHouse(folder / "d")
        with house.serving() as service:
            yield Watch(Office(folder, service, house.quick))
