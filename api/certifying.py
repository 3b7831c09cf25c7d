"""A certificate of disposal as it is handed out: what the log says, the events that say it, and their proofs.

Invariant: every event of the disposal is proven against one checkpoint, or none is: the certificate then says that it
has no proofs yet. What is handed out with its proofs is what ``sojourn verify`` asks for, and needs no database.
"""

from __future__ import annotations

import asyncio

from psycopg_pool import AsyncConnectionPool

from api import proving
from api.proving import Asking, asked_over, inclusions
from api.retaining import must_hold_some
from api.services import Services
from ledger.application import Ledger
from ledger.errors import NotFound
from ledger.proofs.writing import Shown
from ledger.retention.certificate import Certificate, Inclusion, excerpt, with_proofs


async def certificate_of(services: Services, disposal: str, state: str | None) -> Certificate:
    """state: whose lines alone are told, None for all of them. Raises NotFound, DisposalIsClosed, LogBroken,
    StoreUnavailable."""
    if state is None:
        return await certified(services.ledger, services.reads, disposal)
    known = await asyncio.to_thread(services.ledger.disposals.known, disposal)
    must_hold_some(known, state)
    made = await certified(services.ledger, services.reads, disposal)
    return excerpt(made, known.disposal.proposed, state)


async def certified(ledger: Ledger, reads: AsyncConnectionPool, disposal: str) -> Certificate:
    """As ``certificate_of``. reads: connections of the reader's."""
    known = await asyncio.to_thread(ledger.disposals.certificate, disposal)

    async def proven(asking: Asking) -> Certificate:
        found = await inclusions(asking, known.positions)
        note = found[0].note
        assert note is not None, "the latest checkpoint was signed"
        events = await asyncio.to_thread(ledger.disposals.certificates.evidence, known)
        proofs = [
            _inclusion(position, one, events[position]) for position, one in zip(known.positions, found, strict=True)
        ]
        return with_proofs(known, note.decode(), proofs)

    try:
        return await asked_over(reads, "ledger", proven)
    except NotFound:
        return known  # no checkpoint covers all of it yet


def _inclusion(position: int, proven: proving.Inclusion, said: Shown) -> Inclusion:
    entry, ciphertext, key = said
    assert key is not None, "the ledger's own key is never destroyed"
    return Inclusion(
        position=position,
        leaf=proven.leaf.hex(),
        path=[path.hex() for path in proven.hashes],
        entry=entry.hex(),
        ciphertext=ciphertext.hex(),
        key=key.hex(),
    )
