"""``sojourn hold``: what is kept although its years are over, until a day or until somebody releases it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.talk import As, Json, opened, operator, print_json, say

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.events.retention import Over

app = typer.Typer(help="What is held, before every schedule.", no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; write nothing of a child there.")]


@app.callback()
def _hold() -> None:
    """What is held, before every schedule."""


@app.command()
def place(
    reason: Reason,
    kind: Annotated[
        Literal["legal", "request"],
        typer.Option("--kind", help="legal, or request: somebody has asked to see or correct a record."),
    ] = "legal",
    records: Annotated[
        list[str] | None,
        typer.Option(
            "--records", metavar="ID", help="Student id (all its records) or a record's uuid; again for more."
        ),
    ] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="ID", help="The papers of an account.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="ST", help="All that is a state's.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Last day; else until released.")] = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Hold records, an account, a state, or everything: no schedule lets it go."""
    from api.gone import telling_gone
    from api.principal import decided
    from api.retaining import over_told
    from ledger.events import Meta

    if sum(map(bool, (records, account, state, everything))) != 1:
        raise typer.BadParameter("name one of --records, --account, --state and --all")
    try:
        last = None if until is None else date.fromisoformat(until)
    except ValueError:
        raise typer.BadParameter(f"{until} is no date, such as 2030-01-31", param_hint="--until") from None
    with opened() as store, store.ledger() as ledger, telling_gone(ledger):
        principal = operator(store, as_name)
        decided(principal, "hold.place")
        over = _over(ledger, records, account, state)
        meta = Meta(actor=principal.name, request=str(uuid.uuid4()))
        done = ledger.keeping.place(kind, over, reason, meta, until=last)
    if as_json:
        print_json({"hold": done.id, "status": done.status, "over": over_told(over), "position": done.position})
        return
    print(done.id)
    for record in over_told(over).get("records") or ():
        say(f"holds record {record}, and each that is one student with it")


@app.command()
def release(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="Id of the hold.")],
    reason: Reason,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Release a hold. What is due goes by a disposal that is approved after this, and not by itself."""
    from api.admission import uuid_named
    from api.principal import decided
    from ledger.events import Meta

    with opened() as store, store.ledger() as ledger:
        principal = operator(store, as_name)
        decided(principal, "hold.release")
        meta = Meta(actor=principal.name, request=str(uuid.uuid4()))
        done = ledger.keeping.release(uuid_named(hold, "hold"), reason, meta)
    if as_json:
        print_json({"hold": done.id, "status": done.status, "position": done.position})
        return
    print(f"Hold {done.id} is {done.status}.")


@app.command("list")
def list_holds(
    released: Annotated[bool, typer.Option("--released", help="Those that were released too.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """List holds, the last one placed first."""
    from api.principal import decided
    from api.retaining import hold_told

    with opened() as store, store.ledger() as ledger:
        decided(operator(store, as_name), "retention.read")
        today = ledger.keeping.today(None)
        told = [hold_told(held, today, words=True) for held in ledger.keeping.holds(released=released)]
    if as_json:
        print_json(told)
        return
    for one in told:
        over = ", ".join(f"{name} {value}" for name, value in one["over"].items())
        print(f"{one['hold']}  {one['kind']}  {one['status']}  by {one['placed_by']}  {over}")


def _over(ledger: Ledger, records: list[str] | None, account: str | None, state: str | None) -> Over:
    from api.admission import uuid_named
    from api.retaining import over_of
    from ledger.events.retention import OverRecords
    from ledger.ids import is_student_id

    if records:
        students = [named for named in records if is_student_id(named)]
        others = [uuid_named(named, "record or student") for named in records if not is_student_id(named)]
        found = [*ledger.keeping.over_students(students).records] if students else []
        found += [*ledger.keeping.over_records(others).records] if others else []
        return OverRecords(records=list({anchor.record: anchor for anchor in found}.values()))
    account = None if account is None else uuid_named(account, "account")
    return over_of(ledger, account=account, state=state, everything=account is None and state is None)
