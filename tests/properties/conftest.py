"""How many examples a law gets, and the world that they are told in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from ledger.store.embedded import EmbeddedServer
from support.worlds import World, world_on

Sized = Callable[..., settings]

TORTURE = 10
"""How many times as many examples a torture run takes."""


@pytest.fixture(params=["quick", pytest.param("torture", marks=pytest.mark.torture)])
def sized(request: pytest.FixtureRequest) -> Sized:
    """Settings of a property: called with its number of examples, and of steps where it is stateful."""

    def sized(examples: int, steps: int = 25) -> settings:
        return settings(
            max_examples=examples * (TORTURE if request.param == "torture" else 1),
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            # A database is slow to a clock that expects pure functions.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )

    return sized


@pytest.fixture
def world(server: EmbeddedServer) -> Iterator[World]:
    """One database, two services on it."""
    with world_on(server) as world:
        yield world
