"""``sojourn account``: people's accounts, on the service's own host; how the first user administrator comes to one."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.talk import As, Json, opened, print_json, say

app = typer.Typer(help="Accounts of people.", no_args_is_help=True)


@app.callback()
def _account() -> None:
    """Accounts of people."""


@app.command("open")
def open_account(
    email: Annotated[str, typer.Argument(help="By which the person signs in.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Of the person.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="What he may do.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why without an application, such as the first one.")
    ],
    trained_on: Annotated[
        str, typer.Option("--trained-on", metavar="DATE", help="Day of his training, YYYY-MM-DD, within a year.")
    ],
    organisation: Annotated[
        str, typer.Option("--organisation", metavar="NAME", help="On whose behalf he acts.")
    ] = "Sojourn",
    state: Annotated[
        str | None, typer.Option("--state", metavar="ST", help="USPS code that the role is narrowed to.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", metavar="R", help="Region that it is narrowed to.")] = None,
    district: Annotated[
        str | None, typer.Option("--district", metavar="ID", help="District id that it is narrowed to.")
    ] = None,
    actor: As = None,
    as_json: Json = False,
) -> None:
    """Open an account without an application, or give it a further role, and print the code for the first sign-in.

    For the first user administrator of an installation. Everybody after him applies, is verified and is approved.
    """
    import uuid
    from datetime import date

    from api.bootstrap import actor as acting
    from api.given_codes import FIRST_HOLDS
    from ledger.access import LEVELS, ROLES
    from ledger.account_acts import GrantRole, RecordTraining
    from ledger.events import Meta
    from ledger.events.application import AskedRole
    from ledger.mde import STATES
    from ledger.store import codes

    if role not in ROLES or role in ("parent", "operator"):
        raise typer.BadParameter(f"there is no role {role} for an account", param_hint="--role")
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"{state} is no USPS state code, such as OR", param_hint="--state")
    place = {"state": state, "region": region, "district": district}
    for level in LEVELS.get(role, ()):
        if place[level] is None:
            raise typer.BadParameter(f"this role is narrowed to a {level}", param_hint=f"--{level}")
    try:
        trained = date.fromisoformat(trained_on)
    except ValueError:
        raise typer.BadParameter(f"{trained_on} is no date, such as 2026-01-31", param_hint="--trained-on") from None
    with opened() as store, store.ledger() as ledger:
        by = acting(store.settings, actor)
        asked = AskedRole(role=role, organisation=organisation, state=state, region=region, district=district)
        training = RecordTraining(
            by=by, course="Before the first access", completed_on=trained, today=ledger.admissions.today(state)
        )
        commands = [training, GrantRole(by=by, role=asked)]
        done = ledger.admissions.open(email, name, commands, Meta(actor=by, reason=reason))
        account = uuid.UUID(str(done.ids["account"]))
        now = ledger.clock()
        with ledger.log.connection() as conn:
            code = codes.make(
                conn, purpose=codes.Purpose.FIRST_SIGN_IN, subject=account, now=now, ends_at=now + FIRST_HOLDS
            )
    if as_json:
        print_json({"account": str(account), "code": code.text, "ends_at": code.ends_at.isoformat()})
        return
    say("To be handed over, for /sign-in/first; this is shown once:")
    print(code.text)
