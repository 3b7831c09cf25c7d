"""P8: a merge, and its reversal: durable, and visible in the consolidated record. One process acts, another one folds.

Of students as they are, and of two with 40 records and 2,000 facts each, which may take ten times as long.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from statistics import quantiles
from typing import Any

import psycopg

from api.bootstrap import open_store
from api.cli.bench.facts import ACTOR, load
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.bench.serving import following
from ledger.application import Ledger
from ledger.errors import ProjectionBehind
from ledger.events import Meta
from ledger.linkage_acts import Acted, Link, Merge, Reverse, decide
from ledger.links import Beside, Linked, Seeds
from ledger.reach import Reach, minting
from ledger.record import PlaceStudent, StudentRows
from ledger.record import Row as SentRow
from ledger.store.database import Role

STUDENTS = 400
MERGES = 100
LARGE_ACTS = 10
RECORDS, FACTS = 40, 50
SEEN_S = 120
_LOOK_EVERY_S = 0.001
META = Meta(actor=ACTOR)


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: merges and their reversals one after another, each until a reader is shown it. The two large students
    are merged and parted in turn, each act the reversal of the one before."""
    settings = ground.new_store()
    with open_store(settings) as store, store.ledger() as ledger:
        load(ledger, ground.folder, size.of(STUDENTS, 2 * MERGES))
        with store.database.connect(Role.WRITER) as conn:
            ids = [row[0] for row in conn.execute("select minted from ledger.records order by 1").fetchall()]
        left, right = (_large(ledger, side) for side in ("L", "R"))
    pairs = list(zip(ids[0::2], ids[1::2], strict=False))[: size.of(MERGES, 5)]
    while True:
        with (
            ground.copy(settings) as copied,
            following(ground, copied),
            open_store(copied) as store,
            store.ledger() as ledger,
            store.database.connect(Role.READER) as conn,
        ):
            _shown(conn, right, right)
            ground.settle()
            seconds = [taken for one, other in pairs for taken in _acts(ledger, conn, one, other, 2)]
            large = _acts(ledger, conn, left, right, LARGE_ACTS)
        yield Run(
            rate=len(seconds) / sum(seconds),
            against={},
            more={
                "p50_ms": _percentile(seconds, 50),
                "p99_ms": _percentile(seconds, 99),
                "large_p50_ms": _percentile(large, 50),
                "large_max_ms": max(large) * 1000,
            },
        )


def _acts(ledger: Ledger, conn: psycopg.Connection[Any], left: str, right: str, count: int) -> Sequence[float]:
    """Seconds of a merge, of its reversal, of the reversal of that, and so on; each until it shows."""

    def merged(reach: Reach) -> tuple[Acted, Beside]:
        one, other = minting(reach, left).record, minting(reach, right).record
        return decide(Merge(left=one, right=other, master=one), reach), Beside(reason="measured")

    seconds: list[float] = []
    act = ""
    for number in range(count):
        started = time.perf_counter()
        act = ledger.links.act(Seeds(students=[left, right]), merged, META).id if not act else _reverse(ledger, act).id
        _shown(conn, right, right if number % 2 else left)
        seconds.append(time.perf_counter() - started)
    return seconds


def _reverse(ledger: Ledger, act: str) -> Linked:
    return ledger.links.act(Seeds(acts=[act]), lambda reach: (decide(Reverse(act=act), reach), Beside()), META)


def _shown(conn: psycopg.Connection[Any], minted: str, student_id: str) -> None:
    """Until the read model shows an id as that student. Raises ProjectionBehind."""
    give_up = time.monotonic() + SEEN_S
    query = (
        "select 1 from students.ids i join students.students s on s.student_id = i.student_id"
        " where i.minted = %s and i.student_id = %s"
    )
    while True:
        there = conn.execute("select to_regclass('students.ids')").fetchone() != (None,)
        if there and conn.execute(query, (minted, student_id)).fetchone():
            return
        if time.monotonic() > give_up:
            raise ProjectionBehind(f"The read model did not show an act in {SEEN_S} s.")
        time.sleep(_LOOK_EVERY_S)


def _large(ledger: Ledger, side: str) -> str:
    """A student of 40 records with 50 facts each; the id that is shown."""
    minted = [ledger.execute(_record(f"{side}{number}", number), META).student_id for number in range(RECORDS)]
    for other in minted[1:]:

        def linked(reach: Reach, other: str = other) -> tuple[Acted, Beside]:
            record, member = minting(reach, other).record, minting(reach, minted[0]).record
            return decide(Link(record=record, member=member, why="policy"), reach), Beside()

        ledger.links.act(Seeds(students=[minted[0], other]), linked, META)
    return minted[0]


def _record(ssid: str, number: int) -> PlaceStudent:
    rows = [
        SentRow("D", {"first_name": "Marisol", "last_name_1": "Abarca", "birth_date": "2010-05-09", "sex": "Female"}),
        SentRow("Q", {"qualifying_arrival_date": "2024-08-01", "qualifying_move_from_country": "MEX"}),
    ]
    rows += [
        SentRow(
            "C",
            {
                "course_title": f"Course {number}.{course}",
                "subject_area_name": "Mathematics",
                "course_type": "00",
                "begin_academic_year": "2024",
                "end_academic_year": "2025",
                "course_section": "01",
                "term_type": "0827",
                "credits_granted": "0.50",
            },
        )
        for course in range(FACTS - len(rows))
    ]
    sent = StudentRows(state="OR", state_student_id=ssid, action="U", elements={}, rows=rows)
    return PlaceStudent(state="OR", state_student_id=ssid, student=sent, new_student_id="")


def _percentile(seconds: Sequence[float], which: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[which - 1] * 1000


ROW = Row(
    id="P8",
    work="a merge, and its reversal, until the consolidated record shows it",
    unit="acts/s",
    goals=(
        Goal(of="p99_ms", must=100, stretch=50, at_most=True),
        Goal(of="large_max_ms", must=1000, stretch=500, at_most=True),
    ),
    measure=measure,
)
