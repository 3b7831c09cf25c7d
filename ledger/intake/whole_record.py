"""Rules that no row can answer for alone: the record as it will be once the rows of a submission are applied.

Asked the same way of a file's rows and of a single fact over HTTP. Invariant: what is found is found of a row that the
submission brings or changes; a row that stays as it is is not judged again, so the same file again finds nothing new
and changes nothing. Pure: the day is handed in, and which row says what is the caller's to know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import msgspec

from ledger.completeness import SECONDARY_KEYS, meaning_of_blank
from ledger.eligibility import age_on, expiration_date, last_day_of_age
from ledger.events.record import Elements
from ledger.facts import RecordState, held_rows
from ledger.jurisdiction import Profile, Terms, terms_of
from ledger.mde import TABLES

Effect = Literal["row", "element", "stands"]
"""What a broken rule does: refuses the row, leaves the element out with a warning, or only warns."""

OPEN_END: Final = "9999-12-31"
"""For an enrollment without a withdrawal."""

RESIDENCY_ONLY: Final = "06"
SUMMER: Final = "03"


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A row that the record will hold.

    said: index of the row that brings or changes it; None where it stays. before: what it was, where it changes.
    """

    elements: Elements
    said: int | None = None
    before: Elements | None = None


class Broken(NamedTuple):
    """A rule that the row ``said`` breaks. element: key of the one concerned, if one is."""

    said: int
    letter: str
    rule: str
    element: str | None
    effect: Effect


class Record:
    """What the record will hold, table by table, made when it is asked for: most rows concern few tables.

    changed: letters of the rows that bring or change something. standing: makes what will be held of one letter; of
    demographics, what the state said last comes last.
    """

    def __init__(self, changed: Collection[str], standing: Callable[[str], Sequence[Standing]]) -> None:
        self.changed = changed
        self._standing = standing
        self._made: dict[str, Sequence[Standing]] = {}

    def of(self, letter: str) -> Sequence[Standing]:
        """The rows of one table."""
        made = self._made.get(letter)
        if made is None:
            made = self._made[letter] = self._standing(letter)
        return made

    @property
    def child(self) -> Standing | None:
        """What the state says of the child now."""
        demographics = self.of("D")
        return demographics[-1] if demographics else None

    @property
    def birth(self) -> str | None:
        """The birth date, ISO."""
        child = self.child
        return child.elements.get("birth_date") if child is not None else None

    @property
    def graduation(self) -> Standing | None:
        """The first enrollment that the child graduated from."""
        graduated = [row for row in self.of("E") if "graduation_hse_date" in row.elements]
        return min(graduated, key=lambda row: row.elements["graduation_hse_date"]) if graduated else None


def record_after(state: RecordState, fact: int) -> Record:
    """A record of which one fact, or a part of one, was just corrected: its row is the one that changes, row 0."""
    own = state.facts[fact].enrollment or fact if fact in state.facts else fact

    def standing(letter: str) -> list[Standing]:
        rows = held_rows(state, letter=letter).get(letter, [])
        if letter == "D":
            rows.sort(key=lambda row: state.demographics.index(row.fact.id))
        return [Standing(row.elements, 0 if row.fact.id == own else None) for row in rows]

    return Record({state.facts[own].letter} if own in state.facts else (), standing)


def judge(record: Record, profile: Profile, today: str) -> list[Broken]:
    """What the rows that change something break, by the state's own levels.

    today: ISO date, the Submission Date's of a file. Where rows or elements have to go, only what makes them go is
    told, and one kind of rule after another, births and moves first: without them the record is another, and the
    caller asks again. Warnings alone are told all together.
    """
    found = _Findings(profile.rule_levels)
    changed = record.changed
    if "D" in changed or "Q" in changed or "A" in changed:
        _births(record, found)
        if found.changing:
            return found.told(("row", "element"))
    rows = [row for row in record.of("E") if row.said is not None] if "E" in changed else []
    if rows:
        _overlaps(record.of("E"), found)
        if found.changing:
            return found.told(("row", "element"))
    if "Q" in changed or any("graduation_hse_date" in row.elements for row in rows):
        _graduations(record, found)
    for row in rows:
        priority = row.elements.get("pfs_flag") == "Yes"
        if priority or "continuation_of_services_reason" in row.elements:
            _services(row, priority, record, today, found)
        if profile.terms and row.elements["enrollment_type"] == SUMMER:
            _terms(row, profile.terms, found)
    if rows and profile.rule_levels.get("V21", "off") != "off":
        _secondary(rows, record.birth, found)
    if rows or "C" in changed:
        _courses(record, found)
    return found.told(("row", "element") if found.changing else ("stands",))


