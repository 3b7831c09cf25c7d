"""What the matcher has decided is written only while it stands: whatever happens between its look and its act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from ledger.application import Ledger
from ledger.links import Links
from ledger.matcher import Matcher
from ledger.matching.policy import Thresholds
from ledger.matching.shipped import shipped
from ledger.proposals import Proposals
from ledger.reactors.matching import MatcherRunner
from ledger.store.log import Log
from support.linking import META, merge
from support.matching_children import doubtful, settled, stranger, wilber
from support.matching_runs import MatchingRuns

OUT_OF_REACH = Thresholds(link=900_000, review=800_000, margin=0)
MOMENTS = ["before it is read again", "before it is durable"]


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


class _First:
    """Somebody does something right before the first call of a method."""

    def __init__(self, of: object, method: str, does: Callable[[], object]) -> None:
        self._of, self._method = of, method
        self._does: Callable[[], object] | None = does

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._does is not None:
            does, self._does = self._does, None
            does()
        return getattr(self._of, name)


def _beside(matching: MatchingRuns, moment: str, does: Callable[[], object]) -> None:
    """The matcher comes to the end of the log; as it writes its first link, somebody does something."""
    ledger = matching.ledger
    if moment == MOMENTS[0]:
        links = cast("Links", _First(ledger.links, "act", does))
    else:
        links = Links(cast("Log", _First(ledger.log, "append", does)))
    matcher = Matcher(ledger.log, links, ledger.proposals, ledger.policies)
    MatcherRunner(matcher, ledger.database, ledger.log).run(ledger.log.head())


def _beside_a_question(matching: MatchingRuns, does: Callable[[], object]) -> None:
    ledger = matching.ledger
    proposals = cast("Proposals", _First(ledger.proposals, "open_near_match", does))
    matcher = Matcher(ledger.log, ledger.links, proposals, ledger.policies)
    MatcherRunner(matcher, ledger.database, ledger.log).run(ledger.log.head())


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("gone", ["TX 1", "MI 2"])
def test_a_record_that_is_retracted_as_the_matcher_writes_is_not_linked(
    matching: MatchingRuns, moment: str, gone: str
) -> None:
    records = {"TX 1": wilber("TX", "1"), "MI 2": wilber("MI", "2")}
    matching.tells(*records.values())
    _beside(matching, moment, lambda: matching.retracts(records[gone]))
    assert matching.links() == []
    assert matching.waiting() == []
    matching.tells(records[gone])
    matching.runs()
    assert matching.together("TX 1", "MI 2"), "it was sent again"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_states_own_word_does_not_link_a_record_that_is_retracted_as_the_matcher_writes(
    matching: MatchingRuns, moment: str
) -> None:
    matching.tells(wilber("TX", "1"), wilber("TX", "2", other_ids=("1",)))
    _beside(matching, moment, lambda: matching.retracts(wilber("TX", "1")))
    assert matching.links() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_states_say_of_other_things_as_the_matcher_writes_keeps_nothing_from_being_linked(
    matching: MatchingRuns, moment: str
) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    _beside(matching, moment, lambda: matching.tells(settled("TX", "1")))
    assert matching.together("TX 1", "MI 2")


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_link_is_written_by_a_policy_that_is_no_more_in_effect(matching: MatchingRuns, moment: str) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    policies = matching.ledger.policies
    policies.publish(shipped().version, META)
    _beside(matching, moment, lambda: policies.publish(shipped().version, META, thresholds=OUT_OF_REACH))
    assert matching.links() == []
    assert matching.waiting() == []


def test_no_question_is_asked_by_a_policy_that_is_no_more_in_effect(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    policies = matching.ledger.policies
    _beside_a_question(matching, lambda: policies.publish(shipped().version, META, thresholds=OUT_OF_REACH))
    assert matching.cases() == []
    assert matching.waiting() == []


def test_nobody_is_asked_about_a_record_that_is_retracted_as_the_matcher_asks(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    _beside_a_question(matching, lambda: matching.retracts(doubtful("MI", "2")))
    assert matching.cases() == []
    assert matching.waiting() == []


def test_a_question_speaks_of_the_students_as_they_are_when_it_is_asked(matching: MatchingRuns) -> None:
    """Where a person joins one of the two with another meanwhile it is decided anew, and then asked of those three."""
    matching.tells(settled("TX", "1"), doubtful("MI", "2"), stranger("CA", "3", birth_date=None))
    minted = matching.minted()
    _beside_a_question(matching, lambda: merge(matching.ledger, minted["TX 1"], minted["CA 3"]))
    asked = matching.questions()
    assert all(frozenset({"TX 1", "CA 3"}) in pair for pair in asked), asked
    assert matching.waiting() == []


def test_a_student_of_whom_a_record_was_retracted_is_still_linked_with_others(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.retracts(wilber("TX", "1"))
    matching.runs()
    matching.tells(wilber("CA", "3"))
    matching.runs()
    assert matching.together("TX 1", "MI 2", "CA 3")
    assert matching.links()[-1].decision is not None
