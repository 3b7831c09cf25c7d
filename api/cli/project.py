"""``sojourn project``: read models, their positions, lag and digests."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.talk import Json, opened, print_json, progress, say

app = typer.Typer(help="Read models.", no_args_is_help=True)


@app.callback()
def _project() -> None:
    """Read models."""


@app.command()
def status(
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the digests, which read every row.")] = False,
) -> None:
    """Print position, lag, state and digest of each read model."""
    from msgspec.structs import asdict

    from ledger.store.database import Role
    from projections import PROJECTIONS
    from projections.projection import digest
    from projections.projection import status as look

    with opened() as store, store.logs() as logs, store.database.connect(Role.PROJECTOR) as conn:
        heads = {name: log.head() for name, log in logs.items()}
        rows = []
        for found, projection in zip(look(conn, PROJECTIONS, heads), PROJECTIONS, strict=True):
            row = {**asdict(found), "digest": None}
            if not quick and found.stored_version is not None:
                row["digest"] = digest(conn, projection).sha256
            rows.append(row)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        place = f"position {row['position']:,} of {row['head']:,}, {row['lag_events']:,} behind"
        print(f"{row['name']}: version {row['version']}, {row['state']}, {place}")
        if row["digest"]:
            print(f"  digest {row['digest']}")
        if row["failure"]:
            print(f"  stopped: {row['failure']}")


@app.command()
def run() -> None:
    """Bring every read model to the head, then end."""
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head

    with opened() as store, store.logs() as logs:
        bring_to_head(PROJECTIONS, store.database, logs, timeout_s=None)
    say(f"{', '.join(p.name for p in PROJECTIONS)}: at the head")


@app.command()
def rebuild(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Read models to rebuild.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Rebuild every read model.")] = False,
    as_json: Json = False,
) -> None:
    """Rebuild read models beside the live ones, while writes go on, compare the two, and swap them in."""
    from msgspec import to_builtins

    from ledger.store.database import Role
    from projections import PROJECTIONS
    from projections.comparing import in_lines
    from projections.projection import digest
    from projections.projectors import rebuild_all

    known = {p.name: p for p in PROJECTIONS}
    wanted = list(known) if every else list(names or ())
    if not wanted:
        raise typer.BadParameter("name a read model, or say --all", param_hint="NAME")
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(f"there is no read model {name}; there are: {', '.join(known)}", param_hint="NAME")
    rows: list[dict[str, object]] = []
    with opened() as store, store.logs() as logs, store.database.connect(Role.PROJECTOR) as conn:
        with progress(", ".join(wanted)) as bar:
            done = rebuild_all([known[name] for name in wanted], store.database, logs, progress=bar, comparing=True)
        for name, rebuilt in done.items():
            took = f"{rebuilt.events:,} events in {rebuilt.seconds:.1f} s"
            say(f"{name}: rebuilt to position {rebuilt.position:,}, {took}")
            compared = rebuilt.compared
            now = digest(conn, known[name]) if compared is None else compared.now
            if compared is None:
                say("  not compared: there were no tables of this version at the same position")
            else:
                say(f"  digest before, at position {compared.before.position:,}: {compared.before.sha256}")
            say(f"  digest now, at position {now.position:,}: {now.sha256}")
            for line in in_lines(compared) if compared is not None else ():
                say(f"  {line}")
            rows.append(
                {
                    "name": name,
                    "position": rebuilt.position,
                    "events": rebuilt.events,
                    "seconds": rebuilt.seconds,
                    "digest": now.sha256,
                    "same": None if compared is None else compared.same,
                    "compared": to_builtins(compared),
                }
            )
    if as_json:
        print_json(rows)
