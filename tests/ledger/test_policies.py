"""Matching policies in the log: the first is published by itself and once, another begins the matcher anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, cast

import msgspec
import pytest

from api.policies import listed
from ledger.application import Ledger
from ledger.errors import BadValue, Conflict, NotFound, Refused, StaleDecision
from ledger.events import Meta, Recorded
from ledger.events.linkage import RecordLinked
from ledger.events.policy import CheckOutcome, PolicyPublished, PolicyTrained
from ledger.explaining import explained
from ledger.matching.decision import GUARDS
from ledger.matching.person import VERSION
from ledger.matching.policy import Policy, Thresholds
from ledger.matching.shipped import fingerprint, read, shipped, written
from ledger.policies import STREAM, Policies
from ledger.shadowing import shadow
from ledger.store.append import Append, Part
from ledger.store.database import Database
from ledger.store.log import Log
from ledger.store.vault import LEDGER
from support.matching_children import wilber
from support.matching_runs import MatchingRuns

META = Meta(actor="ana")
MATCHER = Meta(actor="matcher")
OUT_OF_REACH = Thresholds(link=900_000, review=900_000, margin=0)
"""No pair of records has so many bits."""


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


def named(version: str, **changes: Any) -> Policy:
    """The policy that Sojourn comes with, under another name."""
    return msgspec.structs.replace(shipped(), version=version, **changes)


def publications(matching: MatchingRuns) -> list[int]:
    """Positions of them all."""
    return [one.position for one in matching.recorded() if isinstance(one.event, PolicyPublished)]


def of_another_release(ledger: Ledger, version: str, code: int = VERSION - 1, field: str = "birth") -> None:
    """What stands in the log where a release that prepared names otherwise has published its policy. field: what it
    called the birth date."""
    policy = named(version, code=code)
    text, thresholds = written(policy).replace('"birth"', f'"{field}"'), policy.thresholds
    trained = PolicyTrained(version=version, policy=text, sha256=fingerprint(text), records=0)
    published = PolicyPublished(
        version=version,
        link=thresholds.link,
        review=thresholds.review,
        margin=thresholds.margin,
        guards=list(policy.guards),
        wrong=2,
    )
    part = Part(stream=STREAM, subject=LEDGER[0], expected=None, events=[trained, published])
    ledger.log.append(Append(parts=[part], meta=META))


# -- the one that Sojourn comes with


def test_the_shipped_policy_is_published_before_the_first_decision_and_once(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.tells(wilber("CA", "3"))
    matching.runs()
    (published,) = publications(matching)
    links = [one for one in matching.recorded() if isinstance(one.event, RecordLinked)]
    assert links[0].position > published
    assert [link.decision.published for link in matching.links() if link.decision] == [published, published]
    (trained,) = [event for event in matching.events() if isinstance(event, PolicyTrained)]
    assert trained.version == shipped().version
    assert [one.by for one in matching.ledger.policies.history()] == ["matcher"]


def test_a_ledger_without_records_publishes_nothing(matching: MatchingRuns) -> None:
    matching.runs()
    assert matching.head() == 0


def test_two_processes_that_begin_at_once_publish_the_shipped_policy_once(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledgers = [new_ledger(database) for _ in range(4)]
    start = threading.Barrier(len(ledgers))

    def begin(ledger: Ledger) -> int:
        start.wait(30)
        return ledger.policies.in_effect(MATCHER).position

    with ThreadPoolExecutor(len(ledgers)) as threads:
        found = set(threads.map(begin, ledgers))
    matching = MatchingRuns(ledgers[0])
    assert publications(matching) == list(found)
    assert [type(event) for event in matching.events()] == [PolicyTrained, PolicyPublished]


def test_two_processes_whose_matchers_begin_at_once_link_once(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledgers = [new_ledger(database) for _ in range(2)]
    matching = MatchingRuns(ledgers[0])
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    start = threading.Barrier(len(ledgers))

    def begin(ledger: Ledger) -> None:
        start.wait(30)
        MatchingRuns(ledger).runs()

    with ThreadPoolExecutor(len(ledgers)) as threads:
        list(threads.map(begin, ledgers))
    assert len(publications(matching)) == 1
    assert len(matching.links()) == 1


def test_what_a_person_publishes_as_the_matcher_begins_is_not_published_over(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    """The matcher has looked and found nothing, and a person publishes before it has published what it comes with."""
    theirs = new_ledger(database).policies
    theirs.record(named("north-1"), META, records=0)
    log = _Between(new_ledger(database).log, lambda: theirs.publish("north-1", META))
    assert Policies(cast("Log", log)).in_effect(MATCHER).policy.version == "north-1"
    assert [one.version for one in theirs.history()] == ["north-1"]


class _Between:
    """A log on which somebody does something right after it was read for the first time."""

    def __init__(self, log: Log, then: Callable[[], object]) -> None:
        self.append = log.append
        self._log = log
        self._then: Callable[[], object] | None = then

    def read_stream(self, stream: str, after: int = 0) -> list[Recorded]:
        found = self._log.read_stream(stream, after=after)
        if self._then is not None:
            then, self._then = self._then, None
            then()
        return found


# -- another one


def test_another_publication_takes_effect_and_begins_the_matcher_anew(matching: MatchingRuns) -> None:
    policies = matching.ledger.policies
    first = policies.publish(shipped().version, META, thresholds=OUT_OF_REACH)
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    assert matching.runs().records == 2
    assert not matching.together("TX 1", "MI 2")
    assert matching.cases() == []
    second = policies.publish(shipped().version, META)
    assert second.position > first.position
    assert matching.runs().records >= 2, "whatever is known is looked at once more"
    assert matching.together("TX 1", "MI 2")
    (link,) = matching.links()
    assert link.decision is not None
    assert link.decision.published == second.position
    assert link.decision.link == shipped().thresholds.link


def test_a_stricter_publication_takes_no_link_back(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.ledger.policies.publish(shipped().version, META, thresholds=OUT_OF_REACH)
    head = matching.head()
    matching.runs()
    assert matching.together("TX 1", "MI 2")
    assert matching.head() == head


def test_a_guard_that_is_published_no_more_keeps_nobody_from_being_linked(matching: MatchingRuns) -> None:
    """Only the guard keeps one child's two ids of one state apart: everything agrees."""
    policies = matching.ledger.policies
    policies.publish(shipped().version, META, thresholds=OUT_OF_REACH)
    matching.tells(wilber("TX", "1"), wilber("TX", "2"))
    matching.runs()
    assert not matching.together("TX 1", "TX 2")
    left = [guard for guard in shipped().guards if guard != "two-ids"]
    assert policies.publish(shipped().version, META, guards=left).policy.guards == tuple(left)
    matching.runs()
    assert matching.together("TX 1", "TX 2")


