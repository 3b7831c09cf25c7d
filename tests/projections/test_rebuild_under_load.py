"""Every read model can be rebuilt while states' files come in, students are joined and children are read; and what the
rebuild makes is what the live one holds.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import pytest

from ledger.application import Ledger
from ledger.errors import Conflict, Refused
from ledger.events import Meta
from ledger.events.disclosure import Disclosed
from ledger.events.record import RecordOpened
from ledger.intake.sample import write_samples
from ledger.intake.submission import submit
from ledger.linkage_acts import Merge, Reverse
from ledger.links import Seeds
from ledger.store.append import Append, Part
from ledger.store.database import Database
from projections import PROJECTIONS
from projections.comparing import in_lines
from projections.projection import digest
from projections.projectors import Projectors, bring_to_head, rebuild_all
from support.linking import do
from support.logs import reading
from support.projecting import until

STATES = ("OR", "CA", "TX")
CHILDREN = 8
META = Meta(actor="ana")


class Load:
    """Everything that a night brings, in a thread, until it is told to stop: at least one file of each state."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.files = self.acts = 0
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            night = 0
            while night == 0 or not self._over.is_set():
                for state in STATES:
                    day = date(2025, 8, 4) + timedelta(days=night)
                    [path] = write_samples(self._folder / f"{state}{night}", [state], CHILDREN, 3, day)
                    submit(self._ledger, path, f"{state} nightly", chunk_rows=40)
                    self.files += 1
                    self._work(f"{state}/{day}")
                night += 1
        except BaseException as error:
            self.failure = error

    def _work(self, request: str) -> None:
        """Two students are joined, and parted again; and both are looked at."""
        ledger = self._ledger
        opened = [
            (recorded.stream.removeprefix("record/"), recorded.event.student_id)
            for recorded in ledger.log.read(max(0, ledger.log.head() - 400), 400)
            if isinstance(recorded.event, RecordOpened)
        ]
        if len(opened) > 1:
            (one, left), (other, right) = opened[0], opened[-1]
            with suppress(Conflict, Refused):
                act = do(
                    ledger, Seeds(students=[left, right]), lambda _: Merge(left=one, right=other, master=one), META
                )
                do(ledger, Seeds(acts=[act.id]), lambda _: Reverse(act=act.id), META)
                self.acts += 2
        for record, student_id in opened[:2]:
            shown = Disclosed(
                student_id=student_id,
                view="student",
                sections=["core"],
                role="auditor",
                organisation="Sojourn",
                purpose="audit",
                basis="34 CFR 99.35(a)(1)",
                position=ledger.log.head(),
            )
            part = Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[shown])
            ledger.access.append(Append(parts=[part], meta=Meta(actor="auditor", request=str(uuid.uuid4()))))


@contextmanager
def serving(database: Database, ledger: Ledger) -> Iterator[None]:
    projectors = Projectors(PROJECTIONS, database, ledger.logs)
    projectors.start()
    try:
        yield
        assert projectors.failures() == {}
    finally:
        projectors.stop()


def rebuilt_and_compared(database: Database, ledger: Ledger) -> None:
    """As ``sojourn project rebuild --all`` does it."""
    done = rebuild_all(PROJECTIONS, database, ledger.logs, comparing=True)
    assert done.keys() == {projection.name for projection in PROJECTIONS}
    for name, rebuilt in done.items():
        assert rebuilt.swapped
        assert rebuilt.compared is not None, name
        assert rebuilt.compared.same, (name, in_lines(rebuilt.compared))


def test_every_read_model_is_rebuilt_while_files_come_in(database: Database, ledger: Ledger, tmp_path: Path) -> None:
    with serving(database, ledger), Load(ledger, tmp_path) as load:
        until(lambda: load.files > 0 or load.failure is not None, timeout_s=60)
        head = ledger.log.head()
        rebuilt_and_compared(database, ledger)
    assert load.files >= len(STATES)
    assert load.acts > 0
    assert ledger.log.head() > head, "nothing came in meanwhile"
    bring_to_head(PROJECTIONS, database, ledger.logs)
    with reading(database) as conn:
        live = {projection.name: digest(conn, projection) for projection in PROJECTIONS}
        rebuilt_and_compared(database, ledger)
        assert {projection.name: digest(conn, projection) for projection in PROJECTIONS} == live
    assert live["students"].position == ledger.log.head()


@pytest.mark.torture
def test_every_read_model_is_rebuilt_again_and_again_while_files_come_in(
    database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    with serving(database, ledger), Load(ledger, tmp_path):
        for _ in range(10):
            rebuilt_and_compared(database, ledger)
