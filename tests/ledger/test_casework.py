"""Cases on a real store: what is proposed, who settles it, and what takes effect with the answer."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from ledger.casework import Answered
from ledger.errors import (
    AlreadyAnswered,
    BadValue,
    BoundByNotSame,
    CaseIsClosed,
    Leased,
    NotAsked,
    NotAssignable,
    NotFound,
    NotOfStudent,
    OwnProposal,
    RetiredId,
    SameStudent,
    UnderCase,
)
from ledger.events.case import CaseAnswered, Place
from ledger.events.linkage import RecordLinked, StudentsMerged
from ledger.store.database import Database
from support.casework import ANA, BEN, CA, CLEO, OR, TX, WHY, Hands, Work, destroy, key

# -- a merge


def test_a_merge_changes_nothing_until_every_state_that_holds_a_record_has_said_yes(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, b, WHY, ANA).case
    assert work.shown(a, b) == [a, b]
    assert work.held() == {a: case, b: case}
    once = work.cases.answer(case, WHY, BEN, OR, yes=True)
    assert once.after.closed is None
    assert work.shown(a, b) == [a, b]
    done = work.cases.answer(case, WHY, CLEO, CA, yes=True)
    assert done.students == [b]
    assert work.shown(a, b) == [b, b]
    assert work.held() == {}
    assert work.open_cases() == {}
    ends = work.closed_as(case)
    (merged,) = [one.event for one in work.ledger.log.read_stream(f"linkage/{a}")]
    assert isinstance(merged, StudentsMerged)
    assert (ends.outcome, ends.act, merged.case) == ("settled", merged.act, case)


def test_a_no_rejects_a_merge_and_lets_the_records_go(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    work.cases.answer(case, "Born in other years.", BEN, CA, yes=False)
    assert (work.closed_as(case).outcome, work.closed_as(case).act) == ("rejected", None)
    assert work.shown(a, b) == [a, b]
    assert (work.held(), work.open_cases()) == ({}, {})
    with pytest.raises(CaseIsClosed, match="answered no"):
        work.cases.answer(case, WHY, BEN, OR, yes=True)
    # A rejection of a merge declares nothing: it may be proposed again.
    work.proposals.propose_merge(a, b, a, WHY, ANA)


def test_an_operator_validates_for_all_states_but_not_what_he_proposed(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    with pytest.raises(OwnProposal):
        work.cases.answer(case, WHY, ANA, None, yes=True)
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert work.shown(b) == [a]
    answered = work.events(case)[1]
    assert isinstance(answered, CaseAnswered)
    assert answered.states == ["CA", "OR"]


def test_who_may_not_answer_is_told_why(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    with pytest.raises(NotAsked):
        work.cases.answer(case, WHY, BEN, TX, yes=True)
    with pytest.raises(BadValue):
        work.cases.answer(case, " ", BEN, OR, yes=True)
    work.cases.answer(case, WHY, BEN, OR, yes=True)
    with pytest.raises(AlreadyAnswered):
        work.cases.answer(case, WHY, CLEO, OR, yes=False)
    with pytest.raises(NotFound):
        work.cases.answer(str(uuid.UUID(int=0)), WHY, BEN, OR, yes=True)
    with pytest.raises(NotFound):
        work.cases.answer("no case", WHY, BEN, OR, yes=True)


def test_what_cannot_be_done_is_not_put_before_people(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    with pytest.raises(SameStudent):
        work.proposals.propose_merge(a, a, a, WHY, ANA)
    with pytest.raises(NotOfStudent):
        work.proposals.propose_merge(a, b, c, WHY, ANA)
    with pytest.raises(NotFound):
        work.proposals.propose_merge(a, "000000000000", a, WHY, ANA)
    with pytest.raises(BadValue):
        work.proposals.propose_merge(a, b, a, "", ANA)
    act = work.merged_act(a, b)
    with pytest.raises(RetiredId):
        work.proposals.propose_merge(b, c, b, WHY, ANA)
    work.reversals.reverse(act, WHY, ANA, None)
    with pytest.raises(BoundByNotSame):
        work.proposals.propose_merge(a, b, a, WHY, ANA)
    assert [kind for kind, _ in work.open_cases().values()] == ["validate-reversal"]


def test_a_record_under_a_case_takes_no_second_merge_or_split_and_takes_data(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, c = three
    work.merged(a, b)
    work.proposals.propose_merge(a, c, a, WHY, ANA)
    with pytest.raises(UnderCase):
        work.proposals.propose_merge(c, a, a, WHY, ANA)
    with pytest.raises(UnderCase):
        work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA)
    with pytest.raises(UnderCase):
        work.proposals.open_near_match(work.record(c), {work.record(b): 9.0}, ANA)
    assert work.opened("OR", "1", "4100009") == a


def test_what_was_proposed_of_students_that_are_one_already_is_overtaken(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    act = work.merged_act(a, b)
    back = work.reversals.reverse(act, WHY, ANA, None)
    # The declaration that the reversal made goes, so a merge can be proposed; then the reversal is taken back.
    work.reversals.withdraw(f"{back.act}.1", WHY, ANA, None)
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    work.reversals.reverse(back.act, WHY, ANA, None)
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert (work.closed_as(case).outcome, work.closed_as(case).code) == ("overtaken", "same-student")
    assert case not in work.held().values()
    assert work.shown(a, b) == [a, a]


def test_a_merge_that_would_now_concern_a_state_that_was_not_asked_is_overtaken(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, c = three
    joined = work.merged_act(b, c)
    back = work.reversals.reverse(joined, WHY, ANA, None)
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    work.reversals.reverse(back.act, WHY, ANA, None)
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert (work.closed_as(case).outcome, work.closed_as(case).code) == ("overtaken", "not-asked")
    assert work.shown(a, b, c) == [a, b, b]


# -- a split


def test_a_split_takes_effect_when_another_person_has_said_yes(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    work.merged(a, b)
    work.merged(a, c)
    case = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    assert work.held() == {a: case, b: case, c: case}
    assert {asked.state for asked in work.opened_as(case).asked} == {"OR", "CA", "TX"}
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert work.shown(a, b, c) == [a, b, a]
    with pytest.raises(BoundByNotSame):
        work.proposals.propose_merge(a, b, a, WHY, ANA)


def test_a_split_that_names_foreign_records_or_all_of_them_is_refused(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    work.merged(a, b)
    for groups in ([[work.record(c)]], [[work.record(a), work.record(b)]], [[]], [], [[work.record(a)], []]):
        with pytest.raises(NotOfStudent):
            work.proposals.propose_split(a, groups, WHY, ANA)
    with pytest.raises(RetiredId):
        work.proposals.propose_split(b, [[work.record(b)]], WHY, ANA)
    assert work.held() == {}


def test_a_split_of_records_that_are_no_longer_one_student_is_overtaken(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    act = work.merged_act(a, b)
    case = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    work.reversals.reverse(act, WHY, ANA, None)
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert (work.closed_as(case).outcome, work.closed_as(case).code) == ("overtaken", "not-of-student")
    assert work.held() == {}


@pytest.mark.parametrize("kind", ["merge", "split"])
def test_what_names_a_record_that_was_destroyed_meanwhile_is_overtaken(
    work: Work, three: tuple[str, ...], database: Database, kind: str
) -> None:
    a, b, c = three
    if kind == "merge":
        case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    else:
        work.merged(a, b)
        case = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    destroy(database, b)
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert (work.closed_as(case).outcome, work.closed_as(case).code) == ("overtaken", "record-destroyed")
    assert work.held() == {}
    # What is left may be proposed about again.
    work.proposals.propose_merge(a, c, a, WHY, ANA)


# -- a near match


def near(work: Work, record: str, *members: str) -> str:
    scores = {work.record(member): 8.0 + number for number, member in enumerate(members)}
    return work.proposals.open_near_match(work.record(record), scores, BEN, policy="p-1").case


def test_a_near_match_answered_yes_links_at_once_to_the_student_as_it_is_shown(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, c = three
    work.merged(a, b)
    case = near(work, c, a, b)
    assert work.opened_as(case).proposal.candidates[0].member.record == work.record(b)  # type: ignore[union-attr]
    work.cases.answer(case, WHY, CLEO, CA, yes=True)
    assert work.shown(c) == [a]
    linked = work.ledger.log.read_stream(f"linkage/{c}")[0].event
    assert isinstance(linked, RecordLinked)
    assert (linked.why, linked.case) == ("answered", case)


def test_a_near_match_answered_no_declares_them_not_the_same(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    work.merged(a, b)
    case = near(work, c, a)
    work.cases.answer(case, WHY, CLEO, TX, yes=False)
    assert work.closed_as(case).act == f"{c}-1"
    for member in (a, b):
        with pytest.raises(BoundByNotSame):
            near(work, c, member)
    assert work.shown(c) == [c]


def test_where_a_state_wants_a_second_person_a_near_match_goes_on_as_a_case_for_another(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, _ = three
    work.profile("OR", second_person=True)
    case = near(work, a, b)
    work.cases.answer(case, WHY, CLEO, CA, yes=True)
    follows = work.closed_as(case).next
    assert follows is not None
    assert work.shown(b) == [b]
    assert work.held() == {a: follows, b: follows}
    assert [asked.state for asked in work.opened_as(follows).asked] == ["OR"]
    with pytest.raises(OwnProposal):
        work.cases.answer(follows, WHY, CLEO, OR, yes=True)
    work.cases.answer(follows, WHY, BEN, OR, yes=True)
    assert work.shown(a) == [b]
    assert work.held() == {}


def test_a_second_persons_no_declares_them_not_the_same_too(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    work.profile("OR", second_person=True)
    case = near(work, a, b)
    work.cases.answer(case, WHY, CLEO, CA, yes=True)
    follows = work.closed_as(case).next
    assert follows is not None
    work.cases.answer(follows, WHY, BEN, OR, yes=False)
    with pytest.raises(BoundByNotSame):
        near(work, a, b)


def test_a_split_by_one_group_leaves_out_what_was_destroyed(
    work: Work, three: tuple[str, ...], database: Database
) -> None:
    a, b, c = three
    work.merged(a, b)
    work.linked(c, a)
    destroy(database, c)
    case = work.proposals.propose_split(a, [[work.record(b)]], WHY, ANA).case
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert work.shown(a, b) == [a, b]


def test_a_near_match_asks_about_one_student_and_about_records_that_there_are(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, c = three
    with pytest.raises(NotOfStudent):
        near(work, a, b, c)
    with pytest.raises(NotFound):
        near(work, a)
    with pytest.raises(NotFound):
        work.proposals.open_near_match(work.record(a), {str(uuid.uuid4()): 9.0}, BEN)


def test_what_looks_wrong_in_a_record_is_put_before_its_state_and_holds_nothing(
    work: Work, three: tuple[str, ...]
) -> None:
    a, _, _ = three
    case = work.proposals.open_changed("different-child", work.record(a), 3, BEN).case
    assert work.held() == {}
    assert [asked.state for asked in work.opened_as(case).asked] == ["OR"]
    work.cases.answer(case, "She was adopted.", CLEO, OR, yes=False)
    assert (work.closed_as(case).outcome, work.closed_as(case).act) == ("rejected", None)
    with pytest.raises(NotFound):
        work.proposals.open_changed("different-child", str(uuid.uuid4()), 3, BEN)


# -- where it lies, and who is at it


def test_a_case_begins_with_the_district_of_the_childs_enrollment(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    work.profile("CA")
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    of_california, of_oregon = work.opened_as(case).asked
    assert of_oregon.place == Place(state="OR", region="R2", district="4113770")
    assert [step.level for step in of_oregon.steps] == ["district", "region", "state"]
    assert of_california.place == CA
    assert (of_oregon.profile, of_california.profile) == (0, 1)
    assert work.open_cases() == {case: ("validate-merge", of_oregon.steps[0].due)}


def test_a_district_that_a_case_is_assigned_to_is_kept_with_the_region_that_it_lies_in(work: Work) -> None:
    """So that the region sees what lies with its districts."""
    case = work.proposals.open_changed("different-child", work.record(work.opened("OR", "1", "4100009")), 1, ANA).case
    with pytest.raises(NotAssignable):
        work.cases.assign(case, Place(state="OR", region="R3", district="4113770"), BEN, OR)
    moved = work.cases.assign(case, Place(state="OR", district="4113770"), BEN, OR)
    assert moved.after.parts["OR"].place == Place(state="OR", region="R2", district="4113770")
    assert not work.cases.assign(case, Place(state="OR", region="R2", district="4113770"), BEN, OR).moved


def test_a_case_is_assigned_within_its_state(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    other = Place(state="OR", district="4100009")
    moved = work.cases.assign(case, other, BEN, OR, ["dora", "eva"])
    assert (moved.after.parts["OR"].place, moved.after.parts["OR"].names) == (other, ("dora", "eva"))
    with pytest.raises(NotAssignable):
        work.cases.assign(case, Place(state="OR", district="4100001"), BEN, OR)
    with pytest.raises(NotAssignable):
        work.cases.assign(case, Place(state="OR", region="R2"), BEN, None)
    again = work.cases.assign(case, other, BEN, OR, ["dora", "eva"])
    assert not again.moved
    assert again.after.version == moved.after.version


def test_while_somebody_is_at_a_case_nobody_else_answers_it(work: Work, three: tuple[str, ...], clock: Hands) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    lease = work.cases.lease(case, "ben", OR, 10)
    assert (lease.holder, lease.until) == ("ben", clock.now + timedelta(minutes=10))
    with pytest.raises(Leased, match="ben is at this case until 17:10"):
        work.cases.lease(case, "cleo", CA, 10)
    with pytest.raises(Leased):
        work.cases.answer(case, WHY, CLEO, CA, yes=True)
    work.cases.release(case, "cleo")
    with pytest.raises(Leased):
        work.cases.answer(case, WHY, CLEO, CA, yes=True)
    # An answer ends it.
    work.cases.answer(case, WHY, BEN, OR, yes=True)
    work.cases.lease(case, "cleo", CA, 10)
    work.cases.answer(case, WHY, CLEO, CA, yes=True)
    with pytest.raises(CaseIsClosed):
        work.cases.lease(case, "cleo", CA, 10)
    assert work.query("select count(*) from ledger.case_leases") == [(0,)]


def test_a_request_that_met_a_lease_is_answered_when_it_is_sent_again_and_then_for_good(
    work: Work, three: tuple[str, ...], clock: Hands
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    work.cases.lease(case, "ben", OR, 10)

    def answered() -> Answered:
        return work.cases.answer(case, WHY, CLEO, CA, key("answer"), yes=True)

    with pytest.raises(Leased):
        answered()
    clock.now += timedelta(minutes=10)
    first = answered()
    work.cases.lease(case, "ben", OR, 10)
    again = answered()
    assert (first.replayed, again.replayed, again.position) == (False, True, first.position)


def test_a_lease_ends_when_it_is_let_go_or_runs_out_and_lasts_when_it_is_taken_again(
    work: Work, three: tuple[str, ...], clock: Hands
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    work.cases.lease(case, "ben", OR, 10)
    work.cases.release(case, "ben")
    work.cases.lease(case, "cleo", CA, 10)
    clock.now += timedelta(minutes=9)
    work.cases.lease(case, "cleo", CA, 10)
    clock.now += timedelta(minutes=9)
    with pytest.raises(Leased):
        work.cases.lease(case, "ben", OR, 10)
    clock.now += timedelta(minutes=1)
    assert work.cases.lease(case, "ben", OR, 120).holder == "ben"
    for minutes in (0, 121):
        with pytest.raises(BadValue):
            work.cases.lease(case, "ben", OR, minutes)


# -- keys, and requests that come again


def test_a_case_is_sealed_under_a_key_of_its_own_and_so_is_the_reason_of_its_act(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, _ = three
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    work.cases.answer(case, "Same mother.", BEN, None, yes=True)
    keys = work.query("select key_id from vault.keys where subject = %s and class = 'case'", case)
    sealed = work.query("select distinct key_id from ledger.events where stream = %s", f"case/{case}")
    assert len(keys) == 1
    assert sealed == keys
    merged = work.ledger.log.read_stream(f"linkage/{b}")[0]
    assert isinstance(merged.event, StudentsMerged)
    assert merged.event.reason is not None
    assert merged.event.reason.key == keys[0][0].hex
    with work.ledger.log.connection() as conn:
        assert work.ledger.log.open_field(conn, merged, "reason", merged.event.reason) == "Same mother."
    bodies = work.query("select body from ledger.events where stream = any(%s)", [f"case/{case}", f"linkage/{b}"])
    assert not any(b"mother" in bytes(body) for (body,) in bodies)


def test_the_same_request_again_is_the_same_case_and_the_same_answer(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    first = work.proposals.propose_merge(a, b, a, WHY, ANA, key("propose"))
    again = work.proposals.propose_merge(a, b, a, WHY, ANA, key("propose"))
    assert (again.case, again.position, again.replayed) == (first.case, first.position, True)
    done = work.cases.answer(first.case, WHY, BEN, None, key("answer"), yes=True)
    twice = work.cases.answer(first.case, WHY, BEN, None, key("answer"), yes=True)
    assert (twice.position, twice.students, twice.after, twice.moved) == (
        done.position,
        done.students,
        done.after,
        False,
    )
    for _ in range(2):
        with pytest.raises(RetiredId):
            work.proposals.propose_merge(b, c, b, WHY, ANA, key("refused"))
