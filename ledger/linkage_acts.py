"""Acts of linkage: link, merge, split, reverse, declare not the same, withdraw. What each needs, and what comes of it.

The invariant: an act that would join what was declared not to be the same is refused, whatever the path; and whatever
parts records declares them not the same, so that no job joins them again. Pure: streams' versions, cases that hold a
record, and what there is of records are handed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import msgspec

from ledger.errors import (
    ActAlreadyReversed,
    BoundByNotSame,
    NotFound,
    NotOfStudent,
    RecordDestroyed,
    SameStudent,
    UnderCase,
)
from ledger.events.base import Event
from ledger.events.linkage import (
    Act,
    ActReversed,
    Anchor,
    Cut,
    Decision,
    DeclarationWithdrawn,
    DeclaredNotSame,
    Edge,
    RecordLinked,
    RecordsSplit,
    SplitPart,
    StudentsMerged,
)
from ledger.linkage import (
    Clusters,
    Linkage,
    LiveEdge,
    anchors_of,
    live_acts,
    live_declarations,
    live_edges,
)
from ledger.linkage_reversal import because_of, parted, still_joining
from ledger.reach import Reach

# -- what is decided upon


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A record is one of a member's student. case: the near match that was answered, if one was. decision: the
    policy's."""

    record: str
    member: str
    why: str
    case: str | None = None
    decision: Decision | None = None


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Two students are one. left, right: records that minted the two ids. master: one of the two."""

    left: str
    right: str
    master: str
    case: str | None = None


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a student are several children's. groups: of records, two or more.

    A record of the student that stands in no group, because it came meanwhile, goes with the one it is linked to.
    """

    groups: Sequence[Sequence[str]]
    case: str | None = None


class Reverse(msgspec.Struct, frozen=True, kw_only=True):
    """Take an act back."""

    act: str
    case: str | None = None


class DeclareNotSame(msgspec.Struct, frozen=True, kw_only=True):
    """No record of the one student is the child of any of the other. left, right: any record of each."""

    left: str
    right: str
    case: str | None = None


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    """Take a declaration back."""

    declaration: str


Command = Link | Merge | Split | Reverse | DeclareNotSame | Withdraw


class Said(msgspec.Struct, frozen=True, gc=False):
    """An event and the records into whose linkage streams it goes."""

    event: Event
    anchors: tuple[Anchor, ...]


