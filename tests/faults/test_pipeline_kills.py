"""A night of three states, while what applies it is killed again and again: as if nothing had been.

Whoever sends begins again until he is told that it is done. In the end the content of the ledger is that of a run that
nobody disturbed, each row is answered once, and nothing of a child is left on the disk.
"""

from __future__ import annotations

import csv
import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

import psycopg
import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.submission import ChunkApplied
from ledger.intake.applying import Applying
from ledger.intake.submission import submit
from ledger.intake.uploads import Receiving, Spools, enqueue
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from projections import students, submissions
from support.content import Content, digest_of
from support.databases import migrated_database
from support.files import EXAMPLE, student, write
from support.killed_servers import kill_server, revive_server
from support.nights_sent import (
    AT_WORK,
    PER_FILE,
    STATES,
    TAKEN,
    TAKING,
    Sender,
    Sent,
    assert_nothing_in_clear,
    command_line,
    completed,
    content_in,
    nights_of,
    run_to_its_end,
    settings_below,
    spools_left,
    words_of,
)
from support.service_processes import ServiceProcess, open_store_of
from support.serving_files import serve_files
from support.wholeness import assert_read_model_is_the_fold, assert_whole

Settings = dict[str, str]
Hits = dict[tuple[str, str], int]

SMALL = (10, 700)
"""Kills, and children of the largest state: some 5,300 rows, two chunks."""
LARGE = (50, 40_000)
KILLED = -9
CHUNKS = ("intake.before-chunk", "intake.between-chunks", "sequencer.before-commit", "sequencer.after-commit")
ENDING = ("intake.before-completed", "intake.completed")
GOING_ON = ("intake.in-pass-one", "intake.after-pass-one", "intake.received", *CHUNKS)

SIZES = [pytest.param(*SMALL, id="small"), pytest.param(*LARGE, id="large", marks=pytest.mark.torture)]


def faults_of_a_submit(settings: Mapping[str, str], chance: Random, reach: int) -> Iterator[str]:
    """Points with a passing that lies in the work left; what ends a file comes seldom. reach: in chunks."""
    points = chance.sample(GOING_ON, len(GOING_ON))
    while True:
        for point in [*points, *ENDING]:
            # A run passes these for a file that was done before, too.
            done = completed(settings) % len(STATES) if point in PER_FILE else 0
            many = reach if point in CHUNKS else 1
            yield f"{point}:{done + chance.randint(1, many)}"
        points = chance.choices(GOING_ON, k=3 * len(GOING_ON))


def undisturbed(server: EmbeddedServer, nights: list[list[Sent]], actors: Mapping[str, str]) -> Content:
    """The content where nobody is killed."""
    with migrated_database(server) as settings:
        with open_store_of(settings) as store, store.ledger() as ledger:
            for sent in (sent for night in nights for sent in night):
                submit(ledger, sent.path, actors[sent.state])
        return content_in(settings)


def assert_as_if_nothing_had_been(
    settings: Mapping[str, str], server: EmbeddedServer, nights: list[list[Sent]], actors: Mapping[str, str]
) -> None:
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        assert_whole(conn)
    content, wanted = content_in(settings), undisturbed(server, nights, actors)
    assert content.keys() == wanted.keys()
    assert [key for key in wanted if content[key] != wanted[key]] == []
    assert digest_of(content) == digest_of(wanted)
    for sent in (sent for night in nights for sent in night):
        rows = [row[0] for row in content[sent.submission]["rows"]]
        assert rows == list(range(2, sent.rows + 2)), "each row is answered once"
    with open_store_of(settings) as store:
        for projection in (students.PROJECTION, submissions.PROJECTION):
            assert_read_model_is_the_fold(store, projection)


