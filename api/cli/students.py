"""``sojourn student`` and ``sojourn students``: disclosed reads, as over HTTP."""

from __future__ import annotations

import asyncio
import csv
import itertools
import sys
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from api.cli.talk import As, Json, opened, operator, print_json
from ledger.errors import Refused

PURPOSE = "command line"


AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="POINT", help="As known then: a position, or an instant (2025-09-02T18:00:00-07:00)."
    ),
]
EffectiveOn = Annotated[
    str | None, typer.Option("--effective-on", metavar="DATE", help="Dated facts as they were on that day.")
]


def student(
    student_id: Annotated[str, typer.Argument(metavar="ID", help="Any student id ever issued.")],
    as_of: AsOf = None,
    effective_on: EffectiveOn = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print one consolidated record, as it is known now or was as of a point. The reading is recorded first."""
    import orjson

    from api.gone import telling_gone
    from api.past import then_at
    from api.routes.students import StudentView
    from api.show import show
    from ledger.batching import Batches
    from ledger.ids import is_student_id
    from ledger.store.database import Role
    from projections.projectors import bring_to_head
    from projections.students import PROJECTION, StudentRow, find

    if not is_student_id(student_id):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")
    with opened() as store, store.ledger() as ledger, telling_gone(ledger), store.database.connect(Role.READER) as conn:
        then = then_at(ledger.log, as_of, effective_on, ledger.clock())
        if then is None:
            bring_to_head([PROJECTION], store.database, ledger.logs)
        principal = operator(store, as_name)

        async def read(ids: Sequence[str]) -> dict[str, StudentRow]:
            return {asked: row for asked in ids if (row := find(conn, asked)) is not None}

        shown = asyncio.run(
            show(
                principal,
                PURPOSE,
                StudentView(Batches(read) if then is None else then),
                student_id,
                access=ledger.access,
                request_id=str(uuid.uuid4()),
                now=ledger.clock() if then is None else then.point.at,
            )
        )
    assert shown.body is not None
    record = orjson.loads(shown.body)
    if as_json:
        print_json(record)
        return
    for line in in_lines(record):
        print(line)


def students(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV, which is the usual form.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print state, state student id and student id of every record. The listing is recorded before it leaves."""
    from api.entries import of_many
    from api.principal import decided
    from ledger.events import Meta
    from ledger.events.disclosure import RECORDS_MAX, BulkDisclosed
    from ledger.store.append import Append
    from ledger.store.database import Role
    from projections.projection import reached
    from projections.projectors import bring_to_head
    from projections.students import PROJECTION, listing

    if as_csv and as_json:
        raise typer.BadParameter("--csv or --json, not both")
    columns = ("state", "state_student_id", "student_id")
    listed: list[dict[str, str]] = []
    with opened() as store, store.ledger() as ledger, store.database.connect(Role.READER) as conn:
        bring_to_head([PROJECTION], store.database, ledger.logs)
        principal = operator(store, as_name)
        request = str(uuid.uuid4())
        sheet = csv.writer(sys.stdout, lineterminator="\n")
        begun = as_json
        position = reached(conn, PROJECTION.name)
        rows = listing(conn)
        while part := list(itertools.islice(rows, RECORDS_MAX)):
            entry = BulkDisclosed(
                view="students",
                records=[str(row.record) for row in part],
                filters=[],
                role=principal.role,
                organisation=principal.organisation,
                purpose=PURPOSE,
                basis=decided(principal, "student.list").basis,
                position=position,
                children=[row.student_id for row in part],
            )
            told = of_many(entry, request)
            ledger.access.append(Append(parts=[told], meta=Meta(actor=principal.name, request=request)))
            # Durable: this part of the list may leave.
            if not begun:
                sheet.writerow(columns)
                begun = True
            if as_json:
                listed += [{column: getattr(row, column) for column in columns} for row in part]
            else:
                sheet.writerows((row.state, row.state_student_id, row.student_id) for row in part)
        if not begun:
            sheet.writerow(columns)
    if as_json:
        print_json(listed)


def in_lines(value: Any, depth: int = 0) -> list[str]:
    """A document as indented lines, for a reader at a terminal."""
    pad = "  " * depth
    lines: list[str] = []
    if isinstance(value, dict):
        for key, held in value.items():
            if held in (None, "", [], {}):
                continue
            name = key.replace("_", " ")
            if isinstance(held, dict | list):
                lines += [f"{pad}{name}:", *in_lines(held, depth + 1)]
            else:
                lines.append(f"{pad}{name}: {_word(held)}")
    elif isinstance(value, list):
        for held in value:
            inner = in_lines(held, depth + 1)
            lines += [f"{pad}- {inner[0].strip()}", *inner[1:]] if inner else []
    else:
        lines.append(f"{pad}{_word(value)}")
    return lines


def _word(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
