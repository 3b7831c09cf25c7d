"""What is kept of an answer to a request with an ``Idempotency-Key``, so that it can be given again.

Invariant: a refusal is an answer too, and is kept as our own words about it, which hold nothing of a child; of what
was sent there is a keyed hash, and what the header of a file says where that is refused. Knows no command and no HTTP.
"""

from __future__ import annotations

import msgspec

from ledger import errors
from ledger.errors import Leased, LedgerError
from ledger.store.append import Answer


class RequestKey(msgspec.Struct, frozen=True, kw_only=True):
    """An ``Idempotency-Key``: who sent it, the key, and a keyed hash of what it was sent with."""

    scope: str
    key: str
    body_hash: bytes


def kept_answer(request: RequestKey | None, status: int, ids: dict[str, object]) -> Answer | None:
    """An answer as it is kept; None where no key came. status: of HTTP. ids: what was made."""
    if request is None:
        return None
    return Answer(scope=request.scope, key=request.key, request_hash=request.body_hash, status=status, ids=ids)


def refused_answer(request: RequestKey | None, refusal: LedgerError) -> Answer | None:
    """A refusal as it is kept; None where no key came, or where it passes by itself: a lease ends within the hours that
    a key outlives."""
    if isinstance(refusal, Leased):
        return None
    ids: dict[str, object] = {
        "refused": refusal.code,
        "what": refusal.what,
        "remedy": refusal.remedy,
        "element": refusal.element,
        "rule": getattr(refusal, "rule", None),
    }
    places = ("place", "row", "table", "asked_for")
    where = {name: value for name in places if (value := getattr(refusal, name, None)) is not None}
    # Which records are in the way, by ids and codes: without that a replay would not say what to leave out.
    items = {"items": refusal.members["items"]} if refusal.members and "items" in refusal.members else {}
    return kept_answer(request, 0, {**ids, **where, **items})


def raise_if_refused(answer: Answer) -> None:
    """Raises the refusal that was the first answer, if it was one."""
    ids = answer.ids
    if "refused" in ids:
        error = errors.again(
            str(ids["refused"]),
            str(ids["what"]),
            str(ids["remedy"]),
            ids.get("element"),
            ids.get("rule"),
            ids.get("place"),
            ids.get("row"),
            ids.get("table"),
        )
        if "items" in ids:
            error.members = {"items": ids["items"]}
        if "asked_for" in ids:
            error.asked_for = str(ids["asked_for"])
        raise error
