"""What a state says of a record that is linked, on a real store: a doubt opens a case, and undoes nothing silently."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.cases import DIFFERENT_CHILD, DOUBTFUL_LINK
from ledger.errors import ActAlreadyReversed, NotAsked, NotFound, NotOfStudent, OwnProposal, RecordDestroyed, UnderCase
from ledger.events import Meta
from ledger.events.case import Doubtful, Place, Reversal, Split
from ledger.store import pending
from ledger.store.database import Database
from ledger.store.doctor_cases import faults
from support.casework import ANA, BEN, CA, CLEO, OR, TX, WHY, Hands, Work, destroy, key

MATCHER = Meta(actor="matcher")


@pytest.fixture
def link(work: Work, three: tuple[str, ...]) -> str:
    """California's record linked to Oregon's by the matcher; its act."""
    a, b, _ = three
    return work.linked(b, a).id


def asking(work: Work, kind: str, *abouts: str) -> dict[str, str]:
    with work.ledger.log.connection() as conn:
        return pending.asking(conn, kind, abouts)


def sound(work: Work) -> bool:
    with work.ledger.log.connection() as conn:
        return not list(faults(conn, work.ledger.log))


# -- a doubtful link


def test_a_doubt_changes_nothing_and_is_put_before_every_state_that_holds_a_record(
    work: Work, three: tuple[str, ...], link: str
) -> None:
    a, b, c = three
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    assert work.shown(a, b) == [a, a]
    assert work.held() == {}
    begun = work.opened_as(case)
    assert (begun.kind, begun.proposed_by) == ("doubtful-link", "matcher")
    assert begun.proposal == Doubtful(act=link, position=17)
    assert {(one.anchor.student_id, one.state) for one in begun.records} == {(a, "OR"), (b, "CA")}
    oregon = next(one for one in begun.asked if one.state == "OR")
    assert oregon.place == Place(state="OR", region="R2", district="4113770")
    assert work.open_cases()[case] == ("doubtful-link", oregon.steps[0].due)
    with pytest.raises(NotAsked):
        work.cases.answer(case, WHY, BEN, TX, yes=True)
    # It holds nothing: the record may go on to be joined.
    work.linked(c, a)


def test_a_link_that_stands_is_left_and_the_first_answer_says_so(work: Work, three: tuple[str, ...], link: str) -> None:
    a, b, _ = three
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    work.cases.answer(case, WHY, BEN, CA, yes=True)
    ends = work.closed_as(case)
    assert (ends.outcome, ends.act, ends.next) == ("settled", None, None)
    assert work.shown(a, b) == [a, a]
    assert work.open_cases() == {}


@pytest.mark.parametrize("merge", [True, False])
def test_a_link_or_merge_that_does_not_stand_is_taken_back_at_once_and_another_person_validates_that(
    work: Work, three: tuple[str, ...], *, merge: bool
) -> None:
    a, b, _ = three
    act = work.merged_act(a, b) if merge else work.linked(b, a).id
    case = work.proposals.open_doubtful(act, 17, MATCHER).case
    work.cases.answer(case, "Cousins.", BEN, OR, yes=False)
    assert work.shown(a, b) == [a, b]
    ends = work.closed_as(case)
    assert ends.outcome == "rejected"
    assert ends.next is not None
    validating = work.opened_as(ends.next)
    assert (validating.kind, validating.proposed_by, validating.reason) == ("validate-reversal", "ben", "Cousins.")
    assert validating.proposal == Reversal(act=ends.act or "", reverses=act)
    assert set(work.open_cases()) == {ends.next}
    with pytest.raises(OwnProposal):
        work.cases.answer(ends.next, WHY, BEN, OR, yes=True)
    work.cases.answer(ends.next, "They are one.", CLEO, CA, yes=False)
    assert work.shown(a, b) == [a, a]
    assert sound(work)


def test_what_rested_on_a_link_that_does_not_stand_is_put_before_people_too(
    work: Work, three: tuple[str, ...], link: str
) -> None:
    a, _, c = three
    later = work.linked(c, a).id
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    done = work.cases.answer(case, WHY, BEN, OR, yes=False)
    kinds = {work.opened_as(one).kind: work.opened_as(one).proposal for one in work.open_cases()}
    assert kinds.keys() == {"validate-reversal", "residue"}
    assert kinds["residue"].act == later  # type: ignore[union-attr]
    assert done.moved


@pytest.mark.parametrize("yes", [True, False])
def test_a_doubt_about_a_link_that_was_taken_back_meanwhile_is_overtaken(
    work: Work, three: tuple[str, ...], link: str, *, yes: bool
) -> None:
    a, b, _ = three
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    work.reversals.reverse(link, WHY, CLEO, CA)
    work.cases.answer(case, WHY, BEN, OR, yes=yes)
    assert (work.closed_as(case).outcome, work.closed_as(case).code) == ("overtaken", "act-already-reversed")
    assert work.shown(a, b) == [a, b]


def test_a_doubt_about_a_link_that_a_split_cut_meanwhile_is_overtaken(
    work: Work, three: tuple[str, ...], link: str
) -> None:
    a, b, _ = three
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    split = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    work.cases.answer(split, WHY, BEN, None, yes=True)
    work.cases.answer(case, WHY, BEN, OR, yes=False)
    assert (work.closed_as(case).outcome, work.closed_as(case).code) == ("overtaken", "not-of-student")


def test_what_does_not_stand_is_not_doubted(work: Work, three: tuple[str, ...], link: str) -> None:
    a, b, _ = three
    split = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    cut = work.cases.answer(split, WHY, BEN, None, yes=True).after.closed
    assert cut is not None
    with pytest.raises(NotOfStudent):
        work.proposals.open_doubtful(link, 17, MATCHER)
    with pytest.raises(NotOfStudent):
        work.proposals.open_doubtful(cut.act or "", 17, MATCHER)
    work.reversals.reverse(link, WHY, CLEO, CA)
    with pytest.raises(ActAlreadyReversed):
        work.proposals.open_doubtful(link, 17, MATCHER)
    with pytest.raises(NotFound):
        work.proposals.open_doubtful(f"{a}-99", 17, MATCHER)
    assert DOUBTFUL_LINK not in {kind for kind, _ in work.open_cases().values()}


def test_of_a_link_is_asked_once_at_a_time_however_often_its_records_are_corrected(
    work: Work, three: tuple[str, ...], link: str
) -> None:
    a, _, c = three
    first = work.proposals.open_doubtful(link, 17, MATCHER, key("17"))
    assert asking(work, DOUBTFUL_LINK, link, f"{c}-1") == {link: first.case}
    with pytest.raises(UnderCase, match=first.case):
        work.proposals.open_doubtful(link, 30, MATCHER, key("30"))
    again = work.proposals.open_doubtful(link, 17, MATCHER, key("17"))
    assert (again.case, again.position, again.replayed) == (first.case, first.position, True)
    other = work.proposals.open_doubtful(work.linked(c, a).id, 30, MATCHER)
    assert set(work.open_cases()) == {first.case, other.case}
    work.cases.answer(first.case, WHY, BEN, OR, yes=True)
    assert asking(work, DOUBTFUL_LINK, link) == {}
    # What is said after the answer is a doubt of its own.
    assert work.proposals.open_doubtful(link, 41, MATCHER, key("41")).case != first.case
    assert sound(work)


def test_a_doubt_goes_up_by_time_is_never_approved_by_it_and_is_still_asked_once(
    work: Work, link: str, clock: Hands
) -> None:
    for state in ("OR", "CA"):
        work.profile(state, automatic=True)
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    clock.now += timedelta(days=90)
    assert work.cases.escalate(case, Meta(actor="timekeeper")).moved
    assert work.open_cases() == {case: ("doubtful-link", None)}
    with pytest.raises(UnderCase, match=case):
        work.proposals.open_doubtful(link, 30, MATCHER)
    assert sound(work)


def test_a_link_is_doubted_though_one_of_its_records_was_destroyed(
    work: Work, three: tuple[str, ...], link: str, database: Database
) -> None:
    a, b, _ = three
    destroy(database, b)
    case = work.proposals.open_doubtful(link, 17, MATCHER).case
    assert [one.anchor.student_id for one in work.opened_as(case).records] == [a]
    destroy(database, a)
    with pytest.raises(NotFound):
        work.proposals.open_doubtful(link, 30, MATCHER)


# -- a different child


def test_of_a_record_is_asked_once_at_a_time_whether_it_is_a_different_child(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, c = (work.record(minted) for minted in three)
    first = work.proposals.open_changed(DIFFERENT_CHILD, a, 3, MATCHER, key("3")).case
    with pytest.raises(UnderCase, match=first):
        work.proposals.open_changed(DIFFERENT_CHILD, a, 9, MATCHER, key("9"))
    assert work.proposals.open_changed(DIFFERENT_CHILD, a, 3, MATCHER, key("3")).case == first
    second = work.proposals.open_changed(DIFFERENT_CHILD, b, 9, MATCHER).case
    # Another question about the same record is another case, and is asked as often as it comes up.
    for position in (3, 4):
        work.proposals.open_changed("correction-comes-back", a, position, MATCHER)
    assert asking(work, DIFFERENT_CHILD, a, b, c) == {a: first, b: second}
    work.cases.answer(first, WHY, BEN, OR, yes=True)
    assert asking(work, DIFFERENT_CHILD, a, b, c) == {b: second}
    assert work.proposals.open_changed(DIFFERENT_CHILD, a, 12, MATCHER).case != first
    assert sound(work)


def test_the_same_child_stays_where_it_is(work: Work, three: tuple[str, ...], link: str) -> None:
    a, b, _ = three
    assert link
    case = work.proposals.open_changed(DIFFERENT_CHILD, work.record(b), 3, MATCHER).case
    # People may part and join it meanwhile.
    assert work.held() == {}
    work.cases.answer(case, "Her name was misspelled.", BEN, CA, yes=True)
    ends = work.closed_as(case)
    assert (ends.outcome, ends.act, ends.next) == ("settled", None, None)
    assert (work.shown(b), work.open_cases()) == ([a], {})


def test_a_different_child_among_others_is_to_be_split_off_by_another_person(
    work: Work, three: tuple[str, ...], link: str
) -> None:
    a, b, c = three
    assert link
    work.linked(c, b)
    case = work.proposals.open_changed(DIFFERENT_CHILD, work.record(b), 3, MATCHER).case
    done = work.cases.answer(case, "The number was given to another girl.", BEN, CA, yes=False)
    assert work.shown(a, b, c) == [a, a, a], "nobody is parted before a second person has said so"
    ends = work.closed_as(case)
    assert (ends.outcome, ends.act, done.after.closed) == ("rejected", None, ends)
    split = ends.next
    assert split is not None
    begun = work.opened_as(split)
    assert (begun.kind, begun.proposed_by) == ("validate-split", "ben")
    assert begun.reason == "The number was given to another girl."
    assert isinstance(begun.proposal, Split)
    assert [[one.student_id for one in group] for group in begun.proposal.groups] == [[b], [a, c]]
    assert {one.state for one in begun.asked} == {"OR", "CA", "TX"}
    assert work.held() == dict.fromkeys(three, split)
    assert sound(work)
    with pytest.raises(OwnProposal):
        work.cases.answer(split, WHY, BEN, CA, yes=True)
    work.cases.answer(split, WHY, CLEO, None, yes=True)
    assert work.shown(a, b, c) == [a, b, a]
    assert (work.held(), work.open_cases()) == ({}, {})


def test_a_different_child_that_stands_alone_is_parted_from_nobody(work: Work, three: tuple[str, ...]) -> None:
    a, _, _ = three
    case = work.proposals.open_changed(DIFFERENT_CHILD, work.record(a), 3, MATCHER).case
    work.cases.answer(case, WHY, BEN, OR, yes=False)
    assert (work.closed_as(case).outcome, work.closed_as(case).next) == ("rejected", None)
    assert (work.held(), work.open_cases()) == ({}, {})


def test_a_different_child_is_not_split_off_while_another_case_holds_its_student(
    work: Work, three: tuple[str, ...], link: str
) -> None:
    a, b, c = three
    assert link
    merge = work.proposals.propose_merge(a, c, a, WHY, ANA).case
    case = work.proposals.open_changed(DIFFERENT_CHILD, work.record(b), 3, MATCHER).case
    with pytest.raises(UnderCase, match=merge):
        work.cases.answer(case, WHY, BEN, CA, yes=False)
    assert set(work.open_cases()) == {merge, case}
    work.cases.answer(merge, WHY, BEN, None, yes=False)
    work.cases.answer(case, WHY, BEN, CA, yes=False)
    assert [kind for kind, _ in work.open_cases().values()] == ["validate-split"]


def test_a_different_child_that_was_destroyed_is_asked_about_no_more(
    work: Work, three: tuple[str, ...], database: Database
) -> None:
    a, _, _ = three
    record = work.record(a)
    case = work.proposals.open_changed(DIFFERENT_CHILD, record, 3, MATCHER).case
    destroy(database, a)
    with database.connect() as conn:
        conn.execute("delete from vault.keys where subject = %s", (case,))
    work.ledger.vault.forget((case, "case"))
    with pytest.raises(RecordDestroyed):
        work.cases.answer(case, WHY, BEN, OR, yes=False)
