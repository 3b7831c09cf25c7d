"""How the policy is made that Sojourn comes with: ``python -m ledger.matching.shipping`` writes it anew.

Invariant: the same code makes the same policy, so what is shipped can be made again by anybody. Whoever changes what
training or comparing comes to gives it another name.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ledger.matching.policy import Thresholds
from ledger.matching.populations import Population, Sheet
from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons
from ledger.matching.shipped import FILE, PREFIX, written
from ledger.matching.training import Trained, train

NAME: Final = f"{PREFIX}3"
CHILDREN: Final = 15_000
"""Of each population."""
TRAINED_ON: Final[tuple[tuple[Population, int], ...]] = ((seasons, 101), (registers, 202))
"""Populations, and the seeds of theirs that are used up by this."""
THRESHOLDS: Final = Thresholds(link=8_500, review=-4_000, margin=0)
"""One in 363 of the links that just reach this is expected to be wrong."""


def made(children: int = CHILDREN) -> Trained:
    """The policy, trained on so many children of each population, with its checks."""
    sheets: list[Sheet] = [sheet for population, seed in TRAINED_ON for sheet in population(children, seed)]
    return train([sheet.traits for sheet in sheets], NAME, THRESHOLDS)


if __name__ == "__main__":
    trained = made()
    for check in trained.checks:
        sys.stdout.write(f"{check.name}: {check.value:.3f}, from {check.low:g} to {check.high:g}\n")
    if not trained.sound:
        raise SystemExit("A check fails: this is no policy, and nothing was written.")
    Path(__file__).with_name(FILE).write_text(written(trained.policy), encoding="utf-8")
