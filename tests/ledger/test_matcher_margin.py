"""A margin on a real store: a third student who is as near to either of two keeps them from being linked."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.application import Ledger
from ledger.explaining import explained
from ledger.matching.blocking import keys
from ledger.matching.person import person
from ledger.matching.policy import Thresholds
from ledger.matching.shipped import shipped
from ledger.matching.traits import Traits
from support.any_children import child
from support.linking import META
from support.matching_children import BORN, PARENTS
from support.matching_runs import MatchingRuns


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


def told(state: str, names: str, **more: Any) -> Traits:
    return child(names, BORN, state=state, state_student_id="1", **{**PARENTS, **more})


FIRST = told("CA", "Yaretzi/Quintero", sex="Female")
SECOND = told("MI", "Yaretzi Noemí/Quintero/Medrano", sex="Female")
THIRD = told("TX", "Noemí/Medrano", sex="Male", multiple_birth="Yes")
"""Shares a name with the second, and no key with the first."""


@pytest.mark.parametrize("margin", [0, 200_000])
def test_a_third_student_who_is_near_to_the_second_alone_keeps_the_first_from_it(
    matching: MatchingRuns, margin: int
) -> None:
    ours, theirs, third = (keys(person(one)) for one in (FIRST, SECOND, THIRD))
    assert ours & theirs
    assert theirs & third
    assert not ours & third
    thresholds = Thresholds(link=0, review=0, margin=margin)
    matching.ledger.policies.publish(shipped().version, META, thresholds=thresholds, guards=())
    matching.tells(SECOND, THIRD)
    matching.runs()
    assert matching.cases() == []
    matching.tells(FIRST)
    matching.runs()
    assert matching.together("CA 1", "MI 1") == (margin == 0)
    if margin:
        assert matching.questions() == [frozenset({frozenset({"CA 1"}), frozenset({"MI 1"})})]
        names = {name: record for record, name in matching.names().items()}
        log, policies = matching.ledger.log, matching.ledger.policies
        for one, other in (("CA 1", "MI 1"), ("MI 1", "CA 1")):
            whole = explained(log, policies, names[one], names[other]).students
            assert whole is not None
            assert whole.close
            assert [(near.state, near.state_student_id) for near in whole.others] == [("TX", "1")]
