"""P12: what a unit of P1, P6, P9 and P10 costs in a store that has grown, beside what it costs in a small one.

A machine's own speed swings by half within an hour, and growing takes an hour: so the two stores are measured by turns,
round after round, within the same minutes. What is timed is what those rows time. Beside them stands what knows nothing
of a store's size: COPY of a file's events into an empty table, the static answer of the same server; and the bare read
of P9's rows, which knows little. What these are said to have grown is what cannot be told.
"""

from __future__ import annotations

import resource
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import count
from random import Random
from statistics import median
from typing import Final, NamedTuple

from api.bootstrap import open_store
from api.cli.bench import p6, p9, p10
from api.cli.bench.copying import copy_in
from api.cli.bench.facts import token
from api.cli.bench.ground import Ground
from api.cli.bench.growing import EVENTS_OF_A_CHILD, Growing
from api.cli.bench.p13 import MAXRSS_BYTES
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.bench.serving import serving
from api.cli.talk import say
from ledger.proofs.note import Signer
from ledger.store.database import Role

EVENTS: Final = (100_000, 1_000_000, 10_000_000)
EVENTS_LEAST: Final = 1_000
"""Of the smallest size."""
ROUNDS: Final = 5
"""Of each measurement at each size: the median counts, and how far they lie apart is told."""
NIGHTS_SHARE: Final = 0.6
"""Of the smallest store: what the files hold that are timed on its way there, all together. They are as large at every
size."""
SEED: Final = 12

MEASURED: Final = ("P1", "P6", "P9", "P10")
BESIDE: Final = ("P6_first", "copy", "static", "P9_rows")
"""P6_first: the first read of each student after the service has started, which waits for the vault and the disk."""

Costs = Mapping[str, Sequence[float]]
"""Microseconds of one unit, by what was measured: one for each round."""