@pytest.mark.parametrize(("kills", "children"), SIZES)
def test_a_killed_submit_is_begun_again_until_it_is_as_if_it_had_not_been(
    kills: int, children: int, server: EmbeddedServer, tmp_path: Path, hits: Hits
) -> None:
    nights, killed = [nights_of(tmp_path, children, 0)], 0
    folders = [tmp_path / "data", tmp_path / "tmp"]
    with migrated_database(server) as settings:
        plan = faults_of_a_submit(settings, Random(f"submit {kills}"), reach=2 if kills == SMALL[0] else 4)
        while killed < kills:
            fault = next(plan)
            paths = [sent.path for sent in nights[-1]]
            run = run_to_its_end(command_line(tmp_path, settings, fault=fault), "submit", *paths)
            if run.returncode == KILLED:
                killed += 1
                hits[fault.partition(":")[0], "submit"] += 1
                assert_nothing_in_clear(folders, words_of(tmp_path))
                with psycopg.connect(settings["database_url"], autocommit=True) as conn:
                    assert_whole(conn)
            else:
                assert run.returncode in (0, 3), run.stderr
            if completed(settings) == len(nights) * len(STATES):
                nights.append(nights_of(tmp_path, children, len(nights)))
        assert list((tmp_path / "tmp").iterdir()), "this is where a run has its temporary files"
        response = tmp_path / "response.csv"
        paths = [sent.path for sent in nights[-1]]
        run = run_to_its_end(command_line(tmp_path, settings), "submit", *paths, "--response", response, "--json")
        assert run.returncode in (0, 3), run.stderr
        assert [told["rows"] for told in json.loads(run.stdout)] == [sent.rows for sent in nights[-1]]
        with response.open(newline="", encoding="utf-8") as lines:
            answered = [(row["file"], int(row["row"])) for row in csv.DictReader(lines) if row["outcome"]]
        assert answered == [(str(sent.path), row) for sent in nights[-1] for row in range(2, sent.rows + 2)]
        assert spools_left(tmp_path) == []
        assert_as_if_nothing_had_been(settings, server, nights, dict.fromkeys(STATES, "nightly"))


@pytest.mark.parametrize(("kills", "children"), SIZES)
def test_a_killed_service_applies_what_it_took_and_its_sender_sends_once(
    kills: int, children: int, server: EmbeddedServer, tmp_path: Path, hits: Hits
) -> None:
    """Who was told that his file was taken does not send it again; who was told nothing does."""
    nights, killed, chance = [nights_of(tmp_path, children, 0)], 0, Random(f"serve {kills}")
    # In the order in which a file passes them: so none is passed by, and each once on the first night.
    owed = [*TAKING, *PER_FILE[:2], *AT_WORK, *PER_FILE[2:], *TAKEN]
    folders = [tmp_path / "data", tmp_path / "tmp"]
    with migrated_database(server) as bare:
        settings = settings_below(tmp_path, bare)
        sender = Sender(settings)
        while killed < kills:
            if completed(settings) == len(nights) * len(STATES):
                nights.append(nights_of(tmp_path, children, len(nights)))
                owed = [*TAKING, *owed]
            point = owed.pop(0) if owed else chance.choice(GOING_ON)
            with ServiceProcess(serve_files, settings={**settings, "fault": point}) as process:
                if sender.send(process, night=nights[-1]):
                    continue
            killed += 1
            hits[point, "serve"] += 1
            assert_nothing_in_clear(folders, words_of(tmp_path))
            with psycopg.connect(settings["database_url"], autocommit=True) as conn:
                assert_whole(conn)
        with ServiceProcess(serve_files, settings=settings) as process:
            assert sender.send(process, night=nights[-1])
        assert spools_left(tmp_path) == []
        assert_as_if_nothing_had_been(settings, server, nights, {state: f"{state} nightly" for state in STATES})


# -- PostgreSQL goes


