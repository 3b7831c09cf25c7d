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
        guarded = migrations.upgrade(store.database)
    say("The schema is that of this release.")
    if not guarded:
        say("Not there yet: the event trigger that refuses DROP and ALTER to the owner too. Migrate once as superuser;")
        say("until then the owner is held by the proofs only, as `sojourn doctor` says.")


def doctor(as_json: Json = False) -> None:
    """Examine database, schema, grants, guards, clocks, keys and read models; say how to mend each."""
    import migrations
    from ledger.store.doctor import examine
    from projections import PROJECTIONS

    with opened(check=False) as store, store.ledger() as ledger:
        found = examine(
            store.database,
            ledger.logs,
            fits=migrations.check,
            row_key=ledger.row_key,
            followers={p.name: p.log for p in PROJECTIONS},
            clock=ledger.clock,
            signing=store.signing,
            certified=store.certificates().keys,
        )
    if as_json:
        print_json([e._asdict() for e in found])
    else:
        for e in found:
            mark = {True: "ok  ", False: "BAD ", None: "look"}[e.ok]
            print(f"{mark} {e.name}: {e.what}")
            if e.ok is not True and e.remedy:
                print(f"     {e.remedy}")
    if any(e.ok is False for e in found):
        raise typer.Exit(1)
