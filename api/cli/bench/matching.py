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
from ledger.matching import training
from ledger.matching.policy import Policy
from ledger.matching.populations import Population, Sheet
from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons

NAME = "matching"
CHILDREN = 20_000
SEED = 101
"""Of the first run; each further run has the next."""
TRAINED_ON: Mapping[str, int] = {"seasons": 1, "registers": 2}
"""Seeds of what a policy is trained on where none is given."""

POPULATIONS: Mapping[str, Population] = {"seasons": seasons, "registers": registers}
FEBRL = {"febrl3": matching_febrl.febrl3, "febrl4": matching_febrl.febrl4}

GOALS = (
    Goal(of="f1", must=0.985, stretch=0.990),
    Goal(of="auto_recall", must=0.78, stretch=0.82),
    Goal(of="auto_precision", must=0.999, stretch=0.999),
    Goal(of="wrong_pairs", must=6, stretch=3, at_most=True),
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
    thresholds are frozen; without one, it is trained on as many children of other seeds. peers: whether the
    other systems are measured too, and what comes with their packages.

    Raises:
        Refused: a seed is one that training uses, or there are too few children to train on.
    """
    seeds = range(seed, seed + runs)
    children = size.of(CHILDREN)
    if policy is None:
        policy = _trained(children, seeds)
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


def _trained(children: int, seeds: range) -> Policy:
    if used := sorted(set(seeds) & set(TRAINED_ON.values())):
        raise Refused(
            f"Training uses seed {', '.join(map(str, used))}: what it has seen shows nothing.",
            remedy=f"Begin with a seed above {max(TRAINED_ON.values())}.",
        )
    sheets = [sheet for name, seed in TRAINED_ON.items() for sheet in POPULATIONS[name](children, seed)]
    say(f"{NAME}: training on {len(sheets):,} records")
    made = training.train([sheet.traits for sheet in sheets], "bench", matching_ours.THRESHOLDS)
    for check in made.checks:
        if not check.holds:
            say(f"{NAME}: of the model, {check.name} is {check.value:.3f}, not {check.low:g} to {check.high:g}")
    return matching_ours.frozen(made.policy)


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
