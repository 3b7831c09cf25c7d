"""``sojourn bench matching``: how well records are put together, beside an exact rule and Splink, on the same records.

Each of our made-up populations with fresh seeds, and FEBRL 3 and 4 for a floor. Invariant: the policy and its
thresholds are frozen before a seed is drawn that its training has not met; every system meets the same records in the
same run, and what is counted is what is one student once everything is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from api.cli.bench import matching_febrl, matching_ours, matching_rule, matching_splink
from api.cli.bench.matching_report import OURS, Contest, Trial
from api.cli.bench.matching_truth import Truth
from api.cli.bench.report import Goal, Size
from api.cli.talk import say
from ledger.errors import Refused
from ledger.matching.policy import Policy
from ledger.matching.populations import Population, Sheet
from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons
from ledger.matching.shipped import shipped
from ledger.matching.shipping import TRAINED_ON

NAME = "matching"
CHILDREN = 20_000
SEED = 501
"""Of the first run; each further run has the next."""
POPULATIONS: Mapping[str, Population] = {"seasons": seasons, "registers": registers}
FEBRL = {"febrl3": matching_febrl.febrl3, "febrl4": matching_febrl.febrl4}

GOALS = (
    Goal(of="f1", must=0.985, stretch=0.990),
    Goal(of="auto_recall", must=0.78, stretch=0.82),
    Goal(of="auto_precision", must=0.999, stretch=0.999),
    Goal(of="wrong_pairs", must=6, stretch=3, at_most=True),
    Goal(of="claim_factor", must=3, stretch=2, at_most=True),
    Goal(of="review_per_1000", must=100, stretch=75, at_most=True),
    Goal(of="blocking_recall", must=0.980, stretch=0.990),
)
"""For 20,000 children. The must is for the worst run, the stretch for the mean."""

FLOOR = (Goal(of="splink", must=1.0, stretch=1.0),)
"""FEBRL is saturated: no worse than the peer is all that it can show."""


def measure(
    size: Size, *, runs: int, seed: int = SEED, policy: Policy | None = None, peers: bool = True
) -> list[Contest]:
    """Every population and both FEBRL.

    runs: of each population, one for each seed from ``seed`` on; FEBRL has one, for it is not drawn. policy: whose
    thresholds are frozen; without one, that which Sojourn comes with. peers: whether the other systems are measured
    too, and what comes with their packages.

    Raises:
        Refused: a seed is one that training has met.
    """
    seeds = fresh(seed, runs)
    children = size.of(CHILDREN)
    policy = policy or shipped()
    contests = [
        Contest(
            id=f"{NAME} {name}",
            work=f"{children:,} children",
            unit="F1, closed",
            rate="f1",
            goals=GOALS,
            trials=list(_trials(name, ((drawn, population(children, drawn)) for drawn in seeds), policy, peers)),
        )
        for name, population in POPULATIONS.items()
    ]
    for name, load in FEBRL.items():
        sheets = load() if peers else None
        contests.append(
            Contest(
                id=f"{NAME} {name}",
                work="names, date and town",
                unit="F1, closed",
                rate="f1",
                goals=FLOOR,
                trials=list(_trials(name, [(None, sheets)] if sheets else [], policy, peers)),
            )
        )
    return contests


def fresh(seed: int, runs: int) -> range:
    """Seeds of so many runs, none of which the training has met. Raises Refused."""
    seeds = range(seed, seed + runs)
    if used := sorted(set(seeds) & (met := {seed for _, seed in TRAINED_ON})):
        raise Refused(
            f"Training has met seed {', '.join(map(str, used))}: what it has seen shows nothing.",
            remedy=f"Begin with a seed above {max(met)}.",
        )
    return seeds


def _trials(
    name: str,
    drawn: Iterable[tuple[int | None, list[Sheet]]],
    policy: Policy,
    peers: bool,
) -> Iterator[Trial]:
    for seed, sheets in drawn:
        truth = Truth(sheets)
        systems = {OURS: matching_ours.measured(truth, policy)}
        if peers:
            systems |= {"exact_rule": matching_rule.measured(truth), **matching_splink.measured(truth)}
        trial = Trial(len(sheets), systems, seed)
        of = "" if seed is None else f" seed {seed}"
        say(f"{NAME} {name}{of}: F1 {trial.figure(OURS, 'f1'):.4f}, {len(sheets):,} records")
        yield trial
