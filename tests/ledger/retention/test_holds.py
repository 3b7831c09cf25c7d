"""Holds: who places what kind, how long it holds, and over whom; and that whoever is in doubt is held."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.errors import BadValue, LogBroken, NotFound, RecordDestroyed, Refused, UnknownState
from ledger.events.linkage import Anchor
from ledger.events.retention import HoldPlaced, HoldReleased, Over, OverAccount, OverAll, OverRecords, OverState
from ledger.retention import holds
from ledger.retention.days import Subject
from ledger.retention.holds import RECORDS_MAX, Hold, Open, PlaceHold, ReleaseHold, fold, holding
from support.given_retention import ACCOUNT, ANA, BEN, HOLD, OTHER, RECORD, TODAY, given, subject

OVER_RECORD = OverRecords(records=[Anchor(RECORD, "000000000010", 1)])


def placing(over: Over = OVER_RECORD, **changed: Any) -> PlaceHold:
    said = {"hold": HOLD, "kind": "legal", "over": over, "by": ANA, "reason": "A suit.", "today": TODAY}
    return PlaceHold(**{**said, **changed})


def placed(over: Over = OVER_RECORD, **changed: Any) -> HoldPlaced:
    return HoldPlaced(**{"hold": HOLD, "kind": "legal", "over": over, "by": ANA, "reason": "A suit.", **changed})


def held_by(one: Subject, *events: HoldPlaced | HoldReleased, opened: tuple[Open, ...] = ()) -> list[str]:
    hold = fold(events)
    return [found.kind for found in holding(one, [] if hold is None else [hold], opened)]


# -- placing and releasing


def test_a_hold_says_who_why_and_until_when() -> None:
    given(holds).when(placing(until=date(2034, 2, 28))).then(placed(until="2034-02-28"))


def test_a_hold_without_an_end_is_one() -> None:
    given(holds).when(placing(until=None)).then(placed())


def test_a_hold_that_ends_today_is_taken_and_one_that_ended_yesterday_is_not() -> None:
    given(holds).when(placing(until=TODAY)).then(placed(until=TODAY.isoformat()))
    given(holds).when(placing(until=date(2033, 5, 31))).refused(BadValue, "hold-until")


def test_an_open_case_holds_by_itself_and_nobody_places_that() -> None:
    assert "case" in given(holds).when(placing(kind="case")).refused(BadValue, "hold-kind").remedy
    given(holds).when(placing(kind="whim")).refused(BadValue, "hold-kind")


def test_what_is_gone_cannot_be_held() -> None:
    given(holds).when(placing(there=False)).refused(RecordDestroyed)


def test_a_hold_is_over_something() -> None:
    many = OverRecords(records=OVER_RECORD.records * (RECORDS_MAX + 1))
    for over in (OverRecords(records=[]), many):
        given(holds).when(placing(over)).refused(BadValue, "hold-over")
    given(holds).when(placing(OverState(state="ZZ"))).refused(UnknownState)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 2001])
def test_a_hold_is_placed_and_released_with_a_reason(reason: str) -> None:
    given(holds).when(placing(reason=reason)).refused(BadValue, "reason")
    given(holds, placed()).when(ReleaseHold(by=BEN, reason=reason)).refused(BadValue, "reason")


def test_to_place_it_twice_is_nothing_and_another_of_its_id_is_refused() -> None:
    held = given(holds, placed())
    held.when(placing()).then()
    held.when(placing(OverAll())).refused(Refused)


def test_a_release_ends_it_and_a_second_one_is_nothing() -> None:
    released = HoldReleased(hold=HOLD, by=BEN, reason="Settled.")
    over = given(holds, placed()).when(ReleaseHold(by=BEN, reason=" Settled. ")).then(released)
    over.when(ReleaseHold(by=ANA, reason="Again.")).then()
    given(holds).when(ReleaseHold(by=BEN, reason="Settled.")).refused(NotFound)


def test_the_stream_of_a_hold_holds_nothing_else() -> None:
    for events in ([HoldReleased(hold=HOLD, by=BEN)], [placed(), placed()]):
        with pytest.raises(LogBroken):
            fold(events)


# -- how long, and over whom


@pytest.mark.parametrize(
    ("until", "holds_today"), [(None, True), ("2033-06-01", True), ("2033-06-02", True), ("2033-05-31", False)]
)
def test_the_last_day_of_a_hold_is_one_on_which_it_holds(until: str | None, *, holds_today: bool) -> None:
    assert held_by(subject(), placed(until=until)) == (["legal"] if holds_today else [])


def test_the_last_day_is_that_of_the_state_whose_record_is_held() -> None:
    """It is the next day in New York while the day of the hold still runs in Oregon."""
    over = placed(OverAll(), until="2033-06-01")
    assert held_by(subject(today=date(2033, 6, 1)), over) == ["legal"]
    assert held_by(subject(state="NY", today=date(2033, 6, 2)), over) == []


def test_a_hold_that_was_released_holds_nothing() -> None:
    assert held_by(subject(), placed(), HoldReleased(hold=HOLD, by=BEN)) == []


@pytest.mark.parametrize(
    ("over", "held"),
    [
        (OVER_RECORD, {RECORD, OTHER}),
        (OverRecords(records=[Anchor("gone", "000000000099", 9)]), set()),
        (OverAccount(account=ACCOUNT), {ACCOUNT}),
        (OverState(state="OR"), {RECORD, ACCOUNT, "OR-20330601"}),
        (OverAll(), {RECORD, OTHER, "alone", ACCOUNT, "OR-20330601"}),
    ],
)
def test_a_hold_holds_what_it_is_over_and_nothing_else(over: Over, held: set[str]) -> None:
    student = frozenset({RECORD, OTHER})
    there = [
        subject(student=student),
        subject(id=OTHER, state="CA", student=student),
        subject(id="alone", state="TX", student=frozenset({"alone"})),
        Subject(id=ACCOUNT, state="OR", today=TODAY),
        Subject(id="OR-20330601", state="OR", today=TODAY),
    ]
    assert {one.id for one in there if held_by(one, placed(over))} == held


def test_a_hold_over_a_state_holds_an_account_that_is_of_it_no_more() -> None:
    moved = Subject(id=ACCOUNT, state="CA", before=frozenset({"OR", None}), today=TODAY)
    assert held_by(moved, placed(OverState(state="OR"))) == ["legal"]
    assert held_by(moved, placed(OverState(state="CA"))) == ["legal"]
    assert held_by(moved, placed(OverState(state="TX"))) == []


def test_a_merge_extends_a_hold_and_its_reversal_ends_that() -> None:
    alone = subject(id=OTHER, student=frozenset({OTHER}))
    merged = subject(id=OTHER, student=frozenset({RECORD, OTHER}))
    assert held_by(alone, placed()) == []
    assert held_by(merged, placed()) == ["legal"]


def test_an_open_case_and_an_open_request_hold_every_record_of_the_student() -> None:
    case = Open(id="k1", kind="case", records=frozenset({OTHER}), by="matcher")
    request = Open(id="r1", kind="request", records=frozenset({OTHER}), by=BEN)
    merged = subject(student=frozenset({RECORD, OTHER}))
    assert held_by(merged, opened=(case, request)) == ["request", "case"]
    assert held_by(subject(), opened=(case, request)) == []


def test_what_holds_is_told_with_the_strongest_first_and_without_its_reason() -> None:
    ends = Hold(placed=placed(OverAll(), hold="h1", until="2034-01-01"))
    endless = Hold(placed=placed(OverAll(), hold="h2"))
    asked = Hold(placed=placed(OverAll(), hold="h3", kind="request"))
    found = holding(subject(), [asked, ends, endless])
    assert [(one.id, one.by, one.until) for one in found] == [
        ("h2", ANA, None),
        ("h1", ANA, "2034-01-01"),
        ("h3", ANA, None),
    ]
    assert "A suit." not in str(found)
