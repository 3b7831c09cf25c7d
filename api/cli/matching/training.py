"""``sojourn matching train``: a policy learnt from this ledger's records, refused where it has not learnt children.

Invariant: it is trained without labels, on what states have said and on nothing that anybody decided; and it is kept
only where every check holds, with no word that fewer than ``SEEN_OF_CHILDREN`` of the records carry.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.talk import As, Json, opened, operator, print_json, progress, say
from ledger.errors import BadValue, Conflict

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.matching.training import Check, Trained
    from ledger.matching.traits import Traits

SAMPLE = 60_000
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}"


def train(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the policy; else by its place.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of what is drawn by chance.")] = 1,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=1, help="Records at most; of more so many are drawn.")
    ] = SAMPLE,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the policy there too.")] = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Train a policy on this ledger's records. Nothing is decided by it before it is published."""
    from ledger.events import Meta
    from ledger.events.policy import CheckOutcome
    from ledger.matching import training
    from ledger.matching.shipped import shipped, written

    with opened() as store, store.ledger() as ledger:
        head = ledger.log.head()
        version = _free(ledger, name or f"trained-{head}")
        records, there = _drawn(ledger, sample, seed, head)
        published = ledger.policies.last()
        say(f"Trains on {len(records):,} records.")
        trained = training.train(
            records,
            version,
            (shipped() if published is None else published).thresholds,
            seed=seed,
            seen=training.SEEN_OF_CHILDREN,
            drawn_from=there,
        )
        position = None
        if trained.sound:
            checks = [CheckOutcome(one.name, one.value, one.low, one.high) for one in trained.checks]
            meta = Meta(actor=operator(store, as_name).name, request=str(uuid.uuid4()))
            position = ledger.policies.record(trained.policy, meta, records=len(records), upto=head, checks=checks)
    # Durable: the file is a copy.
    if trained.sound and out is not None:
        out.write_text(written(trained.policy), encoding="utf-8")
    _tell(trained, len(records), position, as_json=as_json)
    if not trained.sound:
        say("A check fails, so this is no policy, and nothing was kept: what it found is households or chance.")
        say("Train on more records, or use the policy that Sojourn comes with.")
        raise typer.Exit(1)
    say(f"Next: sojourn matching try {version}, then sojourn matching publish {version} --reason TEXT")


def reservoir(records: Iterable[str], size: int, seed: int) -> tuple[list[str], int]:
    """So many of them at most, each as likely as any other, and how many there were. The same again from its seed;
    holds no more than it answers."""
    chance = Random(seed)  # noqa: S311 - drawn again the same from its seed
    kept: list[str] = []
    there = 0
    for record in records:
        there += 1
        if len(kept) < size:
            kept.append(record)
        elif (at := chance.randrange(there)) < size:
            kept[at] = record
    return sorted(kept), there


# -- inside


def _free(ledger: Ledger, version: str) -> str:
    """A name that a policy may have. Raises BadValue, Conflict."""
    from ledger.matching.shipped import PREFIX

    if re.fullmatch(NAME, version) is None:
        raise BadValue(
            "A policy cannot have this name.",
            rule="policy",
            element="version",
            remedy="Use up to 60 letters, digits, points, hyphens and underscores.",
        )
    if version.startswith(PREFIX) or any(one.said.version == version for one in ledger.policies.trained()):
        raise Conflict(f"There is a policy {version} already.", remedy="Give another name: --name NAME")
    return version


def _drawn(ledger: Ledger, sample: int, seed: int, upto: int) -> tuple[list[Traits], int]:
    """What the drawn records say, and of how many they were drawn: of those that say anything."""
    from ledger.identities import every_record, traits_in_parts

    chosen, there = reservoir(every_record(ledger.log), sample, seed)
    found: list[Traits] = []
    with progress("records") as show:
        for part in traits_in_parts(ledger.log, chosen, upto):
            found += part.values()
            show(len(found), len(chosen))
    return found, round(there * len(found) / max(len(chosen), 1))


def _tell(trained: Trained, records: int, position: int | None, *, as_json: bool) -> None:
    version = trained.policy.version
    if as_json:
        checks = [
            {"name": one.name, "value": one.value, "low": one.low, "high": one.high, "holds": one.holds}
            for one in trained.checks
        ]
        print_json(
            {"version": version, "records": records, "sound": trained.sound, "position": position, "checks": checks}
        )
        return
    for one in trained.checks:
        print(_line(one))
    if position is not None:
        print(f"Policy {version}, trained on {records:,} records, at position {position}.")


def _line(check: Check) -> str:
    return f"{'ok  ' if check.holds else 'BAD '}{check.name}: {check.value:.3f}, from {check.low:g} to {check.high:g}"
