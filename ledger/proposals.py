"""What is put before people: merges and splits that somebody proposes, near matches, what looks wrong in a record, and
what is checked blind.

Invariant: nothing is put before people that could not be done; a record is in one case at a time that would join or
part it; and of one record or act the same is not asked twice at a time, however often it is corrected. Nothing
that a reader sees changes by a proposal. Whether somebody may propose is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ledger import cases
from ledger.case_store import CaseStore, beside, taken_by
from ledger.cases import reason_of
from ledger.errors import NotFound, NotOfStudent, UnderCase
from ledger.events import Meta
from ledger.events.audit import KeptApart
from ledger.events.case import Candidate, Changed, Doubtful, Link, Merge, Proposal, Split
from ledger.events.linkage import Anchor, Decision, RecordLinked
from ledger.linkage_acts import Acted, decide
from ledger.links import Beside, Links, Seeds
from ledger.reach import Reach, minting
from ledger.replay import RequestKey
from ledger.settling import act_of, best_first, evidence_of, nothing, records_of, shown_first, still_joins
from ledger.store.append import Part


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A case that is open now."""

    case: str
    position: int
    replayed: bool = False


class Proposals:
    """Opens cases. Safe for threads."""

    def __init__(self, links: Links, store: CaseStore) -> None:
        self._links = links
        self._store = store

    def propose_merge(
        self, left: str, right: str, master: str, reason: str, meta: Meta, request: RequestKey | None = None
    ) -> Proposed:
        """That two students, by the ids they show, are one, and which of the two ids is to be shown.

        Raises BadValue, NotFound, RetiredId, SameStudent, NotOfStudent, UnderCase, BoundByNotSame, and as
        ``Links.act``.
        """
        reason = reason_of(reason)

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            one, other = minting(reach, left), minting(reach, right)
            if master not in (left, right):
                raise NotOfStudent(
                    "The master is neither of the two students.", remedy="Name one of the two whose id is to be shown."
                )
            merge = Merge(left=one, right=other, master=one if master == left else other)
            return merge, self._would(merge, reach)

        return self._propose(cases.VALIDATE_MERGE, Seeds(students=[left, right]), build, reason, meta, request)

    def propose_split(
        self,
        student: str,
        groups: Sequence[Sequence[str]],
        reason: str,
        meta: Meta,
        request: RequestKey | None = None,
    ) -> Proposed:
        """That the records of a student, by the id it shows, are several children's. groups: uuids of records; with one
        group alone, all other records of the student are the second.

        Raises BadValue, NotFound, RetiredId, NotOfStudent, UnderCase, and as ``Links.act``.
        """
        reason = reason_of(reason)

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            minting(reach, student)
            members = {anchor.record: anchor for anchor in reach.students().members[student]}
            if any(record not in members for group in groups for record in group):
                raise NotOfStudent(
                    "Not every record named is one of this student's.",
                    remedy="Name records that the student holds now.",
                )
            parts = [[members[record] for record in dict.fromkeys(group)] for group in groups]
            if len(parts) == 1:
                # One that was destroyed still stands among them, and goes with the one it is linked to.
                parts.append([a for a in members.values() if a not in parts[0] and a.record in reach.records])
            split = Split(groups=parts)
            return split, self._would(split, reach)

        return self._propose(cases.VALIDATE_SPLIT, Seeds(students=[student]), build, reason, meta, request)

    def open_near_match(
        self,
        record: str,
        candidates: Mapping[str, float],
        meta: Meta,
        policy: str | None = None,
        request: RequestKey | None = None,
        decision: Decision | None = None,
        stands: Callable[[Reach], Sequence[Part]] | None = None,
    ) -> Proposed:
        """Whether a record is one of a student's. candidates: records of that student, one of them or more, to their
        scores. policy: version of the one that could not tell; decision: what it found. stands: raises where what it
        was found on stands no more, else what is expected of the streams that it rests on.

        Raises NotFound, NotOfStudent, SameStudent, UnderCase, BoundByNotSame, and as ``Links.act``.
        """

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            missing = {record, *candidates} - set(reach.records)
            if missing or not candidates:
                raise NotFound("There is no such record.", remedy="It may have been destroyed meanwhile.")
            students = reach.students()
            if len({students.student_of[candidate] for candidate in candidates}) > 1:
                raise NotOfStudent(
                    "The candidates are several students' records.", remedy="Ask about one student at a time."
                )
            scored = [Candidate(reach.records[candidate], score) for candidate, score in candidates.items()]
            link = Link(record=reach.records[record], candidates=best_first(scored), policy=policy, decision=decision)
            return link, self._would(link, reach)

        seeds = Seeds(records=[record, *candidates])
        return self._propose(cases.NEAR_MATCH, seeds, build, "", meta, request, stands)

    def open_changed(
        self, kind: str, record: str, position: int, meta: Meta, request: RequestKey | None = None
    ) -> Proposed:
        """What a state sent of one record looks wrong. kind: ``different-child`` or ``correction-comes-back``.

        position: of the event that says what. Raises NotFound, UnderCase (of a different child: an open case asks that
        of the record already), and as ``Links.act``.
        """
        assert kind in (cases.DIFFERENT_CHILD, cases.CORRECTION_COMES_BACK), kind

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            if record not in reach.records:
                raise NotFound("There is no such record.", remedy="It may have been destroyed meanwhile.")
            return Changed(position=position), [reach.records[record]]

        return self._propose(kind, Seeds(records=[record]), build, "", meta, request)

    def open_doubtful(self, act: str, position: int, meta: Meta, request: RequestKey | None = None) -> Proposed:
        """Whether a link or merge still stands, which does until somebody says no. act: it. position: of the event that
        makes it doubtful.

        Raises NotFound, ActAlreadyReversed, NotOfStudent (a split has cut it), UnderCase (an open case asks that of the
        act already), and as ``Links.act``.
        """

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            return _that_stands(act, position, reach), evidence_of(act, reach)

        return self._propose(cases.DOUBTFUL_LINK, Seeds(acts=[act]), build, "", meta, request)

    def check_link(self, act: str, position: int, meta: Meta, request: RequestKey | None = None) -> Proposed:
        """Whether the two records of a link are one child's, of whoever cannot know that they are linked. position: of
        the event that has drawn it.

        Raises as ``open_doubtful``.
        """

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            doubtful = _that_stands(act, position, reach)
            link = reach.linkage.acts[act][1]
            assert isinstance(link, RecordLinked), "only links are drawn"
            if not {link.record.record, link.member.record} <= set(reach.records):
                raise NotFound("There is no such record.", remedy="It may have been destroyed meanwhile.")
            members = reach.students()
            return doubtful, shown_first(
                link.record, link.member, members.members[members.student_of[link.record.record]]
            )

        return self._propose(cases.BLIND_CHECK, Seeds(acts=[act]), build, "", meta, request)

    def check_apart(self, pair: KeptApart, policy: str, meta: Meta, request: RequestKey | None = None) -> Proposed:
        """Whether two records that were kept apart are one child's, of whoever cannot know that they were. policy: the
        version that weighed them.

        Raises NotFound, SameStudent, UnderCase, BoundByNotSame, and as ``Links.act``.
        """

        def build(reach: Reach) -> tuple[Proposal, list[Anchor]]:
            if not {pair.record, pair.member} <= set(reach.records):
                raise NotFound("There is no such record.", remedy="It may have been destroyed meanwhile.")
            record, member = reach.records[pair.record], reach.records[pair.member]
            link = Link(record=record, candidates=[Candidate(member, pair.weight / 1000)], policy=policy)
            return link, shown_first(record, member, self._would(link, reach))

        return self._propose(cases.BLIND_CHECK, Seeds(records=[pair.record, pair.member]), build, "", meta, request)

    # -- inside

    def _propose(
        self,
        kind: str,
        seeds: Seeds,
        build: Callable[[Reach], tuple[Proposal, list[Anchor]]],
        reason: str,
        meta: Meta,
        request: RequestKey | None,
        stands: Callable[[Reach], Sequence[Part]] | None = None,
    ) -> Proposed:
        case = self._store.new_id()

        def decided(reach: Reach) -> tuple[Acted, Beside]:
            proposal, records = build(reach)
            opened = self._store.open(case, kind, proposal, records, meta.actor, reason)
            if opened is None:
                raise NotFound("There is no such record.", remedy="It was destroyed meanwhile.")
            asked = self._store.asking(opened.after.opened)
            if asked is not None:
                raise UnderCase(f"Case {asked}, which is pending, asks the same.", remedy="Answer that case first.")
            written = beside([opened], taken_by(case, opened.holds))
            expected = [] if stands is None else stands(reach)
            return nothing(reach, case), msgspec.structs.replace(written, parts=[*written.parts, *expected])

        linked = self._links.act(seeds, decided, meta, request)
        return Proposed(case=linked.id, position=linked.position, replayed=linked.replayed)

    def _would(self, proposal: Proposal, reach: Reach) -> list[Anchor]:
        """The records concerned. Raises what keeps the act from being done: it is not put before people then."""
        command = act_of(proposal, yes=True, case="")
        assert command is not None
        return records_of(decide(command, reach))


def _that_stands(act: str, position: int, reach: Reach) -> Doubtful:
    """The question whether a link or merge still stands. Raises ActAlreadyReversed, NotOfStudent."""
    doubtful = Doubtful(act=act, position=position)
    taken_back = act_of(doubtful, yes=False, case="")
    assert taken_back is not None
    decide(taken_back, reach)
    if not still_joins(act, reach):
        raise NotOfStudent(f"Act {act} joins nothing now.", remedy="There is nothing to part.")
    return doubtful
