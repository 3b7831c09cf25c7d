"""What the matcher makes of corrections, of what states say themselves, and of records that are gone."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.case import Changed, Doubtful
from ledger.matching.policy import Thresholds
from ledger.matching.shipped import shipped
from ledger.matching.traits import Traits
from support.any_children import child
from support.casework import destroy
from support.matching_children import OTHER_PARENTS, OTHER_TOWN, stranger, wilber
from support.matching_runs import MatchingRuns


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


def another(state: str = "TX", ssid: str = "1") -> Traits:
    """Another child altogether."""
    told = {"sex": "Female", **OTHER_PARENTS, **OTHER_TOWN}
    return child("Beatriz Amparo/Zamudio/Arce", "2011-06-30", state=state, state_student_id=ssid, **told)


def kinds(matching: MatchingRuns) -> list[str]:
    """Of every case that was opened, in the order of the log."""
    return [event.kind for event in matching.events() if event.topic == "case-opened.v1"]  # type: ignore[attr-defined]


def test_a_record_that_becomes_another_child_in_one_row_is_put_before_people_and_left_alone(
    matching: MatchingRuns,
) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(another("TX", "1"), another("CA", "6"))
    matching.runs()
    assert kinds(matching) == ["different-child"]
    assert not matching.together("TX 1", "CA 6"), "it is the same child by now, and nobody has said so yet"
    (case,) = matching.open_cases()
    matching.answers(case, yes=True)
    matching.runs()
    assert matching.together("TX 1", "CA 6")


def test_who_becomes_another_child_is_left_alone_by_those_who_come_in_the_same_night(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(another("CA", "6"), another("TX", "1"))
    matching.runs()
    assert not matching.together("TX 1", "CA 6")


def test_a_states_own_word_does_not_link_a_record_that_may_be_a_different_child(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("TX", "2", other_ids=()))
    matching.runs()
    matching.tells(replace(another("TX", "1"), other_ids=("2",)))
    matching.runs()
    assert "different-child" in kinds(matching)
    assert not matching.together("TX 1", "TX 2")


def test_a_correction_that_speaks_against_a_link_is_put_before_people_and_parts_nothing(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    (link,) = matching.links()
    matching.tells(replace(wilber("TX", "1"), first_name="Beatriz", middle_name="", birth_date=date(2009, 1, 30)))
    matching.runs()
    assert matching.together("TX 1", "MI 2")
    (opened,) = [event for event in matching.events() if event.topic == "case-opened.v1"]
    assert isinstance(opened.proposal, Doubtful)  # type: ignore[attr-defined]
    assert opened.proposal.act == link.act  # type: ignore[attr-defined]


def test_a_correction_that_says_the_same_in_other_words_asks_nobody(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.tells(replace(wilber("TX", "1"), middle_name=""))
    matching.runs()
    assert kinds(matching) == []


def test_of_a_record_that_several_are_linked_with_it_is_asked_whether_it_belongs_there(matching: MatchingRuns) -> None:
    """To take back the one link or the other would part those who belong together."""
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(wilber("MI", "2"))
    matching.runs()
    matching.tells(wilber("WA", "3"))
    matching.runs()
    linked = [name for link in matching.links() for name in (link.record.record, link.member.record)]
    hub = next(record for record in linked if linked.count(record) > 1)
    state, _, ssid = matching.names()[hub].partition(" ")
    matching.tells(replace(wilber(state, ssid), first_name="Beatriz", middle_name="", birth_date=date(2009, 1, 30)))
    matching.runs()
    (opened,) = [event for event in matching.events() if event.topic == "case-opened.v1"]
    assert (opened.kind, type(opened.proposal)) == ("different-child", Changed)  # type: ignore[attr-defined]


def test_a_record_that_was_retracted_and_comes_again_as_another_child_is_noticed(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.retracts(wilber("TX", "1"))
    matching.runs()
    matching.tells(another("TX", "1"))
    matching.runs()
    assert kinds(matching) == ["different-child"]


@pytest.mark.parametrize("answered", [True, False])
def test_another_policy_asks_nobody_again_about_old_corrections(matching: MatchingRuns, answered: bool) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(another("TX", "1"))
    matching.runs()
    (case,) = matching.open_cases()
    if answered:
        matching.answers(case, yes=True)
    matching.tells(replace(another("TX", "1"), birth_city="Tlaxiaco"))
    matching.runs()
    thresholds = Thresholds(link=8_000, review=-4_000, margin=0)
    matching.ledger.policies.publish(
        shipped().version, Meta(actor="an operator", reason="Fewer."), thresholds=thresholds
    )
    matching.runs()
    assert kinds(matching) == ["different-child"]


def test_a_record_that_was_destroyed_is_forgotten_and_stops_nothing(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(wilber("MI", "2"))
    destroy(matching.ledger.database, matching.minted()["TX 1"])
    matching.runs()
    matching.tells(wilber("WA", "3"))
    matching.runs()
    assert matching.together("MI 2", "WA 3")
    assert matching.known() == ["MI 2", "WA 3"]


def test_a_number_that_a_state_sends_is_evidence_and_links_nobody_by_itself(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2", middle_name="", last_name_2=""))
    matching.runs()
    (before,) = matching.links()
    assert before.decision is not None
    number = matching.minted()["TX 1"]
    matching.tells(stranger("CA", "6"), replace(stranger("WA", "4"), sent_id=number))
    matching.runs()
    assert not matching.together("TX 1", "WA 4")
