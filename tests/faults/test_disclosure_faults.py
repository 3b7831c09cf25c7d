"""Whoever dies between an entry and its answer, no byte of an answer is there without its entry.

A service is read by many at once, in every way that there is, and is killed at each point on the way of an answer, or
anywhere; or PostgreSQL is. Afterwards every answer that anybody received, whole or in part, also one that says that
nothing has changed, has its entry in the access log under the request's id. Entries may exceed answers.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from random import Random

import httpx2
import psycopg
import pytest

from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.killed_servers import kill_server, revive_server
from support.nights_sent import settings_below
from support.readers import READING_POINTS, Heard, Readers
from support.service_processes import ServiceProcess
from support.serving_files import serve_files
from support.wholeness import assert_whole

Hits = dict[tuple[str, str], int]

POINTS = (*READING_POINTS, "sequencer.before-commit", "sequencer.after-commit")
KILLS = (3, pytest.param(25, marks=pytest.mark.torture))
PASSINGS_MAX = 60
CROWD = 50


@pytest.fixture(scope="module")
def readers(durable_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """Children to be read, on a server whose commits reach the disk; every kind of reading was answered once."""
    folder = tmp_path_factory.mktemp("readers")
    with migrated_database(durable_server) as named:
        settings = settings_below(folder, named)
        made = Readers(settings, folder)
        with ServiceProcess(serve_files, settings=settings) as process:
            made.ask_every_kind(next(process.said()))
        made.assert_nothing_was_shown_unrecorded()
        yield made


def whole(readers: Readers) -> None:
    readers.assert_nothing_was_shown_unrecorded()
    with psycopg.connect(readers.settings["database_url"], autocommit=True) as conn:
        assert_whole(conn, "access")
        assert_whole(conn)


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("point", POINTS)
def test_a_service_that_is_killed_has_shown_nothing_that_is_not_recorded(
    point: str, kills: int, readers: Readers, hits: Hits
) -> None:
    chance = Random(f"{point} {kills}")
    unheard, cut = len(readers.recorded_unheard()), len(readers.cut_off())
    for _ in range(kills):
        fault = {"fault": f"{point}:{chance.randint(1, PASSINGS_MAX)}"}
        with ServiceProcess(serve_files, settings={**readers.settings, **fault}) as process:
            crowd = readers.crowd(next(process.said()), chance)
            assert not list(process.said())
            assert process.was_killed
            crowd.join()
        hits[point, "service"] += 1
        whole(readers)
    if point in ("disclosure.entry-durable", "sequencer.after-commit"):
        assert len(readers.recorded_unheard()) >= unheard + kills, "what was durable when it died was not yet shown"
    if point == "edge.answer-begun":
        assert len(readers.cut_off()) >= cut + kills, "each kill left half an answer"


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.torture)])
def test_a_service_that_is_killed_anywhere_has_shown_nothing_that_is_not_recorded(kills: int, readers: Readers) -> None:
    chance = Random(f"anywhere {kills}")
    for _ in range(kills):
        with ServiceProcess(serve_files, settings=readers.settings) as process:
            crowd = readers.crowd(next(process.said()), chance)
            readers.wait_for(chance.randint(1, 2 * PASSINGS_MAX))
            process.kill()
            crowd.join()
        whole(readers)


@pytest.mark.parametrize(
    ("point", "victim"),
    [
        ("disclosure.before-entry", "postmaster"),
        ("disclosure.entry-durable", "postmaster"),
        pytest.param("disclosure.before-entry", "backends", marks=pytest.mark.torture),
        pytest.param("disclosure.entry-durable", "backends", marks=pytest.mark.torture),
        pytest.param("edge.answer-begun", "postmaster", marks=pytest.mark.torture),
        pytest.param("edge.answer-begun", "backends", marks=pytest.mark.torture),
    ],
)
def test_while_postgresql_is_away_nothing_is_shown_and_afterwards_everything_is(
    point: str, victim: str, readers: Readers, durable_server: EmbeddedServer, hits: Hits
) -> None:
    chance = Random(f"{point} {victim}")
    pause_at = f"{point}:{chance.randint(1, PASSINGS_MAX)}"
    with ServiceProcess(serve_files, settings=readers.settings, pause_at=pause_at) as process:
        address = next(process.said())
        crowd = readers.crowd(address, chance)
        assert not list(process.said())
        kill_server(durable_server, victim)
        hits[point, victim] += 1
        process.go_on()
        revive_server(durable_server)
        crowd.stop()
        readers.ask_every_kind(address)
        assert process.alive
    whole(readers)


def test_fifty_readers_of_one_child_at_two_services_never_conflict(readers: Readers) -> None:
    first, second = (ServiceProcess(serve_files, settings=readers.settings) for _ in range(2))
    with first, second:
        addresses = [next(first.said()), next(second.said())]
        for address in addresses:
            readers.ask(address, "student")  # who has a connection and the child's keys is in nobody's way
        before = [appended(address) for address in addresses]
        start = threading.Barrier(CROWD)
        answers: list[Heard] = []

        def read(address: str) -> None:
            start.wait(60)
            answers.append(readers.ask(address, "student"))

        threads = [threading.Thread(target=read, args=(addresses[number % 2],)) for number in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [answer.status for answer in answers] == [200] * CROWD
        after = [appended(address) for address in addresses]
    whole(readers)
    assert [readers.entries[answer.request_id] for answer in answers] == [2] * CROWD, "one for each record, no more"
    came = [[now - then for now, then in zip(*both, strict=True)] for both in zip(after, before, strict=True)]
    assert came == [[CROWD // 2, CROWD, 0]] * 2, "each was written once"


def appended(address: str) -> tuple[float, ...]:
    """Appends and entries that a service has made durable in the access log, and answers that it withheld."""
    numbers = {}
    for line in httpx2.get(f"{address}/metrics", timeout=60).text.splitlines():
        if found := re.fullmatch(r"([a-z_]+)(\{.*\})? ([0-9.e+]+)", line):
            numbers[found[1] + (found[2] or "")] = float(found[3])
    wanted = ('ledger_group_appends_sum{log="access"}', 'ledger_appended_events_total{log="access"}')
    return (*(numbers[name] for name in wanted), numbers["disclosure_failures_total"])
