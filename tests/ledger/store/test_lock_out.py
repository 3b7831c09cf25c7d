"""Lock-out: five tries in vain, and whoever is right waits too; counted at once, by two processes, over a restart."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyotp.totp import TOTP

from ledger.store.credentials import Checked, Credentials, Standing
from ledger.store.database import Database, Role
from ledger.store.tries import FAILURES_MAX, LOCK, LOCK_MAX
from ledger.store.vault import Vault
from support.casework import Hands

PASSED, WANTED, REFUSED = Checked.PASSED, Checked.CODE_WANTED, Checked.REFUSED
ANNA, BEN = uuid.UUID(int=1), uuid.UUID(int=2)
RIGHT, WRONG = "lluvia de mañana azul", "lluvia de noviembre azul"
STEP, INSTANT = timedelta(seconds=30), timedelta(microseconds=1)
EVE = datetime(2028, 2, 28, 23, 50, tzinfo=UTC)


@pytest.fixture
def hands() -> Hands:
    return Hands(EVE)


@pytest.fixture
def processes(database: Database, vault: Vault, hands: Hands) -> Iterator[tuple[Credentials, Credentials]]:
    """Two of them; Anna has a password."""
    one, other = (
        Credentials(lambda: database.connect(Role.WRITER), vault, clock=hands, memory_kib=64, iterations=1)
        for _ in range(2)
    )
    one.set_password(ANNA, RIGHT)
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def local(processes: tuple[Credentials, Credentials]) -> Credentials:
    return processes[0]


def fail(local: Credentials, times: int, account: uuid.UUID = ANNA) -> None:
    for _ in range(times):
        assert local.check(account, WRONG) is REFUSED


def standing(local: Credentials) -> Standing:
    found = local.standing(ANNA)
    assert found is not None
    return found


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    together = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        together.wait(30)
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def factor(local: Credentials, hands: Hands) -> tuple[TOTP, tuple[str, ...]]:
    app = TOTP(local.offer_second_factor(ANNA, "anna@example.org").secret)
    codes = local.confirm_second_factor(ANNA, app.at(hands.now))
    assert codes is not None
    hands.now += STEP
    return app, codes


def test_four_in_vain_are_forgiven_by_one_that_is_right(local: Credentials) -> None:
    for _ in range(3):
        fail(local, FAILURES_MAX - 1)
        assert standing(local).failures == FAILURES_MAX - 1
        assert local.check(ANNA, RIGHT) is PASSED
        assert standing(local).failures == 0


def test_the_fifth_try_is_looked_at_still(local: Credentials) -> None:
    fail(local, FAILURES_MAX - 1)
    assert local.check(ANNA, RIGHT) is PASSED
    assert standing(local).locked_until is None


def test_after_five_a_right_password_is_refused_until_the_lock_ends_also_over_a_leap_day(
    local: Credentials, hands: Hands
) -> None:
    fail(local, FAILURES_MAX)
    assert standing(local).locked_until == EVE + LOCK == datetime(2028, 2, 29, 0, 5, tzinfo=UTC)
    assert local.check(ANNA, RIGHT) is REFUSED
    hands.now = EVE + LOCK - INSTANT
    assert local.check(ANNA, RIGHT) is REFUSED
    hands.now = EVE + LOCK
    assert standing(local).locked_until is None
    assert local.check(ANNA, RIGHT) is PASSED
    assert standing(local).failures == 0


def test_a_lock_is_for_twice_as_long_each_time_up_to_a_day(local: Credentials, hands: Hands) -> None:
    fail(local, FAILURES_MAX - 1)
    lasted = []
    for _ in range(10):
        fail(local, 1)
        until = standing(local).locked_until
        assert until is not None
        lasted.append(until - hands.now)
        hands.now = until
    doubled = [LOCK * 2**n for n in range(7)]
    assert lasted == [*doubled, LOCK_MAX, LOCK_MAX, LOCK_MAX]
    assert local.check(ANNA, RIGHT) is PASSED
    fail(local, FAILURES_MAX)
    assert standing(local).locked_until == hands.now + LOCK, "it begins anew"


def test_trying_on_while_it_is_locked_prolongs_nothing(local: Credentials, hands: Hands) -> None:
    fail(local, FAILURES_MAX)
    hands.now += LOCK / 2
    fail(local, 20)
    assert standing(local).failures == FAILURES_MAX + 20
    assert standing(local).locked_until == EVE + LOCK
    hands.now = EVE + LOCK
    assert local.check(ANNA, RIGHT) is PASSED


def test_another_account_is_not_locked(local: Credentials) -> None:
    local.set_password(BEN, RIGHT)
    fail(local, FAILURES_MAX)
    assert local.check(BEN, RIGHT) is PASSED


def test_ten_at_once_count_ten_and_five_are_looked_at(processes: tuple[Credentials, Credentials]) -> None:
    one, other = processes
    looked: list[bool] = []
    for process in processes:
        _count(process, looked)
    assert at_once(*[lambda p=p: p.check(ANNA, WRONG) for p in (one, other) * 5]) == [REFUSED] * 10
    assert standing(one).failures == 10
    assert standing(one).locked_until == EVE + LOCK
    assert looked.count(True) == FAILURES_MAX


def _count(process: Credentials, looked: list[bool]) -> None:
    """Note of each try whether what it typed could have let anybody in."""
    matches = process._is_password

    def counted(tried: Any, typed: str) -> bool:
        looked.append(not tried.locked)
        return matches(tried, typed)

    process._is_password = counted


def test_of_many_guesses_at_once_with_a_right_one_among_them_at_most_five_were_looked_at(
    processes: tuple[Credentials, Credentials],
) -> None:
    one, other = processes
    fail(one, FAILURES_MAX)
    told = at_once(*[lambda p=p: p.check(ANNA, RIGHT) for p in (one, other) * 4])
    assert told == [REFUSED] * 8


def test_a_lock_stands_after_a_restart(
    processes: tuple[Credentials, Credentials], database: Database, vault: Vault, hands: Hands
) -> None:
    fail(processes[0], FAILURES_MAX - 1)
    fail(processes[1], 1)
    anew = Credentials(lambda: database.connect(Role.WRITER), vault, clock=hands, memory_kib=64, iterations=1)
    assert anew.check(ANNA, RIGHT) is REFUSED
    hands.now += LOCK
    assert anew.check(ANNA, RIGHT) is PASSED
    anew.close()


def test_a_new_password_or_an_administrator_ends_a_lock(local: Credentials) -> None:
    fail(local, FAILURES_MAX)
    local.unlock(ANNA)
    assert local.check(ANNA, RIGHT) is PASSED
    fail(local, FAILURES_MAX)
    local.set_password(ANNA, "otra mañana de viento")
    assert local.check(ANNA, "otra mañana de viento") is PASSED


def test_a_right_password_forgives_nothing_before_the_second_factor_is_shown(local: Credentials, hands: Hands) -> None:
    app, _ = factor(local, hands)
    for tries in range(1, FAILURES_MAX):
        assert local.check(ANNA, RIGHT) is WANTED
        assert standing(local).failures == tries - 1, "asking for a code is no failure"
        assert local.check_code(ANNA, "00000x") is REFUSED
    assert local.check(ANNA, RIGHT) is WANTED
    assert standing(local).locked_until is None
    assert local.check(ANNA, RIGHT, "00000x") is REFUSED
    assert local.check_code(ANNA, app.at(hands.now)) is REFUSED
    assert local.check(ANNA, RIGHT) is REFUSED, "not even that the password is right is told"
    hands.now += LOCK
    assert local.check(ANNA, RIGHT) is WANTED
    assert local.check_code(ANNA, app.at(hands.now)) is PASSED
    assert standing(local).failures == 0


def test_recovery_codes_are_not_taken_while_it_is_locked(local: Credentials, hands: Hands) -> None:
    _, codes = factor(local, hands)
    fail(local, FAILURES_MAX)
    assert local.check_code(ANNA, codes[0]) is REFUSED
    assert standing(local).recovery_left == len(codes)
    hands.now += LOCK
    assert local.check_code(ANNA, codes[0]) is PASSED


@pytest.mark.parametrize("which", ["by time", "recovery"])
def test_of_two_who_show_one_code_at_once_one_is_let_in(
    processes: tuple[Credentials, Credentials], hands: Hands, which: str
) -> None:
    app, codes = factor(processes[0], hands)
    for number in range(6):
        code = app.at(hands.now) if which == "by time" else codes[number]
        told = at_once(*[lambda p=p, c=code: p.check(ANNA, RIGHT, c) for p in processes])
        assert sorted(told) == [PASSED, REFUSED]
        processes[0].unlock(ANNA)
        hands.now += STEP


def test_two_who_sign_in_at_once_with_a_right_password_are_both_let_in(
    processes: tuple[Credentials, Credentials], database: Database, vault: Vault, hands: Hands
) -> None:
    stronger = [
        Credentials(lambda: database.connect(Role.WRITER), vault, clock=hands, memory_kib=128, iterations=1)
        for _ in range(2)
    ]
    assert at_once(*[lambda p=p: p.check(ANNA, RIGHT) for p in stronger]) == [PASSED, PASSED], "one renews the hash"
    for process in stronger:
        process.close()
