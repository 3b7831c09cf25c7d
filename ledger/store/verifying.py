"""Verifies the store where it lies: both logs, what was signed of them, and every guard that a decision rests on.

There are two verdicts, as for a bundle (``ledger.proofs.verify``): all that is told is proven, or the first thing that
is wrong. Whatever a superuser, a damaged disk or a forger left behind is a doubt; none of it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import psycopg

from ledger.errors import LedgerError
from ledger.proofs.doubt import Doubt
from ledger.proofs.verify import Verdict
from ledger.store.database import Database, Role, translate
from ledger.store.doctor import Examined
from ledger.store.gone_keys import GoneKeys
from ledger.store.outside import Outside, receipts_of
from ledger.store.proof_store import ProofStore
from ledger.store.vault import Vault
from ledger.store.verifying_log import Proven, verify_log

Progress = Callable[[str, int, int], None]
"""The log, how many events of it have gone by, and how many there are."""


class Given(NamedTuple):
    """What verifying takes. outside: by log, in the order in which they are verified. receipts: notes that were kept,
    of any of them. guards: examines the guards, a finding each."""

    outside: Mapping[str, Outside]
    receipts: Sequence[bytes]
    guards: Callable[[], Sequence[Examined]]


def verify_store(database: Database, vault: Vault, given: Given, progress: Progress = lambda *_: None) -> Verdict:
    """The verdict on a store. Each log is read in one snapshot, as the projector; a service may go on beside it."""
    proven: list[str] = []
    unproven: list[str] = []
    try:
        gone = GoneKeys()
        for log, outside in receipts_of(given.receipts, given.outside).items():
            told = _log(database, vault, log, outside, gone, progress)
            proven += [f"{log}: {line}" for line in told.proven]
            unproven += [f"{log}: {line}" for line in told.unproven]
        with (
            database.connect(Role.PROJECTOR, name="sojourn verify") as conn,
            database.connect(Role.PROJECTOR, name="sojourn verify") as beside,
        ):
            if count := gone.must_be_told_of(conn, beside, vault):
                proven.append(f"keys: {count} are gone, and events say of each that it was destroyed.")
        for one in _guards(given.guards()):
            (proven if one.ok else unproven).append(f"guards: {one.what}")
    except Doubt as doubt:
        return Verdict((), (), doubt)
    except LedgerError as error:
        return Verdict((), (), Doubt(f"It cannot be read to its end. {error.what}"))
    except psycopg.Error as error:
        ours = translate(error)
        why = f"PostgreSQL says {error.sqlstate or type(error).__name__}." if ours is None else ours.what
        return Verdict((), (), Doubt(f"It cannot be read to its end. {why}"))
    except Exception as error:
        # Everything: whatever a changed row, or a mistake of ours, still brings about is a doubt, never a stack trace.
        return Verdict((), (), Doubt(f"It cannot be read to its end ({type(error).__name__})."))
    return Verdict(tuple(proven), tuple(unproven))


def _log(database: Database, vault: Vault, log: str, outside: Outside, gone: GoneKeys, progress: Progress) -> Proven:
    try:
        with ExitStack() as stack:
            proofs = stack.enter_context(ProofStore(database, log))
            conn, beside = (
                stack.enter_context(database.connect(Role.PROJECTOR, name="sojourn verify")) for _ in range(2)
            )
            return verify_log(
                conn, beside, log, vault, proofs, outside, lambda done, total: progress(log, done, total), gone
            )
    except Doubt as doubt:
        told = Doubt(
            f"In the {log} log: {doubt.what}",
            position=doubt.position,
            event=doubt.event,
            expected=doubt.expected,
            found=doubt.found,
        )
        raise told from None


def _guards(examined: Sequence[Examined]) -> Iterator[Examined]:
    """What holds, and what is only told. Raises Doubt at the first that does not hold."""
    for one in examined:
        if one.ok is False:
            raise Doubt(f"The events stand, and what follows from them does not ({one.name}): {one.what}")
        yield one
