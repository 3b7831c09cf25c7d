"""Placement: which fact of a record a row speaks of.

All rows of one student and table are placed together, in four steps (the national layout numbers rows, but many states
number them afresh each night, so the number comes late):

1. a row equal to a live fact is unchanged, whatever its Record ID;
2. else the live fact with the same natural key is corrected;
3. else the live fact with the same Record ID, unclaimed and sharing an element of the key, is corrected;
4. else the fact is new: of a reinstated record, a dormant fact that the first three steps find; else a fresh one.

The invariant: once rows are placed and believed, each is equal to a live fact, so the same rows placed again, in any
order and under any numbers, are all unchanged. Pure: knows no file, no event and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import cached_property

import msgspec

from ledger.events.record import Elements
from ledger.facts import HeldRow, Row


class Step(IntEnum):
    """How a row found its fact, if it found one."""

    EQUAL = 1
    NATURAL_KEY = 2
    RECORD_ID = 3
    NEW = 4
    RESTATED = 5
    """A fact of a reinstated record comes back under the id that it had."""
    TWIN = 6
    """The row says what an earlier row of the same student says."""
    RETRACTION = 7


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a row goes. held: what the record holds of its fact, or of the facts that it retracts. twin: index of the
    earlier row that says the same."""

    step: Step
    held: tuple[HeldRow, ...] = ()
    twin: int = -1


NaturalKey = tuple[str | None, ...]
Entry = tuple[int, Row, NaturalKey]
"""A row's index among the student's rows, the row, and its natural key."""


def place_table(
    letter: str, table: list[Entry], live: list[HeldRow], dormant: list[HeldRow], stable: bool
) -> dict[int, Place]:
    """Index of each row to its place. table: all rows of one student and table, in file order, refused ones left out.

    live, dormant: what the record holds in that table, in order of fact id. stable: the state's Record IDs keep their
    meaning from night to night; only then may a row be bare, and it retracts what has its Record ID and is claimed by
    no other row.
    """
    places: dict[int, Place] = {}
    bare = [entry for entry in table if not entry[1].elements]
    left = [entry for entry in table if entry[1].elements] if bare else table
    lone = len(left) == 1
    held = _Held(letter, live, stable)
    if live:
        left = held.claim_equal(left, places)
    if len(left) > 1:
        left = _set_twins_aside(left, places)
    if live and left:
        left = held.claim_changed(left, lone, places)
    if dormant and left:
        asleep = _Held(letter, dormant, stable)
        woken: dict[int, Place] = {}
        left = asleep.claim_changed(asleep.claim_equal(left, woken), lone, woken)
        places.update((index, Place(Step.RESTATED, place.held)) for index, place in woken.items())
    for index, _, _ in left:
        places[index] = _NEW
    for index, row, _ in bare:
        places[index] = Place(Step.RETRACTION, held.claim_numbered(row))
    return places


