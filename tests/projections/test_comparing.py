"""A rebuild that is asked to compares what it made with what it replaced, and tells which rows differ, and no value."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.record import PlaceStudent
from ledger.store.database import Database
from projections import readers, search, students
from projections.comparing import FIRST_MAX, WITHHELD, Compared, in_lines
from projections.projection import Projection, digest
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.logs import reading
from support.projecting import counting, following, seen, tell, until, writing
from support.rows import course, demographics, enrollment, move, student

META = Meta(actor="registrar")


def rebuilt(database: Database, ledger: Ledger, projection: Projection, **more: Any) -> Compared:
    compared = Rebuild(projection, database, ledger.log, comparing=True, **more).run().compared
    assert compared is not None
    return compared


@pytest.fixture
def child(database: Database, ledger: Ledger) -> str:
    """A record, folded; its uuid."""
    sent = student(demographics(None), move(None), enrollment(None), course(None))
    ledger.execute(PlaceStudent(state="OR", state_student_id="1", student=sent, new_student_id=""), META)
    for model in (students.PROJECTION, search.PROJECTION):
        BatchRunner(model, database, ledger.log).catch_up()
    return ledger.log.read(0, 1)[0].stream.removeprefix("record/")


def test_the_same_is_told_as_the_same(database: Database, ledger: Ledger, child: str) -> None:
    compared = rebuilt(database, ledger, students.PROJECTION)
    assert compared.same
    assert (compared.tables, in_lines(compared)) == ([], [])
    with reading(database) as conn:
        assert digest(conn, students.PROJECTION) == compared.now


def test_a_row_that_differs_is_told_by_key_and_columns_and_by_no_value(
    database: Database, ledger: Ledger, child: str
) -> None:
    with database.connect() as admin:
        admin.execute("update students.records set status = 'retracted', body = '\\x00'")
    compared = rebuilt(database, ledger, students.PROJECTION)
    [table] = compared.tables
    assert (table.table, table.changed, table.gone, table.new) == ("records", 1, 0, 0)
    assert table.columns == {"body": 1, "status": 1}
    [row] = table.first
    assert (row.key, row.there, row.columns) == ({"record": child}, "both", ["status", "body"])
    text = "\n".join(in_lines(compared))
    assert child in text
    assert "retracted" not in text
    assert not rebuilt(database, ledger, students.PROJECTION).tables, "it was mended"


def test_rows_that_came_or_went_are_counted_and_the_first_are_named(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 60))
    BatchRunner(counting(), database, ledger.log).catch_up()
    with database.connect() as admin:
        admin.execute("delete from counting.seen where position <= 40")
        admin.execute("insert into counting.seen values (1000), (1001)")
    [table] = (compared := rebuilt(database, ledger, counting())).tables
    assert (table.changed, table.gone, table.new) == (0, 2, 40)
    assert [row.key for row in table.first] == [{"position": str(n)} for n in range(1, FIRST_MAX + 1)]
    assert {row.there for row in table.first} == {"now"}
    assert in_lines(compared)[-1] == f"  and {42 - FIRST_MAX} more"


# A state may number its children as students are numbered here, by uuids, or by two letters.
@pytest.mark.parametrize("word", ["sXochitl", "965716045977", "0192f8e0-0b5e-7cc3-98c4-dc0c0c07398f", "XO"])
def test_a_key_that_may_be_somebodys_word_is_not_told(
    database: Database, ledger: Ledger, child: str, word: str
) -> None:
    with database.connect() as admin:
        admin.execute("insert into search.words values (%s)", (word,))
    compared = rebuilt(database, ledger, search.PROJECTION)
    [table] = compared.tables
    assert [row.key for row in table.first] == [{"word": WITHHELD}]
    assert word not in "\n".join(in_lines(compared))


def test_tables_of_another_version_are_not_compared(database: Database, ledger: Ledger) -> None:
    tell(ledger, 1, 2, 3)
    BatchRunner(counting(), database, ledger.log).catch_up()
    done = Rebuild(counting(version=2), database, ledger.log, comparing=True).run()
    assert (done.swapped, done.compared) == (True, None)


def test_live_tables_whose_fold_stops_are_rebuilt_and_not_compared(database: Database, ledger: Ledger) -> None:
    """They may be what the rebuild is for."""
    tell(ledger, 1, 2, 3)
    BatchRunner(counting(), database, ledger.log).catch_up()
    tell(ledger, 4)
    with database.connect() as admin:
        admin.execute("insert into counting.seen values (4)")  # so that the live fold breaks the primary key
    done = Rebuild(counting(), database, ledger.log, comparing=True).run()
    assert (done.swapped, done.compared) == (True, None)
    with reading(database) as conn:
        assert seen(conn) == [1, 2, 3, 4]


def test_a_live_model_that_lags_is_brought_up_first(database: Database, ledger: Ledger) -> None:
    tell(ledger, 1, 2, 3)
    BatchRunner(counting(), database, ledger.log).catch_up()
    tell(ledger, 4, 5)
    compared = rebuilt(database, ledger, counting())
    assert compared.same
    assert compared.before.position == 5


def test_both_are_compared_at_one_position_while_writers_go_on(database: Database, ledger: Ledger) -> None:
    tell(ledger, *range(1, 30))
    with following(counting(), database, ledger.log), reading(database) as conn:
        with writing(ledger):
            for _ in range(4):
                compared = rebuilt(database, ledger, counting(), batch_events_max=7)
                assert compared.same, in_lines(compared)
        until(lambda: seen(conn) == list(range(1, ledger.log.head() + 1)))


def test_a_model_of_the_access_log_is_compared_too(database: Database, ledger: Ledger) -> None:
    compared = Rebuild(readers.PROJECTION, database, ledger.access, comparing=True).run().compared
    assert compared is not None
    assert (compared.same, compared.now.position) == (True, 0)
