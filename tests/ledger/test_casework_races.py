"""Cases under several hands: two services on one database, each race decided anew on what the other one left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.errors import (
    ActAlreadyReversed,
    AlreadyAnswered,
    CaseIsClosed,
    Leased,
    LedgerError,
    RetiredId,
    UnderCase,
)
from ledger.events import Meta
from ledger.events.case import CaseAnswered, CaseClosed, CaseEscalated
from ledger.store.append import Append
from ledger.store.database import Database
from support.casework import ANA, BEN, CA, CLEO, OR, WHY, Hands, Work

TIMES = 8
NewLedger = Callable[..., Ledger]
KEEPER = Meta(actor="timekeeper")


@pytest.fixture
def works(database: Database, new_ledger: NewLedger, clock: Hands) -> tuple[Work, Work]:
    """Two services."""
    return Work(new_ledger(database, clock=clock)), Work(new_ledger(database, clock=clock))


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error that it met."""
    together = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        together.wait(30)
        try:
            return deed()
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def overtaken_by(work: Work, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Whatever this service appends next, somebody else has done something between its decision and its append."""
    append = work.ledger.log.append

    def late(written: Append) -> object:
        monkeypatch.setattr(work.ledger.log, "append", append)
        deed()
        return append(written)

    monkeypatch.setattr(work.ledger.log, "append", late)


def pair(work: Work, number: int) -> tuple[str, str]:
    return work.opened("OR", f"a{number}", "4113770"), work.opened("CA", f"b{number}")


def answers(work: Work, case: str) -> list[CaseAnswered]:
    return [event for event in work.events(case) if isinstance(event, CaseAnswered)]


def test_of_two_answers_for_one_state_at_once_one_is_told_that_it_has_answered(works: tuple[Work, Work]) -> None:
    one, other = works
    for number in range(TIMES):
        a, b = pair(one, number)
        case = one.proposals.propose_merge(a, b, a, WHY, ANA).case
        given = at_once(
            lambda case=case: one.cases.answer(case, WHY, BEN, OR, yes=True),
            lambda case=case: other.cases.answer(case, WHY, CLEO, OR, yes=False),
        )
        refusals = [got for got in given if isinstance(got, LedgerError)]
        assert [type(refusal) for refusal in refusals] in ([AlreadyAnswered], [CaseIsClosed])
        assert len(answers(one, case)) == 1


def test_of_two_states_answers_at_once_the_second_brings_the_merge_and_nothing_brings_it_twice(
    works: tuple[Work, Work],
) -> None:
    one, other = works
    for number in range(TIMES):
        a, b = pair(one, number)
        case = one.proposals.propose_merge(a, b, a, WHY, ANA).case
        given = at_once(
            lambda case=case: one.cases.answer(case, WHY, BEN, OR, yes=True),
            lambda case=case: other.cases.answer(case, WHY, CLEO, CA, yes=True),
        )
        assert not [got for got in given if isinstance(got, LedgerError)]
        assert [type(event) for event in one.events(case)[1:]] == [CaseAnswered, CaseAnswered, CaseClosed]
        assert len(one.ledger.log.read_stream(f"linkage/{a}")) == 1
        assert one.shown(a, b) == [a, a]


def test_of_two_proposals_over_one_record_at_once_one_finds_it_under_a_case(works: tuple[Work, Work]) -> None:
    one, other = works
    for number in range(TIMES):
        (a, b), c = pair(one, number), one.opened("TX", f"c{number}")
        given = at_once(
            lambda a=a, b=b: one.proposals.propose_merge(a, b, a, WHY, ANA),
            lambda a=a, c=c: other.proposals.propose_merge(c, a, c, WHY, BEN),
        )
        assert len([got for got in given if isinstance(got, UnderCase)]) == 1
        assert len([got for got in given if not isinstance(got, LedgerError)]) == 1
        assert len(set(one.held().values())) == number + 1


def test_of_two_doubts_about_one_link_at_once_one_finds_it_asked(works: tuple[Work, Work]) -> None:
    one, other = works
    for number in range(TIMES):
        a, b = pair(one, number)
        act, record = one.linked(b, a).id, one.record(a)
        for doubt in (
            lambda work, at, act=act: work.proposals.open_doubtful(act, at, ANA),
            lambda work, at, record=record: work.proposals.open_changed("different-child", record, at, ANA),
        ):
            given = at_once(lambda doubt=doubt: doubt(one, 1), lambda doubt=doubt: doubt(other, 2))
            assert len([got for got in given if isinstance(got, UnderCase)]) == 1
            assert len([got for got in given if not isinstance(got, LedgerError)]) == 1
    assert len(one.open_cases()) == 2 * TIMES


def test_a_doubt_that_somebody_opens_meanwhile_is_not_opened_again(
    works: tuple[Work, Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = works
    a, b = pair(one, 1)
    act = one.linked(b, a).id
    overtaken_by(one, monkeypatch, lambda: other.proposals.open_doubtful(act, 1, ANA))
    with pytest.raises(UnderCase):
        one.proposals.open_doubtful(act, 2, ANA)
    (case,) = one.open_cases()
    one.cases.answer(case, WHY, BEN, OR, yes=True)
    assert one.proposals.open_doubtful(act, 3, ANA).case in one.open_cases()


def test_a_proposal_of_students_that_are_joined_meanwhile_is_decided_anew(
    works: tuple[Work, Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = works
    a, b = pair(one, 1)
    overtaken_by(one, monkeypatch, lambda: other.linked(a, b))
    with pytest.raises(RetiredId):
        one.proposals.propose_merge(a, b, a, WHY, ANA)
    assert (one.held(), one.open_cases()) == ({}, {})


def test_a_link_that_was_decided_before_a_case_took_the_record_is_decided_anew(
    works: tuple[Work, Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = works
    (a, b), c = pair(one, 1), one.opened("TX", "c")
    overtaken_by(one, monkeypatch, lambda: other.proposals.propose_merge(a, b, a, WHY, ANA))
    with pytest.raises(UnderCase):
        one.linked(c, a)
    assert one.shown(a, b, c) == [a, b, c]
    assert set(one.held()) == {a, b}


def test_an_answer_while_a_reversal_changes_the_student_takes_effect_on_what_there_is_then(
    works: tuple[Work, Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = works
    a, b = pair(one, 1)
    act = one.merged_act(a, b)
    case = one.proposals.propose_split(a, [[one.record(b)]], WHY, ANA).case
    overtaken_by(one, monkeypatch, lambda: other.reversals.reverse(act, WHY, CLEO, CA))
    one.cases.answer(case, WHY, BEN, None, yes=True)
    assert one.closed_as(case).code == "not-of-student"
    assert one.shown(a, b) == [a, b]
    assert one.held() == {}


def test_of_two_reversals_of_one_act_at_once_one_finds_it_reversed(works: tuple[Work, Work]) -> None:
    one, other = works
    for number in range(TIMES):
        a, b = pair(one, number)
        act = one.merged_act(a, b)
        given = at_once(
            lambda act=act: one.reversals.reverse(act, WHY, BEN, OR),
            lambda act=act: other.reversals.reverse(act, WHY, CLEO, CA),
        )
        assert len([got for got in given if isinstance(got, ActAlreadyReversed)]) == 1
        assert len(one.open_cases()) == number + 1


def test_the_time_that_runs_out_while_a_person_answers_moves_nothing_any_more(
    works: tuple[Work, Work], monkeypatch: pytest.MonkeyPatch, clock: Hands
) -> None:
    one, other = works
    a, b = pair(one, 1)
    case = one.proposals.propose_merge(a, b, a, WHY, ANA).case
    clock.now += timedelta(days=40)
    for state in ("OR", "CA"):
        one.profile(state, automatic=True)
    overtaken_by(one, monkeypatch, lambda: other.cases.answer(case, "Two girls.", CLEO, CA, yes=False))
    assert not one.cases.escalate(case, KEEPER).moved
    assert one.closed_as(case).outcome == "rejected"
    assert one.shown(a, b) == [a, b]


def test_an_answer_while_the_time_runs_out_counts_on_what_the_time_left(
    works: tuple[Work, Work], monkeypatch: pytest.MonkeyPatch, clock: Hands
) -> None:
    one, other = works
    a, b = pair(one, 1)
    case = one.proposals.propose_merge(a, b, a, WHY, ANA).case
    clock.now += timedelta(days=10)
    overtaken_by(one, monkeypatch, lambda: other.cases.escalate(case, KEEPER))
    one.cases.answer(case, WHY, BEN, OR, yes=True)
    assert [type(event) for event in one.events(case)[1:]] == [CaseEscalated, CaseAnswered]
    clock.now += timedelta(days=40)
    overtaken_by(one, monkeypatch, lambda: [other.profile(s, automatic=True) for s in ("OR", "CA")])
    one.cases.answer(case, WHY, CLEO, CA, yes=True)
    assert one.shown(b) == [a]


def test_of_two_who_take_a_lease_at_once_one_has_it(works: tuple[Work, Work]) -> None:
    one, other = works
    for number in range(TIMES):
        a, b = pair(one, number)
        case = one.proposals.propose_merge(a, b, a, WHY, ANA).case
        given = at_once(
            lambda c=case: one.cases.lease(c, "ben", OR, 5), lambda c=case: other.cases.lease(c, "cleo", CA, 5)
        )
        assert len([got for got in given if isinstance(got, Leased)]) == 1