def test_a_submit_whose_postgresql_is_stopped_ends_in_words_and_goes_on_when_it_is_back(
    durable_server: EmbeddedServer, durable: Settings, tmp_path: Path
) -> None:
    [*_, oregon] = nights_of(tmp_path, 1_200, 0)
    line = command_line(tmp_path, durable)
    running = line.start("submit", oregon.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        in_time(lambda: events_of(durable, "chunk-applied.v1"))
        with psycopg.connect(durable["database_url"]) as other:
            other.execute("select from ledger.head for update")  # of three chunks, the next waits for this
            done = events_of(durable, "chunk-applied.v1")
            in_time(lambda: waiting(durable))
            durable_server.stop()
            other.close()
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
        running.communicate()
        durable_server.start()
    assert running.returncode == 1, err
    assert out == ""
    assert "Traceback" not in err
    assert "PostgreSQL" in err
    assert "end it again" in err, "the remedy"
    assert events_of(durable, "submission-completed.v1") == 0
    position = head(durable)
    again = line.run("submit", oregon.path, "--json", code=None)
    assert json.loads(again.stdout)["rows"] == oregon.rows
    with open_store_of(durable) as store, store.ledger() as ledger:
        anew = [r.event for r in ledger.log.read(position, 100_000) if isinstance(r.event, ChunkApplied)]
    assert [event.chunk for event in anew] == list(range(done + 1, 4)), "what was durable is not done again"
    assert_as_if_nothing_had_been(durable, durable_server, [[oregon]], {"OR": "nightly"})


@pytest.mark.parametrize("point", ["intake.between-chunks", "uploads.applied"])
def test_a_service_whose_postgresql_is_killed_goes_on_with_the_file_by_itself(
    point: str, durable_server: EmbeddedServer, durable: Settings, tmp_path: Path, hits: Hits
) -> None:
    [*_, oregon] = nights_of(tmp_path, SMALL[1], 0)
    settings = settings_below(tmp_path, durable)
    sender = Sender(settings)
    with ServiceProcess(serve_files, settings=settings, pause_at=point) as process:
        address = next(process.said())
        sender.post(address, oregon)
        assert list(process.said()) == []
        kill_server(durable_server)
        hits[point, "postmaster"] += 1
        process.go_on()
        revive_server(durable_server)
        in_time(lambda: statuses(settings) == [("done", None)], seconds=60)
        assert process.alive
        in_time(lambda: not spools_left(tmp_path))
    assert completed(settings) == 1
    assert_as_if_nothing_had_been(durable, durable_server, [[oregon]], {"OR": "OR nightly"})


def test_what_came_of_a_file_outlives_postgresql_before_the_file_goes(
    durable_server: EmbeddedServer, durable: Settings, tmp_path: Path, hits: Hits
) -> None:
    """A file that is refused: that it was, and why, stands nowhere but in its row."""
    settings = settings_below(tmp_path, durable)
    sender = Sender(settings)
    path = write(tmp_path / "lies.txt", student(1), claims="9|9")
    with ServiceProcess(serve_files, settings=settings, pause_at="uploads.settled") as process:
        address = next(process.said())
        sender.post(address, Sent("OR", "OR-20250902020000000", path, 3))
        assert list(process.said()) == []
        kill_server(durable_server)
        hits["uploads.settled", "postmaster"] += 1
        revive_server(durable_server)
        assert statuses(settings) == [("refused", "V24")]


# -- while a file comes in


def test_a_process_that_begins_while_a_file_comes_in_leaves_it_and_sweeps_what_is_left_later(
    database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    spools = Spools(tmp_path / "uploads")
    left = spools.path(uuid.UUID(int=7))
    left.write_bytes(b"of a process that was killed")
    received = Receiving(spools)
    received.write(EXAMPLE.read_bytes())
    applying = Applying(ledger, Spools(tmp_path / "uploads"))
    applying.start()
    try:
        with received.read() as file:
            assert file.read() == EXAMPLE.read_bytes()
        enqueue(ledger, spools, received, "OR-20250902020000000", Meta(actor="nightly"), late=False)
        received.close()
        settings = {"database_url": database.admin}
        in_time(lambda: statuses(settings) == [("done", None)])
        in_time(lambda: not list(spools.folder.glob("*.spool")))
    finally:
        applying.stop()
    assert completed(settings) == 1


def test_a_file_that_was_named_is_not_swept_however_late_it_was_named(ledger: Ledger, tmp_path: Path) -> None:
    """The sweep asks for the names when nobody is receiving, not before."""
    spools = Spools(tmp_path / "uploads")
    received = Receiving(spools)
    received.write(b"H|OR")
    named: set[uuid.UUID] = set()
    assert not spools.sweep(lambda: named)
    with received.read():
        named.add(received.upload)
    received.keep()
    received.close()
    assert spools.sweep(lambda: named)
    assert [path.stem for path in spools.folder.glob("*.spool")] == [str(received.upload)]
    assert spools.sweep(set)
    assert list(spools.folder.glob("*.spool")) == []


def statuses(settings: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Status of each file that was taken, and the rule that it broke."""
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        return conn.execute("select status, problem->>'rule' from ledger.uploads order by received_at").fetchall()


def events_of(settings: Mapping[str, str], topic: str) -> int:
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        ((found,),) = conn.execute("select count(*) from ledger.events where topic = %s", (topic,)).fetchall()
    return found


def waiting(settings: Mapping[str, str]) -> list[object]:
    """The sequencer's backends that wait for a lock."""
    query = (
        "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and application_name = 'sojourn ledger sequencer'"
    )
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        return list(conn.execute(query).fetchall())


def head(settings: Mapping[str, str]) -> int:
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        ((position,),) = conn.execute("select position from ledger.head").fetchall()
    return position


def in_time(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
