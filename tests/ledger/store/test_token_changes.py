"""Tokens over time: one that holds has a name; rotated with a grace, revoked with what came before; and by whom."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.errors import Conflict, LedgerError, NotFound, Refused
from ledger.store.database import Database, Role
from ledger.store.tokens import GRACE, LIFETIME_MAX, Token, create, digest, listed, named, revoke, rotate

NAME = "oregon nightly"
NOON = datetime(2027, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make(database: Database, **said: Any) -> str:
    with database.connect(Role.WRITER) as conn:
        words = {"name": NAME, "role": "state_batch_submitter", "state": "OR", "by": "ana", "now": NOON}
        return create(conn, **{**words, **said})


def behind(database: Database, secret: str, now: datetime) -> Token | None:
    """What a secret opens then."""
    with database.connect(Role.WRITER) as conn:
        row = conn.execute(
            "select name, role, state, region, district, expires_at, revoked_at from ledger.tokens"
            " where token_hash = %s",
            (digest(secret),),
        ).fetchone()
    assert row is not None
    token = Token(*row)
    return token if token.holds(now) else None


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    together = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        together.wait(30)
        try:
            return deed()
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def test_a_rotated_token_holds_for_its_grace_beside_the_new_one_and_then_is_refused(database: Database) -> None:
    old = make(database)
    with database.connect(Role.WRITER) as conn:
        new, until = rotate(conn, name=NAME, by="ben", now=NOON)
    assert until == NOON + GRACE
    assert old != new
    last = until - timedelta(microseconds=1)
    for secret in (old, new):
        token = behind(database, secret, last)
        assert token is not None
        assert (token.name, token.role, token.state) == (NAME, "state_batch_submitter", "OR")
    assert behind(database, old, until) is None
    assert behind(database, new, until) is not None


def test_a_rotation_prolongs_nothing_unless_that_is_said(database: Database) -> None:
    make(database, expires=NOON + timedelta(days=30))
    with database.connect(Role.WRITER) as conn:
        same, _ = rotate(conn, name=NAME, now=NOON)
        assert behind(database, same, NOON + timedelta(days=30)) is None
        _, until = rotate(conn, name=NAME, now=NOON + timedelta(days=30) - MINUTE, expires=NOON + LIFETIME_MAX)
        assert until == NOON + timedelta(days=30), "nor does the grace"
        held = named(conn, NAME)
    assert held is not None
    assert held.expires_at == NOON + LIFETIME_MAX


def test_a_grace_of_nothing_ends_the_old_one_at_once(database: Database) -> None:
    old = make(database)
    with database.connect(Role.WRITER) as conn:
        rotate(conn, name=NAME, grace=timedelta(), now=NOON)
        for grace in (-MINUTE, timedelta(days=7) + MINUTE):
            with pytest.raises(Refused):
                rotate(conn, name=NAME, grace=grace, now=NOON)
    assert behind(database, old, NOON) is None


def test_a_token_that_is_rotated_twice_within_its_grace_leaves_each_its_own(database: Database) -> None:
    first = make(database)
    with database.connect(Role.WRITER) as conn:
        second, _ = rotate(conn, name=NAME, now=NOON)
        third, _ = rotate(conn, name=NAME, now=NOON + 30 * MINUTE)
    assert behind(database, first, NOON + 59 * MINUTE) is not None
    assert behind(database, first, NOON + 60 * MINUTE) is None
    assert behind(database, second, NOON + 89 * MINUTE) is not None
    assert behind(database, second, NOON + 90 * MINUTE) is None
    assert behind(database, third, NOON + 90 * MINUTE) is not None


def test_revoking_ends_what_was_rotated_out_as_well(database: Database) -> None:
    old = make(database)
    with database.connect(Role.WRITER) as conn:
        new, _ = rotate(conn, name=NAME, now=NOON)
        assert revoke(conn, name=NAME, by="cleo", now=NOON + MINUTE) == 2
        assert behind(database, old, NOON + MINUTE) is None
        assert behind(database, new, NOON + MINUTE) is None
        with pytest.raises(NotFound):
            revoke(conn, name=NAME, now=NOON + MINUTE)
        with pytest.raises(NotFound):
            rotate(conn, name=NAME, now=NOON + MINUTE)
        with pytest.raises(NotFound):
            rotate(conn, name="never made", now=NOON)


def test_a_name_is_free_once_its_token_holds_no_more(database: Database) -> None:
    make(database)
    with pytest.raises(Conflict):
        make(database)
    with database.connect(Role.WRITER) as conn:
        revoke(conn, name=NAME, now=NOON)
    make(database, now=NOON + MINUTE / 2, expires=NOON + MINUTE)
    with pytest.raises(Conflict):
        make(database, now=NOON + MINUTE - timedelta(microseconds=1))
    make(database, now=NOON + MINUTE)
    with database.connect(Role.WRITER) as conn:
        assert [one.standing(NOON + MINUTE) for one in listed(conn)] == ["holds", "expired", "revoked"]


def test_a_token_holds_for_a_year_at_most_also_over_a_leap_day(database: Database) -> None:
    eve = datetime(2027, 3, 1, tzinfo=UTC)
    make(database, now=eve, expires=datetime(2028, 3, 1, tzinfo=UTC))
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    make(database, name="leap", now=leap, expires=datetime(2029, 3, 1, tzinfo=UTC))
    with pytest.raises(Refused, match="366 days"):
        make(database, name="long", now=leap, expires=datetime(2029, 3, 2, tzinfo=UTC))


def test_the_list_tells_who_did_what_and_no_secret(database: Database) -> None:
    old = make(database)
    make(database, name="unknown maker", by=None)
    with database.connect(Role.WRITER) as conn:
        new, until = rotate(conn, name=NAME, by="ben", now=NOON)
        told = listed(conn)
    assert [(one.name, one.made_by, one.revoked_by, one.standing(NOON)) for one in told] == [
        (NAME, "ben", None, "holds"),
        (NAME, "ana", "ben", "rotated out"),
        ("unknown maker", None, None, "holds"),
    ]
    assert [one.standing(until) for one in told] == ["holds", "revoked", "holds"]
    assert [one.standing(NOON + 2 * LIFETIME_MAX) for one in told] == ["expired", "revoked", "expired"]
    for secret in (old, new):
        assert secret not in str(told)
        assert str(digest(secret)) not in str(told)


def test_of_two_who_make_one_name_at_once_one_has_it(database: Database) -> None:
    for number in range(8):
        made = at_once(*[lambda number=number: make(database, name=f"n{number}")] * 2)
        assert sorted(isinstance(one, Conflict) for one in made) == [False, True]


def test_a_revocation_beside_a_rotation_leaves_none_that_holds_unseen(database: Database) -> None:
    for number in range(8):
        name = f"n{number}"
        make(database, name=name)

        def revoked(name: str = name) -> int:
            with database.connect(Role.WRITER) as conn:
                return revoke(conn, name=name, now=NOON)

        def rotated(name: str = name) -> object:
            with database.connect(Role.WRITER) as conn:
                return rotate(conn, name=name, now=NOON)

        ended, new = at_once(revoked, rotated)
        with database.connect(Role.WRITER) as conn:
            holding = [one for one in listed(conn) if one.name == name and one.standing(NOON) != "revoked"]
        assert not holding
        assert ended == (1 if isinstance(new, NotFound) else 2)
