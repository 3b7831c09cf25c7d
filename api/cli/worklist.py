"""``sojourn worklist``: the open cases of every state, oldest first. A disclosed read, as over HTTP.

Invariant: however many pages it takes, it is one answer, as of one position, under one request; so whoever reads it is
counted once where it is asked who was shown what together.
"""

from __future__ import annotations

import asyncio
import csv
import sys
import uuid
from typing import Annotated, Any

import typer

from api.cli.talk import As, Json, opened, operator, print_json

CASES_TOGETHER = 1_000
"""Cases under one entry of the access log."""


def worklist(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV, which is the usual form.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print the open cases: what a person must settle. The listing is recorded before it leaves."""
    from api.cli.students import PURPOSE
    from api.show import show_many
    from api.worklist import COLUMNS, WorklistView
    from ledger.store.database import Role
    from projections.as_of import AsOf
    from projections.projectors import bring_to_head
    from projections.worklist import PROJECTION, Listed, Wanted, page_now

    if as_csv and as_json:
        raise typer.BadParameter("--csv or --json, not both")
    told: list[dict[str, Any]] = []
    with opened() as store, store.ledger() as ledger, store.database.connect(Role.READER) as conn:
        bring_to_head([PROJECTION], store.database, ledger.logs)
        principal = operator(store, as_name)
        request = str(uuid.uuid4())
        sheet = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")

        async def tell() -> None:
            after, begun = None, False
            while after is not None or not begun:

                async def read(after: int | None = after) -> tuple[AsOf, list[Listed]]:
                    return page_now(conn, Wanted(), after=after, limit=CASES_TOGETHER)

                view = WorklistView((), read, CASES_TOGETHER)
                await show_many(principal, PURPOSE, view, access=ledger.access, request_id=request)
                # Durable: this part of the list may leave.
                if as_json:
                    told.extend(view.told())
                else:
                    if not begun:
                        sheet.writeheader()
                    sheet.writerows(view.told())
                after, begun = view.next(), True

        # All pages from one snapshot: while they are told, cases are settled, and students joined and parted.
        with conn.transaction():
            conn.execute("set transaction isolation level repeatable read, read only")
            asyncio.run(tell())
    if as_json:
        print_json(told)
