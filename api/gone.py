"""What is answered instead where nothing was found of a student of whom all that there was is gone.

Invariant: it is looked for only where somebody may read of every state's children, or hold their records, and was told
that there is nobody; so who may not learns nothing of whether a child was here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ledger.application import Ledger
from ledger.errors import Gone, LedgerError, ProjectionBehind


async def or_gone(ledger: Ledger, error: LedgerError) -> LedgerError:
    """The error, or that the student is gone. Raises StoreUnavailable."""
    if error.asked_for is None:
        return error
    gone = await asyncio.to_thread(ledger.gone, error.asked_for)
    if gone is None:
        return _left(error)
    gone.replayed = error.replayed
    return gone


@contextmanager
def telling_gone(ledger: Ledger) -> Iterator[None]:
    """As ``or_gone``, for a command."""
    try:
        yield
    except LedgerError as error:
        raise (ledger.gone(error.asked_for) if error.asked_for is not None else None) or _left(error) from None


def _left(error: LedgerError) -> LedgerError:
    """The error, of a student of whom something is left: that one of her records is gone is no answer about her."""
    if isinstance(error, Gone):
        return ProjectionBehind("What is left of the student is not there to be read yet.", remedy=error.remedy)
    return error
