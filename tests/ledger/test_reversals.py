"""What is taken back on a real store: at once, with the cases in which others validate it and what rested on it."""

from __future__ import annotations

import pytest

from ledger.errors import NotAsked, NotFound, OwnProposal
from ledger.store.database import Database
from support.casework import ANA, BEN, CA, CLEO, OR, TX, WHY, Work, destroy, key


def test_a_reversal_is_in_effect_at_once_and_asks_another_person(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    merged = work.merged_act(a, b)
    with pytest.raises(NotAsked):
        work.reversals.reverse(merged, WHY, ANA, TX)
    with pytest.raises(NotAsked):
        work.reversals.preview(merged, TX)
    assert work.reversals.preview(merged, CA).after.members.keys() == {a, b}
    assert work.reversals.preview(merged).after.members.keys() == {a, b}
    assert work.shown(a, b) == [a, a]
    back = work.reversals.reverse(merged, WHY, CLEO, CA)
    assert work.shown(a, b) == [a, b]
    assert back.students == sorted([a, b])
    (case,) = back.cases
    assert work.held() == {}
    assert {concerned.state for concerned in work.opened_as(case).records} == {"OR", "CA"}
    with pytest.raises(OwnProposal):
        work.cases.answer(case, WHY, CLEO, CA, yes=True)
    work.cases.answer(case, WHY, BEN, OR, yes=True)
    work.cases.answer(case, WHY, BEN, CA, yes=True)
    assert (work.closed_as(case).outcome, work.closed_as(case).act) == ("settled", None)
    assert work.shown(a, b) == [a, b]


def test_a_reversal_that_is_not_validated_is_reversed(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    merged = work.merged_act(a, b)
    back = work.reversals.reverse(merged, WHY, CLEO, CA)
    work.cases.answer(back.cases[0], "They are one girl.", BEN, OR, yes=False)
    assert work.shown(a, b) == [a, a]
    ends = work.closed_as(back.cases[0])
    assert ends.outcome == "rejected"
    assert ends.act is not None
    # Two have spoken: nobody is asked a third time.
    assert work.open_cases() == {}


def test_a_rejected_reversal_stands_where_another_declaration_forbids_the_join(
    work: Work, three: tuple[str, ...]
) -> None:
    a, b, _ = three
    merged = work.merged_act(a, b)
    back = work.reversals.reverse(merged, WHY, CLEO, CA)
    work.reversals.withdraw(f"{back.act}.1", WHY, CLEO, None)
    declared = work.reversals.declare_not_same(a, b, WHY, CLEO, OR)
    assert declared.id
    work.cases.answer(back.cases[0], WHY, BEN, OR, yes=False)
    assert (work.closed_as(back.cases[0]).outcome, work.closed_as(back.cases[0]).code) == (
        "overtaken",
        "bound-by-not-same",
    )
    assert work.shown(a, b) == [a, b]


def test_a_rejected_reversal_stands_where_a_record_was_destroyed_meanwhile(
    work: Work, three: tuple[str, ...], database: Database
) -> None:
    a, b, _ = three
    back = work.reversals.reverse(work.merged_act(a, b), WHY, CLEO, CA)
    destroy(database, b)
    work.cases.answer(back.cases[0], WHY, BEN, OR, yes=False)
    ends = work.closed_as(back.cases[0])
    assert (ends.outcome, ends.code) == ("overtaken", "record-destroyed")
    assert work.shown(a) == [a]


def test_an_act_is_taken_back_though_a_record_that_it_names_was_destroyed(
    work: Work, three: tuple[str, ...], database: Database
) -> None:
    a, b, _ = three
    merged = work.merged_act(a, b)
    destroy(database, b)
    back = work.reversals.reverse(merged, WHY, CLEO, OR)
    assert back.students == [a]
    assert work.shown(a) == [a]
    assert {concerned.state for concerned in work.opened_as(back.cases[0]).records} == {"OR"}


def test_a_declaration_is_withdrawn_though_a_record_that_it_names_was_destroyed(
    work: Work, three: tuple[str, ...], database: Database
) -> None:
    a, b, _ = three
    declared = work.reversals.declare_not_same(a, b, WHY, CLEO, OR)
    (gone,) = work.query("select record_id::text from ledger.records where minted = %s", a)[0]
    destroy(database, a)
    assert work.reversals.withdraw(declared.id, WHY, CLEO, CA).students == [b]
    assert work.query("select 1 from vault.keys where subject = %s", gone) == [], "nothing is sealed for it anew"


def test_taking_a_reversal_back_ends_the_case_that_was_to_validate_it(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    merged = work.merged_act(a, b)
    back = work.reversals.reverse(merged, WHY, CLEO, CA)
    again = work.reversals.reverse(back.act, WHY, BEN, OR)
    assert work.closed_as(back.cases[0]).code == "act-already-reversed"
    assert set(work.open_cases()) == set(again.cases)
    assert work.shown(a, b) == [a, a]


def residue(work: Work, three: tuple[str, ...]) -> tuple[str, str, str]:
    """A link made because of a merge that is then reversed. Its act, the residue case, and the reversal's case."""
    a, b, c = three
    merged = work.merged_act(a, b)
    link = work.linked(c, a)
    validate, left = work.reversals.reverse(merged, WHY, CLEO, CA).cases
    assert work.opened_as(left).kind == "residue"
    assert {concerned.state for concerned in work.opened_as(left).records} == {"OR", "CA", "TX"}
    return link.id, left, validate


def test_a_later_act_that_rested_on_what_is_parted_is_put_before_people_and_may_stand(
    work: Work, three: tuple[str, ...]
) -> None:
    a, _, c = three
    _, left, _ = residue(work, three)
    work.cases.answer(left, WHY, BEN, TX, yes=True)
    assert (work.closed_as(left).outcome, work.closed_as(left).act) == ("settled", None)
    assert work.shown(c) == [a]


def test_a_residue_that_does_not_stand_is_reversed_and_that_is_validated_by_another(
    work: Work, three: tuple[str, ...]
) -> None:
    _, _, c = three
    link, left, _ = residue(work, three)
    work.cases.answer(left, WHY, BEN, TX, yes=False)
    assert work.shown(c) == [c]
    ends = work.closed_as(left)
    assert ends.next is not None
    validating = work.opened_as(ends.next)
    assert (validating.kind, validating.proposed_by) == ("validate-reversal", "ben")
    assert (validating.proposal.act, validating.proposal.reverses) == (ends.act, link)  # type: ignore[union-attr]


def test_a_residue_whose_act_was_reversed_meanwhile_is_overtaken(work: Work, three: tuple[str, ...]) -> None:
    link, left, _ = residue(work, three)
    work.reversals.reverse(link, WHY, ANA, None)
    work.cases.answer(left, WHY, BEN, TX, yes=True)
    assert work.closed_as(left).code == "act-already-reversed"


@pytest.mark.parametrize("yes", [True, False])
def test_a_residue_of_a_reversal_that_was_taken_back_is_overtaken(
    work: Work, three: tuple[str, ...], *, yes: bool
) -> None:
    a, b, c = three
    _, left, validate = residue(work, three)
    work.cases.answer(validate, WHY, BEN, OR, yes=False)
    work.cases.answer(left, WHY, BEN, TX, yes=yes)
    assert (work.closed_as(left).outcome, work.closed_as(left).code) == ("overtaken", "act-already-reversed")
    assert work.shown(a, b, c) == [a, a, a]


def test_the_same_reversal_again_names_all_that_it_named_first(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    merged = work.merged_act(a, b)
    work.linked(c, a)
    first = work.reversals.reverse(merged, WHY, CLEO, CA, key("reverse"))
    again = work.reversals.reverse(merged, WHY, CLEO, CA, key("reverse"))
    assert [work.opened_as(case).kind for case in first.cases] == ["validate-reversal", "residue"]
    assert (again.act, again.students, again.cases) == (first.act, first.students, first.cases)
    assert (again.position, again.replayed) == (first.position, True)


def test_only_a_state_that_holds_a_record_declares_and_withdraws(work: Work, three: tuple[str, ...]) -> None:
    a, b, _ = three
    with pytest.raises(NotAsked):
        work.reversals.declare_not_same(a, b, WHY, CLEO, TX)
    declared = work.reversals.declare_not_same(a, b, WHY, CLEO, CA)
    with pytest.raises(NotAsked):
        work.reversals.withdraw(declared.id, WHY, CLEO, TX)
    with pytest.raises(NotFound):
        work.reversals.declare_not_same(a, "000000000000", WHY, CLEO, CA)
    work.reversals.withdraw(declared.id, WHY, CLEO, OR)
    work.merged(a, b)


def test_a_reversal_beside_a_pending_case_needs_no_answer_to_it(work: Work, three: tuple[str, ...]) -> None:
    a, b, c = three
    merged = work.merged_act(a, b)
    case = work.proposals.propose_merge(a, c, a, WHY, ANA).case
    work.reversals.reverse(merged, WHY, CLEO, CA)
    assert work.shown(a, b) == [a, b]
    work.cases.answer(case, WHY, BEN, None, yes=True)
    assert work.shown(a, b, c) == [a, b, a]
    assert work.held() == {}
