"""Law 8 for ``worklist``: it is the naive fold of what can be opened, in batches of any size, and a rebuild equals it.

Cases are opened, assigned, answered, left to time and taken back through the product itself, while records are opened
and moved between students.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, LiteralString

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ledger.errors import Conflict, Forbidden, NotFound, Refused
from ledger.events import Meta, Recorded
from ledger.events.audit import KeptApart
from ledger.events.case import Place
from ledger.links import Seeds
from ledger.store.database import Role
from projections import worklist
from support.casework import ANA, BEN, CLEO, WHY, Work
from support.linkage_tapes import act
from support.naive_worklist import cases_told, records_told
from support.stories import BATCHES, destroy
from support.worlds import World

Sized = Callable[..., settings]
Step = tuple[int, int, int]
MODEL = worklist.PROJECTION
MATCHER = Meta(actor="matcher")
PLACES = (
    Place(state="OR", region="R2", district="4113770"),
    Place(state="OR", region="R3"),
    Place(state="OR"),
    Place(state="CA"),
)
CHILDREN = (("OR", "4113770"), ("CA", None), ("OR", "4100009"), ("TX", None))
TAPES = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=16)


class Office:
    """People at work in a world, on children of one example. What is refused leaves nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._example = world.next_example()
        self.work = Work(world.ledgers[0])
        self.minted: list[str] = []
        self.cases: list[str] = []
        self.acts: list[str] = []

    def do(self, step: Step) -> None:
        """One step of a tape."""
        while len(self.minted) < 2:
            self._open_record()
        with suppress(Refused, Conflict, NotFound, Forbidden):
            self._do(*step)

    def _open_record(self) -> None:
        number = len(self.minted)
        state, district = CHILDREN[number % len(CHILDREN)]
        self.minted.append(self.work.opened(state, f"W{self._example}{number}", district))

    def _do(self, kind: int, one: int, other: int) -> None:
        work = self.work
        left, right = (self.minted[n % len(self.minted)] for n in (one, other))
        records = [work.record(minted) for minted in (left, right)]
        case = self.cases[-1 - one % len(self.cases)] if self.cases else ""
        match kind:
            case 0:
                self._open_record()
            case 1 | 2:
                students = work.ledger.links.reach(Seeds(students=[right])).students()
                scored = {a.record: 3.0 + n for n, a in enumerate(students.members[students.student_of[records[1]]])}
                self.cases.append(work.proposals.open_near_match(records[0], scored, MATCHER).case)
            case 3 | 4:
                a, b = work.shown(left, right)
                self.cases.append(work.proposals.propose_merge(a, b, a, WHY, ANA).case)
            case 5:
                [shown] = work.shown(left)
                self.cases.append(work.proposals.propose_split(shown, [[records[0]]], WHY, ANA).case)
            case 6:
                self.cases.append(work.proposals.open_changed("different-child", records[0], 1, MATCHER).case)
            case 14:
                self.cases.append(work.proposals.open_doubtful(self.acts[-1] if self.acts else "", 1, MATCHER).case)
            case 15:
                pair = KeptApart(records[0], records[1], -4_500)
                self.cases.append(work.proposals.check_apart(pair, "of a test", MATCHER).case)
            case 7:
                place = PLACES[other % len(PLACES)]
                work.cases.assign(case, place, BEN, None, ["Ben", "cleo"][: other % 3])
            case 8 | 9:
                by = BEN if kind == 8 else CLEO
                answered = work.cases.answer(case, WHY, by, None, yes=True).after.closed
                if answered is not None:
                    self.acts += [answered.act] if answered.act else []
                    self.cases += [answered.next] if answered.next else []
            case 10:
                # A no comes from a state's own office, which may answer wherever its part lies.
                work.cases.answer(case, WHY, BEN, PLACES[-1 - other % len(PLACES)], yes=other < 4)
            case 11:
                self._world.clocks[0].step(86_400 * 5 * (1 + other))
                for name in self.cases:
                    work.cases.escalate(name, MATCHER)
            case 12:
                reversed_ = work.reversals.reverse(self.acts[-1] if self.acts else "", WHY, ANA, None)
                self.acts.append(reversed_.act)
                self.cases += reversed_.cases
            case _:
                act(work.ledger, self.minted, ((2 * one + other) % 10, one, other))


