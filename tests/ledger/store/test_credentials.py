"""Passwords and second factors of local accounts, on a real database: what is let in, and what a refusal tells."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg
import pytest
from argon2 import PasswordHasher
from pyotp.totp import TOTP

from ledger import telemetry
from ledger.application import Ledger
from ledger.errors import Misconfigured, NotFound, PasswordRefused
from ledger.store import credentials as module
from ledger.store.credentials import Checked, Credentials
from ledger.store.database import Database, Role
from ledger.store.vault import MasterKey, Vault
from support.casework import Hands

PASSED, WANTED, REFUSED = Checked.PASSED, Checked.CODE_WANTED, Checked.REFUSED
ANNA, BEN = uuid.UUID(int=1), uuid.UUID(int=2)
RIGHT, WRONG = "lluvia de mañana azul", "lluvia de noviembre azul"
STEP = timedelta(seconds=30)
LEAP = datetime(2028, 2, 29, 23, 59, 30, tzinfo=UTC)
CHEAP = {"memory_kib": 64, "iterations": 1}
New = Callable[..., Credentials]


@pytest.fixture
def hands() -> Hands:
    return Hands(LEAP)


@pytest.fixture
def new(database: Database, vault: Vault, hands: Hands) -> Iterator[New]:
    """Makes what a process has; each is a process of its own."""
    made: list[Credentials] = []

    def make(**said: Any) -> Credentials:
        words = {"connections": lambda: database.connect(Role.WRITER), "vault": vault, "clock": hands, **CHEAP, **said}
        made.append(Credentials(**words))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def local(new: New) -> Credentials:
    """Anna has a password."""
    made = new()
    made.set_password(ANNA, RIGHT, own=["anna@example.org"])
    return made


def with_factor(local: Credentials, hands: Hands, account: uuid.UUID = ANNA) -> tuple[TOTP, tuple[str, ...]]:
    """A second factor in use, and its recovery codes. Its code of now is used up."""
    app = TOTP(local.offer_second_factor(account, "anna@example.org").secret)
    codes = local.confirm_second_factor(account, app.at(hands.now))
    assert codes is not None
    return app, codes


def rows(database: Database) -> str:
    with database.connect() as conn:
        return str(conn.execute("select c::text from ledger.credentials c").fetchall())


# -- passwords


def test_a_right_password_passes_and_any_other_does_not(local: Credentials) -> None:
    assert local.check(ANNA, RIGHT) is PASSED
    for wrong in (WRONG, "", RIGHT + " ", RIGHT.upper(), "\ud800", "\x00", "x" * 1_000_000):
        assert local.check(ANNA, wrong) is REFUSED
        local.unlock(ANNA)


def test_the_same_letters_typed_otherwise_are_the_same_password(local: Credentials) -> None:
    assert local.check(ANNA, RIGHT.replace("ñ", "n\u0303")) is PASSED
    assert local.check(ANNA, RIGHT.replace(" ", "\u00a0")) is PASSED
    local.set_password(ANNA, "otra man\u0303ana de viento")
    assert local.check(ANNA, "otra mañana de viento") is PASSED
    assert local.check(ANNA, "otra manana de viento") is REFUSED


def test_nothing_of_a_password_or_a_secret_is_kept_in_clear(
    local: Credentials, hands: Hands, database: Database
) -> None:
    app, codes = with_factor(local, hands)
    kept = rows(database)
    assert "$argon2id$v=19$m=64,t=1,p=1$" in kept
    for secret in (RIGHT, app.secret, app.byte_secret().hex(), *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in kept


def test_what_is_used_unless_said_otherwise_is_what_owasp_advises(new: New, database: Database) -> None:
    usual = new(memory_kib=module.MEMORY_KIB, iterations=module.ITERATIONS)
    usual.set_password(ANNA, RIGHT)
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in rows(database)
    assert usual.check(ANNA, RIGHT) is PASSED


def test_two_of_one_password_have_two_hashes(local: Credentials, database: Database) -> None:
    local.set_password(BEN, RIGHT)
    with database.connect() as conn:
        hashes = conn.execute("select password from ledger.credentials where password <> ''").fetchall()
    assert len({row[0] for row in hashes}) == 2


def test_a_weak_one_is_refused_and_the_old_one_stands(local: Credentials) -> None:
    for weak in ("short", "anna@example.org", "passwordpassword"):
        with pytest.raises(PasswordRefused):
            local.set_password(ANNA, weak, own=["anna@example.org", "Anna"])
    assert local.check(ANNA, RIGHT) is PASSED


def test_a_hash_under_old_parameters_is_made_anew_when_its_owner_signs_in(
    local: Credentials, new: New, database: Database
) -> None:
    later = new(memory_kib=128)
    assert later.check(ANNA, WRONG) is REFUSED
    assert "m=64," in rows(database), "nobody else renews it"
    changed = later.standing(ANNA)
    assert later.check(ANNA, RIGHT) is PASSED
    assert "m=128," in rows(database)
    assert "m=64," not in rows(database)
    assert later.check(ANNA, RIGHT) is PASSED
    after = later.standing(ANNA)
    assert changed is not None
    assert after is not None
    assert after.changed_at == changed.changed_at, "it is the same password"


def test_a_password_that_is_changed_while_it_is_looked_at_lets_nobody_in(
    local: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = local._is_password

    def slow(*said: Any) -> bool:
        monkeypatch.undo()
        local.set_password(ANNA, WRONG)
        return matches(*said)

    monkeypatch.setattr(local, "_is_password", slow)
    assert local.check(ANNA, RIGHT) is REFUSED
    assert local.check(ANNA, WRONG) is PASSED


def test_who_is_not_there_is_refused_after_the_same_work(database: Database, vault: Vault, hands: Hands) -> None:
    """As many hashes, of the same parameters, and the same statements: also where it is locked."""
    said: list[str] = []

    class Heard(psycopg.Cursor):
        def execute(self, query: Any, *args: Any, **more: Any) -> Any:
            said.append(str(query))
            return super().execute(query, *args, **more)

    def connections() -> AbstractContextManager[psycopg.Connection]:
        conn = database.connect(Role.WRITER)
        conn.cursor_factory = Heard
        return conn

    local = Credentials(connections, vault, clock=hands, **CHEAP)  # type: ignore[arg-type]
    hashed: list[str] = []

    class Hears(PasswordHasher):
        def verify(self, hash: Any, password: Any) -> Literal[True]:  # noqa: A002 - as its base
            hashed.append(hash.rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    local._hasher = Hears(time_cost=1, memory_cost=64, parallelism=1)
    local.set_password(ANNA, RIGHT)
    work = []
    for account in (ANNA, None, BEN, uuid.UUID(int=0), *[ANNA] * 5, *[BEN] * 8):
        said.clear()
        hashed.clear()
        assert local.check(account, WRONG) is REFUSED
        work.append((tuple(said), tuple(hashed)))
    assert len(set(work)) == 1
    assert tuple(map(len, work[0])) == (2, 1), "statements, hashes"
    said.clear()
    hashed.clear()
    assert local.check(ANNA, RIGHT) is REFUSED, "locked"
    assert (tuple(said), tuple(hashed)) == work[0]
    local.close()


def test_nobodys_row_lets_nobody_in_and_is_never_told(local: Credentials) -> None:
    for typed in ("", RIGHT, "nobody"):
        assert local.check(None, typed) is REFUSED
        assert local.check(uuid.UUID(int=0), typed) is REFUSED
        assert local.check(BEN, typed, "000000") is REFUSED
    assert local.check_code(BEN, "000000") is REFUSED
    assert local.standing(BEN) is None
    for ask in (local.unlock, local.remove_second_factor, local.new_recovery_codes):
        with pytest.raises(NotFound):
            ask(BEN)
    with pytest.raises(NotFound):
        local.offer_second_factor(BEN, "ben")


def test_whoever_is_removed_is_as_one_who_never_was(local: Credentials) -> None:
    assert local.remove(ANNA)
    assert not local.remove(ANNA)
    assert local.check(ANNA, RIGHT) is REFUSED
    assert local.standing(ANNA) is None


# -- the second factor


def test_a_second_factor_is_asked_for_once_a_code_of_it_was_shown(local: Credentials, hands: Hands) -> None:
    app = TOTP(local.offer_second_factor(ANNA, "anna@example.org").secret)
    assert local.check(ANNA, RIGHT) is PASSED, "offered is not in use"
    assert local.confirm_second_factor(ANNA, "000000" if app.at(hands.now) != "000000" else "000001") is None
    assert local.confirm_second_factor(BEN, app.at(hands.now)) is None
    codes = local.confirm_second_factor(ANNA, app.at(hands.now))
    assert codes is not None
    assert len(set(codes)) == 10
    assert local.check(ANNA, RIGHT) is WANTED
    assert local.check(ANNA, WRONG) is REFUSED
    assert local.check(ANNA, RIGHT, app.at(hands.now)) is REFUSED, "it was used to confirm"
    hands.now += STEP
    assert local.check(ANNA, RIGHT, app.at(hands.now)) is PASSED
    hands.now += STEP
    assert local.check_code(ANNA, app.at(hands.now)) is PASSED


def test_a_code_is_taken_once_and_none_before_it_any_more(local: Credentials, hands: Hands) -> None:
    app, _ = with_factor(local, hands)
    hands.now += 10 * STEP
    before, now, after = (app.at(hands.now + n * STEP) for n in (-1, 0, 1))
    assert local.check(ANNA, RIGHT, now) is PASSED
    assert local.check(ANNA, RIGHT, now) is REFUSED
    assert local.check(ANNA, RIGHT, before) is REFUSED
    assert local.check(ANNA, RIGHT, after) is PASSED, "a clock that is ahead by a step"
    hands.now += STEP
    assert local.check(ANNA, RIGHT, app.at(hands.now)) is REFUSED, "that was it"
    hands.now += STEP
    assert local.check(ANNA, RIGHT, app.at(hands.now)) is PASSED


def test_another_factor_takes_the_place_of_the_first_once_it_was_shown(local: Credentials, hands: Hands) -> None:
    first, codes = with_factor(local, hands)
    second = TOTP(local.offer_second_factor(ANNA, "anna@example.org").secret)
    hands.now += STEP
    assert local.check(ANNA, RIGHT, second.at(hands.now)) is REFUSED
    assert local.check(ANNA, RIGHT, first.at(hands.now)) is PASSED
    hands.now += STEP
    assert local.confirm_second_factor(ANNA, second.at(hands.now))
    hands.now += STEP
    assert local.check(ANNA, RIGHT, first.at(hands.now)) is REFUSED
    assert local.check(ANNA, RIGHT, codes[0]) is REFUSED, "its recovery codes go with it"
    assert local.check(ANNA, RIGHT, second.at(hands.now)) is PASSED


def test_each_recovery_code_is_taken_once_however_it_is_typed(local: Credentials, hands: Hands) -> None:
    _, codes = with_factor(local, hands)
    for left, code in zip(range(9, -1, -1), codes, strict=True):
        typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
        assert local.check(ANNA, RIGHT, typed) is PASSED
        standing = local.standing(ANNA)
        assert standing is not None
        assert standing.recovery_left == left
    for code in codes[:4]:
        assert local.check(ANNA, RIGHT, code) is REFUSED
    local.unlock(ANNA)
    anew = local.new_recovery_codes(ANNA)
    assert set(anew).isdisjoint(codes)
    assert local.check_code(ANNA, anew[0]) is PASSED


def test_a_recovery_code_is_of_its_own_account_only(local: Credentials, hands: Hands) -> None:
    _, annas = with_factor(local, hands)
    local.set_password(BEN, RIGHT)
    _, bens = with_factor(local, hands, BEN)
    assert local.check(BEN, RIGHT, annas[0]) is REFUSED
    assert local.check(BEN, RIGHT, bens[0]) is PASSED
    assert local.check(ANNA, RIGHT, annas[0]) is PASSED


def test_a_code_without_a_second_factor_lets_nobody_in(local: Credentials) -> None:
    assert local.check_code(ANNA, "000000") is REFUSED
    assert local.check_code(ANNA, "K7QF-2M9T-XW4R-PV3C") is REFUSED
    assert local.check(ANNA, RIGHT, "000000") is PASSED, "none is asked for"


def test_a_second_factor_goes_when_it_is_removed_and_stays_when_the_password_changes(
    local: Credentials, hands: Hands
) -> None:
    app, _ = with_factor(local, hands)
    local.set_password(ANNA, WRONG)
    assert local.check(ANNA, WRONG) is WANTED
    local.remove_second_factor(ANNA)
    assert local.check(ANNA, WRONG) is PASSED
    hands.now += STEP
    assert local.check_code(ANNA, app.at(hands.now)) is REFUSED


def test_a_second_factor_opens_after_a_restart_and_not_once_its_key_is_destroyed(
    local: Credentials, new: New, hands: Hands, database: Database
) -> None:
    app, codes = with_factor(local, hands)
    anew = new(vault=Vault([MasterKey.of(bytes(range(32)))]))
    hands.now += STEP
    assert anew.check(ANNA, RIGHT, app.at(hands.now)) is PASSED
    with database.connect(Role.DISPOSER) as conn:
        keys = conn.execute("delete from vault.keys where class = 'access' returning subject").fetchall()
    assert keys == [(str(ANNA),)]
    hands.now += STEP
    after = new(vault=Vault([MasterKey.of(bytes(range(32)))]))
    assert after.check(ANNA, RIGHT, app.at(hands.now)) is REFUSED
    assert after.check(ANNA, RIGHT, codes[0]) is PASSED


def test_a_second_factor_that_was_moved_to_another_account_is_told_of(
    local: Credentials, hands: Hands, database: Database
) -> None:
    app, _ = with_factor(local, hands)
    local.set_password(BEN, RIGHT)
    with database.connect(Role.WRITER) as conn:
        conn.execute(
            "update ledger.credentials b set totp = a.totp, totp_key = a.totp_key from ledger.credentials a"
            " where a.account_id = %s and b.account_id = %s",
            (ANNA, BEN),
        )
    hands.now += STEP
    with pytest.raises(Misconfigured, match="does not open"):
        local.check(BEN, RIGHT, app.at(hands.now))


# -- around it


def test_it_works_on_the_pool_of_the_log_and_beside_a_loop(ledger: Ledger, new: New) -> None:
    local = new(connections=ledger.log.connection, vault=ledger.vault)
    ran: list[str] = []

    def story() -> Checked:
        ran.append(threading.current_thread().name)
        return local.check(ANNA, RIGHT)

    async def run() -> list[Checked]:
        await local.aside(lambda: local.set_password(ANNA, RIGHT))
        return list(await asyncio.gather(*(local.aside(story) for _ in range(4))))

    assert asyncio.run(run()) == [PASSED] * 4
    assert all(name.startswith("credentials") for name in ran)


def test_tries_are_counted_by_what_was_asked_and_how_they_ended(local: Credentials, hands: Hands) -> None:
    def counted() -> list[float]:
        asked = [(a, r) for a in ("password", "code") for r in ("passed", "refused", "locked")]
        return [
            telemetry.REGISTRY.get_sample_value("sign_in_tries_total", {"asked": a, "result": r}) or 0 for a, r in asked
        ]

    app, _ = with_factor(local, hands)
    hands.now += STEP
    before = counted()
    assert local.check(ANNA, RIGHT, app.at(hands.now)) is PASSED
    assert local.check(None, WRONG) is REFUSED
    assert local.check(ANNA, RIGHT) is WANTED
    for _ in range(5):
        local.check_code(ANNA, "000000")
    local.check_code(ANNA, "000000")
    local.check(ANNA, RIGHT)
    assert [after - b for after, b in zip(counted(), before, strict=True)] == [2, 1, 1, 1, 5, 1]


def test_columns_with_what_is_personal_have_no_statistics(database: Database, local: Credentials) -> None:
    with database.connect() as conn:
        conn.execute("analyze ledger.credentials, ledger.sessions, ledger.one_time_codes")
        kept = {
            (row[0], row[1])
            for row in conn.execute(
                "select tablename, attname from pg_stats where schemaname = 'ledger'"
                " and tablename in ('credentials', 'sessions', 'one_time_codes')"
            ).fetchall()
        }
    assert ("credentials", "failures") in kept
    assert kept.isdisjoint(("credentials", c) for c in ("account_id", "password", "totp", "totp_next", "recovery"))
