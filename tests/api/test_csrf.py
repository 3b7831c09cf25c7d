"""A change that a cookie signs in comes from a page of this host, with the token that only such a page holds."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from api.csrf import HEADER, csrf_token, refuse_forged
from api.problems import CsrfRefused, status_of

KEY, SESSION = b"k" * 32, "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
TOKEN = csrf_token(SESSION, KEY)
HERE = {"sec-fetch-site": "same-origin"}


def asked(method: str = "POST", *more: tuple[str, str], **headers: str) -> Request:
    named = [*((name.replace("_", "-"), value) for name, value in headers.items()), *more]
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in named]
    return Request(
        {"type": "http", "method": method, "path": "/", "headers": [(b"host", b"sojourn.example.org"), *lines]}
    )


def passes(request: Request, *, field: str | None = None) -> bool:
    try:
        refuse_forged(request, SESSION, KEY, field=field)
    except CsrfRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("headers", "passed"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": ""}, False),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "https://sojourn.example.org"}, False),
        ({"origin": "https://sojourn.example.org"}, True),
        ({"origin": "https://SOJOURN.example.org"}, True),
        ({"origin": "https://sojourn.example.org:8443"}, False),
        ({"origin": "https://evil.example.org"}, False),
        ({"origin": "https://sojourn.example.org.evil.example"}, False),
        ({"origin": "https://x@sojourn.example.org"}, False),
        ({"origin": "file://sojourn.example.org"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://[::1"}, False),
        ({"referer": "https://sojourn.example.org/"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_change_comes_from_a_page_of_this_host(method: str, headers: dict[str, str], passed: bool) -> None:
    assert passes(asked(method, (HEADER, TOKEN), *headers.items())) is passed


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_needs_no_token(method: str) -> None:
    assert passes(asked(method, ("sec-fetch-site", "cross-site")))


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "=", TOKEN.swapcase(), "ñ", csrf_token("another", KEY)])
def test_a_token_that_is_not_the_sessions_is_refused(token: str) -> None:
    assert not passes(asked("POST", (HEADER, token), *HERE.items()))
    assert not passes(asked("POST", *HERE.items()), field=token)


def test_a_form_brings_the_token_in_a_field() -> None:
    assert passes(asked("POST", *HERE.items()), field=TOKEN)
    assert not passes(asked("POST", *HERE.items()))
    assert not passes(asked("POST"), field=TOKEN), "and comes from here all the same"


def test_of_two_tokens_or_two_origins_neither_counts() -> None:
    assert not passes(asked("POST", (HEADER, "x"), (HEADER, TOKEN), *HERE.items()))
    assert not passes(asked("POST", (HEADER, "x"), *HERE.items()), field=TOKEN)
    origin = ("origin", "https://sojourn.example.org")
    assert not passes(asked("POST", (HEADER, TOKEN), origin, ("origin", "https://evil.example.org")))
    site = ("sec-fetch-site", "same-origin")
    assert not passes(asked("POST", (HEADER, TOKEN), site, ("sec-fetch-site", "cross-site")))
    assert not passes(asked("POST", (HEADER, TOKEN), origin, ("host", "evil.example.org")))


def test_it_is_refused_as_not_allowed() -> None:
    assert status_of(CsrfRefused("")) == (403, "Not allowed")


def test_a_token_is_the_sessions_and_the_keys_and_fits_into_a_form() -> None:
    assert csrf_token(SESSION, KEY) == TOKEN
    assert len({TOKEN, csrf_token(SESSION, b"j" * 32), csrf_token("another", KEY)}) == 3
    assert len(TOKEN) == 43
    assert TOKEN.replace("-", "").replace("_", "").isalnum()
    assert SESSION not in TOKEN
