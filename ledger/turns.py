"""One turn of somebody: decided on what there is, written where nothing of that has moved, else decided anew.

Invariant: what was decided and what is answered to the key of a request are one append; so the same request again is
told what it was told, and a refusal is an answer too. Knows neither what is decided nor why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ledger.errors import Conflict, Forbidden, NotFound, Refused, StaleDecision
from ledger.events import Meta
from ledger.replay import RequestKey, kept_answer, raise_if_refused, refused_answer
from ledger.store.append import Append, Expected, HoldStanding, Part, Receipt
from ledger.store.log import Log

ATTEMPTS_MAX: Final = 20
"""How often it is decided anew before its sender is told that others are faster."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided. parts: events, and streams in which nothing may have been said since; none where it says what
    holds. ids: what is told of it. holds, rows: as in ``Append``. expects: what a disposal was decided on; None
    of any other turn."""

    ids: dict[str, object]
    parts: Sequence[Part] = ()
    holds: Sequence[HoldStanding] = ()
    rows: dict[bytes, bytes] = {}
    expects: Expected | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is durable. ids: as it was told first. position: of its last event, or the log's head where it wrote
    none. moved: whether anything was written."""

    ids: dict[str, object]
    position: int
    moved: bool = True
    replayed: bool = False


def take_turn(
    log: Log, decide: Callable[[], Turn], meta: Meta, request: RequestKey | None, *, status: int = 200
) -> Taken:
    """Decide and wait until it is durable. decide: reads and decides, as often as others are faster. status: of HTTP.

    Raises what ``decide`` raises, IdempotencyKeyReused, StaleDecision (others were faster twenty times),
    StoreUnavailable, OutcomeUnknown.
    """
    for _ in range(ATTEMPTS_MAX):
        try:
            turn = decide()
        except StaleDecision:
            continue
        except (Refused, NotFound, Conflict, Forbidden) as refusal:
            answer = refused_answer(request, refusal)
            if answer is not None:
                receipt = log.append(Append(parts=[], meta=meta, answer=answer))
                if receipt.replayed:
                    return _again(receipt)
            raise
        moved = any(part.events for part in turn.parts)
        answer = kept_answer(request, status, {**turn.ids, "moved": moved})
        if not moved and answer is None:
            return Taken(ids=turn.ids, position=log.head(), moved=False)
        append = Append(parts=turn.parts, meta=meta, answer=answer, holds=turn.holds, rows=turn.rows)
        disposes = moved and turn.expects is not None
        try:
            receipt = log.dispose(append, turn.expects) if disposes else log.append(append)
        except StaleDecision:
            continue
        return _again(receipt) if receipt.replayed else Taken(ids=turn.ids, position=receipt.position, moved=moved)
    raise StaleDecision("Others were faster each time it was decided upon.", remedy="Send it again.")


def _again(receipt: Receipt) -> Taken:
    """The first answer to a key. Raises the refusal that it was."""
    assert receipt.answer is not None
    raise_if_refused(receipt.answer)
    ids = {name: value for name, value in receipt.answer.ids.items() if name != "moved"}
    return Taken(ids=ids, position=receipt.position, moved=receipt.answer.ids["moved"] is True, replayed=True)
