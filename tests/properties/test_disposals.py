"""Any history of facts, readings, merges, holds, cases, schedules, disposals: what goes is what may, once, and alone.

The records are held as the deciders are handed them, and beside that as a clerk would (``support.naive_retention``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from ledger.errors import Forbidden, NotDue, Refused, ScopeChanged, UnderHold
from ledger.events import Event
from ledger.events.linkage import Anchor
from ledger.events.retention import After, Key, KeyDestroyed, OverAll, OverRecords
from ledger.retention import disposal, due, holds, schedules
from ledger.retention.days import Subject
from ledger.retention.disposal import ApproveDisposal, ProposeDisposal
from ledger.retention.holds import Open, PlaceHold, ReleaseHold, holding
from ledger.retention.obstacles import Present
from ledger.retention.schedules import SetSchedule, Since
from ledger.retention.scope import ClosedCase, Found, scope_of
from support.given_retention import ANA, BEN
from support.naive_retention import BEGUN, KEYS, Office

RECORDS = range(4)
record = st.sampled_from(RECORDS)
some = st.lists(record, min_size=1, max_size=3, unique=True).map(tuple)
steps = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 364, 365, 366, 800, 1900])),
    st.tuples(st.just("say"), record),
    st.tuples(st.just("show"), record),
    st.tuples(st.just("merge"), record, record),
    st.tuples(st.just("part"), record),
    st.tuples(st.just("schedule"), st.integers(0, 3)),
    st.tuples(st.just("hold"), st.just(()) | some, st.none() | st.integers(0, 900)),
    st.tuples(st.just("release"), st.integers(0, 3)),
    st.tuples(st.just("case"), some),
    st.tuples(st.just("close"), st.integers(0, 3)),
    st.tuples(st.just("propose"), some),
    st.tuples(st.just("approve"), st.integers(0, 3), st.sampled_from([BEN, BEN, BEN, ANA])),
)
approved = st.tuples(st.just("approve"), st.just(0), st.just(BEN))
due_soon = st.builds(
    lambda records, between, then, more: [
        ("schedule", 1),
        ("case", (0, 1)),
        ("close", 0),
        ("wait", 366),
        ("propose", records),
        *between,
        then,
        *more,
        then,
    ],
    some,
    st.lists(steps, max_size=2),
    approved,
    st.lists(steps, max_size=8),
)
"""By chance alone few histories come to where something can be approved."""


class Told:
    """What the deciders are handed: events, and what a store would find."""

    def __init__(self) -> None:
        self.office = Office()
        self.schedules: list[Event] = []
        self.holds: list[list[Event]] = []
        self.disposals: list[list[Event]] = []
        self.proposed: list[tuple[tuple[int, ...], list[object]]] = []
        self.destroyed: list[KeyDestroyed] = []

    def found(self, number: int) -> Found:
        office, drawer = self.office, self.office.drawers[number]
        keys = [] if drawer.gone else [key_of(number, name) for name in KEYS]
        days = {Since.LAST_ACTIVITY: drawer.said[-1], Since.ELIGIBILITY_END: BEGUN.replace(year=2020)}
        if drawer.shown:
            days[Since.LAST_DISCLOSURE] = drawer.shown[-1]
        subject = Subject(
            id=str(number),
            state=drawer.state,
            student=frozenset(map(str, office.student(number))),
            present=frozenset(key.key_class for key in keys),
            days=days,
            today=office.today,
        )
        closed = [
            ClosedCase(id=f"case {n}", key=key_of(n, "case"), events=2, first=str(records[0]))
            for n, (records, is_open) in enumerate(office.cases)
            if not is_open
        ]
        counts = {f"{number} education": len(drawer.said), f"{number} disclosure": len(drawer.shown)}
        version = len(drawer.said)
        return Found(subject=subject, keys=keys, events=counts, version=version, student_id="1", cases=closed)

    def present(self, number: int) -> Present:
        what = self.found(number)
        known = schedules.fold(self.schedules)
        opened = [
            Open(id=f"case {n}", kind="case", records=frozenset(map(str, records)), by=BEN)
            for n, (records, is_open) in enumerate(self.office.cases)
            if is_open
        ]
        placed = [hold for events in self.holds if (hold := holds.fold(events)) is not None]
        return Present(
            subject=what.subject,
            scope=scope_of("education", what),
            due=due.reckon("education", what.subject, known),
            held=holding(what.subject, placed, opened),
        )


def key_of(number: int, key_class: str) -> Key:
    return Key(id=f"{number} {key_class}", subject=str(number), key_class=key_class)


def take(told: Told, step: tuple[Any, ...]) -> None:
    office = told.office
    match step:
        case "wait", days:
            office.today += timedelta(days=days)
        case "say", number if not office.drawers[number].gone:
            office.drawers[number].said.append(office.today)
        case "show", number if not office.drawers[number].gone:
            office.drawers[number].shown.append(office.today)
        case "merge", one, other:
            label, gone = office.partition[one], office.partition[other]
            office.partition = [label if each == gone else each for each in office.partition]
        case "part", number:
            office.partition[number] = max(office.partition) + 1
        case "schedule", years:
            command = [After(since=Since.LAST_ACTIVITY, years=years)] if years else []
            moves = [After(since=Since.ELIGIBILITY_END, years=3)]
            known = schedules.fold(told.schedules)
            said = [
                *schedules.decide(SetSchedule(record_class="education", after=command, authority="A", by=ANA), known),
                *schedules.decide(SetSchedule(record_class="eligibility", after=moves, authority="A", by=ANA), known),
            ]
            told.schedules += said
            office.settings += any(one.record_class == "education" for one in said)  # type: ignore[attr-defined]
            office.years = years
        case "hold", records, days:
            until = None if days is None else office.today + timedelta(days=days)
            over = OverRecords(records=[Anchor(str(n), "1", 1) for n in records]) if records else OverAll()
            place = PlaceHold(
                hold=str(len(told.holds)), kind="legal", over=over, by=ANA, reason="r", today=office.today, until=until
            )
            told.holds.append(holds.decide(place, None))
            office.holds.append((frozenset(records), until, False))
        case "release", which if which < len(told.holds):
            told.holds[which] += holds.decide(ReleaseHold(by=BEN, reason="r"), holds.fold(told.holds[which]))
            office.holds[which] = (*office.holds[which][:2], True)
        case "case", records if not any(office.drawers[n].gone for n in records):
            office.cases.append((records, True))
        case "close", which if which < len(office.cases):
            office.cases[which] = (office.cases[which][0], False)
        case "propose", records:
            propose(told, records)
        case "approve", which, by if which < len(told.disposals):
            approve(told, which, by)


def propose(told: Told, records: tuple[int, ...]) -> None:
    office = told.office
    name = str(len(told.disposals))
    command = ProposeDisposal(disposal=name, by=ANA, found=[told.present(n) for n in records])
    may = all(office.due(n) and not office.held(n) for n in records)
    try:
        events = disposal.decide(command, None)
    except (UnderHold, NotDue):
        assert not may
        return
    assert may
    event("proposed")
    told.disposals.append(events)
    told.proposed.append((records, [office.seen(n) for n in records]))


def approve(told: Told, which: int, by: str) -> None:
    office, (records, seen) = told.office, told.proposed[which]
    before = disposal.fold(told.disposals[which])
    assert before is not None
    left = [(n, had) for n, had in zip(records, seen, strict=True) if not office.drawers[n].gone]
    may = by != ANA and all(office.due(n) and not office.held(n) and office.seen(n) == had for n, had in left)
    try:
        events = disposal.decide(ApproveDisposal(by=by, found=[told.present(n) for n in records]), before)
    except (Refused, ScopeChanged, Forbidden) as error:
        assert not may
        event(f"stopped: {error.code}")
        return
    if before.status == "done":
        assert events == []
        return
    assert may
    event(f"destroyed {len(left)} of {len(records)}")
    went = [one for one in events if isinstance(one, KeyDestroyed)]
    for one, (number, _) in zip(went, left, strict=True):
        led = {f"{n} case" for n, (about, _) in enumerate(office.cases) if about[0] == number}
        assert set(one.key_ids) == {f"{number} {name}" for name in KEYS} | led
        office.drawers[number].gone = True
    told.destroyed += went
    told.disposals[which] += [one for one in events if not isinstance(one, KeyDestroyed)]


@given(due_soon | st.lists(steps, max_size=30))
@settings(max_examples=300)
def test_what_goes_is_what_may_and_goes_once(history: list[tuple[Any, ...]]) -> None:
    told = Told()
    for step in history:
        take(told, step)
    went = [key for one in told.destroyed for key in one.key_ids]
    assert len(went) == len(set(went)), "a key was destroyed twice"
    gone = {str(n) for n in RECORDS if told.office.drawers[n].gone}
    assert {one.record for one in told.destroyed} == gone