def table(world: World, query: LiteralString, names: Sequence[str]) -> list[dict[str, Any]]:
    with world.database.connect(Role.READER) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, (list(names),)).fetchall()


def assert_is_the_fold(world: World, log: Sequence[Recorded], until: int) -> None:
    """log: of the example, whole. until: position that the read model has reached."""
    heard = [recorded for recorded in log if recorded.position <= until]
    cases, parts = cases_told(heard)
    streams = sorted({recorded.stream.partition("/")[2] for recorded in log})
    rows = table(world, "select * from worklist.cases where case_id = any(%s)", streams)
    assert {row.pop("case_id"): {**row, "body": None} for row in rows} == {
        name: {**case, "body": None} for name, case in cases.items()
    }
    rows = table(world, "select * from worklist.parts where case_id = any(%s)", streams)
    assert {(row.pop("case_id"), row.pop("state")): row for row in rows} == parts
    rows = table(world, "select * from worklist.records where record = any(%s)", streams)
    found = {row["record"]: (row["state_student_id"], row["student_id"]) for row in rows}
    assert found == records_told(log, until)


def test_law_8_in_batches_of_any_size(world: World, sized: Sized) -> None:
    Work(world.ledgers[0]).profile("OR", second_person=True)

    @sized(25)
    @given(TAPES, BATCHES, BATCHES, st.integers(0, 9))
    def law(tape: list[Step], batch: int, rebuilt_in: int, held_back: int) -> None:
        start = reached = world.head()
        office = Office(world)
        for number, step in enumerate(tape, start=1):
            office.do(step)
            if number % 4 and number < len(tape):
                continue
            log = world.events(start)
            for until in (max(world.head() - held_back, reached), world.head()):
                world.project(batch, MODEL, until=until)
                assert_is_the_fold(world, log, until)
            reached = world.head()
        live = world.digest(MODEL)
        world.rebuild(rebuilt_in * 50, MODEL)
        assert world.digest(MODEL) == live

    law()


def test_law_8_for_what_can_still_be_opened(world: World, sized: Sized) -> None:
    """After the keys of a case and of a record are destroyed, a rebuild holds what the others open."""

    @sized(15)
    @given(TAPES, BATCHES)
    def law(tape: list[Step], batch: int) -> None:
        start = world.head()
        office = Office(world)
        office.do((3, 0, 1))
        for step in tape:
            office.do(step)
        world.project(batch * 10, MODEL)
        destroy(world, office.cases[0], "case")
        destroy(world, office.work.record(office.minted[0]), "education")
        world.rebuild(1000, MODEL)
        assert_is_the_fold(world, world.events(start), world.head())
        assert not table(world, "select * from worklist.cases where case_id = any(%s)", office.cases[:1])
        assert not table(world, "select * from worklist.parts where case_id = any(%s)", office.cases[:1])

    law()


def test_the_tapes_come_to_every_kind_of_case_and_outcome(world: World) -> None:
    """Else the laws above would hold of little."""
    Work(world.ledgers[0]).profile("OR", second_person=True)
    tapes: list[list[Step]] = [
        [(1, 0, 1), (8, 0, 0), (9, 0, 0), (12, 0, 0), (8, 0, 0)],
        [(3, 0, 1), (7, 0, 0), (11, 0, 5), (8, 0, 0), (5, 0, 0), (10, 0, 5)],
        [(6, 0, 0), (11, 0, 5), (8, 0, 0), (3, 0, 1), (13, 3, 2), (8, 0, 0)],
        [(3, 0, 1), (8, 0, 0), (6, 0, 0), (14, 0, 0), (10, 0, 5)],
    ]
    for tape in tapes:
        office = Office(world)
        for step in tape:
            office.do(step)
    cases, parts = cases_told(world.events())
    assert {case["kind"] for case in cases.values()} >= {
        "near-match",
        "validate-near-match",
        "validate-merge",
        "validate-split",
        "validate-reversal",
        "different-child",
        "doubtful-link",
    }
    assert {case["outcome"] for case in cases.values()} >= {"settled", "rejected", "overtaken"}
    assert any(part["overdue"] for part in parts.values())
