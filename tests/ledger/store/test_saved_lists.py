"""Lists that an account keeps: its own, under its own names, and a hundred at most however they are sent."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.errors import BadValue
from ledger.store import saved_lists
from ledger.store.database import Database, Role
from ledger.store.saved_lists import SAVED_MAX, Saved

ANA, BEA = uuid.UUID(int=1), uuid.UUID(int=2)
NOW = datetime(2028, 2, 29, 12, tzinfo=UTC)


def save(database: Database, account: uuid.UUID, name: str, **more: Any) -> Saved:
    said = {"list_name": "ending", "parameters": {"days": 60}, "new_id": uuid.uuid4(), "now": NOW} | more
    with database.connect(Role.WRITER) as conn:
        return saved_lists.save(conn, account, name=name, **said)


def names(database: Database, account: uuid.UUID) -> list[str]:
    with database.connect(Role.WRITER) as conn:
        return [one.name for one in saved_lists.of_account(conn, account)]


def test_an_account_has_its_own_lists_alone(database: Database) -> None:
    kept = save(database, ANA, "Año nuevo").saved
    save(database, BEA, "Año nuevo")
    with database.connect(Role.WRITER) as conn:
        assert saved_lists.of_account(conn, ANA) == [kept]
        assert not saved_lists.delete(conn, BEA, kept.id)
        assert saved_lists.delete(conn, ANA, kept.id)
        assert not saved_lists.delete(conn, ANA, kept.id)
    assert (names(database, ANA), names(database, BEA)) == ([], ["Año nuevo"])


def test_the_same_name_again_takes_the_place_of_the_first_under_its_id(database: Database) -> None:
    first, new = save(database, ANA, "Mine")
    later = NOW + timedelta(days=1)
    second, again = save(database, ANA, "Mine", list_name="new", parameters={}, now=later)
    assert (new, again) == (True, False)
    assert second == first._replace(list="new", parameters={}, saved_at=later)
    assert names(database, ANA) == ["Mine"]


def test_of_two_that_are_saved_at_once_no_more_than_a_hundred_are_kept(database: Database) -> None:
    for number in range(SAVED_MAX - 1):
        save(database, ANA, f"{number:03d}")

    def try_one(name: str) -> bool:
        try:
            return save(database, ANA, name).new
        except BadValue:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_one, "abcd")) == 1
    assert len(names(database, ANA)) == SAVED_MAX
    with pytest.raises(BadValue, match="100 lists"):
        save(database, ANA, "one more")
    assert not save(database, ANA, "007").new, "one of a name that is there is kept all the same"
    assert save(database, BEA, "one more").new
