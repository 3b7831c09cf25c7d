"""What is told of cases, on the command line and over HTTP alike.

Invariant: a case is told with the records that it is about, so telling one is a disclosure of all of them; and nothing
is told that the read models do not hold, but who is at a case now. Of a case that is judged blind nothing is told
until it is over but its two records, each with all that its own state says of the child: neither what is proposed, nor
a weight, nor a student. So whoever judges has no need to look either up, and to see its student.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from api.show import FoundMany
from ledger.cases import Part
from ledger.casework import Answered
from ledger.errors import Forbidden, LedgerError, NotAsked, NotFound
from ledger.events.case import CaseAnswered, Changed, Doubtful, Link, Merge, Place, Proposal, Residue, Reversal, Split
from ledger.events.linkage import Decision
from ledger.matching.decision import GUARDS
from ledger.store.pending import Lease
from projections.as_of import AsOf
from projections.worklist import Listed, Named, candidates_of, due_of, place, score_of, sides_of

COLUMNS: Final[tuple[str, ...]] = (
    "case_id",
    "kind",
    "state_a",
    "state_student_id_a",
    "state_b",
    "state_student_id_b",
    "score",
    "opened_at",
    "due_on",
    "student_id_b",
)
"""Of ``sojourn worklist --csv``, in this order."""


class WorklistView:
    """A page of cases. fields: names of what was asked for. read: the page. limit: how many it holds at most. refused:
    why the page that is asked for is not for who asks."""

    action = "case.read"
    name = "worklist"

    def __init__(
        self,
        fields: Sequence[str],
        read: Callable[[], Awaitable[tuple[AsOf, list[Listed]]]],
        limit: int,
        refused: LedgerError | None = None,
    ) -> None:
        self.fields = fields
        self._refused = refused
        self._read = read
        self._limit = limit
        self._found: tuple[AsOf, list[Listed]] | None = None

    async def read(self) -> FoundMany:
        """Raises as it reads the page."""
        if self._refused is not None:
            return FoundMany((), 0, self._refused)
        as_of, found = self._found = await self._read()
        return _found(found, as_of.position)

    def told(self) -> list[dict[str, Any]]:
        """The cases, once the entry is durable."""
        assert self._found is not None, "told before it was read"
        return [listed_told(listed) for listed in self._found[1]]

    def last(self) -> Listed | None:
        """The last case of a page that is full; None where no page is behind this one."""
        assert self._found is not None, "told before it was read"
        found = self._found[1]
        return found[-1] if len(found) == self._limit else None

    def next(self) -> int | None:
        """Where the page behind this one begins; None where there is none."""
        last = self.last()
        return None if last is None else place(last)

    def render(self) -> bytes:
        assert self._found is not None, "rendered before it was read"
        behind = self.next()
        told = {
            "position": self._found[0].position,
            "cases": self.told(),
            "next": None if behind is None else str(behind),
        }
        return orjson.dumps(told)


Facts = Mapping[str, Mapping[str, Any]]
"""Record to what its state says of the child, as ``projections.consolidation.told_alone``."""


class CaseView:
    """One case whole. read: the case, None where there is none. may_see: raises Forbidden or NotAsked where the reader
    may not. facts: of records, where the case is judged by them alone. lease: who is at it. name: whether facts were
    told, as recorded."""

    action = "case.read"
    fields: Sequence[str] = ("case_id",)

    def __init__(
        self,
        read: Callable[[], Awaitable[tuple[AsOf, Listed | None]]],
        may_see: Callable[[Listed], None],
        facts: Callable[[Sequence[str]], Awaitable[tuple[AsOf, Facts]]],
        lease: Callable[[], Awaitable[Lease | None]],
    ) -> None:
        self._read = read
        self._may_see = may_see
        self._facts = facts
        self._lease = lease
        self.name = "case"
        self._found: tuple[Listed, Lease | None, Facts] | None = None

    async def read(self) -> FoundMany:
        """Raises NotFound, and as it reads."""
        as_of, listed = await self._read()
        if listed is None:
            raise NotFound("There is no such case.", remedy="See the worklist.")
        tells = self._tells_facts(listed)
        self.name = "case-facts" if tells else "case"
        try:
            self._may_see(listed)
        except (Forbidden, NotAsked) as refused:
            return _found([listed], as_of.position)._replace(refused=refused)
        position, facts = as_of.position, {}
        if tells:
            told_as_of, facts = await self._facts(list(listed.names))
            position = min(position, told_as_of.position)
        self._found = listed, await self._lease() if listed.case.closed is None else None, facts
        return _found([listed], position)

    @property
    def listed(self) -> Listed:
        """The case as it was read; of what may be told of it ``told`` knows."""
        assert self._found is not None, "told before it was read"
        return self._found[0]

    def told(self) -> dict[str, Any]:
        """The case, once the entry is durable."""
        assert self._found is not None, "told before it was read"
        return case_told(*self._found)

    def render(self) -> bytes:
        return orjson.dumps(self.told())

    def _tells_facts(self, listed: Listed) -> bool:
        return listed.blind


class CaseFactsView(CaseView):
    """One case whole, of every kind with what each record's own state says of the child: as people compare them."""

    def _tells_facts(self, listed: Listed) -> bool:  # noqa: ARG002 - the shape of every view of a case
        return True


