"""Acts of linkage through the store, on students named by ids: any that their records have minted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.application import Ledger
from ledger.events import Meta
from ledger.linkage_acts import Acted, Command, DeclareNotSame, Link, Merge, Reverse, Split, Withdraw, decide
from ledger.links import Beside, Linked, Seeds
from ledger.reach import Reach, minting

META = Meta(actor="ana")


def merge(ledger: Ledger, left: str, right: str) -> Linked:
    """Two students by the ids that they show; the left one's is shown from now on."""
    return _on(ledger, [left, right], lambda reach: _merge(reach, left, right))


def link(ledger: Ledger, record: str, member: str) -> Linked:
    """The record that minted the one id becomes one of the other's student."""
    return _on(
        ledger,
        [record, member],
        lambda reach: Link(record=_minted(reach, record), member=_minted(reach, member), why="policy"),
    )


def split(ledger: Ledger, *groups: Sequence[str]) -> Linked:
    """The records that minted these ids are parted."""
    return _on(
        ledger,
        [student for group in groups for student in group],
        lambda reach: Split(groups=[[_minted(reach, student) for student in group] for group in groups]),
    )


def reverse(ledger: Ledger, act: str) -> Linked:
    return do(ledger, Seeds(acts=[act]), lambda _: Reverse(act=act))


def declare(ledger: Ledger, left: str, right: str) -> Linked:
    """Two students, by ids that they minted, are not the same."""
    return _on(
        ledger, [left, right], lambda reach: DeclareNotSame(left=_minted(reach, left), right=_minted(reach, right))
    )


def withdraw(ledger: Ledger, declaration: str) -> Linked:
    return do(ledger, Seeds(acts=[declaration]), lambda _: Withdraw(declaration=declaration))


def do(ledger: Ledger, seeds: Seeds, command: Callable[[Reach], Command], meta: Meta = META) -> Linked:
    """Whatever a command asks for on what there is. Raises what it raises, and as ``Links.act``."""

    def decided(reach: Reach) -> tuple[Acted, Beside]:
        return decide(command(reach), reach), Beside(reason="the same mother")

    return ledger.links.act(seeds, decided, meta)


def _on(ledger: Ledger, students: Sequence[str], command: Callable[[Reach], Command]) -> Linked:
    return do(ledger, Seeds(students=students), command)


def _merge(reach: Reach, left: str, right: str) -> Merge:
    one, other = minting(reach, left).record, minting(reach, right).record
    return Merge(left=one, right=other, master=one)


def _minted(reach: Reach, student_id: str) -> str:
    return next(anchor.record for anchor in reach.records.values() if anchor.student_id == student_id)
