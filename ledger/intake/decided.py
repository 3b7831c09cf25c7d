"""Values that a decided correction replaced, and rows that bring them back (C1).

A state's system often goes on sending what was decided to be wrong. Such an element of a row is left as it was decided;
it applies again once the state confirms it under the same decision, or after another value has come. The invariant: a
row that says nothing but what was replaced changes nothing, night after night. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from ledger.events.record import Changes, Elements
from ledger.facts import APART, Decided, HeldRow, RecordState, Replaced, Row
from ledger.intake.placement import NATURAL_KEYS, Entry, NaturalKey, Place

Kept = dict[int, tuple[str, ...]]
"""Index of a row to the elements of it that were left as they were decided."""

Memory = Mapping[str, tuple[Replaced, ...]]
"""What was replaced of one fact, by element."""


def left_as_decided(sent: Elements, held: Elements, memory: Memory) -> tuple[Elements, tuple[str, ...]]:
    """The elements of a row with those that bring back a replaced value as they are held, and the names of those."""
    names = tuple(
        name
        for name, before in memory.items()
        if sent.get(name) != held.get(name) and any(one.value == sent.get(name) for one in before)
    )
    if not names:
        return sent, names
    after = {name: value for name, value in sent.items() if name not in names}
    after.update((name, held[name]) for name in names if name in held)
    return after, names


def under_their_keys(
    rows: Sequence[Row],
    tables: Mapping[str, list[Entry]],
    held: Sequence[Mapping[str, Sequence[HeldRow]]],
    decided: Decided,
) -> tuple[Sequence[Row], dict[str, list[Entry]], Kept]:
    """Rows whose natural key is one that a decision replaced, under the key of the fact that they speak of.

    Else a row that still names, say, the old arrival date would be placed as a move of its own. A key that another
    fact has belongs to that one. held: what is live, and what waits to come back. Call it before placement, and
    ``with_values_kept`` after it.
    """
    kept: Kept = {}
    after = dict(tables)
    for letter, table in tables.items():
        facts = [row for rows_of in held for row in rows_of.get(letter, ())]
        corrected = [row for row in facts if row.fact.id in decided]
        if letter == "D" or not corrected:
            continue  # demographics have no natural key
        key_of = NATURAL_KEYS[letter]
        taken = {key_of(row.elements) for row in facts}
        after[letter] = [_under_its_key(entry, corrected, taken, decided, kept) for entry in table]
    if kept:
        moved = {index: row for table in after.values() for index, row, _ in table}
        rows = [moved.get(index, row) for index, row in enumerate(rows)]
    return rows, after, kept


def _under_its_key(
    entry: Entry, corrected: Sequence[HeldRow], taken: Collection[NaturalKey], decided: Decided, kept: Kept
) -> Entry:
    index, row, key = entry
    if not row.elements or key in taken:
        return entry
    key_of = NATURAL_KEYS[row.letter]
    for held in corrected:
        elements, names = left_as_decided(row.elements, held.elements, decided[held.fact.id])
        if names and key_of(elements) == key_of(held.elements):
            kept[index] = names
            return index, msgspec.structs.replace(row, elements=elements), key_of(elements)
    return entry


def with_values_kept(rows: Sequence[Row], places: Mapping[int, Place], decided: Decided, kept: Kept) -> list[Row]:
    """The rows as they are to be believed, each beside the fact that it was placed on. Adds to kept."""
    after = list(rows)
    for index, place in places.items():
        if not place.held or not rows[index].elements:
            continue
        memory = decided.get(place.held[0].fact.id)
        if memory is None:
            continue
        elements, names = left_as_decided(after[index].elements, place.held[0].elements, memory)
        if names:
            after[index] = msgspec.structs.replace(after[index], elements=elements)
            kept[index] = kept.get(index, ()) + names
    return after


def remember(state: RecordState, row: int, changes: Changes, decision: str | None) -> None:
    """Fold the changes of one row, given by its own fact, into what the record remembers of decisions.

    A decision's change remembers the value before. The same decision bringing that value back confirms it, and it is
    forgotten; any other change forgets what was remembered of its elements.
    """
    memory = state.decided.get(row)
    if memory is None and decision is None:
        return
    after = dict(memory or {})
    for name, (before, now) in changes.items():
        known = after.pop(name, ())
        if decision is not None:
            left = [one for one in known if one.value != now]
            confirmed = any(one.value == now and one.decision == decision for one in known)
            if not confirmed and not any(one.decision == decision for one in left):
                left.append(Replaced(before, decision))
            if left:
                after[name] = tuple(left)
    _keep(state, row, after)


def remember_whole(state: RecordState, row: int, elements: Elements) -> None:
    """A fact is stated anew: what it says otherwise than it was decided forgets the decision."""
    memory = state.decided.get(row)
    if memory is not None:
        held = state.facts[row].elements
        _keep(
            state,
            row,
            {name: old for name, old in memory.items() if name in APART or elements.get(name) == held.get(name)},
        )


def forget(state: RecordState, row: int) -> None:
    """The fact was taken back: sent again, it is another one."""
    if row in state.decided:
        _keep(state, row, {})


def _keep(state: RecordState, row: int, memory: dict[str, tuple[Replaced, ...]]) -> None:
    others = {other: kept for other, kept in state.decided.items() if other != row}
    state.decided = {**others, row: memory} if memory else others
