"""What an answer has come to, told on the page that comes next: what is in effect, how to take it back, whom it waits
for.

Invariant: it tells ids and days, and nothing of a child; and of a case only to whom it lies with. Of a blind check it
says that the answer is kept and no more, whatever came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from api.console.questions import MOOT, QUESTIONS
from api.console.visits import Visit
from api.named import case_named
from api.offices import office_of
from ledger.cases import Case, judged_blind, must_lie_with
from ledger.errors import LedgerError


class Waits(NamedTuple):
    """A state that has yet to answer. level: of its office before which it lies. due_on: its last day there."""

    state: str
    level: str
    due_on: str


class Done(NamedTuple):
    """A case that was just answered. says: what it came to; empty where it waits for others. why: of one that was
    overtaken. act, declaration: that came of it, which can be taken back. next: the case that goes on. waits: whom it,
    or the one that goes on, waits for."""

    case: str
    says: str
    why: str
    act: str | None
    declaration: str | None
    next: str | None
    waits: Sequence[Waits]


async def done_told(here: Visit, case: str | None) -> Done | None:
    """None where no case is named, or it is none that whoever looks may be told of."""
    if case is None or here.principal is None or not here.may("case.read"):
        return None
    try:
        return await asyncio.to_thread(_told, here, case_named(case))
    except LedgerError:  # what was done is done; only the line that says so is left out
        return None


def waits_of(case: Case) -> list[Waits]:
    """Whom an open case waits for."""
    if case.closed is not None:
        return []
    return [
        Waits(state, part.place.level, part.asked.steps[part.step].due_on) for state, part in case.unanswered().items()
    ]


# -- inside


def _told(here: Visit, case: str) -> Done:
    casework = here.services.ledger.casework
    known = casework.case(case)
    must_lie_with(office_of(here.signed_in), known)
    question, closed = QUESTIONS[known.kind], known.closed
    if judged_blind(known.opened):
        return Done(case, question.yes.done, "", None, None, None, ())
    if closed is None:
        return Done(case, "", "", None, None, None, waits_of(known))
    if closed.outcome == "overtaken":
        return Done(case, "", MOOT.get(closed.code or "", ""), None, None, None, ())
    answer = question.yes if closed.outcome == "settled" else question.no
    waits = waits_of(casework.case(closed.next)) if closed.next is not None else []
    apart = closed.outcome == "rejected" and known.kind in ("near-match", "validate-near-match")
    says = "" if closed.next is not None and closed.act is None else answer.done
    act, declaration = (None, closed.act) if apart else (closed.act, None)
    return Done(case, says, "", act, declaration, closed.next, waits)
