"""Law 8 for ``audit_trail``: it is the naive fold of what can be opened, in batches of any size, and a rebuild equals
it. Records interleave, acts join and part them within a batch and between two, and cases are worked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, LiteralString

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ledger.events import Erased, Recorded
from ledger.events.record import RecordOpened
from ledger.store.database import Role
from projections import audit_trail
from support.casework import Work
from support.linkage_tapes import STEPS, Step, act
from support.naive_trail import cases_told, lines_told, stays_told
from support.office import TAPES, Office
from support.stories import BATCHES, PIECES, append, destroy, own_story
from support.telling import histories
from support.worlds import World

Sized = Callable[..., settings]
MODEL = audit_trail.PROJECTION
LINKAGE = st.lists(STEPS, max_size=12)
ACTS_AT_ONCE = 2


def rows(world: World, query: LiteralString, names: Sequence[str]) -> list[dict[str, Any]]:
    with world.database.connect(Role.READER) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, (list(names),)).fetchall()


def assert_is_the_fold(world: World, log: Sequence[Recorded], until: int) -> None:
    """log: of the example, whole. until: position that the read model has reached."""
    heard = [recorded for recorded in log if recorded.position <= until]
    streams = sorted({recorded.stream for recorded in log})
    found: dict[tuple[str, int], dict[str, Any]] = {}
    events: dict[int, Any] = {}
    for row in rows(world, "select * from audit_trail.lines where stream = any(%s)", streams):
        body, sealed = row.pop("body"), row.pop("sealed")
        key = row.pop("stream"), row.pop("position")
        found[key] = row | {"readable": body is not None}
        assert body is not None or sealed is None, "what cannot be opened keeps no words"
        events[key[1]] = audit_trail.event_of(row["topic"], body)
    assert found == lines_told(heard)
    for recorded in heard:
        if recorded.stream.startswith("record/"):
            assert events[recorded.position] == recorded.event
    names = [stream.partition("/")[2] for stream in streams]
    stays: dict[str, list[Any]] = {}
    for row in rows(world, "select * from audit_trail.stays where record = any(%s) order by record, came", names):
        stay = row["came"], row["came_at"], row["student_id"], row["went"], row["went_at"]
        stays.setdefault(row["record"], []).append(stay)
    assert stays == stays_told(log, until)
    withheld, about = cases_told(heard)
    cases = rows(world, "select case_id, withheld from audit_trail.cases where case_id = any(%s)", names)
    assert {row["case_id"]: row["withheld"] for row in cases} == withheld
    cases = rows(world, "select record, case_id from audit_trail.cases_of where case_id = any(%s)", names)
    assert {(row["record"], row["case_id"]) for row in cases} == about


def minted_by(story: Sequence[Recorded]) -> list[str]:
    return [recorded.event.student_id for recorded in story if isinstance(recorded.event, RecordOpened)]


def test_law_8_where_records_are_told_of_joined_and_parted(world: World, sized: Sized) -> None:
    @sized(25)
    @given(histories(records_max=4), PIECES, BATCHES, LINKAGE, st.integers(0, 9))
    def law(
        drawn: list[Recorded], pieces: list[tuple[int, int]], rebuilt_in: int, tape: list[Step], held_back: int
    ) -> None:
        story, at = own_story(world, drawn), 0
        start = reached = world.head()
        while at < len(story):
            for size, batch in pieces:
                append(world.ledgers[0].log, story[at : at + size])
                at += size
                for step in tape[:ACTS_AT_ONCE]:
                    act(world.ledgers[1], minted_by(story[:at]), step)
                tape = tape[ACTS_AT_ONCE:]
                log = world.events(start)
                # An end between two copies of an act is an end as any other.
                for until in (max(world.head() - held_back, reached), world.head()):
                    world.project(batch, MODEL, until=until)
                    assert_is_the_fold(world, log, until)
                reached = world.head()
        live = world.digest(MODEL)
        world.rebuild(rebuilt_in * 50, MODEL)
        assert world.digest(MODEL) == live

    law()


def test_law_8_where_cases_are_worked_at(world: World, sized: Sized) -> None:
    Work(world.ledgers[0]).profile("OR", second_person=True)

    @sized(15)
    @given(TAPES, BATCHES, BATCHES)
    def law(tape: list[Step], batch: int, rebuilt_in: int) -> None:
        start = world.head()
        office = Office(world)
        for step in tape:
            office.do(step)
        log = world.events(start)
        world.project(batch, MODEL)
        assert_is_the_fold(world, log, world.head())
        live = world.digest(MODEL)
        world.rebuild(rebuilt_in * 50, MODEL)
        assert world.digest(MODEL) == live

    law()


def test_law_8_for_what_can_still_be_opened(world: World, sized: Sized) -> None:
    """After keys are destroyed, a rebuild keeps of their lines place, instant and topic; who was joined stays so."""

    @sized(15)
    @given(histories(records_max=3), st.sampled_from(["education", "eligibility"]), LINKAGE)
    def law(drawn: list[Recorded], key_class: str, tape: list[Step]) -> None:
        story, start = own_story(world, drawn), world.head()
        append(world.ledgers[0].log, story)
        for step in tape:
            act(world.ledgers[1], minted_by(story), step)
        world.project(100, MODEL)
        destroy(world, story[0].stream.removeprefix("record/"), key_class)
        log = world.events(start)
        world.rebuild(1000, MODEL)
        assert_is_the_fold(world, log, world.head())
        lost = [recorded.position for recorded in log if isinstance(recorded.event, Erased)]
        blank = rows(
            world,
            "select * from audit_trail.lines where stream = any(%s) and body is null",
            [story[0].stream],
        )
        assert sorted(row["position"] for row in blank) == lost
        assert all(row[name] is None for row in blank for name in ("actor", "reason", "submission", "cause", "said"))

    law()
