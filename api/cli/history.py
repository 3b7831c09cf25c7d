"""``sojourn history``: the audit trail of a student, in order, in words."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated

import typer

from api.cli.talk import As, Json, opened, operator, print_json
from ledger.errors import Refused


def history(
    student_id: Annotated[str, typer.Argument(metavar="ID", help="Any student id ever issued.")],
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print every event that touches a student, in order, with the ids of acts. The reading is recorded first."""
    from api.cli.students import PURPOSE
    from api.show import show
    from api.trail import HistoryView
    from ledger.ids import is_student_id

    if not is_student_id(student_id):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")
    with opened() as store, store.ledger() as ledger:
        principal = operator(store, as_name)
        view = HistoryView(ledger)
        asyncio.run(
            show(
                principal,
                PURPOSE,
                view,
                student_id,
                access=ledger.access,
                request_id=str(uuid.uuid4()),
                now=ledger.clock(),
            )
        )
    entries, _ = view.page()
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        why = f" Reason: {entry['reason']}" if entry["reason"] else ""
        print(f"{entry['position']}  {entry['recorded_at'][:19]}Z  {entry['actor'] or '-'}  {entry['words']}{why}")
