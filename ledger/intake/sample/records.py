"""A record: what one state knows of one child, and since when it says so.

Every row is a fact with its versions by day, so that one life gives the files of any number of nights: a row is there
from its first version on, and says what the last one by that night says. No date in a row lies behind the day on which
it is first shown. Days are ordinals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random
from typing import Final

from ledger.intake.sample import names, places
from ledger.intake.sample.lives import YEAR, Child, Family, Stay
from ledger.intake.sample.schooling import (
    RESIDENCY_ONLY,
    SUMMER_PROJECT,
    Enrollment,
    Mark,
    last_age,
    last_of_move,
)

Change = tuple[int, int, str]
"""Day, place of the element among the fields of its row, and what it says from that day on."""


@dataclass(slots=True)
class Fact:
    """day: what the row is about. versions: day and fields, joined; the first is when it is first shown."""

    letter: str
    day: int
    versions: list[tuple[int, str]]

    def on(self, day: int) -> str | None:
        """What the row says in the file of that day; None where it is not there yet."""
        said = None
        for since, text in self.versions:
            if since > day:
                break
            said = text
        return said


@dataclass(slots=True)
class Record:
    """opened: when the state first sends it. wrote: the names as first and as last written, the second from ``mended``
    on. births: likewise. facts: in the order in which they are first shown, those of one day in time order."""

    state: str
    child: Child
    opened: int
    facts: list[Fact]
    wrote: tuple[names.Written, names.Written]
    births: tuple[int, int]
    mended: int

    def name_on(self, day: int) -> names.Written:
        return self.wrote[day >= self.mended]

    def birth_on(self, day: int) -> int:
        return self.births[day >= self.mended]


def record(
    chance: Random,
    family: Family,
    child: Child,
    state: str,
    stays: list[Stay],
    enrolled: list[Enrollment],
    graded: list[Mark],
    until: int,
) -> Record:
    """What the state knows by a day, from the stays that it knows of. enrolled, graded: of these stays."""
    system = names.system_of(state)
    opened = stays[0].found
    wrote = names.write(chance, system, child.given, child.second, family.surnames)
    births = (_misread(chance, child, stays[0].arrived), child.born)
    mended = opened + chance.randint(15, 900)
    held = _shots(chance, child, stays)
    facts = [_demographics(chance, family, child, system, opened, wrote, births, mended)]
    if chance.random() < 0.09:
        facts.append(Fact("K", opened, [(opened, f"L{chance.randrange(10**8):08d}|03")]))
    # Each part by a chance of its own: what a longer look ahead adds to one changes nothing in the other.
    of_moves, of_enrollments = chance.getrandbits(64), chance.getrandbits(64)
    graduated = next(((one.closed, one.withdrawn) for one in enrolled if one.graduation), None)
    chance.seed(of_moves)
    facts += [_move(chance, stay, system, births, mended, graduated) for stay in stays]
    chance.seed(of_enrollments)
    for one in enrolled:
        shots = any(shot.versions[0][0] <= one.shown for shot in held)
        facts.append(_enrollment(chance, family, child, system, one, stays, shots=shots))
    taken: set[tuple[str, ...]] = set()
    for mark in graded:
        if mark.key not in taken:  # who comes back within the year goes on with the same course
            taken.add(mark.key)
            facts.append(Fact(mark.letter, mark.day, [(day, row(fields)) for day, fields in mark.versions]))
    facts += held
    facts = [fact for fact in facts if fact.versions[0][0] <= until]
    facts.sort(key=lambda fact: (fact.versions[0][0], fact.day))
    return Record(state, child, opened, facts, wrote, births, mended)


def verified(one: Record, day: int) -> None:
    """From that day on the birth date rests on another document: a correction that the state makes on purpose."""
    fact = next(fact for fact in one.facts if fact.letter == "D")
    now = fact.on(day)
    assert now is not None, "asked of a record that is there"
    before = [version for version in fact.versions if version[0] < day]
    later = [(since, _with_certificate(text)) for since, text in fact.versions if since > day]
    fact.versions = [*before, (day, _with_certificate(now)), *later]


def row(fields: Iterable[str]) -> str:
    """Fields behind the Record ID; empty ones at the end are left off."""
    return "|".join(fields).rstrip("|")


@cache
def stamp(day: int) -> str:
    """YYYYMMDD."""
    return f"{date.fromordinal(day):%Y%m%d}"


def _versions(shown: int, fields: list[str], changes: list[Change]) -> list[tuple[int, str]]:
    """One version for each day on which something changes; what changes before the row is shown stands in the first."""
    found: dict[int, str] = {}
    fields = list(fields)
    for day, at, value in sorted(changes):
        if day > shown and shown not in found:
            found[shown] = row(fields)
        fields[at] = value
        if day > shown:
            found[day] = row(fields)
    found.setdefault(shown, row(fields))
    kept: list[tuple[int, str]] = []
    for day, text in sorted(found.items()):
        if not kept or kept[-1][1] != text:
            kept.append((day, text))
    return kept


_NAMES: Final = slice(0, 4)
_BIRTH: Final = 6
_VERIFICATION: Final = 8
_PARENT_PHONE: Final = 16


def _demographics(
    chance: Random,
    family: Family,
    child: Child,
    system: names.System,
    opened: int,
    wrote: tuple[names.Written, names.Written],
    births: tuple[int, int],
    mended: int,
) -> Fact:
    flag = "Yes" if child.twin and chance.random() < 0.85 else chance.choice(("No", "No", ""))
    document = chance.choice(("1003", "1004", "1004", "1004", "1007", "1010", ""))
    parents = (*family.father, *family.mother) if chance.random() < 0.75 else ("", "", *family.mother)
    if family.alone or chance.random() < 0.08:
        parents = ("", "", "", "")
    parents = tuple(names.spelled(system, name) for name in parents)
    email = ""
    if parents[2] and chance.random() < 0.2:
        email = f"{names.plain(parents[2])}.{names.plain(parents[3])}@example.org".lower().replace(" ", "")
        email = email.replace("'", "")
    phone = family.phone if chance.random() < 0.5 and not family.alone else ""
    birthplace = family.birthplace if chance.random() < 0.65 else ("", "", "")
    city, part, country = birthplace
    fields = [*wrote[0], "", child.sex, stamp(births[0]), flag, document, *parents, "", email, "", phone]
    fields += [names.spelled(system, city), part, country]
    changes: list[Change] = []
    if wrote[0] != wrote[1] or births[0] != births[1]:
        changes += [(mended, at, name) for at, name in enumerate(wrote[1])]
        changes.append((mended, _BIRTH, stamp(births[1])))
    if phone and chance.random() < 0.2:
        changes.append((opened + chance.randint(30, 700), _PARENT_PHONE, f"{phone[:6]}{chance.randint(100, 199):04d}"))
    return Fact("D", opened, _versions(opened, fields, changes))


def _misread(chance: Random, child: Child, arrived: int) -> int:
    """A birth date as it was first written down: in a few, day and month changed over, or a day off."""
    turn = chance.random()
    # Nobody near 22, and nobody born after he came: such a row would be refused, and so mended at once.
    if turn >= 0.02 or arrived - child.born > 17 * YEAR:
        return child.born
    born = date.fromordinal(child.born)
    if turn < 0.013:
        if born.day > 12:
            return child.born
        written = born.replace(month=born.day, day=born.month)
    else:
        written = born.replace(day=born.day % 28 + 1)
    return written.toordinal() if written.toordinal() < arrived - 3 else child.born


def _move(
    chance: Random,
    stay: Stay,
    system: names.System,
    births: tuple[int, int],
    mended: int,
    graduated: tuple[int, int] | None,
) -> Fact:
    town = places.districts(stay.state)[stay.district].town
    city, state, country = stay.origin
    place = [stamp(stay.arrived), names.spelled(system, city), state, country, names.spelled(system, town), stay.state]
    if chance.random() > 0.8:
        return Fact("Q", stay.arrived, [(stay.found, row(place))])

    def expires(birth: int) -> str:
        return stamp(min(last_of_move(stay.arrived), last_age(birth)))

    changes: list[Change] = [(mended, 6, expires(births[1]))] if births[0] != births[1] else []
    versions = _versions(stay.found, [*place, expires(births[0])], changes)
    if graduated is not None:
        shown, day = graduated[0], stamp(graduated[1])
        ended = row([*place, min(day, expires(births[1]))])
        before = [version for version in versions if version[0] < shown]
        versions = [*before, (max(shown, stay.found), ended)] if versions[-1][1] != ended else versions
    return Fact("Q", stay.arrived, versions)


_SCHOOL_NAME: Final = 2
_PHONE: Final = 14
_GRADE: Final = 15
_LEARNER: Final = 16
_MEDICAL: Final = 18
_WITHDRAWN: Final = 21
_GRADUATION: Final = 26
_CONTINUED: Final = 29


def _enrollment(
    chance: Random,
    family: Family,
    child: Child,
    system: names.System,
    one: Enrollment,
    stays: list[Stay],
    *,
    shots: bool,
) -> Fact:
    district = places.districts(one.stay.state)[one.stay.district]
    secondary = one.grade is not None and one.grade >= 9
    fields = [""] * 32
    fields[0:2] = [stamp(one.start), one.kind]
    if one.kind == SUMMER_PROJECT:
        fields[2:4] = [f"{district.town} Summer Migrant Program", "01"]
    elif one.term is None or one.grade is None:
        if one.kind != RESIDENCY_ONLY:
            fields[2:4] = [f"{district.town} Migrant Education Program", "02"]
    else:
        school = district.school(max(one.grade, 0), child.side)
        fields[2], fields[4] = school[1], school[0]
    fields[9:14] = [district.town, district.nces_id, district.name, district.state, district.zip]
    fields[_PHONE] = district.phone if one.kind != RESIDENCY_ONLY else ""
    fields[_GRADE] = _grade(one)
    fields[_LEARNER] = _yes(child.learner) if one.grade is None or one.grade > -3 else ""
    fields[17] = _yes(child.special) if one.grade is None or one.grade > -3 else ""
    fields[_MEDICAL] = child.medical
    fields[19:21] = [_yes(one.priority), _yes(shots)]
    fields[22:25] = [district.nces_id, stamp(one.stay.arrived), stamp(one.start)]
    if secondary:
        home = family.stays[0]
        fields[25] = places.districts(home.state)[home.district].high[0]
        fields[28] = _yes(any(stay.state != one.stay.state for stay in family.stays[child.joins : one.at]))
    if one.grade is not None and one.grade >= 8:
        fields[30] = _yes(one.grade >= 10)
    fields = [names.spelled(system, text) if at in (2, 9, 11) else text for at, text in enumerate(fields)]
    changes: list[Change] = [(one.closed, _WITHDRAWN, stamp(one.withdrawn))]
    if one.graduation:
        changes += [(one.closed, _GRADUATION, one.graduation), (one.closed, _GRADUATION + 1, stamp(one.withdrawn))]
    elif (ended := max(last_of_move(stay.arrived) for stay in stays if stay.arrived <= one.start)) < one.withdrawn:
        changes.append((ended + 14, _CONTINUED, "01"))
    if chance.random() < 0.12:
        changes += _corrected(chance, fields, one)
    return Fact("E", one.start, _versions(one.shown, fields, changes))


def _corrected(chance: Random, fields: list[str], one: Enrollment) -> list[Change]:
    """Write something wrong into the fields, and hand back what puts it right one day."""
    day = one.shown + chance.randint(10, 250)
    at = chance.choice((_PHONE, _LEARNER, _MEDICAL, _GRADE))
    right = fields[at]
    if not right:
        return []
    if at == _GRADE:
        if one.grade is None or one.grade < 2:
            return []
        fields[at] = f"{one.grade - 1:02d}"
    elif at == _LEARNER:
        fields[at] = "No" if right == "Yes" else "Yes"
    else:
        fields[at] = ""
    return [(day, at, right)]


def _shots(chance: Random, child: Child, stays: list[Stay]) -> list[Fact]:
    """Those given here, and those of the card that the parents brought along."""
    found: list[Fact] = []
    for code, day in child.shots:
        # The stay that it fell into, or the first after it.
        stay = next((stay for stay in stays if stay.left is None or day < stay.left), None)
        missing, brought = chance.random() < 0.15, chance.choice(("01", "01", "02", "03"))
        if stay is not None and not missing:
            source = "00" if day >= stay.arrived else brought
            found.append(Fact("I", day, [(max(stay.found, day + 10), f"{code}|{stamp(day)}|{source}")]))
    return found


def _with_certificate(text: str) -> str:
    fields = text.split("|")
    fields += [""] * (_VERIFICATION + 1 - len(fields))
    fields[_VERIFICATION] = "1008"
    return row(fields)


def _grade(one: Enrollment) -> str:
    if one.grade is None:
        return "00"
    if one.grade < 0:
        return f"P{max(one.grade + 5, 0)}"
    return "KG" if one.grade == 0 else f"{one.grade:02d}"


def _yes(flag: bool) -> str:
    return "Yes" if flag else "No"
