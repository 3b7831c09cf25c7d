"""The matcher's tables hold what was said last, find who shares a key, and say the same whatever came first."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from ledger.matching.blocking import keys
from ledger.matching.person import VERSION, Person
from ledger.store.database import Database, Role
from ledger.store.match_index import (
    BLOCK_MAX,
    decided,
    forget,
    key_hash,
    linked,
    near,
    people_of,
    remember,
    size,
    wait_again,
    waiting,
    waiting_of,
)

ANA, BEN, CARLA, DANI = (str(uuid.UUID(int=(0x0190C5D2 << 96) + n)) for n in range(4))


def child(given: str, *surnames: str, born: date | None = None) -> Person:
    """A child who is found by this name, and by this birth date if there is one."""
    if born is None:
        return Person((given,), surnames)
    return Person((given,), surnames, birth=born.toordinal(), year=born.year, month=born.month, day=born.day)


JOSE = child("jose", "hernandez", "munoz", born=date(2012, 3, 7))
JOSE_UNDATED = child("jose", "hernandez", "munoz")
LUCIA = child("lucia", "garcia", "paz", born=date(2015, 11, 30))


@pytest.fixture
def conn(any_database: Database) -> Iterator[psycopg.Connection[Any]]:
    """As the matcher connects: the writer, in autocommit."""
    with any_database.connect(Role.WRITER) as connection:
        yield connection


def stored_keys(conn: psycopg.Connection[Any]) -> set[tuple[int, str]]:
    return {(key, str(record)) for key, record in conn.execute("select key, record_id from matching.keys")}


def rows(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows each table holds."""
    tables = ("people", "keys", "undecided")
    counted = [conn.execute(f"select count(*) from matching.{table}").fetchone() for table in tables]
    return {table: count[0] for table, count in zip(tables, counted, strict=True) if count}


# -- what is remembered


def test_what_was_remembered_is_found_under_its_keys_as_it_was_said(conn: psycopg.Connection[Any]) -> None:
    assert remember(conn, {ANA: (JOSE, 4), BEN: (LUCIA, 9)}) == [ANA, BEN]
    assert people_of(conn, [ANA, BEN, CARLA]) == {ANA: JOSE, BEN: LUCIA}
    assert stored_keys(conn) == {(key_hash(k), who) for who, one in ((ANA, JOSE), (BEN, LUCIA)) for k in keys(one)}
    assert waiting(conn, 10) == [(ANA, 4), (BEN, 9)]


def test_a_record_that_says_nothing_new_does_not_wait_again(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 4), BEN: (LUCIA, 5)})
    decided(conn, waiting(conn, 10))
    assert remember(conn, {ANA: (JOSE, 6), BEN: (JOSE, 6)}) == [BEN]
    assert waiting(conn, 10) == [(BEN, 6)]


def test_a_record_that_has_said_something_new_meanwhile_waits_on(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 4), BEN: (LUCIA, 5)})
    taken = waiting(conn, 10)
    remember(conn, {ANA: (JOSE_UNDATED, 8)})
    decided(conn, taken)
    assert waiting(conn, 10) == [(ANA, 8)]


def test_a_record_waits_again_when_that_is_asked_and_only_where_it_is_known(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 4), BEN: (LUCIA, 5)})
    decided(conn, waiting(conn, 10))
    wait_again(conn, {ANA: 7, CARLA: 7})
    assert waiting(conn, 10) == [(ANA, 7)]


def test_those_that_wait_come_by_what_their_states_call_them_and_no_more_than_asked_for(
    conn: psycopg.Connection[Any],
) -> None:
    """Whichever came first, and whichever uuid it was given."""
    named = [
        replace(JOSE, state=state, state_student_id=ssid) for state, ssid in (("TX", "1"), ("CA", "1"), ("MI", "2"))
    ]
    orders: list[list[Person]] = []
    for told in (named, named[::-1]):
        forget(conn, [ANA, BEN, CARLA])
        records = [ANA, BEN, CARLA]
        remember(conn, {record: (one, 9 - at) for at, (record, one) in enumerate(zip(records, told, strict=True))})
        people = people_of(conn, records)
        orders.append([people[record] for record, _ in waiting(conn, 2)])
    assert orders[0] == orders[1]
    assert len(orders[0]) == 2


