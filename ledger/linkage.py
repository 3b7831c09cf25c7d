"""Linkage: which records are one student's now, folded from the acts that joined and parted them.

The one invariant: facts never move. An act adds edges between records, or cuts some, and a reversal takes just those
back; so what is true of students is a function of the acts that are live, and of nothing in between. ``clusters``
is the only such function: deciders, guards and read models all ask it. Knows no clock, no store, nothing of a child.

State and fold here; what may be done, and what comes of it, is ``ledger.linkage_acts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from ledger.errors import LogBroken
from ledger.events.base import Event
from ledger.events.linkage import (
    Act,
    ActReversed,
    Anchor,
    DeclarationWithdrawn,
    DeclaredNotSame,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)

# -- state


class Linkage(msgspec.Struct, gc=False):
    """What was said of linkage, each thing once. acts, declarations: by id, with the order in which they were heard.

    Order is the position of the first copy; any numbers that grow will do. withdrawn: ids of declarations.
    """

    acts: dict[str, tuple[int, Act]] = {}
    declarations: dict[str, tuple[int, DeclaredNotSame]] = {}
    withdrawn: dict[str, int] = {}


class LiveEdge(NamedTuple):
    """An edge that holds. id: as a ``Cut`` names it. act: that made it."""

    id: str
    act: str
    left: Anchor
    right: Anchor


class Clusters(msgspec.Struct, frozen=True, gc=False):
    """Students. members: shown id to its records, earliest opened first. student_of: record to the id shown for it."""

    members: dict[str, tuple[Anchor, ...]]
    student_of: dict[str, str]

    def together(self, one: str, other: str) -> bool:
        """Whether two records are one student's."""
        return self.student_of[one] == self.student_of[other]


# -- evolve and fold


def evolve(state: Linkage, order: int, event: Event) -> Linkage:
    """The state after one more event; a copy of what was heard before changes nothing. Raises LogBroken."""
    return fold([(order, event)], state)


def fold(said: Iterable[tuple[int, Event]], state: Linkage | None = None) -> Linkage:
    """Everything that was said, in order. Copies the state once. Raises LogBroken for an event of another stream."""
    before = state if state is not None else Linkage()
    after = Linkage(dict(before.acts), dict(before.declarations), dict(before.withdrawn))
    for order, event in said:
        match event:
            case RecordLinked() | StudentsMerged() | RecordsSplit() | ActReversed():
                after.acts.setdefault(event.act, (order, event))
            case DeclaredNotSame():
                after.declarations.setdefault(event.declaration, (order, event))
            case DeclarationWithdrawn():
                after.withdrawn.setdefault(event.declaration, order)
            case _:
                raise LogBroken(f"A linkage stream holds {event.topic}.")
    return after


# -- what holds


def live_acts(state: Linkage) -> set[str]:
    """Acts that no live act reverses."""
    live: set[str] = set()
    reversed_: set[str] = set()
    # A reversal comes after what it reverses, so the newest is decided first.
    for _, act in sorted(state.acts.values(), key=lambda known: known[0], reverse=True):
        if act.act in reversed_:
            continue
        live.add(act.act)
        if isinstance(act, ActReversed):
            reversed_.add(act.reverses)
    return live


def live_edges(state: Linkage) -> list[LiveEdge]:
    """Edges whose act is live and that no live split cuts, in the order in which they were made."""
    live = live_acts(state)
    in_order = sorted(state.acts.values(), key=lambda known: known[0])
    acts = [act for _, act in in_order if act.act in live]
    cut = {cut.edge for act in acts if isinstance(act, RecordsSplit) for cut in act.cuts}
    return [edge for act in acts for edge in edges_of(act) if edge.id not in cut]


def edges_of(act: Act) -> Iterator[LiveEdge]:
    """The edges that an act makes as long as it is live."""
    match act:
        case RecordLinked():
            yield LiveEdge(act.act, act.act, act.record, act.member)
        case StudentsMerged():
            yield LiveEdge(act.act, act.act, act.left_anchor, act.right_anchor)
        case RecordsSplit():
            for number, edge in enumerate(act.adds, start=1):
                yield LiveEdge(f"{act.act}/{number}", act.act, edge.left, edge.right)
        case ActReversed():
            return


