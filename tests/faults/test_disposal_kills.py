"""A disposal is killed at each of its named points, or PostgreSQL under it: all of it has happened, or nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from ledger.store.embedded import EmbeddedServer
from support.disposals_killed import DISPOSAL_POINTS, Disposing
from support.killed_servers import kill_server, revive_server
from support.service_processes import ServiceProcess

KILLS = 2
KILLS_LONG = 25


@pytest.mark.parametrize("point", DISPOSAL_POINTS)
@pytest.mark.parametrize("kills", [KILLS, pytest.param(KILLS_LONG, marks=pytest.mark.torture)])
def test_killing_the_disposer_leaves_all_or_nothing(
    point: str, kills: int, durable: dict[str, str], durable_server: EmbeddedServer, tmp_path: Path
) -> None:
    scenario, chance = Disposing(durable, durable_server, tmp_path, size=1 + kills // 4), Random(point)
    for _ in range(kills):
        armed = {**durable, "fault": f"{point}:{chance.randint(1, 2)}"}
        with ServiceProcess(scenario.work, *scenario.arguments, settings=armed) as process:
            for word in process.said():
                scenario.heard(word)
            assert process.was_killed, f"the work was done before it passed {point}"
        scenario.after_kill()
    finish(scenario)


@pytest.mark.parametrize(
    ("point", "victim"),
    [
        ("disposal.decided", "backends"),
        ("sequencer.before-commit", "postmaster"),
        pytest.param("sequencer.before-commit", "backends", marks=pytest.mark.torture),
        pytest.param("sequencer.after-commit", "postmaster", marks=pytest.mark.torture),
        pytest.param("disposal.told", "postmaster", marks=pytest.mark.torture),
    ],
)
def test_killing_postgresql_under_it_leaves_all_or_nothing(
    point: str, victim: str, durable: dict[str, str], durable_server: EmbeddedServer, tmp_path: Path
) -> None:
    scenario = Disposing(durable, durable_server, tmp_path)
    with ServiceProcess(scenario.work, *scenario.arguments, settings=durable, pause_at=f"{point}:2") as process:
        for word in process.said():
            scenario.heard(word)
        assert process.alive, f"the work was done before it passed {point}"
        kill_server(durable_server, victim)
        process.go_on()
        revive_server(durable_server)
        scenario.after_kill()
        for word in process.said():
            scenario.heard(word)
        assert not process.was_killed
    finish(scenario)


def finish(scenario: Disposing) -> None:
    with ServiceProcess(scenario.work, *scenario.arguments, settings=scenario.settings) as process:
        for word in process.said():
            scenario.heard(word)
        assert not process.was_killed
    scenario.done()
