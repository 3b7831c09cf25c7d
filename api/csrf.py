"""Whether a change that a browser sends was wanted by whoever sits before it: against requests forged by other sites.

Invariant: a request that a cookie signs in changes nothing unless it comes from a page of this host and brings the
token that only such a page holds. Two guards, since each alone has failed somewhere: where the browser says the request
comes from (``Sec-Fetch-Site``, W3C Fetch Metadata; where an old browser has none, ``Origin``, RFC 6454), and an HMAC of
the session under a key of the service. A bearer token is never sent by a browser on its own, so it needs neither.

Pages say ``Referrer-Policy: no-referrer``, and with that browsers send ``Origin: null`` from a form. So
``Sec-Fetch-Site`` decides where it is there, and a browser too old to have it can send no form, only script.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from api.problems import CsrfRefused

HEADER: Final = "Sojourn-CSRF"
FIELD: Final = "csrf"
"""Of a form."""
SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods that change nothing here."""
_OWN: Final = frozenset({"same-origin", "none"})


def csrf_token(session: str, key: bytes) -> str:
    """What a page puts into its forms: 43 characters, the same for as long as the session holds.

    session: its id or secret, that is not the same for two. key: at least 32 random bytes that no other use shares.
    """
    digest = hmac.digest(key, b"sojourn csrf\0" + session.encode(), sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def refuse_forged(request: Request, session: str, key: bytes, *, field: str | None = None) -> None:
    """Pass where a request signed in by a cookie may change something. field: what the form says under ``csrf``.

    Raises CsrfRefused: it comes from another site, or does not say from where, or without the session's token.
    """
    if request.method in SAFE:
        return
    if not _is_from_here(request):
        raise CsrfRefused("This request comes from another site.", remedy="Open the page here, and send it from there.")
    given = request.headers.getlist(HEADER) or ([] if field is None else [field])
    if len(given) != 1 or not hmac.compare_digest(given[0].encode(), csrf_token(session, key).encode()):
        raise CsrfRefused(
            "This request does not bring the token of its session.",
            remedy=f"Load the page again, and send it from there (a program: header {HEADER}).",
        )


def refuse_other_sites(request: Request) -> None:
    """Pass where a form that nobody has signed in for may be sent from here: not from another site, which would sign
    somebody in as somebody else (login CSRF). A program says nothing of where it comes from, and signs in nobody but
    itself. Raises CsrfRefused."""
    if ("sec-fetch-site" in request.headers or "origin" in request.headers) and not _is_from_here(request):
        raise CsrfRefused("This form comes from another site.", remedy="Open the page here, and send it from there.")


SHOWN_S: Final = 300
"""How long the code of a second factor is awaited after the password was right."""


def shown_by(account: str, key: bytes, now: datetime) -> str:
    """What a page holds between the two steps of signing in: that the password of an account was right, and when."""
    said = f"{account}.{int(now.timestamp()) + SHOWN_S}"
    return f"{said}.{hmac.digest(key, b'sojourn password shown' + said.encode(), sha256).hex()}"


def read_shown(given: str, key: bytes, now: datetime) -> str | None:
    """The account of which that is true; None where it is not, or no more."""
    said, _, digest = given.rpartition(".")
    wanted = hmac.digest(key, b"sojourn password shown" + said.encode(), sha256).hex()
    if not hmac.compare_digest(digest.encode(), wanted.encode()):
        return None
    account, _, until = said.rpartition(".")
    return account if int(until) >= now.timestamp() else None


def _is_from_here(request: Request) -> bool:
    sites = request.headers.getlist("sec-fetch-site")
    if sites:
        return len(sites) == 1 and sites[0] in _OWN
    origins, hosts = request.headers.getlist("origin"), request.headers.getlist("host")
    if len(origins) != 1 or len(hosts) != 1:
        return False
    try:
        origin = urlsplit(origins[0])
    except ValueError:
        return False
    return origin.scheme in ("http", "https") and origin.netloc.lower() == hosts[0].lower()
