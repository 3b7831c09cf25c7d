"""Law 8 for ``audit_trail``: it is the naive fold of what can be opened, in batches of any size, and a rebuild equals
it. Records interleave, acts join and part them within a batch and between two, and cases are worked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, LiteralString

from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ledger.events import Erased, Recorded
from ledger.events.record import RecordOpened
from ledger.store.database import Role
from projections import as_of, audit_trail, trails
from projections.trails import Wanted
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


# -- what is read of it


def read(world: World, asked: str, wanted: Wanted, limit: int, *, newest: bool) -> tuple[trails.Trail, list[int], int]:
    """A trail by an id, and the positions of its lines, page by page; and how many lines its first page told of."""
    found: list[int] = []
    with world.database.connect(Role.READER) as connection:
        reflected, rows_ = as_of.ask_now(connection, *trails.whose(asked))
        trail = trails.trail_of(rows_)
        assert trail is not None
        begin, total = None, 0
        while True:
            question = trails.lines_of(trail, wanted, upto=reflected.position, begin=begin, newest=newest, limit=limit)
            page = trails.page_of(as_of.ask_now(connection, *question)[1], limit)
            total = total or page.total
            assert page.total == total
            found += [line.position for line in page.lines]
            if page.following is None:
                return trail, found, total
            begin = page.following


def told_of(log: Sequence[Recorded], shown: str, *, former: bool) -> list[int]:
    """Positions of what a student's trail holds, told plainly: of every record that it is or was shown for, what stands
    in its streams up to its going, each act at its first place among them."""
    until: dict[str, float] = {}
    minted = {one.stream.partition("/")[2]: one.event.student_id for one in log if isinstance(one.event, RecordOpened)}
    for record, stays in stays_told(log, log[-1].position).items():
        of_it = [went for _, _, student_id, went, _ in stays if student_id == shown]
        if of_it and (of_it[-1] is None or former):
            until[record] = of_it[-1] or float("inf")
    ends = {f"record/{record}": end for record, end in until.items()}
    ends |= {f"linkage/{minted[record]}": end for record, end in until.items()}
    withheld, about = cases_told(log)
    for record, case in about:
        if record in until and not withheld[case]:
            ends[f"case/{case}"] = max(ends.get(f"case/{case}", 0), until[record])
    lines = lines_told(log)
    first: dict[Any, int] = {}
    for (stream, position), row in sorted(lines.items(), key=lambda one: one[0][1]):
        if position <= ends.get(stream, 0):
            first.setdefault(row["said"] or position, position)
    return sorted(first.values())


def test_a_students_trail_is_what_its_records_streams_say_while_they_are_its_own(world: World, sized: Sized) -> None:
    Work(world.ledgers[0]).profile("OR", second_person=True)

    @sized(15)
    # Joined, parted again, and a case of the one that went, which is nobody's here any more.
    @example([(3, 0, 1), (8, 0, 0), (12, 0, 0), (6, 1, 0)], True, False, 3)
    @given(TAPES, st.booleans(), st.booleans(), st.integers(1, 7))
    def law(tape: list[Step], former: bool, newest: bool, limit: int) -> None:
        start = world.head()
        office = Office(world)
        for step in tape:
            office.do(step)
        log = world.events(start)
        world.project(500, MODEL)
        for asked in office.minted:
            trail, found, total = read(world, asked, Wanted(former=former), limit, newest=newest)
            told = told_of(log, trail.student_id, former=former)
            assert found == (told[::-1] if newest else told)
            assert total == len(told)
            assert any(one.minted == asked for one in trail.held)

    law()


def test_the_tapes_come_to_records_that_went_and_to_cases_that_are_withheld(world: World) -> None:
    """Else the laws above would hold of little."""
    Work(world.ledgers[0]).profile("OR", second_person=True)
    start = world.head()
    for tape in ([(3, 0, 1), (8, 0, 0), (12, 0, 0), (12, 0, 0)], [(15, 0, 1)], [(15, 0, 1), (8, 0, 0)]):
        office = Office(world)
        for step in tape:
            office.do(step)
    log = world.events(start)
    assert max(len(stays) for stays in stays_told(log, world.head()).values()) >= 4
    assert set(cases_told(log)[0].values()) == {True, False}
    codes = {row["code"] for row in lines_told(log).values()}
    assert codes >= {"originate", "merge", "unmerge", "verify", "attest"}
