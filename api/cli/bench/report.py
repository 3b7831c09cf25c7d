"""What was measured: runs, rows with their goals, the report as JSON and as a table.

Invariant: a figure is a ratio inside one run, and the row's ratio is the median of its runs' ratios, never a ratio of
medians. What was not measured is None and said to be missing; it is not left out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.table import Table

from api.cli.bench.ground import Ground

WIDTH = 100
"""Columns of the table where it goes to a file."""


RATE = "rate"
"""What a goal is of that is about the row's own rate."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """of: a limit or peer (then the ratio to it is meant), a name among a run's other figures, or ``RATE``.

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
    """scale: share of the usual counts; under 1 for a look, not for figures. students: that are there before, where a
    row is about these and another number is asked for than its own. events: sizes of one store, where a row is about
    its growth and others are asked for than its own. runs: of the row, where that is known: after the last one nothing
    that it worked in is needed any more."""

    scale: float = 1.0
    students: int | None = None
    events: Sequence[int] = ()
    runs: int | None = None

    def of(self, usual: int, least: int = 1) -> int:
        """A count at this scale."""
        return max(least, round(usual * self.scale))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table of numbers. goals: the first one is the row's ratio. measure: endless; each step is a run.

    hours: one run takes so long that the row is measured only where it is named, and once unless told otherwise.
    """

    id: str
    work: str
    unit: str
    goals: Sequence[Goal]
    measure: Callable[[Ground, Size], Generator[Run, None, None]]
    hours: bool = False


class Told(Protocol):
    """A row with what was measured, in whatever shape."""

    def data(self) -> dict[str, Any]:
        """The row as JSON: ``id``, ``rate``, ``unit``, ``against``, ``ratio``, ``must``, ``stretch``, ``met``, ``runs``
        at least."""
        ...

    def table(self) -> Table:
        """The row for people."""
        ...


@dataclass(frozen=True)
class Measured:
    """A row and its runs."""

    row: Row
    runs: Sequence[Run]

    def value(self, goal: Goal) -> float | None:
        """What a goal is about: the median over the runs; None where a run has it not."""
        if goal.of in self.runs[0].against:
            values = [run.ratio(goal.of) for run in self.runs]
        elif goal.of == RATE:
            values = [run.rate for run in self.runs]
        else:
            values = [run.more.get(goal.of) for run in self.runs]
        known = [value for value in values if value is not None]
        return median(known) if len(known) == len(values) else None

    def met(self) -> bool | None:
        """Whether every must is kept; None where one cannot be told."""
        return kept_all(goal.holds(self.value(goal), goal.must) for goal in self.row.goals if goal.must is not None)

    def stretch_met(self) -> bool | None:
        """As ``met``, of every stretch."""
        return kept_all(goal.holds(self.value(goal), goal.stretch) for goal in self.row.goals)

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
            "rate": rounded(median(rates)),
            "unit": self.row.unit,
            "against": {name: rounded(rate) for name, rate in self.against().items()},
            "missing": [name for name, rate in self.against().items() if rate is None],
            "measured_against": first.of,
            "ratio": rounded(self.value(first)) if first.of in self.runs[0].against else None,
            "must": first.must,
            "stretch": first.stretch,
            "met": self.met(),
            "stretch_met": self.stretch_met(),
            "goals": [
                {
                    "of": goal.of,
                    "kind": "at most" if goal.at_most else "ratio" if goal.of in self.runs[0].against else "at least",
                    "value": rounded(self.value(goal)),
                    "must": goal.must,
                    "stretch": goal.stretch,
                    "met": goal.holds(self.value(goal), goal.must),
                    "stretch_met": goal.holds(self.value(goal), goal.stretch),
                }
                for goal in self.row.goals
            ],
            "spread": {
                "rate": [rounded(min(rates)), rounded(max(rates))],
                "ratio": [rounded(min(ratios)), rounded(max(ratios))] if ratios else None,
            },
            "more": {name: rounded(value) for name, value in self.more().items()},
            "runs": [
                {
                    "rate": rounded(run.rate),
                    "against": {name: rounded(rate) for name, rate in run.against.items()},
                    "ratio": rounded(run.ratio(first.of)),
                    **{name: rounded(value) for name, value in run.more.items()},
                }
                for run in self.runs
            ],
        }

    def table(self) -> Table:
        """One row: what was measured, each limit and peer with the ratio to it, the other figures."""
        data, row = self.data(), self.row
        goals = {goal["of"]: goal for goal in data["goals"]}
        spread = data["spread"]
        met = {True: "yes", False: "NO", None: "?"}
        table = Table(
            title=f"{row.id} {row.work}: median of {len(self.runs)}", title_justify="left", box=box.SIMPLE_HEAD
        )
        table.add_column(row.unit, no_wrap=True)
        for heading in ("", "from..to", "ratio", "must", "stretch", "met"):
            table.add_column(heading, justify="right", no_wrap=True)

        def goal_cells(name: str) -> list[str]:
            goal = goals.get(name)
            if goal is None:
                return []
            # Where there is no must, it is the stretch that is said to be met or not.
            kept = met[goal["met"]] if goal["must"] is not None else f"({met[goal['stretch_met']]})"
            return [
                _shown(goal["value"]) if goal["kind"] == "ratio" else "",
                _shown(goal["must"]),
                _shown(goal["stretch"]),
                kept,
            ]

        rate = [f"[bold]{_shown(data['rate'])}[/]", _between(spread["rate"])]
        table.add_row("[bold]Sojourn[/]", *rate, *goal_cells(RATE))
        for name, value in (data["against"] | data["more"]).items():
            cells = [name, "missing" if value is None else _shown(value)]
            if name in goals:
                cells += [_between(spread["ratio"]) if name == data["measured_against"] else "", *goal_cells(name)]
            table.add_row(*cells)
        return table


@dataclass(frozen=True)
class Report:
    """Rows measured on one machine in one go. machine: what it is; where a row met PostgreSQL, that server's settings
    too."""

    machine: dict[str, Any]
    rows: Sequence[Told]
    scale: float = 1.0

    def data(self) -> dict[str, Any]:
        """The report as JSON."""
        return {"machine": self.machine, "scale": self.scale, "rows": [measured.data() for measured in self.rows]}

    def print_table(self) -> None:
        """The report on stdout, for people."""
        console = Console()
        if not console.is_terminal:
            console = Console(width=max(console.width, WIDTH))
        postgresql = self.machine.get("postgresql")
        server = (
            f" PostgreSQL {postgresql['server_version']}"
            f" (fsync {postgresql['fsync']}, checksums {postgresql['data_checksums']}),"
            if postgresql
            else ""
        )
        console.print(
            f"{self.machine['cores']} cores ({self.machine['processor']}), {self.machine['memory_gib']} GiB,"
            f" Python {self.machine['python']},{server} {self.machine['measured_at']}"
        )
        for measured in self.rows:
            console.print(measured.table())
        if self.scale < 1:
            console.print(f"Scale {self.scale:g}: a look at whether it runs, no figures.")


def _between(spread: Sequence[float] | None) -> str:
    return "" if spread is None else "..".join(map(_shown, spread))


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def rounded(value: float | None) -> float | None:
    """Four digits: more would claim what a noisy machine cannot tell."""
    return None if value is None else float(f"{value:.4g}")


def kept_all(kept: Iterable[bool | None]) -> bool | None:
    """Whether all hold; None where one cannot be told and none fails."""
    found = list(kept)
    if False in found:
        return False
    return None if None in found else True
