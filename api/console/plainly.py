"""A consolidated record as it is told to a family: the same facts in plain words, each with the states that said it.

Invariant: nothing is added, and nothing is guessed: what a state has not said is left out, and a code without words is
shown as it came. Pure; the words themselves are chosen in the template, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from api.console.words import N_


class Row(dict[str, Any]):
    """A fact or a source of one. An element that is not stated is None."""

    def __missing__(self, element: str) -> None:
        return None


class Said(NamedTuple):
    """A value, and who said it. sources: ``state``, ``recorded_at``, and ``differs`` where that state says a part of it
    otherwise."""

    value: Any
    sources: list[Row]


class Stay(NamedTuple):
    """At a school or in a program. until: None while no last day is recorded."""

    row: Row
    since: str
    until: str | None
    sources: list[Row]


class SchoolYear(NamedTuple):
    """Courses of one year. begins, ends: as the state has them; None where it has not said which year it was."""

    begins: str | None
    ends: str | None
    courses: list[Said]


class Child(NamedTuple):
    """What a family is told. called: the name to call the child by. names, births: every one that a state has said.
    stays: the newest first; years of courses and tests too. needs: of the last stay, those that are stated. missing:
    sections that the reader is not shown."""

    student_id: str
    called: str
    names: list[Said]
    births: list[Said]
    states: list[str]
    eligible_now: bool
    eligibility: Row | None
    stays: list[Stay]
    years: list[SchoolYear]
    earned: str | None
    tests: list[Said]
    vaccines: list[Said]
    moves: list[Said]
    parents: list[Said]
    needs: list[Said]
    missing: list[str]


def child_of(shown: Mapping[str, Any]) -> Child:
    """shown: the body of ``StudentView``, with the sections that the reader may see, core among them."""
    core: Mapping[str, Any] = shown["core"]
    contacts: Mapping[str, Any] = shown.get("contacts") or {}
    health: Mapping[str, Any] = shown.get("health") or {}
    demographics = core.get("demographics", ())
    return Child(
        student_id=shown["student_id"],
        called=name_of(core),
        names=_merged((name_of(row), _sources(row)) for row in demographics),
        births=_merged((row["birth_date"], _sources(row)) for row in demographics if row.get("birth_date")),
        states=list(dict.fromkeys(record["state"] for record in core["records"] if record["status"] == "open")),
        eligible_now=shown["eligible_now"],
        eligibility=Row(core["eligibility"]) if core.get("eligibility") else None,
        stays=[_stay(row) for row in reversed(core.get("enrollments", ()))],
        years=_years(core.get("courses", ())),
        earned=(core.get("credits") or {}).get("earned"),
        tests=_told(reversed(core.get("assessments", ()))),
        vaccines=_told(health.get("immunizations", ())),
        moves=_told(reversed(core.get("qualifying_moves", ()))),
        parents=_parents(contacts.get("parents", ())),
        needs=_needs(core.get("enrollments", ()), health.get("indicators", ())),
        missing=[name for name in ("contacts", "health") if name not in shown],
    )


def name_of(row: Mapping[str, Any]) -> str:
    """Empty where none is stated."""
    return " ".join(row[key] for key in _NAME if key in row)


def last_district(shown: Mapping[str, Any], state: str) -> str | None:
    """District of the newest stay in a state, that a family asks first."""
    for row in reversed(shown["core"].get("enrollments", ())):
        if row.get("facility_state") == state and row.get("school_district_id"):
            return row["school_district_id"]
    return None


def _sources(row: Mapping[str, Any]) -> list[Row]:
    return [Row(source) for source in row["sources"]]


def _told(rows: Iterable[Mapping[str, Any]]) -> list[Said]:
    return [Said(Row(row), _sources(row)) for row in rows]


def _stay(row: Mapping[str, Any]) -> Stay:
    return Stay(Row(row), row["enrollment_date"], row.get("withdrawal_date"), _sources(row))


def _years(courses: Iterable[Mapping[str, Any]]) -> list[SchoolYear]:
    """The newest first; those of no year last."""
    years: dict[tuple[str | None, str | None], SchoolYear] = {}
    for row in courses:
        key = row.get("begin_academic_year"), row.get("end_academic_year")
        years.setdefault(key, SchoolYear(*key, [])).courses.extend(_told([row]))
    return sorted(years.values(), key=lambda year: (year.begins is not None, year.begins or ""), reverse=True)


def _parents(rows: Iterable[Mapping[str, Any]]) -> list[Said]:
    """One entry for each that is different: names, addresses and numbers of whom a state has."""
    return _merged((tuple(parents_of(row)), _sources(row)) for row in rows if parents_of(row))


def parents_of(row: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Name, e-mail address and telephone number of each of the two that the layout has room for."""
    found: list[tuple[str, str | None, str | None]] = []
    for first, last, email, phone in _PARENTS:
        name = " ".join(row[key] for key in (first, last) if key in row)
        if name or email in row or phone in row:
            found.append((name, row.get(email), row.get(phone)))
    return found


def _needs(stays: Sequence[Mapping[str, Any]], indicators: Sequence[Mapping[str, Any]]) -> list[Said]:
    """Element to code, of the newest that says something else than no."""
    found: list[Said] = []
    for rows, elements in ((stays, ("lep_indicator_el", "pfs_flag")), (indicators, ("iep_indicator", _ALERT))):
        for element in elements:
            said = next((row for row in reversed(rows) if element in row), None)
            if said is not None and said[element] not in ("No", "None"):
                found.append(Said((element, said[element]), _sources(said)))
    return found


def _merged(values: Iterable[tuple[Any, list[Row]]]) -> list[Said]:
    """Each value once, with all who said it, in the order in which they came."""
    found: dict[Any, list[Row]] = {}
    for value, sources in values:
        found.setdefault(value, []).extend(sources)
    return [Said(value, sources) for value, sources in found.items() if value]


_NAME: Final = ("first_name", "middle_name", "last_name_1", "last_name_2", "suffix")
_ALERT: Final = "med_alert_indicator"
_PARENTS: Final = (
    ("male_parent_first_name", "male_parent_last_name", "parent_1_email_address", "parent_1_phone_number"),
    ("female_parent_first_name", "female_parent_last_name", "parent_2_email_address", "parent_2_phone_number"),
)

WHY_ENDS: Final[Mapping[str, str]] = {
    "36 months": N_("It lasts three years from the last move."),
    "22nd birthday": N_("It ends with the day before the 22nd birthday."),
    "graduation": N_("It ends with graduation."),
    "stated": N_("A state has set this day."),
}
"""What ends eligibility (``ledger.eligibility``), in a sentence."""
STAYS_AS: Final[Mapping[str, str]] = {
    "02": N_("Program for migrant students, in the school year"),
    "03": N_("Summer program for migrant students"),
    "04": N_("Program for migrant students, all year"),
    "05": N_("School, with a program for migrant students"),
    "06": N_("Lived there, without going to school"),
}
"""Enrollment type to words, where it is more than a school."""
NEEDS: Final[Mapping[str, str]] = {
    "lep_indicator_el": N_("Is learning English at school"),
    "pfs_flag": N_("Is among the first to be helped by the migrant program"),
    "iep_indicator": N_("Gets special education"),
    "med_alert_indicator": N_("Has a medical alert"),
}
LEVELS: Final[Mapping[str, str]] = {
    "district": N_("for the school district"),
    "region": N_("for the region"),
    "state": N_("for the state"),
}
"""Of whom to ask: for which office somebody answers."""
