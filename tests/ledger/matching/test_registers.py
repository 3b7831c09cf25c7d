"""The population from the top down: its truth is coherent, its faults are there, and at about their rates."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache
from itertools import combinations, pairwise
from random import Random
from typing import TypeVar

import pytest

from ledger.matching.populations import kin
from ledger.matching.populations.registers import copies, registers
from ledger.matching.populations.registers_chance import Chance
from ledger.matching.populations.registers_copies import Copy, can_have
from ledger.matching.populations.registers_people import Child, people
from ledger.matching.populations.registers_rates import RATES
from ledger.matching.populations.registers_words import ENGLISH, GIVEN, NICKNAMES, SURNAMES
from ledger.matching.traits import Traits
from support.sources import ROOT

T = TypeVar("T")

CHILDREN = 3000
FAULTS = sorted(RATES.faults)
HALF_TO_DOUBLE = (0.5, 2.0)


@cache
def written() -> list[Copy]:
    return copies(CHILDREN, seed=20250901)


@cache
def children() -> list[Child]:
    return [child for _, child in sorted({copy.child.number: copy.child for copy in written()}.items())]


# -- the same again


def test_the_same_seed_gives_the_same_sheets_and_another_seed_others() -> None:
    assert registers(200, 7) == registers(200, 7)
    assert registers(200, 7) != registers(200, 8)


def test_the_sheets_do_not_hang_on_how_strings_are_hashed() -> None:
    program = "from ledger.matching.populations.registers import registers; print(registers(60, 3))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


# -- the truth


def test_each_child_has_one_to_five_records_and_two_on_average() -> None:
    records = Counter(copy.sheet.child for copy in written())
    assert set(records) == set(range(1, CHILDREN + 1))
    assert set(records.values()) == {1, 2, 3, 4, 5}
    assert 2.0 < len(written()) / CHILDREN < 2.4


def test_the_sheets_of_a_child_agree_on_who_he_is() -> None:
    truth: dict[int, set[tuple[object, ...]]] = {}
    for copy in written():
        truth.setdefault(copy.sheet.child, set()).add(copy.sheet[1:])
    assert all(len(each) == 1 for each in truth.values())


def test_no_record_id_is_given_twice_in_a_state_and_some_children_have_two() -> None:
    ids = [(copy.sheet.traits.state, copy.sheet.traits.state_student_id) for copy in written()]
    assert len(set(ids)) == len(ids)
    states = Counter((copy.sheet.child, copy.sheet.traits.state) for copy in written())
    assert set(states.values()) == {1, 2}
    assert near(sum(count > 1 for count in states.values()) / CHILDREN, RATES.two_ids)


def test_twins_have_one_birth_date_one_family_and_names_of_their_own() -> None:
    births: dict[int, list[Child]] = {}
    for child in children():
        births.setdefault(child.birth, []).append(child)
    twins = [pair for pair in births.values() if len(pair) > 1]
    assert near(2 * len(twins) / CHILDREN, 0.03)
    for left, right in twins:
        assert left.born == right.born
        assert left.family == right.family
        assert left.given != right.given
        assert left.multiple
        assert right.multiple
    assert all(not pair[0].multiple for pair in births.values() if len(pair) == 1)


def test_some_twins_have_near_names() -> None:
    register = people(20_000, RATES, Chance(Random(5)))
    twins = [(a.given, b.given) for a, b in combinations_within(register, lambda child: child.birth)]
    close = sum(a[0][:2] == b[0][:2] or a[-1] == b[-1] for a, b in twins)
    assert 0.7 * RATES.twins_near_names < close / len(twins) < 1.5 * RATES.twins_near_names
    assert any(a[0] == b[0] for a, b in twins)


def test_most_children_have_brothers_or_sisters_and_none_has_their_whole_name() -> None:
    families = Counter(child.family.number for child in children())
    assert 0.5 < sum(families[child.family.number] > 1 for child in children()) / CHILDREN < 0.7
    for a, b in combinations_within(children(), lambda child: child.family.number):
        assert a.given != b.given
        assert (a.paternal, a.maternal) == (b.paternal, b.maternal)
        assert a.birth == b.birth or abs(a.born - b.born) > 300


def test_namesakes_share_name_and_birth_date_and_nothing_else_that_is_kin() -> None:
    pairs = list(combinations_within([c for c in children() if c.namesake], lambda child: child.namesake))
    assert near(2 * len(pairs) / CHILDREN, RATES.namesakes)
    for a, b in pairs:
        assert (a.given, a.paternal, a.maternal, a.born) == (b.given, b.paternal, b.maternal, b.born)
        assert a.family.number != b.family.number
    named = Counter((c.given, c.paternal, c.maternal, c.born) for c in children() if not c.namesake)
    assert max(named.values()) == 1


def test_cousins_share_a_surname_and_some_are_born_near_each_other() -> None:
    cousins = [
        (a, b)
        for a, b in combinations_within(children(), lambda child: child.family.clan)
        if a.family.number != b.family.number
    ]
    assert len(cousins) > CHILDREN / 10
    shared = sum(bool({a.paternal, a.maternal} & {b.paternal, b.maternal}) for a, b in cousins)
    assert shared / len(cousins) > 0.8
    assert sum(abs(a.born - b.born) <= 120 for a, b in cousins) / len(cousins) > 0.1
    assert any(a.given[0] == b.given[0] for a, b in cousins)


def test_the_kin_of_two_sheets_follow_from_the_numbers() -> None:
    sheets = [copy.sheet for copy in written()]
    found = Counter(kin(a, b) for a, b in combinations_within(sheets, lambda sheet: sheet.clan))
    assert {"same", "twin", "sibling", "cousin"} <= set(found)
    assert found["sibling"] > found["twin"]


def test_groups_have_their_shares_and_a_family_has_one() -> None:
    groups = Counter(child.family.group for child in children())
    for group, share in RATES.groups.items():
        assert abs(groups[group] / CHILDREN - share) < 0.03
    assert len({(child.family.number, child.family.group) for child in children()}) == len(
        {child.family.number for child in children()}
    )


def test_common_names_are_common_and_rare_names_occur() -> None:
    given = Counter(child.given[0] for child in children() if child.family.group == "two-surname")
    surnames = Counter(child.paternal for child in children() if child.family.group == "two-surname")
    for names in (given, surnames):
        (_, first), (_, tenth) = names.most_common(10)[0], names.most_common(10)[9]
        assert 0.01 < first / names.total() < 0.1
        assert first > 1.3 * tenth
    assert len(surnames) > 200
    assert len(SURNAMES["two-surname"].things) >= 250
    assert len({*GIVEN["two-surname", "Male"].things, *GIVEN["two-surname", "Female"].things}) >= 300


def test_a_record_has_what_the_layout_asks_for() -> None:
    for copy in written():
        traits = copy.sheet.traits
        assert traits.first_name
        assert traits.last_name_1
        assert traits.birth_date
        assert traits.sex in {"", "Male", "Female", "Other"}
        assert traits.multiple_birth in {"", "Yes", "No"}
        assert 0 < len(traits.state_student_id) <= 15
        assert max(map(len, (traits.first_name, traits.middle_name, traits.last_name_1, traits.last_name_2))) <= 50


# -- the schools


def test_a_child_is_in_two_states_at_once_for_two_weeks_at_most_unless_nobody_withdrew_him() -> None:
    overlaps = 0
    for records in by_child().values():
        for left, right in combinations([copy.sheet.traits for copy in records], 2):
            for first in left.attendances:
                for second in right.attendances:
                    a, b = sorted((first, second), key=lambda attendance: attendance.begins)
                    if a.full and b.full and a.ends is not None and a.ends >= b.begins:
                        overlaps += 1
                        assert a.ends - b.begins <= timedelta(days=14)
    assert overlaps


def test_a_child_is_born_before_he_is_written_of_and_attendances_end_after_they_begin() -> None:
    for copy in written():
        attendances = copy.sheet.traits.attendances
        assert attendances
        assert all(a.begins > date.fromordinal(copy.child.born) for a in attendances)
        assert all(a.ends is None or a.ends >= a.begins for a in attendances)
        assert all(a.state == copy.sheet.traits.state for a in attendances)


def test_the_sheets_stand_in_the_order_in_which_they_were_written() -> None:
    begun = [copy.sheet.traits.attendances[0].begins for copy in written()]
    early = sum(later < former for former, later in pairwise(begun))
    assert begun[0] < begun[len(begun) // 2] < begun[-1]
    assert early < len(begun) / 2


# -- the faults


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_occurs_at_about_its_rate(fault: str) -> None:
    """Of the records whose child can have it. A fault that cannot be is drawn anew, which lifts the others somewhat."""
    able = [copy for copy in written() if can_have(copy.child, fault)]
    mean = sum(len(copy.faults) for copy in written()) / len(written())
    expected = mean * RATES.faults[fault] / sum(RATES.faults.values())
    assert near(sum(fault in copy.faults for copy in able) / len(able), expected)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_against_the_truth(fault: str) -> None:
    """In records that have no other fault, and whose columns are wide enough."""
    alone = [copy for copy in written() if copy.faults == (fault,) and copy.habits.width == 50]
    assert alone
    wrong = [(copy.child, copy.sheet.traits) for copy in alone if not SHOWS[fault](copy.child, copy.sheet.traits)]
    # Two surnames that are the same cannot be seen to be turned; a wrong letter may be a wrong accent.
    assert len(wrong) <= len(alone) * 0.06, wrong[:3]


def test_without_a_fault_sex_and_birth_date_are_true_and_all_words_are_of_the_name() -> None:
    clean = [copy for copy in written() if not copy.faults and copy.habits.width == 50]
    assert len(clean) > len(written()) / 3
    for copy in clean:
        child, traits = copy.child, copy.sheet.traits
        assert traits.birth_date == date.fromordinal(child.born)
        assert traits.sex == child.sex
        assert fold(child.given[0]) in fold(traits.first_name)
        assert fold(child.paternal) in fold(traits.last_name_1)


def test_worse_states_make_more_faults() -> None:
    counts = {
        quality: [len(copy.faults) for copy in written() if copy.habits.quality == quality] for quality in RATES.quality
    }
    means = [sum(each) / len(each) for each in (counts["good"], counts["middling"], counts["bad"])]
    assert means == sorted(means)
    assert means[2] > 3 * means[0]
    assert max(counts["bad"]) == 3


HABITS: dict[str, tuple[Callable[[Copy], bool], float, float]] = {
    "no second surname though there is one": (lambda c: two(c) and not c.sheet.traits.last_name_2, 0.15, 0.4),
    "both surnames in one column": (lambda c: two(c) and surnames(c) == fold(c.sheet.traits.last_name_1), 0.05, 0.2),
    "both given names in one column": (
        lambda c: len(c.child.given) > 1 and fold(" ".join(c.child.given)) == fold(c.sheet.traits.first_name),
        0.06,
        0.25,
    ),
    "capital letters": (lambda c: c.sheet.traits.last_name_1.isupper(), 0.25, 0.55),
    "an accent dropped": (
        lambda c: not c.child.paternal.isascii() and c.sheet.traits.last_name_1.isascii(),
        0.1,
        0.35,
    ),
    "cut at the width of the column": (lambda c: len(c.sheet.traits.last_name_1) == c.habits.width, 0.0005, 0.05),
    "no parents": (lambda c: not parents(c), 0.3, 0.42),
    "one parent": (
        lambda c: bool(c.sheet.traits.male_parent_first_name) != bool(c.sheet.traits.female_parent_first_name),
        0.12,
        0.35,
    ),
    "parents exchanged": (
        lambda c: (
            c.child.family.mother is not None
            and bool(c.sheet.traits.male_parent_first_name)
            and fold(c.child.family.mother.given[0]) == fold(c.sheet.traits.male_parent_first_name.split(" ")[0])
        ),
        0.01,
        0.06,
    ),
    "no birth place": (lambda c: not birth_place(c), 0.42, 0.58),
    "birth place in part": (lambda c: 0 < len(birth_place(c)) < 3, 0.08, 0.25),
    "no flag of multiple birth": (lambda c: not c.sheet.traits.multiple_birth, 0.15, 0.25),
    "flag that a single child is a twin": (
        lambda c: not c.child.multiple and c.sheet.traits.multiple_birth == "Yes",
        0.002,
        0.01,
    ),
    "flag that a twin is none": (lambda c: c.child.multiple and c.sheet.traits.multiple_birth == "No", 0.001, 0.01),
    "another id": (lambda c: bool(c.sheet.traits.other_ids), 0.025, 0.06),
    "suffix": (lambda c: bool(c.sheet.traits.suffix), 0.003, 0.03),
}


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_of_states_occurs_in_about_its_share_of_records(habit: str) -> None:
    holds, low, high = HABITS[habit]
    assert low < sum(map(holds, written())) / len(written()) < high


# -- what shows


def fold(text: str) -> str:
    """Letters without case and accents."""
    bare = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in bare if not unicodedata.combining(letter)).casefold()


def columns(traits: Traits) -> list[str]:
    return [
        fold(text) for text in (traits.first_name, traits.middle_name, traits.last_name_1, traits.last_name_2) if text
    ]


def words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in fold(text).replace("-", " ").split()}


def whole(child: Child) -> set[str]:
    return words([*child.given, child.paternal, child.maternal])


def other_form(child: Child, traits: Traits, forms: dict[str, tuple[str, ...]]) -> bool:
    told = fold(f"{traits.first_name} {traits.middle_name}").split()
    return any(fold(form) in told for name in child.given for form in forms.get(name, ()))


def shows_layout(*expected: str) -> Callable[[Child, Traits], bool]:
    """Both surnames, as a template for Last Name 1 and 2."""

    def shows(child: Child, traits: Traits) -> bool:
        wanted = [fold(each.format(p=child.paternal, m=child.maternal)) for each in expected]
        last_1 = fold(traits.last_name_1).removesuffix(" jr")
        return [last_1, fold(traits.last_name_2)] == wanted

    return shows


def wrong_date(check: Callable[[date, date], bool]) -> Callable[[Child, Traits], bool]:
    def shows(child: Child, traits: Traits) -> bool:
        true, told = date.fromordinal(child.born), traits.birth_date
        return told is not None and told != true and check(true, told)

    return shows


def one_digit(true: date, told: date) -> bool:
    return sum(a != b for a, b in zip(true.isoformat(), told.isoformat(), strict=True)) == 1


def letters(child: Child, traits: Traits) -> bool:
    return not words(columns(traits)) <= whole(child)


SHOWS: dict[str, Callable[[Child, Traits], bool]] = {
    "surnames turned": shows_layout("{m}", "{p}"),
    "maternal lost": shows_layout("{p}", ""),
    "paternal lost": shows_layout("{m}", ""),
    "one field": shows_layout("{p} {m}", ""),
    "hyphen": shows_layout("{p}-{m}", ""),
    "maternal in middle": lambda c, t: fold(t.middle_name).endswith(fold(c.maternal)) and not t.last_name_2,
    "surname in given": lambda c, t: fold(t.first_name).endswith(" " + fold(c.paternal)),
    "names exchanged": lambda c, t: fold(t.first_name) == fold(c.paternal),
    "second lost": lambda c, t: fold(t.first_name) == fold(c.given[0]) and not t.middle_name,
    "only second": lambda c, t: fold(t.first_name) == fold(c.given[-1]),
    "initial": lambda c, t: fold(t.middle_name).rstrip(".") == fold(c.given[1])[0],
    "nickname": lambda c, t: other_form(c, t, NICKNAMES),
    "english": lambda c, t: other_form(c, t, ENGLISH),
    "abbreviated": letters,
    "particle": lambda c, t: fold(c.paternal) != fold(t.last_name_1) or fold(c.maternal) != fold(t.last_name_2),
    "typing": letters,
    "reading": letters,
    "phonetic": letters,
    "encoding": lambda c, t: any(letter in "".join(columns(t)) for letter in "?�ã") or letters(c, t),
    "day and month": wrong_date(lambda true, told: (true.day, true.month) == (told.month, told.day)),
    "first of january": wrong_date(lambda true, told: told == date(true.year, 1, 1)),
    "digit": wrong_date(one_digit),
    "year by one": wrong_date(lambda true, told: abs(true.year - told.year) == 1 and true.day == told.day),
    "year by ten": wrong_date(lambda true, told: abs(true.year - told.year) == 10 and true.day == told.day),
    "month": wrong_date(lambda true, told: (true.year, true.day) == (told.year, told.day)),
    "sex wrong": lambda c, t: t.sex not in {"", c.sex},
    "sex missing": lambda _, t: not t.sex,
}
"""Of each fault: whether the record shows it, judged against the true child without the code that made it."""


def near(measured: float, expected: float) -> bool:
    low, high = HALF_TO_DOUBLE
    return low * expected < measured < high * expected


def two(copy: Copy) -> bool:
    return bool(copy.child.maternal)


def surnames(copy: Copy) -> str:
    return fold(f"{copy.child.paternal} {copy.child.maternal}")


def parents(copy: Copy) -> str:
    traits = copy.sheet.traits
    return traits.male_parent_first_name + traits.female_parent_first_name


def birth_place(copy: Copy) -> list[str]:
    traits = copy.sheet.traits
    return [text for text in (traits.birth_city, traits.birth_state, traits.birth_country) if text]


def by_child() -> dict[int, list[Copy]]:
    records: dict[int, list[Copy]] = {}
    for copy in written():
        records.setdefault(copy.sheet.child, []).append(copy)
    return records


def combinations_within(things: Iterable[T], key: Callable[[T], int]) -> Iterable[tuple[T, T]]:
    """Pairs of things that have one key."""
    groups: dict[int, list[T]] = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    return [pair for group in groups.values() for pair in combinations(group, 2)]
