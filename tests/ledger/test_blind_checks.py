"""A blind check as a case on the real store: before whom it comes, and what an answer does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ledger.answers import answered
from ledger.application import Ledger
from ledger.audit import APART
from ledger.errors import AlreadyAnswered, OwnProposal
from ledger.events import Meta
from ledger.events.case import CaseAnswered, CaseClosed, Place
from ledger.jurisdiction import SetProfile
from ledger.reactors.timekeeper import Timekeeper
from ledger.store.database import Database
from support.audited import Audited, sister
from support.casework import ANA, BEN, WHY, destroy

FEBRUARY = (2026, 2, 1)


@pytest.fixture
def audited(database: Database, new_ledger: Callable[..., Ledger]) -> Audited:
    return Audited(database, new_ledger)


def closed(audited: Audited, case: str) -> CaseClosed:
    last = audited.ledger.log.read_stream(f"case/{case}")[-1].event
    assert isinstance(last, CaseClosed)
    return last


def kinds(audited: Audited) -> list[str]:
    """Of every case that is open."""
    with audited.ledger.log.connection() as conn:
        return sorted(row["kind"] for row in conn.execute("select kind from ledger.open_cases").fetchall())


def test_a_check_lies_where_a_near_match_would_and_holds_nothing(audited: Audited) -> None:
    (act,) = audited.links(0)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    for what in (act, pair):
        opened = audited.opened()[audited.about(what)]
        assert {asked.state for asked in opened.asked} == {"MI", "TX"}
        assert (opened.proposed_by, opened.reason) == ("timekeeper", "")
    assert audited.matching.held() == {}
    near = audited.opened()[audited.about(pair)]
    assert len(near.records) == 3, "all of both students, as a near match names them"
    assert {one.anchor.record for one in near.records[:2]} == {pair.record, pair.member}
    assert near.records[0].anchor.opened < near.records[1].anchor.opened
    link = audited.opened()[audited.about(act)]
    assert {one.anchor.record for one in link.records[:2]} == {
        audited.link(act).record.record,
        audited.link(act).member.record,
    }
    assert link.records[0].anchor.opened < link.records[1].anchor.opened


def test_a_yes_to_a_link_lets_it_stand(audited: Audited) -> None:
    (act,) = audited.links(0)
    audited.at(*FEBRUARY)
    came = audited.answers(audited.about(act), yes=True)
    assert came.after.closed == CaseClosed(outcome="settled")
    assert audited.matching.together("TX 01", "MI 01")
    assert kinds(audited) == []


def test_a_no_to_a_link_takes_it_back_and_another_person_validates_that(audited: Audited) -> None:
    (act,) = audited.links(0)
    audited.at(*FEBRUARY)
    case = audited.about(act)
    came = audited.answers(case, yes=False)
    ends = closed(audited, case)
    assert ends.outcome == "rejected"
    assert not audited.matching.together("TX 01", "MI 01")
    assert kinds(audited) == ["validate-reversal"]
    assert ends.next is not None
    audited.ledger.casework.answer(ends.next, WHY, BEN, None, yes=True)
    assert audited.matching.apart() == {frozenset({"TX 01", "MI 01"})}
    assert came.after.closed == ends


def test_a_yes_to_a_pair_kept_apart_links_it(audited: Audited) -> None:
    audited.links(0)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    audited.answers(audited.about(pair), yes=True)
    assert audited.matching.together("TX 01", "MI 01", "MI 02")
    assert audited.matching.links()[-1].why == "answered"


def test_a_yes_to_a_pair_kept_apart_waits_for_a_second_person_where_a_state_asks_for_one(audited: Audited) -> None:
    audited.links(0)
    audited.tells(sister(0))
    profile = SetProfile(state="TX", time_zone="America/Chicago", second_person_near_match=True)
    audited.ledger.set_jurisdiction("TX", profile, Meta(actor="office"))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    case = audited.about(pair)
    audited.answers(case, yes=True)
    follows = closed(audited, case).next
    assert follows is not None
    assert not audited.matching.together("TX 01", "MI 02")
    known = audited.ledger.casework.case(follows)
    assert known.blind
    assert [one.anchor for one in known.opened.records[:2]] == [
        one.anchor for one in audited.opened()[case].records[:2]
    ], "named as they were to the first: in the order in which they were opened"
    audited.ledger.casework.answer(follows, WHY, BEN, None, yes=True)
    assert audited.matching.together("TX 01", "MI 02")


def test_who_is_asked_second_is_asked_of_the_two_students_as_they_are_by_then(audited: Audited) -> None:
    """A check holds nothing: a record that was theirs may be another's when it is answered, and under another case."""
    act, _ = audited.links(0, 1)
    audited.tells(sister(0))
    profile = SetProfile(state="TX", time_zone="America/Chicago", second_person_near_match=True)
    audited.ledger.set_jurisdiction("TX", profile, Meta(actor="office"))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    names = audited.matching.names()
    (gone,) = {"TX 01", "MI 01"} - {names[pair.record], names[pair.member]}
    audited.matching.reverses(act)
    shown = audited.matching.shown()
    other = audited.ledger.proposals.propose_merge(shown[gone], shown["TX 11"], shown["TX 11"], WHY, BEN).case
    case = audited.about(pair)
    audited.answers(case, yes=True)
    follows = closed(audited, case).next
    assert follows is not None
    held = audited.matching.held()
    assert {held[names[pair.record]], held[names[pair.member]]} == {follows}
    assert held[gone] == other


