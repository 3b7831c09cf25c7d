"""What training learns of children without labels, and what it refuses to take for children."""

from __future__ import annotations

import msgspec
import pytest

from ledger.errors import Refused
from ledger.matching.comparison import FIELDS
from ledger.matching.decision import GUARDS
from ledger.matching.person import VERSION
from ledger.matching.policy import KINDS, NAMESAKE, SAME, SIBLING, TWIN, UNRELATED, Thresholds
from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons
from ledger.matching.training import Check, Trained, candidates, table, train, words_of
from support.any_children import PAIRS, child, made, sheets, trained

THRESHOLDS = Thresholds(link=9000, review=-4000, margin=0)


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_a_small_population_of_children_passes_every_check(population: str) -> None:
    assert [check for check in trained(population).checks if not check.holds] == []
    assert trained(population).sound


def only_once(population: str) -> Trained:
    """Trained on a population in which no child comes twice: what agrees is families."""
    told = {"registers": registers, "seasons": seasons}[population](1800, 1)
    first = {sheet.child: sheet.traits for sheet in reversed(told)}
    return train(list(first.values()), "of households", THRESHOLDS, random_pairs=PAIRS)


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_a_population_of_households_in_which_no_child_comes_twice_is_refused(population: str) -> None:
    found = only_once(population)
    failed = {check.name for check in found.checks if not check.holds}
    assert not found.sound
    assert {"same child, same birth date", "same child, sex differs"} <= failed


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_the_pairs_of_one_child_are_counted_near_the_truth(population: str) -> None:
    """As joins, against pairs of all other kinds: within a fourth, though nobody said which they are."""
    told = sheets(population)
    children = len({sheet.child for sheet in told})
    true = (len(told) - children) * (len(told) / children) ** 2
    rate = trained(population).policy.rates[SAME] / 1000
    assert true / 1.25 < len(told) * 2**rate < true * 1.25


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_namesakes_go_to_school_as_children_of_one_age_do(population: str) -> None:
    """Their schools overlap more often than those of any two children, of whom one may have left before the other was
    born."""
    stays = trained(population).policy.levels["stays"]
    far = FIELDS["stays"].index("at once, far apart")
    assert stays[far][NAMESAKE] > stays[far][UNRELATED]
    assert stays[far][NAMESAKE] > stays[far][SAME]


def test_training_twice_gives_the_same_policy_bit_for_bit() -> None:
    records = [sheet.traits for sheet in sheets("registers")][:1000]
    one, again = (train(records, "of a test", THRESHOLDS, random_pairs=2000) for _ in range(2))
    assert msgspec.json.encode(again) == msgspec.json.encode(one)
    other = train(records, "of a test", THRESHOLDS, random_pairs=2000, seed=2)
    assert other.policy.levels != one.policy.levels


def test_too_few_records_are_refused_with_what_to_do() -> None:
    with pytest.raises(Refused, match="999 records are too few") as refused:
        train([child("Ana/Cruz")] * 999, "small", THRESHOLDS)
    assert "1,000" in str(refused.value.remedy)


def test_a_policy_says_which_code_it_was_made_for_and_has_every_guard() -> None:
    policy = trained().policy
    assert (policy.version, policy.code, policy.thresholds) == ("of a test", VERSION, THRESHOLDS)
    assert policy.guards == tuple(GUARDS)
    assert len(policy.rates) == len(KINDS) - 1


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_kinds_that_have_a_field_in_common_weigh_it_the_same(population: str) -> None:
    levels = trained(population).policy.levels
    for field in ("surnames", "birth"):
        assert all(row[SAME] == row[TWIN] == row[NAMESAKE] for row in levels[field])
    assert all(row[SAME] == row[TWIN] == row[SIBLING] for row in levels["parents"])
    assert all(row[SAME] == row[NAMESAKE] for row in levels["given"])
    assert all(row[SAME] == row[TWIN] for row in levels["place"])
    assert any(row[SAME] != row[TWIN] for row in levels["given"])


@pytest.mark.parametrize("population", ["registers", "seasons"])
@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("given", "first same, second different"),
        ("given", "a boy's and a girl's form"),
        ("given", "different"),
        ("sex", "different"),
    ],
)
def test_names_and_sexes_that_differ_speak_for_twins(population: str, field: str, name: str) -> None:
    row = trained(population).policy.levels[field][FIELDS[field].index(name)]
    assert row[TWIN] > row[SAME] + 2000


