"""What was measured of matching: several systems on one set of records, several figures each, one run for each seed.

Invariant: as in ``report``, what was not measured is None and said to be missing; it is not left out. A must is kept by
the worst run, a stretch by the mean of the runs: a wrong join is no better for its being rare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from rich import box
from rich.table import Table

from api.cli.bench.report import Goal, kept_all, rounded

OURS = "sojourn"

Figures = Mapping[str, float | None]
"""By name; None where a system has no such figure, or never gets there."""


@dataclass(frozen=True)
class Trial:
    """One run. seed: of the records; None where they are not drawn. systems: figures of each; None: not here."""

    records: int
    systems: Mapping[str, Figures | None]
    seed: int | None = None

    def figure(self, system: str, name: str) -> float | None:
        return (self.systems.get(system) or {}).get(name)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A row of the bench in which several figures count. rate: the figure that stands for the others.

    goals: of the product's figures, or of a peer by name, then the ratio of the rate to the peer's is meant. trials:
    none where the records are not here.
    """

    id: str
    work: str
    unit: str
    rate: str
    goals: Sequence[Goal]
    trials: Sequence[Trial]

    def value(self, goal: Goal) -> float | None:
        """The mean over the runs; None where one has it not."""
        return _over(self._values(goal), mean)

    def worst(self, goal: Goal) -> float | None:
        """The worst of the runs; None where one has it not."""
        return _over(self._values(goal), max if goal.at_most else min)

    def met(self) -> bool | None:
        """Whether the worst run keeps every must; None where one cannot be told."""
        return kept_all(goal.holds(self.worst(goal), goal.must) for goal in self.goals if goal.must is not None)

    def stretch_met(self) -> bool | None:
        """Whether the mean of the runs keeps every stretch."""
        return kept_all(goal.holds(self.value(goal), goal.stretch) for goal in self.goals)

    def data(self) -> dict[str, Any]:
        """The row as JSON, with what every row has."""
        against = {system: self._mean(system, self.rate) for system in self._systems() if system != OURS}
        first = next((goal for goal in self.goals if goal.of in against), self.goals[0])
        rates = [rate for trial in self.trials if (rate := trial.figure(OURS, self.rate)) is not None]
        return {
            "id": self.id,
            "work": self.work,
            "rate": rounded(self._mean(OURS, self.rate)),
            "unit": self.unit,
            "against": {name: rounded(rate) for name, rate in against.items()},
            "missing": self.missing(),
            "measured_against": first.of,
            "ratio": rounded(self.value(first)) if first.of in against else None,
            "must": first.must,
            "stretch": first.stretch,
            "met": self.met(),
            "stretch_met": self.stretch_met(),
            "goals": [
                {
                    "of": goal.of,
                    "kind": "at most" if goal.at_most else "at least",
                    "value": rounded(self.value(goal)),
                    "worst": rounded(self.worst(goal)),
                    "must": goal.must,
                    "stretch": goal.stretch,
                    "met": goal.holds(self.worst(goal), goal.must),
                    "stretch_met": goal.holds(self.value(goal), goal.stretch),
                }
                for goal in self.goals
            ],
            "spread": {"rate": [rounded(min(rates)), rounded(max(rates))] if rates else None},
            "systems": {
                system: {name: rounded(self._mean(system, name)) for name in self._names()}
                if system not in self.missing()
                else None
                for system in self._systems()
            },
            "runs": [
                {
                    "seed": trial.seed,
                    "records": trial.records,
                    "systems": {
                        system: figures and {name: rounded(value) for name, value in figures.items()}
                        for system, figures in trial.systems.items()
                    },
                }
                for trial in self.trials
            ],
        }

    def missing(self) -> list[str]:
        """Systems that are not installed; ``records`` where those that it is measured on are not."""
        if not self.trials:
            return ["records"]
        return [name for name, figures in self.trials[0].systems.items() if figures is None]

    def table(self) -> Table:
        """Figures down, systems across: means, and the product's worst where there is a goal."""
        runs = len(self.trials)
        table = Table(title=f"{self.id} {self.work}: mean of {runs}", title_justify="left", box=box.SIMPLE_HEAD)
        missing = self.missing()
        peers = [system for system in self._systems() if system != OURS]
        table.add_column("", no_wrap=True)
        for heading in ("Sojourn", "worst", *(name.replace("_", "\n") for name in peers), "must", "stretch", "met"):
            table.add_column(heading, justify="right", no_wrap=True)
        if not runs:
            table.add_row("records", "missing")
        goals = {goal.of: goal for goal in self.goals}
        for name in self._names():
            goal = goals.get(name)
            table.add_row(
                name,
                f"[bold]{_shown(self._mean(OURS, name))}[/]",
                _shown(self.worst(goal)) if goal else "",
                *("missing" if peer in missing else _shown(self._mean(peer, name)) for peer in peers),
                *self._goal_cells(goal),
            )
        for peer in peers:
            if goal := goals.get(peer):
                cells = [
                    f"{self.rate} to {peer}",
                    _shown(self.value(goal)),
                    _shown(self.worst(goal)),
                    *("" for _ in peers),
                ]
                table.add_row(*cells, *self._goal_cells(goal))
        return table

    def _goal_cells(self, goal: Goal | None) -> list[str]:
        if goal is None:
            return []
        kept = goal.holds(self.worst(goal), goal.must)
        return [_shown(goal.must), _shown(goal.stretch), {True: "yes", False: "NO", None: "?"}[kept]]

    def _values(self, goal: Goal) -> list[float | None]:
        if goal.of not in self._systems():
            return [trial.figure(OURS, goal.of) for trial in self.trials]
        found: list[float | None] = []
        for trial in self.trials:
            ours, theirs = trial.figure(OURS, self.rate), trial.figure(goal.of, self.rate)
            found.append(ours / theirs if ours is not None and theirs else None)
        return found

    def _mean(self, system: str, name: str) -> float | None:
        return _over([trial.figure(system, name) for trial in self.trials], mean)

    def _systems(self) -> list[str]:
        return list(self.trials[0].systems) if self.trials else []

    def _names(self) -> list[str]:
        return list((self.trials[0].systems[OURS] or {}) if self.trials else {})


def _over(values: Sequence[float | None], of: Callable[[Sequence[float]], float]) -> float | None:
    known = [value for value in values if value is not None]
    return of(known) if known and len(known) == len(values) else None


def _shown(value: float | None) -> str:
    """Four digits, since the last of .9994 is what is at stake; a share without its nought."""
    if value is None:
        return "-"
    return f"{value:.4f}".strip("0") if 0.001 <= value < 1 else f"{value:.4g}"
