"""What ``sojourn bench matching`` counts, and that it runs; how good the figures are is no test's business."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from api.cli.bench import (
    matching,
    matching_ablation,
    matching_febrl,
    matching_ours,
    matching_rule,
    matching_splink,
    run,
)
from api.cli.bench.matching_report import Contest, Trial
from api.cli.bench.matching_review import questions, questions_of_list
from api.cli.bench.matching_truth import Counted, Groups, Truth, best, joined_alone, sweep
from api.cli.bench.report import Goal, Report, Size
from ledger.errors import Refused
from ledger.matching import training
from ledger.matching.comparison import FIELDS
from ledger.matching.decision import GUARDS
from ledger.matching.joining import Joined
from ledger.matching.person import person
from ledger.matching.policy import Policy, Scale
from ledger.matching.populations import Sheet
from ledger.matching.populations.seasons import seasons
from ledger.matching.shipped import shipped
from ledger.matching.shipping import TRAINED_ON
from ledger.matching.traits import Traits

CHILDREN = 300
SMALL = CHILDREN / matching.CHILDREN
PEERS = ["splink", "splink_parents", "splink_guards"]


@pytest.fixture(scope="module")
def quick_training() -> Iterator[None]:
    """Chance from fewer random pairs, which are most of the time that a small training takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_RANDOM_PAIRS", 10_000)
        yield


@pytest.fixture(scope="module")
def policy(quick_training: None) -> Policy:
    sheets = [sheet for population in matching.POPULATIONS.values() for sheet in population(CHILDREN, 7)]
    return training.train([sheet.traits for sheet in sheets], "test", shipped().thresholds).policy


@pytest.fixture(scope="module")
def contests(policy: Policy) -> dict[str, Contest]:
    return {made.id: made for made in matching.measure(Size(SMALL), runs=2, policy=policy, peers=False)}


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(seasons(CHILDREN, 8))


def _joined(truth: Truth, policy: Policy) -> Joined:
    people = [person(sheet.traits, policy.roles) for sheet in truth.sheets]
    joined = Joined(Scale(policy, len(people)), people, list(training.candidates(people)))
    joined.link()
    return joined


def _sheet(child: int, birth: int = 0, *, name: str = "Ana") -> Sheet:
    traits = Traits(
        state="OR", state_student_id="1", first_name=name, last_name_1="Ruiz", birth_date=date(2015, 3, child)
    )
    return Sheet(traits, child, birth or child, birth or child, birth or child, "two-surname")


# Two records of child 1, two of child 2, who is a twin of 1, and three of child 3.
FAMILIES = Truth([_sheet(1, 9), _sheet(1, 9), _sheet(2, 9), _sheet(2, 9), _sheet(3), _sheet(3), _sheet(3)])


def test_one_wrong_join_counts_with_every_pair_across_it() -> None:
    assert FAMILIES.real == 5
    counted = FAMILIES.counted([[0, 1, 2], [4, 5]])
    assert counted == Counted(right=2, wrong=2, real=5)
    assert counted.recall == pytest.approx(2 / 5)
    assert counted.precision == pytest.approx(2 / 4)
    assert counted.f1 == pytest.approx(2 / (5 / 2 + 4 / 2))


def test_wrong_pairs_are_told_by_what_the_children_are_to_each_other() -> None:
    alone = joined_alone(FAMILIES, [[0, 2, 4], [5, 6], [1], [3]])
    assert alone["wrong_pairs"] == 3
    assert alone["wrong_twin"] == 1
    assert alone["wrong_unrelated"] == 2
    assert alone["impure"] == 1
    assert alone["auto_recall"] == pytest.approx(1 / 5)


