"""The session's cookie is this host's alone, and only practice space on this machine does without https."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from starlette.requests import Request

from api.console.sign_in import BEGUN
from api.cookies import COOKIE, PRACTICE_COOKIE, cookie_name, no_cookie, session_cookie, session_of, session_value


def asked(*cookies: str, scheme: str = "https", client: str = "192.0.2.7", server: str = "192.0.2.1") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "scheme": scheme,
            "client": (client, 4711),
            "server": (server, 443),
            "headers": [(b"cookie", line.encode("latin-1")) for line in cookies],
        }
    )


def test_a_cookie_has_every_attribute_that_its_prefix_asks_for() -> None:
    made = SimpleCookie(session_cookie("s3cret", COOKIE, max_age_s=3600))[COOKIE]
    assert made.value == "s3cret"
    assert (made["path"], made["domain"], made["max-age"]) == ("/", "", "3600")
    assert (made["secure"], made["httponly"], made["samesite"]) == (True, True, "Lax")


@pytest.mark.parametrize("made", [session_cookie("s3cret", f"{COOKIE}{BEGUN}"), no_cookie(f"{COOKIE}{BEGUN}")])
def test_that_of_a_sign_in_under_way_has_them_too_or_no_browser_would_keep_it(made: str) -> None:
    (cookie,) = SimpleCookie(made).values()
    assert cookie.key == "__Host-sojourn-begun"
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


def test_without_an_age_it_goes_with_the_browser() -> None:
    assert "Max-Age" not in session_cookie("s3cret", COOKIE)
    assert "Expires" not in session_cookie("s3cret", COOKIE)


@pytest.mark.parametrize("name", [COOKIE, PRACTICE_COOKIE])
def test_it_is_taken_away_with_the_attributes_it_was_given_with(name: str) -> None:
    given, gone = SimpleCookie(session_cookie("x", name))[name], SimpleCookie(no_cookie(name))[name]
    assert gone.value == ""
    assert gone["max-age"] == "0"
    assert {k: v for k, v in gone.items() if k != "max-age"} == {k: v for k, v in given.items() if k != "max-age"}


@pytest.mark.parametrize("secret", ["a b", "a;b", 'a"b', "a,b", "a\\b", "a\r\nb", "ñ"])
def test_a_secret_that_would_break_the_header_is_a_defect(secret: str) -> None:
    with pytest.raises(AssertionError):
        session_cookie(secret, COOKIE)


@pytest.mark.parametrize(
    ("practice", "request_", "name"),
    [
        (True, asked(scheme="http", client="127.0.0.1", server="127.0.0.1"), PRACTICE_COOKIE),
        (True, asked(scheme="http", client="::1", server="::1"), PRACTICE_COOKIE),
        (False, asked(scheme="http", client="127.0.0.1", server="127.0.0.1"), COOKIE),
        (True, asked(scheme="https", client="127.0.0.1", server="127.0.0.1"), COOKIE),
        (True, asked(scheme="http", client="192.0.2.7", server="127.0.0.1"), COOKIE),
        (True, asked(scheme="http", client="127.0.0.1", server="192.0.2.1"), COOKIE),
        (True, asked(scheme="http", client="localhost.example.org", server="127.0.0.1"), COOKIE),
    ],
)
def test_only_practice_space_on_this_machine_does_without_https(practice: bool, request_: Request, name: str) -> None:
    assert cookie_name(request_.scope, practice=practice) == name
    assert ("Secure" in session_cookie("x", name)) is (name == COOKIE)


def test_a_session_is_read_under_the_name_that_holds_here() -> None:
    assert session_of(asked(f"a=1; {COOKIE}=s3cret; b=2"), practice=False) == "s3cret"
    assert session_of(asked(f"{PRACTICE_COOKIE}=s3cret"), practice=False) is None
    assert session_of(asked(f"x{COOKIE}=s3cret"), practice=False) is None
    assert session_of(asked(f"{COOKIE}="), practice=False) is None
    assert session_of(asked(), practice=False) is None


def test_of_two_that_differ_neither_counts() -> None:
    assert session_of(asked(f"{COOKIE}=one; {COOKIE}=two"), practice=False) is None
    assert session_of(asked(f"{COOKIE}=one", f"{COOKIE}=two"), practice=False) is None
    assert session_of(asked(f"{COOKIE}=one; {COOKIE}=one"), practice=False) == "one"


def test_callers_are_told_apart_by_either_name() -> None:
    assert session_value(f"a=1; {COOKIE}=one".encode()) == b"one"
    assert session_value(f"{PRACTICE_COOKIE}=two".encode()) == b"two"
    assert session_value(b"other=three") is None
    assert session_value(b"\xff; =; ;;") is None
