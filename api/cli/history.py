"""``sojourn history``: the audit trail of a student, in order, in words."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Annotated

import typer

from api.cli.talk import As, Json, opened, operator, print_json
from ledger.errors import Refused

Many = list[str] | None


def history(
    student_id: Annotated[str, typer.Argument(metavar="ID", help="Any student id ever issued.")],
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
    since: Annotated[str | None, typer.Option(help="From this instant, or day (UTC), on.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this instant, or up to the end of this day (UTC).")] = None,
    kind: Annotated[Many, typer.Option(help="record, linkage, case, or an event without its version.")] = None,
    code: Annotated[Many, typer.Option(help="Of ISO/TS 21089, such as amend.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    state: Annotated[Many, typer.Option(help="Whose records the lines are of.")] = None,
    record: Annotated[Many, typer.Option(help="UUID of the record that the lines are of.")] = None,
    former: Annotated[bool, typer.Option("--former", help="Also of records that the student held once.")] = False,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first.")] = False,
    language: Annotated[str, typer.Option(help="Of the sentences: en or es.")] = "en",
    as_name: As = None,
) -> None:
    """Print every event that touches a student, in order, with the ids of acts. The reading is recorded first."""
    from api.cli.students import PURPOSE
    from api.gone import telling_gone
    from api.language import LANGUAGES
    from api.problems import Invalid
    from api.show import show
    from api.trail import HistoryView, on_the_host
    from api.trail_asked import asked_of
    from ledger.ids import is_student_id
    from ledger.store.database import Role
    from projections.audit_trail import PROJECTION
    from projections.projectors import bring_to_head

    if as_csv and as_json:
        raise typer.BadParameter("--csv or --json, not both")
    if language not in LANGUAGES:
        raise typer.BadParameter("there are en and es", param_hint="--language")
    if not is_student_id(student_id):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")
    given = {
        "since": [since or ""],
        "until": [until or ""],
        "kind": kind or [],
        "code": code or [],
        "state": state or [],
        "record": record or [],
        "former": ["true" if former else "false"],
        "order": ["newest" if newest else "oldest"],
    }
    try:
        asked = asked_of(given, actor=actor)
    except Invalid as wrong:
        name = wrong.faults[0].pointer.partition(":")[2]
        raise typer.BadParameter(wrong.faults[0].message, param_hint=f"--{name}") from None
    with opened() as store, store.ledger() as ledger, telling_gone(ledger), store.database.connect(Role.READER) as conn:
        bring_to_head([PROJECTION], store.database, ledger.logs)
        principal = operator(store, as_name)
        form = "csv" if as_csv else "json"
        view = HistoryView(ledger, principal, on_the_host(conn), asked, language=language, form=form)
        shown = asyncio.run(
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
    if as_json:
        print_json(view.entries)
        return
    if as_csv:
        assert shown.body is not None
        sys.stdout.flush()
        sys.stdout.buffer.write(shown.body)
        return
    for entry in view.entries:
        why = f" {REASONS[language]}: {entry['reason']}" if entry["reason"] else ""
        print(f"{entry['position']}  {entry['recorded_at'][:19]}Z  {entry['actor'] or '-'}  {entry['words']}{why}")


REASONS = {"en": "Reason", "es": "Motivo"}