def test_of_some_records_those_are_told_that_wait_and_are_not_linked(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 4), BEN: (LUCIA, 5), CARLA: (LUCIA, 6)})
    linked(conn, [(BEN, 5)])
    assert waiting_of(conn, [ANA, BEN, DANI], 5) == [(ANA, 4)]
    assert waiting_of(conn, [ANA, CARLA], 1) in ([(ANA, 4)], [(CARLA, 6)])


def test_what_older_code_prepared_is_said_anew(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 4), BEN: (LUCIA, 5)})
    decided(conn, waiting(conn, 10))
    conn.execute("update matching.people set code = %s where record_id = %s", (VERSION - 1, ANA))
    assert remember(conn, {ANA: (JOSE, 6), BEN: (LUCIA, 6)}) == [ANA]
    assert remember(conn, {ANA: (JOSE, 7)}) == []


def test_keys_that_are_gone_are_gone(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1), BEN: (JOSE, 2), CARLA: (LUCIA, 3)})
    remember(conn, {ANA: (LUCIA, 4), BEN: (JOSE_UNDATED, 5)})
    assert near(conn, [ANA, BEN, CARLA]) == {ANA: {CARLA}, CARLA: {ANA}}
    said = ((ANA, LUCIA), (BEN, JOSE_UNDATED), (CARLA, LUCIA))
    assert stored_keys(conn) == {(key_hash(key), who) for who, one in said for key in keys(one)}


def test_a_record_without_date_or_name_is_known_and_near_to_nobody(conn: psycopg.Connection[Any]) -> None:
    assert remember(conn, {ANA: (Person(), 1), BEN: (Person(), 2)}) == [ANA, BEN]
    assert size(conn) == 2
    assert near(conn, [ANA, BEN]) == {}


def test_a_batch_takes_as_many_statements_as_one_record(conn: psycopg.Connection[Any]) -> None:
    sent: list[Any] = []

    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **how: Any) -> Counting:
            sent.append(query)
            super().execute(query, *args, **how)
            return self

    conn.cursor_factory = Counting
    remember(conn, {ANA: (JOSE, 1)})
    alone = len(sent)
    remember(conn, {str(uuid.UUID(int=n)): (JOSE, n) for n in range(1, 200)})
    assert len(sent) == 2 * alone


# -- who is near


def test_two_records_of_one_batch_find_each_other(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1), BEN: (JOSE_UNDATED, 2), CARLA: (LUCIA, 3)})
    assert near(conn, [ANA, BEN, CARLA]) == {ANA: {BEN}, BEN: {ANA}}


def test_a_record_finds_those_that_are_not_asked_about(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1), BEN: (JOSE_UNDATED, 2), CARLA: (JOSE, 3)})
    assert near(conn, [BEN, DANI]) == {BEN: {ANA, CARLA}}


@pytest.mark.parametrize("order", ["as named", "backwards", "shuffled"])
def test_a_key_that_too_many_share_finds_nobody_in_whatever_order_they_came(
    conn: psycopg.Connection[Any], order: str
) -> None:
    names = [str(uuid.UUID(int=(1 << 100) + n)) for n in range(BLOCK_MAX + 1)]
    came = {"as named": names, "backwards": names[::-1], "shuffled": random.Random(7).sample(names, len(names))}[order]
    remember(conn, dict.fromkeys(came[:300], (JOSE, 1)))
    remember(conn, dict.fromkeys(came[300:BLOCK_MAX], (JOSE, 2)))
    everybody = set(came[:BLOCK_MAX])
    assert near(conn, came) == {name: everybody - {name} for name in everybody}
    remember(conn, {came[BLOCK_MAX]: (JOSE, 3)})
    assert near(conn, names) == {}
    assert near(conn, [names[0]]) == near(conn, [names[-1]]) == {}
    forget(conn, [names[250]])
    assert len(near(conn, [names[0]])[names[0]]) == BLOCK_MAX - 1