def test_a_decision_that_waits_while_another_policy_is_published_is_made_by_that(matching: MatchingRuns) -> None:
    """The tables are brought to the end by one policy, and nothing is decided by it any more."""
    policies = matching.ledger.policies
    policies.publish(shipped().version, META, thresholds=OUT_OF_REACH)
    matching.runs()
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    policies.publish(shipped().version, META)
    matching.runs()
    assert matching.together("TX 1", "MI 2")


# -- of other code


def test_a_policy_of_another_release_cannot_be_published(matching: MatchingRuns) -> None:
    policies = matching.ledger.policies
    policies.record(named("north-1", code=VERSION + 1), META, records=0)
    head = matching.head()
    with pytest.raises(Refused, match="prepares names otherwise"):
        policies.publish("north-1", META)
    assert matching.head() == head


def test_by_a_policy_of_another_release_nothing_is_matched(matching: MatchingRuns) -> None:
    of_another_release(matching.ledger, "north-1")
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    head = matching.head()
    with pytest.raises(Refused, match="prepares names otherwise"):
        matching.runs()
    assert matching.head() == head
    matching.ledger.policies.publish(shipped().version, META)
    matching.runs()
    assert matching.together("TX 1", "MI 2")


def test_the_policy_that_an_older_release_came_with_gives_way_to_that_of_this_one(matching: MatchingRuns) -> None:
    of_another_release(matching.ledger, "sojourn-0")
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    assert [one.version for one in matching.ledger.policies.history()] == ["sojourn-0", shipped().version]
    assert matching.together("TX 1", "MI 2")


@pytest.mark.parametrize("field", ["birth", "born"])
def test_what_a_newer_release_came_with_is_not_published_over_by_an_older_one(
    matching: MatchingRuns, field: str
) -> None:
    of_another_release(matching.ledger, "sojourn-9", VERSION + 1, field)
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    head = matching.head()
    with pytest.raises(Refused, match="newer release") as refused:
        matching.runs()
    assert "newer release" in refused.value.remedy
    assert matching.head() == head
    matching.ledger.policies.publish(shipped().version, META)
    matching.runs()
    assert matching.together("TX 1", "MI 2"), "an operator may"


def test_the_policy_of_an_older_release_that_this_one_cannot_read_gives_way_too(matching: MatchingRuns) -> None:
    of_another_release(matching.ledger, "sojourn-0", VERSION - 1, "born")
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    assert matching.together("TX 1", "MI 2")


@pytest.mark.parametrize("code", [VERSION - 1, VERSION, VERSION + 1])
def test_a_policy_that_this_release_cannot_read_is_listed_and_all_else_says_what_to_do(
    matching: MatchingRuns, code: int
) -> None:
    ledger = matching.ledger
    of_another_release(ledger, "north-1", code, "born")
    one, other = matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    head, policies = matching.head(), ledger.policies
    for asked in (
        matching.runs,
        lambda: policies.publish("north-1", META),
        lambda: policies.named("north-1"),
        policies.published,
        lambda: explained(ledger.log, policies, one, other),
        lambda: explained(ledger.log, policies, one, other, version="north-1"),
        lambda: shadow(ledger.log, policies.known("north-1").policy()),
    ):
        with pytest.raises(Refused, match="Policy north-1") as refused:
            asked()
        assert refused.value.remedy
    assert matching.head() == head
    _, told = listed(policies)
    (found,) = [policy for policy in told if policy["version"] == "north-1"]
    assert found["in_effect"]
    assert len(found["published"]) == 1
    last = policies.last()
    assert last is not None
    assert last.thresholds == shipped().thresholds, "another one is trained for these"


