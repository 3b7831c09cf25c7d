"""P1m: new records decided by the matcher of a whole process, in a ledger that holds many students.

One half of them are of children who are there already. The matcher remembers them, decides them a thousand at a time,
and writes links and questions; and some more it decides one at a time, so that the slowest can be told.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from itertools import count
from random import Random
from statistics import quantiles
from typing import Any, NamedTuple

import psycopg

from api.bootstrap import open_store
from api.cli.bench import crowd
from api.cli.bench.crowd import Crowd, Sent
from api.cli.bench.crowd_found import figures
from api.cli.bench.ground import Ground
from api.cli.bench.report import RATE, Goal, Row, Run, Size
from api.cli.talk import say
from ledger.application import Ledger
from ledger.match_scout import Scout
from ledger.match_writing import Decided, MatchWriter
from ledger.matcher import Matched, Matcher
from ledger.policies import Published
from ledger.reactors.matching import MatcherRunner
from ledger.settings import Settings
from ledger.store import match_index
from ledger.store.database import Role

STUDENTS = 100_000
LATER = 4_400
ONE_OF = 11
"""Of so many new records one is decided alone, the others in the groups of every night."""
SEED = 301
"""Of children whom the training of no policy has met."""


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: the same new records into a copy of the same ledger; the last one into the ledger itself, since two of
    a million students push each other out of the memory in which the one would lie.

    The rate is that of remembering and deciding together, every link and question durable. ``p50_ms``, ``p99_ms``: of
    records that are decided alone, with whatever is read for it, and without what is written of links and questions;
    ``durable_*`` with that.
    """
    students = size.students or size.of(STUDENTS, 40)
    settings = ground.new_store()
    there = _settled(settings, students, size.of(LATER, 4 * ONE_OF))
    for run in count(1):
        place = nullcontext(settings) if run == size.runs else ground.copy(settings)
        with place as of_run, open_store(of_run) as store, store.ledger() as ledger:
            alone, together = _parted(there.later)
            came = crowd.come(ledger, together)
            ground.settle()
            started, on_cpu = time.perf_counter(), time.process_time()
            done = MatcherRunner(ledger.matcher, store.database, ledger.log).run(ledger.log.head())
            seconds, cpu = time.perf_counter() - started, time.process_time() - on_cpu
            assert done.records >= len(came), "each of them waits once at least"
            came |= crowd.come(ledger, alone)
            one_by_one = OneByOne(ledger)
            last = MatcherRunner(one_by_one, store.database, ledger.log).run(ledger.log.head())
            assert len(one_by_one.decision_s) >= len(alone), "each of them waits once at least"
            with store.database.connect(Role.WRITER) as conn:
                found = figures(conn, there.records, came)
        yield Run(
            rate=len(together) / seconds,
            against={},
            more={
                "p50_ms": _percentile(one_by_one.decision_s, 50),
                "p99_ms": _percentile(one_by_one.decision_s, 99),
                "durable_p50_ms": _percentile(one_by_one.durable_s, 50),
                "durable_p99_ms": _percentile(one_by_one.durable_s, 99),
                "cpu_ms_per_record": cpu * 1000 / len(together),
                **found,
                "linked": done.linked + last.linked,
                "asked": done.asked + last.asked,
                "students": there.students,
                "records_before": there.students + there.linked,
                "records_new": len(there.later),
            },
        )


class OneByOne(Matcher):
    """The matcher, deciding one record at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._timed = _TimedWriter(ledger.links, ledger.proposals)
        super().__init__(ledger.log, ledger.links, ledger.proposals, ledger.policies, self._timed)
        self._turns: defaultdict[str, list[_Turn]] = defaultdict(list)

    def decide(
        self,
        conn: psycopg.Connection[Any],
        published: Published,
        read: int,
        limit: int = 1,
        scout: Scout | None = None,
    ) -> Matched | None:
        """Decide one record: link what is sure of it, or ask people, where it comes up again for that."""
        waiting = match_index.waiting(conn, 1) or match_index.waiting(conn, 1, linked=True)
        self._timed.seconds = 0.0
        started = time.perf_counter()
        done = super().decide(conn, published, read, limit, scout)
        seconds = time.perf_counter() - started
        for record, _ in waiting:
            self._turns[record].append(_Turn(seconds, self._timed.seconds))
        return done

    @property
    def durable_s(self) -> list[float]:
        """Of each record, the seconds until all that comes of it is written."""
        return [sum(turn.whole for turn in turns) for turns in self._turns.values()]

    @property
    def decision_s(self) -> list[float]:
        """As ``durable_s``, without the writing of links and questions: reading what it is decided on, deciding it, and
        taking it off the queue."""
        return [sum(turn.whole - turn.writing for turn in turns) for turns in self._turns.values()]


class _Turn(NamedTuple):
    whole: float
    writing: float


class _TimedWriter(MatchWriter):
    """seconds: spent on writing."""

    seconds = 0.0

    def link(self, decided: Sequence[Decided]) -> list[list[Decided]]:
        started = time.perf_counter()
        left = super().link(decided)
        self.seconds += time.perf_counter() - started if decided else 0.0
        return left

    def ask(self, decided: Sequence[Decided]) -> list[Decided]:
        started = time.perf_counter()
        left = super().ask(decided)
        self.seconds += time.perf_counter() - started if decided else 0.0
        return left


def _parted(later: Sequence[Sent]) -> tuple[list[Sent], list[Sent]]:
    """Those that are decided alone, and the others. By lot: every so many is one of those who were there before, since
    they and the new ones come nearly by turns."""
    drawn = set(Random(SEED).sample(range(len(later)), len(later) // ONE_OF))  # noqa: S311 - the same in every run
    return [s for n, s in enumerate(later) if n in drawn], [s for n, s in enumerate(later) if n not in drawn]


def _settled(settings: Settings, students: int, later: int) -> Crowd:
    """The ledger as it is before."""
    started = time.perf_counter()
    with open_store(settings) as store, store.ledger() as ledger:
        made = crowd.settle(ledger, crowd.children(students, later, SEED))
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as conn:
        # What PostgreSQL does by itself within minutes, and has long done in a ledger that has grown over years.
        conn.execute("vacuum analyze")
    say(f"P1m: {made.students:,} students are there after {time.perf_counter() - started:.0f} s")
    return made


def _percentile(seconds: Sequence[float], which: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[which - 1] * 1000


ROW = Row(
    id="P1m",
    work="new records decided by the matcher",
    unit="records/s",
    goals=(
        Goal(of=RATE, must=100, stretch=1_000),
        Goal(of="p50_ms", must=10, stretch=3, at_most=True),
        Goal(of="p99_ms", must=50, stretch=15, at_most=True),
        Goal(of="blocking_recall", must=0.98, stretch=0.99),
        Goal(of="other_children", must=50, stretch=50, at_most=True),
    ),
    measure=measure,
)
