"""Children for the tests of matching: one by hand, and any that a state could tell of."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from ledger.matching.person import Person, person
from ledger.matching.policy import Scale, Thresholds
from ledger.matching.populations import Sheet
from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons
from ledger.matching.training import Trained, train
from ledger.matching.traits import Attendance, Traits

CHILDREN = 1500
PAIRS = 12_000
"""Drawn for chance: enough for a test."""


def child(names: str = "", born: str = "", **told: Any) -> Traits:
    """``given/surname/second surname`` and a day, with whatever else is told: ``child("Ana/Cruz", "2014-03-09")``."""
    given, *surnames = names.split("/")
    first, second = [*surnames, "", ""][:2]
    return Traits(
        **{
            "state": "TX",
            "state_student_id": "1",
            "first_name": given,
            "last_name_1": first,
            "last_name_2": second,
            "birth_date": date.fromisoformat(born) if born else None,
            **told,
        }
    )


def made(names: str = "", born: str = "", **told: Any) -> Person:
    """The same, ready to be compared."""
    return person(child(names, born, **told))


@cache
def sheets(population: str) -> list[Sheet]:
    """A small population, with the truth."""
    return {"registers": registers, "seasons": seasons}[population](
        CHILDREN, {"registers": 2, "seasons": 1}[population]
    )


@cache
def trained(population: str = "registers") -> Trained:
    """A policy of that population. Some seconds, once."""
    records = [sheet.traits for sheet in sheets(population)]
    return train(records, "of a test", Thresholds(link=9000, review=-4000, margin=0), random_pairs=PAIRS)


@cache
def scale() -> Scale:
    """That policy, for as many records as it was trained on."""
    return Scale(trained().policy, len(sheets("registers")))


_GIVEN = (
    "",
    "José",
    "Jose Luis",
    "Luis",
    "Luis José",
    "José M",
    "J",
    "Josefa",
    "María",
    "Ma. Guadalupe",
    "Lupita",
    "María José",
    "José María",
    "Jos?",
    "JosÃ©",
    "López",
    "Ana María",
    "Anamaria",
    "Juan Carlos Luis",
)
_SURNAMES = (
    "",
    "López",
    "Lopes",
    "L?pez",
    "Pérez",
    "Cruz",
    "de la Cruz",
    "Delacruz",
    "P",
    "José",
    "García López",
    "Peres",
)
_DAYS = st.dates(date(2012, 2, 20), date(2012, 3, 10)) | st.sampled_from(
    [date(2013, 1, 1), date(2012, 1, 1), date(2012, 2, 1), date(2012, 1, 2), date(2012, 12, 31), date(2022, 2, 28)]
)


@st.composite
def stays(draw: st.DrawFn) -> Attendance:
    """Any enrollment of a few years."""
    begins = draw(st.dates(date(2022, 8, 1), date(2023, 6, 30)))
    return Attendance(
        begins=begins,
        ends=draw(st.none() | st.integers(0, 200).map(lambda days: begins + timedelta(days))),
        state=draw(st.sampled_from(["", "TX", "NM", "MI"])),
        school=draw(st.sampled_from(["", "480000100001", "260000100001"])),
        full=draw(st.booleans()),
    )


@st.composite
def records(draw: st.DrawFn) -> Traits:
    """Any record; few names, so that two often have something in common."""
    given, surname, parent = st.sampled_from(_GIVEN), st.sampled_from(_SURNAMES), st.sampled_from(_GIVEN[:12])
    return Traits(
        state=draw(st.sampled_from(["TX", "MI"])),
        state_student_id=draw(st.sampled_from(["1", "2"])),
        first_name=draw(given),
        middle_name=draw(st.sampled_from(["", "", "Luis", "M", "López"])),
        last_name_1=draw(surname),
        last_name_2=draw(surname),
        sex=draw(st.sampled_from(["", "Male", "Female"])),
        birth_date=draw(st.none() | _DAYS),
        multiple_birth=draw(st.sampled_from(["", "Yes", "No"])),
        male_parent_first_name=draw(parent),
        male_parent_last_name=draw(surname),
        female_parent_first_name=draw(parent),
        female_parent_last_name=draw(surname),
        birth_city=draw(st.sampled_from(["", "Tlaxiaco", "Heroica Ciudad de Tlaxiaco", "Tlaxiac?", "Puebla"])),
        birth_state=draw(st.sampled_from(["", "Oaxaca", "Puebla"])),
        birth_country=draw(st.sampled_from(["", "MX", "US"])),
        other_ids=draw(st.sampled_from([(), ("1",), ("2",)])),
        attendances=tuple(draw(st.lists(stays(), max_size=2))),
    )


def people() -> st.SearchStrategy[Person]:
    """Any record, ready to be compared."""
    return records().map(person)
