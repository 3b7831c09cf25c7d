"""The laws in any history: states send, correct, take back and send again, through two services, and nobody loses.

Laws 1, 2, 3, 5 and 8, each looked after at every step. What the records must say is told by ``support.reference``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ledger.application import Done, RequestKey
from ledger.errors import IdempotencyKeyReused, LedgerError
from ledger.events import Recorded
from ledger.events.record import FactStated, RecordOpened
from ledger.record import (
    ChangeResidency,
    Command,
    CorrectFact,
    EnrollmentKey,
    Outcome,
    PlaceFact,
    PlaceStudent,
    RetractFact,
    RetractRecord,
    Withdraw,
)
from support import sending
from support.commands import correct, place
from support.reference import Answer, Record, Refusal
from support.rows import enrollment, move, student
from support.sections import assert_shows
from support.worlds import META, STABLE_STATE, World, positions

CHILDREN = st.sampled_from([0, 0, 2, 2, 1])
"""Which child: mostly the two whose records are opened at once, of a state whose Record IDs mean nothing and of one
where they do."""
SERVICES = st.integers(0, 1)
PICKS = st.integers(0, 11)


class Child(NamedTuple):
    state: str
    ssid: str


class Sent(NamedTuple):
    """A command that was answered. answered: what came back, or the code of the refusal."""

    child: Child
    command: Command
    request: RequestKey | None
    answered: Done | LedgerError


class AnyHistory(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.name = world.next_example()
        self.children = [Child("OR", f"{self.name}A"), Child("OR", f"{self.name}B"), Child("CA", f"{self.name}A")]
        self.records = {child: Record(stable=child.state == STABLE_STATE) for child in self.children}
        self.uuids: dict[Child, str] = {}
        self.sent: list[Sent] = []
        self.lines = 1
        self.start = world.head()
        self.last_recorded_at = world.events(self.start - 1)[0].recorded_at
        latest = max(clock.latest for clock in world.clocks)
        for clock in world.clocks:  # as every example begins, so that a failing one can be told again
            clock.now = latest
        self.sound = True
        self.log: list[Recorded] = []
        self.versions: dict[str, int] = {}

    # -- what states do

    @initialize(data=st.data())
    def open_two_records(self, data: st.DataObject) -> None:
        for child in (0, 2):
            self.send_a_student(child, 0, keyed=True, own=False, data=data)

    @rule(child=CHILDREN, service=SERVICES, keyed=st.booleans(), own=st.booleans(), data=st.data())
    def send_a_student(self, child: int, service: int, keyed: bool, own: bool, data: st.DataObject) -> None:
        """own: with the student id that the ledger gave it."""
        state, ssid = self.children[child]
        student = data.draw(sending.student_rows(state, ssid))
        if own and (minted := self.records[self.children[child]].student_id):
            elements = {**student.elements, "msix_identification_number": minted}
            student = msgspec.structs.replace(student, elements=elements)
        rows = [msgspec.structs.replace(row, number=self.next_line()) for row in student.rows]
        student = msgspec.structs.replace(student, rows=rows, number=self.next_line())
        command = PlaceStudent(state=state, state_student_id=ssid, student=student, new_student_id="")
        self.send(child, command, service, keyed)

    @rule(child=CHILDREN, service=SERVICES, keyed=st.booleans(), row=sending.rows(bare=True))
    def send_a_fact(self, child: int, service: int, keyed: bool, row: Any) -> None:
        state, ssid = self.children[child]
        row = msgspec.structs.replace(row, number=self.next_line())
        self.send(child, PlaceFact(state=state, state_student_id=ssid, row=row), service, keyed)

    @rule(
        child=CHILDREN,
        service=SERVICES,
        keyed=st.booleans(),
        pick=PICKS,
        day=st.sampled_from(sending.DAYS),
        key=st.one_of(
            st.none(),
            st.builds(
                EnrollmentKey,
                enrollment_date=st.sampled_from(["2025-01-06", "2025-02-03"]),
                enrollment_type=st.sampled_from([None, "01", "03"]),
                school=st.sampled_from([None, "Valor", "411377000999"]),
            ),
        ),
    )
    def withdraw(self, child: int, service: int, keyed: bool, pick: int, day: str, key: EnrollmentKey | None) -> None:
        state, ssid = self.children[child]
        wanted = key or self.fact_of(child, pick, "E")
        command = Withdraw(state=state, state_student_id=ssid, enrollment=wanted, withdrawal_date=day)
        self.send(child, command, service, keyed)

    @rule(
        child=CHILDREN,
        service=SERVICES,
        keyed=st.booleans(),
        pick=PICKS,
        said=sending.changes_among(sending.RESIDENCIES),
    )
    def change_residency(self, child: int, service: int, keyed: bool, pick: int, said: dict[str, str | None]) -> None:
        state, ssid = self.children[child]
        elements = {name: value for name, value in said.items() if value is not None}
        command = ChangeResidency(
            state=state, state_student_id=ssid, enrollment=self.fact_of(child, pick, "E"), elements=elements
        )
        self.send(child, command, service, keyed)

    @rule(child=CHILDREN, service=SERVICES, keyed=st.booleans(), pick=PICKS, data=st.data())
    def correct_a_fact(self, child: int, service: int, keyed: bool, pick: int, data: st.DataObject) -> None:
        state, ssid = self.children[child]
        number, changes = self.target(child, pick)
        command = CorrectFact(state=state, state_student_id=ssid, fact=number, elements=data.draw(changes))
        self.send(child, command, service, keyed)

    @rule(child=CHILDREN, service=SERVICES, keyed=st.booleans(), pick=PICKS)
    def take_a_fact_back(self, child: int, service: int, keyed: bool, pick: int) -> None:
        state, ssid = self.children[child]
        number, _ = self.target(child, pick)
        self.send(child, RetractFact(state=state, state_student_id=ssid, fact=number), service, keyed)

    @rule(child=CHILDREN, service=SERVICES, keyed=st.booleans())
    def take_a_record_back(self, child: int, service: int, keyed: bool) -> None:
        state, ssid = self.children[child]
        self.send(child, RetractRecord(state=state, state_student_id=ssid), service, keyed)

    # -- law 2: again is nothing

    @precondition(lambda self: self.sent)
    @rule(service=SERVICES)
    def send_the_last_once_more(self, service: int) -> None:
        """At once, without its key: nothing is appended, and the facts that are named are the same."""
        child, command, _, answered = self.sent[-1]
        again = self.send(self.children.index(child), command, service, keyed=False)
        if isinstance(answered, LedgerError):
            assert isinstance(again, LedgerError)
            assert again.code == answered.code
        else:
            assert isinstance(again, Done), again
            assert again.events == 0
            for one, other in zip(answered.outcomes, again.outcomes, strict=True):
                assert other.fact == one.fact or self.took_back(command, one)
            assert (again.record_id, again.student_id) == (answered.record_id, answered.student_id)

    @precondition(lambda self: any(sent.request for sent in self.sent))
    @rule(service=SERVICES, pick=PICKS)
    def send_a_request_again(self, service: int, pick: int) -> None:
        """With its key, whatever came in between: the first answer."""
        keyed = [sent for sent in self.sent if sent.request]
        _, command, request, first = keyed[pick % len(keyed)]
        head = self.world.head()
        if isinstance(first, LedgerError):
            with pytest.raises(type(first)) as raised:
                self.world.ledgers[service].execute(command, META, request)
            assert raised.value.replayed
            assert type(raised.value) is type(first)
            assert str(raised.value) == str(first)
            assert raised.value.element == first.element
            assert getattr(raised.value, "rule", None) == getattr(first, "rule", None)
        else:
            again = self.world.ledgers[service].execute(command, META, request)
            assert again.replayed
            kept = ("position", "record_id", "student_id", "facts", "status")
            assert [getattr(again, name) for name in kept] == [getattr(first, name) for name in kept]
        assert self.world.head() == head

    @precondition(lambda self: any(sent.request for sent in self.sent))
    @rule(service=SERVICES, pick=PICKS)
    def send_another_request_with_a_used_key(self, service: int, pick: int) -> None:
        keyed = [sent for sent in self.sent if sent.request]
        _, command, request, _ = keyed[pick % len(keyed)]
        assert request is not None
        other = msgspec.structs.replace(request, body_hash=b"another body")
        head = self.world.head()
        with pytest.raises(IdempotencyKeyReused):
            self.world.ledgers[service].execute(command, META, other)
        assert self.world.head() == head

    # -- law 3: a clock may go anywhere

    @rule(service=SERVICES, seconds=st.sampled_from([-86_400.0, -1.0, 0.000_001, 60.0]))
    def step_a_clock(self, service: int, seconds: float) -> None:
        self.world.clocks[service].step(seconds)

    # -- laws 5 and 8: what is read

    @rule(batch=st.integers(1, 9))
    def read_every_student(self, batch: int) -> None:
        self.world.project(batch)
        for child, record in self.records.items():
            if record.status != "absent":
                assert_shows(self.world.student(record.student_id), record, *child, self.uuids[child])

    def teardown(self) -> None:
        if not self.sound:
            return  # a step has failed and is told already
        # Law 1: nothing that was ever there has gone or moved.
        assert self.world.events(self.start) == self.log
        self.read_every_student(3)

    # -- helpers

    def send(self, child: int, command: Command, service: int, keyed: bool) -> Done | LedgerError:
        """Send a command, and hold the answer and the log against the reference."""
        self.sound = False
        name, record = self.children[child], self.records[self.children[child]]
        request = None
        if keyed:
            request = RequestKey(scope="oregon", key=f"{self.name}/{len(self.sent)}", body_hash=b"a body")
        expected: list[Answer] | str
        try:
            expected = record.take(command)
        except Refusal as refusal:
            expected = refusal.code
        answered: Done | LedgerError
        try:
            answered = self.world.ledgers[service].execute(command, META, request)
        except LedgerError as error:
            answered = error
        events = self.appended(service)
        if isinstance(answered, LedgerError):
            assert answered.code == expected, answered
            assert events == []
        else:
            assert not isinstance(expected, str), f"should have been refused: {expected}"
            assert len(events) == answered.events
            assert {event.stream for event in events} <= {f"record/{answered.record_id}"}
            if events:
                assert answered.position == events[-1].position
            self.learn(name, record, answered, expected, events)
            self.accepted_rows_are_events(command, answered, events)
        self.sent.append(Sent(name, command, request, answered))
        self.sound = True
        return answered

    def appended(self, service: int) -> list[Recorded]:
        """What was appended since the last look (law 3)."""
        before = self.start + len(self.log)
        events = self.world.events(before)
        assert positions(events) == list(range(before + 1, before + 1 + len(events)))
        clock = self.world.clocks[service].now
        latest = max(clock.latest for clock in self.world.clocks)
        for event in events:
            assert max(clock, self.last_recorded_at) <= event.recorded_at <= latest
            assert event.version == self.versions.get(event.stream, 0) + 1
            self.versions[event.stream] = event.version
            self.last_recorded_at = event.recorded_at
        self.log += events
        return events

    def learn(
        self, name: Child, record: Record, answered: Done, expected: list[Answer], events: list[Recorded]
    ) -> None:
        """See that the answer is the one expected, and take over the ids that the ledger chose."""
        assert [outcome.outcome for outcome in answered.outcomes] == [outcome for outcome, _ in expected]
        for event in events:
            if isinstance(event.event, RecordOpened):
                self.minted(event.event.student_id)
                assert name not in self.uuids
                self.uuids[name] = answered.record_id
        record.learn(expected, [outcome.fact for outcome in answered.outcomes], [event.event for event in events])
        assert (answered.record_id, answered.student_id) == (self.uuids.get(name, ""), record.student_id)

    def accepted_rows_are_events(self, command: Command, answered: Done, events: list[Recorded]) -> None:
        """Law 1: a row that was accepted is in the log, once; one that was not is nowhere."""
        said = {getattr(event.event, "source_row", None) for event in events}
        if isinstance(command, PlaceStudent):
            outcomes = {outcome.row: outcome.outcome for outcome in answered.outcomes}
        elif isinstance(command, PlaceFact):
            outcomes = {command.row.number: answered.outcomes[0].outcome}
        else:
            assert bool(events) == (answered.outcomes[0].outcome == "accepted")
            return
        assert said == {row for row, outcome in outcomes.items() if outcome == "accepted"}
        stated = [event.event.fact for event in events if isinstance(event.event, FactStated)]
        assert len(stated) == len(set(stated))

    def took_back(self, command: Command, outcome: Outcome) -> bool:
        """Whether the row was a Record ID alone: once it took its fact back, it names none."""
        rows = [command.row] if isinstance(command, PlaceFact) else []
        if isinstance(command, PlaceStudent):
            rows = command.student.rows
        return any(row.number == outcome.row and not row.elements for row in rows)

    def minted(self, student_id: str) -> None:
        """Law 5: a good id that nobody had before."""
        assert student_id not in self.world.minted
        self.world.minted.add(student_id)
        assert len(student_id) == 12
        product = 10  # ISO 7064 MOD 11,10
        for digit in student_id[:11]:
            product = (((product + int(digit)) % 10 or 10) * 2) % 11
        assert (product + int(student_id[11])) % 10 == 1

    def next_line(self) -> int:
        self.lines += 1
        return self.lines

    def fact_of(self, child: int, pick: int, letter: str) -> int:
        """The id of a fact, or one that is none."""
        ids = [fact.id for fact in self.records[self.children[child]].facts if fact.letter == letter]
        return [*ids, 999][pick % (len(ids) + 1)]

    def target(self, child: int, pick: int) -> tuple[int, st.SearchStrategy[dict[str, str | None]]]:
        """A fact to change, and what may be changed of it."""
        targets = [(0, sending.changes_among({"state_student_identifier_type": [None, "01", "02"]}))]
        targets.append((999, sending.changes_of("Q")))
        for fact in self.records[self.children[child]].facts:
            targets.append((fact.id, sending.changes_of(fact.letter)))
            if fact.withdrawal_id:
                targets.append((fact.withdrawal_id, sending.changes_among({"withdrawal_date": [None, *sending.DAYS]})))
            targets += [(number, sending.changes_among(sending.RESIDENCIES)) for number in fact.residency_ids]
        return targets[pick % len(targets)]


def test_the_laws_hold_in_any_history(world: World, sized: Callable[..., settings]) -> None:
    machine: Any = lambda: AnyHistory(world)  # noqa: E731 - a factory, which the types do not foresee
    run_state_machine_as_test(machine, settings=sized(80, steps=40))
    # Law 8: after all these histories, a rebuild equals the tables that followed them in batches of any size.
    live = world.digest()
    for batch in (1000, 37):
        world.rebuild(batch)
        assert world.digest() == live
    # Law 5: every id that was ever minted resolves, to the student who had it.
    for minted in world.minted:
        student = world.student(minted)
        assert student is not None
        assert student.student_id == minted


def test_a_withdrawal_that_was_corrected_away_may_be_corrected_away_again(world: World) -> None:
    """Found by law 2: the second time, the correction of a fact that was no longer there was refused."""
    ledger = world.ledgers[0]
    ledger.execute(place(student(move(), enrollment(withdrawal_date="2025-08-01"))), META)
    first = ledger.execute(correct(3, withdrawal_date=None), META)
    again = ledger.execute(correct(3, withdrawal_date=None), META)
    assert (first.events, first.facts) == (1, [3])
    assert (again.events, again.facts) == (0, [3])
