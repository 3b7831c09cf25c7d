"""Houses for all journeys: a data folder that has the example file with a service on it, and an empty one."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.house import EXAMPLE, House, Service
from support.kept_apart import keep_apart
from support.outsider import Office, open_office
from support.practice_space import Practice, Sitter, open_practice
from support.servers import reachable_tmp
from support.town import Town


class FirstNight(NamedTuple):
    """What `sojourn submit` said when the example was sent for the first time, into an empty folder."""

    file: Path
    told: Any
    response: list[dict[str, str]]


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with reachable_tmp() as folder:
        made = House(folder / "d")
        keep_apart(made.command)
        yield made


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """A ledger of its own for the tests from outside; each of them sends for states that no other module sends for."""
    with open_office() as opened:
        yield opened


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    """A ledger of its own for the tests of linkage from outside; each of them makes children of its own."""
    with open_office() as opened:
        yield Town(opened)


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


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    """A practice space of its own for each module, with its pages."""
    with open_practice() as opened:
        yield opened


@pytest.fixture(scope="module")
def oregon(practice: Practice) -> Sitter:
    """A state data administrator of Oregon."""
    return practice.sits("state-administrator")


@pytest.fixture(scope="module")
def registrar(practice: Practice) -> Sitter:
    return practice.sits("registrar")
