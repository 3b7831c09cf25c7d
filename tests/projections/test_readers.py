"""The read model ``readers``: given what the access log holds, then so many children were shown on each day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events import Event
from ledger.events.disclosure import BulkDisclosed, Disclosed, SearchDisclosed
from ledger.ids import student_id
from ledger.store.database import Database
from projections import readers
from projections.projection import digest
from projections.readers import Reader, children_of, is_elsewhere, usual_of
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.logs import append, reading
from support.telling import record_uuid

DAY = date(2028, 2, 29)
GROUND: dict[str, Any] = {
    "role": "secondary_user",
    "organisation": "Valor Middle",
    "purpose": "enrolling",
    "basis": "34 CFR 99.31(a)(1)",
    "position": 7,
}


def opened(number: int, state: str | None = "OR", states: Sequence[str] = ("OR",), **more: Any) -> Disclosed:
    """The record of the nth child, opened by somebody of a state."""
    given = {"view": "student", "sections": ["core"], "student_id": student_id(number), **more}
    return Disclosed(**GROUND, **given, own_state=state, states=list(states))


def listed(*numbers: int, state: str | None = "OR") -> BulkDisclosed:
    return BulkDisclosed(
        **GROUND,
        view="students",
        records=[record_uuid(number) for number in numbers],
        filters=[],
        own_state=state,
        children=[student_id(number) for number in numbers],
    )


class Days:
    """A clock that a test sets to a day, and what is read then."""

    def __init__(self, database: Database, new_ledger: Callable[..., Ledger]) -> None:
        self.now = datetime(2028, 1, 1, 12, tzinfo=UTC)
        self.database = database
        self.ledger = new_ledger(database, lambda: self.now)

    def on(self, day: date, *events: Event, actor: str = "amy", hour: int = 12) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        for event in events:
            name = f"disclosure/{record_uuid(1)}" if isinstance(event, Disclosed) else "request/1"
            append(self.ledger.access, name, event, actor=actor)

    def told(self, day: date = DAY) -> list[Reader]:
        BatchRunner(readers.PROJECTION, self.database, self.ledger.access, batch_events_max=3).catch_up()
        with reading(self.database) as conn:
            return readers.of_day_now(conn, day)[1]


@pytest.fixture
def days(database: Database, new_ledger: Callable[..., Ledger]) -> Days:
    return Days(database, new_ledger)


def test_a_child_counts_once_a_day_however_often_and_in_however_many_lists_she_was_shown(days: Days) -> None:
    again = opened(1, not_modified=True)
    found = SearchDisclosed(
        **GROUND,
        view="search",
        records=[record_uuid(1), record_uuid(9), record_uuid(2)],
        fields=["name"],
        own_state="OR",
        children=[student_id(1), student_id(1), student_id(2)],
    )
    days.on(DAY, opened(1), again, listed(1, 2), found, opened(3))
    days.on(DAY + timedelta(days=1), opened(1))
    [amy] = days.told()
    assert (amy.actor, amy.own_state, amy.role, amy.organisation, amy.children) == (
        "amy",
        "OR",
        "secondary_user",
        "Valor Middle",
        3,
    )
    assert [reader.children for reader in days.told(DAY + timedelta(days=1))] == [1]


def test_days_are_those_of_utc_and_of_the_entry(days: Days) -> None:
    days.on(DAY, opened(1), hour=23)
    days.on(DAY + timedelta(days=1), opened(2), hour=0)
    assert [[one.children for one in days.told(DAY + timedelta(days=ahead))] for ahead in (-1, 0, 1)] == [[], [1], [1]]


def test_whoever_asked_by_an_id_of_before_was_shown_the_same_child() -> None:
    assert children_of(opened(1, child=student_id(2))) == children_of(opened(2)) == {student_id(2)}


def test_an_entry_of_a_release_before_counts_its_records() -> None:
    old = BulkDisclosed(**GROUND, view="students", records=["r1", "r2"], filters=[])
    assert children_of(old) == {"r1", "r2"}
    assert children_of(Disclosed(**GROUND, view="student", sections=[], student_id="1")) == {"1"}


@pytest.mark.parametrize(
    ("event", "elsewhere"),
    [
        (opened(1), False),
        (opened(1, states=["CA", "OR"]), False),
        (opened(1, states=["CA", "TX"]), True),
        (opened(1, state=None, states=["CA"]), False),
        (opened(1, states=[]), False),
        (listed(1), False),
    ],
)
def test_elsewhere_is_a_child_whose_record_was_opened_and_of_whom_the_reader_s_state_keeps_none(
    event: Disclosed | BulkDisclosed, elsewhere: bool
) -> None:
    assert is_elsewhere(event) is elsewhere


def test_a_child_elsewhere_counts_once_though_a_search_had_shown_her_before(days: Days) -> None:
    far = opened(1, states=["CA"])
    days.on(DAY, listed(1, 2), far, far, opened(2))
    [amy] = days.told()
    assert (amy.children, amy.elsewhere, amy.why) == (2, 1, ["elsewhere"])


@pytest.mark.parametrize(
    ("days_before", "median", "usual"),
    [(0, None, 20), (4, 2.0, 20), (4, 60.0, 60), (5, 2.0, 2), (30, 0.5, 0.5), (30, 400.0, 400)],
)
def test_a_new_reader_is_given_twenty_children_a_day(days_before: int, median: float | None, usual: float) -> None:
    assert usual_of(days_before, median) == usual


@pytest.mark.parametrize(
    ("children", "usual", "is_unusual"),
    [(19, 1.0, False), (20, 1.0, True), (20, 2.0, True), (29, 3.0, False), (30, 3.0, True), (199, 20.0, False)],
)
def test_a_day_is_unusual_from_ten_times_the_usual_on_and_never_below_twenty_children(
    children: int, usual: float, is_unusual: bool
) -> None:
    reader = Reader(DAY, "amy", "OR", "secondary_user", "OR", children, 0, 30, usual)
    assert reader.why == (["volume"] if is_unusual else [])


def test_the_usual_is_the_median_of_the_last_thirty_days_on_which_she_read(days: Days) -> None:
    """Those before are forgotten, days without a read are none, and the day itself does not count."""
    for ahead in range(5):
        days.on(date(2027, 1, 1) + timedelta(days=ahead), listed(*range(90)))
    for ahead in range(30):
        days.on(date(2027, 6, 1) + timedelta(days=7 * ahead), listed(*range(1 if ahead % 3 == 0 else 3)))
    days.on(DAY, listed(*range(30)), opened(1))
    days.on(DAY, listed(*range(29)), actor="bea")
    amy, bea = days.told()
    assert (amy.actor, amy.children, amy.days, amy.usual, amy.why) == ("amy", 30, 30, 3.0, ["volume"])
    assert (bea.actor, bea.children, bea.days, bea.usual, bea.why) == ("bea", 29, 0, 20.0, [])


def test_who_reads_for_two_states_is_two_readers_and_a_search_that_found_nobody_is_no_day(days: Days) -> None:
    nobody = SearchDisclosed(**GROUND, view="search", records=[], fields=["name"], own_state="OR")
    days.on(DAY, opened(1), opened(2, state="CA", states=["CA"]), opened(3, state=None))
    days.on(DAY, nobody, actor="dan")
    assert [(one.actor, one.own_state) for one in days.told()] == [("amy", "CA"), ("amy", "OR"), ("amy", None)]


def test_readers_rebuilt_in_other_batches_equal_the_live_ones(days: Days) -> None:
    for ahead in range(4):
        for actor in ("amy", "bea"):
            days.on(DAY + timedelta(days=ahead), opened(ahead), opened(1, states=["TX"]), listed(1, 2, 3), actor=actor)
    assert days.told()
    with reading(days.database) as conn:
        live = digest(conn, readers.PROJECTION)
        for size in (1, 7, 100):
            Rebuild(readers.PROJECTION, days.database, days.ledger.access, batch_events_max=size).run()
            assert digest(conn, readers.PROJECTION) == live
