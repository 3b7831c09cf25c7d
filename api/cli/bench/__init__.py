"""``sojourn bench``: the product's own code path, its physical limits and its peers, side by side in one run.

Invariant: what is timed is what the product runs, never a copy of it; everything of a run meets the same PostgreSQL
with the product's settings (fsync on, data checksums on). One module for each row of the table of numbers; the limits
and peers are ``copying``, ``library`` and ``message_db``, and two routes of ``server``. ``matching`` and ``ablation``
are tables of their own, of how well and not of how fast, and meet no PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import Json, print_json, quiet_logs, say
from ledger.errors import Refused

if TYPE_CHECKING:
    from api.cli.bench.report import Report, Row, Size, Told
    from ledger.matching.policy import Policy
    from ledger.settings import Settings

MATCHING = "MATCHING"
ABLATION = "ABLATION"
RUNS = 3
"""Fewer runs give no median."""


def run(
    ids: Sequence[str] = (),
    *,
    settings: Settings | None = None,
    runs: int | None = None,
    scale: float = 1.0,
    seed: int | None = None,
    students: int | None = None,
    events: Sequence[int] = (),
    policy: Policy | None = None,
) -> Report:
    """Measure rows, in the order of the table; where none is named, all but those that take hours. ``matching`` and
    ``ablation`` where these are named.

    settings: whose URL names the server to measure on; without one, an embedded server of its own. runs: of each row;
    None: three, and one of a row that takes hours. scale: share of the usual counts. seed: of the first population of
    ``matching`` and ``ablation``; policy: theirs, that which Sojourn comes with if none is given. students: in the
    ledger of P1m, and of search. events: sizes at which P12 measures, its own if none. Raises Refused where there is no
    such row, and what the rows raise.
    """
    from api.cli.bench.ground import computer
    from api.cli.bench.report import Report, Size

    rows, others = _rows(ids)
    machine, told = _measured(rows, settings, runs, Size(scale, students, events)) if rows else (computer(), [])
    if others:
        from api.cli.bench import matching, matching_ablation

        first = matching.SEED if seed is None else seed
        if MATCHING in others:
            told += matching.measure(Size(scale), runs=runs or RUNS, seed=first, policy=policy)
        if ABLATION in others:
            told += matching_ablation.measure(Size(scale), runs=runs or RUNS, seed=first, policy=policy)
    return Report(machine=machine, rows=told, scale=scale)


def _measured(
    rows: Sequence[Row], settings: Settings | None, runs: int | None, size: Size
) -> tuple[dict[str, Any], list[Told]]:
    from api.cli.bench.ground import ground
    from api.cli.bench.report import Measured
    from ledger.settings import Settings

    measured: list[Told] = []
    with ground(settings or Settings.load()) as place:
        machine = place.machine()
        for row in rows:
            made = []
            wanted = runs or (1 if row.hours else RUNS)
            with closing(row.measure(place, replace(size, runs=wanted))) as steps:
                for done in islice(steps, wanted):
                    made.append(done)
                    say(f"{row.id} run {len(made)} of {wanted}: {done.rate:,.0f} {row.unit}")
            measured.append(Measured(row, made))
    return machine, measured


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAMES...", help="Rows, such as P4, or matching; else all but P12.")
    ] = None,
    as_json: Json = False,
    runs: Annotated[
        int | None,
        typer.Option("--runs", min=1, help="Runs of each row; 3 if not given, which give a median; of P12 1."),
    ] = None,
    scale: Annotated[float, typer.Option("--scale", min=0.001, help="Share of the usual counts, for a look.")] = 1.0,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="matching, ablation: seed of the first run.")
    ] = None,
    students: Annotated[
        int | None, typer.Option("--students", min=1, help="P1m, search: students who are there, 100,000 if not given.")
    ] = None,
    events: Annotated[
        list[int] | None,
        typer.Option("--events", min=10_000, help="P12: a size to measure at; once for each, instead of its own."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", exists=True, dir_okay=False, help="matching, ablation: another's file."
        ),
    ] = None,
) -> None:
    """Measure, beside limits and peers, on an embedded server of its own or on that of SOJOURN_DATABASE_URL."""
    from ledger.matching.shipped import read
    from ledger.settings import Settings

    settings = Settings.load()
    quiet_logs(settings)
    tried = None if policy is None else read(policy.read_text("utf-8", errors="replace"))
    try:
        _rows(names or ())
    except Refused as unknown:
        raise typer.BadParameter(f"{unknown.what} {unknown.remedy}") from None
    report = run(
        names or (),
        settings=settings,
        runs=runs,
        scale=scale,
        seed=seed,
        students=students,
        events=events or (),
        policy=tried,
    )
    if as_json:
        print_json(report.data())
    else:
        report.print_table()


def _rows(ids: Sequence[str]) -> tuple[list[Row], set[str]]:
    """The rows of these ids, every row that takes no hours where there is none, and which of the tables that are no
    rows are named. Raises Refused where there is no such row."""
    from api.cli.bench import p1, p1m, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, search

    pages = (p1, p1m, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, search)
    rows = {page.ROW.id.upper(): page.ROW for page in pages}
    wanted = {given.upper() for given in ids} or {name for name, row in rows.items() if not row.hours}
    others = {MATCHING, ABLATION}
    if unknown := sorted(wanted - {*rows, *others}):
        raise Refused(
            f"There is no row {', '.join(unknown)}.",
            remedy=f"There are: {', '.join(row.id for row in rows.values())}, matching, ablation.",
        )
    return [row for name, row in rows.items() if name in wanted], wanted & others
