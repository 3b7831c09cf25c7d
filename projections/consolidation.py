"""The consolidated record: what the records of a student say, with who said it, when, and instead of what.

The one invariant: the same records give the same bytes, in whatever order they are handed over, and nothing here asks
what day it is: dates are shown, and who reads compares them with his. Pure; used by the read model, and by whoever
wants a student as of an earlier position.

A student is shown in four sections, since not everybody may see all. A value stands in one section only, the values
that it replaced included: so what a section hides does not come out through another.

What several records say of one thing (their rows have the same natural key) is shown once and counted once, with each
of them as a source. Where they differ, the record that spoke last is believed, and the others' sources tell what they
say instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from ledger import mde
from ledger.credits import credits_of
from ledger.eligibility import Move, MoveEligibility, eligibility
from ledger.events.record import Elements
from ledger.facts import KINDS
from projections.equal_facts import Entry, Part, Told, entry_apart, entry_of, joined
from projections.record_words import Fact, Record, Word

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


class Student(msgspec.Struct, frozen=True):
    """A student, ready to be shown. position: of the last event that touched him. sections: name to JSON."""

    student_id: str
    status: Literal["open", "retracted"]
    position: int
    records: list[str]
    sections: dict[str, bytes]


class _SaidThen(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One time that a state spoke of a fact, as section provenance tells it. elements: those that it replaced."""

    act: str
    position: int
    recorded_at: datetime
    submission: str | None = None
    row: int | None = None
    elements: list[str] | None = None
    superseded: Mapping[str, str | None] | None = None