@pytest.fixture
def beside_another(audited: Audited) -> tuple[str, str]:
    """The check of a pair kept apart, and the case that has come to hold a record of one of its two students."""
    audited.links(0, 1)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    shown = audited.matching.shown()
    other = audited.ledger.proposals.propose_merge(shown["TX 01"], shown["TX 11"], shown["TX 11"], WHY, BEN).case
    return audited.about(pair), other


def looks(audited: Audited) -> list[str]:
    """What the timekeeper does at its next look."""
    ledger = audited.ledger
    return Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        ledger.clock,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    ).look()


def test_a_yes_is_taken_while_another_case_holds_a_record_and_takes_effect_when_that_lets_go(
    audited: Audited, beside_another: tuple[str, str]
) -> None:
    """A refusal would tell that the two are not linked, and lose the answer."""
    case, other = beside_another
    came = audited.answers(case, yes=True)
    assert (came.moved, came.after.closed) == (True, None)
    given = audited.ledger.log.read_stream(f"case/{case}")[-1].event
    assert isinstance(given, CaseAnswered)
    assert (given.yes, given.by) == (True, "ana")
    head = audited.ledger.log.head()
    assert looks(audited) == []
    assert audited.ledger.log.head() == head, "the other case is open still"
    assert not audited.matching.together("TX 01", "MI 02")
    audited.ledger.casework.answer(other, WHY, ANA, None, yes=False)
    assert looks(audited) == [case]
    assert audited.matching.together("TX 01", "MI 01", "MI 02")
    ends, link = closed(audited, case), audited.matching.links()[-1]
    assert (ends.outcome, ends.act, ends.automatic) == ("settled", link.act, False)
    assert (link.why, link.case) == ("answered", case)
    assert looks(audited) == []


def test_an_answer_that_waits_is_the_only_one_and_is_waited_for_by_nobody(
    audited: Audited, beside_another: tuple[str, str]
) -> None:
    case, _ = beside_another
    audited.ledger.casework.answer(case, WHY, ANA, Place(state="MI"), yes=True)
    for place in (Place(state="MI"), Place(state="TX"), None):
        with pytest.raises(AlreadyAnswered) as refused:
            audited.ledger.casework.answer(case, WHY, BEN, place, yes=False)
        assert "case" not in str(refused.value), "what it waits for would tell that the two are not linked"
        with pytest.raises(AlreadyAnswered):
            audited.ledger.casework.lease(case, "ben", place, 5)
    audited.clock.now = datetime(2026, 2, 27, tzinfo=UTC)
    assert case not in looks(audited), "no days run any more"
    assert not any(part.overdue for part in audited.ledger.casework.case(case).parts.values())


def test_an_answer_that_waits_counts_from_when_it_was_given(audited: Audited, beside_another: tuple[str, str]) -> None:
    case, _ = beside_another
    audited.answers(case, yes=True)
    (answer,) = answered(audited.ledger.log).answers
    assert (answer.stratum, answer.yes) == (APART, True)


def test_an_answer_that_waits_is_overtaken_by_what_the_other_case_comes_to(
    audited: Audited, beside_another: tuple[str, str]
) -> None:
    case, other = beside_another
    audited.answers(case, yes=True)
    audited.ledger.casework.answer(other, WHY, ANA, None, yes=False)
    audited.matching.declares("TX 01", "MI 02")
    assert looks(audited) == [case]
    assert (closed(audited, case).outcome, closed(audited, case).code) == ("overtaken", "bound-by-not-same")
    (answer,) = answered(audited.ledger.log).answers
    assert answer.yes, "it was said all the same"


