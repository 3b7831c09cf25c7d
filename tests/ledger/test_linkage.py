"""Histories of linkage by name: each told step by step, with who is who after it."""

from __future__ import annotations

from itertools import permutations

import pytest

from ledger.errors import (
    ActAlreadyReversed,
    BoundByNotSame,
    NotFound,
    NotOfStudent,
    RecordDestroyed,
    RetiredId,
    SameStudent,
    UnderCase,
)
from ledger.linkage_acts import DeclareNotSame, Link, Merge, Reverse, Split, Withdraw, decide
from ledger.reach import minting
from support.linkage_histories import History, assert_as_told

ALONE = {"000": {0}, "001": {1}, "002": {2}}


def test_a_merge_of_a_student_with_itself_is_refused() -> None:
    history = History(2)
    with pytest.raises(SameStudent):
        history.merge("000", "000")
    history.merge("000", "001")
    with pytest.raises(SameStudent):
        history.do(Merge(left=history.name(0), right=history.name(1), master=history.name(0)))


def test_of_a_cross_merge_the_second_finds_one_student() -> None:
    history = History(2)
    there_and_back = [
        Merge(left=history.name(a), right=history.name(b), master=history.name(a)) for a, b in ((0, 1), (1, 0))
    ]
    history.do(there_and_back[0])
    with pytest.raises(SameStudent):
        history.do(there_and_back[1])
    assert history.students() == {"000": {0, 1}}


def test_a_merge_shows_the_master_and_keeps_the_other_id() -> None:
    history = History(2)
    history.merge("000", "001", master="001")
    assert history.students() == {"001": {0, 1}}
    with pytest.raises(RetiredId, match="001"):
        minting(history.reach(), "000")


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_the_links_of_a_chain_are_taken_back_in_any_order(order: tuple[int, ...]) -> None:
    history = History(3)
    acts = [history.merge("001", "000"), history.link(2, 1)]
    assert history.students() == {"001": {0, 1, 2}}
    for number in order:
        history.reverse(acts[number])
        assert_as_told(history)
    assert history.students() == ALONE


def test_of_a_chain_the_first_link_taken_back_leaves_the_second() -> None:
    history = History(3)
    first = history.merge("000", "001")
    history.merge("000", "002")
    history.reverse(first)
    assert history.students() == {"000": {0, 2}, "001": {1}}


def test_a_merge_of_merged_students_comes_apart_into_the_two() -> None:
    history = History(4)
    history.merge("000", "001")
    history.merge("002", "003", master="003")
    both = history.merge("000", "003", master="003")
    assert history.students() == {"003": {0, 1, 2, 3}}
    history.reverse(both)
    assert history.students() == {"000": {0, 1}, "003": {2, 3}}


def test_the_undo_of_an_undo_joins_again_and_withdraws_what_it_declared() -> None:
    history = History(2)
    merge = history.merge("000", "001")
    undo = history.reverse(merge)
    with pytest.raises(BoundByNotSame):
        history.merge("000", "001")
    redo = history.reverse(undo)
    assert history.students() == {"000": {0, 1}}
    history.reverse(redo)
    assert history.students() == {"000": {0}, "001": {1}}
    with pytest.raises(BoundByNotSame):
        history.merge("000", "001")


def test_two_reversals_of_one_act_are_one_too_many() -> None:
    history = History(2)
    merge = history.merge("000", "001")
    undo = history.reverse(merge)
    with pytest.raises(ActAlreadyReversed, match=undo):
        history.reverse(merge)


def test_a_split_of_what_a_merge_joined_then_the_merges_reversal() -> None:
    history = History(3)
    history.link(1, 0)
    merge = history.merge("000", "002")
    split = history.split([0, 1], [2])
    assert history.students() == {"000": {0, 1}, "002": {2}}
    history.reverse(merge)
    assert history.students() == {"000": {0, 1}, "002": {2}}
    with pytest.raises(BoundByNotSame):
        history.merge("000", "002")
    # The split goes, and its word with it; that of the reversal stays.
    history.reverse(split)
    assert history.students() == {"000": {0, 1}, "002": {2}}
    with pytest.raises(BoundByNotSame):
        history.merge("000", "002")


def test_a_split_that_is_taken_back_joins_what_it_parted() -> None:
    history = History(3)
    history.link(1, 0)
    history.link(2, 1)
    split = history.split([0, 2], [1])
    # 0 and 2 held together by 1 alone: the split joins them itself.
    assert history.students() == {"000": {0, 2}, "001": {1}}
    history.reverse(split)
    assert history.students() == {"000": {0, 1, 2}}


def test_one_that_was_parted_is_not_joined_through_a_third() -> None:
    history = History(4)
    history.merge("000", "001")
    parting = history.reverse(history.merge("000", "002"))
    history.link(3, 2)
    with pytest.raises(BoundByNotSame, match=f"{parting}.1"):
        history.link(3, 0)
    with pytest.raises(BoundByNotSame):
        history.merge("000", "002")
    assert history.students() == {"000": {0, 1}, "002": {2, 3}}


def test_a_link_made_because_of_a_merge_stays_on_its_member_and_is_left_to_a_person() -> None:
    history = History(3)
    merge = history.merge("000", "001")
    link = history.link(2, 1)
    acted = decide(Reverse(act=merge), history.reach())
    assert acted.residue == [link]
    history.reverse(merge)
    # The link's edge stays, and with it the id that the student showed when the link was made, where that record is.
    assert history.students() == {"000": {0}, "001": {1, 2}}


