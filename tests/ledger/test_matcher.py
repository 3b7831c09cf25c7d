"""The matcher on a real store: what it links, what it asks, what it leaves alone, and what is decided again."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import msgspec
import pytest

from ledger.application import Ledger
from ledger.errors import Misconfigured
from ledger.events.linkage import Decision
from ledger.matching.comparison import FIELDS
from ledger.matching.shipped import shipped
from ledger.matching.traits import Traits
from ledger.store.database import Role
from support.matching_children import (
    OTHER_PARENTS,
    at_school,
    doubtful,
    namesake,
    settled,
    sibling,
    stranger,
    twin,
    wilber,
)
from support.matching_runs import MatchingRuns, decision_of


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


def the_decision(matching: MatchingRuns) -> Decision:
    """Of the only link."""
    (link,) = matching.links()
    assert link.decision is not None
    return link.decision


# -- certain


def test_two_states_records_of_one_child_are_linked_and_the_event_says_why(matching: MatchingRuns) -> None:
    first, second = matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.tells(twin(), stranger())
    upto = matching.head()
    done = matching.runs()
    assert done.linked == 1
    assert matching.together("TX 1", "MI 2")
    (link,) = matching.links()
    assert (link.record.record, link.member.record) == (second, first), "the later joins the earlier"
    assert link.master.student_id == matching.minted()["TX 1"]
    assert (link.left, link.right, link.why) == ([second], [first], "policy")
    policy, decision = shipped(), the_decision(matching)
    published = matching.ledger.policies.published()
    assert published is not None
    assert (decision.policy, decision.published) == (policy.version, published.position)
    thresholds = policy.thresholds
    assert (decision.link, decision.review, decision.margin) == (thresholds.link, thresholds.review, thresholds.margin)
    assert upto <= decision.read <= matching.head()
    assert decision.weight == (decision.pair + decision.whole) // 2
    assert decision.weight >= thresholds.link
    assert sum(bits for _, bits in decision.steps) == decision.whole
    assert list(decision.levels) == list(FIELDS)
    assert decision.levels["given"] == "all equal, two or more"
    assert decision.guards == []
    assert [matching.names()[other.member] for other in decision.others] == ["MI 7"]
    assert all(other.weight < decision.weight for other in decision.others)


@pytest.mark.parametrize(
    "other", [twin(), sibling(), namesake(), stranger()], ids=["twin", "sibling", "namesake", "no kin"]
)
def test_another_child_is_not_linked(matching: MatchingRuns, other: Traits) -> None:
    matching.tells(wilber("TX", "1"), other)
    assert matching.runs().linked == 0
    assert len(matching.students()) == 2


@pytest.mark.parametrize("other", [twin, sibling, namesake], ids=["twin", "sibling", "namesake"])
def test_two_records_of_each_of_two_children_are_two_students(
    matching: MatchingRuns, other: Callable[..., Traits]
) -> None:
    matching.tells(wilber("TX", "1"), other("TX", "2"), other("MI", "3"), wilber("MI", "4"))
    matching.runs()
    assert matching.students() == {frozenset({"TX 1", "MI 4"}), frozenset({"TX 2", "MI 3"})}


def test_what_it_links_of_one_child_grows_to_one_student(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"), wilber("CA", "3"), wilber("OR", "4"))
    assert matching.runs().linked == 3
    assert matching.students() == {frozenset({"TX 1", "MI 2", "CA 3", "OR 4"})}


def test_a_record_that_comes_later_is_linked_to_the_whole_student(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.tells(wilber("CA", "3"))
    matching.runs()
    second = matching.links()[-1]
    assert (len(second.left), len(second.right)) == (1, 2)
    assert matching.students() == {frozenset({"TX 1", "MI 2", "CA 3"})}


# -- near


def test_a_near_match_is_one_case_with_its_decision_and_holds_the_records(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    done = matching.runs()
    assert (done.linked, done.asked) == (0, 1)
    ((case, opened),) = matching.cases()
    assert matching.open_cases() == [case]
    assert matching.held() == {"TX 1": case, "MI 2": case}
    decision = decision_of(opened)
    assert decision.guards == ["two-places"]
    assert decision.levels["stays"] == "at once, far apart"
    assert decision.weight >= decision.review
    assert decision.policy == shipped().version
    assert (opened.kind, opened.proposed_by) == ("near-match", "matcher")
    assert sorted(asked.state for asked in opened.asked) == ["MI", "TX"]


def test_a_near_match_that_is_answered_yes_is_one_student(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    matching.runs()
    ((case, _),) = matching.cases()
    matching.answers(case, yes=True)
    matching.runs()
    assert matching.together("TX 1", "MI 2")
    assert [link.why for link in matching.links()] == ["answered"]
    assert len(matching.cases()) == 1


def test_a_near_match_that_is_answered_no_is_never_asked_nor_linked_again(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    matching.runs()
    ((case, _),) = matching.cases()
    matching.answers(case, yes=False)
    # Now there is nothing that speaks against it any more.
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    assert matching.apart() == {frozenset({"TX 1", "MI 2"})}
    assert not matching.together("TX 1", "MI 2")
    assert len(matching.cases()) == 1


def test_a_record_that_answers_a_question_comes_before_the_question(matching: MatchingRuns) -> None:
    """In one night's file: nobody is asked before everything that is certain is linked."""
    matching.tells(settled("TX", "1"), doubtful("MI", "2"), wilber("CA", "3"))
    matching.runs()
    (question,) = matching.questions()
    assert {"TX 1", "MI 2", "CA 3"} == {name for side in question for name in side}
    assert len(matching.links()) == 1


