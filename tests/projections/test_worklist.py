"""The read model ``worklist``: which cases wait for whom, and what is told of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.events.audit import KeptApart
from ledger.events.case import CaseAnswered, CaseOpened, Place, Reversal, Split
from ledger.events.linkage import Anchor
from ledger.store.database import Database, Role
from projections import worklist
from projections.runner import BatchRunner
from projections.worklist import Listed, Wanted, due_of, place, score_of, sides_of
from support.casework import ANA, BEN, CA, CLEO, OR, WHY, Hands, Work
from support.given_case import RECORDS, asked
from support.telling import Teller

DISTRICT = Place(state="OR", region="R2", district="4113770")
Ask = Callable[..., list[Listed]]


@pytest.fixture
def work(database: Database, new_ledger: Callable[..., Ledger]) -> Work:
    return Work(new_ledger(database, clock=Hands()))


@pytest.fixture
def three(work: Work) -> tuple[str, str, str]:
    """Records of three states; Oregon's has a district in a region."""
    return work.opened("OR", "1", "4113770"), work.opened("CA", "2"), work.opened("TX", "3")


@pytest.fixture
def ask(database: Database, work: Work) -> Ask:
    """The cases that are wanted, once the read model is at the head."""

    def ask(after: int | None = None, limit: int = 100, **wanted: Any) -> list[Listed]:
        BatchRunner(worklist.PROJECTION, database, work.ledger.log).catch_up()

        async def run() -> list[Listed]:
            async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
                reflected, found = await worklist.page(conn, Wanted(**wanted), after=after, limit=limit)
                assert reflected.position == work.ledger.log.head()
                return found

        with database.connect(Role.READER) as conn:
            _, now = worklist.page_now(conn, Wanted(**wanted), after=after, limit=limit)
        found = asyncio.run(run())
        assert found == now
        return found

    return ask


def one(database: Database, case: str) -> Listed | None:
    async def run() -> Listed | None:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return (await worklist.one(conn, case))[1]

    return asyncio.run(run())


def ids(found: list[Listed]) -> list[str]:
    return [listed.case_id for listed in found]


# -- what a case comes to


