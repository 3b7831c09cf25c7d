"""The answers to the rows of a state's file as they leave, over HTTP and on the command line alike.

Invariant: a piece of them leaves once the entry that names its records is durable; also where no record is known, since
what was refused of a child leaves with its row.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from psycopg.rows import tuple_row

from api.principal import Principal
from api.sending import SSID_ELEMENT
from ledger.access import Decision
from ledger.application import Ledger
from ledger.errors import BadValue
from ledger.events import Meta
from ledger.events.disclosure import BulkDisclosed
from ledger.intake.response import RowAnswer
from ledger.mde import canonical
from ledger.store import faults
from ledger.store.append import Append, Part
from ledger.store.vault import LEDGER

ACTION: Final = "submission.read"
RESPONSE: Final = "submission-response"
"""The view of the answers to a file's rows."""


def entry_of(
    principal: Principal, purpose: str | None, decision: Decision, position: int, records: dict[str, str]
) -> BulkDisclosed:
    """What is recorded of a piece. position: at which the file was completed. records: to the ids of their students."""
    return BulkDisclosed(
        view=RESPONSE,
        records=list(records),
        filters=["submission"],
        role=principal.role,
        organisation=principal.organisation,
        purpose=purpose or decision.purpose,
        basis=decision.basis,
        position=position,
        own_state=principal.state,
        children=list(records.values()),
    )


def records_of(ledger: Ledger, state: str, piece: Sequence[RowAnswer]) -> dict[str, str]:
    """Records that a piece tells of, to the ids of their students. Raises StoreUnavailable."""
    ssids = list({_as_kept(answer.state_student_id) for answer in piece if answer.state_student_id})
    with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "select record_id, student_id from ledger.records"
            " where state = %s and state_student_id = any(%s) order by 1",
            (state, ssids),
        )
        return {str(record): child for record, child in cursor.fetchall()}


def disclose(ledger: Ledger, entry: BulkDisclosed, meta: Meta) -> None:
    """Make the entry durable. Raises StoreUnavailable."""
    part = Part(stream=f"request/{uuid.uuid4()}", subject=LEDGER[0], expected=0, events=[entry])
    faults.point("disclosure.before-entry")
    ledger.access.append(Append(parts=[part], meta=meta))
    faults.point("disclosure.entry-durable")


def _as_kept(sent: str) -> str:
    """A state student identifier as its record has it; as sent, where it can be nobody's."""
    try:
        return canonical(SSID_ELEMENT, sent) or sent
    except BadValue:
        return sent
