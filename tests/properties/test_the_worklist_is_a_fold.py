"""Law 8 for ``worklist``: it is the naive fold of what can be opened, in batches of any size, and a rebuild equals it.

Cases are opened, assigned, answered, left to time and taken back through the product itself, while records are opened
and moved between students.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, LiteralString

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ledger.events import Recorded
from ledger.store.database import Role
from projections import worklist
from support.casework import Work
from support.naive_worklist import cases_told, records_told
from support.office import TAPES, Office, Step
from support.stories import BATCHES, destroy
from support.worlds import World

Sized = Callable[..., settings]
MODEL = worklist.PROJECTION


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