def test_the_sides_of_a_near_match_are_the_record_and_the_member_with_the_best_score(
    work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, c = three
    work.merged(b, c)
    case = work.proposals.open_near_match(work.record(a), {work.record(b): 7.5, work.record(c): 11.25}, ANA).case
    [found] = ask()
    left, right = (found.side(anchor) for anchor in sides_of(found.case.opened))
    assert (found.case_id, found.case.kind, score_of(found.case.opened)) == (case, "near-match", 11.25)
    assert left is not None
    assert right is not None
    assert (left.state, left.state_student_id, left.student_id) == ("OR", "1", a)
    assert (right.state, right.state_student_id, right.student_id) == ("TX", "3", b), "its student shows another id"


def test_the_student_of_a_record_is_told_as_it_is_now_and_not_as_it_was_when_the_case_was_opened(
    work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, c = three
    work.proposals.open_changed("different-child", work.record(c), 1, ANA)
    assert {named.student_id for named in ask()[0].names.values()} == {c}
    act = work.merged_act(b, c)
    [found] = ask(kind="different-child")
    assert [(named.state, named.student_id) for named in found.names.values()] == [("TX", b)]
    work.reversals.reverse(act, WHY, CLEO, None)
    assert [named.student_id for named in ask(kind="different-child")[0].names.values()] == [c]
    assert a not in found.names


@pytest.mark.parametrize(
    ("proposal", "sides"),
    [
        (Split(groups=[[RECORDS[1].anchor], [RECORDS[0].anchor]]), (1, 0)),
        (Reversal(act="1-1", reverses="1-2"), (0, None)),
    ],
)
def test_a_split_has_two_sides_and_what_has_no_sides_names_the_first_record_concerned(
    proposal: Any, sides: tuple[int, int | None]
) -> None:
    opened = CaseOpened(kind="any", records=RECORDS, proposal=proposal, asked=asked(), proposed_by="ana")
    wanted: list[Anchor | None] = [None if n is None else RECORDS[n].anchor for n in sides]
    assert list(sides_of(opened)) == wanted
    assert score_of(opened) is None


def test_a_case_is_due_when_the_first_part_that_waits_is(work: Work, three: tuple[str, ...], ask: Ask) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    [found] = ask()
    steps = {state: part.asked.steps for state, part in found.case.parts.items()}
    assert due_of(found.case) == steps["OR"][0], "the district has a week, California's own office sixteen days"
    work.cases.answer(case, WHY, BEN, OR, yes=True)
    assert due_of(ask()[0].case) == steps["CA"][0]
    work.cases.answer(case, WHY, BEN, CA, yes=False)
    assert due_of(ask(open=False)[0].case) is None


def test_the_tables_say_when_it_is_due_and_how_it_ended(
    database: Database, work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    ask()

    def row() -> Any:
        with database.connect(Role.READER) as conn:
            return conn.execute("select kind, proposed_by, due_on, outcome, act from worklist.cases").fetchone()

    assert row() == ("validate-merge", "ana", date(2025, 10, 9), None, None)
    done = work.cases.answer(case, WHY, BEN, None, yes=True).after.closed
    assert done is not None
    ask()
    assert row() == ("validate-merge", "ana", None, "settled", done.act)


# -- who asks for what


def test_open_cases_come_as_they_were_opened_and_settled_ones_only_when_asked_for(
    work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, c = three
    first = work.proposals.open_changed("different-child", work.record(a), 1, ANA).case
    second = work.proposals.propose_merge(b, c, b, WHY, ANA).case
    third = work.proposals.open_changed("correction-comes-back", work.record(c), 1, ANA).case
    assert ids(ask()) == [first, second, third]
    assert ids(ask(open=False)) == []
    for case in (third, first):
        work.cases.answer(case, WHY, BEN, None, yes=True)
    assert ids(ask()) == [second]
    settled = ask(open=False)
    assert ids(settled) == [first, third], "the last closed first"
    assert all(found.closed_at is not None for found in settled)


def test_pages_join(work: Work, three: tuple[str, ...], ask: Ask) -> None:
    cases = [
        work.proposals.open_changed("correction-comes-back", work.record(minted), 1, ANA).case
        for minted in three
        for _ in range(2)
    ]
    for is_open in (True, False):
        told: list[str] = []
        after: int | None = None
        while found := ask(after=after, limit=4, open=is_open):
            told += ids(found)
            after = place(found[-1])
        assert told == cases
        for case in reversed(cases):
            if is_open:
                work.cases.answer(case, WHY, BEN, None, yes=True)


def test_a_district_is_told_what_lies_with_it_a_region_its_districts_too_and_a_state_all(
    work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    assert ids(ask(state="OR", region="R2", district="4113770")) == [case]
    assert ids(ask(state="OR", region="R2")) == ids(ask(state="OR")) == ids(ask(state="CA")) == [case]
    assert ids(ask(state="TX")) == ids(ask(state="OR", region="R3")) == ids(ask(state="OR", district="4100009")) == []
    assert ids(ask(kind="validate-merge")) == [case]
    assert ids(ask(kind="validate-split")) == []
    assert isinstance(work.ledger.clock, Hands)
    work.ledger.clock.now = work.ledger.clock.now.replace(day=12)
    work.cases.escalate(case, ANA)
    assert ids(ask(state="OR", district="4113770")) == [], "it has gone up to the region"
    assert ids(ask(state="OR", region="R2")) == [case]


def test_what_waits_for_somebody_is_what_nobody_else_was_named_for_and_he_may_answer(
    work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    assert ids(ask(state="OR", name="ben")) == [case]
    assert ids(ask(state="OR", name=" ANA ")) == [], "she proposed it"
    work.cases.assign(case, DISTRICT, CLEO, OR, ["Ben "])
    assert ids(ask(state="OR", name="BEN")) == [case]
    assert ids(ask(state="OR", name="cleo")) == []
    assert ids(ask(state="CA", name="cleo")) == [case], "the part of California lies with everybody there"
    work.cases.answer(case, WHY, BEN, OR, yes=True)
    assert ids(ask(state="OR", name="ben")) == []
    assert ids(ask(state="OR")) == [case], "it is open all the same"


def test_whoever_proposed_a_near_match_may_answer_it(work: Work, three: tuple[str, ...], ask: Ask) -> None:
    a, b, _ = three
    case = work.proposals.open_near_match(work.record(a), {work.record(b): 1.0}, ANA).case
    assert ids(ask(state="OR", name="ana")) == [case]


def test_a_case_is_found_by_its_id_open_or_closed_with_every_word_of_it(
    database: Database, work: Work, three: tuple[str, ...], ask: Ask
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, "One mother.", ANA).case
    work.cases.answer(case, "Born in other years.", BEN, CA, yes=False)
    ask()
    found = one(database, case)
    assert found is not None
    assert found.case == work.cases.case(case)
    assert found.case.opened.reason == "One mother."
    assert one(database, "01990000-0000-7000-8000-000000000000") is None


def test_nothing_is_told_of_a_case_whose_opening_cannot_be_opened() -> None:
    teller = Teller()
    said = teller.tell("case/1", CaseAnswered(states=["OR"], yes=True, by="ben", reason=WHY))
    assert worklist.hear(said, {}) == {}


def test_what_an_office_has_to_answer_first_stands_first_and_what_it_has_answered_last(
    database: Database, work: Work, ask: Ask
) -> None:
    alone, in_district, third = work.opened("OR", "1"), work.opened("OR", "2", "4113770"), work.opened("CA", "3")
    merge = work.proposals.propose_merge(alone, third, alone, WHY, ANA).case
    long, short = (
        work.proposals.open_changed("different-child", work.record(minted), 1, ANA).case
        for minted in (alone, in_district)
    )
    work.cases.answer(merge, WHY, BEN, OR, yes=True)
    assert ids(ask(state="OR")) == [merge, long, short], "as they were opened"

    async def run() -> tuple[list[Listed], list[Listed], int]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            oregon = Wanted(state="OR")
            _, first = await worklist.urgent(conn, oregon, limit=2)
            _, rest = await worklist.urgent(conn, oregon, after=worklist.urgency(first[-1], oregon), limit=2)
            return first, rest, await worklist.waiting(conn, oregon._replace(name="cleo"))

    first, rest, waiting = asyncio.run(run())
    assert (ids(first), ids(rest)) == ([short, long], [merge])
    assert waiting == 2, "Oregon has answered the merge"


def test_what_was_answered_meanwhile_hides_nothing_of_the_page_behind(database: Database, work: Work, ask: Ask) -> None:
    """Pages of one by each place there is: with a day, without one, and among blind checks."""
    records = [work.opened("OR", str(number)) for number in range(3)]
    cases = [work.proposals.open_changed("different-child", work.record(one), 1, ANA).case for one in records]
    merge = work.proposals.propose_merge(records[0], work.opened("CA", "9"), records[0], WHY, ANA).case
    work.cases.answer(merge, WHY, BEN, OR, yes=True)
    pairs = [KeptApart(work.record(work.opened("OR", f"5{at}")), work.record(records[at]), 2500) for at in (1, 2)]
    checks = [work.proposals.check_apart(pair, "sojourn-3", ANA).case for pair in pairs]

    async def page(after: worklist.Urgency | None) -> list[Listed]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return (await worklist.urgent(conn, Wanted(state="OR"), after=after, limit=1))[1]

    ask()
    seen: list[str] = []
    after: worklist.Urgency | None = None
    while found := asyncio.run(page(after)):
        seen += ids(found)
        after = worklist.urgency(found[-1], Wanted(state="OR"))
        if found[0].case_id in cases:
            work.cases.answer(found[0].case_id, WHY, BEN, OR, yes=True)
            ask()
    assert seen == [*cases, merge, *checks]


def test_cases_about_a_record_are_found_without_reading_all_of_them(ask: Ask, database: Database) -> None:
    """As whoever disposes of the record looks for them."""
    ask()
    with database.connect(Role.PROJECTOR) as conn:
        conn.execute("set enable_seqscan = off")
        query = "explain select case_id from worklist.cases where records && array['a', 'b']"
        plan = "\n".join(row[0] for row in conn.cursor(row_factory=tuple_row).execute(query))
    assert "cases_by_record" in plan
