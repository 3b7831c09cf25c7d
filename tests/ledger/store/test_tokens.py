"""Tokens: shown once, kept as a digest, and gone within a second of their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from ledger.errors import Conflict, Refused
from ledger.store.database import Database, Role
from ledger.store.tokens import PREFIX, Token, Tokens, create, rotate

T = TypeVar("T")


def make(database: Database, *, expires: datetime | None = None) -> str:
    with database.connect(Role.WRITER) as connection:
        return create(connection, name="nightly", role="state_batch_submitter", state="OR", expires=expires)


def ask(database: Database, story: Callable[[Tokens], Awaitable[T]], ttl_s: float = 60) -> T:
    async def run() -> T:
        pool: AsyncConnectionPool = AsyncConnectionPool(database.conninfo(Role.WRITER), min_size=1, open=False)
        async with pool:
            return await story(Tokens(pool, ttl_s=ttl_s))

    return asyncio.run(run())


def opens(database: Database, secret: str) -> bool:
    return ask(database, lambda tokens: tokens.lookup(secret)) is not None


def revoke(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("update ledger.tokens set revoked_at = now()")


def test_a_secret_opens_and_is_kept_nowhere(database: Database) -> None:
    secret = make(database)
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 43, "32 bytes of chance"
    token = ask(database, lambda tokens: tokens.lookup(secret))
    assert token is not None
    assert (token.name, token.role, token.state) == ("nightly", "state_batch_submitter", "OR")
    with database.connect() as connection:
        rows = connection.execute("select t::text from ledger.tokens t").fetchall()
    assert secret not in str(rows)
    assert secret.removeprefix(PREFIX) not in str(rows)


def test_two_tokens_have_two_names(database: Database) -> None:
    make(database)
    with pytest.raises(Conflict):
        make(database)


@pytest.mark.parametrize("name", ["rosa@school.example.org", " Rosa@School.example.org ", "rosa＠school.example.org"])
def test_a_token_bears_nobodys_address_since_it_would_act_as_that_person(database: Database, name: str) -> None:
    with database.connect(Role.WRITER) as connection, pytest.raises(Refused, match="e-mail address"):
        create(connection, name=name, role="secondary_user")


def test_a_token_that_was_named_by_an_address_before_opens_nothing(database: Database) -> None:
    secret = make(database)
    assert opens(database, secret)
    with database.connect() as connection:
        connection.execute("update ledger.tokens set name = 'rosa@school.example.org'")
    assert not opens(database, secret)


@pytest.mark.parametrize("name", ["matcher", " Matcher ", "TIMEKEEPER", "ｍａｔｃｈｅｒ", "mat\u200bcher", "sender"])
def test_nobody_acts_under_the_name_of_what_acts_by_itself(database: Database, name: str) -> None:
    with pytest.raises(Refused), database.connect(Role.WRITER) as connection:
        create(connection, name=name, role="operator")
    secret = make(database)
    with database.connect() as connection:
        connection.execute("update ledger.tokens set name = %s", (name,))
    assert ask(database, lambda tokens: tokens.lookup(secret)) is None, "made before the name was kept"


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u2003"])
def test_a_token_of_nobody_is_not_made(database: Database, name: str) -> None:
    with database.connect(Role.WRITER) as connection:
        with pytest.raises(Refused):
            create(connection, name=name, role="auditor")
        assert connection.execute("select count(*) from ledger.tokens").fetchone() == (0,)


@pytest.mark.parametrize("secret", ["", "x", "soj_", f"{PREFIX}{'A' * 43}", f"{PREFIX}é", "x" * 5000])
def test_what_was_never_given_opens_nothing(database: Database, secret: str) -> None:
    assert ask(database, lambda tokens: tokens.lookup(secret)) is None


def test_a_token_ends_by_itself(database: Database) -> None:
    now = datetime.now(UTC)
    assert ask(database, lambda tokens: tokens.lookup(make(database, expires=now - timedelta(seconds=1)))) is None


def test_a_cached_token_that_ends_is_not_honoured_for_the_rest_of_the_second(database: Database) -> None:
    soon = Token("n", "r", None, None, None, datetime(2025, 1, 1, 12, tzinfo=UTC), None)
    assert soon.holds(datetime(2025, 1, 1, 11, 59, 59, tzinfo=UTC))
    assert not soon.holds(datetime(2025, 1, 1, 12, tzinfo=UTC))


def test_a_revoked_token_holds_for_no_longer_than_the_cache(database: Database) -> None:
    secret = make(database)

    async def story(tokens: Tokens) -> tuple[bool, bool, bool]:
        before = await tokens.lookup(secret)
        revoke(database)
        cached = await tokens.lookup(secret)
        tokens._cached.clear()
        return before is not None, cached is not None, await tokens.lookup(secret) is not None

    assert ask(database, story) == (True, True, False)


def test_both_secrets_of_a_rotated_token_open_for_its_grace(database: Database) -> None:
    secrets = [make(database)]
    with database.connect(Role.WRITER) as connection:
        secrets.append(rotate(connection, name="nightly")[0])
    assert [opens(database, secret) for secret in secrets] == [True, True]
    with database.connect(Role.WRITER) as connection:
        secrets.append(rotate(connection, name="nightly", grace=timedelta())[0])
    assert [opens(database, secret) for secret in secrets] == [True, False, True], (
        "each for the grace that it was given"
    )


def test_requests_that_come_together_ask_once(database: Database) -> None:
    secret = make(database)

    async def story(tokens: Tokens) -> int:
        asked = 0
        ask_database = tokens._ask

        async def counted(one: str) -> Token | None:
            nonlocal asked
            asked += 1
            return await ask_database(one)

        tokens._ask = counted  # type: ignore[method-assign]
        found = await asyncio.gather(*(tokens.lookup(secret) for _ in range(50)))
        assert all(found)
        return asked

    assert ask(database, story) == 1


@pytest.mark.parametrize("patient", [True, False], ids=["others wait", "nobody waits"])
def test_who_asked_first_and_goes_away_takes_the_answer_from_nobody(database: Database, patient: bool) -> None:
    secret = make(database)

    async def story(tokens: Tokens) -> list[Token | None]:
        first = asyncio.create_task(tokens.lookup(secret))
        await asyncio.sleep(0)
        others = [asyncio.create_task(tokens.lookup(secret)) for _ in range(3 * patient)]
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return [*await asyncio.wait_for(asyncio.gather(*others), 10), await tokens.lookup(secret)]

    found = ask(database, story)
    assert len(found) == 1 + 3 * patient
    assert all(found)


def test_an_error_is_told_to_all_who_wait_and_the_next_asks_anew(database: Database) -> None:
    secret = make(database)

    async def story(tokens: Tokens) -> tuple[list[Token | BaseException | None], Token | None]:
        conninfo, tokens._pool.timeout = tokens._pool.conninfo, 0.3
        async with tokens._pool.connection() as held:
            await held.close()
        tokens._pool.conninfo = "host=/nowhere connect_timeout=1"
        told = await asyncio.gather(*(tokens.lookup(secret) for _ in range(3)), return_exceptions=True)
        tokens._pool.conninfo, tokens._pool.timeout = conninfo, 10
        return told, await tokens.lookup(secret)

    told, after = ask(database, story)
    assert all(isinstance(one, psycopg.OperationalError) for one in told)
    assert after is not None
