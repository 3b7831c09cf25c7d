"""Splink (a probabilistic linker of two classes, trained by EM without labels) as a peer.

It has its own comparisons, set up as its documentation says, and is given what would help it: our candidates, so that
both weigh the same pairs, and words that are prepared as ours are. Invariant: it joins as its clustering does, every
pair from a threshold on, closed; the threshold is chosen with the truth in hand, which ours is not.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import time
from collections.abc import Sequence
from datetime import date
from typing import Any

from rapidfuzz.distance import OSA, JaroWinkler

from api.cli.bench.matching_review import questions_of_list
from api.cli.bench.matching_truth import Groups, Truth, Weighed, best, joined_alone, sweep
from ledger.matching import training
from ledger.matching.person import Person, person, roles_of

LOWEST_BITS = -10
"""Pairs under this weight are neither joined nor asked about."""
RANDOM_PAIRS = 3e6
DETERMINISTIC_RECALL = 0.6
"""Share of one child's pairs that agree in first name, a surname and birth date: what its documentation asks for."""
ALIKE = 0.9
"""Jaro-Winkler similarity from which on the guards take two names for one."""
_SEED = 1

Figures = dict[str, float | None]


def measured(truth: Truth) -> dict[str, Figures | None]:
    """The figures of three ways to use it: without the parents' names, with them (which it takes for evidence beside
    surname and birthplace, so that a family looks like a child), and with them and guards written by hand. None each
    where it is not installed."""
    if importlib.util.find_spec("splink") is None:
        return {"splink": None, "splink_parents": None, "splink_guards": None}
    traits = [sheet.traits for sheet in truth.sheets]
    roles = roles_of(traits)
    people = [person(one, roles) for one in traits]
    pairs = list(training.candidates(people))
    found = {}
    weighed: Weighed = ()
    for name, columns in (("splink", ()), ("splink_parents", ("parent_1", "parent_2"))):
        started = time.perf_counter()
        weighed = _weighed(people, pairs, columns)
        seconds = time.perf_counter() - started
        found[name] = _figures(truth, weighed, weighed, seconds)
    guarded = [one for one in weighed if _may_join(people[one[1]], people[one[2]])]
    found["splink_guards"] = _figures(truth, guarded, weighed, None)
    return found


def _figures(truth: Truth, weighed: Weighed, asked_of: Weighed, seconds: float | None) -> Figures:
    """weighed: what may be joined by itself. asked_of: what a person may be asked of. Where no threshold is sure, it
    joins nothing by itself."""
    at_best = best(sweep(truth, weighed))
    threshold = at_best["sure_bits"]
    groups = Groups(len(truth.sheets))
    for weight, left, right in weighed:
        if threshold is not None and weight >= threshold:
            groups.join(left, right)
    alone = joined_alone(truth, groups.members.values())
    asked = questions_of_list(truth, groups, asked_of)
    records = len(truth.sheets)
    return {
        **alone,
        **at_best,
        "review_per_1000": None if asked is None else 1000 * asked / records,
        "seconds_per_1000": None if seconds is None else 1000 * seconds / records,
    }


def _weighed(people: Sequence[Person], pairs: Sequence[tuple[int, int]], parents: Sequence[str]) -> Weighed:
    """Train it on these records and weigh the pairs."""
    splink: Any = importlib.import_module("splink")
    library: Any = importlib.import_module("splink.comparison_library")
    pandas: Any = importlib.import_module("pandas")
    block_on = splink.block_on

    keys: list[list[int]] = [[] for _ in people]
    for key, (left, right) in enumerate(pairs):
        keys[left].append(key)
        keys[right].append(key)
    table = pandas.DataFrame(
        [_columns(one) | {"unique_id": number, "pair": keys[number]} for number, one in enumerate(people)]
    )
    # A column that is empty throughout, such as the sex in FEBRL, cannot be trained.
    known = {name for name in table.columns if name != "pair" and table[name].nunique() > 1}

    comparisons = {
        "first_name": library.NameComparison("first_name").configure(term_frequency_adjustments=True),
        "middle_name": library.NameComparison("middle_name").configure(term_frequency_adjustments=True),
        "dob": library.DateOfBirthComparison("dob", input_is_string=True),
        "sex": library.ExactMatch("sex"),
        "city": library.ExactMatch("city").configure(term_frequency_adjustments=True),
        "birth_state": library.ExactMatch("birth_state"),
        **{name: library.NameComparison(name) for name in parents},
    }
    # Its comparison of two columns that may have changed places is the best that it has for two surnames.
    surnames = (
        library.ForenameSurnameComparison("last_name_1", "last_name_2")
        if "last_name_2" in known
        else library.NameComparison("last_name_1").configure(term_frequency_adjustments=True)
    )
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=[surnames, *(made for name, made in comparisons.items() if name in known)],
        blocking_rules_to_generate_predictions=[block_on("pair", arrays_to_explode=["pair"])],
    )
    linker = splink.Linker(splink.DuckDBAPI().register(table), settings, log_level=logging.ERROR)
    train = linker.training
    exact = [block_on("first_name", surname, "dob") for surname in ("last_name_1", "last_name_2") if surname in known]
    train.estimate_probability_two_random_records_match(exact, recall=DETERMINISTIC_RECALL)
    train.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=_SEED)
    for block in (block_on("dob"), block_on("first_name", "last_name_1")):
        train.estimate_parameters_using_expectation_maximisation(block, record_sample_proportion=1.0)
    found = linker.inference.predict(threshold_match_weight=LOWEST_BITS).as_dict()
    return sorted(zip(found["match_weight"], found["unique_id_l"], found["unique_id_r"], strict=True), reverse=True)


def _columns(one: Person) -> dict[str, str | None]:
    """A record as it is given to it: what is unknown is None."""
    parents = [parent.given[0] for parent in one.parents if parent.given]
    return {
        "first_name": " ".join(one.given[:1]) or None,
        "middle_name": " ".join(one.given[1:]) or None,
        "last_name_1": " ".join(one.surnames[:1]) or None,
        "last_name_2": " ".join(one.surnames[1:2]) or None,
        "dob": _day(one) if one.birth else None,
        "sex": one.sex or None,
        "parent_1": parents[0] if parents else None,
        "parent_2": parents[1] if len(parents) > 1 else None,
        "city": one.place[0] or None,
        "birth_state": one.place[1] or None,
    }


def _may_join(left: Person, right: Person) -> bool:
    """The guards that somebody writes who has seen it join twins: such pairs are for a person, whatever they weigh."""
    if left.state == right.state or not (left.given and right.given and left.birth and right.birth):
        return False
    if left.sex and right.sex and left.sex != right.sex:
        return False
    swapped = (left.year, left.month, left.day) == (right.year, right.day, right.month)
    if not swapped and OSA.distance(_day(left), _day(right)) > 1:
        return False
    if not all(_alike(one, other) for one, other in zip(left.given, right.given, strict=False)):
        return False
    if "Y" in (left.flag, right.flag) and left.given != right.given:
        return False
    mine, theirs = ([one.given[0] for one in person.parents if one.given] for person in (left, right))
    return not mine or not theirs or any(_alike(one, other) for one in mine for other in theirs)


def _alike(one: str, other: str) -> bool:
    if 1 in (len(one), len(other)):
        return one[0] == other[0]
    return JaroWinkler.similarity(one, other) >= ALIKE


def _day(one: Person) -> str:
    return date.fromordinal(one.birth).isoformat()
