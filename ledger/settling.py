"""What an answered case does to students: the act of linkage that a yes or a no brings, or why it brings none any more.

Invariant: an answer takes effect on students as they are when it is given, never on those that were proposed about;
where the question is no longer one, the case is overtaken, and nothing is done. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ledger.cases import Case
from ledger.errors import (
    ActAlreadyReversed,
    BoundByNotSame,
    LedgerError,
    NotFound,
    NotOfStudent,
    RecordDestroyed,
    SameStudent,
)
from ledger.events.case import Candidate, Concerned, Doubtful, Link, Merge, Proposal, Residue, Reversal, Split
from ledger.events.linkage import Anchor, RecordLinked, RecordsSplit, StudentsMerged
from ledger.linkage import live_acts, live_edges
from ledger.linkage_acts import Acted, Command, DeclareNotSame, Reverse, decide
from ledger.linkage_acts import Link as LinkAct
from ledger.linkage_acts import Merge as MergeAct
from ledger.linkage_acts import Split as SplitAct
from ledger.reach import Reach

ANSWERED = "answered"
"""Why a record was linked, where a person said so."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of an answer. code: what made the question moot, as an error's code; None where it took effect."""

    acted: Acted
    code: str | None = None


def nothing(reach: Reach, name: str = "") -> Acted:
    """No act at all. name: of what is written beside it."""
    students = reach.students()
    return Acted(id=name, said=[], before=students, after=students)


def act_of(proposal: Proposal, *, yes: bool, case: str) -> Command | None:
    """The act that an answer brings, if any. case: that it names."""
    match proposal:
        case Merge() if yes:
            left, right = proposal.left.record, proposal.right.record
            return MergeAct(left=left, right=right, master=proposal.master.record, case=case)
        case Split() if yes:
            return SplitAct(groups=[[anchor.record for anchor in group] for group in proposal.groups], case=case)
        case Link() if yes:
            return LinkAct(record=proposal.record.record, member=_best(proposal), why=ANSWERED, case=case)
        case Link():
            return DeclareNotSame(left=proposal.record.record, right=_best(proposal), case=case)
        case Reversal() | Residue() | Doubtful() if not yes:
            return Reverse(act=proposal.act, case=case)
    return None


def settle(known: Case, *, yes: bool, case: str, reach: Reach) -> Settled:
    """What an answer comes to on the students as they are. Raises UnderCase: another case must be settled first."""
    proposal = known.opened.proposal
    if not _acts_spoken_of(proposal) <= live_acts(reach.linkage):
        return Settled(acted=nothing(reach), code=ActAlreadyReversed.code)
    if isinstance(proposal, Doubtful) and not still_joins(proposal.act, reach):
        return Settled(acted=nothing(reach), code=NotOfStudent.code)
    command = act_of(proposal, yes=yes, case=case)
    if command is None:
        return Settled(acted=nothing(reach))
    try:
        return Settled(acted=decide(command, reach))
    except tuple(_OVERTAKING) as moot:
        return Settled(acted=nothing(reach), code=_OVERTAKING[type(moot)])


def records_of(acted: Acted) -> list[Anchor]:
    """Every record of the students that an act names, those that it names itself first."""
    named = [anchor for said in acted.said for anchor in said.anchors]
    there = [anchor for anchor in named if anchor.record in acted.before.student_of]
    students = dict.fromkeys(acted.before.student_of[anchor.record] for anchor in there)
    all_of_them = [anchor for student in students for anchor in acted.before.members[student]]
    return list({anchor.record: anchor for anchor in (*there, *all_of_them)}.values())


def shown_first(one: Anchor, other: Anchor, concerned: Iterable[Anchor]) -> list[Anchor]:
    """The two that are shown to whoever judges blind, the one that was opened first before the other, whichever joined
    which; then all other records concerned."""
    two = sorted((one, other), key=lambda anchor: anchor.opened)
    return [*two, *(anchor for anchor in concerned if anchor not in two)]


def joined_or_parted(acted: Acted) -> set[str]:
    """Records of the two sides of a link or merge, or of the parts of a split; none for any other act."""
    found: set[str] = set()
    for said in acted.said:
        match said.event:
            case RecordLinked() | StudentsMerged():
                found.update(said.event.left, said.event.right)
            case RecordsSplit():
                found.update(record for part in said.event.parts for record in part.records)
            case _:
                pass
    return found


def still_joins(act: str, reach: Reach) -> bool:
    """Whether this is a link or merge that stands: neither taken back, nor cut by a split."""
    return any(edge.id == act for edge in live_edges(reach.linkage))


def parting(record: str, reach: Reach) -> tuple[Split, list[Anchor]] | None:
    """That a record is another child than all others of its student, and the records which that concerns; None where it
    stands alone. Raises UnderCase."""
    students = reach.students()
    if record not in reach.records:
        return None
    members = students.members[students.student_of[record]]
    # One that was destroyed still stands among them, and is nobody to be parted from.
    others = [anchor for anchor in members if anchor.record != record and anchor.record in reach.records]
    if not others:
        return None
    split = Split(groups=[[reach.records[record]], others])
    command = act_of(split, yes=True, case="")
    assert command is not None
    return split, records_of(decide(command, reach))


def evidence_of(act: str, reach: Reach) -> list[Anchor]:
    """The records, of those that there are, on which an act was made."""
    match reach.linkage.acts[act][1]:
        case RecordLinked() | StudentsMerged() as joined:
            named = [*joined.left, *joined.right]
        case RecordsSplit() as split:
            named = [record for part in split.parts for record in part.records]
        case _:
            named = []
    return [reach.records[record] for record in named if record in reach.records]


def seeds_of(known: Case) -> tuple[list[str], list[str]]:
    """The records and acts from which all that an answer can touch is found."""
    records = [concerned.anchor.record for concerned in known.opened.records]
    return records, sorted(_acts_spoken_of(known.opened.proposal))


def _acts_spoken_of(proposal: Proposal) -> set[str]:
    """Acts without which there is no question; of a residue the reversal too, as without it nothing is parted."""
    match proposal:
        case Reversal() | Doubtful():
            return {proposal.act}
        case Residue():
            return {proposal.act, proposal.reversal}
    return set()


def states_of(records: list[Concerned]) -> set[str]:
    """Whose records they are."""
    return {concerned.state for concerned in records}


def best_first(candidates: list[Candidate]) -> list[Candidate]:
    """The best score first; of two alike the record that was opened first."""
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.member.opened))


def _best(proposal: Link) -> str:
    return proposal.candidates[0].member.record


_OVERTAKING: dict[type[LedgerError], str] = {
    SameStudent: SameStudent.code,
    NotOfStudent: NotOfStudent.code,
    BoundByNotSame: BoundByNotSame.code,
    ActAlreadyReversed: ActAlreadyReversed.code,
    RecordDestroyed: RecordDestroyed.code,
    NotFound: RecordDestroyed.code,
}
"""What makes a question moot, and the code under which the case says so: a record that is not found was destroyed."""
