"""The alert rules do what they say: promtool tries each, and the pages tell what to do when one fires."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledger import telemetry
from support.parts import need
from support.sources import ROOT
from support.watching import CONFIG, PROMETHEUS, RULES, RULES_TEST, labels_in, names_in, series

ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
NAMES = [alert["alert"] for alert in ALERTS]
TESTS: list[dict[str, Any]] = yaml.safe_load(RULES_TEST.read_text())["tests"]


@pytest.fixture(scope="module")
def promtool() -> Path:
    return need("prometheus").with_name("promtool")


def run(promtool: Path, *words: object, folder: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_rules_are_valid(promtool: Path) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES.name)
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_the_configuration_is_valid_and_names_the_rules(promtool: Path) -> None:
    done = run(promtool, "check", "config", CONFIG.name)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(CONFIG.read_text())["rule_files"] == [RULES.name]


def test_every_alert_fires_and_keeps_still_as_its_test_says(promtool: Path) -> None:
    done = run(promtool, "test", "rules", RULES_TEST.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_that_never_fire_fail_their_tests(promtool: Path, tmp_path: Path) -> None:
    text = yaml.safe_load(RULES.read_text())
    for group in text["groups"]:
        for rule in group["rules"]:
            rule["expr"] = "vector(0) > 1"
    (tmp_path / RULES.name).write_text(yaml.safe_dump(text))
    shutil.copy(RULES_TEST, tmp_path)
    done = run(promtool, "test", "rules", RULES_TEST.name, folder=tmp_path)
    assert done.returncode != 0
    failed = done.stdout + done.stderr
    assert not [name for name in NAMES if name not in failed]


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tried_both_firing_and_keeping_still(name: str) -> None:
    expected = [
        bool(case["exp_alerts" if "alertname" in case else "exp_samples"])
        for test in TESTS
        for case in (*test.get("alert_rule_test", ()), *test.get("promql_expr_test", ()))
        if name in (case.get("alertname"), *re.findall(r'alertname="(\w+)"', case.get("expr", "")))
    ]
    assert set(expected) == {True, False}


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_waits_has_a_severity_and_says_in_words_what_is_wrong(alert: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+m", alert["for"])
    assert alert["labels"] == {"severity": alert["labels"]["severity"]}
    assert alert["labels"]["severity"] in {"critical", "warning"}
    for sentence in (alert["annotations"]["summary"], alert["annotations"]["description"]):
        assert sentence.endswith("."), sentence
        assert len(sentence.split()) > 4, sentence


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_the_runbook_of_an_alert_has_a_section_of_its_name(alert: dict[str, Any]) -> None:
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert anchor == alert["alert"].lower()
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert alert["alert"] in headings


def test_every_section_of_the_runbook_is_of_an_alert() -> None:
    page = (ROOT / "docs" / "how-to" / "watch.md").read_text()
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == NAMES


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_reads_only_metrics_and_labels_that_there_are(alert: dict[str, Any]) -> None:
    known = series()
    names = names_in(alert["expr"]) - {"up"}
    assert names <= known.keys(), f"{names - known.keys()} is counted nowhere"
    labels = labels_in(alert["expr"]) - {"instance", "job"}
    assert labels <= {label for name in names for label in known[name]}


def test_what_the_rules_try_are_metrics_that_there_are() -> None:
    tried = {names_in(given["series"]).pop() for test in TESTS for given in test["input_series"]}
    assert tried - {"up"} <= series().keys()


def test_the_names_of_metrics_are_found_in_an_expression() -> None:
    expression = (
        'sum by (state, le) (rate(a_bucket{x=~"b{c}", y!="d"}[5m])) / (max(e offset 12h) or time() > bool 3600)'
        " and on (state) predict_linear(f:g[6h], 86400) < 0 unless NaN"
    )
    assert names_in(expression) == {"a_bucket", "e", "f:g"}
    assert labels_in(expression) == {"state", "le", "x", "y"}


def test_every_metric_is_as_promtool_wants_metrics_to_be(promtool: Path) -> None:
    """Its lint of names, kinds and helps, over every metric at once."""
    asked = [
        metric.of({tuple("x" for _ in metric.labels): 1.0})
        for metric in vars(telemetry).values()
        if isinstance(metric, telemetry.Asked)
    ]
    done = subprocess.run(
        [promtool, "check", "metrics"], input=telemetry.exposition(asked), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
