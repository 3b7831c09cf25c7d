"""A process that reads and weighs ahead of the matcher decides nothing: with it, without it, and when it is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from string import ascii_lowercase
from typing import Any

import msgspec
import psycopg
import pytest

from ledger import match_scout, matcher
from ledger.application import Ledger
from ledger.events import Meta
from ledger.match_portion import Portion, Seen
from ledger.match_scout import Scout, scouted
from ledger.match_writing import ACTOR, MatchWriter
from ledger.matcher import Matched, Matcher
from ledger.matching.populations.registers import registers
from ledger.matching.traits import Traits
from ledger.policies import Published
from ledger.reactors.matching import MatcherRunner
from ledger.store import match_index
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.matching_children import doubtful, settled
from support.matching_runs import MatchingRuns, name_of
from support.service_processes import Pipe, ServiceProcess, Store, open_store_of

AT_ONCE = 7
SECONDS_MAX = 30


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "SCOUTED_FROM", 1)


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


@pytest.fixture
def scout(ledger: Ledger) -> Iterator[Scout]:
    with Scout(ledger.database, threading.Event()) as scout:
        yield scout


@pytest.fixture
def beside(new_ledger: Callable[..., Ledger], new_database: Callable[[], Database]) -> Ledger:
    """An equal ledger."""
    return new_ledger(new_database())


def night(seed: int) -> list[Traits]:
    drawn = {(one.state, one.state_student_id): one for one in (s.traits for s in registers(20, seed))}
    return [*drawn.values(), settled("TX", "a"), doubtful("MI", "b")]


def scouts(conninfo: str) -> list[int]:
    """Process ids of PostgreSQL that serve a scout now."""
    query = "select pid from pg_stat_activity where datname = current_database() and application_name = %s"
    with psycopg.connect(conninfo) as conn:
        return [pid for (pid,) in conn.execute(query, (match_scout.APPLICATION,)).fetchall()]


def until(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not happens():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


class Accompanied(Matcher):
    """The matcher of a ledger, a few at a time. scout: goes before it; None: nobody does. before: happens before each
    decision. learned: how often it was told of anything."""

    def __init__(self, ledger: Ledger, scout: Scout | None, before: Callable[[int], object] = lambda _: None) -> None:
        writer = MatchWriter(ledger.links, ledger.proposals)
        super().__init__(ledger.log, ledger.links, ledger.proposals, ledger.policies, writer)
        self.ledger = ledger
        self.scout = scout
        self.before = before
        self.turns = 0

    def decide(
        self, conn: psycopg.Connection[Any], published: Published, read: int, limit: int = 0, scout: Scout | None = None
    ) -> Matched | None:
        self.turns += 1
        self.before(self.turns)
        return super().decide(conn, published, read, AT_ONCE, self.scout)

    def runs(self) -> None:
        MatcherRunner(self, self.ledger.database, self.ledger.log).run(self.ledger.log.head())
        assert self.turns > 3, "it has several portions to decide"


def came_of(matching: MatchingRuns) -> tuple[object, ...]:
    """Students, links with all that they hung on but ids, and questions."""
    links = [
        (matching.sides(one.decision), one.decision.weight, one.decision.steps, one.decision.guards)
        for one in matching.links()
        if one.decision is not None
    ]
    return matching.students(), sorted(links, key=repr), sorted(matching.questions(), key=repr), matching.waiting()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each time that somebody is told of, how many people that were."""
    told: list[int] = []
    learn = Portion.learn

    def learned(portion: Portion, seen: Seen) -> None:
        told.append(len(seen.people))
        learn(portion, seen)

    monkeypatch.setattr(Portion, "learn", learned)
    return told


