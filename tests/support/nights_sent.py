"""One night of three states, sent by processes that are killed: on the command line, and over HTTP.

The states send in three forms: Oregon text in UTF-8, which is read in place; California text in UTF-16 and Texas a zip,
which are rewritten first.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx2
import psycopg

from ledger.intake.sample import write_samples
from ledger.store.database import Role
from ledger.store.tokens import create
from support.command_line import CommandLine
from support.content import Content, content_of
from support.nightly_files import Form, rewritten
from support.service_processes import ServiceProcess, open_store_of

STATES: Mapping[str, Form] = {
    "TX": Form("zip", shuffled=1),
    "CA": Form(encoding="utf-16"),
    "OR": Form(),
}
OTHERS = 100
"""Children of a state whose file is one chunk."""
FIRST_NIGHT = date(2025, 8, 4)


PER_FILE = ("intake.in-pass-one", "intake.after-pass-one", "intake.completed")
"""Passed for every file of a run, also for one that was done before."""
AT_WORK = ("intake.received", "intake.before-chunk", "intake.between-chunks", "intake.before-completed")
"""Passed only for a file that is not done."""
TAKING = ("uploads.sealed", "uploads.enqueued")
"""Passed only for a file that was not taken yet."""
TAKEN = ("uploads.applied", "uploads.settled")
PIPELINE_POINTS = (*PER_FILE, *AT_WORK, *TAKING, *TAKEN)


class Sent(NamedTuple):
    """What one state sends on one night. rows: without the header."""

    state: str
    submission: str
    path: Path
    rows: int


def nights_of(folder: Path, children: int, number: int) -> list[Sent]:
    """What the states send on one night; each night other children under the same state student ids.

    children: of Oregon; of the others as many, or 100.
    """
    night = FIRST_NIGHT + timedelta(days=number)
    plain = folder / f"plain-{number}"
    sent = []
    for state, form in STATES.items():
        size = children if state == "OR" else min(children, OTHERS)
        (path,) = write_samples(plain, [state], size, number + 1, night)
        rows = path.read_bytes().count(b"\n") - 1
        name = f"{state}-{night:%Y%m%d}020000000"
        sent.append(Sent(state, name, rewritten(path, form, folder / f"{state}-{number}"), rows))
    return sent


def words_of(folder: Path) -> list[bytes]:
    """What of these children must stand nowhere in clear, in every encoding in which it came."""
    words: set[str] = set()
    for path in folder.glob("plain-*/*.txt"):
        for line in path.read_text("utf-8").splitlines()[1:200]:
            fields = line.split("|")
            if fields[0] == "S":
                words.add(fields[4])
            elif fields[0] == "D":
                words.add(f"{fields[3]}|")
                words.update(word for word in fields[5:7] if len(word) > 5)
    return [word.encode(encoding) for word in sorted(words) for encoding in ("utf-8", "utf-16-le")]


def assert_nothing_in_clear(folders: Sequence[Path], words: Sequence[bytes]) -> None:
    """No file below these folders holds one of the words."""
    for file in (file for folder in folders for file in folder.rglob("*") if file.is_file()):
        content = file.read_bytes()
        assert not any(word in content for word in words), f"{file.name} holds a child's data"


def content_in(settings: Mapping[str, str]) -> Content:
    """The whole content of a database."""
    with open_store_of(settings) as store, store.ledger() as ledger:
        return content_of(ledger)


def completed(settings: Mapping[str, str]) -> int:
    """How many submissions are done."""
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        query = "select count(*) from ledger.events where topic = 'submission-completed.v1'"
        ((done,),) = conn.execute(query).fetchall()
    return done


def command_line(folder: Path, settings: Mapping[str, str], **more: str) -> CommandLine:
    """``sojourn`` with temporary files and data below a folder of the test's."""
    line = CommandLine(folder, **settings, data=folder / "data", actor="nightly", **more)
    for name in ("data", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    line.environment["TMPDIR"] = str(folder / "tmp")
    return line


def run_to_its_end(line: CommandLine, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command, with the time that 40,000 children and their read models take."""
    with line.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(timeout=1_800)
        finally:
            process.kill()
    return subprocess.CompletedProcess([str(word) for word in words], process.returncode, out, err)


# -- over HTTP


class Sender:
    """A state's system that sends its file until it was told that it was taken, and never again."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings
        self.taken: set[str] = set()
        self.done: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        with open_store_of(settings) as store, store.database.connect(Role.WRITER) as conn:
            for state in STATES:
                self._tokens[state] = create(conn, name=f"{state} nightly", role="state_batch_submitter", state=state)

    def send(self, process: ServiceProcess, night: Sequence[Sent], *, seconds: float = 600) -> bool:
        """Send what was not taken, and wait until all is done; False where the process died before."""
        deadline = time.monotonic() + seconds
        address = next(process.said(), None)
        if address is None:
            return False
        with httpx2.Client(base_url=address, timeout=30) as client:
            try:
                for sent in night:
                    if sent.submission not in self.taken:
                        self.post(address, sent)
                while any(self.done.get(sent.submission) != "completed" for sent in night):
                    assert time.monotonic() < deadline, self.done
                    time.sleep(0.03)
                    for sent in night:
                        told = client.get(f"/v1/submissions/{sent.submission}", headers=self._headers(sent))
                        self.done[sent.submission] = told.json()["status"]
                        assert self.done[sent.submission] not in ("refused", "failed"), told.text
            except httpx2.TransportError:
                assert not list(process.said()), "killed, as ``said`` sees to, without another word"
                return False
        return True

    def post(self, address: str, sent: Sent) -> None:
        """Send one file, and hear that it was taken. Raises httpx2.TransportError."""
        answer = httpx2.post(
            f"{address}/v1/submissions", content=sent.path.read_bytes(), headers=self._headers(sent), timeout=30
        )
        assert answer.status_code == 202, answer.text
        self.taken.add(sent.submission)

    def _headers(self, sent: Sent) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[sent.state]}", "Content-Type": "application/octet-stream"}


def settings_below(folder: Path, settings: Mapping[str, str], **more: str) -> dict[str, str]:
    """Settings of a service whose data lies below a folder."""
    for name in ("data", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    return {**settings, "data": str(folder / "data"), **more}


def spools_left(folder: Path) -> list[str]:
    """Files below the folder's data and temporary files, but those that name the host and hold its locks."""
    kept = {"host", "receiving"}
    return sorted(
        os.path.relpath(file, folder)
        for name in ("data", "tmp")
        for file in (folder / name).rglob("*")
        if file.is_file() and file.name not in kept
    )
