"""Work that passes the named crash points, and what must hold of it whoever was killed meanwhile.

Each scenario is work for a process of the service, begun again from the start by every fresh process; what each of its
words must be; what must hold after every kill; and what must hold when it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from msgspec import structs

from ledger.errors import Unavailable
from ledger.events.submission import FindingsRecorded
from ledger.intake.sample import write_samples
from ledger.intake.submission import Report, stream_of, submit
from ledger.proofs.log_keys import parse_keys
from ledger.reactors.notary import Notary
from ledger.store.database import Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.signed_file import SignedFile
from projections import students
from projections.projection import Digest, digest
from projections.rebuild import Rebuild, Rebuilt
from projections.runner import BatchRunner
from support.databases import migrated_database
from support.keyed_requests import COPY_SIZED, Answered, expected_events, serve, stories, without_student_id
from support.notarized import KEY, assert_what_was_signed_holds, filled
from support.service_processes import Pipe, Store, Work, open_store_of
from support.wholeness import assert_read_model_is_the_fold, assert_whole, events_by_student

Settings = Mapping[str, str]

WRITERS = 4
NIGHT = date(2025, 9, 2)
CHILDREN = 60
CHUNK_ROWS = 25
BATCH_EVENTS = 25


class Scenario:
    """settings: name the database. server: it lives there. tmp: for files. size: how much work there is, 1 or more."""

    work: Work
    arguments: tuple[object, ...] = ()

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        self.settings = settings
        self.server = server
        self.tmp = tmp
        self.size = size

    def heard(self, word: Any) -> None:
        """Judge what the process says."""

    def after_kill(self) -> None:
        """Judge what the kill has left."""
        with psycopg.connect(self.settings["database_url"], autocommit=True) as conn:
            assert_whole(conn)

    def done(self) -> None:
        """Judge what there is once a process has come to its end."""
        with open_store_of(self.settings) as store:
            assert_read_model_is_the_fold(store, students.PROJECTION)


class Requests(Scenario):
    """Keyed requests from several writers, while read models follow."""

    work = staticmethod(serve)
    children = 24
    rows = 2

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        super().__init__(settings, server, tmp, size)
        self.told = stories(self.children * size, rows=self.rows)
        self.arguments = (self.told, WRITERS)
        self.first: dict[str, Answered] = {}
        self.durable_unheard = 0

    def heard(self, word: Answered) -> None:
        """The first answer to a key is the only one: whatever comes later is that answer again."""
        before = self.first.setdefault(word.key, word)
        if before is word:
            self.durable_unheard += word.replayed
        else:
            assert word.replayed
            assert word.same_as(before)

    def after_kill(self) -> None:
        """What was acknowledged is there."""
        with psycopg.connect(self.settings["database_url"], autocommit=True) as conn:
            head = assert_whole(conn)
            answered = dict(conn.execute("select key, position from ledger.answers").fetchall())
        for word in self.first.values():
            assert word.key in answered
            assert word.refused or answered[word.key] == word.position <= head

    def done(self) -> None:
        assert set(self.first) == {asked.key for story in self.told for asked in story}
        with open_store_of(self.settings) as store:
            held = events_by_student(store)
        wanted = {story[0].command.state_student_id: expected_events(story) for story in self.told}
        assert {ssid: without_student_id(events) for ssid, events in held.items()} == wanted
        super().done()


class CopySizedRequests(Requests):
    """As ``Requests``, of students with so many rows that the sequencer writes by COPY."""

    children = 12
    rows = COPY_SIZED


def send_file(pipe: Pipe, store: Store, path: Path, chunk_rows: int) -> None:
    with store.ledger() as ledger:
        pipe.say(_until_available(lambda: submit(ledger, path, "oregon", chunk_rows=chunk_rows)))


class Submission(Scenario):
    """One state's file; it must leave what the same file leaves where nothing is killed."""

    work = staticmethod(send_file)

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        super().__init__(settings, server, tmp, size)
        (self.path,) = write_samples(tmp, ["OR"], CHILDREN * size, 11, NIGHT)
        self.arguments = (self.path, CHUNK_ROWS)
        self.report: Report | None = None

    def heard(self, word: Report) -> None:
        self.report = word

    def done(self) -> None:
        with migrated_database(self.server) as undisturbed, open_store_of(undisturbed) as store:
            with store.ledger() as ledger:
                wanted = submit(ledger, self.path, "oregon", chunk_rows=CHUNK_ROWS)
            wanted_events, wanted_stream = events_by_student(store), _submission_stream(store, wanted)
        with open_store_of(self.settings) as store:
            assert _submission_stream(store, wanted) == wanted_stream
            held = events_by_student(store)
        assert {s: without_student_id(e) for s, e in held.items()} == {
            s: without_student_id(e) for s, e in wanted_events.items()
        }
        assert self.report is not None
        self.report.seconds = wanted.seconds
        assert self.report == wanted
        super().done()


def _submission_stream(store: Store, report: Report) -> list[Any]:
    """What was said of the submission, values of findings opened: each run seals them anew."""
    events: list[Any] = []
    with store.ledger() as ledger, ledger.log.connection() as conn:
        for recorded in ledger.log.read_stream(stream_of(report.submission)):
            event = recorded.event
            if isinstance(event, FindingsRecorded):
                values = [
                    found.value and ledger.log.open_field(conn, recorded, str(number), found.value)
                    for number, found in enumerate(event.findings)
                ]
                events.append(values)
                event = structs.replace(event, findings=[structs.replace(f, value=None) for f in event.findings])
            events.append(event)
    return events


