"""``sojourn access``: which rule allows or refuses, and what would be needed; and who reads unusually."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.talk import As, Json, opened, operator, print_json

if TYPE_CHECKING:
    from ledger.access import Subject
    from ledger.application import Ledger

app = typer.Typer(help="Who may do what, and why.", no_args_is_help=True)


@app.callback()
def _access() -> None:
    """Who may do what, and why."""


@app.command()
def explain(
    user: Annotated[str, typer.Argument(help="Name of a token, or the e-mail address of an account.")],
    action: Annotated[str, typer.Argument(help="What is to be done, such as student.read.")],
    subject: Annotated[
        str, typer.Argument(help="Whom it is about: a student id, STATE:ID of a record, or a state's USPS code.")
    ],
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="Under which of an account's roles; else its first.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Tell which rule decides, with its scope and sections; of a refusal, what would be needed. Shows nothing of a
    child, and so records nothing."""
    from datetime import UTC, datetime

    from api.explaining import of_account, told_of
    from api.gone import telling_gone
    from ledger.access import ACTIONS, Who, decide
    from ledger.store.database import Role
    from ledger.store.tokens import named

    if action not in ACTIONS:
        raise typer.BadParameter(f"there is no action {action}; there are: {', '.join(ACTIONS)}", param_hint="ACTION")
    with opened() as store, store.ledger() as ledger, store.database.connect(Role.WRITER) as conn:
        token = named(conn, user)
        with telling_gone(ledger):
            about = _subject_of(ledger, subject)
        asked = {"user": user, "action": action, "subject": subject}
        if token is None:
            told = of_account(ledger, user, role, action, about) | asked
        else:
            who = Who(token.role, token.state, token.region, token.district, name=token.name)
            told = told_of(decide(who, action, about)) | asked | {"role": token.role}
            if not token.holds(datetime.now(UTC)):
                told |= {
                    "allowed": False,
                    "why": "The token has expired or was revoked.",
                    "needed": "Another token: `sojourn token create`.",
                }
    if as_json:
        print_json(told)
        return
    print("allowed" if told["allowed"] else "refused")
    for name in ("rule", "scope", "sections", "purpose", "basis", "why", "needed"):
        if told[name]:
            print(f"  {name}: {' '.join(told[name]) if name == 'sections' else told[name]}")


@app.command("unusual")
def unusual_(
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="In UTC; today if not given.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Tell whose day of reading is unusual: ten times her usual, or children of whom her own state keeps no record.
    Names and counts; shows nothing of a child, and so records nothing."""
    from datetime import UTC, date, datetime

    from api.principal import decided
    from api.unusual import sheet, told, unusual
    from ledger.store.database import Role
    from projections.projectors import bring_to_head
    from projections.readers import PROJECTION, of_day_now

    if as_csv and as_json:
        raise typer.BadParameter("--csv or --json, not both")
    try:
        asked = datetime.now(UTC).date() if day is None else date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter("it is no day, such as 2026-09-02", param_hint="--day") from None
    with opened() as store, store.ledger() as ledger, store.database.connect(Role.READER) as conn:
        decided(operator(store, as_name), "access.unusual")
        bring_to_head([PROJECTION], store.database, ledger.logs)
        found = unusual(of_day_now(conn, asked)[1])
    if as_json:
        print_json([told(reader) for reader in found])
    elif as_csv:
        print(sheet(found), end="")
    else:
        for reader in found:
            usual = f"usual {reader.usual:g}, from {reader.days} days"
            who = f"{reader.actor} ({reader.role}, {reader.organisation})"
            elsewhere = f"; opened {reader.elsewhere} of no record of {reader.own_state}" if reader.elsewhere else ""
            children = "1 child" if reader.children == 1 else f"{reader.children} children"
            print(f"{who}: {children}, {usual}{elsewhere}")


def _subject_of(ledger: Ledger, subject: str) -> Subject:
    """What is known of whom it is about. Raises NotFound, BadParameter."""
    from api.named import record_named
    from ledger.access import Subject
    from ledger.events.record import RecordOpened
    from ledger.history import history_of
    from ledger.ids import is_student_id
    from ledger.mde import STATES

    if subject in STATES:
        return Subject(states=(subject,))
    state, colon, ssid = subject.partition(":")
    if colon and state in STATES:
        record_named(ledger, state, ssid)
        return Subject(states=(state,))
    if not is_student_id(subject):
        raise typer.BadParameter("it is no student id, no STATE:ID and no state", param_hint="SUBJECT")
    history = history_of(ledger.log, ledger.links, subject)
    opened = (one.event for one in history.happened)
    states = {event.state for event in opened if isinstance(event, RecordOpened)}
    return Subject(sorted(states), history.records)
