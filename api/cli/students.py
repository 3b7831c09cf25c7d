"""``sojourn student`` and ``sojourn students``: disclosed reads, as over HTTP."""

from __future__ import annotations

import asyncio
import csv
import itertools
import sys
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from api.cli.talk import As, Json, opened, operator
from ledger.errors import Refused

if TYPE_CHECKING:
    import psycopg

    from projections.students import StudentRow

PURPOSE = "command line"


class _Reader:
    """What ``StudentView`` reads by, over the command's one connection."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn

    async def get(self, student_id: str) -> StudentRow | None:
        from projections.students import find

        return find(self._conn, student_id)


def student(
    student_id: Annotated[str, typer.Argument(metavar="ID", help="Any student id ever issued.")],
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print one consolidated record. The reading is recorded first."""
    from api.routes.students import StudentView
    from api.show import basis_of, show
    from ledger.ids import is_student_id
    from ledger.store.database import Role
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head

    if not is_student_id(student_id):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")
    with opened() as store, store.ledger() as ledger, store.logs() as logs:
        students = [p for p in PROJECTIONS if p.name == "students"]
        bring_to_head(students, store.database, logs)
        principal = operator(store, as_name)
        with store.database.connect(Role.READER) as conn:
            shown = asyncio.run(
                show(
                    principal,
                    PURPOSE,
                    basis_of(principal),
                    StudentView(_Reader(conn)),  # type: ignore[arg-type]
                    student_id,
                    access=ledger.access,
                    request_id=str(uuid.uuid4()),
                    now=ledger.clock(),
                )
            )
    assert shown.body is not None
    if as_json:
        sys.stdout.write(orjson.dumps(orjson.loads(shown.body), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        for line in _lines(orjson.loads(shown.body)):
            print(line)


def students(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV (the only form so far).")] = True,
    as_name: As = None,
) -> None:
    """Print every record: state, state student id, student id. The listing is recorded, part by part, before it leaves."""
    from api.show import basis_of
    from ledger.events import Meta
    from ledger.events.disclosure import BulkDisclosed
    from ledger.store.append import Append, Part
    from ledger.store.database import Role
    from ledger.store.vault import LEDGER
    from projections import PROJECTIONS
    from projections.projection import reached
    from projections.projectors import bring_to_head
    from projections.students import listing

    with opened() as store, store.ledger() as ledger, store.logs() as logs:
        bring_to_head([p for p in PROJECTIONS if p.name == "students"], store.database, logs)
        principal = operator(store, as_name)
        request = str(uuid.uuid4())
        sheet = csv.writer(sys.stdout, lineterminator="\n")
        sheet.writerow(("state", "state_student_id", "student_id"))
        with store.database.connect(Role.READER) as conn:
            position = reached(conn, "students")
            rows = listing(conn)
            while part := list(itertools.islice(rows, 5_000)):
                entry = BulkDisclosed(
                    view="students",
                    records=[str(row.record) for row in part],
                    filters=[],
                    role=principal.role,
                    organisation=principal.organisation,
                    purpose=PURPOSE,
                    basis=basis_of(principal),
                    position=position,
                )
                told = Part(stream=f"request/{request}", subject=LEDGER[0], expected=None, events=[entry])
                ledger.access.append(Append(parts=[told], meta=Meta(actor=principal.name, request=request)))
                # Durable: this part of the list may leave.
                sheet.writerows((row.state, row.state_student_id, row.student_id) for row in part)


def _lines(value: Any, depth: int = 0) -> list[str]:
    """A document as indented lines, for a reader at a terminal."""
    pad = "  " * depth
    lines: list[str] = []
    if isinstance(value, dict):
        for key, held in value.items():
            if held in (None, "", [], {}):
                continue
            name = key.replace("_", " ")
            if isinstance(held, dict | list):
                lines += [f"{pad}{name}:", *_lines(held, depth + 1)]
            else:
                lines.append(f"{pad}{name}: {held}")
    elif isinstance(value, list):
        for held in value:
            inner = _lines(held, depth + 1)
            lines += [f"{pad}- {inner[0].strip()}", *inner[1:]] if inner else []
    else:
        lines.append(f"{pad}{value}")
    return lines
