"""One record of the population ``seasons``: what an office writes down of a child, with its faults.

The invariant: truth comes in and a record goes out; whatever is wrong in it went wrong here or in what this calls.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.matching.populations.seasons_families import Child, Parents
from ledger.matching.populations.seasons_journeys import HORIZON, Record, Stay, ordinal
from ledger.matching.populations.seasons_naming import Naming
from ledger.matching.populations.seasons_offices import Registrar, State
from ledger.matching.populations.seasons_rates import Layout, Mangling, Rates
from ledger.matching.populations.seasons_slips import heard, lower, mangled, plain, typed, upper, upper_plain
from ledger.matching.populations.seasons_words import Draw, Place, Weighted
from ledger.matching.traits import Attendance, Traits


class Writer:
    """Writes records; counts the ids that it gives in each state."""

    def __init__(self, draw: Draw, rates: Rates) -> None:
        self.draw = draw
        self.rates = rates
        self.naming = Naming(rates)
        self.parents_given = Weighted(rates.parents)
        self.birth_faults = [(fault, share / _ROOM.get(fault, 1.0)) for fault, share in rates.birth_faults]
        self.birth_fault = sum(share for _, share in self.birth_faults)
        self.birth_fault_kinds = Weighted(self.birth_faults)
        self.manglings: Weighted[Mangling] = Weighted(rates.manglings)
        self.flags_twin = dict(rates.flags_twin)
        self.flags_single = dict(rates.flags_single)
        self.ids: dict[int, int] = {}
        self.family = 0
        self.forms: dict[int, _Form] = {}
        """Of the family at hand, by state."""

    def write(self, child: Child, record: Record, earlier_id: str) -> tuple[int, Traits]:
        """The day on which the record was first written, and how it stands now. earlier_id: another id of the child's
        in the same state, empty where there is none."""
        draw, rates, state = self.draw, self.rates, record.state
        stays = record.stays
        form = self._form(child, record)
        written_on = stays[0].begins + int(60 * draw() * draw())

        first, middle, last_1, last_2 = self.naming.child(child, form.registrar, form.layout, draw)
        wrong = draw() / form.registrar.heedless
        if wrong < rates.typed + rates.heard:
            slip = typed if wrong < rates.typed else heard
            where = draw()
            if where < 0.4:
                first = slip(first, draw)
            elif where < 0.8 or not last_2:
                last_1 = slip(last_1, draw)
            else:
                last_2 = slip(last_2, draw)
        suffix = child.suffix
        if suffix:
            suffix = ("Jr", "Jr.", "II")[int(draw() * 2.2)] if draw() < rates.suffix else ""
        hold, man, woman = form.hand, form.man, form.woman
        place = self._birthplace(child.place, state)
        return written_on, Traits(
            state=state.usps,
            state_student_id=self._id(state),
            first_name=hold(first),
            middle_name=hold(middle),
            last_name_1=hold(last_1),
            last_name_2=hold(last_2),
            suffix=suffix,
            sex=self._sex(child),
            birth_date=self._birth_date(child, written_on),
            multiple_birth=self._flag(child, state),
            male_parent_first_name=hold(man[0]),
            male_parent_last_name=hold(man[1]),
            female_parent_first_name=hold(woman[0]),
            female_parent_last_name=hold(woman[1]),
            birth_city=hold(place[0]),
            birth_state=hold(place[1]),
            birth_country=hold(place[2]),
            other_ids=self._other_ids(earlier_id),
            attendances=self._attendances(stays, state),
        )

    def _form(self, child: Child, record: Record) -> _Form:
        """A new one, or the one that was filled for a brother or sister."""
        draw, state = self.draw, record.state
        if child.family != self.family:
            self.family = child.family
            self.forms.clear()
        form = self.forms.get(state.number)
        if form is not None and not record.second and form.parents is child.parents and draw() < self.rates.same_form:
            return form
        registrars = record.stays[0].town.registrars
        registrar = registrars[int(draw() * len(registrars))]
        layout = self.naming.layout(registrar, draw)
        form = _Form(child.parents, registrar, layout, self._hand(state), *self._parents(child, state))
        self.forms[state.number] = form
        return form

    def _hand(self, state: State) -> _Hand:
        """How this record's letters come out: the state's custom, unless it is broken."""
        draw, rates = self.draw, self.rates
        kept = state.accents == "kept"
        if draw() < rates.slip_accents:
            kept = not kept
        if not kept:
            return _PLAIN_HANDS[state.capitals]
        if draw() < rates.mangled:
            return _MANGLED_HANDS[state.capitals, self.manglings(draw)]
        return _HANDS[state.capitals]

    def _parents(self, child: Child, state: State) -> tuple[_Pair, _Pair]:
        """Who stands as parent 1 and as parent 2."""
        if not state.sends_parents:
            return _NOBODY, _NOBODY
        draw, naming = self.draw, self.naming
        man = woman = _NOBODY
        way = self.parents_given(draw)
        if way == "guardian":
            woman = self._misspelled(naming.guardian(child.parents.guardian, draw))
            return (woman, _NOBODY) if draw() < 0.3 else (_NOBODY, woman)
        if way in {"both", "mother"}:
            woman = self._misspelled(naming.mother(child, draw))
        if way in {"both", "father"} and child.parents.father:
            man = self._misspelled(naming.father(child, child.parents.father, draw))
        return (woman, man) if draw() < self.rates.parents_swapped else (man, woman)

    def _misspelled(self, pair: _Pair) -> _Pair:
        draw, rates = self.draw, self.rates
        wrong = draw() / rates.parents_worse
        if wrong >= rates.typed + rates.heard:
            return pair
        slip = typed if wrong < rates.typed else heard
        first, last = pair
        return (slip(first, draw), last) if draw() < 0.5 else (first, slip(last, draw))

    def _sex(self, child: Child) -> str:
        rates = self.rates
        chance = self.draw()
        if chance < rates.sex_wrong:
            return "Female" if child.sex == "Male" else "Male"
        chance -= rates.sex_wrong
        if chance < rates.sex_missing:
            return ""
        return "Other" if chance < rates.sex_missing + rates.sex_other else child.sex

    def _birth_date(self, child: Child, written_on: int) -> date | None:
        draw = self.draw
        born = child.born
        if child.paper_born != born and draw() < self.rates.paper_used:
            born = child.paper_born
        if draw() >= self.birth_fault:
            return _day(born)
        return _wrong_day(born, self.birth_fault_kinds(draw), written_on, draw)

    def _flag(self, child: Child, state: State) -> str:
        yes, no = (self.flags_twin if child.twin else self.flags_single)[state.flag]
        chance = self.draw()
        return "Yes" if chance < yes else "No" if chance < yes + no else ""

    def _birthplace(self, place: Place, state: State) -> tuple[str, str, str]:
        draw, rates = self.draw, self.rates
        if state.birthplaces == "never" or draw() < rates.birthplace_missing:
            return "", "", ""
        region = _region(place, state.state_style, draw)
        if draw() < rates.birthplace_wrong:
            if draw() < 0.5:
                place = Place("US", state.usps, state.name, state.towns(draw).name)
                region = place.code
            else:
                region = ""
        land = _COUNTRIES[place.country][state.country_style]
        if state.birthplaces == "country":
            return "", "", land
        city = place.city if state.birthplaces == "all" and draw() >= rates.city_missing else ""
        return city, region, land

    def _id(self, state: State) -> str:
        count = self.ids.get(state.number, 0) + 1
        self.ids[state.number] = count
        if state.id_style == 0:
            return f"{state.usps}{count:08d}"
        if state.id_style == 1:
            return f"{10_000_000 + count}"
        return f"{5_000_000_000 + count * 7}" if state.id_style == 2 else f"M{count:07d}"

    def _other_ids(self, earlier_id: str) -> tuple[str, ...]:
        draw, rates = self.draw, self.rates
        if earlier_id and draw() < rates.listed:
            return (earlier_id,)
        return (f"9{int(draw() * 10**8):08d}",) if draw() < rates.other_id else ()

    def _attendances(self, stays: list[Stay], state: State) -> tuple[Attendance, ...]:
        draw, rates = self.draw, self.rates
        if draw() < rates.empty:
            return ()
        found: list[Attendance] = []
        for stay in stays:
            chance = draw()
            if chance < rates.unsent:
                continue
            ends = stay.ends
            if chance > 1 - rates.late_withdrawal and ends:
                ends = min(ends + 6 + int(draw() * 45), HORIZON)
            elif chance > 1 - rates.late_withdrawal - rates.never_withdrawn:
                ends = 0
            grade = stay.grade
            if draw() < rates.grade_fault:
                grade = _other_grade(grade, draw)
            found.append(
                Attendance(
                    _day(stay.begins),
                    _day(ends) if ends else None,
                    state.usps,
                    stay.school[0] if state.school_ids and stay.school[0] else stay.school[1],
                    grade,
                    stay.full,
                )
            )
        return tuple(found)


_Pair = tuple[str, str]


class _Hand:
    """Capitals, accents and encoding of one record."""

    __slots__ = ("capitals", "how", "keeps")

    def __init__(self, capitals: str, *, keeps: bool, how: Mangling | None) -> None:
        self.capitals = capitals
        self.keeps = keeps
        self.how: Mangling | None = how

    def __call__(self, text: str) -> str:
        if not text:
            return text
        capitals = self.capitals
        if not self.keeps:
            return (
                upper_plain(text) if capitals == "upper" else lower(plain(text)) if capitals == "lower" else plain(text)
            )
        if capitals == "upper":
            text = upper(text)
        elif capitals == "lower":
            text = lower(text)
        return mangled(text, self.how) if self.how else text


class _Form(NamedTuple):
    """What is filled once for the children of a family who come to a state together."""

    parents: Parents
    registrar: Registrar
    layout: Layout
    hand: _Hand
    man: _Pair
    woman: _Pair


def _wrong_day(born: int, fault: str, written_on: int, draw: Draw) -> date | None:
    """A fault that does not fit the day leaves it as it is."""
    true = _day(born)
    year, month, day = true.year, true.month, true.day
    if fault == "missing":
        return None
    if fault == "first of January":
        return _day(ordinal(year, 1, 1))
    if fault == "swap":
        return _day(ordinal(year, day, month)) if day <= 12 else true
    sign = 1 if draw() < 0.5 else -1
    if fault == "day":
        off = (1, 1, 2, 3, 7, 10)[int(draw() * 6)] * sign
        return _day(ordinal(year, month, min(max(day + off, 1), 28)))
    if fault == "month":
        return _day(ordinal(year, (month - 1 + sign) % 12 + 1, min(day, 28)))
    year_of_paper = date.fromordinal(written_on).year
    if fault == "year":
        off = 1 if draw() < 0.8 else 10
        year += off if sign > 0 and year + off <= year_of_paper else -off  # a form refuses the future
    else:
        year = year_of_paper
    return _day(ordinal(year, month, min(day, 28) if month == 2 else day))


def _region(place: Place, style: str, draw: Draw) -> str:
    if style == "mixed":
        style = ("code", "name", "iso")[int(draw() * 3)]
    if style == "name":
        return place.region
    return place.code if style == "code" else f"{place.country}-{place.code}"


def _other_grade(grade: str, draw: Draw) -> str:
    if draw() < 0.4:
        return "" if draw() < 0.5 else "UG"
    at = _GRADES.index(grade) if grade in _GRADES else 0
    return _GRADES[min(max(at + (1 if draw() < 0.5 else -1), 0), len(_GRADES) - 1)]


def _day(number: int) -> date:
    """The same object for the same day: a million records have few days."""
    found = _DAYS.get(number)
    if found is None:
        found = _DAYS[number] = date.fromordinal(number)
    return found


_DAYS: Final[dict[int, date]] = {}
_NOBODY: Final[_Pair] = ("", "")
_ROOM: Final = {"swap": 11 / 30.4, "day": 0.95, "first of January": 364 / 365}
"""Of all days, those that the fault changes: of 1 to 12, all but the one that is its own month."""

_GRADES: Final = ("P3", "P4", "P5", "KG", *(f"{n:02d}" for n in range(1, 13)))
_CAPITALS: Final = ("upper", "title", "lower")
_MANGLINGS: Final[tuple[Mangling, ...]] = ("latin-1", "cp850", "question mark", "replacement")
_PLAIN_HANDS: Final = {capitals: _Hand(capitals, keeps=False, how=None) for capitals in _CAPITALS}
_HANDS: Final = {capitals: _Hand(capitals, keeps=True, how=None) for capitals in _CAPITALS}
_MANGLED_HANDS: Final = {
    (capitals, how): _Hand(capitals, keeps=True, how=how) for capitals in _CAPITALS for how in _MANGLINGS
}
_COUNTRIES: Final = {
    code: {"alpha-2": code, "alpha-3": alpha_3, "english": english, "own": own}
    for code, alpha_3, english, own in (
        ("US", "USA", "United States", "Estados Unidos"),
        ("MX", "MEX", "Mexico", "México"),
        ("GT", "GTM", "Guatemala", "Guatemala"),
        ("HN", "HND", "Honduras", "Honduras"),
        ("SV", "SLV", "El Salvador", "El Salvador"),
        ("HT", "HTI", "Haiti", "Haïti"),
        ("DO", "DOM", "Dominican Republic", "República Dominicana"),
        ("LA", "LAO", "Laos", "Laos"),
        ("TH", "THA", "Thailand", "Thailand"),
    )
}
