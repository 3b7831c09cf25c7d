"""A record as a corrupted copy of a child of the population ``registers``, with the list of what was done to it.

The invariant: a fault that is listed shows in the record before case, accents and width of the state's file are applied
(which may hide it again, as real files do); nothing else of the name, sex and birth date differs from the truth but by
the habits of the state. It must not know other records of the child.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.matching.populations import Sheet
from ledger.matching.populations.registers_chance import Chance, Table
from ledger.matching.populations.registers_faults import (
    ENCODINGS,
    PLAIN,
    PLAIN_BUT_ENYE,
    misread,
    phonetic,
    reading,
    typing,
    wrong_date,
)
from ledger.matching.populations.registers_moves import Stay, attendances
from ledger.matching.populations.registers_names import (
    FORMS,
    NEEDS_MATERNAL,
    NEEDS_SECOND,
    Columns,
    given_columns,
    has_form,
    has_particle,
    other_clan_spelling,
    respell_particle,
    surname_columns,
)
from ledger.matching.populations.registers_people import Adult, Child
from ledger.matching.populations.registers_rates import Rates
from ledger.matching.populations.registers_states import Habits
from ledger.matching.populations.registers_words import GIVEN, SURNAMES, State
from ledger.matching.traits import Traits


class Copy(NamedTuple):
    """faults: keys of ``Rates.faults``. habits: how the record is written."""

    sheet: Sheet
    child: Child
    faults: tuple[str, ...]
    habits: Habits


class Copyist:
    """Writes records, one state's after another's."""

    def __init__(self, habits: list[Habits], rates: Rates, chance: Chance) -> None:
        self.habits = habits
        self.rates = rates
        self.chance = chance
        self.faults = Table.of(rates.faults)
        self.written = [chance.below(1000) for _ in habits]

    def copy(self, child: Child, state: State, stays: list[Stay], known_id: str = "") -> Copy:
        """One record. known_id: another id of the child in the state, that the state knows of."""
        chance, rates = self.chance, self.rates
        own = self.habits[state.number]
        count = own.faults.draw(chance)
        habits = own if chance.of(rates.habit_kept) else own._replace(**_BY_THE_LAYOUT)
        faults = self._drawn(child, count) if count else {}
        columns = self._name(child, faults, habits)
        suffix = child.suffix
        if suffix and chance.of(rates.suffix_lost):
            if chance.of(0.33):
                columns[2] = f"{columns[2]} {suffix}"
            suffix = ""
        parents = self._parents(child, habits)
        place = self._place(child, habits)
        born = date.fromordinal(child.born)
        if "date" in faults:
            born = self._born(born, faults)
        sex = child.sex
        if "sex" in faults:
            other = "Other" if chance.of(0.05) else "Female" if sex == "Male" else "Male"
            sex = "" if faults["sex"] == "sex missing" else other
        # Only a file that has accents can have them misread.
        accents = "kept" if "encoding" in faults else habits.accents
        texts = _lettered([*columns, *parents, *place], habits.case, accents)
        if "encoding" in faults:
            kind = ENCODINGS.draw(chance)
            texts = [misread(text, kind) for text in texts]
        if habits.width < 50:
            texts[:8] = [text[: habits.width].rstrip() for text in texts[:8]]
        traits = Traits(
            state=state.code,
            state_student_id=self._new_id(state),
            first_name=texts[0],
            middle_name=texts[1],
            last_name_1=texts[2],
            last_name_2=texts[3],
            suffix=suffix,
            sex=sex,
            birth_date=born,
            multiple_birth=self._flag(child),
            male_parent_first_name=texts[4],
            male_parent_last_name=texts[5],
            female_parent_first_name=texts[6],
            female_parent_last_name=texts[7],
            birth_city=texts[8],
            birth_state=texts[9],
            birth_country=texts[10],
            other_ids=self._other_ids(known_id),
            attendances=attendances(child, stays, habits.schools, rates, chance),
        )
        family = child.family
        sheet = Sheet(traits, child.number, child.birth, family.number, family.clan, family.group, child.namesake)
        return Copy(sheet, child, tuple(faults.values()), habits)

    def _drawn(self, child: Child, count: int) -> dict[str, str]:
        """So many faults that the child's data can have, one of a kind. By kind.

        One that cannot be is drawn anew, some times, so that a child with a short name has nearly as many faults.
        """
        chance = self.chance
        faults: dict[str, str] = {}
        for _ in range(count):
            for _ in range(6):
                fault = self.faults.draw(chance)
                kind = _KINDS[fault]
                if kind not in faults and can_have(child, fault):
                    faults[kind] = fault
                    break
        return faults

    def _name(self, child: Child, faults: dict[str, str], habits: Habits) -> Columns:
        chance = self.chance
        first, middle = given_columns(
            child.given, faults.get("form", ""), faults.get("second", ""), habits.given, chance
        )
        columns = [first, middle, child.paternal, child.maternal]
        if "particle" in faults:
            respell_particle(columns, chance)
        for fault in _LETTERS:
            if fault in faults and not self._wrong_letters(columns, child, fault):
                del faults[fault]
        surname_columns(columns, faults.get("surnames", habits.surnames))
        return columns

    def _wrong_letters(self, columns: Columns, child: Child, fault: str) -> bool:
        """In one column; surnames go wrong a little more often than given names, second ones less."""
        chance = self.chance
        spanish = child.family.group in {"two-surname", "indigenous"}
        for _ in range(8):
            index = _COLUMNS.draw(chance)
            word = columns[index]
            if len(word) < 3:
                continue
            if fault == "typing":
                wrong = typing(word, chance)
            elif fault == "reading":
                wrong = reading(word, chance)
            else:
                wrong = None
                if index == 2 and chance.of(0.6):
                    wrong = other_clan_spelling(word, chance)
                wrong = wrong or phonetic(word, spanish, chance)
            if wrong is not None:
                columns[index] = wrong
                return True
        return False

    def _born(self, true: date, faults: dict[str, str]) -> date:
        for _ in range(20):
            wrong = wrong_date(true, faults["date"], self.chance)
            if wrong is not None:
                return wrong
        del faults["date"]
        return true

    def _parents(self, child: Child, habits: Habits) -> list[str]:
        """First and last name of parent or guardian 1, then of 2."""
        chance, rates, family = self.chance, self.rates, child.family
        if chance.of(rates.parents_missing[habits.parents]):
            return ["", "", "", ""]
        left, right = family.father, family.mother
        if left is None:
            left = family.guardian
        if chance.of(rates.guardian_instead):
            group = family.group
            stranger = Adult((GIVEN[group, "Female"].draw(chance),), SURNAMES[group].draw(chance), "")
            left, right = (stranger, None) if chance.of(0.5) else (left, stranger)
        if left is not None and right is not None and chance.of(rates.one_parent_only):
            left, right = (None, right) if chance.of(0.7) else (left, None)
        if chance.of(rates.parents_exchanged):
            left, right = right, left
        married = family.father.paternal if family.married and family.father else ""
        texts = [*self._parent(left, ""), *self._parent(right, married)]
        if chance.of(rates.parent_misspelled):
            index = chance.below(4)
            texts[index] = typing(texts[index], chance) or texts[index]
        return texts

    def _parent(self, adult: Adult | None, married: str) -> tuple[str, str]:
        if adult is None:
            return "", ""
        chance, shortened = self.chance, self.rates.parent_shortened
        first = adult.given[0] if chance.of(shortened) else " ".join(adult.given)
        last = married or adult.paternal
        if adult.maternal and not married and not chance.of(shortened):
            last = f"{last} {adult.maternal}"
        return first, last

    def _place(self, child: Child, habits: Habits) -> list[str]:
        """City, state and country of birth."""
        chance, rates = self.chance, self.rates
        if chance.of(rates.place_missing[habits.places]):
            return ["", "", ""]
        place = child.place
        country = {"three": place.country, "two": place.country_2, "name": place.country_name}[habits.country]
        part = place.part if habits.part_code or place.country == "USA" else place.part_name
        city = place.city
        if chance.of(rates.place_elsewhere):
            return [child.family.town.name, child.family.home.code, "USA"]
        if chance.of(rates.place_misspelled):
            city = typing(city, chance) or city
        if chance.of(rates.place_coarser):
            city, part, country = chance.pick(((city, "", ""), ("", part, country), ("", "", country)))
        return [city, part, country]

    def _flag(self, child: Child) -> str:
        chance, rates = self.chance, self.rates
        if chance.of(rates.flag_missing):
            return ""
        wrong = chance.of(rates.flag_missed if child.multiple else rates.flag_wrong)
        return "Yes" if child.multiple is not wrong else "No"

    def _new_id(self, state: State) -> str:
        """Unique in the state: 7919 and the number of ids have no common divisor."""
        self.written[state.number] += 1
        number = self.written[state.number] * 7919 % 10_000_000
        return f"{state.code}{number:07d}" if state.number % 3 == 0 else f"{number + 10_000_000 * (state.number % 3)}"

    def _other_ids(self, known_id: str) -> tuple[str, ...]:
        chance = self.chance
        if known_id:
            return (known_id,)
        return (f"A{chance.below(10**9):09d}",) if chance.of(self.rates.other_ids) else ()


def can_have(child: Child, fault: str) -> bool:
    """Whether a true child has what the fault spoils."""
    if fault in NEEDS_SECOND:
        return len(child.given) > 1
    if fault in NEEDS_MATERNAL:
        return bool(child.maternal)
    if fault in FORMS:
        return has_form(child, fault)
    if fault == "particle":
        return has_particle(child)
    if fault == "day and month":
        day = date.fromordinal(child.born)
        return day.day <= 12 and day.day != day.month
    if fault == "first of january":
        day = date.fromordinal(child.born)
        return (day.month, day.day) != (1, 1)
    if fault == "encoding":
        return not (" ".join(child.given) + child.paternal + child.maternal).isascii()
    return True


def _lettered(texts: list[str], case: str, accents: str) -> list[str]:
    """As the state's file writes letters."""
    whole = "\n".join(texts)
    if accents != "kept":
        whole = whole.translate(PLAIN if accents == "dropped" else PLAIN_BUT_ENYE)
    if case == "upper":
        whole = whole.upper()
    elif case == "lower":
        whole = whole.lower()
    return whole.split("\n")


_COLUMNS: Final = Table((0, 1, 2, 3), (0.36, 0.10, 0.36, 0.18))
"""Where letters go wrong."""
_LETTERS: Final = ("reading", "phonetic", "typing")
_BY_THE_LAYOUT: Final = {"surnames": "apart", "given": "apart", "case": "title", "accents": "kept"}
_KINDS: Final = {
    **dict.fromkeys(NEEDS_SECOND, "second"),
    **dict.fromkeys(NEEDS_MATERNAL, "surnames"),
    **dict.fromkeys(FORMS, "form"),
    "names exchanged": "surnames",
    "particle": "particle",
    "typing": "typing",
    "reading": "reading",
    "phonetic": "phonetic",
    "encoding": "encoding",
    **dict.fromkeys(("day and month", "first of january", "digit", "year by one", "year by ten", "month"), "date"),
    "sex wrong": "sex",
    "sex missing": "sex",
}
"""Of each fault: what it spoils. A record has one fault of a kind at most."""
