"""What is explained as of a position is told of then: nothing that is known of now alone."""

from __future__ import annotations

import msgspec
import pytest

from api.cli.matching.explaining import lines
from ledger.application import Ledger
from ledger.explaining import Explained, explained
from ledger.matching.decision import PAIR_BELOW
from ledger.matching.policy import Thresholds
from ledger.matching.shipped import shipped
from support.casework import ANA
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


def test_two_who_are_no_question_whatever_they_are_put_together_are_told_as_kept_apart(matching: MatchingRuns) -> None:
    """A national number is worth much here, so that two come near of whom no records do."""
    matching.tells(settled("TX", "1"))
    sent = matching.minted()["TX 1"]
    matching.tells(stranger("MI", "2", sent_id=sent))
    matching.ledger.matcher.policy()
    alone = of_the_two(matching).alone.weight
    numbers = msgspec.structs.replace(shipped(), version="numbers", number=40_000)
    matching.ledger.policies.record(numbers, ANA, records=2)
    review = alone + PAIR_BELOW + 1
    matching.ledger.policies.publish(
        "numbers", ANA, thresholds=Thresholds(link=review + 100_000, review=review, margin=0)
    )
    told = of_the_two(matching).students
    assert told is not None
    assert told.weight >= review
    assert (told.verdict, told.hopeless) == ("apart", True)
    english, spanish = ("\n".join(lines(of_the_two(matching), language)) for language in ("en", "es"))
    assert "but no record of the one comes near one of the other" in english
    assert "pero ningún registro de uno se acerca a uno del otro" in spanish
    matching.runs()
    assert matching.waiting() == []
    assert matching.questions() == [], "as the matcher does"
    nearer = Thresholds(link=review + 100_000, review=review - 1, margin=0)
    matching.ledger.policies.publish("numbers", ANA, thresholds=nearer)
    asked = of_the_two(matching).students
    assert asked is not None
    assert (asked.verdict, asked.hopeless) == ("review", False)
    matching.runs()
    assert len(matching.questions()) == 1