class Acted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an act comes to. id: of the act or declaration; said: what is written, nothing where it brings nothing new.

    before, after: the students concerned. declared: what must not be joined again. residue: later acts that were made
    because of the one that is taken back. joined_by: acts that still join records of its two sides.
    """

    id: str
    said: list[Said]
    before: Clusters
    after: Clusters
    declared: list[DeclaredNotSame] = []
    residue: list[str] = []
    joined_by: list[str] = []


# -- decide


def decide(command: Command, reach: Reach) -> Acted:
    """What a command comes to.

    Raises NotFound, SameStudent, RetiredId, UnderCase, NotOfStudent, ActAlreadyReversed, BoundByNotSame,
    RecordDestroyed.
    """
    match command:
        case Link():
            return _link(command, reach)
        case Merge():
            return _merge(command, reach)
        case Split():
            return _split(command, reach)
        case Reverse():
            return _reverse(command, reach)
        case DeclareNotSame():
            return _declare(command, reach)
        case Withdraw():
            return _withdraw(command, reach)


def _link(command: Link, reach: Reach) -> Acted:
    before = reach.students()
    record, member = _there(reach, command.record), _there(reach, command.member)
    left, right = _two_sides(reach, before, record, member, command.case)
    shown = before.student_of[member.record]
    act = RecordLinked(
        act=_next_id(reach, record),
        record=record,
        member=member,
        master=next((a for a in right if a.student_id == shown), member),
        left=_names(left),
        right=_names(right),
        why=command.why,
        decision=command.decision,
        case=command.case,
    )
    return _joined(act, reach, before)


def _merge(command: Merge, reach: Reach) -> Acted:
    before = reach.students()
    left_anchor, right_anchor = _standing(reach, before, command.left), _standing(reach, before, command.right)
    if command.master not in (command.left, command.right):
        raise NotOfStudent(
            "The master is neither of the two students.", remedy="Name one of the two whose id is to be shown."
        )
    left, right = _two_sides(reach, before, left_anchor, right_anchor, command.case)
    act = StudentsMerged(
        act=_next_id(reach, left_anchor),
        left_anchor=left_anchor,
        right_anchor=right_anchor,
        master=left_anchor if command.master == command.left else right_anchor,
        left=_names(left),
        right=_names(right),
        case=command.case,
    )
    return _joined(act, reach, before)


def _split(command: Split, reach: Reach) -> Acted:
    before = reach.students()
    groups = _whole_groups(command, reach, before)
    _refuse_held(reach, [anchor for group in groups for anchor in group], command.case)
    group_of = {anchor.record: number for number, group in enumerate(groups) for anchor in group}
    within: list[LiveEdge] = []
    cuts: list[Cut] = []
    for edge in live_edges(reach.linkage):
        if edge.left.record in group_of:
            if group_of[edge.left.record] == group_of[edge.right.record]:
                within.append(edge)
            else:
                cuts.append(Cut(edge.id, edge.left, edge.right))
    adds = [edge for group in groups for edge in _joining(group, within)]
    # Which id each part would show by itself: the one that the student shows stays with its record.
    bare = RecordsSplit(act="", parts=[], cuts=cuts, adds=adds)
    alone = reach.after([bare]).students()
    parts = [SplitPart(_names(group), _shown(alone, group)) for group in groups]
    act = RecordsSplit(act=_next_id(reach, parts[0].master), parts=parts, cuts=cuts, adds=adds, case=command.case)
    declared = [
        DeclaredNotSame(
            declaration=f"{act.act}.{number}", left=list(one), right=list(other), by=act.act, case=command.case
        )
        for number, (one, other) in enumerate(combinations(groups, 2), start=1)
    ]
    return _acted(act.act, [act, *declared], reach, before, declared=declared)


def _reverse(command: Reverse, reach: Reach) -> Acted:
    before = reach.students()
    _, reversed_act = _known_act(reach, command.act)
    live = live_acts(reach.linkage)
    if command.act not in live:
        by = [act.act for _, act in reach.linkage.acts.values() if _reverses(act, command.act) and act.act in live]
        raise ActAlreadyReversed(
            f"Act {command.act} is reversed by act {by[0]}.", remedy=f"To bring it back, reverse act {by[0]}."
        )
    named = anchors_of(reversed_act, reach.linkage)
    act = ActReversed(act=_next_id(reach, named[0]), reverses=command.act, case=command.case)
    then = reach.after([act])
    after = then.students()
    now_live = live_acts(then.linkage)
    _refuse_revival(reach, now_live - live - {act.act})
    _refuse_bound(then, after)
    ended = [known for known in reach.linkage.acts.values() if known[1].act in live - now_live]
    joins = [(order, one) for order, one in ended if isinstance(one, RecordLinked | StudentsMerged)]
    declared: list[DeclaredNotSame] = []
    for _, one in joins:
        for left, right in parted(one, after):
            number = len(declared) + 1
            declared.append(
                DeclaredNotSame(
                    declaration=f"{act.act}.{number}", left=left, right=right, by=act.act, case=command.case
                )
            )
    residue = [known for order, one in joins for known in because_of(order, one, after, then.linkage, now_live)]
    joined_by = [known for _, one in joins for known in still_joining(one, after, then.linkage)]
    return _acted(
        act.act,
        [act, *declared],
        reach,
        before,
        declared=declared,
        residue=list(dict.fromkeys(residue)),
        joined_by=list(dict.fromkeys(joined_by)),
    )


def _declare(command: DeclareNotSame, reach: Reach) -> Acted:
    before = reach.students()
    left_id = before.student_of[_there(reach, command.left).record]
    right_id = before.student_of[_there(reach, command.right).record]
    if left_id == right_id:
        raise SameStudent(
            "The two are one student now.", remedy="Split it, or reverse the act that joined them: that declares it."
        )
    left, right = before.members[left_id], before.members[right_id]
    uncovered = _uncovered(left, right, reach.linkage)
    if not uncovered:
        return Acted(id="", said=[], before=before, after=before)
    first = left[0]
    declared = DeclaredNotSame(
        declaration=_next_id(reach, first), left=list(left), right=list(right), case=command.case
    )
    return _acted(declared.declaration, [declared], reach, before, declared=[declared])


def _withdraw(command: Withdraw, reach: Reach) -> Acted:
    before = reach.students()
    if command.declaration not in reach.linkage.declarations:
        raise NotFound(f"There is no declaration {command.declaration}.", remedy="See the history of either student.")
    live = {declared.declaration for declared in live_declarations(reach.linkage)}
    if command.declaration not in live:
        return Acted(id=command.declaration, said=[], before=before, after=before)
    return _acted(command.declaration, [DeclarationWithdrawn(declaration=command.declaration)], reach, before)


# -- refusals


def _there(reach: Reach, record: str) -> Anchor:
    anchor = reach.records.get(record)
    if anchor is None:
        raise NotFound("There is no such record.", remedy="It may have been destroyed; see the history of its student.")
    return anchor


def _standing(reach: Reach, before: Clusters, record: str) -> Anchor:
    """As ``_there``; one that was destroyed stands for its student as long as another record of hers is left: the id
    that it minted may be the one that she shows."""
    members = before.members.get(before.student_of.get(record, ""), ())
    if any(anchor.record in reach.records for anchor in members):
        return next(anchor for anchor in members if anchor.record == record)
    return _there(reach, record)


def _two_sides(
    reach: Reach, before: Clusters, one: Anchor, other: Anchor, case: str | None
) -> tuple[tuple[Anchor, ...], tuple[Anchor, ...]]:
    """Records of the two students. Raises SameStudent, UnderCase."""
    if before.together(one.record, other.record):
        raise SameStudent("The two are one student already.", remedy="There is nothing to join.")
    left, right = (before.members[before.student_of[anchor.record]] for anchor in (one, other))
    _refuse_held(reach, [*left, *right], case)
    return left, right


def _refuse_held(reach: Reach, anchors: Iterable[Anchor], case: str | None) -> None:
    holding = {reach.held[anchor.record] for anchor in anchors if anchor.record in reach.held} - {case}
    if holding:
        pending = min(holding)
        raise UnderCase(f"A record is under case {pending}, which is pending.", remedy="Answer that case first.")


def _refuse_bound(then: Reach, after: Clusters) -> None:
    for declared in live_declarations(then.linkage):
        left = {after.student_of.get(anchor.record) for anchor in declared.left} - {None}
        right = {after.student_of.get(anchor.record) for anchor in declared.right} - {None}
        if left & right:
            raise BoundByNotSame(
                f"Records of the two were declared not to be the same child ({declared.declaration}).",
                remedy=f"If that was wrong, withdraw declaration {declared.declaration} first.",
            )


def _refuse_revival(reach: Reach, revived: set[str]) -> None:
    """An act that would hold again names only records that there are. Raises RecordDestroyed."""
    for act in revived:
        named = anchors_of(reach.linkage.acts[act][1], reach.linkage)
        if any(anchor.record not in reach.records for anchor in named):
            raise RecordDestroyed(
                "A record that the act names was destroyed.", remedy="What was destroyed cannot be joined again."
            )


def _whole_groups(command: Split, reach: Reach, before: Clusters) -> list[tuple[Anchor, ...]]:
    """The groups with every record of the student. Raises NotOfStudent, NotFound."""
    given = [[_there(reach, record) for record in dict.fromkeys(group)] for group in command.groups]
    named = [anchor for group in given for anchor in group]
    if len(given) < 2 or not all(given):
        raise NotOfStudent(
            "A split needs two parts or more, each with a record.",
            remedy="Name some of the student's records, and leave some.",
        )
    if len({anchor.record for anchor in named}) < len(named):
        raise NotOfStudent("A record is named twice.", remedy="Put each record into one part.")
    student = before.student_of[named[0].record]
    if any(before.student_of[anchor.record] != student for anchor in named):
        raise NotOfStudent(
            "Not every record named is one of this student's.", remedy="Name records that the student holds now."
        )
    members = before.members[student]
    group_of = {anchor.record: number for number, group in enumerate(given) for anchor in group}
    # One that is named in none is told by whom it is linked to; breadth first, so the nearest counts.
    neighbours: dict[str, list[Anchor]] = {}
    for edge in live_edges(reach.linkage):
        neighbours.setdefault(edge.left.record, []).append(edge.right)
        neighbours.setdefault(edge.right.record, []).append(edge.left)
    waiting = deque(named)
    while waiting:
        anchor = waiting.popleft()
        for neighbour in neighbours.get(anchor.record, ()):
            if neighbour.record not in group_of:
                group_of[neighbour.record] = group_of[anchor.record]
                waiting.append(neighbour)
    return [tuple(a for a in members if group_of[a.record] == number) for number in range(len(given))]


# -- parts of decisions


def _joined(act: RecordLinked | StudentsMerged, reach: Reach, before: Clusters) -> Acted:
    then = reach.after([act])
    _refuse_bound(then, then.students())
    return _acted(act.act, [act], reach, before)


def _acted(
    identity: str,
    events: Sequence[Event],
    reach: Reach,
    before: Clusters,
    *,
    declared: Sequence[DeclaredNotSame] = (),
    residue: Sequence[str] = (),
    joined_by: Sequence[str] = (),
) -> Acted:
    then = reach.after(events)
    return Acted(
        id=identity,
        said=[Said(event, anchors_of(event, then.linkage)) for event in events],
        before=before,
        after=then.students(),
        declared=list(declared),
        residue=list(residue),
        joined_by=list(joined_by),
    )


def _next_id(reach: Reach, anchor: Anchor) -> str:
    return f"{anchor.student_id}-{reach.versions.get(anchor.student_id, 0) + 1}"


def _names(anchors: Iterable[Anchor]) -> list[str]:
    return [anchor.record for anchor in anchors]


def _shown(students: Clusters, group: Sequence[Anchor]) -> Anchor:
    shown = students.student_of[group[0].record]
    return next((anchor for anchor in group if anchor.student_id == shown), group[0])


def _joining(group: Sequence[Anchor], within: Iterable[LiveEdge]) -> Iterator[Edge]:
    """Edges that make one of a part which the cuts leave in pieces: from its first record to the first of each."""
    piece_of = {anchor.record: anchor.record for anchor in group}

    def piece(record: str) -> str:
        while piece_of[record] != record:
            record = piece_of[record]
        return record

    for edge in within:
        if edge.left.record in piece_of:
            piece_of[piece(edge.right.record)] = piece(edge.left.record)
    joined = {piece(group[0].record)}
    for anchor in group:
        if piece(anchor.record) not in joined:
            joined.add(piece(anchor.record))
            yield Edge(group[0], anchor)


def _known_act(reach: Reach, act: str) -> tuple[int, Act]:
    known = reach.linkage.acts.get(act)
    if known is None:
        raise NotFound(f"There is no act {act}.", remedy="See the history of either student: it has the ids of acts.")
    return known


def _reverses(act: Act, other: str) -> bool:
    return isinstance(act, ActReversed) and act.reverses == other


def _uncovered(left: Iterable[Anchor], right: Iterable[Anchor], state: Linkage) -> bool:
    """Whether some pair of the two lists is not declared yet. What a split or a reversal declared does not count: that
    falls with the act, and what a person said must then still stand."""
    theirs = list(right)
    pairs = {frozenset((one.record, other.record)) for one in left for other in theirs}
    for declared in live_declarations(state):
        if declared.by is not None:
            continue
        pairs -= {frozenset((one.record, other.record)) for one in declared.left for other in declared.right}
    return bool(pairs)
