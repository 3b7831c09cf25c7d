"""What several records of one student say of one thing: shown once, with every record that says it.

The one invariant: nothing that a record says is lost. Where records differ, the value of the one that spoke last is
shown, and the source of each other one tells what it says instead. Pure.

Two rows speak of one thing where their natural keys are equal (``ledger.intake.placement``); an alternate id is one of
its own state. A record that says the same twice means two things: its first is joined with another's first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ledger.events.record import Elements
from ledger.intake.placement import NATURAL_KEYS

Entry = dict[str, Any]


class Part(msgspec.Struct, frozen=True, gc=False):
    """A withdrawal or a residency of an enrollment. said: position of the last event that spoke of it."""

    said: int
    elements: Elements
    source: Entry


class Told(msgspec.Struct, gc=False):
    """A fact as one record tells it. own: its elements, of an enrollment those that are not ``apart``: flags that stand
    in a section of their own. withdrawals, residencies: in order of fact id, so that the last one is current.
    """

    said: int
    source: Entry
    own: Elements
    apart: Elements
    withdrawals: tuple[Part, ...] = ()
    residencies: tuple[Part, ...] = ()


def joined(letter: str, told: Sequence[Told]) -> list[list[Told]]:
    """What speaks of one thing, together; in the order in which things were first told."""
    key_of = NATURAL_KEYS[letter]
    found: dict[Any, list[Told]] = {}
    times: dict[Any, int] = {}
    for one in told:
        key = key_of(one.own), one.source["state"] if letter == "K" else None
        of_record = one.source["record"], key
        time = times[of_record] = times.get(of_record, 0) + 1
        found.setdefault((key, time), []).append(one)
    return list(found.values())


def entry_of(group: Sequence[Told]) -> Entry:
    """One thing as it is shown: elements, sources, of an enrollment every withdrawal and residency."""
    one = group[0]
    if len(group) > 1:
        entry = _believed(group, lambda told: told.own)
        _add_parts(entry, "withdrawals", [told.withdrawals for told in group if told.withdrawals])
        _add_parts(entry, "residencies", [told.residencies for told in group if told.residencies])
        return entry
    entry: Entry = {**one.own, "sources": [one.source]}
    if one.withdrawals:
        _add_parts(entry, "withdrawals", [one.withdrawals])
    if one.residencies:
        _add_parts(entry, "residencies", [one.residencies])
    return entry


def _add_parts(entry: Entry, name: str, parts: Sequence[tuple[Part, ...]]) -> None:
    """parts: of each record that has any, in order of fact id."""
    if not parts:
        return
    # The current one counts whole: what it leaves blank is not filled from another.
    current = parts[0][-1] if len(parts) == 1 else max((own[-1] for own in parts), key=lambda part: part.said)
    entry.update(current.elements)
    if len(parts) == 1:
        entry[name] = [{**part.elements, "sources": [part.source]} for part in parts[0]]
    else:
        entry[name] = _once([part for own in parts for part in own])


def entry_apart(group: Sequence[Told]) -> Entry | None:
    """The flags of an enrollment, with the day that tells which enrollment; None where it has none."""
    having = [one for one in group if one.apart]
    if not having:
        return None
    day = max(group, key=lambda one: one.said).own.get("enrollment_date")
    if len(having) == 1:
        return {"enrollment_date": day, **having[0].apart, "sources": [having[0].source]}
    return {"enrollment_date": day, **_believed(having, lambda one: one.apart)}


def _believed(group: Sequence[Told], elements_of: Callable[[Told], Elements]) -> Entry:
    """Who spoke last is believed; what he says nothing of, the one before him says."""
    entry: Entry = {}
    for one in sorted(group, key=lambda one: one.said):
        entry.update(elements_of(one))
    sources: list[Entry] = []
    for one in group:
        differs = {key: value for key, value in elements_of(one).items() if entry[key] != value}
        sources.append({**one.source, "differs": differs} if differs else one.source)
    return {**entry, "sources": sources}


def _once(parts: Sequence[Part]) -> list[Entry]:
    """Those of several records that say the same, once."""
    found: list[tuple[Elements, list[Entry]]] = []
    for part in parts:
        same = (sources for elements, sources in found if elements == part.elements and _is_new(part, sources))
        sources = next(same, None)
        if sources is None:
            found.append((part.elements, [part.source]))
        else:
            sources.append(part.source)
    return [{**elements, "sources": sources} for elements, sources in found]


def _is_new(part: Part, sources: Sequence[Entry]) -> bool:
    """Whether no fact of the part's own record is among the sources."""
    return all(source["record"] != part.source["record"] for source in sources)