class Pair(NamedTuple):
    """What was measured by turns of a grown store and of the smallest one, within the same minutes."""

    small: Costs
    grown: Costs


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run grows a store of its own. The rate is that of P1 at the largest size. ``..._times``: how many times the
    cost in the smallest store a unit costs at worst in a grown one, the two measured by turns. ``..._apart``: the
    costliest round of a store beside its cheapest, at worst; where that is more than what is to be told, the machine
    was too noisy to tell it."""
    sizes = size.events or [size.of(events, EVENTS_LEAST * place) for place, events in enumerate(EVENTS, 1)]
    key = Signer.of("bench.example.org", secrets.token_bytes(32))
    for run in count():
        small = Growing(ground, ground.new_store(), key)
        rounds = _Rounds(ground, small, size, min(sizes), run)
        with small.copy() as grown:
            yield _grown(rounds, grown, sorted(set(sizes)))


def _grown(rounds: _Rounds, grown: Growing, sizes: Sequence[int]) -> Run:
    found: list[Pair] = []
    told: dict[str, float] = {}
    for events in sizes[1:] or sizes:
        pair, figures = rounds.at(grown, events)
        found.append(pair)
        label = _label(events)
        told |= {f"{name}_us_at_{label}": median(of) for name, of in pair.grown.items()}
        told |= {f"{name}_us_beside_{label}": median(of) for name, of in pair.small.items()}
        told |= {f"{name}_at_{label}": figure for name, figure in figures.items()}
    return Run(
        rate=1e6 / median(found[-1].grown["P1"]),
        against={},
        more=growth(found) | told | {"smallest_events": rounds.smallest, "peak_mb": _peak_mb()},
    )


def growth(found: Sequence[Pair]) -> dict[str, float]:
    """``..._times`` and ``..._apart``. found: of each larger size."""
    measured = (*MEASURED, *BESIDE)
    times = {
        f"{name}_times": max(median(pair.grown[name]) / median(pair.small[name]) for pair in found) for name in measured
    }
    apart = {
        f"{name}_apart": max(max(costs[name]) / min(costs[name]) for pair in found for costs in pair)
        for name in measured
    }
    return times | apart


class _Rounds:
    """What is measured in stores of two sizes by turns. small: becomes the smallest one, but for the nights that are
    timed: of these each copy of it gets its own. smallest: events that a copy has once they are in it."""

    def __init__(self, ground: Ground, small: Growing, size: Size, smallest: int, run: int) -> None:
        self._ground = ground
        self._small = small
        self._size = size
        self._plain = ground.new_database()
        self._rounds = size.of(ROUNDS)
        self._children = max(10, int(smallest * NIGHTS_SHARE / self._rounds / EVENTS_OF_A_CHILD))
        self._chance = Random(SEED + run)  # noqa: S311 - who is read and what is proven, the same in every run
        with open_store(small.settings) as store, store.ledger() as ledger:
            # The children of P9, and who may read: there before all others, so in every copy.
            self._asked = p9.students(ledger, size)
            self._reader, self._auditor = token(store, "secondary_user"), token(store, "auditor")
        small.fill(smallest - self._nights)
        small.fold()
        small.sign()
        small.tidy()
        self._folded = _head(small)
        self.smallest = self._folded + self._nights

    @property
    def _nights(self) -> int:
        return self._rounds * self._children * EVENTS_OF_A_CHILD

    def at(self, grown: Growing, events: int) -> tuple[Pair, dict[str, float]]:
        """Grow to a size and measure there, and beside it a copy of the smallest store: P1 on the last stretch of the
        way, all else in stores that stand still; and what it took to come there, in microseconds of an event."""
        filled_s = _seconds(lambda: grown.fill(events - self._nights))
        there = _head(grown)
        folded_s, signed_s = _seconds(grown.fold), _seconds(grown.sign)
        say(
            f"P12: {there:,} events are there after {filled_s:.0f} s, folded after {folded_s:.0f} s,"
            f" signed after {signed_s:.0f} s"
        )
        grown.tidy()
        with self._small.copy() as small:
            pair = self._by_turns(small, grown)
        head = _head(grown)
        say(f"P12: measured at {head:,} events")
        came, self._folded = max(1, there - self._folded), head
        return pair, {
            "events": head,
            "db_mb": grown.megabytes(),
            "fold_us": 1e6 * folded_s / came,
            "sign_us": 1e6 * signed_s / came,
        }

    def _by_turns(self, small: Growing, grown: Growing) -> Pair:
        turns = [(store, defaultdict[str, list[float]](list)) for store in (small, grown)]
        # Once for all: what a page costs that is first written after a checkpoint is paid by the first file.
        self._ground.settle()
        for _ in range(self._rounds):
            for store, costs in turns:
                report, written = store.night(self._children)
                costs["P1"].append(1e6 * report.seconds / report.rows)
                costs["copy"].append(1e6 * copy_in(self._plain, written) / report.rows)
        heads = list[int]()
        students = list[list[str]]()
        for store, _ in turns:
            store.fold()
            heads.append(store.sign())
            store.tidy()
            students.append(store.students(self._size.of(p6.STUDENTS, p6.CONNECTIONS)))
        for _ in range(self._rounds):
            for (store, costs), head, asked in zip(turns, heads, students, strict=True):
                self._ground.settle()
                self._past(store, costs)
                self._served(store, costs, asked, head)
        return Pair(*(costs for _, costs in turns))

    def _past(self, growing: Growing, costs: dict[str, list[float]]) -> None:
        with (
            open_store(growing.settings) as store,
            store.ledger() as ledger,
            store.database.connect(Role.WRITER) as conn,
        ):
            bare, ours, _ = p9.read(ledger, conn, self._asked, self._size.of(p9.READS, 2))
        costs["P9"].append(1e6 * median(ours))
        costs["P9_rows"].append(1e6 * median(bare))

    def _served(self, growing: Growing, costs: dict[str, list[float]], students: Sequence[str], head: int) -> None:
        positions = [self._chance.randint(1, head) for _ in range(self._size.of(p10.PROOFS, 20))]
        wanted = self._chance.choices(students, k=self._size.of(p6.READS, p6.CONNECTIONS))
        with serving(self._ground, growing.settings) as service:
            costs["static"].append(1e6 / p6.ready(service, self._size).rate)
            p10.prove(service, self._auditor, positions)
            costs["P10"].append(1e6 / p10.prove(service, self._auditor, positions).rate)
            costs["P6_first"].append(1e6 / p6.read(service, self._reader, students).rate)
            self._ground.settle()
            costs["P6"].append(1e6 / p6.read(service, self._reader, wanted).rate)


def _head(growing: Growing) -> int:
    with open_store(growing.settings) as store, store.logs() as logs:
        return logs["ledger"].head()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _label(events: int) -> str:
    """100k, 10M."""
    for letter, unit in (("M", 1_000_000), ("k", 1_000)):
        if events % unit == 0:
            return f"{events // unit}{letter}"
    return str(events)


def _peak_mb() -> float:
    """The most memory that this process had, of 10^6; with whatever it measured before."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES / 1e6


ROW = Row(
    id="P12",
    work="P1, P6, P9, P10 as the store grows",
    unit="rows/s",
    goals=tuple(Goal(of=f"{name}_times", must=1.3, stretch=1.1, at_most=True) for name in MEASURED),
    measure=measure,
    hours=True,
)