def test_a_key_that_too_many_share_does_not_hide_who_shares_another(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1), BEN: (JOSE, 2)})
    remember(conn, {str(uuid.UUID(int=n)): (JOSE_UNDATED, 3) for n in range(1, BLOCK_MAX)})
    assert near(conn, [ANA]) == {ANA: {BEN}}


# -- what is forgotten


def test_forgetting_takes_all_of_a_record_and_nothing_of_another(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1), BEN: (JOSE, 2)})
    forget(conn, [ANA, CARLA])
    assert rows(conn) == {"people": 1, "keys": len(keys(JOSE)), "undecided": 1}
    assert near(conn, [BEN]) == {}
    forget(conn, [BEN])
    assert rows(conn) == {"people": 0, "keys": 0, "undecided": 0}


def test_the_size_follows_what_is_remembered_and_forgotten(conn: psycopg.Connection[Any]) -> None:
    sizes = [size(conn)]
    for step in (
        lambda: remember(conn, {ANA: (JOSE, 1), BEN: (LUCIA, 2)}),
        lambda: remember(conn, {ANA: (JOSE, 3), BEN: (JOSE, 3), CARLA: (JOSE, 3)}),
        lambda: forget(conn, [BEN, DANI]),
        lambda: forget(conn, [BEN]),
        lambda: forget(conn, []),
        lambda: remember(conn, {BEN: (LUCIA, 4)}),
    ):
        step()
        sizes.append(size(conn))
    assert sizes == [0, 2, 3, 2, 2, 2, 3]


def test_a_transaction_that_is_rolled_back_leaves_nothing(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1)})
    before = rows(conn), stored_keys(conn), waiting(conn, 10), size(conn)
    with conn.transaction(force_rollback=True):
        remember(conn, {ANA: (LUCIA, 2), BEN: (LUCIA, 3)})
        forget(conn, [ANA])
        assert (size(conn), people_of(conn, [ANA, BEN])) == (1, {BEN: LUCIA})
    assert (rows(conn), stored_keys(conn), waiting(conn, 10), size(conn)) == before
    assert people_of(conn, [ANA, BEN]) == {ANA: JOSE}


# -- beside others


def test_two_that_change_the_same_records_the_other_way_round_both_end(any_database: Database) -> None:
    failed: list[BaseException] = []

    def other_way_round() -> None:
        try:
            with any_database.connect(Role.DISPOSER) as other, other.transaction():
                remember(other, {BEN: (LUCIA, 2), DANI: (LUCIA, 2)})
                remember(other, {ANA: (LUCIA, 2)})
                forget(other, [DANI])
        except BaseException as e:
            failed.append(e)

    thread = threading.Thread(target=other_way_round)
    with any_database.connect(Role.WRITER) as conn, any_database.connect() as watch:
        with conn.transaction():
            remember(conn, {ANA: (JOSE, 1)})
            thread.start()
            until_somebody_waits_for_a_lock(watch)
            remember(conn, {BEN: (JOSE, 1), CARLA: (JOSE, 1)})
        thread.join(60)
        assert (thread.is_alive(), failed) == (False, [])
        assert people_of(conn, [ANA, BEN, CARLA, DANI]) == {ANA: LUCIA, BEN: LUCIA, CARLA: JOSE}
        assert size(conn) == 3


def until_somebody_waits_for_a_lock(watch: psycopg.Connection[Any]) -> None:
    deadline = time.monotonic() + 60
    query = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    while watch.execute(query).fetchone() is None:
        assert time.monotonic() < deadline, "nobody waits"


def test_keys_hold_numbers_and_ids_and_no_name(conn: psycopg.Connection[Any]) -> None:
    remember(conn, {ANA: (JOSE, 1)})
    columns = conn.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'matching.keys'::regclass and attnum > 0"
    ).fetchall()
    assert columns == [("key", "bigint"), ("record_id", "uuid")]
    told = {key_hash(key) for key in keys(JOSE)}
    assert len(told) == len(keys(JOSE))
    assert conn.execute("select keys from matching.people").fetchone() == (sorted(told),)