def test_what_is_found_and_joined_wrongly_is_told_for_each_naming_custom() -> None:
    sheets = [*FAMILIES.sheets[:2], *(sheet._replace(group="hmong") for sheet in FAMILIES.sheets[4:])]
    told = Truth(sheets).of_groups([[0, 1], [2, 3], [4]])
    assert told == {
        "recall_hmong": pytest.approx(1 / 3),
        "wrong_hmong": 0,
        "recall_two-surname": 1.0,
        "wrong_two-surname": 0,
    }
    mixed = Truth(sheets).of_groups([[0, 2, 3], [1], [4]])
    assert (mixed["wrong_hmong"], mixed["wrong_two-surname"]) == (2, 1)


def test_other_children_are_counted_once_however_many_records_they_have() -> None:
    found = FAMILIES.blocking([(0, 1), (0, 4), (0, 5), (0, 6)])
    assert found["blocking_recall"] == pytest.approx(1 / 5)
    assert found["candidates"] == pytest.approx(8 / 7)
    # Record 0 meets child 3, and the three records of child 3 each meet child 1.
    assert found["other_children"] == pytest.approx(4 / 7)


def test_a_threshold_joins_whatever_hangs_together_above_it() -> None:
    weighed = [(9.0, 4, 5), (8.0, 5, 6), (7.0, 0, 1), (1.0, 1, 2)]
    found = dict(sweep(FAMILIES, weighed, step=1.0))
    assert found[8.0] == Counted(3, 0, 5)
    assert found[7.0] == Counted(4, 0, 5)
    assert found[1.0] == Counted(4, 2, 5)


def test_the_best_threshold_and_the_best_sure_one_are_told_apart() -> None:
    swept = [(9.0, Counted(400, 0, 1000)), (5.0, Counted(900, 20, 1000)), (1.0, Counted(950, 500, 1000))]
    found = best(swept)
    assert (found["f1_bits"], found["sure_bits"], found["sure_recall"]) == (5.0, 9.0, 0.4)
    assert best([(0.0, Counted(0, 0, 1000)), *swept[1:]])["sure_recall"] is None


def test_a_question_that_answers_have_settled_is_not_asked() -> None:
    # A no to one record of a student is a no to both, and what yes has joined is not asked about again.
    weighed = [(9.0, 0, 2), (8.0, 0, 1), (7.0, 1, 2), (6.0, 4, 5), (5.0, 5, 6), (4.0, 4, 6), (3.0, 2, 3)]
    assert questions_of_list(FAMILIES, Groups(7), weighed, recall=1.0) == 5
    assert questions_of_list(FAMILIES, Groups(7), weighed, recall=0.8) == 4
    assert questions_of_list(FAMILIES, Groups(7), weighed[:-1], recall=1.0) is None


def test_no_question_is_asked_where_enough_is_joined_already() -> None:
    groups = Groups(7)
    for left, right in ((0, 1), (2, 3), (4, 5), (5, 6)):
        groups.join(left, right)
    assert questions_of_list(FAMILIES, groups, [(9.0, 0, 2)], recall=1.0) == 0


def test_questions_lead_to_the_recall_that_is_asked_for(truth: Truth, policy: Policy) -> None:
    joined = _joined(truth, policy)
    before, students = truth.counted(joined.members.values()), len(joined.members)
    asked = questions(truth, joined, recall=0.95)
    after = truth.counted(joined.members.values())
    assert before.recall < 0.95 <= after.recall
    assert asked is not None
    # Each yes makes two students one; what else was asked was answered with no.
    assert asked >= students - len(joined.members) > 0
    assert after.wrong == before.wrong


def test_a_recall_that_no_question_reaches_is_said_to_be_out_of_reach(truth: Truth, policy: Policy) -> None:
    assert questions(truth, _joined(truth, policy), recall=1.0) is None
    assert questions(truth, _joined(truth, policy), recall=0.0) == 0


def test_thresholds_lowered_step_by_step_join_nearly_what_each_joins_by_itself(truth: Truth, policy: Policy) -> None:
    people = [person(sheet.traits, policy.roles) for sheet in truth.sheets]
    pairs = list(training.candidates(people))
    swept = dict(matching_ours._sweep(truth, policy, people, pairs))
    for threshold in (15, 9, 3):
        fresh = Joined(matching_ours._linking(policy, threshold * 1000, len(people)), people, pairs)
        fresh.link()
        alone = truth.counted(fresh.members.values())
        assert swept[threshold].right == pytest.approx(alone.right, rel=0.02)
        assert swept[threshold].wrong == pytest.approx(alone.wrong, abs=2)