def live_declarations(state: Linkage) -> list[DeclaredNotSame]:
    """Declarations that nobody withdrew, and whose split or reversal, where one brought it, is live."""
    live = live_acts(state)
    return [
        declared
        for _, declared in state.declarations.values()
        if declared.declaration not in state.withdrawn and (declared.by is None or declared.by in live)
    ]


def masters_of(act: Act) -> tuple[Anchor, ...]:
    """Records whose ids an act has shown; of a split one for each part, the first part's first."""
    match act:
        case RecordLinked() | StudentsMerged():
            return (act.master,)
        case RecordsSplit():
            return tuple(part.master for part in act.parts)
        case ActReversed():
            return ()


def clusters(state: Linkage, records: Iterable[Anchor]) -> Clusters:
    """Students: the connected components of live edges, each with the id that it shows.

    That is the id of the master of the latest live act whose master lies in the component, else of the record that was
    opened first. records: all to be placed; those that a live edge names are placed as well.
    """
    edges = live_edges(state)
    anchors = {anchor.record: anchor for anchor in records}
    for edge in edges:
        anchors.setdefault(edge.left.record, edge.left)
        anchors.setdefault(edge.right.record, edge.right)
    components = _components(anchors, edges)
    shown_last = _shown_last(state)
    members: dict[str, tuple[Anchor, ...]] = {}
    student_of: dict[str, str] = {}
    for component in components:
        ordered = tuple(sorted(component, key=_age))
        named = [anchor for anchor in ordered if anchor.record in shown_last]
        shown = max(named, key=lambda anchor: shown_last[anchor.record]) if named else ordered[0]
        members[shown.student_id] = ordered
        student_of.update(dict.fromkeys((anchor.record for anchor in ordered), shown.student_id))
    return Clusters(members, student_of)


def _components(anchors: Mapping[str, Anchor], edges: Iterable[LiveEdge]) -> list[list[Anchor]]:
    part_of = {record: [anchor] for record, anchor in anchors.items()}
    for edge in edges:
        left, right = part_of[edge.left.record], part_of[edge.right.record]
        if left is right:
            continue
        small, large = sorted((left, right), key=len)
        large += small
        part_of.update((anchor.record, large) for anchor in small)
    return list({id(part): part for part in part_of.values()}.values())


def _shown_last(state: Linkage) -> dict[str, tuple[int, int]]:
    """Record to the latest live act that names it as a master; of one split, the first part comes last."""
    live = live_acts(state)
    return {
        master.record: (order, -number)
        for order, act in sorted(state.acts.values(), key=lambda known: known[0])
        if act.act in live
        for number, master in enumerate(masters_of(act))
    }


def _age(anchor: Anchor) -> tuple[int, str]:
    return anchor.opened, anchor.record


# -- where an event is written


def anchors_of(event: Event, state: Linkage) -> tuple[Anchor, ...]:
    """Records into whose linkage streams an event is written, once each; the first one's stream names an act.

    state: holds what the event answers. So all that makes an edge live or not, and all that says which id a record
    shows, stands in the stream of each record concerned. Raises LogBroken for an event of another stream.
    """
    match event:
        case RecordLinked():
            found = [event.record, event.member, event.master]
        case StudentsMerged():
            found = [event.left_anchor, event.right_anchor, event.master]
        case RecordsSplit():
            ends = [anchor for edge in (*event.cuts, *event.adds) for anchor in (edge.left, edge.right)]
            found = [*masters_of(event), *ends]
        case ActReversed():
            return anchors_of(state.acts[event.reverses][1], state)
        case DeclaredNotSame():
            found = [*event.left, *event.right]
        case DeclarationWithdrawn():
            return anchors_of(state.declarations[event.declaration][1], state)
        case _:
            raise LogBroken(f"A linkage stream holds {event.topic}.")
    return tuple({anchor.record: anchor for anchor in found}.values())
