"""``sojourn matching try``: what a policy would come to before anybody publishes it, listed and costed.

Nothing is written but the disclosure of the records that are listed; what they say is not told.
"""

from __future__ import annotations

import csv
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.matching.publishing import chosen_guards, chosen_thresholds
from api.cli.talk import As, Json, opened, operator, print_json, progress, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.bootstrap import Store
    from ledger.application import Ledger
    from ledger.matching.policy import Policy
    from ledger.shadowing import Costs, Differs, Shadow

VIEW = "matching-try"
COLUMNS: tuple[str, ...] = (
    "what",
    "state_a",
    "state_student_id_a",
    "record_a",
    "state_b",
    "state_student_id_b",
    "record_b",
    "weight",
    "by",
)
_TOLD = 20


def try_(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Version of one, or a file that train has written.")],
    link: Annotated[float | None, typer.Option("--link", metavar="BITS", help="Link by itself from here on.")] = None,
    review: Annotated[float | None, typer.Option("--review", metavar="BITS", help="Ask people from here on.")] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin", metavar="BITS", help="By how much two must agree more than either and any third student."
        ),
    ] = None,
    guards: Annotated[
        str | None, typer.Option("--guards", metavar="CODE,...", help="Which guards hold: codes, all or none.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=0, help="Differences that are listed, 20 in words.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the differences as CSV.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print what a policy would link and ask otherwise, over the whole history, without publishing it."""
    from msgspec.structs import replace

    from ledger.policies import known_guards, possible
    from ledger.shadowing import shadow

    if as_csv and as_json:
        raise typer.BadParameter("--csv or --json, not both")
    with opened() as store, store.ledger() as ledger:
        tried = _policy(ledger, policy)
        tried = replace(
            tried,
            thresholds=possible(chosen_thresholds(tried, link, review, margin)),
            guards=known_guards(chosen_guards(tried, guards)),
        )
        with progress("records") as show:
            found = shadow(ledger.log, tried, show)
        listed = found.differs[: _TOLD if limit is None and not (as_csv or as_json) else limit]
        rows = [_row(one, found) for one in listed]
        _disclose(store, ledger, as_name, listed, found.position)
    if as_csv:
        sheet = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        sheet.writerows(rows)
        return
    if as_json:
        print_json(_told(tried, found, rows))
        return
    print(f"Policy {tried.version} over {found.all.records:,} records, as of position {found.position}.")
    for name, costs in [("all", found.all), *found.by_state.items()]:
        print("\n".join(_lines(name, costs)))
    for row in rows:
        weight = "" if row["weight"] is None else f"{row['weight']:+.1f}"
        a, b = (f"{row[f'state_{side}']}:{row[f'state_student_id_{side}']}" for side in "ab")
        print(f"{row['what']:<14}{weight:>7}  {a}  {b}")
    if len(found.differs) > len(rows):
        say(f"{len(found.differs) - len(rows):,} more differences: --csv lists all.")


# -- inside


def _policy(ledger: Ledger, named: str) -> Policy:
    """Raises NotFound, BadValue for a file that holds none, Refused for a policy that this release cannot read."""
    from ledger.errors import NotFound
    from ledger.matching.shipped import read

    path = Path(named)
    if path.is_file():
        return read(path.read_text("utf-8", errors="replace"))
    try:
        return ledger.policies.named(named)
    except NotFound as missing:
        raise NotFound(
            f"There is no file {named}, nor a policy of that name.",
            remedy="Name a file that `sojourn matching train --out` has written, or a policy of"
            " `sojourn matching publish --list`.",
        ) from missing


def _row(one: Differs, found: Shadow) -> dict[str, Any]:
    from api.policies import in_bits

    a, b = found.named[one.record], found.named[one.member]
    weight = None if one.weight is None else in_bits(one.weight)
    told = (one.what, a.state, a.state_student_id, one.record, b.state, b.state_student_id, one.member, weight, one.by)
    return dict(zip(COLUMNS, told, strict=True))


def costs_told(costs: Costs) -> dict[str, Any]:
    """Counts, and questions for each thousand records."""
    import msgspec

    told = msgspec.to_builtins(costs)
    for now in ("", "_now"):
        told[f"wrong{now}"] = round(told[f"wrong{now}"], 4)
        told[f"questions{now}_per_1000_records"] = round(1000 * told[f"questions{now}"] / max(costs.records, 1), 1)
    return told


def _told(policy: Policy, found: Shadow, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from api.policies import thresholds_told

    return {
        "policy": policy.version,
        **thresholds_told(policy.thresholds),
        "guards": list(policy.guards),
        "position": found.position,
        "costs": costs_told(found.all),
        "by_state": {state: costs_told(costs) for state, costs in found.by_state.items()},
        "differs": rows,
    }


def _lines(name: str, costs: Costs) -> list[str]:
    told = costs_told(costs)
    links = f"links {costs.links:,} (now {costs.links_now:,}): {costs.new_links:,} new, {costs.gone_links:,} gone"
    asks = f"questions {costs.questions:,} (now {costs.questions_now:,}): {costs.new_questions:,} new"
    return [
        f"{name:<4} {links}; expected to be wrong {told['wrong']:.2f} (now {told['wrong_now']:.2f})",
        f"     {asks}, {costs.gone_questions:,} gone; {told['questions_per_1000_records']:.1f} for each 1,000 records",
    ]


def _disclose(store: Store, ledger: Ledger, as_name: str | None, listed: Sequence[Differs], position: int) -> None:
    """Durable before anything is printed."""
    from api.cli.students import PURPOSE
    from api.entries import of_many
    from api.principal import decided
    from ledger.events import Meta
    from ledger.events.disclosure import BulkDisclosed
    from ledger.store.append import Append

    principal, request = operator(store, as_name), str(uuid.uuid4())
    entry = BulkDisclosed(
        view=VIEW,
        records=sorted({record for one in listed for record in (one.record, one.member)}),
        filters=[],
        role=principal.role,
        organisation=principal.organisation,
        purpose=PURPOSE,
        basis=decided(principal, "student.list").basis,
        position=position,
    )
    if listed:
        told = of_many(entry, request)
        ledger.access.append(Append(parts=[told], meta=Meta(actor=principal.name, request=request)))
