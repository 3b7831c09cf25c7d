"""The population ``seasons``: the truth beside its sheets holds together, and every fault comes about as often as said.

Each fault is measured on what was written, against the truth: no part of the program is asked what it did.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from ledger.matching.populations import Sheet, kin
from ledger.matching.populations.seasons import Paper, seasons, told
from ledger.matching.populations.seasons_families import Child
from ledger.matching.populations.seasons_rates import RATES
from ledger.matching.populations.seasons_slips import heard, mangled, plain, typed
from ledger.matching.populations.seasons_words import CALLED, GIVEN_NAMES, SURNAMES
from support.sources import ROOT

CHILDREN = 3000
SEED = 20240630

Told = list[tuple[Child, list[Paper]]]


@cache
def population() -> list[Sheet]:
    return seasons(CHILDREN, SEED)


@cache
def truth() -> Told:
    return list(told(CHILDREN, SEED))


def test_the_same_seed_gives_the_same_sheets_whatever_the_order_of_hashes_is() -> None:
    program = (
        "import hashlib\nfrom ledger.matching.populations.seasons import seasons\n"
        "print(hashlib.sha256(repr(seasons(150, 4)).encode()).hexdigest())"
    )
    here = hashlib.sha256(repr(seasons(150, 4)).encode()).hexdigest()
    for hashes in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == here


def test_another_seed_gives_other_sheets() -> None:
    assert seasons(150, 4) != seasons(150, 5)


def test_the_sheets_are_those_of_the_truth_in_the_order_in_which_they_were_written() -> None:
    papers = [(paper, child) for child, papers in truth() for paper in papers]
    papers.sort(key=lambda one: one[0].written_on)
    assert [(p.traits, c.number, c.birth, c.family, c.clan, c.group) for p, c in papers] == [
        tuple(sheet[:6]) for sheet in population()
    ]


def test_there_are_as_many_children_as_asked_for_each_with_one_to_five_records() -> None:
    for children in (1, 7, 100):
        found = Counter(sheet.child for sheet in seasons(children, 3))
        assert sorted(found) == list(range(1, children + 1))
    counts = Counter(Counter(sheet.child for sheet in population()).values())
    assert set(counts) == {1, 2, 3, 4, 5}
    for records, share in enumerate((0.35, 0.30, 0.20, 0.10, 0.05), 1):
        assert counts[records] / CHILDREN == pytest.approx(share, abs=0.05), records


def test_a_child_has_one_family_and_a_family_one_clan_and_a_clan_one_custom() -> None:
    for inner, outer in (
        (lambda s: s.child, lambda s: (s.birth, s.family, s.namesake)),
        (lambda s: s.birth, lambda s: s.family),
        (lambda s: s.family, lambda s: s.clan),
        (lambda s: s.clan, lambda s: s.group),
    ):
        seen: dict[int, object] = {}
        for sheet in population():
            assert seen.setdefault(inner(sheet), outer(sheet)) == outer(sheet)


def test_all_kinds_of_kin_occur_and_twins_are_born_on_one_day() -> None:
    by_clan: dict[int, list[Sheet]] = {}
    for sheet in population():
        by_clan.setdefault(sheet.clan, []).append(sheet)
    found = Counter(kin(a, b) for sheets in by_clan.values() for a in sheets for b in sheets if a is not b)
    assert set(found) >= {"same", "twin", "sibling", "cousin"}

    births: dict[int, list[Child]] = {}
    for child, _ in truth():
        births.setdefault(child.birth, []).append(child)
    twins = [pair for pair in births.values() if len(pair) == 2]
    assert max(map(len, births.values())) == 2
    assert all(a.born == b.born and a.twin and b.twin and a.full_name() != b.full_name() for a, b in twins)
    assert len(twins) / len(births) == pytest.approx(RATES.twins, abs=0.012)
    alone = [child for (child,) in (pair for pair in births.values() if len(pair) == 1) if child.twin]
    assert len(alone) <= 1, "only the last child of all may miss the other twin"
    assert 0.4 < sum(a.sex == b.sex for a, b in twins) / len(twins) < 0.9
    assert any(a.given[:2] == b.given[:2] for a, b in twins)


def test_brothers_and_sisters_have_names_of_their_own_and_some_share_a_part() -> None:
    families: dict[int, list[Child]] = {}
    for child, _ in truth():
        families.setdefault(child.family, []).append(child)
    shared = 0
    for children in families.values():
        names = [(child.given, child.second) for child in children]
        assert len(set(names)) == len(names)
        seconds = [second for _, second in names if second]
        shared += len(set(seconds)) < len(seconds)
        days = sorted({child.born for child in children})
        assert all(later - earlier > 300 for earlier, later in pairwise(days))
    assert shared > 10


def test_cousins_share_surnames_as_cousins_do() -> None:
    clans: dict[int, dict[int, Child]] = {}
    for child, _ in truth():
        clans.setdefault(child.clan, {}).setdefault(child.family, child)
    pairs = [
        ({a.paternal, a.maternal} & {b.paternal, b.maternal}, a, b)
        for families in clans.values()
        for a, b in pairwise(families.values())
        if a.maternal
    ]
    assert sum(bool(shared) for shared, *_ in pairs) / len(pairs) > 0.8
    both = sum((a.paternal, a.maternal) == (b.paternal, b.maternal) for _, a, b in pairs)
    assert 0 < both / len(pairs) < 0.1


def test_a_child_is_at_one_school_at_a_time_and_his_records_follow_each_other() -> None:
    for child, papers in truth():
        stays = [stay for paper in papers for stay in paper.record.stays]
        stays.sort(key=lambda stay: stay.begins)
        assert all(a.ends and a.ends < b.begins for a, b in pairwise(stays))
        assert stays[0].begins > child.born
        assert all(paper.written_on >= paper.record.stays[0].begins for paper in papers)


def test_brothers_and_sisters_are_at_the_same_schools_at_the_same_time() -> None:
    seen: dict[tuple[int, str, date], set[int]] = {}
    for sheet in population():
        for a in sheet.traits.attendances:
            if a.school and a.full:
                seen.setdefault((sheet.family, a.school, a.begins), set()).add(sheet.child)
    assert sum(len(children) > 1 for children in seen.values()) > 300


def test_namesakes_share_name_and_birth_date_and_are_no_kin() -> None:
    children = {child.number: child for child, _ in truth()}
    by_number: dict[int, set[int]] = {}
    for sheet in population():
        if sheet.namesake:
            by_number.setdefault(sheet.namesake, set()).add(sheet.child)
    assert 0.5 * RATES.namesakes < sum(map(len, by_number.values())) / CHILDREN < 1.6 * RATES.namesakes
    for numbers in by_number.values():
        alike = [children[number] for number in numbers]
        assert len({(child.full_name(), child.born) for child in alike}) == 1
        assert len({child.clan for child in alike}) == len(alike) > 1


def test_some_namesakes_live_in_the_same_towns_and_most_do_not() -> None:
    towns: dict[tuple[object, ...], list[set[str]]] = {}
    for child, papers in told(1500, 2, replace(RATES, namesakes=0.05)):
        theirs = {stay.town.name for paper in papers for stay in paper.record.stays}
        towns.setdefault((child.full_name(), child.born), []).append(theirs)
    pairs = [pair for pair in towns.values() if len(pair) == 2]
    assert len(pairs) > 20
    assert 0.15 < sum(bool(a & b) for a, b in pairs) / len(pairs) < 0.65


def test_there_are_names_enough_for_many_peoples() -> None:
    assert len({name for names in SURNAMES.values() for name in names.values}) > 700
    assert len({name for names in GIVEN_NAMES.values() for name in names}) > 600
    surnames = Counter(child.paternal for child, _ in truth() if child.group == "two-surname")
    assert 0.02 < surnames.most_common(1)[0][1] / surnames.total() < 0.06
    assert {group for group, _ in RATES.groups} == {child.group for child, _ in truth()}


# -- how often things go wrong


def _records() -> list[tuple[Child, Paper]]:
    return [(child, paper) for child, papers in truth() for paper in papers]


def _fold(text: str) -> str:
    return plain(text).lower()


def _legible(*texts: str) -> bool:
    return not any(sign in text for text in texts for sign in "?\ufffdÃ├┬")


@cache
def _of_two_surnames() -> list[tuple[Child, Paper]]:
    """Those whose surnames are one word each, differ, and came through."""
    return [
        (child, paper)
        for child, paper in _records()
        if child.maternal
        and child.paternal != child.maternal
        and " " not in child.paternal + child.maternal
        and _legible(paper.traits.last_name_1, paper.traits.last_name_2, paper.traits.middle_name)
    ]


def _layout(child: Child, paper: Paper) -> str:
    one, two = _fold(child.paternal), _fold(child.maternal)
    t = paper.traits
    last_1, last_2, middle = _fold(t.last_name_1), _fold(t.last_name_2), _fold(t.middle_name).split(" ")[-1]
    return {
        (one, two): "both",
        (two, one): "turned",
        (f"{one} {two}", ""): "both in first",
        (f"{one}-{two}", ""): "hyphen",
        (one, ""): "maternal in middle" if middle == two else "paternal",
        (two, ""): "paternal in middle" if middle == one else "maternal",
    }.get((last_1, last_2), "otherwise")


def test_two_surnames_are_written_in_each_way_about_as_often_as_said() -> None:
    found = Counter(_layout(*one) for one in _of_two_surnames())
    for layout, share in RATES.layouts:
        assert 0.4 * share < found[layout] / found.total() < 1.7 * share, layout
    assert 0.01 < found["otherwise"] / found.total() < 0.1, "wrong letters and short forms"


def test_a_second_given_name_is_written_in_each_way_about_as_often_as_said() -> None:
    found: Counter[str] = Counter()
    for child, paper in _of_two_surnames():
        given, second = _fold(child.given), _fold(child.second)
        if (
            child.second
            and " " not in second
            and _layout(child, paper) in {"both", "turned", "hyphen", "both in first"}
        ):
            written = (_fold(paper.traits.first_name), _fold(paper.traits.middle_name))
            ways = {
                (given, second): "middle",
                (given, second[0]): "initial",
                (given, ""): "lost",
                (f"{given} {second}", ""): "in first",
                (given + second, ""): "glued",
                (second, ""): "alone",
            }
            found[ways.get(written, "otherwise")] += 1
    for way, share in RATES.seconds:
        assert 0.4 * share < found[way] / found.total() < 1.7 * share, way


def test_letters_are_wrong_about_as_often_as_said() -> None:
    """In the surname of children who have but one, and no other way to write it."""
    found: Counter[str] = Counter()
    for child, paper in _of_two_surnames():
        if child.paternal.isascii() and child.paternal not in {"Santiago", "Antonio"}:
            t = paper.traits
            if t.last_name_1 and t.last_name_2 and " " not in t.last_name_1:
                wanted = {_fold(child.paternal), _fold(child.maternal)}
                found["wrong" if _fold(t.last_name_1) not in wanted else "right"] += 1
    share = found["wrong"] / found.total()
    assert 0.2 * (RATES.typed + RATES.heard) < share < 0.9 * (RATES.typed + RATES.heard), "0.4 of the slips, and Hdz"


def test_compound_surnames_are_glued_or_lose_their_particles() -> None:
    found: Counter[str] = Counter()
    for child, paper in _records():
        written = _fold(f"{paper.traits.last_name_1} {paper.traits.last_name_2}")
        for own in (_fold(child.paternal), _fold(child.maternal)):
            if own.startswith("de la "):
                word = own.removeprefix("de la ")
                forms = (("kept", own), ("glued", f"dela{word}"), ("half glued", f"dela {word}"), ("dropped", word))
                found[next((form for form, begins in forms if begins in written), "otherwise")] += 1
    for form, share in RATES.particles:
        assert 0 < found[form] < 3 * share * found.total(), form
    assert found["kept"] > found["glued"] + found["half glued"]


def test_accents_are_kept_dropped_and_broken() -> None:
    found: Counter[str] = Counter()
    for child, paper in _of_two_surnames():
        written = paper.traits.last_name_1
        if not child.paternal.isascii() and _fold(written) == _fold(child.paternal):
            found["dropped" if written.isascii() else "kept"] += 1
    assert 0.3 < found["dropped"] / found.total() < 0.85
    signs = Counter(
        sign
        for _, paper in _records()
        for sign in "?\ufffdÃ├"
        if sign in repr(paper.traits.last_name_1 + paper.traits.first_name)
    )
    assert set(signs) == {"?", "\ufffd", "Ã", "├"}
    assert 0.003 < signs.total() / len(_records()) < 0.06
    capitals = sum(paper.traits.first_name.isupper() for _, paper in _records()) / len(_records())
    assert 0.2 < capitals < 0.65


def test_children_are_called_otherwise_and_names_are_shortened() -> None:
    named = [(child, paper) for child, paper in _records() if child.given in CALLED]
    called = sum(
        any(_fold(paper.traits.first_name).startswith(_fold(name)) for name in CALLED[child.given])
        and not _fold(paper.traits.first_name).startswith(_fold(child.given))
        for child, paper in named
    )
    assert 0.02 < called / len(named) < 0.09
    marias = [paper.traits.first_name for child, paper in _records() if child.given == "María" and child.second]
    assert 0.03 < sum(_fold(name).startswith("ma.") for name in marias) / len(marias) < 0.3
    assert any(_fold(paper.traits.last_name_1) in {"hdz", "mtz", "glez", "rdz"} for _, paper in _records())


def test_names_of_hmong_and_haitian_children_go_wrong_in_their_own_ways() -> None:
    records = _records()
    hmong = [(child, p) for child, p in records if child.group == "hmong"]
    assert any(p.traits.first_name.lower() == child.paternal.lower() != child.given.lower() for child, p in hmong)
    assert any(
        p.traits.first_name.lower() == (child.given + child.second).lower() and child.second for child, p in hmong
    )
    haitian = [(plain(child.paternal), plain(p.traits.last_name_1)) for child, p in records if child.group == "haitian"]
    compound = [(true, written.lower()) for true, written in haitian if "-" in true]
    assert any(written == true.replace("-", " ").lower() for true, written in compound)
    assert any(written == true.replace("-", "").lower() for true, written in compound)
    assert any(written == true.lower() for true, written in compound)


def _birth_fault(child: Child, paper: Paper) -> str:
    born, written = date.fromordinal(child.born), paper.traits.birth_date
    if written is None:
        return "missing"
    if written == born:
        return "none"
    if (written.year, written.month, written.day) == (born.year, born.day, born.month):
        return "swap"
    if (written.month, written.day) == (1, 1) and written.year == born.year:
        return "first of January"
    if written.year != born.year and (written.month, written.day) == (born.month, born.day):
        return "year of the paper" if written.year == date.fromordinal(paper.written_on).year else "year"
    if (written.year, written.month) == (born.year, born.month):
        return "day"
    return "month" if abs(written - born).days < 60 or written.year == born.year else "otherwise"


def test_birth_dates_are_wrong_in_each_way_about_as_often_as_said() -> None:
    found = Counter(_birth_fault(child, paper) for child, paper in _records() if child.paper_born == child.born)
    for fault, share in RATES.birth_faults:
        margin = 3 * (share / found.total()) ** 0.5
        assert share - margin <= found[fault] / found.total() + 0.0005 <= share + margin + 0.002, fault
    assert found["otherwise"] == 0
    assert sum(found[fault] > 0 for fault, _ in RATES.birth_faults) >= len(RATES.birth_faults) - 1
    copied = [(c, p) for c, p in _records() if c.paper_born != c.born]
    assert copied
    assert any(p.traits.birth_date == date.fromordinal(c.paper_born) for c, p in copied)


def test_sex_is_wrong_or_missing_about_as_often_as_said() -> None:
    found = Counter(
        "right" if paper.traits.sex == child.sex else paper.traits.sex and "wrong" for child, paper in _records()
    )
    assert found["wrong"] / found.total() == pytest.approx(RATES.sex_wrong, abs=0.005)
    assert found[""] / found.total() == pytest.approx(RATES.sex_missing, abs=0.005)


def test_twins_are_often_not_flagged_and_others_seldom_are() -> None:
    twins = Counter(paper.traits.multiple_birth for child, paper in _records() if child.twin)
    others = Counter(paper.traits.multiple_birth for child, paper in _records() if not child.twin)
    assert 0.25 < twins["Yes"] / twins.total() < 0.75
    assert 0.1 < twins["No"] / twins.total() < 0.6
    assert 0.02 < twins[""] / twins.total() < 0.5
    assert 0 < others["Yes"] / others.total() < 0.01
    assert 0.5 < others["No"] / others.total() < 0.95


def test_parents_are_missing_or_stand_alone_about_as_often_as_said() -> None:
    found = Counter(
        (bool(paper.traits.male_parent_first_name), bool(paper.traits.female_parent_first_name))
        for _, paper in _records()
    )
    assert 0.2 < found[False, False] / found.total() < 0.4
    assert 0.2 < found[False, True] / found.total() < 0.42
    assert 0.02 < found[True, False] / found.total() < 0.12
    mothers = Counter(
        {_fold(c.parents.mother.paternal): "own", _fold(c.parents.father.paternal): "married"}.get(
            _fold(paper.traits.female_parent_last_name), "otherwise"
        )
        for c, paper in _records()
        if paper.traits.female_parent_last_name and c.parents.father
    )
    assert 0.35 < mothers["own"] / mothers.total() < 0.65
    assert 0.1 < mothers["married"] / mothers.total() < 0.35
    guardians = sum(
        c.parents.guardian.given != c.parents.mother.given
        and _fold(paper.traits.female_parent_first_name) == _fold(c.parents.guardian.given)
        for c, paper in _records()
    )
    assert 0.005 < guardians / len(_records()) < 0.08


def test_birthplaces_are_often_missing_and_spelled_in_several_ways() -> None:
    found = Counter(
        "all" if p.traits.birth_city else "some" if p.traits.birth_country else "none" for _, p in _records()
    )
    assert 0.2 < found["none"] / found.total() < 0.7
    assert found["all"] > 100
    assert found["some"] > 100
    of_oaxaca = {_fold(p.traits.birth_state) for c, p in _records() if c.place.code == "OAX"}
    assert of_oaxaca >= {"oax", "oaxaca", "mx-oax"}
    of_mexico = {_fold(p.traits.birth_country) for c, p in _records() if c.place.country == "MX"}
    assert of_mexico >= {"mex", "mx", "mexico"}


def test_some_children_have_two_ids_in_a_state_and_few_ids_are_listed() -> None:
    states = [[paper.traits.state for paper in papers] for _, papers in truth()]
    twice = sum(len(set(s)) < len(s) for s in states)
    assert 0.015 < twice / CHILDREN < 0.04
    listed = [(papers, paper.traits.other_ids) for _, papers in truth() for paper in papers if paper.traits.other_ids]
    assert 0.002 < len(listed) / len(_records()) < 0.03
    assert any(other in {p.traits.state_student_id for p in papers} for papers, (other,) in listed)


def test_attendances_are_ended_late_or_never_left_out_and_given_other_grades() -> None:
    found: Counter[str] = Counter()
    for _, paper in _records():
        true = {date.fromordinal(stay.begins): stay for stay in paper.record.stays}
        found["of truth"] += len(true)
        found["empty"] += not paper.traits.attendances
        for attendance in paper.traits.attendances:
            stay = true[attendance.begins]
            found["sent"] += 1
            found["other grade"] += attendance.grade != stay.grade
            found["open"] += attendance.ends is None and stay.ends > 0
            found["late"] += attendance.ends is not None and attendance.ends > date.fromordinal(stay.ends or 1)
    records = len(_records())
    assert found["late"] / found["sent"] == pytest.approx(RATES.late_withdrawal, abs=0.02)
    assert found["open"] / found["sent"] == pytest.approx(RATES.never_withdrawn, abs=0.01)
    assert found["other grade"] / found["sent"] == pytest.approx(RATES.grade_fault, abs=0.015)
    assert RATES.empty < found["empty"] / records < 2.6 * RATES.empty + RATES.unsent
    assert found["sent"] / found["of truth"] == pytest.approx((1 - RATES.unsent) * (1 - RATES.empty), abs=0.02)


def test_a_slip_of_the_fingers_leaves_out_doubles_swaps_or_takes_the_key_beside() -> None:
    draw = Random(1).random
    found: Counter[str] = Counter()
    for _ in range(400):
        written = typed("Ramos", draw)
        if len(written) == 4:
            found["left out"] += 1
        elif len(written) == 6:
            found["doubled"] += 1
        elif sorted(written) == sorted("Ramos"):
            found["swapped"] += written != "Ramos"
        else:
            found["beside"] += 1
    assert found.total() == 400
    assert all(share > 30 for share in found.values())
    assert len(found) == 4


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("Vázquez", {"Bazquez", "Vasquez", "Vazques", "Vazkez"}),
        ("Jiménez", {"Gimenez", "Jimenes"}),
        ("Castillo", {"Kastillo", "Castiyo"}),
        ("Hernández", {"Ernandez", "Hernandes"}),
        ("Xiong", {"Jiong"}),
        ("Hill", {"Hiy"}),
    ],
)
def test_who_writes_by_ear_writes_other_letters_for_the_same_sounds(name: str, spellings: set[str]) -> None:
    draw = Random(1).random
    assert {heard(name, draw) for _ in range(100)} >= spellings


def test_a_broken_encoding_shows_in_its_own_way() -> None:
    assert mangled("Peña", "latin-1") == "PeÃ±a"
    assert mangled("Peña", "cp850") == "Pe├▒a"
    assert mangled("Peña", "question mark") == "Pe?a"
    assert mangled("Peña", "replacement") == "Pe\ufffda"
    assert mangled("Luna", "latin-1") == "Luna"
