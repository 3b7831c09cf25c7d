"""One request to the provider, and its JSON: bounded in time and size, and never led elsewhere.

Invariant: whatever the provider does (be away, hang, send without end, redirect, send something else), what comes out
is a JSON object or ProviderUnavailable, within ``SECONDS_MAX``. Nothing that was sent or answered is logged.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import httpx2
import orjson

from api.problems import ProviderUnavailable
from ledger import telemetry

SECONDS_MAX: Final = 5.0
BYTES_MAX: Final = 512 * 1024

_REMEDY: Final = "Try again in a moment; if it stays so, whoever runs this service looks at the provider."


def new_client() -> httpx2.AsyncClient:
    """A client for the provider alone: no proxy or credential of the environment, no redirect, no cookie kept."""
    return httpx2.AsyncClient(
        timeout=SECONDS_MAX,
        follow_redirects=False,
        trust_env=False,
        verify=_authorities(),
        limits=httpx2.Limits(max_connections=20, max_keepalive_connections=2, keepalive_expiry=30),
        # A packed answer could be small on the way and huge here.
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


async def fetch(
    client: httpx2.AsyncClient,
    document: str,
    url: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer: 200, or 400 and 401 to a form (RFC 6749, 5.2).

    document: what is asked for, of the words that the metric knows. form: to post; None: to get. Raises
    ProviderUnavailable for every other end.
    """
    try:
        async with asyncio.timeout(SECONDS_MAX):
            status, body = await _bounded(client, url, form, headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as e:
        raise unavailable(document, f"does not answer ({type(e).__name__})") from None
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise unavailable(document, "answers with something else than a JSON object")
    telemetry.PROVIDER_FETCHES.labels(document, "ok" if status == 200 else "refused").inc()
    return status, found


def unavailable(document: str, what: str) -> ProviderUnavailable:
    """The error, counted. what: that the provider does, as a sentence goes on."""
    telemetry.PROVIDER_FETCHES.labels(document, "failed").inc()
    return ProviderUnavailable(f"The OpenID provider {what}, asked for its {document}.", remedy=_REMEDY)


@cache
def _authorities() -> ssl.SSLContext:
    """Whom this system trusts, read once: it takes a while."""
    return httpx2.create_ssl_context(trust_env=False)


async def _bounded(
    client: httpx2.AsyncClient, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str] | None
) -> tuple[int, bytes]:
    request = client.build_request("GET" if form is None else "POST", url, data=form, headers=headers)
    answer = await client.send(request, stream=True)
    try:
        awaited = {200} if form is None else {200, 400, 401}
        if answer.status_code not in awaited or "content-encoding" in answer.headers:
            raise httpx2.RemoteProtocolError("status")
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > BYTES_MAX:
                raise httpx2.RemoteProtocolError("size")
    finally:
        await answer.aclose()
        client.cookies.clear()
    return answer.status_code, bytes(body)