class _SaidOf(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Of a fact, who spoke of it and when."""

    record: str
    state: str
    fact: int
    letter: str
    kind: str
    status: str
    record_id: str | None = None
    enrollment: int | None = None
    words: list[_SaidThen]


_encode = msgspec.json.Encoder().encode
_NOTHING: Elements = {}

_ORDER: dict[str, tuple[str, ...]] = {
    "Q": ("qualifying_arrival_date",),
    "E": ("enrollment_date",),
    "C": ("begin_academic_year", "course_title"),
    "A": ("assessment_administration_date",),
    "I": ("administration_date",),
}
"""Elements by which a list is ordered, oldest first; on a tie, and where a value is missing, as it was stated."""


def consolidate(student_id: str, records: Sequence[Record], *, linked: int = 0) -> Student:
    """A student of these records (one at least), earliest opened first.

    student_id: the id that is shown. linked: position of the last act of linkage that touched the student.
    """
    records = sorted(records, key=lambda record: record.opened)
    shown = [record for record in records if record.status == "open"]
    view = _View(shown)
    status: Literal["open", "retracted"] = "open" if shown else "retracted"
    return Student(
        student_id=student_id,
        status=status,
        position=max(linked, *(record.position for record in records)),
        records=[record.record for record in records],
        sections={
            "core": _encode(
                {
                    "student_id": student_id,
                    "status": status,
                    "records": [_record_entry(record, student_id) for record in records],
                    **view.core(),
                }
            ),
            "contacts": _encode(view.contacts()),
            "health": _encode(view.health()),
            "provenance": _encode({"facts": view.provenance}),
        },
    )


def told_alone(record: Record) -> Entry:
    """What one state says of one child, in the shape of the sections core and contacts of a student, and nothing that
    hangs on which student it is: for whoever is to find out. So it holds no student id, neither ours nor one that the
    state sent back, and no source, which is the record itself."""
    view = _View([record] if record.status == "open" else [])
    sections = {"core": view.core(), "contacts": view.contacts()}
    return _without_sources(msgspec.to_builtins(sections))


def _without_sources(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_sources(value) for name, value in told.items() if name != "sources"}
    return [_without_sources(one) for one in told] if isinstance(told, list) else told


def _record_entry(record: Record, student_id: str) -> Entry:
    return {
        "record": record.record,
        "state": record.state,
        "state_student_id": record.state_student_id,
        "student_id": student_id,
        "minted": record.student_id,
        "status": record.status,
        **(record.facts[0].elements if record.status == "open" else {}),
    }


class _View:
    """The facts of the open records, sorted into lists."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.replaced: dict[str, list[Entry]] = {"contacts": [], "health": []}
        self.provenance: list[_SaidOf] = []
        self._demographics: list[Entry] = []
        self._parents: list[Entry] = []
        self._latest_name: tuple[int, Entry] = (0, {})
        self._latest_parents: tuple[int, Entry] = (0, {})
        self._told: dict[str, list[Told]] = {letter: [] for letter in KINDS}
        for record in records:
            self._take(record)
        self._things = {
            letter: joined(letter, told) if len(records) > 1 and told else [(one,) for one in told]
            for letter, told in self._told.items()
        }

    def _take(self, record: Record) -> None:
        by_id: dict[int, Told] = {}
        parts: list[tuple[Fact, Part]] = []
        for fact in record.facts.values():
            self.provenance.append(self._provenance_of(record, fact))
            if fact.status != "live" or fact.letter == "S":
                continue
            last = fact.words[-1]
            source = {"record": record.record, "state": record.state, "fact": fact.id, "recorded_at": last.recorded_at}
            if fact.enrollment is not None:
                parts.append((fact, Part(last.position, fact.elements, source)))
            elif fact.letter == "D":
                self._take_demographics(fact, source, last.position)
            else:
                own, apart = fact.elements, _NOTHING
                if fact.letter == "E" and not HEALTH.isdisjoint(own):
                    apart = {key: value for key, value in own.items() if key in HEALTH}
                    own = {key: value for key, value in own.items() if key not in HEALTH}
                told = by_id[fact.id] = Told(last.position, source, own, apart)
                self._told[fact.letter].append(told)
        # In order of id, so that the last residency is the current one (ledger.facts).
        for fact, part in sorted(parts, key=lambda entry: entry[0].id):
            enrollment = by_id.get(fact.enrollment or 0)
            if enrollment is None:
                continue
            if fact.kind == "withdrawal":
                enrollment.withdrawals += (part,)
            else:
                enrollment.residencies += (part,)

    def core(self) -> Entry:
        name = self._latest_name[1]
        lists = {letter: self._list(letter) for letter in "KQECA"}
        moves = lists["Q"]
        graduations = [e["graduation_hse_date"] for e in lists["E"] if "graduation_hse_date" in e]
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
            "credits": credits_of(lists["C"]),
            mde.TABLES["D"].key: self._demographics,
            **{mde.TABLES[letter].key: entries for letter, entries in lists.items()},
        }

    def contacts(self) -> Entry:
        return {**self._latest_parents[1], "parents": self._parents, "superseded": self.replaced["contacts"]}

    def health(self) -> Entry:
        indicators = [entry for group in self._things["E"] if (entry := entry_apart(group)) is not None]
        return {
            mde.TABLES["I"].key: self._list("I"),
            "indicators": _ordered(indicators, "E"),
            "superseded": self.replaced["health"],
        }

    def _list(self, letter: str) -> list[Entry]:
        return _ordered([entry_of(group) for group in self._things[letter]], letter)

    def _take_demographics(self, fact: Fact, source: Entry, position: int) -> None:
        name = {key: value for key, value in fact.elements.items() if key not in CONTACTS}
        self._demographics.append({**name, "sources": [source]})
        # The state that spoke last knows best: a new name comes as a correction as often as with a new row.
        if position > self._latest_name[0]:
            self._latest_name = position, name
        parents = {key: value for key, value in fact.elements.items() if key in CONTACTS}
        if parents:
            self._parents.append({**parents, "sources": [source]})
            if position > self._latest_parents[0]:
                self._latest_parents = position, parents

    def _provenance_of(self, record: Record, fact: Fact) -> _SaidOf:
        """Of a fact that is not shown, who spoke of it and when, and no values."""
        words: list[_SaidThen] = []
        live = fact.status == "live"
        for word in fact.words:
            elements = superseded = None
            if word.superseded:
                elements = list(word.superseded)
                superseded = self._superseded(record, fact, word) if live else None
            words.append(
                _SaidThen(
                    word.act, word.position, word.recorded_at, word.submission, word.row, elements, superseded or None
                )
            )
        return _SaidOf(
            record=record.record,
            state=record.state,
            fact=fact.id,
            letter=fact.letter,
            kind=fact.kind,
            status=fact.status,
            record_id=fact.record_id,
            enrollment=fact.enrollment,
            words=words,
        )

    def _superseded(self, record: Record, fact: Fact, word: Word) -> Mapping[str, str | None]:
        """What provenance tells of the values that a word replaced; the others go to the section of their element."""
        if fact.letter not in _APART:
            return word.superseded
        section, apart = _APART[fact.letter]
        mine = {key: value for key, value in word.superseded.items() if key not in apart and fact.letter != "I"}
        theirs = {key: value for key, value in word.superseded.items() if key not in mine}
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
        return mine


_APART: dict[str, tuple[str, frozenset[str]]] = {
    "D": ("contacts", CONTACTS),
    "E": ("health", HEALTH),
    "I": ("health", frozenset()),
}


def _ordered(entries: list[Entry], letter: str) -> list[Entry]:
    keys = _ORDER.get(letter)
    if not keys or len(entries) < 2:
        return entries
    return sorted(entries, key=lambda entry: [entry.get(key) or "" for key in keys])


def _interval(move: MoveEligibility) -> Entry:
    if not move.given:
        return {"begins": None, "expires": None, "by": move.by}
    return {"begins": move.begins.isoformat(), "expires": move.expires.isoformat(), "by": move.by}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
