"""A disposal: exactly these, proposed by one, approved by another, all of it or nothing. State, evolve, decide, fold.

Invariant: a key goes only if it was proposed, is due on the day that it is approved, is held by nothing, and if what it
seals is still exactly what was there when it was proposed. Approving is destroying: what is decided here is written in
the transaction that deletes the keys, from what that transaction finds. Nothing is approved in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from ledger.errors import BadValue, DisposalIsClosed, Forbidden, LogBroken, NotFound, OwnProposal
from ledger.events.base import Event
from ledger.events.retention import (
    DisposalApproved,
    DisposalProposed,
    DisposalRefused,
    DisposalWithdrawn,
    Item,
    KeyDestroyed,
)
from ledger.persons import same_person
from ledger.retention import obstacles
from ledger.retention.due import Due
from ledger.retention.obstacles import Present
from ledger.retention.schedules import ACCESS

ITEMS_MAX: Final = 500
"""Records or accounts of one disposal: what one transaction takes, and one person can answer for."""
_NAME: Final = "Name 1 to 500 records or accounts, each once."
assert str(ITEMS_MAX) in _NAME
REASON_MAX: Final = 2000
_SAY_WHY: Final = "Say why, in at most 2000 characters."
assert str(REASON_MAX) in _SAY_WHY

PROPOSED, DONE, REFUSED, WITHDRAWN = "proposed", "done", "refused", "withdrawn"


class Disposal(msgspec.Struct, frozen=True, kw_only=True):
    """A disposal as its events leave it. status: one of the four above. version: events in its stream."""

    proposed: DisposalProposed
    status: str = PROPOSED
    version: int = 1


class ProposeDisposal(msgspec.Struct, frozen=True, kw_only=True):
    disposal: str
    by: str
    found: Sequence[Present]


class ApproveDisposal(msgspec.Struct, frozen=True, kw_only=True):
    """found: the items in their order, as the transaction that destroys them finds them. released: who has released
    another's hold on any of it since it was proposed. backup_days: for how many days backups are kept; None where
    nobody has said."""

    by: str
    found: Sequence[Present]
    released: Sequence[str] = ()
    backup_days: int | None = None


class RefuseDisposal(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    reason: str


class WithdrawDisposal(msgspec.Struct, frozen=True, kw_only=True):
    by: str


Command = ProposeDisposal | ApproveDisposal | RefuseDisposal | WithdrawDisposal


# -- evolve and fold


def evolve(disposal: Disposal | None, event: Event) -> Disposal:
    """The disposal after an event of its stream. Raises LogBroken."""
    if disposal is None and isinstance(event, DisposalProposed):
        return Disposal(proposed=event)
    status = _STATUS.get(type(event))
    if disposal is None or status is None:
        raise LogBroken(f"A disposal's stream goes on with {event.topic}.")
    return replace(disposal, status=status, version=disposal.version + 1)


def fold(events: Iterable[Event], disposal: Disposal | None = None) -> Disposal | None:
    """The disposal after events; None where there are none. Raises LogBroken."""
    for event in events:
        disposal = evolve(disposal, event)
    return disposal


def unfit(by: str, proposed_by: str, released: Sequence[str]) -> OwnProposal | None:
    """Why somebody is not the one who approves what was proposed; None where he may be. released: who has released
    another's hold on any of it since."""
    # Else one of the two who are to agree could have done away alone with what a third had put in their way.
    if any(same_person(proposed_by, one) for one in released):
        return OwnProposal(
            "Whoever proposed this has released another's hold on it since.",
            remedy="Withdraw it; another person proposes it anew.",
        )
    if same_person(by, proposed_by):
        return OwnProposal("Whoever proposed this does not approve it.", remedy="Another person must.")
    if any(same_person(by, one) for one in released):
        return OwnProposal(
            "You have released another's hold on this since it was proposed.",
            remedy="Another person must, who has not.",
        )
    return None


def destroyed_by(approved: Sequence[Event]) -> Iterator[KeyDestroyed]:
    """Of the events of an approval those that stand in the streams of what went, not in the disposal's."""
    return (event for event in approved if isinstance(event, KeyDestroyed))


# -- decide


