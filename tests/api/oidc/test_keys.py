"""The provider's keys: asked for seldom and once for all, changed without a restart, used on while it is away."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from api.oidc import OpenId, fetching
from api.oidc.fetching import BYTES_MAX
from api.oidc.kept import FRESH_S, PAUSE_S, RETRY_S, STALE_S
from api.oidc.keys import KEYS_MAX
from api.problems import ProviderUnavailable, status_of
from ledger.errors import LedgerError, Misconfigured, Unavailable
from support.openid_by_hand import (
    EC,
    RSA,
    SEAL_KEY,
    Answer,
    Clocks,
    ProviderByHand,
    answer,
    asking,
    provider_by_hand,
    reason,
)

KEYS = "/hand/keys"
DISCOVERY = "/hand/.well-known/openid-configuration"
NEW = type(RSA).generate_key(2048, {"kid": "new"})


async def error(open_id: OpenId, token: str) -> LedgerError | None:
    """What an attempt ends in that no refusal is; None where the token was taken."""
    try:
        await open_id.identify(token)
    except Unavailable as e:
        return e
    return None


# -- how often they are asked for


def test_the_provider_is_asked_once_for_many_tokens(by_hand: ProviderByHand) -> None:
    async def work(open_id: OpenId) -> None:
        for _ in range(5):
            await open_id.identify(by_hand.token())

    asking(by_hand.registration, work)
    assert by_hand.asked == {DISCOVERY: 1, KEYS: 1}


def test_requests_at_once_share_one_fetch(by_hand: ProviderByHand) -> None:
    came, go_on = threading.Event(), threading.Event()

    def waits(handler: BaseHTTPRequestHandler) -> None:
        came.set()
        assert go_on.wait(60)
        answer(handler, json.dumps(by_hand._sound(KEYS)).encode())

    by_hand.answers[KEYS] = waits

    async def work(open_id: OpenId) -> list[str | None]:
        tokens = [by_hand.token(), by_hand.token(EC, "ES256"), by_hand.token(header={"kid": "x"})] * 20
        asked = [asyncio.create_task(reason_of(open_id, token)) for token in tokens]
        assert await asyncio.to_thread(came.wait, 60)
        # Whoever goes away while it runs takes it from nobody else.
        asked[0].cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*asked[1:])

    async def reason_of(open_id: OpenId, token: str) -> str | None:
        try:
            await open_id.identify(token)
        except LedgerError as e:
            return e.what
        return None

    found = asking(by_hand.registration, work)
    assert [what is None for what in found] == ([True, True, False] * 20)[1:]
    # The keys that they all waited for, then one look for the name that nobody knows.
    assert by_hand.asked == {DISCOVERY: 1, KEYS: 2}


def test_hostile_names_of_keys_make_no_stampede(by_hand: ProviderByHand, clocks: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        await open_id.identify(by_hand.token())
        for looks in range(1, 4):
            for number in range(20):
                assert await reason(open_id.identify(by_hand.token(header={"kid": f"{number}"}))) == "unknown-key"
                clocks.seconds += PAUSE_S / 20 - 0.001
            assert by_hand.asked[KEYS] == 1 + looks
            clocks.seconds += 1

    asking(by_hand.registration, work, clocks)


def test_a_new_key_is_taken_after_one_fetch(by_hand: ProviderByHand) -> None:
    async def work(open_id: OpenId) -> None:
        await open_id.identify(by_hand.token())
        by_hand.keys = [NEW]
        await open_id.identify(by_hand.token(NEW))
        # What was known before is gone with it.
        assert await reason(open_id.identify(by_hand.token())) == "unknown-key"

    asking(by_hand.registration, work)
    assert by_hand.asked[KEYS] == 2


def test_a_key_that_is_withdrawn_opens_no_door_after_its_time(by_hand: ProviderByHand, clocks: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        await open_id.identify(by_hand.token())
        by_hand.keys = [NEW]
        clocks.seconds += FRESH_S - 0.001
        await open_id.identify(by_hand.token())
        clocks.seconds += 0.001
        assert await reason(open_id.identify(by_hand.token())) == "unknown-key"

    asking(by_hand.registration, work, clocks)


# -- a provider that is away


def test_a_provider_that_is_away_is_told_as_that(clocks: Clocks) -> None:
    with provider_by_hand() as gone:
        token, registration, port = gone.token(), gone.registration, gone.port

    async def work(open_id: OpenId) -> None:
        for _ in range(3):
            found = await error(open_id, token)
            assert isinstance(found, ProviderUnavailable)
            assert status_of(found).status == 503
            assert found.remedy
        with provider_by_hand(port):
            # Asked again, but not for each request.
            assert isinstance(await error(open_id, token), ProviderUnavailable)
            clocks.seconds += RETRY_S
            assert await error(open_id, token) is None

    asking(registration, work, clocks)


def test_keys_at_hand_go_on_being_used_for_a_day(clocks: Clocks) -> None:
    with provider_by_hand() as there:
        token, unknown = there.token(), there.token(header={"kid": "x"})
        registration, port = there.registration, there.port
        open_id = OpenId(registration, seal_key=SEAL_KEY, clock=lambda: clocks.now, monotonic=lambda: clocks.seconds)

        async def work() -> None:
            began = clocks.seconds
            await open_id.identify(token)
            there.close()
            clocks.seconds = began + FRESH_S
            await open_id.identify(token)
            # Nobody knows what the provider would say of a key that is not at hand: not now, nor on asking again.
            assert isinstance(await error(open_id, unknown), ProviderUnavailable)
            assert isinstance(await error(open_id, unknown), ProviderUnavailable)
            clocks.seconds = began + STALE_S - 0.001
            await open_id.identify(token)
            clocks.seconds = began + STALE_S
            assert isinstance(await error(open_id, token), ProviderUnavailable)
            with provider_by_hand(port):
                clocks.seconds += RETRY_S
                await open_id.identify(token)
                assert await reason(open_id.identify(unknown)) == "unknown-key"
            await open_id.aclose()

        asyncio.run(work())


def test_while_it_is_away_it_is_asked_once_in_each_pause(by_hand: ProviderByHand, clocks: Clocks) -> None:
    async def work(open_id: OpenId) -> None:
        await open_id.identify(by_hand.token())
        by_hand.answers[KEYS] = lambda handler: answer(handler, b"{}", 500)
        clocks.seconds += FRESH_S
        for _ in range(5):
            await open_id.identify(by_hand.token())
        assert by_hand.asked[KEYS] == 2
        clocks.seconds += PAUSE_S
        await open_id.identify(by_hand.token())
        assert by_hand.asked[KEYS] == 3
        del by_hand.answers[KEYS]
        clocks.seconds += PAUSE_S
        await open_id.identify(by_hand.token())
        assert by_hand.asked[KEYS] == 4

    asking(by_hand.registration, work, clocks)


# -- a provider that answers badly


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.02)


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)  # until whoever asked goes away


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"keys": []')
    handler.close_connection = True


BAD: dict[str, Answer] = {
    "huge": lambda handler: answer(handler, b'{"keys":[],"x":"' + b"x" * BYTES_MAX + b'"}'),
    "endless": endless,
    "dripping": dripping,
    "silent": silent,
    "broken off": broken_off,
    "empty": lambda handler: answer(handler, b""),
    "no JSON": lambda handler: answer(handler, b"<html>"),
    "no object": lambda handler: answer(handler, b"[]"),
    "deep": lambda handler: answer(handler, b'{"keys":' + b"[" * 100_000),
    "not UTF-8": lambda handler: answer(handler, b'{"keys":["\xff"]}'),
    "packed": lambda handler: answer(handler, b"{}", Content_Encoding="gzip"),
    "elsewhere": lambda handler: answer(handler, b"{}", 302, Location="http://127.0.0.1:1/"),
    "at itself": lambda handler: answer(handler, b"{}", 307, Location=handler.path),
    "in trouble": lambda handler: answer(handler, b"{}", 500),
    "not there": lambda handler: answer(handler, b"{}", 404),
    "unwilling": lambda handler: answer(handler, b"{}", 401),
}


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
@pytest.mark.parametrize("how", BAD)
def test_a_provider_that_answers_badly_counts_as_away(
    by_hand: ProviderByHand, monkeypatch: pytest.MonkeyPatch, path: str, how: str
) -> None:
    monkeypatch.setattr(fetching, "SECONDS_MAX", 0.5 if how in {"silent", "dripping"} else 60.0)
    by_hand.answers[path] = BAD[how]
    found = asking(by_hand.registration, lambda open_id: error(open_id, by_hand.token()))
    assert type(found) is ProviderUnavailable
    assert by_hand.asked[path] == 1


@pytest.mark.parametrize("keys", [None, "x", {}, [{}] * (KEYS_MAX + 1)])
def test_what_is_no_set_of_keys_counts_as_away(by_hand: ProviderByHand, keys: object) -> None:
    by_hand.answers[KEYS] = lambda handler: answer(handler, json.dumps({"keys": keys}).encode())
    assert type(asking(by_hand.registration, lambda open_id: error(open_id, by_hand.token()))) is ProviderUnavailable


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"issuer": "https://login.example.org"}, Misconfigured),
        ({"issuer": None}, Misconfigured),
        ({"jwks_uri": None}, ProviderUnavailable),
        ({"jwks_uri": ["http://127.0.0.1/keys"]}, ProviderUnavailable),
        ({"jwks_uri": "http://login.example.org/keys"}, Misconfigured),
        ({"jwks_uri": "file:///etc/passwd"}, Misconfigured),
        ({"token_endpoint": "http://login.example.org/token"}, Misconfigured),
        ({"authorization_endpoint": "javascript:alert(1)"}, Misconfigured),
        ({"authorization_endpoint": "https://login.example.org/auth#x"}, Misconfigured),
        ({"code_challenge_methods_supported": ["plain"]}, Misconfigured),
    ],
)
def test_a_document_that_is_not_fit_is_refused(
    by_hand: ProviderByHand, document: dict[str, Any], kind: type[LedgerError]
) -> None:
    by_hand.document = document
    found = asking(by_hand.registration, lambda open_id: error(open_id, by_hand.token()))
    assert found is not None
    assert type(found) is kind
    assert status_of(found).status == 503
    assert found.remedy


def test_an_issuer_is_compared_to_the_letter(by_hand: ProviderByHand) -> None:
    by_hand.document = {"issuer": f"{by_hand.issuer}/"}
    found = asking(by_hand.registration, lambda open_id: error(open_id, by_hand.token()))
    assert type(found) is Misconfigured