@pytest.mark.parametrize("population", ["registers", "seasons"])
def test_twins_do_not_have_one_whole_name_and_lose_second_names_as_one_child_does(population: str) -> None:
    """What is tied after every round: else short names, which are anybody's, would make twins of one child."""
    given = dict(zip(FIELDS["given"], trained(population).policy.levels["given"], strict=True))
    assert given["all equal, two or more"][TWIN] < -12_000
    same, twin = ({name: 2 ** (row[kind] / 1000) for name, row in given.items()} for kind in (SAME, TWIN))
    lost = same["first only"] / (same["all equal, two or more"] + same["first only"])
    assert twin["first only"] == pytest.approx(twin["first same, second different"] * lost, rel=0.02)


def test_shares_of_the_levels_of_a_field_are_one_together() -> None:
    for field in FIELDS:
        for kind in range(len(KINDS)):
            shares = [2 ** row[kind] for _, row in table(trained().policy, field)]
            assert sum(shares) == pytest.approx(1, abs=0.01)


def test_two_records_meet_once_the_lower_first_and_only_under_a_key() -> None:
    told = (("Ana/Cruz", "2014-03-09"), ("Luis/Ruiz", "2010-11-20"), ("Ana/Cruz/Pérez", "2014-03-09"))
    people = [made(*one, state_student_id=str(number)) for number, one in enumerate(told)]
    assert list(candidates(people)) == [(0, 2)]


def test_a_key_that_more_than_two_hundred_share_tells_nobody_apart() -> None:
    crowd = [made("Ana/Cruz", "2014-03-09")]
    assert len(list(candidates(crowd * 200))) == 200 * 199 // 2
    assert list(candidates(crowd * 201)) == []


def test_words_are_counted_by_column_and_the_rare_ones_are_not_kept() -> None:
    told = [made("Ana/Cruz", birth_city="Tlaxiaco", female_parent_first_name="Rosa")] * 6 + [
        made("Luis/Xicoténcatl")
    ] * 2
    words = words_of(told)
    assert set(words["surnames"].common) == {"cruz"}
    assert words["given"].common == {"ana": round(1000 * -0.4150375)}
    assert words["given"].usual == round(1000 * -0.6780719)
    assert set(words["parents"].common) == {"rosa"}
    assert set(words["place"].common) == {"tlaxiaco"}
    assert words["given"].rare < min(words["given"].common.values())


@pytest.mark.parametrize(("value", "holds"), [(0.85, True), (1.0, True), (0.849, False), (1.001, False)])
def test_a_check_holds_within_its_bounds_and_at_them(value: float, *, holds: bool) -> None:
    assert Check("one", value, 0.85, 1.0).holds is holds


def test_a_word_that_too_few_records_carry_enters_no_policy_whatever_its_column() -> None:
    """Also where they carry it twice, and where it is a name that only tells boys from girls."""
    told = [sheet.traits for sheet in sheets("registers")][:1000]
    marked = {
        "first_name": "Zyxana Zyxana",
        "last_name_1": "Zyxlopez",
        "female_parent_first_name": "Zyxelia",
        "birth_city": "Zyxville",
        "sex": "Female",
    }

    def words(carriers: int) -> set[str]:
        records = [msgspec.structs.replace(one, **marked) for one in told[:carriers]] + told[carriers:]
        policy = train(records, "of a test", THRESHOLDS, random_pairs=2000, seen=12).policy
        kept = [*policy.roles.given, *policy.roles.surname, *policy.roles.female]
        kept += [word for table in policy.words.values() for word in table.common]
        return {word for word in kept if "zyx" in word}

    assert words(11) == set()
    assert words(12) == {"zyxana", "zyxlopez", "zyxelia", "zyxville"}


def test_a_policy_of_some_records_drawn_by_chance_is_made_for_all_of_them() -> None:
    records = [sheet.traits for sheet in sheets("registers")][:1000]
    whole, tenth = (
        train(records, "of a test", THRESHOLDS, random_pairs=2000, drawn_from=there).policy for there in (None, 10_000)
    )
    more = [there - here for here, there in zip(whole.rates, tenth.rates, strict=True)]
    assert more[1:] == pytest.approx([3322] * (len(more) - 1), abs=1)
    assert more[0] > 3322, "the more records a child has, the more pairs for each join"
    assert tenth.levels == whole.levels
