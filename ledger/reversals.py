"""What is taken back, and what is declared: at once, since parting is the safe direction, and validated afterwards.

Invariant: whatever a reversal asks of people is opened in the append that takes the act back. Only a state that holds a
record concerned does any of this.
"""

from __future__ import annotations

from itertools import chain

import msgspec

from ledger import cases
from ledger.case_store import CaseStore, Writing, beside, writing
from ledger.cases import CloseCase, reason_of
from ledger.errors import ActAlreadyReversed, NotFound, RecordDestroyed, no_student
from ledger.events import Meta
from ledger.events.case import Place, Reversal
from ledger.events.linkage import ActReversed
from ledger.linkage_acts import Acted, DeclareNotSame, Reverse, Withdraw, decide
from ledger.links import Beside, Linked, Links, Seeds
from ledger.reach import Reach
from ledger.replay import RequestKey
from ledger.settling import records_of


class Reversed(msgspec.Struct, frozen=True, kw_only=True):
    """An act that is taken back. act: the reversal. students: that it left, by the ids that they show. cases: opened
    with it, first the one in which another person validates it. Of a request that came before, as it was told then."""

    act: str
    position: int
    students: list[str]
    cases: list[str] = []
    replayed: bool = False


class Reversals:
    """Takes acts back, and declares. Safe for threads. place, everywhere: the office for which somebody acts, None for
    an operator, who acts for any state."""

    def __init__(self, links: Links, store: CaseStore) -> None:
        self._links = links
        self._store = store

    def preview(self, act: str, place: Place | None = None) -> Acted:
        """What a reversal would come to now; writes nothing. Raises as ``reverse``."""
        acted = decide(Reverse(act=act), self._links.reach(Seeds(acts=[act])))
        self._store.refuse_strangers(records_of(acted), place)
        return acted

    def reverse(
        self, act: str, reason: str, meta: Meta, place: Place | None, request: RequestKey | None = None
    ) -> Reversed:
        """Take an act back, at once; another person is asked to validate that, and each later act that rested on it is
        put before people. place: as in ``answer``.

        Raises BadValue, NotFound, ActAlreadyReversed, BoundByNotSame, RecordDestroyed, NotAsked, and as ``Links.act``.
        """
        reason, case = reason_of(reason), self._store.new_id()

        def decided(reach: Reach) -> tuple[Acted, Beside]:
            acted = decide(Reverse(act=act, case=case), reach)
            self._store.refuse_strangers(records_of(acted), place)
            written = [
                *self._store.after_reversal(acted, act, case, reach, meta.actor, reason),
                *self._moot(act, reach),
            ]
            return acted, beside(written, {}, reason, case)

        linked = self._links.act(Seeds(acts=[act]), decided, meta, request)
        return Reversed(
            act=linked.id,
            position=linked.position,
            students=linked.students,
            cases=linked.cases,
            replayed=linked.replayed,
        )

    def declare_not_same(
        self, left: str, right: str, reason: str, meta: Meta, place: Place | None, request: RequestKey | None = None
    ) -> Linked:
        """That no record of one student is the child of any of the other's. left, right: any ids that they minted.

        Raises BadValue, NotFound, SameStudent, NotAsked, and as ``Links.act``.
        """
        reason = reason_of(reason)

        def decided(reach: Reach) -> tuple[Acted, Beside]:
            sides = reach.left_of(left), reach.left_of(right)
            for student, records in zip((left, right), sides, strict=True):
                if not records:
                    raise no_student(student, "There is no such student.")
            self._store.refuse_strangers(chain(*sides), place)
            one, other = (records[0].record for records in sides)
            return decide(DeclareNotSame(left=one, right=other), reach), Beside(reason=reason)

        return self._links.act(Seeds(students=[left, right]), decided, meta, request)

    def withdraw(
        self, declaration: str, reason: str, meta: Meta, place: Place | None, request: RequestKey | None = None
    ) -> Linked:
        """Take a declaration back. Raises BadValue, NotFound, NotAsked, and as ``Links.act``."""
        reason = reason_of(reason)

        def decided(reach: Reach) -> tuple[Acted, Beside]:
            acted = decide(Withdraw(declaration=declaration), reach)
            if acted.said:
                self._store.refuse_strangers(records_of(acted), place)
            return acted, Beside(reason=reason)

        return self._links.act(Seeds(acts=[declaration]), decided, meta, request)

    # -- inside

    def _moot(self, act: str, reach: Reach) -> list[Writing]:
        """Where a reversal is taken back, nobody has to validate it any more."""
        known = reach.linkage.acts[act][1]
        if not isinstance(known, ActReversed) or known.case is None:
            return []
        try:
            pending_case = self._store.known(known.case)
        except (NotFound, RecordDestroyed):
            return []
        proposal = pending_case.opened.proposal
        if pending_case.closed is not None or not isinstance(proposal, Reversal) or proposal.act != act:
            return []
        close = CloseCase(outcome="overtaken", code=ActAlreadyReversed.code)
        return [writing(known.case, pending_case, cases.decide(close, pending_case))]
