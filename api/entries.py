"""Entries of the access log: how what is shown, or refused, is written down before anything leaves.

Invariant: what is written together is durable together, under one request; and no entry is larger than can be sealed
and read back at ease: of a long list there are several, each of ``RECORDS_MAX`` records at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from api.principal import Principal, refuse, who
from ledger import telemetry
from ledger.access import RULES, Decision, Subject, decide
from ledger.errors import Gone, StaleDecision
from ledger.events import Event, Meta
from ledger.events.disclosure import RECORDS_MAX, BulkDisclosed, DisclosureRefused, SearchDisclosed
from ledger.store import faults
from ledger.store.append import Append, Part
from ledger.store.log import Log
from ledger.store.vault import LEDGER

SHOWING: Final = frozenset(rule.action for rule in RULES if rule.purpose)
"""Actions that show children."""


async def allowed(
    principal: Principal,
    purpose: str | None,
    action: str,
    subject: Subject,
    view: str,
    *,
    access: Log,
    request_id: str,
    student_id: str = "",
) -> Decision:
    """What the policy lets a principal do. A refusal has its entry first, for each record of the subject.

    view: as recorded. student_id: that was asked for. Raises Forbidden, OtherState; StoreUnavailable.
    """
    decision = decide(who(principal), action, subject)
    if not decision.allowed:
        told = refused(principal, purpose, decision.rule, view, student_id)
        try:
            await make_durable(access, of_each(list(subject.records or ()), told, request_id), principal, request_id)
        except Gone:
            await make_durable(access, of_each([], told, request_id), principal, request_id)
        refuse(decision)
    return decision


def refused(principal: Principal, purpose: str | None, rule: str, view: str, student_id: str = "") -> DisclosureRefused:
    """What is said of a refusal. It has no ground, and no purpose but the one that was named."""
    return DisclosureRefused(
        student_id=student_id,
        view=view,
        role=principal.role,
        organisation=principal.organisation,
        purpose=purpose or "",
        basis="",
        rule=rule,
        own_state=principal.state,
    )


def of_each(records: Sequence[str], told: Event, request_id: str) -> list[Part]:
    """One entry for each record; one by the request, where no record is known."""
    if not records:
        return [Part(stream=f"request/{request_id}", subject=LEDGER[0], expected=None, events=[told])]
    return [Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[told]) for record in records]


def of_many(told: BulkDisclosed | SearchDisclosed, request_id: str) -> Part:
    """One entry that names all records, or as many as a long list takes."""
    starts = range(0, len(told.records), RECORDS_MAX) or (0,)
    events = [
        told
        if len(told.records) <= RECORDS_MAX
        else replace(
            told,
            records=told.records[start : start + RECORDS_MAX],
            children=told.children[start : start + RECORDS_MAX],
        )
        for start in starts
    ]
    return Part(stream=f"request/{request_id}", subject=LEDGER[0], expected=None, events=events)


async def make_durable(access: Log, parts: Sequence[Part], principal: Principal, request_id: str) -> int:
    """Append entries, each at the end of its own stream; the position of the last. Raises StoreUnavailable, and Gone
    where a record that they name was destroyed: then none is written, and nothing may leave."""
    started = time.perf_counter()
    append = Append(parts=parts, meta=Meta(actor=principal.name, request=request_id))
    # The keys of records shown before are at hand; a record's first entry asks the vault, in a thread.
    with telemetry.DISCLOSURE_FAILURES.count_exceptions():
        try:
            sealed = access.seal_cached(append) or await asyncio.to_thread(access.seal, append)
            # Nothing is durable, and nothing has left: who is cut off here was shown nothing.
            faults.point("disclosure.before-entry")
            receipt = await access.sequencer.submit_async(sealed)
        except StaleDecision:
            # Entries go to the end of whatever stands there: only what is gone keeps them out.
            raise Gone("It was destroyed while this was answered.", remedy="Ask again for what is left.") from None
    # From here the entries survive a crash; until here nothing has left. A crash here leaves entries of what nobody
    # was shown, never the reverse.
    faults.point("disclosure.entry-durable")
    telemetry.DISCLOSURE_WAIT.observe(time.perf_counter() - started)
    return receipt.position
