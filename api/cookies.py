"""The one cookie: a session's secret, kept by a browser and read by nobody else.

Invariant: the cookie is of this host alone (the prefix ``__Host-``, RFC 6265bis 4.1.3.2: a browser takes it over https
only, with ``Path=/`` and without a domain, so no neighbouring host can put one there), no script reads it, and no other
site's form or picture sends it. Practice space is served on this machine without https, where browsers keep no such
cookie: there, and nowhere else, it has another name and no ``Secure``. This module knows no session.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

_PREFIX: Final = "__Host-"
COOKIE: Final = f"{_PREFIX}sojourn"
PRACTICE_COOKIE: Final = "sojourn"
"""Over plain http on a loopback address, in practice space."""
_NAMES: Final = (COOKIE.encode(), PRACTICE_COOKIE.encode())


def cookie_name(scope: Scope, *, practice: bool) -> str:
    """Under which name this request's browser keeps the session."""
    return PRACTICE_COOKIE if practice and _is_plain_and_local(scope) else COOKIE


def session_cookie(secret: str, name: str, *, max_age_s: int | None = None) -> str:
    """``Set-Cookie`` that gives a browser its session. secret: printable ASCII without blank, comma, semicolon, quote
    and backslash, as ``secrets.token_urlsafe`` makes it. max_age_s: absent, it goes when the browser is closed."""
    assert secret.isascii() and secret.isprintable() and not set(secret) & set(' ",;\\'), "no value of a cookie"  # noqa: PT018
    age = "" if max_age_s is None else f"; Max-Age={max_age_s}"
    # By the prefix: of a cookie beside the session's, such as that of a sign-in under way, a browser asks it too.
    secure = "; Secure" if name.startswith(_PREFIX) else ""
    return f"{name}={secret}; Path=/{age}; HttpOnly; SameSite=Lax{secure}"


def plain_cookie(name: str, value: str, scope: Scope, *, max_age_s: int) -> str:
    """``Set-Cookie`` of a choice that is nobody's secret, such as a language. value: one of a list of ours."""
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"


def no_cookie(name: str) -> str:
    """``Set-Cookie`` that takes it away again: the same attributes, or a browser keeps it."""
    return session_cookie("", name, max_age_s=0)


def session_of(request: Request, *, practice: bool) -> str | None:
    """The session's secret that a request brings; None without one, and where two differ: one is not ours."""
    wanted = cookie_name(request.scope, practice=practice).encode()
    found = {value for line in request.headers.getlist("cookie") for value in _values(line.encode("latin-1"), wanted)}
    return found.pop().decode("latin-1") or None if len(found) == 1 else None


def session_value(line: bytes) -> bytes | None:
    """The first session's secret in a header ``Cookie``, under either name: to tell callers apart, not to sign in."""
    for name in _NAMES:
        if name in line:
            for value in _values(line, name):
                return value
    return None


def _values(line: bytes, name: bytes) -> list[bytes]:
    pairs = (part.strip().partition(b"=") for part in line.split(b";"))
    return [value for key, _, value in pairs if key == name]


def _is_plain_and_local(scope: Scope) -> bool:
    if scope.get("scheme") != "http":
        return False
    ends = (scope.get("client"), scope.get("server"))
    return all(end is not None and _is_loopback(end[0]) for end in ends)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