def test_records_that_another_act_still_joins_stay_joined_and_the_preview_says_by_which() -> None:
    history = History(3)
    first = history.link(1, 0)
    second = history.link(2, 0)
    split = history.split([0], [1, 2])
    history.reverse(split)
    # The split's own edge went with it; what is left are the two links, one of which joins 1 and 0.
    acted = decide(Reverse(act=second), history.reach())
    assert acted.joined_by == []
    assert {a.record for a in acted.declared[0].left} == {history.name(2)}
    assert {a.record for a in acted.declared[0].right} == {history.name(0), history.name(1)}
    assert first in history.reach().linkage.acts


def test_a_reversal_says_which_acts_still_join_the_two_sides() -> None:
    history = History(2)
    merge = history.merge("000", "001")
    history.split([0], [1])
    declaration = next(iter(history.reach().linkage.declarations))
    history.do(Withdraw(declaration=declaration))
    again = history.merge("000", "001")
    acted = decide(Reverse(act=merge), history.reach())
    assert acted.joined_by == [again]
    assert acted.declared == []
    history.reverse(merge)
    assert history.students() == {"000": {0, 1}}


def test_a_destroyed_record_inside_a_student_goes_on_joining_the_others() -> None:
    history = History(3)
    history.link(1, 0)
    last = history.link(2, 1)
    history.destroyed.add(history.name(1))
    assert history.students()["000"] == {0, 1, 2}
    history.reverse(last)
    assert history.students() == {"000": {0, 1}, "002": {2}}


def test_what_was_parted_from_a_record_now_destroyed_is_not_joined_to_it_again() -> None:
    history = History(2)
    undo = history.reverse(history.merge("000", "001"))
    history.destroyed.add(history.name(1))
    with pytest.raises(RecordDestroyed):
        history.reverse(undo)


def test_a_declaration_of_two_students_binds_every_record_of_both() -> None:
    history = History(4)
    history.link(1, 0)
    history.link(3, 2)
    acted = history.do(DeclareNotSame(left=history.name(0), right=history.name(2)))
    with pytest.raises(BoundByNotSame, match=acted.id):
        history.link(1, 3)
    assert history.do(DeclareNotSame(left=history.name(1), right=history.name(3))).said == []
    history.do(Withdraw(declaration=acted.id))
    history.link(1, 3)
    with pytest.raises(SameStudent):
        history.do(DeclareNotSame(left=history.name(0), right=history.name(3)))


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([[0, 1]], id="one part"),
        pytest.param([[0, 1], []], id="an empty part"),
        pytest.param([[0, 1], [1]], id="a record twice"),
        pytest.param([[0], [2]], id="another student's record"),
    ],
)
def test_a_split_names_some_of_the_students_own_records(groups: list[list[int]]) -> None:
    history = History(3)
    history.link(1, 0)
    with pytest.raises(NotOfStudent):
        history.do(Split(groups=[[history.name(number) for number in group] for group in groups]))


def test_a_master_is_one_of_the_two() -> None:
    history = History(3)
    with pytest.raises(NotOfStudent, match="master"):
        history.do(Merge(left=history.name(0), right=history.name(1), master=history.name(2)))


def test_a_record_under_a_pending_case_is_neither_merged_nor_split_but_by_that_case() -> None:
    history = History(3)
    history.link(1, 0)
    held = history.reach()
    held = type(held)(held.linkage, held.records, held.versions, {history.name(1): "case-1"})
    for command in (
        Merge(left=history.name(0), right=history.name(2), master=history.name(0)),
        Split(groups=[[history.name(0)], [history.name(1)]]),
        Link(record=history.name(2), member=history.name(0), why="answered", case="case-2"),
    ):
        with pytest.raises(UnderCase, match="case-1"):
            decide(command, held)
    settled = Merge(left=history.name(0), right=history.name(2), master=history.name(0), case="case-1")
    assert decide(settled, held).said


def test_a_record_that_came_meanwhile_goes_with_the_one_it_is_linked_to() -> None:
    history = History(4)
    history.link(1, 0)
    history.link(2, 1)
    history.link(3, 2)
    history.split([0], [1])
    assert history.students() == {"000": {0}, "001": {1, 2, 3}}


def test_an_act_or_a_student_that_there_is_not_is_not_found() -> None:
    history = History(1)
    with pytest.raises(NotFound):
        history.reverse("000-1")
    with pytest.raises(NotFound):
        minting(history.reach(), "009")
    with pytest.raises(NotFound):
        history.do(Withdraw(declaration="000-1"))


def test_an_act_is_written_once_into_the_stream_of_each_record_that_it_names() -> None:
    history = History(4)
    acted = history.do(Link(record=history.name(1), member=history.name(0), why="policy"))
    assert [a.student_id for a in acted.said[0].anchors] == ["001", "000"]
    assert acted.id == "001-1"
    history.merge("000", "002", master="002")
    acted = history.do(Link(record=history.name(3), member=history.name(1), why="policy"))
    # The master too, whose id it shows: what a record shows stands in its own stream.
    assert [a.student_id for a in acted.said[0].anchors] == ["003", "001", "002"]
    assert [a.student_id for a in history.do(Reverse(act=acted.id)).said[0].anchors] == ["003", "001", "002"]