class _Findings:
    def __init__(self, levels: Mapping[str, str]) -> None:
        self.changing = False
        self._levels = levels
        self._broken: dict[tuple[int, str, str | None], Broken] = {}

    def add(self, said: int, letter: str, rule: str, element: str | None, effect: Effect = "stands") -> None:
        own = self._levels.get(rule)
        if own == "off":
            return
        if own is not None:
            effect = "row" if own == "refuse" else "stands"
        if effect != "stands":
            self.changing = True
        self._broken.setdefault((said, rule, element), Broken(said, letter, rule, element, effect))

    def refuses(self, said: int | None) -> bool:
        """Whether that row has to go."""
        return self.changing and any(one.said == said and one.effect == "row" for one in self._broken.values())

    def told(self, effects: tuple[Effect, ...]) -> list[Broken]:
        return [one for one in self._broken.values() if one.effect in effects]


def _births(record: Record, found: _Findings) -> None:
    """V2, V4, V5 and V19: what was before the birth, or after the youth.

    The birth date by itself first: if it has to go, the one of before counts for all other rows.
    """
    child = record.child
    birth = child.elements.get("birth_date") if child is not None else None
    if child is None or birth is None:
        return
    last_day = _last_day_of_age(birth)
    if child.said is not None:
        _birth_date(record, birth, child.said, found)
        if found.changing:
            return
    if "Q" in record.changed:
        for row in record.of("Q"):
            if row.said is None:
                continue
            arrival = row.elements["qualifying_arrival_date"]
            if not birth <= arrival <= last_day:
                found.add(row.said, "Q", "V4" if arrival < birth else "V5", "qualifying_arrival_date", "row")
            stated = row.elements.get("eligibility_expiration_date")
            if stated is not None and stated > last_day:
                found.add(row.said, "Q", "V2", "eligibility_expiration_date")
    if "A" in record.changed:
        for row in record.of("A"):
            month = row.elements.get("assessment_administration_date")
            if row.said is not None and month is not None and month < birth[:7]:
                found.add(row.said, "A", "V19", "assessment_administration_date", "element")


def _birth_date(record: Record, birth: str, child: int, found: _Findings) -> None:
    """The same, told of the row that changes the birth date: what it contradicts of what stays.

    If a row that changes is refused it stays as it was: so the birth date is told of a row that it contradicts both
    ways, before the row is.
    """
    last_day = _last_day_of_age(birth)
    for row in record.of("Q"):
        if row.said is not None and row.before is None:
            continue
        versions = (row.elements,) if row.before is None else (row.elements, row.before)
        arrivals = [one["qualifying_arrival_date"] for one in versions]
        if not any(birth <= arrival <= last_day for arrival in arrivals):
            found.add(child, "D", "V4" if arrivals[0] < birth else "V5", "birth_date", "row")
        if all(one.get("eligibility_expiration_date", "") > last_day for one in versions):
            found.add(child, "D", "V2", "birth_date")
    for row in record.of("A"):
        if row.said is not None and row.before is None:
            continue
        versions = (row.elements,) if row.before is None else (row.elements, row.before)
        if all(one.get("assessment_administration_date", birth)[:7] < birth[:7] for one in versions):
            found.add(child, "D", "V19", "birth_date")


def _graduations(record: Record, found: _Findings) -> None:
    """V2: a stated end of eligibility past graduation, told of the move if it changes, else of the graduation."""
    graduation = record.graduation
    if graduation is None:
        return
    for row in record.of("Q"):
        if row.elements.get("eligibility_expiration_date", "") > graduation.elements["graduation_hse_date"]:
            if row.said is not None:
                found.add(row.said, "Q", "V2", "eligibility_expiration_date")
            elif graduation.said is not None:
                found.add(graduation.said, "E", "V2", "graduation_hse_date")


def _overlaps(enrollments: Sequence[Standing], found: _Findings) -> None:
    """V12 and V15: two enrollments of one time. A day on which one ends and the other begins is of both, and no fault.

    Found of the one that changes; of the later where both do, if the earlier one stands.
    """
    if len(enrollments) == 1 or not _any_overlap(enrollments):
        return
    begun = sorted(enrollments, key=lambda row: row.elements["enrollment_date"])
    for at, row in enumerate(begun):
        start = row.elements["enrollment_date"]
        end = row.elements.get("withdrawal_date", OPEN_END)
        school = row.elements.get("designated_graduation_school")
        for other_at, other in enumerate(begun):
            # Told once: of two rows that change, when the later one comes; else of the one that changes.
            if row.said is None or other_at == at or (other.said is not None and other_at > at):
                continue
            other_start = other.elements["enrollment_date"]
            other_end = other.elements.get("withdrawal_date", OPEN_END)
            if start != other_start and (other_start >= end or other_end <= start):
                continue
            if found.refuses(other.said):
                continue
            if _same_place(row.elements, other.elements):
                found.add(row.said, "E", "V12", "enrollment_date")
            if school is not None and other.elements.get("designated_graduation_school", school) != school:
                found.add(row.said, "E", "V15", "designated_graduation_school")


