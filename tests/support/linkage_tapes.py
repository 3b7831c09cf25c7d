"""Acts of linkage told by a tape of numbers: which act, and on whom. What is refused leaves nothing."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.errors import Conflict, NotFound, Refused
from ledger.linkage_acts import Command, DeclareNotSame, Link, Merge, Reverse, Split, Withdraw
from ledger.links import Linked, Seeds
from ledger.reach import Reach
from support.linking import do
from support.worlds import META

Step = tuple[int, int, int]

STEPS = st.tuples(st.integers(0, 9), st.integers(0, 11), st.integers(0, 11))
"""Kind of act, one and another of those that it may be done to; numbers beyond them begin anew."""


def command_of(reach: Reach, records: Sequence[str], step: Step) -> Command | None:
    """What a step asks for; None where there is nothing to be asked. records: uuids, in the order of their opening."""
    kind, one, other = step
    students = reach.students()
    left, right = records[one % len(records)], records[other % len(records)]
    acts = [act for act, _ in sorted(reach.linkage.acts.items(), key=lambda known: known[1][0])]
    match kind:
        case 0 | 1:
            return Link(record=left, member=right, why="policy")
        case 2 | 3:
            minted = {anchor.student_id: anchor.record for anchor in reach.records.values()}
            # Where the record that minted the id that is shown is gone, another of the student's is named.
            first, second = (minted.get(students.student_of[named], named) for named in (left, right))
            return Merge(left=first, right=second, master=second if one >= 6 else first)
        case 4:
            members = [anchor.record for anchor in students.members[students.student_of[left]]]
            there = [record for number, record in enumerate(members) if (other + 1) >> number & 1]
            return Split(groups=[[record for record in members if record not in there], there])
        case 5 | 6 | 7:
            # The latest first, where undoing of undoings lies.
            return Reverse(act=acts[-1 - one % len(acts)]) if acts else None
        case 8:
            return DeclareNotSame(left=left, right=right)
        case _:
            declared = sorted(reach.linkage.declarations)
            return Withdraw(declaration=declared[-1 - one % len(declared)]) if declared else None


def act(ledger: Ledger, minted: Sequence[str], step: Step) -> Linked | None:
    """Do what a step asks for, through the store; None where it is refused. minted: ids, in the order of opening; of
    those whose records are gone nothing is asked."""

    reach = ledger.links.reach(Seeds(students=list(minted)))
    of = {anchor.student_id: anchor.record for anchor in reach.records.values()}
    there = [of[student_id] for student_id in minted if student_id in of]
    asked = command_of(reach, there, step) if there else None
    if asked is None:
        return None
    # What is taken back is reached by its own name, as whoever takes it back does: it may have been of others too.
    acts = [asked.act] if isinstance(asked, Reverse) else [asked.declaration] if isinstance(asked, Withdraw) else []
    try:
        return do(ledger, Seeds(students=list(minted), acts=acts), lambda _: asked, META)
    except (Refused, Conflict, NotFound):
        return None
