"""The bench runs and says what the interface promises; how fast it was is no test's business."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.cli.bench import run
from api.cli.bench.callers import together
from api.cli.bench.message_db import find
from api.cli.bench.report import RATE, Goal, Measured, Report, Row, Run
from ledger.errors import Refused
from ledger.settings import Settings
from ledger.store.embedded import EmbeddedServer
from support.parts import ROOT

TINY = 0.001
FIELDS = {"id", "rate", "unit", "against", "ratio", "must", "stretch", "met", "runs"}


@pytest.fixture(scope="module")
def report(server: EmbeddedServer) -> Report:
    """Every row once, with counts that only show that it runs."""
    return run(settings=Settings.load(database_url=server.conninfo("postgres")), runs=1, scale=TINY)


@pytest.fixture
def rows(report: Report) -> dict[str, dict[str, Any]]:
    data = json.loads(json.dumps(report.data()))
    return {row["id"]: row for row in data["rows"]}


def test_the_report_has_the_shape_of_the_interface(report: Report, rows: dict[str, dict[str, Any]]) -> None:
    assert list(rows) == [
        "P1",
        "P1m",
        "P2",
        "P3",
        "P4",
        "P5",
        "P6",
        "P7",
        "P8",
        "P9",
        "P10",
        "P11",
        "P13",
        "P14",
        "search",
    ]
    assert report.data()["machine"]["postgresql"]["server_version"]
    for row in rows.values():
        assert row.keys() >= FIELDS
        assert row["rate"] > 0
        assert len(row["runs"]) == 1


def test_a_ratio_is_that_of_the_rate_to_what_it_is_measured_against(rows: dict[str, dict[str, Any]]) -> None:
    for row in rows.values():
        if row["measured_against"] not in row["against"]:
            assert row["ratio"] is None
            continue
        assert row["ratio"] == pytest.approx(row["rate"] / row["against"][row["measured_against"]], rel=0.01)


def test_the_goals_are_those_of_the_table_of_numbers(rows: dict[str, dict[str, Any]]) -> None:
    goals = {name: [(g["of"], g["must"], g["stretch"]) for g in row["goals"]] for name, row in rows.items()}
    assert goals["P1m"][:3] == [("rate", 100, 1_000), ("p50_ms", 10, 3), ("p99_ms", 50, 15)]
    assert goals["search"] == [("p99_ms", 50, 20), ("found", 0.98, 0.995)]
    assert goals["P2"] == [("P1", 4, 8)]
    assert goals["P3"] == [("copy_binary", 0.03, 0.08)]
    assert goals["P13"][0] == ("peak_mb", 500, 250)
    assert goals["P9"] == [("times", 3, 1.5)]
    assert goals["P11"] == [("hashlib", 0.1, 0.25), ("bodies_opened_times", 10, 6), ("store_times", None, 10)]
    assert goals["P10"] == [("p99_ms", 20, 5), ("kb", 10, 10)]
    assert goals["P8"] == [("p99_ms", 100, 50), ("large_max_ms", 1000, 500)]
    assert goals["P14"] == [("seconds", 60, 20)]
    assert goals["P4"] == [("library_8_threads", 5, 8)]
    assert goals["P5"] == [("static", 0.15, 0.3), ("p99_ms", 120, 50)]
    assert goals["P6"] == [("bare_read", 0.35, 0.8), ("p99_ms", 30, 12)]
    assert goals["P7"][:2] == [("copy_json", 0.04, 0.12), ("stock_runner", 8, 25)]
    assert goals["P1"][0] == ("copy_binary", 0.08, 0.16)


def test_message_db_is_measured_where_it_is_installed_and_else_said_to_be_missing(
    rows: dict[str, dict[str, Any]],
) -> None:
    rate = rows["P4"]["against"]["message_db_8_connections"]
    assert (rate is None) == (find() is None)
    assert ("message_db_8_connections" in rows["P4"]["missing"]) == (rate is None)


def test_nothing_of_a_run_stays_on_the_server(report: Report, server: EmbeddedServer) -> None:
    with psycopg.connect(server.conninfo("postgres")) as conn:
        left = conn.execute("select datname from pg_database where datname like 'sojourn_bench_%'").fetchall()
        roles = conn.execute("select 1 from pg_roles where rolname = 'message_store'").fetchall()
    assert report.rows
    assert left == roles == []


def test_the_table_names_what_is_missing(capsys: pytest.CaptureFixture[str], report: Report) -> None:
    row = Row(id="P0", work="nothing", unit="of/s", goals=(Goal(of="it", must=2, stretch=3),), measure=_never)
    Report(report.machine, [Measured(row, [Run(1.0, {"it": None})])]).print_table()
    assert "missing" in capsys.readouterr().out


def test_a_goal_whose_peer_is_missing_is_neither_met_nor_missed() -> None:
    row = Row(id="P0", work="nothing", unit="of/s", goals=(Goal(of="it", must=2, stretch=3),), measure=_never)
    assert Measured(row, [Run(9.0, {"it": None})]).met() is None
    assert Measured(row, [Run(9.0, {"it": 4.0})]).met() is True
    assert Measured(row, [Run(7.0, {"it": 4.0})]).met() is False


def test_the_ratio_is_the_median_of_the_runs_own_ratios() -> None:
    goal = Goal(of="it", must=2, stretch=3)
    row = Row(id="P0", work="nothing", unit="of/s", goals=(goal,), measure=_never)
    # A noisy machine slows both sides of a run: the ratio of the medians would be 10 / 2.
    runs = [Run(1.0, {"it": 1.0}), Run(10.0, {"it": 5.0}), Run(30.0, {"it": 2.0})]
    assert Measured(row, runs).value(goal) == 2.0


def test_a_latency_is_better_when_it_is_less() -> None:
    goal = Goal(of="p99_ms", must=120, stretch=50, at_most=True)
    assert [goal.holds(value, goal.must) for value in (119.0, 121.0, None)] == [True, False, None]


def test_a_goal_may_be_about_the_rate_itself(capsys: pytest.CaptureFixture[str], report: Report) -> None:
    row = Row(id="P0", work="it", unit="of/s", goals=(Goal(of=RATE, must=2, stretch=30),), measure=_never)
    measured = Measured(row, [Run(7.0, {"it": 9.0}), Run(1.0, {"it": 9.0}), Run(8.0, {"it": 9.0})])
    data = measured.data()
    assert (data["must"], data["ratio"], data["met"], data["stretch_met"]) == (2, None, True, False)
    assert (data["goals"][0]["kind"], data["goals"][0]["value"]) == ("at least", 7.0)
    assert Measured(row, [Run(1.0, {})]).met() is False
    Report(report.machine, [measured]).print_table()
    told = next(line for line in capsys.readouterr().out.splitlines() if "Sojourn" in line)
    assert told.split() == ["Sojourn", "7", "1..8", "2", "30", "yes"]


def test_the_students_of_a_ledger_may_be_asked_for_and_a_row_in_small_letters(server: EmbeddedServer) -> None:
    settings = Settings.load(database_url=server.conninfo("postgres"))
    (row,) = run(["p1m"], settings=settings, runs=2, scale=TINY, students=70).data()["rows"]
    assert row["more"]["students"] == 70
    # The second run finds what the first one found.
    assert row["runs"][0]["records_new"] == row["runs"][1]["records_new"]
    assert [run["auto_recall"] for run in row["runs"]] == [row["more"]["auto_recall"]] * 2


def test_a_search_is_asked_for_children_with_faults_and_finds_them(server: EmbeddedServer) -> None:
    settings = Settings.load(database_url=server.conninfo("postgres"))
    (row,) = run(["search"], settings=settings, runs=2, scale=TINY, students=300).data()["rows"]
    kinds = {name.removesuffix("_p99_ms") for name in row["more"] if name.endswith("_p99_ms")}
    assert kinds >= {
        "swapped_surnames",
        "nickname",
        "no_accents",
        "by_ear",
        "swapped_date",
        "common_name",
        "place_name",
    }
    assert row["more"]["students"] == 300
    assert row["more"]["found"] >= 0.95
    assert row["runs"][0]["questions"] == row["runs"][1]["questions"] > 100


def test_a_row_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(Refused) as refused:
        run(["P99"])
    assert refused.value.remedy is not None
    assert "P4" in refused.value.remedy


def test_message_db_is_found_below_a_folder_that_is_given(tmp_path: Path) -> None:
    assert find([tmp_path]) is None
    folder = tmp_path / ".parts/node_modules/@eventide/message-db/database"
    folder.mkdir(parents=True)
    (folder / "install.sh").touch()
    assert find([ROOT / "nowhere", tmp_path]) == folder


@pytest.mark.parametrize("late", [False, True])
def test_callers_that_fail_or_hang_end_the_run(late: bool) -> None:
    import threading

    hold = threading.Event()

    def work() -> None:
        if not late:
            raise Refused("It failed.")
        hold.wait(5)

    with pytest.raises(TimeoutError if late else Refused):
        together([work], timeout_s=0.2)
    hold.set()


def _never(*_: object) -> Any:
    raise AssertionError("not measured here")


_: Callable[..., Any] = _never
