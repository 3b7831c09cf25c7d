"""``sojourn token create``: a token for a machine user, shown once."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.talk import Json, opened, print_json, say

app = typer.Typer(help="Tokens of machine users.", no_args_is_help=True)


@app.callback()
def _token() -> None:
    """Tokens of machine users."""


@app.command()
def create(
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Who will act; every record of its acts names it.")
    ],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="What it may do.")],
    state: Annotated[
        str | None, typer.Option("--state", metavar="ST", help="USPS code that the role is narrowed to.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", metavar="R", help="Region that it is narrowed to.")] = None,
    district: Annotated[
        str | None, typer.Option("--district", metavar="ID", help="District id that it is narrowed to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is printed once and kept nowhere."""
    from ledger.access import ROLES
    from ledger.mde import STATES
    from ledger.store.database import Role
    from ledger.store.tokens import create as make

    if role not in ROLES:
        raise typer.BadParameter(f"there is no role {role}; there are: {', '.join(sorted(ROLES))}", param_hint="--role")
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"{state} is no USPS state code, such as OR", param_hint="--state")
    with opened() as store, store.database.connect(Role.WRITER) as conn:
        secret = make(conn, name=name, role=role, state=state, region=region, district=district)
    if as_json:
        print_json({"name": name, "role": role, "token": secret})
    else:
        say("This is shown once:")
        print(secret)
