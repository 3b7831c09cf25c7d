"""What differs in a student between two points, field by field, and the events behind each difference.

The one invariant: what does not differ is not told, and nothing is told without an event that lies between the two
points and speaks of it: of the fact, of its record, or of who is who. Pure.

An entry of a list is the same one at both points where it has a source in common: a fact of a record keeps its id for
ever. What stood before a correction (``superseded``) and who said what when (``provenance``) are history, not fields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ledger.events import Recorded
from ledger.events.linkage import ActReversed, LinkageEvent, RecordLinked, RecordsSplit, StudentsMerged
from ledger.events.record import (
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import APART, RESIDENCY, WITHDRAWAL_DATE
from projections.students import StudentRow

SECTIONS: Final = ("core", "contacts", "health")
"""Sections of a student whose fields are compared."""

Entry = Mapping[str, Any]
Named = tuple[str, int]
"""A fact: its record's uuid, and its id."""


class Difference(NamedTuple):
    """section: that shows it; ``student`` for who she is. field: key in the section. record, fact: of the first source,
    of an entry of a list. element: that differs; None where the whole field, or entry, does. before, after: values;
    None where there was none. because: positions of the events behind it, in order."""

    section: str
    field: str
    record: str | None
    fact: int | None
    element: str | None
    before: Any
    after: Any
    because: list[int]


def differences(
    before: StudentRow | None, after: StudentRow | None, between: Sequence[Recorded], sections: Sequence[str] = SECTIONS
) -> list[Difference]:
    """before, after: the student at the two points, in the order asked for; None where there was none. between: what
    was said between them of the records and the linkage of either, each thing once, in order."""
    one, other = (_opened(row) for row in (before, after))
    rows = max(len(side["core"].get("demographics", ())) for side in (one, other))
    causes = _Causes(between, *(set(row.records if row else ()) for row in (before, after)), rows=rows)
    found = [
        Difference("student", name, None, None, None, was, now, causes.of_student())
        for name in ("student_id", "status")
        if (was := one["core"].get(name)) != (now := other["core"].get(name))
    ]
    for section in sections:
        for field in {**one[section], **other[section]}:
            if field not in _NOT_FIELDS:
                found += _field(section, field, one[section].get(field), other[section].get(field), causes)
    return found


# -- inside

_NOT_FIELDS: Final = frozenset({"student_id", "status", "superseded"})
_NOTHING: Final[frozenset[str]] = frozenset()
_NOT_ELEMENTS: Final = frozenset({"sources", "withdrawals", "residencies", "student_id"})
_REST_ON: Final[Mapping[str, Mapping[str, frozenset[str] | None]]] = {
    "eligibility": {"Q": None, "D": frozenset({"birth_date"}), "E": frozenset({"graduation_hse_date"})},
    "credits": {"C": None},
}
"""What is reckoned, to the facts on which it rests: letter, and elements; None: any."""


def _opened(row: StudentRow | None) -> dict[str, dict[str, Any]]:
    if row is None:
        return {section: {} for section in SECTIONS}
    return {section: msgspec.json.decode(row.sections[section]) for section in SECTIONS}


def _field(section: str, field: str, was: Any, now: Any, causes: _Causes) -> Iterator[Difference]:
    if was == now:
        return
    if isinstance(was, list) or isinstance(now, list):
        yield from _entries(section, field, was or [], now or [], causes)
        return
    rests = _REST_ON.get(field)
    if rests is None:
        yield Difference(section, field, None, None, None, was, now, causes.of_letters({"D": frozenset({field})}))
        return
    because = causes.of_letters(rests)
    for element, one, other in _parts(was or {}, now or {}):
        yield Difference(section, field, None, None, element, one, other, because)


def _parts(was: Entry, now: Entry) -> Iterator[tuple[str, Any, Any]]:
    """Members that differ; of credits each subject's own."""
    for name in {**was, **now}:
        one, other = was.get(name), now.get(name)
        if name == "subjects":
            subjects = [{entry["subject"] or "": entry for entry in side or ()} for side in (one, other)]
            for subject in {**subjects[0], **subjects[1]}:
                for part, left, right in _parts(*(side.get(subject, {}) for side in subjects)):
                    if part != "subject":
                        yield f"{subject}: {part}", left, right
        elif one != other:
            yield name, one, other


