"""A state office that knows the published layout and nothing of the source: it writes files, sends them, reads answers.

Columns are named here as the layout lists them, so that a file does not come out right only because the program's own
table of columns was asked.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from support.command_line import CommandLine
from support.house import House, Service
from support.kept_apart import keep_apart
from support.servers import reachable_tmp

FIRST_NIGHT = date(2025, 9, 2)

COLUMNS = {
    letter: names.split()
    for letter, names in {
        "K": "number id type",
        "D": "number first middle last last_2 suffix sex born twin proof father father_last mother mother_last"
        " email email_2 phone phone_2 city state country",
        "Q": "number on from_city from_state from_country to_city to_state expires",
        "E": "number on type school project school_id facility address address_2 address_3 city district_id district"
        " state zip phone grade lep iep med pfs shots withdrawn residence resident verified graduation_school"
        " graduation graduated transcript continuation algebra comment",
        "C": "number title subject type begins ends section term hours so_far credits grade",
        "A": "number title content type month method score meaning",
        "I": "number code on source",
    }.items()
}


class Row(NamedTuple):
    """A child row: its letter and its elements in the layout's order, without the Student Record ID."""

    letter: str
    values: tuple[str, ...]

    def but(self, **values: str) -> Row:
        """The same row with other values."""
        return Row(self.letter, tuple(values.get(n, v) for n, v in zip(COLUMNS[self.letter], self.values, strict=True)))


def row(letter: str, number: str = "001", **values: str) -> Row:
    assert not set(values) - set(COLUMNS[letter]), values
    return Row(letter, tuple({"number": number, **values}.get(name, "") for name in COLUMNS[letter]))


NAMED = row("D", first="Ana", last="Luz", born="20130509")
MOVED = row("Q", on="20250418", from_city="Madera", from_state="CA")
ENROLLED = row("E", on="20250421", type="01", school="Valor")
COURSE = row("C", title="Algebra I", begins="2024", ends="2025", section="01", term="0827", credits="0.50", grade="B")
TESTED = row("A", title="State Test", content="Reading", type="01", month="052025", score="210")
SHOT = row("I", code="115", on="20240816", source="01")


@dataclass
class Child:
    """An S row and what belongs to it. number: its Student Record ID, else its place in the file.

    rows: as text where a row is not as it should be; ``#`` stands for the Student Record ID.
    """

    ssid: str
    rows: Sequence[Row | str]
    action: str = "U"
    state: str = ""
    type: str = "01"
    msix: str = ""
    number: str = ""

    def lines(self, state: str, place: int, delimiter: str = "|") -> list[str]:
        number = self.number or f"{place:07d}"
        own = ["S", number, self.msix, self.state or state, self.ssid, self.type, self.action]
        told = [delimiter.join(own)]
        for one in self.rows:
            if isinstance(one, Row):
                told.append(delimiter.join([one.letter, number, *one.values]).rstrip(delimiter))
            else:
                told.append(one.replace("#", number).replace("|", delimiter))
        return told


def child(ssid: str, *rows: Row | str, **own: Any) -> Child:
    """A child whom nothing is wrong with, but for what the rows say."""
    return Child(ssid, (NAMED, MOVED, *rows), **own)


def header(state: str, day: date, students: int, rows: int, delimiter: str = "|") -> str:
    on = f"{day:%Y%m%d}020000000"
    return delimiter.join(["H", state, on, str(students), str(rows), "20250801000000000", on])


@dataclass
class Answer:
    """What a command said of one file. told: its ``--json``; lines: its response; topics: events since, in order."""

    code: int
    told: dict[str, Any]
    lines: list[dict[str, str]]
    events: list[tuple[str, str]] = field(default_factory=list)
    said: str = ""

    def outcomes(self, ssid: str) -> str:
        """First letters of the outcomes of a child's rows, in the file's order: accepted, unchanged, refused."""
        return "".join(line["outcome"][:1] for line in self.lines if line["state_student_id"] == ssid)

    def findings(self, ssid: str) -> list[tuple[str, str, str]]:
        """Letter, rule and element of each finding of a child's rows, in order."""
        of = [line for line in self.lines if line["state_student_id"] == ssid and line["rule"]]
        return [(line["letter"], line["rule"], line["element"]) for line in of]

    def rules(self, ssid: str) -> list[str]:
        return [f"{letter} {rule}" for letter, rule, _ in self.findings(ssid)]

    def student(self, ssid: str) -> str:
        return next(line["student_id"] for line in self.lines if line["state_student_id"] == ssid)


