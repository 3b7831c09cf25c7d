"""``sojourn migrate`` and ``sojourn doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.talk import Json, opened, print_json, say


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the schema fits this release.")] = False,
) -> None:
    """Bring the schema up."""
    import migrations

    with opened(check=False) as store:
        if check:
            migrations.check(store.database)
            say("The schema is that of this release.")
            return
        if not migrations.upgrade(store.database):
            say("Done, but a superuser has to add the event trigger that refuses DROP and ALTER to the owner too.")
            say("Until then the owner is held by the proofs only; see `sojourn doctor`.")
            return
        say("The schema is that of this release.")


def doctor(as_json: Json = False) -> None:
    """Examine database, schema, grants, guards, clocks, keys and read models; say how to mend each."""
    from ledger.store.doctor import examine
    from projections import PROJECTIONS

    with opened(check=False) as store, store.ledger() as ledger:
        found = list(examine(store.database, ledger, PROJECTIONS))
    if as_json:
        print_json([{"name": e.name, "ok": e.ok, "what": e.what, "remedy": e.remedy} for e in found])
    else:
        for e in found:
            mark = {True: "ok  ", False: "BAD ", None: "?   "}[e.ok]
            print(f"{mark} {e.name}: {e.what}")
            if e.ok is not True and e.remedy:
                print(f"     {e.remedy}")
    if any(e.ok is False for e in found):
        raise typer.Exit(1)
