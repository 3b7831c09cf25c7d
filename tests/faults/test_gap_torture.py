"""Positions are gap-free and in commit order under torture, and a reader needs no timer to follow them.

Two service processes with eight writers each, commits that PostgreSQL delays, appends of every size, refusals of every
kind, and backends ended in the middle of all that.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from random import Random

import psycopg
import pytest

from ledger.events import Meta
from ledger.events.record import CourseReported
from ledger.events.submission import SubmissionRefused
from ledger.store.append import Append, Part
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.delayed_commits import delay_commits, missed_by_sequence
from support.hammering import ACKNOWLEDGED, REFUSED, UNKNOWN, Told, hammer
from support.service_processes import ServiceProcess, open_store_of
from support.tailing import Poller, Tail
from support.wholeness import assert_whole

PROCESSES = 2
WRITERS = 8
DELAY_SECONDS_MAX = 0.02
SECONDS = 10.0
SECONDS_LONG = 240.0
END = "the end"


@pytest.fixture
def settings(server: EmbeddedServer) -> Iterator[dict[str, str]]:
    """A database whose commits take their time."""
    with migrated_database(server) as made:
        with psycopg.connect(made["database_url"], autocommit=True) as conn:
            delay_commits(conn, DELAY_SECONDS_MAX)
        yield made


def test_the_torture_is_one_that_a_plain_sequence_does_not_survive(settings: dict[str, str]) -> None:
    assert missed_by_sequence(settings["database_url"], writers=8, rows=25)


@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(SECONDS_LONG, marks=pytest.mark.torture)])
def test_every_reader_sees_every_position_once_in_order_and_without_gaps(
    settings: dict[str, str], seconds: float
) -> None:
    with open_store_of(settings) as store, store.ledger() as ledger:
        from_the_start = Tail(store, "tail from the start", last_actor=END)
        later = Tail(store, "tail that comes later", last_actor=END)
        poller = Poller(settings["database_url"])
        from_the_start.start()
        poller.start()
        processes = [ServiceProcess(hammer, number, WRITERS, seconds, settings=settings) for number in range(PROCESSES)]
        heard = [_Listener(process) for process in processes]
        ended = _end_backends(settings["database_url"], heard, later.start, seconds)
        told = [word for listener in heard for word in listener.result()]
        assert later.ident is not None, "the writers were done before half of their time"
        last = SubmissionRefused(state="OR", submission_date="", content_hash="", rule="V1")
        part = Part(stream="submission/OR/end", subject="ledger", expected=0, events=[last])
        head = ledger.log.append(Append(parts=[part], meta=Meta(actor=END))).position
        seen = {reader.name: reader.result() for reader in (from_the_start, later)}
        poller.end()
        seen[poller.name] = poller.result()
    for name, positions in seen.items():
        assert positions == list(range(1, head + 1)), name
    with psycopg.connect(settings["database_url"], autocommit=True) as conn:
        assert assert_whole(conn) == head
    _assert_answers_are_true(told, from_the_start)
    _assert_it_was_torture(told, ended)


def _assert_answers_are_true(told: list[Told], tail: Tail) -> None:
    """What was acknowledged is there once and in one piece, what was refused is not, and no third thing is there."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for recorded in tail.recorded:
        if isinstance(recorded.event, CourseReported):
            places[recorded.event.elements["course_title"]].append((recorded.position, recorded.event.fact))
        elif isinstance(recorded.event, SubmissionRefused):
            assert recorded.meta.actor == END
    outcomes: dict[str, list[Told]] = defaultdict(list)
    for word in told:
        outcomes[word.name].append(word)
    assert set(places) <= set(outcomes)
    for name, words in outcomes.items():
        found = places.get(name, [])
        acknowledged = {word.position for word in words if word.outcome == ACKNOWLEDGED}
        if acknowledged:
            assert found, words
            assert acknowledged == {found[-1][0]}, words
        elif not any(word.outcome == UNKNOWN for word in words):
            assert not found, words
        if found:
            first = found[0][0]
            assert found == [(first + n, n + 1) for n in range(words[0].events)], words


def _assert_it_was_torture(told: list[Told], ended: int) -> None:
    kinds = Counter((word.kind, word.outcome) for word in told)
    assert ended >= 3
    for kind, outcome in (
        ("small", ACKNOWLEDGED),
        ("copy-sized", ACKNOWLEDGED),
        ("racing", ACKNOWLEDGED),
        ("racing", REFUSED),
        ("stale", REFUSED),
        ("keyed again", ACKNOWLEDGED),
        ("key reused", REFUSED),
        ("refused at commit", REFUSED),
    ):
        assert kinds[kind, outcome], f"{kind} was never {outcome}: {kinds}"


class _Listener(threading.Thread):
    """Hears a process to its end."""

    def __init__(self, process: ServiceProcess) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._told: list[Told] = []
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            with self._process as process:
                for word in process.said():
                    self._told.append(word)
                assert not process.was_killed
        except BaseException as e:
            self._failure = e

    @property
    def began(self) -> bool:
        """A service whose backend goes while it starts says so and ends; here it is to write."""
        return bool(self._told)

    def result(self) -> list[Told]:
        self.join(120)
        assert not self.is_alive()
        if self._failure is not None:
            raise self._failure
        return self._told


def _end_backends(conninfo: str, heard: list[_Listener], half_way: Callable[[], None], seconds: float) -> int:
    """End a writer's backend now and then, whatever it is at, until all have written. Returns how many."""
    chance = Random(7)
    ended = 0
    half = time.monotonic() + seconds / 2
    started = False
    with psycopg.connect(conninfo, autocommit=True) as conn:
        while any(listener.is_alive() for listener in heard):
            if not started and time.monotonic() > half:
                started = True
                half_way()
            time.sleep(chance.uniform(0.05, 0.4))
            backends = conn.execute(
                "select pid from pg_stat_activity where application_name like 'sojourn ledger%'"
                " and datname = current_database() and state <> 'idle'"
            ).fetchall()
            if backends and all(listener.began for listener in heard):
                conn.execute("select pg_terminate_backend(%s)", chance.choice(backends))
                ended += 1
    return ended
