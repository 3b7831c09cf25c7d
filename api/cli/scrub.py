"""``sojourn retention scrub``: the old bytes of what was destroyed leave PostgreSQL's files."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.talk import Json, opened, print_json, progress, say


def scrub(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make read models again and swap them in first: no reader waits.")
    ] = False,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for whoever is in the way.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Rewrite the tables, let the old write-ahead log go, and name what keeps old bytes. Exit code 1 where any may be
    left."""
    from msgspec import to_builtins

    from ledger.store.scrubbing import BEYOND, last_disposal
    from ledger.store.scrubbing import scrub as scrubbed
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head, rebuild_all

    followers = {p.name: p.log for p in PROJECTIONS}
    with opened() as store:
        with store.ledger() as ledger:
            ledger.forgetting.tell()
        fresh = dict[str, int]()
        with store.logs() as logs:
            if rebuild:
                fresh = dict.fromkeys(followers, last_disposal(store.database))
                with progress("read models") as bar:
                    rebuild_all(PROJECTIONS, store.database, logs, progress=bar, anew=True)
            # What they have yet to hear of stands in them as if it were there.
            bring_to_head(PROJECTIONS, store.database, logs, timeout_s=None)
        with progress("bytes") as bar:
            done = scrubbed(store.database, followers, fresh=fresh, wait_s=wait, progress=bar)
    if as_json:
        print_json(to_builtins(done))
    say(
        f"{done.tables:,} tables rewritten, {done.bytes:,} bytes;"
        f" {done.wal_segments:,} old segments of the write-ahead log are gone; {done.seconds:.1f} s."
    )
    for left in done.left:
        say(f"LEFT {left.what}: {left.why}")
        say(f"     {left.remedy}")
    for line in BEYOND:
        say(line)
    if done.left:
        raise typer.Exit(1)
