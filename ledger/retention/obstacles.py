"""What is in the way of a disposal: what is held, not due, gone, or no longer as it was proposed.

Invariant: a disposal is refused whole, and the refusal names each record or account that is in the way, by its id and
with why: so that whoever proposes anew leaves out just those. Of holds and cases the ids alone are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from ledger.errors import LedgerError, NotDue, ScopeChanged, UnderHold
from ledger.events.retention import Item, Scope
from ledger.retention.days import Subject
from ledger.retention.due import Due, Kept
from ledger.retention.holds import Holding
from ledger.retention.scope import changes

NOT_YET: Final = "not-yet"
"""Why something does not go that a schedule lets go later."""

Obstacle = tuple[type[LedgerError], dict[str, Any]]
"""The error that it comes to, and what is told of one subject."""


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """One record or account as it is now. scope: of the class that is to go, None where it is gone already. due: when,
    or why not. held: by what."""

    subject: Subject
    scope: Scope | None
    due: Due | Kept
    held: Sequence[Holding] = ()


def to_proposing(found: Sequence[Present]) -> list[Obstacle]:
    """All that keeps these from being proposed."""
    return [*held(found), *not_due(found), *gone(found)]


def to_approving(pairs: Iterable[tuple[Item, Present]]) -> list[Obstacle]:
    """All that keeps these, as they were proposed and as they are now, from going. What is gone already is in nobody's
    way."""
    left = [(item, one) for item, one in pairs if one.scope is not None]
    there = [one for _, one in left]
    return [*held(there), *not_due(there), *changed(left)]


def held(found: Iterable[Present]) -> Iterator[Obstacle]:
    """What is under a hold."""
    for one in found:
        if one.held:
            yield UnderHold, {"subject": one.subject.id, "held_by": [_named(held) for held in one.held]}


def not_due(found: Iterable[Present]) -> Iterator[Obstacle]:
    """What no schedule lets go, or not yet."""
    for one in found:
        if isinstance(one.due, Kept):
            yield NotDue, {"subject": one.subject.id, "why": one.due.why}
        elif one.due.on > one.subject.today:
            day = {"due_on": one.due.on.isoformat()} if one.due.tells else {}
            yield NotDue, {"subject": one.subject.id, "why": NOT_YET, **day}


def gone(found: Iterable[Present]) -> Iterator[Obstacle]:
    """What there is no more."""
    return ((ScopeChanged, {"subject": one.subject.id, "changed": ["keys"]}) for one in found if one.scope is None)


def changed(pairs: Iterable[tuple[Item, Present]]) -> Iterator[Obstacle]:
    """What has other facts, keys, papers, cases or records beside it than it was proposed with, or another schedule."""
    for item, one in pairs:
        assert one.scope is not None
        differs = changes(item.scope, one.scope)
        if isinstance(one.due, Due) and one.due.schedule != item.schedule:
            differs.append("schedule")
        if differs:
            yield ScopeChanged, {"subject": one.subject.id, "changed": differs}


def _named(held: Holding) -> str:
    return f"{held.kind} {held.id}" + (f" through case {held.through}" if held.through else "")


def raise_for(obstacles: Sequence[Obstacle]) -> None:
    """Raise the first kind of obstacle that there is, with each item that it is in the way of."""
    if not obstacles:
        return
    kind = obstacles[0][0]
    items = [told for error, told in obstacles if error is kind]
    what, remedy = _WORDS[kind]
    error = kind(what, remedy=remedy)
    error.members = {"items": items}
    raise error


_WORDS: Final[dict[type[LedgerError], tuple[str, str]]] = {
    UnderHold: (
        "Something keeps what is to be destroyed.",
        "Leave out what is held, or release the hold; an open case or request holds until it is settled.",
    ),
    NotDue: (
        "Not all of it is due.",
        "Leave out what no schedule lets go yet; the list of what is due has the others.",
    ),
    ScopeChanged: (
        "Not all of it is as it was when it was proposed.",
        "Take it back, look at what is there now, and propose that.",
    ),
}
