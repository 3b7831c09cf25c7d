"""What is explained as of a position is told of then: nothing that is known of now alone."""

from __future__ import annotations

import pytest

from ledger.application import Ledger
from ledger.explaining import Explained, explained
from support.matching_children import doubtful, settled, stranger, twin
from support.matching_runs import MatchingRuns


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


def of_the_two(matching: MatchingRuns, position: int | None = None) -> Explained:
    names = {name: record for record, name in matching.names().items()}
    ledger = matching.ledger
    return explained(ledger.log, ledger.policies, names["TX 1"], names["MI 2"], position=position)


def test_a_case_that_holds_a_record_now_is_not_told_as_of_then(matching: MatchingRuns) -> None:
    policy = matching.ledger.matcher.policy()
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    before = matching.head()
    assert before > policy.position
    free = of_the_two(matching).students
    assert free is not None
    assert free.held is False
    matching.runs()
    now, then = of_the_two(matching).students, of_the_two(matching, before).students
    assert now is not None
    assert then is not None
    assert (now.held, now.verdict) == (True, "apart")
    assert (then.held, then.verdict) == (None, "review")


def test_what_is_told_of_a_position_stays_as_it_is_whatever_comes_behind_it(matching: MatchingRuns) -> None:
    matching.ledger.matcher.policy()
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    position = matching.head()
    before = of_the_two(matching, position)
    assert before.size == 2
    matching.tells(twin("CA", "7"), twin("WA", "8"), stranger("OR", "9"), settled("NM", "3"))
    matching.runs()
    (case, *_) = matching.open_cases()
    matching.answers(case, yes=True)
    matching.runs()
    assert of_the_two(matching).size > 2
    assert of_the_two(matching, position) == before
