"""The consolidated record: what the events of a student's records say, with who said it, when, and instead of what.

The one invariant: the same events give the same bytes, however they were cut into batches, and nothing here asks what
day it is: dates are shown, and who reads compares them with his. Pure; used by the read model, and by whoever wants a
student as of an earlier position.

A student is shown in four sections, since not everybody may see all. A value stands in one section only, the values
that it replaced included: so what a section hides does not come out through another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from ledger import mde
from ledger.eligibility import Move, MoveEligibility, eligibility
from ledger.errors import LogBroken
from ledger.events import Recorded
from ledger.events.record import (
    EVENTS,
    Elements,
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordEvent,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import KINDS, RESIDENCY, Status

SECTIONS = ("core", "contacts", "health", "provenance")

CONTACTS = frozenset(
    {
        "male_parent_first_name",
        "male_parent_last_name",
        "female_parent_first_name",
        "female_parent_last_name",
        "parent_1_email_address",
        "parent_2_email_address",
        "parent_1_phone_number",
        "parent_2_phone_number",
    }
)
"""Elements of demographics that are shown in section contacts."""

HEALTH = frozenset({"iep_indicator", "med_alert_indicator", "immunization_record_flag"})
"""Elements of an enrollment that are shown in section health, beside the immunizations."""


# -- state


class Word(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One time that a state spoke of a fact.

    act: ``restated`` after its record was reinstated. submission: of the file, None through the API. row: of the
    file. superseded: element to the value that stood before; None where there was none.
    """

    act: Literal["stated", "corrected", "retracted", "restated"]
    position: int
    recorded_at: datetime
    submission: str | None = None
    row: int | None = None
    superseded: dict[str, str | None] = {}


class Fact(msgspec.Struct, array_like=True, gc=False):
    """One thing that a state says, as it stands, and every word that led there, first to last.

    Fact 0, letter S, is the record's own row. enrollment: of a withdrawal or a residency, the fact it belongs to.
    """

    id: int
    letter: str
    kind: str
    elements: Elements
    record_id: str | None
    enrollment: int | None
    status: Status
    words: list[Word]


class Record(msgspec.Struct, array_like=True, gc=False):
    """What one state knows about one child. position: of the last event. facts: in the order they were first stated."""

    record: str
    state: str
    state_student_id: str
    student_id: str
    status: Literal["open", "retracted"]
    opened: int
    position: int
    facts: dict[int, Fact]


class Student(msgspec.Struct, frozen=True):
    """A student, ready to be shown. position: of the last event that touched him. sections: name to JSON."""

    student_id: str
    status: Literal["open", "retracted"]
    position: int
    records: list[str]
    sections: dict[str, bytes]


# -- folding the events of a record


def fold_record(events: Iterable[Recorded], record: Record | None = None) -> Record | None:
    """The record after these events of its stream, in order. Changes and returns the record given, if any."""
    for recorded in events:
        record = tell(record, recorded)
    return record


def tell(record: Record | None, recorded: Recorded) -> Record:
    """Let a record hear one event of its stream; changes it. Raises LogBroken where the event cannot follow."""
    event = recorded.event
    assert isinstance(event, RecordEvent)
    if record is None:
        if not isinstance(event, RecordOpened):
            raise LogBroken(f"Position {recorded.position} speaks of a record that was never opened.")
        return _opened(recorded, event)
    try:
        if isinstance(event, FactStated):
            _stated(record, recorded, event)
        elif isinstance(event, FactCorrected):
            _corrected(record.facts[event.fact], recorded, event)
        elif isinstance(event, FactRetracted):
            _retracted(record, recorded, event)
        elif isinstance(event, RecordRetracted):
            record.status = "retracted"
            for fact in record.facts.values():
                if fact.status == "live" and fact.id:
                    fact.status = "dormant"
        elif isinstance(event, RecordReinstated):
            record.status = "open"
        else:
            raise LogBroken(f"Position {recorded.position} opens a record that is open.")
    except KeyError:
        raise LogBroken(f"Position {recorded.position} speaks of a fact that was never stated.") from None
    record.position = recorded.position
    return record


def record_of(stream: str) -> str:
    """The record's uuid, from ``record/<uuid>`` or ``disclosure/<uuid>``."""
    return stream[stream.index("/") + 1 :]


def _word(
    act: Literal["stated", "corrected", "retracted", "restated"],
    recorded: Recorded,
    row: int | None,
    superseded: dict[str, str | None] | None = None,
) -> Word:
    return Word(act, recorded.position, recorded.recorded_at, recorded.meta.submission, row, superseded or {})


def _opened(recorded: Recorded, event: RecordOpened) -> Record:
    word = _word("stated", recorded, event.source_row)
    return Record(
        record=record_of(recorded.stream),
        state=event.state,
        state_student_id=event.state_student_id,
        student_id=event.student_id,
        status="open",
        opened=recorded.position,
        position=recorded.position,
        facts={0: Fact(0, "S", "record", event.elements, None, None, "live", [word])},
    )


