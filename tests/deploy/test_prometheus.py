"""A real Prometheus scrapes a real service, of several processes, and every number is there.

One story, told once for the module: files by the command line and over HTTP, taken, broken off and refused; a child
written and read; then Prometheus is asked.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import yaml

from ledger import telemetry
from support.bodies import student as body
from support.command_line import CommandLine, free_port
from support.files import EXAMPLE, student, write
from support.parts import need
from support.servers import reachable_tmp
from support.watching import RULES, Prometheus, dashboard_queries, prometheus, wait_until

ASKED_TIMES = 40


@dataclass
class Watched:
    """told: what the service itself answers at /metrics, in the end."""

    prometheus: Prometheus
    service: subprocess.Popen[str]
    told: str

    def value(self, query: str) -> float:
        [(_, number)] = self.prometheus.query(query)
        return number

    def by(self, label: str, query: str) -> dict[str, float]:
        return {labels[label]: number for labels, number in self.prometheus.query(query)}


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    program = need("prometheus")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(reachable_tmp())
        sojourn = CommandLine(folder, data=folder / "d", actor="operator anna")
        _send_files(sojourn, folder)
        tokens = {
            role: sojourn.run("token", "create", "--name", role, "--role", role, *more).stdout.strip()
            for role, more in {"state_batch_submitter": ("--state", "CA"), "auditor": ()}.items()
        }
        port = free_port()
        service = stack.enter_context(_serving(sojourn, port, folder))
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until(lambda: _is_ready(client))
            _use(client, tokens, write(folder / "CA.txt", *(student(n, state="CA") for n in (1, 2)), state="CA"))
            server = stack.enter_context(prometheus(program, folder, f"127.0.0.1:{port}"))
            wait_until(lambda: server.query('submissions_completed_total{state="CA"} == 1'))
            wait_until(lambda: server.query("sum(projection_lag_events) == 0"))
            told = client.get("/metrics").text
        yield Watched(server, service, told)


def _send_files(sojourn: CommandLine, folder: Path) -> None:
    """Oregon's is taken with a row refused, Texas' is refused whole, Washington's is broken off in the middle."""
    bad = "E|001|20250631|03"
    sojourn.run("submit", write(folder / "OR.txt", student(1), student(2, bad)), code=3)
    sojourn.run("submit", write(folder / "TX.txt", student(1, state="TX"), state="TX", claims="5|5"), code=1)
    night = write(folder / "WA.txt", *(student(n, state="WA") for n in range(1, 1_501)), state="WA")
    assert sojourn.but(fault="intake.between-chunks:1").run("submit", night, code=None).returncode == -signal.SIGKILL


def _use(client: httpx2.Client, tokens: Mapping[str, str], file: Path) -> None:
    """California's file, one more child of it, twice; and who reads it."""
    sender = {"Authorization": f"Bearer {tokens['state_batch_submitter']}"}
    sent = client.post("/v1/submissions", content=file.read_bytes(), headers={**sender, "Content-Type": "text/plain"})
    assert sent.status_code == 202, sent.text
    again = {**sender, "Idempotency-Key": "once"}
    [first, second] = [client.put("/v1/records/CA/CA77", json=body(), headers=again) for _ in range(2)]
    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (201, "true"), first.text
    reader = {"Authorization": f"Bearer {tokens['auditor']}"}
    # A connection of its own for each, so that every worker is asked.
    for _ in range(ASKED_TIMES):
        path = f"{client.base_url}/v1/students/{first.json()['student_id']}"
        at_least = {"at_least": first.json()["position"]}
        assert httpx2.get(path, params=at_least, headers=reader, timeout=30).status_code == 200
    assert client.get("/v1/students/1", headers=reader).status_code == 422, "no id has one digit"


