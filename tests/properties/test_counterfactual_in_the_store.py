"""Law 4 through the real store: of an act that was taken back nothing is left in any read model.

Histories of a few children each are told in one database: what their states say, with links, merges, splits, reversals
and declarations in between. Then, for every act that is reversed in the end, the same history is told of other children
without the act and all that answers it. Both must read the same, whatever the batches in which they were folded.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ledger.store.database import Role
from projections import records, search, students
from projections.search_terms import Wanted
from support.stored_histories import Child, Histories, Told, reversed_acts
from support.worlds import World

STEPS = 15
BATCH_EVENTS = 37
"""Few, and no round number: many batches end between two copies of an act."""


class Reading:
    """What the read models hold of some children, without positions, times and minted ids."""

    def __init__(self, world: World, children: Sequence[Child]) -> None:
        self._world = world
        names, minted = [child.record for child in children], [child.minted for child in children]
        self._students = self._rows(
            "select i.minted as key, s.* from students.ids i join students.students s using (student_id)"
            " where i.minted = any(%s)",
            minted,
        )
        self._search = self._rows(
            "select record as key, student_id, status, breadth, tsvector_to_array(terms) as terms from search.records"
            " where record = any(%s)",
            names,
        )
        self._records = self._rows("select record as key, * from records.records where record = any(%s)", names)

    def of(self, children: Sequence[Child]) -> dict[str, Any]:
        """State to what is held of its child, every id by the child that it stands for."""
        names = _Names(children)
        return {child.state: self._of(child, names) for child in children}

    async def hits(
        self, connection: psycopg.AsyncConnection[Any], children: Sequence[Child], child: Child
    ) -> list[Any]:
        """Whom a search finds, by the state's own id and by the id that was minted for it."""
        names = _Names(children)
        found: list[Any] = []
        for wanted in (Wanted(state_student_id=child.state_student_id), Wanted(student_id=child.minted)):
            for hit in (await search.search(connection, wanted))[1].students:
                told = json.loads(names.put(json.dumps(hit._asdict())))
                # Of records that fit as well, that one comes first whose uuid does.
                found.append(told | {"records": sorted(told["records"]), "states": sorted(told["states"])})
        return found

    def _rows(self, query: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        with self._world.database.connect(Role.READER) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return {row.pop("key"): row for row in cursor.execute(query.encode(), (list(keys),)).fetchall()}

    def _of(self, child: Child, names: _Names) -> dict[str, Any]:
        student, found, row = self._students[child.minted], self._search[child.record], self._records[child.record]
        return {
            "shown": names.put(student["student_id"]),
            "records": [names.put(record) for record in student["records"]],
            "status": student["status"],
            "sections": {name: _unplaced(json.loads(names.put(bytes(student[name]).decode()))) for name in SECTIONS},
            "search": {
                **found,
                "student_id": names.put(found["student_id"]),
                "terms": names.all(_lasting(found["terms"])),
            },
            "row": {name: names.put(value) if isinstance(value, str) else value for name, value in row.items()}
            | dict.fromkeys(_OF_PLACE),
        }


SECTIONS = ("core", "contacts", "health", "provenance")
_OF_PLACE = ("position", "opened_at", "changed_at", "body")
"""Columns of ``records`` that tell where in the log something stands."""


def _lasting(terms: Sequence[str]) -> list[str]:
    """Without how the student's id begins, which is another one in another history."""
    return [term for term in terms if not term.startswith("z ")]


class _Names:
    """Every id of a history's children, told as the child that it stands for."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._names = {
            told.lower(): f"{field} of {child.state}"
            for child in children
            for field, told in child._asdict().items()
            if field != "state"
        }
        self._any = re.compile("|".join(map(re.escape, self._names)), re.IGNORECASE)

    def put(self, text: str) -> str:
        return self._any.sub(lambda found: self._names[found[0].lower()], text)

    def all(self, texts: Sequence[str]) -> list[str]:
        return sorted(map(self.put, texts))


def _unplaced(value: Any) -> Any:
    """Without positions and times."""
    if isinstance(value, dict):
        return {key: _unplaced(held) for key, held in value.items() if key not in ("position", "recorded_at")}
    return [_unplaced(held) for held in value] if isinstance(value, list) else value


@pytest.mark.parametrize("histories", [300, pytest.param(20_000, marks=pytest.mark.torture)])
def test_what_was_taken_back_might_never_have_been(world: World, histories: int) -> None:
    tell = Histories(world)
    told = tell.events_of([tell.tell(Random(seed), STEPS) for seed in range(histories)])
    pairs = [
        (seed, one, act, tell.tell_without(one, act)) for seed, one in enumerate(told) for act in reversed_acts(one)
    ]
    assert len(pairs) > histories / 2, "there is something to compare"
    for model in (students.PROJECTION, search.PROJECTION, records.PROJECTION):
        world.project(BATCH_EVENTS, model)
    reading = Reading(world, [child for _, one, _, others in pairs for child in (*one.children, *others)])
    for seed, one, act, others in pairs:
        assert reading.of(one.children) == reading.of(others), f"history {seed} without act {act}"
    asyncio.run(_same_hits(world, reading, pairs[:: max(1, len(pairs) // SEARCHED)]))


async def _same_hits(world: World, reading: Reading, pairs: Sequence[tuple[int, Told, str, Sequence[Child]]]) -> None:
    conninfo = world.database.conninfo(Role.READER)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for seed, one, act, others in pairs:
            for child, other in zip(one.children, others, strict=True):
                told = await reading.hits(connection, one.children, child)
                assert told == await reading.hits(connection, others, other), f"history {seed} without act {act}"


SEARCHED = 100
"""Histories of which searches are asked too; of all, the words by which they are found are compared."""


def test_the_guards_show_what_the_read_models_show(world: World) -> None:
    tell = Histories(world)
    for seed in range(60):
        tell.tell(Random(f"guards {seed}"), STEPS)
    tell.settle()
    world.project(BATCH_EVENTS)
    with world.database.connect(Role.WRITER) as connection:
        guards = dict(connection.execute("select minted, student_id from ledger.records").fetchall())
    with world.database.connect(Role.READER) as connection:
        assert dict(connection.execute("select minted, student_id from students.ids").fetchall()) == guards
    assert len(set(guards.values())) < len(guards)