class _Held:
    """What a record holds in one table, and which of it rows have claimed."""

    def __init__(self, letter: str, rows: list[HeldRow], stable: bool) -> None:
        self._letter = letter
        self._rows = rows
        self._stable = stable
        self._taken: set[int] = set()
        self._by_key: dict[NaturalKey, list[HeldRow]] = {}
        self._key = NATURAL_KEYS[letter]
        for row in rows:
            self._by_key.setdefault(self._key(row.elements), []).append(row)

    def claim_equal(self, table: list[Entry], places: dict[int, Place]) -> list[Entry]:
        """Step 1; answers the rows left. A fact that an equal row has claimed already leaves a row unchanged too."""
        left: list[Entry] = []
        for entry in table:
            index, row, key = entry
            elements = row.elements
            equal = [held for held in self._by_key.get(key, ()) if held.elements == elements]
            if not equal:
                left.append(entry)
                continue
            held = equal[0] if len(equal) == 1 else self._best(equal, row) or equal[0]
            self._taken.add(held.fact.id)
            places[index] = Place(Step.EQUAL, (held,))
        return left

    def claim_changed(self, table: list[Entry], lone: bool, places: dict[int, Place]) -> list[Entry]:
        """Steps 2 and 3; answers the rows left. Each step is taken by all rows before the next, so that none takes a
        fact that another has a better right to. lone: the row is the only one of its table."""
        left = table
        if self._letter != "D":
            left = self._claim(Step.NATURAL_KEY, left, places, self._same_key_and_number)
            left = self._claim(Step.NATURAL_KEY, left, places, self._same_key)
        left = self._claim(Step.RECORD_ID, left, places, self._same_number)
        if self._letter == "D" and lone and len(self._rows) == 1:
            left = self._claim(Step.NATURAL_KEY, left, places, lambda _: self._rows)
        return left

    def claim_numbered(self, row: Row) -> tuple[HeldRow, ...]:
        """Every unclaimed fact with the row's Record ID."""
        free = tuple(held for held in self._numbered.get(row.record_id, ()) if held.fact.id not in self._taken)
        self._taken.update(held.fact.id for held in free)
        return free

    def _claim(
        self,
        step: Step,
        table: list[Entry],
        places: dict[int, Place],
        candidates: Callable[[Entry], Iterable[HeldRow]],
    ) -> list[Entry]:
        left: list[Entry] = []
        for entry in table:
            for held in candidates(entry):
                if held.fact.id not in self._taken:
                    self._taken.add(held.fact.id)
                    places[entry[0]] = Place(step, (held,))
                    break
            else:
                left.append(entry)
        return left

    def _same_key(self, entry: Entry) -> Iterable[HeldRow]:
        return self._by_key.get(entry[2], ())

    def _same_key_and_number(self, entry: Entry) -> Iterable[HeldRow]:
        number = entry[1].record_id
        return [held for held in self._same_key(entry) if number is not None and held.fact.record_id == number]

    def _same_number(self, entry: Entry) -> Iterable[HeldRow]:
        _, row, key = entry
        if row.record_id is None:
            return ()
        numbered = self._numbered.get(row.record_id, ())
        if self._stable or self._letter == "D":  # demographics have no natural key to share an element of
            return numbered
        return [held for held in numbered if _share(key, self._key(held.elements))]

    @cached_property
    def _numbered(self) -> dict[str | None, list[HeldRow]]:
        numbered: dict[str | None, list[HeldRow]] = {}
        for held in self._rows:
            if held.fact.record_id is not None:
                numbered.setdefault(held.fact.record_id, []).append(held)
        return numbered

    def _best(self, rows: list[HeldRow], row: Row) -> HeldRow | None:
        free = [held for held in rows if held.fact.id not in self._taken]
        return next((held for held in free if held.fact.record_id == row.record_id), free[0] if free else None)


def _set_twins_aside(table: list[Entry], places: dict[int, Place]) -> list[Entry]:
    left: list[Entry] = []
    first: dict[NaturalKey, list[Entry]] = {}
    for entry in table:
        index, row, key = entry
        for earlier, same, _ in first.get(key, ()):
            if same.elements == row.elements:
                places[index] = Place(Step.TWIN, twin=earlier)
                break
        else:
            first.setdefault(key, []).append(entry)
            left.append(entry)
    return left


def _share(left: NaturalKey, right: NaturalKey) -> bool:
    return any(one is not None and one == other for one, other in zip(left, right, strict=True))


_NEW = Place(Step.NEW)


def _enrollment_key(row: Elements) -> NaturalKey:
    school = row.get("school_identification_code")
    name = row.get("school_or_project_name") if school is None else None
    return row.get("enrollment_date"), row.get("enrollment_type"), school, name


NATURAL_KEYS: dict[str, Callable[[Elements], NaturalKey]] = {
    "K": lambda row: (row.get("alternate_state_student_id"), row.get("alternate_state_student_id_type")),
    "D": lambda _: (),
    "Q": lambda row: (row.get("qualifying_arrival_date"),),
    "E": _enrollment_key,
    "C": lambda row: (
        row.get("course_title"),
        row.get("begin_academic_year"),
        row.get("end_academic_year"),
        row.get("term_type"),
        row.get("course_section"),
    ),
    "A": lambda row: (
        row.get("assessment_title"),
        row.get("assessment_content"),
        row.get("assessment_type"),
        row.get("assessment_administration_date"),
    ),
    "I": lambda row: (row.get("cvx_code"), row.get("administration_date")),
}
"""What tells two facts of a table apart, whatever number the state gives them. A school is its id, else its name."""
