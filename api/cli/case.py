"""``sojourn case``: one case whole. A disclosed read, as over HTTP.

Invariant: what is judged blind is told here as there: the two records side by side, each as its own state tells of the
child, and nothing of what the ledger holds of them together.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Annotated, Any

import typer

from api.cli.students import PURPOSE, in_lines
from api.cli.talk import As, Json, opened, operator, print_json

_WIDTH = 58
"""Characters of the left one of two columns."""


def case(
    name: Annotated[str, typer.Argument(metavar="CASE", help="Id of the case, open or closed.")],
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print one case whole. The reading is recorded before it leaves."""
    from api.named import case_named
    from api.show import show_many
    from api.worklist import CaseView, Facts
    from ledger.store.database import Role
    from ledger.store.pending import Lease
    from projections import students, worklist
    from projections.as_of import AsOf
    from projections.projectors import bring_to_head
    from projections.worklist import Listed

    name = case_named(name)
    with opened() as store, store.ledger() as ledger, store.database.connect(Role.READER) as conn:
        bring_to_head([worklist.PROJECTION, students.PROJECTION], store.database, ledger.logs)
        principal = operator(store, as_name)

        async def read() -> tuple[AsOf, Listed | None]:
            return worklist.one_now(conn, name)

        async def facts(records: Sequence[str]) -> tuple[AsOf, Facts]:
            return students.told_alone_now(conn, records)

        async def lease() -> Lease | None:
            return ledger.casework.lease_of(name)

        view = CaseView(read, lambda _: None, facts, lease)
        request = str(uuid.uuid4())
        asyncio.run(show_many(principal, PURPOSE, view, access=ledger.access, request_id=request))
        # Durable: it may leave.
        told = view.told()
    if as_json:
        print_json(told)
        return
    sides = [record.pop("facts") for record in told["records"] if "facts" in record]
    for line in in_lines(told):
        print(line)
    if len(sides) == 2:
        names = [f"{record['state']} {record['state_student_id']}" for record in told["records"]]
        print()
        for line in _side_by_side(names, [side or {} for side in sides]):
            print(line)


def _side_by_side(names: Sequence[str], sides: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Two records, what they tell of one thing beside each other."""
    yield f"{names[0]:<{_WIDTH}}  {names[1]}"
    for section in ("core", "contacts"):
        left, right = (side.get(section, {}) for side in sides)
        for element in dict.fromkeys((*left, *right)):
            columns = [in_lines({element: side[element]}) if element in side else [] for side in (left, right)]
            for one, other in zip_longest(*columns, fillvalue=""):
                yield f"{one:<{_WIDTH}}  {other}".rstrip()