def _any_overlap(enrollments: Sequence[Standing]) -> bool:
    """Nearly always none: enrollments follow each other."""
    spans = sorted(
        [(row.elements["enrollment_date"], row.elements.get("withdrawal_date", OPEN_END)) for row in enrollments]
    )
    started, ended = "", ""
    for start, end in spans:
        if start < ended or start == started:
            return True
        started = start
        ended = max(ended, end)
    return False


def _same_place(one: Elements, other: Elements) -> bool:
    """Same type and same school: by its id, else by its name. Of a school that is not named nobody can tell."""
    if one["enrollment_type"] != other["enrollment_type"]:
        return False
    code = one.get("school_identification_code")
    if code is not None or "school_identification_code" in other:
        return code == other.get("school_identification_code")
    name = one.get("school_or_project_name")
    return name is not None and name == other.get("school_or_project_name")


def _services(row: Standing, priority: bool, record: Record, today: str, found: _Findings) -> None:
    """V16: priority for services needs a day of eligibility, continuation a day after it, within the enrollment."""
    said = row.said
    assert said is not None
    elements = row.elements
    start, last = elements["enrollment_date"], elements.get("withdrawal_date", today)
    birth, graduation = record.birth, record.graduation
    graduated = graduation.elements["graduation_hse_date"] if graduation is not None else None
    given = [
        (begins, ends)
        for begins, ends in (
            _interval(
                move.elements["qualifying_arrival_date"],
                move.elements.get("eligibility_expiration_date"),
                birth,
                graduated,
            )
            for move in record.of("Q")
        )
        if begins <= ends
    ]
    if priority and not any(begins <= last and start <= ends for begins, ends in given):
        found.add(said, "E", "V16", "pfs_flag")
    if "continuation_of_services_reason" in elements and not _outlived(start, last, given):
        found.add(said, "E", "V16", "continuation_of_services_reason")


def _outlived(start: str, last: str, given: Sequence[tuple[str, str]]) -> bool:
    """Whether the enrollment has a day after the end of some eligibility on which the child has none."""
    for _, ends in given:
        if ends < last:
            day = max(start, (date.fromisoformat(ends) + timedelta(days=1)).isoformat())
            if not any(begins <= day <= end for begins, end in given):
                return True
    return False


def _terms(row: Standing, terms: Terms, found: _Findings) -> None:
    """V20: by the terms of the school's district, else of the district of residence, else of the state."""
    assert row.said is not None
    elements = row.elements
    start = elements["enrollment_date"]
    end = elements.get("withdrawal_date", start)
    district = elements.get("school_district_id") or elements.get("district_of_residence")
    mine = terms_of(terms, district)
    free = [term for term in mine if term.kind != "regular"]
    for term in mine:
        if term.kind != "regular" or end < term.begins or term.ends < start:
            continue
        first, last = max(start, term.begins), min(end, term.ends)
        if not any(other.begins <= first and last <= other.ends for other in free):
            found.add(row.said, "E", "V20", "enrollment_date")
            return


def _secondary(changed: Sequence[Standing], birth: str | None, found: _Findings) -> None:
    """V21, for a state that asks for it: blanks of secondary elements where they apply."""
    columns = TABLES["E"].by_key
    for row in changed:
        assert row.said is not None
        age = None
        if birth is not None:
            age = age_on(date.fromisoformat(row.elements["enrollment_date"]), date.fromisoformat(birth))
        grade = row.elements.get("grade_level")
        for key in SECONDARY_KEYS:
            if key not in row.elements and meaning_of_blank(columns[key], age, grade) == "missing":
                found.add(row.said, "E", "V21", key)


def _courses(record: Record, found: _Findings) -> None:
    """V11, its second half: courses of a child that is enrolled nowhere but by its residency."""
    enrollments = record.of("E")
    if not enrollments or any(row.elements["enrollment_type"] != RESIDENCY_ONLY for row in enrollments):
        return
    courses = record.of("C")
    told = [row.said for row in enrollments if row.said is not None] if courses else []
    for said in told:
        found.add(said, "E", "V11", "enrollment_type")
    if not told:
        for row in courses:
            if row.said is not None:
                found.add(row.said, "C", "V11", None)


@lru_cache(maxsize=20_000)
def _last_day_of_age(birth: str) -> str:
    return last_day_of_age(date.fromisoformat(birth)).isoformat()


@lru_cache(maxsize=20_000)
def _interval(arrival: str, stated: str | None, birth: str | None, graduated: str | None) -> tuple[str, str]:
    """First and last day that a move makes the child eligible; the last before the first where it makes it none."""
    begins = date.fromisoformat(arrival)
    born, end, done = (None if day is None else date.fromisoformat(day) for day in (birth, stated, graduated))
    if born is not None and begins < born:
        return arrival, (begins - timedelta(days=1)).isoformat()
    return arrival, expiration_date(begins, born, end, done).isoformat()
