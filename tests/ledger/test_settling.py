"""What an answer comes to on students as they are when it is given: whether a doubtful link stands, who is parted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ledger.cases import Case, about_of, fold
from ledger.errors import UnderCase
from ledger.events.case import Candidate, Changed, Concerned, Doubtful, Link, Proposal, Residue
from ledger.events.linkage import ActReversed, DeclaredNotSame, RecordLinked
from ledger.settling import parting, seeds_of, settle
from support.given_case import opened
from support.linkage_histories import History


def asked(kind: str, proposal: Proposal, history: History, *numbers: int) -> Case:
    """An open case about some records of a history."""
    records = [Concerned(history.anchors[number], "OR") for number in numbers]
    case = fold([msgspec.structs.replace(opened(kind), proposal=proposal, records=records)])
    assert case is not None
    return case


def doubtful(history: History, act: str) -> Case:
    return asked("doubtful-link", Doubtful(act=act, position=9), history, 0, 1)


def answered(history: History, case: Case, *, yes: bool) -> tuple[list[Any], str | None]:
    settled = settle(case, yes=yes, case="", reach=history.reach())
    return [said.event for said in settled.acted.said], settled.code


# -- a doubtful link


def test_a_doubtful_link_that_stands_is_left_as_it_is() -> None:
    history = History(2)
    link = history.link(1, 0)
    assert answered(history, doubtful(history, link), yes=True) == ([], None)


def test_a_doubtful_link_or_merge_that_does_not_stand_is_taken_back() -> None:
    for joins in (lambda history: history.link(1, 0), lambda history: history.merge("000", "001")):
        history = History(2)
        act = joins(history)
        (back, declared), code = answered(history, doubtful(history, act), yes=False)
        assert code is None
        assert isinstance(back, ActReversed)
        assert back.reverses == act
        assert isinstance(declared, DeclaredNotSame), "no job joins them again"


@pytest.mark.parametrize("yes", [True, False])
def test_a_doubtful_link_that_was_taken_back_meanwhile_is_overtaken(*, yes: bool) -> None:
    history = History(2)
    link = history.link(1, 0)
    history.reverse(link)
    assert answered(history, doubtful(history, link), yes=yes) == ([], "act-already-reversed")


@pytest.mark.parametrize("yes", [True, False])
def test_a_doubtful_link_that_a_split_has_cut_is_overtaken(*, yes: bool) -> None:
    history = History(2)
    link = history.link(1, 0)
    cut = history.split([0], [1])
    assert answered(history, doubtful(history, link), yes=yes) == ([], "not-of-student")
    history.reverse(cut)
    assert answered(history, doubtful(history, link), yes=True) == ([], None)


def test_from_a_doubtful_link_its_act_is_found() -> None:
    history = History(2)
    link = history.link(1, 0)
    assert seeds_of(doubtful(history, link)) == ([history.name(0), history.name(1)], [link])


# -- a different child


def test_a_different_child_is_parted_from_all_others_of_its_student() -> None:
    history = History(4)
    history.link(1, 0)
    history.link(2, 1)
    found = parting(history.name(1), history.reach())
    assert found is not None
    split, records = found
    assert [[anchor.student_id for anchor in group] for group in split.groups] == [["001"], ["000", "002"]]
    assert {anchor.student_id for anchor in records} == {"000", "001", "002"}


def test_a_record_that_stands_alone_or_was_destroyed_is_parted_from_nobody() -> None:
    history = History(3)
    history.link(2, 1)
    assert parting(history.name(0), history.reach()) is None
    history.destroyed.add(history.name(2))
    assert parting(history.name(2), history.reach()) is None
    assert parting(history.name(1), history.reach()) is None, "what was destroyed is nobody to be parted from"


def test_nobody_is_parted_while_another_case_holds_a_record_of_the_student() -> None:
    history = History(2)
    history.link(1, 0)
    held = msgspec.structs.replace(history.reach(), held={history.name(0): "case-1"})
    with pytest.raises(UnderCase, match="case-1"):
        parting(history.name(1), held)


# -- what is asked once


def test_a_doubtful_link_is_asked_once_by_its_act_and_a_different_child_once_by_its_record() -> None:
    history = History(2)
    of_act, of_record = doubtful(history, "001-1"), asked("different-child", Changed(position=9), history, 1)
    assert about_of(of_act.opened) == "001-1"
    assert about_of(of_record.opened) == history.name(1)


@pytest.mark.parametrize(
    ("kind", "proposal"),
    [
        ("correction-comes-back", Changed(position=9)),
        ("residue", Residue(act="001-1", reversal="001-2")),
        ("validate-merge", opened().proposal),
    ],
)
def test_whatever_else_is_asked_may_be_asked_again(kind: str, proposal: Proposal) -> None:
    assert about_of(asked(kind, proposal, History(2), 1).opened) is None


# -- a blind check


@pytest.mark.parametrize("yes", [True, False])
def test_a_blind_check_of_a_link_comes_to_what_a_doubtful_link_would(*, yes: bool) -> None:
    history = History(2)
    link = history.link(1, 0)
    blind = asked("blind-check", Doubtful(act=link, position=9), history, 0, 1)
    assert answered(history, blind, yes=yes) == answered(history, doubtful(history, link), yes=yes)
    assert about_of(blind.opened) == link, "it is not checked twice at a time"


@pytest.mark.parametrize("yes", [True, False])
def test_a_blind_check_of_two_kept_apart_comes_to_what_a_near_match_would(*, yes: bool) -> None:
    history = History(2)
    proposal = Link(record=history.anchors[1], candidates=[Candidate(history.anchors[0], -4.5)], policy="p")
    blind, near = (asked(kind, proposal, history, 0, 1) for kind in ("blind-check", "near-match"))
    (came,), code = answered(history, blind, yes=yes)
    assert ([came], code) == answered(history, near, yes=yes)
    assert isinstance(came, RecordLinked if yes else DeclaredNotSame)
    assert about_of(blind.opened) is None
