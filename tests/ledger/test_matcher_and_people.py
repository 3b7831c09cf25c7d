"""The matcher beside people: what they declare, take back, settle or do at the same instant holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from ledger.application import Ledger
from ledger.errors import RetiredId, SameStudent
from ledger.events.linkage import RecordLinked, StudentsMerged
from ledger.links import Linked, Links
from ledger.matcher import Matcher
from ledger.matching.shipped import shipped
from ledger.matching.traits import Traits
from ledger.reactors.matching import MatcherRunner
from ledger.store.database import Database
from support.any_children import child
from support.linking import META, merge
from support.matching_children import TOWN, at_school, doubtful, settled, stranger, twin, wilber
from support.matching_runs import MatchingRuns

SAME = (wilber("TX", "1"), wilber("MI", "2"))


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


# -- what is declared


def test_a_pair_that_a_person_declared_is_neither_linked_nor_asked(matching: MatchingRuns) -> None:
    matching.tells(*SAME)
    matching.declares("TX 1", "MI 2")
    head = matching.head()
    matching.runs()
    assert not matching.together("TX 1", "MI 2")
    assert (matching.links(), matching.cases()) == ([], [])
    assert len(matching.events(head)) == 2, "the policy, and nothing of the two"


def test_a_third_record_brings_no_declared_pair_together(matching: MatchingRuns) -> None:
    matching.tells(*SAME)
    matching.declares("TX 1", "MI 2")
    matching.tells(wilber("CA", "3"))
    matching.runs()
    assert not matching.together("TX 1", "MI 2")
    assert len(matching.links()) == 1


def test_what_was_declared_and_taken_back_may_be_linked(matching: MatchingRuns) -> None:
    matching.tells(*SAME)
    declaration = matching.declares("TX 1", "MI 2")
    matching.runs()
    matching.withdraws(declaration)
    matching.runs()
    assert matching.together("TX 1", "MI 2")


# -- what is taken back


def test_a_link_that_a_person_takes_back_stays_taken_back(matching: MatchingRuns) -> None:
    """Through the next night's file, through a record that says more, and through another publication."""
    matching.tells(*SAME)
    matching.runs()
    (link,) = matching.links()
    matching.reverses(link.act)
    matching.runs()
    matching.tells(*SAME)
    matching.runs()
    matching.tells(wilber("MI", "2", suffix="Jr", attendances=at_school("MI")))
    matching.runs()
    matching.ledger.policies.publish(shipped().version, META)
    assert matching.runs().records == 2
    assert not matching.together("TX 1", "MI 2")
    assert matching.links() == [link]
    assert matching.cases() == []


def test_a_reversal_that_is_taken_back_leaves_the_first_link_and_no_second(matching: MatchingRuns) -> None:
    matching.tells(*SAME)
    matching.runs()
    (link,) = matching.links()
    matching.reverses(matching.reverses(link.act))
    matching.runs()
    assert matching.together("TX 1", "MI 2")
    assert matching.links() == [link]


def test_an_answer_that_is_taken_back_may_be_asked_again(matching: MatchingRuns) -> None:
    """No declares the two not the same; without that declaration the question is open."""
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    matching.runs()
    ((case, _),) = matching.cases()
    matching.answers(case, yes=False)
    matching.runs()
    assert len(matching.cases()) == 1
    matching.withdraws(matching.declarations()[-1])
    matching.runs()
    assert len(matching.cases()) == 2
    assert not matching.together("TX 1", "MI 2")


# -- what a case holds


