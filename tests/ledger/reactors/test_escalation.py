"""What time does to cases: the timekeeper moves what is due, once, and approves only where everybody agreed to that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import RecordDestroyed
from ledger.events.case import CaseClosed, CaseEscalated, Place
from ledger.reactors.timekeeper import ACTOR, Timekeeper
from ledger.store.database import Database, Role
from support.casework import ANA, BEN, CA, CLEO, OR, TX, WHY, Hands, Work

REGION = Place(state="OR", region="R2")


def look(work: Work, clock: Hands, days: float = 0) -> list[str]:
    """What moves when the timekeeper looks so many days later."""
    clock.now += timedelta(days=days)
    ledger = work.ledger
    return Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        clock,
        work.cases,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    ).look()


def proposed(work: Work, left: str, right: str) -> str:
    return work.proposals.propose_merge(left, right, left, WHY, ANA).case


def escalations(work: Work, case: str) -> list[tuple[str, str, bool]]:
    return [(e.state, e.place.level, e.overdue) for e in work.events(case) if isinstance(e, CaseEscalated)]


def agree(work: Work, *states: str) -> None:
    for state in states:
        work.profile(state, automatic=True)


def test_a_case_goes_up_level_by_level_and_each_move_is_made_once(
    work: Work, three: tuple[str, ...], clock: Hands
) -> None:
    case = proposed(work, three[0], three[1])
    assert look(work, clock, 7) == []
    assert look(work, clock, 1) == [case]
    assert look(work, clock) == []
    assert escalations(work, case) == [("OR", "region", False)]
    assert work.cases.case(case).parts["OR"].place == REGION
    assert work.open_cases()[case][1] == datetime(2025, 10, 17, 7, tzinfo=UTC)
    assert look(work, clock, 7) == [case]
    assert look(work, clock, 30) == [case]
    assert escalations(work, case)[1:] == [("OR", "state", False), ("CA", "state", True), ("OR", "state", True)]
    assert work.open_cases()[case] == ("validate-merge", None)
    assert look(work, clock, 300) == []
    assert work.held() == {three[0]: case, three[1]: case}
    moved = [one for one in work.ledger.log.read_stream(f"case/{case}") if isinstance(one.event, CaseEscalated)]
    assert {one.meta.actor for one in moved} == {ACTOR}


def test_a_merge_is_approved_at_the_end_where_every_state_asked_agreed_and_the_profiles_are_named(
    work: Work, three: tuple[str, ...], clock: Hands
) -> None:
    a, b, _ = three
    agree(work, "OR", "CA")
    case = proposed(work, a, b)
    assert look(work, clock, 20) == [case]
    assert work.shown(a, b) == [a, b]
    assert look(work, clock, 20) == [case]
    assert work.shown(a, b) == [a, a]
    assert (work.held(), work.open_cases()) == ({}, {})
    ends = work.closed_as(case)
    assert (ends.outcome, ends.automatic, ends.profiles) == ("settled", True, {"CA": 1, "OR": 1})
    merged = work.ledger.log.read_stream(f"linkage/{a}")[0]
    assert (merged.event.act, merged.event.reason) == (ends.act, None)  # type: ignore[attr-defined]


def test_nothing_is_approved_where_one_state_did_not_agree(work: Work, three: tuple[str, ...], clock: Hands) -> None:
    a, b, _ = three
    agree(work, "OR")
    case = proposed(work, a, b)
    look(work, clock, 40)
    assert work.cases.case(case).closed is None
    assert work.shown(a, b) == [a, b]
    # It is overdue, and still a person's to answer.
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert work.shown(b) == [a]


def test_what_one_state_rejected_is_never_approved(work: Work, three: tuple[str, ...], clock: Hands) -> None:
    a, b, _ = three
    agree(work, "OR", "CA")
    case = proposed(work, a, b)
    work.cases.answer(case, WHY, BEN, CA, yes=False)
    assert look(work, clock, 40) == []
    assert work.closed_as(case).outcome == "rejected"


def test_a_split_is_approved_and_a_near_match_never_is(work: Work, three: tuple[str, ...], clock: Hands) -> None:
    a, b, c = three
    agree(work, "OR", "CA", "TX")
    work.merged(a, b)
    split = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    near = work.proposals.open_near_match(work.record(c), {work.record(work.opened("TX", "4")): 9.0}, BEN).case
    assert set(look(work, clock, 40)) == {split, near}
    assert work.shown(a, b) == [a, b]
    assert work.cases.case(near).closed is None
    assert look(work, clock) == []


def test_a_reversal_is_never_validated_by_time(work: Work, three: tuple[str, ...], clock: Hands) -> None:
    a, b, _ = three
    agree(work, "OR", "CA")
    (case,) = work.reversals.reverse(work.merged_act(a, b), WHY, CLEO, CA).cases
    assert look(work, clock, 40) == [case]
    assert work.cases.case(case).closed is None


def test_an_approval_that_a_declaration_forbids_closes_the_case_with_that_reason(
    work: Work, three: tuple[str, ...], clock: Hands
) -> None:
    a, b, _ = three
    agree(work, "OR", "CA")
    case = proposed(work, a, b)
    work.reversals.declare_not_same(a, b, WHY, CLEO, OR)
    assert look(work, clock, 40) == [case]
    ends = work.closed_as(case)
    assert (ends.outcome, ends.code, ends.automatic) == ("overtaken", "bound-by-not-same", True)
    assert work.held() == {}


def test_an_approval_waits_while_another_case_holds_a_record_and_comes_when_that_is_settled(
    work: Work, three: tuple[str, ...], clock: Hands
) -> None:
    a, b, c = three
    agree(work, "OR", "CA", "TX")
    joined = work.merged_act(a, c)
    back = work.reversals.reverse(joined, WHY, CLEO, OR)
    case = proposed(work, a, b)
    d = work.opened("TX", "4")
    clock.now += timedelta(days=20)
    other = proposed(work, c, d)
    # The reversal is taken back: the student that is to be merged holds a record now that the other case holds.
    work.reversals.reverse(back.act, WHY, BEN, OR)
    assert case in look(work, clock, 15)
    assert work.cases.case(case).closed is None
    assert all(part.overdue for part in work.cases.case(case).parts.values())
    assert case not in look(work, clock)
    work.cases.answer(other, "Two boys.", BEN, TX, yes=False)
    assert case in look(work, clock)
    # Texas holds a record of it now, and was not asked.
    assert work.closed_as(case).code == "not-asked"


def test_a_case_that_cannot_move_keeps_no_other_from_moving(
    work: Work, three: tuple[str, ...], clock: Hands, database: Database
) -> None:
    gone = proposed(work, three[0], three[1])
    clock.now += timedelta(minutes=1)
    other = proposed(work, three[2], work.opened("OR", "5", "4100009"))
    with database.connect() as conn:
        conn.execute("delete from vault.keys where subject = %s", (gone,))
    fresh = Work(work.ledger)
    fresh.ledger.vault.forget((gone, "case"))
    with pytest.raises(RecordDestroyed):
        fresh.cases.case(gone)
    assert look(fresh, clock, 40) == [other]


def test_the_projector_sees_what_is_open_and_changes_nothing_of_it(database: Database) -> None:
    with database.connect(Role.PROJECTOR) as conn:
        assert conn.execute("select count(*) from ledger.open_cases").fetchone() == (0,)
        with pytest.raises(Exception, match="permission denied"):
            conn.execute("delete from ledger.open_cases")


def test_what_is_closed_is_never_due(work: Work, three: tuple[str, ...], clock: Hands) -> None:
    case = proposed(work, three[0], three[1])
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert look(work, clock, 400) == []
    assert isinstance(work.events(case)[-1], CaseClosed)