def _stated(record: Record, recorded: Recorded, event: FactStated) -> None:
    fact = record.facts.get(event.fact)
    enrollment = event.enrollment if isinstance(event, Withdrawn | ResidencyChanged) else None
    if fact is None:
        record.facts[event.fact] = Fact(
            event.fact,
            event.letter,
            _KINDS[type(event)],
            event.elements,
            event.record_id,
            enrollment,
            "live",
            [_word("stated", recorded, event.source_row)],
        )
        return
    before, after = fact.elements, event.elements
    superseded = {key: before.get(key) for key in (*before, *after) if before.get(key) != after.get(key)}
    fact.words.append(_word("restated", recorded, event.source_row, superseded))
    fact.elements, fact.record_id, fact.enrollment, fact.status = after, event.record_id, enrollment, "live"


def _corrected(fact: Fact, recorded: Recorded, event: FactCorrected) -> None:
    elements = dict(fact.elements)
    superseded: dict[str, str | None] = {}
    for key, (before, after) in event.elements.items():
        superseded[key] = before
        if after is None:
            elements.pop(key, None)
        else:
            elements[key] = after
    fact.elements = elements
    if event.record_id is not None:
        fact.record_id = event.record_id
    fact.words.append(_word("corrected", recorded, event.source_row, superseded))


def _retracted(record: Record, recorded: Recorded, event: FactRetracted) -> None:
    """An enrollment takes what names it along."""
    word = _word("retracted", recorded, event.source_row)
    record.facts[event.fact]
    for fact in record.facts.values():
        if fact.id == event.fact or (fact.enrollment == event.fact and fact.status != "retracted"):
            fact.status = "retracted"
            fact.words.append(word)


_KINDS: dict[type[FactStated], str] = {
    event: KINDS[event.letter] for event in EVENTS if issubclass(event, FactStated)
} | {Withdrawn: "withdrawal", ResidencyChanged: "residency"}


# -- showing a student

_encode = msgspec.json.Encoder().encode
_Entry = dict[str, Any]

_ORDER: dict[str, tuple[str, ...]] = {
    "Q": ("qualifying_arrival_date",),
    "E": ("enrollment_date",),
    "C": ("begin_academic_year", "course_title"),
    "A": ("assessment_administration_date",),
    "I": ("administration_date",),
}
"""Elements by which a list is ordered, oldest first; on a tie, and where a value is missing, as it was stated."""


def consolidate(student_id: str, records: Sequence[Record]) -> Student:
    """A student of these records (one at least), earliest opened first. student_id: the id that is shown."""
    records = sorted(records, key=lambda record: record.opened)
    shown = [record for record in records if record.status == "open"]
    view = _View()
    for record in shown:
        view.take(record)
    status: Literal["open", "retracted"] = "open" if shown else "retracted"
    return Student(
        student_id=student_id,
        status=status,
        position=max(record.position for record in records),
        records=[record.record for record in records],
        sections={
            "core": _encode(
                {
                    "student_id": student_id,
                    "status": status,
                    "records": [_record_entry(record) for record in records],
                    **view.core(),
                }
            ),
            "contacts": _encode(view.contacts()),
            "health": _encode(view.health()),
            "provenance": _encode({"facts": view.provenance}),
        },
    )


def _record_entry(record: Record) -> _Entry:
    return {
        "record": record.record,
        "state": record.state,
        "state_student_id": record.state_student_id,
        "student_id": record.student_id,
        "status": record.status,
        **(record.facts[0].elements if record.status == "open" else {}),
    }