def test_a_record_under_a_case_is_linked_to_nobody_until_the_case_closes(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    matching.runs()
    ((case, _),) = matching.cases()
    matching.tells(wilber("CA", "3"), wilber("TX", "4", other_ids=("1",)))
    matching.runs()
    assert not matching.together("TX 1", "CA 3")
    assert not matching.together("TX 1", "TX 4"), "not on the state's word either"
    assert sorted(matching.held()) == ["MI 2", "TX 1"]
    matching.answers(case, yes=False)
    matching.runs()
    assert matching.together("TX 1", "TX 4")
    assert not matching.together("TX 1", "MI 2")
    assert any({"CA 3"} < records for records in matching.students()), "it is whichever of the two it is"


def test_what_a_case_held_back_is_asked_after_it(matching: MatchingRuns) -> None:
    """A record that comes near to two students is in one case at a time."""
    matching.tells(settled("TX", "1"), doubtful("MI", "2"), doubtful("WA", "3"), twin("CA", "7"))
    matching.runs()
    asked: list[str] = []
    while new := [case for case, _ in matching.cases() if case not in asked]:
        asked += new
        matching.answers(new[0], yes=False)
        matching.runs()
        assert len(asked) <= 3, "each pair once"
    assert matching.students() == {frozenset({name}) for name in ("TX 1", "MI 2", "WA 3", "CA 7")}
    assert len(asked) == len(set(matching.questions())) == 3


# -- at the same instant


def test_what_a_person_joins_as_the_matcher_writes_is_joined_once(matching: MatchingRuns) -> None:
    matching.tells(*SAME)
    minted = matching.minted()
    _beside(matching, lambda: merge(matching.ledger, minted["TX 1"], minted["MI 2"]))
    assert matching.together("TX 1", "MI 2")
    assert matching.links() == []
    assert matching.waiting() == []


def test_what_a_person_declares_as_the_matcher_writes_is_not_linked(matching: MatchingRuns) -> None:
    matching.tells(*SAME)
    _beside(matching, lambda: matching.declares("TX 1", "MI 2"))
    assert not matching.together("TX 1", "MI 2")
    assert (matching.links(), matching.cases()) == ([], [])


def test_where_a_person_joins_one_of_the_two_with_another_as_the_matcher_writes_it_decides_anew(
    matching: MatchingRuns,
) -> None:
    """The link would say of its sides what they are no more."""
    matching.tells(*SAME, stranger("CA", "3"))
    minted, names = matching.minted(), matching.names()
    _beside(matching, lambda: merge(matching.ledger, minted["TX 1"], minted["CA 3"]))
    assert matching.together("TX 1", "CA 3")
    for decision in [link.decision for link in matching.links()]:
        assert decision is not None
        sides = {frozenset(names[one] for one in side) for side in (decision.left, decision.right)}
        assert sides == {frozenset({"TX 1", "CA 3"}), frozenset({"MI 2"})}
    assert matching.waiting() == []


def test_people_and_the_matcher_join_many_pairs_at_once(database: Database, new_ledger: Callable[..., Ledger]) -> None:
    """Whoever is first: each pair is joined by one act, and nobody fails."""
    pairs = 8
    matching = MatchingRuns(new_ledger(database))
    for number in range(pairs):
        matching.tells(_one_of_many("TX", number), _one_of_many("MI", number))
    minted, theirs = matching.minted(), new_ledger(database)
    start = threading.Barrier(2)

    def person() -> None:
        start.wait(30)
        for number in reversed(range(pairs)):
            try:
                merge(theirs, minted[f"TX {number}"], minted[f"MI {number}"])
            except (RetiredId, SameStudent):
                continue  # the matcher was faster

    def matcher() -> None:
        start.wait(30)
        matching.runs()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(person), threads.submit(matcher)]:
            done.result(120)
    matching.runs()
    assert matching.students() == {frozenset({f"TX {number}", f"MI {number}"}) for number in range(pairs)}
    acts = {event.act for event in matching.events() if isinstance(event, RecordLinked | StudentsMerged)}
    assert len(acts) == pairs
    assert matching.cases() == []


def _one_of_many(state: str, number: int) -> Traits:
    """Children who have nothing in common."""
    given = ["Abundio", "Brígida", "Crescencio", "Dorotea", "Efraín", "Filomena", "Gumaro", "Hortensia"][number]
    surnames = ["Ixtlahuaca", "Jaramillo", "Kuyoc", "Labastida", "Mondragón", "Nochebuena", "Ocaranza", "Pastrana"]
    names = f"{given} Noé/{surnames[number]}/{surnames[number - 3]}"
    return child(names, f"20{10 + number}-0{number + 1}-1{number}", state=state, state_student_id=str(number), **TOWN)


def _beside(matching: MatchingRuns, person: Callable[[], object]) -> None:
    """The matcher comes to the end of the log; right before it first writes, a person does something."""
    ledger = matching.ledger
    links = cast("Links", _FirstAPerson(ledger.links, person))
    matcher = Matcher(ledger.log, links, ledger.proposals, ledger.policies)
    MatcherRunner(matcher, ledger.database, ledger.log).run(ledger.log.head())


class _FirstAPerson:
    """Linkage in which somebody does something before the first act of another is decided upon."""

    def __init__(self, links: Links, person: Callable[[], object]) -> None:
        self._links = links
        self._person: Callable[[], object] | None = person

    def act(self, *asked: Any, **more: Any) -> Linked:
        if self._person is not None:
            person, self._person = self._person, None
            person()
        return self._links.act(*asked, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._links, name)
