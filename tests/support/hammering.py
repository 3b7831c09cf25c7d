"""Writers that append to one log as fast as they can, in every way that an append may go or fail.

Each append is named, and its events bear its name, so that afterwards it can be said of each what the log must hold.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from ledger.application import Ledger
from ledger.errors import LedgerError, OutcomeUnknown
from ledger.events import Event, Meta
from ledger.events.record import CourseReported, RecordOpened
from ledger.events.submission import SubmissionRefused
from ledger.ids import NUMBERS, student_id
from ledger.store.append import Answer, Append, Opening, Part
from ledger.store.commit import COPY_FROM_EVENTS
from support.delayed_commits import POISON
from support.service_processes import Pipe, Store

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"


class Told(NamedTuple):
    """What became of an append. outcome: for REFUSED the error's code stands in ``kind``'s place too."""

    name: str
    kind: str
    outcome: str
    events: int
    position: int = 0
    error: str = ""


def hammer(pipe: Pipe, store: Store, process: int, writers: int, seconds: float) -> None:
    """Append from several threads until the time is over, and tell of every append."""
    failures: list[BaseException] = []

    def run(writer: _Writer) -> None:
        try:
            writer.open()
            while time.monotonic() < until:
                writer.append_something()
        except BaseException as e:
            failures.append(e)

    with store.ledger() as ledger:
        until = time.monotonic() + seconds
        shared = uuid.UUID(int=1)
        threads = [
            threading.Thread(target=run, args=(_Writer(pipe, ledger, f"{process}-{n}", shared),))
            for n in range(writers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


class _Writer:
    """One of them, with a record of its own and one that all share."""

    def __init__(self, pipe: Pipe, ledger: Ledger, name: str, shared: uuid.UUID) -> None:
        self._pipe = pipe
        self._ledger = ledger
        self._name = name
        self._chance = Random(name)
        self._own = uuid.UUID(bytes=ledger.ids.next())
        self._shared = shared
        self._versions: dict[str, int] = {}
        self._count = 0
        self._kinds: list[tuple[Callable[[str], None], int]] = [
            (self._small, 50),
            (self._copy_sized, 6),
            (self._racing, 20),
            (self._stale, 8),
            (self._keyed, 10),
            (self._refused_at_commit, 4),
        ]

    def open(self) -> None:
        """The writer's own record, and for whoever comes first the shared one."""
        for record in (self._own, self._shared):
            ssid = f"OR{record.hex}"
            opened = RecordOpened(
                state="OR", state_student_id=ssid, student_id=student_id(record.int % NUMBERS), elements={}
            )
            name = self._next_name("opening")
            part = Part(stream=f"record/{record}", subject=str(record), expected=0, events=[opened, self._event(name)])
            opening = Opening("OR", ssid, record.bytes, opened.student_id)
            told = self._append(
                name, "opening", Append(parts=[part], meta=_META, opened=[opening], rows={record.bytes: b""}), 1
            )
            assert told.outcome == ACKNOWLEDGED or record == self._shared

    def append_something(self) -> None:
        (kind,) = self._chance.choices([k for k, _ in self._kinds], [weight for _, weight in self._kinds])
        kind(self._next_name(kind.__name__.strip("_")))

    def _small(self, name: str) -> None:
        self._to(self._own, name, "small", self._chance.randint(1, 5), None)

    def _copy_sized(self, name: str) -> None:
        self._to(self._own, name, "copy-sized", COPY_FROM_EVENTS + self._chance.randint(0, 300), None)

    def _racing(self, name: str) -> None:
        """On the version that this writer last heard of, which another may have moved since."""
        self._to(self._shared, name, "racing", 2, self._versions.get(f"record/{self._shared}", 2))

    def _stale(self, name: str) -> None:
        self._to(self._own, name, "stale", 3, 1_000_000_000)

    def _keyed(self, name: str) -> None:
        """Sent twice, and then once with another body."""

        def send(kind: str, request: bytes, named: str = name) -> Told:
            answer = Answer(scope="oregon", key=name, request_hash=request, status=201, ids={})
            return self._append(
                named, kind, Append(parts=[self._part(self._own, named, 1)], meta=_META, answer=answer), 1
            )

        first = send("keyed", b"one")
        again = send("keyed again", b"one")
        if first.outcome == ACKNOWLEDGED and again.outcome == ACKNOWLEDGED:
            assert again.position == first.position
        if ACKNOWLEDGED in (first.outcome, again.outcome):
            reused = send("key reused", b"another", f"{name}/reused")
            assert reused.outcome != ACKNOWLEDGED

    def _refused_at_commit(self, name: str) -> None:
        event = SubmissionRefused(state="ZZ", submission_date=name, content_hash="", rule="V1")
        part = Part(stream=f"{POISON}{name}", subject="ledger", expected=0, events=[event])
        told = self._append(name, "refused at commit", Append(parts=[part], meta=_META), 1)
        assert told.outcome != ACKNOWLEDGED

    def _to(self, record: uuid.UUID, name: str, kind: str, count: int, expected: int | None) -> None:
        part = self._part(record, name, count, expected)
        self._append(name, kind, Append(parts=[part], meta=_META), count)

    def _part(self, record: uuid.UUID, name: str, count: int, expected: int | None = None) -> Part:
        events: list[Event] = [self._event(name, number) for number in range(count)]
        return Part(stream=f"record/{record}", subject=str(record), expected=expected, events=events)

    def _append(self, name: str, kind: str, append: Append, events: int) -> Told:
        """Append and tell. Of a refusal the last of it is told, since keys are sent more than once under one name."""
        try:
            receipt = self._ledger.log.append(append)
        except OutcomeUnknown as e:
            told = Told(name, kind, UNKNOWN, events, error=e.code)
        except LedgerError as e:
            told = Told(name, kind, REFUSED, events, error=e.code)
        else:
            self._versions |= receipt.versions
            told = Told(name, kind, ACKNOWLEDGED, events, receipt.position)
        self._pipe.say(told)
        return told

    def _event(self, name: str, number: int = 0) -> CourseReported:
        return CourseReported(fact=number + 1, elements={"course_title": name})

    def _next_name(self, kind: str) -> str:
        self._count += 1
        return f"{self._name}/{self._count}/{kind}"


_META = Meta(actor="writer")
