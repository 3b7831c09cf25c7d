"""At every named point the service, or PostgreSQL, is killed: nothing acknowledged is lost, nothing is doubled.

Whoever is killed, a fresh process begins the same work again, with the same idempotency keys, until it is done.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from _pytest.mark import ParameterSet

from ledger.store import faults
from ledger.store.embedded import EmbeddedServer
from support.crash_scenarios import SCENARIOS, Requests, Scenario
from support.disposals_killed import DISPOSAL_POINTS
from support.killed_servers import kill_server, revive_server
from support.nights_sent import PIPELINE_POINTS
from support.readers import READING_POINTS
from support.service_processes import ServiceProcess

POINTS = tuple(point for point in faults.POINTS if point in SCENARIOS)
"""The others are those of a night's files, of who is shown what, and of what is destroyed: ``test_pipeline_kills``,
``test_disclosure_faults``, ``test_disposal_kills``."""
HITS_MIN = 5
HITS_LONG = 25
VICTIMS = ("postmaster", "backends")
PASSED_ONCE = {"rebuild.in-swap"}

Hits = dict[tuple[str, str], int]


def test_every_named_point_has_a_scenario() -> None:
    elsewhere = {*PIPELINE_POINTS, *READING_POINTS, *DISPOSAL_POINTS}
    assert set(SCENARIOS) | elsewhere == set(faults.POINTS)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kills", [HITS_MIN, pytest.param(HITS_LONG, marks=pytest.mark.torture)])
def test_killing_the_service_loses_and_doubles_nothing(
    point: str, kills: int, durable: dict[str, str], durable_server: EmbeddedServer, tmp_path: Path, hits: Hits
) -> None:
    scenario = SCENARIOS[point](durable, durable_server, tmp_path, size=kills // HITS_MIN)
    chance = Random(point)
    before = hits[point, "service"]
    for _ in range(kills):
        armed = {**durable, "fault": f"{point}:{chance.randint(1, _passings_max(point))}"}
        with ServiceProcess(scenario.work, *scenario.arguments, settings=armed) as process:
            for word in process.said():
                scenario.heard(word)
            assert process.was_killed, f"the work was done before it passed {point}"
        hits[point, "service"] += 1
        scenario.after_kill()
    _finish(scenario)
    assert hits[point, "service"] - before >= HITS_MIN
    if point == "sequencer.after-commit":
        assert isinstance(scenario, Requests)
        assert scenario.durable_unheard >= kills, "each kill left an answer that nobody had heard"


def _kills_of_the_server() -> list[ParameterSet]:
    """Every point, both victims, at each of its first passings; one of each point in every run."""
    return [
        pytest.param(
            point,
            victim,
            passing,
            marks=() if passing == 1 and number == place % len(VICTIMS) else pytest.mark.torture,
        )
        for place, point in enumerate(POINTS)
        for number, victim in enumerate(VICTIMS)
        for passing in range(1, HITS_MIN + 1)
    ]


@pytest.mark.parametrize(("point", "victim", "passing"), _kills_of_the_server())
def test_killing_postgresql_loses_and_doubles_nothing(
    point: str,
    victim: str,
    passing: int,
    durable: dict[str, str],
    durable_server: EmbeddedServer,
    tmp_path: Path,
    hits: Hits,
) -> None:
    """The service outlives it and goes on by itself."""
    scenario = SCENARIOS[point](durable, durable_server, tmp_path)
    pause_at = f"{point}:{1 if point in PASSED_ONCE else passing}"
    with ServiceProcess(scenario.work, *scenario.arguments, settings=durable, pause_at=pause_at) as process:
        for word in process.said():
            scenario.heard(word)
        assert process.alive, f"the work was done before it passed {point}"
        kill_server(durable_server, victim)
        hits[point, victim] += 1
        process.go_on()
        revive_server(durable_server)
        scenario.after_kill()
        for word in process.said():
            scenario.heard(word)
        assert not process.was_killed
    _finish(scenario)


def _passings_max(point: str) -> int:
    """So that kills come at different places, and the work is not done before the last of them."""
    return {"rebuild.in-swap": 1, "intake.between-chunks": 2, "sequencer.in-copy": 1}.get(point, 3)


def _finish(scenario: Scenario) -> None:
    with ServiceProcess(scenario.work, *scenario.arguments, settings=scenario.settings) as process:
        for word in process.said():
            scenario.heard(word)
        assert not process.was_killed
    scenario.done()