def test_the_exact_rule_joins_equal_names_and_birth_dates_and_nothing_else() -> None:
    sheets = [_sheet(1), _sheet(1, name="ANA"), _sheet(1, name="Anna"), _sheet(2), _sheet(2, name="Ána")]
    figures = matching_rule.measured(Truth(sheets))
    assert figures["auto_recall"] == pytest.approx(2 / 4)
    assert figures["wrong_pairs"] == 0


@pytest.mark.parametrize(
    ("change", "may"),
    [
        ({}, True),
        ({"state": "OR"}, False),
        ({"first_name": "Jose"}, False),
        ({"middle_name": "Manuel"}, False),
        ({"middle_name": "A"}, True),
        ({"sex": "Female"}, False),
        ({"birth_date": date(2015, 9, 3)}, True),
        ({"birth_date": date(2015, 4, 8)}, False),
        ({"multiple_birth": "Yes", "middle_name": ""}, False),
        ({"female_parent_first_name": "Rosa"}, False),
    ],
)
def test_the_guards_written_for_splink_hold_off_twins_and_namesakes(change: dict[str, Any], may: bool) -> None:
    said: dict[str, Any] = {
        "state": "WA",
        "state_student_id": "1",
        "first_name": "Luis",
        "middle_name": "Alberto",
        "last_name_1": "Ruiz",
        "sex": "Male",
        "birth_date": date(2015, 3, 9),
        "female_parent_first_name": "Elena",
    }
    said_elsewhere: dict[str, Any] = {**said, "state": "OR"}
    left, right = (person(Traits(**made)) for made in (said_elsewhere, {**said, **change}))
    assert matching_splink._may_join(left, right) is may


def test_a_febrl_record_is_who_its_number_says_and_has_a_date_only_where_there_is_such_a_day() -> None:
    row = {
        "given_name": "harley",
        "surname": float("nan"),
        "suburb": "marsden",
        "state": "nsw",
        "soc_sec_id": "6089216",
    }
    made = matching_febrl._sheet(4, "rec-552-dup-3", row | {"date_of_birth": "19080419"})
    again = matching_febrl._sheet(5, "rec-552-org", row | {"date_of_birth": "19085112"})
    assert made.child == again.child
    assert made.traits.state != again.traits.state
    assert (made.traits.birth_date, again.traits.birth_date) == (date(1908, 4, 19), None)
    assert (made.traits.first_name, made.traits.last_name_1, made.traits.birth_city) == ("harley", "", "marsden")


@pytest.mark.parametrize(
    ("said", "state"), [("wa", "western australia"), ("sa", "south australia"), ("nws", ""), (float("nan"), "")]
)
def test_a_state_of_australia_is_none_of_ours_and_what_is_no_state_is_left_out(said: object, state: str) -> None:
    made = person(matching_febrl._sheet(4, "rec-552-org", {"suburb": "marsden", "state": said}).traits)
    assert made.place == ("marsden", state, "")


def test_every_population_is_measured_with_every_seed(contests: dict[str, Contest]) -> None:
    for name in matching.POPULATIONS:
        told = json.loads(json.dumps(contests[f"matching {name}"].data()))
        assert [made["seed"] for made in told["runs"]] == [matching.SEED, matching.SEED + 1]
        assert told.keys() >= {"id", "rate", "unit", "against", "ratio", "must", "stretch", "met", "runs"}
        figures = told["systems"]["sojourn"]
        assert figures["blocking_recall"] >= figures["auto_recall"] > 0
        assert figures["f1"] == told["rate"]
        kinds = ("twin", "sibling", "cousin", "namesake", "unrelated")
        assert figures["wrong_pairs"] == sum(figures[f"wrong_{kind}"] for kind in kinds)