def _entries(
    section: str, field: str, was: Sequence[Entry], now: Sequence[Entry], causes: _Causes
) -> Iterator[Difference]:
    if field == "records":
        yield from _records(was, now, causes)
        return
    for one, other in _paired(was, now):
        facts = {*_facts(one), *_facts(other)}
        with_parts = facts.union(*(_facts(part) for side in (one, other) for part in _parts_of(side)))
        record, fact = _facts(other or one)[0]

        def differs(
            element: str | None,
            before: Any,
            after: Any,
            because: list[int],
            record: str = record,
            fact: int = fact,
        ) -> Difference:
            return Difference(section, field, record, fact, element, before, after, because)

        if one is None or other is None:
            # Facts that were one entry with others at the other point: a word about those can set them apart.
            shared = {
                named for entry in (was if one is None else now) if facts & {*_facts(entry)} for named in _facts(entry)
            }
            yield differs(None, _said(one), _said(other), causes.of_facts(with_parts | shared))
            continue
        told = False
        for element in {**one, **other}:
            before, after = one.get(element), other.get(element)
            if element in _NOT_ELEMENTS or before == after:
                continue
            told = True
            if element == "eligibility":
                because = causes.of_letters(_REST_ON["eligibility"])
                for part, left, right in _parts(before or {}, after or {}):
                    yield differs(f"eligibility.{part}", left, right, because)
            else:
                spoken = with_parts if element in APART else facts
                yield differs(element, before, after, causes.of_facts(spoken, element))
        states = _states(one), _states(other)
        if states[0] != states[1]:
            yield differs("said_by", *states, causes.of_facts(facts))
        elif not told:
            for parts in ("withdrawals", "residencies"):
                before, after = _parts_said(one, parts), _parts_said(other, parts)
                if before != after:
                    yield differs(parts, before, after, causes.of_facts(with_parts))


def _records(was: Sequence[Entry], now: Sequence[Entry], causes: _Causes) -> Iterator[Difference]:
    before, after = ({entry["record"]: entry for entry in side} for side in (was, now))
    for record in {**before, **after}:
        one, other = before.get(record, {}), after.get(record, {})
        if not one or not other:
            name = f"{(one or other)['state']} {(one or other)['state_student_id']}"
            because = causes.of_record(record)
            yield Difference(
                "core", "records", record, None, None, name if one else None, name if other else None, because
            )
            continue
        for element in {**one, **other}:
            if element not in _NOT_ELEMENTS and one.get(element) != other.get(element):
                because = causes.of_record(record, element)
                yield Difference("core", "records", record, 0, element, one.get(element), other.get(element), because)


def _paired(was: Sequence[Entry], now: Sequence[Entry]) -> Iterator[tuple[Any, Any]]:
    """Entries that are the same one, those that came, and those that went, in the order of what is there now."""
    by_fact = {fact: number for number, entry in enumerate(was) for fact in _facts(entry)}
    left = set(range(len(was)))
    for entry in now:
        number = next((by_fact[fact] for fact in _facts(entry) if by_fact.get(fact) in left), None)
        if number is not None:
            left.discard(number)
        yield None if number is None else was[number], entry
    for number in sorted(left):
        yield was[number], None


def _facts(entry: Entry | None) -> list[Named]:
    return [] if entry is None else [(source["record"], source["fact"]) for source in entry["sources"]]


def _parts_of(entry: Entry | None) -> list[Entry]:
    return [] if entry is None else [*entry.get("withdrawals", ()), *entry.get("residencies", ())]


def _states(entry: Entry) -> list[str]:
    return sorted({source["state"] for source in entry["sources"]})


