"""What stops a disposal as things stand, in the reader's words: held, not due, gone, or no longer as it was proposed.

Invariant: it says what ``ledger.retention.obstacles`` has found, so that nobody presses a button in vain; whether a
disposal is refused is decided there again, by what the transaction finds. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from api.console.retention_words import CHANGES, kept_because
from api.console.words import N_
from ledger.errors import UnderHold
from ledger.retention.due import Kept
from ledger.retention.holds import Holding
from ledger.retention.obstacles import Obstacle, Present

Say = Callable[[str], str]

HELD: Final = N_("held by")
GONE: Final = N_("it is gone already")
NOT_YET: Final = N_("not due yet")
NOT_BEFORE: Final = N_("not due before {day}")
CHANGED: Final = N_("no longer as it was proposed: {what}")


class InTheWay(NamedTuple):
    """One record or account that stops it. why: in the reader's words. held: by what, where that is why."""

    subject: str
    why: str
    held: Sequence[Holding] = ()


def in_words(
    obstacles: Sequence[Obstacle], found: Sequence[Present], say: Say, day: Callable[[date], str]
) -> list[InTheWay]:
    """found: every record or account that an obstacle names, as it is now."""
    there = {one.subject.id: one for one in found}
    return [_one(kind is UnderHold, told, there[told["subject"]], say, day) for kind, told in obstacles]


def _one(held: bool, told: Mapping[str, Any], one: Present, say: Say, day: Callable[[date], str]) -> InTheWay:
    subject = one.subject.id
    if held:
        return InTheWay(subject, say(HELD), one.held)
    if one.scope is None:
        return InTheWay(subject, say(GONE))
    if isinstance(one.due, Kept):
        return InTheWay(subject, kept_because(one.due, say))
    if "changed" not in told:
        return InTheWay(subject, say(NOT_BEFORE).format(day=day(one.due.on)) if one.due.tells else say(NOT_YET))
    what = ", ".join(say(CHANGES.get(name, name)) for name in told["changed"])
    return InTheWay(subject, say(CHANGED).format(what=what))