@pytest.mark.parametrize("seed", [11, 12])
def test_with_a_scout_the_same_is_decided_as_without(
    seed: int,
    ledger: Ledger,
    beside: Ledger,
    scout: Scout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = counted(monkeypatch)
    came = []
    for one, before_it in ((ledger, scout), (beside, None)):
        matching = MatchingRuns(one)
        matching.tells(*night(seed))
        Accompanied(one, before_it).runs()
        came.append(came_of(matching))
    assert sum(told) > 0, "the scout was asked"
    assert came[0] == came[1]
    assert came[0][1], "something was linked"
    assert came[0][2], "something was asked"


def test_of_what_a_scout_has_told_nothing_is_read_again(
    matching: MatchingRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = matching.ledger
    matching.tells(*night(13))
    MatcherRunner(_Remembering(ledger), ledger.database, ledger.log).run(ledger.log.head())
    published = ledger.policies.in_effect(Meta(actor=ACTOR))
    with ledger.database.connect(Role.WRITER) as conn:
        waiting = [record for record, _ in match_index.waiting(conn, 1_000)]
        seen = scouted(conn, published, waiting)
        seen = msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=Seen)
        assert len(seen.people) >= len(waiting)
        read: list[str] = []

        def reading(what: Callable[..., Any]) -> Callable[..., Any]:
            def reads(conn: object, records: Sequence[str]) -> Any:
                read.extend(records)
                return what(conn, records)

            return reads

        monkeypatch.setattr(match_index, "ask_near", reading(match_index.ask_near))
        monkeypatch.setattr(match_index, "ask_people", reading(match_index.ask_people))
        portion = Portion(conn, published)
        portion.learn(seen)
        again = portion.seen()
        assert set(again.names) == set(seen.names)
        portion.near(waiting)
        portion.people_of([seen.names[at] for at, _ in seen.people])
        assert read == []


def test_what_is_told_of_tables_that_were_others_is_not_taken_over(matching: MatchingRuns) -> None:
    ledger = matching.ledger
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    MatcherRunner(_Remembering(ledger), ledger.database, ledger.log).run(ledger.log.head())
    published = ledger.policies.in_effect(Meta(actor=ACTOR))
    with ledger.database.connect(Role.WRITER) as conn:
        waiting = [record for record, _ in match_index.waiting(conn, 10)]
        seen = scouted(conn, published, waiting)
        assert len(seen.people) == len(waiting) == 2
        match_index.forget(conn, waiting[:1])
        portion = Portion(conn, published)
        portion.learn(seen)
        assert set(portion.people_of(waiting)) == set(waiting[1:])


def test_what_a_scout_was_sent_to_is_not_told_once_it_is_sent_nowhere_or_recalled(
    matching: MatchingRuns, scout: Scout
) -> None:
    matching.tells(*night(19))
    published = matching.ledger.policies.in_effect(Meta(actor=ACTOR))
    records = list(matching.names())
    scout.send(published, records)
    assert scout.found() is not None
    assert scout.found() is None, "it is told once"
    scout.send(published, records)
    scout.send(published, [])
    assert scout.found() is None
    scout.send(published, records)
    scout.recall()
    assert scout.found() is None
    scout.send(published, records)
    assert scout.found() is not None, "it can be sent again"


@pytest.mark.parametrize("turn", [2, 3, 4])
def test_what_a_state_says_while_a_scout_is_away_is_decided_on(
    turn: int, ledger: Ledger, beside: Ledger, scout: Scout
) -> None:
    came = []
    for one, before_it in ((ledger, scout), (beside, None)):
        matching = MatchingRuns(one)
        matching.tells(*night(14))

        def before(now: int, matching: MatchingRuns = matching, before_it: Scout | None = before_it) -> None:
            if now != turn:
                return
            # Who comes next has another surname from here on, and no child in common with anybody.
            waiting = set(matching.waiting())
            changed = [child for child in night(14) if name_of(child) in waiting]
            assert len(changed) > AT_ONCE
            matching.tells(
                *(
                    msgspec.structs.replace(child, last_name_1="Tlapale" + letter * 4, last_name_2="")
                    for child, letter in zip(changed, ascii_lowercase, strict=False)
                )
            )
            assert before_it is None or before_it.process is not None, "it is away"

        Accompanied(one, before_it, before).runs()
        came.append(came_of(matching))
    assert came[0] == came[1]
    assert came[0][1], "something was linked"


def test_a_scout_that_is_killed_is_done_without(
    ledger: Ledger, beside: Ledger, scout: Scout, capfd: pytest.CaptureFixture[str]
) -> None:
    def before(turn: int) -> None:
        if turn == 2:
            assert scout.process is not None
            os.kill(scout.process, signal.SIGKILL)

    for one in (ledger, beside):
        MatchingRuns(one).tells(*night(15))
    Accompanied(ledger, scout, before).runs()
    Accompanied(beside, None).runs()
    assert came_of(MatchingRuns(ledger)) == came_of(MatchingRuns(beside))
    assert scout.process is None
    assert "the matcher's scout ended" in capfd.readouterr().out


def test_a_scout_whose_database_lets_it_go_is_done_without(ledger: Ledger, beside: Ledger, scout: Scout) -> None:
    matching = MatchingRuns(ledger)
    matching.tells(*night(16))

    def before(turn: int) -> None:
        if turn == 2:
            until(lambda: scouts(ledger.database.conninfo()))
            with psycopg.connect(ledger.database.conninfo(), autocommit=True) as conn:
                for pid in scouts(ledger.database.conninfo()):
                    conn.execute("select pg_terminate_backend(%s)", (pid,))

    MatchingRuns(beside).tells(*night(16))
    Accompanied(ledger, scout, before).runs()
    Accompanied(beside, None).runs()
    assert scout.is_lost
    assert came_of(matching) == came_of(MatchingRuns(beside))


def sends_a_scout(pipe: Pipe, store: Store) -> None:
    with store.ledger() as ledger, Scout(ledger.database, threading.Event()) as scout:
        published = ledger.policies.in_effect(Meta(actor=ACTOR))
        scout.send(published, list(MatchingRuns(ledger).names()))
        assert scout.found() is not None
        pipe.say(scout.process)
        pipe.hear()


def test_a_scout_ends_with_whoever_has_sent_it(server: EmbeddedServer) -> None:
    with migrated_database(server) as settings:
        with open_store_of(settings) as store, store.ledger() as ledger:
            MatchingRuns(ledger).tells(*night(17))
        with ServiceProcess(sends_a_scout, settings=settings) as process:
            assert isinstance(next(process.said()), int)
            assert len(scouts(settings["database_url"])) == 1
            process.kill()
            until(lambda: not scouts(settings["database_url"]))


def test_who_is_told_to_stop_waits_for_no_scout(ledger: Ledger, matching: MatchingRuns) -> None:
    matching.tells(*night(18))
    stop = threading.Event()
    published = ledger.policies.in_effect(Meta(actor=ACTOR))
    with Scout(ledger.database, stop) as scout:
        scout.send(published, list(matching.names()))
        assert scout.process is not None
        os.kill(scout.process, signal.SIGSTOP)
        stop.set()
        assert scout.found() is None
    until(lambda: not scouts(ledger.database.conninfo()))


@pytest.mark.parametrize("worth", [True, False])
def test_the_matcher_has_a_scout_where_it_is_worth_it_and_ends_it_when_all_is_decided(
    worth: bool, matching: MatchingRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, ended = counted(monkeypatch), list[int | None]()
    end = Scout.end

    def ends(scout: Scout) -> None:
        ended.append(scout.process)
        end(scout)
        assert scout.process is None

    monkeypatch.setattr(Scout, "end", ends)
    monkeypatch.setattr("ledger.reactors.matching.is_worth_it", lambda: worth)
    matching.tells(*night(21))
    matching.runs(decided_at_once=AT_ONCE)
    assert (sum(told) > 0) is worth
    assert (ended[-1] is not None) is worth
    assert matching.waiting() == []
    until(lambda: not scouts(matching.ledger.database.conninfo()))


def test_a_scout_that_does_not_answer_is_done_without(
    matching: MatchingRuns, scout: Scout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_scout, "PATIENCE_S", 0.1)
    matching.tells(*night(20))
    scout.send(matching.ledger.policies.in_effect(Meta(actor=ACTOR)), list(matching.names()))
    assert scout.process is not None
    os.kill(scout.process, signal.SIGSTOP)
    assert scout.found() is None
    assert scout.is_lost
    assert scout.process is None


class _Remembering(Matcher):
    """Remembers, and decides nothing."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.log, ledger.links, ledger.proposals, ledger.policies)

    def decide(self, *_: object, **__: object) -> Matched | None:
        return None
