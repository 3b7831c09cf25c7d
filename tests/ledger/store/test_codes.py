"""One-time codes: taken once, for one purpose, until an instant, after five wrong tries no more; by two at once too."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ledger import telemetry
from ledger.errors import CodeRefused, LedgerError
from ledger.store import codes
from ledger.store.codes import TRIES, Code, Purpose, check, forget, make, redeem, void
from ledger.store.database import Database, Role

LEAP = datetime(2028, 2, 29, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
ANNA, BEN = uuid.UUID(int=1), uuid.UUID(int=2)
FIRST = Purpose.FIRST_SIGN_IN


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect(Role.WRITER) as conn:
        yield conn


def a_code(conn: psycopg.Connection, subject: uuid.UUID = ANNA, purpose: Purpose = FIRST) -> Code:
    return make(conn, purpose=purpose, subject=subject, now=LEAP, ends_at=LEAP + HOUR)


def wrong(code: Code) -> str:
    """The code with another last character."""
    return code.text[:-1] + ("0" if code.text[-1] != "0" else "1")


def refused(conn: psycopg.Connection, typed: str, now: datetime = LEAP, purpose: Purpose = FIRST) -> str:
    with pytest.raises(CodeRefused) as told:
        redeem(conn, purpose=purpose, code=typed, now=now)
    return str(told.value)


def test_a_code_opens_what_it_is_for_once(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    assert len(code.text.replace("-", "")) == 20, "25 bits that find the row, 75 that are secret"
    assert code.text.startswith(code.id[:4])
    typed = code.text.lower().replace("-", " ").replace("0", "O").replace("1", "l")
    assert redeem(conn, purpose=FIRST, code=typed, now=LEAP) == ANNA
    refused(conn, code.text)


def test_a_code_that_is_looked_at_first_can_still_be_used(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    for _ in range(TRIES + 1):
        assert check(conn, purpose=FIRST, code=code.text, now=LEAP) == ANNA
    assert redeem(conn, purpose=FIRST, code=code.text, now=LEAP) == ANNA
    with pytest.raises(CodeRefused):
        check(conn, purpose=FIRST, code=code.text, now=LEAP)


def test_nothing_of_the_secret_is_kept(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    row = str(conn.execute("select c::text from ledger.one_time_codes c").fetchall())
    plain = code.text.replace("-", "")
    assert code.id in row
    for start in range(len(code.id), len(plain) - 4):
        assert plain[start : start + 5] not in row


def test_a_code_ends_at_its_instant_also_over_a_leap_day(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    assert code.ends_at == datetime(2028, 3, 1, 0, 30, tzinfo=UTC)
    assert check(conn, purpose=FIRST, code=code.text, now=code.ends_at - INSTANT) == ANNA
    refused(conn, code.text, now=code.ends_at)
    with pytest.raises(ValueError, match="ended before"):
        make(conn, purpose=FIRST, subject=ANNA, now=LEAP, ends_at=LEAP)


def test_five_wrong_tries_void_a_code(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    for _ in range(TRIES - 1):
        refused(conn, wrong(code))
    assert check(conn, purpose=FIRST, code=code.text, now=LEAP) == ANNA, "four are forgiven"
    refused(conn, wrong(code))
    refused(conn, code.text)


def test_a_code_for_another_purpose_is_none_and_costs_no_try(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    for _ in range(TRIES + 1):
        refused(conn, code.text, purpose=Purpose.FAMILY_ACCESS)
    assert redeem(conn, purpose=FIRST, code=code.text, now=LEAP) == ANNA


def test_whoever_is_refused_is_told_the_same_whatever_was_wrong(conn: psycopg.Connection) -> None:
    used, ended, good = a_code(conn), a_code(conn, BEN), a_code(conn, uuid.UUID(int=3))
    redeem(conn, purpose=FIRST, code=used.text, now=LEAP)
    void(conn, purpose=FIRST, subject=BEN, now=LEAP)
    other = "ZZZZ" + good.text[4:] if not good.text.startswith("ZZZZ") else "0000" + good.text[4:]
    hostile = ["", "nonsense", "\ud800", "' or 1=1 --", "\x00" * 20, "9" * 10_000, ended.text, wrong(good), other]
    assert len({refused(conn, typed) for typed in [used.text, *hostile]}) == 1
    assert good.text not in refused(conn, wrong(good))


def test_a_new_code_ends_the_one_before_for_the_same_thing_and_no_other(conn: psycopg.Connection) -> None:
    first, bens, family = a_code(conn), a_code(conn, BEN), a_code(conn, purpose=Purpose.FAMILY_ACCESS)
    second = a_code(conn)
    refused(conn, first.text)
    assert redeem(conn, purpose=FIRST, code=second.text, now=LEAP) == ANNA
    assert redeem(conn, purpose=FIRST, code=bens.text, now=LEAP) == BEN
    assert redeem(conn, purpose=Purpose.FAMILY_ACCESS, code=family.text, now=LEAP) == ANNA


def test_two_codes_never_have_one_public_part(conn: psycopg.Connection) -> None:
    drawn = itertools.chain([b"\x11" * 10, b"\x00" * 4, b"\x22" * 10, b"\x00" * 4, b"\x33" * 4])

    def chance(size: int) -> bytes:
        given = next(drawn)
        assert len(given) == size
        return given

    one, two = (
        make(conn, purpose=FIRST, subject=who, now=LEAP, ends_at=LEAP + HOUR, random_bytes=chance)
        for who in (ANNA, BEN)
    )
    assert one.id != two.id
    assert redeem(conn, purpose=FIRST, code=two.text, now=LEAP) == BEN
    assert redeem(conn, purpose=FIRST, code=one.text, now=LEAP) == ANNA


def test_of_many_who_give_a_code_at_once_one_is_let_in(conn: psycopg.Connection, database: Database) -> None:
    for _ in range(4):
        code = a_code(conn)
        given = at_once(database, [code.text] * 6)
        assert sorted(isinstance(one, CodeRefused) for one in given) == [False] + [True] * 5


def test_many_wrong_ones_at_once_are_all_counted(conn: psycopg.Connection, database: Database) -> None:
    code = a_code(conn)
    assert all(isinstance(one, CodeRefused) for one in at_once(database, [wrong(code)] * TRIES))
    refused(conn, code.text)
    row = conn.execute("select tries_left, used_at from ledger.one_time_codes").fetchone()
    assert row == (0, None)


def test_a_code_that_was_made_stands_after_a_restart(conn: psycopg.Connection, database: Database) -> None:
    code = a_code(conn)
    refused(conn, wrong(code))
    conn.close()
    with database.connect(Role.WRITER) as anew:
        for _ in range(TRIES - 1):
            refused(anew, wrong(code))
        refused(anew, code.text)


def test_what_is_tried_in_vain_cannot_be_taken_back_by_a_callers_transaction(conn: psycopg.Connection) -> None:
    code = a_code(conn)
    with pytest.raises(AssertionError), conn.transaction():
        redeem(conn, purpose=FIRST, code=wrong(code), now=LEAP)


def test_old_codes_are_forgotten_and_no_other(conn: psycopg.Connection) -> None:
    code, later = a_code(conn), make(conn, purpose=FIRST, subject=BEN, now=LEAP, ends_at=LEAP + 2 * HOUR)
    assert forget(conn, code.ends_at) == 0
    assert forget(conn, code.ends_at + INSTANT) == 1
    assert redeem(conn, purpose=FIRST, code=later.text, now=LEAP + HOUR) == BEN


def test_what_is_given_is_counted_by_result(conn: psycopg.Connection) -> None:
    def counted(result: str) -> float:
        return telemetry.REGISTRY.get_sample_value("one_time_codes_total", {"result": result}) or 0

    before = counted("taken"), counted("refused")
    code = a_code(conn)
    refused(conn, wrong(code))
    redeem(conn, purpose=FIRST, code=code.text, now=LEAP)
    assert (counted("taken") - before[0], counted("refused") - before[1]) == (1, 1)


def at_once(database: Database, typed: list[str]) -> list[object]:
    """What each was told who gave one of these at the same time, on a connection of his own."""
    together = threading.Barrier(len(typed))

    def give(one: str) -> object:
        with database.connect(Role.WRITER) as conn:
            together.wait(30)
            try:
                return codes.redeem(conn, purpose=FIRST, code=one, now=LEAP)
            except LedgerError as error:
                return error

    with ThreadPoolExecutor(len(typed)) as pool:
        return list(pool.map(give, typed))