class _View:
    """The facts of the open records, sorted into lists."""

    def __init__(self) -> None:
        self.lists: dict[str, list[_Entry]] = {letter: [] for letter in KINDS}
        self.parents: list[_Entry] = []
        self.indicators: list[_Entry] = []
        self.replaced: dict[str, list[_Entry]] = {"contacts": [], "health": []}
        self.provenance: list[_Entry] = []
        self._latest_name: tuple[int, _Entry] = (0, {})
        self._latest_parents: tuple[int, _Entry] = (0, {})

    def take(self, record: Record) -> None:
        by_id: dict[int, _Entry] = {}
        parts: list[tuple[Fact, _Entry]] = []
        for fact in record.facts.values():
            self.provenance.append(self._provenance_of(record, fact))
            if fact.status != "live" or fact.letter == "S":
                continue
            last = fact.words[-1]
            source = {"record": record.record, "state": record.state, "fact": fact.id, "recorded_at": last.recorded_at}
            if fact.enrollment is not None:
                parts.append((fact, source))
            elif fact.letter == "D":
                self._take_demographics(fact, source, last.position)
            else:
                elements = fact.elements
                if fact.letter == "E":
                    flags = {key: value for key, value in elements.items() if key in HEALTH}
                    if flags:
                        day = elements.get("enrollment_date")
                        self.indicators.append({"enrollment_date": day, **flags, "sources": [source]})
                        elements = {key: value for key, value in elements.items() if key not in flags}
                entry = {**elements, "sources": [source]}
                by_id[fact.id] = entry
                self.lists[fact.letter].append(entry)
        # In order of id, so that the last residency is the current one (ledger.facts).
        for fact, source in sorted(parts, key=lambda part: part[0].id):
            enrollment = by_id.get(fact.enrollment or 0)
            if enrollment is not None:
                if fact.kind == "residency":
                    # The current one counts whole: what it leaves blank is not filled from the one before.
                    for element in RESIDENCY:
                        enrollment.pop(element, None)
                enrollment.update(fact.elements)
                name = "withdrawals" if fact.kind == "withdrawal" else "residencies"
                enrollment.setdefault(name, []).append({**fact.elements, "sources": [source]})

    def core(self) -> _Entry:
        name = self._latest_name[1]
        moves = self.lists["Q"]
        graduations = [e["graduation_hse_date"] for e in self.lists["E"] if "graduation_hse_date" in e]
        found = eligibility(
            [
                Move(
                    date.fromisoformat(entry["qualifying_arrival_date"]),
                    _day(entry.get("eligibility_expiration_date")),
                    str(number),
                )
                for number, entry in enumerate(moves)
            ],
            _day(name.get("birth_date")),
            _day(min(graduations, default=None)),
        )
        for move in found.moves:
            moves[int(move.key)]["eligibility"] = _interval(move)
        return {
            **name,
            "eligibility": _interval(found.best) if found.best else None,
            **{mde.TABLES[letter].key: _ordered(self.lists[letter], letter) for letter in "DKQECA"},
        }

    def contacts(self) -> _Entry:
        return {**self._latest_parents[1], "parents": self.parents, "superseded": self.replaced["contacts"]}

    def health(self) -> _Entry:
        return {
            mde.TABLES["I"].key: _ordered(self.lists["I"], "I"),
            "indicators": _ordered(self.indicators, "E"),
            "superseded": self.replaced["health"],
        }

    def _take_demographics(self, fact: Fact, source: _Entry, position: int) -> None:
        name = {key: value for key, value in fact.elements.items() if key not in CONTACTS}
        self.lists["D"].append({**name, "sources": [source]})
        # The state that spoke last knows best: a new name comes as a correction as often as with a new row.
        if position > self._latest_name[0]:
            self._latest_name = position, name
        parents = {key: value for key, value in fact.elements.items() if key in CONTACTS}
        if parents:
            self.parents.append({**parents, "sources": [source]})
            if position > self._latest_parents[0]:
                self._latest_parents = position, parents

    def _provenance_of(self, record: Record, fact: Fact) -> _Entry:
        """Of a fact that is not shown, who spoke of it and when, and no values."""
        words: list[_Entry] = []
        for word in fact.words:
            entry: _Entry = {"act": word.act, "position": word.position, "recorded_at": word.recorded_at}
            if word.submission is not None:
                entry["submission"] = word.submission
            if word.row is not None:
                entry["row"] = word.row
            if word.superseded:
                entry["elements"] = list(word.superseded)
                if fact.status == "live":
                    self._place_superseded(record, fact, word, entry)
            words.append(entry)
        shown: _Entry = {
            "record": record.record,
            "state": record.state,
            "fact": fact.id,
            "letter": fact.letter,
            "kind": fact.kind,
            "status": fact.status,
        }
        if fact.record_id is not None:
            shown["record_id"] = fact.record_id
        if fact.enrollment is not None:
            shown["enrollment"] = fact.enrollment
        shown["words"] = words
        return shown

    def _place_superseded(self, record: Record, fact: Fact, word: Word, entry: _Entry) -> None:
        section, apart = _APART.get(fact.letter, ("", frozenset()))
        mine = {key: value for key, value in word.superseded.items() if key not in apart and fact.letter != "I"}
        theirs = {key: value for key, value in word.superseded.items() if key not in mine}
        if mine:
            entry["superseded"] = mine
        if theirs:
            self.replaced[section].append(
                {
                    "record": record.record,
                    "state": record.state,
                    "fact": fact.id,
                    "position": word.position,
                    "recorded_at": word.recorded_at,
                    "elements": theirs,
                }
            )


_APART: dict[str, tuple[str, frozenset[str]]] = {
    "D": ("contacts", CONTACTS),
    "E": ("health", HEALTH),
    "I": ("health", frozenset()),
}


def _ordered(entries: list[_Entry], letter: str) -> list[_Entry]:
    keys = _ORDER.get(letter)
    if not keys or len(entries) < 2:
        return entries
    return sorted(entries, key=lambda entry: [entry.get(key) or "" for key in keys])


def _interval(move: MoveEligibility) -> _Entry:
    if not move.given:
        return {"begins": None, "expires": None, "by": move.by}
    return {"begins": move.begins.isoformat(), "expires": move.expires.isoformat(), "by": move.by}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