@contextlib.contextmanager
def _serving(sojourn: CommandLine, port: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    with (folder / "serve.log").open("w") as log:
        process = sojourn.start("serve", "--port", port, "--workers", 2, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.HTTPError:
        return False


def test_the_target_is_up(watched: Watched) -> None:
    [target] = watched.prometheus.ask("targets")["activeTargets"]
    assert (target["labels"]["job"], target["health"], target["lastError"]) == ("sojourn", "up", "")


def test_every_rule_is_loaded_and_can_be_judged(watched: Watched) -> None:
    wait_until(lambda: all(rule["health"] == "ok" for rule in _rules(watched)))
    named = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert sorted(rule["name"] for rule in _rules(watched)) == sorted(named)


def test_a_night_with_a_file_refused_is_told_by_the_alerts_and_nothing_else_is(watched: Watched) -> None:
    # All of these files are of 2025, so each state's file of last night is missing. The disk is this machine's own.
    expected = {"SojournFileMissing", "SojournFileRefused", "SojournSubmissionStandsStill", "SojournRefusedShareHigh"}

    def waiting() -> set[str]:
        return {rule["name"] for rule in _rules(watched) if rule["state"] != "inactive"}

    wait_until(lambda: waiting() - {"SojournDiskFilling", "SojournDiskAlmostFull"} == expected)


@pytest.mark.parametrize("metric", list(telemetry.declared()), ids=str)
def test_every_family_answers_a_query(watched: Watched, metric: telemetry.Declared) -> None:
    name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
    found = watched.prometheus.query(name)
    assert found
    for labels, _ in found:
        assert set(metric.labels) == labels.keys() - {"__name__", "instance", "job"}


def test_what_is_known_of_a_family_is_what_it_was_declared_as(watched: Watched) -> None:
    known = watched.prometheus.ask("metadata")
    for metric in telemetry.declared():
        # Prometheus of this age takes a counter's name without its ending where it reads the type.
        [told] = known[metric.name]
        assert (told["type"], told["help"]) == (metric.kind, metric.documentation)


def test_every_query_of_the_dashboard_is_answered(watched: Watched) -> None:
    for _, query in dashboard_queries():
        watched.prometheus.query(query)


def test_the_requests_of_all_workers_are_counted_together(watched: Watched) -> None:
    of = 'route="/v1/students/{id}", method="GET"'
    assert watched.value(f'sum(http_request_duration_seconds_count{{{of}, status="200"}})') == ASKED_TIMES
    assert watched.value(f'sum(http_request_duration_seconds_count{{{of}, status="422"}})') == 1
    assert watched.value("sum(disclosures_total)") == ASKED_TIMES
    assert watched.value("http_replays_total") == 1
    assert watched.value("disclosure_failures_total") == 0
    assert {"api", "ledger", "access"} <= watched.by("pool", "database_pool_wait_seconds_count > 0").keys()
    assert watched.by("found", "vault_keys_total > 0").keys() == {"memory", "vault"}


def test_files_are_told_whoever_took_them(watched: Watched) -> None:
    assert watched.by("state", "submissions_received_total") == {"CA": 1, "OR": 1, "TX": 0, "WA": 1}
    assert watched.by("state", "submissions_completed_total") == {"CA": 1, "OR": 1, "TX": 0, "WA": 0}
    assert watched.prometheus.query("submissions_refused_files")[0][0]["state"] == "TX"
    assert watched.by("outcome", 'submission_rows_total{state="OR"}') == {"accepted": 6, "unchanged": 0, "refused": 1}
    assert watched.by("outcome", 'submission_last_rows{state="CA"}') == {"accepted": 6, "unchanged": 0, "refused": 0}
    assert watched.by("level", 'submission_last_findings{state="OR"}') == {"refused": 1}


def test_a_file_that_broke_off_is_told_with_how_far_it_came(watched: Watched) -> None:
    [(labels, rows)] = watched.prometheus.query("submission_running_rows")
    assert (labels["state"], rows) == ("WA", 4_500)
    assert 4_000 <= watched.value("submission_running_done_rows") < 4_500


def test_what_the_folding_process_counts_is_there_too(watched: Watched) -> None:
    assert watched.value('projection_batch_events_sum{projection="students"}') > 0
    assert watched.value("intake_chunk_duration_seconds_count") == 1, "of California's file; the others were not its"


def test_nothing_of_a_child_is_told(watched: Watched) -> None:
    for personal in ("Wilber", "Pablo", "20081102", "2008-11-02", "CA77", "OR0000001", "Madera", EXAMPLE.name):
        assert personal not in watched.told


def test_a_service_that_ended_is_seen(watched: Watched) -> None:
    """The last of the story."""
    watched.service.terminate()
    assert watched.service.wait(60) == 0
    wait_until(lambda: watched.prometheus.query('up{job="sojourn"} == 0'))
    wait_until(lambda: "SojournDown" in {rule["name"] for rule in _rules(watched) if rule["state"] == "pending"})


def _rules(watched: Watched) -> list[dict[str, str]]:
    return [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]