def listed_told(listed: Listed) -> dict[str, Any]:
    """A case as a list tells it: the columns of the command line, then before whom it lies."""
    opened, closed = listed.case.opened, listed.case.closed
    a, b = (listed.side(anchor) for anchor in sides_of(opened))
    due = due_of(listed.case)
    return {
        "case_id": listed.case_id,
        "kind": opened.kind,
        "state_a": a and a.state,
        "state_student_id_a": a and a.state_student_id,
        "state_b": b and b.state,
        "state_student_id_b": b and b.state_student_id,
        "score": None if listed.blind else score_of(opened),
        "opened_at": _instant(listed.opened_at),
        "due_on": due and due.due_on,
        "student_id_b": b and b.student_id,
        "student_id_a": a and a.student_id,
        "proposed_by": opened.proposed_by,
        "asked": [_part_told(part) for part in listed.case.parts.values()],
        "outcome": closed and closed.outcome,
        "closed_at": listed.closed_at and _instant(listed.closed_at),
        "position": listed.position,
    }


def case_told(listed: Listed, lease: Lease | None, facts: Facts) -> dict[str, Any]:
    """A case with every word of it. lease: who is at it now. facts: of its records, where it is judged by them."""
    case, closed = listed.case, listed.case.closed
    due = due_of(case)
    return {
        "case_id": listed.case_id,
        "kind": case.kind,
        "opened_at": _instant(listed.opened_at),
        "due_on": due and due.due_on,
        "proposed_by": case.opened.proposed_by,
        "reason": case.opened.reason,
        "proposal": {} if listed.blind else _proposal_told(case.opened.proposal),
        "records": [
            {**_named_told(named), **({"facts": facts.get(named.record)} if listed.blind or facts else {})}
            for named in listed.names.values()
        ],
        "candidates": [
            {**_named_told(named), "score": candidate.score}
            for candidate in (() if listed.blind else candidates_of(case.opened))
            if (named := listed.side(candidate.member)) is not None
        ],
        "asked": [
            {
                **_part_told(part),
                "steps": [{"level": step.level, "due_on": step.due_on} for step in part.asked.steps],
                "answer": part.answer and _answer_told(part.answer),
            }
            for part in case.parts.values()
        ],
        "outcome": closed and closed.outcome,
        "code": closed and closed.code,
        "act": closed and closed.act,
        "next": closed and closed.next,
        "automatic": closed is not None and closed.automatic,
        "closed_at": listed.closed_at and _instant(listed.closed_at),
        "lease": lease and {"holder": lease.holder, "until": _instant(lease.until)},
        "position": listed.position,
    }


def answered_told(answered: Answered) -> dict[str, Any]:
    """What an answer or an assignment has come to."""
    closed = answered.after.closed
    return {
        "case": answered.case,
        "outcome": closed and closed.outcome,
        "code": closed and closed.code,
        "act": closed and closed.act,
        "next": closed and closed.next,
        "students": answered.students,
        "position": answered.position,
    }


# -- inside


def _found(listed: Iterable[Listed], position: int) -> FoundMany:
    """The records of cases, each once. One whose student may not be told of stands for itself."""
    names = {named.record: named.student_id or named.record for one in listed for named in one.names.values()}
    return FoundMany(list(names), position, children=list(names.values()), reached=position)


def _part_told(part: Part) -> dict[str, Any]:
    return {
        **_place_told(part.place),
        "names": part.names,
        "due_on": part.asked.steps[part.step].due_on,
        "overdue": part.overdue,
        "answered": part.answer is not None,
    }


def _place_told(where: Place) -> dict[str, Any]:
    return {"state": where.state, "level": where.level, "region": where.region, "district": where.district}


def _answer_told(answer: CaseAnswered) -> dict[str, Any]:
    return {
        "answer": "yes" if answer.yes else "no",
        "by": answer.by,
        "reason": answer.reason,
        "place": answer.place and _place_told(answer.place),
    }


def _named_told(named: Named) -> dict[str, Any]:
    return named._asdict()


def _why_told(decision: Decision | None) -> dict[str, Any]:
    """What a policy found: what the two agree in, by field, and what kept it from linking them. Nothing else of a
    question that a person put."""
    if decision is None:
        return {}
    return {"levels": dict(decision.levels), "guards": {code: GUARDS.get(code, code) for code in decision.guards}}


def _proposal_told(proposal: Proposal) -> dict[str, Any]:
    """As whoever proposed it would say it: students by their ids, records by their uuids."""
    match proposal:
        case Link():
            return {"record": proposal.record.record, "policy": proposal.policy, **_why_told(proposal.decision)}
        case Merge():
            ids = (proposal.left.student_id, proposal.right.student_id, proposal.master.student_id)
            return dict(zip(("left", "right", "master"), ids, strict=True))
        case Split():
            return {"groups": [[anchor.record for anchor in group] for group in proposal.groups]}
        case Reversal():
            return {"act": proposal.act, "reverses": proposal.reverses}
        case Residue():
            return {"act": proposal.act, "reversal": proposal.reversal}
        case Doubtful():
            return {"act": proposal.act, "position": proposal.position}
        case Changed():
            return {"position": proposal.position}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