def test_a_peer_that_is_not_installed_is_said_to_be_missing(
    truth: Truth, policy: Policy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    peers = matching_splink.measured(truth)
    assert list(peers) == PEERS
    contest = _contest([Trial(len(truth.sheets), {"sojourn": matching_rule.measured(truth), **peers})])
    assert contest.missing() == PEERS
    assert contest.data()["systems"]["splink"] is None
    assert contest.data()["met"] is None
    Report({"cores": 1, "processor": "", "memory_gib": 1, "python": "", "measured_at": ""}, [contest]).print_table()
    assert "missing" in capsys.readouterr().out


def test_records_that_are_not_installed_are_said_to_be_missing(contests: dict[str, Contest]) -> None:
    assert contests["matching febrl3"].data()["missing"] == ["records"]
    assert contests["matching febrl3"].data()["rate"] is None


def test_a_must_is_kept_by_the_worst_run_and_a_stretch_by_the_mean() -> None:
    contest = _contest([Trial(1, {"sojourn": {"f1": 1.0, "wrong": wrong}}) for wrong in (1.0, 7.0)], of="wrong")
    assert (contest.worst(contest.goals[0]), contest.value(contest.goals[0])) == (7.0, 4.0)
    assert contest.met() is False
    assert contest.stretch_met() is True


def test_a_seed_that_training_uses_shows_nothing_and_is_refused() -> None:
    with pytest.raises(Refused):
        matching.measure(Size(SMALL), runs=1, seed=TRAINED_ON[0][1])


@pytest.fixture(scope="module")
def ablations(policy: Policy) -> dict[str, dict[str, Any]]:
    found = matching_ablation.measure(Size(SMALL), runs=1, policy=policy)
    for one in found:
        Report({"cores": 1, "processor": "", "memory_gib": 1, "python": "", "measured_at": ""}, [one]).print_table()
    return {one.population: json.loads(json.dumps(one.data())) for one in found}


def test_every_guard_and_every_comparison_is_left_out_once(ablations: dict[str, dict[str, Any]]) -> None:
    assert list(ablations) == list(matching.POPULATIONS)
    for told in ablations.values():
        assert told.keys() >= {"id", "rate", "unit", "against", "ratio", "must", "stretch", "met", "runs"}
        whole = {"as published", "every guard"}
        assert set(told["left_out"]) - whole == {
            *(f"guard {code}" for code in GUARDS),
            *(f"comparison {field}" for field in FIELDS),
        }


def test_without_its_birth_dates_fewer_of_a_childs_records_are_found(ablations: dict[str, dict[str, Any]]) -> None:
    for told in ablations.values():
        left_out = told["left_out"]
        assert left_out["comparison birth"]["auto_recall"] < left_out["as published"]["auto_recall"]
        assert left_out["every guard"]["auto_recall"] >= left_out["as published"]["auto_recall"]


def test_a_comparison_that_is_left_out_says_the_same_of_everybody(policy: Policy) -> None:
    silent = matching_ablation.without_comparison(policy, "given")
    assert set(silent.levels["given"]) == {(0,) * 6}
    assert silent.words["given"].surprise(["jose", "xochitl"]) == 0
    assert silent.levels["birth"] == policy.levels["birth"]


def test_matching_is_a_name_of_the_bench_and_meets_no_server(
    quick_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # peers take longer than a test may
    data = run(["matching"], scale=SMALL, runs=1).data()
    assert "postgresql" not in data["machine"]
    assert [row["id"] for row in data["rows"]] == [
        f"matching {name}" for name in ("seasons", "registers", *matching.FEBRL)
    ]
    assert data["rows"][0]["missing"] == PEERS


def _contest(trials: list[Trial], of: str = "splink") -> Contest:
    goal = Goal(of=of, must=6, stretch=4, at_most=True)
    return Contest(id="matching nothing", work="", unit="F1", rate="f1", goals=[goal], trials=trials)