def project(pipe: Pipe, store: Store, batch_events: int) -> None:
    with store.logs() as logs:
        runner = BatchRunner(students.PROJECTION, store.database, logs["ledger"], batch_events_max=batch_events)
        pipe.say(_until_available(runner.catch_up))


class Projecting(Scenario):
    """A read model that is behind catches up in small batches."""

    work = staticmethod(project)
    arguments = (BATCH_EVENTS,)

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        super().__init__(settings, server, tmp, size)
        (path,) = write_samples(tmp, ["OR"], CHILDREN * size, 11, NIGHT)
        with open_store_of(settings) as store, store.ledger() as ledger:
            submit(ledger, path, "oregon")
            self.head = ledger.log.head()

    def heard(self, word: int) -> None:
        assert word == self.head

    def after_kill(self) -> None:
        """Rows and position are together: a fold from the beginning to that position gives the same rows."""
        with open_store_of(self.settings) as store, store.database.connect(Role.PROJECTOR) as conn:
            if conn.execute("select from tracking.projections").fetchone() is None:
                return
            so_far = digest(conn, students.PROJECTION)
            with migrated_database(self.server) as other, open_store_of(other) as beside, store.logs() as logs:
                runner = BatchRunner(
                    students.PROJECTION, beside.database, logs["ledger"], batch_events_max=BATCH_EVENTS
                )
                if so_far.position:
                    assert runner.run_to(so_far.position) == so_far.position
                    with beside.database.connect(Role.PROJECTOR) as conn_beside:
                        assert digest(conn_beside, students.PROJECTION) == so_far


def rebuild(pipe: Pipe, store: Store) -> None:
    with store.logs() as logs:
        pipe.say(_until_available(Rebuild(students.PROJECTION, store.database, logs["ledger"]).run))


class Rebuilding(Scenario):
    """A read model is made again while its old tables serve."""

    work = staticmethod(rebuild)

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        super().__init__(settings, server, tmp, size)
        (path,) = write_samples(tmp, ["OR"], CHILDREN * size, 11, NIGHT)
        with open_store_of(settings) as store:
            with store.ledger() as ledger, store.logs() as logs:
                submit(ledger, path, "oregon")
                BatchRunner(students.PROJECTION, store.database, logs["ledger"]).catch_up()
            with store.database.connect() as admin:
                # A projector's commits do not wait for the disk: what a crash takes of them is folded again. Here no
                # projector runs that would, so the disk has them first.
                admin.execute("checkpoint")
            self.live = self._digest()

    def heard(self, word: Rebuilt) -> None:
        assert word.swapped
        assert word.position == self.live.position

    def after_kill(self) -> None:
        """The tables serve, whole: the old ones or the new ones, which hold the same."""
        super().after_kill()
        now = self._digest()
        assert now == self.live, f"{now} is not {self.live}"

    def done(self) -> None:
        assert self._digest() == self.live
        super().done()

    def _digest(self) -> Digest:
        with open_store_of(self.settings) as store, store.database.connect(Role.READER) as conn:
            return digest(conn, students.PROJECTION)


def notarize(pipe: Pipe, store: Store, file: Path, events: int) -> None:
    with store.ledger() as ledger:
        _until_available(lambda: filled(ledger, events))
    notary = Notary(
        store.database,
        "ledger",
        parse_keys([KEY.text()], "ledger"),
        SignedFile(file),
        checkpoint_events_max=events // 4,
    )
    pipe.say(_until_available(notary.sign).size)


class Notarizing(Scenario):
    """A log that grows is signed in small steps; whatever was signed, or kept as signed, is gone on from."""

    work = staticmethod(notarize)

    def __init__(self, settings: Settings, server: EmbeddedServer, tmp: Path, size: int = 1) -> None:
        super().__init__(settings, server, tmp, size)
        self.file = tmp / "ledger.checkpoint"
        self.arguments = (self.file, 40)
        self.signed = 0

    def heard(self, word: int) -> None:
        assert word >= self.signed

    def after_kill(self) -> None:
        with open_store_of(self.settings) as store:
            signed = assert_what_was_signed_holds(store.database, self.file)
        assert signed >= self.signed, "nothing that was signed is lost"
        self.signed = signed

    def done(self) -> None:
        self.after_kill()
        with open_store_of(self.settings) as store, store.logs() as logs:
            assert self.signed == logs["ledger"].head()


def _until_available(work: Callable[[], Any]) -> Any:
    while True:
        try:
            return work()
        except Unavailable:
            continue


SCENARIOS: dict[str, type[Scenario]] = {
    "notary.before-signed": Notarizing,
    "notary.signed": Notarizing,
    "notary.committed": Notarizing,
    "sequencer.before-lock": Requests,
    "sequencer.in-copy": CopySizedRequests,
    "sequencer.before-commit": Requests,
    "sequencer.after-commit": Requests,
    "projector.in-transaction": Projecting,
    "rebuild.in-swap": Rebuilding,
    "intake.between-chunks": Submission,
}
"""Crash point to work that passes it."""
