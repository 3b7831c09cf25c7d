"""A night's files of three states: families with twins, siblings, cousins and namesakes, each child told of by some.

Drawn from so few names that children are mistaken for each other all the time; or from the populations that policies
are trained on, a few families of them.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons
from ledger.matching.traits import Attendance, Traits

STATES = ("TX", "MI", "CA")
_GIVEN = ("Rosa", "Rosa María", "Rosa Emilia", "José", "José Luis", "Luis", "Adrián", "Adriana", "Wilber Esteban")
_SURNAMES = (("Cruz", "López"), ("López", "Cruz"), ("García", ""), ("Quintero", "Medrano"))
_PARENTS = (("Jorge", "Rosaura"), ("Eleuterio", "Itzel"), ("José", "María"))
_TOWNS = (("Tlaxiaco", "Oaxaca"), ("Puebla", "Puebla"))
_BORN = (date(2014, 3, 9), date(2014, 9, 3), date(2016, 1, 1), date(2017, 11, 21))
_SCHOOL = (date(2024, 8, 20), date(2025, 1, 10))


@cache
def _population(name: str) -> list[list[Traits]]:
    """Its families, each with all that is said of it; those of whom several records tell."""
    sheets = {"registers": registers, "seasons": seasons}[name](400, 5)
    families: dict[int, list[Traits]] = {}
    for sheet in sheets:
        families.setdefault(sheet.clan, []).append(sheet.traits)
    return [family for family in families.values() if 3 <= len(family) <= 12]


@st.composite
def populations(draw: st.DrawFn) -> list[Traits]:
    """Some families of a population that policies are trained on."""
    families = _population(draw(st.sampled_from(["registers", "seasons"])))
    drawn = draw(st.lists(st.integers(0, len(families) - 1), min_size=1, max_size=3, unique=True))
    found = {(one.state, one.state_student_id): one for number in drawn for one in families[number]}
    return list(found.values())


@st.composite
def towns(draw: st.DrawFn, records_max: int = 12) -> list[Traits]:
    """Families who look alike, in the words of three states."""
    told: list[Traits] = []
    for _ in range(draw(st.integers(1, 3))):
        surnames, parents, town = (draw(st.sampled_from(of)) for of in (_SURNAMES, _PARENTS, _TOWNS))
        for _ in range(draw(st.integers(1, 3))):
            given, born = draw(st.sampled_from(_GIVEN)), draw(st.sampled_from(_BORN))
            sex = draw(st.sampled_from(["Male", "Female"]))
            for state in draw(st.lists(st.sampled_from(STATES), min_size=1, max_size=3)):
                whole = {
                    "first_name": given,
                    "last_name_1": surnames[0],
                    "last_name_2": surnames[1],
                    "birth_date": born,
                    "sex": sex,
                    "male_parent_first_name": parents[0],
                    "male_parent_last_name": surnames[0],
                    "female_parent_first_name": parents[1],
                    "female_parent_last_name": surnames[1] or surnames[0],
                    "birth_city": town[0],
                    "birth_state": town[1],
                    "birth_country": "MX",
                }
                told.append(draw(_told(state, str(len(told) + 1), whole)))
    return told[:records_max]


@st.composite
def _told(draw: st.DrawFn, state: str, ssid: str, whole: dict[str, Any]) -> Traits:
    """What one office makes of a child: something left out, something wrong, somewhere at school."""
    said = dict(whole)
    match draw(st.sampled_from(["all", "all", "no parents", "no town", "little", "one surname", "first name", "day"])):
        case "no parents":
            said = {key: value for key, value in said.items() if "parent" not in key}
        case "no town":
            said = {key: value for key, value in said.items() if not key.startswith("birth_c")}
        case "little":
            said = {key: said[key] for key in ("first_name", "last_name_1", "birth_date")}
        case "one surname":
            said["last_name_2"] = ""
        case "first name":
            said["first_name"] = said["first_name"].split()[0]
        case "day":
            said["birth_date"] += timedelta(1)
        case _:
            pass
    if draw(st.sampled_from([False, False, False, True])):
        said["attendances"] = (Attendance(begins=_SCHOOL[0], ends=_SCHOOL[1], state=state),)
    if draw(st.sampled_from([False] * 5 + [True])):
        said["other_ids"] = (str(draw(st.integers(1, 8))),)
    return Traits(state=state, state_student_id=ssid, **said)


def says_less(told: Traits) -> Traits:
    """The same record another night: the parents' names are not known any more."""
    return msgspec.structs.replace(
        told,
        male_parent_first_name="",
        male_parent_last_name="",
        female_parent_first_name="",
        female_parent_last_name="",
    )
