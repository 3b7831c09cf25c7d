"""What the matcher keeps in mind from one portion to the next decides nothing, whatever is said meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.rows import tuple_row

from ledger import match_portion
from ledger.application import Ledger
from ledger.match_scout import Scout
from ledger.match_writing import MatchWriter
from ledger.matcher import Matched, Matcher
from ledger.matching.group import Group
from ledger.matching.traits import Attendance, Traits
from ledger.policies import Published
from ledger.reactors.matching import MatcherRunner
from support.matching_children import doubtful, settled, stranger, wilber
from support.matching_runs import MatchingRuns

FAMILIES = (
    ("Abel", "Quintero", date(2010, 1, 3)),
    ("Nicandro", "Tzompantzi", date(2011, 2, 5)),
    ("Gumaro", "Ahuatzi", date(2012, 4, 9)),
    ("Rosalindo", "Cuecuecha", date(2013, 6, 13)),
    ("Leobardo", "Papalotzi", date(2014, 8, 17)),
    ("Fermín", "Xicale", date(2015, 10, 21)),
)


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


class Interrupted(Matcher):
    """The matcher of a ledger, one record at a time. meanwhile: happens once all that is sure is linked, and before
    anybody is asked."""

    def __init__(self, matching: MatchingRuns, meanwhile: Callable[[], object]) -> None:
        ledger = matching.ledger
        writer = MatchWriter(ledger.links, ledger.proposals)
        super().__init__(ledger.log, ledger.links, ledger.proposals, ledger.policies, writer)
        self.matching = matching
        self.meanwhile: Callable[[], object] | None = meanwhile

    def decide(
        self,
        conn: psycopg.Connection[Any],
        published: Published,
        read: int,
        limit: int = 1,
        scout: Scout | None = None,
    ) -> Matched | None:
        done = super().decide(conn, published, read, limit, scout)
        if self.meanwhile is not None and done is not None and self.is_linked(conn):
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return done

    def is_linked(self, conn: psycopg.Connection[Any]) -> bool:
        rows = conn.cursor(row_factory=tuple_row).execute("select linked from matching.undecided").fetchall()
        return bool(rows) and all(linked for (linked,) in rows)

    def runs(self) -> None:
        ledger = self.matching.ledger
        MatcherRunner(self, ledger.database, ledger.log).run(ledger.log.head())
        assert self.meanwhile is None, "it was never reached"


def nothing() -> None:
    """The ledger stands still."""


def test_what_is_near_is_asked_where_nothing_happens_meanwhile(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    Interrupted(matching, nothing).runs()
    assert matching.questions() == [frozenset({frozenset({"TX 1"}), frozenset({"MI 2"})})]


def test_a_record_that_is_corrected_before_it_is_asked_about_is_decided_as_it_is_then(matching: MatchingRuns) -> None:
    # Of the three that tell a child the surname stays: where all change at once, people are asked of that.
    other = msgspec.structs.replace(stranger("MI", "2"), last_name_1="Quintero", last_name_2="Medrano")
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    Interrupted(matching, lambda: matching.tells(other)).runs()
    assert matching.questions() == []
    assert not matching.together("TX 1", "MI 2")


def test_a_record_against_which_nothing_speaks_any_more_is_linked_and_not_asked_about(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    before = Attendance(begins=date(2023, 8, 20), ends=date(2024, 5, 20), state="MI", full=True)
    Interrupted(matching, lambda: matching.tells(wilber("MI", "2", attendances=(before,)))).runs()
    assert matching.together("TX 1", "MI 2")
    assert matching.questions() == []


def test_a_record_that_comes_meanwhile_is_seen_by_the_question(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    Interrupted(matching, lambda: matching.tells(wilber("CA", "3"))).runs()
    (question,) = matching.questions()
    assert {name for side in question for name in side} == {"TX 1", "MI 2", "CA 3"}


def test_two_records_that_are_declared_apart_meanwhile_are_not_asked_about(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    Interrupted(matching, lambda: matching.declares("TX 1", "MI 2")).runs()
    assert matching.questions() == []


def test_a_record_that_is_retracted_meanwhile_is_not_asked_about(matching: MatchingRuns) -> None:
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    Interrupted(matching, lambda: matching.retracts(doubtful("MI", "2"))).runs()
    assert matching.questions() == []


@pytest.mark.parametrize("kept", [0, 1, 5, 1_000])
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_however_much_is_kept_in_mind_the_same_is_linked_and_asked(
    matching: MatchingRuns, monkeypatch: pytest.MonkeyPatch, kept: int, at_once: int
) -> None:
    monkeypatch.setattr(match_portion, "KEPT_MAX", kept)
    children: list[Traits] = []
    for number, (given, surname, born) in enumerate(FAMILIES):
        told = {
            "first_name": given,
            "last_name_1": surname,
            "birth_date": born,
            "male_parent_first_name": f"{given}berto",
            "male_parent_last_name": surname,
            "female_parent_first_name": f"{given}ina",
            "birth_city": surname,
        }
        one, two = (settled, doubtful) if number % 2 else (wilber, wilber)
        children += [
            msgspec.structs.replace(one("TX", f"{number}"), **told),
            msgspec.structs.replace(two("MI", f"{number}"), **told),
        ]
    matching.tells(*children)
    matching.runs(decided_at_once=at_once)
    pairs = [frozenset({f"TX {number}", f"MI {number}"}) for number in range(len(FAMILIES))]
    assert {pair for pair in matching.students() if len(pair) > 1} == set(pairs[::2])
    assert set(matching.questions()) == {frozenset(frozenset({name}) for name in pair) for pair in pairs[1::2]}


def test_a_pair_is_weighed_once_however_its_portion_grows(
    matching: MatchingRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[tuple[str, str]] = []
    weigh = Group._weighed

    def counted(group: Group, pair: tuple[str, str]) -> int:
        weighed.append(pair)
        return weigh(group, pair)

    monkeypatch.setattr(Group, "_weighed", counted)
    matching.tells(settled("TX", "1"), doubtful("MI", "2"), wilber("CA", "3"), stranger("OR", "4"), wilber("WA", "5"))
    matching.runs(decided_at_once=2)
    assert len(weighed) >= 3
    assert len(weighed) == len(set(weighed))
