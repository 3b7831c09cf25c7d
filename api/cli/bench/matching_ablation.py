"""``sojourn bench ablation``: what each guard and each comparison brings, by leaving it out.

Invariant: the same records, pairs and thresholds throughout; one thing is left out at a time, and nothing is trained
anew, so that what changes is due to that thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import msgspec
from rich import box
from rich.table import Table

from api.cli.bench.matching import CHILDREN, POPULATIONS, SEED, fresh
from api.cli.bench.matching_review import questions
from api.cli.bench.matching_truth import Truth, joined_alone
from api.cli.bench.report import Size, rounded
from api.cli.talk import say
from ledger.matching import training
from ledger.matching.joining import Joined
from ledger.matching.person import Person, person
from ledger.matching.policy import KINDS, Policy, Scale
from ledger.matching.shipped import shipped

NAME = "ablation"
WHOLE = "as published"
_SHOWN = ("auto_recall", "wrong_pairs", "wrong_twin", "wrong_namesake", "impure", "review_per_1000")

Figures = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What was measured on one population. runs: of each seed, what was left out to the figures."""

    population: str
    children: int
    runs: Sequence[tuple[int, Mapping[str, Figures]]]

    def data(self) -> dict[str, Any]:
        """The row as JSON, with what every row has. There are no goals: it explains, and claims nothing."""
        left_out = {name: self._means(name) for name in self.runs[0][1]}
        return {
            "id": f"{NAME} {self.population}",
            "work": f"{self.children:,} children",
            "rate": left_out[WHOLE]["auto_recall"],
            "unit": "auto_recall",
            "against": {name: means["auto_recall"] for name, means in left_out.items() if name != WHOLE},
            "missing": [],
            "ratio": None,
            "must": None,
            "stretch": None,
            "met": None,
            "left_out": left_out,
            "runs": [
                {
                    "seed": seed,
                    "left_out": {
                        name: {of: rounded(value) for of, value in figures.items()} for name, figures in systems.items()
                    },
                }
                for seed, systems in self.runs
            ],
        }

    def table(self) -> Table:
        """What was left out down, figures across: means."""
        title = f"{NAME} {self.population} {self.children:,} children: mean of {len(self.runs)}"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        table.add_column("without", no_wrap=True)
        for name in _SHOWN:
            table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
        for name in self.runs[0][1]:
            means = self._means(name)
            table.add_row(name, *("-" if (value := means[of]) is None else f"{value:.4g}" for of in _SHOWN))
        return table

    def _means(self, left_out: str) -> dict[str, float | None]:
        found = [systems[left_out] for _, systems in self.runs]
        return {of: _mean([figures[of] for figures in found]) for of in found[0]}


def measure(size: Size, *, runs: int, seed: int = SEED, policy: Policy | None = None) -> list[Ablation]:
    """Every population, one run for each seed from ``seed`` on. policy: that which Sojourn comes with if none is given.

    Raises:
        Refused: a seed is one that training has met.
    """
    seeds, children = fresh(seed, runs), size.of(CHILDREN)
    return [
        Ablation(
            population=name,
            children=children,
            runs=[(seed, dict(_run(name, Truth(draw(children, seed)), policy or shipped()))) for seed in seeds],
        )
        for name, draw in POPULATIONS.items()
    ]


def variants(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """The policy, without each of its guards, without all of them, and with each comparison saying nothing."""
    yield WHOLE, policy
    for code in policy.guards:
        yield f"guard {code}", without_guards(policy, code)
    yield "every guard", without_guards(policy, *policy.guards)
    for field in policy.levels:
        yield f"comparison {field}", without_comparison(policy, field)


def without_guards(policy: Policy, *codes: str) -> Policy:
    """The policy without these guards."""
    return msgspec.structs.replace(policy, guards=tuple(code for code in policy.guards if code not in codes))


def without_comparison(policy: Policy, field: str) -> Policy:
    """The policy to which a field says the same whatever its level, and whatever words are shared. Guards look at it
    all the same."""
    silent = tuple((0,) * len(KINDS) for _ in policy.levels[field])
    words = dict(policy.words)
    if field in words:
        words[field] = msgspec.structs.replace(words[field], common={}, rare=0, usual=0)
    return msgspec.structs.replace(policy, levels={**policy.levels, field: silent}, words=words)


def _run(population: str, truth: Truth, policy: Policy) -> Iterator[tuple[str, Figures]]:
    people = [person(sheet.traits, policy.roles) for sheet in truth.sheets]
    pairs = list(training.candidates(people))
    for name, left in variants(policy):
        figures = _figures(truth, left, people, pairs)
        say(f"{NAME} {population} without {name}: recall {figures['auto_recall']:.4f}")
        yield name, figures


def _figures(truth: Truth, policy: Policy, people: Sequence[Person], pairs: Sequence[tuple[int, int]]) -> Figures:
    joined = Joined(Scale(policy, len(people)), people, pairs)
    joined.link()
    figures = joined_alone(truth, joined.members.values())
    asked = questions(truth, joined)
    return {**figures, "review_per_1000": None if asked is None else 1000 * asked / len(people)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return rounded(mean(known)) if known and len(known) == len(values) else None
