"""Disposals on a real database: what is due is listed, proposed, approved by another and gone, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.errors import (
    BadValue,
    DisposalIsClosed,
    Forbidden,
    LedgerError,
    NotDue,
    NotFound,
    OwnProposal,
    ScopeChanged,
    UnderHold,
)
from ledger.events import Erased, Meta
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.events.record import MoveQualified
from ledger.events.retention import KeyDestroyed, OverState
from ledger.links import Seeds
from ledger.record import PlaceStudent
from ledger.replay import RequestKey
from ledger.retention import schedules
from ledger.retention.certificate import Certificate
from ledger.retention.due import Due, Kept
from ledger.retention.schedules import Since
from ledger.row_hash import row_hash
from support.casework import Hands, Work
from support.disposals import ANA, BEN, CLEO, LATER, ScannedLists, keep_for_years, schedule
from support.gone import as_migrated
from support.logs import append
from support.rows import demographics, student

WHY = "A court has asked for it."


@pytest.fixture
def kept(work: Work) -> Work:
    """A ledger whose lists are told from its logs."""
    work.ledger.disposals.look_in(ScannedLists(work.ledger))
    return work


@pytest.fixture
def due(kept: Work, clock: Hands) -> Work:
    """The same, twenty years on, when all that was said before is due."""
    keep_for_years(kept.ledger)
    clock.now = LATER
    return kept


def opened(work: Work, clock: Hands, *names: str) -> list[str]:
    """Records of Oregon of long ago, by uuid."""
    now, clock.now = clock.now, LATER.replace(year=2025)
    made = [work.record(work.opened("OR", name)) for name in names]
    clock.now = now
    return made


def disposed(work: Work, *records: str, record_class: str = "education") -> str:
    """Proposed by Ana, approved by Ben: the disposal."""
    disposal = work.ledger.disposals.propose(record_class, records, ANA).id
    work.ledger.disposals.approve(disposal, BEN)
    return disposal


def keys_of(work: Work, subject: str) -> set[str]:
    return {row[0] for row in work.query("select class from vault.keys where subject = %s", subject)}


# -- what is due


def test_without_a_schedule_nothing_of_a_child_is_ever_due(kept: Work, clock: Hands) -> None:
    [record] = opened(kept, clock, "1")
    clock.now = LATER
    [one] = kept.ledger.disposals.present("education", [record])
    assert isinstance(one.due, Kept)
    assert kept.ledger.disposals.due().items == []
    with pytest.raises(NotDue):
        kept.ledger.disposals.propose("education", [record], ANA)


def test_what_is_due_is_listed_page_by_page_with_what_holds_it(due: Work, clock: Hands) -> None:
    records = opened(due, clock, "1", "2", "3")
    hold = due.ledger.keeping.place("legal", due.ledger.keeping.over_records([records[1]]), WHY, ANA)
    seen, cursor = list[tuple[str, str, list[str]]](), None
    while True:
        page = due.ledger.disposals.due("education", "OR", 2, cursor)
        seen += [(one.record_class, one.present.subject.id, [h.id for h in one.present.held]) for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [("education", record, [hold.id] if record == records[1] else []) for record in sorted(records)]
    assert due.ledger.disposals.due("education", "CA").items == []
    everything = due.ledger.disposals.due()
    assert {one.record_class for one in everything.items} == {"education", "eligibility"}


def test_what_would_be_due_by_another_schedule_is_told_and_nothing_is_set(kept: Work, clock: Hands) -> None:
    [record] = opened(kept, clock, "1")
    clock.now = LATER
    before = kept.ledger.keeping.schedules()
    said = schedules.decide(schedule("eligibility", (Since.ELIGIBILITY_END, 4)), before)
    page = kept.ledger.disposals.due(schedules=schedules.fold(said, before))
    assert [one.present.subject.id for one in page.items] == [record]
    assert kept.ledger.keeping.schedules() == before


@pytest.mark.parametrize(
    "cursor", ["", "x", "education.OR.no-uuid", "education.XX.01990000-0000-7000-8000-0000000000b1"]
)
def test_a_cursor_that_no_page_gave_is_refused(due: Work, cursor: str) -> None:
    with pytest.raises(BadValue) as refused:
        due.ledger.disposals.due(cursor=cursor)
    assert refused.value.rule == "cursor"


def test_a_record_that_was_shown_waits_five_years_more(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    shown = Disclosed(
        student_id="1",
        view="student",
        sections=["core"],
        role="secondary_user",
        organisation="School",
        purpose="review",
        basis="34 CFR 99.31(a)(1)",
        position=1,
    )
    append(due.ledger.access, f"disclosure/{record}", shown)
    [one] = due.ledger.disposals.present("education", [record])
    assert isinstance(one.due, Due)
    assert (one.due.since, one.due.on) == ("last-disclosure", LATER.date().replace(year=2050) + timedelta(days=1))
    with pytest.raises(NotDue):
        due.ledger.disposals.propose("education", [record], ANA)
    assert due.ledger.disposals.propose("eligibility", [record], ANA).status == "proposed"


def test_who_was_refused_was_shown_nothing_and_does_not_keep_a_record(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    refused = DisclosureRefused(
        student_id="1",
        view="student",
        role="secondary_user",
        organisation="School",
        purpose="review",
        basis="34 CFR 99.31(a)(1)",
        rule="own-state",
    )
    append(due.ledger.access, f"disclosure/{record}", refused)
    [one] = due.ledger.disposals.present("education", [record])
    assert isinstance(one.due, Due)
    assert one.due.since == "eligibility-end"
    disposed(due, record)
    assert keys_of(due, record) == set()


# -- a disposal


def test_what_is_approved_is_gone_and_nothing_else_is(due: Work, clock: Hands) -> None:
    first, second = opened(due, clock, "1", "2")
    before = due.ledger.log.read_stream(f"record/{second}")
    disposal = disposed(due, first)
    assert keys_of(due, first) == set()
    assert keys_of(due, second) == {"education", "eligibility"}
    assert all(isinstance(one.event, Erased) for one in due.ledger.log.read_stream(f"record/{first}"))
    assert due.ledger.log.read_stream(f"record/{second}") == before
    assert due.ledger.record_of("OR", "1") is None
    assert due.ledger.disposals.read(disposal).status == "done"
    assert [one.present.subject.id for one in due.ledger.disposals.due("education").items] == [second]


def test_eligibility_goes_alone_and_the_record_stays(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    disposed(due, record, record_class="eligibility")
    assert keys_of(due, record) == {"education"}
    erased = [isinstance(one.event, Erased) for one in due.ledger.log.read_stream(f"record/{record}")]
    assert any(erased)
    assert not erased[0]
    assert due.ledger.record_of("OR", "1") == record
    disposed(due, record)
    assert keys_of(due, record) == set()


def test_what_the_guard_keeps_of_moves_that_went_is_tested_by_the_records_own_key_alone(
    due: Work, clock: Hands
) -> None:
    [record] = opened(due, clock, "1")
    ledger, key = due.ledger, due.ledger.row_key()
    moves = [
        row_hash(key, "Q", one.event.elements)
        for one in ledger.log.read_stream(f"record/{record}")
        if isinstance(one.event, MoveQualified)
    ]

    def guard() -> bytes:
        [(rows,)] = due.query("select rows from ledger.records where record_id = %s", record)
        return bytes(rows)

    before = guard()
    assert moves
    assert all(held in before for held in moves)
    disposed(due, record, record_class="eligibility")
    after = guard()
    assert not any(held in after for held in moves), "else it is tested with a key that is never destroyed"
    assert len(after) == len(before), "it still knows that there were so many"
    assert due.opened("OR", "1") == ledger.links.reach(Seeds(records=[record])).records[record].student_id
    again = [one.event for one in ledger.log.read_stream(f"record/{record}")]
    assert not any(isinstance(event, MoveQualified) for event in again), "and they are not taken in again"
    assert guard() == after


def test_who_released_another_s_hold_while_it_waited_is_none_of_the_two(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    disposals, keeping = due.ledger.disposals, due.ledger.keeping
    over = keeping.over_records([record])
    before = keeping.place("legal", over, WHY, CLEO)
    keeping.release(before.id, WHY, BEN)
    by_ana, by_cleo = (disposals.propose("education", [record], who).id for who in (ANA, CLEO))
    keeping.release(keeping.place("legal", over, WHY, BEN).id, WHY, BEN)
    keeping.release(keeping.place("legal", OverState(state="CA"), WHY, CLEO).id, WHY, BEN)
    keeping.release(keeping.place("legal", over, WHY, CLEO).id, WHY, ANA)
    with pytest.raises(OwnProposal, match="has released"):
        disposals.approve(by_ana, BEN)
    with pytest.raises(OwnProposal, match="You have released"):
        disposals.approve(by_cleo, ANA)
    assert disposals.approve(by_cleo, BEN).status == "done", "his own hold, another state's, one before it"


def test_words_are_kept_under_the_first_key_that_is_still_there(due: Work, clock: Hands) -> None:
    first, second = opened(due, clock, "1", "2")
    both = due.ledger.disposals.propose("education", [first, second], ANA).id
    keeping = due.ledger.keeping
    until = clock.now.date()
    hold = keeping.place("legal", keeping.over_records([first, second]), WHY, ANA, until=until).id
    clock.now += timedelta(days=2)
    disposed(due, first)
    due.ledger.disposals.refuse(both, "Not before the audit.", BEN)
    assert getattr(due.ledger.disposals.known(both).closed, "reason", None) == "Not before the audit."
    keeping.release(hold, "It is over.", ANA)
    released = keeping.hold(hold).hold.released
    assert released is not None
    assert released.reason == "It is over."
    disposed(due, second)
    assert getattr(due.ledger.disposals.known(both).closed, "reason", None) is None


def test_a_refusal_names_what_is_in_the_way_the_second_time_too(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    due.ledger.keeping.place("legal", due.ledger.keeping.over_records([record]), WHY, ANA)
    key = RequestKey(scope="ana", key="p", body_hash=b"1")
    told = list[Any]()
    for _ in range(2):
        with pytest.raises(UnderHold) as refused:
            due.ledger.disposals.propose("education", [record], ANA, key)
        told.append((refused.value.replayed, refused.value.members))
    assert [replayed for replayed, _ in told] == [False, True]
    assert told[0][1] == told[1][1]
    assert told[0][1]["items"][0]["subject"] == record


def test_one_person_alone_destroys_nothing(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    disposal = due.ledger.disposals.propose("education", [record], ANA).id
    for deed in (due.ledger.disposals.approve, lambda d, m: due.ledger.disposals.refuse(d, WHY, m)):
        with pytest.raises(OwnProposal):
            deed(disposal, Meta(actor="Ana@Example.org"))
    with pytest.raises(Forbidden):
        due.ledger.disposals.withdraw(disposal, BEN)
    assert keys_of(due, record) == {"education", "eligibility"}


@pytest.mark.parametrize("ends", ["refused", "withdrawn"])
def test_what_was_refused_or_withdrawn_is_never_approved(due: Work, clock: Hands, ends: str) -> None:
    [record] = opened(due, clock, "1")
    disposals = due.ledger.disposals
    disposal = disposals.propose("education", [record], ANA).id
    for _ in range(2):
        done = disposals.refuse(disposal, WHY, BEN) if ends == "refused" else disposals.withdraw(disposal, ANA)
        assert done.status == ends
    with pytest.raises(DisposalIsClosed):
        disposals.approve(disposal, CLEO)
    with pytest.raises(DisposalIsClosed):
        disposals.certificate(disposal)
    assert keys_of(due, record) == {"education", "eligibility"}
    known = disposals.known(disposal)
    assert getattr(known.closed, "reason", None) == (WHY if ends == "refused" else None)


def test_a_disposal_is_approved_once_and_the_second_time_is_nothing(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    disposal = disposed(due, record)
    head = due.ledger.log.head()
    assert due.ledger.disposals.approve(disposal, BEN).status == "done"
    assert due.ledger.log.head() == head


def test_what_another_disposal_has_destroyed_is_passed_over(due: Work, clock: Hands) -> None:
    first, second = opened(due, clock, "1", "2")
    both = due.ledger.disposals.propose("education", [first, second], ANA).id
    alone = disposed(due, first)
    due.ledger.disposals.approve(both, BEN)
    certificate = due.ledger.disposals.certificate(both)
    assert [(line.subject, line.position is None) for line in certificate.lines] == [(first, True), (second, False)]
    assert certificate.counts["records"] == 1
    assert due.ledger.disposals.certificate(alone).counts["records"] == 1
    destroyed = [one.event for one in due.ledger.log.read_stream(f"retention/{first}")]
    assert len(destroyed) == 1, "a key goes once"


def test_a_disposal_of_what_is_gone_altogether_is_done_and_destroys_nothing(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    again = due.ledger.disposals.propose("education", [record], ANA).id
    disposed(due, record)
    assert due.ledger.disposals.approve(again, BEN).status == "done"
    assert due.ledger.disposals.certificate(again).counts["keys"] == 0
    with pytest.raises(NotDue):
        due.ledger.disposals.propose("education", [record], ANA)


def test_the_same_request_proposes_once(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    key = RequestKey(scope="ana", key="p", body_hash=b"1")
    first, again = (due.ledger.disposals.propose("education", [record], ANA, key) for _ in range(2))
    assert (again.id, again.replayed) == (first.id, True)
    assert [known.disposal.proposed.disposal for known in due.ledger.disposals.listed().items] == [first.id]


def test_disposals_are_listed_the_last_one_first_by_status_and_state(due: Work, clock: Hands) -> None:
    disposals = due.ledger.disposals
    made = [disposals.propose("education", [record], ANA).id for record in opened(due, clock, "1", "2", "3")]
    disposals.approve(made[0], BEN)

    def listed(**asked: Any) -> list[str]:
        return [known.disposal.proposed.disposal for known in disposals.listed(**asked).items]

    assert listed() == made[::-1]
    assert listed(status="proposed") == [made[2], made[1]]
    assert listed(status="done", state="OR") == [made[0]]
    assert listed(state="CA") == []
    page = disposals.listed(limit=2)
    assert listed(limit=2, before=page.cursor) == [made[0]]


# -- what stops it


def held(work: Work, record: str) -> None:
    work.ledger.keeping.place("legal", work.ledger.keeping.over_records([record]), WHY, CLEO)


def said_more(work: Work, record: str) -> None:
    rows = replace(student(demographics(None, first_name="Otra")), state="OR", state_student_id="1")
    command = PlaceStudent(state="OR", state_student_id="1", student=rows, new_student_id="")
    work.ledger.execute(command, Meta(actor="OR batch"))


def merged(work: Work, record: str) -> None:
    other = work.opened("CA", "9")
    minted = work.query("select minted from ledger.records where record_id = %s", record)[0][0]
    work.merged(minted, other)


def in_a_case(work: Work, record: str) -> None:
    other = work.opened("CA", "9")
    minted = work.query("select minted from ledger.records where record_id = %s", record)[0][0]
    work.proposals.propose_merge(minted, other, minted, WHY, CLEO)


def rescheduled(work: Work, record: str) -> None:
    work.ledger.keeping.set_schedule(schedule("education", (Since.LAST_ACTIVITY, 100)), CLEO)


@pytest.mark.parametrize(
    ("deed", "refusal"),
    [
        (held, UnderHold),
        (in_a_case, UnderHold),
        (said_more, NotDue),
        (merged, ScopeChanged),
        (rescheduled, NotDue),
    ],
)
def test_whatever_came_between_stops_the_whole_of_it(
    due: Work, clock: Hands, deed: Any, refusal: type[LedgerError]
) -> None:
    first, second = opened(due, clock, "1", "2")
    disposal = due.ledger.disposals.propose("education", [first, second], ANA).id
    deed(due, first)
    with pytest.raises(refusal) as refused:
        due.ledger.disposals.approve(disposal, BEN)
    assert first in [item["subject"] for item in (refused.value.members or {})["items"]]
    assert keys_of(due, first) == keys_of(due, second) == {"education", "eligibility"}
    assert due.ledger.disposals.read(disposal).status == "proposed"


def test_a_case_of_an_older_log_holds_although_nobody_has_read_the_guards_yet(due: Work, clock: Hands) -> None:
    first, second = opened(due, clock, "1", "2")
    disposals = due.ledger.disposals
    disposal = disposals.propose("education", [first], ANA).id
    in_a_case(due, first)
    as_migrated(due.ledger)
    with pytest.raises(UnderHold):
        disposals.approve(disposal, BEN)
    as_migrated(due.ledger)
    with pytest.raises(UnderHold):
        disposals.propose("education", [first], ANA)
    disposed(due, second)
    assert keys_of(due, first) == {"education", "eligibility"}


def test_once_the_hold_is_released_it_may_be_approved(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    disposal = due.ledger.disposals.propose("education", [record], ANA).id
    hold = due.ledger.keeping.place("legal", due.ledger.keeping.over_records([record]), WHY, CLEO).id
    with pytest.raises(UnderHold):
        due.ledger.disposals.approve(disposal, BEN)
    due.ledger.keeping.release(hold, "Settled.", CLEO)
    due.ledger.disposals.approve(disposal, BEN)
    assert keys_of(due, record) == set()
    assert due.ledger.keeping.hold(hold).hold.placed.reason is None, "the words went with the record"


def test_a_hold_over_one_record_of_a_student_holds_the_others(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    minted = due.query("select minted from ledger.records where record_id = %s", record)[0][0]
    other = due.opened("CA", "9")
    due.merged(minted, other)
    due.ledger.keeping.place("legal", due.ledger.keeping.over_records([due.record(other)]), WHY, CLEO)
    with pytest.raises(UnderHold):
        due.ledger.disposals.propose("education", [record], ANA)


# -- what goes with it


def test_a_closed_case_goes_with_the_record_that_it_names_first(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    minted = due.query("select minted from ledger.records where record_id = %s", record)[0][0]
    clock.now = LATER.replace(year=2026)
    other = due.opened("CA", "9")
    case = due.merged(minted, other).case
    clock.now = LATER
    [one] = due.ledger.disposals.present("education", [record])
    assert one.scope is not None
    first = one.scope.cases == [case]
    disposed(due, record)
    assert keys_of(due, case) == (set() if first else {"case"})
    [other_one] = due.ledger.disposals.present("education", [due.record(other)])
    assert other_one.scope is not None
    assert other_one.scope.cases == ([] if first else [case])
    assert record in other_one.scope.student, "what it joined, it joins"


def test_the_certificate_says_what_went_and_by_whose_word(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    disposal = disposed(due, record)
    certificate = due.ledger.disposals.certificate(disposal)
    assert isinstance(certificate, Certificate)
    assert (certificate.proposed_by, certificate.approved_by) == (ANA.actor, BEN.actor)
    [line] = certificate.lines
    stands = due.ledger.log.read_stream(f"retention/{record}")[0]
    assert isinstance(stands.event, KeyDestroyed)
    assert (line.subject, line.position, line.keys) == (record, stands.position, stands.event.key_ids)
    assert line.events["education"] > 0
    assert [rule.schedule for rule in certificate.rules] == ["education/nation/1"]


def test_what_never_was_is_not_disposed_of(due: Work) -> None:
    for subject in ("01990000-0000-7000-8000-0000000000b1", "x"):
        for record_class in ("education", "access"):
            with pytest.raises(NotFound):
                due.ledger.disposals.present(record_class, [subject])
    with pytest.raises(BadValue):
        due.ledger.disposals.present("case", [])
    with pytest.raises(NotFound):
        due.ledger.disposals.approve("01990000-0000-7000-8000-0000000000b1", BEN)
    with pytest.raises(NotFound):
        due.ledger.disposals.certificate("01990000-0000-7000-8000-0000000000b1")
