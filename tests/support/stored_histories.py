"""Random histories of a few children in a real store: what their states say, with acts of linkage in between; and the
same history told again of other children, as if an act and all that answers it had never been.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from random import Random
from typing import Any, NamedTuple

import msgspec

from ledger.events import Event, Recorded
from ledger.events.linkage import ActReversed, DeclarationWithdrawn, DeclaredNotSame, LinkageEvent
from ledger.events.record import (
    FactCorrected,
    FactRetracted,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.ids import student_id
from ledger.linkage import fold as fold_linkage
from ledger.linkage import live_acts
from ledger.record import fold
from ledger.store.append import Append, Opening, Part, Receipt
from support.linkage_tapes import Step, act
from support.stories import FIRST_STUDENT
from support.telling import ALWAYS, STATED
from support.worlds import META, World

STATES = ("OR", "CA", "TX", "WA")
_COPIED = "linkage/"


class Child(NamedTuple):
    """A record as its state opened it. record: uuid."""

    record: str
    minted: str
    state: str
    state_student_id: str


class Told(NamedTuple):
    """A history as the log has it. events: in order, every copy. children: in the order of their opening."""

    children: list[Child]
    events: list[Recorded]


class Histories:
    """Tells histories in a world, each of children of its own. Nobody else writes meanwhile."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._log = world.ledgers[0].log
        self._numbers = itertools.count(1)
        self._written: list[Future[Receipt]] = []

    def tell(self, chance: Random, steps: int) -> list[Child]:
        """A history of two to four children. What is refused leaves nothing."""
        number = next(self._numbers)
        children: list[Child] = []
        said: dict[str, list[Event]] = {}
        openings = sorted(chance.randrange(steps // 2) for _ in range(chance.randint(0, 2)))
        for step in range(steps):
            while len(children) < 2 + sum(at <= step for at in openings):
                child = self._open(_state_student_id(number, len(children)), STATES[len(children)])
                children.append(child)
                said[child.record] = [self._opening(child)]
            if chance.random() < 0.6:
                # The sequencer takes what waits in its order, and acts wait for their own commit.
                act(self._world.ledgers[0], [child.minted for child in children], next_step(chance))
            else:
                child = chance.choice(children)
                event = next_event(chance, said[child.record])
                said[child.record].append(event)
                self._write(f"record/{child.record}", child.record, event)
        return children

    def events_of(self, histories: Iterable[Sequence[Child]]) -> list[Told]:
        """What the log holds of them, once everything is durable."""
        self.settle()
        told = [Told(list(children), []) for children in histories]
        streams = {
            stream: one
            for one in told
            for child in one.children
            for stream in (f"record/{child.record}", f"{_COPIED}{child.minted}")
        }
        for recorded in self._world.events():
            if (one := streams.get(recorded.stream)) is not None:
                one.events.append(recorded)
        return told

    def tell_without(self, told: Told, act: str) -> list[Child]:
        """Tell a history of other children, without an act and all that answers it."""
        number = next(self._numbers)
        others = [
            Child(
                str(uuid.UUID(int=number << 64 | 8 << 76 | n)),
                _minted(number, n),
                child.state,
                _state_student_id(number, n),
            )
            for n, child in enumerate(told.children)
        ]
        names = {mine.record: other.record for mine, other in zip(told.children, others, strict=True)}
        names |= {mine.minted: other.minted for mine, other in zip(told.children, others, strict=True)}
        names |= {mine.state_student_id: o.state_student_id for mine, o in zip(told.children, others, strict=True)}
        opened: dict[str, int] = {}
        at = self.settle()
        for recorded in _without(told.events, act):
            kind, _, name = recorded.stream.partition("/")
            at += 1
            if isinstance(recorded.event, RecordOpened):
                opened[names[name]] = at
            self._write(f"{kind}/{names[name]}", names[name], _renamed(recorded.event, names, opened))
        assert self.settle() == at, "nobody else writes meanwhile"
        return others

    def settle(self) -> int:
        """Wait until everything is durable; the log's head."""
        for written in self._written:
            written.result()
        self._written.clear()
        return self._world.head()

    # -- inside

    def _open(self, ssid: str, state: str) -> Child:
        record, minted = self._world.ledgers[0].ids.next_text(), self._world.ledgers[0].new_student_id()
        child = Child(record, minted, state, ssid)
        guard = Opening(state, ssid, uuid.UUID(record).bytes, minted)
        self._write(f"record/{record}", record, self._opening(child), guard)
        return child

    @staticmethod
    def _opening(child: Child) -> RecordOpened:
        return RecordOpened(
            state=child.state, state_student_id=child.state_student_id, student_id=child.minted, elements={}
        )

    def _write(self, stream: str, subject: str, event: Event, *opened: Opening) -> None:
        owner = "ledger" if stream.startswith(_COPIED) else subject
        part = Part(stream=stream, subject=owner, expected=None, events=[event])
        sealed = self._log.seal(Append(parts=[part], meta=META, opened=opened))
        written = self._log.sequencer.submit(sealed)
        if sealed.new_keys:
            # What is sealed next takes these keys, and makes no others.
            written.result()
            self._world.ledgers[0].vault.remember(sealed.new_keys)
        self._written.append(written)


def reversed_acts(told: Told) -> list[str]:
    """Links, merges and splits that are taken back, by whatever chain of undoing."""
    linkage = fold_linkage((r.position, r.event) for r in told.events if isinstance(r.event, LinkageEvent))
    live = live_acts(linkage)
    return [name for name, (_, one) in linkage.acts.items() if name not in live and not isinstance(one, ActReversed)]


def next_event(chance: Random, said: Sequence[Event]) -> Event:
    """Something that may follow in a record; what it says is drawn from so few values that records agree often."""
    state = fold(said)
    assert state is not None
    if state.status == "retracted":
        return RecordReinstated()
    live = [fact for fact in state.facts.values() if fact.status == "live"]
    rows = [fact for fact in live if fact.enrollment is None]
    enrollments = [fact.id for fact in live if fact.kind == "enrollment"]
    dormant = [fact for fact in state.facts.values() if fact.status == "dormant" and fact.enrollment is None]
    kind = chance.choice(["state"] * 6 + ["part"] * 2 + ["correct"] * 3 + ["retract", "again", "again", "retract all"])
    if kind == "part" and enrollments:
        one = chance.choice(enrollments)
        if any(fact.kind == "withdrawal" and fact.enrollment == one for fact in live):
            lives = {"district_of_residence": chance.choice(["4113770", "4101337"])}
            return ResidencyChanged(fact=state.next_fact, enrollment=one, elements=lives)
        return Withdrawn(fact=state.next_fact, enrollment=one, elements={"withdrawal_date": "2025-06-13"})
    if kind == "correct" and rows:
        fact = chance.choice(rows)
        after = _elements(chance, fact.letter)
        changes = {
            key: (fact.elements.get(key), after.get(key))
            for key in STATED[fact.letter][1]
            if fact.elements.get(key) != after.get(key)
        }
        if changes:
            return FactCorrected(fact=fact.id, letter=fact.letter, elements=changes)
    if kind == "retract" and live:
        fact = chance.choice(live)
        return FactRetracted(fact=fact.id, letter=fact.letter)
    if kind == "again" and dormant:
        fact = chance.choice(dormant)
        return STATED[fact.letter][0](fact=fact.id, elements=_elements(chance, fact.letter))
    if kind == "retract all":
        return RecordRetracted()
    letter = chance.choice(list(STATED))
    return STATED[letter][0](fact=state.next_fact, elements=_elements(chance, letter))


def _elements(chance: Random, letter: str) -> dict[str, str]:
    values = STATED[letter][1]
    always = ALWAYS.get(letter, (next(iter(values)),))
    return {key: chance.choice(choice) for key, choice in values.items() if key in always or chance.random() < 0.5}


def next_step(chance: Random) -> Step:
    """Kinds as in ``support.linkage_tapes``: what joins, and what takes back, more often than the rest."""
    return chance.choice([0, 1, 2, 2, 3, 3, 4, 5, 5, 5, 5, 8, 9]), chance.randint(0, 11), chance.randint(0, 11)


def _record(number: int, n: int) -> str:
    return str(uuid.UUID(int=number << 64 | 8 << 76 | n))


def _minted(number: int, n: int) -> str:
    return student_id(FIRST_STUDENT + 10 * number + n)


def _state_student_id(number: int, n: int) -> str:
    return f"S{number:06}X{n}"


def _without(events: Iterable[Recorded], act: str) -> list[Recorded]:
    gone, declared = {act}, set[str]()
    kept: list[Recorded] = []
    for recorded in events:
        event = recorded.event
        match event:
            case ActReversed() if event.reverses in gone:
                gone.add(event.act)
            case DeclaredNotSame() if event.by in gone:
                declared.add(event.declaration)
        name = getattr(event, "act", None)
        if name in gone or (
            isinstance(event, DeclaredNotSame | DeclarationWithdrawn) and event.declaration in declared
        ):
            continue
        kept.append(recorded)
    return kept


def _renamed(event: Event, names: dict[str, str], opened: dict[str, int]) -> Event:
    """The same of other children. Sealed words are left out; a record's opening is where it is in the other history."""
    if isinstance(event, LinkageEvent):
        event = msgspec.structs.replace(event, reason=None)

    def of(value: Any) -> Any:
        if isinstance(value, str):
            # An act has the id of a student in its name.
            head = value[:12]
            return names.get(value) or (names[head] + value[12:] if head in names and value[12:13] == "-" else value)
        if isinstance(value, list | tuple):
            return [of(held) for held in value]
        if isinstance(value, dict):
            other = {key: of(held) for key, held in value.items()}
            return {**other, "opened": opened[other["record"]]} if "opened" in other else other
        return value

    return msgspec.convert(of(msgspec.to_builtins(event)), type(event))