def _said(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else {name: said for name, said in entry.items() if name not in _NOT_ELEMENTS}


def _parts_said(entry: Entry, name: str) -> list[dict[str, Any]]:
    return [_said(part) or {} for part in entry.get(name, ())]


class _Causes:
    """The events between two points, by what they speak of. before, after: records of the two sides. rows: of
    demographics, at either.

    Where several records speak of one thing, the one that spoke last is believed: a word of it about something else can
    bring its value to light. So an element is looked for among all that was said of the thing then. The same holds of
    who a child is, where one record has told it in several rows.
    """

    def __init__(self, between: Iterable[Recorded], before: Collection[str], after: Collection[str], rows: int) -> None:
        self._moved = set(before) ^ set(after)
        several = len({*before, *after}) > 1
        self._vying = {"D": several or rows > 1, "E": several}
        self._facts: dict[Named, list[tuple[Recorded, str, frozenset[str] | None]]] = {}
        self._records: dict[str, list[Recorded]] = {}
        self._acts: list[Recorded] = []
        self._of_act: dict[str, LinkageEvent] = {}
        for recorded in between:
            self._take(recorded)

    def of_facts(self, facts: Collection[Named], element: str | None = None) -> list[int]:
        """Events that speak of facts; of one element of them, where it is named."""
        if len({record for record, _ in facts}) > 1:
            element = None
        found: set[int] = set()
        for named in facts:
            found |= {one.position for one, _, said in self._facts.get(named, ()) if _speaks(said, element)}
            found |= self._of_whole(named[0])
        return sorted(found)

    def of_letters(self, rests: Mapping[str, frozenset[str] | None]) -> list[int]:
        """Events that speak of any fact of some tables, or came with its record."""
        found: set[int] = set()
        for (record, _), spoken in self._facts.items():
            for one, letter, said in spoken:
                wanted = rests.get(letter, _NOTHING)
                if wanted is None or (wanted and self._vying[letter]) or any(_speaks(said, name) for name in wanted):
                    found.add(one.position)
            found |= self._of_whole(record)
        for record in {*self._records, *self._moved}:
            found |= self._of_whole(record)
        return sorted(found)

    def of_record(self, record: str, element: str | None = None) -> list[int]:
        """Events that speak of a record as such, or of an element of its own row."""
        if element is not None and element not in {"status", "minted"}:
            return self.of_facts([(record, 0)], element)
        opened = {one.position for one in self._records.get(record, ())}
        return sorted(opened | self._of_whole(record))

    def of_student(self) -> list[int]:
        """Acts that may change which id is shown, and what opens, takes back or reinstates a record."""
        found = {one.position for one in self._acts}
        return sorted(found.union(*({one.position for one in records} for records in self._records.values())))

    def _of_whole(self, record: str) -> set[int]:
        """What makes all that a record says come or go."""
        found = {
            one.position
            for one in self._records.get(record, ())
            if isinstance(one.event, RecordRetracted | RecordReinstated)
        }
        if record in self._moved:
            found |= {one.position for one in self._acts if record in self._named(one.event)}
        return found

    def _named(self, event: Any) -> Collection[str]:
        """Records of the sides that an act, or the act that it answers in the end, joined or parted."""
        while isinstance(event, ActReversed) and event.reverses in self._of_act:
            event = self._of_act[event.reverses]
        match event:
            case RecordLinked() | StudentsMerged():
                return {*event.left, *event.right}
            case RecordsSplit():
                return {record for part in event.parts for record in part.records}
            case _:
                return self._moved

    def _take(self, recorded: Recorded) -> None:
        event = recorded.event
        record = recorded.stream.partition("/")[2]
        match event:
            case RecordLinked() | StudentsMerged() | RecordsSplit() | ActReversed():
                self._acts.append(recorded)
                self._of_act[event.act] = event
            case RecordOpened() | RecordRetracted() | RecordReinstated():
                self._records.setdefault(record, []).append(recorded)
            case Withdrawn() | ResidencyChanged():
                said = frozenset((WITHDRAWAL_DATE,) if isinstance(event, Withdrawn) else RESIDENCY)
                for fact in (event.fact, event.enrollment):
                    self._speak(record, fact, recorded, event.letter, said)
            case FactStated():
                self._speak(record, event.fact, recorded, event.letter, None)
            case FactCorrected():
                self._speak(record, event.fact, recorded, event.letter, frozenset(event.elements))
            case FactRetracted():
                self._speak(record, event.fact, recorded, event.letter, None)
            case _:
                pass

    def _speak(self, record: str, fact: int, recorded: Recorded, letter: str, said: frozenset[str] | None) -> None:
        self._facts.setdefault((record, fact), []).append((recorded, letter, said))


def _speaks(said: frozenset[str] | None, element: str | None) -> bool:
    """said: elements of an event; None: all of its fact."""
    return said is None or element is None or element in said