def test_whoever_gave_an_answer_that_waited_is_not_the_second_person_of_it(
    audited: Audited, beside_another: tuple[str, str]
) -> None:
    profile = SetProfile(state="TX", time_zone="America/Chicago", second_person_near_match=True)
    audited.ledger.set_jurisdiction("TX", profile, Meta(actor="office"))
    case, other = beside_another
    audited.answers(case, yes=True)
    audited.ledger.casework.answer(other, WHY, ANA, None, yes=False)
    assert looks(audited) == [case]
    follows = closed(audited, case).next
    assert follows is not None
    with pytest.raises(OwnProposal):
        audited.ledger.casework.answer(follows, WHY, ANA, None, yes=True)
    opened = audited.ledger.casework.case(follows).opened
    assert (opened.proposed_by, opened.reason) == ("ana", WHY)
    audited.ledger.casework.answer(follows, WHY, BEN, None, yes=True)
    assert audited.matching.together("TX 01", "MI 02")


@pytest.mark.parametrize("yes", [True, False])
def test_an_answer_about_a_link_needs_to_wait_for_no_other_case(
    audited: Audited, beside_another: tuple[str, str], *, yes: bool
) -> None:
    """So of the four answers that there are none is refused."""
    names = audited.matching.names()
    (act,) = [link.act for link in audited.matching.links() if names[link.record.record] in ("TX 01", "MI 01")]
    case = audited.about(act)
    assert set(audited.matching.held()) >= {"TX 01", "MI 01"}
    audited.answers(case, yes=yes)
    assert closed(audited, case).outcome == ("settled" if yes else "rejected")
    assert audited.matching.together("TX 01", "MI 01") is yes


def test_a_no_needs_to_wait_for_no_other_case(audited: Audited, beside_another: tuple[str, str]) -> None:
    case, _ = beside_another
    audited.answers(case, yes=False)
    assert closed(audited, case).outcome == "rejected"
    assert frozenset({"TX 01", "MI 02"}) in audited.matching.apart()


def test_a_no_to_a_pair_kept_apart_declares_the_two_not_the_same(audited: Audited) -> None:
    audited.links(0)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    audited.answers(audited.about(pair), yes=False)
    assert frozenset({"TX 01", "MI 02"}) in audited.matching.apart()
    assert not audited.matching.together("TX 01", "MI 02")


def test_the_first_answer_counts_and_only_of_a_state_that_is_asked(audited: Audited) -> None:
    (act,) = audited.links(0)
    audited.at(*FEBRUARY)
    case = audited.about(act)
    audited.ledger.casework.answer(case, WHY, ANA, Place(state="MI"), yes=True)
    assert closed(audited, case).outcome == "settled"


@pytest.mark.parametrize("yes", [True, False])
def test_a_link_that_was_taken_back_meanwhile_is_no_question_any_more(audited: Audited, *, yes: bool) -> None:
    (act,) = audited.links(0)
    audited.at(*FEBRUARY)
    audited.matching.reverses(act)
    case = audited.about(act)
    audited.answers(case, yes=yes)
    assert (closed(audited, case).outcome, closed(audited, case).code) == ("overtaken", "act-already-reversed")


@pytest.mark.parametrize(("yes", "code"), [(True, "bound-by-not-same"), (False, None)])
def test_a_pair_that_was_declared_apart_meanwhile_is_not_linked(
    audited: Audited, *, yes: bool, code: str | None
) -> None:
    audited.links(0)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    audited.matching.declares("TX 01", "MI 02")
    case = audited.about(pair)
    audited.answers(case, yes=yes)
    assert closed(audited, case).code == code
    assert not audited.matching.together("TX 01", "MI 02")


@pytest.mark.parametrize("yes", [True, False])
def test_a_pair_of_which_a_record_was_destroyed_meanwhile_is_no_question_any_more(
    audited: Audited, database: Database, *, yes: bool
) -> None:
    audited.links(0)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    destroy(database, audited.matching.minted()["MI 02"])
    case = audited.about(pair)
    audited.answers(case, yes=yes)
    assert (closed(audited, case).outcome, closed(audited, case).code) == ("overtaken", "record-destroyed")


def test_a_check_goes_up_by_time_and_is_never_answered_by_it(audited: Audited) -> None:
    (act,) = audited.links(0)
    audited.at(*FEBRUARY)
    ledger = audited.ledger
    audited.clock.now = datetime(2026, 2, 27, tzinfo=UTC)
    keeper = Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        ledger.clock,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    )
    assert keeper.look() == [audited.about(act)]
    case = ledger.casework.case(audited.about(act))
    assert all(part.overdue for part in case.parts.values())
    assert case.closed is None