def decide(command: Command, disposal: Disposal | None) -> list[Event]:
    """The events of a command; none where it says what holds: what is done is not done twice.

    Raises NotFound, Forbidden, OwnProposal, DisposalIsClosed, BadValue (rule ``items`` or ``reason``), UnderHold,
    NotDue and ScopeChanged; the last three name each item that is in the way, with its id and why.
    """
    if isinstance(command, ProposeDisposal):
        return _proposed(command, disposal)
    if disposal is None:
        raise NotFound("There is no such disposal.", remedy="See the list of disposals.")
    match command:
        case ApproveDisposal():
            return _approved(command, disposal)
        case RefuseDisposal():
            return _refused(command, disposal)
        case WithdrawDisposal():
            if not same_person(command.by, disposal.proposed.by):
                raise Forbidden("Only who proposed it takes it back.", remedy="Refuse it, with a reason.")
            if _closed_as(WITHDRAWN, disposal):
                return []
            return [DisposalWithdrawn(disposal=disposal.proposed.disposal, by=command.by)]


def _proposed(command: ProposeDisposal, disposal: Disposal | None) -> list[Event]:
    subjects = [one.subject.id for one in command.found]
    if not 1 <= len(subjects) <= ITEMS_MAX or len(set(subjects)) < len(subjects):
        raise BadValue(
            "These cannot be one disposal.",
            rule="items",
            element="items",
            place="/items",
            remedy=_NAME,
        )
    found = command.found
    obstacles.raise_for(obstacles.to_proposing(found))
    items = [
        Item(scope=one.scope, schedule=one.due.schedule)
        for one in command.found
        if one.scope is not None and isinstance(one.due, Due)
    ]
    said = DisposalProposed(disposal=command.disposal, items=items, by=command.by)
    if disposal is None:
        return [said]
    if disposal.proposed == said:
        return []
    raise DisposalIsClosed("There is another disposal of this id.", remedy="Propose it under an id of its own.")


def _approved(command: ApproveDisposal, disposal: Disposal) -> list[Event]:
    proposed = disposal.proposed
    if _closed_as(DONE, disposal):
        return []
    if (why := unfit(command.by, proposed.by, command.released)) is not None:
        raise why
    pairs = list(zip(proposed.items, command.found, strict=True))
    assert all(item.scope.subject == one.subject.id for item, one in pairs), "the items are looked at in their order"
    obstacles.raise_for(obstacles.to_approving(pairs))
    gone = [item.scope.subject for item, one in pairs if one.scope is None]
    approved = DisposalApproved(disposal=proposed.disposal, by=command.by, gone=gone, backup_days=command.backup_days)
    return [approved, *(_destroyed(item, proposed.disposal) for item, one in pairs if one.scope is not None)]


def _refused(command: RefuseDisposal, disposal: Disposal) -> list[Event]:
    if same_person(command.by, disposal.proposed.by):
        raise OwnProposal("Whoever proposed this takes it back.", remedy="Withdraw it.")
    words = command.reason.strip()
    if not words or len(words) > REASON_MAX:
        raise BadValue(
            "A reason is wanted.",
            rule="reason",
            element="reason",
            place="/reason",
            remedy=_SAY_WHY,
        )
    if _closed_as(REFUSED, disposal):
        return []
    return [DisposalRefused(disposal=disposal.proposed.disposal, by=command.by, reason=words)]


def _closed_as(status: str, disposal: Disposal) -> bool:
    """Whether that is done already. Raises DisposalIsClosed where something else is."""
    if disposal.status in (PROPOSED, status):
        return disposal.status == status
    raise DisposalIsClosed(_CLOSED[disposal.status], remedy="Propose what is due anew.")


def _destroyed(item: Item, disposal: str) -> KeyDestroyed:
    scope = item.scope
    of_account = scope.record_class == ACCESS
    return KeyDestroyed(
        key_ids=[key.id for key in scope.keys],
        schedule=item.schedule,
        record=None if of_account else scope.subject,
        account=scope.subject if of_account else None,
        student_id=scope.student_id,
        state=scope.state,
        record_class=scope.record_class,
        disposal=disposal,
        cases=scope.cases,
    )


_CLOSED: Final = {
    DONE: "The disposal is done.",
    REFUSED: "The disposal is refused.",
    WITHDRAWN: "The disposal is withdrawn.",
}
_STATUS: Final[dict[type[Event], str]] = {
    DisposalApproved: DONE,
    DisposalRefused: REFUSED,
    DisposalWithdrawn: WITHDRAWN,
}
