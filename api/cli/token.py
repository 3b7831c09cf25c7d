"""``sojourn token``: tokens of machine users. A secret is shown once, to whoever made it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import As, Json, opened, print_json, say

if TYPE_CHECKING:
    from ledger.store.tokens import Listed

app = typer.Typer(help="Tokens of machine users.", no_args_is_help=True)

Expires = Annotated[
    str | None, typer.Option("--expires", metavar="DATE", help="Day, UTC, from which on it is refused.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the token.")]


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
    expires: Expires = None,
    as_name: As = None,
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is printed once and kept nowhere."""
    from api.bootstrap import actor
    from ledger.access import ROLES
    from ledger.mde import STATES
    from ledger.store.database import Role
    from ledger.store.tokens import create as make

    if role not in ROLES:
        raise typer.BadParameter(f"there is no role {role}; there are: {', '.join(sorted(ROLES))}", param_hint="--role")
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"{state} is no USPS state code, such as OR", param_hint="--state")
    ends = _day(expires)
    with opened() as store, store.database.connect(Role.WRITER) as conn:
        by = actor(store.settings, as_name)
        secret = make(conn, name=name, role=role, state=state, region=region, district=district, expires=ends, by=by)
    if as_json:
        print_json({"name": name, "role": role, "token": secret})
    else:
        say("This is shown once:")
        print(secret)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every token that was made: who, what it may, until when. No secret."""
    from ledger.store.database import Role
    from ledger.store.tokens import listed

    with opened() as store, store.database.connect(Role.WRITER) as conn:
        rows = [_told(token, datetime.now(UTC)) for token in listed(conn)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        scope = " ".join(str(row[part]) for part in ("state", "region", "district") if row[part])
        role = f"{row['role']} ({scope})" if scope else row["role"]
        print(f"{row['name']}: {role}, {row['standing']}")
        print(f"  made {_when(row['made_at'])}{_by(row['made_by'])}, ends {_when(row['ends_at'])}")
        if row["revoked_at"] is not None:
            word = "rotated out, holds until" if row["standing"] == "rotated out" else "refused since"
            print(f"  {word} {_when(row['revoked_at'])}{_by(row['revoked_by'])}")


@app.command()
def revoke(name: Name, as_name: As = None) -> None:
    """End a token, and what it was rotated from."""
    from api.bootstrap import actor
    from ledger.store.database import Role
    from ledger.store.tokens import revoke as end

    with opened() as store, store.database.connect(Role.WRITER) as conn:
        end(conn, name=name, by=actor(store.settings, as_name))
    say(f"{name} is refused within a second, wherever it is used.")


@app.command()
def rotate(
    name: Name,
    grace: Annotated[
        int,
        typer.Option("--grace", metavar="MINUTES", min=0, max=10_080, help="How long the old secret holds as well."),
    ] = 60,
    expires: Expires = None,
    as_name: As = None,
    as_json: Json = False,
) -> None:
    """Give a token another secret, printed once. The old one holds for a while, so that it can be replaced."""
    from api.bootstrap import actor
    from ledger.store.database import Role
    from ledger.store.tokens import rotate as anew

    ends = _day(expires)
    with opened() as store, store.database.connect(Role.WRITER) as conn:
        by = actor(store.settings, as_name)
        secret, until = anew(conn, name=name, grace=timedelta(minutes=grace), expires=ends, by=by)
    if as_json:
        print_json({"name": name, "token": secret, "old_holds_until": until})
    else:
        say(f"This is shown once; the old one holds until {_when(until)}:")
        print(secret)


def _day(expires: str | None) -> datetime | None:
    """The first instant of a day. Raises BadParameter for one that there is not, or that has begun."""
    if expires is None:
        return None
    try:
        day = datetime.combine(date.fromisoformat(expires), time(), UTC)
    except ValueError:
        raise typer.BadParameter(f"{expires} is no day such as 2026-06-30", param_hint="--expires") from None
    if day <= datetime.now(UTC):
        raise typer.BadParameter(f"{expires} has begun, UTC", param_hint="--expires")
    return day


def _told(token: Listed, now: datetime) -> dict[str, Any]:
    return {
        "name": token.name,
        "role": token.role,
        "state": token.state,
        "region": token.region,
        "district": token.district,
        "standing": token.standing(now),
        "made_at": token.created_at.astimezone(UTC),
        "made_by": token.made_by,
        "ends_at": token.expires_at.astimezone(UTC),
        "revoked_at": None if token.revoked_at is None else token.revoked_at.astimezone(UTC),
        "revoked_by": token.revoked_by,
    }


def _when(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _by(name: str | None) -> str:
    return "" if name is None else f" by {name}"
