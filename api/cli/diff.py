"""``sojourn diff``: what changed in a student between two points, and by which events."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

import typer

from api.cli.talk import As, Json, opened, operator, print_json
from ledger.errors import Refused


def diff(
    student_id: Annotated[str, typer.Argument(metavar="ID", help="Any student id ever issued.")],
    first: Annotated[str, typer.Argument(metavar="FROM", help="A position, or an instant with its offset.")],
    last: Annotated[str | None, typer.Argument(metavar="TO", help="As FROM; without it, now.")] = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print what differs in a student between two points, with the events behind it. The reading is recorded first."""
    import orjson

    from api.changes import ChangesView
    from api.cli.students import PURPOSE
    from api.gone import telling_gone
    from api.past import points_at
    from api.show import show
    from ledger.ids import is_student_id

    if not is_student_id(student_id):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")
    with opened() as store, store.ledger() as ledger, telling_gone(ledger):
        principal = operator(store, as_name)
        before, after = points_at(ledger.log, first, last, ledger.clock())
        shown = asyncio.run(
            show(
                principal,
                PURPOSE,
                ChangesView(ledger.log, before, after, principal),
                student_id,
                access=ledger.access,
                request_id=str(uuid.uuid4()),
                now=ledger.clock(),
            )
        )
    assert shown.body is not None
    changes = orjson.loads(shown.body)
    if as_json:
        print_json(changes)
        return
    for line in in_words(changes):
        print(line)


def in_words(changes: dict[str, Any]) -> list[str]:
    """For a reader at a terminal: each field, what it was and is, and beneath it why."""
    first, last = (f"{point['position']} ({point['recorded_at'][:19]}Z)" for point in (changes["from"], changes["to"]))
    lines = [f"{changes['student_id']}: position {first} to {last}"]
    if not changes["differences"]:
        lines.append("Nothing differs.")
    for one in changes["differences"]:
        name = ".".join(part for part in (one["section"], one["field"], one["element"]) if part)
        which = "" if one["fact"] is None else f" (fact {one['fact']})"
        lines.append(f"{name}{which}: {_value(one['from'])} -> {_value(one['to'])}")
        lines += [f"    {_cause(event)}" for event in one["events"]]
    return lines


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_value(held)}" for name, held in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return "-" if value is None else str(value)


def _cause(event: dict[str, Any]) -> str:
    said = [f"{event['position']}  {event['recorded_at'][:19]}Z  {event['event']}", event["actor"] or "-"]
    said += [text for text in (event["record_name"], event["act"]) if text]
    if event["submission"]:
        said.append(event["submission"] if event["row"] is None else f"{event['submission']} row {event['row']}")
    if event["reason"]:
        said.append(f"Reason: {event['reason']}")
    return "  ".join(said)