# -- again


def test_a_second_run_appends_nothing(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"), twin(), sibling(), namesake(), settled("OR", "5"), doubtful())
    matching.runs()
    head = matching.head()
    assert matching.runs().records == 0
    assert matching.head() == head
    assert matching.waiting() == []


def test_a_file_that_is_sent_again_decides_nothing(matching: MatchingRuns) -> None:
    night = [settled("TX", "1"), doubtful("MI", "2"), twin("CA", "3"), stranger()]
    matching.tells(*night)
    matching.runs()
    head = matching.head()
    matching.tells(*night)
    assert matching.runs().records == 0
    assert matching.head() == head


def test_keeping_apart_appends_nothing(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(namesake("MI", "2"), stranger("CA", "3"))
    head = matching.head()
    assert matching.runs().records == 2
    assert matching.head() == head


def test_a_record_that_comes_to_say_who_the_child_is_is_decided_again(matching: MatchingRuns) -> None:
    # Of the three that tell a child the surname stays: where all change at once, people are asked first.
    other = msgspec.structs.replace(stranger("MI", "2"), last_name_1="Quintero", last_name_2="Medrano")
    matching.tells(wilber("TX", "1"), other)
    matching.runs()
    assert not matching.together("TX 1", "MI 2")
    matching.tells(wilber("MI", "2"))
    assert matching.runs().records == 1
    assert matching.together("TX 1", "MI 2")


def test_a_record_that_gets_an_enrollment_is_decided_again_and_nothing_is_said(matching: MatchingRuns) -> None:
    """Where a child went to school is a part of who it is; here it changes nothing."""
    matching.tells(wilber("TX", "1"), wilber("MI", "2"), stranger())
    matching.runs()
    matching.tells(wilber("MI", "2", attendances=at_school("MI")))
    head = matching.head()
    assert matching.runs().records == 1
    assert matching.head() == head


def test_a_correction_undoes_no_link(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.tells(wilber("MI", "2", **OTHER_PARENTS))
    matching.runs()
    assert matching.together("TX 1", "MI 2")
    assert len(matching.links()) == 1


def test_a_retracted_record_is_forgotten_and_not_linked(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.retracts(wilber("TX", "1"))
    matching.tells(wilber("MI", "2"))
    matching.runs()
    assert matching.known() == ["MI 2"]
    assert not matching.together("TX 1", "MI 2")
    matching.tells(wilber("TX", "1"))
    matching.runs()
    assert matching.together("TX 1", "MI 2"), "it was sent again"


def test_what_stands_under_keys_of_another_release_is_read_anew_and_linked_once(
    matching: MatchingRuns, ledger: Ledger
) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"), settled("OR", "3"), doubtful("CA", "4"))
    matching.runs()
    head = matching.head()
    with ledger.database.connect(Role.WRITER) as conn:
        conn.execute("update matching.state set keys = keys - 1")
        conn.execute("delete from matching.keys")
    assert matching.runs().records == 4
    assert matching.head() == head
    with ledger.database.connect(Role.WRITER) as conn:
        assert conn.execute("select from matching.keys").rowcount > 0


# -- what states say themselves


def test_an_id_that_a_state_calls_another_of_the_child_is_linked(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("TX", "2", other_ids=("1",)))
    matching.runs()
    (link,) = matching.links()
    assert (link.why, link.decision) == ("state-says-same", None)
    assert matching.together("TX 1", "TX 2")


def test_the_record_that_names_the_other_may_come_first(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "2", other_ids=("1",)))
    matching.runs()
    matching.tells(wilber("TX", "1"))
    matching.runs()
    assert [link.why for link in matching.links()] == ["state-says-same"]
    assert matching.together("TX 1", "TX 2")


def test_a_state_may_say_so_of_records_that_it_sent_long_ago(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), stranger("TX", "2"))
    matching.runs()
    matching.tells(stranger("TX", "2", other_ids=("1",)))
    matching.runs()
    assert matching.together("TX 1", "TX 2"), "that state's word, whatever the two records say"
    assert [link.why for link in matching.links()] == ["state-says-same"]


def test_the_word_of_another_state_says_nothing_of_an_id(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), stranger("CA", "2", other_ids=("1",)))
    matching.runs()
    assert not matching.together("TX 1", "CA 2")


def test_a_state_does_not_say_against_a_person(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("TX", "2"))
    matching.declares("TX 1", "TX 2")
    matching.tells(wilber("TX", "2", other_ids=("1",)))
    matching.runs()
    assert matching.links() == []
    assert matching.cases() == []
    assert not matching.together("TX 1", "TX 2")


def test_two_ids_of_one_state_without_its_word_are_a_case(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("TX", "2"))
    assert matching.runs().linked == 0
    ((_, opened),) = matching.cases()
    assert decision_of(opened).guards == ["two-ids"]


def test_two_ids_of_one_state_are_not_brought_together_by_a_record_of_another(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("TX", "2"), wilber("MI", "3"))
    matching.runs()
    assert not matching.together("TX 1", "TX 2")
    assert len(matching.links()) == 1
    assert len(matching.cases()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        "alter table matching.state rename column published to made_for",
        "alter table matching.state rename column people to known",
        "alter table matching.people rename column place to turn",
        "alter table matching.undecided rename to waiting",
    ],
)
def test_a_matcher_beside_which_a_later_release_migrates_stops_and_changes_nothing(
    matching: MatchingRuns, changed: LiteralString
) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    running = matching.runner()
    running.run(matching.head())
    with matching.ledger.database.connect() as admin:
        admin.execute(changed)
        tracked = admin.execute(_TRACKED).fetchone()
    matching.tells(wilber("MI", "2"))
    head = matching.head()
    for runner in (running, matching.runner()):
        with pytest.raises(Misconfigured, match="restart what runs of this one as that release"):
            runner.run(head)
    assert matching.head() == head, "nothing is linked nor asked"
    with matching.ledger.database.connect() as admin:
        assert admin.execute(_TRACKED).fetchone() == tracked


_TRACKED = "select notification_id from tracking.positions where application_name = 'reactor matcher'"