class QuickHouse(House):
    """A house whose tokens cost no interpreter of their own."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.quick = CommandLine(data=data, actor="outsider")
        self._made: dict[tuple[str, str], str] = {}

    def token(self, role: str, state: str = "", *narrowed: str) -> str:
        if (role, state) not in self._made:
            words = [*(["--state", state] if state else []), *narrowed]
            made = self.quick.run("token", "create", "--name", f"{role} {state}", "--role", role, *words)
            self._made[role, state] = made.stdout.strip()
        return self._made[role, state]


class Office:
    """A service on an embedded database of its own, and whoever sends files to it."""

    def __init__(self, folder: Path, service: Service, command: CommandLine) -> None:
        self.folder = folder
        self.service = service
        self.command = command
        self._nights: dict[str, date] = {}
        self._files = 0

    def next_night(self, state: str) -> date:
        """A Submission Date that the state has not used."""
        self._nights[state] = self._nights.get(state, FIRST_NIGHT - timedelta(1)) + timedelta(1)
        return self._nights[state]

    def text(self, state: str, *children: Child, on: date | None = None, delimiter: str = "|") -> str:
        lines = [line for n, one in enumerate(children, 1) for line in one.lines(state, n, delimiter)]
        first = header(state, on or self.next_night(state), len(children), len(lines), delimiter)
        return "\n".join([first, *lines, ""])

    def send(self, state: str, *children: Child, late: bool = False, on: date | None = None) -> Answer:
        """A night's file through the command line."""
        return self.submit(self.text(state, *children, on=on), *(["--late"] if late else []))

    def submit(self, file: str | bytes | Path, *words: str) -> Answer:
        """``sojourn submit`` of a text, of bytes or of what a path names."""
        if not isinstance(file, Path):
            self._files += 1
            path = self.folder / f"{self._files}.txt"
            path.write_bytes(file.encode() if isinstance(file, str) else file)
            file = path
        response = file.with_name(file.name + ".csv")
        before = self.service.head()
        done = self.command.run("submit", file, "--json", "--response", response, *words, code=None)
        told = json.loads(done.stdout) if done.stdout else {}
        lines = list(csv.DictReader(io.StringIO(response.read_text()))) if response.exists() else []
        events = [
            (event["subject"], event["type"].removeprefix("sojourn.").removesuffix(".v1"))
            for event in self.service.events(before)
        ]
        answer = Answer(done.returncode, told, lines, events, done.stderr)
        if told:
            _adds_up(answer)
        return answer

    def shown(self, student_id: str) -> Any:
        """The consolidated record, as of now."""
        return self.service.student(student_id)

    def topics(self, answer: Answer, student_id: str) -> list[str]:
        """What the record of a student got out of a file."""
        records = self.service.get(
            f"/v1/students/{student_id}/records", params={"at_least": answer.told["position"]}
        ).json()["records"]
        subject = f"record/{records[0]['record']}"
        return [topic for about, topic in answer.events if about == subject]


def _adds_up(answer: Answer) -> None:
    """What file-layout.md, Response, and interface.md, Command line, say of every answer."""
    told = answer.told
    outcomes = [line["outcome"] for line in answer.lines if line["outcome"]]
    assert told["rows"] == len(outcomes)
    for outcome in ("accepted", "unchanged", "refused"):
        assert told[outcome] == outcomes.count(outcome)
    assert answer.code == (3 if told["refused"] else 0)
    numbers = [int(line["row"]) for line in answer.lines]
    assert numbers == sorted(numbers)
    if answer.events:  # else the file came before, and the counts are those of that day
        assert told["events"] == sum(subject.startswith("record/") for subject, _ in answer.events)


@contextmanager
def open_office() -> Iterator[Office]:
    """An office whose ledger holds no child yet and matches nothing, and a running service."""
    with reachable_tmp() as folder:
        house = QuickHouse(folder / "d")
        keep_apart(house.command)
        with house.serving() as service:
            yield Office(folder, service, house.quick)
