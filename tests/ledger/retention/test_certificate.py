"""A certificate: what went and by whose word, out of events alone; nothing of a child, and what the log says alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ledger.errors import LogBroken
from ledger.events import Recorded
from ledger.events.retention import DisposalApproved, DisposalProposed, KeyDestroyed
from ledger.proofs.certificate_words import ADDRESS_STAYS, ALL_OF_IT, HANDED_OUT, HASHES_STAY, SENT_AGAIN
from ledger.retention import disposal
from ledger.retention.certificate import (
    Certificate,
    Inclusion,
    certificate,
    excerpt,
    with_proofs,
)
from ledger.retention.days import Subject
from ledger.retention.disposal import ApproveDisposal, ProposeDisposal
from ledger.retention.due import Due
from ledger.retention.obstacles import Present
from ledger.retention.schedules import Schedules, Since, fold
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
    after,
    found,
    given,
    present,
    recorded,
    schedule,
    subject,
)

ACCESS = Subject(id=ACCOUNT, present=frozenset({"access"}), days={Since.ACCESS_END: date(2030, 5, 31)}, today=TODAY)
PAPERS = present("access", found(ACCESS, student_id=None, attachments=["p1", "p2"], cases=[]))
BOTH = fold(
    [schedule(name, after(5, since), state="CA") for name, since in (("education", Since.LAST_ACTIVITY),)]
    + [schedule("eligibility", after(3, Since.ELIGIBILITY_END), state="CA")],
    SCHEDULES,
)
SET_AT = {"education/OR/1": 1, "eligibility/OR/1": 2, "education/CA/1": 3}
Log = tuple[Recorded, Recorded, list[Recorded]]


def proof(position: int) -> Inclusion:
    return Inclusion(position=position, leaf="ab", path=[], entry="cd", ciphertext="ef", key="01")


def done(*items: Present, gone: frozenset[str] = frozenset(), backup_days: int | None = None) -> Log:
    """A disposal of these, of which some were gone when it was approved; from position 20 on."""
    items = items or (present(), PAPERS)
    proposed = given(disposal).when(ProposeDisposal(disposal=DISPOSAL, by=ANA, found=items)).after()
    now = [replace(one, scope=None) if one.subject.id in gone else one for one in items]
    approved, *went = proposed.when(ApproveDisposal(by=BEN, found=now, backup_days=backup_days)).events
    log = [recorded(event, 20 + place) for place, event in enumerate([*proposed.history, approved, *went])]
    return log[0], log[1], log[2:]


def issued(*items: Present, **changed: Any) -> Certificate:
    return certificate(*done(*items, **changed), SCHEDULES, SET_AT)


def test_it_says_what_went_by_whose_word_and_by_which_rule() -> None:
    paper = issued()
    assert (paper.disposal, paper.proposed_by, paper.approved_by) == (DISPOSAL, ANA, BEN)
    assert (paper.proposal, paper.approval, paper.positions) == (20, 21, [1, 20, 21, 22, 23])
    assert [(line.subject, line.position) for line in paper.lines] == [(RECORD, 22), (ACCOUNT, 23)]
    assert [(rule.schedule, rule.after, rule.authority) for rule in paper.rules] == [
        ("education/OR/1", ["5 years after last-activity"], "OAR 166-400"),
        ("access/law", ["3 years after access-end"], "34 CFR 200.85"),
    ]
    assert paper.counts == {"records": 1, "accounts": 1, "keys": 5, "events": 22, "papers": 2, "cases": 1}


def test_what_another_disposal_had_destroyed_is_listed_and_not_counted() -> None:
    paper = issued(gone=frozenset({RECORD}))
    assert [(line.subject, line.position) for line in paper.lines] == [(RECORD, None), (ACCOUNT, 22)]
    assert paper.counts["records"] == 0
    assert paper.counts["accounts"] == 1
    before = paper.lines[0]
    assert (before.keys, before.events, before.papers, before.cases) == ([], {}, 0, 0), "the keys listed all went here"


def test_a_state_is_told_of_its_own_lines_alone_and_not_that_these_are_all() -> None:
    other = present(what=found(subject(id=OTHER, state="CA")), schedules=BOTH)
    log = done(present(), other, PAPERS)
    whole = certificate(*log, BOTH, SET_AT)
    proofs = [proof(n) for n in whole.positions]
    assert isinstance(log[0].event, DisposalProposed)
    paper = excerpt(with_proofs(whole, "sojourn.example.org\n25\n", proofs), log[0].event, "CA")
    assert [line.subject for line in paper.lines] == [OTHER]
    assert [rule.schedule for rule in paper.rules] == ["education/CA/1"]
    assert (paper.counts["records"], paper.counts["accounts"], paper.counts["papers"]) == (1, 0, 0)
    shut = [(one.position, one.key is None) for one in paper.inclusions]
    assert shut == [(3, False), (20, True), (21, False), (23, False)]
    assert ALL_OF_IT not in paper.proves
    assert set(paper.proves) | {ALL_OF_IT} == set(whole.proves)
    text = msgspec.json.encode(paper).decode()
    assert RECORD not in text
    assert ACCOUNT not in text


def test_it_says_what_it_does_not_prove() -> None:
    assert issued(present()).proves_not == [HANDED_OUT, SENT_AGAIN]
    assert issued(PAPERS).proves_not == [HANDED_OUT, ADDRESS_STAYS]
    assert issued(present("eligibility")).proves_not == [HANDED_OUT, HASHES_STAY]


def test_how_long_backups_are_kept_is_what_was_set_when_it_was_approved() -> None:
    assert issued().backups_until is None
    assert issued(backup_days=30).backups_until == date(2033, 7, 1)


def test_it_names_nothing_of_the_child() -> None:
    """Whatever a record says of her, no part of the certificate or of the events behind it has room for it."""
    proposed, approved, went = done(present())
    paper = certificate(proposed, approved, went, SCHEDULES, SET_AT)
    text = msgspec.json.encode([paper, proposed, approved, went]).decode()
    for word in ("Inés", "state_student_id", "2004-02-29", "birth_date"):
        assert word not in text
    said = msgspec.json.decode(msgspec.json.encode(issued(present()).lines[0]))
    assert set(said) == {
        *("subject", "record_class", "schedule", "keys", "events", "student_id"),
        *("position", "event_id", "papers", "cases"),
    }


@pytest.mark.parametrize("decides", [Since.BIRTH, Since.ELIGIBILITY_END])
def test_no_day_of_the_child_follows_from_it_or_from_the_events_behind_it(decides: Since) -> None:
    """Since when it was due, less the years of its schedule, would be her birth date, for ever."""
    years = {Since.BIRTH: 29, Since.ELIGIBILITY_END: 6}[decides]
    known = fold([schedule("eligibility", after(years, decides), state="OR")])
    one = present("eligibility", schedules=known)
    assert isinstance(one.due, Due)
    assert (one.due.since, one.due.on <= TODAY) == (decides, True)
    proposed, approved, went = done(one)
    text = msgspec.json.encode([certificate(proposed, approved, went, known, {}), proposed, approved, went]).decode()
    for day in (one.due.on, one.due.on - timedelta(days=1), DAYS[decides]):
        assert day.isoformat() not in text


# -- no more than the log says


def altered(log: Log, **changed: Any) -> Log:
    """The first key that went, otherwise."""
    proposed, approved, went = log
    assert isinstance(went[0].event, KeyDestroyed)
    return proposed, approved, [replace(went[0], event=replace(went[0].event, **changed)), *went[1:]]


@pytest.mark.parametrize(
    "change",
    [
        {"key_ids": ["f" * 32]},
        {"key_ids": []},
        {"disposal": "another"},
        {"record": OTHER},
    ],
)
def test_what_does_not_fit_what_was_approved_is_not_certified(change: dict[str, Any]) -> None:
    with pytest.raises(LogBroken):
        certificate(*altered(done(), **change), SCHEDULES, SET_AT)


def test_an_event_too_few_or_an_approval_of_something_else_is_not_certified() -> None:
    proposed, approved, went = done()
    with pytest.raises(LogBroken, match="Position 21"):
        certificate(proposed, approved, went[1:], SCHEDULES, SET_AT)
    other = replace(approved, event=DisposalApproved(disposal="another", by=BEN))
    with pytest.raises(LogBroken):
        certificate(proposed, other, went, SCHEDULES, SET_AT)
    with pytest.raises(LogBroken):
        certificate(proposed, proposed, went, SCHEDULES, SET_AT)


def test_a_schedule_that_nobody_knows_is_not_certified() -> None:
    with pytest.raises(LogBroken, match="education/OR/1"):
        certificate(*done(), Schedules(), {})


# -- proofs


def test_proofs_come_later_and_for_every_event_or_not_at_all() -> None:
    paper = issued()
    assert (paper.checkpoint, paper.inclusions) == (None, [])
    proofs = [proof(n) for n in (23, 22, 21, 20, 1)]
    proven = with_proofs(paper, "sojourn.example.org\n24\n", proofs)
    assert [one.position for one in proven.inclusions] == [1, 20, 21, 22, 23]
    assert replace(proven, checkpoint=None, inclusions=[]) == paper
    with pytest.raises(LogBroken):
        with_proofs(paper, "sojourn.example.org\n24\n", proofs[:3])


def test_a_disposal_of_many_has_a_line_for_each() -> None:
    items = [present(what=found(subject(id=f"r{n:03}"))) for n in range(disposal.ITEMS_MAX)]
    paper = issued(*items)
    assert len(paper.lines) == paper.counts["records"] == disposal.ITEMS_MAX
    assert isinstance(done(*items)[0].event, DisposalProposed)
