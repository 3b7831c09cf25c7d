"""The ground of P1m: what is put into the ledger is what the population says, and what comes of it is counted right."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from api.cli.bench.crowd import Child, Crowd, children, come, events, settle
from api.cli.bench.crowd_found import figures
from api.cli.bench.p1m import OneByOne
from ledger.application import Ledger
from ledger.events import Meta
from ledger.identity import traits_of
from ledger.linkage_acts import Acted, Link, decide
from ledger.links import Beside, Seeds
from ledger.matcher import BY_POLICY
from ledger.matching.populations import Population
from ledger.matching.populations.registers import registers
from ledger.matching.populations.seasons import seasons
from ledger.matching.traits import Traits
from ledger.reach import Reach
from ledger.reactors.matching import MatcherRunner
from ledger.record import fold
from ledger.store import doctor_linkage, match_index
from ledger.store.database import Role

STUDENTS, LATER, SEED = 60, 20, 5


@pytest.fixture
def drawn() -> list[Child]:
    return list(children(STUDENTS, LATER, SEED))


@pytest.fixture
def crowd(ledger: Ledger, drawn: list[Child]) -> Crowd:
    return settle(ledger, drawn)


def _later(drawn: list[Child]) -> list[Traits]:
    return [child.later for child in drawn if child.later is not None]


def _found(ledger: Ledger, crowd: Crowd, came: dict[str, int]) -> tuple[float, float]:
    with ledger.database.connect(Role.WRITER) as conn:
        found = figures(conn, crowd.records, came)
    return found["auto_recall"], found["wrong"]


def _link(ledger: Ledger, record: str, member: str) -> None:
    def decided(reach: Reach) -> tuple[Acted, Beside]:
        return decide(Link(record=record, member=member, why=BY_POLICY), reach), Beside()

    ledger.links.act(Seeds(records=[record, member]), decided, Meta(actor="test"))


# -- who is there, and who comes


def test_as_many_students_are_there_as_are_asked_for_and_half_of_what_comes_is_theirs(drawn: list[Child]) -> None:
    assert sum(bool(child.there) for child in drawn) == STUDENTS
    assert len(_later(drawn)) == LATER
    assert sum(bool(child.there) for child in drawn if child.later is not None) == LATER // 2


def test_no_record_is_both_there_and_to_come(drawn: list[Child]) -> None:
    names = [(one.state, one.state_student_id) for child in drawn for one in child.there]
    names += [(one.state, one.state_student_id) for one in _later(drawn)]
    assert len(set(names)) == len(names)


def test_those_who_are_not_there_have_their_places_among_those_who_are(drawn: list[Child]) -> None:
    away = [place for place, child in enumerate(drawn) if not child.there]
    assert {after - before for before, after in pairwise(away)} == {7}


def test_fewer_come_of_those_who_are_there_where_too_few_have_a_second_record() -> None:
    drawn = list(children(STUDENTS, 10 * STUDENTS, SEED))
    several = sum(len(child.there) + (child.later is not None) > 1 for child in drawn if child.there)
    assert sum(child.later is not None for child in drawn if child.there) == several
    assert sum(not child.there for child in drawn) == 5 * STUDENTS


@pytest.mark.parametrize("population", [seasons, registers])
def test_a_record_says_just_what_the_population_says(population: Population) -> None:
    for sheet in population(100, SEED):
        told = msgspec.structs.replace(sheet.traits, sent_id="000000000017", student_id="000000000028")
        state = fold(events(told, told.student_id))
        assert state is not None
        assert traits_of(state) == told


# -- in the ledger


def test_each_child_is_one_student_whom_the_matcher_knows_and_does_not_decide_anew(
    ledger: Ledger, drawn: list[Child], crowd: Crowd
) -> None:
    records = sum(len(child.there) for child in drawn)
    with ledger.database.connect(Role.WRITER) as conn:
        assert match_index.size(conn) == records > STUDENTS
        assert match_index.waiting(conn, 1) == []
        shown = conn.execute("select count(distinct student_id), count(*) from ledger.records").fetchone()
        assert tuple(shown or ()) == (STUDENTS, records)
        assert list(doctor_linkage.faults(conn, ledger.log)) == []
    assert (crowd.students, crowd.linked) == (STUDENTS, records - STUDENTS)


def test_what_comes_is_near_to_its_own_child_and_mostly_linked(ledger: Ledger, crowd: Crowd) -> None:
    came = come(ledger, crowd.later)
    done = MatcherRunner(ledger.matcher, ledger.database, ledger.log).run(ledger.log.head())
    with ledger.database.connect(Role.WRITER) as conn:
        found = figures(conn, crowd.records, came)
    assert done.records == LATER
    assert done.linked > 0
    assert found["blocking_recall"] >= found["auto_recall"] > 0.5


def test_others_are_counted_by_child_and_not_by_record(ledger: Ledger, drawn: list[Child]) -> None:
    full = next(child for child in drawn if len(child.there) > 2)
    stranger = Child(number=STUDENTS * 2, there=[], later=msgspec.structs.replace(full.there[0], state_student_id="X"))
    crowd = settle(ledger, [full, stranger])
    came = come(ledger, crowd.later)
    MatcherRunner(OneByOne(ledger), ledger.database, ledger.log).run(ledger.log.head())
    with ledger.database.connect(Role.WRITER) as conn:
        assert (
            figures(conn, crowd.records, {r: c for r, c in came.items() if c == stranger.number})["other_children"] == 1
        )


def test_one_by_one_every_record_that_waits_is_timed_with_and_without_what_is_written(
    ledger: Ledger, crowd: Crowd
) -> None:
    come(ledger, crowd.later)
    matcher = OneByOne(ledger)
    done = MatcherRunner(matcher, ledger.database, ledger.log).run(ledger.log.head())
    assert done.records == len(matcher.decision_s) == len(matcher.durable_s) == LATER
    assert done.linked > 0
    pairs = list(zip(matcher.decision_s, matcher.durable_s, strict=True))
    assert all(0 < decision <= durable for decision, durable in pairs)
    # Where nothing is linked or asked, nothing is taken off.
    assert 0 < sum(decision < durable for decision, durable in pairs) < LATER


def test_a_link_with_ones_own_child_is_recall_and_with_another_is_wrong(ledger: Ledger, drawn: list[Child]) -> None:
    (own, other) = [child for child in drawn if child.later is not None and child.there][:2]
    assert own.later is not None
    crowd = settle(ledger, [own._replace(there=own.there[:1]), other._replace(there=other.there[:1], later=None)])
    (mine,) = crowd.records
    came = come(ledger, crowd.later)
    (new,) = came
    with ledger.database.connect(Role.WRITER) as conn:
        rows = conn.execute("select record_id::text from ledger.records").fetchall()
    (theirs,) = {str(row[0]) for row in rows} - {mine, new}
    assert _found(ledger, crowd, came) == (0, 0)
    _link(ledger, new, mine)
    assert _found(ledger, crowd, came) == (1, 0)
    _link(ledger, theirs, mine)
    assert _found(ledger, crowd, came) == (1, 1)
