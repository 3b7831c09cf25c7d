"""What the matcher reads is a function of the log: however much of it is read at once, and each record's once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, cast

import pytest
from msgspec.structs import replace

from ledger.application import Ledger
from ledger.events import Meta, Recorded
from ledger.match_reading import told
from ledger.matcher import Matcher
from ledger.matching.shipped import shipped
from ledger.matching.traits import Traits
from ledger.reactors.matching import MatcherRunner
from ledger.record import PlaceStudent
from ledger.store import match_doubts
from ledger.store.database import Role
from ledger.store.log import Log
from ledger.store.match_doubts import Doubt
from support.any_children import child
from support.linking import META
from support.matching_children import OTHER_PARENTS, OTHER_TOWN, sibling, twin, wilber
from support.matching_runs import MatchingRuns, rows_of
from support.rows import row

ANOTHER = child("Beatriz Amparo/Zamudio/Arce", "2011-06-30", sex="Female", **OTHER_PARENTS, **OTHER_TOWN)
OTHER_NAMES = replace(wilber(), first_name="Beatriz", middle_name="Amparo", last_name_1="Zamudio", last_name_2="Arce")
NAMES_AND_DAY = replace(OTHER_NAMES, birth_date=date(2011, 6, 30))


@pytest.fixture
def matching(ledger: Ledger) -> MatchingRuns:
    return MatchingRuns(ledger)


def doubts_of(matching: MatchingRuns, after: int, at_once: int) -> dict[str, Doubt]:
    """What the matcher doubts that reads so many events at once."""
    ledger = matching.ledger
    policy = ledger.matcher.policy().policy
    with ledger.database.connect(Role.WRITER) as conn:
        while batch := ledger.log.read(after, at_once):
            with conn.transaction():
                ledger.matcher.remember(conn, policy, batch)
            after = batch[-1].position
        found = match_doubts.ask(conn, matching.names())()
        match_doubts.looked_at(conn, found)
    return found


@pytest.mark.parametrize(
    ("corrections", "other"),
    [
        ([], None),
        ([ANOTHER], True),
        ([ANOTHER, wilber()], True),
        ([ANOTHER, wilber(middle_name="")], True),
        ([wilber(**OTHER_TOWN), ANOTHER], True),
        ([OTHER_NAMES, NAMES_AND_DAY], False),
        ([wilber(**OTHER_TOWN), wilber(**OTHER_PARENTS)], False),
    ],
    ids=["none", "another", "and back", "and nearly back", "last", "in two rows", "no names"],
)
def test_what_is_doubted_hangs_on_what_was_said_and_not_on_how_much_is_read_at_once(
    matching: MatchingRuns, corrections: Sequence[Traits], other: bool | None
) -> None:
    matching.tells(wilber())
    matching.runs()
    after = matching.head()
    matching.tells(*corrections)
    each, whole = (doubts_of(matching, after, at_once) for at_once in (1, 2_000))
    assert each == whole
    assert [doubt.other for doubt in whole.values()] == ([] if other is None else [other])
    assert all(doubt.was.given == ("wilber", "esteban") for doubt in whole.values()), "what it said before the first"


def test_whom_a_record_names_half_way_through_a_row_it_never_named(matching: MatchingRuns) -> None:
    """A row of a file may bring several demographics; the last one is what the state says."""
    first, second = rows_of(wilber()), rows_of(wilber(**OTHER_TOWN))
    other = rows_of(ANOTHER).rows[0].elements

    def sends(*demographics: dict[str, str]) -> None:
        told_rows = [row("D", f"{at:03}", None, **said) for at, said in enumerate(demographics, start=1)]
        student = replace(first, rows=[*told_rows, *first.rows[1:]])
        matching.ledger.execute(
            PlaceStudent(state="TX", state_student_id="1", student=student, new_student_id=""), Meta(actor="nightly")
        )

    sends(first.rows[0].elements, first.rows[0].elements)
    matching.runs()
    after = matching.head()
    sends(other, second.rows[0].elements)
    assert matching.head() == after + 2, "one event for each"
    each, whole = (doubts_of(matching, after, at_once) for at_once in (1, 2_000))
    assert each == whole
    assert [doubt.other for doubt in whole.values()] == [False]


def test_a_state_that_takes_back_another_child_before_anybody_looks_is_asked_nothing(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), wilber("MI", "2"))
    matching.runs()
    matching.tells(ANOTHER, wilber("TX", "1", middle_name=""), wilber("CA", "3"))
    matching.runs()
    assert matching.open_cases() == []
    assert matching.together("TX 1", "MI 2", "CA 3")


def test_a_correction_that_was_not_read_yet_when_another_policy_came_is_not_lost(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"))
    matching.runs()
    matching.tells(ANOTHER)
    matching.ledger.policies.publish(shipped().version, META)
    matching.runs()
    assert len(matching.open_cases()) == 1


def test_for_another_policy_each_record_is_read_once_however_often_it_has_spoken(matching: MatchingRuns) -> None:
    for town in ("Tlaxiaco", "Morelia", "Puebla", "Celaya"):
        matching.tells(wilber("TX", "1", birth_city=town), twin("MI", "2", birth_city=town))
        matching.tells(sibling("CA", "3", birth_city=town))
    matching.runs()
    students = matching.students()
    matching.ledger.policies.publish(shipped().version, META)
    ledger = matching.ledger
    counting = _Counting(ledger.log)
    matcher = Matcher(cast("Log", counting), ledger.links, ledger.proposals, ledger.policies)
    done = MatcherRunner(matcher, ledger.database, ledger.log, batch_events=1).run(ledger.log.head())
    assert done.records == 3
    assert [counting.read[f"record/{record}"] for record in matching.names()] == [1, 1, 1]
    assert matching.students() == students


def test_what_was_read_anew_is_what_the_log_says(matching: MatchingRuns) -> None:
    matching.tells(wilber("TX", "1"), twin("MI", "2"), sibling("CA", "3"))
    matching.retracts(sibling("CA", "3"))
    matching.runs()
    matching.ledger.policies.publish(shipped().version, META)
    policy, head = matching.ledger.matcher.policy().policy, matching.head()
    matching.tells(wilber("TX", "1", middle_name=""))
    said = told(matching.ledger.log, dict.fromkeys(matching.names(), 0), head, policy)
    given = {matching.names()[record]: one.person and one.person.given for record, one in said.items()}
    assert given == {"TX 1": ("wilber", "esteban"), "MI 2": ("yaretzi", "noemi"), "CA 3": None}
    matching.runs()
    assert matching.known() == ["MI 2", "TX 1"]


class _Counting:
    """A log that counts how often each stream is read."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.read: Counter[str] = Counter()

    def read_streams(self, streams: Sequence[str], after: int = 0) -> list[Recorded]:
        self.read.update(streams)
        return self._log.read_streams(streams, after)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
