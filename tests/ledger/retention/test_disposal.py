"""A disposal: two people, exactly what was proposed, all of it or nothing; and whatever came in between stops it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.errors import (
    BadValue,
    DisposalIsClosed,
    Forbidden,
    LedgerError,
    LogBroken,
    NotDue,
    NotFound,
    OwnProposal,
    ScopeChanged,
    UnderHold,
)
from ledger.events.retention import (
    DisposalApproved,
    DisposalProposed,
    DisposalRefused,
    DisposalWithdrawn,
    Item,
    KeyDestroyed,
)
from ledger.retention import disposal
from ledger.retention.days import Subject
from ledger.retention.disposal import (
    ITEMS_MAX,
    ApproveDisposal,
    ProposeDisposal,
    RefuseDisposal,
    WithdrawDisposal,
    destroyed_by,
    fold,
)
from ledger.retention.due import reckon
from ledger.retention.holds import Holding
from ledger.retention.obstacles import Present
from ledger.retention.schedules import Schedules, Since
from ledger.retention.schedules import fold as fold_schedules
from support.given_retention import (
    ACCOUNT,
    ANA,
    BEN,
    DAYS,
    DISPOSAL,
    OTHER,
    RECORD,
    SCHEDULES,
    TODAY,
    Given,
    after,
    found,
    given,
    present,
    schedule,
    scope,
    subject,
)

HELD = Holding(id="c1", kind="legal", by=ANA)


def proposed(*items: Item) -> DisposalProposed:
    whole = Item(scope=scope(), schedule="education/OR/1")
    return DisposalProposed(disposal=DISPOSAL, items=list(items) or [whole], by=ANA)


def proposing(*what: Present) -> ProposeDisposal:
    return ProposeDisposal(disposal=DISPOSAL, by=ANA, found=what or (present(),))


def approving(*what: Present, by: str = BEN) -> ApproveDisposal:
    return ApproveDisposal(by=by, found=what or (present(),))


def waiting() -> Given:
    return given(disposal, proposed())


def destroyed(**changed: Any) -> KeyDestroyed:
    going = scope()
    said = {
        "key_ids": [key.id for key in going.keys],
        "schedule": "education/OR/1",
        "record": RECORD,
        "student_id": "000000000010",
        "state": "OR",
        "record_class": "education",
        "disposal": DISPOSAL,
        "cases": ["case-1"],
    }
    return KeyDestroyed(**{**said, **changed})


def told(error: LedgerError) -> list[dict[str, Any]]:
    assert error.members is not None
    return error.members["items"]


# -- proposing


def test_what_is_due_and_held_by_nothing_is_proposed_with_its_exact_scope() -> None:
    given(disposal).when(proposing()).then(proposed())


def test_what_is_held_is_not_proposed_and_it_is_said_by_what() -> None:
    case = Holding(id="k1", kind="case", by="matcher")
    error = given(disposal).when(proposing(present(held=[HELD, case]))).refused(UnderHold)
    assert told(error) == [{"subject": RECORD, "held_by": ["legal c1", "case k1"]}]


def test_what_is_not_due_is_not_proposed_and_it_is_said_why_or_when() -> None:
    early = present(what=found(subject(today=date(2032, 5, 15))))
    assert told(given(disposal).when(proposing(early)).refused(NotDue)) == [
        {"subject": RECORD, "why": "not-yet", "due_on": "2032-05-16"}
    ]
    kept = present(schedules=Schedules())
    assert told(given(disposal).when(proposing(kept)).refused(NotDue)) == [{"subject": RECORD, "why": "no-schedule"}]


@pytest.mark.parametrize("since", [Since.BIRTH, Since.ELIGIBILITY_END])
def test_what_waits_for_a_day_of_the_child_is_refused_without_a_day_from_which_that_follows(since: Since) -> None:
    early = present("eligibility", schedules=fold_schedules([schedule("eligibility", after(40, since), state="OR")]))
    refused = given(disposal).when(proposing(early)).refused(NotDue)
    assert told(refused) == [{"subject": RECORD, "why": "not-yet"}]


def test_it_is_due_on_the_first_day_after_its_years() -> None:
    on_the_day = present(what=found(subject(today=date(2032, 5, 16))))
    given(disposal).when(proposing(on_the_day)).then(proposed())


def test_what_is_gone_is_not_proposed() -> None:
    gone = present(what=found(subject(present=frozenset())))
    assert told(given(disposal).when(proposing(gone)).refused(NotDue)) == [{"subject": RECORD, "why": "nothing-there"}]
    vanished = present(scope=None)
    given(disposal).when(proposing(vanished)).refused(ScopeChanged)


def test_everything_in_the_way_is_named_and_what_is_held_goes_before_what_is_not_due() -> None:
    held = present(held=[HELD])
    other = present(what=found(subject(id=OTHER, student=frozenset({OTHER}))), schedules=Schedules(), held=[HELD])
    error = given(disposal).when(proposing(held, other)).refused(UnderHold)
    assert [one["subject"] for one in told(error)] == [RECORD, OTHER]


def test_a_disposal_names_something_and_each_once_and_not_more_than_one_can_answer_for() -> None:
    given(disposal).when(ProposeDisposal(disposal=DISPOSAL, by=ANA, found=())).refused(BadValue, "items")
    given(disposal).when(proposing(present(), present("eligibility"))).refused(BadValue, "items")
    many = [present(what=found(subject(id=f"r{n}"))) for n in range(ITEMS_MAX + 1)]
    given(disposal).when(proposing(*many)).refused(BadValue, "items")
    assert given(disposal).when(proposing(*many[:-1])).events


def test_to_propose_it_twice_is_nothing_and_another_of_its_id_is_refused() -> None:
    waiting().when(proposing()).then()
    waiting().when(proposing(present("eligibility"))).refused(DisposalIsClosed)


# -- approving is destroying


def test_another_person_approves_and_every_key_goes_by_an_event_that_names_it() -> None:
    waiting().when(approving()).then(DisposalApproved(disposal=DISPOSAL, by=BEN), destroyed())


def test_the_events_of_what_went_stand_in_its_own_streams() -> None:
    events = waiting().when(approving()).events
    assert list(destroyed_by(events)) == [destroyed()]
    assert fold([proposed(), events[0]]) is not None


@pytest.mark.parametrize("name", [ANA, ANA.upper(), f" {ANA} "])
def test_whoever_proposed_it_does_not_approve_it(name: str) -> None:
    waiting().when(approving(by=name)).refused(OwnProposal)
    waiting().when(RefuseDisposal(by=name, reason="No.")).refused(OwnProposal)


def test_to_approve_it_twice_destroys_nothing() -> None:
    done = waiting().when(approving()).after()
    done.when(approving(present(scope=None))).then()
    done.when(approving()).then()


def test_access_papers_are_destroyed_as_an_account_s() -> None:
    days = {Since.ACCESS_END: date(2030, 5, 31)}
    account = Subject(id=ACCOUNT, state="OR", present=frozenset({"access"}), days=days, today=TODAY)
    item = present("access", found(account, student_id=None, attachments=["p1"], cases=[]))
    (said, event) = given(disposal).when(proposing(item)).after().when(approving(item)).events
    assert said == DisposalApproved(disposal=DISPOSAL, by=BEN)
    assert isinstance(event, KeyDestroyed)
    assert (event.account, event.record, event.schedule, len(event.key_ids)) == (ACCOUNT, None, "access/law", 1)


def test_eligibility_alone_leaves_the_record() -> None:
    item = present("eligibility")
    (_, event) = given(disposal).when(proposing(item)).after().when(approving(item)).events
    assert isinstance(event, KeyDestroyed)
    assert (event.record_class, event.cases, len(event.key_ids)) == ("eligibility", [], 1)


# -- what came in between


def test_a_hold_placed_while_it_runs_stops_all_of_it() -> None:
    other = present(what=found(subject(id=OTHER, student=frozenset({OTHER}))))
    both = given(disposal).when(proposing(present(), other)).after()
    error = both.when(approving(present(), replace(other, held=[HELD]))).refused(UnderHold)
    assert [one["subject"] for one in told(error)] == [OTHER]
    # Released, it goes on.
    assert len(both.when(approving(present(), other)).events) == 3


def test_a_case_opened_while_it_runs_stops_it() -> None:
    case = Holding(id="k1", kind="case", by="matcher")
    waiting().when(approving(present(held=[case]))).refused(UnderHold)


def test_a_new_fact_makes_it_due_later() -> None:
    spoken = subject(days={**DAYS, Since.LAST_ACTIVITY: TODAY})
    waiting().when(approving(present(what=found(spoken, version=10)))).refused(NotDue)


@pytest.mark.parametrize("who", [ANA, BEN.upper()])
def test_who_released_what_somebody_else_held_of_it_neither_proposed_nor_approves_it(who: str) -> None:
    waiting().when(ApproveDisposal(by=BEN, found=[present()], released=[who])).refused(OwnProposal)
    waiting().when(ApproveDisposal(by=BEN, found=[present()], released=["cleo@example.org"])).after()


def test_a_new_fact_that_leaves_it_due_stops_it_all_the_same() -> None:
    error = waiting().when(approving(present(what=found(version=10)))).refused(ScopeChanged)
    assert told(error) == [{"subject": RECORD, "changed": ["version"]}]


def test_a_reading_in_between_keeps_it_for_five_years() -> None:
    shown = subject(days={**DAYS, Since.LAST_DISCLOSURE: TODAY})
    error = waiting().when(approving(present(what=found(shown)))).refused(NotDue)
    assert told(error) == [{"subject": RECORD, "why": "not-yet", "due_on": "2038-06-02"}]


def test_a_merge_between_stops_it() -> None:
    merged = subject(student=frozenset({RECORD, OTHER}))
    error = waiting().when(approving(present(what=found(merged)))).refused(ScopeChanged)
    assert told(error) == [{"subject": RECORD, "changed": ["student"]}]


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([schedule("education", after(20), state="OR", number=2)], NotDue),
        ([schedule("education", state="OR", number=2)], NotDue),
        ([schedule("eligibility", state="OR", number=2)], NotDue),
        # Still due, and by another rule than the one that was approved.
        ([schedule("education", after(4), state="OR", number=2)], ScopeChanged),
    ],
)
def test_a_schedule_set_in_between_stops_it(events: list[Any], error: type[LedgerError]) -> None:
    changed = fold_schedules(events, SCHEDULES)
    waiting().when(approving(present(schedules=changed))).refused(error)


def test_a_case_that_was_closed_in_between_is_not_destroyed_unseen() -> None:
    error = waiting().when(approving(present(what=found(cases=[])))).refused(ScopeChanged)
    assert told(error) == [{"subject": RECORD, "changed": ["keys", "events", "cases"]}]


def test_what_another_disposal_destroyed_is_passed_over() -> None:
    other = present(what=found(subject(id=OTHER, student=frozenset({OTHER}))))
    both = given(disposal).when(proposing(present(), other)).after()
    (said, event) = both.when(approving(replace(present(), scope=None), other)).events
    assert said == DisposalApproved(disposal=DISPOSAL, by=BEN, gone=[RECORD])
    assert isinstance(event, KeyDestroyed)
    assert event.record == OTHER


def test_where_all_of_it_is_gone_already_nothing_is_destroyed_twice() -> None:
    gone = present(what=found(subject(present=frozenset()), keys=[]))
    waiting().when(approving(gone)).then(DisposalApproved(disposal=DISPOSAL, by=BEN, gone=[RECORD]))


def test_the_other_record_of_a_student_that_was_destroyed_meanwhile_changes_nothing() -> None:
    """Acts of linkage name records that are gone, too: the student is the same."""
    student = frozenset({RECORD, OTHER})
    item = present(what=found(subject(student=student)))
    assert given(disposal).when(proposing(item)).after().when(approving(item)).events


# -- refusing and taking back


def test_another_person_refuses_it_with_a_reason_and_it_is_over() -> None:
    no = DisposalRefused(disposal=DISPOSAL, by=BEN, reason="The suit goes on.")
    over = waiting().when(RefuseDisposal(by=BEN, reason=" The suit goes on. ")).then(no)
    over.when(approving()).refused(DisposalIsClosed)
    over.when(RefuseDisposal(by=BEN, reason="Again.")).then()
    waiting().when(RefuseDisposal(by=BEN, reason=" ")).refused(BadValue, "reason")


def test_only_who_proposed_it_takes_it_back() -> None:
    waiting().when(WithdrawDisposal(by=BEN)).refused(Forbidden)
    over = waiting().when(WithdrawDisposal(by=ANA)).then(DisposalWithdrawn(disposal=DISPOSAL, by=ANA))
    over.when(approving()).refused(DisposalIsClosed)
    over.when(WithdrawDisposal(by=ANA)).then()


def test_what_was_done_cannot_be_taken_back() -> None:
    done = waiting().when(approving()).after()
    done.when(WithdrawDisposal(by=ANA)).refused(DisposalIsClosed)
    done.when(RefuseDisposal(by=BEN, reason="Too late.")).refused(DisposalIsClosed)


def test_a_disposal_that_there_is_not_is_not_found() -> None:
    for command in (approving(), RefuseDisposal(by=BEN, reason="No."), WithdrawDisposal(by=ANA)):
        given(disposal).when(command).refused(NotFound)


def test_the_stream_of_a_disposal_holds_nothing_else() -> None:
    for events in ([DisposalWithdrawn(disposal=DISPOSAL, by=ANA)], [proposed(), proposed()], [proposed(), destroyed()]):
        with pytest.raises(LogBroken):
            fold(events)


def test_a_child_sent_again_is_a_record_of_its_own_that_is_not_due() -> None:
    """Another uuid, another key, and its activity is of today: a disposal of the record before says nothing of it."""
    again = subject(id=OTHER, student=frozenset({OTHER}), days={Since.LAST_ACTIVITY: TODAY})
    due = reckon("education", again, SCHEDULES)
    given(disposal).when(proposing(present(what=found(again), due=due))).refused(NotDue)
