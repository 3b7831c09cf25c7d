"""What was measured: runs, rows with their goals, the report as JSON and as a table.

Invariant: a figure is a ratio inside one run, and the row's ratio is the median of its runs' ratios, never a ratio of
medians. What was not measured is None and said to be missing; it is not left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from api.cli.bench.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Goal:
    """of: a limit or peer (then the ratio to it is meant), or a name among a run's other figures.

    must: the floor under which the design is wrong; None where there is none. at_most: less is better.
    """

    of: str
    must: float | None
    stretch: float
    at_most: bool = False

    def holds(self, value: float | None, bound: float | None) -> bool | None:
        """Whether a value keeps a bound; None where either is unknown."""
        if value is None or bound is None:
            return None
        return value <= bound if self.at_most else value >= bound


@dataclass(frozen=True)
class Run:
    """One run. rate: in the row's unit. against: limits and peers, same unit; None: not here. more: other figures."""

    rate: float
    against: dict[str, float | None]
    more: dict[str, float] = field(default_factory=dict)

    def ratio(self, of: str) -> float | None:
        other = self.against.get(of)
        return self.rate / other if other else None


@dataclass(frozen=True)
class Size:
    """scale: share of the usual counts; under 1 for a look, not for figures."""

    scale: float = 1.0

    def of(self, usual: int, least: int = 1) -> int:
        """A count at this scale."""
        return max(least, round(usual * self.scale))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table of numbers. goals: the first one is the row's ratio. measure: endless; each step is a run."""

    id: str
    work: str
    unit: str
    goals: Sequence[Goal]
    measure: Callable[[Ground, Size], Iterator[Run]]


@dataclass(frozen=True)
class Measured:
    """A row and its runs."""

    row: Row
    runs: Sequence[Run]

    def value(self, goal: Goal) -> float | None:
        """What a goal is about: the median over the runs; None where a run has it not."""
        if goal.of in self.runs[0].against:
            values = [run.ratio(goal.of) for run in self.runs]
        else:
            values = [run.more.get(goal.of) for run in self.runs]
        known = [value for value in values if value is not None]
        return median(known) if len(known) == len(values) else None

    def met(self) -> bool | None:
        """Whether every must is kept; None where one cannot be told."""
        return _all(goal.holds(self.value(goal), goal.must) for goal in self.row.goals if goal.must is not None)

    def stretch_met(self) -> bool | None:
        """As ``met``, of every stretch."""
        return _all(goal.holds(self.value(goal), goal.stretch) for goal in self.row.goals)

    def against(self) -> dict[str, float | None]:
        """Limits and peers: the median over the runs."""
        found: dict[str, float | None] = {}
        for name in self.runs[0].against:
            known = [rate for run in self.runs if (rate := run.against.get(name)) is not None]
            found[name] = median(known) if known else None
        return found

    def more(self) -> dict[str, float]:
        """The other figures: the median over the runs."""
        return {name: median([run.more[name] for run in self.runs]) for name in self.runs[0].more}

    def data(self) -> dict[str, Any]:
        """The row as JSON."""
        first = self.row.goals[0]
        ratios = [ratio for run in self.runs if (ratio := run.ratio(first.of)) is not None]
        rates = [run.rate for run in self.runs]
        return {
            "id": self.row.id,
            "work": self.row.work,
            "rate": _round(median(rates)),
            "unit": self.row.unit,
            "against": {name: _round(rate) for name, rate in self.against().items()},
            "missing": [name for name, rate in self.against().items() if rate is None],
            "measured_against": first.of,
            "ratio": _round(self.value(first)),
            "must": first.must,
            "stretch": first.stretch,
            "met": self.met(),
            "stretch_met": self.stretch_met(),
            "goals": [
                {
                    "of": goal.of,
                    "kind": "at most" if goal.at_most else "ratio",
                    "value": _round(self.value(goal)),
                    "must": goal.must,
                    "stretch": goal.stretch,
                    "met": goal.holds(self.value(goal), goal.must),
                    "stretch_met": goal.holds(self.value(goal), goal.stretch),
                }
                for goal in self.row.goals
            ],
            "spread": {
                "rate": [_round(min(rates)), _round(max(rates))],
                "ratio": [_round(min(ratios)), _round(max(ratios))] if ratios else None,
            },
            "more": {name: _round(value) for name, value in self.more().items()},
            "runs": [
                {
                    "rate": _round(run.rate),
                    "against": {name: _round(rate) for name, rate in run.against.items()},
                    "ratio": _round(run.ratio(first.of)),
                    **{name: _round(value) for name, value in run.more.items()},
                }
                for run in self.runs
            ],
        }


@dataclass(frozen=True)
class Report:
    """Rows measured on one machine in one go. machine: what it is, its PostgreSQL and that server's settings."""

    machine: dict[str, Any]
    rows: Sequence[Measured]
    scale: float = 1.0

    def data(self) -> dict[str, Any]:
        """The report as JSON."""
        return {"machine": self.machine, "scale": self.scale, "rows": [measured.data() for measured in self.rows]}

    def print_table(self) -> None:
        """The report on stdout, for people."""
        console = Console()
        postgresql = self.machine["postgresql"]
        console.print(
            f"{self.machine['cores']} cores ({self.machine['processor']}), {self.machine['memory_gib']} GiB,"
            f" Python {self.machine['python']}, PostgreSQL {postgresql['server_version']}"
            f" (fsync {postgresql['fsync']}, checksums {postgresql['data_checksums']}), {self.machine['measured_at']}"
        )
        table = Table(show_lines=True)
        for heading in ("row", "rate", "limits and peers", "goal", "reached", "must", "stretch", "met"):
            table.add_column(heading, justify="left" if heading in ("row", "limits and peers", "goal") else "right")
        for measured in self.rows:
            table.add_row(*_cells(measured))
        console.print(table)
        if self.scale < 1:
            console.print(f"Scale {self.scale:g}: a look at whether it runs, no figures.")


def _cells(measured: Measured) -> list[str]:
    data, row = measured.data(), measured.row
    low, high = data["spread"]["rate"]
    peers = [f"{name} {'missing' if rate is None else f'{rate:,.0f}'}" for name, rate in data["against"].items()]
    peers += [f"({name} {value:,.10g})" for name, value in data["more"].items()]
    spread = data["spread"]["ratio"]
    reached = [_shown(goal["value"]) for goal in data["goals"]]
    if spread is not None:
        reached[0] += f" [{_shown(spread[0])}..{_shown(spread[1])}]"
    return [
        f"{row.id} {row.work}",
        f"{data['rate']:,.0f} {row.unit}\n[{low:,.0f}..{high:,.0f}]",
        "\n".join(peers),
        "\n".join(f"{goal.of} at most" if goal.at_most else f"ratio to {goal.of}" for goal in row.goals),
        "\n".join(reached),
        "\n".join(_shown(goal.must) for goal in row.goals),
        "\n".join(_shown(goal.stretch) for goal in row.goals),
        {True: "yes", False: "NO", None: "?"}[data["met"]],
    ]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _round(value: float | None) -> float | None:
    """Four digits: more would claim what a noisy machine cannot tell."""
    return None if value is None else float(f"{value:.4g}")


def _all(kept: Iterator[bool | None]) -> bool | None:
    found = list(kept)
    if False in found:
        return False
    return None if None in found else True
