"""P12: what a unit of P1, P6, P9 and P10 costs as one store grows, beside what it costs while the store is small.

What is timed is what those rows time. Beside them stands what knows little or nothing of the store's size: COPY of a
file's events into an empty table, the static answer of the same server, the bare read of P9's rows. Where these grow
too, it was the machine.
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
from typing import Final

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


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run grows a store of its own. The rate is that of P1 at the largest size. ``..._times``: how many times the
    cost at the smallest size a unit costs at worst at a larger one. ``..._apart``: the costliest round of a size beside
    its cheapest, at worst; where that is more than what is to be told, the machine was too noisy to tell it."""
    sizes = size.events or [size.of(events, EVENTS_LEAST * place) for place, events in enumerate(EVENTS, 1)]
    empty = ground.new_store()
    for run in count():
        with ground.copy(empty) as settings:
            growing = Growing(ground, settings, Signer.of("bench.example.org", secrets.token_bytes(32)))
            yield _grown(_Rounds(ground, growing, size, min(sizes), run), sorted(set(sizes)))


def _grown(rounds: _Rounds, sizes: Sequence[int]) -> Run:
    rounds.begin()
    found: list[Costs] = []
    told: dict[str, float] = {}
    for events in sizes:
        costs, figures = rounds.at(events)
        found.append(costs)
        label = _label(events)
        told |= {f"{name}_us_at_{label}": median(of) for name, of in costs.items()}
        told |= {f"{name}_at_{label}": figure for name, figure in figures.items()}
    return Run(
        rate=1e6 / median(found[-1]["P1"]),
        against={},
        more=growth(found) | told | {"peak_mb": _peak_mb()},
    )


def growth(found: Sequence[Costs]) -> dict[str, float]:
    """``..._times`` and ``..._apart``. found: of each size, the smallest first."""
    times = {
        f"{name}_times": max(median(larger[name]) for larger in found[1:] or found) / median(found[0][name])
        for name in (*MEASURED, *BESIDE)
    }
    apart = {
        f"{name}_apart": max(max(costs[name]) / min(costs[name]) for costs in found) for name in (*MEASURED, *BESIDE)
    }
    return times | apart


class _Rounds:
    """What is measured in one store, size after size."""

    def __init__(self, ground: Ground, growing: Growing, size: Size, smallest: int, run: int) -> None:
        self._ground = ground
        self._growing = growing
        self._size = size
        self._folded = 0
        self._plain = ground.new_database()
        self._rounds = size.of(ROUNDS)
        self._children = max(10, int(smallest * NIGHTS_SHARE / self._rounds / EVENTS_OF_A_CHILD))
        self._chance = Random(SEED + run)  # noqa: S311 - who is read and what is proven, the same in every run

    def begin(self) -> None:
        """The children of P9, and who may read: as old as the store."""
        with open_store(self._growing.settings) as store, store.ledger() as ledger:
            self._asked = p9.students(ledger, self._size)
            self._reader, self._auditor = token(store, "secondary_user"), token(store, "auditor")

    def at(self, events: int) -> tuple[Costs, dict[str, float]]:
        """Grow to a size and measure there: P1 on the last stretch of the way, all else in a store that stands still;
        and what it took to come there, in microseconds of an event."""
        nights = self._rounds * self._children * EVENTS_OF_A_CHILD
        filled_s = _seconds(lambda: self._growing.fill(events - nights))
        there = self._head()
        folded_s, signed_s = _seconds(self._growing.fold), _seconds(self._growing.sign)
        say(
            f"P12: {there:,} events are there after {filled_s:.0f} s, folded after {folded_s:.0f} s,"
            f" signed after {signed_s:.0f} s"
        )
        self._growing.tidy()
        costs: defaultdict[str, list[float]] = defaultdict(list)
        # Once for all: what a page costs that is first written after a checkpoint is paid by the first file.
        self._ground.settle()
        for _ in range(self._rounds):
            report, written = self._growing.night(self._children)
            costs["P1"].append(1e6 * report.seconds / report.rows)
            costs["copy"].append(1e6 * copy_in(self._plain, written) / report.rows)
        self._growing.fold()
        head = self._growing.sign()
        self._growing.tidy()
        students = self._growing.students(self._size.of(p6.STUDENTS, p6.CONNECTIONS))
        for _ in range(self._rounds):
            self._ground.settle()
            self._past(costs)
            self._served(costs, students, head)
        say(f"P12: measured at {head:,} events")
        came, self._folded = there - self._folded, head
        return costs, {
            "events": head,
            "db_mb": self._growing.megabytes(),
            "fold_us": 1e6 * folded_s / came,
            "sign_us": 1e6 * signed_s / came,
        }

    def _past(self, costs: dict[str, list[float]]) -> None:
        with (
            open_store(self._growing.settings) as store,
            store.ledger() as ledger,
            store.database.connect(Role.WRITER) as conn,
        ):
            bare, ours, _ = p9.read(ledger, conn, self._asked, self._size.of(p9.READS, 2))
        costs["P9"].append(1e6 * median(ours))
        costs["P9_rows"].append(1e6 * median(bare))

    def _served(self, costs: dict[str, list[float]], students: Sequence[str], head: int) -> None:
        positions = [self._chance.randint(1, head) for _ in range(self._size.of(p10.PROOFS, 20))]
        wanted = self._chance.choices(students, k=self._size.of(p6.READS, p6.CONNECTIONS))
        with serving(self._ground, self._growing.settings) as service:
            costs["static"].append(1e6 / p6.ready(service, self._size).rate)
            p10.prove(service, self._auditor, positions)
            costs["P10"].append(1e6 / p10.prove(service, self._auditor, positions).rate)
            costs["P6_first"].append(1e6 / p6.read(service, self._reader, students).rate)
            self._ground.settle()
            costs["P6"].append(1e6 / p6.read(service, self._reader, wanted).rate)

    def _head(self) -> int:
        with open_store(self._growing.settings) as store, store.logs() as logs:
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
