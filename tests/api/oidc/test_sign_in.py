"""A person signs in with a browser at a real provider; what is put into her sign-in from outside is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from api.oidc import OpenId
from api.oidc.registration import Client, Registration
from api.problems import NotSignedIn, ProviderUnavailable
from ledger.errors import Misconfigured
from support.openid import AUDIENCE, CLIENT_ID, CLIENT_SECRET, REDIRECT, Browser, Provider, provider, signing_key
from support.openid_by_hand import Clocks, asking, reason

KEY, NEXT_KEY = signing_key("of september"), signing_key("of october")


@pytest.fixture(scope="module")
def real() -> Iterator[Provider]:
    with provider(KEY) as running:
        yield running


@pytest.fixture
def now() -> Clocks:
    """The provider's clock is the machine's, so ours is too."""
    clocks = Clocks()
    clocks.now = datetime.now(UTC)
    return clocks


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def registration(real: Provider, secret: str | None = CLIENT_SECRET) -> Registration:
    return Registration(real.issuer, AUDIENCE, Client(CLIENT_ID, secret, REDIRECT))


def test_a_person_signs_in(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin("/search?name=Mu%C3%B1oz")
        query = await asyncio.to_thread(browser.sign_in, begun.url, "amparo")
        identity, return_to = await open_id.finish(begun.pending, query)
        assert return_to == "/search?name=Mu%C3%B1oz"
        assert (identity.issuer, identity.subject, identity.name) == (real.issuer, "amparo", "María amparo")
        assert (identity.email, identity.email_verified) == ("amparo@example.org", True)
        assert identity.authenticated_at is not None
        assert abs(identity.authenticated_at - now.now) < timedelta(minutes=5)

    asking(registration(real), work, now)


def test_a_public_client_signs_in_by_pkce_alone(browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> str:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url, "luz")
        return (await open_id.finish(begun.pending, query)).identity.subject

    with provider(KEY, secret=None) as public:
        assert asking(registration(public, None), work, now) == "luz"


def test_a_program_is_known_by_its_access_token(real: Provider, now: Clocks) -> None:
    token = real.access_token()

    async def work(open_id: OpenId) -> None:
        assert (await open_id.identify(token)).subject == "machine"
        now.now += timedelta(seconds=600 + 61 + 60)
        assert await reason(open_id.identify(token)) == "expired"
        now.now -= timedelta(hours=1)
        assert await reason(open_id.identify(token)) == "not-yet"

    asking(registration(real), work, now)


def test_a_token_for_another_service_is_refused(real: Provider, now: Clocks) -> None:
    other = Registration(real.issuer, "https://other.example.org/api", None)
    assert asking(other, lambda open_id: reason(open_id.identify(real.access_token())), now) == "audience"


def test_a_provider_that_comes_back_with_another_key_is_trusted_after_one_fetch(now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        await open_id.identify(before)
        first.stop()
        await open_id.identify(before)  # by the key at hand
        with provider(NEXT_KEY, first.port) as again:
            await open_id.identify(again.access_token())
            assert await reason(open_id.identify(before)) == "unknown-key"

    with provider(KEY) as first:
        before = first.access_token()
        asking(registration(first), work, now)


def test_what_the_browser_carries_tells_no_secret(real: Provider, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin("/students/482019283746")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
        assert begun.url.startswith(f"{real.issuer}/auth?")
        assert asked.pop("code_challenge_method") == "S256"
        assert asked.pop("redirect_uri") == REDIRECT
        assert asked.pop("scope").split() == ["openid", "email", "profile"]
        assert (asked.pop("response_type"), asked.pop("client_id")) == ("code", CLIENT_ID)
        # The rest is chance: not what is to be returned to, and not what proves whose sign-in it is.
        assert {name: len(value) for name, value in asked.items()} == {"state": 43, "nonce": 43, "code_challenge": 43}
        another = await open_id.begin("/students/482019283746")
        assert another.pending != begun.pending
        assert not set(asked.values()) & {v[0] for v in parse_qs(urlsplit(another.url).query).values()}
        assert CLIENT_SECRET not in begun.url
        assert begun.pending.replace("-", "").replace("_", "").isalnum()

    asking(registration(real), work, now)


# -- what is put in from outside


def test_an_answer_is_taken_once(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url)
        at_once = await asyncio.gather(*(_finished(open_id, begun.pending, query) for _ in range(5)))
        assert sorted(at_once) == ["again"] * 4 + ["signed in"]
        assert await reason(open_id.finish(begun.pending, query)) == "replayed"

    asking(registration(real), work, now)


def test_an_answer_replayed_to_another_process_is_refused_by_the_provider(
    real: Provider, browser: Browser, now: Clocks
) -> None:
    async def first(open_id: OpenId) -> tuple[str, str]:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url)
        await open_id.finish(begun.pending, query)
        return begun.pending, query

    replayed = asking(registration(real), first, now)
    assert asking(registration(real), lambda open_id: reason(open_id.finish(*replayed)), now) == "code"


def test_the_answer_of_another_sign_in_is_refused(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        mine, theirs = await open_id.begin(), await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, theirs.url)
        assert await reason(open_id.finish(mine.pending, query)) == "state"
        assert await reason(open_id.finish("", query)) == "pending"
        # What was refused there has cost whose it is nothing.
        assert (await open_id.finish(theirs.pending, query)).identity.subject == "amparo"

    asking(registration(real), work, now)


def test_a_code_that_is_put_into_another_sign_in_is_worth_nothing(
    real: Provider, browser: Browser, now: Clocks
) -> None:
    async def work(open_id: OpenId) -> None:
        mine, theirs = await open_id.begin(), await open_id.begin()
        stolen = parse_qs(await asyncio.to_thread(browser.sign_in, theirs.url))["code"][0]
        state = parse_qs(urlsplit(mine.url).query)["state"][0]
        # The provider holds it to the challenge of the sign-in that it gave it to (PKCE).
        query = f"code={stolen}&state={state}&iss={real.issuer}"
        assert await reason(open_id.finish(mine.pending, query)) == "code"

    asking(registration(real), work, now)


def test_an_answer_after_ten_minutes_is_refused(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url)
        now.now += timedelta(seconds=600)
        assert await reason(open_id.finish(begun.pending, query)) == "pending"
        now.now -= timedelta(seconds=0.001)
        assert (await open_id.finish(begun.pending, query)).identity.subject == "amparo"

    asking(registration(real), work, now)


def test_an_answer_that_does_not_say_whose_it_is_is_refused(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url)
        bare, _, _ = query.partition("&iss=")
        assert bare != query
        assert await reason(open_id.finish(begun.pending, bare)) == "issuer"
        other = f"{bare}&iss=https%3A%2F%2Flogin.example.org"
        assert await reason(open_id.finish(begun.pending, other)) == "issuer"

    asking(registration(real), work, now)


def test_whoever_goes_away_at_the_provider_is_not_signed_in(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.decline, begun.url)
        assert await reason(open_id.finish(begun.pending, query)) == "declined"

    asking(registration(real), work, now)


def test_a_wrong_secret_is_told_as_the_operators_matter(real: Provider, browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url)
        with pytest.raises(Misconfigured) as told:
            await open_id.finish(begun.pending, query)
        assert "not the secret" not in f"{told.value}"

    asking(registration(real, "not the secret"), work, now)


def test_a_provider_that_goes_away_during_a_sign_in_is_told_as_that(browser: Browser, now: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        begun = await open_id.begin()
        query = await asyncio.to_thread(browser.sign_in, begun.url)
        first.stop()
        with pytest.raises(ProviderUnavailable):
            await open_id.finish(begun.pending, query)
        # The code went out, perhaps: it is begun again, and not tried twice.
        assert await reason(open_id.finish(begun.pending, query)) == "replayed"

    with provider(KEY) as first:
        asking(registration(first), work, now)


async def _finished(open_id: OpenId, pending: str, query: str) -> str:
    try:
        await open_id.finish(pending, query)
    except NotSignedIn:
        return "again"
    return "signed in"
