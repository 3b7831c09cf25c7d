"""The dashboard shows every metric, and nothing that is not counted; Grafana takes it as it stands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ledger import telemetry
from support.parts import need
from support.sources import ROOT
from support.watching import dashboard_queries, labels_in, names_in, series

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = msgspec.json.decode((GRAFANA / "dashboards" / "sojourn.json").read_bytes())
CORE_PANELS = {"row", "timeseries", "stat", "table"}
WIDTH = 24


def panels() -> list[dict[str, Any]]:
    return DASHBOARD["panels"]


@pytest.mark.parametrize(("title", "query"), dashboard_queries())
def test_a_query_reads_only_metrics_and_labels_that_there_are(title: str, query: str) -> None:
    known = series()
    names = names_in(query) - {"up"}
    assert names <= known.keys(), f"{title}: {names - known.keys()} is counted nowhere"
    labels = labels_in(query) - {"instance", "job"}
    assert labels <= {label for name in names for label in known[name]}, title


def test_every_metric_is_shown() -> None:
    shown = set().union(*(names_in(query) for _, query in dashboard_queries()))
    stems = {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in shown} | shown
    assert {metric.name for metric in telemetry.declared()} <= stems


def test_every_query_is_promql(tmp_path: Path) -> None:
    promtool = need("prometheus").with_name("promtool")
    rules = [{"record": f"panel:{number}", "expr": query} for number, (_, query) in enumerate(dashboard_queries())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_it_needs_no_plugin_and_no_data_source_of_a_fixed_name() -> None:
    assert {panel["type"] for panel in panels()} <= CORE_PANELS
    [source] = DASHBOARD["templating"]["list"]
    assert (source["type"], source["query"], source["name"]) == ("datasource", "prometheus", "datasource")
    for place in _data_sources(DASHBOARD):
        assert place == {"type": "prometheus", "uid": "${datasource}"}


def test_every_panel_has_a_title_a_sentence_and_a_unit() -> None:
    for panel in panels():
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_ids_are_told_once_and_no_panel_covers_another() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_letters_of_the_queries_of_a_panel_are_its_own() -> None:
    for panel in panels():
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(letters) == len(set(letters)), panel["title"]


def test_a_legend_names_only_labels_of_its_metrics() -> None:
    known = series()
    for panel in panels():
        for target in panel.get("targets", ()):
            there = {label for name in names_in(target["expr"]) - {"up"} for label in known[name]} | {"instance"}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= there, panel["title"]


def test_it_is_provisioned_from_its_file() -> None:
    [provider] = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "sojourn.yml").read_text())["providers"]
    assert provider["type"] == "file"
    assert f"{provider['options']['path']}/" in (ROOT / "docs" / "how-to" / "watch.md").read_text()
    [source] = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["type"] == "prometheus"


def _data_sources(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "datasource":
                yield inner
            else:
                yield from _data_sources(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _data_sources(inner)
