"""One house for all journeys: a fresh data folder that has Oregon's example file, and a service on it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.house import EXAMPLE, House, Service
from support.servers import reachable_tmp


class FirstNight(NamedTuple):
    """What `sojourn submit` said when the example was sent for the first time, into an empty folder."""

    file: Path
    told: Any
    response: list[dict[str, str]]


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with reachable_tmp() as folder:
        yield House(folder / "d")


@pytest.fixture(scope="session")
def first_night(house: House) -> FirstNight:
    file = house.data.parent / "OR-20250902.txt"
    file.write_text(EXAMPLE)
    response = house.data.parent / "response.csv"
    told = house.told("submit", file, "--response", response)
    with response.open(newline="") as lines:
        return FirstNight(file, told, list(csv.DictReader(lines)))


@pytest.fixture(scope="session")
def service(house: House, first_night: FirstNight) -> Iterator[Service]:
    with house.serving() as running:
        yield running


@pytest.fixture(scope="session")
def ids(house: House, first_night: FirstNight) -> dict[str, str]:
    """Student id of each of Oregon's two children."""
    return {row["state_student_id"]: row["student_id"] for row in first_night.response}
