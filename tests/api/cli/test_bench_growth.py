"""P12 grows one store and says of every size what a unit cost there; how much it grew is no test's business."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from api.cli.bench import run
from api.cli.bench.facts import sample
from api.cli.bench.growing import other_ids
from api.cli.bench.p12 import BESIDE, MEASURED, Pair, growth
from ledger.settings import Settings
from ledger.store.embedded import EmbeddedServer

COSTS = (*MEASURED, *BESIDE)


def _grown(server: EmbeddedServer, events: Sequence[int], scale: float = 1.0) -> dict[str, Any]:
    settings = Settings.load(database_url=server.conninfo("postgres"))
    (row,) = run(["P12"], settings=settings, scale=scale, events=events).data()["rows"]
    return row


def _assert_every_figure(row: dict[str, Any], smallest: int, sizes: dict[str, int]) -> None:
    more = row["more"]
    wanted = {f"{name}_{figure}" for name in COSTS for figure in ("times", "apart")} | {"smallest_events", "peak_mb"}
    assert more["smallest_events"] == pytest.approx(smallest, rel=0.2)
    for label, events in sizes.items():
        wanted |= {f"{name}_us_{where}_{label}" for name in COSTS for where in ("at", "beside")}
        wanted |= {f"{name}_at_{label}" for name in ("events", "db_mb", "fold_us", "sign_us")}
        assert more[f"events_at_{label}"] == pytest.approx(events, rel=0.2)
    assert more.keys() == wanted
    assert all(figure > 0 for figure in more.values())
    assert len(row["runs"]) == 1
    assert [(goal["of"], goal["must"], goal["stretch"], goal["kind"]) for goal in row["goals"]] == [
        (f"{name}_times", 1.3, 1.1, "at most") for name in ("P1", "P6", "P9", "P10")
    ]


def test_a_store_grows_through_the_sizes_and_every_figure_is_told(server: EmbeddedServer) -> None:
    _assert_every_figure(_grown(server, (4_000, 2_000), scale=0.001), 2_000, {"4k": 4_000})


@pytest.mark.torture
def test_a_store_grows_to_a_million_events_and_every_figure_is_told(server: EmbeddedServer) -> None:
    sizes = {"100k": 100_000, "1M": 1_000_000}
    _assert_every_figure(_grown(server, [10_000, *sizes.values()]), 10_000, sizes)


def test_growth_is_that_of_the_worst_size_beside_the_small_store_of_its_own_minutes_and_of_medians() -> None:
    still = {name: [1.0, 1.0, 1.0] for name in COSTS}
    quick, slow = still | {"P9": [2.0, 2.0, 2.0]}, still | {"P9": [9.0, 4.0, 3.0]}
    told = growth([Pair(quick, slow), Pair(slow, slow)])
    assert (told["P9_times"], told["P9_apart"]) == (2.0, 3.0)
    assert (told["P6_times"], told["P6_apart"]) == (1.0, 1.0)


def test_of_one_size_alone_two_stores_that_are_alike_are_measured(server: EmbeddedServer) -> None:
    _assert_every_figure(_grown(server, (2_000,), scale=0.001), 2_000, {"2k": 2_000})


def test_the_children_of_another_file_have_other_ids_and_nothing_else_is_another(tmp_path: Path) -> None:
    plain = sample(tmp_path, 20).read_bytes()
    others = other_ids(sample(tmp_path, 20), 17).read_bytes()
    ids, marked = ([line.split(b"|")[4] for line in text.splitlines() if line[:1] == b"S"] for text in (plain, others))
    assert len(set(ids)) == 20
    assert marked == [ssid + b"-17" for ssid in ids]
    assert others.replace(b"-17|", b"|") == plain.replace(b"-17|", b"|")
