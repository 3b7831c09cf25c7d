"""A real Prometheus that a test starts beside the service, with the project's own configuration and rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml

from ledger import telemetry
from support.command_line import free_port
from support.sources import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
CONFIG = PROMETHEUS / "prometheus.yml"
RULES = PROMETHEUS / "sojourn.rules.yml"
RULES_TEST = PROMETHEUS / "sojourn.rules.test.yml"
WAIT_S = 60.0

T = TypeVar("T")


class Prometheus:
    """A running server, asked over HTTP."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; fails with its own words."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", (path, parameters, answer)
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample that an expression gives now."""
        found = self.ask("query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]


def wait_until(find: Callable[[], T], seconds: float = WAIT_S) -> T:
    """What ``find`` gives as soon as that is something; fails after the time."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds:.0f} s"
        time.sleep(0.1)
    return found


@contextmanager
def prometheus(program: Path, folder: Path, target: str) -> Iterator[Prometheus]:
    """Prometheus on a free port, with its data in a folder; it scrapes one target as often as it can.

    program: of the server. target: ``HOST:PORT``.
    """
    config = yaml.safe_load(CONFIG.read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for scraped in config["scrape_configs"]:
        scraped["static_configs"] = [{"targets": [target]}]
    (folder / CONFIG.name).write_text(yaml.safe_dump(config))
    shutil.copy(RULES, folder)
    port = free_port()
    log = folder / "prometheus.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / CONFIG.name}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            def ready() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return client.get("/-/ready").status_code == 200
                except httpx2.HTTPError:
                    return False

            wait_until(ready)
            yield Prometheus(client)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_:][\w:]*(?!\w*\s*\()")
_WORDS = {"and", "or", "unless", "bool", "by", "on", "without", "ignoring", "inf", "nan"}


def names_in(expression: str) -> set[str]:
    """Names of the series that a PromQL expression reads."""
    bare = _GROUPING.sub(" ", _MATCHERS.sub(" ", _RANGE.sub(" ", _TEXT.sub('""', expression))))
    return {name for name in _NAME.findall(bare) if name.lower() not in _WORDS}


def labels_in(expression: str) -> set[str]:
    """Names of the labels that a PromQL expression selects or groups by."""
    bare = _RANGE.sub(" ", _TEXT.sub('""', expression))
    selected = {match.group(0) for part in _MATCHERS.findall(bare) for match in re.finditer(r"\w+(?=\s*[=!]~?)", part)}
    grouped = {
        label for part in re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", bare) for label in re.findall(r"\w+", part)
    }
    return selected | grouped


def series() -> dict[str, set[str]]:
    """Every series that the metrics make, as queries name them, to its labels."""
    found: dict[str, set[str]] = {}
    for metric in telemetry.declared():
        labels = set(metric.labels)
        if metric.kind == "histogram":
            found |= {f"{metric.name}_sum": labels, f"{metric.name}_count": labels}
            found[f"{metric.name}_bucket"] = labels | {"le"}
        else:
            found[metric.name] = labels
    return found


def dashboard_queries() -> list[tuple[str, str]]:
    """Title of the panel and query, with what Grafana puts in the place of its variables put there."""
    board = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "sojourn.json").read_bytes())
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "1m"))
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]
