"""An exact rule, as a peer: first name, first surname and birth date equal, and no weighing at all."""

from __future__ import annotations

import time
from collections import defaultdict

from api.cli.bench.matching_truth import Truth, joined_alone
from ledger.matching.names import folded


def measured(truth: Truth) -> dict[str, float | None]:
    """Its figures: it has no threshold, so its one F1 is its best, and it has no questions to ask."""
    started = time.perf_counter()
    under: defaultdict[object, list[int]] = defaultdict(list)
    for number, sheet in enumerate(truth.sheets):
        given, surname = folded(sheet.traits.first_name), folded(sheet.traits.last_name_1)
        if given and surname and sheet.traits.birth_date:
            under[given, surname, sheet.traits.birth_date].append(number)
    seconds = time.perf_counter() - started
    clusters = list(under.values())
    return {
        **joined_alone(truth, clusters),
        "f1": truth.counted(clusters).f1,
        "seconds_per_1000": 1000 * seconds / len(truth.sheets),
    }
