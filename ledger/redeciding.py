"""A decision of the matcher made once more, from the log alone, to hold it against what was written.

Invariant: of what was written only its references are taken over: the policy by its publication, the position, the size
and the names of the records. Everything else is found again, bit for bit, or the decision is not what it says.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.cases import fold
from ledger.errors import NotFound, RecordDestroyed, Refused
from ledger.events.case import Link
from ledger.events.linkage import Decision, RecordLinked
from ledger.identities import people_of
from ledger.matcher import decision_of
from ledger.matching.decision import assess
from ledger.matching.group import Found
from ledger.matching.person import VERSION, Person
from ledger.matching.policy import Scale
from ledger.policies import Policies, Published
from ledger.store.log import Log


def decided_again(log: Log, policies: Policies, decision: Decision) -> Decision:
    """What the named policy finds of the named records, as they stood when it was decided. The students that came near
    too (``others``) are taken over as they were written.

    Raises:
        NotFound: nothing was published at that position.
        RecordDestroyed: a record that it names can no longer be read, or had said nothing by then.
        Refused: the policy was trained by a release that prepares names otherwise.
    """
    published = _published(policies, decision.published)
    policy = published.policy
    if policy.code != VERSION:
        raise Refused(
            f"Policy {policy.version} was trained by a release that prepares names otherwise.",
            remedy="Use that release to find the decision again.",
        )
    named = (*decision.left, *decision.right, *decision.twins, *decision.rivals)
    people = people_of(log, named, policy.roles, decision.read)

    def those(records: list[str]) -> list[Person]:
        return [_known(people, record) for record in records]

    assessed = assess(
        Scale(policy, decision.size),
        those(decision.left),
        those(decision.right),
        those(decision.twins),
        those(decision.rivals),
    )
    at, to = assessed.best
    found = Found(
        record=decision.left[at],
        member=decision.right[to],
        assessed=assessed,
        left=tuple(decision.left),
        right=tuple(decision.right),
        twins=tuple(decision.twins),
        rivals=tuple(decision.rivals),
    )
    return decision_of(published, decision.read, decision.size, found, decision.others)


def decision_of_act(log: Log, act: str) -> Decision:
    """The decision that an act carries. Raises NotFound, and Refused where no policy decided it."""
    for recorded in log.read_stream(f"linkage/{act.partition('-')[0]}"):
        event = recorded.event
        if getattr(event, "act", None) != act:
            continue
        if isinstance(event, RecordLinked) and event.decision is not None:
            return event.decision
        raise Refused(
            f"Act {act} was not decided by a policy.", remedy="Its history says who did it: `sojourn history`."
        )
    raise NotFound(f"There is no act {act}.", remedy="See the history of either student: it has the ids.")


def decision_of_case(log: Log, case: str) -> Decision:
    """The decision by which a near match was put before people, by the case's uuid. Raises NotFound, and Refused where
    no policy opened it, or it is answered blind and open still."""
    case_now = fold(recorded.event for recorded in log.read_stream(f"case/{case}"))
    if case_now is None:
        raise NotFound(f"There is no case {case}.", remedy="See the worklist.")
    if case_now.blind:
        raise Refused(
            f"Case {case} is answered without knowing what the matcher found.", remedy="Ask again when it is closed."
        )
    proposal = case_now.opened.proposal
    if not isinstance(proposal, Link) or proposal.decision is None:
        raise Refused(f"Case {case} was not opened by a policy.", remedy="`sojourn worklist` shows what it is about.")
    return proposal.decision


def first_difference(written: Decision, again: Decision) -> str | None:
    """The first field in which two decisions differ; None where they are the same."""
    for name in Decision.__struct_fields__:
        if getattr(written, name) != getattr(again, name):
            return name
    return None


def _published(policies: Policies, position: int) -> Published:
    found = policies.published(position)
    if found is None or found.position != position:
        raise NotFound(f"No policy was published at position {position}.", remedy="Run `sojourn doctor`.")
    return found


def _known(people: Mapping[str, Person], record: str) -> Person:
    if record not in people:
        raise RecordDestroyed(
            f"Record {record} can no longer be read as it was when this was decided.",
            remedy="What was destroyed cannot be decided anew; the decision stands as it was written.",
        )
    return people[record]