# -- what cannot be


@pytest.mark.parametrize(
    "thresholds",
    [
        Thresholds(link=-1, review=-4000, margin=0),
        Thresholds(link=7000, review=7001, margin=0),
        Thresholds(link=7000, review=-4000, margin=-1),
    ],
    ids=["links what is likelier another child", "asks above what it links", "a margin below nothing"],
)
def test_thresholds_that_no_policy_can_have_are_refused(matching: MatchingRuns, thresholds: Thresholds) -> None:
    with pytest.raises(BadValue):
        matching.ledger.policies.publish(shipped().version, META, thresholds=thresholds)
    assert matching.head() == 0


def test_a_guard_that_there_is_not_is_refused(matching: MatchingRuns) -> None:
    with pytest.raises(BadValue):
        matching.ledger.policies.publish(shipped().version, META, guards=["co-twin", "cousin"])
    assert matching.head() == 0


def test_guards_are_published_in_the_order_in_which_they_are_looked_at(matching: MatchingRuns) -> None:
    published = matching.ledger.policies.publish(shipped().version, META, guards=[*GUARDS][::-1])
    assert published.policy.guards == tuple(GUARDS)


def test_a_policy_that_nobody_trained_cannot_be_published(matching: MatchingRuns) -> None:
    with pytest.raises(NotFound):
        matching.ledger.policies.publish("north-1", META)


@pytest.mark.parametrize("version", ["north-1", "sojourn-2", shipped().version])
def test_a_name_is_given_once_and_those_of_sojourn_to_nobody(matching: MatchingRuns, version: str) -> None:
    policies = matching.ledger.policies
    policies.record(named("north-1"), META, records=0)
    with pytest.raises(Conflict):
        policies.record(named(version), META, records=0)


def test_of_two_people_who_publish_on_what_they_have_both_seen_one_is_told(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    one, other = (new_ledger(database).policies for _ in range(2))
    start = threading.Barrier(2)

    def publish(policies: Policies) -> str:
        start.wait(30)
        try:
            policies.publish(shipped().version, META)
        except StaleDecision:
            return "told"
        return "published"

    with ThreadPoolExecutor(2) as threads:
        came = sorted(threads.map(publish, [one, other]))
    assert came in (["published", "told"], ["published", "published"])
    assert len(one.history()) == came.count("published")
    assert len(other.trained()) == 1


# -- what is kept of it


def test_a_policy_is_found_in_the_log_as_it_was_trained(
    database: Database, new_ledger: Callable[..., Ledger], matching: MatchingRuns
) -> None:
    checks = [CheckOutcome(name="same-day", value=0.9, low=0.85, high=1.0)]
    position = matching.ledger.policies.record(named("north-1"), META, records=12, upto=7, checks=checks)
    known = new_ledger(database).policies.known("north-1")
    assert known.policy() == named("north-1")
    assert (known.position, known.by, known.said.records, known.said.upto) == (position, "ana", 12, 7)
    assert known.said.checks == checks
    assert known.said.sha256 == sha256(known.said.policy.encode()).hexdigest()


def test_the_text_of_a_policy_is_the_same_whatever_the_order_of_its_words() -> None:
    policy = shipped()
    turned = msgspec.structs.replace(
        policy,
        levels=dict(reversed(list(policy.levels.items()))),
        words=dict(reversed(list(policy.words.items()))),
    )
    assert written(turned) == written(policy)
    assert read(written(policy)) == policy
    assert written(read(written(policy))) == written(policy)


def test_a_text_that_is_cut_off_or_of_other_fields_is_no_policy() -> None:
    text = written(shipped())
    with pytest.raises(BadValue):
        read(text[:-1])
    with pytest.raises(BadValue):
        read(text.replace('"birth"', '"berth"'))


def test_the_policy_in_effect_at_a_position_is_that_of_the_last_publication_before_it(matching: MatchingRuns) -> None:
    policies = matching.ledger.policies
    matching.tells(wilber("TX", "1"))
    matching.runs()
    first = publications(matching)[0]
    policies.record(named("north-1"), META, records=0)
    second = policies.publish("north-1", META, thresholds=OUT_OF_REACH).position
    matching.tells(wilber("MI", "2"))
    third = policies.publish(shipped().version, META).position
    then = {at: policies.published(at) for at in range(matching.head() + 1)}
    for at, found in then.items():
        wanted = max((one for one in (first, second, third) if one <= at), default=None)
        assert (None if found is None else found.position) == wanted, at
    north = then[second]
    assert north is not None
    assert (north.policy.version, north.policy.thresholds) == ("north-1", OUT_OF_REACH)
    assert policies.published() == then[third]
